/* The option table as data, for everything that walks over keys: parsing, saving, listing, documenting.
 *
 * Thread safety: const data and pure functions.
 */
#ifndef FG_CONFIG_OPTION_H
#define FG_CONFIG_OPTION_H

#include "src/config/config.h"

enum fg_option_type {
    FG_OPTION_UINT,
    FG_OPTION_U64,
    FG_OPTION_REAL,
    FG_OPTION_BOOL,
    FG_OPTION_CHOICE,
    FG_OPTION_STR,
    FG_OPTION_ITEMS,
    FG_OPTION_PATH,
    FG_OPTION_MAP,
    FG_OPTION_TIME
};

enum { FG_OPTION_NONE = 0, FG_OPTION_SAME = 1, FG_OPTION_ABOVE = 2, FG_OPTION_LOCAL = 4 };

struct fg_option {
    const char *section;
    const char *name;
    const char *key; /* "section.name" */
    enum fg_option_type type;
    size_t offset; /* of the field in struct fg_config */
    const char *def;
    double min, max;
    const char *unit;
    const char *choices; /* "a|b|c" */
    unsigned flags;
    const char *doc;
};

struct fg_option_section {
    const char *name;
    const char *doc;
};

extern const struct fg_option fg_options[FG_OPTION_COUNT];

/* The sections in the table's order, closed by a NULL name. */
extern const struct fg_option_section fg_option_sections[];

/* The row of a key; NULL if there is none. Lengths are in bytes. */
const struct fg_option *fg_option_find(const char *section, const char *name);

/* The key that is spelt most like section.name or has a word of `name`, for "did you mean"; NULL where none
 * comes near. */
const struct fg_option *fg_option_nearest(const char *section, const char *name);

/* "integer", "number", "yes/no", "a|b|c", "text", "list", "path", "NAME=path list", "UTC time". */
const char *fg_option_type_text(const struct fg_option *o);

/* "1..100", "> 0, at most 10", or empty when any value goes. buf holds 64 bytes. */
const char *fg_option_range_text(const struct fg_option *o, char *buf);

/* Set one field from text (blanks around it are ignored). `expected` gets what would have been right when the
 * value is refused. Errors: FG_E_CONFIG, FG_E_NOMEM; then *c is unchanged. */
enum fg_status fg_option_assign(struct fg_config *c, const struct fg_option *o, const char *text,
                                const struct fg_config_origin *from, struct fg_err *expected) FG_NODISCARD;

/* Append a field's value as text that fg_option_assign() reads back; map entries are joined by ", ". */
enum fg_status fg_option_format(struct fg_str *out, const struct fg_config *c,
                                const struct fg_option *o) FG_NODISCARD;

/* Free what a field owns. */
void fg_option_clear(struct fg_config *c, const struct fg_option *o);

/* The message for a key or section that does not exist, with the nearest known key or where all are
 * listed. */
void fg_option_unknown(struct fg_err *err, const char *section, const char *name);

#endif

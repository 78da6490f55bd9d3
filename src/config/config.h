/* The configuration of a run: typed fields, filled from an INI text and from overrides.
 *
 * Fields are those of options.def: section `run`, key `rounds` is cfg.run.rounds. Parsing takes bytes, opens
 * nothing and checks one key at a time; what needs a registry or a file is checked by its owner, who names
 * the place of a wrong value with fg_config_where().
 *
 * Flow: fg_config_init() (defaults), fg_config_parse() (file), fg_config_set() (overrides), fg_config_fini().
 * Thread safety: a struct fg_config may be read by any number of threads once it is filled.
 */
#ifndef FG_CONFIG_CONFIG_H
#define FG_CONFIG_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/base/str.h"
#include "src/base/time.h"

/* Longest line of a configuration file in bytes, without its line end; a longer value continues on indented
 * lines (a list line by line, any value after a backslash). */
enum { FG_CONFIG_LINE_MAX = 196 };

/* NAME=path pairs in the order given. */
struct fg_config_pair {
    char *name;
    char *path; /* absolute */
};
struct fg_config_map {
    struct fg_config_pair *item;
    size_t n;
};

/* Values of the CHOICE keys: the index into their choices. */
enum { FG_OPT_KERNELS_AUTO, FG_OPT_KERNELS_AVX512, FG_OPT_KERNELS_AVX2, FG_OPT_KERNELS_REFERENCE };
enum { FG_OPT_CLOCK_VIRTUAL, FG_OPT_CLOCK_REAL };
enum { FG_OPT_PACE_SLOT, FG_OPT_PACE_CONTINUOUS };
enum { FG_OPT_IDLE_NONE, FG_OPT_IDLE_MARGINAL, FG_OPT_IDLE_FULL };
enum { FG_OPT_NETWORK_PER_GB, FG_OPT_NETWORK_POWER };
enum { FG_OPT_PLACEMENT_FIXED, FG_OPT_PLACEMENT_MOVABLE };
enum { FG_OPT_SPLIT_TEST, FG_OPT_SPLIT_VALIDATION };
enum { FG_OPT_MOVE_OWN, FG_OPT_MOVE_ROTATE, FG_OPT_MOVE_PLAN };
enum { FG_OPT_WITHOUT_NOTHING, FG_OPT_WITHOUT_CAP, FG_OPT_WITHOUT_ROUNDS, FG_OPT_WITHOUT_STRETCHES };
enum { FG_OPT_PLAN_STEPS_FIXED, FG_OPT_PLAN_STEPS_PLANNED };
enum { FG_OPT_PARTITION_IID, FG_OPT_PARTITION_DIRICHLET, FG_OPT_PARTITION_SHARDS, FG_OPT_PARTITION_GROUPS };
enum { FG_OPT_COUPLING_INDEPENDENT, FG_OPT_COUPLING_LABELS_AVAILABILITY, FG_OPT_COUPLING_RARE_CARBON };
enum { FG_OPT_SCALE_UNIT, FG_OPT_SCALE_NONE };
enum { FG_OPT_WEIGHTS_SAMPLES, FG_OPT_WEIGHTS_UNIFORM };
enum { FG_OPT_OVER_ACTIVE, FG_OPT_OVER_ALL };
enum { FG_OPT_AVERAGE_AUTO, FG_OPT_AVERAGE_YES, FG_OPT_AVERAGE_NO };
enum { FG_OPT_MEMORY_RAM, FG_OPT_MEMORY_DISK };
enum { FG_OPT_INVERSE_NONE, FG_OPT_INVERSE_PLAIN, FG_OPT_INVERSE_CAPPED, FG_OPT_INVERSE_SIX };
enum { FG_OPT_SCHEDULE_CONSTANT, FG_OPT_SCHEDULE_INVERSE, FG_OPT_SCHEDULE_STEP, FG_OPT_SCHEDULE_COSINE };
enum { FG_OPT_MODE_LEARN, FG_OPT_MODE_COST_ONLY };
enum { FG_OPT_ARITHMETIC_EXACT, FG_OPT_ARITHMETIC_BF16, FG_OPT_ARITHMETIC_TF32 };
enum { FG_OPT_ON_LEAVE_LOSE, FG_OPT_ON_LEAVE_HAND_BACK };
enum { FG_OPT_LEAVE_KILL, FG_OPT_LEAVE_NOTICE };
enum { FG_OPT_ON_LOSS_REASSIGN, FG_OPT_ON_LOSS_IGNORE };

/* clang-format off */
#define FG_CTYPE_UINT uint32_t
#define FG_CTYPE_U64 uint64_t
#define FG_CTYPE_REAL double
#define FG_CTYPE_BOOL bool
#define FG_CTYPE_CHOICE int
#define FG_CTYPE_STR char *
#define FG_CTYPE_ITEMS char *
#define FG_CTYPE_PATH char *
#define FG_CTYPE_MAP struct fg_config_map
#define FG_CTYPE_TIME fg_time_t
/* clang-format on */

/* How many keys there are. */
enum {
    FG_OPTION_COUNT = 0
#define FG_SECTION(section, doc)
#define FG_END(section)
#define FG_OPT(section, name, type, def, min, max, unit, choices, flags, doc) +1
#include "src/config/options.def"
#undef FG_SECTION
#undef FG_END
#undef FG_OPT
};

struct fg_config {
#define FG_SECTION(section, doc) struct {
#define FG_END(section) \
    }                   \
    section;
#define FG_OPT(section, name, type, def, min, max, unit, choices, flags, doc) FG_CTYPE_##type name;
#include "src/config/options.def"
#undef FG_SECTION
#undef FG_END
#undef FG_OPT
    char *where[FG_OPTION_COUNT]; /* "file:line" or "--set"; NULL: default */
    char *unset;          /* where a key is that is not set, "file (default)"; NULL: no text was read */
    char *layers_comment; /* behind model.layers: its owner says if it is one */
    uint32_t line[FG_OPTION_COUNT]; /* in the file now parsed, 0: not there */
};

/* Where relative paths of a text start. */
struct fg_config_origin {
    const char *name;     /* of the text in messages: a file's path, or "--set" */
    const char *folder;   /* absolute; relative paths start here */
    const char *data_dir; /* what a leading $FORAGE_DATA stands for; NULL: such a path is an error */
};

/* Fill in the defaults. Errors: FG_E_NOMEM. Owner: the caller, fg_config_fini(). */
enum fg_status fg_config_init(struct fg_config *c) FG_NODISCARD;
void fg_config_fini(struct fg_config *c);

/* Read an INI text into *c over what is there. A key may occur once in the text; ranges and types are
 * checked.
 *
 * Errors: FG_E_CONFIG (the first wrong line, with the nearest known key), FG_E_NOMEM. Then the values of *c
 *         are unspecified; it is still to be freed by fg_config_fini().
 */
enum fg_status fg_config_parse(struct fg_config *c, const void *bytes, size_t len,
                               const struct fg_config_origin *from, struct fg_err *err) FG_NODISCARD;

/* Override one key: `assignment` is "section.key=value". Errors: FG_E_CONFIG (then *c is unchanged). */
enum fg_status fg_config_set(struct fg_config *c, const char *assignment, const struct fg_config_origin *from,
                             struct fg_err *err) FG_NODISCARD;

/* Append the whole configuration to *out as INI text that parses to the same values from any folder.
 * Errors: FG_E_NOMEM; FG_E_CONFIG for a value that has no such form (blanks over a whole line). */
enum fg_status fg_config_save(struct fg_str *out, const struct fg_config *c, struct fg_err *err) FG_NODISCARD;

/* Where the value of "section.key" was set: "file.ini:12", "--set", "file.ini (default)", or "default"
 * where no text was read. */
const char *fg_config_where(const struct fg_config *c, const char *key);

/* The message of a wrong value, found later: "file.ini:12: select.policy: expected ..., found '...'" with
 * FG_E_CONFIG. `fmt` is what was expected. */
enum fg_status fg_config_reject(const struct fg_config *c, const char *key, struct fg_err *err,
                                const char *fmt, ...) FG_PRINTF(4, 5);

/* Put before a message that begins with a key where that key was set, before another where `otherwise` was;
 * gives st back. */
enum fg_status fg_config_place(const struct fg_config *c, const char *otherwise, enum fg_status st,
                               struct fg_err *err);

/* Compare what can change a result. Gives the first differing key's name, or NULL if there is none; the
 * values as text go to a and b when these are not NULL. Errors: FG_E_NOMEM. */
enum fg_status fg_config_diff(const char **key, const struct fg_config *x, const struct fg_config *y,
                              struct fg_str *a, struct fg_str *b) FG_NODISCARD;

#endif

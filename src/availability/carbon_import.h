/* Carbon intensity in the forms in which it is given out becomes a carbon file (doc/trace-format.md).
 *
 * An importer takes the bytes of one file and adds its values to a series; several files go into one, one
 * after another. What comes in half-hours or finer is averaged over its hour.
 * Thread safety: pure functions of their arguments; a series belongs to one thread at a time.
 */
#ifndef FG_AVAILABILITY_CARBON_IMPORT_H
#define FG_AVAILABILITY_CARBON_IMPORT_H

#include <stdbool.h>

#include "src/base/status.h"
#include "src/base/str.h"

struct fg_carbon_value {
    int64_t at_s; /* seconds since 1970 */
    double g;     /* per kWh */
};

/* Zero-initialise but for `direct`; fg_carbon_series_fini(). */
struct fg_carbon_series {
    bool direct;               /* wanted: without building plants and bringing fuel, where a form has both */
    char zone[32];             /* what files call it; "" before */
    const char *tz;            /* local time of the zone; NULL: not said */
    const char *scope, *basis; /* as in carbon.h; set by the importer */
    struct fg_carbon_value *value; /* (n) in any order */
    size_t n, cap;
};
void fg_carbon_series_fini(struct fg_carbon_series *s);

struct fg_carbon_importer {
    const char *name;
    /* Add the file's values. Errors: FG_E_INPUT with "name:line: ..." (or "name: ..." for JSON),
     * FG_E_NOMEM. */
    enum fg_status (*read)(struct fg_carbon_series *s, const void *bytes, size_t len, const char *name,
                           struct fg_err *err);
};

extern const struct fg_carbon_importer *const fg_carbon_importers[];
extern const size_t fg_carbon_importers_n;

/* NULL if there is none of this name. */
const struct fg_carbon_importer *fg_carbon_importer_find(const char *name);

/* Append the text of a carbon file. Hours without a value, at most FG_CARBON_HOLE in a row, lie on a line
 * between their neighbours; a comment counts them.
 * Errors: FG_E_INPUT for a series without values, or with a longer hole, FG_E_NOMEM. */
enum { FG_CARBON_HOLE = 12 };
enum fg_status fg_carbon_series_text(struct fg_str *out, struct fg_carbon_series *s, const char *source,
                                     struct fg_err *err) FG_NODISCARD;

#endif

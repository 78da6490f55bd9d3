/* Carbon intensity of one electricity zone: grams of CO2 equivalent per kWh, hour by hour, without holes.
 *
 * The value of a row holds from its time for one hour. Format: doc/trace-format.md.
 * Thread safety: immutable once read; any number of readers.
 */
#ifndef FG_AVAILABILITY_CARBON_H
#define FG_AVAILABILITY_CARBON_H

#include <stdint.h>

#include "src/availability/lines.h"
#include "src/base/status.h"

/* The dirtiest plants emit about 1,500 g/kWh: above this it is another unit. */
#define FG_INTENSITY_MAX 10000.0

struct fg_carbon {
    char *name;      /* for messages: the file's path */
    char *zone;      /* what the file calls its zone; "" if it does not say */
    char *tz;        /* IANA name or offset of the zone's local time; "" */
    size_t tz_line;  /* of the file, for messages about tz */
    char *kind;      /* average or marginal; "" */
    char *scope;     /* life-cycle or direct; "" */
    char *basis;     /* consumption or production; "" */
    int64_t start_s; /* seconds since 1970 of the first hour */
    size_t hours;
    double *g_per_kwh;  /* (hours) */
    int64_t *before_ug; /* (hours + 1) sum of the earlier hours in 1e-6 g/kWh: differences are exact */
};

/* From the bytes of a file, and from the file itself. With `all` every problem is noted there.
 * Errors: FG_E_INPUT with "name:line: ...": a hole or duplicate names both times; FG_E_NOMEM; load also
 *         FG_E_MISSING and FG_E_IO. Owner: the caller, fg_carbon_destroy(). */
enum fg_status fg_carbon_parse(struct fg_carbon **out, const char *name, const void *bytes, size_t len,
                               struct fg_problems *all, struct fg_err *err) FG_NODISCARD;
enum fg_status fg_carbon_load(struct fg_carbon **out, const char *path, struct fg_problems *all,
                              struct fg_err *err) FG_NODISCARD;
void fg_carbon_destroy(struct fg_carbon *c);

/* The integral of the intensity over [t0, t1), in (g/kWh) s: times W / 3.6e6 it is grams.
 * Units:   microseconds after the file's first hour; before it the first value holds, after the end the last.
 * Cost:    O(1). */
double fg_carbon_integral(const struct fg_carbon *c, int64_t t0_us, int64_t t1_us);

double fg_carbon_mean(const struct fg_carbon *c);

/* Files of one run must agree in kind, scope and basis: grams of one are not grams of the other.
 * Errors:  FG_E_INPUT naming the first two files that differ and the key carbon.allow_mixed. */
enum fg_status fg_carbon_check_alike(const struct fg_carbon *const *c, size_t n,
                                     struct fg_err *err) FG_NODISCARD;

#endif

/* Carbon files and TZif files: never crash; what parses gives finite answers. */
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/availability/carbon.h"
#include "src/availability/tz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_carbon *c = NULL;
    struct fg_tz *tz = NULL;
    struct fg_problems all = {{0}, 0};
    struct fg_err err;
    if (fg_carbon_parse(&c, "c", data, size, NULL, &err) == FG_OK) {
        int64_t end = (int64_t)c->hours * INT64_C(3600000000);
        double whole = fg_carbon_integral(c, 0, end), mean = fg_carbon_mean(c);
        if (!isfinite(whole) || fabs(whole - mean * (double)end / 1e6) > 1e-6 * (1.0 + fabs(whole))) {
            abort();
        }
        fg_carbon_destroy(c);
    } else if (fg_carbon_parse(&c, "c", data, size, &all, &err) == FG_OK) {
        abort();
    }
    fg_problems_fini(&all);
    if (fg_tz_parse(&tz, "tz", data, size, &err) == FG_OK) {
        static const int64_t at[] = {INT64_MIN,  -5000000000, 0,        1700000000,
                                     1720000000, 99999999999, INT64_MAX};
        for (size_t i = 0; i < sizeof at / sizeof at[0]; i++) {
            int64_t until;
            if (abs(fg_tz_offset(tz, at[i], &until)) > 26 * 3600 || (until <= at[i] && until != INT64_MAX)) {
                abort();
            }
        }
        fg_tz_destroy(tz);
    }
    return 0;
}

/* Any bytes as a sum that was packed: a sixth of the number of values, then the sum, taken in twice. */
#include <stddef.h>
#include <stdint.h>

#include "src/aggregator/exact.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static double out[6 * 256];
    struct fg_exact *e;
    if (size < 1 || fg_exact_create(&e, 6 * (size_t)data[0]) != FG_OK) {
        return 0;
    }
    enum fg_status st = fg_exact_take(e, data + 1, size - 1);
    FG_ASSERT(st == FG_OK || st == FG_E_CORRUPT || st == FG_E_NOMEM);
    if (st == FG_OK && fg_exact_take(e, data + 1, size - 1) == FG_OK) {
        struct fg_str again = {0};
        fg_exact_read(e, out);
        if (fg_exact_pack(e, &again) == FG_OK) {
            st = fg_exact_take(e, (const uint8_t *)again.data, again.len);
            /* corrupt only where full windows pass on beyond all doubles */
            FG_ASSERT(st == FG_OK || st == FG_E_CORRUPT || st == FG_E_NOMEM);
            fg_exact_read(e, out);
        }
        fg_str_fini(&again);
    }
    fg_exact_destroy(e);
    return 0;
}

/* Where shards may not go: any bytes; a bar never lifts one. */
#include <stdlib.h>

#include "src/availability/bars.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *zone[] = {"DE", "FR", "*"};
    uint64_t allowed[8], before[8];
    struct fg_bars b = {.shards = 8, .zone = zone, .zones = 3, .allowed = allowed};
    struct fg_err err = {{0}};
    for (unsigned i = 0; i < 8; i++) {
        before[i] = allowed[i] = i;
    }
    enum fg_status st = fg_bars_parse(&b, "bars", data, size, &err);
    for (unsigned i = 0; i < 8; i++) {
        if ((allowed[i] & ~before[i]) != 0 || (st == FG_OK && err.text[0] != '\0')) {
            abort();
        }
    }
    return 0;
}

/* Saved ledgers: never crash; what loads is saved to the same bytes. The checksum is made right first, else
 * no mutation would get past it. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/availability/ledger.h"
#include "src/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_ledger *l = NULL;
    struct fg_str again = {0};
    struct fg_err err;
    if (size > 16) {
        uint32_t clients;
        memcpy(&clients, data + 12, sizeof clients);
        if (clients > 1000000) {
            return 0; /* only memory */
        }
    }
    uint8_t *copy = malloc(size + 8);
    if (copy == NULL) {
        return 0;
    }
    memcpy(copy, data, size);
    if (size >= 8) {
        uint64_t sum = fg_xxh64(copy, size - 8);
        memcpy(copy + size - 8, &sum, sizeof sum);
    }
    if (fg_ledger_load(&l, copy, size, &err) == FG_OK && fg_ledger_save(l, &again) == FG_OK) {
        struct fg_ledger *m = NULL;
        if (again.len > size || fg_ledger_load(&m, again.data, again.len, &err) != FG_OK) {
            abort(); /* rows without tasks are not written again */
        }
        fg_ledger_destroy(m);
    }
    fg_ledger_destroy(l);
    fg_str_fini(&again);
    free(copy);
    return 0;
}

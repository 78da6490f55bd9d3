/* Shards: what is accepted encodes to the same bytes again. A wrong checksum is put right first, so that the
 * checks behind it are reached. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/shard.h"
#include "src/base/hash.h"
#include "src/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void round_trip(const struct fg_dataset *ds, const struct fg_blob *blob)
{
    struct fg_str again = {0};
    uint32_t *index = fg_calloc(ds->n, sizeof *index);
    for (uint32_t i = 0; index != NULL && i < ds->n; i++) {
        index[i] = i;
    }
    if (index == NULL || fg_shard_encode(&again, ds, index, ds->n) != FG_OK || again.len != blob->len ||
        memcmp(again.data, blob->data, again.len) != 0) {
        abort();
    }
    fg_free(index);
    fg_str_fini(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *copy = fg_calloc(size, 1);
    struct fg_blob blob = {"fuzz", copy, size};
    struct fg_dataset *ds = NULL;
    struct fg_err err;
    if (copy == NULL || size < 8) {
        fg_free(copy);
        return 0;
    }
    memcpy(copy, data, size);
    uint64_t sum = fg_xxh64(copy, size - 8);
    for (size_t i = 0; i < 8; i++) {
        copy[size - 8 + i] = (uint8_t)(sum >> 8 * i);
    }
    if (fg_shard_decode(&ds, &blob, NULL, &err) == FG_OK) {
        round_trip(ds, &blob);
    }
    fg_dataset_destroy(ds);
    fg_free(copy);
    return 0;
}

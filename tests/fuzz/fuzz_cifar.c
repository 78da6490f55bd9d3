/* CIFAR batches, and decompression before: the input may be gzip or zstd. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "datasets/import.h"
#include "src/base/mem.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_blob in = {"fuzz", data, size}, batch = {"fuzz", NULL, 0};
    struct fg_dataset *ds = NULL;
    struct fg_err err;
    uint8_t *out = NULL;
    if (size == 0 || fg_rawfile_inflate(&out, &batch.len, &in, (size_t)1 << 22, &err) != FG_OK) {
        return 0;
    }
    batch.data = out;
    if (fg_cifar_import(&ds, &batch, 1, &batch, 1, "fuzz", &err) == FG_OK &&
        fg_dataset_check(ds, &err) != FG_OK) {
        abort();
    }
    fg_dataset_destroy(ds);
    fg_free(out);
    return 0;
}

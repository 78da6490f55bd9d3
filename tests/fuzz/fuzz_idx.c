/* IDX: three parts of the input (split at bytes 0 and 1's offsets) as images, labels and writers. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "datasets/import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2) {
        return 0;
    }
    size_t a = data[0] < size - 2 ? data[0] : size - 2, b = data[1] < size - 2 - a ? data[1] : size - 2 - a;
    struct fg_blob images = {"images", data + 2, a}, labels = {"labels", data + 2 + a, b};
    struct fg_blob writers = {"writers", data + 2 + a + b, size - 2 - a - b};
    struct fg_idx_part part = {&images, &labels, writers.len > 0 ? &writers : NULL};
    struct fg_dataset *ds = NULL;
    struct fg_err err;
    if (fg_idx_import(&ds, &part, &part, "fuzz", &err) == FG_OK && fg_dataset_check(ds, &err) != FG_OK) {
        abort();
    }
    fg_dataset_destroy(ds);
    return 0;
}

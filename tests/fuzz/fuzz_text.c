/* Text and its table of roles: the first byte is the sequence length, the second how much is text (times
 * 16). */
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
    size_t len = (size_t)data[1] * 16 < size - 2 ? (size_t)data[1] * 16 : size - 2;
    struct fg_blob text = {"text", data + 2, len}, roles = {"roles", data + 2 + len, size - 2 - len};
    struct fg_dataset *ds = NULL;
    struct fg_err err;
    if (fg_text_import(&ds, &text, roles.len > 0 ? &roles : NULL, data[0], "fuzz", &err) == FG_OK &&
        fg_dataset_check(ds, &err) != FG_OK) {
        abort();
    }
    fg_dataset_destroy(ds);
    return 0;
}

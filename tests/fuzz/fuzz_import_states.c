/* The importer of "states". */
#include "tests/lib/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fg_fuzz_import("states", data, size);
    return 0;
}

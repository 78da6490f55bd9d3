/* The importer of "intervals". */
#include "tests/lib/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fg_fuzz_import("intervals", data, size);
    return 0;
}

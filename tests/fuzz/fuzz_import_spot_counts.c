/* The importer of "spot-counts". */
#include "tests/lib/fuzz_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fg_fuzz_import("spot-counts", data, size);
    return 0;
}

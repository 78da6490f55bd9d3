/* Events of the aggregator core as the journal holds them: what decodes encodes back to the same bytes. */
#include <stdint.h>
#include <string.h>

#include "src/aggregator/event_io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_event_copy copy = {0};
    struct fg_str again = {0};
    if (fg_event_decode(&copy, data, size) == FG_OK && fg_event_encode(&again, &copy.ev) == FG_OK) {
        FG_ASSERT(again.len == size);
        FG_ASSERT(memcmp(again.data, data, 17) == 0);
    }
    fg_str_fini(&again);
    fg_event_copy_fini(&copy);
    return 0;
}

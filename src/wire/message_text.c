/* Texts of refusals, for logs. */
#include <string.h>

#include "src/wire/message.h"

const char *fg_refusal_text(enum fg_refusal reason)
{
    switch (reason) {
    case FG_REFUSED_CONFIG:
        return "configuration or data cannot be used there";
    case FG_REFUSED_VERSION:
        return "version of the parameters is not there";
    case FG_REFUSED_SHARD:
        return "damaged shard";
    case FG_REFUSED_TASK:
        return "the computation failed";
    case FG_REFUSED_LOST:
        return "what this worker computes with is lost";
    }
    return "unknown reason";
}

struct fg_view fg_view_str(const char *s)
{
    return (struct fg_view){.data = (const uint8_t *)s, .len = strlen(s)};
}

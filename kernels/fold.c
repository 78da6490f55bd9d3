#include "kernels/fold.h"

#include <math.h>

#include "kernels/coders.h"

bool fg_kernel_all_finite(const float *x, size_t n)
{
    return isfinite(fg_coders_get("auto")->largest(x, n));
}

struct fg_scanner fg_scanner_of(const uint8_t *head, size_t head_len, const uint8_t *body, size_t len,
                                size_t from)
{
    return (struct fg_scanner){.head = head,
                               .body = body,
                               .head_len = head_len,
                               .len = len,
                               .floats = body + from,
                               .left = (len - from) / sizeof(float) * sizeof(float)};
}

struct fg_scan fg_scan_all(const struct fg_folders *f, struct fg_scanner s, float *block)
{
    s.alone = true;
    f->scan_on(&s, SIZE_MAX, block);
    return f->scan_end(&s);
}

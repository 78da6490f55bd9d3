/* The one pass over a frame: its hash, and how large the floats in it are. Included by each source that
 * defines a table of folders, so that the hash is compiled for its registers;
 * SCAN_LARGEST is the table's fg_coders.largest. */
#ifndef FG_KERNELS_FOLD_SCAN_H
#define FG_KERNELS_FOLD_SCAN_H

#define XXH_INLINE_ALL
#include <math.h>
#include <xxhash.h>

#include "kernels/ahead.h"

enum { SCAN_BLOCK = 1024, SCAN_AHEAD = 2048 }; /* bytes: read twice, the second time from the first cache */

static struct fg_scan scan(const uint8_t *head, size_t head_len, const uint8_t *body, size_t len, size_t from)
{
    struct fg_scan got = {0, 0.f};
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, head, head_len);
    for (size_t i = 0, m; i < len; i += m) {
        size_t stop = i < from ? from : len;
        m = stop - i < SCAN_BLOCK ? stop - i : SCAN_BLOCK;
        fg_ahead(body + i, SCAN_AHEAD, m);
        if (i >= from) {
            float most = SCAN_LARGEST((const float *)(const void *)(body + i), m / sizeof(float));
            got.largest = isnan(got.largest) || most <= got.largest ? got.largest : most;
        }
        XXH3_64bits_update(&state, body + i, m);
    }
    got.hash = XXH3_64bits_digest(&state);
    return got;
}

#endif

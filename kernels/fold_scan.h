/* The one pass over a frame: its hash, and how large the floats in it are. Included by each source that defines a table
 * of folders, so that the hash is compiled for its registers; SCAN_LARGEST is the table's fg_coders.largest. */
#ifndef FG_KERNELS_FOLD_SCAN_H
#define FG_KERNELS_FOLD_SCAN_H

#define XXH_INLINE_ALL
#include <math.h>
#include <xxhash.h>

enum { SCAN_BLOCK = 8192 }; /* bytes: read twice, the second time from the first cache */

static struct fg_scan scan(const uint8_t *head, size_t head_len, const uint8_t *body, size_t len, size_t from)
{
    struct fg_scan got = {0, 0.f};
    XXH3_state_t state;
    XXH3_64bits_reset(&state);
    XXH3_64bits_update(&state, head, head_len);
    XXH3_64bits_update(&state, body, from);
    for (size_t i = from, m; i < len; i += m) {
        m = len - i < SCAN_BLOCK ? len - i : SCAN_BLOCK;
        XXH3_64bits_update(&state, body + i, m);
        float most = SCAN_LARGEST((const float *)(const void *)(body + i), m / sizeof(float));
        got.largest = isnan(got.largest) || most <= got.largest ? got.largest : most;
    }
    got.hash = XXH3_64bits_digest(&state);
    return got;
}

#endif

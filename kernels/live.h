/* What the first dense layer finds out about a small batch, and what is to be asked of memory meanwhile.
 *
 * Thread safety: one thread a struct.
 */
#ifndef FG_KERNELS_LIVE_H
#define FG_KERNELS_LIVE_H

#include <stddef.h>
#include <stdint.h>

enum { FG_LIVE_INPUTS = 2048 /* at most */, FG_LIVE_LINES = 256 };

struct fg_live_inputs {
    /* Inputs that are not zero in all of the batch, and those that are; none: it does not pay to know. */
    size_t n, dead;
    uint32_t at[FG_LIVE_INPUTS + 16], off[FG_LIVE_INPUTS + 16];
    /* Cache lines that are needed after this batch (hints, no accesses). Memory takes only so many requests
     * at once, so a layer that passes over live inputs asks for one of them every few inputs. */
    const void *line[FG_LIVE_LINES];
    size_t lines, asked;
};

#endif

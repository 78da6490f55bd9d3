/* Sums of updates in whole numbers, and what is said of updates on the way: as fast as the CPU goes, the same
 * bits everywhere, in whatever order. One table, several implementations, as kernels.h.
 *
 * Thread safety: pure functions; the tables are const.
 */
#ifndef FG_KERNELS_FOLD_H
#define FG_KERNELS_FOLD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
    FG_FOLD_BITS = 54,   /* terms are at most 2^54 in size, so that 511 of them fit a sum */
    FG_FOLD_MOST = 64,   /* vectors in one call */
    FG_FOLD_BLOCK = 1024 /* floats whose largest is told apart */
};

/* Bytes that are looked at in one pass, a piece at a time or all at once; they may not change meanwhile. */
struct fg_scanner {
    const uint8_t *head, *body;
    size_t head_len, len;
    const uint8_t *floats; /* the next one */
    size_t left;           /* bytes of floats that were not looked at */
    bool alone;            /* nothing is done between pieces: memory is asked for what follows */
    uint32_t most;         /* the largest |x| so far, as bits */
    /* Of implementations: the next round (NULL: none was taken), how many are left, XXH3's sums. */
    const uint8_t *at;
    size_t rounds;
    uint64_t lane[8];
};

/* What was seen of bytes as they went by. */
struct fg_scan {
    uint64_t hash; /* XXH3-64 of head and body */
    float largest; /* |x| of the floats in it, NAN if one is not finite, 0 of none */
};

struct fg_folders {
    const char *name; /* as of the kernels: "reference", "avx2", "avx512" */

    /* sum[i] += for each of the m vectors the whole number nearest to scale[k] * x[k][i] (a product of
     * doubles), ties to even. Shapes: x (m) of (n). */
    void (*floats)(const float *const *x, const double *scale, size_t m, int64_t *sum, size_t n);
    /* sum[i] += scale[k] * q[k][i], |scale[k]| <= 2^47 - 2^32. Shapes: q (m) of (n). */
    void (*bytes)(const int8_t *const *q, const int64_t *scale, size_t m, int64_t *sum, size_t n);
    /* Go on by some `bytes`, of the floats by just so many: whole blocks of them, or all that are left. What
     * is left to fg_folders.scan_end() is read there.
     * block[b]: as fg_scan.largest, of the floats of the next blocks; NULL: not asked for.
     * Shapes: block (floats / FG_FOLD_BLOCK, rounded up) out. */
    void (*scan_on)(struct fg_scanner *s, size_t bytes, float *block);
    struct fg_scan (*scan_end)(struct fg_scanner *s);
    /* Both in one pass, so that memory is at work all the time: floats() of one vector x (n: a block at
     * most), while a scanner goes on by as many bytes, mostly those behind x. Returns the largest of its
     * floats, as fg_scan.largest. */
    float (*floats_and_scan)(const float *x, double scale, int64_t *sum, size_t n, struct fg_scanner *s);
};

/* Head, then body; bytes from..len of the body are floats in memory order, `from` at most len. */
struct fg_scanner fg_scanner_of(const uint8_t *head, size_t head_len, const uint8_t *body, size_t len,
                                size_t from);

/* All of it in one piece. */
struct fg_scan fg_scan_all(const struct fg_folders *f, struct fg_scanner s, float *block);

/* By name, as fg_kernels_get(); NULL if the CPU or the build lacks it. */
const struct fg_folders *fg_folders_get(const char *name);

/* Whether none of x (n) is infinite or a NaN. */
bool fg_kernel_all_finite(const float *x, size_t n);

#endif

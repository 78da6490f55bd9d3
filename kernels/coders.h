/* What codecs do to whole vectors: random words, rounding, packing, rotation. One table, several
 * implementations with the same bits, as kernels.h. Any n, any alignment;
 * inputs and outputs do not overlap unless said.
 *
 * Random words: word e of a stream is word e % 4 of Philox block ctr + e / 4; `at` (a multiple of
 * FG_CODER_WORDS) is the word of the first value. From a word comes u = ((word >> 9) + 1/2) 2^-23, in (0, 1).
 *
 * Thread safety: pure functions; the tables are const.
 */
#ifndef FG_KERNELS_CODERS_H
#define FG_KERNELS_CODERS_H

#include <stddef.h>
#include <stdint.h>

enum { FG_CODER_WORDS = 64, FG_CODER_BLOCK = 1024, FG_CODER_SUMS = 32 };

/* A stream of the run's random numbers: key and counter of its first block, see fg_rng_counter().
 * ctr[0], ctr[1] are one number. */
struct fg_coder_stream {
    uint32_t key[2], ctr[4];
};

/* What is known of n values, in an order that suits a CPU's vectors and a device's threads: in each block of
 * FG_CODER_BLOCK values FG_CODER_SUMS sums by index modulo FG_CODER_SUMS, of which the second half is added
 * to the first until one is left (fg_coder_halve() of coder_levels.h), then the blocks in order. */
struct fg_coder_sums {
    double sum, square; /* of |x|, of x^2 */
};

/* Places as they were sent, see src/wire/gaps.h, and how far their reader came. */
struct fg_coder_gaps {
    const uint8_t *bytes; /* (len) */
    size_t len;
    uint64_t field, ones; /* which bits come next */
    uint64_t sum;         /* of what the fields so far come to: 0 at first */
    unsigned width, sign; /* bits of a field; 1: its lowest is a sign, else 0 */
};

struct fg_coders {
    const char *name; /* as of the kernels: "reference", "avx2", "avx512" */

    /* Words at..at + FG_CODER_WORDS - 1. */
    void (*words)(const struct fg_coder_stream *s, uint64_t at, uint32_t out[FG_CODER_WORDS]);

    /* The largest |x|; 0 of none; NAN if one is not finite. */
    float (*largest)(const float *x, size_t n);
    struct fg_coder_sums (*sums)(const float *x, size_t n);

    /* a = |x| * inverse < 2^31; k = floor(a), 1 more when u < a - k, at most `most` <= 127;
     * q = k with the sign of x. */
    void (*round)(const struct fg_coder_stream *s, uint64_t at, const float *x, float inverse, int32_t most,
                  int8_t *q, size_t n);
    /* x = q * step. */
    void (*scale)(const int8_t *q, float step, float *x, size_t n);
    /* n codes of -8..7, plus 8, two a byte, the first one low; a last half byte is 0. */
    void (*pack4)(const int8_t *q, uint8_t *out, size_t n);
    void (*unpack4)(const uint8_t *in, int8_t *q, size_t n);

    /* Which values are kept: i with u < |x[i]| * inverse. place[j] = 2 i, plus 1 when x[i] < 0, for i
     * ascending; their number. place has room for n + 16. */
    size_t (*choose)(const struct fg_coder_stream *s, uint64_t at, const float *x, float inverse,
                     uint32_t *place, size_t n);
    /* z += x. */
    void (*add)(const float *x, float *z, size_t n);
    /* Where |z[i]|, as the whole number that its bits are (in the order of sizes, NAN above all), is above
     * `least`: place[j] = first + i, for i ascending; their number. place has room for n + 16. */
    size_t (*above)(const float *z, uint32_t least, uint32_t first, uint32_t *place, size_t n);

    /* 16 bits a value, little-endian: binary16 and the upper half of a float, nearest, ties to even.
     * A NaN stays one. */
    void (*to_fp16)(const float *x, uint8_t *out, size_t n);
    void (*from_fp16)(const uint8_t *in, float *x, size_t n);
    void (*to_bf16)(const float *x, uint8_t *out, size_t n);
    void (*from_bf16)(const uint8_t *in, float *x, size_t n);

    /* z[i] = -z[i] where bit i % 32 of word at + i / 32 is set; at and n multiples of 8,
     * n at most 32 FG_CODER_WORDS. */
    void (*flip)(const struct fg_coder_stream *s, uint64_t at, float *z, size_t n);
    /* z = H z, the Hadamard matrix of order n, a power of two of at least 8: butterflies of distance 1, 2,
     * 4, ... */
    void (*hadamard)(float *z, size_t n);
    /* Bit i % 8 of byte i / 8: z[i] < 0. And back: z[i] = -unit where it is set, else unit.
     * n a multiple of 8. */
    void (*signs)(const float *z, uint8_t *out, size_t n);
    void (*unsigns)(const uint8_t *in, float unit, float *z, size_t n);
    /* Signs, and what unsigns() makes of them taken off: z - unsigns(signs(z)). */
    void (*take_signs)(float *z, float unit, uint8_t *out, size_t n);

    /* Some of the first of `count` codes, each plus `first`; returns how many, perhaps none. What the bits
     * say is not judged: the caller does so at the last one. g goes on behind them.
     * Shapes: code (count) out, also behind what is returned. */
    size_t (*gaps)(struct fg_coder_gaps *g, size_t count, uint32_t first, uint32_t *code);
};

/* By name, as fg_kernels_get(); NULL if the CPU or the build lacks it. */
const struct fg_coders *fg_coders_get(const char *name);

#endif

/* Places that were sent as gaps, sixteen at a time: where the ones are by compressing, fields of one width by
 * permuting 16-bit words, and their sums before each by shifting and adding. */
#ifndef FG_KERNELS_WIDE_GAPS_H
#define FG_KERNELS_WIDE_GAPS_H

#include <string.h>

#include "kernels/coders.h"

/* Fields of so many bits lie in the 32 bits from the 16-bit word on that they begin in. WINDOW: bytes that a
 * vector of them is read from. */
enum { GAPS_WIDTH_MOST = 17, GAPS_WINDOW = 64, GAPS_ONES = 64 };

static const uint32_t GAPS_LANES[VL] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15};

/* Where the ones are, counted from g->ones: code[i] of the i-th of them, as long as there is room for
 * GAPS_ONES more. Returns how many. */
static size_t gaps_ones(const struct fg_coder_gaps *g, size_t count, uint32_t *code)
{
    uint64_t at = g->ones / 8, mask = ~(uint64_t)0 << g->ones % 8;
    VI lane = vi_sub(vi_load(GAPS_LANES), vi_set((uint32_t)(g->ones % 8)));
    size_t i = 0;
    for (; at + 8 <= g->len && i + GAPS_ONES <= count && 8 * at - g->ones < (uint64_t)1 << 31; at += 8) {
        uint64_t word;
        memcpy(&word, g->bytes + at, sizeof word);
        word &= mask;
        mask = ~(uint64_t)0;
        FG_UNROLL
        for (size_t c = 0; c < 4; c++) {
            unsigned ones = word >> 16 * c & 0xffff;
            vi_store_some(code + i, v_mask_of(ones), lane);
            i += (size_t)__builtin_popcount(ones);
            lane = vi_add(lane, vi_set(16));
        }
    }
    return i;
}

/* Of a field's first bit, counted from that of the window, the words that it is in, and where in them. */
static inline void gaps_words(unsigned shift, unsigned width, VI *word, VI *in_word)
{
    uint32_t pair[VL], bit[VL];
    for (uint32_t l = 0; l < VL; l++) {
        uint32_t at = shift + l * width;
        pair[l] = at / 16 | (at / 16 + 1) << 16;
        bit[l] = at % 16;
    }
    *word = vi_load(pair);
    *in_word = vi_load(bit);
}

/* The sum of each lane and all before it. */
static inline VI gaps_sums(VI x)
{
    const VI zero = vi_set(0);
    x = vi_add(x, _mm512_alignr_epi32(x, zero, 15));
    x = vi_add(x, _mm512_alignr_epi32(x, zero, 14));
    x = vi_add(x, _mm512_alignr_epi32(x, zero, 12));
    return vi_add(x, _mm512_alignr_epi32(x, zero, 8));
}

static size_t gaps(struct fg_coder_gaps *g, size_t count, uint32_t first, uint32_t *code)
{
    uint64_t begin = g->field / 8;
    if (g->width == 0 || g->width > GAPS_WIDTH_MOST || begin + GAPS_WINDOW > g->len) {
        return 0;
    }
    size_t found = gaps_ones(g, count, code) / VL, room = (g->len - GAPS_WINDOW - begin) / (2 * g->width) + 1;
    size_t groups = found < room ? found : room;
    if (groups == 0) {
        return 0;
    }
    uint64_t zeros = (uint64_t)code[groups * VL - 1] - (groups * VL - 1), sum = 0;
    VI word, in_word, before = vi_set(first), index = vi_load(GAPS_LANES);
    VI sign = vi_set(g->sign), one = vi_set(1u << g->sign), low = vi_set((1u << g->width) - 1);
    gaps_words((unsigned)(g->field % 8), g->width, &word, &in_word);
    for (size_t j = 0; j < groups; j++) {
        VI window = _mm512_loadu_si512(g->bytes + begin + j * (2 * g->width));
        VI field = vi_and(_mm512_srlv_epi32(_mm512_permutexvar_epi16(word, window), in_word), low);
        VI step = vi_add(_mm512_andnot_si512(sign, field), one), sums = gaps_sums(step);
        VI ahead = _mm512_sll_epi32(vi_sub(vi_load(code + j * VL), index), _mm_cvtsi32_si128((int)g->width));
        VI here = vi_add(vi_add(before, vi_sub(sums, step)), vi_add(ahead, field));
        vi_store(code + j * VL, here);
        VI all = _mm512_permutexvar_epi32(vi_set(VL - 1), sums);
        sum += (uint32_t)_mm_cvtsi128_si32(_mm512_castsi512_si128(all));
        before = vi_add(before, all);
        index = vi_add(index, vi_set(VL));
    }
    g->field += (uint64_t)groups * VL * g->width;
    g->ones += zeros + groups * VL;
    g->sum = sum;
    return groups * VL;
}

#endif

/* Updates on a device: what each lane came to, their sums in whole numbers, as kernels/fold.h makes them, and
 * a model's step along them. One source for
 * both devices, thread t of nt; every output is one thread's. Included by them only. */
#ifndef FG_KERNELS_DEVICE_FOLD_H
#define FG_KERNELS_DEVICE_FOLD_H

#include <float.h>
#include <math.h>
#include <string.h>

#include "kernels/coder_halves.h"
#include "kernels/coder_levels.h"
#include "kernels/coders.h"
#include "kernels/device.h"
#include "src/base/both.h"
#include "src/base/fsum_both.h"
#include "src/base/philox.h"

FG_BOTH static inline size_t fold_blocks(size_t values)
{
    return (values + FG_DEVICE_FOLD - 1) / FG_DEVICE_FOLD;
}

/* The larger of |x| and most; infinite if x is not finite. */
FG_BOTH static inline float fold_larger(float x, float most)
{
    float size = fabsf(x);
    size = size <= FLT_MAX ? size : INFINITY;
    return size > most ? size : most;
}

/* Updates, and the largest of every FG_DEVICE_SHARES-th value of a block.
 * Neighbouring threads have neighbouring values. */
FG_BOTH static inline void fold_deltas(const struct fg_device_deltas *d, size_t t, size_t nt)
{
    size_t blocks = fold_blocks(d->values), share = FG_DEVICE_SHARES;
    for (size_t e = t; e < d->n * blocks * share; e += nt) {
        size_t lane = e / share / blocks, block = e / share % blocks;
        size_t end = (block + 1) * FG_DEVICE_FOLD < d->values ? (block + 1) * FG_DEVICE_FOLD : d->values;
        const float *memory = d->memory + lane * d->floats;
        float most = 0.0f;
        for (size_t i = block * FG_DEVICE_FOLD + e % share; i < end; i += share) {
            float by = fg_half_of(d->start[d->place[i]] - memory[d->place[i]], d->half);
            d->delta[lane * d->values + i] = by;
            most = fold_larger(by, most);
        }
        d->part[e] = most;
    }
}

/* The largest of each block, from those. */
FG_BOTH static inline void fold_largest(const struct fg_device_deltas *d, size_t t, size_t nt)
{
    for (size_t e = t; e < d->n * fold_blocks(d->values); e += nt) {
        float most = 0.0f;
        for (size_t i = 0; i < FG_DEVICE_SHARES; i++) {
            most = fold_larger(d->part[e * FG_DEVICE_SHARES + i], most);
        }
        d->largest[e] = most;
    }
}

/* ---- rounded updates ---- */

/* The largest, and sums, of every FG_DEVICE_SHARES-th value of a piece. */
FG_BOTH static inline void fold_shares(const struct fg_device_levels *l, size_t t, size_t nt)
{
    const size_t share = FG_DEVICE_SHARES;
    for (size_t e = t; e < l->of.n * l->pieces * share; e += nt) {
        const struct fg_device_piece *p = &l->piece[e / share % l->pieces];
        const float *x = l->of.delta + e / share / l->pieces * l->of.values + p->first;
        float most = 0.0f;
        double sum = 0.0, square = 0.0;
        for (size_t i = e % share; i < p->n; i += share) {
            const double size = fabs((double)x[i]);
            most = fold_larger(x[i], most);
            sum += size;
            square += size * size; /* which is exact */
        }
        l->part[e] = most;
        if (l->sums != NULL) {
            l->sums[e / share * 2 * share + e % share] = sum;
            l->sums[(e / share * 2 + 1) * share + e % share] = square;
        }
    }
}

/* Of each piece, in the places of its first share. */
FG_BOTH static inline void fold_pieces(const struct fg_device_levels *l, size_t t, size_t nt)
{
    for (size_t e = t; e < l->of.n * l->pieces; e += nt) {
        float most = 0.0f;
        for (size_t i = 0; i < FG_DEVICE_SHARES; i++) {
            most = fold_larger(l->part[e * FG_DEVICE_SHARES + i], most);
        }
        l->part[e * FG_DEVICE_SHARES] = most;
        if (l->sums != NULL) {
            fg_coder_halve(l->sums + e * 2 * FG_DEVICE_SHARES, FG_CODER_SUMS);
            fg_coder_halve(l->sums + (e * 2 + 1) * FG_DEVICE_SHARES, FG_CODER_SUMS);
        }
    }
}

FG_BOTH static inline void fold_steps(const struct fg_device_levels *l, size_t t, size_t nt)
{
    for (size_t e = t; e < l->of.n * l->layers; e += nt) {
        const size_t lane = e / l->layers, layer = e % l->layers;
        struct fg_coder_sums sums = {0.0, 0.0};
        float most = 0.0f;
        double n = 0.0;
        for (size_t k = l->begin[layer]; k < l->begin[layer + 1]; k++) {
            const size_t piece = lane * l->pieces + k;
            most = fold_larger(l->part[piece * FG_DEVICE_SHARES], most);
            n += (double)l->piece[k].n;
            if (l->sums != NULL) {
                sums.sum += l->sums[piece * 2 * FG_DEVICE_SHARES];
                sums.square += l->sums[(piece * 2 + 1) * FG_DEVICE_SHARES];
            }
        }
        l->step[e] = fg_coder_step_of(&l->rule, most, sums, n);
    }
}

/* Four values by one block of random words. */
FG_BOTH static inline void fold_round_four(const struct fg_device_levels *l, size_t lane,
                                           const struct fg_device_piece *p, size_t at)
{
    const struct fg_coder_stream *s = &l->stream[lane];
    const float step = l->step[lane * l->layers + p->layer];
    const uint64_t block = (s->ctr[0] | (uint64_t)s->ctr[1] << 32) + (p->word + at) / 4;
    const uint32_t ctr[4] = {(uint32_t)block, (uint32_t)(block >> 32), s->ctr[2], s->ctr[3]};
    float *x = l->of.delta + lane * l->of.values + p->first;
    uint32_t word[4];
    const int rounds = step > 0.0f && step <= FLT_MAX;
    if (l->code == NULL && !(step <= FLT_MAX)) {
        return;
    }
    fg_philox_block(word, ctr, s->key);
    for (size_t i = at; i < at + 4 && i < p->n; i++) {
        int32_t level = rounds ? fg_coder_level(x[i], 1.0f / step, l->rule.most, word[i - at]) : 0;
        if (l->code != NULL) {
            l->code[lane * l->of.values + p->first + i] = (int8_t)level;
        } else {
            x[i] = (float)level * step;
        }
    }
}

FG_BOTH static inline void fold_levels(const struct fg_device_levels *l, size_t t, size_t nt)
{
    const size_t fours = FG_DEVICE_FOLD / 4;
    for (size_t e = t; e < l->of.n * l->pieces * fours; e += nt) {
        const struct fg_device_piece *p = &l->piece[e / fours % l->pieces];
        fold_round_four(l, e / fours / l->pieces, p, e % fours * 4);
    }
}

/* Which of every FG_DEVICE_SHARES-th value of a piece are not 0, a bit each, in the place of their largest.
 * Neighbouring threads have neighbouring values. */
FG_BOTH static inline void fold_marks(const struct fg_device_levels *l, size_t t, size_t nt)
{
    const size_t share = FG_DEVICE_SHARES;
    for (size_t e = t; e < l->of.n * l->pieces * share; e += nt) {
        const struct fg_device_piece *p = &l->piece[e / share % l->pieces];
        const float *x = l->of.delta + e / share / l->pieces * l->of.values + p->first;
        uint32_t marks = 0;
        for (size_t i = e % share; i < p->n; i += share) {
            marks |= (uint32_t)(x[i] != 0.0f) << i / share;
        }
        memcpy(&l->part[e], &marks, sizeof marks);
    }
}

/* Where a piece is not 0, by those. */
FG_BOTH static inline void fold_places(const struct fg_device_levels *l, size_t t, size_t nt)
{
    for (size_t e = t; e < l->of.n * l->pieces; e += nt) {
        const size_t lane = e / l->pieces, k = e % l->pieces;
        const struct fg_device_piece *p = &l->piece[k];
        const uint32_t at = (uint32_t)(k - l->begin[p->layer]) * FG_DEVICE_FOLD;
        const uint32_t n = l->step[lane * l->layers + p->layer] <= FLT_MAX ? p->n : 0;
        struct fg_device_places here;
        uint32_t marks[FG_DEVICE_SHARES];
        memcpy(marks, l->part + e * FG_DEVICE_SHARES, sizeof marks);
        here.count = here.first = here.last = 0;
        for (unsigned s = 0; s < FG_CODER_RICE; s++) {
            here.over[s] = 0;
        }
        for (uint32_t i = 0; i < n; i++) {
            if ((marks[i % FG_DEVICE_SHARES] >> i / FG_DEVICE_SHARES & 1) != 0) {
                const uint32_t gap = here.count > 0 ? at + i - here.last - 1 : 0;
                for (unsigned s = 0; gap >> s > 0; s++) {
                    here.over[s] += gap >> s;
                }
                here.first = here.count > 0 ? here.first : at + i;
                here.last = at + i;
                here.count++;
            }
        }
        l->places[e] = here;
    }
}

/* Where a layer is not 0: its pieces, and the gaps between them; an output for each k. */
FG_BOTH static inline void fold_gaps(const struct fg_device_levels *l, size_t t, size_t nt)
{
    for (size_t e = t; e < l->of.n * l->layers * FG_CODER_RICE; e += nt) {
        const size_t which = e / FG_CODER_RICE, lane = which / l->layers, layer = which % l->layers;
        const unsigned s = (unsigned)(e % FG_CODER_RICE);
        uint64_t count = 0, over = 0;
        uint32_t next = 0;
        for (size_t k = l->begin[layer]; k < l->begin[layer + 1]; k++) {
            const struct fg_device_places *p = &l->places[lane * l->pieces + k];
            if (p->count > 0) {
                over += ((p->first - next) >> s) + p->over[s];
                next = p->last + 1;
                count += p->count;
            }
        }
        l->gaps[which].over[s] = over;
        if (s == 0) {
            l->gaps[which].count = count;
        }
    }
}

/* The largest of every FG_DEVICE_SHARES-th value of a block, of what they are by now. */
FG_BOTH static inline void fold_again(const struct fg_device_deltas *d, size_t t, size_t nt)
{
    size_t blocks = fold_blocks(d->values), share = FG_DEVICE_SHARES;
    for (size_t e = t; e < d->n * blocks * share; e += nt) {
        size_t lane = e / share / blocks, block = e / share % blocks;
        size_t end = (block + 1) * FG_DEVICE_FOLD < d->values ? (block + 1) * FG_DEVICE_FOLD : d->values;
        float most = 0.0f;
        for (size_t i = block * FG_DEVICE_FOLD + e % share; i < end; i += share) {
            most = fold_larger(d->delta[lane * d->values + i], most);
        }
        d->part[e] = most;
    }
}

/* ---- sums ---- */

/* The nearest whole number, ties to even: from 2^52 on there are no others. */
FG_BOTH static inline int64_t fold_nearest(double v)
{
    double big = v < 0.0 ? -0x1p52 : 0x1p52;
    return (int64_t)(fabs(v) < 0x1p52 ? (v + big) - big : v);
}

/* 2^e of normal doubles. */
FG_BOTH static inline double fold_power(int32_t e)
{
    uint64_t bits = (uint64_t)(e + 1023) << 52;
    double power;
    memcpy(&power, &bits, sizeof power);
    return power;
}

/* Value i in one window. */
FG_BOTH static inline int64_t fold_window(const struct fg_device_terms *of, const struct fg_device_window *w,
                                          size_t i)
{
    double units = fold_power(-w->unit);
    int64_t sum = 0;
    for (size_t k = w->first; k < (size_t)w->first + w->n; k++) {
        const struct fg_device_term *term = &of->term[of->which[k]];
        sum += fold_nearest(term->weight * units * (double)term->x[i]);
    }
    return sum;
}

FG_BOTH static inline void fold_sum(const struct fg_device_sum *s, size_t t, size_t nt)
{
    for (size_t e = t; e < s->of.windows * FG_DEVICE_FOLD; e += nt) {
        const struct fg_device_window *w = &s->of.window[e / FG_DEVICE_FOLD];
        size_t i = (size_t)w->block * FG_DEVICE_FOLD + e % FG_DEVICE_FOLD;
        s->sum[e] = i < s->of.values ? fold_window(&s->of, w, i) : 0;
    }
}

/* Two windows whose units are `apart` <= 8 bits apart. From 2^54 on, a bit that says whether there is more
 * below is all that rounding asks for. */
FG_BOTH static inline double fold_pair(int64_t up, int64_t low, int32_t unit, int32_t apart)
{
    int64_t rest = low & (((int64_t)1 << apart) - 1), high = up + ((low - rest) >> apart);
    if (high > -((int64_t)1 << 54) && high < (int64_t)1 << 54) {
        return (double)(high * ((int64_t)1 << apart) + rest) * fold_power(unit);
    }
    return (double)(high | (rest != 0)) * fold_power(unit + apart);
}

/* Value i over windows (m), exactly, to the nearest double. */
FG_BOTH static inline double fold_round(const struct fg_device_terms *of, const struct fg_device_window *w,
                                        size_t m, size_t i)
{
    if (m == 0) {
        return 0.0;
    }
    int64_t first = fold_window(of, w, i);
    if (m == 1) {
        return (double)first * fold_power(w->unit);
    }
    int32_t apart = w[0].unit - w[1].unit;
    if (m == 2 && apart >= -8 && apart <= 8) {
        int64_t second = fold_window(of, &w[1], i);
        return apart > 0 ? fold_pair(first, second, w[1].unit, apart)
                         : fold_pair(second, first, w[0].unit, -apart);
    }
    struct fg_fsum s;
    s.n = 0;
    for (size_t k = 0; k < m; k++) {
        int64_t sum = k > 0 ? fold_window(of, &w[k], i) : first, low = sum & 0xffffffff;
        fg_fsum_grow(&s, (double)low * fold_power(w[k].unit));
        fg_fsum_grow(&s, (double)(sum - low) * fold_power(w[k].unit));
    }
    return fg_fsum_round(&s);
}

FG_BOTH static inline void fold_step(const struct fg_device_step *s, size_t t, size_t nt)
{
    for (size_t i = t; i < s->of.values; i += nt) {
        const uint32_t *begin = s->begin + i / FG_DEVICE_FOLD;
        double mean = fold_round(&s->of, s->of.window + begin[0], begin[1] - begin[0], i) / s->divisor;
        float x = (float)((double)s->x[i] - s->lr * mean);
        s->x[i] = x;
        s->packed[s->place[i]] = x;
    }
}

#endif

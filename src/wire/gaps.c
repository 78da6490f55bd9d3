#include "config.h"

#include "src/wire/gaps.h"

#include "kernels/coders.h"

#include <math.h>
#include <string.h>

static uint64_t cost(const uint32_t *code, size_t count, unsigned sign, unsigned k)
{
    uint64_t bits = (uint64_t)count * (k + 1 + sign);
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++) {
        bits += ((code[i] >> sign) - next) >> k;
        next = (code[i] >> sign) + 1;
    }
    return bits;
}

/* The cost is convex in k, and least about where 2^k is the mean gap. */
unsigned fg_gaps_best(const uint32_t *code, size_t count, unsigned sign)
{
    unsigned k = 0;
    if (count == 0) {
        return 0;
    }
    for (uint64_t gap = (code[count - 1] >> sign) / count; gap > 1 && k < FG_RICE_MAX; gap /= 2) {
        k++;
    }
    uint64_t here = cost(code, count, sign, k), next;
    for (; k > 0 && (next = cost(code, count, sign, k - 1)) <= here; here = next) {
        k--;
    }
    for (; k < FG_RICE_MAX && (next = cost(code, count, sign, k + 1)) < here; here = next) {
        k++;
    }
    return k;
}

unsigned fg_gaps_best_of(const struct fg_coder_gap_sums *sums, unsigned sign)
{
    unsigned best = 0;
    uint64_t least = UINT64_MAX;
    for (unsigned k = 0; k <= FG_RICE_MAX; k++) {
        uint64_t bits = sums->count * (k + 1 + sign) + sums->over[k];
        best = bits < least ? k : best;
        least = bits < least ? bits : least;
    }
    return best;
}

struct fg_gaps_writer fg_gaps_writer_of(uint8_t *out, uint8_t *end, uint64_t field_bits)
{
    size_t fields = (size_t)((field_bits + 7) / 8);
    FG_ASSERT(fields <= (size_t)(end - out));
    return (struct fg_gaps_writer){.field = {.p = out, .end = out + fields},
                                   .ones = {.p = out + fields, .end = end}};
}

void fg_gaps_put(struct fg_gaps_writer *w, const struct fg_gaps *g, const uint32_t *code)
{
    const uint64_t low = ((uint64_t)1 << g->k) - 1;
    uint32_t next = 0;
    for (size_t i = 0; i < g->count; i++) {
        uint32_t gap = (code[i] >> g->sign) - next;
        fg_bits_put(&w->field, (gap & low) << g->sign | (code[i] & g->sign), g->k + g->sign);
        fg_bits_put_unary(&w->ones, gap >> g->k);
        next = (code[i] >> g->sign) + 1;
    }
}

uint8_t *fg_gaps_close(struct fg_gaps_writer *w)
{
    fg_bits_close(&w->field);
    fg_bits_close(&w->ones);
    FG_ASSERT(w->field.p == w->field.end);
    return w->ones.p;
}

/* ---- reading ---- */

bool fg_gaps_reader_of(struct fg_gaps_reader *r, const uint8_t *bytes, size_t len, uint64_t field_bits)
{
    uint64_t bits = 8 * (uint64_t)len;
    *r = (struct fg_gaps_reader){
        .bytes = bytes, .bits = bits, .ones = (field_bits + 7) / 8 * 8, .fields_end = field_bits};
    return field_bits <= bits;
}

/* 57 bits or more from bit `at` on, zeros behind the end. */
static __attribute__((noinline)) uint64_t peek(const struct fg_gaps_reader *r, uint64_t at)
{
    const uint8_t *p = r->bytes + at / 8;
    size_t left = (size_t)(r->bits / 8 - at / 8);
    uint64_t word = 0;
    if (left >= 8) {
        memcpy(&word, p, sizeof word); /* little-endian, as base/bytes.c */
    } else {
        for (size_t i = 0; i < left; i++) {
            word |= (uint64_t)p[i] << 8 * i;
        }
    }
    return word >> at % 8;
}

static inline uint64_t peek_whole(const uint8_t *p)
{
    uint64_t word;
    memcpy(&word, p, sizeof word);
    return word;
}

/* How many of the next fields have 8 bytes from their first on. */
static size_t with_room(const struct fg_gaps_reader *r, size_t count, unsigned width)
{
    uint64_t starts = r->bits >= 64 ? r->bits - 56 : 0;
    uint64_t many = starts <= r->field ? 0 : width == 0 ? count : (starts - r->field - 1) / width + 1;
    return many < count ? (size_t)many : count;
}

/* How the codes of a vector come one after another, all times 2 with signs. */
struct step {
    uint64_t ahead;       /* zeros before the word that the next one is in, less the ones that were in it */
    uint64_t zeros, code; /* of the last one */
    uint64_t sum;         /* of what the fields so far come to */
};

static inline __attribute__((always_inline)) void take(struct step *s, uint64_t word, uint64_t bits,
                                                       unsigned width, unsigned sign)
{
    uint64_t field = bits & (((uint64_t)1 << width) - 1);
    s->zeros = s->ahead-- + (unsigned)__builtin_ctzll(word);
    s->code = (s->zeros << width) + s->sum + field;
    s->sum += (field & ~(uint64_t)sign) + ((uint64_t)1 << sign);
}

/* The i-th one is so far from where the vector's begin: i, and all zeros before it. Whatever the bits are,
 * nothing is read or written where it should not be; whether the places fit is seen at the last one,
 * since they ascend. */
static inline __attribute__((always_inline)) bool get(struct fg_gaps_reader *r, const struct fg_gaps *g,
                                                      unsigned sign, size_t base, size_t n, uint32_t *code)
{
    const unsigned width = g->k + sign;
    const size_t count = g->count, room = with_room(r, count, width);
    const uint32_t first = (uint32_t)(base << sign);
    const uint8_t *bytes = r->bytes;
    struct fg_coder_gaps wide = {.bytes = bytes,
                                 .len = (size_t)(r->bits / 8),
                                 .field = r->field,
                                 .ones = r->ones,
                                 .width = width,
                                 .sign = sign};
    size_t done = count > 0 ? fg_coders_get("auto")->gaps(&wide, count - 1, first, code) : 0;
    uint64_t field = wide.field, at = wide.ones;
    struct step s = {.sum = wide.sum};
    for (size_t i = done; i < count; at += 64 - at % 8) {
        if (at >= r->bits) {
            return false;
        }
        uint64_t word = peek(r, at);
        size_t here = (size_t)__builtin_popcountll(word), stop = here < count - i ? i + here : count;
        s.ahead = at - r->ones - i;
        for (size_t fast = stop < room ? stop : room; i < fast; word &= word - 1, field += width) {
            take(&s, word, peek_whole(bytes + field / 8) >> field % 8, width, sign);
            code[i++] = first + (uint32_t)s.code;
        }
        for (; i < stop; word &= word - 1, field += width) {
            take(&s, word, peek(r, field), width, sign);
            code[i++] = first + (uint32_t)s.code;
        }
    }
    if (count > 0) {
        if (s.zeros > n >> g->k || s.code >> sign >= n) {
            return false;
        }
        r->ones += s.zeros + count;
    }
    r->field = field;
    return true;
}

static inline __attribute__((always_inline)) bool get_any(struct fg_gaps_reader *r, const struct fg_gaps *g,
                                                          size_t base, size_t n, uint32_t *code)
{
    return g->sign != 0 ? get(r, g, 1, base, n, code) : get(r, g, 0, base, n, code);
}

#ifdef FG_X86
/* The same with shifts and counts of the last ten years' processors. */
__attribute__((target("bmi,bmi2,popcnt"))) static bool
get_bmi(struct fg_gaps_reader *r, const struct fg_gaps *g, size_t base, size_t n, uint32_t *code)
{
    return get_any(r, g, base, n, code);
}
#endif

bool fg_gaps_get(struct fg_gaps_reader *r, const struct fg_gaps *g, size_t base, size_t n, uint32_t *code)
{
    FG_ASSERT(r->field + fg_gaps_field_bits(g) <= r->fields_end);
#ifdef FG_X86
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && __builtin_cpu_supports("popcnt")) {
        return get_bmi(r, g, base, n, code);
    }
#endif
    return get_any(r, g, base, n, code);
}

bool fg_gaps_done(const struct fg_gaps_reader *r)
{
    uint64_t filled = r->fields_end % 8 != 0 ? (uint64_t)r->bytes[r->fields_end / 8] >> r->fields_end % 8 : 0;
    bool rest = r->ones < r->bits && peek(r, r->ones) != 0;
    return r->field == r->fields_end && r->bits - r->ones < 8 && filled == 0 && !rest;
}

void fg_gaps_spread(const uint32_t *code, size_t count, float s, float *x, size_t n)
{
    if (isfinite(s)) {
        memset(x, 0, n * sizeof *x);
    }
    for (size_t i = 0; i < n && !isfinite(s); i++) {
        x[i] = NAN;
    }
    for (size_t i = 0; i < count; i++) {
        x[code[i] >> 1] = (code[i] & 1) != 0 ? -s : s;
    }
}

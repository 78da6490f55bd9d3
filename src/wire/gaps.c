#include "config.h"

#include "src/wire/gaps.h"

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

void fg_gaps_put(struct fg_bit_writer *w, const uint32_t *code, size_t count, unsigned sign, unsigned k)
{
    uint32_t next = 0;
    for (size_t i = 0; i < count; i++) {
        fg_bits_put_rice(w, (code[i] >> sign) - next, k);
        fg_bits_put(w, code[i] & sign, sign);
        next = (code[i] >> sign) + 1;
    }
}

bool fg_gaps_get_signed(struct fg_bit_reader *r, size_t count, unsigned k, float s, float *x, size_t n)
{
    size_t next = 0;
    if (isfinite(s)) {
        memset(x, 0, n * sizeof *x);
    } else {
        for (size_t i = 0; i < n; i++) {
            x[i] = NAN;
        }
    }
    for (size_t i = 0; i < count; i++) {
        size_t at = fg_gaps_place(r, k, next, n);
        uint32_t negative = fg_bits_get(r, 1);
        if (r->bad) {
            return false;
        }
        x[at] = negative ? -s : s;
        next = at + 1;
    }
    return true;
}

/* One place and sign at a time, however long its code. */
static size_t get_code(struct fg_bit_reader *r, unsigned k, size_t next, size_t base, uint32_t *code,
                       size_t n)
{
    size_t at = fg_gaps_place(r, k, next, n);
    *code = (uint32_t)(base + at) << 1 | fg_bits_get(r, 1);
    return at + 1;
}

/* Most codes are short: those that are held in whole are taken without a look at the reader in between. */
static inline __attribute__((always_inline)) bool get_codes(struct fg_bit_reader *r, size_t count, unsigned k,
                                                            size_t base, uint32_t *code, size_t n)
{
    const uint64_t low = ((uint64_t)1 << k) - 1;
    size_t next = 0, i = 0;
    while (i < count && !r->bad) {
        fg_bits_refill(r);
        uint64_t held = r->held;
        unsigned left = r->n;
        size_t before = i;
        while (i < count && held != 0) {
            unsigned zeros = (unsigned)__builtin_ctzll(held), used = zeros + k + 2;
            if (used > left) {
                break;
            }
            uint64_t rest = held >> zeros >> 1;
            size_t at = next + ((uint64_t)zeros << k) + (rest & low);
            code[i++] = (uint32_t)(base + at) << 1 | (uint32_t)(rest >> k & 1);
            next = at + 1;
            held = held >> (used - 1) >> 1;
            left -= used;
        }
        if (next > n) {
            return false;
        }
        r->held = held;
        r->n = left;
        if (i == before) {
            next = get_code(r, k, next, base, &code[i++], n);
        }
    }
    return !r->bad;
}

#ifdef FG_X86
/* The same with shifts and counts of the last ten years' processors. */
__attribute__((target("bmi,bmi2"))) static bool
get_codes_bmi(struct fg_bit_reader *r, size_t count, unsigned k, size_t base, uint32_t *code, size_t n)
{
    return get_codes(r, count, k, base, code, n);
}
#endif

bool fg_gaps_get_codes(struct fg_bit_reader *r, size_t count, unsigned k, size_t base, uint32_t *code,
                       size_t n)
{
#ifdef FG_X86
    if (__builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2")) {
        return get_codes_bmi(r, count, k, base, code, n);
    }
#endif
    return get_codes(r, count, k, base, code, n);
}

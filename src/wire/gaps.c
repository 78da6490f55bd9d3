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

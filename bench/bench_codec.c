/* How fast codecs encode and decode: GB/s of floats, on one core, beside memcpy of the same floats. */
#include <stdio.h>
#include <string.h>

#include "bench/limits.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

enum { P = 1663370, TRIES = 7 };

static double gb_per_s(double seconds)
{
    return 4.0 * P / seconds / 1e9;
}

static int measure(const struct fg_codec *k, double density, float *y, const float *x, float *kept)
{
    struct fg_codec_ws ws = {.opts.density = density, .kept = kept};
    size_t cap = k->bound(&ws.opts, P), len = 0;
    uint8_t *bytes = fg_calloc(cap, 1);
    double best[2] = {1e9, 1e9};
    int bad = bytes == NULL;
    for (int t = 0; t < TRIES && !bad; t++) {
        double a = bench_now_s();
        bad = k->encode(&ws, bytes, cap, &len, x, P) != FG_OK;
        double b = bench_now_s();
        bad = bad || k->decode(&ws, y, P, bytes, len) != FG_OK;
        double c = bench_now_s();
        best[0] = b - a < best[0] ? b - a : best[0];
        best[1] = c - b < best[1] ? c - b : best[1];
    }
    printf("%-8s density %-5g  encode %6.2f GB/s  decode %6.2f GB/s  both %6.2f GB/s  %8.2f bits a value\n",
           k->name, density, gb_per_s(best[0]), gb_per_s(best[1]), gb_per_s(best[0] + best[1]),
           8.0 * (double)len / P);
    fg_free(bytes);
    fg_codec_ws_fini(&ws);
    return bad;
}

int main(void)
{
    float *x = fg_calloc_aligned(P, sizeof *x), *y = fg_calloc_aligned(P, sizeof *y);
    float *kept = fg_calloc_aligned(P, sizeof *kept);
    if (x == NULL || y == NULL || kept == NULL) {
        return 1;
    }
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 0, 0);
    for (size_t i = 0; i < P; i++) {
        x[i] = (float)fg_rng_normal(&r) * 0.01f;
    }
    double best = 1e9;
    for (int t = 0; t < TRIES; t++) {
        double a = bench_now_s();
        memcpy(y, x, 4 * (size_t)P);
        double b = bench_now_s() - a;
        best = b < best ? b : best;
    }
    int bad = 0;
    printf("memcpy %.2f GB/s; %d floats\n", gb_per_s(best), P);
    for (size_t c = 0; fg_codecs[c] != NULL; c++) {
        bad |= measure(fg_codecs[c], 1, y, x, kept);
    }
    bad |= measure(&fg_codec_ternary, 0.01, y, x, kept);
    bad |= measure(&fg_codec_ternary, 0.001, y, x, kept);
    fg_free(x);
    fg_free(y);
    fg_free(kept);
    return bad;
}

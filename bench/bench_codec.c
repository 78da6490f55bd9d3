/* How fast codecs encode and decode: GB/s of floats, on one core, beside memcpy of the same floats.
 *
 *     make bench/bench_codec && bench/bench_codec [TRIES]
 *
 * CPU time of 1,663,370 normal deviates in one layer, the best of so many tries (7).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/limits.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

enum { P = 1663370 };

static int tries = 7;

static double gb_per_s(double seconds)
{
    return 4.0 * P / seconds / 1e9;
}

/* The name by which bench/instructions.sh knows what to count. */
int bench_counted(const struct fg_codec *k, double density, float *y, const float *x, float *kept);
__attribute__((noinline)) int bench_counted(const struct fg_codec *k, double density, float *y,
                                            const float *x, float *kept)
{
    struct fg_codec_ws ws = {.opts.density = density, .kept = kept};
    size_t cap = k->bound(&ws.opts, P), len = 0;
    uint8_t *bytes = fg_calloc(cap, 1);
    double best[2] = {1e9, 1e9};
    int bad = bytes == NULL;
    for (int t = 0; t < tries && !bad; t++) {
        double a = bench_now_s();
        bad = k->encode(&ws, bytes, cap, &len, x, P) != FG_OK;
        double b = bench_now_s();
        bad = bad || k->decode(&ws, y, P, bytes, len) != FG_OK;
        double c = bench_now_s();
        best[0] = b - a < best[0] ? b - a : best[0];
        best[1] = c - b < best[1] ? c - b : best[1];
    }
    printf("%-14s %7g %7.3f %7.3f %8.2f\n", k->name, density, gb_per_s(best[0]), gb_per_s(best[1]),
           8.0 * (double)len / P);
    fg_free(bytes);
    fg_codec_ws_fini(&ws);
    return bad;
}

int main(int argc, char **argv)
{
    tries = argc > 1 ? atoi(argv[1]) : tries;
    if (tries < 1 || argc > 2) {
        fputs("usage: bench_codec [TRIES]\n", stderr);
        return 2;
    }
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
    for (int t = 0; t < tries; t++) {
        double a = bench_now_s();
        memcpy(y, x, 4 * (size_t)P);
        double b = bench_now_s() - a;
        best = b < best ? b : best;
    }
    int bad = 0;
    printf("%-14s %7s %7s %7s %8s\n", "codec", "density", "encode", "decode", "bits");
    printf("%-14s %7d %7.3f %7.3f %8d\n", "memcpy", 1, gb_per_s(best), gb_per_s(best), 32);
    for (size_t c = 0; fg_codecs[c] != NULL; c++) {
        bad |= bench_counted(fg_codecs[c], 1, y, x, kept);
    }
    bad |= bench_counted(&fg_codec_ternary, 0.01, y, x, kept);
    bad |= bench_counted(&fg_codec_ternary, 0.001, y, x, kept);
    fg_free(x);
    fg_free(y);
    fg_free(kept);
    return bad;
}

/* Codecs with error feedback: nothing is lost between what was sent and what is kept, what is kept stays
 * bounded, and what is sent is what each codec says, by other means. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

enum { FIRST = 600, SECOND = 37, N = FIRST + SECOND + 1 };

static const size_t layers[] = {FIRST, 0, SECOND, 1};
static const struct fg_codec *const with_feedback[] = {&fg_codec_topk, &fg_codec_stc, &fg_codec_sign};

static void fill(float *x, uint32_t number)
{
    struct fg_rng r;
    fg_rng_init(&r, 5, FG_RNG_TEST, number, 0);
    for (size_t i = 0; i < N; i++) {
        x[i] = (float)fg_rng_normal(&r) * (i < FIRST ? 0.01f : 0.1f) + 0.002f;
    }
}

static void send(const struct fg_codec *k, float *kept, float *y, const float *x)
{
    struct fg_codec_ws ws = {.kept = kept, .opts = {.layer = layers, .layers = 4, .density = 0.05}};
    size_t cap = k->bound(&ws.opts, N), len = 0;
    uint8_t *bytes = fg_calloc(cap, 1);
    assert_int_equal(k->encode(&ws, bytes, cap, &len, x, N), FG_OK);
    assert_true(len <= cap);
    assert_int_equal(k->decode(&ws, y, N, bytes, len), FG_OK);
    fg_free(bytes);
    fg_codec_ws_fini(&ws);
}

static void what_was_not_sent_is_kept(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof with_feedback / sizeof *with_feedback; c++) {
        static float x[N], y[N], kept[N];
        static double balance[N];
        double half = 0.0, all = 0.0;
        memset(kept, 0, sizeof kept);
        memset(balance, 0, sizeof balance);
        for (uint32_t t = 0; t < 400; t++) {
            fill(x, t);
            send(with_feedback[c], kept, y, x);
            double size = 0.0;
            for (size_t i = 0; i < N; i++) {
                balance[i] += (double)x[i] - (double)y[i];
                size += fabs((double)kept[i]);
            }
            half = t < 200 ? fmax(half, size) : half;
            all = fmax(all, size);
        }
        for (size_t i = 0; i < N; i++) {
            assert_true(fabs(balance[i] - (double)kept[i]) < 1e-4);
        }
        assert_true(all < 1.2 * half); /* it does not grow */
    }
}

static int larger_first(const void *a, const void *b)
{
    float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);
    return x < y ? 1 : x > y ? -1 : 0;
}

static void stc_sends_the_mean_size_of_the_largest(void **state)
{
    (void)state;
    static float x[N], y[N], kept[N], before[N], sorted[N];
    enum { K = (N + 19) / 20 };
    memset(kept, 0, sizeof kept);
    for (uint32_t t = 0; t < 5; t++) {
        fill(x, t);
        for (size_t i = 0; i < N; i++) {
            before[i] = sorted[i] = kept[i] + x[i];
        }
        qsort(sorted, N, sizeof *sorted, larger_first);
        double mean = 0.0;
        for (size_t i = 0; i < K; i++) {
            mean += fabs((double)sorted[i]) / K;
        }
        send(&fg_codec_stc, kept, y, x);
        size_t sent = 0;
        for (size_t i = 0; i < N; i++) {
            sent += y[i] != 0.f;
            assert_true(y[i] == 0.f || fabsf(before[i]) >= fabsf(sorted[K - 1]));
            assert_true(y[i] == 0.f || (y[i] < 0.f) == (before[i] < 0.f));
            assert_true(y[i] == 0.f || fabs(fabs((double)y[i]) / mean - 1.0) < 1e-6);
        }
        assert_int_equal(sent, K);
    }
}

static void sign_sends_the_mean_size_of_its_layer(void **state)
{
    (void)state;
    static float x[N], y[N], kept[N];
    memset(kept, 0, sizeof kept);
    fill(x, 1);
    x[3] = 0.f;
    send(&fg_codec_sign, kept, y, x);
    for (size_t l = 0, at = 0; l < 4; at += layers[l++]) {
        double mean = 0.0;
        for (size_t i = at; i < at + layers[l]; i++) {
            mean += fabs((double)x[i]) / (double)layers[l];
        }
        for (size_t i = at; i < at + layers[l]; i++) {
            assert_true(fabs((double)y[i] - (x[i] < 0.f ? -mean : mean)) < 1e-6 * mean);
        }
    }
}

/* Places, and signs where there are, in at most 1.1 times the entropy of independent ones, headers apart. */
static void places_take_about_their_entropy(void **state)
{
    (void)state;
    enum { M = 200000 };
    static const double density[] = {0.001, 0.005, 0.01, 0.05, 0.1};
    float *x = fg_calloc(M, sizeof *x), *y = fg_calloc(M, sizeof *y), *kept = fg_calloc(M, sizeof *kept);
    struct fg_rng r;
    fg_rng_init(&r, 6, FG_RNG_TEST, 0, 0);
    for (size_t d = 0; d < 2 * sizeof density / sizeof *density; d++) {
        const struct fg_codec *k = d % 2 == 0 ? &fg_codec_topk : &fg_codec_stc;
        struct fg_codec_ws ws = {.kept = kept, .opts = {.density = density[d / 2]}};
        size_t cap = k->bound(&ws.opts, M), len = 0, sent = 0;
        uint8_t *bytes = fg_calloc(cap, 1);
        for (size_t i = 0; i < M; i++) {
            x[i] = (float)fg_rng_normal(&r);
            kept[i] = 0.0f;
        }
        assert_int_equal(k->encode(&ws, bytes, cap, &len, x, M), FG_OK);
        assert_int_equal(k->decode(&ws, y, M, bytes, len), FG_OK);
        for (size_t i = 0; i < M; i++) {
            sent += y[i] != 0.0f;
        }
        double p = (double)sent / M, places = M * (-p * log2(p) - (1 - p) * log2(1 - p)) / 8;
        double values = (double)sent * (k == &fg_codec_topk ? 4 : 0);
        double signs = (double)sent * (k == &fg_codec_topk ? 0 : 0.125);
        assert_int_equal(sent, (size_t)ceil(density[d / 2] * M));
        assert_in_range((size_t)(1000.0 * ((double)len - values) / (places + signs)), 1000, 1100);
        fg_free(bytes);
        fg_codec_ws_fini(&ws);
    }
    fg_free(x);
    fg_free(y);
    fg_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_not_sent_is_kept),
        cmocka_unit_test(stc_sends_the_mean_size_of_the_largest),
        cmocka_unit_test(sign_sends_the_mean_size_of_its_layer),
        cmocka_unit_test(places_take_about_their_entropy),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The codec that chooses for each layer: within its bound, right in the mean, smaller than any one codec
 * within the same bound; and how rough a client's updates may be. */
#include "tests/lib/test.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/adaptive.h"

enum { LAYERS = 4, N = 6000 + 40 + 900 + 10, DRAWS = 300 };

static const size_t layers[LAYERS] = {6000, 40, 900, 10};

/* As different as layers of a network: one of few large values, one of many alike. */
static void fill(float *x)
{
    struct fg_rng r;
    fg_rng_init(&r, 3, FG_RNG_TEST, 8, 0);
    for (int i = 0; i < N; i++) {
        double z = fg_rng_normal(&r);
        x[i] = (float)(i < 6000 ? 0.001 * z * z * z : i < 6040 ? z : i < 6940 ? 0.03 * z : 1e-4);
    }
}

static struct fg_codec_ws workspace(double variance)
{
    return (struct fg_codec_ws){.opts = {.layer = layers, .layers = LAYERS, .seed = 7, .variance = variance},
                                .shard = 3};
}

/* The worst layer's relative variance, the bias in the variance of the mean of DRAWS, and the size,
 * over DRAWS tasks. */
static void look(const struct fg_codec *k, struct fg_codec_ws *ws, const float *x, double *worst,
                 double *bias, double *bytes)
{
    static double mean[N], off[N];
    static float y[N];
    double spread = 0.0;
    uint8_t *out = fg_calloc(k->bound(&ws->opts, N), 1);
    memset(mean, 0, sizeof mean);
    memset(off, 0, sizeof off);
    *worst = *bytes = *bias = 0.0;
    for (int t = 0; t < DRAWS; t++) {
        size_t len;
        ws->number = (uint32_t)t;
        assert_int_equal(k->encode(ws, out, k->bound(&ws->opts, N), &len, x, N), FG_OK);
        assert_int_equal(k->decode(ws, y, N, out, len), FG_OK);
        for (int i = 0; i < N; i++) {
            off[i] += ((double)y[i] - (double)x[i]) * ((double)y[i] - (double)x[i]) / DRAWS;
            mean[i] += (double)y[i] / DRAWS;
        }
        *bytes += (double)len / DRAWS;
    }
    for (size_t l = 0, at = 0; l < LAYERS; at += layers[l++]) {
        double square = 0.0, variance = 0.0;
        for (size_t i = at; i < at + layers[l]; i++) {
            square += (double)x[i] * (double)x[i];
            variance += off[i];
            *bias += (mean[i] - (double)x[i]) * (mean[i] - (double)x[i]);
        }
        *worst = variance / square > *worst ? variance / square : *worst;
        spread += variance / DRAWS;
    }
    *bias /= spread;
    fg_free(out);
}

static void it_stays_within_its_bound_and_right_in_the_mean(void **state)
{
    (void)state;
    static const double bounds[] = {1e-6, 3e-3, 0.03, 1, 4, 20, 100};
    static float x[N];
    double before = INFINITY;
    fill(x);
    for (size_t b = 0; b < sizeof bounds / sizeof *bounds; b++) {
        struct fg_codec_ws ws = workspace(1);
        double worst, bias, bytes;
        ws.variance = (float)bounds[b]; /* what the task says, not the configuration */
        look(&fg_codec_adaptive, &ws, x, &worst, &bias, &bytes);
        assert_true(worst <= bounds[b] * 1.3); /* of few draws of few values */
        assert_true(b == 0 || bias < 3.0);     /* but for fp16 */
        assert_true(bytes <= before);
        assert_true(b < 4 || worst > bounds[b] / 2); /* and uses it */
        before = bytes;
        fg_codec_ws_fini(&ws);
    }
    assert_true(before < N / 50);
}

static void no_single_codec_is_smaller_within_the_same_bound(void **state)
{
    (void)state;
    static const struct fg_codec *const others[] = {&fg_codec_fp16, &fg_codec_int8, &fg_codec_int4,
                                                    &fg_codec_ternary};
    static float x[N];
    fill(x);
    for (size_t c = 0; c < 3 + 9; c++) {
        const struct fg_codec *k = others[c < 4 ? c : 3];
        struct fg_codec_ws ws = workspace(0), mine = workspace(0);
        double worst, bias, bytes, other_worst, other_bytes;
        ws.opts.density = c < 4 ? 0.0 : ldexp(1.0, -(int)(c - 3));
        look(k, &ws, x, &other_worst, &bias, &other_bytes);
        mine.opts.variance = other_worst * (c < 3 ? 3.0 : 1.3); /* int8 and int4 are counted by their bound */
        look(&fg_codec_adaptive, &mine, x, &worst, &bias, &bytes);
        if (bytes > other_bytes + 5 * LAYERS) {
            fail_msg("%s: %g bytes, %g of variance; adaptive takes %g", k->name, other_bytes, other_worst,
                     bytes);
        }
        fg_codec_ws_fini(&ws);
        fg_codec_ws_fini(&mine);
    }
}

static double time_of(const struct fg_adaptive *a, double v, double other_s, double bps)
{
    struct fg_codec_opts opts = {.variance = v};
    return (other_s + (double)fg_codec_adaptive.expected(&opts, 200000) / bps) *
           (1 + a->rounds * v / a->updates);
}

static void slow_links_get_rough_updates(void **state)
{
    (void)state;
    struct fg_adaptive a = {.most = 30, .rounds = 0.05, .updates = 10};
    struct fg_codec_opts opts = {0};
    double before = 0.0;
    for (double bps = 1e9; bps > 1; bps /= 3) {
        double v = fg_adaptive_variance(&a, &opts, 200000, 10.0, bps);
        assert_true(v >= before && v > 0 && v <= a.most);
        for (double w = 0.005; w < a.most; w *= 1.1) { /* nothing else is much better */
            assert_true(time_of(&a, v, 10.0, bps) <= time_of(&a, w, 10.0, bps) * 1.02);
        }
        before = v;
    }
    assert_true(before == a.most);
    assert_true(fg_adaptive_variance(&a, &opts, 200000, 10.0, 1e9) < 1);
    a.rounds = 0; /* rounds cost nothing: as rough as may be */
    assert_true(fg_adaptive_variance(&a, &opts, 200000, 10.0, 1e6) > 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(it_stays_within_its_bound_and_right_in_the_mean),
        cmocka_unit_test(no_single_codec_is_smaller_within_the_same_bound),
        cmocka_unit_test(slow_links_get_rough_updates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What codecs with error feedback have sent of a client's updates: what is said beside what the codecs
 * themselves do to updates that are alike and as usual. */
#include "tests/lib/test.h"

#include <math.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"
#include "src/wire/feedback.h"

enum { N = 30000, ROWS = 60, COLUMNS = 50, LONG = 40 };
#define WITHIN 0.04

/* Sizes of the usual law by its inverse, summed finely; signs at random. */
static void usual_update(float *x)
{
    static double upto[200000];
    const double step = log(3e4 / 1e-7) / 199999.0, b = 0.42512744;
    double all = 0.0;
    for (int i = 0; i < 200000; i++) {
        double s = 1e-7 * exp(step * i);
        upto[i] = all += s * exp(-pow(s, b));
    }
    struct fg_rng r;
    fg_rng_init(&r, 11, FG_RNG_TEST, 0, 0);
    for (int k = 0; k < N; k++) {
        double u = ((double)k + fg_rng_uniform(&r)) / N * all;
        int lo = 0, hi = 199999;
        while (lo < hi) {
            int mid = (lo + hi) / 2;
            if (upto[mid] < u) {
                lo = mid + 1;
            } else {
                hi = mid;
            }
        }
        x[k] = (float)(1e-7 * exp(step * lo) * (fg_rng_uniform(&r) < 0.5 ? -1.0 : 1.0));
    }
}

/* What the codec has sent along x after each of so many updates, all of them x. */
static void play(const struct fg_codec *k, const struct fg_codec_opts *opts, const float *x, size_t n,
                 int updates, double *share)
{
    struct fg_codec_ws ws = {.opts = *opts};
    float *kept = fg_calloc(fg_codec_state(k, opts, n), sizeof *kept);
    size_t cap = k->bound(opts, n), len = 0;
    uint8_t *bytes = fg_calloc(cap, 1);
    ws.kept = kept;
    for (int j = 1; j <= updates; j++) {
        double along = 0.0, square = 0.0;
        assert_int_equal(k->encode(&ws, bytes, cap, &len, x, n), FG_OK);
        for (size_t i = 0; i < n; i++) {
            along += (double)kept[i] * (double)x[i];
            square += (double)x[i] * (double)x[i];
        }
        share[j - 1] = 1.0 - along / square / (double)j;
    }
    fg_free(bytes);
    fg_free(kept);
    fg_codec_ws_fini(&ws);
}

static void the_law_has_the_usual_shape(void **state)
{
    (void)state;
    struct fg_feedback_law law;
    double all = 0.0, mean = 0.0, square = 0.0;
    fg_feedback_usual(&law);
    for (int i = 0; i < FG_FEEDBACK_SIZES; i++) {
        all += law.weight[i];
        mean += law.weight[i] * law.size[i];
        square += law.weight[i] * law.size[i] * law.size[i];
    }
    assert_true(fabs(all - 1.0) < 1e-12);
    assert_true(fabs(mean * mean / square - FG_USUAL_SHAPE) < 1e-4);
    const double b = 0.42512744; /* the moments themselves */
    assert_true(fabs(exp(2.0 * lgamma(2.0 / b) - lgamma(1.0 / b) - lgamma(3.0 / b)) - FG_USUAL_SHAPE) < 1e-6);
}

static void it_is_what_the_codecs_do(void **state)
{
    (void)state;
    static float x[N];
    static const struct {
        const struct fg_codec *codec;
        double density;
    } all[] = {{&fg_codec_topk, 0.01},
               {&fg_codec_topk, 0.1},
               {&fg_codec_stc, 0.01},
               {&fg_codec_stc, 0.1},
               {&fg_codec_sign, 1.0}};
    usual_update(x);
    for (size_t c = 0; c < sizeof all / sizeof *all; c++) {
        const struct fg_codec_opts opts = {.density = all[c].density};
        double share[LONG];
        play(all[c].codec, &opts, x, N, LONG, share);
        for (int j = 1; j <= LONG; j++) {
            double said = all[c].codec->sent(&opts, N, j);
            if (fabs(said - share[j - 1]) > WITHIN) {
                fail_msg("%s, density %g, update %d: %g, said %g", all[c].codec->name, all[c].density, j,
                         share[j - 1], said);
            }
        }
    }
}

/* In the long run a size x goes each theta / x updates, theta = mean size / density: what waits of it is
 * (theta - x) / 2 in the mean. */
static void what_waits_comes_to_an_end(void **state)
{
    (void)state;
    for (double density = 0.02; density < 0.1; density *= 1.5) {
        double waits = (FG_USUAL_SHAPE / density - 1.0) / 2.0, mean = 0.0;
        for (double j = 481.0; j <= 512.0; j += 1.0) {
            mean += (1.0 - fg_feedback_sent(FG_FEEDBACK_LARGEST, density, j)) * j / 32.0;
        }
        assert_true(fabs(mean - waits) < 0.15 * waits);
    }
    for (int how = FG_FEEDBACK_LARGEST; how <= FG_FEEDBACK_SIGNS; how++) {
        double before = 0.0;
        for (double u = 1.0; u < 512.0; u = floor(u * 1.5) + 1.0) { /* more and more has come */
            double now = u * fg_feedback_sent((enum fg_feedback)how, 0.01, u);
            assert_true(now > before && now < u);
            before = now;
        }
    }
}

static void any_number_of_updates_will_do(void **state)
{
    (void)state;
    for (int h = FG_FEEDBACK_LARGEST; h <= FG_FEEDBACK_SIGNS; h++) {
        enum fg_feedback how = (enum fg_feedback)h;
        double four = 4.0 * fg_feedback_sent(how, 0.05, 4.0), five = 5.0 * fg_feedback_sent(how, 0.05, 5.0);
        assert_true(fabs(4.5 * fg_feedback_sent(how, 0.05, 4.5) - (four + five) / 2.0) < 1e-9);
        assert_true(fg_feedback_sent(how, 0.05, 1e9) == fg_feedback_sent(how, 0.05, 512.0));
        assert_true(fg_feedback_sent(how, 0.05, 0.2) == fg_feedback_sent(how, 0.05, 1.0));
    }
    assert_true(fabs(fg_feedback_sent(FG_FEEDBACK_SIGNS, 1.0, 1.0) - FG_USUAL_SHAPE) <
                1e-3); /* m |x|_1 / |x|^2 */
    assert_true(fg_feedback_sent(FG_FEEDBACK_LARGEST, 1.0, 3.0) == 1.0);
}

static void nothing_is_below_the_bound(void **state)
{
    (void)state;
    static float x[ROWS * COLUMNS];
    const size_t layer = sizeof x / sizeof *x, rows = ROWS;
    const struct fg_codec_opts opts = {
        .layer = &layer, .layers = 1, .rows = &rows, .rank = 2, .density = 0.04};
    static const struct fg_codec *const codec[] = {&fg_codec_powersgd, &fg_codec_topk};
    struct fg_rng r;
    fg_rng_init(&r, 12, FG_RNG_TEST, 0, 0);
    for (size_t i = 0; i < layer; i++) { /* of no rank, and no value stands out: nothing is worse */
        x[i] = (float)fg_rng_normal(&r);
    }
    for (size_t c = 0; c < 2; c++) {
        double share[LONG], delta = c == 0 ? 2.0 / COLUMNS : 0.04;
        play(codec[c], &opts, x, layer, LONG, share);
        for (int j = 1; j <= LONG; j++) {
            double least = fg_feedback_least(delta, j);
            assert_true(share[j - 1] >= least);
            assert_true(c > 0 || least == fg_codec_powersgd.sent_least(&opts, layer, j));
        }
        assert_true(fg_feedback_least(delta, LONG) > 0.3); /* and it says something */
    }
    assert_true(fg_feedback_least(1.0, 7.0) == 1.0 && fg_feedback_least(0.0, 7.0) == 0.0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_law_has_the_usual_shape), cmocka_unit_test(it_is_what_the_codecs_do),
        cmocka_unit_test(what_waits_comes_to_an_end),  cmocka_unit_test(any_number_of_updates_will_do),
        cmocka_unit_test(nothing_is_below_the_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Dense layers pass over inputs that are zero in a whole batch, with the reference's bits. */
#include "tests/lib/samebits.h"

#include <math.h>
#include <stdbool.h>

#include "tests/lib/test.h"

/* What passing over inputs that are zero in a whole batch could get wrong. */
enum hazard {
    HAZARD_NONE,
    HAZARD_WEIGHT,
    HAZARD_MINUS_ZERO,
    HAZARD_UNDERFLOW,
    HAZARD_GRADIENT,
    HAZARD_RATE,
    HAZARDS
};

static void bring_about(enum hazard h, struct arena *a, float *w, size_t weights, float *bias, size_t np,
                        float *d, size_t gradients)
{
    static const float odd[3] = {INFINITY, -INFINITY, NAN};
    bool mostly_zero = h == HAZARD_MINUS_ZERO || h == HAZARD_UNDERFLOW || h == HAZARD_RATE;
    if (h == HAZARD_WEIGHT) {
        w[pick(a, 0, weights - 1)] = odd[pick(a, 0, 2)];
    } else if (h == HAZARD_GRADIENT) {
        d[pick(a, 0, gradients - 1)] = odd[pick(a, 0, 2)];
    }
    for (size_t i = 0; i < weights && mostly_zero; i++) {
        w[i] = h == HAZARD_UNDERFLOW && pick(a, 0, 300) == 0 ? copysignf(0x1p-149f, w[i])
               : pick(a, 0, 40) != 0                         ? -0.0f
                                                             : 0.0f;
    }
    for (size_t i = 0; i < np && mostly_zero; i++) {
        bias[i] = -0.0f;
    }
}

/* Of ten inputs `dead` are zero in the whole batch, of either sign. */
static void put_zeros(struct arena *a, float *x, size_t batch, size_t in, size_t ldx, size_t dead)
{
    for (size_t i = 0; i < in; i++) {
        bool zero = pick(a, 0, 9) < dead;
        for (size_t b = 0; b < batch; b++) {
            x[b * ldx + i] = zero ? copysignf(0.0f, x[b * ldx + i]) : fabsf(x[b * ldx + i]) * 0.1f;
        }
    }
}

/* Inputs that are zero in the whole batch, of either sign, are many. */
static void live_dense_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 14), in = pick(a, 100, 700), n = pick(a, 1, 70), np = fg_kernel_pad(n);
    size_t ldx = fg_kernel_pad(in) + 16 * pick(a, 0, 1), dead = pick(a, 0, 9);
    float *x = take(a, batch * ldx), *w = take(a, in * np), *bias = take(a, np), *y = take(a, batch * np);
    float *d = take(a, batch * np);
    enum hazard h = (enum hazard)pick(a, 0, HAZARDS - 1);
    put_zeros(a, x, batch, in, ldx, dead);
    bring_about(h, a, w, in * np, bias, np, d, batch * np);
    k->dense_forward(x, ldx, w, pick(a, 0, 2) ? bias : NULL, y, batch, in, np);
    k->dense_sgd(x, ldx, d, h == HAZARD_RATE ? 0.37f : -0.37f, w, batch, in, np);
}

CASE(live_dense, 300)

/* Both passes of one x, whose zeros are looked for once. */
static void live_pair_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 14), in = pick(a, 100, 700), n = pick(a, 1, 70), np = fg_kernel_pad(n);
    size_t ldx = fg_kernel_pad(in), dead = pick(a, 0, 9);
    float *x = take(a, batch * ldx), *w = take(a, in * np), *bias = take(a, np), *y = take(a, batch * np);
    float *d = take(a, batch * np);
    enum hazard h = (enum hazard)pick(a, 0, HAZARDS - 1);
    static struct fg_live_inputs live;
    live.asked = 0;
    live.lines = pick(a, 0, FG_LIVE_LINES);
    for (size_t i = 0; i < live.lines; i++) {
        live.line[i] = x + 16 * i;
    }
    put_zeros(a, x, batch, in, ldx, dead);
    bring_about(h, a, w, in * np, bias, np, d, batch * np);
    k->dense_forward_live(x, ldx, w, bias, y, batch, in, np, &live);
    k->dense_sgd_live(x, ldx, d, h == HAZARD_RATE ? 0.37f : -0.37f, w, batch, in, np, &live);
    put_zeros(a, x, batch, in, ldx, pick(a, 0, 1)); /* few zeros, if any, with what was found of the others */
    for (size_t i = 0; i < in; i++) {
        x[i] += (float)pick(a, 0, 1);
    }
    k->dense_forward_live(x, ldx, w, bias, y, batch, in, np, &live);
    k->dense_sgd_live(x, ldx, d, -0.1f, w, batch, in, np, &live);
}

CASE(live_pair, 300)

/* Of pictures with a border, and nothing is left of the lines that are wanted. */
static void passes_over_zeros_ask_for_what_comes_next(void **state)
{
    (void)state;
    enum { BATCH = 10, IN = 784, NP = 16 };
    static const char *const names[] = {"avx2", "avx512"};
    static float x[BATCH * IN], w[IN * NP], d[BATCH * NP], y[BATCH * NP];
    static struct fg_live_inputs live;
    for (size_t i = 0; i < BATCH * IN; i++) {
        x[i] = i % IN % 28 < 12 ? 0.0f : 0.5f;
    }
    for (size_t k = 0; k < 2; k++) {
        const struct fg_kernels *table = fg_kernels_get(names[k], FG_EXACT);
        for (size_t lines = 0; table != NULL && lines <= FG_LIVE_LINES; lines += 16) {
            live.asked = 0;
            live.lines = lines;
            for (size_t i = 0; i < lines; i++) {
                live.line[i] = x + 16 * i;
            }
            table->dense_forward_live(x, IN, w, NULL, y, BATCH, IN, NP, &live);
            assert_int_equal(live.n, IN / 28 * 16);
            assert_int_equal(live.dead, IN / 28 * 12);
            assert_true(lines < 2 || (live.asked > 0 && live.asked < lines));
            table->dense_sgd_live(x, IN, d, -0.1f, w, BATCH, IN, NP, &live);
            assert_int_equal(live.asked, lines);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(live_dense_has_the_reference_bits),
        cmocka_unit_test(live_pair_has_the_reference_bits),
        cmocka_unit_test(passes_over_zeros_ask_for_what_comes_next),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Matrices whose rows lie whole kilobytes apart, which the wide kernels copy into panels at their first use,
 * and the functions of LSTM cells: every implementation gives the reference's bits. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "kernels/kernels.h"
#include "src/base/rng.h"

enum { GUARD = 64 };

static const char *const WIDE[] = {"avx2", "avx512"};

/* Floats of either sign, some of them zero, and behind them a guard that nothing may change. */
static float *floats(struct fg_rng *rng, size_t n)
{
    float *p = aligned_alloc(64, (n + GUARD + 15) / 16 * 16 * sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < n + GUARD; i++) {
        uint32_t u = fg_rng_u32(rng);
        p[i] = u % 13 == 0 ? 0.0f : (float)(u >> 8) * 0x1p-23f - 1.0f;
    }
    return p;
}

static float *copy(const float *from, size_t n)
{
    float *p = aligned_alloc(64, (n + GUARD + 15) / 16 * 16 * sizeof *p);
    assert_non_null(p);
    memcpy(p, from, (n + GUARD) * sizeof *p);
    return p;
}

static void same(const char *what, const char *who, const float *want, const float *got, size_t n)
{
    for (size_t i = 0; i < n + GUARD; i++) {
        if (memcmp(want + i, got + i, sizeof *got) != 0 && !(isnan(want[i]) && isnan(got[i]))) {
            fail_msg("%s, %s: float %zu of %zu is %a, the reference has %a", who, what, i, n, (double)got[i],
                     (double)want[i]);
        }
    }
}

struct shape {
    size_t batch, in, np;
};

/* What dense layers compute, into arrays of their own. */
struct results {
    float *y, *dx, *dw, *w;
};

static void dense(const struct fg_kernels *k, const struct shape *s, const float *x, const float *d,
                  const float *bias, struct results *r)
{
    size_t ldx = fg_kernel_pad(s->in);
    k->dense_forward(x, ldx, r->w, bias, r->y, s->batch, s->in, s->np);
    k->dense_accumulate(x, ldx, r->w, r->y, s->batch, s->in, s->np);
    k->dense_backward_input(d, r->w, r->dx, ldx, s->batch, s->in, s->np, s->np);
    k->dense_backward_weights(x, ldx, d, r->dw, s->batch, s->in, s->np);
    k->dense_sgd(x, ldx, d, -0.37f, r->w, s->batch, s->in, s->np);
}

static void panels_have_the_reference_bits(void **state)
{
    (void)state;
    static const struct shape shapes[] = {
        {84, 56, 256},   {85, 300, 256}, {257, 90, 512}, {600, 61, 256},
        {56, 257, 1024}, {23, 290, 768}, {1000, 5, 256},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const struct shape *s = &shapes[i];
        size_t rows = s->batch * fg_kernel_pad(s->in), out = s->batch * s->np, weights = s->in * s->np;
        struct fg_rng rng;
        fg_rng_init(&rng, i + 1, FG_RNG_TEST, 0, 0);
        float *x = floats(&rng, rows), *d = floats(&rng, out), *bias = floats(&rng, s->np);
        d[i] = i % 3 == 0 ? -INFINITY : d[i];
        struct results first = {floats(&rng, out), floats(&rng, rows), floats(&rng, weights),
                                floats(&rng, weights)};
        struct results want = {copy(first.y, out), copy(first.dx, rows), copy(first.dw, weights),
                               copy(first.w, weights)};
        dense(fg_kernels_get("reference", FG_EXACT), s, x, d, bias, &want);
        for (size_t w = 0; w < 2; w++) {
            const struct fg_kernels *k = fg_kernels_get(WIDE[w], FG_EXACT);
            struct results got = {copy(first.y, out), copy(first.dx, rows), copy(first.dw, weights),
                                  copy(first.w, weights)};
            if (k != NULL) {
                dense(k, s, x, d, bias, &got);
                same("y", k->name, want.y, got.y, out);
                same("dx", k->name, want.dx, got.dx, rows);
                same("dw", k->name, want.dw, got.dw, weights);
                same("w", k->name, want.w, got.w, weights);
            }
            free(got.y), free(got.dx), free(got.dw), free(got.w);
        }
        free(want.y), free(want.dx), free(want.dw), free(want.w);
        free(first.y), free(first.dx), free(first.dw), free(first.w);
        free(x), free(d), free(bias);
    }
}

/* Three calls in a row that share a matrix; the kept copy is (in, np) floats and no more. */
static void a_kept_matrix_gives_the_reference_bits(void **state)
{
    (void)state;
    static const size_t nps[] = {16, 48, 256, 1024, 80};
    for (size_t i = 0; i < 30; i++) {
        struct fg_rng rng;
        fg_rng_init(&rng, i + 1, FG_RNG_TEST, 0, 0);
        size_t batch = 1 + fg_rng_below(&rng, 30), in = 1 + fg_rng_below(&rng, 60), np = nps[i % 5];
        size_t ldx = fg_kernel_pad(in) + 16, out = 3 * batch * np;
        float *x = floats(&rng, 3 * batch * ldx), *m = floats(&rng, in * np), *y = floats(&rng, out);
        float *want = copy(y, out), *guard = floats(&rng, in * np);
        for (size_t t = 0; t < 3; t++) {
            fg_kernels_get("reference", FG_EXACT)
                ->dense_accumulate(x + t * batch * ldx, ldx, m, want + t * batch * np, batch, in, np);
        }
        for (size_t w = 0; w < 3; w++) {
            const struct fg_kernels *k = fg_kernels_get(w < 2 ? WIDE[w] : "reference", FG_EXACT);
            float *got = copy(y, out), *kept = copy(guard, in * np);
            for (size_t t = 0; k != NULL && t < 3; t++) {
                k->dense_accumulate_kept(x + t * batch * ldx, ldx, m, got + t * batch * np, batch, in, np,
                                         kept, t == 0);
            }
            if (k != NULL) {
                same("y", k->name, want, got, out);
                assert_memory_equal(kept + in * np, guard + in * np, GUARD * sizeof *kept);
            }
            free(got), free(kept);
        }
        free(x), free(m), free(y), free(want), free(guard);
    }
}

/* The same backwards: what is kept is (pad(in), np) floats, and the sums are those of an input gradient. */
static void a_kept_matrix_gives_the_reference_bits_backwards(void **state)
{
    (void)state;
    static const size_t nps[] = {16, 48, 256, 1024, 80};
    const struct fg_kernels *ref = fg_kernels_get("reference", FG_EXACT);
    for (size_t i = 0; i < 30; i++) {
        struct fg_rng rng;
        fg_rng_init(&rng, i + 1, FG_RNG_TEST, 1, 0);
        size_t batch = 1 + fg_rng_below(&rng, 30), in = 1 + fg_rng_below(&rng, 100), np = nps[i % 5];
        size_t ld = fg_kernel_pad(in), out = 3 * batch * ld;
        float *d = floats(&rng, 3 * batch * np), *m = floats(&rng, in * np), *dx = floats(&rng, out);
        float *want = copy(dx, out), *sum = floats(&rng, batch * ld), *guard = floats(&rng, ld * np);
        d[i] = i % 3 == 0 ? INFINITY : d[i]; /* padding columns, too, are the same then */
        for (size_t t = 0; t < 3; t++) {
            ref->dense_backward_input(d + t * batch * np, m, sum, ld, batch, in, np, np);
            ref->axpy(1.0f, sum, want + t * batch * ld, batch * ld);
        }
        for (size_t w = 0; w < 3; w++) {
            const struct fg_kernels *k = fg_kernels_get(w < 2 ? WIDE[w] : "reference", FG_EXACT);
            float *got = copy(dx, out), *kept = copy(guard, ld * np);
            for (size_t t = 0; k != NULL && t < 3; t++) {
                struct fg_soon soon[2] = {{d, i * np}, {got, i % 3 * 1000}};
                k->dense_backward_kept(d + t * batch * np, m, got + t * batch * ld, batch, in, np, kept,
                                       t == 0, soon);
            }
            if (k != NULL) {
                same("dx", k->name, want, got, out);
                assert_memory_equal(kept + ld * np, guard + ld * np, GUARD * sizeof *kept);
            }
            free(got), free(kept);
        }
        free(d), free(m), free(dx), free(want), free(sum), free(guard);
    }
}

/* All through where exp is subnormal and where it overflows, every sign and what is no number. */
static void functions_have_the_reference_bits_to_their_ends(void **state)
{
    (void)state;
    enum { N = 1 << 20 };
    static const float odd[8] = {0.0f, -0.0f, INFINITY, -INFINITY, NAN, 1e30f, -1e30f, 0x1p-149f};
    const struct fg_kernels *ref = fg_kernels_get("reference", FG_EXACT);
    struct fg_rng rng;
    fg_rng_init(&rng, 1, FG_RNG_TEST, 0, 0);
    float *x = floats(&rng, N), *want = copy(x, N), *got = copy(x, N);
    for (size_t i = 0; i < N; i++) {
        x[i] = i < 8 ? odd[i] : (float)fg_rng_uniform(&rng) * 210.0f - 110.0f;
    }
    for (size_t w = 0; w < 2; w++) {
        const struct fg_kernels *k = fg_kernels_get(WIDE[w], FG_EXACT);
        if (k != NULL) {
            ref->exp(x, want, N), k->exp(x, got, N);
            same("exp", k->name, want, got, N);
            ref->tanh_forward(x, want, N), k->tanh_forward(x, got, N);
            same("tanh", k->name, want, got, N);
            ref->sigmoid_forward(x, want, N), k->sigmoid_forward(x, got, N);
            same("sigmoid", k->name, want, got, N);
        }
    }
    free(x), free(want), free(got);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(panels_have_the_reference_bits),
        cmocka_unit_test(a_kept_matrix_gives_the_reference_bits),
        cmocka_unit_test(a_kept_matrix_gives_the_reference_bits_backwards),
        cmocka_unit_test(functions_have_the_reference_bits_to_their_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Every implementation gives the reference's bits: random shapes, the whole memory of each call compared, so
 * that a stray write shows as well. FG_TEST_SEED and FG_TEST_ITERS choose other and more shapes. */
#include "tests/lib/samebits.h"

#include <math.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "config.h"

#include "kernels/isa.h"
#include "tests/lib/test.h"

static void dense_shape(const struct fg_kernels *k, struct arena *a, size_t batch, size_t in, size_t n)
{
    size_t np = fg_kernel_pad(n), ldx = fg_kernel_pad(in) + 16 * pick(a, 0, 1);
    float *x = take(a, batch * ldx), *w = take(a, in * np), *bias = take(a, np), *y = take(a, batch * np);
    float *d = take(a, batch * np), *dx = take(a, batch * ldx), *dw = take(a, in * np), *db = take(a, np);
    k->dense_forward(x, ldx, w, pick(a, 0, 2) ? bias : NULL, y, batch, in, np);
    k->dense_accumulate(x, ldx, w, y, batch, in, np);
    k->dense_backward_input(d, w, dx, ldx, batch, in, np, n);
    k->dense_backward_weights(x, ldx, d, dw, batch, in, np);
    k->column_sum(d, batch, np, db);
    k->dense_sgd(x, ldx, d, -0.37f, w, batch, in, np);
    k->dense_backward_sgd(x, ldx, d, -0.37f, w, dx, ldx, batch, in, np, n);
    k->column_sum_sgd(d, batch, np, -0.37f, bias);
}

static void dense_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 64);
    dense_shape(k, a, batch, pick(a, 1, 150), pick(a, 1, 150));
}

/* Weights past every cache and panel size that the wide kernels treat apart. */
static void large_dense_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 20), n = pick(a, 120, 500);
    dense_shape(k, a, batch, pick(a, 120, 900), n);
}

/* Rows of whole pages, as an LSTM of 256 units has, which the wide kernels take fewer of at once. */
static void paged_dense_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 40), n = pick(a, 0, 1) ? pick(a, 1009, 1024) : 2048;
    dense_shape(k, a, batch, pick(a, 1, 90), n);
}

static void conv_case(const struct fg_kernels *k, struct arena *a)
{
    size_t cin = pick(a, 1, 20), cout = pick(a, 1, 40);
    struct fg_conv s = {.batch = pick(a, 1, 4), .h = pick(a, 5, 20), .w = pick(a, 5, 20), .cin = cin};
    s.cs = pick(a, 0, 1) ? cin : fg_kernel_pad(cin);
    s.kh = pick(a, 1, 5);
    s.kw = pick(a, 1, 5);
    s.stride = pick(a, 0, 2) ? 1 : pick(a, 2, 3);
    s.oh = (s.h - s.kh) / s.stride + 1;
    s.ow = (s.w - s.kw) / s.stride + 1;
    s.np = fg_kernel_pad(cout);
    size_t cp = fg_kernel_pad(cin), dh = s.h + s.kh - 1, dw = s.w + s.kw - 1, taps = s.kh * s.kw;
    float *x = take(a, s.batch * s.h * s.w * s.cs), *w = take(a, taps * cin * s.np), *bias = take(a, s.np);
    float *y = take(a, s.batch * s.oh * s.ow * s.np), *d = take(a, s.batch * s.oh * s.ow * s.np);
    float *gw = take(a, taps * cin * s.np), *wt = take(a, taps * cout * cp);
    float *dp = take(a, s.batch * dh * dw * s.np), *dx = take(a, s.batch * s.h * s.w * cp);
    k->conv_forward(&s, x, w, pick(a, 0, 2) ? bias : NULL, y);
    k->conv_backward_weights(&s, x, d, gw);
    k->conv_flip(w, s.kh, s.kw, cin, s.np, cout, wt);
    k->image_pad(d, s.batch, s.oh, s.ow, s.np, dp, dh, dw, s.kh - 1, s.kw - 1, s.stride);
    struct fg_conv back = {s.batch, dh, dw, s.np, cout, s.kh, s.kw, 1, s.h, s.w, cp, 0, NULL};
    k->conv_forward(&back, dp, wt, NULL, dx);
    k->conv_sgd(&s, x, d, -0.11f, w);
}

/* Many and few channels, values whose products are below the normal numbers, too. */
static void bf16_conv_case(const struct fg_kernels *k, struct arena *a)
{
    size_t cin = pick(a, 10, 70), cout = pick(a, 1, 70);
    size_t side = pick(a, 0, 4) ? 12 : 24;
    struct fg_conv s = {.batch = pick(a, 1, 3), .h = pick(a, 5, side), .w = pick(a, 5, side), .cin = cin};
    s.cs = fg_kernel_pad(cin);
    s.kh = pick(a, 1, 5);
    s.kw = pick(a, 1, 5);
    s.stride = pick(a, 0, 7) ? 1 : 2;
    s.oh = (s.h - s.kh) / s.stride + 1;
    s.ow = (s.w - s.kw) / s.stride + 1;
    s.np = fg_kernel_pad(cout);
    size_t in = s.batch * s.h * s.w * s.cs, out = s.batch * s.oh * s.ow * s.np, weights = s.kh * s.kw * cin;
    float *x = take(a, in), *w = take(a, weights * s.np), *bias = take(a, s.np), *y = take(a, out);
    float *d = take(a, out), *gw = take(a, weights * s.np);
    int tiny = (int)pick(a, 0, 2) * -65;
    for (size_t i = 0; i < in + weights * s.np; i++) {
        float *v = i < in ? &x[i] : &w[i - in];
        *v = ldexpf(*v, tiny);
    }
    s.work = aligned_alloc(64, fg_conv_work(&s) + 64);
    assert_non_null(s.work);
    k->conv_forward(&s, x, w, pick(a, 0, 2) ? bias : NULL, y);
    k->conv_backward_weights(&s, x, d, gw);
    k->conv_sgd(&s, x, d, -0.11f, w);
    free(s.work);
}

static void zero_from(float *p, size_t rows, size_t ld, size_t used)
{
    for (size_t i = 0; i < rows * ld; i++) {
        p[i] = i % ld < used ? p[i] : 0.0f;
    }
}

/* Few outputs, told to the kernels; then padding has to be zero, as everywhere but in these tests. */
static void narrow_conv_case(const struct fg_kernels *k, struct arena *a)
{
    size_t cin = pick(a, 1, 5), cout = pick(a, 1, 9), np = 16;
    struct fg_conv s = {.batch = pick(a, 1, 3), .h = pick(a, 5, 20), .w = pick(a, 5, 40), .cin = cin};
    s.cs = pick(a, 0, 3) ? cin : np;
    s.kh = pick(a, 1, 5);
    s.kw = pick(a, 1, 5);
    s.stride = pick(a, 0, 3) ? 1 : 2;
    s.oh = (s.h - s.kh) / s.stride + 1;
    s.ow = (s.w - s.kw) / s.stride + 1;
    s.np = np;
    s.cout = cout;
    size_t in = s.batch * s.h * s.w * s.cs, out = s.batch * s.oh * s.ow * np, weights = s.kh * s.kw * cin;
    float *w = take(a, weights * np), *bias = take(a, np), *y = take(a, out), *d = take(a, out);
    float *gw = take(a, weights * np), *x = take(a, in); /* wide loads past x meet the gap after it */
    zero_from(w, weights, np, cout);
    zero_from(bias, 1, np, cout);
    zero_from(d, out / np, np, cout);
    k->conv_forward(&s, x, w, pick(a, 0, 2) ? bias : NULL, y);
    k->conv_backward_weights(&s, x, d, gw);
    k->conv_sgd(&s, x, d, -0.11f, w);
}

static void pool_case(const struct fg_kernels *k, struct arena *a)
{
    struct fg_pool s = {.batch = pick(a, 1, 3), .h = pick(a, 4, 13), .w = pick(a, 4, 13)};
    s.cs = 16 * pick(a, 1, 3);
    s.k = pick(a, 1, 4);
    s.stride = pick(a, 1, 4);
    s.oh = (s.h - s.k) / s.stride + 1;
    s.ow = (s.w - s.k) / s.stride + 1;
    size_t out = s.batch * s.oh * s.ow * s.cs, in = s.batch * s.h * s.w * s.cs;
    float *x = take(a, in), *y = take(a, out), *d = take(a, out), *dx = take(a, in), *arg = take(a, out / 4);
    k->maxpool_forward(&s, x, y, (uint8_t *)arg);
    k->maxpool_backward(&s, d, (const uint8_t *)arg, dx);
}

static void image_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 3), h = pick(a, 1, 9), w = pick(a, 1, 9), cs = pick(a, 1, 19);
    size_t dh = pick(a, 1, 20), dw = pick(a, 1, 20), dilate = pick(a, 1, 3);
    float *src = take(a, batch * h * w * cs), *dst = take(a, batch * dh * dw * cs);
    k->image_pad(src, batch, h, w, cs, dst, dh, dw, pick(a, 0, 4), pick(a, 0, 4), dilate);
}

static void loss_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 20), n = pick(a, 0, 4) ? pick(a, 1, 40) : pick(a, 1000, 1100),
           np = fg_kernel_pad(n);
    float *z = take(a, batch * np), *d = take(a, batch * np), *loss = take(a, batch);
    int32_t label[20], *pred = (int32_t *)(void *)take(a, batch);
    for (size_t b = 0; b < batch; b++) {
        label[b] = (int32_t)pick(a, 0, n) - 1;
        z[b * np] *= pick(a, 0, 3) ? 1.0f : 100.0f;
    }
    if (pick(a, 0, 5) == 0) {
        z[pick(a, 0, batch * np - 1)] = INFINITY;
    }
    k->softmax_xent(z, label, batch, n, np, 0.1f, pick(a, 0, 3) ? d : NULL, loss,
                    pick(a, 0, 3) ? pred : NULL);
    k->softmax_xent(z, label, batch, n, np, 0.1f, z, loss, NULL);
    for (size_t i = 0; i < a->used; i++) { /* NaNs of either sign are one */
        a->mem[i] = a->mem[i] == a->mem[i] ? a->mem[i] : 0.0f;
    }
}

static void embedding_case(const struct fg_kernels *k, struct arena *a)
{
    size_t rows = pick(a, 1, 50), np = 16 * pick(a, 1, 4), vocabulary = pick(a, 1, 30);
    float *table = take(a, vocabulary * np), *y = take(a, rows * np), *d = take(a, rows * np);
    int32_t index[50];
    for (size_t r = 0; r < rows; r++) {
        index[r] = (int32_t)pick(a, 0, vocabulary - 1);
    }
    k->gather(table, index, rows, np, y);
    k->scatter_add(d, index, rows, np, table);
}

static void lstm_case(const struct fg_kernels *k, struct arena *a)
{
    size_t batch = pick(a, 1, 12), hp = 16 * pick(a, 1, 5), n = batch * hp;
    float *gates = take(a, 4 * n), *before = take(a, n), *c = take(a, n), *tc = take(a, n), *h = take(a, n);
    float *dh = take(a, n), *dc = take(a, n), *dgates = take(a, 4 * n);
    k->lstm_forward(gates, before, c, tc, h, batch, hp);
    k->lstm_backward(gates, before, tc, dh, dc, dgates, batch, hp);
}

static void pointwise_case(const struct fg_kernels *k, struct arena *a)
{
    size_t n = pick(a, 1, 200);
    float *x = take(a, n), *y = take(a, n), *z = take(a, n), *w = take(a, n);
    float spread = ldexpf(1.0f, (int)pick(a, 0, 12) - 4);
    k->scale(spread, x, x, n);
    k->relu_forward(x, y, n);
    k->relu_backward(x, z, w, n);
    k->tanh_forward(x, take(a, n), n);
    k->tanh_backward(y, z, take(a, n), n);
    k->sigmoid_forward(x, take(a, n), n);
    k->sigmoid_backward(y, z, take(a, n), n);
    k->exp(x, take(a, n), n);
    float *magnitude = take(a, n);
    for (size_t i = 0; i < n; i++) {
        magnitude[i] = fabsf(x[i]) * ldexpf(1.0f, (int)pick(a, 0, 270) - 145);
    }
    k->log(magnitude, take(a, n), n);
    float *raw = take(a, n);
    k->from_bytes((const uint8_t *)raw, x, z, pick(a, 1, n < 7 ? n : 7), take(a, n), n);
    struct fg_dropout m = {{fg_rng_u32(&a->rng), 7}, {0, 0, 3, 4}, 0x60000000u, 1.6f};
    fg_rng_counter(m.ctr, FG_RNG_DROPOUT, 3, 4,
                   0xFFFFFFFFu - pick(a, 0, 40)); /* carries into the next word */
    k->dropout(&m, x, take(a, n), n);
}

static void vector_case(const struct fg_kernels *k, struct arena *a)
{
    size_t n = pick(a, 1, 200);
    float *x = take(a, n), *y = take(a, n), *z = take(a, n), *w = take(a, n);
    double sum;
    size_t channels = pick(a, 1, 6); /* the floats' own bytes will do */
    k->from_bytes((const uint8_t *)x + pick(a, 0, 3), y, z, channels < n ? channels : 1, take(a, 3 * n),
                  3 * n);
    k->axpy(0.3f, x, y, n);
    k->prox(0.7f, x, z, y, n);
    k->sgd_momentum(-0.1f, 0.9f, 0.01f, x, z, w, n);
    k->sgd_decay(-0.1f, 0.01f, x, w, n);
    sum = k->sum_squares(x, n);
    memcpy(take(a, 2), &sum, sizeof sum);
    double sums[200];
    for (size_t i = 0; i < n; i++) {
        sums[i] = (double)x[i] * (double)z[i];
    }
    k->step_mean(sums, (double)fabsf(y[0]), 0.7, w, n);
}

static void rows_case(const struct fg_kernels *k, struct arena *a)
{
    size_t rows = pick(a, 1, 40), n = pick(a, 1, 50), np = fg_kernel_pad(n);
    float *x = take(a, rows * n), *z = take(a, rows * np), *y = take(a, rows * n);
    k->subtract_rows(x, z, y, rows, n);
    k->pad_rows(x, z, rows, n);
}

/* All tables of bfloat16, with their instructions and without; the first is the reference. */
enum { BF16_TABLES = 5 };

static void bf16_tables(const struct fg_kernels *all[BF16_TABLES])
{
    int wide = fg_kernels_get("avx512", FG_EXACT) != NULL;
    all[0] = fg_kernels_get("reference", FG_BF16);
    all[1] = fg_kernels_get("avx2", FG_BF16);
    all[2] = fg_kernels_get("avx512", FG_BF16); /* the fastest of this CPU */
    all[3] = wide ? &fg_kernels_avx512_bf16 : NULL;
    all[4] = wide && fg_dot_ready() ? &fg_kernels_avx512_dot : NULL;
}

static void bf16_conv_has_the_reference_bits(void **state)
{
    (void)state;
    const struct fg_kernels *all[BF16_TABLES];
    float *want = aligned_alloc(64, ARENA_FLOATS * sizeof *want),
          *got = aligned_alloc(64, ARENA_FLOATS * sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    bf16_tables(all);
    for (size_t i = 1; i < BF16_TABLES; i++) {
        for (uint64_t seed = 1; all[i] && seed <= fg_test_iters(40); seed++) {
            size_t used = run_case(bf16_conv_case, all[0], seed, want);
            assert_int_equal(run_case(bf16_conv_case, all[i], seed, got), used);
            for (size_t e = 0; e < used; e++) {
                if (memcmp(want + e, got + e, sizeof *got) != 0) {
                    fail_msg("%s %zu, seed %llu: float %zu of %zu is %a, the reference has %a", all[i]->name,
                             i, (unsigned long long)seed, e, used, (double)got[e], (double)want[e]);
                }
            }
        }
    }
    free(want);
    free(got);
}

/* The sums 2^-126 - 2^-151, halfway to the number below, which so rounds to 2^-126, and 2^-126 - 2^-150,
 * which is below the normal numbers and so is 0. */
static void bf16_sums_end_at_the_least_normal_number(void **state)
{
    (void)state;
    const struct fg_kernels *all[BF16_TABLES];
    static const float less[2] = {-0x1p-75f, -0x1p-74f}, want[2] = {0x1p-126f, 0.0f};
    static float x[16], w[16 * 16], y[16];
    struct fg_conv s = {1, 1, 1, 16, 16, 1, 1, 1, 1, 1, 16, 16, NULL};
    assert_non_null(s.work = aligned_alloc(64, fg_conv_work(&s)));
    bf16_tables(all);
    x[0] = w[0] = 0x1p-63f;
    x[4] = 0x1p-76f;
    for (size_t i = 0; i < BF16_TABLES; i++) {
        for (size_t n = 0; all[i] && n < 2; n++) {
            w[4 * 16] = less[n];
            all[i]->conv_forward(&s, x, w, NULL, y);
            assert_memory_equal(&y[0], &want[n], sizeof want[n]);
        }
    }
    free(s.work);
}

CASE(dense, 150)
CASE(large_dense, 12)
CASE(paged_dense, 12)
CASE(conv, 100)
CASE(narrow_conv, 300)
CASE(pool, 100)
CASE(image, 100)
CASE(loss, 200)
CASE(embedding, 100)
CASE(lstm, 100)
CASE(pointwise, 300)
CASE(vector, 300)
CASE(rows, 300)

/* Wide loads may not run past a buffer: inputs that end where the next page may not be touched. */
static void inputs_may_end_at_a_forbidden_page(void **state)
{
    (void)state;
    size_t page = (size_t)sysconf(_SC_PAGESIZE), room = 8 * page;
    char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(map != MAP_FAILED);
    assert_int_equal(mprotect(map + room, page, PROT_NONE), 0);
    float *end = (float *)(void *)(map + room);
    static float w[75 * 16], y[28 * 28 * 16], scale[3], shift[3];
    for (size_t i = 0; i < 3; i++) {
        const struct fg_kernels *k =
            fg_kernels_get((const char *[]){"reference", "avx2", "avx512"}[i], FG_EXACT);
        for (size_t n = 1; k && n < 70; n++) {
            k->relu_forward(end - n, y, n);
            k->axpy(1.0f, end - n, end - n, n);
            k->from_bytes((const uint8_t *)end - n, scale, shift, 3, y, n);
            assert_true(k->sum_squares(end - n, n) == 0.0);
        }
        for (size_t kw = 3; k && kw <= 5; kw++) { /* raw images of three channels */
            const struct fg_conv s = {1, 28, 28, 3, 3, kw, kw, 1, 29 - kw, 29 - kw, 16, 6, NULL};
            k->conv_forward(&s, end - 28 * 28 * 3, w, NULL, y);
            k->conv_backward_weights(&s, end - 28 * 28 * 3, y, w);
        }
    }
    munmap(map, room + page);
}

static void names_choose_tables(void **state)
{
    (void)state;
    assert_null(fg_kernels_get("sse", FG_EXACT));
    assert_null(fg_kernels_get("", FG_EXACT));
    assert_string_equal(fg_kernels_get("reference", FG_EXACT)->name, "reference");
    const char *best = fg_kernels_get("avx512", FG_EXACT) ? "avx512"
                       : fg_kernels_get("avx2", FG_EXACT) ? "avx2"
                                                          : "reference";
    assert_string_equal(fg_kernels_get("auto", FG_EXACT)->name, best);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_has_the_reference_bits),
        cmocka_unit_test(large_dense_has_the_reference_bits),
        cmocka_unit_test(paged_dense_has_the_reference_bits),
        cmocka_unit_test(conv_has_the_reference_bits),
        cmocka_unit_test(narrow_conv_has_the_reference_bits),
        cmocka_unit_test(pool_has_the_reference_bits),
        cmocka_unit_test(image_has_the_reference_bits),
        cmocka_unit_test(loss_has_the_reference_bits),
        cmocka_unit_test(embedding_has_the_reference_bits),
        cmocka_unit_test(lstm_has_the_reference_bits),
        cmocka_unit_test(pointwise_has_the_reference_bits),
        cmocka_unit_test(vector_has_the_reference_bits),
        cmocka_unit_test(rows_has_the_reference_bits),
        cmocka_unit_test(inputs_may_end_at_a_forbidden_page),
        cmocka_unit_test(bf16_conv_has_the_reference_bits),
        cmocka_unit_test(bf16_sums_end_at_the_least_normal_number),
        cmocka_unit_test(names_choose_tables),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* What the kernels compute, on the reference (the others have its bits): against plain double arithmetic
 * written from the definitions, small examples by hand, and gradients against central differences. */
#include "tests/lib/test.h"

#include "kernels/kernels.h"
#include "src/base/rng.h"

static const struct fg_kernels *K;
static struct fg_rng RNG;

static int start(void **state)
{
    (void)state;
    K = fg_kernels_get("reference", FG_EXACT);
    fg_rng_init(&RNG, 5, FG_RNG_TEST, 0, 0);
    return 0;
}

static void fill(float *p, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = (float)(fg_rng_uniform(&RNG) * 2.0 - 1.0);
    }
}

enum { DB = 3, DI = 7, DN = 5, DL = 16 };

static void dense_forward_is_x_w_plus_bias(void **state)
{
    (void)state;
    float x[DB * DL], w[DI * DL], bias[DL], y[DB * DL];
    fill(x, DB * DL);
    fill(w, DI * DL);
    fill(bias, DL);
    K->dense_forward(x, DL, w, bias, y, DB, DI, DL);
    for (int b = 0; b < DB; b++) {
        for (int j = 0; j < DL; j++) {
            double s = bias[j];
            for (int i = 0; i < DI; i++) {
                s += (double)x[b * DL + i] * w[i * DL + j];
            }
            fg_assert_close(y[b * DL + j], s, 1e-5);
        }
    }
    float twice[DB * DL];
    memcpy(twice, y, sizeof y);
    K->dense_accumulate(x, DL, w, twice, DB, DI, DL);
    fg_assert_close(twice[17], 2.0 * y[17] - bias[1], 1e-5);
}

static void dense_gradients_are_the_transposed_products(void **state)
{
    (void)state;
    float x[DB * DL], w[DI * DL], d[DB * DL], dx[DB * DL], dw[DI * DL], db[DL], w2[DI * DL], b2[DL];
    fill(x, DB * DL);
    fill(w, DI * DL);
    fill(d, DB * DL);
    fill(dx, DB * DL);
    fill(b2, DL);
    memcpy(w2, w, sizeof w);
    K->dense_backward_input(d, w, dx, DL, DB, DI, DL, DN);
    K->dense_backward_weights(x, DL, d, dw, DB, DI, DL);
    K->column_sum(d, DB, DL, db);
    K->dense_sgd(x, DL, d, -0.5f, w2, DB, DI, DL);
    for (int b = 0; b < DB; b++) {
        for (int i = 0; i < DL; i++) {
            double s = 0.0;
            for (int j = 0; j < DN && i < DI; j++) {
                s += (double)d[b * DL + j] * w[i * DL + j];
            }
            fg_assert_close(dx[b * DL + i], s, 1e-5); /* 0 in the padding */
        }
    }
    for (int i = 0; i < DI; i++) {
        for (int j = 0; j < DL; j++) {
            double s = 0.0;
            for (int b = 0; b < DB; b++) {
                s += (double)x[b * DL + i] * d[b * DL + j];
            }
            fg_assert_close(dw[i * DL + j], s, 1e-5);
            assert_true(w2[i * DL + j] == fmaf(-0.5f, dw[i * DL + j], w[i * DL + j]));
        }
    }
    float bias = b2[3];
    K->column_sum_sgd(d, DB, DL, -0.5f, b2);
    fg_assert_close(db[3], (double)d[3] + d[DL + 3] + d[2 * DL + 3], 1e-6);
    assert_true(b2[3] == fmaf(-0.5f, db[3], bias));
}

/* Convolution: loss L = sum c * y for random c, so dL/dy = c; gradients by central differences in double. */
enum { CB = 2, CH = 6, CW = 5, CI = 2, CO = 3, CKH = 3, CKW = 2, CS = 2, CP = 16, CTOP = 1, CLEFT = 1 };
enum { XH = CH + 2 * CTOP, XW = CW + 2 * CLEFT, OH = (XH - CKH) / CS + 1, OW = (XW - CKW) / CS + 1 };

static double conv_loss(const float *x, const float *w,
                        const float *c) /* from the definition, image unpadded */
{
    double loss = 0.0;
    for (int b = 0; b < CB; b++) {
        for (int r = 0; r < OH; r++) {
            for (int q = 0; q < OW; q++) {
                for (int t = 0; t < CKH * CKW * CI * CO; t++) {
                    int o = t % CO, i = t / CO % CI, kw = t / CO / CI % CKW, kh = t / CO / CI / CKW;
                    int row = r * CS + kh - CTOP, column = q * CS + kw - CLEFT;
                    if (row >= 0 && row < CH && column >= 0 && column < CW) {
                        loss += (double)x[((b * CH + row) * CW + column) * CP + i] *
                                w[((kh * CKW + kw) * CI + i) * CP + o] * c[((b * OH + r) * OW + q) * CP + o];
                    }
                }
            }
        }
    }
    return loss;
}

static const struct fg_conv FORWARD = {CB, XH, XW, CP, CI, CKH, CKW, CS, OH, OW, CP, CO, NULL};

static void check_slope(float *at, const float *x, const float *w, const float *c, double gradient)
{
    float keep = *at;
    *at = keep + 0.5f; /* L is linear in each: any step will do */
    double up = conv_loss(x, w, c);
    *at = keep - 0.5f;
    double slope = (up - conv_loss(x, w, c)) / ((double)(keep + 0.5f) - (double)*at);
    *at = keep;
    fg_assert_close(gradient, slope, 2e-5);
}

static void zero_padding(float *p, size_t rows, size_t used)
{
    for (size_t i = 0; i < rows * CP; i++) {
        p[i] = i % CP < used ? p[i] : 0.0f;
    }
}

static void conv_gradients_match_differences(void **state)
{
    (void)state;
    static float x[CB * CH * CW * CP], xp[CB * XH * XW * CP], w[CKH * CKW * CI * CP], c[CB * OH * OW * CP];
    static float y[CB * OH * OW * CP], dw[CKH * CKW * CI * CP], w2[CKH * CKW * CI * CP], bias[CP];
    static float dp[CB * (CH + CKH - 1) * (CW + CKW - 1) * CP], wt[CKH * CKW * CO * CP],
        dx[CB * CH * CW * CP];
    fill(x, CB * CH * CW * CP);
    zero_padding(x, CB * CH * CW, CI);
    fill(w, CKH * CKW * CI * CP);
    zero_padding(w, CKH * CKW * CI, CO);
    fill(c, CB * OH * OW * CP);
    zero_padding(c, CB * OH * OW, CO);
    K->image_pad(x, CB, CH, CW, CP, xp, XH, XW, CTOP, CLEFT, 1);
    K->conv_forward(&FORWARD, xp, w, NULL, y);
    double loss = 0.0;
    for (int i = 0; i < CB * OH * OW * CP; i++) {
        loss += (double)y[i] * c[i];
    }
    fg_assert_close(loss, conv_loss(x, w, c), 1e-4);
    bias[2] = 3.0f;
    float before = y[CP + 2];
    K->conv_forward(&FORWARD, xp, w, bias, y);
    fg_assert_close(y[CP + 2], before + 3.0, 1e-5);

    memcpy(w2, w, sizeof w);
    K->conv_backward_weights(&FORWARD, xp, c, dw);
    K->conv_sgd(&FORWARD, xp, c, -0.5f, w2);
    for (int i = 0; i < CKH * CKW * CI * CP; i++) {
        if (i % CP < CO) {
            check_slope(w + i, x, w, c, dw[i]);
        }
        assert_true(w2[i] == fmaf(-0.5f, dw[i], w[i]));
    }
    enum { PH = CH + CKH - 1, PW = CW + CKW - 1 };
    const struct fg_conv back = {CB, PH, PW, CP, CO, CKH, CKW, 1, CH, CW, CP, CI, NULL};
    K->image_pad(c, CB, OH, OW, CP, dp, PH, PW, CKH - 1 - CTOP, CKW - 1 - CLEFT, CS);
    K->conv_flip(w, CKH, CKW, CI, CP, CO, wt);
    K->conv_forward(&back, dp, wt, NULL, dx);
    for (int i = 0; i < CB * CH * CW * CP; i++) {
        if (i % CP < CI) {
            check_slope(x + i, x, w, c, dx[i]);
        } else {
            assert_true(dx[i] == 0.0f);
        }
    }
}

static void maxpool_takes_the_first_of_equals(void **state)
{
    (void)state;
    float x[3 * 3 * 16] = {0}, y[2 * 2 * 16], d[2 * 2 * 16], dx[3 * 3 * 16];
    uint8_t arg[2 * 2 * 16];
    const float image[9] = {1, 5, 2, 5, 3, 4, -1, -2, 7};
    for (int p = 0; p < 9; p++) {
        x[p * 16] = image[p];
        x[p * 16 + 15] = -image[p];
    }
    const struct fg_pool s = {1, 3, 3, 16, 2, 1, 2, 2}; /* overlapping windows */
    K->maxpool_forward(&s, x, y, arg);
    const float want[4] = {5, 5, 5, 7}, low[4] = {-1, -2, 2, 2};
    const int place[4] = {1, 0, 0, 3};
    for (int p = 0; p < 4; p++) {
        assert_true(y[p * 16] == want[p] && y[p * 16 + 15] == low[p]);
        assert_int_equal(arg[p * 16], place[p]);
        for (int c = 0; c < 16; c++) {
            d[p * 16 + c] = (float)(p + 1);
        }
    }
    K->maxpool_backward(&s, d, arg, dx);
    assert_true(dx[1 * 16] == 3.0f && dx[3 * 16] == 3.0f && dx[8 * 16] == 4.0f && dx[0] == 0.0f);
}

static double mean_loss(const double *z, const int32_t *label, int batch, int n)
{
    double loss = 0.0;
    for (int b = 0; b < batch; b++) {
        double s = 0.0;
        for (int c = 0; c < n; c++) {
            s += exp(z[b * n + c]);
        }
        loss += label[b] < 0 ? 0.0 : log(s) - z[b * n + label[b]];
    }
    return loss / batch;
}

static void softmax_gradient_matches_differences(void **state)
{
    (void)state;
    enum { B = 4, N = 6 };
    float z[B * 16], d[B * 16], loss[B];
    double zd[B * N], sum = 0.0;
    int32_t pred[B], label[B] = {2, 0, -1, 5};
    fill(z, B * 16);
    z[16 + 3] = z[16 + 4] = 5.0f; /* a tie: the first wins */
    for (int i = 0; i < B * N; i++) {
        zd[i] = z[i / N * 16 + i % N];
    }
    K->softmax_xent(z, label, B, N, 16, 1.0f / B, d, loss, pred);
    assert_int_equal(pred[1], 3);
    for (int b = 0; b < B; b++) {
        sum += loss[b];
    }
    fg_assert_close(sum / B, mean_loss(zd, label, B, N), 1e-6);
    for (int i = 0; i < B * 16; i++) {
        if (i % 16 >= N) {
            assert_true(d[i] == 0.0f);
            continue;
        }
        double keep = zd[i / 16 * N + i % 16], h = 1e-5;
        zd[i / 16 * N + i % 16] = keep + h;
        double up = mean_loss(zd, label, B, N);
        zd[i / 16 * N + i % 16] = keep - h;
        fg_assert_close(d[i], (up - mean_loss(zd, label, B, N)) / (2.0 * h), 1e-6);
        zd[i / 16 * N + i % 16] = keep;
    }
}

static void softmax_survives_large_and_flags_infinite_scores(void **state)
{
    (void)state;
    float z[32] = {1000.0f, -1000.0f, 999.0f}, d[32], loss[2];
    int32_t label[2] = {0, 1}, pred[2];
    z[16] = INFINITY;
    K->softmax_xent(z, label, 2, 3, 16, 1.0f, d, loss, pred);
    fg_assert_close(loss[0], log(1.0 + exp(-1.0)), 1e-6);
    fg_assert_close(d[2], 1.0 / (1.0 + exp(1.0)), 1e-6);
    assert_int_equal(pred[0], 0);
    assert_true(isnan(loss[1]));
    assert_int_equal(pred[1], -1);
}

static double logistic(double x)
{
    return 1.0 / (1.0 + exp(-x));
}

/* h + 2 c of one LSTM cell, gates and old cell given. */
static double cell(const double *p)
{
    double c = logistic(p[1]) * p[4] + logistic(p[0]) * tanh(p[2]);
    return logistic(p[3]) * tanh(c) + 2.0 * c;
}

static void lstm_gradient_matches_differences(void **state)
{
    (void)state;
    float gates[64], old[16], c[16], tc[16], h[16], dh[16], dc[16], dgates[64];
    fill(gates, 64);
    fill(old, 16);
    double p[16][5];
    for (int j = 0; j < 16; j++) {
        for (int g = 0; g < 4; g++) {
            p[j][g] = gates[g * 16 + j];
        }
        p[j][4] = old[j];
        dh[j] = 1.0f;
        dc[j] = 2.0f;
    }
    K->lstm_forward(gates, old, c, tc, h, 1, 16);
    K->lstm_backward(gates, old, tc, dh, dc, dgates, 1, 16);
    for (int j = 0; j < 16; j++) {
        fg_assert_close(h[j] + 2.0 * c[j], cell(p[j]), 1e-6);
        for (int g = 0; g < 5; g++) {
            double keep = p[j][g], e = 1e-5;
            p[j][g] = keep + e;
            double up = cell(p[j]);
            p[j][g] = keep - e;
            fg_assert_close(g < 4 ? dgates[g * 16 + j] : dc[j], (up - cell(p[j])) / (2.0 * e), 1e-5);
            p[j][g] = keep;
        }
    }
}

static void activations_have_their_slopes(void **state)
{
    (void)state;
    float x[5] = {-2.0f, -0.0f, 0.0f, 0.7f, 3.0f}, y[5], one[5] = {1, 1, 1, 1, 1}, d[5];
    K->relu_forward(x, y, 5);
    K->relu_backward(y, one, d, 5);
    assert_true(y[0] == 0.0f && y[3] == 0.7f && d[0] == 0.0f && d[2] == 0.0f && d[4] == 1.0f);
    K->tanh_forward(x, y, 5);
    K->tanh_backward(y, one, d, 5);
    for (int i = 0; i < 5; i++) {
        fg_assert_close(d[i], 1.0 / pow(cosh((double)x[i]), 2.0), 1e-6);
    }
    K->sigmoid_forward(x, y, 5);
    K->sigmoid_backward(y, one, d, 5);
    for (int i = 0; i < 5; i++) {
        fg_assert_close(d[i], logistic((double)x[i]) * logistic(-(double)x[i]), 1e-6);
    }
}

static void dropout_follows_the_stream(void **state)
{
    (void)state;
    enum { N = 4001 };
    static float x[N], y[N];
    struct fg_dropout m = {{9, 0}, {0, 0, 0, 0}, 0x40000000u, 4.0f / 3.0f}; /* p = 1/4 */
    fg_rng_counter(m.ctr, FG_RNG_DROPOUT, 3, 8, 0);
    for (int i = 0; i < N; i++) {
        x[i] = 3.0f;
    }
    K->dropout(&m, x, y, N);
    struct fg_rng r; /* the same stream, word by word */
    fg_rng_init(&r, 9, FG_RNG_DROPOUT, 3, 8);
    int kept = 0;
    for (int i = 0; i < N; i++) {
        assert_true(y[i] == (fg_rng_u32(&r) >= 0x40000000u ? 4.0f : 0.0f));
        kept += y[i] > 0.0f;
    }
    fg_assert_close(kept, 0.75 * N, 4.0 * sqrt(N * 0.25 * 0.75));
    float part[1];
    m.ctr[0] += 5; /* element 0 of a buffer that starts at block 5 is element 20 of the stream */
    K->dropout(&m, x, part, 1);
    assert_true(part[0] == y[20]);
}

static void vectors_of_parameters(void **state)
{
    (void)state;
    float w[2] = {1.0f, 2.0f}, g[2] = {0.5f, -1.0f}, v[2] = {0.25f, 0.0f}, y[2], w0[2] = {0.0f, 4.0f};
    K->sgd_momentum(-0.5f, 0.5f, 0.25f, g, v, w, 2); /* v = .125 + .25 + .5; v = 0 + .5 - 1 */
    assert_true(v[0] == 0.875f && v[1] == -0.5f && w[0] == 0.5625f && w[1] == 2.25f);
    K->sgd_decay(-0.5f, 0.25f, g, w, 1);
    assert_true(w[0] == 0.5625f - 0.5f * (0.5f + 0.25f * 0.5625f));
    K->prox(0.5f, w, w0, g, 2);
    assert_true(g[1] == -1.0f + 0.5f * (2.25f - 4.0f));
    float padded[32];
    K->pad_rows(w0, padded, 2, 1);
    assert_true(padded[0] == 0.0f && padded[16] == 4.0f && padded[1] == 0.0f && padded[31] == 0.0f);
    K->subtract_rows(w, padded, y, 2, 1);
    assert_true(y[0] == w[0] && y[1] == -1.75f);
    const double sum[2] = {3.0, -6.0};
    float moved[2] = {1.0f, 2.0f};
    K->step_mean(sum, 4.0, 0.5, moved, 2);
    assert_true(moved[0] == 0.625f && moved[1] == 2.75f);
    K->axpy(2.0f, w0, y, 2);
    assert_true(y[1] == 6.25f);
    K->scale(0.5f, y, y, 2);
    assert_true(y[1] == 3.125f);
    const uint8_t raw[5] = {0, 1, 255, 3, 7};
    const float scales[2] = {0.5f, 2.0f}, shift[2] = {1.0f, -1.0f};
    float x[5];
    K->from_bytes(raw, scales, shift, 2, x, 5);
    assert_true(x[0] == 1.0f && x[1] == 1.0f && x[2] == 128.5f && x[3] == 5.0f && x[4] == 4.5f);
    static float many[1003];
    double want = 0.0;
    fill(many, 1003);
    for (int i = 0; i < 1003; i++) {
        want += (double)many[i] * many[i];
    }
    fg_assert_close(K->sum_squares(many, 1003), want, 1e-10);
}

static void embedding_gathers_and_scatters(void **state)
{
    (void)state;
    float table[3 * 16], y[4 * 16], g[3 * 16] = {0};
    int32_t index[4] = {2, 0, 2, 2};
    fill(table, 48);
    K->gather(table, index, 4, 16, y);
    assert_memory_equal(y, table + 32, 64);
    assert_memory_equal(y + 16, table, 64);
    K->scatter_add(y, index, 4, 16, g);
    assert_true(g[0] == table[0] && g[16] == 0.0f && g[35] == table[35] + table[35] + table[35]);
}

enum { NX = 2 * 7 * 6 * 48, NW = 3 * 2 * 40 * 32, NY = 2 * 5 * 5 * 32 };

/* Numbers of few digits whose products and sums are exact in either arithmetic; channels of padding are 0. */
static void fill_short(float *p, size_t n, size_t ld, size_t used)
{
    for (size_t i = 0; i < n; i++) {
        p[i] = i % ld < used ? (float)((int)fg_rng_below(&RNG, 31) - 15) / 16.0f : 0.0f;
    }
}

static void bf16_convolutions_are_exact_on_short_numbers(void **state)
{
    (void)state;
    static float x[NX], w[NW], d[NY], y[2][NY], dw[2][NW], bias[32];
    struct fg_conv s = {2, 7, 6, 48, 40, 3, 2, 1, 5, 5, 32, 20, NULL};
    const struct fg_kernels *k[2] = {K, fg_kernels_get("reference", FG_BF16)};
    fill_short(x, NX, 48, 40);
    fill_short(w, NW, 32, 20);
    fill_short(d, NY, 32, 20);
    fill_short(bias, 32, 32, 20);
    assert_non_null(s.work = aligned_alloc(64, fg_conv_work(&s)));
    for (int i = 0; i < 2; i++) {
        k[i]->conv_forward(&s, x, w, bias, y[i]);
        k[i]->conv_backward_weights(&s, x, d, dw[i]);
    }
    assert_memory_equal(y[0], y[1], sizeof y[0]);
    assert_memory_equal(dw[0], dw[1], sizeof dw[0]);
    free(s.work);
}

static void bf16_rounds_to_even_and_drops_subnormals(void **state)
{
    (void)state;
    static const float in[] = {0x1.01p0f, 0x1.03p0f, 0x1.010002p0f, 0x1.fffp0f, 0x1p-127f, -0x1.8p5f};
    static const float want[] = {1.0f, 0x1.04p0f, 0x1.02p0f, 2.0f, 0.0f, -0x1.8p5f};
    static float x[16], w[16 * 16], y[16];
    struct fg_conv s = {1, 1, 1, 16, 16, 1, 1, 1, 1, 1, 16, 16, NULL};
    assert_non_null(s.work = aligned_alloc(64, fg_conv_work(&s)));
    for (size_t i = 0; i < 16; i++) {
        w[i * 16 + i] = 1.0f;
        x[i] = i < 6 ? in[i] : 0.0f;
    }
    fg_kernels_get("auto", FG_BF16)->conv_forward(&s, x, w, NULL, y);
    assert_memory_equal(y, want, sizeof want);
    free(s.work);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(dense_forward_is_x_w_plus_bias),
        cmocka_unit_test(dense_gradients_are_the_transposed_products),
        cmocka_unit_test(conv_gradients_match_differences),
        cmocka_unit_test(bf16_convolutions_are_exact_on_short_numbers),
        cmocka_unit_test(bf16_rounds_to_even_and_drops_subnormals),
        cmocka_unit_test(maxpool_takes_the_first_of_equals),
        cmocka_unit_test(softmax_gradient_matches_differences),
        cmocka_unit_test(softmax_survives_large_and_flags_infinite_scores),
        cmocka_unit_test(lstm_gradient_matches_differences),
        cmocka_unit_test(activations_have_their_slopes),
        cmocka_unit_test(dropout_follows_the_stream),
        cmocka_unit_test(vectors_of_parameters),
        cmocka_unit_test(embedding_gathers_and_scatters),
    };
    return cmocka_run_group_tests(tests, start, NULL);
}

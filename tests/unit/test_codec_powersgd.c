/* PowerSGD: matrices of the rank that is sent come through, the best of that rank is found with the updates,
 * nothing is lost between what is sent and what is kept. */
#include "tests/lib/test.h"

#include <math.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

enum { A = 37, B = 50, C = 21, D = 90, BIAS = 13, N = A * B + BIAS + C * D + 4 };

/* A matrix, a vector, a matrix, and one of two rows and columns that is not worth it. */
static const size_t layers[] = {A * B, BIAS, C *D, 4}, rows[] = {A, 1, C, 2};

struct bed {
    struct fg_codec_ws ws;
    float x[N], y[N];
    uint8_t *bytes;
    size_t len;
};

static struct bed *bed_new(size_t rank)
{
    struct bed *b = fg_calloc(1, sizeof *b);
    assert_non_null(b);
    b->ws.opts = (struct fg_codec_opts){.layer = layers, .layers = 4, .rows = rows, .rank = rank, .seed = 3};
    b->ws.kept = fg_calloc(fg_codec_state(&fg_codec_powersgd, &b->ws.opts, N), sizeof(float));
    b->bytes = fg_calloc(fg_codec_powersgd.bound(&b->ws.opts, N), 1);
    assert_true(b->ws.kept != NULL && b->bytes != NULL);
    return b;
}

static void bed_free(struct bed *b)
{
    fg_free(b->ws.kept);
    fg_free(b->bytes);
    fg_codec_ws_fini(&b->ws);
    fg_free(b);
}

static void through(struct bed *b)
{
    size_t cap = fg_codec_powersgd.bound(&b->ws.opts, N);
    b->ws.number++;
    assert_int_equal(fg_codec_powersgd.encode(&b->ws, b->bytes, cap, &b->len, b->x, N), FG_OK);
    assert_int_equal(b->len, fg_codec_powersgd.expected(&b->ws.opts, N));
    assert_int_equal(fg_codec_powersgd.decode(&b->ws, b->y, N, b->bytes, b->len), FG_OK);
}

/* Sums of so many outer products, each smaller than the one before it by `fall`. */
static void fill(float *x, uint64_t seed, int products, double fall)
{
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_TEST, 12, 0);
    for (int i = 0; i < N; i++) {
        x[i] = (float)fg_rng_normal(&r);
    }
    for (size_t l = 0, at = 0; l < 4; at += layers[l++]) {
        size_t b = layers[l] / rows[l];
        float size = 1.f;
        for (size_t i = 0; rows[l] > 2 && i < layers[l]; i++) {
            x[at + i] = 0.f;
        }
        for (int k = 0; rows[l] > 2 && k < products; k++, size *= (float)fall) {
            float u[D], v[D];
            for (size_t i = 0; i < D; i++) {
                u[i] = (float)fg_rng_normal(&r);
                v[i] = (float)fg_rng_normal(&r);
            }
            for (size_t i = 0; i < layers[l]; i++) {
                x[at + i] += size * u[i / b] * v[i % b];
            }
        }
    }
}

static double square(const float *x, const float *y, size_t n)
{
    double sum = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)x[i] - (y != NULL ? (double)y[i] : 0.0);
        sum += d * d;
    }
    return sum;
}

static void what_has_the_rank_comes_through(void **state)
{
    (void)state;
    for (size_t rank = 1; rank <= 5; rank++) {
        struct bed *b = bed_new(rank);
        for (uint64_t k = 0; k < 5; k++) {
            fill(b->x, k, (int)rank, 0.5);
            memset(b->ws.kept, 0,
                   N * sizeof(float)); /* rounding: of other directions than the next update's */
            through(b);
            assert_true(square(b->x, b->y, N) < 1e-5 * square(b->x, NULL, N));
            assert_true(square(b->ws.kept, NULL, N) < 1e-5 * square(b->x, NULL, N));
        }
        bed_free(b);
    }
}

static void sizes_are_those_of_the_factors(void **state)
{
    (void)state;
    struct bed *b = bed_new(3);
    size_t want = 3 * (A + B) + BIAS + 3 * (C + D) + 4;
    assert_int_equal(fg_codec_powersgd.expected(&b->ws.opts, N), 4 * want);
    assert_int_equal(fg_codec_state(&fg_codec_powersgd, &b->ws.opts, N), N + 3 * (B + D));
    b->ws.opts.rank = 30; /* more than they are: all go as they are */
    assert_int_equal(fg_codec_powersgd.expected(&b->ws.opts, N), 4 * N);
    b->ws.opts.rank = 3;
    fill(b->x, 1, 6, 0.9);
    through(b);
    for (size_t len = 0; len < b->len; len++) {
        assert_int_equal(fg_codec_powersgd.decode(&b->ws, b->y, N, b->bytes, len), FG_E_CORRUPT);
    }
    bed_free(b);
}

/* The same update again and again: power iteration from the last factor finds what is largest. Without error
 * feedback (what is kept is thrown away, its factors are not) the error falls to that of the
 * best matrix of that rank. */
static void the_largest_part_is_found(void **state)
{
    (void)state;
    enum { RANK = 2 };
    struct bed *b = bed_new(RANK);
    double first = 0.0, last = 0.0, best = 0.0;
    fill(b->x, 7, 12, 0.7);
    for (int t = 0; t < 40; t++) {
        memset(b->ws.kept, 0, N * sizeof(float));
        through(b);
        last = square(b->x, b->y, A * B);
        first = t == 0 ? last : first;
    }
    /* What deflation by many power iterations in double leaves. */
    static double m[A][B];
    for (size_t i = 0; i < A * B; i++) {
        m[i / B][i % B] = (double)b->x[i];
    }
    for (int k = 0; k < RANK; k++) {
        double u[A], v[B], norm;
        for (size_t j = 0; j < B; j++) {
            v[j] = 1.0 + (double)(j % 3);
        }
        for (int t = 0; t < 500; t++) {
            norm = 0.0;
            for (size_t i = 0; i < A; i++) {
                u[i] = 0.0;
                for (size_t j = 0; j < B; j++) {
                    u[i] += m[i][j] * v[j];
                }
                norm += u[i] * u[i];
            }
            for (size_t j = 0; j < B; j++) {
                v[j] = 0.0;
                for (size_t i = 0; i < A; i++) {
                    v[j] += m[i][j] * u[i] / sqrt(norm);
                }
            }
        }
        for (size_t i = 0; i < A; i++) {
            for (size_t j = 0; j < B; j++) {
                m[i][j] -= u[i] / sqrt(norm) * v[j];
            }
        }
    }
    for (size_t i = 0; i < A; i++) {
        for (size_t j = 0; j < B; j++) {
            best += m[i][j] * m[i][j];
        }
    }
    assert_true(first > best && last <= best * 1.001 && last >= best * 0.999);
    bed_free(b);
}

static void nothing_is_lost(void **state)
{
    (void)state;
    struct bed *b = bed_new(1);
    static double balance[N];
    double most = 0.0;
    memset(balance, 0, sizeof balance);
    for (uint64_t t = 0; t < 200; t++) {
        fill(b->x, t, 8, 0.8);
        through(b);
        for (int i = 0; i < N; i++) {
            balance[i] += (double)b->x[i] - (double)b->y[i];
            assert_true(fabs(balance[i] - (double)b->ws.kept[i]) < 2e-3);
        }
        double kept = square(b->ws.kept, NULL, N) / square(b->x, NULL, N);
        most = kept > most ? kept : most;
    }
    assert_true(most < 100 && most > 1);
    bed_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_has_the_rank_comes_through),
        cmocka_unit_test(sizes_are_those_of_the_factors),
        cmocka_unit_test(the_largest_part_is_found),
        cmocka_unit_test(nothing_is_lost),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* Exact sums: the same bits in any order and in any portions; right to the last place where terms are
 * multiples of the unit; full windows pass on what they hold. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/aggregator/exact.h"
#include "src/base/fsum.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"

enum { N = 2 * FG_EXACT_BLOCK + 77, M = 40 };

static float x[M][N];
static double weight[M];

static void fill(double spread_bits)
{
    struct fg_rng r;
    fg_rng_init(&r, 3, FG_RNG_TEST, 0, 0);
    for (int k = 0; k < M; k++) {
        weight[k] = (k % 5 == 0 ? -1.0 : 1.0) * (1.0 + (double)(fg_rng_u64(&r) % 600) / 7.0);
        float size = (float)exp2((double)(fg_rng_u64(&r) % 1000) / 1000.0 * spread_bits - spread_bits / 2.0);
        for (int i = 0; i < N; i++) {
            x[k][i] = (float)fg_rng_normal(&r) * size;
        }
    }
}

/* The sum of all terms in a random order, in random portions. */
static void sum(double *out, uint32_t seed)
{
    struct fg_exact *e = NULL;
    struct fg_exact_term term[M];
    struct fg_rng r;
    fg_rng_init(&r, 4, FG_RNG_TEST, seed, 0);
    for (int k = 0; k < M; k++) {
        term[k] = fg_exact_floats(weight[k], x[k]);
    }
    for (int k = M - 1; k > 0; k--) {
        int other = (int)(fg_rng_u64(&r) % (uint64_t)(k + 1));
        struct fg_exact_term t = term[k];
        term[k] = term[other];
        term[other] = t;
    }
    assert_int_equal(fg_exact_create(&e, N), FG_OK);
    if (seed % 2 == 1) { /* what was there before leaves nothing */
        assert_int_equal(fg_exact_add(e, term, 5), FG_OK);
        fg_exact_clear(e);
    }
    for (size_t k = 0, m; k < M; k += m) {
        m = 1 + fg_rng_u64(&r) % 9;
        m = m < M - k ? m : M - k;
        assert_int_equal(fg_exact_add(e, term + k, m), FG_OK);
    }
    fg_exact_read(e, out);
    fg_exact_destroy(e);
}

static void any_order_and_any_portions_give_the_same_bits(void **state)
{
    (void)state;
    static double first[N], again[N];
    static const double spread[] = {0.0, 6.0, 12.0, 60.0};
    for (size_t s = 0; s < 4; s++) {
        fill(spread[s]);
        sum(first, 0);
        for (uint32_t seed = 1; seed < 8; seed++) {
            sum(again, seed);
            assert_memory_equal(first, again, sizeof first);
        }
        for (int i = 0; i < N; i += 97) { /* and near to what it is the sum of */
            double want = 0.0, size = 0.0;
            for (int k = 0; k < M; k++) {
                want += weight[k] * (double)x[k][i];
                double most = 0.0;
                for (int j = i / FG_EXACT_BLOCK * FG_EXACT_BLOCK;
                     j < N && j < (i / FG_EXACT_BLOCK + 1) * FG_EXACT_BLOCK; j++) {
                    most = fabs((double)x[k][j]) > most ? fabs((double)x[k][j]) : most;
                }
                size += fabs(weight[k]) * most;
            }
            assert_true(fabs(first[i] - want) <= size * 0x1p-46);
        }
    }
}

/* Few significant bits: every term is a multiple of the unit, so the sum is the exact one, rounded once. */
static void terms_of_few_bits_are_summed_without_any_error(void **state)
{
    (void)state;
    static double got[N];
    struct fg_rng r;
    fg_rng_init(&r, 5, FG_RNG_TEST, 0, 0);
    for (int shift = 0; shift < 80; shift += 5) {
        for (int k = 0; k < M; k++) {
            weight[k] = (double)(1 + fg_rng_u64(&r) % 1000) * (k % 2 == 0 ? 1.0 : ldexp(1.0, -shift));
            for (int i = 0; i < N; i++) {
                x[k][i] = (float)((int32_t)(fg_rng_u64(&r) >> 32) >> 8) * 0x1p-30f;
            }
        }
        sum(got, 2);
        for (int i = 0; i < N; i++) {
            struct fg_fsum s = {.n = 0};
            for (int k = 0; k < M; k++) {
                fg_fsum_add(&s, weight[k] * (double)x[k][i]);
            }
            assert_true(got[i] == fg_fsum_read(&s));
        }
    }
}

/* ---- judged as they are added ---- */

/* A frame of floats or bytes as it came: values, and before them a head. */
struct came {
    struct fg_unjudged base; /* first */
    uint8_t bytes[128 + 4 * N];
    struct fg_form_part part;
    struct fg_exact_term right; /* what is added in its place */
    int mended;
};

enum { HEAD = 40, VALUES = 128 };

static enum fg_status mend(struct fg_unjudged *u, double w, struct fg_exact *into)
{
    struct came *c = (struct came *)u;
    struct fg_exact_term term = c->right;
    assert_true(w == term.weight);
    c->mended++;
    return fg_exact_add(into, &term, 1);
}

/* Update k as it came, and as it is right. */
static void receive(struct came *c, struct fg_exact_term *out, int k, size_t n)
{
    size_t size = k % 3 == 0 ? 1 : sizeof(float), len = VALUES + size * n;
    memset(c->bytes, k, VALUES);
    if (size == 1) {
        for (size_t i = 0; i < n; i++) {
            c->bytes[VALUES + i] = (uint8_t)(int8_t)lrintf(fmaxf(-127.f, fminf(127.f, x[k][i] * 40.f)));
        }
    } else {
        memcpy(c->bytes + VALUES, x[k], size * n);
    }
    c->base = (struct fg_unjudged){.scan = fg_scanner_of(c->bytes, HEAD, c->bytes + HEAD, len - HEAD,
                                                         size == 1 ? len - HEAD : VALUES - HEAD),
                                   .mend = mend};
    c->base.checksum = fg_scan_all(fg_folders_get("auto"), c->base.scan, NULL).hash;
    c->part = (struct fg_form_part){.end = n, .step = 0.5f};
    c->mended = 0;
    *out = (struct fg_exact_term){.weight = weight[k],
                                  .form = {.kind = size == 1 ? FG_FORM_BYTES : FG_FORM_FLOATS,
                                           .x = (const float *)(const void *)(c->bytes + VALUES),
                                           .q = (const int8_t *)c->bytes + VALUES,
                                           .part = &c->part,
                                           .parts = 1,
                                           .unjudged = &c->base}};
}

/* Whatever was damaged, wherever, in however many: the sum has the bits of what is right. */
static void what_is_wrong_is_taken_out_and_mended(void **state)
{
    (void)state;
    enum { TERMS = 11 };
    static struct came came[TERMS], sound[TERMS];
    static double got[N], want[N];
    static const size_t length[] = {N, 2 * FG_EXACT_BLOCK, FG_EXACT_BLOCK + 1, 700, 5, 1};
    struct fg_rng r;
    fg_rng_init(&r, 11, FG_RNG_TEST, 0, 0);
    fill(12.0);
    for (int turn = 0; turn < 300; turn++) {
        size_t n = length[turn % 6];
        struct fg_exact *e = NULL;
        struct fg_exact_term term[TERMS];
        assert_int_equal(fg_exact_create(&e, n), FG_OK);
        for (int k = 0; k < TERMS; k++) {
            receive(&sound[k], &sound[k].right, k, n);
            sound[k].right.form.unjudged = NULL;
            assert_int_equal(fg_exact_add(e, &sound[k].right, 1), FG_OK);
        }
        fg_exact_read(e, want);
        fg_exact_clear(e);
        bool wrong[TERMS];
        for (int k = 0; k < TERMS; k++) {
            receive(&came[k], &term[k], k, n);
            came[k].right = sound[k].right;
            size_t size = k % 3 == 0 ? 1 : sizeof(float), at = fg_rng_u64(&r) % n;
            const float odd = turn % 2 == 0 ? NAN : -INFINITY;
            wrong[k] = fg_rng_u64(&r) % 3 == 0;
            if (wrong[k] && size > 1 && turn % 5 == 0) { /* under a right checksum */
                memcpy(came[k].bytes + VALUES + size * at, &odd, sizeof odd);
                came[k].base.checksum = fg_scan_all(fg_folders_get("auto"), came[k].base.scan, NULL).hash;
            } else if (wrong[k]) {
                size_t bit = fg_rng_u64(&r) % (8 * (VALUES + size * n));
                came[k].bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            }
        }
        size_t first = fg_rng_u64(&r) % TERMS;
        assert_int_equal(fg_exact_add(e, term, first), FG_OK);
        assert_int_equal(fg_exact_add(e, term + first, TERMS - first), FG_OK);
        fg_exact_read(e, got);
        assert_memory_equal(got, want, n * sizeof *got);
        for (int k = 0; k < TERMS; k++) {
            assert_int_equal(came[k].mended, wrong[k]);
        }
        fg_exact_destroy(e);
    }
}

static void thousands_of_the_largest_terms_fit(void **state)
{
    (void)state;
    enum { TIMES = 3000 };
    static float most[N];
    static double got[N];
    struct fg_exact *e = NULL;
    for (int i = 0; i < N; i++) {
        most[i] = i % 2 == 0 ? 0x1.fffffep+7f : -0x1.fffffep+7f;
    }
    assert_int_equal(fg_exact_create(&e, N), FG_OK);
    struct fg_exact_term term[25];
    for (int k = 0; k < 25; k++) {
        term[k] = fg_exact_floats(1.0, most);
    }
    for (int k = 0; k < TIMES; k += 25) {
        assert_int_equal(fg_exact_add(e, term, 25), FG_OK);
    }
    fg_exact_read(e, got);
    for (int i = 0; i < N; i++) {
        assert_true(got[i] == TIMES * (double)most[i]);
    }
    struct fg_exact_term off = fg_exact_floats(1.0 / 0.0, most);
    assert_int_equal(fg_exact_add(e, &off, 1), FG_E_RANGE);
    fg_exact_destroy(e);
}

/* What codecs send is added as it is, and gives what its floats would have given: in blocks of one layer, in
 * blocks of many, in one layer of all, with weights that are exact and others, where something else was added
 * before and wiped. */
static void forms_give_the_bits_of_their_floats(void **state)
{
    (void)state;
    static const char *const names[] = {"int8", "int4", "ternary", "none", "int8-range"};
    static const size_t layer[] = {FG_EXACT_BLOCK + 10, 3, 40, N - FG_EXACT_BLOCK - 10 - 3 - 40 - 5, 5};
    static double got[N], want[N];
    static uint8_t bytes[8][8 * N] __attribute__((aligned(8)));
    static float decoded[8][N];
    fill(8.0);
    for (size_t c = 0; c < 5; c++) {
        for (int way = 0; way < 4; way++) {
            const bool exact = way % 2 == 1;
            const struct fg_codec *codec = fg_codec_find(names[c]);
            struct fg_codec_ws ws = {.opts = {.layer = way < 2 ? layer : NULL, .layers = 5, .density = 0.05}};
            struct fg_exact *a = NULL, *b = NULL;
            struct fg_exact_term form[8], floats[8];
            void *own[8];
            assert_int_equal(fg_exact_create(&a, N), FG_OK);
            assert_int_equal(fg_exact_create(&b, N), FG_OK);
            form[0] = fg_exact_floats(0.7, x[8]);
            assert_int_equal(fg_exact_add(a, form, 1), FG_OK);
            fg_exact_clear(a);
            for (uint32_t k = 0; k < 8; k++) {
                size_t len = 0;
                ws.shard = k;
                for (size_t i = layer[0]; i < N; i++) { /* layers of other sizes than the first */
                    x[k][i] *= 0x1p-9f;
                }
                assert_int_equal(codec->encode(&ws, bytes[k], sizeof bytes[k], &len, x[k], N), FG_OK);
                assert_int_equal(codec->decode(&ws, decoded[k], N, bytes[k], len), FG_OK);
                double w = exact ? 60.0 + k : 1.0 / (3.0 + k);
                assert_int_equal(codec->open(&ws, &form[k].form, &own[k], N, bytes[k], len), FG_OK);
                static float largest[8][(N + FG_EXACT_BLOCK - 1) / FG_EXACT_BLOCK]; /* told, of some */
                for (size_t i = 0; form[k].form.kind == FG_FORM_FLOATS && k % 2 == 0 && i < N; i++) {
                    float *most = &largest[k][i / FG_EXACT_BLOCK], size = fabsf(decoded[k][i]);
                    *most = i % FG_EXACT_BLOCK == 0 || size > *most ? size : *most;
                    form[k].form.largest = largest[k];
                }
                form[k].weight = k == 5 ? -w : w;
                floats[k] = fg_exact_floats(form[k].weight, decoded[k]);
            }
            assert_int_equal(fg_exact_add(a, form, 8), FG_OK);
            for (int k = 8; k-- > 0;) {
                assert_int_equal(fg_exact_add(b, &floats[k], 1), FG_OK);
                static float again[N];
                fg_exact_expand(&form[k].form, again, N);
                assert_memory_equal(again, decoded[k], sizeof again);
                fg_free(own[k]);
            }
            fg_exact_read(a, got);
            fg_exact_read(b, want);
            assert_memory_equal(got, want, sizeof got);
            fg_codec_ws_fini(&ws);
            fg_exact_destroy(a);
            fg_exact_destroy(b);
        }
    }
}

static int fail_all(void *arg)
{
    (void)arg;
    return 1;
}

/* ---- sums of sums ---- */

/* The terms dealt out to `parts` sums, which are then packed and taken in by another. */
static void sum_of_sums(double *out, size_t parts, size_t times)
{
    struct fg_exact *part = NULL, *all = NULL;
    struct fg_str bytes = {0};
    assert_int_equal(fg_exact_create(&all, N), FG_OK);
    for (size_t p = 0; p < parts; p++) {
        assert_int_equal(fg_exact_create(&part, N), FG_OK);
        for (size_t k = p; k < M * times; k += parts) {
            struct fg_exact_term t = fg_exact_floats(weight[k % M], x[k % M]);
            assert_int_equal(fg_exact_add(part, &t, 1), FG_OK);
        }
        bytes.len = 0;
        assert_int_equal(fg_exact_pack(part, &bytes), FG_OK);
        assert_int_equal(fg_exact_take(all, (const uint8_t *)bytes.data, bytes.len), FG_OK);
        fg_exact_destroy(part);
    }
    fg_exact_read(all, out);
    fg_exact_destroy(all);
    fg_str_fini(&bytes);
}

static void sums_of_sums_have_the_same_bits(void **state)
{
    (void)state;
    static const double spread[] = {0.0, 12.0, 60.0};
    static double want[N], got[N];
    for (size_t s = 0; s < 3; s++) {
        fill(spread[s]);
        for (size_t times = 1; times <= 30;
             times += 29) { /* 1,200 terms: full windows, and sums of full ones */
            sum_of_sums(want, 1, times);
            for (size_t parts = 2; parts <= 7; parts++) {
                sum_of_sums(got, parts, times);
                assert_memory_equal(want, got, sizeof want);
            }
        }
        sum(want, 0);
        sum_of_sums(got, 3, 1);
        assert_memory_equal(want, got, sizeof want);
    }
}

/* Damaged bytes are refused with nothing added, or are another sum. */
static void any_bytes_are_taken(void **state)
{
    (void)state;
    struct fg_exact *e = NULL, *from = NULL;
    struct fg_str bytes = {0};
    struct fg_rng r;
    static double before[N], after[N];
    fill(30.0);
    fg_rng_init(&r, 9, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_exact_create(&e, N), FG_OK);
    assert_int_equal(fg_exact_create(&from, N), FG_OK);
    for (size_t k = 0; k < M; k++) {
        struct fg_exact_term t = fg_exact_floats(weight[k], x[k]);
        assert_int_equal(fg_exact_add(from, &t, 1), FG_OK);
    }
    assert_int_equal(fg_exact_pack(from, &bytes), FG_OK);
    unsigned refused = 0;
    for (unsigned i = 0; i < 3000; i++) {
        uint8_t *copy = fg_calloc(bytes.len, 1);
        assert_non_null(copy);
        memcpy(copy, bytes.data, bytes.len);
        size_t len = i % 3 == 0 ? (size_t)(fg_rng_u64(&r) % bytes.len) : bytes.len;
        size_t at = i % 3 == 1 ? (size_t)(fg_rng_u64(&r) % 40) : (size_t)(fg_rng_u64(&r) % bytes.len);
        copy[at] ^= (uint8_t)(1u << (fg_rng_u64(&r) % 8));
        fg_exact_read(e, before);
        enum fg_status st = fg_exact_take(e, copy, len);
        fg_exact_read(e, after);
        assert_true(st == FG_OK || st == FG_E_CORRUPT);
        assert_true(len == bytes.len || st == FG_E_CORRUPT);
        assert_true(st == FG_OK || memcmp(before, after, sizeof before) == 0);
        refused += st != FG_OK;
        fg_free(copy);
    }
    assert_true(refused > 1500 && refused < 3000);
    fg_exact_destroy(e);
    assert_int_equal(fg_exact_create(&e, N - FG_EXACT_BLOCK), FG_OK); /* of another length */
    assert_int_equal(fg_exact_take(e, (const uint8_t *)bytes.data, bytes.len), FG_E_CORRUPT);
    fg_exact_destroy(e);
    fg_exact_destroy(from);
    fg_str_fini(&bytes);
}

/* Somebody else, who has the updates of x by number. */
struct elsewhere {
    struct fg_far base;
    struct fg_exact *sum;
    unsigned added, asked, dropped;
};

static enum fg_status elsewhere_add(struct fg_far *far, uint64_t id, double w)
{
    struct elsewhere *s = (struct elsewhere *)far;
    struct fg_exact_term t = fg_exact_floats(w, x[id]);
    s->added++;
    return fg_exact_add(s->sum, &t, 1);
}

static enum fg_status elsewhere_ask(struct fg_far *far)
{
    ((struct elsewhere *)far)->asked++;
    return FG_OK;
}

static enum fg_status elsewhere_sum(struct fg_far *far, struct fg_exact *into)
{
    struct elsewhere *s = (struct elsewhere *)far;
    struct fg_str bytes = {0};
    enum fg_status st = fg_exact_pack(s->sum, &bytes);
    st = st == FG_OK ? fg_exact_take(into, (const uint8_t *)bytes.data, bytes.len) : st;
    fg_str_fini(&bytes);
    fg_exact_clear(s->sum);
    return st;
}

static void elsewhere_drop(struct fg_far *far)
{
    struct elsewhere *s = (struct elsewhere *)far;
    s->dropped++;
    fg_exact_clear(s->sum);
}

static void what_is_added_up_elsewhere_is_gathered(void **state)
{
    (void)state;
    struct elsewhere other[2] = {{.base = {elsewhere_add, elsewhere_ask, elsewhere_sum, elsewhere_drop}}};
    struct fg_exact *e = NULL;
    static double want[N], got[N];
    fill(12.0);
    sum(want, 0);
    other[1] = other[0];
    assert_int_equal(fg_exact_create(&e, N), FG_OK);
    assert_int_equal(fg_exact_create(&other[0].sum, N), FG_OK);
    assert_int_equal(fg_exact_create(&other[1].sum, N), FG_OK);
    for (unsigned turn = 0; turn < 3; turn++) {
        for (size_t k = 0; k < M; k++) {
            struct fg_exact_term t = fg_exact_floats(weight[k], x[k]);
            if (k % 3 > 0) {
                t.form = (struct fg_form){.kind = FG_FORM_FAR, .far = &other[k % 3 - 1].base, .id = k};
            }
            assert_int_equal(fg_exact_add(e, &t, 1), FG_OK);
        }
        if (turn != 1) { /* else it is given up before it is gathered */
            assert_int_equal(fg_exact_gather(e), FG_OK);
            assert_int_equal(fg_exact_gather(e), FG_OK); /* no more than once */
            fg_exact_read(e, got);
            assert_memory_equal(want, got, sizeof want);
        }
        fg_exact_clear(e);
    }
    for (unsigned i = 0; i < 2; i++) {
        assert_int_equal(other[i].asked, 2);
        assert_int_equal(other[i].dropped, 1);
        assert_true(other[i].added > 3 * 12);
        fg_exact_destroy(other[i].sum);
    }
    struct fg_exact_term bad = {.weight = (double)INFINITY,
                                .form = {.kind = FG_FORM_FAR, .far = &other[0].base}};
    assert_int_equal(fg_exact_add(e, &bad, 1), FG_E_RANGE);
    fg_exact_destroy(e);
}

static void no_memory_for_a_window_is_said(void **state)
{
    (void)state;
    struct fg_exact *e = NULL;
    static float small[N], large[N];
    static double got[N];
    for (int i = 0; i < N; i++) {
        small[i] = 0x1p-60f;
        large[i] = 1.0f;
    }
    assert_int_equal(fg_exact_create(&e, N), FG_OK);
    struct fg_exact_term a = fg_exact_floats(1.0, small), b = fg_exact_floats(1.0, large);
    assert_int_equal(fg_exact_add(e, &a, 1), FG_OK);
    fg_mem_set_hook(fail_all, NULL);
    enum fg_status st = fg_exact_add(e, &b, 1);
    fg_mem_set_hook(NULL, NULL);
    assert_int_equal(st, FG_E_NOMEM);
    fg_exact_clear(e);
    assert_int_equal(fg_exact_add(e, &b, 1), FG_OK);
    fg_exact_read(e, got);
    assert_true(got[0] == 1.0 && got[N - 1] == 1.0);
    fg_exact_destroy(e);
}

/* The last place is right where halves need what lies far below. */
static void fsum_is_the_nearest_double(void **state)
{
    (void)state;
    static const struct {
        double x[4], want;
    } cases[] = {{{1.0, 0x1p-53, 0x1p-200, 0.0}, 1.0 + 0x1p-52},
                 {{1.0, 0x1p-53, -0x1p-200, 0.0}, 1.0},
                 {{1.0, 0x1p-53, 0.0, 0.0}, 1.0},
                 {{1e300, 1.0, -1e300, 0x1p-60}, 1.0},
                 {{-1.0, -0x1p-53, -0x1p-106, 0.0}, -1.0 - 0x1p-52},
                 {{0.0, 0.0, 0.0, 0.0}, 0.0}};
    for (size_t c = 0; c < sizeof cases / sizeof *cases; c++) {
        for (int first = 0; first < 4; first++) {
            struct fg_fsum s = {.n = 0};
            for (int i = 0; i < 4; i++) {
                fg_fsum_add(&s, cases[c].x[(first + i) % 4]);
            }
            assert_true(fg_fsum_read(&s) == cases[c].want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(any_order_and_any_portions_give_the_same_bits),
        cmocka_unit_test(terms_of_few_bits_are_summed_without_any_error),
        cmocka_unit_test(forms_give_the_bits_of_their_floats),
        cmocka_unit_test(what_is_wrong_is_taken_out_and_mended),
        cmocka_unit_test(thousands_of_the_largest_terms_fit),
        cmocka_unit_test(sums_of_sums_have_the_same_bits),
        cmocka_unit_test(any_bytes_are_taken),
        cmocka_unit_test(what_is_added_up_elsewhere_is_gathered),
        cmocka_unit_test(no_memory_for_a_window_is_said),
        cmocka_unit_test(fsum_is_the_nearest_double),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* The coders: every implementation gives the reference's bits for any n, alignment and place in a stream, and
 * the reference does what its header says, by other means. What codecs make of them: test_codec*.c. */
#include "tests/lib/test.h"

#include <math.h>

#include "kernels/coders.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

enum { MOST = 2050 }; /* more than two blocks of sums */

static const char *const NAMES[] = {"avx512", "avx2"};

/* Inputs with guards around the outputs. */
struct room {
    float x[MOST], y[MOST];
    uint8_t bytes[4 * MOST];
    uint32_t place[MOST + 16];
    size_t count;
    double number[3];
};

static float any_float(struct fg_rng *r)
{
    static const float odd[] = {0.f,     -0.f,  INFINITY, -INFINITY, NAN, 1e-44f, -1e-41f,  65519.f,
                                65520.f, 6e-8f, -6e-5f,   3e38f,     1.f, -1.f,   0x1p-14f, -0x1p-24f};
    uint32_t u = fg_rng_u32(r), bits = fg_rng_u32(r);
    float any;
    memcpy(&any, &bits, sizeof any);
    return u % 5 == 0 ? odd[u / 5 % 16] : u % 5 == 1 ? any : (float)fg_rng_normal(r) * 0.01f;
}

static void run_case(const struct fg_coders *k, struct room *m, uint32_t seed)
{
    struct fg_rng r;
    fg_rng_init(&r, 31, FG_RNG_TEST, seed, 0);
    memset(m, 0xA5, sizeof *m);
    struct fg_coder_stream s = {
        .key = {fg_rng_u32(&r), fg_rng_u32(&r)},
        .ctr = {seed % 3 == 0 ? UINT32_MAX - 7 : 5, 3, fg_rng_u32(&r), fg_rng_u32(&r)}};
    size_t n = fg_rng_below(&r, MOST - 8), shift = seed % 8;
    uint64_t at = (uint64_t)FG_CODER_WORDS * fg_rng_below(&r, 1u << 31);
    float *x = m->x + shift, *y = m->y + shift;
    int8_t *q = (int8_t *)m->bytes + shift;
    for (size_t i = 0; i < MOST; i++) {
        m->x[i] = seed % 2 == 0 ? any_float(&r) : (float)fg_rng_normal(&r);
    }
    m->number[0] = (double)k->largest(x, n);
    k->to_fp16(x, m->bytes + shift, n);
    k->from_fp16(m->bytes + shift, y, n);
    k->to_bf16(x, m->bytes + 2 * MOST, n);
    k->from_bf16(m->bytes + 2 * MOST, y, n);
    if (seed % 2 == 1) {
        struct fg_coder_sums sums = k->sums(x, n);
        m->number[1] = sums.sum;
        m->number[2] = sums.square;
        k->round(&s, at, x, 1.7f, seed % 4 == 1 ? 7 : 3, q, n);
        k->scale(q, 0.3f, y, n);
        k->pack4(q, m->bytes + MOST, n);
        k->unpack4(m->bytes + MOST, q, n);
        m->count = k->choose(&s, at, x, 0.2f, m->place, n);
        memset(m->place + m->count, 0, (MOST + 16 - m->count) * sizeof *m->place);
        k->add(y, x, n);
        m->count += k->above(x, 0x3f000000u, 7, m->place + m->count, n - m->count);
        memset(m->place + m->count, 0, (MOST + 16 - m->count) * sizeof *m->place);
        n -= n % 8;
        k->take_signs(x, 0.2f, m->bytes + 2 * MOST, n);
        k->flip(&s, at, x, n);
        k->signs(x, m->bytes + 3 * MOST, n);
        k->unsigns(m->bytes + 3 * MOST, 0.1f, x, n);
        k->hadamard(y, (size_t)8 << seed % 6);
    }
}

static void all_give_the_same_bits(void **state)
{
    (void)state;
    const struct fg_coders *reference = fg_coders_get("reference");
    struct room *a = fg_calloc(1, sizeof *a), *b = fg_calloc(1, sizeof *b);
    assert_non_null(a);
    assert_non_null(b);
    for (size_t i = 0; i < sizeof NAMES / sizeof *NAMES; i++) {
        const struct fg_coders *k = fg_coders_get(NAMES[i]);
        for (uint32_t seed = 0; seed < 400 && k != NULL; seed++) {
            run_case(reference, a, seed);
            run_case(k, b, seed);
            assert_memory_equal(a->bytes, b->bytes, sizeof a->bytes);
            assert_memory_equal(a->place, b->place, sizeof a->place);
            assert_int_equal(a->count, b->count);
            assert_memory_equal(a->x, b->x, sizeof a->x);
            assert_memory_equal(a->y, b->y, sizeof a->y);
            assert_memory_equal(a->number, b->number, sizeof a->number);
        }
    }
    fg_free(a);
    fg_free(b);
}

/* Word e of a stream as its header says, across the carry of the counter's lower half. */
static void words_are_those_of_philox(void **state)
{
    (void)state;
    const char *names[] = {"reference", NAMES[0], NAMES[1]};
    const struct fg_coder_stream s = {.key = {1, 2}, .ctr = {UINT32_MAX - 3, 9, 10, 11}};
    for (size_t i = 0; i < 3; i++) {
        const struct fg_coders *k = fg_coders_get(names[i]);
        uint32_t out[FG_CODER_WORDS], want[4];
        if (k == NULL) {
            continue;
        }
        k->words(&s, 128, out);
        for (uint32_t e = 0; e < FG_CODER_WORDS; e++) {
            uint64_t block = ((uint64_t)9 << 32 | (UINT32_MAX - 3)) + (128 + e) / 4;
            const uint32_t ctr[4] = {(uint32_t)block, (uint32_t)(block >> 32), 10, 11};
            fg_philox(want, ctr, s.key);
            assert_int_equal(out[e], want[e % 4]);
        }
    }
}

/* Row i of a Hadamard matrix has the sign of the parity of i and j. */
static void hadamard_is_its_definition(void **state)
{
    (void)state;
    enum { N = 64 };
    float z[N], want[N] = {0};
    for (uint32_t i = 0; i < N; i++) {
        for (uint32_t j = 0; j < N; j++) {
            want[i] += (float)((int)(j * j % 17) - 8) * (__builtin_popcount(i & j) % 2 == 0 ? 1.f : -1.f);
        }
    }
    for (uint32_t j = 0; j < N; j++) {
        z[j] = (float)((int)(j * j % 17) - 8);
    }
    fg_coders_get("auto")->hadamard(z, N);
    assert_memory_equal(z, want, sizeof z); /* whole numbers: exact in any order */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_give_the_same_bits),
        cmocka_unit_test(words_are_those_of_philox),
        cmocka_unit_test(hadamard_is_its_definition),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

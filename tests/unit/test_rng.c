/* Philox against Random123's known answers; streams against their own definition. */
#include "tests/lib/test.h"

#include "src/base/rng.h"

static void philox_known_answers_match(void **state)
{
    (void)state;
    static const struct {
        uint32_t ctr[4], key[2], out[4];
    } kat[] = {
        /* Random123 1.14, kat_vectors, philox4x32 10 */
        {{0, 0, 0, 0}, {0, 0}, {0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8}},
        {{~0u, ~0u, ~0u, ~0u}, {~0u, ~0u}, {0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd}},
        {{0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344},
         {0xa4093822, 0x299f31d0},
         {0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1}},
    };
    for (size_t i = 0; i < sizeof kat / sizeof *kat; i++) {
        uint32_t out[4];
        fg_philox(out, kat[i].ctr, kat[i].key);
        assert_memory_equal(out, kat[i].out, sizeof out);
    }
}

static void stream_is_its_blocks_in_order(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 0x123456789abcdef0u, FG_RNG_TEST, 7, 9);
    uint32_t key[2] = {0x9abcdef0u, 0x12345678u};
    for (uint64_t block = 0; block < 5; block++) {
        uint32_t ctr[4], out[4];
        fg_rng_counter(ctr, FG_RNG_TEST, 7, 9, block);
        fg_philox(out, ctr, key);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(fg_rng_u32(&r), out[i]);
        }
    }
}

static void moments_of_draws_are_right(void **state)
{
    (void)state;
    enum { N = 200000 };
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 0, 0);
    double u = 0, n1 = 0, n2 = 0, g = 0, gs = 0;
    for (int i = 0; i < N; i++) {
        u += fg_rng_uniform(&r);
        double z = fg_rng_normal(&r);
        n1 += z;
        n2 += z * z;
        g += fg_rng_gamma(&r, 2.5);
        gs += fg_rng_gamma(&r, 0.3);
    }
    fg_assert_close(u / N, 0.5, 0.004);
    fg_assert_close(n1 / N, 0.0, 0.012);
    fg_assert_close(n2 / N, 1.0, 0.02);
    fg_assert_close(g / N, 2.5, 0.02);
    fg_assert_close(gs / N, 0.3, 0.008);
}

static void shuffle_is_a_permutation_and_below_is_in_range(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 3, FG_RNG_TEST, 1, 2);
    uint32_t a[100];
    unsigned seen[100] = {0};
    for (uint32_t i = 0; i < 100; i++) {
        a[i] = i;
    }
    fg_rng_shuffle(&r, a, 100);
    for (int i = 0; i < 100; i++) {
        seen[a[i]]++;
    }
    for (int i = 0; i < 100; i++) {
        assert_int_equal(seen[i], 1);
    }
    for (uint32_t n = 1; n < 2000; n += 13) {
        assert_true(fg_rng_below(&r, n) < n);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(philox_known_answers_match),
        cmocka_unit_test(stream_is_its_blocks_in_order),
        cmocka_unit_test(moments_of_draws_are_right),
        cmocka_unit_test(shuffle_is_a_permutation_and_below_is_in_range),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

/* fg_sort_appended: against qsort, of random keys appended in any order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "src/base/rng.h"
#include "src/base/sort.h"

enum { MOST = 40 };

struct record {
    uint64_t key;
    uint32_t value;
};

static int by_key(const void *a, const void *b)
{
    const struct record *x = a, *y = b;
    return (x->key > y->key) - (x->key < y->key);
}

static void appended_records_find_their_places(void **arg)
{
    (void)arg;
    struct fg_rng r;
    fg_rng_init(&r, 7, FG_RNG_TEST, 1, 0);
    for (int turn = 0; turn < 3000; turn++) {
        struct record got[MOST], want[MOST];
        uint64_t key[MOST];
        size_t n = fg_rng_below(&r, MOST) + 1, from = fg_rng_below(&r, (uint32_t)n + 1);
        for (size_t i = 0; i < n; i++) { /* all keys different, in any order */
            size_t at = fg_rng_below(&r, (uint32_t)i + 1);
            key[i] = key[at];
            key[at] = (uint64_t)i << 40 * (turn % 2);
        }
        for (size_t i = 0; i < n; i++) {
            got[i] = (struct record){.key = key[i], .value = (uint32_t)(3 * key[i] + 1)};
        }
        qsort(got, from, sizeof *got, by_key);
        if (turn % 3 == 0) { /* appended in order, behind all others or not */
            qsort(got + from, n - from, sizeof *got, by_key);
        }
        for (size_t i = 0; i < n; i++) {
            want[i] = got[i];
        }
        qsort(want, n, sizeof *want, by_key);
        fg_sort_appended(got, n, from, sizeof *got);
        for (size_t i = 0; i < n; i++) {
            assert_true(got[i].key == want[i].key);
            assert_int_equal(got[i].value, (uint32_t)(3 * got[i].key + 1));
        }
    }
    fg_sort_appended(NULL, 0, 0, sizeof(struct record));
}

static void a_record_is_found_by_its_key(void **state)
{
    (void)state;
    struct {
        uint64_t key;
        uint32_t other;
    } r[5] = {{3, 0}, {4, 0}, {9, 0}, {10, 0}, {UINT64_MAX, 0}};
    const uint64_t not_there[] = {0, 2, 5, 8, 11, UINT64_MAX - 1};
    for (size_t i = 0; i < 5; i++) {
        assert_int_equal(fg_sort_find(r, 5, sizeof *r, r[i].key), i);
    }
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(fg_sort_find(r, 5, sizeof *r, not_there[i]), 5);
    }
    assert_int_equal(fg_sort_find(r, 0, sizeof *r, 3), 0);
    assert_int_equal(fg_sort_find(NULL, 0, sizeof *r, 0), 0);
}

static void ranks_fall_and_ties_go_by_number(void **state)
{
    (void)state;
    struct fg_ranked r[] = {{1.0, 4}, {2.0, 9}, {-0.0, 1}, {2.0, 3}, {0.0, 0}, {1.0, 2}};
    const uint32_t want[] = {3, 9, 2, 4, 0, 1};
    fg_sort_ranked(r, 6);
    for (size_t i = 0; i < 6; i++) {
        assert_int_equal(r[i].number, want[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(appended_records_find_their_places),
        cmocka_unit_test(a_record_is_found_by_its_key),
        cmocka_unit_test(ranks_fall_and_ties_go_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

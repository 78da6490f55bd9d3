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

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(appended_records_find_their_places)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

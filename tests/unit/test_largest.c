/* The k largest of an update and what was kept, against a sort. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/wire/codec.h"
#include "src/wire/largest.h"

enum { MOST = 60000 };

struct sized {
    uint32_t size, place;
};

static int by_size(const void *a, const void *b)
{
    const struct sized *x = a, *y = b;
    return x->size != y->size ? (x->size < y->size ? 1 : -1) : (x->place > y->place) - (x->place < y->place);
}

static int by_place(const void *a, const void *b)
{
    const struct sized *x = a, *y = b;
    return (x->place > y->place) - (x->place < y->place);
}

/* Values that come in every order which what is remembered of them can depend on. */
static float drawn(struct fg_rng *r, uint32_t shape, size_t i, size_t n)
{
    switch (shape) {
    case 0:
        return (float)fg_rng_normal(r);
    case 1:
        return (float)i / (float)n - 0.5f; /* ends up larger and larger */
    case 2:
        return (float)(n - i); /* smaller and smaller */
    case 3:
        return fg_rng_below(r, 2) == 0 ? 1.f : -1.f; /* all of one size */
    case 4:
        return (float)fg_rng_below(r, 5) - 2.f; /* ties, and zeros of both signs */
    case 5:
        return fg_rng_below(r, 300) == 0 ? -2.f : -0.f; /* fewer than k are not 0 */
    case 6:
        return (float)fg_rng_normal(r) * (i > n / 2 ? 0x1p-140f : 1.f); /* some below the normal ones */
    default:
        return fg_rng_below(r, 1000) == 0 ? NAN : (float)fg_rng_normal(r);
    }
}

static void check(struct fg_codec_ws *ws, const float *x, size_t n)
{
    struct fg_largest got;
    struct sized *all = fg_calloc(n + 1, sizeof *all);
    float *y = fg_calloc(n + 1, sizeof *y);
    assert_true(all != NULL && y != NULL);
    size_t k = fg_largest_count(&ws->opts, n), count = 0;
    for (size_t i = 0; i < n; i++) {
        y[i] = ws->kept[i] + x[i];
        memcpy(&all[i].size, &y[i], sizeof all[i].size);
        all[i].size &= 0x7fffffffu;
        all[i].place = (uint32_t)i;
    }
    qsort(all, n, sizeof *all, by_size);
    for (; count < k && all[count].size != 0; count++) {
    }
    qsort(all, count, sizeof *all, by_place);
    assert_int_equal(fg_largest_take(&got, ws, x, n), FG_OK);
    assert_int_equal(got.count, count);
    for (size_t i = 0; i < count; i++) {
        assert_int_equal(got.place[i], all[i].place);
        assert_memory_equal(&got.value[i], &y[all[i].place], sizeof *y);
        y[all[i].place] = 0.f;
    }
    assert_memory_equal(ws->kept, y, n * sizeof *y);
    fg_free(all);
    fg_free(y);
}

static void they_are_those_of_a_sort(void **state)
{
    (void)state;
    static const double density[] = {0.0001, 0.01, 0.3, 0.9};
    float *x = fg_calloc(MOST, sizeof *x), *kept = fg_calloc(MOST, sizeof *kept);
    assert_true(x != NULL && kept != NULL);
    for (uint32_t seed = 0; seed < 96; seed++) {
        struct fg_rng r;
        fg_rng_init(&r, 9, FG_RNG_TEST, seed, 0);
        struct fg_codec_ws ws = {.opts.density = density[seed % 4], .kept = kept};
        const char *names[] = {"reference", "avx2", "auto"};
        size_t n = seed % 3 == 0 ? fg_rng_below(&r, 40) : seed % 3 == 1 ? 4096 * (1 + seed % 5) : MOST - seed;
        ws.coders = fg_coders_get(names[seed % 3]);
        for (size_t i = 0; i < n; i++) {
            x[i] = drawn(&r, seed % 8, i, n);
            kept[i] = seed % 5 == 0 ? (float)fg_rng_normal(&r) : 0.f;
        }
        check(&ws, x, n);
        fg_codec_ws_fini(&ws);
    }
    fg_free(x);
    fg_free(kept);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(they_are_those_of_a_sort)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}

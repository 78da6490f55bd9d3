#include "tests/lib/samebits.h"

#include <stdlib.h>
#include <string.h>

#include "kernels/isa.h"
#include "tests/lib/test.h"

enum { GAP = 16 };

static float small_float(struct fg_rng *r) /* sums of either sign, now and then an exact zero */
{
    uint32_t u = fg_rng_u32(r);
    return u % 13 == 0 ? 0.0f : ((float)(u >> 8) * 0x1p-24f - 0.5f) * 4.0f;
}

float *take(struct arena *a, size_t n)
{
    float *p = a->mem + a->used;
    a->used += n + GAP;
    assert_true(a->used <= ARENA_FLOATS);
    for (size_t i = 0; i < n + GAP; i++) {
        p[i] = small_float(&a->rng);
    }
    return p;
}

size_t pick(struct arena *a, size_t low, size_t high)
{
    return low + fg_rng_below(&a->rng, (uint32_t)(high - low + 1));
}

size_t run_case(kernel_case c, const struct fg_kernels *k, uint64_t seed, float *mem)
{
    struct arena a = {.mem = mem};
    fg_rng_init(&a.rng, seed, FG_RNG_TEST, 0, 0);
    c(k, &a);
    return a.used;
}

/* Compare `k` with the reference on `iters` random shapes of case c. */
static void compare(const struct fg_kernels *k, kernel_case c, uint64_t iters, float *want, float *got)
{
    uint64_t seed = fg_test_number("FG_TEST_SEED", 1);
    for (uint64_t i = 0; i < iters; i++) {
        size_t used = run_case(c, fg_kernels_get("reference", FG_EXACT), seed + i, want);
        assert_int_equal(run_case(c, k, seed + i, got), used);
        for (size_t e = 0; e < used; e++) {
            if (memcmp(want + e, got + e, sizeof *got) != 0) {
                fail_msg("%s, seed %llu: float %zu of %zu is %a, the reference has %a", k->name,
                         (unsigned long long)(seed + i), e, used, (double)got[e], (double)want[e]);
            }
        }
    }
}

void against_reference(kernel_case c, uint64_t iters)
{
    static const char *const names[] = {"avx2", "avx512"};
    float *want = aligned_alloc(64, ARENA_FLOATS * sizeof *want),
          *got = aligned_alloc(64, ARENA_FLOATS * sizeof *got);
    assert_non_null(want);
    assert_non_null(got);
    iters = fg_test_iters(iters);
    for (size_t i = 0; i < 2; i++) {
        if (fg_kernels_get(names[i], FG_EXACT)) {
            compare(fg_kernels_get(names[i], FG_EXACT), c, iters, want, got);
        }
    }
    compare(&fg_kernels_reference, c, iters / 50 + 1, want, got); /* slow: its fma may be a library routine */
    free(want);
    free(got);
}

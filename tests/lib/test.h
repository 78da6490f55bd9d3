/* What every test includes: cmocka in its required order, closeness of floats,
 * and how random tests are steered. */
#ifndef FG_TESTS_LIB_TEST_H
#define FG_TESTS_LIB_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* |got - want| <= tolerance, else the test fails with all three printed. */
#define fg_assert_close(got, want, tolerance)                                            \
    do {                                                                                 \
        double fg_got = (got), fg_want = (want), fg_tol = (tolerance);                   \
        if (!(fabs(fg_got - fg_want) <= fg_tol)) {                                       \
            fail_msg("%s = %.17g, expected %.17g +- %g", #got, fg_got, fg_want, fg_tol); \
        }                                                                                \
    } while (0)

/* A number from the environment, such as FG_TEST_SEED. */
static inline uint64_t fg_test_number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

/* How often a random test repeats: FG_TEST_ITERS, or else `usual`, ten times that for ./check --long. */
static inline uint64_t fg_test_iters(uint64_t usual)
{
    return fg_test_number("FG_TEST_ITERS", fg_test_number("FG_LONG", 0) != 0 ? 10 * usual : usual);
}

/* For fg_mem_set_hook(), with a long: the allocation after so many more fails, no other. */
static inline int fg_fail_nth(void *arg)
{
    long *left = arg;
    return (*left)-- == 0;
}

#endif

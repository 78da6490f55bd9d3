/* What every test includes: cmocka in its required order, and closeness of floats. */
#ifndef FG_TESTS_LIB_TEST_H
#define FG_TESTS_LIB_TEST_H

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
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

#endif

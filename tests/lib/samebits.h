/* Calls of kernels with random buffers and shapes, whose whole memory is compared with the reference's, so
 * that a stray write shows as well. FG_TEST_SEED and FG_TEST_ITERS choose other and more shapes. */
#ifndef FG_TESTS_LIB_SAMEBITS_H
#define FG_TESTS_LIB_SAMEBITS_H

#include <stddef.h>
#include <stdint.h>

#include "kernels/kernels.h"
#include "src/base/rng.h"

enum { ARENA_FLOATS = 1 << 21 };

/* One call's buffers, carved from one array; all start as random floats, outputs too. */
struct arena {
    float *mem;
    size_t used;
    struct fg_rng rng;
};

float *take(struct arena *a, size_t n);
size_t pick(struct arena *a, size_t low, size_t high);

typedef void (*kernel_case)(const struct fg_kernels *k, struct arena *a);

/* The case with the buffers in mem (ARENA_FLOATS): how many floats it used. */
size_t run_case(kernel_case c, const struct fg_kernels *k, uint64_t seed, float *mem);

/* Every exact implementation that this CPU has against the reference. */
void against_reference(kernel_case c, uint64_t iters);

#define CASE(name, iters)                                   \
    static void name##_has_the_reference_bits(void **state) \
    {                                                       \
        (void)state;                                        \
        against_reference(name##_case, iters);              \
    }

#endif

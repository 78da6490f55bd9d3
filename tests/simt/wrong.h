/* Kernels with a mistake each, and one without, on the device that is none. */
#ifndef FG_TESTS_SIMT_WRONG_H
#define FG_TESTS_SIMT_WRONG_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* What is wrong with a kernel that turns round pieces of 64 floats: by cp.async into shared memory, a
 * barrier, and out. */
enum wrong {
    WRONG_NOTHING,
    WRONG_NO_BARRIER,    /* between who writes shared memory and who reads it */
    WRONG_NO_WAIT,       /* for what is copied */
    WRONG_SOME_LEAVE,    /* before the barrier */
    WRONG_TWO_BARRIERS,  /* one for some threads, one for others */
    WRONG_HALF_A_WARP,   /* at mma.sync */
    WRONG_BLOCKS_MEET,   /* at the same output */
    WRONG_WRITES_BEYOND, /* the last output */
    WRONG_READS_BEYOND,  /* shared memory */
    WRONG_UNWRITTEN,     /* shared memory is read */
    WRONG_CROOKED,       /* four floats at once that do not lie on 16 bytes */
    WRONG_HOST_POINTER,  /* is given to the kernel */
    WRONG_CHANGED,       /* what is copied, on its way */
    WRONG_HOST_READS,    /* device memory */
    WRONG_FREED,         /* memory that was given back is written */
    WRONG_KEPT,          /* memory is not given back */
    WRONG_KINDS
};

/* Whether the output is right, if it comes to that. */
bool wrong_run(enum wrong what);

/* Whether the runtime does as it should: limits of launches; copies are taken in time; captures do nothing,
 * graphs do it as often as they are launched; out of memory is an error that passes. */
bool wrong_limits(void);
bool wrong_copies(void);
bool wrong_graphs(void);
bool wrong_memory(void);

#ifdef __cplusplus
}
#endif

#endif

/* A CUDA device that is none: kernels/ .cu files by a C++ compiler, run thread by thread on the CPU, so that
 * the branch that only a GPU takes, the launches and the runtime's calls are executed by tests. What is found
 * wrong ends the process with the kernel, the thread and the place in the source.
 *
 * Threads of a block are fibres; which one goes on is drawn (FG_SIMT_SEED). They wait at __syncthreads() and
 * for their warp at mma.sync. Blocks run one after the other. Found are
 *     races        two threads of a launch at the same bytes, one writing, without a barrier of their block
 *                  between them; also of different blocks
 *     memory       addresses that are not the device's, out of bounds, not aligned, never written
 *     copies       cp.async lands when its thread waits for its group: nobody may touch the place before
 *     barriers     that some threads of a block do not come to, or that are not the same one
 *     the host     that touches device memory
 * The compiler tells of every read and write by what -fsanitize=thread makes it call, and traps what
 * -fsanitize=undefined finds.
 *
 * The runtime: a launch or an asynchronous copy waits in its stream until somebody waits for it; launches are
 * refused beyond the limits of compute capability 9.0; memory ends (FG_SIMT_MEMORY bytes, else 512 MiB). What
 * is not given back at the end of the process is an error.
 *
 * It cannot show: time, how tensor cores round (sums are cut off here, 25 bits below the largest term), what
 * the compiler for the device makes of the source, and memory that is written and read by threads that do
 * more than meet at barriers. Thread safety: every function and the runtime's calls, from any thread. */
#ifndef FG_TESTS_SIMT_H
#define FG_TESTS_SIMT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Another order of threads from now on. */
void fg_simt_seed(uint64_t seed);

/* From the n-th call of the runtime from now on the device is lost: every call fails. 0: it is there again,
 * with all of its memory free. */
void fg_simt_lose(uint64_t n);

/* What has happened so far: threads that ran, launches of kernels, of graphs; kernels that were launched at
 * all. */
struct fg_simt_counts {
    uint64_t threads, launches, graphs, kernels;
};
struct fg_simt_counts fg_simt_counts(void);

#ifdef __cplusplus
}
#endif

#endif

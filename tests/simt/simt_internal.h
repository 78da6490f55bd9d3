/* Inside of the device that is none (simt.h): simt_access.cc (reads and writes, and what is wrong with them),
 * simt_threads.cc (threads, instructions), simt_runtime.cc (the runtime's calls). */
#ifndef FG_TESTS_SIMT_INTERNAL_H
#define FG_TESTS_SIMT_INTERNAL_H

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

#include "tests/simt/kernels/device_ptx.h"
#include "tests/simt/simt.h"

#define SHARED_MOST ((size_t)227 << 10) /* of a block; of capability 9.0, as the limits below */
#define SHARED_UNASKED ((size_t)48 << 10)
#define THREADS_MOST 1024u
#define STACK ((size_t)64 << 10)
#define PAGE ((size_t)4096)
#define REGION ((size_t)8 << 30) /* of addresses */
#define BLOCKS_MOST 4096         /* of memory */

/* Of a word or a byte: who wrote and read it last. A tag is epoch << 12 | flag | thread; an epoch is a block
 * between two barriers, and they only grow. */
struct cell {
    uint64_t wrote, read;
};
enum { NEVER = 0, BY_HOST = 1 };  /* epoch 0 of `wrote` */
#define BEYOND UINT64_MAX         /* behind what was asked for */
#define BYTES (UINT64_C(1) << 63) /* of a word's `wrote`: its bytes have cells of their own */
enum {
    MANY = THREADS_MOST,
    FLAG = 1 << 11,
    THREAD = (1 << 11) - 1
}; /* FLAG: a copy is on its way there; of
                                                                      * reads: another block's, too */

struct copy {
    void *to;
    const void *from;
    size_t bytes;
    unsigned group;
    bool there;
    uint8_t seen[16]; /* when it was asked for */
};

enum state { READY, AT_BARRIER, AT_MMA, ENDED };

struct fibre {
    void *at[5];
    char *stack;
    ucontext_t first;
    bool begun;
    enum state state;
    unsigned thread;
    int line, terms; /* that it waits at */
    float *c;
    const uint32_t *a, *b;
    struct copy copy[256]; /* (copies) on their way */
    unsigned copies, group;
};

struct node { /* of a stream or a graph */
    struct node *next;
    /* a launch */
    dim3 grid, block;
    size_t dynamic;
    const void *kernel;
    void (*run)(const void *kernel, const void *args);
    /* a copy: kernel NULL; `from` NULL: what is in `args` */
    void *to;
    const void *from;
    size_t bytes;
    alignas(16) char args[];
};

struct simt_list {
    struct node *first, *last;
    struct simt_list *next; /* of graphs */
};

struct simt_stream {
    struct simt_list work;
    struct simt_list *into; /* captured */
    bool broken;
    struct simt_stream *next;
};

struct simt_state {
    pthread_mutex_t lock;
    struct fibre fibre[THREADS_MOST], *now; /* now: NULL while the host runs */
    void *host[5];
    const struct node *launch;
    unsigned place[12];
    unsigned ready[THREADS_MOST], ready_n;
    uint64_t random, epoch, launch_epoch, block_epoch;
    size_t shared_bytes;
    char *region, *cursor;
    struct cell *word, *byte; /* of the region */
    struct {
        char *at;
        size_t bytes;
    } memory[BLOCKS_MOST];
    size_t memory_n, used, most;
    struct simt_stream *streams;
    struct {
        char *at;
        size_t bytes;
    } pinned[BLOCKS_MOST];
    size_t pinned_n;
    struct {
        const void *kernel;
        size_t bytes;
    } asked[64]; /* for shared memory */
    size_t asked_n;
    struct simt_list *graphs; /* captured or made ready */
    uint64_t calls, lose;
    cudaError_t last;
    const void *seen[512]; /* kernels that ran */
    struct fg_simt_counts counts;
};
extern struct simt_state simt;

extern char *simt_stack; /* of the thread that runs */
alignas(1024) extern char shared_memory[SHARED_MOST];
extern struct cell shared_word[SHARED_MOST / 4], shared_byte[SHARED_MOST];

/* Say what is wrong, with the thread that runs, its kernel and the place in the source, and end. */
__attribute__((format(printf, 2, 3), noreturn)) void simt_die(const void *pc, const char *fmt, ...);

/* Somebody reads or writes there; the code at pc is to blame if it must not. */
void simt_touch(const void *p, size_t bytes, bool write, const void *pc);

/* All threads of a launch, whose turn it is. */
void simt_run(const struct node *launch);

#endif

/* Memory, streams and calls of the runtime of the device that is none. */
#include "tests/simt/simt_internal.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

/* ---- the runtime ---- */

static void on_fault(int signal, siginfo_t *info, void *context)
{
    (void)context;
    const void *pc = NULL;
#if defined(__x86_64__)
    pc = (const void *)((ucontext_t *)context)->uc_mcontext.gregs[REG_RIP];
#elif defined(__aarch64__)
    pc = (const void *)((ucontext_t *)context)->uc_mcontext.pc;
#endif
    if (simt.now != NULL) {
        simt_die(pc, signal == SIGSEGV ? "memory that is not allocated: %p" : "undefined behaviour: %p",
                 info->si_addr);
    }
    if ((size_t)((char *)info->si_addr - simt.region) < REGION) {
        simt_die(pc, "the host touches device memory: %p", info->si_addr);
    }
    (void)!write(2, "simt: a fault of the host\n", 26);
    struct sigaction usual = {};
    usual.sa_handler = SIG_DFL;
    sigaction(signal, &usual, NULL);
}

/* Every call begins and ends with these. The frame of tests takes signals for itself: they are taken back. */
static cudaError_t enter_call(void)
{
    struct sigaction on = {};
    on.sa_sigaction = on_fault;
    on.sa_flags = SA_SIGINFO | SA_ONSTACK;
    pthread_mutex_lock(&simt.lock);
    sigaction(SIGSEGV, &on, NULL);
    sigaction(SIGILL, &on, NULL);
    sigaction(SIGTRAP, &on, NULL);
    simt.calls++;
    return simt.lose > 0 && simt.calls >= simt.lose ? cudaErrorUnknown : cudaSuccess;
}

static cudaError_t leave_call(cudaError_t e)
{
    simt.last = e != cudaSuccess ? e : simt.last;
    pthread_mutex_unlock(&simt.lock);
    return e;
}

/* The device's memory is there for whom runs on it, and for nobody else. */
static void open_range(const void *p, size_t bytes, bool open)
{
    const size_t at = (size_t)((const char *)p - simt.region) / PAGE * PAGE,
                 end = (const char *)p + bytes - simt.region;
    if (mprotect(simt.region + at, end - at, open ? PROT_READ | PROT_WRITE : PROT_NONE) != 0) {
        simt_die(NULL, "mprotect");
    }
}

static void open_memory(bool open)
{
    for (size_t i = 0; i < simt.memory_n; i++) {
        open_range(simt.memory[i].at, simt.memory[i].bytes, open);
    }
}

static void host_wrote(void *to, size_t bytes)
{
    size_t at = (size_t)((char *)to - simt.region);
    for (size_t i = at / 4; i < (at + bytes + 3) / 4; i++) {
        simt.word[i].wrote = BY_HOST;
    }
}

static void push(struct simt_list *l, struct node *n)
{
    n->next = NULL;
    *(l->last != NULL ? &l->last->next : &l->first) = n;
    l->last = n;
}

static void drop(struct simt_list *l)
{
    while (l->first != NULL) {
        struct node *n = l->first;
        l->first = n->next;
        free(n);
    }
    l->last = NULL;
}

static struct simt_list *new_graph(void)
{
    struct simt_list *l = (struct simt_list *)calloc(1, sizeof *l);
    if (l == NULL) {
        simt_die(NULL, "no memory");
    }
    l->next = simt.graphs;
    return simt.graphs = l;
}

static void drop_graph(struct simt_list *l)
{
    struct simt_list **p = &simt.graphs;
    while (*p != l) {
        p = &(*p)->next;
    }
    *p = l->next;
    drop(l);
    free(l);
}

/* Do what waits in a stream. */
static void drain(struct simt_stream *s)
{
    if (s->work.first != NULL) {
        open_memory(true);
        for (struct node *n = s->work.first; n != NULL; n = n->next) {
            if (n->kernel != NULL) {
                simt_run(n);
            } else {
                memcpy(n->to, n->from != NULL ? n->from : n->args, n->bytes);
                host_wrote(n->to, n->bytes);
            }
        }
        open_memory(false);
        drop(&s->work);
    }
}

static void drain_all(void)
{
    for (struct simt_stream *s = simt.streams; s != NULL; s = s->next) {
        drain(s);
    }
}

/* Whether a capture is under way, which ends it: nothing but launches is allowed then. */
static bool breaks_capture(void)
{
    bool broken = false;
    for (struct simt_stream *s = simt.streams; s != NULL; s = s->next) {
        s->broken = s->broken || s->into != NULL;
        broken = broken || s->into != NULL;
    }
    return broken;
}

/* Of memory that has `bytes` at p, the number; memory_n: none. */
static size_t block_of(const void *p, size_t bytes)
{
    size_t i = 0;
    while (i < simt.memory_n &&
           !((const char *)p >= simt.memory[i].at &&
             (size_t)((const char *)p - simt.memory[i].at) + bytes <= simt.memory[i].bytes)) {
        i++;
    }
    return i;
}

static bool is_pinned(const void *p, size_t bytes)
{
    for (size_t i = 0; i < simt.pinned_n; i++) {
        size_t at = (size_t)((const char *)p - simt.pinned[i].at);
        if (at < simt.pinned[i].bytes && at + bytes <= simt.pinned[i].bytes) {
            return true;
        }
    }
    return false;
}

static void *map(size_t bytes, int what)
{
    void *p = mmap(NULL, bytes, what, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        simt_die(NULL, "no %zu bytes of addresses", bytes);
    }
    return p;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text != NULL ? strtoull(text, NULL, 10) : otherwise;
}

static void at_end(void)
{
    if (simt.memory_n + simt.pinned_n > 0 || simt.streams != NULL || simt.graphs != NULL) {
        fprintf(stderr, "simt: not given back: %zu blocks of memory, %zu pinned%s%s\n", simt.memory_n,
                simt.pinned_n, simt.streams != NULL ? ", streams" : "",
                simt.graphs != NULL ? ", graphs" : "");
        _exit(1);
    }
}

__attribute__((constructor)) static void begin(void)
{
    /* Tests that can take a device take this one, and fewer and smaller cases: it takes its time. */
    setenv("FG_TEST_DEVICE", "cuda", 0);
    setenv("FG_TEST_TURNS", "2", 0);
    setenv("FG_TEST_DENSE", "200", 0);
    if (getenv("FG_LONG") == NULL) {
        setenv("FG_TEST_ITERS", "4", 0);
    }
    static char stack[1 << 16];
    stack_t other = {};
    other.ss_sp = stack;
    other.ss_size = sizeof stack;
    pthread_mutexattr_t how;
    pthread_mutexattr_init(&how);
    pthread_mutex_init(&simt.lock, &how);
    fg_simt_seed(number("FG_SIMT_SEED", 1));
    simt.most = number("FG_SIMT_MEMORY", (uint64_t)512 << 20);
    simt.region = simt.cursor = (char *)map(REGION, PROT_NONE);
    simt.word = (struct cell *)map(REGION / 4 * sizeof(struct cell), PROT_READ | PROT_WRITE);
    simt.byte = (struct cell *)map(REGION * sizeof(struct cell), PROT_READ | PROT_WRITE);
    sigaltstack(&other, NULL);
    atexit(at_end);
}

static void give(size_t i)
{
    char *p = simt.memory[i].at;
    size_t bytes = (simt.memory[i].bytes + PAGE - 1) / PAGE * PAGE, at = (size_t)(p - simt.region);
    madvise(p, bytes, MADV_DONTNEED);
    mprotect(p, bytes, PROT_NONE);
    madvise(&simt.word[at / 4], bytes / 4 * sizeof *simt.word, MADV_DONTNEED);
    madvise(&simt.byte[at], bytes * sizeof *simt.byte, MADV_DONTNEED);
    simt.used -= simt.memory[i].bytes;
    simt.memory[i] = simt.memory[--simt.memory_n];
}

cudaError_t simt_malloc(void **out, size_t bytes)
{
    cudaError_t e = enter_call();
    size_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
    if (e == cudaSuccess && breaks_capture()) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess &&
               (bytes == 0 || bytes > simt.most - simt.used || simt.memory_n == BLOCKS_MOST)) {
        e = bytes == 0 ? cudaErrorInvalidValue : cudaErrorMemoryAllocation;
    }
    for (size_t i = 0; e == cudaSuccess && i < simt.memory_n; i++) { /* past what is in the way */
        if (simt.cursor + whole + PAGE > simt.region + REGION) {
            simt.cursor = simt.region;
            i = 0;
        }
        char *end = simt.memory[i].at + (simt.memory[i].bytes + PAGE - 1) / PAGE * PAGE + PAGE;
        if (simt.cursor < end && simt.memory[i].at < simt.cursor + whole + PAGE) {
            simt.cursor = end;
            i = (size_t)-1;
        }
    }
    if (e == cudaSuccess) {
        simt.cursor = simt.cursor + whole + PAGE > simt.region + REGION ? simt.region : simt.cursor;
        open_range(simt.cursor, whole, true);
        for (size_t i = 0; i < whole; i += sizeof(uint32_t)) {
            const uint32_t nan = 0x7fa5a5a5; /* a signalling one, no address and a large number */
            memcpy(simt.cursor + i, &nan, sizeof nan);
        }
        open_range(simt.cursor, whole, false);
        for (size_t i = (bytes + 3) / 4; i < whole / 4; i++) {
            simt.word[(size_t)(simt.cursor - simt.region) / 4 + i].wrote = BEYOND;
        }
        simt.memory[simt.memory_n].at = simt.cursor;
        simt.memory[simt.memory_n++].bytes = bytes;
        simt.used += bytes;
        *out = simt.cursor;
        simt.cursor += whole + PAGE; /* which faults */
    }
    return leave_call(e);
}

cudaError_t cudaFree(void *p)
{
    cudaError_t e = enter_call();
    size_t i = 0;
    while (i < simt.memory_n && simt.memory[i].at != p) {
        i++;
    }
    if (e == cudaSuccess && p != NULL && breaks_capture()) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess && p != NULL && i == simt.memory_n) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess && p != NULL) {
        drain_all();
        give(i);
    }
    return leave_call(e);
}

cudaError_t cudaMemcpy(void *to, const void *from, size_t bytes, cudaMemcpyKind kind)
{
    cudaError_t e = enter_call();
    const void *there = kind == cudaMemcpyHostToDevice ? to : from, *here = there == to ? from : to;
    if (e == cudaSuccess && breaks_capture()) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess && (block_of(there, bytes) == simt.memory_n ||
                                    (size_t)((const char *)here - simt.region) < REGION)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        drain_all();
        open_range(there, bytes, true);
        for (size_t i = (size_t)((const char *)there - simt.region);
             there == from && i % 4 == 0 && bytes % 4 == 0 &&
             i < (size_t)((const char *)there - simt.region) + bytes;
             i += 4) {
            if (simt.word[i / 4].wrote == NEVER && simt.byte[i].wrote == NEVER) {
                simt_die(NULL, "the host is given what was never written: %p + %zu of %zu bytes", from,
                         i - (size_t)((const char *)there - simt.region), bytes);
            }
        }
        memcpy(to, from, bytes);
        if (there == to) {
            host_wrote(to, bytes);
        }
        open_range(there, bytes, false);
    }
    return leave_call(e);
}

cudaError_t cudaMemset(void *to, int value, size_t bytes)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess && (breaks_capture() || block_of(to, bytes) == simt.memory_n)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        drain_all();
        open_range(to, bytes, true);
        memset(to, value, bytes);
        host_wrote(to, bytes);
        open_range(to, bytes, false);
    }
    return leave_call(e);
}

static struct node *node_of(size_t bytes)
{
    struct node *n = (struct node *)calloc(1, sizeof *n + bytes);
    if (n == NULL) {
        simt_die(NULL, "no memory");
    }
    n->bytes = bytes;
    return n;
}

/* What is pageable is taken at once, what is pinned when its turn comes. */
cudaError_t cudaMemcpyAsync(void *to, const void *from, size_t bytes, cudaMemcpyKind kind, cudaStream_t s)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess &&
        (kind != cudaMemcpyHostToDevice || s == NULL || breaks_capture() ||
         block_of(to, bytes) == simt.memory_n || (size_t)((const char *)from - simt.region) < REGION)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        struct node *n = node_of(bytes);
        n->to = to;
        n->from = is_pinned(from, bytes) ? from : NULL;
        memcpy(n->args, from, n->from == NULL ? bytes : 0);
        push(&s->work, n);
    }
    return leave_call(e);
}

cudaError_t simt_allow_shared(const void *kernel, cudaFuncAttribute what, int bytes)
{
    cudaError_t e = enter_call();
    size_t i = 0;
    while (i < simt.asked_n && simt.asked[i].kernel != kernel) {
        i++;
    }
    if (e == cudaSuccess && (what != cudaFuncAttributeMaxDynamicSharedMemorySize || bytes < 0 ||
                             (size_t)bytes > SHARED_MOST || i == sizeof simt.asked / sizeof *simt.asked)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        simt.asked[i].kernel = kernel;
        simt.asked[i].bytes = (size_t)bytes;
        simt.asked_n = i < simt.asked_n ? simt.asked_n : i + 1;
    }
    return leave_call(e);
}

/* What a launch of that kernel may ask for. */
static size_t shared_allowed(const void *kernel)
{
    size_t most = SHARED_UNASKED;
    for (size_t i = 0; i < simt.asked_n; i++) {
        most = simt.asked[i].kernel == kernel && simt.asked[i].bytes > most ? simt.asked[i].bytes : most;
    }
    return most;
}

cudaError_t simt_launch(const cudaLaunchConfig_t *how, const void *kernel,
                        void (*run)(const void *kernel, const void *args), const void *args, size_t bytes)
{
    cudaError_t e = enter_call();
    const dim3 *b = &how->blockDim, *grid = &how->gridDim;
    struct simt_stream *s = how->stream, unnamed = {};
    if (e == cudaSuccess &&
        (b->x == 0 || b->y == 0 || b->z == 0 || b->z > 64 || (uint64_t)b->x * b->y > THREADS_MOST ||
         b->x * b->y * b->z > THREADS_MOST || grid->x == 0 || grid->x > INT32_MAX || grid->y == 0 ||
         grid->y > 65535 || grid->z == 0 || grid->z > 65535)) {
        e = cudaErrorInvalidConfiguration;
    } else if (e == cudaSuccess && how->dynamicSmemBytes > shared_allowed(kernel)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess && s == NULL && breaks_capture()) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess) {
        struct node *n = node_of(bytes);
        n->grid = *grid;
        n->block = *b;
        n->dynamic = how->dynamicSmemBytes;
        n->kernel = kernel;
        n->run = run;
        memcpy(n->args, args, bytes);
        push(s == NULL ? &unnamed.work : s->into != NULL ? s->into : &s->work, n);
        if (s == NULL) { /* the unnamed stream waits for all others, and they for it */
            drain_all();
            drain(&unnamed);
        }
    }
    return leave_call(e);
}

cudaError_t cudaStreamCreate(cudaStream_t *out)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess) {
        struct simt_stream *s = (struct simt_stream *)calloc(1, sizeof *s);
        s->next = simt.streams;
        simt.streams = *out = s;
    }
    return leave_call(e);
}

cudaError_t cudaStreamSynchronize(cudaStream_t s)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess && s->into != NULL) {
        s->broken = true;
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess) {
        drain(s);
    }
    return leave_call(e);
}

cudaError_t cudaStreamDestroy(cudaStream_t s)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess) {
        struct simt_stream **p = &simt.streams;
        drain(s);
        while (*p != s) {
            p = &(*p)->next;
        }
        *p = s->next;
        free(s);
    }
    return leave_call(e);
}

cudaError_t cudaStreamBeginCapture(cudaStream_t s, cudaStreamCaptureMode)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess && s->into != NULL) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        s->into = new_graph();
        s->broken = false;
    }
    return leave_call(e);
}

cudaError_t cudaStreamEndCapture(cudaStream_t s, cudaGraph_t *out)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess && s->into == NULL) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess && s->broken) {
        drop_graph(s->into);
        s->into = *out = NULL;
        e = cudaErrorStreamCaptureInvalidated;
    } else if (e == cudaSuccess) {
        *out = s->into;
        s->into = NULL;
    }
    return leave_call(e);
}

static void append(struct simt_list *to, const struct simt_list *from)
{
    for (const struct node *n = from->first; n != NULL; n = n->next) {
        struct node *copy = node_of(n->bytes);
        memcpy((void *)copy, (const void *)n, sizeof *n + n->bytes);
        push(to, copy);
    }
}

cudaError_t cudaGraphInstantiate(cudaGraphExec_t *out, cudaGraph_t from, unsigned long long)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess) {
        *out = new_graph();
        append(*out, from);
    }
    return leave_call(e);
}

cudaError_t cudaGraphLaunch(cudaGraphExec_t graph, cudaStream_t s)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess && s->into != NULL) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess) {
        append(&s->work, graph);
        simt.counts.graphs++;
    }
    return leave_call(e);
}

cudaError_t cudaGraphDestroy(cudaGraph_t graph)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess) {
        drop_graph(graph);
    }
    return leave_call(e);
}

cudaError_t cudaGraphExecDestroy(cudaGraphExec_t graph)
{
    return cudaGraphDestroy(graph);
}

cudaError_t cudaHostRegister(void *p, size_t bytes, unsigned)
{
    cudaError_t e = enter_call();
    if (e == cudaSuccess && (bytes == 0 || simt.pinned_n == BLOCKS_MOST)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess && is_pinned(p, 1)) {
        e = cudaErrorHostMemoryAlreadyRegistered;
    } else if (e == cudaSuccess) {
        simt.pinned[simt.pinned_n].at = (char *)p;
        simt.pinned[simt.pinned_n++].bytes = bytes;
    }
    return leave_call(e);
}

cudaError_t cudaHostUnregister(void *p)
{
    cudaError_t e = enter_call();
    size_t i = 0;
    while (i < simt.pinned_n && simt.pinned[i].at != p) {
        i++;
    }
    if (e == cudaSuccess && i == simt.pinned_n) {
        e = cudaErrorHostMemoryNotRegistered;
    } else if (e == cudaSuccess) {
        simt.pinned[i] = simt.pinned[--simt.pinned_n];
    }
    return leave_call(e);
}

/* There is no time: an event is passed when it is asked for, and everything takes a millisecond. */
cudaError_t cudaEventCreate(cudaEvent_t *out)
{
    *out = NULL;
    return leave_call(enter_call());
}

cudaError_t cudaEventRecord(cudaEvent_t)
{
    return leave_call(enter_call());
}

cudaError_t cudaEventSynchronize(cudaEvent_t)
{
    return leave_call(enter_call());
}

cudaError_t cudaEventElapsedTime(float *ms, cudaEvent_t, cudaEvent_t)
{
    *ms = 1.0f;
    return leave_call(enter_call());
}

cudaError_t cudaEventDestroy(cudaEvent_t)
{
    return leave_call(enter_call());
}

cudaError_t cudaGetDeviceCount(int *out)
{
    *out = 1;
    return leave_call(enter_call());
}

cudaError_t cudaSetDevice(int device)
{
    cudaError_t e = enter_call();
    return leave_call(e == cudaSuccess && device != 0 ? cudaErrorInvalidDevice : e);
}

cudaError_t cudaGetDeviceProperties(cudaDeviceProp *out, int)
{
    memset(out, 0, sizeof *out);
    strcpy(out->name, "that is none");
    out->major = 9;
    out->multiProcessorCount = 3;
    return leave_call(enter_call());
}

cudaError_t cudaDeviceGetAttribute(int *out, cudaDeviceAttr, int)
{
    *out = (int)SHARED_MOST;
    return leave_call(enter_call());
}

cudaError_t cudaMemGetInfo(size_t *left, size_t *all)
{
    cudaError_t e = enter_call();
    *left = simt.most - simt.used;
    *all = simt.most;
    return leave_call(e);
}

cudaError_t cudaDriverGetVersion(int *out)
{
    *out = 13000;
    return cudaSuccess;
}

cudaError_t cudaRuntimeGetVersion(int *out)
{
    *out = 13000;
    return cudaSuccess;
}

cudaError_t cudaGetLastError(void)
{
    pthread_mutex_lock(&simt.lock);
    cudaError_t e = simt.last;
    simt.last = simt.lose > 0 && simt.calls >= simt.lose ? simt.last : cudaSuccess;
    pthread_mutex_unlock(&simt.lock);
    return e;
}

const char *cudaGetErrorString(cudaError_t e)
{
    return e == cudaSuccess                 ? "no error"
           : e == cudaErrorUnknown          ? "the device is lost"
           : e == cudaErrorMemoryAllocation ? "out of memory"
                                            : "an error";
}

void fg_simt_seed(uint64_t seed)
{
    simt.random = seed * 0x9E3779B97F4A7C15u + 1;
}

void fg_simt_lose(uint64_t n)
{
    pthread_mutex_lock(&simt.lock);
    simt.lose = n > 0 ? simt.calls + n : 0;
    simt.last = cudaSuccess;
    while (n == 0 && simt.streams != NULL) {
        struct simt_stream *s = simt.streams;
        simt.streams = s->next;
        drop(&s->work);
        free(s);
    }
    while (n == 0 && simt.memory_n > 0) {
        give(0);
    }
    while (n == 0 && simt.graphs != NULL) {
        drop_graph(simt.graphs);
    }
    simt.pinned_n = n == 0 ? 0 : simt.pinned_n;
    pthread_mutex_unlock(&simt.lock);
}

struct fg_simt_counts fg_simt_counts(void)
{
    pthread_mutex_lock(&simt.lock);
    struct fg_simt_counts now = simt.counts;
    pthread_mutex_unlock(&simt.lock);
    return now;
}

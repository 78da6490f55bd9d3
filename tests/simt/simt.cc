/* Threads, memory and streams of the device that is none (simt.h). */
#include "tests/simt/simt.h"

#include <dlfcn.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include "tests/simt/kernels/device_ptx.h"

#define SHARED_MOST ((size_t)227 << 10) /* of a block; of capability 9.0, as the limits below */
#define SHARED_UNASKED ((size_t)48 << 10)
#define THREADS_MOST 1024u
#define STACK ((size_t)64 << 10)
#define PAGE ((size_t)4096)
#define REGION ((size_t)8 << 30) /* of addresses */
#define BLOCKS_MOST 4096         /* of memory */

/* ---- what all see ---- */

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

static struct {
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
    struct fg_simt_counts counts;
} g;

static char *stack_now; /* of the thread that runs */
alignas(1024) static char shared_memory[SHARED_MOST];
static struct cell shared_word[SHARED_MOST / 4], shared_byte[SHARED_MOST];

/* Where in the source, by the tools that a compiler comes with, if they are there. */
static void tell(const char *what, const void *pc)
{
    Dl_info in;
    char address[32], file[4096];
    ssize_t n = readlink("/proc/self/exe", file, sizeof file - 1);
    if (pc == NULL || n <= 0 || dladdr(pc, &in) == 0) {
        return;
    }
    file[n] = '\0';
    snprintf(address, sizeof address, "%#zx", (size_t)((const char *)pc - (const char *)in.dli_fbase));
    fprintf(stderr, "  %s %s:", what, address);
    fflush(stderr);
    pid_t child = fork();
    if (child == 0) {
        dup2(2, 1);
        execlp("addr2line", "addr2line", "-Cfpsi", "-e", file, address, (char *)NULL);
        _exit(1);
    }
    waitpid(child, NULL, 0);
    fprintf(stderr, "\n");
}

__attribute__((format(printf, 2, 3), noreturn)) static void die(const void *pc, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    fprintf(stderr, "simt: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    if (g.now != NULL) {
        fprintf(stderr, " (block %u, %u of %u, %u; thread %u of %u)", g.place[3], g.place[4], g.place[9],
                g.place[10], g.now->thread, g.place[6]);
    }
    fprintf(stderr, "\n");
    if (g.now != NULL) {
        tell("kernel", g.launch->kernel);
    }
    tell("at", pc);
    signal(SIGABRT, SIG_DFL);
    abort();
}

static uint64_t draw(void) /* xorshift64* */
{
    g.random ^= g.random >> 12;
    g.random ^= g.random << 25;
    g.random ^= g.random >> 27;
    return g.random * 0x2545F4914F6CDD1Du >> 32;
}

/* ---- reads and writes ---- */

/* What lies below `low` is of an earlier launch, or of shared memory an earlier block. */
static inline void remember(struct cell *c, uint64_t low, bool write)
{
    const uint64_t r = c->read, now = g.epoch << 12, me = now | g.now->thread;
    if (write) {
        c->wrote = me | (c->wrote & BYTES);
    } else {
        const bool others = r >= low && ((r & FLAG) != 0 || r < g.block_epoch << 12),
                   many = r >= low && r >= now && ((r ^ me) & THREAD) != 0;
        c->read = (many ? now | MANY : me) | (others ? FLAG : 0);
    }
}

/* Whether one look at the cell of a word tells that all is well, as it does nearly always; then it is
 * remembered. */
static inline bool is_well(struct cell *c, bool near, bool write)
{
    const uint64_t w = c->wrote, r = c->read, now = g.epoch << 12, me = now | g.now->thread,
                   block = g.block_epoch << 12, low = near ? block : g.launch_epoch << 12;
    const bool wrote = w == me || (w >= block && w < now && (w & FLAG) == 0) || (w < low && (write || !near)),
               read = !write || r == me || r < low || (r >= block && r < now && (r & FLAG) == 0);
    if (wrote && read) {
        remember(c, low, write);
    }
    return wrote && read;
}

/* What is wrong, or NULL. */
static const char *conflict(const struct cell *c, uint64_t low, bool write)
{
    const uint64_t w = c->wrote & ~BYTES, r = c->read, now = g.epoch << 12, block = g.block_epoch << 12,
                   me = g.now->thread;
    if (c->wrote == BEYOND) {
        return "beyond what was allocated";
    }
    if (w >= low && (w & FLAG) != 0) {
        return "a copy is on its way to what is touched";
    }
    if (w >= low && (w < block || (w >= now && (w & THREAD) != me))) {
        return write ? "a race: written by another thread, too" : "a race: read, written by another thread";
    }
    if (write && r >= low && ((r & FLAG) != 0 || r < block || (r >= now && (r & THREAD) != me))) {
        return "a race: written, read by another thread";
    }
    return NULL;
}

/* The whole look: words whose bytes are touched one by one have a cell a byte, too. */
static void look(const void *p, size_t bytes, bool write, const void *pc)
{
    const bool near = (size_t)((const char *)p - shared_memory) < SHARED_MOST, whole = bytes >= 4;
    const size_t at = (size_t)((const char *)p - (near ? shared_memory : g.region)), n = whole ? 4 : 1;
    struct cell *words = near ? shared_word : g.word, *singles = near ? shared_byte : g.byte;
    const uint64_t low = (near ? g.block_epoch : g.launch_epoch) << 12;
    const char *wrong = NULL;
    if (!write && (size_t)((const char *)p - g.launch->args) < g.launch->bytes) {
        return; /* a parameter */
    }
    if (near && at + bytes > g.shared_bytes) {
        die(pc, "beyond shared memory: byte %zu of %zu", at, g.shared_bytes);
    }
    if (!near && at >= REGION) {
        die(pc, "%s memory that is not the device's: %p", write ? "writes" : "reads", p);
    }
    for (size_t i = at; i < at + bytes && wrong == NULL; i += n) {
        struct cell *w = &words[i / 4], *b = &singles[i];
        wrong = conflict(w, low, write);
        w->wrote |= whole ? 0 : BYTES;
        for (size_t k = 0; k < n && wrong == NULL && (w->wrote & BYTES) != 0; k++) {
            wrong = conflict(b + k, low, write);
        }
        for (size_t k = 0; k < n && wrong == NULL && near && !write && (w->wrote & ~BYTES) < low; k++) {
            wrong = b[k].wrote < low ? "reads what was never written" : NULL;
        }
        remember(whole ? w : b, low, write);
    }
    if (wrong != NULL) {
        die(pc, "%s: %p, %s byte %zu", wrong, p, near ? "shared memory," : "device memory,", at);
    }
}

static inline __attribute__((always_inline)) void touch(const void *p, size_t bytes, bool write,
                                                        const void *pc)
{
    const size_t at = (size_t)((const char *)p - g.region),
                 at_near = (size_t)((const char *)p - shared_memory);
    if ((size_t)((const char *)p - stack_now) < STACK || g.now == NULL) {
        return;
    }
    const bool near = at_near < SHARED_MOST;
    bool well = bytes >= 4 && (at < REGION || at_near + bytes <= g.shared_bytes);
    for (size_t i = 0; well && i < bytes / 4; i++) {
        well = is_well(near ? &shared_word[at_near / 4 + i] : &g.word[at / 4 + i], near, write);
    }
    if (!well) {
        look(p, bytes, write, pc);
    }
}

#define HOOK(name, bytes, write)                             \
    extern "C" void name(const void *p)                      \
    {                                                        \
        touch(p, bytes, write, __builtin_return_address(0)); \
    }
#define HOOKS(bytes)                                 \
    HOOK(__tsan_read##bytes, bytes, false)           \
    HOOK(__tsan_write##bytes, bytes, true)           \
    HOOK(__tsan_unaligned_read##bytes, bytes, false) \
    HOOK(__tsan_unaligned_write##bytes, bytes, true)
HOOKS(1)
HOOKS(2)
HOOKS(4)
HOOKS(8)
HOOKS(16)

extern "C" void __tsan_read_range(const void *p, size_t bytes)
{
    touch(p, bytes, false, __builtin_return_address(0));
}

extern "C" void __tsan_write_range(const void *p, size_t bytes)
{
    touch(p, bytes, true, __builtin_return_address(0));
}

extern "C" void __tsan_init(void)
{
}
extern "C" void __tsan_func_entry(void *)
{
}
extern "C" void __tsan_func_exit(void)
{
}

/* ---- threads ---- */

__attribute__((noinline)) static void leap(void **to)
{
    __builtin_longjmp(to, 1);
}

/* The thread that runs waits, or ended: the host goes on. */
__attribute__((noinline)) static void leave(enum state s)
{
    g.now->state = s;
    if (__builtin_setjmp(g.now->at) == 0) {
        leap(g.host);
    }
}

static void body(void)
{
    for (;;) {
        g.launch->run(g.launch->kernel, g.launch->args);
        if (g.now->copies > 0) {
            die(NULL, "a thread ends while its copies are on their way");
        }
        leave(ENDED);
    }
}

/* Run thread k until it leaves. */
__attribute__((noinline)) static void enter(unsigned k)
{
    g.now = &g.fibre[k];
    stack_now = g.now->stack;
    if (__builtin_setjmp(g.host) == 0) {
        if (g.now->begun) {
            leap(g.now->at);
        }
        g.now->begun = true;
        setcontext(&g.now->first);
    }
    g.now = NULL;
}

static void make_ready(unsigned k)
{
    g.fibre[k].state = READY;
    g.ready[g.ready_n++] = k;
}

static void make_stack(struct fibre *f)
{
    f->stack = (char *)mmap(NULL, STACK + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->stack == MAP_FAILED || mprotect(f->stack, PAGE, PROT_NONE) != 0 || getcontext(&f->first) != 0) {
        die(NULL, "no memory for stacks");
    }
    f->stack += PAGE; /* what is beyond it faults */
    f->first.uc_stack.ss_sp = f->stack;
    f->first.uc_stack.ss_size = STACK;
    makecontext(&f->first, body, 0);
}

/* All threads wait: at one barrier, which they pass then, or something is wrong. */
static void pass_barrier(unsigned n)
{
    const struct fibre *one = NULL;
    for (unsigned k = 0; k < n; k++) {
        one =
            g.fibre[k].state == AT_MMA || (one == NULL && g.fibre[k].state == AT_BARRIER) ? &g.fibre[k] : one;
    }
    for (unsigned k = 0; k < n; k++) {
        struct fibre *f = &g.fibre[k];
        if (f->state != AT_BARRIER || f->line != one->line) {
            g.now = (struct fibre *)one;
            die(NULL, "threads do not come together: %u waits at line %d, %u %s line %d", one->thread,
                one->line, f->thread, f->state == ENDED ? "ended after" : "waits at", f->line);
        }
    }
    g.epoch++;
    for (unsigned k = 0; k < n; k++) {
        make_ready(k);
    }
}

static void run_block(unsigned n)
{
    unsigned ended = 0;
    g.block_epoch = ++g.epoch;
    g.shared_bytes = g.launch->dynamic;
    g.ready_n = 0;
    for (unsigned k = 0; k < n; k++) {
        make_ready(k);
        g.fibre[k].line = 0;
    }
    while (ended < n) {
        if (g.ready_n == 0) {
            pass_barrier(n);
        }
        unsigned i = (unsigned)(draw() % g.ready_n), k = g.ready[i];
        g.ready[i] = g.ready[--g.ready_n];
        g.place[0] = k % g.launch->block.x;
        g.place[1] = k / g.launch->block.x % g.launch->block.y;
        g.place[2] = k / g.launch->block.x / g.launch->block.y;
        enter(k);
        ended += g.fibre[k].state == ENDED;
    }
    g.counts.threads += n;
}

static void run_launch(const struct node *l)
{
    const unsigned n = l->block.x * l->block.y * l->block.z;
    const unsigned sizes[6] = {l->block.x, l->block.y, l->block.z, l->grid.x, l->grid.y, l->grid.z};
    g.launch = l;
    g.launch_epoch = g.epoch + 1;
    memcpy(g.place + 6, sizes, sizeof sizes);
    for (unsigned k = 0; k < n; k++) {
        if (g.fibre[k].stack == NULL) {
            g.fibre[k].thread = k;
            make_stack(&g.fibre[k]);
        }
    }
    for (g.place[5] = 0; g.place[5] < l->grid.z; g.place[5]++) {
        for (g.place[4] = 0; g.place[4] < l->grid.y; g.place[4]++) {
            for (g.place[3] = 0; g.place[3] < l->grid.x; g.place[3]++) {
                run_block(n);
            }
        }
    }
    g.counts.launches++;
}

unsigned simt_place(unsigned which)
{
    return g.place[which];
}

void __syncthreads(int line)
{
    g.now->line = line;
    leave(AT_BARRIER);
}

void *simt_shared(size_t bytes)
{
    if (bytes > SHARED_UNASKED || (bytes > 0 && g.launch->dynamic > 0)) {
        die(NULL, "%zu bytes of shared memory, beside %zu", bytes, g.launch->dynamic);
    }
    g.shared_bytes = bytes > 0 ? bytes : g.launch->dynamic;
    return shared_memory;
}

/* ---- instructions ---- */

void simt_copy(void *to, const void *from, size_t bytes, bool there)
{
    struct fibre *f = g.now;
    const void *pc = __builtin_return_address(0);
    if ((size_t)((char *)to - shared_memory) >= SHARED_MOST || (uintptr_t)to % bytes != 0 ||
        (uintptr_t)from % bytes != 0 || (there && (size_t)((const char *)from - g.region) >= REGION)) {
        die(pc, "cp.async of %zu bytes from %p to %p", bytes, from, to);
    }
    if (f->copies == sizeof f->copy / sizeof *f->copy) {
        die(pc, "more copies on their way than the stand-in has room for");
    }
    struct copy *c = &f->copy[f->copies++];
    c->to = to;
    c->from = from;
    c->bytes = bytes;
    c->group = f->group;
    c->there = there;
    touch(to, bytes, true, pc);
    if (there) {
        touch(from, bytes, false, pc);
        memcpy(c->seen, from, bytes);
    }
    for (size_t i = 0; i < bytes; i += 4) {
        shared_word[((char *)to - shared_memory + i) / 4].wrote |= FLAG;
    }
}

static void land(const struct copy *c, const void *pc)
{
    for (size_t i = 0; i < c->bytes; i += 4) {
        shared_word[((char *)c->to - shared_memory + i) / 4].wrote &= ~(uint64_t)FLAG;
    }
    touch(c->to, c->bytes, true, pc);
    if (c->there) {
        touch(c->from, c->bytes, false, pc);
        if (memcmp(c->from, c->seen, c->bytes) != 0) {
            die(pc, "what a copy on its way reads was changed");
        }
        memcpy(c->to, c->from, c->bytes);
    } else {
        memset(c->to, 0, c->bytes);
    }
}

void simt_close_group(void)
{
    g.now->group++;
}

void simt_wait_groups(int but)
{
    struct fibre *f = g.now;
    unsigned kept = 0;
    for (unsigned i = 0; i < f->copies; i++) {
        if ((int)(f->group - f->copy[i].group) > but) {
            land(&f->copy[i], __builtin_return_address(0));
        } else {
            f->copy[kept++] = f->copy[i];
        }
    }
    f->copies = kept;
}

static double of_bits(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof f);
    return f;
}

/* c + products (n), cut off 25 bits below the largest, and again to a float: no hardware rounds worse. */
static float tensor_sum(float c, double *term, int n)
{
    double largest = fabs((double)c), sum = 0;
    term[n] = c;
    for (int i = 0; i < n; i++) {
        largest = fabs(term[i]) > largest ? fabs(term[i]) : largest;
    }
    if (!(largest > 0) || largest > 0x1p127) {
        for (int i = 0; i <= n; i++) {
            sum += term[i];
        }
        return (float)sum;
    }
    int exponent = ilogb(largest);
    double up = ldexp(1, 25 - exponent), down = ldexp(1, exponent - 25);
    for (int i = 0; i <= n; i++) {
        sum += (double)(int64_t)(term[i] * up);
    }
    float near = (float)(sum * down);
    return fabs((double)near) > fabs(sum * down) ? nextafterf(near, 0.0f) : near;
}

/* The matrices of a warp, as the fragments' figures say: lane l is of group l / 4, in it l % 4. */
static void multiply(struct fibre *warp, int terms)
{
    double a[16][16], b[16][8], product[17];
    for (int l = 0; l < 32; l++) {
        const int row = l / 4, in = l % 4;
        for (int i = 0; i < 4; i++) { /* registers: rows alternate, the second two are the upper half of k */
            const int r = row + i % 2 * 8;
            if (terms == 8) {
                a[r][in + i / 2 * 4] = of_bits(warp[l].a[i] & ~0x1fffu);
            } else {
                a[r][2 * in + i / 2 * 8] = of_bits(warp[l].a[i] << 16);
                a[r][2 * in + i / 2 * 8 + 1] = of_bits(warp[l].a[i] & 0xffff0000u);
            }
        }
        for (int i = 0; i < 2; i++) {
            if (terms == 8) {
                b[in + 4 * i][row] = of_bits(warp[l].b[i] & ~0x1fffu);
            } else {
                b[2 * in + 8 * i][row] = of_bits(warp[l].b[i] << 16);
                b[2 * in + 8 * i + 1][row] = of_bits(warp[l].b[i] & 0xffff0000u);
            }
        }
    }
    for (int l = 0; l < 32; l++) {
        for (int i = 0; i < 4; i++) {
            const int row = l / 4 + i / 2 * 8, column = l % 4 * 2 + i % 2;
            for (int k = 0; k < terms; k++) {
                product[k] = a[row][k] * b[k][column];
            }
            warp[l].c[i] = tensor_sum(warp[l].c[i], product, terms);
        }
    }
}

void simt_mma(int terms, float *c, const uint32_t *a, const uint32_t *b)
{
    struct fibre *f = g.now, *warp = &g.fibre[f->thread / 32 * 32];
    unsigned waiting = 0;
    f->c = c;
    f->a = a;
    f->b = b;
    f->terms = terms;
    f->state = AT_MMA;
    for (unsigned l = 0; l < 32; l++) {
        waiting += warp[l].state == AT_MMA && warp[l].terms == terms;
    }
    if (waiting == 32) {
        multiply(warp, terms);
        for (unsigned l = 0; l < 32; l++) {
            if (&warp[l] != f) {
                make_ready(warp[l].thread);
            }
        }
        f->state = READY;
    } else {
        leave(AT_MMA);
    }
}

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
    if (g.now != NULL) {
        die(pc, signal == SIGSEGV ? "memory that is not allocated: %p" : "undefined behaviour: %p",
            info->si_addr);
    }
    if ((size_t)((char *)info->si_addr - g.region) < REGION) {
        die(pc, "the host touches device memory: %p", info->si_addr);
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
    pthread_mutex_lock(&g.lock);
    sigaction(SIGSEGV, &on, NULL);
    sigaction(SIGILL, &on, NULL);
    sigaction(SIGTRAP, &on, NULL);
    g.calls++;
    return g.lose > 0 && g.calls >= g.lose ? cudaErrorUnknown : cudaSuccess;
}

static cudaError_t leave_call(cudaError_t e)
{
    g.last = e != cudaSuccess ? e : g.last;
    pthread_mutex_unlock(&g.lock);
    return e;
}

/* The device's memory is there for whom runs on it, and for nobody else. */
static void open_range(const void *p, size_t bytes, bool open)
{
    const size_t at = (size_t)((const char *)p - g.region) / PAGE * PAGE,
                 end = (const char *)p + bytes - g.region;
    if (mprotect(g.region + at, end - at, open ? PROT_READ | PROT_WRITE : PROT_NONE) != 0) {
        die(NULL, "mprotect");
    }
}

static void open_memory(bool open)
{
    for (size_t i = 0; i < g.memory_n; i++) {
        open_range(g.memory[i].at, g.memory[i].bytes, open);
    }
}

static void host_wrote(void *to, size_t bytes)
{
    size_t at = (size_t)((char *)to - g.region);
    for (size_t i = at / 4; i < (at + bytes + 3) / 4; i++) {
        g.word[i].wrote = BY_HOST;
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
        die(NULL, "no memory");
    }
    l->next = g.graphs;
    return g.graphs = l;
}

static void drop_graph(struct simt_list *l)
{
    struct simt_list **p = &g.graphs;
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
                run_launch(n);
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
    for (struct simt_stream *s = g.streams; s != NULL; s = s->next) {
        drain(s);
    }
}

/* Whether a capture is under way, which ends it: nothing but launches is allowed then. */
static bool breaks_capture(void)
{
    bool broken = false;
    for (struct simt_stream *s = g.streams; s != NULL; s = s->next) {
        s->broken = s->broken || s->into != NULL;
        broken = broken || s->into != NULL;
    }
    return broken;
}

/* Of memory that has `bytes` at p, the number; memory_n: none. */
static size_t block_of(const void *p, size_t bytes)
{
    size_t i = 0;
    while (i < g.memory_n && !((const char *)p >= g.memory[i].at &&
                               (size_t)((const char *)p - g.memory[i].at) + bytes <= g.memory[i].bytes)) {
        i++;
    }
    return i;
}

static bool is_pinned(const void *p, size_t bytes)
{
    for (size_t i = 0; i < g.pinned_n; i++) {
        size_t at = (size_t)((const char *)p - g.pinned[i].at);
        if (at < g.pinned[i].bytes && at + bytes <= g.pinned[i].bytes) {
            return true;
        }
    }
    return false;
}

static void *map(size_t bytes, int what)
{
    void *p = mmap(NULL, bytes, what, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (p == MAP_FAILED) {
        die(NULL, "no %zu bytes of addresses", bytes);
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
    if (g.memory_n + g.pinned_n > 0 || g.streams != NULL || g.graphs != NULL) {
        fprintf(stderr, "simt: not given back: %zu blocks of memory, %zu pinned%s%s\n", g.memory_n,
                g.pinned_n, g.streams != NULL ? ", streams" : "", g.graphs != NULL ? ", graphs" : "");
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
    pthread_mutex_init(&g.lock, &how);
    fg_simt_seed(number("FG_SIMT_SEED", 1));
    g.most = number("FG_SIMT_MEMORY", (uint64_t)512 << 20);
    g.region = g.cursor = (char *)map(REGION, PROT_NONE);
    g.word = (struct cell *)map(REGION / 4 * sizeof(struct cell), PROT_READ | PROT_WRITE);
    g.byte = (struct cell *)map(REGION * sizeof(struct cell), PROT_READ | PROT_WRITE);
    sigaltstack(&other, NULL);
    atexit(at_end);
}

static void give(size_t i)
{
    char *p = g.memory[i].at;
    size_t bytes = (g.memory[i].bytes + PAGE - 1) / PAGE * PAGE, at = (size_t)(p - g.region);
    madvise(p, bytes, MADV_DONTNEED);
    mprotect(p, bytes, PROT_NONE);
    madvise(&g.word[at / 4], bytes / 4 * sizeof *g.word, MADV_DONTNEED);
    madvise(&g.byte[at], bytes * sizeof *g.byte, MADV_DONTNEED);
    g.used -= g.memory[i].bytes;
    g.memory[i] = g.memory[--g.memory_n];
}

cudaError_t simt_malloc(void **out, size_t bytes)
{
    cudaError_t e = enter_call();
    size_t whole = (bytes + PAGE - 1) / PAGE * PAGE;
    if (e == cudaSuccess && breaks_capture()) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess && (bytes == 0 || bytes > g.most - g.used || g.memory_n == BLOCKS_MOST)) {
        e = bytes == 0 ? cudaErrorInvalidValue : cudaErrorMemoryAllocation;
    }
    for (size_t i = 0; e == cudaSuccess && i < g.memory_n; i++) { /* past what is in the way */
        if (g.cursor + whole + PAGE > g.region + REGION) {
            g.cursor = g.region;
            i = 0;
        }
        char *end = g.memory[i].at + (g.memory[i].bytes + PAGE - 1) / PAGE * PAGE + PAGE;
        if (g.cursor < end && g.memory[i].at < g.cursor + whole + PAGE) {
            g.cursor = end;
            i = (size_t)-1;
        }
    }
    if (e == cudaSuccess) {
        g.cursor = g.cursor + whole + PAGE > g.region + REGION ? g.region : g.cursor;
        open_range(g.cursor, whole, true);
        for (size_t i = 0; i < whole; i += sizeof(uint32_t)) {
            const uint32_t nan = 0x7fa5a5a5; /* a signalling one, no address and a large number */
            memcpy(g.cursor + i, &nan, sizeof nan);
        }
        open_range(g.cursor, whole, false);
        for (size_t i = (bytes + 3) / 4; i < whole / 4; i++) {
            g.word[(size_t)(g.cursor - g.region) / 4 + i].wrote = BEYOND;
        }
        g.memory[g.memory_n].at = g.cursor;
        g.memory[g.memory_n++].bytes = bytes;
        g.used += bytes;
        *out = g.cursor;
        g.cursor += whole + PAGE; /* which faults */
    }
    return leave_call(e);
}

cudaError_t cudaFree(void *p)
{
    cudaError_t e = enter_call();
    size_t i = 0;
    while (i < g.memory_n && g.memory[i].at != p) {
        i++;
    }
    if (e == cudaSuccess && p != NULL && breaks_capture()) {
        e = cudaErrorStreamCaptureUnsupported;
    } else if (e == cudaSuccess && p != NULL && i == g.memory_n) {
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
    } else if (e == cudaSuccess &&
               (block_of(there, bytes) == g.memory_n || (size_t)((const char *)here - g.region) < REGION)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        drain_all();
        open_range(there, bytes, true);
        for (size_t i = (size_t)((const char *)there - g.region);
             there == from && i % 4 == 0 && bytes % 4 == 0 &&
             i < (size_t)((const char *)there - g.region) + bytes;
             i += 4) {
            if (g.word[i / 4].wrote == NEVER && g.byte[i].wrote == NEVER) {
                die(NULL, "the host is given what was never written: %p + %zu of %zu bytes", from,
                    i - (size_t)((const char *)there - g.region), bytes);
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
    if (e == cudaSuccess && (breaks_capture() || block_of(to, bytes) == g.memory_n)) {
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
        die(NULL, "no memory");
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
         block_of(to, bytes) == g.memory_n || (size_t)((const char *)from - g.region) < REGION)) {
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
    while (i < g.asked_n && g.asked[i].kernel != kernel) {
        i++;
    }
    if (e == cudaSuccess && (what != cudaFuncAttributeMaxDynamicSharedMemorySize || bytes < 0 ||
                             (size_t)bytes > SHARED_MOST || i == sizeof g.asked / sizeof *g.asked)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess) {
        g.asked[i].kernel = kernel;
        g.asked[i].bytes = (size_t)bytes;
        g.asked_n = i < g.asked_n ? g.asked_n : i + 1;
    }
    return leave_call(e);
}

/* What a launch of that kernel may ask for. */
static size_t shared_allowed(const void *kernel)
{
    size_t most = SHARED_UNASKED;
    for (size_t i = 0; i < g.asked_n; i++) {
        most = g.asked[i].kernel == kernel && g.asked[i].bytes > most ? g.asked[i].bytes : most;
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
        s->next = g.streams;
        g.streams = *out = s;
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
        struct simt_stream **p = &g.streams;
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
        g.counts.graphs++;
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
    if (e == cudaSuccess && (bytes == 0 || g.pinned_n == BLOCKS_MOST)) {
        e = cudaErrorInvalidValue;
    } else if (e == cudaSuccess && is_pinned(p, 1)) {
        e = cudaErrorHostMemoryAlreadyRegistered;
    } else if (e == cudaSuccess) {
        g.pinned[g.pinned_n].at = (char *)p;
        g.pinned[g.pinned_n++].bytes = bytes;
    }
    return leave_call(e);
}

cudaError_t cudaHostUnregister(void *p)
{
    cudaError_t e = enter_call();
    size_t i = 0;
    while (i < g.pinned_n && g.pinned[i].at != p) {
        i++;
    }
    if (e == cudaSuccess && i == g.pinned_n) {
        e = cudaErrorHostMemoryNotRegistered;
    } else if (e == cudaSuccess) {
        g.pinned[i] = g.pinned[--g.pinned_n];
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
    *left = g.most - g.used;
    *all = g.most;
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
    pthread_mutex_lock(&g.lock);
    cudaError_t e = g.last;
    g.last = g.lose > 0 && g.calls >= g.lose ? g.last : cudaSuccess;
    pthread_mutex_unlock(&g.lock);
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
    g.random = seed * 0x9E3779B97F4A7C15u + 1;
}

void fg_simt_lose(uint64_t n)
{
    pthread_mutex_lock(&g.lock);
    g.lose = n > 0 ? g.calls + n : 0;
    g.last = cudaSuccess;
    while (n == 0 && g.streams != NULL) {
        struct simt_stream *s = g.streams;
        g.streams = s->next;
        drop(&s->work);
        free(s);
    }
    while (n == 0 && g.memory_n > 0) {
        give(0);
    }
    while (n == 0 && g.graphs != NULL) {
        drop_graph(g.graphs);
    }
    g.pinned_n = n == 0 ? 0 : g.pinned_n;
    pthread_mutex_unlock(&g.lock);
}

struct fg_simt_counts fg_simt_counts(void)
{
    pthread_mutex_lock(&g.lock);
    struct fg_simt_counts now = g.counts;
    pthread_mutex_unlock(&g.lock);
    return now;
}

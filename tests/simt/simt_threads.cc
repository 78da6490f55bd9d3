/* Threads of the device that is none, and what they do beyond C++. */
#include "tests/simt/simt_internal.h"

#include <algorithm>

static uint64_t draw(void) /* xorshift64* */
{
    simt.random ^= simt.random >> 12;
    simt.random ^= simt.random << 25;
    simt.random ^= simt.random >> 27;
    return simt.random * 0x2545F4914F6CDD1Du >> 32;
}

/* ---- threads ---- */

__attribute__((noinline)) static void leap(void **to)
{
    __builtin_longjmp(to, 1);
}

/* The thread that runs waits, or ended: the host goes on. */
__attribute__((noinline)) static void leave(enum state s)
{
    simt.now->state = s;
    if (__builtin_setjmp(simt.now->at) == 0) {
        leap(simt.host);
    }
}

static void body(void)
{
    for (;;) {
        simt.launch->run(simt.launch->kernel, simt.launch->args);
        if (simt.now->copies > 0) {
            simt_die(NULL, "a thread ends while its copies are on their way");
        }
        leave(ENDED);
    }
}

/* Run thread k until it leaves. */
__attribute__((noinline)) static void enter(unsigned k)
{
    simt.now = &simt.fibre[k];
    simt_stack = simt.now->stack;
    if (__builtin_setjmp(simt.host) == 0) {
        if (simt.now->begun) {
            leap(simt.now->at);
        }
        simt.now->begun = true;
        setcontext(&simt.now->first);
    }
    simt.now = NULL;
}

static void make_ready(unsigned k)
{
    simt.fibre[k].state = READY;
    simt.ready[simt.ready_n++] = k;
}

static void make_stack(struct fibre *f)
{
    f->stack = (char *)mmap(NULL, STACK + PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (f->stack == MAP_FAILED || mprotect(f->stack, PAGE, PROT_NONE) != 0 || getcontext(&f->first) != 0) {
        simt_die(NULL, "no memory for stacks");
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
        one = simt.fibre[k].state == AT_MMA || (one == NULL && simt.fibre[k].state == AT_BARRIER)
                  ? &simt.fibre[k]
                  : one;
    }
    for (unsigned k = 0; k < n; k++) {
        struct fibre *f = &simt.fibre[k];
        if (f->state != AT_BARRIER || f->line != one->line) {
            simt.now = (struct fibre *)one;
            simt_die(NULL, "threads do not come together: %u waits at line %d, %u %s line %d", one->thread,
                     one->line, f->thread, f->state == ENDED ? "ended after" : "waits at", f->line);
        }
    }
    simt.epoch++;
    for (unsigned k = 0; k < n; k++) {
        make_ready(k);
    }
}

static void run_block(unsigned n)
{
    unsigned ended = 0;
    simt.block_epoch = ++simt.epoch;
    simt.shared_bytes = simt.launch->dynamic;
    simt.ready_n = 0;
    for (unsigned k = 0; k < n; k++) {
        make_ready(k);
        simt.fibre[k].line = 0;
    }
    while (ended < n) {
        if (simt.ready_n == 0) {
            pass_barrier(n);
        }
        unsigned i = (unsigned)(draw() % simt.ready_n), k = simt.ready[i];
        simt.ready[i] = simt.ready[--simt.ready_n];
        simt.place[0] = k % simt.launch->block.x;
        simt.place[1] = k / simt.launch->block.x % simt.launch->block.y;
        simt.place[2] = k / simt.launch->block.x / simt.launch->block.y;
        enter(k);
        ended += simt.fibre[k].state == ENDED;
    }
    simt.counts.threads += n;
}

static void count_kernel(const void *kernel)
{
    const void **end = simt.seen + simt.counts.kernels;
    if (std::find(simt.seen, end, kernel) != end) {
        return;
    }
    if (simt.counts.kernels == sizeof simt.seen / sizeof *simt.seen) {
        simt_die(NULL, "more kernels than the stand-in has room for");
    }
    simt.seen[simt.counts.kernels++] = kernel;
}

void simt_run(const struct node *l)
{
    const unsigned n = l->block.x * l->block.y * l->block.z;
    const unsigned sizes[6] = {l->block.x, l->block.y, l->block.z, l->grid.x, l->grid.y, l->grid.z};
    simt.launch = l;
    simt.launch_epoch = simt.epoch + 1;
    memcpy(simt.place + 6, sizes, sizeof sizes);
    for (unsigned k = 0; k < n; k++) {
        if (simt.fibre[k].stack == NULL) {
            simt.fibre[k].thread = k;
            make_stack(&simt.fibre[k]);
        }
    }
    for (simt.place[5] = 0; simt.place[5] < l->grid.z; simt.place[5]++) {
        for (simt.place[4] = 0; simt.place[4] < l->grid.y; simt.place[4]++) {
            for (simt.place[3] = 0; simt.place[3] < l->grid.x; simt.place[3]++) {
                run_block(n);
            }
        }
    }
    simt.counts.launches++;
    count_kernel(l->kernel);
}

unsigned simt_place(unsigned which)
{
    return simt.place[which];
}

void __syncthreads(int line)
{
    simt.now->line = line;
    leave(AT_BARRIER);
}

void *simt_shared(size_t bytes)
{
    if (bytes > SHARED_UNASKED || (bytes > 0 && simt.launch->dynamic > 0)) {
        simt_die(NULL, "%zu bytes of shared memory, beside %zu", bytes, simt.launch->dynamic);
    }
    simt.shared_bytes = bytes > 0 ? bytes : simt.launch->dynamic;
    return shared_memory;
}

/* ---- instructions ---- */

void simt_copy(void *to, const void *from, size_t bytes, bool there)
{
    struct fibre *f = simt.now;
    const void *pc = __builtin_return_address(0);
    if ((size_t)((char *)to - shared_memory) >= SHARED_MOST || (uintptr_t)to % bytes != 0 ||
        (uintptr_t)from % bytes != 0 || (there && (size_t)((const char *)from - simt.region) >= REGION)) {
        simt_die(pc, "cp.async of %zu bytes from %p to %p", bytes, from, to);
    }
    if (f->copies == sizeof f->copy / sizeof *f->copy) {
        simt_die(pc, "more copies on their way than the stand-in has room for");
    }
    struct copy *c = &f->copy[f->copies++];
    c->to = to;
    c->from = from;
    c->bytes = bytes;
    c->group = f->group;
    c->there = there;
    simt_touch(to, bytes, true, pc);
    if (there) {
        simt_touch(from, bytes, false, pc);
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
    simt_touch(c->to, c->bytes, true, pc);
    if (c->there) {
        simt_touch(c->from, c->bytes, false, pc);
        if (memcmp(c->from, c->seen, c->bytes) != 0) {
            simt_die(pc, "what a copy on its way reads was changed");
        }
        memcpy(c->to, c->from, c->bytes);
    } else {
        memset(c->to, 0, c->bytes);
    }
}

void simt_close_group(void)
{
    simt.now->group++;
}

void simt_wait_groups(int but)
{
    struct fibre *f = simt.now;
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
    struct fibre *f = simt.now, *warp = &simt.fibre[f->thread / 32 * 32];
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

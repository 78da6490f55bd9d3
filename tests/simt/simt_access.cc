/* Reads and writes of the device that is none: who may. */
#include "tests/simt/simt_internal.h"

#include <dlfcn.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

struct simt_state simt;
char *simt_stack;
alignas(1024) char shared_memory[SHARED_MOST];
struct cell shared_word[SHARED_MOST / 4], shared_byte[SHARED_MOST];

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

void simt_die(const void *pc, const char *fmt, ...)
{
    va_list ap;
    fflush(stdout);
    fprintf(stderr, "simt: ");
    va_start(ap, fmt);
    vfprintf(stderr, fmt, ap);
    va_end(ap);
    if (simt.now != NULL) {
        fprintf(stderr, " (block %u, %u of %u, %u; thread %u of %u)", simt.place[3], simt.place[4],
                simt.place[9], simt.place[10], simt.now->thread, simt.place[6]);
    }
    fprintf(stderr, "\n");
    if (simt.now != NULL) {
        tell("kernel", simt.launch->kernel);
    }
    tell("at", pc);
    signal(SIGABRT, SIG_DFL);
    abort();
}

/* ---- reads and writes ---- */

/* What lies below `low` is of an earlier launch, or of shared memory an earlier block. */
static inline void remember(struct cell *c, uint64_t low, bool write)
{
    const uint64_t r = c->read, now = simt.epoch << 12, me = now | simt.now->thread;
    if (write) {
        c->wrote = me | (c->wrote & BYTES);
    } else {
        const bool others = r >= low && ((r & FLAG) != 0 || r < simt.block_epoch << 12),
                   many = r >= low && r >= now && ((r ^ me) & THREAD) != 0;
        c->read = (many ? now | MANY : me) | (others ? FLAG : 0);
    }
}

/* Whether one look at the cell of a word tells that all is well, as it does nearly always; then it is
 * remembered. */
static inline bool is_well(struct cell *c, bool near, bool write)
{
    const uint64_t w = c->wrote, r = c->read, now = simt.epoch << 12, me = now | simt.now->thread,
                   block = simt.block_epoch << 12, low = near ? block : simt.launch_epoch << 12;
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
    const uint64_t w = c->wrote & ~BYTES, r = c->read, now = simt.epoch << 12, block = simt.block_epoch << 12,
                   me = simt.now->thread;
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
    const size_t at = (size_t)((const char *)p - (near ? shared_memory : simt.region)), n = whole ? 4 : 1;
    struct cell *words = near ? shared_word : simt.word, *singles = near ? shared_byte : simt.byte;
    const uint64_t low = (near ? simt.block_epoch : simt.launch_epoch) << 12;
    const char *wrong = NULL;
    if (!write && (size_t)((const char *)p - simt.launch->args) < simt.launch->bytes) {
        return; /* a parameter */
    }
    if (near && at + bytes > simt.shared_bytes) {
        simt_die(pc, "beyond shared memory: byte %zu of %zu", at, simt.shared_bytes);
    }
    if (!near && at >= REGION) {
        simt_die(pc, "%s memory that is not the device's: %p", write ? "writes" : "reads", p);
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
        simt_die(pc, "%s: %p, %s byte %zu", wrong, p, near ? "shared memory," : "device memory,", at);
    }
}

static inline __attribute__((always_inline)) void touch(const void *p, size_t bytes, bool write,
                                                        const void *pc)
{
    const size_t at = (size_t)((const char *)p - simt.region),
                 at_near = (size_t)((const char *)p - shared_memory);
    if ((size_t)((const char *)p - simt_stack) < STACK || simt.now == NULL) {
        return;
    }
    const bool near = at_near < SHARED_MOST;
    bool well = bytes >= 4 && (at < REGION || at_near + bytes <= simt.shared_bytes);
    for (size_t i = 0; well && i < bytes / 4; i++) {
        well = is_well(near ? &shared_word[at_near / 4 + i] : &simt.word[at / 4 + i], near, write);
    }
    if (!well) {
        look(p, bytes, write, pc);
    }
}

void simt_touch(const void *p, size_t bytes, bool write, const void *pc)
{
    touch(p, bytes, write, pc);
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

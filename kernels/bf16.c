#include "config.h"

#include "kernels/bf16.h"

#include "kernels/isa.h"

#if defined(FG_X86) && defined(__linux__)
#include <cpuid.h>
#include <stdatomic.h>
#include <sys/syscall.h>
#include <unistd.h>

static int ask_for_amx(void)
{
    enum { ARCH_REQ_XCOMP_PERM = 0x1023, XFEATURE_TILE_DATA = 18, AMX_BF16 = 1 << 22, AMX_TILE = 1 << 24 };
    unsigned a, b, c, d;
    return __get_cpuid_count(7, 0, &a, &b, &c, &d) && (d & AMX_BF16) && (d & AMX_TILE) &&
           syscall(SYS_arch_prctl, ARCH_REQ_XCOMP_PERM, XFEATURE_TILE_DATA) == 0;
}

/* Asked once: CPUID takes tens of microseconds on a virtual machine, and tables are looked up for each
 * task. */
int fg_amx_ready(void)
{
    enum { UNKNOWN, NO, YES };
    static atomic_int known;
    int now = atomic_load_explicit(&known, memory_order_relaxed);
    if (now == UNKNOWN) {
        now = ask_for_amx() ? YES : NO;
        atomic_store_explicit(&known, now, memory_order_relaxed);
    }
    return now == YES;
}
#else
int fg_amx_ready(void)
{
    return 0;
}
#endif

int fg_dot_ready(void)
{
#ifdef FG_X86
    return __builtin_cpu_supports("avx512bf16") != 0;
#else
    return 0;
#endif
}

/* What wide_bf16.h and wide_dot.h need, whichever is more. */
static size_t forward_bytes(const struct fg_conv *s, const struct bf16_layout *l)
{
    enum { STEP = 2 * sizeof(uint32_t) };
    size_t taps = s->kh * s->kw;
    return sizeof(uint16_t) * l->cin * (taps * s->np + l->pixels) + STEP * taps * (l->cin / BF16_TERMS);
}

static size_t weights_bytes(const struct fg_conv *s, const struct bf16_layout *l)
{
    enum { STEP = 2 * sizeof(uint32_t), PLACES = 4 * sizeof(uint32_t) };
    size_t sum = sizeof(float) * s->kh * s->kw * l->rows * s->np, pairs = l->steps * (BF16_TERMS / 2);
    size_t gradients = sizeof(uint32_t) * pairs * s->np, image = sizeof(uint16_t) * l->cin * l->line;
    size_t lists = STEP * l->steps + PLACES * pairs, tap = sizeof(uint32_t) * pairs * l->cin;
    return sum + gradients + image + tap + lists;
}

size_t fg_conv_work(const struct fg_conv *s)
{
    if (!bf16_takes(s)) {
        return 0;
    }
    struct bf16_layout l = bf16_layout(s);
    size_t forward = forward_bytes(s, &l), backward = weights_bytes(s, &l);
    return ((forward > backward ? forward : backward) + 63) / 64 * 64;
}

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

size_t fg_conv_work(const struct fg_conv *s)
{
    if (!bf16_takes(s)) {
        return 0;
    }
    struct bf16_layout l = bf16_layout(s);
    size_t taps = s->kh * s->kw;
    size_t forward = sizeof(uint16_t) * l.cin * (taps * s->np + l.pixels);
    size_t backward = sizeof(uint16_t) * (l.rows * l.line + l.steps * BF16_TERMS * s->np) +
                      sizeof(float) * taps * l.rows * s->np;
    return ((forward > backward ? forward : backward) + 63) / 64 * 64;
}

#include "config.h"

#include <string.h>

#include "kernels/isa.h"

/* What the CPU and the operating system support, best first; NULL ends it. */
static void supported(const struct fg_kernels *out[4])
{
    size_t n = 0;
#ifdef FG_X86
    int fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        out[n++] = &fg_kernels_avx512;
    }
    if (fma) {
        out[n++] = &fg_kernels_avx2;
    }
    out[n++] = fma ? &fg_kernels_reference_fma : &fg_kernels_reference;
#else
    out[n++] = &fg_kernels_reference;
#endif
    out[n] = NULL;
}

const struct fg_kernels *fg_kernels_get(const char *name)
{
    const struct fg_kernels *list[4];
    supported(list);
    if (strcmp(name, "auto") == 0) {
        return list[0];
    }
    for (size_t i = 0; list[i]; i++) {
        if (strcmp(name, list[i]->name) == 0) {
            return list[i];
        }
    }
    return NULL;
}

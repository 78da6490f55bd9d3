#include "config.h"

#include <string.h>

#include "kernels/isa.h"

static const struct fg_kernels *reference(void)
{
#ifdef FG_X86
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma")) {
        return &fg_kernels_reference_fma;
    }
#endif
    return &fg_kernels_reference;
}

const struct fg_kernels *fg_kernels_get(const char *name)
{
    return strcmp(name, "auto") == 0 || strcmp(name, "reference") == 0 ? reference() : NULL;
}

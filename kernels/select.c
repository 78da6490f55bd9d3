#include "config.h"

#include <string.h>

#include "kernels/isa.h"

/* The tables of one instruction set, by arithmetic. */
struct choice {
    const struct fg_kernels *exact, *bf16;
    const struct fg_coders *coders;
    const struct fg_folders *folders;
};

/* What the CPU and the operating system support, best first; their number. */
static size_t supported(struct choice out[3])
{
    size_t n = 0;
#ifdef FG_X86
    int fma = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (fma && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
        __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl")) {
        out[n++] = (struct choice){&fg_kernels_avx512,
                                   fg_amx_ready()   ? &fg_kernels_avx512_amx
                                   : fg_dot_ready() ? &fg_kernels_avx512_dot
                                                    : &fg_kernels_avx512_bf16,
                                   &fg_coders_avx512, &fg_folders_avx512};
    }
    if (fma) {
        out[n++] =
            (struct choice){&fg_kernels_avx2, &fg_kernels_avx2_bf16, &fg_coders_avx2, &fg_folders_avx2};
        out[n++] = (struct choice){&fg_kernels_reference_fma, &fg_kernels_reference_fma_bf16,
                                   &fg_coders_reference, &fg_folders_reference};
        return n;
    }
#endif
    out[n++] = (struct choice){&fg_kernels_reference, &fg_kernels_reference_bf16, &fg_coders_reference,
                               &fg_folders_reference};
    return n;
}

static const struct choice *find(const char *name, struct choice list[3])
{
    size_t n = supported(list);
    for (size_t i = 0; i < n; i++) {
        if (strcmp(name, "auto") == 0 || strcmp(name, list[i].exact->name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

const struct fg_kernels *fg_kernels_get(const char *name, enum fg_arithmetic arithmetic)
{
    struct choice list[3];
    const struct choice *found = find(name, list);
    return found == NULL || arithmetic == FG_TF32 ? NULL : arithmetic == FG_BF16 ? found->bf16 : found->exact;
}

const char *fg_kernels_bf16_by(void)
{
    struct choice list[3];
    const struct fg_kernels *fastest = supported(list) > 0 ? list[0].bf16 : NULL;
#ifdef FG_X86
    return fastest == &fg_kernels_avx512_amx   ? "AMX"
           : fastest == &fg_kernels_avx512_dot ? "AVX512_BF16"
                                               : NULL;
#else
    (void)fastest;
    return NULL;
#endif
}

const struct fg_coders *fg_coders_get(const char *name)
{
    struct choice list[3];
    const struct choice *found = find(name, list);
    return found != NULL ? found->coders : NULL;
}

const struct fg_folders *fg_folders_get(const char *name)
{
    struct choice list[3];
    const struct choice *found = find(name, list);
    return found != NULL ? found->folders : NULL;
}

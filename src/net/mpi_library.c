/* Finds Open MPI's functions and objects by name. */
#include "config.h"

#include "src/net/net.h" /* a build without MPI has this much in here */

#ifdef FG_HAVE_MPI

#include "src/net/mpi_library.h"

#include <dlfcn.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct fg_mpi fg_mpi;

/* Every member is one pointer, whatever it points to. */
static const struct {
    const char *name;
    size_t at;
} names[] = {
#define FG_MPI_NAME(name) {#name, offsetof(struct fg_mpi, name)},
    FG_MPI_FUNCTIONS(FG_MPI_NAME) FG_MPI_OBJECTS(FG_MPI_NAME)
#undef FG_MPI_NAME
};

/* Where it was at configure; else where the dynamic linker looks. RTLD_GLOBAL: Open MPI's own components want
 * to see it. Both errors are told: the first may be that the library is there, but not what it needs. */
static enum fg_status open_library(void **out, struct fg_err *err)
{
    char first[256];
    *out = dlopen(FG_MPI_LIBRARY, RTLD_NOW | RTLD_GLOBAL);
    if (*out != NULL) {
        return FG_OK;
    }
    (void)snprintf(first, sizeof first, "%s", dlerror());
    *out = dlopen(strrchr(FG_MPI_LIBRARY, '/') + 1, RTLD_NOW | RTLD_GLOBAL);
    return *out != NULL
               ? FG_OK
               : fg_fail(err, FG_E_UNSUPPORTED, "Open MPI cannot be loaded: %s; %s", first, dlerror());
}

enum fg_status fg_mpi_load(struct fg_err *err)
{
    static bool loaded;
    if (loaded) {
        return FG_OK;
    }
    /* UCX, which comes along, would take 40 ms to put hooks into memory calls, for networks that we do not
     * use. */
    (void)setenv("UCX_MEM_MMAP_HOOK_MODE", "none", 0);
    void *library;
    enum fg_status st = open_library(&library, err);
    if (st != FG_OK) {
        return st;
    }
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        void *found = dlsym(library, names[i].name);
        if (found == NULL) {
            return fg_fail(err, FG_E_UNSUPPORTED,
                           "this Open MPI is not of the kind that forage was built with: %s", dlerror());
        }
        memcpy((char *)&fg_mpi + names[i].at, &found, sizeof found);
    }
    loaded = true;
    return FG_OK;
}

#endif

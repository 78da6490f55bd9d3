/* A folder of the test's own, removed with everything in it. */
#ifndef FG_TESTS_LIB_TMPDIR_H
#define FG_TESTS_LIB_TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static inline int fg_tmpdir_remove_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Make it; `path` holds 64 bytes. */
static inline void fg_tmpdir_make(char *path)
{
    snprintf(path, 64, "/tmp/fg-test-XXXXXX");
    if (mkdtemp(path) == NULL) {
        abort();
    }
}

static inline void fg_tmpdir_remove(const char *path)
{
    (void)nftw(path, fg_tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

#endif

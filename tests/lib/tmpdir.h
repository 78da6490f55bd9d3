/* A folder of the test's own, removed with everything in it: by hand, or fg_tmpdir, made and removed by the
 * fixtures fg_tmpdir_set_up and fg_tmpdir_tear_down. */
#ifndef FG_TESTS_LIB_TMPDIR_H
#define FG_TESTS_LIB_TMPDIR_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "src/base/file.h"
#include "tests/lib/test.h"

static inline int fg_tmpdir_remove_one(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
    (void)sb;
    (void)flag;
    (void)ftw;
    return remove(path);
}

/* Make it, in TMPDIR or else in /tmp; `path` holds 64 bytes. */
static inline void fg_tmpdir_make(char *path)
{
    const char *in = getenv("TMPDIR");
    int n = snprintf(path, 64, "%s/fg-test-XXXXXX", in != NULL && in[0] != '\0' ? in : "/tmp");
    if (n >= 64 || mkdtemp(path) == NULL) {
        fprintf(stderr, "no temporary folder in '%s' (TMPDIR, at most 48 bytes)\n", in != NULL ? in : "/tmp");
        abort();
    }
}

static inline void fg_tmpdir_remove(const char *path)
{
    (void)nftw(path, fg_tmpdir_remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static char fg_tmpdir[64];

static inline int fg_tmpdir_set_up(void **state)
{
    (void)state;
    fg_tmpdir_make(fg_tmpdir);
    return 0;
}

static inline int fg_tmpdir_tear_down(void **state)
{
    (void)state;
    fg_tmpdir_remove(fg_tmpdir);
    return 0;
}

/* The path of a file in it: until the fourth call after this. */
static inline const char *fg_tmpdir_file(const char *file)
{
    static char path[4][192];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", fg_tmpdir, file);
    return path[turn];
}

/* What the file holds is this. */
static inline void fg_assert_file_is(const char *path, const void *want, size_t len)
{
    struct fg_str text = {0};
    assert_int_equal(fg_file_read(&text, path, 1 << 20, NULL), FG_OK);
    assert_int_equal(text.len, len);
    assert_memory_equal(text.data, want, len);
    fg_str_fini(&text);
}

#endif

#include "src/deploy/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "src/deploy/launch_folder.h"

/* Of the room, for what a rank must write: files of a few bytes each. */
enum { KEPT_BYTES = 64 << 10 };

enum fg_status fg_launch_room(const char *dir, uint64_t ranks, struct fg_err *err)
{
    uint64_t kb = 256 + 4 * ranks;
    char path[PATH_MAX];
    int fd = snprintf(path, sizeof path, "%s/" FG_LAUNCH_ROOM, dir) < (int)sizeof path
                 ? open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600)
                 : -1;
    int e = fd >= 0 ? posix_fallocate(fd, 0, (off_t)(kb * 1024)) : errno;
    e = e == 0 && ftruncate(fd, KEPT_BYTES) != 0 ? errno : e;
    if (fd >= 0) {
        (void)close(fd);
    }
    if (e != 0) {
        return fg_fail(err, FG_E_IO,
                       "%.*s: mpirun and its processes need %llu kB there: %s; TMPDIR names another folder",
                       (int)(strrchr(dir, '/') - dir), dir, (unsigned long long)kb, strerror(e));
    }
    return FG_OK;
}

enum fg_status fg_launch_open_files(uint64_t ranks, struct fg_err *err)
{
    struct rlimit limit;
    rlim_t want = 128 + 8 * ranks;
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= want) {
        return FG_OK;
    }
    if (limit.rlim_max < 24 + 4 * ranks) { /* measured: with one less mpirun does not start */
        return fg_fail(err, FG_E_IO,
                       "%llu processes need about %llu open files, and the hard limit is %llu (ulimit -Hn)",
                       (unsigned long long)ranks, (unsigned long long)want,
                       (unsigned long long)limit.rlim_max);
    }
    limit.rlim_cur = want < limit.rlim_max ? want : limit.rlim_max;
    (void)setrlimit(RLIMIT_NOFILE, &limit);
    return FG_OK;
}

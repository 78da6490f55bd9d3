#include "src/deploy/launch_folder.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/base/log.h"

bool fg_launch_folder_path(char path[4096], const char *name)
{
    const char *dir = getenv(FG_LAUNCH_FOLDER);
    return dir != NULL && dir[0] != '\0' && snprintf(path, 4096, "%s/%s", dir, name) < 4096;
}

/* The path of the part that is written first is `part`. */
static bool replace(const char *path, const char *part, const char *text)
{
    FILE *f = fopen(part, "we");
    bool ok = f != NULL && fputs(text, f) >= 0;
    ok = f != NULL && fclose(f) == 0 && ok;
    return ok && rename(part, path) == 0;
}

void fg_launch_folder_write(const char *name, const char *text)
{
    char path[4096], part[4096 + 8], room[4096];
    if (!fg_launch_folder_path(path, name)) {
        return;
    }
    (void)snprintf(part, sizeof part, "%s.part", path);
    bool ok = replace(path, part, text);
    if (!ok && (errno == ENOSPC || errno == EDQUOT) && fg_launch_folder_path(room, FG_LAUNCH_ROOM) &&
        unlink(room) == 0) {
        ok = replace(path, part, text);
    }
    if (!ok) {
        fg_log_write(FG_LOG_WARN, "%s: could not write: %s", path, strerror(errno));
    }
}

void fg_launch_folder_append(const char *name, const char *line)
{
    char path[4096];
    if (!fg_launch_folder_path(path, name)) {
        return;
    }
    int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
    size_t n = strlen(line);
    if (fd < 0 || write(fd, line, n) != (ssize_t)n) {
        fg_log_write(FG_LOG_WARN, "%s: could not write: %s", path, strerror(errno));
    }
    if (fd >= 0) {
        (void)close(fd);
    }
}

void fg_launch_folder_attach(void)
{
    static const struct {
        const char *name;
        int fd;
    } ends[] = {{"out", STDOUT_FILENO}, {"err", STDERR_FILENO}};
    char path[4096], pid[32];
    for (size_t i = 0; i < 2; i++) {
        int fd =
            fg_launch_folder_path(path, ends[i].name) ? open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC) : -1;
        if (fd >= 0) {
            (void)fcntl(fd, F_SETFL, 0); /* non-blocking was only for a FIFO that nobody reads any more */
            (void)dup2(fd, ends[i].fd);
            (void)close(fd);
        }
    }
    (void)snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
    fg_launch_folder_write("pid", pid);
}

void fg_launch_folder_give_up(const char *host)
{
    char path[4096], line[512];
    if (!fg_launch_folder_path(path, "up") || access(path, F_OK) == 0) {
        return;
    }
    if (host != NULL) {
        (void)snprintf(line, sizeof line, "forage: no worker comes up on host %s\n", host);
        fg_launch_folder_append("log", line);
    }
    int fd = fg_launch_folder_path(path, "exit")
                 ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) /* rank 0's word counts more */
                 : -1;
    if (fd >= 0) {
        (void)dprintf(fd, "%d\n", FG_LAUNCH_NOT_UP);
        (void)close(fd);
    }
}

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/now.h"
#include "src/base/str.h"
#include "src/deploy/drive.h"
#include "src/deploy/launch_folder.h"
#include "src/study/console.h"

enum { PATIENCE_S = 60 }; /* chosen: for those to come up who are up when the run begins */

bool fg_drive_rank_open(struct fg_drive_rank *r)
{
    char path[4096];
    struct stat s;
    *r = (struct fg_drive_rank){.fd = -1};
    if (!fg_launch_folder_path(path, "arrivals") || stat(path, &s) != 0 || !S_ISFIFO(s.st_mode)) {
        return false;
    }
    r->fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
    return r->fd >= 0;
}

/* The next whole line of the FIFO without its end; false: none is there. */
static bool next_line(struct fg_drive_rank *r, char line[64])
{
    char c;
    while (read(r->fd, &c, 1) == 1) {
        if (c == '\n') {
            memcpy(line, r->line, r->n);
            line[r->n] = '\0';
            r->n = 0;
            return true;
        }
        r->n = r->n + 1 < sizeof r->line ? r->n : 0; /* no line is so long */
        r->line[r->n++] = c;
    }
    return false;
}

bool fg_drive_rank_arrival(void *rank, uint32_t *client)
{
    struct fg_drive_rank *r = rank;
    char line[64];
    uint64_t number;
    while (next_line(r, line)) {
        if (strcmp(line, "go") == 0) {
            r->all = true;
            r->since = fg_now_steady_s();
        } else if (fg_parse_u64(&number, line, strlen(line)) == FG_OK && number < UINT32_MAX) {
            r->asked += !r->all;
            *client = (uint32_t)number;
            return true;
        }
    }
    return false;
}

void fg_drive_rank_here(void *rank, uint32_t client, uint32_t pid)
{
    (void)rank;
    char line[64];
    (void)snprintf(line, sizeof line, "%u %u\n", client, pid);
    fg_launch_folder_append("joined", line);
}

void fg_drive_rank_stands(struct fg_drive_rank *r, fg_time_t now)
{
    char text[64];
    (void)r;
    (void)snprintf(text, sizeof text, "%lld\n", (long long)now);
    fg_launch_folder_write("stands", text);
}

bool fg_drive_rank_ready(const struct fg_drive_rank *r, uint32_t ups)
{
    return r->all && (ups >= r->asked || fg_now_steady_s() - r->since > PATIENCE_S);
}

void fg_drive_rank_begun(struct fg_drive_rank *r, fg_time_t now, fg_time_t steady_us)
{
    char text[64];
    (void)r;
    (void)snprintf(text, sizeof text, "%lld %lld\n", (long long)now, (long long)steady_us);
    fg_launch_folder_write("clock", text);
}

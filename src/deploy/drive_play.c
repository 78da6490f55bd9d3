#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/deploy/drive.h"
#include "src/deploy/launch.h"

enum {
    LOOK_MS = 10,
    LONGEST_MS = 200,
    GIVEN_UP_S = 20 /* chosen: a worker takes a second at most to come up, else it never will */
};

/* Where the worker of a client is. One that was asked for and is not here yet is not killed: MPI would wait
 * for it for ever. It goes as soon as it is here. */
enum place { AWAY, ASKED, HERE, NOTICED };

struct player {
    enum place place;
    int process;    /* pidfd while HERE or NOTICED, else -1 */
    fg_time_t up;   /* when it was asked for, as soon as time passes; in the run's time, as `down` */
    fg_time_t down; /* when it goes, while it is up */
};

struct fg_drive {
    struct fg_setup *setup;
    double speed;        /* seconds of the run in a real one */
    fg_time_t notice_us; /* of the run, before it goes; 0: none */
    char dir[PATH_MAX];
    int fifo;
    long joined_at; /* how far `joined` was read */
    bool named;     /* everyone who is up at the start */
    bool passes;    /* the clock runs, from `zero` at `steady` */
    fg_time_t zero, steady;
    uint32_t n;
    struct player *player; /* (n) */
    struct fg_drive_report report;
};

/* ---- life ---- */

enum fg_status fg_drive_create(struct fg_drive **out, const struct fg_config *cfg, struct fg_err *err)
{
    struct fg_drive *d = fg_calloc(1, sizeof *d);
    if (d == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory");
    }
    enum fg_status st;
    d->fifo = -1;
    FG_TRY(fg_setup_create(&d->setup, cfg, FG_START_AUTO, err));
    d->speed = 3600.0 / cfg->drive.hour_s;
    d->notice_us =
        cfg->drive.leave == FG_OPT_LEAVE_NOTICE ? fg_from_seconds(cfg->drive.notice_s * d->speed) : 0;
    if (d->setup->clients > FG_DRIVE_CLIENTS_MAX) {
        st = fg_config_reject(cfg, "data.clients", err, "at most 1000: each client of a trace is a process");
        goto cleanup;
    }
    d->player = fg_calloc(d->setup->clients, sizeof *d->player);
    if (d->player == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "out of memory");
        goto cleanup;
    }
    d->n = d->setup->clients;
    for (uint32_t c = 0; c < d->n; c++) {
        d->player[c].process = -1;
    }
    *out = d;
    return FG_OK;
cleanup:
    fg_drive_destroy(d);
    return st;
}

static void forget_process(struct player *p)
{
    if (p->process >= 0) {
        (void)close(p->process);
    }
    p->process = -1;
    p->place = AWAY;
}

void fg_drive_destroy(struct fg_drive *d)
{
    if (d == NULL) {
        return;
    }
    for (uint32_t c = 0; d->player != NULL && c < d->n; c++) {
        forget_process(&d->player[c]);
    }
    if (d->fifo >= 0) {
        (void)close(d->fifo);
    }
    fg_setup_destroy(d->setup);
    fg_free(d->player);
    fg_free(d);
}

static bool path_in(char path[PATH_MAX], const struct fg_drive *d, const char *name)
{
    return snprintf(path, PATH_MAX, "%s/%s", d->dir, name) < PATH_MAX;
}

enum fg_status fg_drive_begin(struct fg_drive *d, const char *dir, struct fg_err *err)
{
    static const char *const names[] = {"arrivals", "stands", "clock", "joined"};
    char path[PATH_MAX];
    for (uint32_t c = 0; c < d->n; c++) {
        forget_process(&d->player[c]); /* they went with rank 0 */
    }
    if (d->fifo >= 0) {
        (void)close(d->fifo);
    }
    (void)snprintf(d->dir, sizeof d->dir, "%s", dir);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (path_in(path, d, names[i])) {
            (void)unlink(path);
        }
    }
    d->named = d->passes = false;
    d->joined_at = 0;
    bool made = path_in(path, d, names[0]) && mkfifo(path, 0600) == 0;
    d->fifo = made ? open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC) : -1;
    return d->fifo >= 0 ? FG_OK
                        : fg_fail(err, FG_E_IO, "%s: could not make a FIFO: %s", path, strerror(errno));
}

const struct fg_drive_report *fg_drive_report(const struct fg_drive *d)
{
    return &d->report;
}

uint32_t fg_drive_clients(const struct fg_drive *d)
{
    return (uint32_t)d->n;
}

double fg_drive_speed(const struct fg_drive *d)
{
    return d->speed;
}

/* ---- talking to rank 0 ---- */

static bool tell(const struct fg_drive *d, const char *text)
{
    return write(d->fifo, text, strlen(text)) == (ssize_t)strlen(text); /* full: another time */
}

static bool read_numbers(const struct fg_drive *d, const char *name, int wanted, long long *a, long long *b)
{
    char path[PATH_MAX];
    FILE *f = path_in(path, d, name) ? fopen(path, "re") : NULL;
    bool ok = f != NULL && fscanf(f, "%lld %lld", a, b) == wanted;
    if (f != NULL) {
        (void)fclose(f);
    }
    return ok;
}

static fg_time_t now_of(const struct fg_drive *d)
{
    return d->zero + (fg_time_t)((double)(fg_now_steady() - d->steady) * d->speed);
}

/* Something that was due in the run's time happens now. */
static void happened(struct fg_drive *d, fg_time_t due, fg_time_t now)
{
    double late_s = d->passes ? (double)(now - due) / (double)FG_SECOND / d->speed : 0.0;
    d->report.late_s = late_s > d->report.late_s ? late_s : d->report.late_s;
}

/* Which workers have come up. */
static void read_joined(struct fg_drive *d)
{
    char path[PATH_MAX], line[64];
    FILE *f = path_in(path, d, "joined") ? fopen(path, "re") : NULL;
    if (f == NULL || fseek(f, d->joined_at, SEEK_SET) != 0) {
        goto cleanup;
    }
    while (fgets(line, sizeof line, f) != NULL && strchr(line, '\n') != NULL) {
        unsigned client;
        long pid;
        d->joined_at = ftell(f);
        if (sscanf(line, "%u %ld", &client, &pid) == 2 && client < d->n) {
            struct player *p = &d->player[client];
            forget_process(p);
            happened(d, p->up, d->passes ? now_of(d) : p->up);
            p->process = fg_process_open(pid);
            p->place = p->process >= 0 ? HERE : AWAY;
        }
    }
cleanup:
    if (f != NULL) {
        (void)fclose(f);
    }
}

/* ---- playing ---- */

static void ask(struct fg_drive *d, uint32_t client, fg_time_t now)
{
    char text[32];
    struct player *p = &d->player[client];
    (void)snprintf(text, sizeof text, "%u\n", client);
    if (tell(d, text)) {
        p->place = ASKED;
        p->up = now;
        p->down = fg_fleet_up_until(d->setup->fleet, client, now);
        d->report.ups++;
    }
}

/* Everyone who is up at the moment when the run stands. */
static void name_all(struct fg_drive *d)
{
    long long now, none;
    if (!read_numbers(d, "stands", 1, &now, &none)) {
        return;
    }
    d->zero = now;
    for (uint32_t c = 0; c < d->n; c++) {
        if (d->player[c].place == AWAY && fg_fleet_is_up(d->setup->fleet, c, now)) {
            ask(d, c, now);
        }
    }
    d->named = tell(d, "go\n");
}

static void let_go(struct fg_drive *d, struct player *p, fg_time_t now)
{
    happened(d, p->down, now);
    if (fg_process_signal(p->process, SIGKILL)) {
        d->report.kills++;
    } else if (p->place == HERE) {
        d->report.early++;
    }
    forget_process(p);
}

static void give_notice(struct fg_drive *d, struct player *p)
{
    p->place = NOTICED;
    d->report.notices += fg_process_signal(p->process, SIGTERM);
}

/* Returns when there is something to do for this client again, in the run's time. */
static fg_time_t play(struct fg_drive *d, uint32_t client, fg_time_t now)
{
    const struct fg_fleet *fleet = d->setup->fleet;
    struct player *p = &d->player[client];
    if (p->place == AWAY && now >= p->down) {
        if (!fg_fleet_is_up(fleet, client, now)) {
            return fg_fleet_next_up(fleet, client, now);
        }
        ask(d, client, now);
    }
    if (p->place == ASKED && now >= p->down) { /* so long on its way that it is a later time that it is up */
        bool again = fg_fleet_is_up(fleet, client, now);
        p->down = again ? fg_fleet_up_until(fleet, client, now) : p->down;
        p->place = again || (double)(now - p->down) < GIVEN_UP_S * 1e6 * d->speed ? ASKED : AWAY;
    }
    if (p->place == HERE && now >= p->down - d->notice_us && now < p->down) {
        give_notice(d, p);
    }
    if ((p->place == HERE || p->place == NOTICED) && now >= p->down) {
        let_go(d, p, now);
        return now;
    }
    return p->place == HERE && p->down != FG_NEVER ? p->down - d->notice_us : p->down;
}

int fg_drive_tick(struct fg_drive *d)
{
    long long zero, steady;
    if (!d->named) {
        name_all(d);
        return LOOK_MS;
    }
    read_joined(d);
    if (!d->passes) {
        d->passes = read_numbers(d, "clock", 2, &zero, &steady);
        d->zero = d->passes ? zero : d->zero;
        d->steady = d->passes ? steady : 0;
        return LOOK_MS;
    }
    fg_time_t now = now_of(d), next = FG_NEVER;
    bool coming = false;
    for (uint32_t c = 0; c < d->n; c++) {
        fg_time_t at = play(d, c, now);
        next = at < next ? at : next;
        coming = coming || d->player[c].place == ASKED;
    }
    double ms = next > now ? (double)(next - now) / d->speed / 1000.0 : 0.0;
    return coming && ms > LOOK_MS ? LOOK_MS : ms < LONGEST_MS ? (int)ms + 1 : LONGEST_MS;
}

/* The player of a trace against rank 0's end of the talk: who is asked for,
 * and when real processes are killed. */
#include "tests/lib/test.h"

#include <signal.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/deploy/drive.h"
#include "src/deploy/launch_folder.h"
#include "tests/lib/tmpdir.h"

enum { CLIENTS = 3, LIMIT_S = 20 };

/* Client 0 is always up; 1 goes at 1000 s and is back from 3000 s; 2 comes at 1000 s and goes at 2000 s. */
static const char trace[] =
    "# clock: utc\n# zero_utc: 2024-01-01T00:00:00Z\n# span_s: 36000\nnode,start_s,end_s\n"
    "a,0,36000\nb,0,1000\nb,3000,36000\nc,1000,2000\n";

struct rig {
    char dir[64];
    struct fg_config cfg;
    struct fg_drive *drive;
    struct fg_drive_rank rank;
    pid_t child[CLIENTS];
};

static void set_up(struct rig *g, const char *leave, const char *hour_s)
{
    struct fg_err err = {{0}};
    struct fg_config_origin origin = {"--set", "/", NULL};
    char path[128], text[256];
    const char *sets[] = {"data.path=gaussian:classes=2,dim=2,n=60",
                          "data.clients=3",
                          "drive.on=yes",
                          "run.rounds=8",
                          leave,
                          hour_s};
    fg_tmpdir_make(g->dir);
    (void)snprintf(path, sizeof path, "%s/trace.csv", g->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    (void)fputs(trace, f);
    (void)fclose(f);
    assert_int_equal(fg_config_init(&g->cfg), FG_OK);
    (void)snprintf(text, sizeof text, "availability.trace=%s", path);
    assert_int_equal(fg_config_set(&g->cfg, text, &origin, &err), FG_OK);
    for (size_t i = 0; i < sizeof sets / sizeof *sets; i++) {
        if (fg_config_set(&g->cfg, sets[i], &origin, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
    }
    if (fg_drive_create(&g->drive, &g->cfg, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(fg_drive_begin(g->drive, g->dir, &err), FG_OK);
    assert_int_equal(setenv(FG_LAUNCH_FOLDER, g->dir, 1), 0);
    assert_true(fg_drive_rank_open(&g->rank));
}

static void tear_down(struct rig *g)
{
    fg_drive_destroy(g->drive);
    fg_config_fini(&g->cfg);
    for (int c = 0; c < CLIENTS; c++) {
        if (g->child[c] > 0) {
            (void)kill(g->child[c], SIGKILL);
            (void)waitpid(g->child[c], NULL, 0);
        }
    }
    (void)close(g->rank.fd);
    fg_tmpdir_remove(g->dir);
}

/* A worker comes up: a process that does nothing until it is told to go or killed. */
static void join(struct rig *g, uint32_t client)
{
    g->child[client] = fork();
    if (g->child[client] == 0) {
        for (;;) {
            (void)pause();
        }
    }
    fg_drive_rank_here(&g->rank, client, (uint32_t)g->child[client]);
}

static fg_time_t steady_us(void)
{
    struct timespec t;
    (void)clock_gettime(CLOCK_MONOTONIC, &t);
    return (fg_time_t)t.tv_sec * FG_SECOND + t.tv_nsec / 1000;
}

/* Play until it is said that this client is up; fails after a while. Another one is an error. */
static void asked_for(struct rig *g, uint32_t want)
{
    fg_time_t until = steady_us() + LIMIT_S * FG_SECOND;
    uint32_t client = UINT32_MAX;
    while (!fg_drive_rank_arrival(&g->rank, &client)) {
        assert_true(steady_us() < until);
        (void)fg_drive_tick(g->drive);
    }
    assert_int_equal(client, want);
}

/* Play until the process has ended; gives the signal that ended it. */
static int ended_by(struct rig *g, uint32_t client)
{
    fg_time_t until = steady_us() + LIMIT_S * FG_SECOND;
    int status = 0;
    while (waitpid(g->child[client], &status, WNOHANG) == 0) {
        assert_true(steady_us() < until);
        (void)fg_drive_tick(g->drive);
    }
    g->child[client] = 0;
    assert_true(WIFSIGNALED(status));
    return WTERMSIG(status);
}

/* Those who are up at the start come up; then time begins to pass. */
static fg_time_t begin(struct rig *g)
{
    fg_time_t start = 1704067200 * FG_SECOND, steady;
    uint32_t client;
    (void)fg_drive_tick(g->drive);
    assert_false(fg_drive_rank_arrival(&g->rank, &client)); /* nothing is known of the run yet */
    fg_drive_rank_stands(&g->rank, start);
    asked_for(g, 0);
    assert_false(fg_drive_rank_ready(&g->rank, 0));
    asked_for(g, 1);
    assert_false(fg_drive_rank_arrival(&g->rank, &client));
    assert_false(fg_drive_rank_ready(&g->rank, 1));
    assert_true(fg_drive_rank_ready(&g->rank, 2));
    join(g, 0);
    join(g, 1);
    steady = steady_us();
    fg_drive_rank_begun(&g->rank, start, steady);
    return steady;
}

static void a_trace_is_played_on_processes(void **state)
{
    (void)state;
    struct rig g = {0};
    set_up(&g, "drive.leave=kill", "drive.hour_s=3"); /* a thousand seconds of the trace in 0.83 */
    fg_time_t begun = begin(&g);
    asked_for(&g, 2);
    assert_true(steady_us() - begun >= 833333 - 1000); /* not before the trace says so */
    assert_int_equal(ended_by(&g, 1), SIGKILL);
    /* Client 2 is not there before it is to go again: it is waited for, and killed when it is there. */
    asked_for(&g, 1);
    assert_true(steady_us() - begun >= 2500000 - 1000);
    join(&g, 2);
    assert_int_equal(ended_by(&g, 2), SIGKILL);
    join(&g, 1);
    (void)fg_drive_tick(g.drive);
    assert_int_equal(waitpid(g.child[0], NULL, WNOHANG), 0); /* always up */
    assert_int_equal(waitpid(g.child[1], NULL, WNOHANG), 0); /* back for good */
    const struct fg_drive_report *r = fg_drive_report(g.drive);
    assert_int_equal(r->ups, 4);
    assert_int_equal(r->kills, 2);
    assert_int_equal(r->notices, 0);
    tear_down(&g);
}

static void a_notice_comes_before_the_end(void **state)
{
    (void)state;
    struct rig g = {0};
    set_up(&g, "drive.leave=notice", "drive.hour_s=3"); /* goes after 0.83 s, told 0.5 s before */
    fg_time_t begun = begin(&g);
    assert_int_equal(ended_by(&g, 1), SIGTERM);
    fg_time_t took = steady_us() - begun;
    assert_true(took >= 333333 - 1000);
    asked_for(&g, 2);
    assert_int_equal(fg_drive_report(g.drive)->notices, 1);
    assert_int_equal(fg_drive_report(g.drive)->kills, 0);
    tear_down(&g);
}

static void who_begins_again_is_asked_for_again(void **state)
{
    (void)state;
    struct rig g = {0};
    struct fg_err err;
    uint32_t client;
    set_up(&g, "drive.leave=kill", "drive.hour_s=3");
    (void)begin(&g);
    asked_for(&g, 2); /* the aggregator dies just then, and its workers with it */
    (void)close(g.rank.fd);
    assert_int_equal(fg_drive_begin(g.drive, g.dir, &err), FG_OK);
    assert_true(fg_drive_rank_open(&g.rank));
    (void)fg_drive_tick(g.drive);
    assert_false(fg_drive_rank_arrival(&g.rank, &client));
    fg_drive_rank_stands(&g.rank, (1704067200 + 1500) * FG_SECOND); /* where its journal ended */
    asked_for(&g, 0);
    asked_for(&g, 2);
    assert_false(fg_drive_rank_arrival(&g.rank, &client));
    assert_true(fg_drive_rank_ready(&g.rank, 2));
    tear_down(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_trace_is_played_on_processes),
        cmocka_unit_test(a_notice_comes_before_the_end),
        cmocka_unit_test(who_begins_again_is_asked_for_again),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

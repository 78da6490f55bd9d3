/* Clients as processes (run.clock = real): who is whom, and that a client that comes back as another process
 * is the same client. */
#include "tests/lib/test.h"

#include "src/base/mem.h"
#include "src/net/executor_remote.h"
#include "tests/lib/loop.h"

enum { RUN = 7, P = 3 };

struct rig {
    struct fg_loop *loop;
    struct fg_executor *ex;
    struct fg_live *live;
    uint32_t arrivals[4];
    size_t n_arrivals, told;
    uint32_t here[8], pid[8];
    size_t n_here;
};

static fg_time_t now(void *arg)
{
    (void)arg;
    return 1000; /* nothing here waits for time to pass */
}

static bool arrival(void *arg, uint32_t *client)
{
    struct rig *g = arg;
    if (g->told == g->n_arrivals) {
        return false;
    }
    *client = g->arrivals[g->told++];
    return true;
}

static void here(void *arg, uint32_t client, uint32_t pid)
{
    struct rig *g = arg;
    g->here[g->n_here] = client;
    g->pid[g->n_here++] = pid;
}

/* `up` workers at the start, `spares` to be started; clients as many as both. */
static void set_up(struct rig *g, uint32_t up, uint32_t spares, bool driven)
{
    struct fg_err err;
    g->loop = fg_loop_create(1 + up + spares);
    assert_non_null(g->loop);
    fg_loop_hold_back(g->loop, spares);
    struct fg_executor_remote_opts opts = {.transport = fg_loop_end(g->loop, 0),
                                           .params = P,
                                           .config = "",
                                           .run_id = RUN,
                                           .pinned = true,
                                           .clients = up + spares,
                                           .arrival = driven ? arrival : NULL,
                                           .here = here,
                                           .arrival_arg = g,
                                           .now = now,
                                           .respawn = {.initial = driven ? 0 : up, .backoff_us = 0}};
    assert_int_equal(fg_executor_remote_create(&g->ex, &opts, &err), FG_OK);
    g->live = fg_executor_remote_live(g->ex);
}

static void tear_down(struct rig *g)
{
    g->ex->ops->destroy(g->ex);
    fg_loop_destroy(g->loop);
}

static void hello(struct rig *g, uint32_t peer)
{
    struct fg_msg m = {.type = FG_MSG_HELLO};
    uint8_t *frame = NULL;
    size_t len = 0;
    m.u.hello.pid = 100 + peer;
    m.u.hello.version = fg_view_str("0");
    m.u.hello.host = fg_view_str("h");
    m.u.hello.isa = fg_view_str("i");
    assert_int_equal(fg_msg_encode(&frame, &len, &m, RUN, 1), FG_OK);
    struct fg_transport *t = fg_loop_end(g->loop, peer);
    assert_int_equal(t->ops->post(t, 0, frame, len), FG_OK);
}

/* The next thing that is seen of a client; NONE when nothing is. */
static struct fg_live_event seen(struct rig *g)
{
    struct fg_live_event ev = {0};
    struct fg_err err;
    for (int i = 0; i < 20 && ev.kind == FG_LIVE_NONE; i++) {
        assert_int_equal(g->live->ops->next(g->live, 0, &ev, &err), FG_OK);
    }
    return ev;
}

static void expect_seen(struct rig *g, enum fg_live_kind kind, uint32_t client)
{
    struct fg_live_event ev = seen(g);
    assert_int_equal(ev.kind, kind);
    assert_int_equal(ev.client, client);
}

static void ranks_are_the_clients_of_their_numbers(void **state)
{
    (void)state;
    struct rig g = {0};
    set_up(&g, 3, 0, false);
    assert_int_equal(seen(&g).kind, FG_LIVE_NONE);
    hello(&g, 3); /* whoever is first */
    expect_seen(&g, FG_LIVE_UP, 2);
    hello(&g, 1);
    expect_seen(&g, FG_LIVE_UP, 0);
    hello(&g, 2);
    expect_seen(&g, FG_LIVE_UP, 1);
    tear_down(&g);
}

static void who_comes_back_is_the_same_client(void **state)
{
    (void)state;
    struct rig g = {0};
    set_up(&g, 3, 2, false);
    for (uint32_t i = 1; i <= 3; i++) {
        (void)seen(&g);
        hello(&g, i);
        expect_seen(&g, FG_LIVE_UP, i - 1);
    }
    fg_loop_kill(g.loop, 2);
    expect_seen(&g, FG_LIVE_DOWN, 1);
    assert_int_equal(seen(&g).kind, FG_LIVE_NONE);
    assert_int_equal(fg_loop_up(g.loop), 5); /* another was started */
    hello(&g, 4);
    expect_seen(&g, FG_LIVE_UP, 1);
    fg_loop_kill(g.loop, 1);
    expect_seen(&g, FG_LIVE_DOWN, 0);
    assert_int_equal(seen(&g).kind, FG_LIVE_NONE);
    hello(&g, 5);
    expect_seen(&g, FG_LIVE_UP, 0);
    assert_int_equal(g.n_here, 5);
    assert_int_equal(g.here[4], 0);
    assert_int_equal(g.pid[4], 105);
    tear_down(&g);
}

static void whose_machine_comes_up_gets_a_worker(void **state)
{
    (void)state;
    struct rig g = {.arrivals = {3, 1}, .n_arrivals = 2};
    set_up(&g, 0, 4, true);
    assert_int_equal(seen(&g).kind, FG_LIVE_NONE);
    assert_int_equal(fg_loop_up(g.loop), 3);
    hello(&g, 2);
    expect_seen(&g, FG_LIVE_UP, 1);
    hello(&g, 1);
    expect_seen(&g, FG_LIVE_UP, 3);
    fg_loop_kill(g.loop, 1); /* nobody is started in its place before its machine asks again */
    expect_seen(&g, FG_LIVE_DOWN, 3);
    assert_int_equal(seen(&g).kind, FG_LIVE_NONE);
    assert_int_equal(fg_loop_up(g.loop), 3);
    g.arrivals[2] = 1; /* has one already */
    g.arrivals[3] = 3;
    g.n_arrivals = 4;
    assert_int_equal(seen(&g).kind, FG_LIVE_NONE);
    assert_int_equal(fg_loop_up(g.loop), 4);
    hello(&g, 3);
    expect_seen(&g, FG_LIVE_UP, 3);
    tear_down(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ranks_are_the_clients_of_their_numbers),
        cmocka_unit_test(who_comes_back_is_the_same_client),
        cmocka_unit_test(whose_machine_comes_up_gets_a_worker),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

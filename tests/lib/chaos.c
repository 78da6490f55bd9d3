#include "tests/lib/test.h"

#include "tests/lib/chaos.h"

#include "src/base/mem.h"

enum { LATENCY_US = 2000, DETECTION_US = 20000, CONFIGURE_US = 50000, SPAWN_US = 100000, COHORT = 8 };

const struct fg_codec_opts chaos_coding = {.density = 0.3, .seed = 9};

static uint32_t below(struct chaos *c, uint32_t n)
{
    return fg_rng_below(&c->rng, n);
}

static fg_time_t up_to(struct chaos *c, fg_time_t us)
{
    return (fg_time_t)(fg_rng_uniform(&c->rng) * (double)us);
}

static fg_time_t later(fg_time_t a, fg_time_t b)
{
    return a > b ? a : b;
}

/* ---- the network ---- */

static void put(struct chaos *c, struct chaos_packet p)
{
    assert_int_equal(FG_GROW(c->packet, c->n_packet, c->cap_packet), FG_OK);
    p.number = c->packets++;
    c->packet[c->n_packet++] = p;
}

static void drop(struct chaos *c, size_t i)
{
    c->packet[i] = c->packet[--c->n_packet];
}

static uint8_t *copy_of(const uint8_t *frame, size_t len)
{
    uint8_t *copy = fg_calloc(len, 1);
    assert_non_null(copy);
    memcpy(copy, frame, len);
    return copy;
}

static fg_time_t arrival(struct chaos *c, struct chaos_worker *w)
{
    fg_time_t due = c->now + LATENCY_US + up_to(c, LATENCY_US);
    if (w->flaps_until > c->now) {
        due += up_to(c, c->o.patience_us * 3 / 2);
    }
    return w->cut_until > c->now ? due + w->cut_until - c->now : due;
}

/* One frame on its way. Takes the frame. */
static void carry(struct chaos *c, uint32_t worker, bool up, uint8_t *frame, size_t len)
{
    struct chaos_worker *w = &c->worker[worker];
    struct chaos_packet p = {.worker = worker, .up = up, .kind = FG_NET_FRAME, .frame = frame, .len = len};
    p.due = arrival(c, w);
    if (below(c, 10000) < c->o.swapped) {
        p.due += up_to(c, c->o.patience_us); /* others overtake it */
        c->swapped++;
    } else {
        p.due = later(p.due, w->last[up]);
        w->last[up] = p.due;
    }
    if (below(c, 10000) < c->o.doubled) {
        struct chaos_packet again = p;
        again.frame = copy_of(frame, len);
        again.due += up_to(c, 2 * c->o.patience_us);
        put(c, again);
        c->doubled++;
    }
    if (below(c, 10000) < c->o.damaged) {
        frame[below(c, (uint32_t)len)] ^= (uint8_t)(1u << below(c, 8));
        c->damaged++;
    }
    put(c, p);
}

static enum fg_status chaos_post(struct fg_transport *t, uint32_t peer, uint8_t *frame, size_t len)
{
    struct chaos *c = (struct chaos *)t;
    assert_in_range(peer, 1, c->n);
    const struct chaos_worker *w = &c->worker[peer];
    if (w->dead) { /* nobody knows yet, or everybody */
        fg_free(frame);
        return w->known_dead ? FG_E_GONE : FG_OK;
    }
    carry(c, peer, false, frame, len);
    return FG_OK;
}

/* ---- workers ---- */

static void join(struct chaos *c)
{
    uint32_t i = ++c->n;
    struct chaos_worker *w = &c->worker[i];
    struct fg_session_self self = {.version = "1", .host = "h", .isa = "x", .pid = i};
    assert_int_equal(fg_session_create(&w->session, &self), FG_OK);
    put(c, (struct chaos_packet){.due = c->now, .worker = i, .up = true, .kind = FG_NET_JOINED});
    w->last[1] = c->now;
}

/* It is no more: what was on its way to it is lost, the aggregator is told after what it had sent. */
static void end(struct chaos *c, uint32_t i)
{
    struct chaos_worker *w = &c->worker[i];
    w->dead = true;
    for (size_t k = 0; k < c->n_packet;) {
        if (c->packet[k].worker == i && !c->packet[k].up) {
            fg_free(c->packet[k].frame);
            drop(c, k);
        } else {
            k++;
        }
    }
    fg_time_t due = later(w->last[1], later(c->now, w->cut_until) + up_to(c, DETECTION_US));
    put(c, (struct chaos_packet){.due = due, .worker = i, .up = true, .kind = FG_NET_GONE});
}

static void perform(struct chaos *c, uint32_t i)
{
    struct chaos_worker *w = &c->worker[i];
    const char *broken = fg_session_check(w->session);
    if (broken != NULL) {
        fail_msg("worker %u: %s", i, broken);
    }
    for (size_t k = 0; k < w->acts.n; k++) {
        struct fg_session_action *a = &w->acts.a[k];
        if (a->kind == FG_SESSION_SEND) {
            uint8_t *frame = a->frame;
            a->frame = NULL;
            carry(c, i, true, frame, a->len);
        } else if (a->kind == FG_SESSION_CONFIGURE) {
            w->ready_at = c->now + CONFIGURE_US;
        } else if (a->kind == FG_SESSION_RUN) {
            uint32_t steps = 0;
            for (size_t n = 0; n < a->n; n++) {
                steps = a->jobs[n].task.steps > steps ? a->jobs[n].task.steps : steps;
            }
            assert_true(w->n_jobs == 0 && a->n <= COHORT);
            w->jobs = a->jobs;
            w->n_jobs = a->n;
            w->began = c->now;
            w->done_at = c->now + 1 + c->o.step_us * (1 + steps);
        } else if (a->kind == FG_SESSION_HALT) {
            assert_true(w->n_jobs > 0);
            w->halted = true;
            w->done_at = c->now + c->o.step_us < w->done_at ? c->now + c->o.step_us : w->done_at;
        } else {
            assert_int_equal(a->kind, FG_SESSION_QUIT);
            end(c, i);
        }
    }
}

static void step(struct chaos *c, uint32_t i, const struct fg_session_event *ev)
{
    assert_int_equal(fg_session_step(c->worker[i].session, ev, &c->worker[i].acts), FG_OK);
    perform(c, i);
}

static void ready(struct chaos *c, uint32_t i)
{
    c->worker[i].ready_at = 0;
    if (c->o.keeps && c->worker[i].kept == NULL) {
        assert_int_equal(fg_kept_create(&c->worker[i].kept, CHAOS_P, 0, (struct fg_kept_rows){0}), FG_OK);
    }
    step(c, i,
         &(struct fg_session_event){.kind = FG_SESSION_READY,
                                    .st = c->o.cannot_configure ? FG_E_MISSING : FG_OK,
                                    .text = "no data on this machine",
                                    .params = CHAOS_P,
                                    .cohort = 1 + i % 3,
                                    .cores = true,
                                    .coding = &chaos_coding,
                                    .cache_bytes = 2 * CHAOS_SHARD_LEN});
}

static void done(struct chaos *c, uint32_t i)
{
    struct chaos_worker *w = &c->worker[i];
    struct fg_session_answer answers[COHORT];
    struct chaos_bytes bytes[COHORT] = {0};
    uint32_t steps = (uint32_t)((c->now - w->began) / c->o.step_us);
    size_t n = w->n_jobs;
    for (size_t k = 0; k < n; k++) {
        chaos_answer(c, w->kept, &w->jobs[k], steps, w->halted, &answers[k], &bytes[k]);
    }
    w->n_jobs = 0;
    w->done_at = 0;
    step(c, i, &(struct fg_session_event){.kind = FG_SESSION_DONE, .answers = answers, .n = n});
    for (size_t k = 0; k < n; k++) {
        fg_str_fini(&bytes[k].state);
    }
}

/* ---- faults ---- */

static void crash(struct chaos *c, uint32_t i)
{
    fg_time_t cut = c->now + up_to(c, 2 * LATENCY_US);
    for (size_t k = 0; k < c->n_packet;) { /* the end of what it had sent */
        struct chaos_packet *p = &c->packet[k];
        if (p->worker == i && p->up && p->kind == FG_NET_FRAME && p->due > cut) {
            fg_free(p->frame);
            drop(c, k);
        } else {
            k++;
        }
    }
    end(c, i);
}

void chaos_strike(struct chaos *c, enum chaos_fault kind, uint32_t i)
{
    struct chaos_worker *w = &c->worker[i];
    assert_false(w->dead);
    c->count[kind]++;
    switch (kind) {
    case CHAOS_CRASH:
        crash(c, i);
        break;
    case CHAOS_STOP:
        w->stopped_until = c->now + up_to(c, 3 * c->o.patience_us);
        break;
    case CHAOS_NOTICE:
        step(c, i, &(struct fg_session_event){.kind = FG_SESSION_LEAVE});
        break;
    case CHAOS_PARTITION:
        w->cut_until = c->now + up_to(c, 3 * c->o.patience_us);
        break;
    default:
        w->flaps_until = c->now + up_to(c, 5 * c->o.patience_us);
    }
}

static void plan(struct chaos *c, enum chaos_fault kind)
{
    fg_time_t every = c->o.every_us[kind];
    c->next_fault[kind] = every > 0 ? c->now + 1 + up_to(c, 2 * every) : FG_NEVER;
}

static void strike_someone(struct chaos *c, enum chaos_fault kind)
{
    plan(c, kind);
    uint32_t i = 1 + below(c, c->n);
    for (uint32_t k = 0; k < c->n; k++, i = 1 + i % c->n) {
        if (!c->worker[i].dead) {
            if (c->worker[i].stopped_until <= c->now || kind == CHAOS_CRASH) {
                chaos_strike(c, kind, i);
            }
            return;
        }
    }
}

/* ---- time ---- */

enum what { NOTHING, PACKET, READY, DONE, FAULT };

struct next {
    fg_time_t at;
    enum what what;
    size_t which; /* packet, worker or fault */
};

/* Frames for one that stands still wait, and so does its work. */
static fg_time_t when(const struct chaos_worker *w, fg_time_t at)
{
    return later(at, w->stopped_until);
}

static void earlier(struct next *n, fg_time_t at, enum what what, size_t which)
{
    if (at < n->at) {
        *n = (struct next){at, what, which};
    }
}

static struct next find_next(const struct chaos *c)
{
    struct next n = {FG_NEVER, NOTHING, 0};
    uint64_t number = 0;
    for (size_t k = 0; k < c->n_packet; k++) {
        const struct chaos_packet *p = &c->packet[k];
        fg_time_t at = p->up ? p->due : when(&c->worker[p->worker], p->due);
        if (at < n.at || (at == n.at && p->number < number)) {
            n = (struct next){at, PACKET, k};
            number = p->number;
        }
    }
    for (uint32_t i = 1; i <= c->n; i++) {
        const struct chaos_worker *w = &c->worker[i];
        if (!w->dead && w->ready_at > 0) {
            earlier(&n, when(w, w->ready_at), READY, i);
        }
        if (!w->dead && w->done_at > 0) {
            earlier(&n, when(w, w->done_at), DONE, i);
        }
    }
    for (size_t k = 0; k < CHAOS_FAULTS; k++) {
        earlier(&n, c->next_fault[k], FAULT, k);
    }
    return n;
}

static void to_worker(struct chaos *c, size_t k)
{
    struct chaos_packet p = c->packet[k];
    drop(c, k);
    step(c, p.worker, &(struct fg_session_event){.kind = FG_SESSION_FRAME, .frame = p.frame, .len = p.len});
    fg_free(p.frame);
}

/* The next thing that happens, at the latest at `until`: false when nothing does. A packet for the aggregator
 * is left where it is; its number comes in *mine. */
static bool happen(struct chaos *c, fg_time_t until, size_t *mine)
{
    struct next n = find_next(c);
    *mine = SIZE_MAX;
    if (n.what == NOTHING || n.at > until) {
        return false;
    }
    c->now = later(c->now, n.at);
    if (n.what == PACKET && c->packet[n.which].up) {
        *mine = n.which;
    } else if (n.what == PACKET) {
        to_worker(c, n.which);
    } else if (n.what == READY) {
        ready(c, (uint32_t)n.which);
    } else if (n.what == DONE) {
        done(c, (uint32_t)n.which);
    } else {
        strike_someone(c, (enum chaos_fault)n.which);
    }
    return true;
}

static void look_at_aggregator(const struct chaos *c)
{
    const char *broken = c->check != NULL ? c->check(c->check_arg) : NULL;
    if (broken != NULL) {
        fail_msg("aggregator, at %.3f s: %s", fg_seconds(c->now), broken);
    }
}

static enum fg_status chaos_poll(struct fg_transport *t, struct fg_net_event *ev, fg_time_t timeout_us)
{
    struct chaos *c = (struct chaos *)t;
    fg_time_t until = c->now + timeout_us;
    size_t mine;
    *ev = (struct fg_net_event){.kind = FG_NET_NONE};
    look_at_aggregator(c);
    if (c->now > FG_HOUR) {
        fail_msg("nothing comes to an end any more");
    }
    while (happen(c, until, &mine)) {
        if (mine != SIZE_MAX) {
            struct chaos_packet p = c->packet[mine];
            drop(c, mine);
            c->worker[p.worker].known_dead = p.kind == FG_NET_GONE;
            *ev = (struct fg_net_event){p.kind, p.worker, p.frame, p.len};
            return FG_OK;
        }
    }
    c->now = until;
    return FG_OK;
}

void chaos_pass(struct chaos *c, fg_time_t us)
{
    fg_time_t until = c->now + us;
    c->now = until; /* what came meanwhile is met at the next poll */
}

static void chaos_flush(struct fg_transport *t, fg_time_t timeout_us)
{
    (void)t;
    (void)timeout_us;
}

static void chaos_wake(struct fg_transport *t)
{
    (void)t;
}

static enum fg_status chaos_spawn(struct fg_transport *t, const char *host, struct fg_err *err)
{
    struct chaos *c = (struct chaos *)t;
    (void)host;
    if (c->n == c->o.most) {
        return fg_fail(err, FG_E_GONE, "no endpoint is left");
    }
    chaos_pass(c, SPAWN_US);
    join(c);
    return FG_OK;
}

static const struct fg_transport_ops ops = {
    .post = chaos_post,
    .poll = chaos_poll,
    .flush = chaos_flush,
    .wake = chaos_wake,
    .destroy = chaos_wake, /* the test owns it */
    .spawn = chaos_spawn,
};

/* ---- life ---- */

struct chaos *chaos_create(const struct chaos_opts *o)
{
    struct chaos *c = fg_calloc(1, sizeof *c);
    assert_non_null(c);
    c->base.ops = &ops;
    c->o = *o;
    c->now = FG_SECOND;
    fg_rng_init(&c->rng, o->seed, FG_RNG_TEST, 1, 0);
    c->worker = fg_calloc(o->most + 1, sizeof *c->worker);
    assert_non_null(c->worker);
    for (uint32_t i = 0; i < o->workers; i++) {
        join(c);
    }
    for (int k = 0; k < CHAOS_FAULTS; k++) {
        plan(c, (enum chaos_fault)k);
    }
    return c;
}

void chaos_destroy(struct chaos *c)
{
    for (size_t k = 0; k < c->n_packet; k++) {
        fg_free(c->packet[k].frame);
    }
    for (uint32_t i = 1; i <= c->n; i++) {
        fg_session_actions_fini(&c->worker[i].acts);
        fg_session_destroy(c->worker[i].session);
        fg_kept_destroy(c->worker[i].kept);
    }
    fg_codec_ws_fini(&c->ws);
    fg_free(c->packet);
    fg_free(c->worker);
    fg_free(c);
}

fg_time_t chaos_now(void *chaos)
{
    return ((const struct chaos *)chaos)->now;
}

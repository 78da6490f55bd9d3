/* The aggregator's end of the links: who is there, who has what, and giving out tasks. */
#include <stdio.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/remote_internal.h"

enum { COHORT_MAX = 4096 }; /* chosen: no more tasks at a time for one worker, whatever it says */

/* Post a message. A peer that is gone is no error here: its GONE event follows. */
enum fg_status remote_send(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    struct worker *w = &r->worker[peer];
    uint8_t *frame = NULL;
    size_t len = 0;
    enum fg_status st = fg_msg_encode(&frame, &len, m, r->opts.run_id, w->link.sent + 1);
    if (st != FG_OK) {
        return st;
    }
    st = r->opts.transport->ops->post(r->opts.transport, peer, frame, len);
    if (st == FG_OK) {
        w->link.sent++;
        r->stats.bytes_sent += len;
    }
    return st == FG_E_GONE ? FG_OK : st;
}

static enum fg_status ping(struct remote *r, uint32_t peer, fg_time_t now)
{
    struct fg_msg m = {.type = FG_MSG_PING};
    m.u.ping.token = r->worker[peer].link.sent + 1; /* its own sequence number */
    r->worker[peer].asked = now;
    r->worker[peer].invited += r->worker[peer].state == WORKER_JOINED;
    return remote_send(r, peer, &m);
}

/* ---- who is there ---- */

enum fg_status remote_slot(struct remote *r, uint32_t peer)
{
    while (r->n_worker <= peer) {
        enum fg_status st = FG_GROW(r->worker, r->n_worker, r->cap_worker);
        if (st != FG_OK) {
            return st;
        }
        r->worker[r->n_worker++] = (struct worker){.state = WORKER_UNKNOWN, .meant = REMOTE_NO_CLIENT};
    }
    return FG_OK;
}

/* Its tasks go to others. */
static enum fg_status take_back(struct remote *r, uint32_t peer)
{
    enum fg_status st = remote_note_up(r, peer, false);
    for (size_t i = r->n_entry; i-- > 0 && st == FG_OK;) { /* backwards: the last put in front is the first */
        struct entry *e = &r->entry[i];
        if (e->state == TASK_SENT && e->worker == peer) {
            st = remote_lose(r, e);
        }
    }
    return st;
}

/* How many take cores of the host that a worker names. */
static uint32_t sharing(const struct remote *r, const char *host)
{
    const size_t len = sizeof r->worker->name - 1; /* as much as is kept of a name */
    uint32_t n =
        r->opts.local != NULL && r->opts.local_host != NULL && strncmp(r->opts.local_host, host, len) == 0;
    for (size_t i = 1; i < r->n_worker; i++) {
        const struct worker *w = &r->worker[i];
        n += w->state == WORKER_WELCOME && w->cores && strncmp(w->name, host, len) == 0;
    }
    return n;
}

/* Of what one could compute alone: the part of n. */
static uint32_t part(uint32_t cohort, uint32_t n)
{
    return n < 2 ? cohort : cohort > n ? cohort / n : 1;
}

/* Equal parts of its cores to all workers on the host of this one, which came or went. */
static void share_cores(struct remote *r, uint32_t peer)
{
    const char *host = r->worker[peer].name;
    uint32_t n = r->opts.share_cores ? sharing(r, host) : 1;
    for (size_t i = 1; i < r->n_worker; i++) {
        struct worker *w = &r->worker[i];
        if (w->state == WORKER_WELCOME && w->cores && strcmp(w->name, host) == 0) {
            w->slots = part(w->cohort, n);
        }
    }
}

uint32_t remote_local_slots(const struct remote *r)
{
    uint32_t cohort = r->opts.local_cohort > 0 ? r->opts.local_cohort : 1;
    uint32_t n = r->opts.share_cores && r->opts.local_host != NULL ? sharing(r, r->opts.local_host) : 1;
    return part(cohort, n);
}

static const char *fate(const struct remote *r)
{
    return r->opts.pinned || r->opts.ignore_losses ? "lost" : "repeated";
}

static size_t handed_back(const struct remote *r, uint32_t peer)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_entry; i++) {
        const struct entry *e = &r->entry[i];
        n += e->state == TASK_SENT && e->worker == peer && e->resume.len > 0;
    }
    return n;
}

enum fg_status remote_dismiss(struct remote *r, uint32_t peer, const char *why)
{
    struct worker *w = &r->worker[peer];
    if (w->state == WORKER_GONE || w->state == WORKER_UNKNOWN) {
        return FG_OK;
    }
    fg_log_write(FG_LOG_INFO, "worker %u %s; %u of its tasks are %s%s", peer, why, w->has, fate(r),
                 handed_back(r, peer) > 0 ? ", some from the state it handed back" : "");
    w->state = WORKER_GONE;
    fg_free(w->known);
    w->known = NULL;
    w->n_known = w->cap_known = 0;
    share_cores(r, peer);
    r->stats.lost++;
    r->stats.alive--;
    remote_displaced(r, peer);
    fg_respawn_lost(&r->respawn, r->opts.now(r->opts.arg));
    return take_back(r, peer);
}

static enum fg_status joined(struct remote *r, uint32_t peer)
{
    struct worker *w = &r->worker[peer];
    fg_free(w->known);
    *w = (struct worker){.state = WORKER_JOINED,
                         .client = REMOTE_NO_CLIENT,
                         .meant = w->meant,
                         .link = {.run_id = r->opts.run_id},
                         .slots = 1};
    w->heard = r->opts.now(r->opts.arg);
    remote_placed(r, peer);
    r->stats.workers++;
    r->stats.alive++;
    return ping(r, peer, w->heard); /* the invitation: it answers with HELLO */
}

/* A worker that fell silent may come back; one that never spoke is not waited for. */
bool remote_anyone(const struct remote *r)
{
    for (size_t i = 1; i < r->n_worker; i++) {
        const struct worker *w = &r->worker[i];
        if (w->state == WORKER_WELCOME || (w->state == WORKER_JOINED && !w->silent)) {
            return true;
        }
    }
    return r->stats.workers == 0 /* nobody was told of yet */ || fg_respawn_hopes(&r->respawn);
}

uint32_t remote_answering(const struct remote *r)
{
    uint32_t n = 0;
    for (size_t i = 1; i < r->n_worker; i++) {
        const struct worker *w = &r->worker[i];
        n += (w->state == WORKER_WELCOME || w->state == WORKER_JOINED) && !w->silent;
    }
    return n;
}

/* Say it once when there are too few workers to go on, and once when there are enough again. */
bool remote_too_few(struct remote *r)
{
    uint32_t n = remote_answering(r);
    bool waits = r->stats.workers > 0 && fg_respawn_waits(&r->respawn, n);
    if (waits && !r->waiting && n == 0) {
        fg_log_write(FG_LOG_WARN, "no worker is left; waiting until another is up");
    } else if (waits && !r->waiting) {
        fg_log_write(FG_LOG_WARN, "fewer workers than workers.min answer (%u < %u); waiting for more", n,
                     r->respawn.opts.min);
    } else if (!waits && r->waiting) {
        fg_log_write(FG_LOG_INFO, "going on with %u worker%s", n, n == 1 ? "" : "s");
    }
    r->waiting = waits;
    return waits;
}

/* ---- what they say ---- */

/* It cannot do this run, and another one in its place could not either. */
static enum fg_status unfit(struct remote *r, uint32_t peer, struct fg_view why)
{
    fg_free(r->refusal);
    r->refusal = fg_strndup(why.data != NULL ? (const char *)why.data : "", why.len);
    fg_log_write(FG_LOG_WARN, "worker %u cannot work: %.*s", peer, (int)why.len, (const char *)why.data);
    fg_respawn_unfit(&r->respawn);
    return remote_dismiss(r, peer, "is of no use");
}

/* Whose program may compute other bits. */
static enum fg_status other_version(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    struct fg_msg stop = {.type = FG_MSG_STOP};
    char why[200];
    stop.u.end.reason = FG_STOP_FAILED;
    (void)snprintf(why, sizeof why,
                   "forage on %.*s is %.*s, the aggregator's is %s: they have to be the same",
                   (int)m->u.hello.host.len, (const char *)m->u.hello.host.data, (int)m->u.hello.version.len,
                   (const char *)m->u.hello.version.data, r->opts.version);
    enum fg_status st = remote_send(r, peer, &stop);
    return st == FG_OK ? unfit(r, peer, fg_view_str(why)) : st;
}

static enum fg_status on_hello(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    struct worker *w = &r->worker[peer];
    w->hellos++;
    if (w->state != WORKER_JOINED) {
        return remote_not_welcome(r, peer); /* or the answer to an invitation that was repeated */
    }
    w->state = WORKER_WELCOME;
    w->pid = m->u.hello.pid;
    size_t len = m->u.hello.host.len < sizeof w->name - 1 ? m->u.hello.host.len : sizeof w->name - 1;
    if (len > 0) {
        memcpy(w->name, m->u.hello.host.data, len);
    }
    struct fg_view version = m->u.hello.version;
    if (r->opts.version != NULL &&
        (version.len != strlen(r->opts.version) || memcmp(version.data, r->opts.version, version.len) != 0)) {
        return other_version(r, peer, m);
    }
    fg_log_write(FG_LOG_INFO, "worker %u: process %u on %.*s, kernels %.*s", peer, m->u.hello.pid,
                 (int)m->u.hello.host.len, (const char *)m->u.hello.host.data, (int)m->u.hello.isa.len,
                 (const char *)m->u.hello.isa.data);
    enum fg_status st = remote_enlist(r, peer, m->u.hello.pid);
    return st == FG_OK ? remote_welcome(r, peer) : st;
}

enum fg_status remote_welcome(struct remote *r, uint32_t peer)
{
    struct fg_msg welcome = {.type = FG_MSG_WELCOME};
    welcome.u.welcome.worker = peer;
    welcome.u.welcome.params = r->opts.params;
    welcome.u.welcome.sums = r->opts.updates_stay;
    welcome.u.welcome.config = fg_view_str(r->config);
    memcpy(welcome.u.welcome.input, r->opts.input, sizeof welcome.u.welcome.input);
    return remote_send(r, peer, &welcome);
}

static void on_ready(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    struct worker *w = &r->worker[peer];
    if (w->state != WORKER_WELCOME) {
        r->stats.answers_ignored++;
        return;
    }
    w->cohort = m->u.ready.cohort < COHORT_MAX ? m->u.ready.cohort : COHORT_MAX;
    w->cores = m->u.ready.cores;
    w->slots = w->cohort;
    share_cores(r, peer);
    fg_log_write(FG_LOG_INFO, "worker %u: ready, %u task%s at a time", peer, w->slots,
                 w->slots == 1 ? "" : "s");
}

static enum fg_status on_refused(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    struct worker *w = &r->worker[peer];
    struct fg_view why = m->u.refused.text;
    if (m->u.refused.reason == FG_REFUSED_CONFIG) {
        return unfit(r, peer, why);
    }
    if (m->u.refused.reason == FG_REFUSED_LOST) { /* its BYE follows, and gives its tasks to others */
        fg_log_write(FG_LOG_WARN, "worker %u is lost: %.*s", peer, (int)why.len, (const char *)why.data);
        return FG_OK;
    }
    struct entry *e = remote_entry(r, m->u.refused.task);
    if (e == NULL || e->state != TASK_SENT || e->worker != peer) {
        r->stats.answers_ignored++;
        return FG_OK;
    }
    if (m->u.refused.reason == FG_REFUSED_VERSION) { /* nor, it may be, what it is reached from */
        w->n_known = 0;
    }
    fg_log_write(FG_LOG_DEBUG, "worker %u refused task %llu: %.*s", peer, (unsigned long long)e->task.id,
                 (int)why.len, (const char *)why.data);
    /* A version that is not there was lost on its way: no fault of the task's. */
    return m->u.refused.reason == FG_REFUSED_VERSION ? remote_requeue(r, e) : remote_failed_once(r, e, why);
}

static enum fg_status on_shard_req(struct remote *r, uint32_t peer, const struct fg_msg *m)
{
    struct fg_msg shard = {.type = FG_MSG_SHARD};
    memcpy(shard.u.shard.hash, m->u.shard.hash, FG_SHARD_HASH_BYTES);
    const uint8_t *hash = shard.u.shard.hash;
    bool found =
        remote_score_list(r, hash, &shard.u.shard.bytes) ||
        (r->opts.shard_bytes != NULL && r->opts.shard_bytes(r->opts.arg, hash, &shard.u.shard.bytes));
    if (!found) {
        r->stats.frames_refused++;
        return FG_OK;
    }
    return remote_send(r, peer, &shard);
}

static enum fg_status on_message(struct remote *r, uint32_t peer, const struct fg_msg *m, uint8_t **frame)
{
    struct fg_msg pong = {.type = FG_MSG_PONG};
    switch (m->type) {
    case FG_MSG_HELLO:
        return on_hello(r, peer, m);
    case FG_MSG_READY:
        on_ready(r, peer, m);
        return FG_OK;
    case FG_MSG_RESULT:
        r->worker[peer].answered = true;
        return remote_answer(r, peer, m, frame);
    case FG_MSG_SUM:
        remote_on_sum(r, peer, m, frame);
        return FG_OK;
    case FG_MSG_STATE:
        return remote_keep_state(r, peer, m, frame);
    case FG_MSG_REFUSED:
        return on_refused(r, peer, m);
    case FG_MSG_SHARD_REQ:
        return on_shard_req(r, peer, m);
    case FG_MSG_PING:
        pong.u.ping.token = m->u.ping.token;
        return remote_send(r, peer, &pong);
    case FG_MSG_PONG:
        return remote_on_pong(r, peer, m);
    case FG_MSG_BYE:
        return remote_dismiss(r, peer, "left");
    default:
        return remote_offence(r, peer, "a message that is no worker's");
    }
}

/* The beginning of a frame, where the rest can wait: else all of it. */
static enum fg_status judge(struct remote *r, const uint8_t *frame, size_t len, struct fg_frame *f,
                            struct fg_msg *m)
{
    struct fg_msg_values v = fg_msg_values(frame, len);
    bool floats = v.size == sizeof(float);
    size_t blocks = floats ? fg_frame_blocks(len, v.at) : 0;
    fg_free(r->blocks);
    r->blocks = NULL;
    struct unread *u = &r->unread;
    u->is = r->opts.judge_late && !r->mending && v.size > 0 &&
            fg_frame_open(f, &u->rest, &u->checksum, frame, len, v.at, floats) == FG_OK &&
            fg_msg_decode(m, f) == FG_OK && m->u.result.result.seen != FG_SEEN_NOT_FINITE;
    if (u->is) {
        return FG_OK;
    }
    if (blocks > 0 && (r->blocks = fg_calloc(blocks, sizeof *r->blocks)) == NULL) {
        return FG_E_NOMEM;
    }
    enum fg_status st =
        floats ? fg_frame_decode_floats(f, frame, len, v.at, r->blocks) : fg_frame_decode(f, frame, len);
    st = st == FG_OK ? fg_msg_decode(m, f) : st;
    if (st == FG_OK && m->type == FG_MSG_RESULT) {
        m->u.result.largest = f->largest;
    }
    return st;
}

static enum fg_status on_frame(struct remote *r, uint32_t peer, uint8_t **frame, size_t len)
{
    struct worker *w = &r->worker[peer];
    struct fg_frame f;
    struct fg_msg m;
    if (w->state == WORKER_GONE || w->state == WORKER_UNKNOWN) {
        r->stats.frames_refused++;
        return FG_OK;
    }
    enum fg_status st = judge(r, *frame, len, &f, &m);
    if (st == FG_E_NOMEM) {
        return st;
    }
    st = st == FG_OK ? fg_link_accept(&w->link, &f) : st;
    if (st != FG_OK) {
        char what[128];
        (void)snprintf(what, sizeof what, "a frame of %zu bytes: %s", len, fg_status_text(st));
        return remote_offence(r, peer, what);
    }
    if (w->silent) {
        fg_log_write(FG_LOG_INFO, "worker %u is back", peer);
        w->silent = false;
        st = w->state == WORKER_WELCOME ? remote_note_up(r, peer, true) : FG_OK;
        if (st != FG_OK) {
            return st;
        }
    }
    w->heard = r->opts.now(r->opts.arg);
    r->stats.bytes_received += len;
    return on_message(r, peer, &m, frame);
}

enum fg_status remote_event(struct remote *r, struct fg_net_event *ev)
{
    enum fg_status st = FG_OK;
    if (ev->kind != FG_NET_NONE) {
        st = remote_slot(r, ev->peer);
    }
    if (st == FG_OK && ev->kind == FG_NET_JOINED) {
        st = joined(r, ev->peer);
    } else if (st == FG_OK && ev->kind == FG_NET_FRAME) {
        st = on_frame(r, ev->peer, &ev->frame, ev->len);
    } else if (st == FG_OK && ev->kind == FG_NET_GONE) {
        st = remote_dismiss(r, ev->peer, "is gone");
    }
    fg_free(ev->frame);
    ev->frame = NULL;
    return st;
}

/* ---- signs of life ---- */

enum fg_status remote_heartbeat(struct remote *r)
{
    fg_time_t now = r->opts.now(r->opts.arg);
    enum fg_status st = FG_OK;
    for (uint32_t i = 1; i < r->n_worker && r->opts.heartbeat_us > 0 && st == FG_OK; i++) {
        struct worker *w = &r->worker[i];
        bool invited = w->state == WORKER_JOINED;
        if (w->state != WORKER_WELCOME && !invited) {
            continue;
        }
        if (!invited && w->has == 0) {
            w->asked = w->heard = now; /* nothing is expected of it: patience begins with its next task */
        } else if (invited && !w->silent && now - w->heard > r->opts.patience_us) {
            fg_log_write(FG_LOG_WARN, "worker %u does not answer", i);
            w->silent = true;
        } else if (!w->silent && now - w->heard > r->opts.patience_us) {
            fg_log_write(FG_LOG_WARN, "worker %u has said nothing for %.1f s; %u of its tasks are %s", i,
                         fg_seconds(now - w->heard), w->has, fate(r));
            w->silent = true;
            st = take_back(r, i);
        } else if (now - w->asked >= r->opts.heartbeat_us) {
            st = ping(r, i, now);
        }
    }
    remote_tell_status(r);
    return st;
}

void remote_say_stop(struct remote *r)
{
    struct fg_msg m = {.type = FG_MSG_STOP};
    bool stopped = fg_stopped(r->opts.stop);
    m.u.end.reason = stopped ? FG_STOP_INTERRUPTED : FG_STOP_DONE;
    for (uint32_t i = 1; i < r->n_worker; i++) {
        if (r->worker[i].state == WORKER_JOINED || r->worker[i].state == WORKER_WELCOME) {
            enum fg_status st = remote_send(r, i, &m);
            if (st != FG_OK) {
                fg_log_write(FG_LOG_WARN, "worker %u was not told to stop: %s", i, fg_status_text(st));
            }
        }
    }
}

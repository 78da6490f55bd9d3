/* Giving out tasks: who gets which of the queue, and the parameters that they need first. */
#include <string.h>

#include "src/base/mem.h"
#include "src/net/remote_internal.h"
#include "src/wire/down.h"

/* chosen: tasks beyond those under way and as many that wait, so that short ones last until a thread that
 * waits for a core had its turn, some milliseconds */
enum { AHEAD = 2 };

/* Versions below this are not asked for again. */
static uint64_t floor_version(const struct remote *r)
{
    uint64_t least = UINT64_MAX;
    for (size_t i = 0; i < r->versions.n; i++) {
        uint64_t number = fg_version_number(r->versions.list[i].version);
        least = number < least ? number : least;
    }
    return least;
}

/* The newest version before `number` that the worker keeps,
 * if steps from it are fewer bytes than the model; means are no steps'. */
static bool find_base(const struct remote *r, const struct worker *w, uint64_t number, uint64_t *base)
{
    bool found = false, steps = r->down != NULL && w->answered && number == fg_version_number(number);
    uint64_t bytes = 0;
    for (size_t i = 0; steps && i < w->n_known; i++) {
        if (w->known[i] < number && (!found || w->known[i] > *base)) {
            *base = w->known[i];
            found = true;
        }
    }
    for (uint64_t v = number; found && v > *base; v--) {
        struct fg_down_step s;
        found = fg_down_step(r->down, v, &s);
        bytes += found ? s.len : 0;
        found = found && bytes < r->opts.params * sizeof(float);
    }
    return found;
}

static enum fg_status send_steps(struct remote *r, uint32_t peer, uint64_t base, uint64_t number)
{
    struct fg_msg m = {.type = FG_MSG_STEPS};
    size_t n = 0;
    m.u.steps.version = number;
    m.u.steps.from = base;
    m.u.steps.params = r->opts.params;
    m.u.steps.codec = fg_down_codec(r->down)->id;
    for (uint64_t v = base + 1; v <= number; v++) {
        struct fg_down_step s;
        enum fg_status st = FG_GROW(r->chain, n, r->cap_chain);
        if (st != FG_OK) {
            return st;
        }
        FG_ASSERT(fg_down_step(r->down, v, &s));
        r->chain[n++] = (struct fg_view){.data = s.bytes, .len = s.len};
        m.u.steps.hash = s.hash;
    }
    m.u.steps.list = r->chain;
    return remote_send(r, peer, &m);
}

static enum fg_status send_version(struct remote *r, uint32_t peer, uint64_t number)
{
    struct worker *w = &r->worker[peer];
    bool known = false;
    size_t kept = 0;
    for (size_t i = 0; i < w->n_known; i++) {
        known = known || w->known[i] == number;
        if (fg_version_number(w->known[i]) >= w->floor) {
            w->known[kept++] = w->known[i];
        }
    }
    w->n_known = kept;
    if (known) {
        return FG_OK;
    }
    uint64_t base = 0;
    bool steps = find_base(r, w, number, &base);
    const struct fg_version *v = fg_versions_find(&r->versions, number);
    struct fg_msg m = {.type = FG_MSG_MODEL};
    FG_ASSERT(v != NULL);
    m.u.model.version = number;
    m.u.model.params = r->opts.params;
    m.u.model.values = v->params;
    enum fg_status st = FG_GROW(w->known, w->n_known, w->cap_known);
    if (st == FG_OK) {
        w->known[w->n_known++] = number;
        r->stats.steps_sent += steps;
        r->stats.models_sent += !steps;
        st = steps ? send_steps(r, peer, base, number) : remote_send(r, peer, &m);
    }
    return st;
}

/* Send the tasks of the chunk to a worker. */
static enum fg_status send_chunk(struct remote *r, uint32_t peer, size_t count)
{
    struct fg_msg m = {.type = FG_MSG_TASKS};
    m.u.tasks.floor = floor_version(r);
    r->worker[peer].floor = m.u.tasks.floor > r->worker[peer].floor ? m.u.tasks.floor : r->worker[peer].floor;
    m.u.tasks.cohort = r->worker[peer].cohort > 0 ? r->worker[peer].slots : 0;
    m.u.tasks.n = (uint32_t)count;
    m.u.tasks.list = r->chunk;
    r->worker[peer].has += (uint32_t)count;
    r->out += count;
    r->worker[peer].given = r->worker[peer].link.sent + 1;
    return remote_send(r, peer, &m);
}

/* Put a task into the chunk for a worker, and see to it that the worker has its version. */
static enum fg_status add_to_chunk(struct remote *r, uint32_t peer, struct entry *e, size_t count,
                                   struct fg_err *err)
{
    enum fg_status st = FG_GROW(r->chunk, count, r->cap_chunk);
    if (st != FG_OK) {
        return st;
    }
    struct fg_msg_task *t = &r->chunk[count];
    bool score = e->task.kind == FG_TASK_SCORE;
    *t = (struct fg_msg_task){.task = e->task, .has_shard = score || r->opts.shard_of != NULL};
    if (score) {
        memcpy(t->shard, remote_score_name(r, &e->task), sizeof t->shard);
    } else if (r->opts.shard_of != NULL) {
        st = r->opts.shard_of(r->opts.arg, &e->task, t->shard, err);
    }
    e->state = TASK_SENT;
    e->worker = peer;
    st = st == FG_OK ? send_version(r, peer, e->task.version) : st;
    if (st == FG_OK && e->resume.len > 0) {
        struct fg_msg m = {.type = FG_MSG_STATE};
        m.u.state.task = e->task.id;
        m.u.state.bytes = e->resume;
        r->stats.tasks_continued++;
        st = remote_send(r, peer, &m);
    }
    return st;
}

/* A second opinion is not asked of the first worker as long as there is another. */
static bool is_wary(const struct remote *r, const struct entry *e, uint32_t peer)
{
    return e->suspect == peer && remote_answering(r) > 1;
}

/* Give a worker the next n tasks of the queue. */
static enum fg_status give(struct remote *r, uint32_t peer, size_t n, bool *given, struct fg_err *err)
{
    size_t count = 0;
    enum fg_status st = FG_OK;
    while (count < n && st == FG_OK) {
        struct entry *e = remote_pop(r);
        if (e == NULL) {
            break;
        }
        if (is_wary(r, e, peer)) {
            st = FG_GROW(r->again, r->n_again, r->cap_again);
            if (st == FG_OK) {
                r->again[r->n_again++] = e->task.id;
            }
            break;
        }
        st = add_to_chunk(r, peer, e, count, err);
        count += st == FG_OK;
    }
    *given = *given || count > 0;
    return st == FG_OK && count > 0 ? send_chunk(r, peer, count) : st;
}

/* Every task to the worker that is its client; it is lost if that one is not there. */
static enum fg_status dispatch_pinned(struct remote *r, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    struct entry *e;
    while (st == FG_OK && (e = remote_pop(r)) != NULL) {
        uint32_t peer = remote_worker_of(r, e->task.client);
        st = peer == REMOTE_NOBODY ? remote_repeat(r, e) : add_to_chunk(r, peer, e, 0, err);
        if (st == FG_OK && peer != REMOTE_NOBODY) {
            st = send_chunk(r, peer, 1);
        }
    }
    return st;
}

/* Who holds what the task's client kept, if it is there; REMOTE_NOBODY: anyone may do it. */
static uint32_t holder_of(const struct remote *r, const struct entry *e)
{
    uint32_t client = e->task.client;
    uint32_t peer = e->task.kept != 0 && client < r->n_holder ? r->holder[client] : REMOTE_NOBODY;
    if (peer == REMOTE_NOBODY || peer == REMOTE_HERE || e->suspect == peer) {
        return REMOTE_NOBODY;
    }
    const struct worker *w = &r->worker[peer];
    return w->state == WORKER_WELCOME && !w->silent ? peer : REMOTE_NOBODY;
}

bool remote_is_home(const struct remote *r, const struct fg_task *task)
{
    return r->opts.local != NULL && task->kept != 0 && task->client < r->n_holder &&
           r->holder[task->client] == REMOTE_HERE;
}

enum fg_status remote_holds(struct remote *r, uint32_t client, uint32_t peer)
{
    enum fg_status st = FG_OK;
    while (st == FG_OK && r->opts.clients_keep && r->n_holder <= client) {
        st = FG_GROW(r->holder, r->n_holder, r->cap_holder);
        if (st == FG_OK) {
            r->holder[r->n_holder++] = REMOTE_NOBODY;
        }
    }
    if (st == FG_OK && r->opts.clients_keep) {
        r->holder[client] = peer;
    }
    return st;
}

/* Tasks that go on from what their clients kept go to whoever holds that, at once;
 * the others stay in the queue. */
static enum fg_status dispatch_home(struct remote *r, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < r->n_entry && st == FG_OK; i++) {
        struct entry *e = &r->entry[i];
        uint32_t peer = e->state == TASK_QUEUED ? holder_of(r, e) : REMOTE_NOBODY;
        if (peer != REMOTE_NOBODY) {
            st = add_to_chunk(r, peer, e, 0, err);
            st = st == FG_OK ? send_chunk(r, peer, 1) : st;
        }
    }
    return st;
}

/* Room for more: as many again may wait at the worker as it computes, so that it never waits for us, and some
 * more where its cores are busy, unless what it has is lost with it. */
static size_t room(const struct remote *r, const struct worker *w, bool may_wait)
{
    bool fit = w->state == WORKER_WELCOME && !w->silent;
    size_t slots = w->slots, more = w->cores && !r->opts.ignore_losses ? AHEAD : 0;
    size_t most = may_wait ? 2 * slots + more : slots;
    return fit && w->has < most ? most - w->has : 0;
}

/* Of those queued, for one of so many hands: less towards the end, so that nobody waits long for another. */
static size_t share_of(size_t queued, size_t hands)
{
    return queued / (2 * hands + 1) + 1;
}

static size_t hands_of(const struct remote *r)
{
    size_t hands = r->opts.local != NULL;
    for (size_t i = 1; i < r->n_worker; i++) {
        hands += r->worker[i].state == WORKER_WELCOME && !r->worker[i].silent;
    }
    return hands;
}

size_t remote_local_portion(const struct remote *r)
{
    size_t slots = remote_local_slots(r), share = share_of(remote_queued(r), 2 * hands_of(r));
    size_t most = r->opts.local_host != NULL ? slots + AHEAD : slots;
    return share < slots ? slots : share < most ? share : most;
}

/* Only the task that collect waits for, to whoever has most room, of several the next in turn. */
static enum fg_status give_wanted(struct remote *r, struct fg_err *err)
{
    const struct entry *e = remote_entry(r, r->wanted);
    size_t best = 0, most = 0;
    bool given = false;
    for (size_t k = 1; k < r->n_worker; k++) {
        size_t i = 1 + (r->turn + k - 1) % (r->n_worker - 1);
        size_t n = e != NULL && is_wary(r, e, (uint32_t)i) ? 0 : room(r, &r->worker[i], true);
        best = n > most ? i : best;
        most = n > most ? n : most;
    }
    if (e == NULL || e->state != TASK_QUEUED || best == 0) {
        return FG_OK;
    }
    r->turn = best;
    enum fg_status st = remote_hurry(r);
    return st == FG_OK ? give(r, (uint32_t)best, 1, &given, err) : st;
}

static size_t least(size_t a, size_t b)
{
    return a < b ? a : b;
}

/* How many of those queued to give one of so many hands. A device takes as long for one task as for many;
 * where there are cores, fewer wait at each towards the end. */
static size_t portion(const struct remote *r, const struct worker *w, size_t queued, size_t hands)
{
    size_t n = least(room(r, w, !remote_near_full(r)), w->slots);
    if (n == 0 || hands == 0) {
        return 0;
    }
    if (!w->cores) {
        return least(n, (queued + hands - 1) / hands);
    }
    size_t share = share_of(queued, hands), most = 2 * (size_t)w->slots + share / 2;
    return least(least(n, share), most > w->has ? most - w->has : 0);
}

enum fg_status remote_dispatch(struct remote *r, struct fg_err *err)
{
    bool given = true;
    if (r->opts.pinned) {
        return dispatch_pinned(r, err);
    }
    if (remote_too_few(r)) {
        return FG_OK;
    }
    if (remote_full(r)) {
        return give_wanted(r, err);
    }
    if (r->opts.clients_keep && remote_queued(r) > 0) {
        enum fg_status st = dispatch_home(r, err);
        if (st != FG_OK) {
            return st;
        }
    }
    while (given && remote_queued(r) > 0) {
        size_t hands = hands_of(r), queued = remote_queued(r);
        given = false;
        for (uint32_t i = 1; i < r->n_worker; i++) {
            size_t n = portion(r, &r->worker[i], queued, hands);
            if (n > 0 && remote_queued(r) > 0) {
                enum fg_status st = give(r, i, n, &given, err);
                if (st != FG_OK) {
                    return st;
                }
            }
        }
    }
    return FG_OK;
}

/* The tasks of the remote executor: the queue, what becomes of each, and its answer. */
#include <string.h>

#include "kernels/fold.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/net/remote_internal.h"
#include "src/worker/trainer.h"

/* chosen: within it a signal to every rank of a job has reached this one, too */
enum { RIPEN_US = 2000000 };

struct entry *remote_entry(struct remote *r, uint64_t id)
{
    size_t at = fg_sort_find(r->entry, r->n_entry, sizeof *r->entry, id);
    return at < r->n_entry && r->entry[at].state != TASK_RELEASED ? &r->entry[at] : NULL;
}

size_t remote_queued(const struct remote *r)
{
    return r->n_queue - r->head + r->n_again;
}

static size_t most_bytes(const struct remote *r)
{
    return r->opts.max_bytes != 0 ? r->opts.max_bytes : (size_t)1 << 30;
}

bool remote_full(const struct remote *r)
{
    return r->held >= most_bytes(r);
}

bool remote_near_full(const struct remote *r)
{
    return r->held + r->out * r->answer_bytes >= most_bytes(r);
}

size_t remote_weighs(const struct remote *r, const struct entry *e)
{
    return e->codec == FG_MSG_STAYS ? r->opts.params * sizeof(float) : e->encoded.len;
}

/* Its id stays where it was as well: remote_pop() passes over it there. */
enum fg_status remote_hurry(struct remote *r)
{
    const struct entry *e = remote_entry(r, r->wanted);
    if (e == NULL || e->state != TASK_QUEUED) {
        return FG_OK;
    }
    enum fg_status st = FG_GROW(r->again, r->n_again, r->cap_again);
    if (st == FG_OK) {
        r->again[r->n_again++] = r->wanted;
    }
    return st;
}

/* Ids of tasks that were answered or released meanwhile are passed over. */
struct entry *remote_pop(struct remote *r)
{
    while (remote_queued(r) > 0) {
        uint64_t id = r->n_again > 0 ? r->again[--r->n_again] : r->queue[r->head++];
        struct entry *e = remote_entry(r, id);
        if (e != NULL && e->state == TASK_QUEUED) {
            return e;
        }
    }
    r->head = r->n_queue = 0;
    return NULL;
}

void remote_put_down(struct remote *r, const struct entry *e)
{
    if (e->state == TASK_SENT) {
        r->worker[e->worker].has--;
        r->out--;
    }
}

static enum fg_status give_up(struct remote *r, struct entry *e)
{
    remote_put_down(r, e);
    e->state = TASK_LOST;
    e->worker = REMOTE_NOBODY;
    r->stats.tasks_lost++;
    return remote_note(r, FG_LIVE_LOST, e->task.client, e->task.id);
}

enum fg_status remote_requeue(struct remote *r, struct entry *e)
{
    remote_put_down(r, e);
    enum fg_status st = FG_GROW(r->again, r->n_again, r->cap_again);
    if (st == FG_OK) {
        r->again[r->n_again++] = e->task.id;
        e->state = TASK_QUEUED;
        e->worker = REMOTE_NOBODY;
        r->stats.tasks_repeated++;
    }
    return st;
}

enum fg_status remote_repeat(struct remote *r, struct entry *e)
{
    return r->opts.pinned ? give_up(r, e) : remote_requeue(r, e);
}

enum fg_status remote_lose(struct remote *r, struct entry *e)
{
    bool lost = r->opts.ignore_losses && e->task.kind == FG_TASK_TRAIN;
    return lost ? give_up(r, e) : remote_repeat(r, e);
}

static void drop_state(struct entry *e)
{
    fg_free(e->state_frame);
    e->state_frame = NULL;
    e->resume = (struct fg_view){0};
}

enum fg_status remote_failed_once(struct remote *r, struct entry *e, struct fg_view why)
{
    drop_state(e); /* should that have been the reason */
    if (++e->failures < REMOTE_ATTEMPTS) {
        return remote_repeat(r, e);
    }
    remote_put_down(r, e);
    e->state = TASK_FAILED;
    e->why = fg_strndup(why.data != NULL ? (const char *)why.data : "", why.len);
    return e->why != NULL ? remote_note(r, FG_LIVE_LOST, e->task.client, e->task.id) : FG_E_NOMEM;
}

/* Whether a task can go on from there; the bytes of a sound one continue it exactly. */
static bool is_state_of(const struct fg_task *task, struct fg_view bytes, size_t P)
{
    struct fg_train_state s;
    struct fg_err err;
    if (fg_train_state_decode(&s, bytes.data, bytes.len, P, &err) != FG_OK) {
        return false;
    }
    bool fits = s.shard == task->shard && s.number == task->number && s.steps > 0 && s.steps < task->steps &&
                fg_kernel_all_finite(s.params, P) &&
                (s.velocity == NULL || fg_kernel_all_finite(s.velocity, P));
    fg_train_state_fini(&s);
    return fits;
}

/* A STATE: kept until the task is given to another worker and done. Takes the frame if it is kept. */
enum fg_status remote_keep_state(struct remote *r, uint32_t peer, const struct fg_msg *m, uint8_t **frame)
{
    struct entry *e = remote_entry(r, m->u.state.task);
    if (e == NULL || e->state != TASK_SENT || e->worker != peer || r->opts.pinned) {
        r->stats.answers_ignored++;
        return FG_OK;
    }
    if (!is_state_of(&e->task, m->u.state.bytes, r->opts.params)) {
        return remote_offence(r, peer, "a training state that does not fit its task");
    }
    drop_state(e);
    e->resume = m->u.state.bytes;
    e->state_frame = *frame;
    *frame = NULL;
    return FG_OK;
}

/* What is wrong with the form of an answer; NULL: nothing. */
static const char *misshapen(const struct remote *r, const struct entry *e, const struct fg_msg *m)
{
    const struct fg_result *got = &m->u.result.result;
    const struct fg_task *task = &e->task;
    bool stays = r->opts.updates_stay && m->u.result.codec == FG_MSG_STAYS;
    bool delta = m->u.result.params == r->opts.params && (stays || fg_codec_by_id(m->u.result.codec) != NULL);
    if (task->kind == FG_TASK_SCORE) {
        bool fits = m->u.result.params == 0 && m->u.result.delta.len == remote_score_bytes(task);
        return fits ? NULL : "scores of another number of samples";
    }
    if (got->client != task->client || (task->kind == FG_TASK_TRAIN ? !delta : m->u.result.params != 0)) {
        return "an answer of the wrong shape";
    }
    bool whole = got->steps == task->steps, partial = got->steps > 0 && got->steps < task->steps;
    return task->kind != FG_TASK_TRAIN || whole || (partial && r->opts.partial)
               ? NULL
               : "an answer of another number of steps";
}

/* Whether an answer to this task is still wanted. */
static bool is_open(const struct remote *r, const struct entry *e)
{
    return e->state == TASK_SENT || e->state == TASK_QUEUED ||
           (e->state == TASK_LOST && r->opts.late_counts && !r->opts.pinned);
}

/* A RESULT: the first one for a task counts, whoever sends it. Takes the frame if it is kept.
 *
 * One of fewer steps ripens first: should the whole job be stopping, our own signal comes meanwhile and
 * nothing of it is used. Where a trace is played, that is not how it stops, and two seconds are an hour. */
enum fg_status remote_answer(struct remote *r, uint32_t peer, const struct fg_msg *m, uint8_t **frame)
{
    const struct fg_result *got = &m->u.result.result;
    struct entry *e = remote_entry(r, got->id);
    if (e == NULL || !is_open(r, e)) {
        r->stats.answers_ignored++;
        return FG_OK;
    }
    const char *wrong = misshapen(r, e, m);
    if (wrong != NULL) { /* no fault of the task's: it is done elsewhere, however often */
        enum fg_status st = e->state == TASK_SENT && e->worker == peer ? remote_repeat(r, e) : FG_OK;
        return st == FG_OK ? remote_offence(r, peer, wrong) : st;
    }
    bool partial = e->task.kind == FG_TASK_TRAIN && got->steps < e->task.steps;
    bool ripens = partial && r->opts.arrival == NULL;
    r->stats.answers_late += e->state == TASK_LOST;
    r->stats.tasks_partial += partial;
    if (partial) {
        fg_log_write(FG_LOG_INFO, "worker %u hands back %u of %u steps of task %llu", peer, got->steps,
                     e->task.steps, (unsigned long long)got->id);
    }
    remote_put_down(r, e);
    drop_state(e);
    e->state = TASK_DONE;
    e->from = peer;
    r->worker[peer].answers++;
    e->ripe = ripens ? r->opts.now(r->opts.arg) + RIPEN_US : 0;
    e->result = *got;
    e->result.delta = NULL;
    e->codec = m->u.result.codec;
    e->encoded = m->u.result.delta;
    e->result.wire_bytes = remote_weighs(r, e);
    e->largest = e->codec == FG_MSG_STAYS ? remote_largest(m) : m->u.result.largest;
    e->blocks = r->blocks;
    r->blocks = NULL;
    e->unread = r->unread;
    e->frame = *frame;
    *frame = NULL;
    r->held += remote_weighs(r, e);
    fg_respawn_worked(&r->respawn);
    r->ripening += ripens;
    if (e->task.kind == FG_TASK_TRAIN && remote_holds(r, e->task.client, peer) != FG_OK) {
        return FG_E_NOMEM;
    }
    r->answer_bytes = e->task.kind == FG_TASK_TRAIN ? remote_weighs(r, e) : r->answer_bytes;
    return ripens ? FG_OK : remote_note(r, FG_LIVE_RESULT, e->task.client, e->task.id);
}

enum fg_status remote_ripen(struct remote *r)
{
    enum fg_status st = FG_OK;
    fg_time_t now = r->ripening > 0 ? r->opts.now(r->opts.arg) : 0;
    for (size_t i = 0; i < r->n_entry && r->ripening > 0 && st == FG_OK; i++) {
        struct entry *e = &r->entry[i];
        if (e->state == TASK_DONE && e->ripe != 0 && now >= e->ripe) {
            e->ripe = 0;
            r->ripening--;
            st = remote_note(r, FG_LIVE_RESULT, e->task.client, e->task.id);
        }
    }
    return st;
}

enum fg_status remote_enqueue(struct remote *r, const struct fg_task *task)
{
    if (r->head > r->n_queue / 2) {
        r->n_queue -= r->head;
        memmove(r->queue, r->queue + r->head, r->n_queue * sizeof *r->queue);
        r->head = 0;
    }
    enum fg_status st = FG_GROW(r->entry, r->n_entry, r->cap_entry);
    st = st == FG_OK ? FG_GROW(r->queue, r->n_queue, r->cap_queue) : st;
    if (st != FG_OK) {
        return st;
    }
    r->entry[r->n_entry++] =
        (struct entry){.task = *task, .state = remote_is_home(r, task) ? TASK_LOCAL : TASK_QUEUED};
    r->queue[r->n_queue++] = task->id;
    return FG_OK;
}

static void free_opened(struct fg_hold *hold)
{
    struct opened *o = (struct opened *)hold;
    if (o->form.unjudged != NULL) {
        if (!o->wrong) {
            remote_good_result(o->remote, o->from);
        }
        fg_versions_release(&o->remote->versions, o->task.version, &o->remote->vectors);
        o->remote->doubted--;
    }
    fg_free(o->frame);
    fg_free(o->own);
    fg_free(o->blocks);
    fg_free(o);
}

static void close_update(struct entry *e)
{
    if (e->opened != NULL) {
        fg_hold_drop(&e->opened->hold);
        e->opened = NULL;
    }
}

/* The update as it came, if its codec can say what that is without decoding it, or where it stayed; it takes
 * the frame. FG_E_RANGE: it cannot. FG_E_GONE: it is lost. */
static enum fg_status open_update(struct remote *r, struct entry *e, const struct fg_codec *codec)
{
    bool stays = e->codec == FG_MSG_STAYS, can = stays || codec->open != NULL;
    struct opened *o = can ? fg_calloc(1, sizeof *o) : NULL;
    if (o == NULL) {
        return can ? FG_E_NOMEM : FG_E_RANGE;
    }
    enum fg_status st =
        stays ? remote_open_far(r, e, &o->form)
              : codec->open(&r->ws, &o->form, &o->own, r->opts.params, e->encoded.data, e->encoded.len);
    if (st != FG_OK) {
        fg_free(o);
        return st;
    }
    o->hold = (struct fg_hold){.users = 1, .free = free_opened};
    o->frame = e->frame;
    e->frame = NULL;
    if (o->form.kind == FG_FORM_FLOATS) { /* the frame's own, which were looked at as it came */
        o->form.largest = o->blocks = e->blocks;
        e->blocks = NULL;
    }
    if (e->unread.is) {
        o->unjudged =
            (struct fg_unjudged){.scan = e->unread.rest, .checksum = e->unread.checksum, .mend = remote_mend};
        o->form.unjudged = &o->unjudged;
        o->remote = r;
        o->task = e->task;
        o->from = e->from;
        fg_versions_find(&r->versions, e->task.version)->waiting++;
        r->doubted++;
    }
    e->opened = o;
    e->result.delta = o->form.x;
    e->result.form = &o->form;
    e->result.hold = stays ? NULL : &o->hold; /* it is told to add it at once */
    return FG_OK;
}

/* The update as floats; its frame is not needed any more. */
static enum fg_status decode_update(struct remote *r, struct entry *e, const struct fg_codec *codec)
{
    e->delta = fg_vectors_take(&r->vectors);
    if (e->delta == NULL) {
        return FG_E_NOMEM;
    }
    struct unread *u = &e->unread;
    bool right = !u->is || fg_folders_get("auto")->scan_end(&u->rest).hash == u->checksum;
    enum fg_status st =
        !right ? FG_E_CORRUPT
               : codec->decode(&r->ws, e->delta, r->opts.params, e->encoded.data, e->encoded.len);
    if (st == FG_OK) {
        e->result.delta = e->delta;
        r->held += r->opts.params * sizeof *e->delta;
    } else {
        fg_vectors_give(&r->vectors, e->delta);
        e->delta = NULL;
    }
    r->held -= remote_weighs(r, e);
    fg_free(e->frame);
    e->frame = NULL;
    return st;
}

/* Nothing of the answer is kept. */
static void drop_update(struct remote *r, struct entry *e)
{
    r->held -= e->frame != NULL || e->opened != NULL ? remote_weighs(r, e) : 0;
    r->held -= e->delta != NULL ? r->opts.params * sizeof *e->delta : 0;
    fg_free(e->frame);
    e->frame = NULL;
    fg_free(e->blocks);
    e->blocks = NULL;
    close_update(e);
    fg_vectors_give(&r->vectors, e->delta);
    e->delta = NULL;
    e->result.delta = NULL;
    e->result.form = NULL;
    e->result.hold = NULL;
}

void remote_forget(struct remote *r, struct entry *e)
{
    if (e->local_id != 0) {
        r->opts.local->ops->release(r->opts.local, e->local_id);
    }
    r->ripening -= e->state == TASK_DONE && e->ripe != 0;
    drop_update(r, e);
    fg_free(e->state_frame);
    fg_free(e->why);
    *e = (struct entry){.task = e->task, .state = TASK_RELEASED};
}

enum fg_status remote_open(struct remote *r, struct entry *e, bool *ok)
{
    *ok = true;
    if (e->local_id != 0 || e->task.kind != FG_TASK_TRAIN || e->delta != NULL || e->opened != NULL) {
        return FG_OK;
    }
    const struct fg_codec *codec = fg_codec_by_id(e->codec);
    r->ws.opts = r->opts.coding;
    r->ws.shard = e->task.shard;
    r->ws.number = e->task.number;
    enum fg_status st = open_update(r, e, codec);
    st = st == FG_E_RANGE ? decode_update(r, e, codec) : st;
    bool corrupt = st == FG_E_CORRUPT, again = corrupt || st == FG_E_GONE;
    if (st == FG_OK) {
        st = remote_judge(r, e, &again);
    }
    if (!again) {
        return st;
    }
    *ok = false;
    drop_update(r, e);
    st = remote_repeat(r, e);
    return st == FG_OK && corrupt ? remote_offence(r, e->from, "an answer that cannot be decoded") : st;
}

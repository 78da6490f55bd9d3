/* Workers that keep sending what has to be refused: each offence is counted and said, each good result takes
 * one off, and whoever has OFFENCES of them is put aside.
 *
 * An update that is not finite may be the machine's fault or the model's: the task is given out once more.
 * When the second answer is finite, it counts and the first was an offence; when it is not,
 * training diverges.
 *
 * An update may be judged no earlier than when it is added (opts.judge_late). What is found wrong then has
 * counted already: the task is done once more, and what comes is added in its place. */
#include <math.h>
#include <stddef.h>

#include "kernels/fold.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/net/remote_internal.h"

enum { OFFENCES = 5 }; /* chosen */

static enum fg_status put_aside(struct remote *r, uint32_t peer, const char *what)
{
    struct fg_msg stop = {.type = FG_MSG_STOP};
    stop.u.end.reason = FG_STOP_FAILED;
    fg_log_write(FG_LOG_WARN, "worker %u keeps sending what has to be refused, last %s: it is put aside",
                 peer, what);
    fg_free(r->refusal);
    r->refusal = fg_strdup("what it sent had to be refused again and again");
    r->stats.put_aside++;
    enum fg_status st = remote_send(r, peer, &stop);
    st = st == FG_OK ? remote_dismiss(r, peer, "is put aside") : st;
    fg_respawn_aside(&r->respawn, r->opts.now(r->opts.arg));
    return st;
}

enum fg_status remote_offence(struct remote *r, uint32_t peer, const char *what)
{
    struct worker *w = &r->worker[peer];
    r->stats.frames_refused++;
    if (w->state != WORKER_JOINED && w->state != WORKER_WELCOME) {
        return FG_OK;
    }
    fg_log_write(FG_LOG_WARN, "worker %u: refused: %s", peer, what);
    return ++w->offences >= OFFENCES ? put_aside(r, peer, what) : FG_OK;
}

void remote_good_result(struct remote *r, uint32_t peer)
{
    struct worker *w = &r->worker[peer];
    w->offences -= w->offences > 0;
}

/* Floats were looked at when their frame came, or where they stayed; other forms are of finite values. Of
 * those that are judged later their workers said so. */
static bool is_finite(const struct remote *r, const struct entry *e)
{
    if (e->opened == NULL) {
        return fg_kernel_all_finite(e->delta, r->opts.params);
    }
    enum fg_form_kind kind = e->opened->form.kind;
    return e->opened->form.unjudged != NULL || (kind != FG_FORM_FLOATS && kind != FG_FORM_FAR) ||
           isfinite(e->largest);
}

enum fg_status remote_judge(struct remote *r, struct entry *e, bool *ask_again)
{
    bool finite = is_finite(r, e);
    e->result.seen = finite ? FG_SEEN_FINITE : FG_SEEN_NOT_FINITE;
    uint64_t version = e->task.version;
    *ask_again = false;
    if (finite) {
        uint32_t suspect = e->suspect;
        e->suspect = REMOTE_NOBODY;
        r->finite_version = version;
        if (e->opened == NULL || e->opened->form.unjudged == NULL) { /* else when that is known */
            remote_good_result(r, e->from);
        }
        return suspect != REMOTE_NOBODY ? remote_offence(r, suspect, "an update that is not finite") : FG_OK;
    }
    if (r->opts.pinned) {
        /* nobody else has this client's data: it is judged by what the others of its round do */
        return r->finite_version == version ? remote_offence(r, e->from, "an update that is not finite")
                                            : FG_OK;
    }
    if (e->suspect != REMOTE_NOBODY || r->diverged_version == version || e->result.steps < e->task.steps) {
        r->diverged_version = version;
        return FG_OK;
    }
    fg_log_write(FG_LOG_INFO, "worker %u: the update of task %llu is not finite; it is computed once more",
                 e->from, (unsigned long long)e->task.id);
    e->suspect = e->from;
    *ask_again = true;
    return FG_OK;
}

#define MEND_ID ((uint64_t)1 << 63) /* more than any id of the owner's */

/* The update of that task, done once more. Errors: as ops->collect; FG_E_RANGE: it is not finite either. */
static enum fg_status add_again(struct remote *r, const struct fg_task *task, double weight,
                                struct fg_exact *into, struct fg_err *err)
{
    struct fg_result got;
    enum fg_status st = r->base.ops->submit(&r->base, task, 1, err);
    if (st != FG_OK) {
        return st;
    }
    st = remote_collect(r, task->id, &got, err);
    if (st == FG_OK && got.seen == FG_SEEN_NOT_FINITE) {
        st = fg_fail(err, FG_E_RANGE, "an update of client %u is not finite, whoever computes it",
                     task->client);
    }
    if (st == FG_OK) {
        struct fg_exact_term term = fg_exact_floats(weight, got.delta);
        term.form = got.form != NULL ? *got.form : term.form;
        st = fg_exact_add(into, &term, 1);
    }
    r->base.ops->release(&r->base, task->id);
    return st;
}

enum fg_status remote_mend(struct fg_unjudged *u, double weight, struct fg_exact *into)
{
    struct opened *o = (struct opened *)((char *)u - offsetof(struct opened, unjudged));
    struct remote *r = o->remote;
    struct fg_task task = o->task;
    struct fg_err err = {{0}};
    fg_log_write(
        FG_LOG_WARN,
        "worker %u: the update of task %llu is not what its frame said when it is added: it is taken "
        "out again and computed once more",
        o->from, (unsigned long long)task.id);
    task.id = MEND_ID | ++r->mended;
    r->stats.tasks_repeated++;
    r->stats.updates_mended++;
    r->mending = o->wrong = true;
    enum fg_status st = remote_offence(r, o->from, "an update with damaged or infinite values");
    st = st == FG_OK ? add_again(r, &task, weight, into, &err) : st;
    r->mending = false;
    if (st != FG_OK && st != FG_E_INTERRUPTED && err.text[0] != '\0') {
        fg_log_write(FG_LOG_ERROR, "%s", err.text);
    }
    return st;
}

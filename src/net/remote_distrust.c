/* Workers that keep sending what has to be refused: each offence is counted and said, each good result takes
 * one off, and whoever has OFFENCES of them is put aside.
 *
 * An update that is not finite may be the machine's fault or the model's: the task is given out once more.
 * When the second answer is finite, it counts and the first was an offence; when it is not,
 * training diverges. */
#include <math.h>

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

/* Floats were looked at when their frame came, or where they stayed; other forms are of finite values. */
static bool is_finite(const struct remote *r, const struct entry *e)
{
    if (e->opened == NULL) {
        return fg_kernel_all_finite(e->delta, r->opts.params);
    }
    enum fg_form_kind kind = e->opened->form.kind;
    return (kind != FG_FORM_FLOATS && kind != FG_FORM_FAR) || isfinite(e->largest);
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
        remote_good_result(r, e->from);
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

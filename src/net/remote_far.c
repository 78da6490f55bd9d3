/* Updates that stay with the workers that made them: each worker adds up those of its own that count, and
 * its sum comes once a round. What a worker takes with it when it dies is computed once more, here. */
#include <math.h>

#include "src/aggregator/exact.h"
#include "src/base/bytes.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/remote_internal.h"

enum {
    WAIT_US = 250000,  /* chosen: how long a wait goes on before heartbeats are looked at */
    STOP_US = 1000000, /* chosen: how long a sum is waited for once the run is to stop */
    AT_ONCE = 4        /* chosen: terms that are told of together; a worker adds as many at a time */
};

struct term {
    struct fg_task task;
    double weight;
};

/* What one worker adds up. */
struct remote_far {
    struct fg_far base; /* first */
    struct remote *r;
    uint32_t peer;
    uint64_t number;   /* of its sum */
    struct term *term; /* (n) in it; the worker was told of the first `told` */
    size_t n, told, cap;
    fg_time_t asked;
    uint8_t *frame; /* its SUM, which */
    bool answered;  /* has come */
    struct fg_view bytes;
};

static bool is_there(const struct remote_far *f)
{
    return f->r->worker[f->peer].state == WORKER_WELCOME;
}

static enum fg_status tell(struct remote_far *f)
{
    enum fg_status st = FG_OK;
    while (f->told < f->n && is_there(f) && st == FG_OK) {
        struct fg_msg m = {.type = FG_MSG_ADD};
        struct fg_msg_term list[AT_ONCE];
        uint32_t n = 0;
        for (; n < AT_ONCE && f->told < f->n; n++, f->told++) {
            const struct term *t = &f->term[f->told];
            list[n] = (struct fg_msg_term){.id = t->task.id, .weight = t->weight};
        }
        m.u.add.sum = f->number;
        m.u.add.n = n;
        m.u.add.list = list;
        st = remote_send(f->r, f->peer, &m);
    }
    return st;
}

/* Its terms are in a sum here, or nobody's. */
static void close_sum(struct remote_far *f)
{
    for (size_t i = 0; i < f->n; i++) {
        fg_versions_release(&f->r->versions, f->term[i].task.version, &f->r->vectors);
    }
    f->n = f->told = 0;
    fg_free(f->frame);
    f->frame = NULL;
    f->answered = false;
}

static enum fg_status add(struct fg_far *far, uint64_t id, double weight)
{
    struct remote_far *f = (struct remote_far *)far;
    const struct entry *e = remote_entry(f->r, id);
    FG_ASSERT(e != NULL);
    enum fg_status st = FG_GROW(f->term, f->n, f->cap);
    if (st != FG_OK) {
        return st;
    }
    f->number = f->n == 0 ? ++f->r->sums : f->number;
    f->term[f->n++] = (struct term){.task = e->task, .weight = weight};
    fg_versions_find(&f->r->versions, e->task.version)->waiting++;
    return f->n - f->told >= AT_ONCE ? tell(f) : FG_OK;
}

static enum fg_status ask(struct fg_far *far)
{
    struct remote_far *f = (struct remote_far *)far;
    struct fg_msg m = {.type = FG_MSG_SUM_REQ};
    enum fg_status st = tell(f);
    m.u.sum.sum = f->number;
    f->asked = f->r->opts.now(f->r->opts.arg);
    return st == FG_OK && is_there(f) ? remote_send(f->r, f->peer, &m) : st;
}

/* One update again, by the local executor. */
static enum fg_status compute_again(struct remote *r, const struct term *t, struct fg_exact *into,
                                    struct fg_err *err)
{
    struct fg_executor *local = r->opts.local;
    struct fg_result result;
    uint64_t id;
    enum fg_status st = remote_submit_here(r, t->task, &id, err);
    if (st != FG_OK) {
        return st;
    }
    st = local->ops->collect(local, id, &result, err);
    if (st == FG_OK) {
        struct fg_exact_term again = fg_exact_floats(t->weight, result.delta);
        st = fg_exact_add(into, &again, 1);
        r->stats.tasks_repeated++;
    }
    local->ops->release(local, id);
    return st;
}

static enum fg_status compute_all_again(struct remote_far *f, struct fg_exact *into)
{
    struct fg_err err = {{0}};
    enum fg_status st = FG_OK;
    fg_log_write(FG_LOG_WARN, "worker %u %s with the sum of %zu updates: they are computed once more",
                 f->peer, is_there(f) ? "does not come" : "is gone", f->n);
    for (size_t i = 0; i < f->n && st == FG_OK; i++) {
        st = compute_again(f->r, &f->term[i], into, &err);
    }
    if (st != FG_OK && st != FG_E_INTERRUPTED && err.text[0] != '\0') {
        fg_log_write(FG_LOG_ERROR, "%s", err.text);
    }
    return st;
}

/* How long to wait yet for a sum that has been waited for since `begin`. */
static fg_time_t left(const struct remote_far *f, fg_time_t begin)
{
    const struct fg_executor_remote_opts *o = &f->r->opts;
    fg_time_t now = o->now(o->arg), left = WAIT_US;
    if (o->heartbeat_us > 0) { /* else patience is never lost */
        left = o->patience_us - (now - f->asked);
    }
    if (fg_stopped(o->stop) && left > STOP_US - (now - begin)) {
        left = STOP_US - (now - begin);
    }
    return left;
}

/* FG_E_INTERRUPTED: it is not waited for any more, and nothing was added. */
static enum fg_status sum(struct fg_far *far, struct fg_exact *into)
{
    struct remote_far *f = (struct remote_far *)far;
    struct remote *r = f->r;
    struct fg_err err = {{0}};
    enum fg_status st = FG_OK;
    fg_time_t begin = r->opts.now(r->opts.arg), wait = WAIT_US;
    while (st == FG_OK && !f->answered && is_there(f) && wait > 0) {
        st = remote_pump(r, wait < WAIT_US ? wait : WAIT_US, &err);
        wait = left(f, begin);
    }
    if (st == FG_OK && !f->answered && is_there(f) && fg_stopped(r->opts.stop)) {
        st = FG_E_INTERRUPTED;
    }
    if (st != FG_OK) {
        return st;
    }
    st = f->answered ? fg_exact_take(into, f->bytes.data, f->bytes.len) : FG_E_CORRUPT;
    r->stats.updates_stayed += st == FG_OK ? f->n : 0;
    st = st == FG_E_CORRUPT ? compute_all_again(f, into) : st;
    if (st == FG_OK) {
        close_sum(f);
    }
    r->stats.summing_us += r->opts.now(r->opts.arg) - begin;
    return st;
}

static void drop(struct fg_far *far)
{
    close_sum((struct remote_far *)far);
}

void remote_on_sum(struct remote *r, uint32_t peer, const struct fg_msg *m, uint8_t **frame)
{
    struct remote_far *f = peer < r->n_far ? r->far[peer] : NULL;
    if (f == NULL || f->n == 0 || f->answered || f->number != m->u.sum.sum) {
        r->stats.answers_ignored++;
        return;
    }
    f->answered = true;
    f->bytes = m->u.sum.bytes;
    f->frame = *frame;
    *frame = NULL;
}

/* NULL: out of memory. */
static struct remote_far *far_of(struct remote *r, uint32_t peer)
{
    while (r->n_far <= peer) {
        if (r->n_far == r->cap_far && fg_grow(&r->far, &r->cap_far, sizeof(struct remote_far *)) != FG_OK) {
            return NULL;
        }
        r->far[r->n_far++] = NULL;
    }
    if (r->far[peer] == NULL && (r->far[peer] = fg_calloc(1, sizeof **r->far)) != NULL) {
        *r->far[peer] = (struct remote_far){.base = {add, ask, sum, drop}, .r = r, .peer = peer};
    }
    return r->far[peer];
}

enum fg_status remote_open_far(struct remote *r, const struct entry *e, struct fg_form *out)
{
    struct remote_far *f = far_of(r, e->from);
    if (f == NULL) {
        return FG_E_NOMEM;
    }
    *out = (struct fg_form){.kind = FG_FORM_FAR, .far = &f->base, .id = e->task.id};
    return is_there(f) ? FG_OK : FG_E_GONE;
}

float remote_largest(const struct fg_msg *result)
{
    struct fg_reader r = fg_reader_of(result->u.result.delta.data, result->u.result.delta.len);
    float largest = NAN;
    fg_get_f32s(&r, &largest, 1);
    return fg_reader_done(&r) ? largest : NAN;
}

size_t remote_far_waiting(const struct remote *r)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_far; i++) {
        n += r->far[i] != NULL ? r->far[i]->n : 0;
    }
    return n;
}

void remote_far_destroy(struct remote *r)
{
    for (size_t i = 0; i < r->n_far; i++) {
        if (r->far[i] != NULL) {
            close_sum(r->far[i]);
            fg_free(r->far[i]->term);
            fg_free(r->far[i]);
        }
    }
    fg_free(r->far);
}

/* The server's evaluation, shared out: pieces of a list of samples are tasks for the workers, and this
 * process scores pieces that nobody has yet. What comes back is each sample's loss, so that the sum has the
 * one order that it has in one process. */
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/remote_internal.h"
#include "src/worker/trainer.h"

/* LISTS: the global test samples and the clients' own. PIECES for each process, chosen: nobody waits long for
 * the last. FIRST_ID: no run has so many tasks. */
enum { LISTS = 2, PIECES = 8, WAIT_US = 250000 };
#define FIRST_ID ((uint64_t)1 << 63)

/* Samples as workers ask for them: u32 index of each, in pieces by name. */
struct list {
    uint32_t *index; /* (n) */
    size_t n, piece, pieces;
    uint8_t (*name)[FG_SHARD_HASH_BYTES]; /* (pieces) */
};

struct scorer {
    struct fg_trainer base;
    struct remote *r;
    struct fg_trainer *own;
    struct list list[LISTS];
    size_t now, next; /* the list in work, the list to be replaced */
    uint64_t ids;
};

/* One evaluation. */
struct score {
    struct scorer *s;
    const struct list *l;
    const struct fg_dataset *data;
    const float *params; /* (P) */
    uint64_t first;      /* id of the first piece's task */
    double *loss;        /* (n) */
    uint32_t *correct;   /* (n) */
    atomic_int *stop;
};

static size_t length_of(const struct list *l, size_t piece)
{
    size_t left = l->n - piece * l->piece;
    return left < l->piece ? left : l->piece;
}

size_t remote_score_bytes(const struct fg_task *task)
{
    return (sizeof(double) + sizeof(uint32_t)) * (size_t)task->steps;
}

const uint8_t *remote_score_name(const struct remote *r, const struct fg_task *task)
{
    return r->scorer->list[r->scorer->now].name[task->shard];
}

bool remote_score_list(const struct remote *r, const uint8_t hash[32], struct fg_view *out)
{
    for (size_t k = 0; r->scorer != NULL && k < LISTS; k++) {
        const struct list *l = &r->scorer->list[k];
        for (size_t i = 0; i < l->pieces; i++) {
            if (memcmp(l->name[i], hash, FG_SHARD_HASH_BYTES) == 0) {
                *out = (struct fg_view){.data = (const uint8_t *)(l->index + i * l->piece),
                                        .len = length_of(l, i) * sizeof *l->index};
                return true;
            }
        }
    }
    return false;
}

/* ---- lists ---- */

static void list_fini(struct list *l)
{
    fg_free(l->index);
    fg_free(l->name);
    *l = (struct list){0};
}

static enum fg_status list_init(struct list *l, const uint32_t *index, size_t n, size_t piece)
{
    *l = (struct list){.n = n, .piece = piece, .pieces = (n + piece - 1) / piece};
    l->index = fg_calloc(n, sizeof *l->index);
    l->name = fg_calloc(l->pieces, sizeof *l->name);
    enum fg_status st = l->index != NULL && l->name != NULL ? FG_OK : FG_E_NOMEM;
    if (st == FG_OK) {
        memcpy(l->index, index, n * sizeof *index);
    }
    for (size_t i = 0; i < l->pieces && st == FG_OK; i++) {
        st = fg_sha256(l->name[i], l->index + i * piece, length_of(l, i) * sizeof *index);
    }
    if (st != FG_OK) {
        list_fini(l);
    }
    return st;
}

/* The list that these samples are, in pieces of that length: one that is known,
 * or a new one in the place of the older. */
static enum fg_status find_list(struct scorer *s, const uint32_t *index, size_t n, size_t piece)
{
    for (size_t k = 0; k < LISTS; k++) {
        const struct list *l = &s->list[k];
        if (l->n == n && l->piece == piece && memcmp(l->index, index, n * sizeof *index) == 0) {
            s->now = k;
            return FG_OK;
        }
    }
    s->now = s->next;
    s->next = (s->next + 1) % LISTS;
    list_fini(&s->list[s->now]);
    return list_init(&s->list[s->now], index, n, piece);
}

/* ---- pieces ---- */

static enum fg_status submit(struct score *sc, struct fg_err *err)
{
    struct remote *r = sc->s->r;
    struct fg_task *task = fg_calloc(sc->l->pieces, sizeof *task);
    if (task == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory to share out an evaluation");
    }
    sc->first = FIRST_ID + sc->s->ids;
    sc->s->ids += sc->l->pieces;
    for (size_t i = 0; i < sc->l->pieces; i++) {
        task[i] = (struct fg_task){.id = sc->first + i,
                                   .version = r->versions.list[r->versions.n - 1].version,
                                   .kind = FG_TASK_SCORE,
                                   .shard = (uint32_t)i,
                                   .steps = (uint32_t)length_of(sc->l, i)};
    }
    enum fg_status st = r->base.ops->submit(&r->base, task, sc->l->pieces, err);
    fg_free(task);
    return st;
}

/* A piece that nobody does: workers are given the first ones, so the last. NULL: there is none. */
static struct entry *last_free(const struct score *sc)
{
    for (size_t i = sc->l->pieces; i-- > 0;) {
        struct entry *e = remote_entry(sc->s->r, sc->first + i);
        if (e->state == TASK_QUEUED || e->state == TASK_FAILED) {
            return e;
        }
    }
    return NULL;
}

/* A piece that is scored here. */
struct own_piece {
    struct score *sc;
    size_t at, n;
};

static enum fg_status score_piece(void *arg, struct fg_err *err)
{
    const struct own_piece *p = arg;
    struct score *sc = p->sc;
    struct fg_sample_scores each = {.loss = sc->loss + p->at, .correct = sc->correct + p->at};
    struct fg_score ignored;
    struct fg_trainer *own = sc->s->own;
    const struct fg_scoring on = {.data = sc->data, .index = sc->l->index + p->at, .n = p->n, .each = &each};
    return own->ops->evaluate(own, sc->params, &on, &ignored, sc->stop, err);
}

static enum fg_status score_here(struct score *sc, struct entry *e, struct fg_err *err)
{
    uint64_t id = e->task.id;
    struct own_piece piece = {.sc = sc, .at = e->task.shard * sc->l->piece, .n = e->task.steps};
    e->state = TASK_LOCAL; /* not given out meanwhile */
    enum fg_status st = remote_beside(sc->s->r, score_piece, &piece, err);
    if (st == FG_OK) {
        e = remote_entry(sc->s->r, id);
        e->state = TASK_DONE;
        e->from = REMOTE_NOBODY;
    }
    return st;
}

static void take_answer(struct score *sc, const struct entry *e)
{
    size_t at = e->task.shard * sc->l->piece, n = e->task.steps;
    if (e->frame != NULL) {
        sc->s->r->stats.pieces_scored++;
        memcpy(sc->loss + at, e->encoded.data, n * sizeof *sc->loss);
        memcpy(sc->correct + at, e->encoded.data + n * sizeof *sc->loss, n * sizeof *sc->correct);
    }
}

/* All pieces, here and elsewhere. */
static enum fg_status work(struct score *sc, struct fg_err *err)
{
    struct remote *r = sc->s->r;
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < sc->l->pieces && st == FG_OK;) {
        struct entry *e = remote_entry(r, sc->first + i), *mine = last_free(sc);
        if (fg_stopped(sc->stop)) {
            return fg_fail(err, FG_E_INTERRUPTED, "interrupted");
        }
        if (e->state == TASK_DONE) {
            take_answer(sc, e);
            i++;
        } else if (mine != NULL) {
            st = score_here(sc, mine, err);
            st = st == FG_OK ? remote_pump(r, 0, err) : st;
        } else {
            st = remote_pump(r, WAIT_US, err);
        }
    }
    return st;
}

/* ---- evaluation ---- */

static struct fg_score add_up(const struct score *sc)
{
    struct fg_score sum = {.scored = (uint64_t)sc->l->n * sc->data->label_width};
    for (size_t at = 0; at < sc->l->n; at += FG_SCORE_BLOCK) {
        double block = 0.0;
        for (size_t i = at; i < sc->l->n && i < at + FG_SCORE_BLOCK; i++) {
            block += sc->loss[i];
            sum.correct += sc->correct[i];
        }
        sum.loss += block;
    }
    sum.loss /= (double)sum.scored;
    return sum;
}

static enum fg_status share_out(struct scorer *s, const float *params, const struct fg_scoring *on,
                                struct fg_score *out, atomic_int *stop, struct fg_err *err)
{
    const struct fg_sample_scores *each = on->each;
    struct score sc = {
        .s = s, .l = &s->list[s->now], .data = on->data, .params = params, .stop = stop, .first = 0};
    double *loss = each == NULL || each->loss == NULL ? fg_calloc(sc.l->n, sizeof *loss) : NULL;
    uint32_t *correct = each == NULL || each->correct == NULL ? fg_calloc(sc.l->n, sizeof *correct) : NULL;
    sc.loss = loss != NULL || each == NULL ? loss : each->loss;
    sc.correct = correct != NULL || each == NULL ? correct : each->correct;
    enum fg_status st = FG_E_NOMEM;
    if (sc.loss == NULL || sc.correct == NULL) {
        fg_fail(err, st, "out of memory to share out an evaluation");
        goto cleanup;
    }
    st = submit(&sc, err);
    st = st == FG_OK ? work(&sc, err) : st;
    for (size_t i = 0; sc.first != 0 && i < sc.l->pieces; i++) {
        s->r->base.ops->release(&s->r->base, sc.first + i);
    }
    if (st == FG_OK) {
        *out = add_up(&sc);
    }
cleanup:
    fg_free(loss);
    fg_free(correct);
    return st;
}

/* Processes that can take a piece. */
static size_t hands(const struct remote *r)
{
    return 1 + remote_answering(r);
}

static enum fg_status evaluate(struct fg_trainer *base, const float *params, const struct fg_scoring *on,
                               struct fg_score *out, atomic_int *stop, struct fg_err *err)
{
    struct scorer *s = (struct scorer *)base;
    struct remote *r = s->r;
    uint32_t width = remote_local_slots(r);
    size_t n = on->n, least = (size_t)FG_SCORE_BLOCK * width;
    const struct fg_version *v = r->versions.n > 0 ? &r->versions.list[r->versions.n - 1] : NULL;
    if (v == NULL || on->index == NULL || hands(r) == 1 || n <= least || n > UINT32_MAX ||
        memcmp(v->params, params, r->opts.params * sizeof *params) != 0) {
        return s->own->ops->evaluate(s->own, params, on, out, stop, err);
    }
    size_t piece = (n / (PIECES * hands(r)) + least - 1) / least * least;
    enum fg_status st = find_list(s, on->index, n, piece > 0 ? piece : least);
    return st == FG_OK ? share_out(s, params, on, out, stop, err)
                       : fg_fail(err, st, "out of memory to share out an evaluation");
}

/* ---- life ---- */

static const struct fg_trainer_ops scorer_ops = {.evaluate = evaluate};

enum fg_status remote_scorer(struct fg_executor *base, struct fg_trainer *own, struct fg_trainer **out)
{
    struct remote *r = (struct remote *)base;
    bool shares = r->opts.local != NULL && r->opts.shard_of == NULL && !r->opts.pinned;
    struct scorer *s = shares ? fg_calloc(1, sizeof *s) : NULL;
    if (shares && s == NULL) {
        return FG_E_NOMEM;
    }
    if (shares) {
        *s = (struct scorer){.base = {.ops = &scorer_ops}, .r = r, .own = own};
        remote_scorer_destroy(r);
        r->scorer = s;
    }
    *out = shares ? &s->base : own;
    return FG_OK;
}

void remote_scorer_destroy(struct remote *r)
{
    for (size_t k = 0; r->scorer != NULL && k < LISTS; k++) {
        list_fini(&r->scorer->list[k]);
    }
    fg_free(r->scorer);
    r->scorer = NULL;
}

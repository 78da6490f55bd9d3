#include "src/worker/executor_local.h"

#include <stddef.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/worker/through.h"
#include "src/worker/versions.h"

/* chosen: all cores have work for long enough, in memory that is not missed */
enum { HELD = 128 << 20, HELD_MOST = 512 << 20 };
/* chosen: of deltas that are kept beyond their release, so that small ones are added up many at a time */
enum { LENT = 64 << 20 };
enum entry_state { WAITING, DONE, RELEASED };

struct local;

/* A delta that others may keep beyond its release. */
struct lent {
    struct fg_hold hold; /* first */
    struct local *ex;
    float *delta; /* (P) from the pool */
};

struct entry {
    struct fg_task task;
    enum entry_state state;
    struct fg_result result;
    float *delta;         /* (P) from the pool, NULL for evaluation or before it ran */
    struct lent *lent;    /* where others may keep it; NULL: as long as the entry is there */
    struct fg_stay *stay; /* instead, where it stayed */
    float *kept; /* (P) the same, what its client keeps; NULL before it ran, and where nothing is kept */
};

/* What the executor keeps beside a job while it runs. */
struct tail {
    struct local *ex;
    size_t entry;
    uint64_t wire_bytes;
    float *kept; /* (P) or NULL */
    uint32_t reset;
};

struct local {
    struct fg_executor base;
    struct fg_trainer *trainer;
    struct fg_executor_local_opts opts;
    size_t P;
    struct fg_vectors pool; /* of P floats, or what a client keeps if that is more */
    struct fg_versions versions;
    struct entry *entry; /* by growing id */
    size_t n_entry, cap_entry, released, done, lent;
    uint64_t *queue; /* ids in order of submission; before `head` none is waiting */
    size_t head, n_queue, cap_queue;
    struct fg_job *job; /* (cap_job) one cohort, with what belongs to each job */
    struct tail *tail;  /* (cap_job) */
    size_t cap_job;
    struct fg_rounded levels; /* of the codec, where it has them */
    bool stay;                /* updates may stay where they were made */
    bool codes;               /* or come from there as codes */
    struct fg_through through;
};

static void drop_stay(struct entry *e)
{
    if (e->stay != NULL) {
        fg_hold_drop(&e->stay->hold);
        e->stay = NULL;
    }
}

_Static_assert(offsetof(struct lent, hold) == 0, "a hold leads to its delta");

static void take_back(struct fg_hold *hold)
{
    struct lent *l = (struct lent *)(void *)hold;
    fg_vectors_give(&l->ex->pool, l->delta);
    l->ex->lent--;
    fg_free(l);
}

/* Where there is room, and memory for it, its delta may be kept. */
static void lend(struct local *ex, struct entry *e)
{
    bool may = ex->opts.width > 1 && (ex->lent + 1) * ex->P * sizeof *e->delta <= LENT;
    e->lent = may ? fg_calloc(1, sizeof *e->lent) : NULL;
    if (e->lent != NULL) {
        *e->lent = (struct lent){.hold = {.users = 1, .free = take_back}, .ex = ex, .delta = e->delta};
        e->result.hold = &e->lent->hold;
        ex->lent++;
    }
}

static void drop_delta(struct local *ex, struct entry *e)
{
    if (e->lent != NULL) {
        fg_hold_drop(&e->lent->hold);
    } else {
        fg_vectors_give(&ex->pool, e->delta);
    }
    e->lent = NULL;
    e->delta = NULL;
}

/* ---- versions ---- */

static enum fg_status publish(struct fg_executor *base, uint64_t version, const float *params,
                              struct fg_err *err)
{
    struct local *ex = (struct local *)base;
    return fg_versions_publish(&ex->versions, version, params, ex->P, &ex->pool)
               ? FG_OK
               : fg_fail(err, FG_E_NOMEM, "no memory for a version of the parameters");
}

static enum fg_status publish_there(struct fg_executor *base, uint64_t version, struct fg_there there,
                                    struct fg_err *err)
{
    struct local *ex = (struct local *)base;
    struct fg_version *v = fg_versions_last(&ex->versions, version, &ex->pool);
    if (v == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for a version of the parameters");
    }
    v->there = there;
    return FG_OK;
}

/* ---- tasks ---- */

static struct entry *find_entry(struct local *ex, uint64_t id)
{
    size_t at = fg_sort_find(ex->entry, ex->n_entry, sizeof *ex->entry, id);
    return at < ex->n_entry && ex->entry[at].state != RELEASED ? &ex->entry[at] : NULL;
}

/* To the end of the entries, wherever its id belongs. */
static enum fg_status append(struct local *ex, const struct fg_task *task, struct fg_err *err)
{
    struct fg_version *v = fg_versions_find(&ex->versions, task->version);
    if (v == NULL) {
        return fg_fail(err, FG_E_STALE, "task %llu needs version %llu of the parameters, which is not kept",
                       (unsigned long long)task->id, (unsigned long long)task->version);
    }
    if (FG_GROW(ex->entry, ex->n_entry, ex->cap_entry) != FG_OK ||
        FG_GROW(ex->queue, ex->n_queue, ex->cap_queue) != FG_OK) {
        return fg_fail(err, FG_E_NOMEM, "no memory for task %llu", (unsigned long long)task->id);
    }
    v->waiting++;
    ex->entry[ex->n_entry++] = (struct entry){.task = *task, .state = WAITING};
    ex->queue[ex->n_queue++] = task->id;
    return FG_OK;
}

/* The queue without its beginning of tasks that wait no more. */
static void shorten_queue(struct local *ex)
{
    const struct entry *e = NULL;
    while (ex->head < ex->n_queue &&
           ((e = find_entry(ex, ex->queue[ex->head])) == NULL || e->state != WAITING)) {
        ex->head++;
    }
    if (ex->head > ex->n_queue / 2) {
        ex->n_queue -= ex->head;
        memmove(ex->queue, ex->queue + ex->head, ex->n_queue * sizeof *ex->queue);
        ex->head = 0;
    }
}

static enum fg_status submit(struct fg_executor *base, const struct fg_task *tasks, size_t n,
                             struct fg_err *err)
{
    struct local *ex = (struct local *)base;
    size_t before = ex->n_entry;
    enum fg_status st = FG_OK;
    shorten_queue(ex);
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        st = append(ex, &tasks[i], err);
    }
    fg_sort_appended(ex->entry, ex->n_entry, before, sizeof *ex->entry);
    return st;
}

static void release(struct fg_executor *base, uint64_t id)
{
    struct local *ex = (struct local *)base;
    struct entry *e = find_entry(ex, id);
    if (e == NULL) {
        return;
    }
    if (e->state == WAITING) {
        fg_versions_release(&ex->versions, e->task.version, &ex->pool);
    } else {
        ex->done--;
    }
    drop_delta(ex, e);
    fg_vectors_give(&ex->pool, e->kept);
    drop_stay(e);
    e->kept = NULL;
    e->state = RELEASED;
    if (++ex->released > ex->n_entry / 2) {
        size_t kept = 0;
        for (size_t i = 0; i < ex->n_entry; i++) {
            if (ex->entry[i].state != RELEASED) {
                ex->entry[kept++] = ex->entry[i];
            }
        }
        ex->n_entry = kept;
        ex->released = 0;
    }
}

/* Runs on the trainer's threads. */
static enum fg_status through_codec(struct fg_job *job, void *arg)
{
    struct tail *tail = arg;
    return fg_through_codec(&tail->ex->through, job, tail->kept, &tail->wire_bytes);
}

/* ---- cohorts ---- */

/* How many tasks to run now, the one asked for included. */
static size_t room(const struct local *ex)
{
    size_t each = ex->P * sizeof(float), limit = ex->opts.max_bytes / each;
    size_t width = ex->opts.width > 0 ? ex->opts.width : 1;
    if (ex->opts.max_bytes == 0) {
        limit = HELD / each > 4 * width ? HELD / each : 4 * width;
        limit = limit < HELD_MOST / each ? limit : HELD_MOST / each;
    }
    size_t left = limit > ex->done ? limit - ex->done : 0;
    return left > width ? left : width;
}

static enum fg_status reserve_jobs(struct local *ex, size_t n)
{
    if (n <= ex->cap_job) {
        return FG_OK;
    }
    enum fg_status st = fg_realloc(&ex->job, n, sizeof *ex->job);
    if (st == FG_OK) {
        st = fg_realloc(&ex->tail, n, sizeof *ex->tail);
    }
    ex->cap_job = st == FG_OK ? n : ex->cap_job;
    return st;
}

static enum fg_status make_job(struct local *ex, struct entry *e, size_t i, struct fg_err *err)
{
    struct fg_shard shard = {0};
    enum fg_status st = ex->opts.shard_of(ex->opts.arg, &e->task, &shard, err);
    if (st != FG_OK) {
        return st;
    }
    bool train = e->task.kind != FG_TASK_EVALUATE;
    if (train && e->delta == NULL && (e->delta = fg_vectors_take(&ex->pool)) == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for an update");
    }
    ex->tail[i] = (struct tail){.ex = ex, .entry = (size_t)(e - ex->entry)};
    if (train && ex->opts.kept != NULL) {
        e->kept = e->kept != NULL ? e->kept : fg_vectors_take(&ex->pool);
        st = e->kept == NULL
                 ? FG_E_NOMEM
                 : fg_kept_begin(ex->opts.kept, e->task.client, e->task.kept, e->kept, &ex->tail[i].reset);
        if (st != FG_OK) {
            return fg_fail(err, st, "no memory for what client %u keeps", e->task.client);
        }
        ex->tail[i].kept = e->kept;
    }
    const struct fg_version *v = fg_versions_find(&ex->versions, e->task.version);
    ex->job[i] = (struct fg_job){
        .data = shard.data,
        .index = shard.index,
        .n = shard.n,
        .task = e->task,
        .params = v->params,
        .there = v->there,
        .delta = e->delta,
        .may_stay = ex->stay && train && e->kept == NULL,
        .levels = fg_coder_rounds(&ex->levels.rule) ? &ex->levels : NULL,
        .codes = ex->codes && train ? (uint8_t *)e->delta : NULL,
        .finish = train && ex->opts.codec != NULL ? through_codec : NULL,
        .finish_arg = &ex->tail[i],
        .status = FG_E_INTERRUPTED,
    };
    return FG_OK;
}

/* What its client keeps is the executor's to hold again. */
static enum fg_status keep_kept(struct local *ex, struct entry *e)
{
    enum fg_status st = FG_OK;
    if (e->kept != NULL) {
        st = fg_kept_end(ex->opts.kept, e->task.client, e->kept, &e->result.kept);
        fg_vectors_give(&ex->pool, e->kept);
        e->kept = NULL;
    }
    return st;
}

/* Of an update that stays, through the codec. */
static size_t bytes_of(const struct local *ex, const struct fg_stay *stay)
{
    const struct fg_codec *codec = ex->opts.codec;
    return stay->gaps != NULL ? codec->sized(&ex->opts.coding, stay->gaps)
                              : codec->expected(&ex->opts.coding, ex->P);
}

static enum fg_status keep_result(struct local *ex, const struct fg_job *job, const struct tail *tail)
{
    struct entry *e = &ex->entry[tail->entry];
    bool train = e->task.kind != FG_TASK_EVALUATE;
    if (job->status != FG_OK) {
        return FG_OK; /* it waits on */
    }
    e->state = DONE;
    e->result = (struct fg_result){
        .id = e->task.id,
        .client = e->task.client,
        .steps = job->steps,
        .samples = job->samples,
        .correct = job->correct,
        .scored = job->scored,
        .loss = job->loss,
        .delta = e->delta,
        .wire_bytes = !train                ? 0
                      : job->finish == NULL ? ex->P * sizeof(float)
                      : job->stay != NULL   ? bytes_of(ex, job->stay)
                                            : tail->wire_bytes,
        .reset = tail->reset,
    };
    if (job->stay != NULL) {
        e->stay = job->stay;
        e->result.delta = NULL;
        e->result.form = &job->stay->form;
        e->result.hold = &job->stay->hold;
        e->result.seen = job->stay->finite ? FG_SEEN_FINITE : FG_SEEN_NOT_FINITE;
        fg_vectors_give(&ex->pool, e->delta);
        e->delta = NULL;
    } else if (train) {
        lend(ex, e);
    }
    ex->done++;
    fg_versions_find(&ex->versions, e->task.version)->waiting--;
    return keep_kept(ex, e);
}

/* Run the entry, and waiting ones in their order as far as there is room. */
static enum fg_status run_cohort(struct local *ex, struct entry *asked, struct fg_err *err)
{
    shorten_queue(ex);
    size_t most = room(ex);
    most = most < ex->n_entry ? most : ex->n_entry;
    if (reserve_jobs(ex, most) != FG_OK) {
        return fg_fail(err, FG_E_NOMEM, "no memory for a cohort of %zu", most);
    }
    enum fg_status st = make_job(ex, asked, 0, err);
    size_t n = st == FG_OK;
    for (size_t i = ex->head; st == FG_OK && i < ex->n_queue && n < most; i++) {
        struct entry *e = find_entry(ex, ex->queue[i]);
        if (e != NULL && e != asked && e->state == WAITING) {
            st = make_job(ex, e, n, err);
            n += st == FG_OK;
        }
    }
    if (st == FG_OK) {
        st = fg_trainer_run(ex->trainer, ex->job, n, ex->opts.stop, err);
    }
    for (size_t i = 0; i < n; i++) {
        enum fg_status kept = keep_result(ex, &ex->job[i], &ex->tail[i]);
        st = st == FG_OK && kept != FG_OK ? fg_fail(err, kept, "no memory for what clients keep") : st;
    }
    fg_versions_drop(&ex->versions, &ex->pool);
    return st;
}

static enum fg_status collect(struct fg_executor *base, uint64_t id, struct fg_result *out,
                              struct fg_err *err)
{
    struct local *ex = (struct local *)base;
    struct entry *e = find_entry(ex, id);
    FG_ASSERT(e != NULL);
    if (e->state == WAITING) {
        enum fg_status st = run_cohort(ex, e, err);
        if (e->state == WAITING) {
            return st;
        }
    }
    *out = e->result;
    return FG_OK;
}

/* ---- life ---- */

static void destroy(struct fg_executor *base)
{
    struct local *ex = (struct local *)base;
    for (size_t i = 0; i < ex->n_entry; i++) {
        drop_delta(ex, &ex->entry[i]);
        fg_free(ex->entry[i].kept);
        drop_stay(&ex->entry[i]);
    }
    fg_through_fini(&ex->through);
    fg_versions_fini(&ex->versions);
    fg_vectors_fini(&ex->pool);
    fg_free(ex->entry);
    fg_free(ex->queue);
    fg_free(ex->job);
    fg_free(ex->tail);
    fg_free(ex);
}

static const struct fg_executor_ops local_ops = {
    .publish = publish,
    .publish_there = publish_there,
    .submit = submit,
    .collect = collect,
    .release = release,
    .destroy = destroy,
};

enum fg_status fg_executor_local_create(struct fg_executor **out, struct fg_trainer *trainer, size_t P,
                                        const struct fg_executor_local_opts *opts, struct fg_err *err)
{
    FG_ASSERT(opts->shard_of != NULL && P > 0);
    struct local *ex = fg_calloc(1, sizeof *ex);
    if (ex == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for an executor");
    }
    ex->base.ops = &local_ops;
    ex->trainer = trainer;
    ex->opts = *opts;
    ex->opts.codec = opts->codec != &fg_codec_none ? opts->codec : NULL; /* which changes nothing */
    ex->stay = opts->may_stay;
    if (ex->opts.codec != NULL) {
        ex->stay = fg_codec_rounded(&ex->levels, opts->codec, &opts->coding) && opts->may_stay;
        ex->codes = !ex->stay && fg_codec_coded(&ex->levels, opts->codec, &opts->coding, P);
    }
    ex->P = P;
    size_t state =
        opts->codec != NULL && opts->kept != NULL ? fg_codec_state(opts->codec, &opts->coding, P) : 0;
    ex->pool.width = state > P ? state : P;
    fg_through_init(&ex->through, ex->opts.codec, &opts->coding, P);
    *out = &ex->base;
    return FG_OK;
}

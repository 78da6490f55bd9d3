#include "src/worker/trainer_device_internal.h"

#include <string.h>

#include "src/base/mem.h"
#include "src/model/net.h"

/* The data sets of one run: those that are kept, and the others. */
struct brought {
    struct fg_resident *r; /* (n) */
    size_t n, cap;
};

static enum fg_status bring(const struct fg_device_data **out, struct fg_device_trainer *t, struct brought *b,
                            const struct fg_dataset *data, struct fg_err *err)
{
    for (size_t i = 0; i < t->n_kept; i++) {
        if (t->kept[i].of == data) {
            *out = t->kept[i].view;
            return FG_OK;
        }
    }
    for (size_t i = 0; i < b->n; i++) {
        if (b->r[i].of == data) {
            *out = b->r[i].view;
            return FG_OK;
        }
    }
    enum fg_status st = FG_GROW(b->r, b->n, b->cap);
    if (st == FG_OK) {
        st = fg_resident_put(&b->r[b->n], t->d, data, err);
    }
    if (st == FG_OK) {
        *out = b->r[b->n++].view;
    }
    return st;
}

static void drop(struct brought *b, struct fg_device *d)
{
    for (size_t i = 0; i < b->n; i++) {
        fg_resident_drop(&b->r[i], d);
    }
    fg_free(b->r);
}

/* A job whose data do not fit fails for itself; the others are to be run. */
static void check_jobs(const struct fg_device_trainer *t, struct fg_job *jobs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct fg_job *j = &jobs[i];
        FG_ASSERT(j->task.kind == FG_TASK_EVALUATE || j->delta != NULL);
        enum fg_status st = j->n > 0 ? fg_trainer_check_data(t->m, j->data, NULL) : FG_OK;
        j->status = st == FG_OK ? FG_E_INTERRUPTED : st;
        j->stay = NULL;
        j->coded = false;
    }
}

/* Jobs of one kind in one run. Waves reorder lanes: a lane's mark says whose it is. */
struct cohort {
    struct fg_job_lane *job;   /* (n) */
    struct fg_wave_lane *lane; /* (busy) lanes with steps to do, */
    struct fg_wave_lane *idle; /* (n - busy) and without */
    size_t n, busy, resting;
    struct fg_shared *shared; /* (n_shared) */
    size_t n_shared, cap_shared;
};

/* The parameters of a job; NULL: out of memory. */
static struct fg_shared *shared_of(struct cohort *c, const struct fg_device_trainer *t,
                                   const struct fg_job *job)
{
    for (size_t i = c->n_shared; i-- > 0;) {
        struct fg_shared *s = &c->shared[i];
        if (s->of == job->params && s->at.away == job->there.away && s->at.number == job->there.number) {
            return s;
        }
    }
    if (FG_GROW(c->shared, c->n_shared, c->cap_shared) != FG_OK) {
        return NULL;
    }
    c->shared[c->n_shared] = (struct fg_shared){
        .of = job->params, .at = job->there, .there = fg_stays_at(t->stays, job->params, job->there)};
    return &c->shared[c->n_shared++];
}

/* Their floats, fetched for all jobs where they are only there. Errors: FG_E_NOMEM, FG_E_STALE, FG_E_IO. */
static enum fg_status floats_of(const float **out, const struct fg_device_trainer *t, struct fg_shared *s,
                                struct fg_err *err)
{
    enum fg_status st = FG_OK;
    if (s->of == NULL && s->fetched == NULL) {
        s->fetched = fg_calloc_aligned(fg_model_params(t->m), sizeof *s->fetched);
        st = s->fetched != NULL ? fg_stays_fetch(t->stays, s->at, s->fetched, err) : FG_E_NOMEM;
    }
    *out = s->of != NULL ? s->of : s->fetched;
    return st;
}

/* Make the lane of a job, where its parameters are. Errors: as fg_job_lane_init() and floats_of(). */
static enum fg_status make_lane(struct fg_device_trainer *t, struct cohort *c, struct fg_job *job,
                                struct fg_wave_lane *w, struct fg_err *err)
{
    struct fg_shared *s = shared_of(c, t, job);
    if (s == NULL) {
        return FG_E_NOMEM;
    }
    const float *there = fg_job_takes_there(job) ? s->there : NULL, *floats;
    if (there == NULL && s->packed == NULL) {
        enum fg_status st = floats_of(&floats, t, s, err);
        s->packed = st == FG_OK ? fg_calloc_aligned(fg_model_packed(t->m), sizeof *s->packed) : NULL;
        if (s->packed == NULL) {
            return st != FG_OK ? st : FG_E_NOMEM;
        }
        fg_model_pack(t->m, s->packed, floats);
    }
    return fg_job_lane_init(&c->job[c->n], w, t, job, there, there == NULL ? s->packed : NULL);
}

/* Jobs (n) are done, with what they begin with for those whose updates did not stay. */
static enum fg_status jobs_done(struct fg_device_trainer *t, struct cohort *c, struct fg_wave_lane *lane,
                                size_t n, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < n && st == FG_OK; i++) {
        struct fg_job_lane *j = &c->job[lane[i].mark];
        struct fg_shared *s = shared_of(c, t, j->job);
        bool back = j->job->task.kind != FG_TASK_EVALUATE && lane[i].stay == NULL && !lane[i].coded;
        st = s == NULL ? FG_E_NOMEM : back ? floats_of(&j->begin, t, s, err) : FG_OK;
        if (st == FG_OK) {
            fg_job_lane_done(j, &lane[i], t);
        }
    }
    return st;
}

static enum fg_status make_lanes(struct fg_device_trainer *t, struct cohort *c, struct brought *b,
                                 struct fg_job *jobs, size_t n, bool train, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        if ((jobs[i].task.kind != FG_TASK_EVALUATE) != train || jobs[i].status != FG_E_INTERRUPTED) {
            continue;
        }
        struct fg_wave_lane w = {.params = NULL};
        st = make_lane(t, c, &jobs[i], &w, err);
        w.mark = c->n++;
        if (st != FG_OK) {
            jobs[i].status = st;
            return fg_fail(err, st, "task %llu of client %u: %s", (unsigned long long)jobs[i].task.id,
                           jobs[i].task.client, fg_status_text(st));
        }
        if (w.lane.end > w.lane.start) {
            st = bring(&w.data, t, b, jobs[i].data, err);
            c->lane[c->busy++] = w;
        } else {
            c->idle[c->resting++] = w;
        }
    }
    return st;
}

/* If updates may be made on the device, bring their samples and what the first of them begins with;
 * without room for that they come back. */
static enum fg_status prepare_stays(struct fg_device_trainer *t, struct brought *b, const struct fg_job *jobs,
                                    size_t n, struct fg_err *err)
{
    const struct fg_device_data *data;
    const struct fg_job *first = NULL;
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < n && st == FG_OK; i++) {
        if (fg_job_made_there(&jobs[i]) && jobs[i].status == FG_E_INTERRUPTED) {
            st = bring(&data, t, b, jobs[i].data, err);
            first = first == NULL ? &jobs[i] : first;
        }
    }
    if (st != FG_OK || first == NULL) {
        return st;
    }
    st = t->stays == NULL ? fg_stays_create(&t->stays, t->m, t->d, err) : FG_OK;
    st = st == FG_OK ? fg_stays_round(t->stays, first->levels, err) : st;
    if (st == FG_OK) {
        st = fg_stays_bring(t->stays, first->params, first->there, err);
    }
    return st == FG_E_NOMEM ? FG_OK : st;
}

static enum fg_status run_kind(struct fg_device_trainer *t, struct brought *b, struct fg_job *jobs, size_t n,
                               bool train, atomic_int *stop, struct fg_err *err)
{
    struct cohort c = {.job = fg_calloc(n, sizeof *c.job),
                       .lane = fg_calloc(n, sizeof *c.lane),
                       .idle = fg_calloc(n, sizeof *c.idle)};
    enum fg_status st = FG_E_NOMEM;
    if (c.job == NULL || c.lane == NULL || c.idle == NULL) {
        fg_fail(err, st, "no memory for a cohort of %zu", n);
        goto cleanup;
    }
    FG_TRY(train ? prepare_stays(t, b, jobs, n, err) : FG_OK);
    FG_TRY(make_lanes(t, &c, b, jobs, n, train, err));
    if (c.busy > 0) {
        st = fg_waves_run(t->d, train ? &t->train : &t->score, train ? t->train_op : t->score_op, c.lane,
                          c.busy, t->stays, stop, err);
    }
    if (st != FG_OK && st != FG_E_INTERRUPTED) {
        goto cleanup;
    }
    enum fg_status ran = st;
    FG_TRY(jobs_done(t, &c, c.lane, c.busy, err));
    FG_TRY(jobs_done(t, &c, c.idle, c.resting, err));
    st = ran;
cleanup:
    for (size_t i = 0; i < c.busy; i++) { /* what stayed, or came back, of jobs that failed all the same */
        fg_hold_drop(c.lane[i].stay != NULL ? &c.lane[i].stay->hold : NULL);
        c.job[c.lane[i].mark].params = c.lane[i].out_params;
    }
    for (size_t i = 0; i < c.n; i++) {
        fg_job_lane_fini(&c.job[i]);
    }
    for (size_t i = 0; i < c.n_shared; i++) {
        fg_free(c.shared[i].packed);
        fg_free(c.shared[i].fetched);
    }
    fg_free(c.shared);
    fg_free(c.job);
    fg_free(c.lane);
    fg_free(c.idle);
    return st == FG_E_INTERRUPTED ? FG_OK : st; /* each job says so itself */
}

static enum fg_status run(struct fg_trainer *base, struct fg_job *jobs, size_t n, atomic_int *stop,
                          struct fg_err *err)
{
    struct fg_device_trainer *t = (struct fg_device_trainer *)base;
    struct brought b = {0};
    enum fg_status st;
    check_jobs(t, jobs, n);
    FG_TRY(run_kind(t, &b, jobs, n, true, stop, err));
    FG_TRY(run_kind(t, &b, jobs, n, false, stop, err));
cleanup:
    for (size_t i = 0; st != FG_OK && i < n; i++) {
        jobs[i].status = jobs[i].status == FG_E_INTERRUPTED ? st : jobs[i].status;
    }
    drop(&b, t->d);
    return st == FG_OK ? fg_trainer_first_failed(t->m, jobs, n, err) : st;
}

/* ---- evaluation ---- */

struct blocks {
    struct fg_wave_lane *lane; /* (blocks) */
    uint32_t *order;           /* (n) */
    double *loss;              /* (n) */
    uint32_t *right;           /* (n) */
    const float *params;       /* packed, on the device */
};

static void make_blocks(struct blocks *s, const struct fg_device_trainer *t,
                        const struct fg_device_data *data, const struct fg_scoring *on)
{
    for (size_t i = 0; i < on->n; i++) {
        s->order[i] = on->index != NULL ? on->index[i] : (uint32_t)i;
    }
    for (size_t first = 0; first < on->n; first += FG_DEVICE_BLOCK) {
        uint32_t now = (uint32_t)(on->n - first < FG_DEVICE_BLOCK ? on->n - first : FG_DEVICE_BLOCK);
        s->lane[first / FG_DEVICE_BLOCK] =
            (struct fg_wave_lane){.data = data,
                                  .lane = {.params = s->params,
                                           .n = now,
                                           .batch = FG_DEVICE_PART,
                                           .end = (now - 1) / FG_DEVICE_PART + 1,
                                           .positions = t->positions},
                                  .order = s->order + first,
                                  .n_order = now,
                                  .score_loss = s->loss + first,
                                  .score_right = s->right + first};
    }
}

static struct fg_score add_up(const struct blocks *s, const struct fg_scoring *on, uint32_t positions)
{
    const struct fg_sample_scores *each = on->each;
    const size_t n = on->n;
    struct fg_score sum = {0, 0, (uint64_t)n * positions};
    for (size_t first = 0; first < on->n; first += FG_DEVICE_BLOCK) {
        double block = 0;
        for (size_t i = first; i < n && i < first + FG_DEVICE_BLOCK; i++) {
            block += s->loss[i];
            sum.correct += s->right[i];
        }
        sum.loss += block;
    }
    sum.loss = sum.scored > 0 ? sum.loss / (double)sum.scored : 0;
    if (each != NULL && each->loss != NULL) {
        memcpy(each->loss, s->loss, n * sizeof *each->loss);
    }
    if (each != NULL && each->correct != NULL) {
        memcpy(each->correct, s->right, n * sizeof *each->correct);
    }
    return sum;
}

static enum fg_status put_packed(void **out, const struct fg_device_trainer *t, const float *params,
                                 struct fg_err *err)
{
    const size_t n = fg_model_packed(t->m);
    float *packed = fg_calloc_aligned(n, sizeof *packed);
    if (packed == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for packed parameters");
    }
    fg_model_pack(t->m, packed, params);
    enum fg_status st = fg_device_copy(out, t->d, packed, n * sizeof *packed, err);
    fg_free(packed);
    return st;
}

static enum fg_status evaluate(struct fg_trainer *base, const float *params, const struct fg_scoring *on,
                               struct fg_score *out, atomic_int *stop, struct fg_err *err)
{
    struct fg_device_trainer *t = (struct fg_device_trainer *)base;
    size_t n = on->n, blocks = (n + FG_DEVICE_BLOCK - 1) / FG_DEVICE_BLOCK;
    const struct fg_device_data *view = NULL;
    struct brought b = {0};
    void *put = NULL;
    enum fg_status st = fg_trainer_check_data(t->m, on->data, err);
    if (st != FG_OK) {
        return st;
    }
    struct blocks s = {.lane = fg_calloc(blocks, sizeof *s.lane),
                       .order = fg_calloc(n, sizeof *s.order),
                       .loss = fg_calloc(n, sizeof *s.loss),
                       .right = fg_calloc(n, sizeof *s.right)};
    if (s.lane == NULL || s.order == NULL || s.loss == NULL || s.right == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "no memory to evaluate %zu samples", n);
        goto cleanup;
    }
    s.params =
        params == NULL ? fg_stays_model(t->stays) : fg_stays_at(t->stays, params, (struct fg_there){0});
    if (s.params == NULL && params == NULL) {
        st = fg_fail(err, FG_E_STALE, "there is no model on the device to evaluate");
        goto cleanup;
    }
    if (s.params == NULL) {
        FG_TRY(put_packed(&put, t, params, err));
        s.params = put;
    }
    FG_TRY(bring(&view, t, &b, on->data, err));
    make_blocks(&s, t, view, on);
    if (blocks > 0) {
        st = fg_waves_run(t->d, &t->score, t->score_op, s.lane, blocks, NULL, stop, err);
    }
    if (st == FG_OK) {
        *out = add_up(&s, on, t->positions);
    } else if (st == FG_E_INTERRUPTED) {
        fg_fail(err, st, "evaluation: %s", fg_status_text(st));
    }
cleanup:
    t->d->ops->free(t->d, put);
    drop(&b, t->d);
    fg_free(s.lane);
    fg_free(s.order);
    fg_free(s.loss);
    fg_free(s.right);
    return st;
}

/* ---- life ---- */

static void destroy(struct fg_trainer *base)
{
    struct fg_device_trainer *t = (struct fg_device_trainer *)base;
    for (size_t i = 0; i < t->n_kept; i++) {
        fg_resident_drop(&t->kept[i], t->d);
    }
    fg_stays_destroy(t->stays);
    t->d->ops->free(t->d, t->train_op);
    t->d->ops->free(t->d, t->score_op);
    t->d->ops->destroy(t->d);
    fg_program_fini(&t->train);
    fg_program_fini(&t->score);
    fg_free(t->kept);
    fg_free(t);
}

static const struct fg_trainer_ops device_ops = {run, evaluate, destroy};

enum fg_status fg_trainer_create_device(struct fg_trainer **out, const struct fg_model *model,
                                        const struct fg_local_opts *opts, uint64_t seed,
                                        enum fg_arithmetic arithmetic, struct fg_device *device,
                                        struct fg_err *err)
{
    struct fg_program_opts train = fg_device_program_opts(opts),
                           score = {.evaluate = true, .arithmetic = arithmetic};
    struct fg_device_trainer *t = fg_calloc(1, sizeof *t);
    enum fg_status st = FG_E_NOMEM;
    if (t == NULL) {
        device->ops->destroy(device);
        return fg_fail(err, st, "no memory for a trainer");
    }
    t->base.ops = &device_ops;
    train.arithmetic = arithmetic;
    t->m = model;
    t->opts = *opts;
    t->seed = seed;
    t->d = device;
    t->positions = fg_model_input(model)->kind == FG_INPUT_TOKENS ? fg_model_input(model)->shape[0] : 1;
    FG_TRY(fg_local_opts_check(opts, err));
    FG_TRY(fg_model_program(&t->train, model, &train, err));
    FG_TRY(fg_model_program(&t->score, model, &score, err));
    FG_TRY(fg_device_copy(&t->train_op, device, t->train.op, t->train.n * sizeof *t->train.op, err));
    FG_TRY(fg_device_copy(&t->score_op, device, t->score.op, t->score.n * sizeof *t->score.op, err));
    *out = &t->base;
    return FG_OK;
cleanup:
    destroy(&t->base);
    return st;
}

enum fg_status fg_trainer_device_keep(struct fg_trainer *base, const struct fg_dataset *data,
                                      struct fg_err *err)
{
    struct fg_device_trainer *t = (struct fg_device_trainer *)base;
    FG_ASSERT(base->ops == &device_ops);
    enum fg_status st = FG_GROW(t->kept, t->n_kept, t->cap_kept);
    if (st == FG_OK) {
        st = fg_resident_put(&t->kept[t->n_kept], t->d, data, err);
    }
    t->n_kept += st == FG_OK;
    return st;
}

/* Jobs as lanes: what goes in and what comes out is what trainer_local.c does with them. */
#include <string.h>

#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/model/net.h"
#include "src/worker/trainer_device_internal.h"

static void *vector(enum fg_status *st, size_t n, size_t size)
{
    void *p = fg_calloc_aligned(n > 0 ? n : 1, size);
    *st = p == NULL ? FG_E_NOMEM : *st;
    return p;
}

static bool is_train(const struct fg_job *job)
{
    return job->task.kind != FG_TASK_EVALUATE;
}

/* The order of samples of the epochs from that of step `start` to that of the last one. */
static enum fg_status draw_orders(struct fg_job_lane *j, struct fg_wave_lane *w,
                                  const struct fg_device_trainer *t)
{
    const struct fg_lane *l = &w->lane;
    struct fg_rng rng;
    uint32_t per_epoch = (l->n - 1) / l->batch + 1;
    uint32_t from = l->start / per_epoch, to = l->end > l->start ? (l->end - 1) / per_epoch + 1 : from;
    enum fg_status st = FG_OK;
    uint32_t *now = vector(&st, l->n, sizeof *now);
    w->n_order = (size_t)(to - from) * l->n;
    w->order = j->order = vector(&st, w->n_order, sizeof *j->order);
    if (st == FG_OK) {
        fg_rng_init(&rng, t->seed, FG_RNG_SHUFFLE, l->shard, l->number);
        memcpy(now, j->job->index, l->n * sizeof *now);
        for (uint32_t e = 0; e < to; e++) {
            fg_rng_shuffle(&rng, now, l->n);
            if (e >= from) {
                memcpy(j->order + (size_t)(e - from) * l->n, now, l->n * sizeof *now);
            }
        }
    }
    fg_free(now);
    return st;
}

bool fg_job_may_stay(const struct fg_job *job)
{
    return job->may_stay && is_train(job) && job->n > 0 && job->task.steps > 0 && job->resume == NULL &&
           job->state == NULL && (job->finish == NULL || job->levels != NULL);
}

/* Whether its codes may take the place of its update. */
static bool may_code(const struct fg_job *job)
{
    return job->codes != NULL && is_train(job) && job->n > 0 && job->task.steps > 0 && job->resume == NULL &&
           job->stop_after == 0;
}

bool fg_job_made_there(const struct fg_job *job)
{
    return fg_job_may_stay(job) || may_code(job);
}

bool fg_job_takes_there(const struct fg_job *job)
{
    return fg_job_made_there(job) || !is_train(job);
}

static enum fg_status init_train(struct fg_job_lane *j, struct fg_wave_lane *w,
                                 const struct fg_device_trainer *t, const float *there, const float *packed)
{
    struct fg_job *job = j->job;
    const struct fg_train_state *r = job->resume;
    struct fg_lane *l = &w->lane;
    enum fg_status st = FG_OK;
    bool momentum = t->opts.momentum != 0.0f;
    if (r != NULL && (r->n != fg_model_params(t->m) || r->shard != job->task.shard ||
                      r->number != job->task.number || (r->velocity == NULL) != !momentum)) {
        return FG_E_SHAPE;
    }
    l->batch = t->opts.batch == 0 ? job->n : t->opts.batch;
    l->end = job->n == 0 ? 0 : job->task.steps;
    l->end = job->stop_after > 0 && job->stop_after < l->end ? job->stop_after : l->end;
    l->start = r != NULL ? r->steps : 0;
    l->loss = r != NULL ? r->loss : 0;
    j->seen = r != NULL ? r->seen : 0;
    w->step_us = job->step_us;
    w->steps = l->start;
    bool works = l->end > l->start;
    w->may_stay = there != NULL && fg_job_may_stay(job);
    w->codes = there != NULL && may_code(job) ? job->codes : NULL;
    if (!w->may_stay && w->codes == NULL) {
        j->params = vector(&st, fg_model_packed(t->m), sizeof(float));
    }
    if (momentum) {
        j->velocity = vector(&st, fg_model_packed(t->m), sizeof(float));
    }
    if (r != NULL && t->opts.prox_mu != 0.0f) {
        j->first = vector(&st, fg_model_packed(t->m), sizeof(float));
    }
    if (st != FG_OK) {
        return st;
    }
    if (r != NULL) {
        fg_model_pack(t->m, j->params, r->params);
    } else if (!works) {
        memcpy(j->params, packed, fg_model_packed(t->m) * sizeof *packed);
    }
    if (j->velocity != NULL && r != NULL) {
        fg_model_pack(t->m, j->velocity, r->velocity);
    }
    if (j->first != NULL) {
        memcpy(j->first, packed, fg_model_packed(t->m) * sizeof *packed);
    }
    w->there = there;
    w->params = r != NULL ? j->params : packed;
    w->out_params = j->params;
    w->velocity = r != NULL ? j->velocity : NULL;
    w->out_velocity = j->velocity;
    w->first = j->first;
    return job->n > 0 ? draw_orders(j, w, t) : FG_OK;
}

static enum fg_status init_score(struct fg_job_lane *j, struct fg_wave_lane *w,
                                 const struct fg_device_trainer *t, const float *there, const float *packed)
{
    struct fg_job *job = j->job;
    struct fg_lane *l = &w->lane;
    enum fg_status st = FG_OK;
    l->n = fg_evaluated(&job->task, job->n);
    l->batch = FG_DEVICE_PART;
    l->end = l->n == 0 ? 0 : (l->n - 1) / l->batch + 1;
    w->order = j->order = vector(&st, job->n, sizeof *j->order);
    w->score_loss = j->score_loss = vector(&st, l->n, sizeof *j->score_loss);
    w->score_right = j->score_right = vector(&st, l->n, sizeof *j->score_right);
    if (st != FG_OK) {
        return st;
    }
    w->n_order = l->n;
    if (job->n > 0) {
        memcpy(j->order, job->index, job->n * sizeof *j->order);
    }
    if (l->n < job->n) {
        struct fg_rng rng;
        fg_rng_init(&rng, t->seed, FG_RNG_SHUFFLE, l->shard, l->number);
        fg_rng_shuffle(&rng, j->order, job->n);
    }
    w->there = there;
    w->params = packed;
    return FG_OK;
}

enum fg_status fg_job_lane_init(struct fg_job_lane *j, struct fg_wave_lane *w,
                                const struct fg_device_trainer *t, struct fg_job *job, const float *there,
                                const float *packed)
{
    *j = (struct fg_job_lane){.job = job};
    *w = (struct fg_wave_lane){.lane = {.n = job->n,
                                        .seed = t->seed,
                                        .shard = job->task.shard,
                                        .number = job->task.number,
                                        .lr = job->task.lr,
                                        .positions = t->positions}};
    return is_train(job) ? init_train(j, w, t, there, packed) : init_score(j, w, t, there, packed);
}

void fg_job_lane_fini(struct fg_job_lane *j)
{
    fg_free(j->params);
    fg_free(j->velocity);
    fg_free(j->first);
    fg_free(j->order);
    fg_free(j->score_loss);
    fg_free(j->score_right);
    *j = (struct fg_job_lane){0};
}

/* Samples that steps from..to-1 go over. */
static uint64_t samples_of(const struct fg_lane *l, uint32_t from, uint32_t to)
{
    uint64_t sum = 0;
    uint32_t per_epoch = l->n > 0 ? (l->n - 1) / l->batch + 1 : 1;
    for (uint32_t s = from; s < to; s++) {
        uint32_t left = l->n - s % per_epoch * l->batch;
        sum += left < l->batch ? left : l->batch;
    }
    return sum;
}

static enum fg_status hand_back(struct fg_job_lane *j, const struct fg_wave_lane *w,
                                const struct fg_device_trainer *t)
{
    size_t P = fg_model_params(t->m);
    enum fg_status st = FG_OK;
    struct fg_train_state s = {.shard = w->lane.shard,
                               .number = w->lane.number,
                               .steps = w->steps,
                               .seen = j->seen,
                               .loss = w->lane.loss,
                               .n = P};
    s.params = fg_calloc(P, sizeof *s.params);
    s.velocity = j->velocity != NULL ? fg_calloc(P, sizeof *s.velocity) : NULL;
    if (s.params == NULL || (j->velocity != NULL && s.velocity == NULL)) {
        st = FG_E_NOMEM;
        fg_train_state_fini(&s);
        return st;
    }
    fg_model_unpack(t->m, s.params, j->params);
    if (s.velocity != NULL) {
        fg_model_unpack(t->m, s.velocity, j->velocity);
    }
    *j->job->state = s;
    return FG_OK;
}

static enum fg_status train_done(struct fg_job_lane *j, struct fg_wave_lane *w,
                                 const struct fg_device_trainer *t)
{
    struct fg_job *job = j->job;
    enum fg_status st = FG_OK;
    bool cut = w->steps < w->lane.end; /* the stop flag came before its end */
    j->seen += samples_of(&w->lane, w->lane.start, w->steps) * t->positions;
    job->steps = w->steps;
    job->scored = j->seen;
    job->loss = j->seen > 0 ? w->lane.loss / (double)j->seen : 0;
    if (job->state != NULL && j->params != NULL && job->n > 0 && w->steps < job->task.steps) {
        st = hand_back(j, w, t);
    }
    if (st == FG_OK && !cut && w->stay != NULL) {
        job->stay = w->stay;
        w->stay = NULL;
    } else if (st == FG_OK && !cut && w->coded) {
        job->coded = true;
    } else if (st == FG_OK && !cut) {
        fg_model_unpack(t->m, job->delta, j->params);
        for (size_t i = 0; i < fg_model_params(t->m); i++) {
            job->delta[i] = j->begin[i] - job->delta[i];
        }
    }
    return st == FG_OK && cut ? FG_E_INTERRUPTED : st;
}

/* Sums by parts, as the CPU trainer makes them. */
static enum fg_status score_done(struct fg_job_lane *j, const struct fg_wave_lane *w,
                                 const struct fg_device_trainer *t)
{
    struct fg_job *job = j->job;
    double sum = 0;
    uint64_t correct = 0;
    if (w->steps < w->lane.end) {
        return FG_E_INTERRUPTED;
    }
    for (uint32_t first = 0; first < w->lane.n; first += FG_DEVICE_PART) {
        double part = 0;
        for (uint32_t i = first; i < w->lane.n && i < first + FG_DEVICE_PART; i++) {
            part += j->score_loss[i];
            correct += j->score_right[i];
        }
        sum += part;
    }
    job->steps = 0;
    job->correct = (uint32_t)correct;
    job->scored = (uint64_t)w->lane.n * t->positions;
    job->loss = job->scored > 0 ? sum / (double)job->scored : 0;
    return FG_OK;
}

void fg_job_lane_done(struct fg_job_lane *j, struct fg_wave_lane *w, const struct fg_device_trainer *t)
{
    struct fg_job *job = j->job;
    if (w->out_params != NULL) { /* made when its update could not stay */
        j->params = w->out_params;
    }
    job->samples = is_train(job) ? job->n : w->lane.n;
    job->correct = 0;
    job->status = is_train(job) ? train_done(j, w, t) : score_done(j, w, t);
    if (job->status == FG_OK && job->finish != NULL && job->stay == NULL) {
        job->status = job->finish(job, job->finish_arg);
    }
}

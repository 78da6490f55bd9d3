#include "src/worker/trainer_local.h"

#include <math.h>
#include <string.h>

#include "kernels/prefetch.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/base/rng.h"

/* The task in flight. */
struct flight {
    struct fg_rng rng;  /* shuffles */
    uint32_t per_epoch; /* steps */
    uint32_t shuffled;  /* epochs whose order was drawn */
    uint32_t steps;     /* done */
    uint64_t seen;
    double loss;
    const struct fg_job *next; /* that is likely to follow, or NULL */
    bool asked;                /* the samples of the next batch were asked for */
    bool spread;               /* layers ask for them while they compute */
};

/* The first epoch's order of a job that is likely to be the next. */
struct dealt {
    const struct fg_job *job; /* NULL: none */
    bool asked;               /* its first samples were asked for */
    uint32_t *order;          /* (cap) */
    size_t cap;
    struct fg_rng rng;
};

struct fg_local {
    const struct fg_model *m;
    const struct fg_kernels *k;
    struct fg_local_opts opts;
    uint64_t seed;
    struct fg_net *net;
    size_t packed;
    float *grad;     /* (packed), NULL for plain SGD on small batches */
    float *part;     /* (packed), gradients of parts; NULL unless batches are large */
    float *velocity; /* (packed), NULL without momentum */
    float *start;    /* (packed), NULL without proximal term */
    double sample_loss[FG_LOCAL_PART];
    uint32_t sample_correct[FG_LOCAL_PART];
    uint32_t *order; /* (cap_order) the shard in this epoch's order */
    size_t cap_order;
    struct dealt next;
    struct flight f;
};

static bool has_large_batches(const struct fg_local_opts *o)
{
    return o->batch == 0 || o->batch > FG_LOCAL_PART;
}

static bool is_plain(const struct fg_local_opts *o)
{
    return o->momentum == 0.0f && o->weight_decay == 0.0f && o->clip == 0.0f && o->prox_mu == 0.0f &&
           !has_large_batches(o);
}

static enum fg_status vector(float **out, size_t n, bool wanted)
{
    *out = wanted ? fg_calloc_aligned(n, sizeof **out) : NULL;
    return wanted && *out == NULL ? FG_E_NOMEM : FG_OK;
}

enum fg_status fg_local_create(struct fg_local **out, const struct fg_model *m, const struct fg_kernels *k,
                               const struct fg_local_opts *opts, uint64_t seed, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    struct fg_local *l = fg_calloc(1, sizeof *l);
    if (l == NULL) {
        return fg_fail(err, FG_E_NOMEM, "no memory for a trainer");
    }
    l->m = m;
    l->k = k;
    l->opts = *opts;
    l->seed = seed;
    l->packed = fg_model_packed(m);
    /* Evaluation likes batches of 32 or more: weights are read less often. */
    size_t capacity = has_large_batches(opts) ? FG_LOCAL_PART : opts->batch < 32 ? 32 : opts->batch;
    FG_TRY(fg_net_create(&l->net, m, k, capacity, err));
    FG_TRY(vector(&l->grad, l->packed, !is_plain(opts)));
    FG_TRY(vector(&l->part, l->packed, has_large_batches(opts)));
    FG_TRY(vector(&l->velocity, l->packed, opts->momentum != 0.0f));
    FG_TRY(vector(&l->start, l->packed, opts->prox_mu != 0.0f));
    *out = l;
    return FG_OK;
cleanup:
    fg_local_destroy(l);
    return fg_fail(err, st, "no memory for local work on this model");
}

void fg_local_destroy(struct fg_local *l)
{
    if (l != NULL) {
        fg_net_destroy(l->net);
        fg_free(l->grad);
        fg_free(l->part);
        fg_free(l->velocity);
        fg_free(l->start);
        fg_free(l->order);
        fg_free(l->next.order);
        fg_free(l);
    }
}

void fg_local_load(struct fg_local *l, const float *params)
{
    fg_net_load(l->net, params);
}

/* Samples lie anywhere in a large file: those of the next batch are on their way while this one is turned
 * into floats and computed. */
static inline __attribute__((always_inline)) void fetch(const struct fg_dataset *data, uint32_t sample)
{
    fg_prefetch(data->x, sample * data->width, data->width);
    __builtin_prefetch(data->y + sample * (size_t)data->label_width);
}

static bool is_bytes(const struct fg_dataset *data)
{
    return data->dtype == FG_U8 && data->kind != FG_DATA_TOKENS;
}

/* Have the layers ask for n samples while they compute the batch before. False: they are too many. */
static bool spread(struct fg_local *l, const struct fg_dataset *data, const uint32_t *index, size_t n)
{
    struct fg_live_inputs *live = fg_net_live(l->net);
    size_t bytes = data->width;
    live->lines = live->asked = 0;
    if (!is_bytes(data) || n > FG_LIVE_LINES / (bytes / FG_PREFETCH_LINE + 3)) {
        return false;
    }
    for (size_t i = 0; i < n; i++) {
        uintptr_t x = (uintptr_t)data->x + index[i] * bytes, end = x + bytes;
        for (uintptr_t at = x / FG_PREFETCH_LINE * FG_PREFETCH_LINE; at < end; at += FG_PREFETCH_LINE) {
            live->line[live->lines++] = (const void *)at;
        }
        live->line[live->lines++] = data->y + index[i] * (size_t)data->label_width;
    }
    return true;
}

/* Ask for what the layers left, as those do that do not pass over zeros. False: there was something. */
static bool asked_for_all(struct fg_local *l)
{
    struct fg_live_inputs *live = fg_net_live(l->net);
    bool all = live->asked == live->lines;
    for (; live->asked < live->lines; live->asked++) {
        __builtin_prefetch(live->line[live->asked]);
    }
    return all;
}

/* A batch into the network's buffers, whose samples were asked for before or not; `next` (at most n) samples
 * of the one after it follow in index. Bytes go through a kernel: fg_dataset_gather() gives the same floats,
 * but would take a third of the time of small models. */
static void gather(struct fg_local *l, const struct fg_dataset *data, const uint32_t *index, size_t n,
                   bool asked, size_t next)
{
    size_t ldx, labels = data->label_width;
    float *x = fg_net_input(l->net, &ldx);
    uint16_t *y = fg_net_labels(l->net);
    if (is_bytes(data)) {
        for (size_t i = 0; i < n; i++) {
            if (!asked && i + 1 < n) {
                fetch(data, index[i + 1]);
            }
            if (i < next) {
                fetch(data, index[i + n]);
            }
            const uint8_t *raw = (const uint8_t *)data->x + index[i] * data->width;
            l->k->from_bytes(raw, data->scale, data->shift, data->channels, x + i * ldx, data->width);
            memset(x + i * ldx + data->width, 0, (ldx - data->width) * sizeof *x);
            for (size_t j = 0; j < labels; j++) {
                y[i * labels + j] = data->y[index[i] * labels + j];
            }
        }
        return;
    }
    fg_dataset_gather(data, index, n, x, ldx, y);
}

double fg_local_score(struct fg_local *l, const struct fg_dataset *data, const uint32_t *index, size_t n,
                      const struct fg_sample_scores *each, uint64_t *correct)
{
    double sum = 0;
    size_t capacity = fg_net_capacity(l->net);
    for (size_t first = 0; first < n; first += capacity) {
        size_t now = n - first < capacity ? n - first : capacity;
        gather(l, data, index + first, now, false, 0);
        fg_net_score(l->net, now, l->sample_loss, l->sample_correct);
        for (size_t i = 0; i < now; i++) {
            sum += l->sample_loss[i];
            *correct += l->sample_correct[i];
            if (each != NULL && each->loss != NULL) {
                each->loss[first + i] = l->sample_loss[i];
            }
            if (each != NULL && each->correct != NULL) {
                each->correct[first + i] = l->sample_correct[i];
            }
        }
    }
    return sum;
}

static void update(struct fg_local *l, float lr)
{
    const struct fg_local_opts *o = &l->opts;
    float *w = fg_net_params(l->net), *g = l->grad;
    size_t n = l->packed;
    if (o->prox_mu != 0.0f) {
        l->k->prox(o->prox_mu, w, l->start, g, n);
    }
    if (o->clip != 0.0f) {
        double norm = sqrt(l->k->sum_squares(g, n));
        if (norm > (double)o->clip) {
            l->k->scale((float)((double)o->clip / norm), g, g, n);
        }
    }
    if (o->momentum != 0.0f) {
        l->k->sgd_momentum(-lr, o->momentum, o->weight_decay, g, l->velocity, w, n);
    } else if (o->weight_decay != 0.0f) {
        l->k->sgd_decay(-lr, o->weight_decay, g, w, n);
    } else {
        l->k->axpy(-lr, g, w, n);
    }
}

/* The gradient of n samples, in parts when they are many; returns the sum of losses. */
static double gradient(struct fg_local *l, const struct fg_job *job, const uint32_t *index, size_t n,
                       struct fg_net_key *key)
{
    double sum = 0;
    for (size_t first = 0; first < n; first += FG_LOCAL_PART) {
        size_t now = n - first < FG_LOCAL_PART ? n - first : FG_LOCAL_PART;
        key->first = first;
        gather(l, job->data, index + first, now, false, 0);
        sum += fg_net_gradient(l->net, now, n, first == 0 ? l->grad : l->part, key);
        if (first > 0) {
            l->k->axpy(1.0f, l->part, l->grad, l->packed);
        }
    }
    return sum;
}

/* The shard into an order of room *cap. */
static enum fg_status take_order(uint32_t **order, size_t *cap, const struct fg_job *job)
{
    if (job->n > *cap) {
        enum fg_status st = fg_realloc(order, job->n, sizeof **order);
        if (st != FG_OK) {
            return st;
        }
        *cap = job->n;
    }
    if (job->n > 0) {
        memcpy(*order, job->index, job->n * sizeof **order);
    }
    return FG_OK;
}

/* The same for the first batch of the next job, as far as one can know it. */
static bool spread_next(struct fg_local *l, const struct fg_job *job)
{
    struct dealt *d = &l->next;
    if (job == NULL || job->task.kind == FG_TASK_EVALUATE || job->n == 0 || job->resume != NULL ||
        take_order(&d->order, &d->cap, job) != FG_OK) {
        return false;
    }
    uint32_t batch = l->opts.batch == 0 || l->opts.batch > job->n ? job->n : l->opts.batch;
    fg_rng_init(&d->rng, l->seed, FG_RNG_SHUFFLE, job->task.shard, job->task.number);
    fg_rng_shuffle(&d->rng, d->order, job->n);
    d->job = job;
    d->asked = spread(l, job->data, d->order, batch);
    return d->asked;
}

static void step(struct fg_local *l, const struct fg_job *job, uint32_t end)
{
    struct flight *f = &l->f;
    uint32_t epoch = f->steps / f->per_epoch, place = f->steps % f->per_epoch;
    for (; f->shuffled <= epoch; f->shuffled++) {
        fg_rng_shuffle(&f->rng, l->order, job->n);
    }
    uint32_t batch = l->opts.batch == 0 ? job->n : l->opts.batch;
    size_t first = (size_t)place * batch, n = job->n - first < batch ? job->n - first : batch;
    const uint32_t *index = l->order + first;
    struct fg_net_key key = {l->seed, job->task.shard, job->task.number, f->steps, 0};
    float lr = job->task.lr;
    if (l->grad == NULL) {
        size_t left = job->n - first - n, next = left < n ? left : n;
        bool later = next > 0 ? f->spread && spread(l, job->data, index + n, next)
                              : f->steps + 1 == end && spread_next(l, f->next);
        gather(l, job->data, index, n, f->asked, later ? 0 : next);
        f->loss += fg_net_step(l->net, n, -lr, &key);
        f->spread = asked_for_all(l) && f->spread;
        f->asked = next > 0;
    } else {
        f->loss += gradient(l, job, index, n, &key);
        update(l, lr);
    }
    f->seen += n * fg_net_positions(l->net);
    f->steps++;
}

/* The first epoch's order, if it was dealt before. */
static bool was_dealt(struct fg_local *l, const struct fg_job *job)
{
    struct dealt *d = &l->next;
    bool was = d->job == job;
    d->job = NULL;
    if (was) {
        uint32_t *order = l->order;
        size_t cap = l->cap_order;
        l->order = d->order;
        l->cap_order = d->cap;
        d->order = order;
        d->cap = cap;
    }
    return was;
}

static enum fg_status begin(struct fg_local *l, const struct fg_job *job, const struct fg_job *next)
{
    const struct fg_train_state *r = job->resume;
    uint32_t batch = l->opts.batch == 0 ? job->n : l->opts.batch;
    if (r != NULL && (r->n != fg_model_params(l->m) || r->shard != job->task.shard ||
                      r->number != job->task.number || (r->velocity == NULL) != (l->velocity == NULL))) {
        return FG_E_SHAPE;
    }
    bool dealt = was_dealt(l, job);
    enum fg_status st = dealt ? FG_OK : take_order(&l->order, &l->cap_order, job);
    if (st != FG_OK) {
        return st;
    }
    l->f = (struct flight){.per_epoch = job->n == 0 ? 1 : (job->n - 1) / batch + 1,
                           .next = next,
                           .spread = true,
                           .asked = dealt && l->next.asked};
    if (dealt) {
        l->f.rng = l->next.rng;
        l->f.shuffled = 1;
    } else {
        fg_rng_init(&l->f.rng, l->seed, FG_RNG_SHUFFLE, job->task.shard, job->task.number);
    }
    if (l->start != NULL) {
        fg_model_pack(l->m, l->start, job->params);
    }
    if (l->velocity != NULL) {
        memset(l->velocity, 0, l->packed * sizeof *l->velocity);
    }
    fg_local_load(l, r != NULL ? r->params : job->params);
    if (r != NULL) {
        l->f.steps = r->steps;
        l->f.seen = r->seen;
        l->f.loss = r->loss;
        if (r->velocity != NULL) {
            fg_model_pack(l->m, l->velocity, r->velocity);
        }
    }
    return FG_OK;
}

/* Hand back the whole state of the task in flight. */
static enum fg_status hand_back(struct fg_local *l, const struct fg_job *job)
{
    size_t P = fg_model_params(l->m);
    struct fg_train_state s = {.shard = job->task.shard,
                               .number = job->task.number,
                               .steps = l->f.steps,
                               .seen = l->f.seen,
                               .loss = l->f.loss,
                               .n = P};
    s.params = fg_calloc(P, sizeof *s.params);
    s.velocity = l->velocity != NULL ? fg_calloc(P, sizeof *s.velocity) : NULL;
    if (s.params == NULL || (l->velocity != NULL && s.velocity == NULL)) {
        fg_train_state_fini(&s);
        return FG_E_NOMEM;
    }
    fg_model_unpack(l->m, s.params, fg_net_params(l->net));
    if (s.velocity != NULL) {
        fg_model_unpack(l->m, s.velocity, l->velocity);
    }
    *job->state = s;
    return FG_OK;
}

static enum fg_status train(struct fg_local *l, struct fg_job *job, const struct fg_job *next,
                            atomic_int *stop)
{
    uint32_t end = job->n == 0 ? 0 : job->task.steps;
    end = job->stop_after > 0 && job->stop_after < end ? job->stop_after : end;
    bool interrupted = false;
    fg_time_t at = job->step_us > 0 ? fg_now_steady() : 0;
    enum fg_status st = begin(l, job, next);
    while (st == FG_OK && l->f.steps < end) {
        if (job->step_us > 0) {
            fg_wait_until(at += job->step_us, stop);
        }
        if (fg_stopped(stop)) {
            interrupted = true;
            break;
        }
        step(l, job, end);
    }
    if (st != FG_OK) {
        return st;
    }
    job->steps = l->f.steps;
    job->scored = l->f.seen;
    job->loss = l->f.seen > 0 ? l->f.loss / (double)l->f.seen : 0;
    if (job->state != NULL && job->n > 0 && l->f.steps < job->task.steps) {
        st = hand_back(l, job);
    }
    if (st == FG_OK && !interrupted) {
        fg_net_moved(l->net, job->params, job->delta);
    }
    return st == FG_OK && interrupted ? FG_E_INTERRUPTED : st;
}

/* Evaluation of one client, of all its samples or of some drawn without replacement;
 * asks *stop between batches. */
static enum fg_status evaluate(struct fg_local *l, struct fg_job *job, atomic_int *stop)
{
    double sum = 0;
    uint64_t correct = 0;
    uint32_t n = fg_evaluated(&job->task, job->n);
    const uint32_t *index = job->index;
    fg_local_load(l, job->params);
    if (n < job->n) {
        enum fg_status st = take_order(&l->order, &l->cap_order, job);
        if (st != FG_OK) {
            return st;
        }
        fg_rng_init(&l->f.rng, l->seed, FG_RNG_SHUFFLE, job->task.shard, job->task.number);
        fg_rng_shuffle(&l->f.rng, l->order, job->n);
        index = l->order;
    }
    for (size_t first = 0; first < n; first += FG_LOCAL_PART) {
        if (fg_stopped(stop)) {
            return FG_E_INTERRUPTED;
        }
        size_t now = n - first < FG_LOCAL_PART ? n - first : FG_LOCAL_PART;
        sum += fg_local_score(l, job->data, index + first, now, NULL, &correct);
    }
    job->steps = 0;
    job->correct = (uint32_t)correct;
    job->scored = (uint64_t)n * fg_net_positions(l->net);
    job->loss = job->scored > 0 ? sum / (double)job->scored : 0;
    return FG_OK;
}

void fg_local_forget(struct fg_local *l)
{
    l->next.job = NULL;
}

void fg_local_run(struct fg_local *l, struct fg_job *job, const struct fg_job *next, atomic_int *stop)
{
    job->samples = job->task.kind == FG_TASK_EVALUATE ? fg_evaluated(&job->task, job->n) : job->n;
    job->correct = 0;
    job->status = job->task.kind == FG_TASK_EVALUATE ? evaluate(l, job, stop) : train(l, job, next, stop);
    if (job->status == FG_OK && job->finish != NULL) {
        job->status = job->finish(job, job->finish_arg);
    }
}

/* The tasks of a worker: their data are found, they are trained or scored together, updates are encoded. */
#include <string.h>

#include "datasets/shard.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/deploy/worker_env_internal.h"

/* On the trainer's threads: the update becomes bytes as soon as it is there, or stays. */
static enum fg_status encode(struct fg_job *job, void *arg)
{
    struct seat *s = arg;
    const struct fg_worker_env_state *w = s->owner;
    if (w->sums != NULL) {
        float largest;
        enum fg_status st =
            fg_worker_sums_keep(w->sums, job->task.id, job->task.version, &s->delta, &largest);
        memcpy(s->bytes, &largest, sizeof largest); /* the machine's order is that of the wire */
        s->len = sizeof largest;
        return st;
    }
    s->ws.shard = job->task.shard;
    s->ws.number = job->task.number;
    s->ws.variance = job->task.variance;
    if (job->coded) {
        return w->codec->pack(&s->ws, s->bytes, w->bound, &s->len, job->codes, w->P);
    }
    s->seen = w->codec->plain != sizeof(float)         ? FG_SEEN_NOT
              : fg_kernel_all_finite(job->delta, w->P) ? FG_SEEN_FINITE
                                                       : FG_SEEN_NOT_FINITE;
    return w->codec->encode(&s->ws, s->bytes, w->bound, &s->len, job->delta, w->P);
}

void worker_env_clear(struct seat *s)
{
    fg_dataset_destroy(s->shard);
    fg_free(s->index);
    s->shard = NULL;
    s->index = NULL;
    fg_train_state_fini(&s->from);
    fg_train_state_fini(&s->state);
    s->state.steps = 0;
}

/* Where another worker stopped; a state that does not fit is done without: the task begins at its start. */
static void go_on_from(struct seat *s, const struct fg_session_job *j, struct fg_job *job)
{
    struct fg_err err;
    if (j->resume.len == 0) {
        return;
    }
    if (fg_train_state_decode(&s->from, j->resume.data, j->resume.len, s->owner->P, &err) != FG_OK) {
        fg_log_write(FG_LOG_WARN, "task %llu begins again: %s", (unsigned long long)j->task.id, err.text);
        return;
    }
    job->resume = &s->from;
}

/* The task's data: shipped, or this machine's share of the client. */
static enum fg_status find_data(struct seat *s, const struct fg_session_job *j, struct fg_job *job)
{
    const struct fg_worker_env_state *w = s->owner;
    if (w->setup != NULL) {
        if (j->task.shard >= w->setup->clients) {
            return fg_fail(&s->err, FG_E_INPUT, "shard %u does not exist here", j->task.shard);
        }
        job->data = w->setup->data;
        fg_setup_shard(w->setup, j->task.shard, &job->index, &job->n);
        return FG_OK;
    }
    if (j->shard.data == NULL) {
        return fg_fail(&s->err, FG_E_MISSING, "a task without its shard");
    }
    struct fg_blob blob = {.name = "shard", .data = j->shard.data, .len = j->shard.len};
    enum fg_status st =
        fg_shard_decode(&s->shard, &blob, NULL, &s->err); /* its name was checked on arrival */
    if (st == FG_OK) {
        st = fg_trainer_check_data(w->model, s->shard, &s->err);
    }
    if (st != FG_OK) {
        return st;
    }
    job->data = s->shard;
    job->n = (uint32_t)s->shard->n;
    s->index = fg_calloc(job->n, sizeof *s->index);
    if (s->index == NULL) {
        return fg_fail(&s->err, FG_E_NOMEM, "out of memory for a shard");
    }
    for (uint32_t i = 0; i < job->n; i++) {
        s->index[i] = i;
    }
    job->index = s->index;
    return FG_OK;
}

/* A task that was stopped: the update of the steps it has done. */
static enum fg_status close_early(struct seat *s, struct fg_job *job)
{
    for (size_t i = 0; i < s->owner->P; i++) {
        job->delta[i] = job->params[i] - s->state.params[i];
    }
    return encode(job, s);
}

/* A task that was stopped: what it takes to go on elsewhere. */
static void report_stopped(struct seat *s, struct fg_session_answer *a)
{
    s->state_bytes.len = 0;
    if (s->owner->on_stop == HAND_STATE && s->state.steps > 0 &&
        fg_train_state_encode(&s->state, &s->state_bytes) == FG_OK) {
        a->state = (const uint8_t *)s->state_bytes.data;
        a->state_len = s->state_bytes.len;
    }
}

/* What the client keeps goes with its task. */
static enum fg_status bring_kept(struct seat *s, const struct fg_task *task)
{
    struct fg_kept *kept = s->owner->kept;
    s->reset = 0;
    if (kept == NULL || task->kind != FG_TASK_TRAIN) {
        return FG_OK;
    }
    enum fg_status st = fg_kept_begin(kept, task->client, task->kept, s->ws.kept, &s->reset);
    return st == FG_OK ? FG_OK : fg_fail(&s->err, st, "out of memory for what a client keeps");
}

/* How long a step takes when time is compressed: transfers included, as a client of the fleet. */
static enum fg_status pace(struct fg_worker_env_state *w, struct fg_job *job, struct fg_err *err)
{
    uint32_t client = job->task.client, steps = job->task.steps;
    if (!w->cfg.drive.on || !w->cfg.drive.pace || job->task.kind != FG_TASK_TRAIN || steps == 0) {
        return FG_OK;
    }
    if (w->pace == NULL || client >= fg_fleet_clients(w->pace)) {
        struct fg_fleet_spec spec = fg_setup_fleet_spec(&w->cfg, 2 * client + 1, 0);
        fg_fleet_destroy(w->pace);
        w->pace = NULL;
        enum fg_status st = fg_fleet_create(&w->pace, &spec, NULL, NULL, 0, err);
        if (st != FG_OK) {
            return st;
        }
    }
    struct fg_local_opts local = fg_setup_local(&w->cfg);
    uint32_t per_epoch = fg_local_steps(job->n, local.batch, 1, 0);
    uint64_t down = w->P * sizeof(float), up = w->codec->expected(&w->coding, w->P);
    fg_time_t whole = fg_world_duration(w->pace, client, down, steps, (double)job->n / per_epoch, up);
    job->step_us = fg_from_seconds(fg_seconds(whole) / steps * w->cfg.drive.hour_s / 3600.0);
    return FG_OK;
}

static void report(struct seat *s, struct fg_job *job, struct fg_session_answer *a)
{
    bool train = job->task.kind == FG_TASK_TRAIN;
    uint64_t kept = 0;
    if (job->status == FG_E_INTERRUPTED && s->owner->on_stop == HAND_UPDATE && s->state.steps > 0) {
        job->status = close_early(s, job);
    }
    if (job->status == FG_E_INTERRUPTED) {
        report_stopped(s, a);
    }
    if (job->status == FG_OK && train && s->owner->kept != NULL) {
        job->status = fg_kept_end(s->owner->kept, job->task.client, s->ws.kept, &kept);
    }
    a->st = job->status;
    a->text = s->err.text[0] != '\0' ? s->err.text : NULL;
    a->result = (struct fg_result){.id = job->task.id,
                                   .client = job->task.client,
                                   .steps = job->steps,
                                   .samples = job->samples,
                                   .correct = job->correct,
                                   .scored = job->scored,
                                   .loss = job->loss,
                                   .wire_bytes = !train                   ? 0
                                                 : s->owner->sums != NULL ? s->owner->P * sizeof(float)
                                                                          : s->len,
                                   .seen = train ? s->seen : FG_SEEN_NOT,
                                   .kept = kept,
                                   .reset = s->reset};
    a->codec = train && s->owner->sums != NULL ? (uint32_t)FG_MSG_STAYS : s->owner->codec->id;
    a->bytes = train ? s->bytes : NULL;
    a->len = train ? s->len : 0;
}

/* A share of the server's evaluation: what comes as a shard lists samples of the data set, which is here. */
static enum fg_status score(struct seat *s, const struct fg_session_job *j, struct fg_session_answer *a,
                            atomic_int *stop)
{
    const struct fg_worker_env_state *w = s->owner;
    const uint32_t *index = (const uint32_t *)(const void *)j->shard.data; /* aligned for any type */
    size_t n = j->task.steps, i = 0;
    struct fg_score sum;
    bool fits = w->setup != NULL && index != NULL && j->shard.len == n * sizeof *index;
    while (fits && i < n && index[i] < w->setup->data->n) {
        i++;
    }
    a->text = s->err.text;
    if (!fits || i < n) {
        return fg_fail(&s->err, FG_E_INPUT, "a list of samples that do not exist here");
    }
    enum fg_status st = s->cap_scores < n ? fg_realloc(&s->scores, 2 * n, sizeof *s->scores) : FG_OK;
    if (st != FG_OK) {
        return fg_fail(&s->err, st, "out of memory for %zu scores", n);
    }
    s->cap_scores = s->cap_scores < n ? n : s->cap_scores;
    struct fg_sample_scores each = {.loss = s->scores, .correct = (uint32_t *)(void *)(s->scores + n)};
    a->result = (struct fg_result){.id = j->task.id, .samples = (uint32_t)n};
    a->codec = FG_MSG_NO_CODEC;
    a->bytes = (const uint8_t *)s->scores;
    a->len = n * (sizeof(double) + sizeof *index);
    return fg_trainer_evaluate(
        w->trainer, j->params,
        &(struct fg_scoring){.data = w->setup->data, .index = index, .n = n, .each = &each}, &sum, stop,
        &s->err);
}

void worker_env_run(void *arg, const struct fg_session_job *jobs, size_t n, struct fg_session_answer *answers,
                    atomic_int *stop)
{
    struct fg_worker_env_state *w = arg;
    struct fg_err err = {""};
    size_t ready = 0;
    FG_ASSERT(n <= w->n_seats);
    for (size_t i = 0; i < n; i++) {
        struct seat *s = &w->seat[i];
        struct fg_job *job = &w->job[ready];
        s->err.text[0] = '\0';
        answers[i].id = jobs[i].task.id;
        if (jobs[i].task.kind == FG_TASK_SCORE) {
            answers[i].st = score(s, &jobs[i], &answers[i], stop);
            continue;
        }
        s->len = 0;
        s->seen = FG_SEEN_NOT;
        *job = (struct fg_job){.task = jobs[i].task,
                               .params = jobs[i].params,
                               .delta = s->delta,
                               .levels = w->codes ? &w->levels : NULL,
                               .codes = !w->codes                    ? NULL
                                        : w->codec == &fg_codec_int8 ? s->bytes /* as they are sent */
                                                                     : (uint8_t *)s->delta,
                               .state = &s->state,
                               .finish_arg = s};
        job->finish = jobs[i].task.kind == FG_TASK_TRAIN ? encode : NULL;
        job->status = FG_E_INTERRUPTED;
        answers[i].st = find_data(s, &jobs[i], job);
        go_on_from(s, &jobs[i], job);
        if (answers[i].st == FG_OK) {
            answers[i].st = bring_kept(s, &jobs[i].task);
        }
        if (answers[i].st == FG_OK) {
            answers[i].st = pace(w, job, &s->err);
        }
        answers[i].text = s->err.text;
        ready += answers[i].st == FG_OK;
    }
    enum fg_status st = ready > 0 ? fg_trainer_run(w->trainer, w->job, ready, stop, &err) : FG_OK;
    if (st != FG_OK && st != FG_E_INTERRUPTED) {
        fg_log_write(FG_LOG_WARN, "a task failed: %s", err.text);
    }
    bool told = false; /* what the trainer says is of the first that failed */
    for (size_t i = 0, k = 0; i < n; i++) {
        if (answers[i].st == FG_OK && jobs[i].task.kind != FG_TASK_SCORE) {
            report(&w->seat[i], &w->job[k++], &answers[i]);
            if (!told && st != FG_OK && st != FG_E_INTERRUPTED && answers[i].st == st) {
                w->seat[i].err = err;
                answers[i].text = w->seat[i].err.text;
                told = true;
            }
        }
        if (st == FG_E_IO && answers[i].st == FG_E_IO) {
            answers[i].st = FG_E_LOST; /* the device does nothing any more: not the task's fault */
            w->seat[i].err = err;
            answers[i].text = w->seat[i].err.text;
        }
        worker_env_clear(&w->seat[i]);
    }
}

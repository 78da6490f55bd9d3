#include "src/sim/plan_many.h"

#include <pthread.h>

#include "src/base/mem.h"

enum {
    MANY_CLIENTS = 100000, /* of which so many fleets would take too much memory at once */
    MOST_THREADS = 64
};

enum fg_status fg_many_init(struct fg_many *m, uint32_t draws)
{
    m->threads = m->setup->clients > MANY_CLIENTS ? 1 : m->setup->threads < draws ? m->setup->threads : draws;
    m->threads = m->threads > MOST_THREADS ? MOST_THREADS : m->threads > 0 ? m->threads : 1;
    m->foresee = fg_calloc(m->threads, sizeof(struct fg_foresee *));
    enum fg_status st = m->foresee != NULL ? FG_OK : FG_E_NOMEM;
    for (uint32_t k = 0; st == FG_OK && k < m->threads; k++) {
        st = fg_foresee_create(&m->foresee[k], m->setup->fleet, m->setup->cfg->forecast.history_h);
    }
    return st;
}

void fg_many_fini(struct fg_many *m)
{
    for (uint32_t k = 0; m->foresee != NULL && k < m->threads; k++) {
        fg_foresee_destroy(m->foresee[k]);
    }
    fg_free(m->foresee);
    m->foresee = NULL;
}

enum fg_status fg_many_learn(struct fg_outlook **out, struct fg_many *m, const struct fg_play_change *change,
                             struct fg_err *err)
{
    struct fg_fleet *future;
    struct fg_play p = {.setup = m->setup};
    *out = NULL;
    enum fg_status st = fg_foresee_draw(m->foresee[0], m->seed, 0, m->hours, &future, err);
    if (st != FG_OK) {
        return st;
    }
    p.fleet = future;
    p.change = change != NULL ? *change : p.change;
    st = fg_play_look_out(&p, out, err);
    if (st == FG_OK && *out != NULL) {
        st = fg_outlook_see(*out, fg_fleet_start(future) - FG_HOUR, NULL, 0);
    }
    if (st != FG_OK) {
        fg_outlook_destroy(*out);
        *out = NULL;
    }
    return st;
}

/* ---- one after the other, in each thread ---- */

struct job {
    struct fg_many *m;
    struct fg_foresee *foresee;
    uint32_t draw;
    struct fg_play play;
    struct fg_many_result *result;
    enum fg_status st;
    struct fg_err err;
};

static void *work(void *arg)
{
    struct job *j = arg;
    struct fg_fleet *future;
    j->st = fg_foresee_draw(j->foresee, j->m->seed, j->draw, j->m->hours, &future, &j->err);
    if (j->st == FG_OK) {
        j->play.fleet = future;
        j->st = fg_play_run(&j->play, j->result->what, &j->result->promise, &j->err);
    }
    return NULL;
}

/* As many as there are threads; the first is the caller's own. */
static void work_side_by_side(struct job *job, uint32_t n)
{
    pthread_t thread[MOST_THREADS];
    bool started[MOST_THREADS] = {false};
    for (uint32_t k = 1; k < n; k++) {
        started[k] = pthread_create(&thread[k], NULL, work, &job[k]) == 0;
    }
    for (uint32_t k = 0; k < n; k++) {
        if (k == 0 || !started[k]) {
            (void)work(&job[k]);
        }
    }
    for (uint32_t k = 1; k < n; k++) {
        if (started[k]) {
            pthread_join(thread[k], NULL);
        }
    }
}

static enum fg_status play_some(struct fg_many *m, struct job *job, struct fg_many_result *result,
                                uint32_t first, uint32_t n, const struct fg_play *how, bool log,
                                struct fg_err *err)
{
    for (uint32_t k = 0; k < n; k++) {
        result[k].log.n = result[k].log.n_rounds = 0;
        job[k] = (struct job){.m = m,
                              .foresee = m->foresee[k],
                              .draw = first + k,
                              .play = *how,
                              .result = &result[k],
                              .err = {{0}}};
        job[k].play.log = log ? &result[k].log : NULL;
    }
    work_side_by_side(job, n);
    for (uint32_t k = 0; k < n; k++) {
        if (job[k].st != FG_OK) {
            *err = job[k].err;
            return job[k].st;
        }
    }
    return FG_OK;
}

enum fg_status fg_many_play(struct fg_many *m, uint32_t draws, const struct fg_play_change *change, bool log,
                            fg_many_take *take, void *arg, struct fg_err *err)
{
    struct fg_outlook *learned = NULL;
    struct fg_many_result *result = fg_calloc(m->threads, sizeof *result);
    struct job *job = fg_calloc(m->threads, sizeof *job);
    enum fg_status st;
    if (result == NULL || job == NULL) {
        fg_free(job);
        fg_free(result);
        return fg_fail(err, FG_E_NOMEM, "out of memory");
    }
    st = fg_many_learn(&learned, m, change, err);
    struct fg_play how = {.setup = m->setup, .learned = learned, .stop = m->stop};
    how.change = change != NULL ? *change : how.change;
    for (uint32_t first = 0; st == FG_OK && first < draws; first += m->threads) {
        uint32_t n = draws - first < m->threads ? draws - first : m->threads;
        st = play_some(m, job, result, first, n, &how, log, err);
        for (uint32_t k = 0; st == FG_OK && k < n; k++) {
            take(arg, first + k, &result[k]);
        }
    }
    for (uint32_t k = 0; k < m->threads; k++) {
        fg_play_log_fini(&result[k].log);
    }
    fg_outlook_destroy(learned);
    fg_free(result);
    fg_free(job);
    return st;
}

enum fg_status fg_many_pilot(struct fg_many *m, uint32_t draw, struct fg_trainer *trainer,
                             struct fg_play_curve *curve, double what[FG_PLAN_WHATS], struct fg_err *err)
{
    struct fg_fleet *future;
    struct fg_promise ignored;
    enum fg_status st = fg_foresee_draw(m->foresee[0], m->seed, draw, m->hours, &future, err);
    if (st != FG_OK) {
        return st;
    }
    const struct fg_play p = {
        .setup = m->setup, .fleet = future, .trainer = trainer, .curve = curve, .stop = m->stop};
    return fg_play_run(&p, what, &ignored, err);
}

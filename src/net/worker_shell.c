#include "src/net/worker_shell.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"

enum { WAIT_US = 2000000, JOIN_S = 1, FLUSH_US = 1000000 };

enum errand { ERRAND_NONE, ERRAND_CONFIGURE, ERRAND_RUN, ERRAND_END };

struct shell {
    struct fg_transport *t;
    const struct fg_worker_env *env;
    struct fg_session *session;
    struct fg_session_actions acts;
    uint8_t (*lookup)[FG_SHARD_HASH_BYTES]; /* shards to be looked for */
    size_t n_lookup, cap_lookup;
    uint64_t *wanted; /* sums */
    size_t n_wanted, cap_wanted;
    bool quit;
    fg_time_t grace_us, leave_by; /* leave_by 0: no notice yet */

    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    /* under the lock: what the computing thread is to do, and whether the answer is there */
    enum errand errand;
    bool done, ended;

    /* the computing thread's while an errand is under way, else the caller's */
    char *config;
    struct fg_worker_work work;
    struct fg_worker_ready ready;
    enum fg_status status;
    struct fg_err err;
    const struct fg_session_job *jobs;
    size_t n_jobs, cap_answers;
    struct fg_session_answer *answers;
    atomic_int stop;
};

static atomic_int leaving;
static struct fg_transport *_Atomic running; /* to be woken by fg_worker_shell_leave() */

void fg_worker_shell_leave(void)
{
    struct fg_transport *t = atomic_load(&running);
    atomic_store(&leaving, 1);
    if (t != NULL) {
        t->ops->wake(t);
    }
}

/* ---- the computing thread ---- */

static void *compute(void *arg)
{
    struct shell *sh = arg;
    pthread_mutex_lock(&sh->lock);
    while (sh->errand != ERRAND_END) {
        enum errand errand = sh->done ? ERRAND_NONE : sh->errand;
        if (errand == ERRAND_NONE) {
            pthread_cond_wait(&sh->changed, &sh->lock);
            continue;
        }
        pthread_mutex_unlock(&sh->lock);
        if (errand == ERRAND_CONFIGURE) {
            sh->status = sh->env->configure(sh->env->arg, &sh->work, &sh->ready, &sh->err);
        } else {
            sh->env->run(sh->env->arg, sh->jobs, sh->n_jobs, sh->answers, &sh->stop);
        }
        pthread_mutex_lock(&sh->lock);
        sh->done = true;
        sh->t->ops->wake(sh->t);
    }
    sh->ended = true;
    pthread_cond_broadcast(&sh->changed);
    pthread_mutex_unlock(&sh->lock);
    return NULL;
}

static void send_off(struct shell *sh, enum errand errand)
{
    pthread_mutex_lock(&sh->lock);
    sh->errand = errand;
    sh->done = false;
    sh->t->at_work = true;
    pthread_cond_broadcast(&sh->changed);
    pthread_mutex_unlock(&sh->lock);
}

static enum errand take_done(struct shell *sh)
{
    pthread_mutex_lock(&sh->lock);
    enum errand errand = sh->done ? sh->errand : ERRAND_NONE;
    if (errand != ERRAND_NONE) {
        sh->errand = ERRAND_NONE;
        sh->done = false;
        sh->t->at_work = false;
    }
    pthread_mutex_unlock(&sh->lock);
    return errand;
}

/* ---- the core's actions ---- */

static enum fg_status configure(struct shell *sh, const struct fg_session_action *a)
{
    fg_free(sh->config);
    sh->config = fg_calloc(a->config.len + 1, 1);
    if (sh->config == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(sh->config, a->config.data, a->config.len);
    sh->work = (struct fg_worker_work){
        .config = sh->config, .len = a->config.len, .input = a->input, .sums = a->sums};
    send_off(sh, ERRAND_CONFIGURE);
    return FG_OK;
}

static enum fg_status run(struct shell *sh, const struct fg_session_action *a)
{
    if (sh->cap_answers < a->n) {
        enum fg_status st = fg_realloc(&sh->answers, a->n, sizeof *sh->answers);
        if (st != FG_OK) {
            return st;
        }
        sh->cap_answers = a->n;
    }
    memset(sh->answers, 0, a->n * sizeof *sh->answers);
    sh->jobs = a->jobs;
    sh->n_jobs = a->n;
    send_off(sh, ERRAND_RUN);
    return FG_OK;
}

static void log_end(const struct shell *sh, const char *why)
{
    struct fg_session_stats s = fg_session_stats(sh->session);
    fg_log_write(FG_LOG_DEBUG, "worker ends: %s; shards: %llu kept here, %llu fetched, %llu damaged", why,
                 (unsigned long long)s.shards_stored, (unsigned long long)s.shards_fetched,
                 (unsigned long long)s.shards_damaged);
}

static enum fg_status act(struct shell *sh, struct fg_session_action *a)
{
    enum fg_status st = FG_OK;
    uint8_t *frame = a->frame;
    switch (a->kind) {
    case FG_SESSION_SEND:
        a->frame = NULL;
        st = sh->t->ops->post(sh->t, 0, frame, a->len);
        return st == FG_E_GONE ? FG_OK : st; /* its GONE event follows */
    case FG_SESSION_CONFIGURE:
        return configure(sh, a);
    case FG_SESSION_RUN:
        return run(sh, a);
    case FG_SESSION_HALT:
        atomic_store(&sh->stop, 1);
        return FG_OK;
    case FG_SESSION_LOOKUP:
        st = FG_GROW(sh->lookup, sh->n_lookup, sh->cap_lookup);
        if (st == FG_OK) {
            memcpy(sh->lookup[sh->n_lookup++], a->hash, sizeof a->hash);
        }
        return st;
    case FG_SESSION_KEEP:
        sh->env->keep_shard(sh->env->arg, a->hash, a->shard);
        return FG_OK;
    case FG_SESSION_ADD:
        sh->env->add(sh->env->arg, a->sum, a->id, a->weight);
        return FG_OK;
    case FG_SESSION_SUM:
        st = FG_GROW(sh->wanted, sh->n_wanted, sh->cap_wanted);
        if (st == FG_OK) {
            sh->wanted[sh->n_wanted++] = a->sum;
        }
        return st;
    case FG_SESSION_FORGET:
        sh->env->forget(sh->env->arg, a->floor);
        return FG_OK;
    case FG_SESSION_QUIT:
        log_end(sh, a->why);
        sh->quit = true;
        return FG_OK;
    }
    return FG_E_INTERNAL;
}

/* What is to be computed is begun first, so that frames are sent meanwhile. */
static enum fg_status one_step(struct shell *sh, const struct fg_session_event *ev)
{
    enum fg_status st = fg_session_step(sh->session, ev, &sh->acts);
    for (int later = 0; later < 2; later++) {
        for (size_t i = 0; i < sh->acts.n && st == FG_OK; i++) {
            st = (sh->acts.a[i].kind != FG_SESSION_RUN) == later ? act(sh, &sh->acts.a[i]) : FG_OK;
        }
    }
    return st;
}

/* A step, the shards it made us look for, and the sums that are wanted. */
static enum fg_status step(struct shell *sh, const struct fg_session_event *ev)
{
    enum fg_status st = one_step(sh, ev);
    while (st == FG_OK && sh->n_lookup > 0) {
        uint8_t hash[FG_SHARD_HASH_BYTES];
        struct fg_view bytes = {NULL, 0};
        memcpy(hash, sh->lookup[--sh->n_lookup], sizeof hash);
        bool found = sh->env->find_shard(sh->env->arg, hash, &bytes);
        struct fg_session_event stored = {.kind = FG_SESSION_STORED, .hash = hash};
        stored.frame = found ? bytes.data : NULL;
        stored.len = found ? bytes.len : 0;
        st = one_step(sh, &stored);
    }
    while (st == FG_OK && sh->n_wanted > 0) {
        struct fg_session_event summed = {.kind = FG_SESSION_SUMMED, .sum = sh->wanted[--sh->n_wanted]};
        struct fg_view bytes = sh->env->sum(sh->env->arg, summed.sum);
        summed.frame = bytes.data;
        summed.len = bytes.len;
        st = one_step(sh, &summed);
    }
    return st;
}

/* ---- the loop ---- */

static enum fg_status on_errand_done(struct shell *sh)
{
    struct fg_session_event ev = {.kind = FG_SESSION_READY};
    switch (take_done(sh)) {
    case ERRAND_CONFIGURE:
        ev.st = sh->status;
        ev.text = sh->err.text;
        ev.params = sh->ready.params;
        ev.cohort = sh->ready.cohort;
        ev.cores = sh->ready.cores;
        ev.cache_bytes = sh->ready.cache_bytes;
        ev.keeps_shards = sh->ready.keeps_shards;
        ev.coding = sh->ready.coding;
        sh->grace_us = sh->ready.grace_us;
        return step(sh, &ev);
    case ERRAND_RUN:
        ev.kind = FG_SESSION_DONE;
        ev.answers = sh->answers;
        ev.n = sh->n_jobs;
        return step(sh, &ev);
    default:
        return FG_OK;
    }
}

static enum fg_status on_event(struct shell *sh, struct fg_net_event *net)
{
    struct fg_session_event ev = {.kind = FG_SESSION_LOST};
    enum fg_status st = FG_OK;
    if (net->kind == FG_NET_GONE) {
        st = step(sh, &ev);
    } else if (net->kind == FG_NET_FRAME) {
        ev.kind = FG_SESSION_FRAME;
        ev.frame = net->frame;
        ev.len = net->len;
        st = step(sh, &ev);
        fg_free(net->frame);
    }
    return st;
}

/* After a notice: leave, and once the grace is over, at once. *wait: until that needs another look. */
static enum fg_status heed_notice(struct shell *sh, fg_time_t *wait)
{
    if (atomic_load(&leaving) == 0) {
        return FG_OK;
    }
    fg_time_t at = fg_now_steady();
    enum fg_status st = FG_OK;
    if (sh->leave_by == 0 || at >= sh->leave_by) {
        sh->leave_by = sh->leave_by == 0 ? at + sh->grace_us : sh->leave_by;
        st = step(sh, &(struct fg_session_event){.kind = FG_SESSION_LEAVE});
    }
    fg_time_t left = sh->leave_by > at ? sh->leave_by - at : 0;
    *wait = left < *wait ? left : *wait;
    return st;
}

static enum fg_status loop(struct shell *sh)
{
    enum fg_status st = FG_OK;
    while (st == FG_OK && !sh->quit) {
        struct fg_net_event net;
        fg_time_t wait = WAIT_US;
        st = heed_notice(sh, &wait);
        if (st != FG_OK || sh->quit) {
            break;
        }
        st = sh->t->ops->poll(sh->t, &net, wait);
        st = st == FG_OK ? on_event(sh, &net) : st;
        st = st == FG_OK && !sh->quit ? on_errand_done(sh) : st;
    }
    return st;
}

/* True when the computing thread ended in time. */
static bool end_thread(struct shell *sh)
{
    struct timespec until = fg_timespec(fg_now() + JOIN_S * FG_SECOND);
    atomic_store(&sh->stop, 1);
    send_off(sh, ERRAND_END);
    pthread_mutex_lock(&sh->lock);
    int rc = 0;
    while (!sh->ended && rc != ETIMEDOUT) {
        rc = pthread_cond_timedwait(&sh->changed, &sh->lock, &until);
    }
    bool ended = sh->ended;
    pthread_mutex_unlock(&sh->lock);
    if (ended) {
        (void)pthread_join(sh->thread, NULL);
    } else {
        (void)pthread_detach(sh->thread);
    }
    return ended;
}

static int start_thread(struct shell *sh)
{
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the caller's thread */
    int rc = pthread_create(&sh->thread, NULL, compute, sh);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return rc;
}

enum fg_status fg_worker_shell_run(struct fg_transport *t, const struct fg_worker_env *env,
                                   const struct fg_session_self *self, bool *busy, struct fg_err *err)
{
    struct shell *sh = fg_calloc(1, sizeof *sh);
    if (sh == NULL || fg_session_create(&sh->session, self) != FG_OK) {
        fg_free(sh);
        return fg_fail(err, FG_E_NOMEM, "out of memory for a worker");
    }
    sh->t = t;
    sh->env = env;
    pthread_mutex_init(&sh->lock, NULL);
    pthread_cond_init(&sh->changed, NULL);
    int rc = start_thread(sh);
    *busy = false;
    enum fg_status st =
        rc == 0 ? FG_OK : fg_fail(err, FG_E_INTERNAL, "cannot start a thread: %s", strerror(rc));
    if (rc == 0) {
        atomic_store(&running, t);
        st = loop(sh);
        atomic_store(&running, NULL);
        fg_time_t left = sh->leave_by > 0 ? sh->leave_by - fg_now_steady() : 0;
        t->ops->flush(t, left > FLUSH_US ? left : FLUSH_US);
        *busy = !end_thread(sh);
        if (st != FG_OK) {
            fg_fail(err, st, "worker: %s", fg_status_text(st));
        }
    }
    if (*busy) {
        return st; /* the thread still uses all of it */
    }
    fg_session_actions_fini(&sh->acts);
    fg_session_destroy(sh->session);
    pthread_cond_destroy(&sh->changed);
    pthread_mutex_destroy(&sh->lock);
    fg_free(sh->answers);
    fg_free(sh->lookup);
    fg_free(sh->wanted);
    fg_free(sh->config);
    fg_free(sh);
    return st;
}

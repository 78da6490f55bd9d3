/* Work of this process in a thread beside the one that serves frames, so that nobody waits for an answer or a
 * task until it is done. The thread is started once. */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "src/base/mem.h"
#include "src/net/remote_internal.h"

enum { WAIT_US = 250000 }; /* chosen: how long a wait goes on before heartbeats are looked at */

struct beside {
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    struct fg_transport *transport;
    /* under the lock: what is to be done; NULL: nothing */
    enum fg_status (*run)(void *arg, struct fg_err *err);
    void *arg;
    bool end;
    /* the thread's until done, then the caller's */
    enum fg_status st;
    struct fg_err err;
    atomic_bool done;
};

static void *serve(void *arg)
{
    struct beside *b = arg;
    pthread_mutex_lock(&b->lock);
    while (!b->end) {
        if (b->run == NULL) {
            pthread_cond_wait(&b->changed, &b->lock);
            continue;
        }
        pthread_mutex_unlock(&b->lock);
        b->st = b->run(b->arg, &b->err);
        pthread_mutex_lock(&b->lock);
        b->run = NULL;
        atomic_store(&b->done, true);
        pthread_cond_broadcast(&b->changed);
        b->transport->ops->wake(b->transport);
    }
    pthread_mutex_unlock(&b->lock);
    return NULL;
}

/* NULL: there can be no thread. */
static struct beside *start(struct fg_transport *transport)
{
    struct beside *b = fg_calloc(1, sizeof *b);
    if (b == NULL) {
        return NULL;
    }
    b->transport = transport;
    pthread_mutex_init(&b->lock, NULL);
    pthread_cond_init(&b->changed, NULL);
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the caller's thread */
    int rc = pthread_create(&b->thread, NULL, serve, b);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        pthread_mutex_destroy(&b->lock);
        pthread_cond_destroy(&b->changed);
        fg_free(b);
        return NULL;
    }
    return b;
}

enum fg_status remote_beside(struct remote *r, enum fg_status (*run)(void *arg, struct fg_err *err),
                             void *arg, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    if (r->opts.beside && r->beside == NULL) {
        r->beside = start(r->opts.transport);
    }
    struct beside *b = r->beside;
    if (b == NULL) {
        return run(arg, err);
    }
    pthread_mutex_lock(&b->lock);
    b->run = run;
    b->arg = arg;
    atomic_store(&b->done, false);
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    b->transport->at_work = true;
    while (st == FG_OK && !atomic_load(&b->done)) {
        st = remote_pump(r, WAIT_US, err);
    }
    b->transport->at_work = false;
    pthread_mutex_lock(&b->lock);
    while (b->run != NULL) { /* what it uses is the caller's: it is waited for in any case */
        pthread_cond_wait(&b->changed, &b->lock);
    }
    pthread_mutex_unlock(&b->lock);
    return b->st != FG_OK ? fg_fail(err, b->st, "%s", b->err.text) : st;
}

void remote_beside_end(struct remote *r)
{
    struct beside *b = r->beside;
    if (b == NULL) {
        return;
    }
    pthread_mutex_lock(&b->lock);
    b->end = true;
    pthread_cond_broadcast(&b->changed);
    pthread_mutex_unlock(&b->lock);
    pthread_join(b->thread, NULL);
    pthread_mutex_destroy(&b->lock);
    pthread_cond_destroy(&b->changed);
    fg_free(b);
    r->beside = NULL;
}

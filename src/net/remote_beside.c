/* Work of this process in a thread of its own, so that nobody waits for an answer or a task
 * until it is done. */
#include <pthread.h>
#include <stdatomic.h>

#include "src/net/remote_internal.h"

enum { WAIT_US = 250000 }; /* chosen: how long a wait goes on before heartbeats are looked at */

struct beside {
    enum fg_status (*run)(void *arg, struct fg_err *err);
    void *arg;
    struct fg_transport *transport;
    enum fg_status st;
    struct fg_err err;
    atomic_bool done;
};

static void *run_beside(void *arg)
{
    struct beside *b = arg;
    b->st = b->run(b->arg, &b->err);
    atomic_store(&b->done, true);
    b->transport->ops->wake(b->transport);
    return NULL;
}

enum fg_status remote_beside(struct remote *r, enum fg_status (*run)(void *arg, struct fg_err *err),
                             void *arg, struct fg_err *err)
{
    struct beside b = {.run = run, .arg = arg, .transport = r->opts.transport};
    enum fg_status st = FG_OK;
    pthread_t thread;
    atomic_init(&b.done, false);
    if (!r->opts.beside || pthread_create(&thread, NULL, run_beside, &b) != 0) {
        return run(arg, err);
    }
    b.transport->at_work = true;
    while (st == FG_OK && !atomic_load(&b.done)) {
        st = remote_pump(r, WAIT_US, err);
    }
    b.transport->at_work = false;
    pthread_join(thread, NULL);
    return b.st != FG_OK ? fg_fail(err, b.st, "%s", b.err.text) : st;
}

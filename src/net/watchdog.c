/* No rank outlives its mpirun. */
#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "src/base/now.h"
#include "src/net/net.h"

static pid_t parent;

static void *watch(void *arg)
{
    (void)arg;
    for (;;) {
        fg_sleep(FG_SECOND / 5);
        if (getppid() != parent) {
            _exit(0);
        }
    }
}

enum fg_status fg_net_die_with_parent(struct fg_err *err)
{
    if (parent != 0) {
        return FG_OK;
    }
    parent = getppid();
    /* SIGKILL: nothing may delay it; what is committed is on disk already. */
    if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
        return fg_fail(err, FG_E_INTERNAL, "prctl(PR_SET_PDEATHSIG): %s", strerror(errno));
    }
    sigset_t all, before;
    sigfillset(&all);
    pthread_t thread;
    pthread_sigmask(SIG_SETMASK, &all, &before); /* signals are for the main thread */
    int rc = pthread_create(&thread, NULL, watch, NULL);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc != 0) {
        return fg_fail(err, FG_E_INTERNAL, "cannot start a thread: %s", strerror(rc));
    }
    (void)pthread_detach(thread);
    return FG_OK;
}

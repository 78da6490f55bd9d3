/* No rank outlives its mpirun. */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "src/base/now.h"
#include "src/net/net.h"

/* chosen: a host that is cut off may come back for ten minutes */
enum { FIRST_S = 60, NEXT_S = 30, ASKED = 18 };

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

static bool is_tcp(int fd)
{
    int type = 0, domain = 0;
    socklen_t len = sizeof(int);
    return getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) == 0 && type == SOCK_STREAM &&
           getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 && domain == AF_INET;
}

void fg_net_keep_asking(void)
{
    static const int option[][3] = {{IPPROTO_TCP, TCP_KEEPIDLE, FIRST_S},
                                    {IPPROTO_TCP, TCP_KEEPINTVL, NEXT_S},
                                    {IPPROTO_TCP, TCP_KEEPCNT, ASKED},
                                    {SOL_SOCKET, SO_KEEPALIVE, 1}};
    struct rlimit files;
    int n = getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < 4096 ? (int)files.rlim_cur : 4096;
    for (int fd = 0; fd < n; fd++) {
        for (size_t i = 0; is_tcp(fd) && i < sizeof option / sizeof *option; i++) {
            (void)setsockopt(fd, option[i][0], option[i][1], &option[i][2], sizeof option[i][2]);
        }
    }
}

#include "config.h"

#include "src/base/now.h"
#include "src/net/net.h"

#include <stdlib.h>
#include <string.h>

#include "src/base/str.h"

static const char *env_rank(void)
{
    const char *rank = getenv("OMPI_COMM_WORLD_RANK");
    return rank != NULL ? rank : getenv("PMIX_RANK");
}

bool fg_net_under_mpirun(void)
{
    return env_rank() != NULL;
}

uint32_t fg_net_env_rank(void)
{
    const char *text = env_rank();
    uint64_t rank = 0;
    if (text == NULL || fg_parse_u64(&rank, text, strlen(text)) != FG_OK || rank > UINT32_MAX) {
        return 0;
    }
    return (uint32_t)rank;
}

#ifndef FG_HAVE_MPI

enum fg_status fg_net_start(struct fg_transport **out, struct fg_err *err)
{
    (void)out;
    return fg_fail(err, FG_E_UNSUPPORTED, "this forage was built without MPI; configure with --with-mpi=DIR");
}

uint32_t fg_net_rank(void)
{
    return 0;
}

uint32_t fg_net_size(void)
{
    return 1;
}

bool fg_net_spawned(void)
{
    return false;
}

void fg_net_stop(struct fg_transport *t)
{
    (void)t;
}

#else

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "src/net/agent.h"
#include "src/net/mpi_library.h"

enum { FINALIZE_WAIT_US = 2000000, FLUSH_WAIT_US = 2000000 };

/* What mpirun's options would set: so that a hand-typed `mpirun -n 3 forage ...` behaves as well. */
static void default_parameters(void)
{
    static const char *const values[][2] = {
        {"OMPI_MCA_async_mpi_finalize", "1"},
        {"OMPI_MCA_pml", "ob1"},
        {"OMPI_MCA_btl", "self,tcp"},
    };
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        (void)setenv(values[i][0], values[i][1], 0);
    }
}

static enum fg_status mpi_failed(struct fg_err *err, const char *call, int rc)
{
    char text[MPI_MAX_ERROR_STRING] = "";
    int len = 0;
    if (fg_mpi.MPI_Error_string(rc, text, &len) != MPI_SUCCESS) {
        text[0] = '\0';
    }
    return fg_fail(err, FG_E_INTERNAL, "%s failed: %s", call, text);
}

enum fg_status fg_net_start(struct fg_transport **out, struct fg_err *err)
{
    enum fg_status st = fg_mpi_load(err);
    if (st != FG_OK) {
        return st;
    }
    default_parameters();
    (void)signal(SIGPIPE,
                 SIG_IGN); /* a peer that dies while we write to it is an error code, not our death */
    st = fg_net_die_with_parent(err);
    if (st != FG_OK) {
        return st;
    }
    int provided = 0;
    int rc = fg_mpi.MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided);
    if (rc != MPI_SUCCESS) {
        return mpi_failed(err, "MPI_Init_thread", rc);
    }
    rc = fg_mpi.MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    if (rc == MPI_SUCCESS) {
        rc = fg_mpi.MPI_Comm_set_errhandler(MPI_COMM_SELF, MPI_ERRORS_RETURN);
    }
    if (rc != MPI_SUCCESS) {
        return mpi_failed(err, "MPI_Comm_set_errhandler", rc);
    }
    if (getenv(FG_AGENT_HOPPED) != NULL) {
        fg_net_keep_asking();
    }
    return fg_transport_mpi_create(out, err);
}

uint32_t fg_net_rank(void)
{
    int rank = 0;
    (void)fg_mpi.MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    return (uint32_t)rank;
}

uint32_t fg_net_size(void)
{
    int size = 1;
    (void)fg_mpi.MPI_Comm_size(MPI_COMM_WORLD, &size);
    return (uint32_t)size;
}

bool fg_net_spawned(void)
{
    MPI_Comm parent = MPI_COMM_NULL;
    (void)fg_mpi.MPI_Comm_get_parent(&parent);
    return parent != MPI_COMM_NULL;
}

static void *end_process_later(void *arg)
{
    (void)arg;
    fg_sleep(FINALIZE_WAIT_US);
    _exit(0);
}

void fg_net_stop(struct fg_transport *t)
{
    if (t != NULL) {
        t->ops->flush(t, FLUSH_WAIT_US);
        t->ops->destroy(t);
    }
    (void)fflush(NULL);
    pthread_t deadline;
    if (pthread_create(&deadline, NULL, end_process_later, NULL) != 0) {
        _exit(0); /* without the deadline a finalise that hangs would hang for ever */
    }
    (void)pthread_detach(deadline);
    (void)fg_mpi.MPI_Finalize();
    (void)pthread_cancel(deadline);
}

#endif

/* Who is at the other ends of the transport over MPI: ranks of one mpirun, and processes that were spawned
 * later, each at the end of an intercommunicator, because a communicator never grows. */
#include "config.h"

#include "src/base/now.h"
#include "src/net/transport.h" /* a build without MPI has this much in here */

#ifdef FG_HAVE_MPI

#include "src/net/mpi_links.h"

#include <pthread.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/net/net.h"

enum fg_status mpi_links_tell(struct mpi_transport *t, enum fg_net_event_kind kind, uint32_t peer)
{
    enum fg_status st = FG_GROW(t->news, t->n_news, t->news_cap);
    if (st == FG_OK) {
        st = FG_GROW(t->news_kind, t->n_news, t->kind_cap);
    }
    if (st == FG_OK) {
        t->news[t->n_news] = peer;
        t->news_kind[t->n_news++] = kind;
    }
    return st;
}

enum fg_status mpi_links_lost(struct mpi_transport *t, uint32_t peer)
{
    if (t->link[peer].gone) {
        return FG_OK;
    }
    t->link[peer].gone = true;
    return mpi_links_tell(t, FG_NET_GONE, peer);
}

static enum fg_status add(struct mpi_transport *t, MPI_Comm comm, int rank)
{
    enum fg_status st = FG_GROW(t->link, t->n_link, t->cap_link);
    if (st == FG_OK) {
        t->link[t->n_link++] = (struct mpi_link){.comm = comm, .rank = rank};
    }
    return st;
}

enum fg_status mpi_links_begin(struct mpi_transport *t)
{
    int rank = 0, size = 1;
    MPI_Comm parent = MPI_COMM_NULL;
    (void)fg_mpi.MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    (void)fg_mpi.MPI_Comm_size(MPI_COMM_WORLD, &size);
    (void)fg_mpi.MPI_Comm_get_parent(&parent);
    t->spawned = parent != MPI_COMM_NULL;
    t->centre = !t->spawned && rank == 0;
    t->initial = t->spawned ? 0 : t->centre ? (uint32_t)size : 1;
    enum fg_status st = t->spawned ? add(t, parent, 0) : add(t, MPI_COMM_WORLD, 0);
    for (uint32_t i = 1; i < t->initial && st == FG_OK; i++) {
        st = add(t, MPI_COMM_WORLD, (int)i);
        st = st == FG_OK ? mpi_links_tell(t, FG_NET_JOINED, i) : st;
    }
    if (t->spawned) {
        (void)fg_mpi.MPI_Comm_set_errhandler(parent, MPI_ERRORS_RETURN);
    }
    return st == FG_OK && !t->centre ? mpi_links_tell(t, FG_NET_JOINED, 0) : st;
}

/* ---- who failed ---- */

static enum fg_status look_at_world(struct mpi_transport *t)
{
    MPI_Group failed, world;
    int n = 0;
    if (fg_mpi.MPIX_Comm_get_failed(MPI_COMM_WORLD, &failed) != MPI_SUCCESS) {
        return FG_OK;
    }
    enum fg_status st = FG_OK;
    (void)fg_mpi.MPI_Group_size(failed, &n);
    if (n != t->failed && fg_mpi.MPI_Comm_group(MPI_COMM_WORLD, &world) == MPI_SUCCESS) {
        t->failed = n;
        for (int i = 0; i < n && st == FG_OK; i++) {
            int rank = MPI_UNDEFINED;
            if (fg_mpi.MPI_Group_translate_ranks(failed, 1, &i, world, &rank) == MPI_SUCCESS && rank >= 0 &&
                (uint32_t)rank < t->initial) {
                st = mpi_links_lost(t, (uint32_t)rank);
            }
        }
        int acked = 0;
        (void)fg_mpi.MPIX_Comm_ack_failed(MPI_COMM_WORLD, n,
                                          &acked); /* else probing any source goes on failing */
        (void)fg_mpi.MPI_Group_free(&world);
    }
    (void)fg_mpi.MPI_Group_free(&failed);
    return st;
}

enum fg_status mpi_links_look(struct mpi_transport *t)
{
    enum fg_status st = t->initial > 0 ? look_at_world(t) : FG_OK;
    for (size_t i = t->initial; i < t->n_link && st == FG_OK; i++) {
        MPI_Group failed;
        int n = 0;
        if (t->link[i].gone || fg_mpi.MPIX_Comm_get_failed(t->link[i].comm, &failed) != MPI_SUCCESS) {
            continue;
        }
        (void)fg_mpi.MPI_Group_size(failed, &n);
        (void)fg_mpi.MPI_Group_free(&failed);
        st = n > 0 ? mpi_links_lost(t, (uint32_t)i) : FG_OK;
    }
    return st;
}

/* ---- spawning ---- */

const char *mpi_links_text(int rc, char text[MPI_MAX_ERROR_STRING])
{
    int len = 0;
    text[0] = '\0';
    if (fg_mpi.MPI_Error_string(rc, text, &len) != MPI_SUCCESS) {
        text[0] = '\0';
    }
    return text;
}

static void *call_when_stuck(void *arg)
{
    void (*stuck)(void) = ((struct mpi_transport *)arg)->stuck;
    fg_sleep(FG_NET_SPAWN_S * FG_SECOND);
    stuck();
    return NULL;
}

bool mpi_links_guard(struct mpi_transport *t, pthread_t *guard)
{
    return t->stuck != NULL && pthread_create(guard, NULL, call_when_stuck, t) == 0;
}

void mpi_links_unguard(pthread_t guard)
{
    (void)pthread_cancel(guard);
    (void)pthread_join(guard, NULL);
}

static int spawn(const char *const *argv, MPI_Comm *comm)
{
    MPI_Info info = MPI_INFO_NULL;
    int code = MPI_SUCCESS;
    int rc = fg_mpi.MPI_Info_create(&info);
    if (rc == MPI_SUCCESS) {
        rc = fg_mpi.MPI_Info_set(info, "map_by", ":OVERSUBSCRIBE");
    }
    if (rc == MPI_SUCCESS) {
        rc = fg_mpi.MPI_Info_set(info, "bind_to", "none");
    }
    if (rc == MPI_SUCCESS) { /* the call does not change its arguments */
        rc = fg_mpi.MPI_Comm_spawn(argv[0], (char **)(uintptr_t)(argv + 1), 1, info, 0, MPI_COMM_SELF, comm,
                                   &code);
    }
    if (info != MPI_INFO_NULL) {
        (void)fg_mpi.MPI_Info_free(&info);
    }
    return rc != MPI_SUCCESS ? rc : code;
}

/* The arguments with the host in its place; NULL: out of memory. */
static const char **argv_for(const struct mpi_transport *t, const char *host)
{
    size_t n = 0;
    while (t->argv[n] != NULL) {
        n++;
    }
    const char **argv = fg_calloc(n + 1, sizeof *argv);
    if (argv != NULL) {
        memcpy(argv, t->argv, n * sizeof *argv);
        if (host != NULL && t->host_at > 0) {
            argv[t->host_at] = host;
        }
    }
    return argv;
}

enum fg_status mpi_links_spawn(struct fg_transport *base, const char *host, struct fg_err *err)
{
    struct mpi_transport *t = (struct mpi_transport *)base;
    char text[MPI_MAX_ERROR_STRING];
    MPI_Comm comm = MPI_COMM_NULL;
    pthread_t guard;
    if (t->argv == NULL) {
        return fg_fail(err, FG_E_UNSUPPORTED, "this process does not start workers");
    }
    const char **argv = argv_for(t, host);
    if (argv == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for another worker");
    }
    if (!mpi_links_guard(t, &guard)) {
        fg_free(argv);
        return fg_fail(err, FG_E_INTERNAL, "cannot start a thread");
    }
    int rc = spawn(argv, &comm);
    fg_free(argv);
    mpi_links_unguard(guard);
    if (rc != MPI_SUCCESS || comm == MPI_COMM_NULL) {
        return fg_fail(err, FG_E_GONE, "MPI_Comm_spawn failed: %s", mpi_links_text(rc, text));
    }
    (void)fg_mpi.MPI_Comm_set_errhandler(comm, MPI_ERRORS_RETURN);
    enum fg_status st = add(t, comm, 0);
    st = st == FG_OK ? mpi_links_tell(t, FG_NET_JOINED, (uint32_t)t->n_link - 1) : st;
    return st == FG_OK ? FG_OK : fg_fail(err, st, "out of memory for another worker");
}

#endif

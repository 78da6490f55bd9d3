/* The doctor's look at MPI: does a run survive the death of a rank? */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "src/base/file.h"
#include "src/base/now.h"
#include "src/deploy/doctor.h"

#ifdef FG_HAVE_MPI
#include <signal.h>
#include <time.h>

#include "src/net/mpi_library.h"

enum { TAG_READY = 1, TAG_GO, TAG_NEVER, TAG_SEEN };
enum { PROBE_UNLOADED = 3 }; /* chosen: a rank's code, and so mpirun's, where the library cannot be loaded */
static const double patience_s = 10.0; /* far more than the milliseconds that detection takes */

/* Receive one int from a rank, polling; MPI's error class, or -1 when patience ran out. */
static int receive(int from, int tag, int *value)
{
    const struct timespec tick = {0, 100000};
    double deadline = fg_now_steady_s() + patience_s;
    MPI_Request request;
    int rc = fg_mpi.MPI_Irecv(value, 1, MPI_INT, from, tag, MPI_COMM_WORLD, &request);
    for (int done = 0; rc == MPI_SUCCESS && !done; nanosleep(&tick, NULL)) {
        rc = fg_mpi.MPI_Test(&request, &done, MPI_STATUS_IGNORE);
        if (fg_now_steady_s() > deadline) {
            return -1;
        }
    }
    int class = rc;
    fg_mpi.MPI_Error_class(rc, &class);
    return class;
}

static void victim(void)
{
    int x = 1;
    fg_mpi.MPI_Send(&x, 1, MPI_INT, 0, TAG_READY, MPI_COMM_WORLD);
    fg_mpi.MPI_Send(&x, 1, MPI_INT, 1, TAG_READY, MPI_COMM_WORLD);
    if (receive(0, TAG_GO, &x) == MPI_SUCCESS) {
        raise(SIGKILL);
    }
}

/* Rank 0 writes "ok MILLISECONDS" or what went wrong. */
static void survivor(int rank, const char *path)
{
    int x = 0, class = receive(2, TAG_READY, &x);
    double killed_s = fg_now_steady_s();
    if (rank == 0) {
        fg_mpi.MPI_Send(&x, 1, MPI_INT, 2, TAG_GO, MPI_COMM_WORLD);
    }
    if (class == MPI_SUCCESS) {
        class = receive(2, TAG_NEVER, &x);
    }
    double seen_ms = (fg_now_steady_s() - killed_s) * 1e3;
    if (rank == 1) {
        fg_mpi.MPI_Send(&class, 1, MPI_INT, 0, TAG_SEEN, MPI_COMM_WORLD);
        return;
    }
    int other = -1, talk = receive(1, TAG_SEEN, &other);
    FILE *f = fopen(path, "w");
    if (f == NULL) {
        return;
    }
    if (class != MPIX_ERR_PROC_FAILED) {
        fprintf(f, "the death was not seen by rank 0 (error class %d)\n", class);
    } else if (talk != MPI_SUCCESS) {
        fprintf(f, "the survivors could not talk afterwards (error class %d)\n", talk);
    } else if (other != MPIX_ERR_PROC_FAILED) {
        fprintf(f, "the death was not seen by rank 1 (error class %d)\n", other);
    } else {
        fprintf(f, "ok %.1f\n", seen_ms);
    }
    fclose(f);
}

int fg_doctor_probe_rank(const char *path)
{
    int rank = 0, size = 0;
    alarm(30); /* no rank outlives a hanging probe */
    struct fg_err err = {""};
    int provided = 0;
    if (fg_mpi_load(&err) != FG_OK) {
        fprintf(stderr, "%s\n", err.text);
        return PROBE_UNLOADED;
    }
    if (fg_mpi.MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &provided) != MPI_SUCCESS) {
        return 0;
    }
    fg_mpi.MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
    fg_mpi.MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    fg_mpi.MPI_Comm_size(MPI_COMM_WORLD, &size);
    if (size == 3 && rank == 2) {
        victim();
    } else if (size == 3) {
        survivor(rank, path);
    }
    fg_mpi.MPI_Finalize();
    return 0;
}

/* mpirun with what makes a run survive; output goes to the log. */
static int start_probe(const char *dir_result, int log_fd)
{
    static char self[4096];
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    self[len > 0 ? len : 0] = '\0';
    const char *argv[32] = {FG_MPI_BIN "/mpirun",
                            "--with-ft",
                            "ulfm",
                            "--mca",
                            "async_mpi_finalize",
                            "1",
                            "--mca",
                            "btl",
                            "self,tcp",
                            "--mca",
                            "btl_tcp_if_include",
                            "lo",
                            "--map-by",
                            ":OVERSUBSCRIBE",
                            "--bind-to",
                            "none",
                            "-n",
                            "3"};
    size_t n = 18;
    if (geteuid() == 0) {
        argv[n++] = "--allow-run-as-root";
    }
    argv[n++] = self;
    argv[n++] = "doctor";
    argv[n++] = "--probe-rank";
    argv[n++] = dir_result;
    return fg_doctor_wait(fg_doctor_spawn(argv, log_fd), 40.0);
}

/* The first line that says something, for the point's detail. */
static void first_words(char *out, size_t size, int fd)
{
    char text[4096];
    ssize_t n = pread(fd, text, sizeof text - 1, 0);
    text[n > 0 ? n : 0] = '\0';
    const char *p = text + strspn(text, "- \n\t");
    snprintf(out, size, "%.*s", (int)strcspn(p, "\n"), p);
}

static void judge(struct fg_doctor *d, const char *result, int rc, int log_fd)
{
    char line[200] = "", said[200] = "";
    double ms = 0.0;
    FILE *f = fopen(result, "r");
    if (f != NULL) {
        if (fgets(line, sizeof line, f) != NULL) {
            line[strcspn(line, "\n")] = '\0';
        }
        fclose(f);
    }
    if (sscanf(line, "ok %lf", &ms) == 1) {
        fg_doctor_add(d, FG_DOCTOR_OK, "mpi", NULL, "Open MPI %s, %s/mpirun", FG_MPI_VERSION, FG_MPI_BIN);
        fg_doctor_add(d, FG_DOCTOR_OK, "mpi-ft", NULL,
                      "one of three ranks killed; the others saw it after %.1f ms", ms);
    } else if (line[0] != '\0') {
        fg_doctor_add(d, FG_DOCTOR_OK, "mpi", NULL, "Open MPI %s, %s/mpirun", FG_MPI_VERSION, FG_MPI_BIN);
        fg_doctor_add(
            d, FG_DOCTOR_FAIL, "mpi-ft",
            "this Open MPI does not survive a death: build with --with-mpi=DIR of one that does (5.0.11)",
            "%s", line);
    } else {
        first_words(said, sizeof said, log_fd);
        const char *remedy =
            "run `mpirun -n 2 hostname` with the mpirun named here; no firewall may block the loopback";
        if (rc == 127) {
            remedy =
                "mpirun is gone: run ./quickstart --no-run, or configure --with-mpi=DIR, and build again";
        } else if (rc == PROBE_UNLOADED) {
            remedy = "its library is gone: run ./quickstart --no-run, or configure --with-mpi=DIR, and build "
                     "again";
        }
        fg_doctor_add(d, FG_DOCTOR_FAIL, "mpi", remedy, "three ranks did not start (%s/mpirun %s%d): %s",
                      FG_MPI_BIN, rc == -2 ? "hung, code " : "ended with code ", rc, said);
    }
}

void fg_doctor_check_mpi(struct fg_doctor *d)
{
    const char *tmp = getenv("TMPDIR");
    char dir[3072], log[3200], result[3200];
    (void)snprintf(dir, sizeof dir, "%.3000s/forage-doctor-XXXXXX", /* where launch makes its own */
                   tmp != NULL && tmp[0] != '\0' ? tmp : "/tmp");
    if (getenv("OMPI_COMM_WORLD_SIZE") != NULL) {
        fg_doctor_add(d, FG_DOCTOR_WARN, "mpi", "run it without mpirun", "not tried: this runs under mpirun");
        return;
    }
    if (mkdtemp(dir) == NULL) {
        fg_doctor_add(d, FG_DOCTOR_FAIL, "mpi",
                      "make the folder, room in it, and it writable; TMPDIR names another",
                      "no temporary folder %.200s: %s", dir, strerror(errno));
        return;
    }
    (void)setenv("PRTE_MCA_prte_tmpdir_base", dir,
                 0); /* not where a killed mpirun of the same pid has left its own */
    snprintf(log, sizeof log, "%s/log", dir);
    snprintf(result, sizeof result, "%s/result", dir);
    int log_fd = open(log, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int rc = start_probe(result, log_fd);
    judge(d, result, rc, log_fd);
    if (log_fd >= 0) {
        close(log_fd);
    }
    fg_file_remove_tree(dir);
}

#else

int fg_doctor_probe_rank(const char *path)
{
    (void)path;
    return 0;
}

void fg_doctor_check_mpi(struct fg_doctor *d)
{
    fg_doctor_add(d, FG_DOCTOR_WARN, "mpi",
                  "for real workers build with an Open MPI whose ompi_info says 'FT MPI support: yes' "
                  "(./quickstart does)",
                  "built without MPI: simulation only");
}

#endif

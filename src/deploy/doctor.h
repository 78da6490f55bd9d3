/* `forage doctor`: a list of points, each ok, warn or fail, made by the checks below and printed by doctor.c.
 *
 * A warning costs speed or an optional ability; a failure stops something that this build is meant to do.
 * Thread safety: single-threaded; the checks start child processes and wait for them.
 */
#ifndef FG_DEPLOY_DOCTOR_H
#define FG_DEPLOY_DOCTOR_H

#include <stddef.h>
#include <sys/types.h>

#include "src/config/config.h"

enum fg_doctor_level { FG_DOCTOR_OK, FG_DOCTOR_WARN, FG_DOCTOR_FAIL };

struct fg_doctor_point {
    enum fg_doctor_level level;
    const char *what; /* one word */
    char detail[400];
    const char *remedy; /* NULL where there is nothing to mend */
};

struct fg_doctor {
    struct fg_doctor_point points[160];
    size_t n;
};

/* Add a point; the last place of a full list is overwritten. `what` and `remedy` are constants. */
void fg_doctor_add(struct fg_doctor *d, enum fg_doctor_level level, const char *what, const char *remedy,
                   const char *fmt, ...) FG_PRINTF(5, 6);

/* The checks. fg_doctor_check_mpi() runs this program again as three ranks under mpirun and kills one. */
void fg_doctor_check_cpu(struct fg_doctor *d);
void fg_doctor_check_libraries(struct fg_doctor *d);
void fg_doctor_check_cuda(struct fg_doctor *d);
void fg_doctor_check_zones(struct fg_doctor *d);
void fg_doctor_check_pictures(struct fg_doctor *d);
void fg_doctor_check_mpi(struct fg_doctor *d);

/* What a study takes of a GPU's memory. Errors: those of its configuration and its inputs. */
enum fg_status fg_doctor_check_study(struct fg_doctor *d, const struct fg_config *c,
                                     struct fg_err *err) FG_NODISCARD;

/* One point for each host of `list` ("a,b", may be NULL) and of the host file (`name slots=n` a line, may be
 * NULL): can it be reached by ssh without a password, is this version of forage at this path there, and
 * has the user the same number? At most 128 hosts, all tried at once, 10 s in all.
 *
 * Errors: FG_E_MISSING or FG_E_INPUT for a host file that cannot be read, FG_E_USAGE for too many hosts,
 * FG_E_NOMEM.
 */
enum fg_status fg_doctor_check_hosts(struct fg_doctor *d, const char *list, const char *hostfile,
                                     struct fg_err *err) FG_NODISCARD;

/* What each of the three ranks runs: rank 2 kills itself, ranks 0 and 1 must see it and talk on; rank 0 then
 * writes the time it took to `path`. Returns the exit code, always 0 (a rank must not exit otherwise). */
int fg_doctor_probe_rank(const char *path);

/* Start a program in a process group of its own, its output going to out_fd; -1 if it cannot be started. */
pid_t fg_doctor_spawn(const char *const *argv, int out_fd);

/* Wait at most `seconds`; the exit code, -1 if a signal ended it, -2 if it was killed for taking longer. */
int fg_doctor_wait(pid_t pid, double seconds);

#endif

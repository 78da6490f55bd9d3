/* Playing an availability trace on real workers: `forage launch --drive`.
 *
 * Two processes talk through the private folder of `forage launch` (ranks.h). The player (drive_play.c, in
 * launch) knows the trace; rank 0 (drive_rank.c) learns only what a real aggregator would see: which machine
 * has come up and asks for a worker, and whose process is gone.
 *
 *   rank 0 -> stands    "T": the run is at time T, which does not pass yet
 *   player -> arrivals  "c": the machine of client c is up; "go": all who are up at T have been named
 *   rank 0 -> joined    "c pid": client c has a worker, process pid
 *   rank 0 -> clock     "T S": time has begun to pass, at T when CLOCK_MONOTONIC was S; both in microseconds
 *   player              SIGKILL, or SIGTERM and then SIGKILL,
 *                       to the process when the trace says that c is down
 *
 * Thread safety: one caller each.
 */
#ifndef FG_DEPLOY_DRIVE_H
#define FG_DEPLOY_DRIVE_H

#include "src/study/study.h"

/* ---- the player ---- */

enum { FG_DRIVE_CLIENTS_MAX = 1000 }; /* chosen: each is a process */

struct fg_drive_report {
    uint64_t ups, kills, notices; /* workers asked for, killed, told to go beforehand */
    uint64_t early;               /* workers that had ended by themselves when they were to be killed */
    double late_s;                /* the longest that one came or went after its time, in real seconds */
};

struct fg_drive; /* opaque */

/* Who is up when comes from the configuration's trace. Nothing is played before fg_drive_begin().
 * Errors: those of fg_setup_create(); FG_E_CONFIG for more clients than FG_DRIVE_CLIENTS_MAX or no trace.
 * Owner: the caller, fg_drive_destroy() (NULL allowed). */
enum fg_status fg_drive_create(struct fg_drive **out, const struct fg_config *cfg,
                               struct fg_err *err) FG_NODISCARD;
void fg_drive_destroy(struct fg_drive *d);

/* Rank 0 is about to be started, perhaps again, with this private folder. Errors: FG_E_IO. */
enum fg_status fg_drive_begin(struct fg_drive *d, const char *dir, struct fg_err *err) FG_NODISCARD;

/* Play what is due; returns after how many milliseconds there is something to do again. */
int fg_drive_tick(struct fg_drive *d);

const struct fg_drive_report *fg_drive_report(const struct fg_drive *d);
uint32_t fg_drive_clients(const struct fg_drive *d); /* each is a process when it is up */
double fg_drive_speed(const struct fg_drive *d);     /* seconds of the run in a real one */

/* ---- rank 0 ---- */

struct fg_drive_rank {
    int fd; /* of the FIFO */
    char line[64];
    size_t n;       /* bytes of a line that is not whole yet */
    uint32_t asked; /* workers for those who are up at the start */
    bool all;       /* everyone of these was named */
    double since;   /* then */
};

/* Whether this process is told what to play; then *r is ready for the others. */
bool fg_drive_rank_open(struct fg_drive_rank *r);
bool fg_drive_rank_arrival(void *rank, uint32_t *client); /* as fg_executor_remote_opts has it */
void fg_drive_rank_here(void *rank, uint32_t client, uint32_t pid);
void fg_drive_rank_stands(struct fg_drive_rank *r, fg_time_t now);
bool fg_drive_rank_ready(const struct fg_drive_rank *r, uint32_t ups);
void fg_drive_rank_begun(struct fg_drive_rank *r, fg_time_t now, fg_time_t steady_us);

/* ---- afterwards ---- */

/* Simulate the run in `dir` on its trace in DIR-predicted, compare, and print: for people, or one JSON object
 * of `played` and what fg_compare_runs() gives. Errors: those of it; FG_E_GONE when the simulation failed. */
enum fg_status fg_drive_predict(const struct fg_drive *d, const char *dir, bool json,
                                struct fg_err *err) FG_NODISCARD;

#endif

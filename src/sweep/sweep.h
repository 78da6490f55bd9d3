/* A sweep: one study under every combination of seeds and levels of some axes, and what the runs say
 * together.
 *
 * Flow: fg_sweep_parse() (the file), fg_sweep_plan() (one job a run, every configuration checked),
 * fg_sweep_run() (the jobs that are not finished, several at a time), fg_sweep_judge() (means, pairs,
 * ranks). The file: doc/sweep.md. Thread safety: one caller.
 */
#ifndef FG_SWEEP_SWEEP_H
#define FG_SWEEP_SWEEP_H

#include <jansson.h>

#include "src/base/stats.h"
#include "src/cmd/cmd.h"

enum { FG_SWEEP_AXES = 8, FG_SWEEP_LEVELS = 128, FG_SWEEP_JOBS = 100000 };

/* "key=value" assignments. */
struct fg_sweep_sets {
    char **item;
    char **where; /* "file:line" that they come from; NULL: from none */
    size_t n, cap, cap_where;
};

struct fg_sweep_level {
    char *label;
    struct fg_sweep_sets set;
};

struct fg_sweep_axis {
    char *name;
    struct fg_sweep_level level[FG_SWEEP_LEVELS];
    size_t n;
};

struct fg_sweep {
    char *base;    /* configuration file as the sweep's file has it */
    char *metric;  /* key of summary.json, accuracy_last3 or uplink_bytes_to_target */
    char *compare; /* axis whose levels are held against each other; NULL: the first */
    bool lower;    /* less of the metric is better */
    bool by_run;   /* ranks within each cell and seed instead of within each cell */
    uint64_t *seed;
    size_t n_seeds, cap_seeds;
    struct fg_sweep_sets set; /* for every run */
    struct fg_sweep_axis axis[FG_SWEEP_AXES];
    size_t n_axes;
};

/* Read a sweep from text[len]; `name` is of the text in messages. Errors: FG_E_CONFIG naming the line,
 * FG_E_NOMEM. Owner: the caller, fg_sweep_fini(), whatever came out. */
enum fg_status fg_sweep_parse(struct fg_sweep *out, const char *name, const char *text, size_t len,
                              struct fg_err *err) FG_NODISCARD;
void fg_sweep_fini(struct fg_sweep *s);

/* Add "key=value". Owner: what it is added to. */
enum fg_status fg_sweep_set(struct fg_sweep_sets *sets, const char *text, size_t len) FG_NODISCARD;
void fg_sweep_sets_fini(struct fg_sweep_sets *sets);

/* One run. */
struct fg_sweep_job {
    size_t level[FG_SWEEP_AXES];
    uint64_t seed;
    struct fg_sweep_sets more; /* keys of this job alone, over its levels' */
    char *folder;
    bool finished;
    int rc; /* of the run that failed; 0 */
};

struct fg_sweep_jobs {
    struct fg_sweep_job *job;
    size_t n, cap;
};

/* Make a folder for runs, parents included. Errors: FG_E_IO and what else keeps one from being made. */
enum fg_status fg_sweep_folder(const char *path, struct fg_err *err) FG_NODISCARD;

/* Who has a say in which jobs there are: told of each one's levels and seed, it may add to its keys, or say
 * that it
 * is not wanted. */
struct fg_sweep_chooser {
    enum fg_status (*choose)(void *arg, struct fg_sweep_job *job, bool *wanted, struct fg_err *err);
    void *arg;
};

/* The jobs, seeds outermost, in folders under `out`, each configuration checked; those that are finished
 * are marked. `base` is the configuration's path; `who` may be NULL. Errors: what is wrong with a
 * configuration (FG_E_CONFIG,
 * FG_E_MISSING); FG_E_CONFIG naming the key in which a run that is there differs; FG_E_NOMEM. Owner: the
 * caller, fg_sweep_jobs_fini(). */
enum fg_status fg_sweep_plan(struct fg_sweep_jobs *out, const struct fg_sweep *s, const char *base,
                             const char *folder, const struct fg_sweep_chooser *who,
                             struct fg_err *err) FG_NODISCARD;
void fg_sweep_jobs_fini(struct fg_sweep_jobs *j);

/* Run what is not finished, `width` processes at a time, each with one thread when there are several. A
 * failed run does not keep the others from running: its job has rc. Errors: FG_E_INTERRUPTED when asked to
 * stop (the runs have saved what they did); FG_E_IO when no process can be started. */
enum fg_status fg_sweep_run(struct fg_sweep_jobs *jobs, const struct fg_sweep *s, const char *base,
                            unsigned width, int quiet, struct fg_err *err) FG_NODISCARD;

/* What the runs say: one axis (compare) against the others' cells. */
struct fg_sweep_verdict {
    size_t compare; /* axis */
    size_t levels, cells, seeds;
    double *value;        /* (cells, levels, seeds) NAN where there is none */
    struct fg_mean *mean; /* (cells, levels) */
    struct fg_mean *pair; /* (cells, levels, levels): [a][b] is a less b over common seeds */
    size_t blocks;        /* that ranks come from */
    double *rank;         /* (levels) average; NAN without blocks */
    struct fg_friedman friedman;
};

/* The same in steps, for values from elsewhere: an empty verdict, values put in, the verdict made. Errors:
 * FG_E_NOMEM.
 * Owner: the caller, fg_sweep_verdict_fini(). */
enum fg_status fg_sweep_verdict_init(struct fg_sweep_verdict *out, const struct fg_sweep *s) FG_NODISCARD;
void fg_sweep_put(struct fg_sweep_verdict *v, const struct fg_sweep *s, const size_t *level, uint64_t seed,
                  double value);
enum fg_status fg_sweep_conclude(struct fg_sweep_verdict *v, const struct fg_sweep *s) FG_NODISCARD;

/* Whether summaries have the metric: before the first run. Errors: FG_E_CONFIG, FG_E_NOMEM. */
enum fg_status fg_sweep_check_metric(const struct fg_sweep *s, struct fg_err *err) FG_NODISCARD;

/* Read the metric of every finished job. Errors: FG_E_CONFIG when no run has it, naming those there are;
 * FG_E_NOMEM, FG_E_CORRUPT. Owner: the caller, fg_sweep_verdict_fini(). */
enum fg_status fg_sweep_judge(struct fg_sweep_verdict *out, const struct fg_sweep *s,
                              const struct fg_sweep_jobs *jobs, struct fg_err *err) FG_NODISCARD;
void fg_sweep_verdict_fini(struct fg_sweep_verdict *v);

/* The level of an axis in a cell; the cell's name, e.g. "budget=40 pi=0.5". */
size_t fg_sweep_level_of(const struct fg_sweep *s, size_t compare, size_t cell, size_t axis);
enum fg_status fg_sweep_cell_name(struct fg_str *out, const struct fg_sweep *s, size_t compare,
                                  size_t cell) FG_NODISCARD;

/* A row a run: its levels, seed and every number of its summary. */
enum fg_status fg_sweep_csv(struct fg_str *out, const struct fg_sweep *s, const struct fg_sweep_jobs *jobs,
                            struct fg_err *err) FG_NODISCARD;

/* The same of every evaluation of every finished run: results after so many rounds, hours, steps, bytes,
 * Wh, g. */
enum fg_status fg_sweep_curves(struct fg_str *out, const struct fg_sweep *s, const struct fg_sweep_jobs *jobs,
                               struct fg_err *err) FG_NODISCARD;

/* Means with intervals by cell, and the average ranks with the critical difference, as SVG. Without gnuplot
 * that is a warning, and no file: *drawn says whether there is one. Errors: those of the file. */
enum fg_status fg_sweep_picture(bool *drawn, const char *path, const struct fg_sweep *s,
                                const struct fg_sweep_verdict *v, struct fg_err *err) FG_NODISCARD;

/* For people, on stdout; as JSON. */
enum fg_status fg_sweep_print(const struct fg_sweep *s, const struct fg_sweep_verdict *v);
json_t *fg_sweep_json(const struct fg_sweep *s, const struct fg_sweep_jobs *jobs,
                      const struct fg_sweep_verdict *v);

#endif

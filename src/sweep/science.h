/* forage bench science: our policy against the others, by a study that is fixed and hashed; doc/science.md.
 *
 * Place: on top of the sweep's jobs and statistics. Flow: fg_science_open(), fg_science_stages(),
 * fg_science_merge(), fg_science_judge(). Thread safety: one caller.
 */
#ifndef FG_SWEEP_SCIENCE_H
#define FG_SWEEP_SCIENCE_H

#include "src/plan/record.h"
#include "src/sweep/sweep.h"

/* The axes of a study, in this order. */
enum { FG_SCI_WORK, FG_SCI_TRACE, FG_SCI_DATA, FG_SCI_BUDGET, FG_SCI_DEADLINE, FG_SCI_POLICY, FG_SCI_AXES };

enum { FG_SCI_RATES = 4, FG_SCI_SEASONS = 4 };

/* A size of the study. All of it is hashed. */
struct fg_science_size {
    const char *name, *doc;
    const char *base;               /* configuration of every run */
    const char *axes;               /* the axes as a sweep's file has them, but for the policies */
    uint32_t rounds;                /* in which unrestricted FedAvg reaches its plateau */
    const char *rate[FG_SCI_RATES]; /* learning rates that every policy tries; NULL ends them */
    unsigned tune_seeds;            /* seeds of the validation split */
    unsigned seeds, step, most;     /* seeds of the test split: at first, added where undecided, in all */
    bool seasons;                   /* a seed's run begins in one of four seasons */
    bool synthetic;                 /* traces are drawn by us into the study's folder */
    bool (*in)(const struct fg_sweep *s, const size_t *level); /* the cells of the design */
    double run_s[2]; /* not hashed: seconds of one core for a run of each workload, as measured */
};

extern const struct fg_science_size fg_science_sizes[]; /* closed by a NULL name */

/* The policies: levels of the axis "policy". Those from fg_science_bounds on take no part in ranks. Policies
 * under data.placement = movable are judged among themselves, against "forage-moving", the others against
 * "forage". */
extern const char fg_science_policies[];
extern const char fg_science_bounds[];

/* One run of the table. */
struct fg_science_row {
    size_t level[FG_SWEEP_AXES];
    uint64_t seed;
    double accuracy; /* mean of the last three evaluations before the ledger reaches the budget */
    double carbon_g, wh, seconds;
    double target_g; /* carbon at which that mean first reached the cell's target; NAN: it never did */
    char sha256[65]; /* of the parameters */
};

/* What is known of a combination of workload, trace and coupling. */
struct fg_science_field {
    uint32_t rounds; /* R; 0 before the validation runs */
    double target;   /* accuracy: the unrestricted plateau on the validation split less a point */
    double carbon_g; /* of R rounds on the validation split */
};

struct fg_science {
    const struct fg_science_size *size;
    struct fg_sweep sweep; /* its seeds are those of the set of jobs under way */
    char *folder;          /* absolute */
    struct fg_str base;    /* path */
    char hash[65];
    size_t ranked;  /* policies that take part in ranks; the others stand behind them */
    size_t ours[2]; /* levels of "forage" and "forage-moving" */
    unsigned width;
    int quiet;
    bool show;                      /* run nothing: what is finished is all */
    unsigned *seeds;                /* (cells, policies) seeds that each has by now */
    size_t *rate;                   /* (workloads, policies) chosen */
    struct fg_science_field *field; /* (workloads, traces, couplings) */
    double *full_g;                 /* (fields, most seeds) carbon of the unrestricted run; NAN before */
    double *full;                   /* (fields, most seeds) its accuracy */
    struct fg_science_row *row;
    size_t n_rows, cap_rows;
};

/* `more` are further policies in the form of a sweep's axis, NULL for none. Makes the folder's base file
 * and traces.
 * Errors: FG_E_CONFIG for a folder of another study, for policies that cannot be read; FG_E_IO, FG_E_NOMEM.
 * Owner: the caller, fg_science_close(). */
enum fg_status fg_science_open(struct fg_science *out, const struct fg_science_size *size, const char *folder,
                               const char *more, struct fg_err *err) FG_NODISCARD;
void fg_science_close(struct fg_science *s);

/* SHA-256 of everything that is fixed of a size. */
enum fg_status fg_science_hash(char hex[65], const struct fg_science_size *size) FG_NODISCARD;

/* How many runs the first seeds make, validation included, and the hours of one core that they take. */
struct fg_science_effort {
    size_t cells, runs;
    double hours;
};
enum fg_status fg_science_effort_of(struct fg_science_effort *out,
                                    const struct fg_science_size *size) FG_NODISCARD;

/* All runs: validation, unrestricted, compared; seeds are added by the rule. What is finished is not run
 * again.
 * Errors: FG_E_INTERRUPTED; FG_E_IO when runs fail. */
enum fg_status fg_science_stages(struct fg_science *s, struct fg_err *err) FG_NODISCARD;

/* Runs of others: a results.csv. Rows that are here as well must have the same parameters.
 * Errors: FG_E_CORRUPT naming the line; FG_E_CONFIG for another study's or for other parameters. */
enum fg_status fg_science_merge(struct fg_science *s, const char *path, struct fg_err *err) FG_NODISCARD;

/* The rows as CSV, and back (used by merge). */
enum fg_status fg_science_csv(struct fg_str *out, const struct fg_science *s) FG_NODISCARD;

/* A cell of the design that has rows: which, and how we stand in it. */
struct fg_science_cell {
    size_t level[FG_SWEEP_AXES];
    size_t best; /* the ranked policy of its kind but ours that stands best against ours, over common seeds;
                  * ours: there is none */
    struct fg_mean ours, other, pair; /* pair: ours less the best other's, over common seeds */
    double low, p;                    /* one-sided 95% bound; p of "worse by the margin or more" */
    bool sure;                        /* non-inferior by Holm over all cells */
};

struct fg_science_table {
    struct fg_science_cell *cell;
    size_t n, cap;
    bool moving;             /* of policies under movable data, else of the others */
    size_t *policy;          /* (n_policies) the ranked ones of this kind */
    size_t n_policies, ours; /* ours: place among them */
    struct fg_sweep flat;    /* axes cell and policy (ranked) */
    struct fg_sweep_verdict verdict;
};

/* Whether a policy may move data. */
bool fg_science_moves(const struct fg_science *s, size_t policy);

/* The cells that have runs of policies with fixed data, or with movable data. Errors: FG_E_NOMEM. Owner: the
 * caller, fg_science_table_fini(). */
enum fg_status fg_science_judge(struct fg_science_table *out, const struct fg_science *s,
                                bool moving) FG_NODISCARD;
void fg_science_table_fini(struct fg_science_table *t);

/* The margin of a workload: -0.002 for MNIST, -0.005 else. */
double fg_science_margin(const struct fg_science *s, size_t workload);

/* For doc/results.md, on stdout: a table of fixed and one of movable data. */
enum fg_status fg_science_print(const struct fg_science *s, const struct fg_science_table t[2]);

json_t *fg_science_json(const struct fg_science *s, const struct fg_science_table t[2]);

/* Helpers of the files above. */
size_t fg_science_field_of(const struct fg_science *s, const size_t *level);
const char *fg_science_label(const struct fg_science *s, size_t axis, const size_t *level);
enum fg_status fg_science_read_run(struct fg_science_row *out, const char *folder, double budget_g,
                                   double target, struct fg_err *err) FG_NODISCARD;
enum fg_status fg_science_rounds(struct fg_round_record **out, size_t *n, const char *folder,
                                 struct fg_err *err) FG_NODISCARD;

#endif

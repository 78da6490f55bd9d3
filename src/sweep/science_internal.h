/* What the files of the study's stages share. */
#ifndef FG_SWEEP_SCIENCE_INTERNAL_H
#define FG_SWEEP_SCIENCE_INTERNAL_H

#include "src/sweep/science.h"

/* Validation: sums over seeds, and how many there were. */
struct trial {
    size_t fields, rounds;
    double *accuracy, *carbon_g; /* (rates, fields, rounds) of unrestricted runs */
    double *score;               /* (rates, workloads, policies) accuracy at the budget */
    unsigned *n;                 /* (rates, fields) runs in them */
};

enum stage { TRY_FULL, TRY_POLICIES, FULL, COMPARED };

struct choice {
    const struct fg_science *s;
    enum stage stage;
    size_t rate;         /* TRY_*: of the grid */
    bool last;           /* COMPARED: those that need our runs */
    struct trial *trial; /* TRY_*: what comes of them */
};

typedef enum fg_status fg_science_visit(struct fg_science *s, const struct choice *c,
                                        const struct fg_sweep_job *job, struct fg_err *err);

/* Plan and run a set of jobs in folder `name`, seeds from `first` on; `visit` sees each that is finished.
 * Errors:
 * FG_E_INTERRUPTED, FG_E_IO when runs fail, those of the sweep. */
enum fg_status fg_science_set(struct fg_science *s, struct choice *c, const char *name, uint64_t first,
                              unsigned seeds, fg_science_visit *visit, struct fg_err *err) FG_NODISCARD;

/* A job's budget: a share of its own seed's unrestricted run on the test split, of all's mean on the
 * validation split.
 * NAN where that is not known. */
double fg_science_budget(const struct fg_science *s, const struct fg_sweep_job *job, bool test);

/* Learning rates, R, its carbon and the targets, all on the validation split. */
enum fg_status fg_science_tune(struct fg_science *s, struct fg_err *err) FG_NODISCARD;

/* Seeds that a policy has in a cell by now. */
unsigned *fg_science_seeds_of(const struct fg_science *s, const size_t *level, size_t policy);

/* Judge the rows that there are. In each cell that is not settled those in the race, ours and every ranked
 * policy that is not below the best other at one-sided 95%, get a step more seeds, up to the size's most; one
 * that comes back to the race catches up first. *more: there are any to run (with --show: to look for);
 * *most: grows to the largest number of seeds. */
enum fg_status fg_science_race(struct fg_science *s, bool *more, unsigned *most) FG_NODISCARD;

/* Whether it draws its slots at random, by the counts of our run. */
bool fg_science_random(const char *policy);

/* Cells, and the name of one. */
bool fg_science_same_cell(const size_t *a, const size_t *b);
enum fg_status fg_science_cell_name(struct fg_str *out, const struct fg_science *s,
                                    const size_t *level) FG_NODISCARD;

#endif

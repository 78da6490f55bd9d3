/* The results file of a finished study: parameters, partition, rounds, and what every client was and spent.
 *
 * Thread safety: one caller.
 */
#ifndef FG_CMD_STUDY_RESULTS_H
#define FG_CMD_STUDY_RESULTS_H

#include "src/sim/setup.h"
#include "src/store/rundir.h"

/* Gather it all and have the run folder finish (run.h5, summary.json). Errors: FG_E_NOMEM, FG_E_IO, FG_E_FULL. */
enum fg_status fg_study_results(struct fg_rundir *dir, const struct fg_setup *setup,
                                const struct fg_aggregator *agg, struct fg_summary *summary,
                                struct fg_err *err) FG_NODISCARD;

#endif

/* The results file of a finished study: parameters, partition, rounds, and what every client was and spent.
 *
 * Thread safety: one caller.
 */
#ifndef FG_STUDY_STUDY_RESULTS_H
#define FG_STUDY_STUDY_RESULTS_H

#include "src/sim/setup.h"
#include "src/store/rundir.h"

/* Most memory of this process so far, in bytes; 0: not known. */
double fg_study_peak_bytes(void);

/* Gather it all and have the run folder finish (run.h5, summary.json); a peak of memory in the summary then
 * is that of the results, too. Errors: FG_E_NOMEM, FG_E_IO, FG_E_FULL. */
enum fg_status fg_study_results(struct fg_rundir *dir, const struct fg_setup *setup,
                                const struct fg_aggregator *agg, struct fg_summary *summary,
                                struct fg_err *err) FG_NODISCARD;

#endif

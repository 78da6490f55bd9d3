/* Two runs of the same study, side by side: what happened and what was predicted,
 * what happened and what would have.
 *
 * Thread safety: one caller.
 */
#ifndef FG_STUDY_COMPARE_H
#define FG_STUDY_COMPARE_H

#include <jansson.h>

#include "src/base/status.h"

/* Compare two run folders. *out: an object of both summaries under their names, `difference` (of the totals,
 * the first less the second) and `rounds` (a list of `round` and each run's counts and times under its name).
 * Errors: FG_E_MISSING, FG_E_INPUT, FG_E_NOMEM. Owner: json_decref(). */
enum fg_status fg_compare_runs(json_t **out, const char *const names[2], const char *const dirs[2],
                               struct fg_err *err) FG_NODISCARD;

/* The same for people, on stdout. */
void fg_compare_print(const json_t *comparison, const char *const names[2]);

#endif

/* The files that a run's decisions come from: traces, prices and the like, each with its SHA-256. They lie in
 * the run's folder as `sha256sum --check` reads them, and a run goes on with the same files only. Samples are
 * not among them: study_journal.h.
 *
 * Thread safety: no shared state.
 */
#ifndef FG_STUDY_INPUTS_H
#define FG_STUDY_INPUTS_H

#include "src/config/config.h"

#define FG_INPUTS "inputs.sha256"

/* Append a line for each plain file that the configuration names, in the order of its keys. Cost: one pass
 * over the files. Errors: FG_E_MISSING, FG_E_IO, FG_E_NOMEM. */
enum fg_status fg_inputs_list(struct fg_str *out, const struct fg_config *c, struct fg_err *err) FG_NODISCARD;

/* Compare them with what the folder's list says; a folder without one knows nothing. Errors: FG_E_CONFIG
 * names the first file that is another now; FG_E_IO, FG_E_NOMEM. */
enum fg_status fg_inputs_same(const char *folder, const struct fg_str *list, struct fg_err *err) FG_NODISCARD;

#endif

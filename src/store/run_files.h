/* Which files of a folder are a run's own.
 *
 * Thread safety: no shared state.
 */
#ifndef FG_STORE_RUN_FILES_H
#define FG_STORE_RUN_FILES_H

#include "src/base/status.h"

/* A folder with somebody's other files in it is most likely a slip of --out. Errors: FG_E_USAGE names one;
 * FG_E_IO. */
enum fg_status fg_run_files_alone(const char *folder, struct fg_err *err) FG_NODISCARD;

/* Remove a run's files but for its lock, config.ini first, so that a folder half cleared is no run. Errors:
 * FG_E_NOMEM, FG_E_IO: what could not be removed, and what comes after it, is still there. */
enum fg_status fg_run_files_clear(const char *folder, struct fg_err *err) FG_NODISCARD;

/* Refuse to put something else where a run, of whatever folder, has a file of its own. Errors: FG_E_USAGE,
 * FG_E_NOMEM. */
enum fg_status fg_run_files_apart(const char *path, struct fg_err *err) FG_NODISCARD;

#endif

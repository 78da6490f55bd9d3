/* Logging: one line a message, to a stream that the program names and to the run's log.txt.
 *
 * Only shells and programs log; cores do not. stdout is for results: the program hands in stderr. A message
 * goes to the stream when its level is at most the stream's, and likewise to the file, with the wall-clock
 * time before it. Thread safety: fg_log_write() from any thread; the setters before threads start.
 */
#ifndef FG_BASE_LOG_H
#define FG_BASE_LOG_H

#include <stdio.h>

#include "src/base/status.h"

enum fg_log_level { FG_LOG_ERROR, FG_LOG_WARN, FG_LOG_INFO, FG_LOG_DEBUG, FG_LOG_TRACE };

/* Send messages of at most `level` to `to`; NULL: nowhere (the state at the start). */
void fg_log_to(FILE *to, int level);

/* The same for the run's log file, which keeps messages up to FG_LOG_DEBUG; NULL closes nothing. Owner: the
 * caller closes it after it handed in NULL. */
void fg_log_to_file(FILE *file);

/* Write "forage: level: message" (info without the level). */
void fg_log_write(enum fg_log_level level, const char *fmt, ...) FG_PRINTF(2, 3);

/* The same into the run's log file alone: for what the program prints in its own way. */
void fg_log_file_write(enum fg_log_level level, const char *fmt, ...) FG_PRINTF(2, 3);

#endif

/* The lock of a run folder: a file with the holder's pid, held by flock() for as long as the process lives.
 *
 * Thread safety: one thread a lock.
 */
#ifndef FG_STORE_LOCK_H
#define FG_STORE_LOCK_H

#include <stdbool.h>

#include "src/base/status.h"

/* Take folder/lock, waiting up to wait_ms for its holder. Gives the open file. Errors: FG_E_BUSY naming the
 * holder's pid, FG_E_IO, FG_E_FULL. Owner: the caller, fg_lock_drop(). */
enum fg_status fg_lock_take(int *fd, const char *folder, unsigned wait_ms, struct fg_err *err) FG_NODISCARD;
void fg_lock_drop(int fd);

/* Whether a process holds the folder now. */
bool fg_lock_is_held(const char *folder);

#endif

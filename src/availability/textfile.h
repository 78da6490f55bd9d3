/* A plain or gzip-compressed file, read in pieces: the one place of this folder that touches the disk.
 * Thread safety: any number of callers. */
#ifndef FG_AVAILABILITY_TEXTFILE_H
#define FG_AVAILABILITY_TEXTFILE_H

#include <stddef.h>

#include "src/base/status.h"

/* Read the file (gzip is recognised by its content) and hand its decompressed bytes to take, piece by piece.
 * Errors: FG_E_MISSING if it cannot be opened, FG_E_INPUT if it is a truncated or damaged gzip file, FG_E_IO,
 *         whatever take returns (take has written err then). */
enum fg_status fg_textfile_read(const char *path,
                                enum fg_status (*take)(void *arg, const void *bytes, size_t len,
                                                       struct fg_err *err),
                                void *arg, struct fg_err *err) FG_NODISCARD;

#endif

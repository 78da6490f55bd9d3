/* The rows that an aggregation rule keeps of its clients (fg_rule_rows), saved in the run's folder.
 *
 * The rows are in RAM, or in a file of the folder that is mapped into memory: the same bytes either way. They
 * are saved into `memory.0` or `memory.1`, journals (journal.h) whose records are rows; a client's newest row
 * counts. A save appends the rows that changed since the last one. When a file would hold more than twice the
 * live rows, the other file is begun with just these. A checkpoint names a file and its length; the other
 * file is kept until no checkpoint names it any more. Bytes: doc/run-directory.md.
 * Thread safety: one thread.
 */
#ifndef FG_STORE_MEMORY_H
#define FG_STORE_MEMORY_H

#include "src/aggregator/rule.h"
#include "src/store/journal.h"

struct fg_memory;

/* What a checkpoint names: the file's number (it lies in memory.<generation mod 2>; 0: nothing was saved) and
 * its length. */
struct fg_memory_mark {
    uint64_t generation, length;
};

struct fg_memory_cost {
    uint64_t bytes; /* of rows that were ever written */
    double save_s;  /* spent in fg_memory_save() */
};

/* Open with rows of zeros, and see what the folder has saved. With on_disk their room is allocated at once:
 * a disk that is too small is found out here. Errors: FG_E_FULL, FG_E_IO, FG_E_NOMEM. Owner: the caller,
 * fg_memory_close() (NULL allowed). */
enum fg_status fg_memory_open(struct fg_memory **out, const char *folder, uint32_t clients, size_t params,
                              bool on_disk, struct fg_err *err) FG_NODISCARD;
void fg_memory_close(struct fg_memory *m);

struct fg_rule_rows fg_memory_rows(const struct fg_memory *m); /* (clients, params) */
struct fg_memory_cost fg_memory_cost(const struct fg_memory *m);

/* Whether the folder has what a checkpoint names, undamaged. Errors: FG_E_CORRUPT naming the file. */
enum fg_status fg_memory_fits(const struct fg_memory *m, struct fg_memory_mark mark,
                              struct fg_err *err) FG_NODISCARD;

/* Read the rows of a mark that fits into rows of zeros, and cut off what was saved after it. Errors:
 * FG_E_CORRUPT, FG_E_IO. */
enum fg_status fg_memory_restore(struct fg_memory *m, struct fg_memory_mark mark,
                                 struct fg_err *err) FG_NODISCARD;

/* Save the rows that changed, durably. Errors: FG_E_FULL, FG_E_IO: what earlier marks name is unchanged. */
enum fg_status fg_memory_save(struct fg_memory *m, struct fg_memory_mark *mark,
                              struct fg_err *err) FG_NODISCARD;

/* The checkpoint that names the last save is on disk: remove the file that no checkpoint names any more. */
void fg_memory_settled(struct fg_memory *m);

#endif

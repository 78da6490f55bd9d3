/* A run's folder: locked, tied to one configuration, and always in a state that the same command can go on
 * from.
 *
 * The caller checks every input first; only then fg_rundir_open() creates anything. Rounds are appended as
 * they commit; a checkpoint ties the core's state to the lengths of the appended files; resuming cuts them
 * back to it. Files: doc/run-directory.md. Thread safety: one thread.
 */
#ifndef FG_STORE_RUNDIR_H
#define FG_STORE_RUNDIR_H

#include "src/config/config.h"
#include "src/store/memory.h"
#include "src/store/run_h5.h"

enum fg_rundir_state {
    FG_RUNDIR_NEW,     /* nothing was there */
    FG_RUNDIR_RESUME,  /* an unfinished run of the same configuration */
    FG_RUNDIR_FINISHED /* a finished one: nothing to do, nothing was changed */
};

enum { FG_RUNDIR_WAIT_MS = 10000 };

struct fg_rundir;

/* Open or create the folder, wait up to wait_ms for its lock, and find out what is in it. With `force` what
 * is there is thrown away. Messages logged from now on also go to its log.txt.
 *
 * Errors: FG_E_BUSY naming the holder's pid; FG_E_CONFIG naming the first key that differs from the run
 * there; FG_E_USAGE for a folder with other files in it; FG_E_IO, FG_E_FULL naming the file. A folder that
 *         was created is removed again.
 * Owner:  the caller, fg_rundir_close().
 */
enum fg_status fg_rundir_open(struct fg_rundir **out, const char *path, const struct fg_config *c, bool force,
                              unsigned wait_ms, struct fg_err *err) FG_NODISCARD;
void fg_rundir_close(struct fg_rundir *d);

enum fg_rundir_state fg_rundir_state(const struct fg_rundir *d);
const char *fg_rundir_path(const struct fg_rundir *d);

/* Go on from the newest valid checkpoint: its state goes to *state (empty when there is none), rounds.csv and
 * the participation rows are cut back to it. *journal_len is the journal's length then: records behind it are
 * later events, to be replayed or cut. Errors: FG_E_CORRUPT, FG_E_IO. Owner of *state: the caller. */
enum fg_status fg_rundir_resume(struct fg_rundir *d, struct fg_str *state, uint64_t *journal_len,
                                struct fg_err *err) FG_NODISCARD;

/* Append one committed round and who took part in it. Errors: FG_E_FULL, FG_E_IO. */
enum fg_status fg_rundir_round(struct fg_rundir *d, const struct fg_round_record *r,
                               const struct fg_participation *p, size_t n, struct fg_err *err) FG_NODISCARD;

/* Make all of that durable together with the core's state, which `put` adds to *out twice, the same bytes, a
 * piece at a time held in memory (str.h); and rewrite summary.json. Errors: FG_E_FULL, FG_E_IO,
 * FG_E_NOMEM, those of put. */
enum fg_status fg_rundir_checkpoint(struct fg_rundir *d,
                                    enum fg_status (*put)(const void *arg, struct fg_str *out),
                                    const void *arg, const struct fg_summary *s,
                                    struct fg_err *err) FG_NODISCARD;

/* Write run.h5, then summary.json (whose status says "finished"). The caller fills summary, layers, tensor,
 * n_tensors, params, ledger and n_ledger of *c; the rest comes from the folder. */
enum fg_status fg_rundir_finish(struct fg_rundir *d, struct fg_run_content *c,
                                struct fg_err *err) FG_NODISCARD;

/* Rewrite summary.json alone. Errors: FG_E_FULL, FG_E_IO, FG_E_NOMEM. */
enum fg_status fg_rundir_summary(struct fg_rundir *d, const struct fg_summary *s,
                                 struct fg_err *err) FG_NODISCARD;

/* Keep a board (board.h) from now on: its header, the length of a row, and how many rounds are committed.
 * Once, before the first round. Errors: FG_E_IO, FG_E_FULL. */
enum fg_status fg_rundir_board(struct fg_rundir *d, const struct fg_str *header, size_t row, uint64_t rounds,
                               struct fg_err *err) FG_NODISCARD;
enum fg_status fg_rundir_board_row(struct fg_rundir *d, const struct fg_str *row,
                                   struct fg_err *err) FG_NODISCARD;

struct fg_journal *fg_rundir_journal(struct fg_rundir *d);

/* Keep rows of each client for the rule, to be saved with each checkpoint: once, before fg_rundir_resume().
 * Errors: as fg_memory_open(). */
enum fg_status fg_rundir_remember(struct fg_rundir *d, uint32_t clients, size_t params, bool on_disk,
                                  struct fg_err *err) FG_NODISCARD;
struct fg_memory *fg_rundir_memory(struct fg_rundir *d); /* NULL: none are kept */

#endif

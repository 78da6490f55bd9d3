/* What a study writes into its journal; bytes in doc/run-directory.md.
 *
 * A virtual run's journal holds only what cannot be derived again: when it was begun and stopped, by whom, on
 * which data. Under run.clock = real every event that the core took is in it, with its time: state =
 * fold of the configuration and the journal. Thread safety: one caller.
 */
#ifndef FG_STUDY_STUDY_JOURNAL_H
#define FG_STUDY_STUDY_JOURNAL_H

#include "datasets/partition.h"
#include "src/aggregator/core.h"
#include "src/sim/timeline.h"
#include "src/store/journal.h"

enum { FG_JOURNAL_BEGIN = 1, FG_JOURNAL_STOP = 2, FG_JOURNAL_EVENT = 3, FG_JOURNAL_SEEN = 4 };

/* SHA-256 of who has which samples, and of the samples' checksums; part: NULL: there are no data, zeros.
 * Errors: FG_E_NOMEM. */
enum { FG_STUDY_HASH = 32 };
enum fg_status fg_study_hash_data(uint8_t out[FG_STUDY_HASH], const struct fg_partition *part,
                                  const struct fg_dataset *data, struct fg_err *err) FG_NODISCARD;

/* BEGIN or STOP: u64 wall clock in us, u64 start of the run in us, u64 version, u32 pid, that hash. */
enum fg_status fg_study_note(struct fg_journal *j, uint32_t type, fg_time_t start, uint64_t version,
                             const uint8_t data[FG_STUDY_HASH], struct fg_err *err) FG_NODISCARD;

/* EVENT: as src/aggregator/event_io.h encodes it. */
enum fg_status fg_study_note_event(struct fg_journal *j, const struct fg_event *ev,
                                   struct fg_err *err) FG_NODISCARD;

/* SEEN: u64 time in us, u32 client, u8 whether it came up (1) or is gone (0). */
enum fg_status fg_study_note_seen(struct fg_journal *j, fg_time_t now, uint32_t client, bool up,
                                  struct fg_err *err) FG_NODISCARD;

/* The start of the run that lies in `folder`, from its journal's first BEGIN;
 * `otherwise` when there is none. */
fg_time_t fg_study_started(const char *folder, fg_time_t otherwise);

/* Whether the run's last start had the data that we have: its configuration is the same, but the files that
 * it names may have become others. Errors: FG_E_CONFIG: it had not. */
enum fg_status fg_study_same_data(const char *folder, const uint8_t data[FG_STUDY_HASH],
                                  struct fg_err *err) FG_NODISCARD;

/* The events of a recorded run, in order. Errors: FG_E_MISSING, FG_E_CORRUPT, FG_E_INPUT (it has none),
 * FG_E_NOMEM.
 * Owner: the caller, fg_study_record_fini(). */
struct fg_study_record {
    struct fg_replay_record *events; /* (n), pointing into bytes */
    size_t n;
    struct fg_str bytes;
};
enum fg_status fg_study_recorded(struct fg_study_record *out, const char *folder,
                                 struct fg_err *err) FG_NODISCARD;

/* Of an unfinished run those of the rounds that were committed after a checkpoint, which stands for the
 * journal's first `from` bytes; *whole: the journal's length without what came after them.
 * Errors and owner: the same. */
enum fg_status fg_study_tail(struct fg_study_record *out, uint64_t from, const char *folder, uint64_t *whole,
                             struct fg_err *err) FG_NODISCARD;
void fg_study_record_fini(struct fg_study_record *r);

#endif

#include "src/study/study_journal.h"

#include <string.h>
#include <unistd.h>

#include "src/aggregator/event_io.h"
#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/now.h"

enum fg_status fg_study_hash_data(uint8_t out[FG_STUDY_HASH], const struct fg_partition *part,
                                  const struct fg_dataset *data, struct fg_err *err)
{
    struct {
        uint8_t partition[FG_STUDY_HASH];
        uint64_t sums[3];
    } all;
    memset(out, 0, FG_STUDY_HASH);
    if (part == NULL) {
        return FG_OK;
    }
    fg_dataset_sums(all.sums, data);
    enum fg_status st = fg_partition_hash(all.partition, part);
    if (st == FG_OK) {
        st = fg_sha256(out, &all, sizeof all);
    }
    return st == FG_OK ? FG_OK : fg_fail(err, st, "the data could not be hashed: %s", fg_status_text(st));
}

enum fg_status fg_study_note(struct fg_journal *j, uint32_t type, fg_time_t start, uint64_t version,
                             const uint8_t data[FG_STUDY_HASH], struct fg_err *err)
{
    struct fg_str payload = {0};
    enum fg_status st;
    FG_TRY(fg_put_u64(&payload, (uint64_t)fg_now()));
    FG_TRY(fg_put_u64(&payload, (uint64_t)start));
    FG_TRY(fg_put_u64(&payload, version));
    FG_TRY(fg_put_u32(&payload, (uint32_t)getpid()));
    FG_TRY(fg_str_add(&payload, data, FG_STUDY_HASH));
    FG_TRY(fg_journal_add(j, type, payload.data, payload.len, err));
cleanup:
    fg_str_fini(&payload);
    return st;
}

enum fg_status fg_study_note_event(struct fg_journal *j, const struct fg_event *ev, struct fg_err *err)
{
    struct fg_str payload = {0};
    enum fg_status st = fg_event_encode(&payload, ev);
    if (st == FG_OK) {
        st = fg_journal_add(j, FG_JOURNAL_EVENT, payload.data, payload.len, err);
    }
    fg_str_fini(&payload);
    return st;
}

enum fg_status fg_study_note_seen(struct fg_journal *j, fg_time_t now, uint32_t client, bool up,
                                  struct fg_err *err)
{
    struct fg_str payload = {0};
    enum fg_status st;
    FG_TRY(fg_put_u64(&payload, (uint64_t)now));
    FG_TRY(fg_put_u32(&payload, client));
    FG_TRY(fg_put_u8(&payload, up));
    FG_TRY(fg_journal_add(j, FG_JOURNAL_SEEN, payload.data, payload.len, err));
cleanup:
    fg_str_fini(&payload);
    return st;
}

/* What was noted at a start (fg_study_note()): the first of a folder, or the last. */
struct start {
    fg_time_t start;
    uint8_t data[FG_STUDY_HASH];
};

static bool read_start(struct start *out, const struct fg_journal_record *record)
{
    struct fg_reader r = fg_reader_of(record->payload, record->len);
    (void)fg_get_u64(&r); /* when */
    out->start = (fg_time_t)fg_get_u64(&r);
    (void)fg_get_u64(&r); /* version */
    (void)fg_get_u32(&r); /* process */
    const uint8_t *data = fg_get_bytes(&r, sizeof out->data);
    if (!r.bad) {
        memcpy(out->data, data, sizeof out->data);
    }
    return !r.bad;
}

/* False: nothing is known. */
static bool find_start(struct start *out, const char *folder, bool last)
{
    struct fg_str path = {0}, bytes = {0};
    struct fg_journal_record record;
    struct fg_err ignored;
    uint64_t at;
    bool known = false, found = fg_str_addf(&path, "%s/journal", folder) == FG_OK &&
                                fg_file_read(&bytes, path.data, FG_JOURNAL_MAX, &ignored) == FG_OK &&
                                fg_journal_begin(&at, bytes.data, bytes.len, &ignored) == FG_OK;
    while (found && (last || !known) && fg_journal_next(&record, &at, bytes.data, bytes.len) == 1) {
        known = (record.type == FG_JOURNAL_BEGIN && read_start(out, &record)) || known;
    }
    fg_str_fini(&path);
    fg_str_fini(&bytes);
    return known;
}

fg_time_t fg_study_started(const char *folder, fg_time_t otherwise)
{
    struct start s;
    return find_start(&s, folder, false) ? s.start : otherwise;
}

enum fg_status fg_study_same_data(const char *folder, const uint8_t data[FG_STUDY_HASH], struct fg_err *err)
{
    struct start s;
    return !find_start(&s, folder, true) || memcmp(s.data, data, FG_STUDY_HASH) == 0
               ? FG_OK
               : fg_fail(err, FG_E_CONFIG,
                         "%s: data.path: expected the samples that the run there was begun with, found "
                         "others; --force starts anew, --out names another folder",
                         folder);
}

/* The events behind `from`, which is 0 for all; *whole: the journal's length after the last whole round among
 * them, and *n_whole how many events it has by then. */
static enum fg_status read_events(struct fg_study_record *out, uint64_t from, const char *folder,
                                  uint64_t *whole, size_t *n_whole, struct fg_err *err)
{
    struct fg_str path = {0};
    struct fg_journal_record record;
    uint64_t at = 0;
    size_t cap = 0;
    enum fg_status st;
    *out = (struct fg_study_record){0};
    FG_TRY(fg_str_addf(&path, "%s/journal", folder));
    FG_TRY(fg_file_read(&out->bytes, path.data, FG_JOURNAL_MAX, err));
    FG_TRY(fg_journal_begin(&at, out->bytes.data, out->bytes.len, err));
    at = from > at ? from : at;
    *whole = at;
    *n_whole = 0;
    while (fg_journal_next(&record, &at, out->bytes.data, out->bytes.len) == 1) {
        if (record.type != FG_JOURNAL_EVENT) {
            continue;
        }
        FG_TRY(FG_GROW(out->events, out->n, cap));
        out->events[out->n++] = (struct fg_replay_record){.bytes = record.payload, .len = record.len};
        if (record.len > 0 && *(const uint8_t *)record.payload == FG_EVENT_EVALUATED) {
            *whole = at;
            *n_whole = out->n;
        }
    }
cleanup:
    fg_str_fini(&path);
    if (st != FG_OK) {
        fg_study_record_fini(out);
    }
    return st;
}

enum fg_status fg_study_recorded(struct fg_study_record *out, const char *folder, struct fg_err *err)
{
    uint64_t whole;
    size_t n_whole;
    enum fg_status st = read_events(out, 0, folder, &whole, &n_whole, err);
    if (st == FG_OK && out->n == 0) {
        fg_study_record_fini(out);
        st = fg_fail(err, FG_E_INPUT,
                     "%s/journal: no events in it; only launched runs under run.clock = real or "
                     "workers.on_loss = ignore can be replayed",
                     folder);
    }
    return st;
}

enum fg_status fg_study_tail(struct fg_study_record *out, uint64_t from, const char *folder, uint64_t *whole,
                             struct fg_err *err)
{
    size_t n;
    enum fg_status st = read_events(out, from, folder, whole, &n, err);
    if (st == FG_OK) {
        out->n = n; /* of the round that was open the workers are gone */
    }
    return st;
}

void fg_study_record_fini(struct fg_study_record *r)
{
    fg_free(r->events);
    fg_str_fini(&r->bytes);
    *r = (struct fg_study_record){0};
}

#include "src/cmd/study_journal.h"

#include <time.h>
#include <unistd.h>

#include "src/base/bytes.h"

enum fg_status fg_study_note(struct fg_journal *j, uint32_t type, fg_time_t start, uint64_t version,
                             const uint8_t partition[32], struct fg_err *err)
{
    struct fg_str payload = {0};
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    enum fg_status st;
    FG_TRY(fg_put_u64(&payload, (uint64_t)now.tv_sec * 1000000u + (uint64_t)now.tv_nsec / 1000u));
    FG_TRY(fg_put_u64(&payload, (uint64_t)start));
    FG_TRY(fg_put_u64(&payload, version));
    FG_TRY(fg_put_u32(&payload, (uint32_t)getpid()));
    FG_TRY(fg_str_add(&payload, partition, 32));
    FG_TRY(fg_journal_add(j, type, payload.data, payload.len, err));
cleanup:
    fg_str_fini(&payload);
    return st;
}

static enum fg_status put_outcome(struct fg_str *s, const struct fg_outcome *o)
{
    enum fg_status st;
    FG_TRY(fg_put_u8(s, (uint8_t)o->kind));
    FG_TRY(fg_put_u32(s, o->steps));
    FG_TRY(fg_put_u64(s, (uint64_t)o->t_begin));
    FG_TRY(fg_put_u64(s, (uint64_t)o->t_end));
    FG_TRY(fg_put_u64(s, o->bytes_down));
    FG_TRY(fg_put_u64(s, o->bytes_up));
cleanup:
    return st;
}

static enum fg_status put_event(struct fg_str *s, const struct fg_event *ev)
{
    enum fg_status st;
    FG_TRY(fg_put_u8(s, (uint8_t)ev->kind));
    FG_TRY(fg_put_u64(s, (uint64_t)ev->now));
    FG_TRY(fg_put_u64(s, ev->id));
    if (ev->kind == FG_EVENT_WAKE) {
        FG_TRY(fg_put_u32(s, (uint32_t)ev->n_available));
        FG_TRY(fg_put_u32s(s, ev->available, ev->n_available));
    }
    if (ev->kind == FG_EVENT_RESULT || ev->kind == FG_EVENT_LOST) {
        FG_TRY(put_outcome(s, ev->outcome));
    }
    if (ev->kind == FG_EVENT_RESULT) {
        FG_TRY(fg_put_u32(s, ev->result->client));
        FG_TRY(fg_put_f64(s, ev->result->loss));
    }
    if (ev->kind == FG_EVENT_EVALUATED) {
        FG_TRY(fg_put_u8(s, ev->evaluation.have));
        FG_TRY(fg_put_f64(s, ev->evaluation.loss));
        FG_TRY(fg_put_f64(s, ev->evaluation.accuracy));
    }
cleanup:
    return st;
}

enum fg_status fg_study_note_event(struct fg_journal *j, const struct fg_event *ev, struct fg_err *err)
{
    struct fg_str payload = {0};
    enum fg_status st = put_event(&payload, ev);
    if (st == FG_OK) {
        st = fg_journal_add(j, FG_JOURNAL_EVENT, payload.data, payload.len, err);
    }
    fg_str_fini(&payload);
    return st;
}

fg_time_t fg_study_started(const char *folder, fg_time_t otherwise)
{
    struct fg_str path = {0}, bytes = {0};
    struct fg_journal_record record;
    struct fg_err ignored;
    uint64_t at;
    fg_time_t start = otherwise;
    if (fg_str_addf(&path, "%s/journal", folder) == FG_OK &&
        fg_file_read(&bytes, path.data, FG_JOURNAL_MAX, &ignored) == FG_OK &&
        fg_journal_begin(&at, bytes.data, bytes.len, &ignored) == FG_OK &&
        fg_journal_next(&record, &at, bytes.data, bytes.len) == 1 && record.type == FG_JOURNAL_BEGIN) {
        struct fg_reader r = fg_reader_of(record.payload, record.len);
        (void)fg_get_u64(&r);
        fg_time_t found = (fg_time_t)fg_get_u64(&r);
        start = r.bad ? otherwise : found;
    }
    fg_str_fini(&path);
    fg_str_fini(&bytes);
    return start;
}

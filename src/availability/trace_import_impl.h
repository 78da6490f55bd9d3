/* What importers share: times in their usual spellings, and CSV files with named columns.
 * Thread safety: pure; an object belongs to one thread at a time. */
#ifndef FG_AVAILABILITY_TRACE_IMPORT_IMPL_H
#define FG_AVAILABILITY_TRACE_IMPORT_IMPL_H

#include "src/availability/lines.h"
#include "src/availability/trace_import.h"

extern const struct fg_trace_importer fg_trace_import_fta, fg_trace_import_spot_counts,
    fg_trace_import_spot_events, fg_trace_import_phone, fg_trace_import_states, fg_trace_import_uptime,
    fg_trace_import_intervals;

/* Seconds of "2022-10-26 12:00:00", "2022-10-26T12:00:00.250+02:00", a date, or a plain number of units
 * (*dated tells which; a number of seconds after 1980 counts as a date). A fraction of a dated second is
 * dropped. False if it is none of these or out of range. */
bool fg_import_time(struct fg_span text, double unit_s, int64_t *out_s, bool *dated);

/* Whether text is one of words, which are separated by '|'; case does not matter. */
bool fg_import_word(struct fg_span text, const char *words);

/* As fg_lines_fields(), by any separator; a field may stand in double quotes, separators and all. */
size_t fg_import_fields(const char *text, size_t len, char separator, struct fg_span *field, size_t max);

/* Names of columns, the better ones first: an `id` may be that of the row. */
#define FG_IMPORT_NODE \
    "node|device|host|hostname|machine|server|station|client|phone|user|uid|user_id|device_id|node_id|id"
#define FG_IMPORT_TIME "time|timestamp|time_s|utc_time|datetime|date_time|date"

#define FG_IMPORT_COLUMNS 64

/* A CSV file with a header line; `#` lines are prose. Where the header has no comma, fields are separated by
 * semicolons or, where it has none of these, by tabs. It is searched for columns by their names. */
struct fg_import_csv {
    struct fg_lines lines;   /* .name is the caller's */
    const char *const *want; /* (n_want) names by '|', the better ones first */
    size_t n_want;
    size_t at[8];   /* (n_want) where each is */
    size_t columns; /* of the header; 0 before it */
    char separator;
    /* The header, for columns whose names are not known beforehand; may be NULL. */
    enum fg_status (*header)(struct fg_import_csv *csv, const struct fg_span *field);
    enum fg_status (*row)(struct fg_import_csv *csv, const struct fg_span *field);
    void *arg;
};

enum fg_status fg_import_csv_read(struct fg_import_csv *csv, const void *bytes, size_t len,
                                  struct fg_err *err) FG_NODISCARD;

/* The time that a field says, or a problem that quotes it. */
enum fg_status fg_import_csv_time(struct fg_import_csv *csv, struct fg_span text, double unit_s,
                                  int64_t *out_s, bool *dated) FG_NODISCARD;

#endif

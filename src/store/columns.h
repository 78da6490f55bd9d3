/* The columns of a run's records, once: rounds.csv, participation rows and run.h5 are written from these
 * tables.
 *
 * Thread safety: const data and pure functions.
 */
#ifndef FG_STORE_COLUMNS_H
#define FG_STORE_COLUMNS_H

#include <stdbool.h>
#include <stddef.h>

#include "src/base/str.h"
#include "src/plan/record.h"

enum fg_col_kind {
    FG_COL_U8,
    FG_COL_U32,
    FG_COL_U64,
    FG_COL_F64,
    FG_COL_TIME,   /* fg_time_t; written in seconds */
    FG_COL_LOSS,   /* double; absent when negative */
    FG_COL_EVAL,   /* double of an evaluation; absent when it has none */
    FG_COL_CLIENTS /* double of an evaluation over the clients; absent when it has none */
};

struct fg_col {
    const char *name; /* with its unit at the end */
    const char *unit;
    enum fg_col_kind kind;
    size_t offset;
    const char *doc;
};

extern const struct fg_col fg_round_cols[];         /* of struct fg_round_record, closed by a NULL name */
extern const struct fg_col fg_participation_cols[]; /* of struct fg_participation */

/* One value as a double; false (and NaN) when it is absent. */
bool fg_col_f64(double *out, const struct fg_col *c, const void *row);

/* "used", "partial", ... of enum fg_verdict; "unknown" for another number. */
const char *fg_verdict_name(unsigned verdict);

/* Append the header line, one row (absent values are empty fields). */
enum fg_status fg_rounds_header(struct fg_str *out) FG_NODISCARD;
enum fg_status fg_rounds_row(struct fg_str *out, const struct fg_round_record *r) FG_NODISCARD;

/* Read rounds.csv back. A last line without its end is being written and ignored.
 *
 * Errors: FG_E_CORRUPT naming the line; FG_E_NOMEM. Owner: the caller, fg_free(*rows).
 */
enum fg_status fg_rounds_read(struct fg_round_record **rows, size_t *n, const char *text, size_t len,
                              struct fg_err *err) FG_NODISCARD;

/* The participation part file: a header of 16 bytes, rows of 96 bytes, little-endian. */
enum { FG_PARTS_HEADER = 16, FG_PARTS_ROW = 96 };
enum fg_status fg_parts_header(struct fg_str *out) FG_NODISCARD;
enum fg_status fg_parts_row(struct fg_str *out, const struct fg_participation *p) FG_NODISCARD;

/* How many whole rows a part file of these bytes holds. Errors: FG_E_CORRUPT, FG_E_VERSION. */
enum fg_status fg_parts_count(size_t *n, const void *bytes, size_t len, struct fg_err *err) FG_NODISCARD;

/* Row i of it: its verdict (enum fg_verdict) and whose it is; all of it. */
unsigned fg_parts_verdict(uint32_t *client, const void *bytes, size_t i);
void fg_parts_at(struct fg_participation *out, const void *bytes, size_t i);

#endif

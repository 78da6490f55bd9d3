/* Rows of a text table (comma or tab separated) over bytes in memory: no copies, line numbers kept.
 *
 * Lines that are empty or begin with '#' are skipped; a carriage return before the newline is dropped. As of
 * fg_table_init() there is no quoting: a separator always separates. fg_table_init_csv() reads what
 * spreadsheets and data frames write.
 *
 * Thread safety: none; one reader a cursor.
 */
#ifndef FG_DATASETS_TABLE_H
#define FG_DATASETS_TABLE_H

#include "datasets/rawfile.h"

struct fg_field {
    const char *text; /* (len), not NUL-terminated */
    size_t len;
};

struct fg_table {
    const struct fg_blob *blob;
    char separator;
    int csv;     /* fields may be quoted, and blanks around them do not count */
    size_t at;   /* next byte */
    size_t line; /* of the current row, from 1 */
    size_t next_line;
    struct fg_field *field; /* (fields) of the current row */
    size_t fields, cap;
};

void fg_table_init(struct fg_table *t, const struct fg_blob *blob, char separator);
/* Fields are parted by commas or, where the first line has none, by semicolons (decimals may have a comma
 * then) or tabs. A field in double quotes may hold separators; doubled quotes in it stay as they are; it
 * ends on its line. Blanks around fields do not count. */
void fg_table_init_csv(struct fg_table *t, const struct fg_blob *blob);
void fg_table_fini(struct fg_table *t);

/* Step to the next row: *more = 0 at the end. Errors: FG_E_NOMEM, FG_E_INPUT for a quote without end. */
enum fg_status fg_table_next(struct fg_table *t, int *more, struct fg_err *err) FG_NODISCARD;

/* The column of that name in the current row (the header); SIZE_MAX when there is none. */
size_t fg_table_column(const struct fg_table *t, const char *name);

/* Whether a field says that there is no value: it is empty, ?, NA, NaN, null or the like. */
int fg_field_missing(const struct fg_field *f);

/* A whole number 0..max in a field of the current row. Errors: FG_E_INPUT with file:line, column, found
 * text. */
enum fg_status fg_table_u32(const struct fg_table *t, size_t column, const char *what, uint32_t max,
                            uint32_t *value, struct fg_err *err) FG_NODISCARD;

/* A finite number that a float can hold. `name` is the column's in the header,
 * `note` goes behind the message. */
enum fg_status fg_table_f32(const struct fg_table *t, size_t column, const struct fg_field *name,
                            const char *note, float *value, struct fg_err *err) FG_NODISCARD;

#endif

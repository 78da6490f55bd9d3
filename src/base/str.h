/* Strings: a growing byte buffer, and strict parsing of whole numbers and floats in the C locale. */
#ifndef FG_BASE_STR_H
#define FG_BASE_STR_H

#include <stdint.h>

#include "src/base/status.h"

/* Where bytes go that are too many to be held. */
struct fg_sink {
    enum fg_status (*take)(struct fg_sink *sink, const void *bytes, size_t len);
};

/* A growing byte string, always NUL-terminated once something was added. Zero-initialise; fg_str_fini(). With
 * a sink what was added goes there piece by piece, and only what is left of it is here until
 * fg_str_flush(). */
struct fg_str {
    char *data;
    size_t len;
    size_t cap;
    struct fg_sink *sink; /* borrowed; NULL: all stays here */
};

void fg_str_fini(struct fg_str *s);
enum fg_status fg_str_add(struct fg_str *s, const void *bytes, size_t len) FG_NODISCARD;
enum fg_status fg_str_flush(struct fg_str *s) FG_NODISCARD; /* only with a sink; errors: its own */
enum fg_status fg_str_addf(struct fg_str *s, const char *fmt, ...) FG_PRINTF(2, 3) FG_NODISCARD;

/* Bytes of the character that text begins with: 1 to 4; 0 where it is none of UTF-8, or the end. */
size_t fg_utf8(const char *text);

/* How many bytes from the beginning are whole characters of UTF-8: all `len` of them,
 * or up to the first that is none (or NUL). */
size_t fg_utf8_span(const char *text, size_t len);

/* Bytes of the byte order mark that text begins with, as Windows' editors write it: 3, or 0. */
size_t fg_utf8_mark(const char *text, size_t len);

/* Append the shortest decimal that reads back as the same double; "nan", "inf", "-inf" as such. */
enum fg_status fg_str_add_f64(struct fg_str *s, double x) FG_NODISCARD;

/* Parse the whole of text[len] (no surrounding blanks) or fail: FG_E_INPUT if it is no number, FG_E_RANGE if
 * it does not fit. fg_parse_f64 refuses nan and inf. Values are in the C locale whatever the program's is. */
enum fg_status fg_parse_i64(int64_t *out, const char *text, size_t len) FG_NODISCARD;
enum fg_status fg_parse_u64(uint64_t *out, const char *text, size_t len) FG_NODISCARD;
enum fg_status fg_parse_f64(double *out, const char *text, size_t len) FG_NODISCARD;

/* Edit distance (insert, delete, replace) of two short strings (cut at 63 bytes): for "did you mean". */
unsigned fg_str_distance(const char *a, const char *b);

#endif

/* Lines of a CSV text with comments: what the trace and carbon readers share.
 *
 * Bytes come in pieces of any size; each complete line is handed to a function without its line end.
 * A problem either ends the reading (the first one becomes the error message) or, for `trace lint`, is noted
 * in a list and reading goes on.
 * Thread safety: one caller an object.
 */
#ifndef FG_AVAILABILITY_LINES_H
#define FG_AVAILABILITY_LINES_H

#include <stdbool.h>

#include "src/base/status.h"
#include "src/base/str.h"

#define FG_LINE_MAX 4096
#define FG_PROBLEMS_SHOWN 1000

/* Every problem of a file, one "name:line: what is wrong" a line (at most FG_PROBLEMS_SHOWN are written out).
 * Zero-initialise; fg_problems_fini(). */
struct fg_problems {
    struct fg_str text;
    size_t count;
};

void fg_problems_fini(struct fg_problems *p);

struct fg_lines {
    const char *name;        /* for messages, the caller's */
    struct fg_problems *all; /* NULL: the first problem is an error */
    struct fg_err *err;      /* where it goes; set anew by each call of the reader */
    size_t line;             /* number of the line being handled, from 1 */
    enum fg_status (*take)(void *arg, const char *text, size_t len);
    void *arg;
    size_t len;    /* bytes of an unfinished line in buf */
    bool overlong; /* the unfinished line was too long and is being skipped */
    char buf[FG_LINE_MAX];
};

/* Cut bytes into lines; *take is called for each, blank ones excepted.
 * Errors: FG_E_INPUT for over-long lines and control characters, whatever take returns, FG_E_NOMEM. */
enum fg_status fg_lines_feed(struct fg_lines *ls, const void *bytes, size_t len) FG_NODISCARD;

/* The last line, if it has no line end. */
enum fg_status fg_lines_end(struct fg_lines *ls) FG_NODISCARD;

/* Report a problem at a line (0 = of the file as a whole): FG_OK when it was noted and reading may go on,
 * FG_E_INPUT when it is the error. */
enum fg_status fg_lines_problem(struct fg_lines *ls, size_t line, const char *fmt, ...)
    FG_PRINTF(3, 4) FG_NODISCARD;

/* Part of a line. */
struct fg_span {
    const char *at;
    size_t len;
};

/* Without the blanks around it. */
struct fg_span fg_span_trim(const char *at, size_t len);

/* Split "# key: value" into key and value without surrounding blanks; false for prose (a key is one word of
 * letters, digits, `_`, `-` or `.`). */
bool fg_lines_key(const char *text, size_t len, struct fg_span *key, struct fg_span *value);

/* Whether the span is exactly this word. */
bool fg_span_is(struct fg_span s, const char *word);

/* Split at commas into at most max fields without surrounding blanks; returns how many there are in all. */
size_t fg_lines_fields(const char *text, size_t len, struct fg_span *field, size_t max);

/* Text made fit for a message: at most 40 characters, anything but printable ASCII as '?'. Returns buf. */
const char *fg_span_quote(char buf[48], struct fg_span s);

#endif

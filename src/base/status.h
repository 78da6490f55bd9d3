/* Status codes and error messages.
 *
 * Every function that can fail returns enum fg_status (0 = OK). A function that judges input takes a last
 * `struct fg_err *err` (may be NULL) and writes what went wrong, where (file:line or key), what was expected
 * and what was found. The function that decides writes it; callers may prefix it; only a program prints it.
 * Library code never exits and never prints. Outputs are written only on success.
 */
#ifndef FG_BASE_STATUS_H
#define FG_BASE_STATUS_H

#include <stddef.h>

#if defined(__GNUC__)
#define FG_NODISCARD __attribute__((warn_unused_result))
#define FG_PRINTF(a, b) __attribute__((format(printf, a, b)))
#else
#define FG_NODISCARD
#define FG_PRINTF(a, b)
#endif

/*      name          value  text */
#define FG_STATUS_MAP(X)                                 \
    X(OK, 0, "success")                                  \
    X(E_NOMEM, -1, "out of memory")                      \
    X(E_USAGE, -2, "wrong usage")                        \
    X(E_CONFIG, -3, "invalid configuration")             \
    X(E_INPUT, -4, "invalid input data")                 \
    X(E_MISSING, -5, "input not found")                  \
    X(E_IO, -6, "input/output failed")                   \
    X(E_FULL, -7, "no space left")                       \
    X(E_BUSY, -8, "held by another process")             \
    X(E_CORRUPT, -9, "corrupt data")                     \
    X(E_VERSION, -10, "unsupported version")             \
    X(E_RANGE, -11, "value out of range")                \
    X(E_STALE, -12, "stale or duplicate")                \
    X(E_SHAPE, -13, "wrong shape")                       \
    X(E_NONFINITE, -14, "not a finite number")           \
    X(E_GONE, -15, "peer is gone")                       \
    X(E_INTERRUPTED, -16, "interrupted")                 \
    X(E_UNSUPPORTED, -17, "not supported by this build") \
    X(E_INTERNAL, -18, "internal invariant broken")      \
    X(E_LOST, -19, "lost with its worker")

enum fg_status {
#define X(name, value, text) FG_##name = value,
    FG_STATUS_MAP(X)
#undef X
};

struct fg_err {
    char text[512]; /* NUL-terminated UTF-8, empty when nothing was written */
};

const char *fg_status_text(enum fg_status st);

/* The exit code of a program that ends with this status: 0 done, 1 the run failed, 2 usage, configuration or
 * input (what is damaged or of another version, too), 75 interrupted with everything saved. */
int fg_status_exit_code(enum fg_status st);

/* Write the message (one that does not fit lacks its middle) and return st, so that a check is one line:
 * `return fg_fail(err, FG_E_INPUT, "%s:%zu: expected a number, found '%s'", path, line, s);` */
enum fg_status fg_fail(struct fg_err *err, enum fg_status st, const char *fmt, ...) FG_PRINTF(3, 4);

/* Put "prefix: " before the message already in err and return st. */
enum fg_status fg_fail_prefix(struct fg_err *err, enum fg_status st, const char *fmt, ...) FG_PRINTF(3, 4);

/* A broken contract of the caller: kept in release builds, prints file:line and aborts. */
#define FG_ASSERT(cond) ((cond) ? (void)0 : fg_assert_failed(#cond, __FILE__, __LINE__))
void fg_assert_failed(const char *cond, const char *file, int line) __attribute__((noreturn));

/* `FG_TRY(call)` in a function with a `st` variable and a `cleanup:` label. */
#define FG_TRY(call)       \
    do {                   \
        st = (call);       \
        if (st != FG_OK) { \
            goto cleanup;  \
        }                  \
    } while (0)

#endif

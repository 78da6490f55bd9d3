/* Making a trace: intervals of nodes in any order, overlapping or not, become a trace file's text.
 *
 * Used by importers and by synthetic traces; reading the text (trace.h) gives the trace. Times are whole
 * seconds on any axis of the caller's; the text counts from the zero that the head names.
 * Thread safety: an object belongs to one thread at a time.
 */
#ifndef FG_AVAILABILITY_TRACE_BUILD_H
#define FG_AVAILABILITY_TRACE_BUILD_H

#include "src/availability/trace.h"
#include "src/base/str.h"

struct fg_trace_build;

enum fg_status fg_trace_build_create(struct fg_trace_build **out) FG_NODISCARD;
void fg_trace_build_destroy(struct fg_trace_build *b);

/* The node of a name, new or known. Where the format cannot hold it (commas, what is no UTF-8, more than 63
 * bytes), '_' stands for such a byte, and a hash of the whole name behind it. Errors: FG_E_INPUT for an empty
 * name, FG_E_NOMEM. */
enum fg_status fg_trace_build_node(struct fg_trace_build *b, uint32_t *node, const char *name,
                                   size_t len) FG_NODISCARD;

/* The node is up in [start, end); an empty or reversed interval only counts as observed time. */
enum fg_status fg_trace_build_add(struct fg_trace_build *b, uint32_t node, int64_t start_s,
                                  int64_t end_s) FG_NODISCARD;

/* [from, to] was watched, be anyone up or not. */
void fg_trace_build_observe(struct fg_trace_build *b, int64_t from_s, int64_t to_s);

/* What a file says of itself; zero-initialise. */
struct fg_trace_head {
    enum fg_clock clock; /* utc: the axis is seconds since 1970; else any */
    bool at_midnight;    /* zero is the midnight before the first observation, not the observation */
    bool nested, ends_lower_bound;
    bool dated;     /* local, elapsed: the axis is seconds since 1970 by that clock, so the date is known */
    const char *tz; /* NULL: not said */
    const char *source; /* prose, one line; NULL: none */
};

/* Append the text of a trace. What was not observed in between counts as down.
 * Errors: FG_E_INPUT if no node is ever up or it spans more than the format holds, FG_E_NOMEM. */
enum fg_status fg_trace_build_text(struct fg_str *out, struct fg_trace_build *b,
                                   const struct fg_trace_head *head, struct fg_err *err) FG_NODISCARD;

#endif

/* Availability traces: who was up when.
 *
 * A trace is a table of nodes, each with sorted, disjoint, not touching intervals [start, end) in whole
 * seconds after the trace's zero; outside of them the node is down (or unobserved). Rows are kept once and
 * shared by all clients drawn onto them. Format: doc/trace-format.md. What the zero means is the clock's
 * matter:
 *
 *   utc      zero_s is a moment of UTC: nodes keep their real simultaneity, among them and with carbon
 *   local    zero is a local midnight (of the date `started` where known), wherever the client lives
 *   elapsed  only elapsed time is known: zero is the start of the run
 *
 * Thread safety: immutable once read; any number of readers.
 * Invariants: 0 <= start < end <= span_s, end < next start within a node; every node has an interval.
 */
#ifndef FG_AVAILABILITY_TRACE_H
#define FG_AVAILABILITY_TRACE_H

#include <stdbool.h>
#include <stdint.h>

#include "src/availability/lines.h"
#include "src/base/status.h"

enum fg_clock { FG_CLOCK_UTC = 1, FG_CLOCK_LOCAL = 2, FG_CLOCK_ELAPSED = 3 };

struct fg_trace {
    char *name;          /* for messages: the file's path */
    enum fg_clock clock; /* elapsed where the file does not say */
    bool has_zero;       /* zero_s is known: utc always, others where `started` is given */
    bool nested;         /* node k is "slot k of n machines": no statement about correlation between nodes */
    bool ends_lower_bound; /* intervals may in truth be longer */
    bool zone_by_country;  /* node names begin with an ISO 3166 country code and '-' */
    int64_t zero_s;        /* utc: seconds since 1970 of time zero; else midnight of `started` as if in UTC */
    char *tz;              /* local: IANA name of where it was recorded; NULL if unknown */
    size_t tz_line;        /* of the file, for messages about tz */
    int64_t span_s;        /* observed length */
    uint32_t nodes;
    char *names;        /* NUL-terminated node names one after another */
    uint32_t *name_at;  /* (nodes) offsets into names */
    uint32_t *first;    /* (nodes + 1) intervals first[i] .. first[i+1]-1 belong to node i */
    uint32_t *start_s;  /* (intervals) */
    uint32_t *end_s;    /* (intervals) */
    uint32_t *before_s; /* (intervals) up time of the node before this interval */
    uint32_t *up_s;     /* (nodes) up time in all */
};

/* Read a trace from bytes in one pass: create, feed pieces of any size, finish.
 * `all` as in lines.h: NULL to stop at the first problem, else every problem is noted there and finish
 * returns FG_E_INPUT at the end if there was any. `name` is copied.
 * Errors: FG_E_INPUT with "name:line: what was expected and found", FG_E_NOMEM. */
struct fg_trace_reader;
enum fg_status fg_trace_reader_create(struct fg_trace_reader **out, const char *name,
                                      struct fg_problems *all) FG_NODISCARD;
enum fg_status fg_trace_reader_feed(struct fg_trace_reader *r, const void *bytes, size_t len,
                                    struct fg_err *err) FG_NODISCARD;
enum fg_status fg_trace_reader_finish(struct fg_trace_reader *r, struct fg_trace **out,
                                      struct fg_err *err) FG_NODISCARD;
void fg_trace_reader_destroy(struct fg_trace_reader *r);

/* All bytes at once; a file, plain or gzip. Owner: the caller, fg_trace_destroy(). */
enum fg_status fg_trace_parse(struct fg_trace **out, const char *name, const void *bytes, size_t len,
                              struct fg_problems *all, struct fg_err *err) FG_NODISCARD;
enum fg_status fg_trace_load(struct fg_trace **out, const char *path, struct fg_problems *all,
                             struct fg_err *err) FG_NODISCARD;
void fg_trace_destroy(struct fg_trace *t);

const char *fg_trace_node_name(const struct fg_trace *t, uint32_t node);

/* Queries in seconds or (_us) microseconds after the trace's zero. Cost: O(log intervals of the node). */

/* The first interval of the node that ends after t, as an index into start_s and end_s; first[node + 1] if
 * there is none. The node is up at t if that interval starts at or before t. */
uint32_t fg_trace_find_us(const struct fg_trace *t, uint32_t node, int64_t t_us);

bool fg_trace_is_up(const struct fg_trace *t, uint32_t node, int64_t t_s);

/* Up time within [t0, t1). */
int64_t fg_trace_up_seconds(const struct fg_trace *t, uint32_t node, int64_t t0_s, int64_t t1_s);
int64_t fg_trace_up_us(const struct fg_trace *t, uint32_t node, int64_t t0_us, int64_t t1_us);

/* Up time / span, of a node. */
double fg_trace_availability(const struct fg_trace *t, uint32_t node);

/* Test helper: FG_E_INTERNAL if an invariant above does not hold. */
enum fg_status fg_trace_check(const struct fg_trace *t, struct fg_err *err) FG_NODISCARD;

#endif

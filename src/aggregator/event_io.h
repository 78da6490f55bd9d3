/* The core's events as bytes and back: what the journal of a real run holds, and what a replay reads.
 *
 * Bytes, little-endian: u8 kind, u64 time in us, u64 task id; then WAKE: u32 n, u32 client[n]; RESULT and
 * LOST: u8 outcome kind, u8 download done, u32 steps, u64 begin, end, download, compute, upload in us, u64
 * bytes down, up; RESULT also: u32 client, u32 steps, u32 samples, f64 loss, and where its client keeps
 * something u64 name of that, u8 1 if what it had kept was gone; EVALUATED: u8 which (1 global, 2
 * clients), f64 loss, accuracy, client mean, 10th percentile, worst. Deltas are not kept: they are computed
 * again.
 * Thread safety: pure.
 */
#ifndef FG_AGGREGATOR_EVENT_IO_H
#define FG_AGGREGATOR_EVENT_IO_H

#include "src/aggregator/core.h"

/* An event that owns what it points to. Zero-initialise; fg_event_copy_fini(). */
struct fg_event_copy {
    struct fg_event ev; /* ev.result has no delta */
    struct fg_result result;
    struct fg_outcome outcome;
    uint32_t *available;
    size_t cap;
};

enum fg_status fg_event_encode(struct fg_str *out, const struct fg_event *ev) FG_NODISCARD;

/* Errors: FG_E_CORRUPT, FG_E_NOMEM. What *out held before is used again. */
enum fg_status fg_event_decode(struct fg_event_copy *out, const void *bytes, size_t len) FG_NODISCARD;
void fg_event_copy_fini(struct fg_event_copy *c);

#endif

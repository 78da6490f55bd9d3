/* Updates that stay with the worker that made them, and the sum that it makes of those which the aggregator
 * takes: one vector a round goes up instead of one an update. The sum of the workers' sums has the bits of
 * the sum of the updates (src/aggregator/exact.h).
 *
 * Thread safety: fg_worker_sums_keep() from any threads; the others from one.
 */
#ifndef FG_DEPLOY_WORKER_SUMS_H
#define FG_DEPLOY_WORKER_SUMS_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/wire/message.h"

struct fg_worker_sums;

/* Of updates of P values. Errors: FG_E_NOMEM. Owner: the caller, fg_worker_sums_destroy() (NULL allowed). */
enum fg_status fg_worker_sums_create(struct fg_worker_sums **out, size_t P) FG_NODISCARD;
void fg_worker_sums_destroy(struct fg_worker_sums *s);

/* Keep the update of a task that trained from this version. *delta (P, fg_calloc_aligned()) is taken, and
 * another vector is in its place afterwards. *largest out: the largest |x|, NAN if a value is not finite.
 * Errors: FG_E_NOMEM. Cost: one pass over the update. */
enum fg_status fg_worker_sums_keep(struct fg_worker_sums *s, uint64_t id, uint64_t version, float **delta,
                                   float *largest) FG_NODISCARD;

/* Add weight times this update, which is forgotten, to the sum of this number; another number than the last
 * begins a new sum. What goes wrong is said by fg_worker_sums_pack(). */
void fg_worker_sums_add(struct fg_worker_sums *s, uint64_t sum, uint64_t id, double weight);

/* The sum of this number as bytes (fg_exact_pack()), valid until the next call; it begins anew. Empty: there
 * is no such sum, or one of its updates was not here. */
struct fg_view fg_worker_sums_pack(struct fg_worker_sums *s, uint64_t sum);

/* Forget updates of versions below this one. */
void fg_worker_sums_forget(struct fg_worker_sums *s, uint64_t floor);

#endif

/* Updates that stay on the device where they were computed until they are added up there (FG_FORM_AWAY of
 * plan/form.h), and the model that they started from. If a commit happens there, too (fg_away.step), that
 * model is not copied to the device again, and to the host only when the host asks for it. Each model has a
 * number; floats count as the same model if they are the bytes that were last copied to or from it.
 *
 * The updates of one wave share a piece of device memory, which is free again when the last of them is
 * dropped, or when the trainer is destroyed.
 *
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_TRAINER_STAY_H
#define FG_WORKER_TRAINER_STAY_H

#include "kernels/device.h"
#include "src/model/model.h"
#include "src/plan/form.h"
#include "src/worker/trainer_rounding.h"

struct fg_stays; /* opaque */

/* One update on the device. */
struct fg_stay {
    struct fg_hold hold; /* must be first; all else is valid as long as it is held */
    struct fg_form form;
    bool finite;
    const struct fg_coder_gap_sums *gaps; /* (layers) of what it was rounded to; NULL: not told */
};

/* Errors: FG_E_NOMEM, FG_E_IO. Owner: the caller, fg_stays_destroy() (NULL allowed),
 * which must come before the device's. */
enum fg_status fg_stays_create(struct fg_stays **out, const struct fg_model *m, struct fg_device *d,
                               struct fg_err *err) FG_NODISCARD;
void fg_stays_destroy(struct fg_stays *s);

/* The packed model, in device memory; NULL if there is none. s may be NULL, here and below. */
const float *fg_stays_model(const struct fg_stays *s);

/* The same, but NULL if the model on the device is neither the one of `at` nor params (P; may be NULL). */
const float *fg_stays_at(const struct fg_stays *s, const float *params, struct fg_there at);

/* Copy the model of `at` to the host. Shapes: x (P) out. Errors: FG_E_STALE if the device holds another one,
 * FG_E_IO. */
enum fg_status fg_stays_fetch(struct fg_stays *s, struct fg_there at, float *x,
                              struct fg_err *err) FG_NODISCARD;

/* See to it that the device holds the model of `at`, or else params. Errors: FG_E_STALE if it does not hold
 * `at` and params is NULL; FG_E_NOMEM, FG_E_IO: the device then holds no model. */
enum fg_status fg_stays_bring(struct fg_stays *s, const float *params, struct fg_there at,
                              struct fg_err *err) FG_NODISCARD;

/* Updates that are made from now on become that; NULL: they stay as they are. Before the model is brought.
 * Errors: FG_E_NOMEM, FG_E_IO: the device then holds no model, so that no update stays. */
enum fg_status fg_stays_round(struct fg_stays *s, const struct fg_rounded *levels,
                              struct fg_err *err) FG_NODISCARD;

/* Lanes on the device, and the random numbers of each that rounding draws. */
struct fg_stay_lanes {
    const float *memory; /* (n, floats), the device's */
    size_t floats, n;
    const struct fg_coder_stream *stream; /* (n) */
};

/* The updates of n lanes that started from the model. Shapes: out (n).
 * Errors: FG_E_NOMEM if the host has no room for them, or the device not half of its memory beside them;
 * FG_E_IO. Owner: the caller has one use of each hold. */
enum fg_status fg_stays_take(struct fg_stays *s, const struct fg_stay_lanes *from, struct fg_stay **out,
                             struct fg_err *err) FG_NODISCARD;

/* The same updates as the codes that the codec makes of them (fg_stays_round()); none stays.
 * Shapes: codes (n) of 4 layers + P bytes out. Errors: as fg_stays_take(). */
enum fg_status fg_stays_codes(struct fg_stays *s, const struct fg_stay_lanes *from, uint8_t *const *codes,
                              struct fg_err *err) FG_NODISCARD;

/* Device memory: `fixed` bytes once, `update` for each update that stays, `scratch` while some are computed.
 */
struct fg_stay_bytes {
    uint64_t fixed, update, scratch;
};
struct fg_stay_bytes fg_stays_bytes(const struct fg_model *m, const struct fg_rounded *levels, bool codes);

/* Whether n updates can stay on a device with so many bytes free, of so many in all. */
bool fg_stays_fit(struct fg_stay_bytes b, uint64_t n, uint64_t free_bytes, uint64_t all_bytes);

#endif

/* Updates that stay on the device they were made on, until they are added up there (plan/form.h,
 * FG_FORM_AWAY), and the model that they are of: it stays, too, and where it moves there it need not be
 * brought there again, nor back before the host asks for it. Each that is there has a number; floats are
 * taken for it if they are the same bytes as were brought or fetched.
 *
 * A wave's updates share memory, which is the device's again when the last of them is dropped,
 * or with the trainer.
 *
 * Thread safety: one caller.
 */
#ifndef FG_WORKER_TRAINER_STAY_H
#define FG_WORKER_TRAINER_STAY_H

#include "kernels/device.h"
#include "src/model/model.h"
#include "src/plan/form.h"

struct fg_stays; /* opaque */

/* One update there. */
struct fg_stay {
    struct fg_hold hold; /* first: form and finite are valid as long as it is held */
    struct fg_form form;
    bool finite;
};

/* Errors: FG_E_NOMEM, FG_E_IO. Owner: the caller, fg_stays_destroy() (NULL allowed),
 * which must come before the device's. */
enum fg_status fg_stays_create(struct fg_stays **out, const struct fg_model *m, struct fg_device *d,
                               struct fg_err *err) FG_NODISCARD;
void fg_stays_destroy(struct fg_stays *s);

/* The packed model, the device's; NULL if there is none. s may be NULL, here and below. */
const float *fg_stays_model(const struct fg_stays *s);

/* The same; NULL unless it is the one that is `at`, or params (P; may be NULL). */
const float *fg_stays_at(const struct fg_stays *s, const float *params, struct fg_there at);

/* The floats of the model that is `at`. Shapes: x (P) out. Errors: FG_E_STALE if another is there,
 * FG_E_IO. */
enum fg_status fg_stays_fetch(struct fg_stays *s, struct fg_there at, float *x,
                              struct fg_err *err) FG_NODISCARD;

/* Make it that one, or params. Errors: FG_E_STALE if it is neither `at` nor has params; FG_E_NOMEM, FG_E_IO:
 * there is then no model. */
enum fg_status fg_stays_bring(struct fg_stays *s, const float *params, struct fg_there at,
                              struct fg_err *err) FG_NODISCARD;

/* Make the updates of n lanes that began with the model. Shapes: memory (n, floats), the device's; out (n).
 * Errors: FG_E_NOMEM if the host has no room for them, or the device not half of its memory beside them;
 * FG_E_IO. Owner: the caller has one use of each hold. */
enum fg_status fg_stays_take(struct fg_stays *s, const float *memory, size_t n, size_t floats,
                             struct fg_stay **out, struct fg_err *err) FG_NODISCARD;

/* What it takes of the device: `fixed` once, `update` for each that stays,
 * `scratch` beside while n of them are made. */
struct fg_stay_bytes {
    uint64_t fixed, update, scratch;
};
struct fg_stay_bytes fg_stays_bytes(const struct fg_model *m);

/* Whether n updates are made there, of so many bytes in all. */
bool fg_stays_fit(struct fg_stay_bytes b, uint64_t n, uint64_t free_bytes, uint64_t all_bytes);

#endif

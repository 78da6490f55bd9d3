/* Parameters for other programs: NumPy's npz and safetensors, each tensor under its layer's name, with
 * them what the model takes: input.scale, input.shift, and the names of its classes where they have some:
 * input.classes. Of safetensors they are metadata: numbers parted by blanks, names by line ends.
 *
 * Both are little-endian float32 in the layouts of src/model/model.h. The same parameters give the same
 * bytes.
 * Thread safety: pure functions.
 */
#ifndef FG_STORE_EXPORT_H
#define FG_STORE_EXPORT_H

#include "src/store/run_h5.h"

/* A stored zip of one .npy (format 1.0) a tensor, for numpy.load(). Errors: FG_E_NOMEM; FG_E_RANGE at 4 GiB,
 * where zip needs another format.
 * Format: PKWARE APPNOTE 6.3.3 (4.3.7, 4.3.12, 4.3.16); NumPy NEP 1. */
enum fg_status fg_export_npz(struct fg_str *out, const struct fg_run_params *p,
                             struct fg_err *err) FG_NODISCARD;

/* Header length (u64), JSON header, data. Errors: FG_E_NOMEM.
 * Format: the format's README (github.com/huggingface/safetensors). */
enum fg_status fg_export_safetensors(struct fg_str *out, const struct fg_run_params *p,
                                     struct fg_err *err) FG_NODISCARD;

#endif

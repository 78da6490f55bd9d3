/* Making a data set: storage, group names, the split into training and test part, scaling.
 *
 * For importers, generators and readers only; everybody else sees the finished, constant struct fg_dataset.
 *
 * Thread safety: none; one builder at a time on a data set.
 */
#ifndef FG_DATASETS_BUILD_H
#define FG_DATASETS_BUILD_H

#include "datasets/dataset.h"
#include "src/base/file.h"

/* What a data set owns: the arrays behind its constant pointers, while they are still being filled. */
struct fg_dataset_arrays {
    void *x;         /* (n, width) */
    uint16_t *y;     /* (n, label_width) */
    uint32_t *group; /* (n) or NULL */
    float *scale;    /* (channels), 1 */
    float *shift;    /* (channels), 0 */
    uint8_t *vocab;  /* (classes) or NULL */
    /* where samples, labels and groups lie that are not in memory: x, y, group are NULL */
    struct fg_map file;
};

/* Allocate a data set with the layout's kind, dtype, shape, label_width, classes, n, n_train; `groups` != 0
 * adds group (filled with FG_NO_GROUP) and group_name arrays (of NULL), kind tokens adds vocab. width and
 * channels follow from kind and shape. Samples and labels are zero, scale 1, shift 0. `name` is copied.
 *
 * Errors:  FG_E_INPUT when a dimension is 0, n >= 2^32, classes > 65535 or the product overflows; FG_E_NOMEM.
 * Owner:   the caller, fg_dataset_destroy().
 */
enum fg_status fg_dataset_create(struct fg_dataset **out, const struct fg_dataset *layout, const char *name,
                                 struct fg_err *err) FG_NODISCARD;

/* The same without samples, labels and groups of samples: fg_h5_read() puts them in place. */
enum fg_status fg_dataset_create_empty(struct fg_dataset **out, const struct fg_dataset *layout,
                                       const char *name, struct fg_err *err) FG_NODISCARD;

/* The arrays of a data set made by fg_dataset_create(). */
struct fg_dataset_arrays *fg_dataset_edit(struct fg_dataset *ds);

/* Names numbered by first occurrence. Zero-initialise; fg_names_fini(). */
struct fg_names {
    char **name; /* (n) */
    size_t n, cap;
    uint32_t *slot; /* open addressing: number + 1, 0 = free */
    size_t slots;   /* a power of two, at least 2 n */
};

/* The number of text[len], added when it is new. Errors: FG_E_NOMEM. */
enum fg_status fg_names_number(struct fg_names *names, uint32_t *number, const char *text,
                               size_t len) FG_NODISCARD;
void fg_names_fini(struct fg_names *names);

/* Move `fraction` of the samples into a test part, by reordering them: of every group (of the whole where
 * there are none) the nearest whole number of samples, at least one where the group has two; drawn without
 * replacement with the stream (seed, FG_RNG_SPLIT, group), for tokens the last ones, as text has an order.
 * Both parts keep the order of the source. Does nothing when there is a test part already or fraction is 0.
 *
 * Errors:  FG_E_NOMEM (nothing is changed then).
 */
enum fg_status fg_dataset_split(struct fg_dataset *ds, double fraction, uint64_t seed) FG_NODISCARD;

/* Set scale and shift: of bytes by `scale` (auto: unit), or, with `normalise`, so that every channel has mean
 * 0 and standard deviation 1 over the training part (a constant channel becomes 0). Tokens are left alone.
 *
 * Cost:    one pass over the training part when normalising. Errors: FG_E_NOMEM.
 */
enum fg_status fg_dataset_set_scaling(struct fg_dataset *ds, enum fg_scaling scale,
                                      int normalise) FG_NODISCARD;

#endif

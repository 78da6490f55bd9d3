/* A data set: samples, labels and groups (natural clients), as read from forage's HDF5 layout.
 *
 * Of an HDF5 file they stay in the file, mapped: of one of more than 64 MiB what is not looked at takes no
 * memory, and the system drops what was looked at long ago, so a data set may be larger than memory. The file
 * must not be changed meanwhile (forage itself replaces files, it never changes them).
 * Samples are stored as they came (bytes or float32) and become float32 when a batch is gathered:
 * x = scale[channel] * raw + shift[channel], one fused multiply-add, so uint8 images stay four times smaller.
 * Token data (text) are uint8 character codes of a sequence of T positions; each position has its own label
 * (the next character); they are gathered unscaled, as floats that hold small integers.
 *
 * load.h makes data sets from files and generators, partition.h deals them out to clients, shard.h ships
 * them.
 *
 * Thread safety: immutable once loaded; any number of readers.
 */
#ifndef FG_DATASETS_DATASET_H
#define FG_DATASETS_DATASET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

/* What becomes of bytes (float samples stay as they are); auto: as an HDF5 file records it, else unit. */
enum fg_scaling {
    FG_SCALE_AUTO = 0,
    FG_SCALE_UNIT = 1, /* 0..255 become 0..1 */
    FG_SCALE_NONE = 2,
    FG_SCALE_CENTRED = 3, /* 0..255 become -0.5..0.5 */
};

enum fg_dtype { FG_U8 = 1, FG_F32 = 2 };
enum fg_dataset_kind { FG_DATA_IMAGE = 1, FG_DATA_VECTOR = 2, FG_DATA_TOKENS = 3 };

#define FG_NO_GROUP UINT32_MAX
#define FG_CLASS_NAMES_MAX 60000 /* bytes: an HDF5 attribute holds 64 KiB */

struct fg_dataset {
    enum fg_dataset_kind kind;
    enum fg_dtype dtype;
    uint32_t shape[3];    /* of one sample: image H, W, C; vector F, 1, 1; tokens T, 1, 1 */
    size_t width;         /* product of shape: values in one sample */
    uint32_t label_width; /* labels per sample: 1, or T for tokens */
    uint32_t classes;     /* labels are 0..classes-1 (tokens: vocabulary size) */
    size_t n;             /* samples; 0..n_train-1 are for training, the rest for testing; n < 2^32 */
    size_t n_train;    /* = n where the source has no test part (see partition.h for the split per client) */
    const void *x;     /* (n, width) of dtype */
    const uint16_t *y; /* (n, label_width) */
    const uint32_t *group; /* (n) group of each sample or FG_NO_GROUP; NULL when the source has none */
    uint32_t groups;       /* training and test groups share one numbering; 0 without groups */
    char **group_name;     /* (groups) or NULL */
    char *class_names;     /* what the classes are called, a line each; NULL or "": they are numbers */
    uint32_t channels;     /* C for images, F for vectors, 1 for tokens */
    const float *scale;    /* (channels) */
    const float *shift;    /* (channels) */
    char *name;            /* for messages and the run header */
    char *origin;          /* one line a source file: SHA-256, bytes, name; NULL when unknown */
    char *options;         /* how it was imported: key=value, separated by blanks; NULL when unknown */
    const uint8_t *vocab;  /* tokens: (classes) the byte that each code stands for; else NULL */
    uint64_t sums[3];      /* of x, y and group, where `summed`: a file's, compared as it was read */
    bool summed;
    void *owner; /* what fg_dataset_destroy() frees; NULL for views */
};

/* Gather n samples into a batch.
 *
 * Shapes:  index (n) sample numbers; x (n, ldx) out, ldx >= width, columns from width on are set to 0;
 *          y (n, label_width) out.
 * Cost:    one pass over the samples, no allocation.
 */
void fg_dataset_gather(const struct fg_dataset *ds, const uint32_t *index, size_t n, float *x, size_t ldx,
                       uint16_t *y);

/* The name of class `c` and its length; NULL where classes are numbers. */
const char *fg_dataset_class_name(const struct fg_dataset *ds, uint32_t c, size_t *len);

/* Bytes of one sample in x. */
size_t fg_dataset_sample_bytes(const struct fg_dataset *ds);

/* Check every invariant above: shapes agree, labels and tokens are below classes, groups below groups, floats
 * are finite. The message starts with the data set's name.
 *
 * Cost:    one pass over labels, groups and float samples.
 * Errors:  FG_E_INPUT.
 */
enum fg_status fg_dataset_check(const struct fg_dataset *ds, struct fg_err *err) FG_NODISCARD;

/* SHA-256 of what the data set means: kind, shape, classes, split, scaling, samples, labels and groups (not
 * of its name, origin or options). Errors: FG_E_NOMEM. */
enum fg_status fg_dataset_hash(uint8_t digest[32], const struct fg_dataset *ds) FG_NODISCARD;

/* XXH3-64 of x, y and group (0 without groups). Cost: one pass over them, none where they are summed. */
void fg_dataset_sums(uint64_t out[3], const struct fg_dataset *ds);

/* "image", "vector", "tokens". */
const char *fg_dataset_kind_name(enum fg_dataset_kind kind);

/* Frees a data set and all it owns; NULL allowed. */
void fg_dataset_destroy(struct fg_dataset *ds);

#endif

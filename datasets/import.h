/* Importers: raw files to a data set. One file each, one line each in the registry (import.c).
 *
 * An importer says whether it knows a source (a folder's files, or one file), and imports it. The parsers
 * behind them take bytes and lengths only and are fuzz targets.
 *
 * Thread safety: no shared state.
 */
#ifndef FG_DATASETS_IMPORT_H
#define FG_DATASETS_IMPORT_H

#include "datasets/load.h"
#include "datasets/rawfile.h"
#include "src/base/str.h"

/* What the user named: a folder with its files, or one file (first in the list) with the files beside it. */
struct fg_source {
    const char *path;
    int is_folder;
    char **file; /* (files) names without folder, sorted */
    size_t files;
    char *folder; /* where they lie */
};

/* Look at a path. Errors: FG_E_MISSING, FG_E_IO, FG_E_NOMEM. `path` must outlive the source. */
enum fg_status fg_source_open(struct fg_source *out, const char *path, struct fg_err *err) FG_NODISCARD;
void fg_source_fini(struct fg_source *source);

/* A read in progress: the importer's calls to fg_import_read() leave one origin line each. */
struct fg_import {
    const struct fg_source *source;
    const struct fg_dataset_spec *spec;
    struct fg_str origin;
};

struct fg_importer {
    const char *name;
    int (*knows)(const struct fg_source *source);
    enum fg_status (*import)(struct fg_dataset **out, struct fg_import *in, struct fg_err *err);
};

extern const struct fg_importer fg_importer_idx, fg_importer_cifar, fg_importer_csv, fg_importer_text;

/* The importers in the order in which they are asked, ended by NULL. */
extern const struct fg_importer *const fg_importers[];

/* The stored name of `name`, plain or with .gz or .zst after it; NULL when the source has none. */
const char *fg_source_has(const struct fg_source *source, const char *name);

/* The one file whose name ends so (fg_name_ends()): the source itself, or one in its folder. NULL: there is
 * none, or several. */
const char *fg_source_only(const struct fg_source *source, const char *ending);

/* 1 if a file name ends in `ending` or `ending` followed by .gz or .zst. */
int fg_name_ends(const char *name, const char *ending);

/* Read one file of the source. Owner: the caller, fg_rawfile_fini(). Errors: as fg_rawfile_read(). */
enum fg_status fg_import_read(struct fg_rawfile *out, struct fg_import *in, const char *file,
                              struct fg_err *err) FG_NODISCARD;

/* ---- parsers over bytes; Owner of every *out: the caller, fg_dataset_destroy() ---- */

/* An IDX file (LeCun): two zero bytes, type, number of dimensions, big-endian dimensions, values. Only
 * unsigned bytes (type 8) are taken. The dimensions must account for every byte of the file. */
struct fg_idx {
    uint32_t dims;
    uint32_t dim[4];
    const uint8_t *data; /* into the blob */
    size_t len;
};
enum fg_status fg_idx_parse(struct fg_idx *out, const struct fg_blob *blob, struct fg_err *err) FG_NODISCARD;

/* Images, labels and who wrote them; one part (training or test). writers may be NULL. */
struct fg_idx_part {
    const struct fg_blob *images;  /* (n, H, W) or (n, H, W, C) */
    const struct fg_blob *labels;  /* (n) */
    const struct fg_blob *writers; /* CSV with columns writer and (checked when there) index, label */
};
/* test may be NULL. Classes = largest label of the training part + 1; a test label above is an error. */
enum fg_status fg_idx_import(struct fg_dataset **out, const struct fg_idx_part *train,
                             const struct fg_idx_part *test, const char *name,
                             struct fg_err *err) FG_NODISCARD;

/* CIFAR-10 binary batches: records of one label byte and 3 x 1024 planar values; stored as (32, 32, 3). */
enum fg_status fg_cifar_import(struct fg_dataset **out, const struct fg_blob *train, size_t trains,
                               const struct fg_blob *test, size_t tests, const char *name,
                               struct fg_err *err) FG_NODISCARD;

/* CSV with a header; spec gives label and group column and classes; all other columns are features. */
enum fg_status fg_csv_import(struct fg_dataset **out, const struct fg_blob *csv,
                             const struct fg_dataset_spec *spec, const char *name,
                             struct fg_err *err) FG_NODISCARD;

/* Text as next-character prediction: each group's bytes are cut into windows of T characters, whose labels
 * are the T characters that each follow; a rest shorter than a window is left out. roles may be NULL (one
 * stream, no groups), else a table `role<TAB>start<TAB>end` of byte ranges, ascending and disjoint: a role's
 * ranges are joined by newlines, so no window mixes two roles. Classes are the distinct bytes of the file,
 * ascending. */
enum fg_status fg_text_import(struct fg_dataset **out, const struct fg_blob *text,
                              const struct fg_blob *roles, uint32_t sequence, const char *name,
                              struct fg_err *err) FG_NODISCARD;

#endif

/* Data sets from outside: HDF5 files in forage's layout, raw files (imported on first use), generators.
 *
 * Raw data are imported into a cache directory and read from there the next time; the cached file's name
 * holds a hash of the sources' paths, sizes and times and of the importer's options, so a change of either
 * imports anew. Split and scaling are applied after reading, so they need no further copies. A cache that
 * cannot be used is no error: the import then stays in memory.
 *
 * Thread safety: HDF5 is not; one caller at a time.
 */
#ifndef FG_DATASETS_LOAD_H
#define FG_DATASETS_LOAD_H

#include "datasets/dataset.h"

enum fg_normalise { FG_NORMALISE_AUTO = 0, FG_NORMALISE_OFF = 1, FG_NORMALISE_CHANNEL = 2 };

enum { FG_TEXT_SEQUENCE = 80 }; /* characters of a sample, unless the spec says otherwise */

/* What to load and how. Zero is a sensible value of every field but test_fraction: start from
 * FG_DATASET_SPEC_DEFAULT. */
struct fg_dataset_spec {
    const char *path;            /* an HDF5 file, a raw file, a folder of them, or a generator (generate.h) */
    const char *cache;           /* directory; NULL = ${XDG_CACHE_HOME:-~/.cache}/forage; "" = none */
    enum fg_scaling scale;       /* auto: as recorded in an HDF5 file, else unit */
    enum fg_normalise normalise; /* auto: as recorded in an HDF5 file, else off */
    double test_fraction; /* 0..0.9, held out (build.h: fg_dataset_split) where the source has no test part */
    uint64_t seed;        /* of that split */
    uint32_t sequence;    /* text: T, 0 = FG_TEXT_SEQUENCE */
    uint32_t classes;     /* CSV: number of classes, 0 = largest label + 1 */
    const char *label_column; /* CSV: NULL = "label" if there, else the last column */
    const char *group_column; /* CSV: NULL = "group", "user", "client", "writer" or "subject" if there;
                                  "none" = no groups */
    const char *roles; /* text: role table; NULL = the one beside the text (NAME-roles.tsv[.gz]) if there */
};
#define FG_DATASET_SPEC_DEFAULT \
    (struct fg_dataset_spec)    \
    {                           \
        .test_fraction = 0.1    \
    }

/* Load a data set.
 *
 * Errors:  FG_E_MISSING, FG_E_INPUT, FG_E_CONFIG (options), FG_E_IO, FG_E_NOMEM; the message names the file.
 * Owner:   the caller, fg_dataset_destroy().
 */
enum fg_status fg_dataset_load(struct fg_dataset **out, const struct fg_dataset_spec *spec,
                               struct fg_err *err) FG_NODISCARD;

/* The same without looking into or writing a cache: what `forage dataset import` uses. */
enum fg_status fg_dataset_import(struct fg_dataset **out, const struct fg_dataset_spec *spec,
                                 struct fg_err *err) FG_NODISCARD;

/* 1 if the path is a generator expression. */
int fg_dataset_is_generated(const char *path);

#endif

/* What h5_read.c and h5_write.c agree on; doc/dataset-format.md explains it. */
#ifndef FG_DATASETS_H5_LAYOUT_H
#define FG_DATASETS_H5_LAYOUT_H

#include <hdf5.h>

#define LAYOUT_FORMAT "forage-dataset"
enum {
    LAYOUT_VERSION = 1,
    LAYOUT_COUNTS = 9, /* attribute "layout": kind, dtype, shape[3], classes, n, n_train, groups */
    LAYOUT_RANK_MAX = 2
};

/* HDF5 prints its error stack by default; libraries do not print. */
struct h5_quiet {
    H5E_auto2_t function;
    void *data;
};
struct h5_quiet h5_silence(void);
void h5_restore(const struct h5_quiet *quiet);

#endif

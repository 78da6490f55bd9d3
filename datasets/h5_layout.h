/* What h5_read.c and h5_write.c agree on; doc/dataset-format.md explains it. */
#ifndef FG_DATASETS_H5_LAYOUT_H
#define FG_DATASETS_H5_LAYOUT_H

#include <hdf5.h>

#define FG_LAYOUT_FORMAT "forage-dataset"
enum {
    FG_LAYOUT_VERSION = 1,
    FG_LAYOUT_COUNTS = 9, /* attribute "layout": kind, dtype, shape[3], classes, n, n_train, groups */
    FG_LAYOUT_RANK_MAX = 2
};

/* HDF5 prints its error stack by default; libraries do not print. */
struct fg_h5_quiet {
    H5E_auto2_t function;
    void *data;
};
struct fg_h5_quiet fg_h5_silence(void);
void fg_h5_restore(const struct fg_h5_quiet *quiet);

#endif

/* Inside of run.h5: what run_h5.c and run_board.c share. Ids of HDF5 are positive; closing none is fine. */
#ifndef FG_STORE_RUN_H5_IMPL_H
#define FG_STORE_RUN_H5_IMPL_H

#include <hdf5.h>

#include "src/store/run_h5.h"

enum { FG_RUN_DEFLATE = 4 };

static inline enum fg_status fg_run_check(hid_t id)
{
    return id >= 0 ? FG_OK : FG_E_IO;
}

/* An attribute of text. */
enum fg_status fg_run_text(hid_t on, const char *name, const char *text) FG_NODISCARD;

/* Types of a column in memory and in the file. */
hid_t fg_run_memory_type(enum fg_col_kind kind);
hid_t fg_run_file_type(enum fg_col_kind kind);

/* An array of n values. */
enum fg_status fg_run_array(hid_t group, const char *name, const char *doc, enum fg_col_kind kind,
                            const void *data, size_t n) FG_NODISCARD;

/* The group `board`. */
enum fg_status fg_run_board(hid_t file, const struct fg_board *b) FG_NODISCARD;

#endif

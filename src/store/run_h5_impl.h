/* Inside of run.h5: what run_h5.c, run_board.c and run_pack.c share. Ids of HDF5 are positive; closing none
 * is fine. */
#ifndef FG_STORE_RUN_H5_IMPL_H
#define FG_STORE_RUN_H5_IMPL_H

#include <hdf5.h>
#include <stdbool.h>

#include "src/store/run_h5.h"

static inline enum fg_status fg_run_check(hid_t id)
{
    return id >= 0 ? FG_OK : FG_E_IO;
}

/* An attribute of text. */
enum fg_status fg_run_text(hid_t on, const char *name, const char *text) FG_NODISCARD;

/* Types of a column in memory and in the file. */
hid_t fg_run_memory_type(enum fg_col_kind kind);
hid_t fg_run_file_type(enum fg_col_kind kind);
size_t fg_run_size(enum fg_col_kind kind);

/* Chunks are packed here and not by HDF5, which reads them with its filters all the same. */
struct fg_run_packer;
enum fg_status fg_run_packer_create(struct fg_run_packer **out) FG_NODISCARD;
void fg_run_packer_destroy(struct fg_run_packer *p);

/* A data set will be of chunks that are packed. Shapes: chunk (rank) values. */
enum fg_status fg_run_packed(hid_t props, int rank, const hsize_t *chunk, bool shuffled) FG_NODISCARD;

/* The values of one chunk: n of at most `most`, of `size` bytes each; what is missing is 0. */
struct fg_run_block {
    const void *values;
    size_t n, most, size;
    bool shuffled;
};

/* Write the chunk that begins at `at`. Shapes: at (rank). */
enum fg_status fg_run_chunk(struct fg_run_packer *p, hid_t set, const hsize_t *at,
                            const struct fg_run_block *b) FG_NODISCARD;

/* An array of n values. */
enum fg_status fg_run_array(struct fg_run_packer *p, hid_t group, const char *name, const char *doc,
                            enum fg_col_kind kind, const void *data, size_t n) FG_NODISCARD;

/* The group `board`. */
enum fg_status fg_run_board(struct fg_run_packer *p, hid_t file, const struct fg_board *b) FG_NODISCARD;

#endif

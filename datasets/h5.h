/* Forage's HDF5 layout of a data set, written and read (doc/dataset-format.md).
 *
 * HDF5's own error printing is switched off for the calls made here and put back afterwards.
 *
 * Thread safety: HDF5 is not; one caller at a time.
 */
#ifndef FG_DATASETS_H5_H
#define FG_DATASETS_H5_H

#include "datasets/dataset.h"
#include "datasets/rawfile.h"

/* Write a file: under a temporary name beside it, synced, then renamed, so a reader sees the old file or the
 * new.
 *
 * Errors:  FG_E_FULL, FG_E_IO, FG_E_MISSING (the folder), FG_E_INPUT (it is one), naming the file;
 *          nothing is left behind. FG_E_NOMEM.
 */
enum fg_status fg_h5_write(const char *path, const struct fg_dataset *ds, struct fg_err *err) FG_NODISCARD;

/* Read a file, checking layout, checksums and every invariant of struct fg_dataset.
 *
 * Errors:  FG_E_MISSING; FG_E_INPUT (no HDF5 file, truncated, another layout or version, damaged);
 *          FG_E_NOMEM.
 * Owner:   the caller, fg_dataset_destroy().
 */
enum fg_status fg_h5_read(struct fg_dataset **out, const char *path, struct fg_err *err) FG_NODISCARD;

/* The same from the bytes of a file. */
enum fg_status fg_h5_parse(struct fg_dataset **out, const struct fg_blob *blob,
                           struct fg_err *err) FG_NODISCARD;

/* 1 if the file begins with HDF5's signature. */
int fg_h5_is_file(const char *path);

#endif

/* run.h5: everything a finished run is worth keeping, in one HDF5 file; layout in doc/run-directory.md.
 *
 * It is built in memory, packed as it is on disk, and put into place atomically, so a full disk leaves no
 * half of it. What goes in is taken block by block, so that beside the file itself no more
 * than a block is held.
 * Thread safety: HDF5 is not; one thread.
 */
#ifndef FG_STORE_RUN_H5_H
#define FG_STORE_RUN_H5_H

#include "datasets/partition.h"
#include "src/base/file.h"
#include "src/model/model.h"
#include "src/store/board.h"
#include "src/store/columns.h"

/* One column of the ledger: a value a client. kind is FG_COL_U32, FG_COL_U64 or FG_COL_F64. */
struct fg_ledger_col {
    const char *name;
    const char *unit;
    enum fg_col_kind kind;
    const void *data; /* (clients); NULL: made block by block by `fill` */
    const char *doc;
    void (*fill)(const struct fg_ledger_col *c, size_t first, size_t n,
                 void *out); /* clients from `first` on */
    const void *arg;         /* of fill */
    size_t which;
};

/* What goes in; all borrowed. */
struct fg_run_content {
    const struct fg_summary *summary;
    const char *config; /* the text of config.ini */
    const char *layers; /* the model's canonical layer list */
    const struct fg_layer_info *tensor;
    size_t n_tensors;
    const float *params;           /* (P), canonical order; NULL: nothing was trained */
    const struct fg_dataset *data; /* what the model takes and what its classes are called; NULL: not kept */
    uint32_t blocks;               /* models beside, 0: none */
    const float *block_params;     /* (blocks, P) */
    const uint32_t *block_of;      /* (clients) */
    const struct fg_ledger_col *ledger; /* beside the columns that follow from the participation rows */
    size_t n_ledger;
    const struct fg_ledger_col *footprint; /* (n_footprint) a value a zone, the server last */
    size_t n_footprint;
    const char *zones;                    /* names, separated by commas */
    size_t n_zones;                       /* of these, the server included; 0: no footprint */
    const struct fg_partition *partition; /* who trained on what; NULL: not kept */
    const struct fg_round_record *rounds;
    size_t n_rounds;
    struct fg_map parts;   /* a valid participation part file */
    size_t n_parts;        /* rows in it */
    struct fg_board board; /* bytes NULL: none */
};

/* Write the file. Errors: FG_E_NOMEM, FG_E_FULL, FG_E_IO; then an older file is unchanged. */
enum fg_status fg_run_h5_write(const char *path, const struct fg_run_content *c,
                               struct fg_err *err) FG_NODISCARD;

/* The parameters of a run. */
struct fg_run_params {
    float *values; /* (n), canonical order */
    size_t n;
    struct fg_layer_info *tensor;
    size_t n_tensors;
    char *layers; /* the model's canonical layer list */
    char sha256[65];
    float *scale; /* (channels) the model takes scale * x + shift; NULL: text, or an older run */
    float *shift; /* (channels) */
    size_t channels;
    char *class_names;   /* a line a class; NULL: they are numbers */
    uint32_t blocks;     /* models beside, 0: none */
    float *block_params; /* (blocks, n) */
    uint32_t *block_of;  /* (clients) */
    size_t clients;      /* in block_of */
};

/* Read them from a run folder or a run.h5. Errors: FG_E_MISSING, FG_E_INPUT (another file or a damaged one,
 * whose hash differs), FG_E_NOMEM. Owner: the caller, fg_run_params_fini(). */
enum fg_status fg_run_params_read(struct fg_run_params *out, const char *path,
                                  struct fg_err *err) FG_NODISCARD;
void fg_run_params_fini(struct fg_run_params *p);

#endif

#include "src/store/run_h5.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/plan/outcome.h"
#include "src/store/run_h5_impl.h"

enum {
    BLOCK = 16384,  /* rows of a chunk */
    DEFLATED = 2048 /* bytes, at least: the index of chunks alone takes as much */
};

enum fg_status fg_run_text(hid_t on, const char *name, const char *text)
{
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR), attr = -1;
    size_t len = strlen(text);
    enum fg_status st = FG_OK;
    FG_TRY(fg_run_check(type));
    FG_TRY(fg_run_check(space));
    FG_TRY(fg_run_check(H5Tset_size(type, len != 0 ? len : 1)));
    FG_TRY(fg_run_check(H5Tset_cset(type, H5T_CSET_UTF8)));
    FG_TRY(fg_run_check(H5Tset_strpad(type, H5T_STR_NULLPAD)));
    attr = H5Acreate2(on, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
    FG_TRY(fg_run_check(attr));
    FG_TRY(fg_run_check(H5Awrite(attr, type, text)));
cleanup:
    H5Aclose(attr);
    H5Sclose(space);
    H5Tclose(type);
    return st;
}

static enum fg_status add_u64_attr(hid_t on, const char *name, uint64_t value)
{
    hid_t space = H5Screate(H5S_SCALAR), attr = -1;
    enum fg_status st = fg_run_check(space);
    FG_TRY(st);
    attr = H5Acreate2(on, name, H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    FG_TRY(fg_run_check(attr));
    FG_TRY(fg_run_check(H5Awrite(attr, H5T_NATIVE_UINT64, &value)));
cleanup:
    H5Aclose(attr);
    H5Sclose(space);
    return st;
}

hid_t fg_run_memory_type(enum fg_col_kind kind)
{
    return kind == FG_COL_U8    ? H5T_NATIVE_UINT8
           : kind == FG_COL_U32 ? H5T_NATIVE_UINT32
           : kind == FG_COL_U64 ? H5T_NATIVE_UINT64
                                : H5T_NATIVE_DOUBLE;
}

hid_t fg_run_file_type(enum fg_col_kind kind)
{
    return kind == FG_COL_U8    ? H5T_STD_U8LE
           : kind == FG_COL_U32 ? H5T_STD_U32LE
           : kind == FG_COL_U64 ? H5T_STD_U64LE
                                : H5T_IEEE_F64LE;
}

size_t fg_run_size(enum fg_col_kind kind)
{
    return kind == FG_COL_U8 ? 1 : kind == FG_COL_U32 ? 4 : 8;
}

/* A data set of n values: packed where it is long. */
struct column {
    hid_t set;
    enum fg_col_kind kind;
    size_t n;
    bool packed;
};

static void close_column(struct column *c)
{
    H5Dclose(c->set);
    c->set = -1;
}

/* With its unit and description. */
static enum fg_status create_column(struct column *out, hid_t group, const char *name, const char *unit,
                                    const char *doc, enum fg_col_kind kind, size_t n)
{
    hsize_t dims = n, chunk = n < BLOCK ? n : BLOCK;
    hid_t space = H5Screate_simple(1, &dims, NULL), props = H5Pcreate(H5P_DATASET_CREATE);
    enum fg_status st = FG_OK;
    *out = (struct column){.set = -1, .kind = kind, .n = n, .packed = n * fg_run_size(kind) >= DEFLATED};
    FG_TRY(fg_run_check(space));
    FG_TRY(fg_run_check(props));
    FG_TRY(fg_run_check(H5Pset_obj_track_times(props, 0))); /* the same run gives the same bytes */
    FG_TRY(out->packed ? fg_run_packed(props, 1, &chunk, true) : FG_OK);
    out->set = H5Dcreate2(group, name, fg_run_file_type(kind), space, H5P_DEFAULT, props, H5P_DEFAULT);
    FG_TRY(fg_run_check(out->set));
    FG_TRY(fg_run_text(out->set, "unit", unit));
    FG_TRY(fg_run_text(out->set, "description", doc));
cleanup:
    if (st != FG_OK) {
        close_column(out);
    }
    H5Pclose(props);
    H5Sclose(space);
    return st;
}

/* Write n values, whole chunks but for the column's last. */
static enum fg_status write_block(struct fg_run_packer *p, const struct column *c, size_t first, size_t n,
                                  const void *values)
{
    if (!c->packed) {
        FG_ASSERT(first == 0 && n == c->n);
        return fg_run_check(
            H5Dwrite(c->set, fg_run_memory_type(c->kind), H5S_ALL, H5S_ALL, H5P_DEFAULT, values));
    }
    enum fg_status st = FG_OK;
    size_t most = c->n < BLOCK ? c->n : BLOCK, size = fg_run_size(c->kind);
    FG_ASSERT(first % most == 0);
    for (size_t i = 0; i < n && st == FG_OK; i += most) {
        hsize_t at = first + i;
        struct fg_run_block b = {.values = (const char *)values + i * size,
                                 .n = n - i < most ? n - i : most,
                                 .most = most,
                                 .size = size,
                                 .shuffled = true};
        st = fg_run_chunk(p, c->set, &at, &b);
    }
    return st;
}

/* A column of n rows, `stride` bytes apart. */
static void copy_column(void *values, const struct fg_col *c, const void *rows, size_t n, size_t stride)
{
    const char *row = rows;
    switch (c->kind) {
    case FG_COL_U8:
        for (size_t i = 0; i < n; i++, row += stride) {
            memcpy((uint8_t *)values + i, row + c->offset, 1);
        }
        break;
    case FG_COL_U32:
        for (size_t i = 0; i < n; i++, row += stride) {
            memcpy((uint32_t *)values + i, row + c->offset, 4);
        }
        break;
    case FG_COL_U64:
        for (size_t i = 0; i < n; i++, row += stride) {
            memcpy((uint64_t *)values + i, row + c->offset, 8);
        }
        break;
    default:
        for (size_t i = 0; i < n; i++, row += stride) {
            (void)fg_col_f64((double *)values + i, c, row);
        }
    }
}

static enum fg_status write_rounds(struct fg_run_packer *p, hid_t file, const struct fg_run_content *in)
{
    hid_t group = H5Gcreate2(file, "rounds", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    struct column col = {.set = -1};
    double *values = fg_calloc(in->n_rounds, sizeof *values);
    enum fg_status st = values != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    FG_TRY(fg_run_check(group));
    for (const struct fg_col *c = fg_round_cols; c->name != NULL; c++) {
        copy_column(values, c, in->rounds, in->n_rounds, sizeof *in->rounds);
        FG_TRY(create_column(&col, group, c->name, c->unit, c->doc, c->kind, in->n_rounds));
        FG_TRY(in->n_rounds > 0 ? write_block(p, &col, 0, in->n_rounds, values) : FG_OK);
        close_column(&col);
    }
cleanup:
    close_column(&col);
    H5Gclose(group);
    fg_free(values);
    return st;
}

static enum fg_status write_participation(struct fg_run_packer *p, hid_t file,
                                          const struct fg_run_content *in)
{
    enum { COLS = 16 };
    hid_t group = H5Gcreate2(file, "participation", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    struct column col[COLS];
    struct fg_participation *rows = fg_calloc(BLOCK, sizeof *rows);
    double *values = fg_calloc(BLOCK, sizeof *values);
    const struct fg_col *cols = fg_participation_cols;
    size_t n_cols = 0;
    enum fg_status st = rows != NULL && values != NULL ? fg_run_check(group) : FG_E_NOMEM;
    FG_TRY(st);
    for (; cols[n_cols].name != NULL; n_cols++) {
        FG_ASSERT(n_cols < COLS);
        FG_TRY(create_column(&col[n_cols], group, cols[n_cols].name, cols[n_cols].unit, cols[n_cols].doc,
                             cols[n_cols].kind, in->n_parts));
    }
    for (size_t first = 0; first < in->n_parts; first += BLOCK) {
        size_t n = in->n_parts - first < BLOCK ? in->n_parts - first : BLOCK;
        for (size_t i = 0; i < n; i++) {
            fg_parts_at(&rows[i], in->parts.bytes, first + i);
        }
        fg_file_forget(&in->parts);
        for (size_t k = 0; k < n_cols; k++) {
            copy_column(values, &cols[k], rows, n, sizeof *rows);
            FG_TRY(write_block(p, &col[k], first, n, values));
        }
    }
cleanup:
    while (n_cols > 0) {
        close_column(&col[--n_cols]);
    }
    H5Gclose(group);
    fg_free(values);
    fg_free(rows);
    return st;
}

static enum fg_status fill_blocks(struct fg_run_packer *p, const struct column *col,
                                  const struct fg_ledger_col *c, size_t clients)
{
    size_t size = fg_run_size(c->kind);
    char *block = fg_calloc(clients < BLOCK ? clients : BLOCK, size);
    enum fg_status st = block != NULL ? FG_OK : FG_E_NOMEM;
    for (size_t first = 0; st == FG_OK && first < clients; first += BLOCK) {
        size_t n = clients - first < BLOCK ? clients - first : BLOCK;
        c->fill(c, first, n, block);
        st = write_block(p, col, first, n, block);
    }
    fg_free(block);
    return st;
}

static enum fg_status write_ledger_col(struct fg_run_packer *p, hid_t group, const struct fg_ledger_col *c,
                                       size_t clients)
{
    struct column col;
    enum fg_status st = create_column(&col, group, c->name, c->unit, c->doc, c->kind, clients);
    if (st == FG_OK && clients > 0) {
        st = c->data != NULL ? write_block(p, &col, 0, clients, c->data) : fill_blocks(p, &col, c, clients);
    }
    close_column(&col);
    return st;
}

/* What follows from the participation rows: how often each client had which verdict. */
static enum fg_status write_verdicts(struct fg_run_packer *p, hid_t group, const struct fg_run_content *in,
                                     size_t clients)
{
    static const char *const doc[] = {
        "updates folded in whole", "updates folded in with fewer steps", "assignments lost with the client",
        "answers after the close", "updates refused as stale",           "losses told to the selection"};
    uint32_t *count = fg_calloc(clients, sizeof *count);
    enum fg_status st = count != NULL ? FG_OK : FG_E_NOMEM;
    for (unsigned v = FG_VERDICT_USED; st == FG_OK && v <= FG_VERDICT_ASKED; v++) {
        memset(count, 0, clients * sizeof *count);
        for (size_t i = 0; i < in->n_parts; i++) {
            uint32_t client;
            bool is = fg_parts_verdict(&client, in->parts.bytes, i) == v;
            if (is && client < clients) {
                count[client]++;
            }
            if (i % BLOCK == 0) {
                fg_file_forget(&in->parts);
            }
        }
        char name[32];
        snprintf(name, sizeof name, "n_%s", fg_verdict_name(v));
        struct fg_ledger_col col = {
            .name = name, .unit = "assignments", .kind = FG_COL_U32, .data = count, .doc = doc[v]};
        st = write_ledger_col(p, group, &col, clients);
    }
    fg_free(count);
    return st;
}

static enum fg_status write_ledger(struct fg_run_packer *p, hid_t file, const struct fg_run_content *in)
{
    hid_t group = H5Gcreate2(file, "ledger", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    enum fg_status st = fg_run_check(group);
    if (st == FG_OK) {
        st = write_verdicts(p, group, in, in->summary->clients);
    }
    for (size_t i = 0; st == FG_OK && i < in->n_ledger; i++) {
        st = write_ledger_col(p, group, &in->ledger[i], in->summary->clients);
    }
    H5Gclose(group);
    return st;
}

/* Energy and carbon by what they went into and by zone. */
static enum fg_status write_footprint(struct fg_run_packer *p, hid_t file, const struct fg_run_content *in)
{
    hid_t group = H5Gcreate2(file, "footprint", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    enum fg_status st = fg_run_check(group);
    if (st == FG_OK) {
        st = fg_run_text(group, "zones", in->zones);
    }
    for (size_t i = 0; st == FG_OK && i < in->n_footprint; i++) {
        st = write_ledger_col(p, group, &in->footprint[i], in->n_zones);
    }
    H5Gclose(group);
    return st;
}

static enum fg_status write_tensor(hid_t group, const struct fg_layer_info *t, size_t index,
                                   const float *values)
{
    hsize_t dims[4] = {t->dims[0], t->dims[1], t->dims[2], t->dims[3]};
    hid_t space = H5Screate_simple((int)t->ndim, dims, NULL), props = H5Pcreate(H5P_DATASET_CREATE), set = -1;
    enum fg_status st = FG_OK;
    FG_TRY(fg_run_check(space));
    FG_TRY(fg_run_check(props));
    FG_TRY(fg_run_check(H5Pset_obj_track_times(props, 0)));
    set = H5Dcreate2(group, t->name, H5T_IEEE_F32LE, space, H5P_DEFAULT, props, H5P_DEFAULT);
    FG_TRY(fg_run_check(set));
    FG_TRY(fg_run_check(H5Dwrite(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values + t->offset)));
    FG_TRY(add_u64_attr(set, "index", index));
    FG_TRY(fg_run_text(set, "unit", ""));
cleanup:
    H5Dclose(set);
    H5Pclose(props);
    H5Sclose(space);
    return st;
}

static enum fg_status write_params(hid_t file, const struct fg_run_content *in)
{
    hid_t group = H5Gcreate2(file, "params", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    enum fg_status st = fg_run_check(group);
    FG_TRY(st);
    FG_TRY(fg_run_text(group, "layers", in->layers));
    FG_TRY(fg_run_text(group, "sha256", in->summary->params_sha256));
    FG_TRY(add_u64_attr(group, "tensors", in->n_tensors));
    for (size_t i = 0; i < in->n_tensors; i++) {
        FG_TRY(write_tensor(group, &in->tensor[i], i, in->params));
    }
cleanup:
    H5Gclose(group);
    return st;
}

enum fg_status fg_run_array(struct fg_run_packer *p, hid_t group, const char *name, const char *doc,
                            enum fg_col_kind kind, const void *data, size_t n)
{
    struct fg_ledger_col c = {.name = name, .unit = "", .kind = kind, .data = data, .doc = doc};
    return write_ledger_col(p, group, &c, n);
}

/* What the model takes: x of the data as scale * x + shift; and what it gives: names of classes. */
static enum fg_status write_input(struct fg_run_packer *p, hid_t file, const struct fg_dataset *data)
{
    hid_t group = H5Gcreate2(file, "input", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    double *wide = fg_calloc(data->channels, sizeof *wide);
    enum fg_status st = fg_run_check(group);
    FG_TRY(st == FG_OK && wide == NULL ? FG_E_NOMEM : st);
    for (int i = 0; i < 2 && data->kind != FG_DATA_TOKENS; i++) {
        const float *from = i == 0 ? data->scale : data->shift;
        for (uint32_t c = 0; c < data->channels; c++) {
            wide[c] = (double)from[c];
        }
        FG_TRY(fg_run_array(p, group, i == 0 ? "scale" : "shift",
                            "of each channel: the model takes scale * x + shift", FG_COL_F64, wide,
                            data->channels));
    }
    if (data->class_names != NULL && data->class_names[0] != '\0') {
        FG_TRY(fg_run_text(group, "class_names", data->class_names));
    }
cleanup:
    fg_free(wide);
    H5Gclose(group);
    return st;
}

/* Models of blocks, and who goes by which. */
static enum fg_status write_blocks(struct fg_run_packer *p, hid_t file, const struct fg_run_content *in)
{
    hid_t group = H5Gcreate2(file, "blocks", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    struct fg_layer_info all = {.name = "params", .ndim = 2, .dims = {in->blocks, 0, 1, 1}};
    enum fg_status st = fg_run_check(group);
    size_t params = 0;
    for (size_t i = 0; i < in->n_tensors; i++) {
        params += in->tensor[i].size;
    }
    all.dims[1] = (uint32_t)params;
    FG_TRY(st);
    FG_TRY(write_tensor(group, &all, 0, in->block_params));
    FG_TRY(fg_run_array(p, group, "of_client",
                        "block whose model the client goes by; their number: the run's own", FG_COL_U32,
                        in->block_of, in->summary->clients));
cleanup:
    H5Gclose(group);
    return st;
}

/* Which samples each client had: client k trained on train[train_first[k] .. train_first[k + 1]). */
static enum fg_status write_partition(struct fg_run_packer *p, hid_t file, const struct fg_partition *part)
{
    _Static_assert(sizeof(size_t) == sizeof(uint64_t), "offsets are written as 64-bit numbers");
    hid_t group = H5Gcreate2(file, "partition", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    size_t n = part->clients;
    enum fg_status st = fg_run_check(group);
    FG_TRY(st);
    FG_TRY(fg_run_array(p, group, "train_first", "first entry of each client in train", FG_COL_U64,
                        part->train_first, n + 1));
    FG_TRY(fg_run_array(p, group, "train", "sample numbers", FG_COL_U32, part->train, part->train_first[n]));
    FG_TRY(fg_run_array(p, group, "test_first", "first entry of each client in test", FG_COL_U64,
                        part->test_first, n + 1));
    FG_TRY(fg_run_array(p, group, "test", "sample numbers", FG_COL_U32, part->test, part->test_first[n]));
    FG_TRY(fg_run_array(p, group, "group", "natural group of each client, 4294967295 = none", FG_COL_U32,
                        part->group, n));
cleanup:
    H5Gclose(group);
    return st;
}

static enum fg_status write_all(struct fg_run_packer *p, hid_t file, const struct fg_run_content *in)
{
    enum fg_status st = FG_OK;
    FG_TRY(fg_run_text(file, "format", "forage run"));
    FG_TRY(add_u64_attr(file, "format_version", 1));
    FG_TRY(fg_run_text(file, "forage_version", in->summary->version));
    FG_TRY(fg_run_text(file, "name", in->summary->name));
    FG_TRY(add_u64_attr(file, "seed", in->summary->seed));
    FG_TRY(write_rounds(p, file, in));
    FG_TRY(write_participation(p, file, in));
    FG_TRY(write_ledger(p, file, in));
    FG_TRY(in->n_zones > 0 ? write_footprint(p, file, in) : FG_OK);
    FG_TRY(in->params != NULL ? write_params(file, in) : FG_OK);
    FG_TRY(in->params != NULL && in->data != NULL ? write_input(p, file, in->data) : FG_OK);
    FG_TRY(in->params != NULL && in->blocks > 0 ? write_blocks(p, file, in) : FG_OK);
    if (in->partition != NULL) {
        FG_TRY(write_partition(p, file, in->partition));
    }
    FG_TRY(in->board.bytes != NULL ? fg_run_board(p, file, &in->board) : FG_OK);
    if (strlen(in->config) < 60000) { /* an attribute holds 64 KiB; config.ini is there in any case */
        FG_TRY(fg_run_text(file, "config", in->config));
    }
    FG_TRY(fg_run_check(H5Fflush(file, H5F_SCOPE_LOCAL)));
cleanup:
    return st;
}

/* HDF5 1.10 keeps a file open that it could not write to the end, on a full disk, and crashes on it at exit.
 * All files are closed by those who open them, so nothing is left for that handler to do.
 * Before the library's first use. */
__attribute__((constructor)) static void do_without_exit_handler(void)
{
    (void)H5dont_atexit();
}

/* Written beside its place and then put there: what was in it before is whole until then. */
enum fg_status fg_run_h5_write(const char *path, const struct fg_run_content *c, struct fg_err *err)
{
    struct fg_str tmp = {0};
    struct fg_run_packer *packer = NULL;
    hid_t file = -1;
    enum fg_status st;
    FG_TRY(fg_run_packer_create(&packer));
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    FG_TRY(fg_str_addf(&tmp, "%s.tmp", path));
    errno = 0;
    file = H5Fcreate(tmp.data, H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    st = fg_run_check(file);
    st = st == FG_OK ? write_all(packer, file, c) : st;
    int why = errno;
    if (file >= 0 && H5Fclose(file) < 0 && st == FG_OK) {
        st = FG_E_IO;
        why = errno;
    }
    if (st == FG_OK) {
        st = fg_file_commit(tmp.data, path, err);
    } else {
        (void)unlink(tmp.data);
        st = st != FG_E_IO ? st
             : why != 0    ? fg_file_error(why, path, "write", err)
                           : fg_fail(err, st, "%s: could not be written by HDF5", path);
    }
cleanup:
    fg_run_packer_destroy(packer);
    fg_str_fini(&tmp);
    return st;
}

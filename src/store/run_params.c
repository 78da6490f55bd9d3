/* Reading the parameters of a run.h5 back, each count checked against the file before it is trusted. */
#include <errno.h>
#include <hdf5.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/store/run_h5.h"

static enum fg_status read_u64_attr(uint64_t *out, hid_t on, const char *name)
{
    hid_t attr = H5Aopen(on, name, H5P_DEFAULT), space = attr >= 0 ? H5Aget_space(attr) : -1;
    int ok =
        space >= 0 && H5Sget_simple_extent_npoints(space) == 1 && H5Aread(attr, H5T_NATIVE_UINT64, out) >= 0;
    H5Sclose(space);
    H5Aclose(attr);
    return ok ? FG_OK : FG_E_CORRUPT;
}

/* A string attribute of at most `limit` bytes. */
static enum fg_status read_text_attr(char **out, hid_t on, const char *name, size_t limit)
{
    hid_t attr = H5Aopen(on, name, H5P_DEFAULT), type = attr >= 0 ? H5Aget_type(attr) : -1, memory = -1;
    char *text = NULL;
    enum fg_status st = FG_E_CORRUPT;
    if (type < 0 || H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) != 0) {
        goto cleanup;
    }
    size_t len = H5Tget_size(type);
    if (len == 0 || len > limit) {
        goto cleanup;
    }
    memory = H5Tcopy(type);
    text = fg_calloc(len + 1, 1);
    if (text == NULL) {
        st = FG_E_NOMEM;
    } else if (memory >= 0 && H5Aread(attr, memory, text) >= 0) {
        *out = text;
        text = NULL;
        st = FG_OK;
    }
cleanup:
    fg_free(text);
    H5Tclose(memory);
    H5Tclose(type);
    H5Aclose(attr);
    return st;
}

/* Name, shape and place in the list of one tensor. */
static enum fg_status read_info(struct fg_layer_info *t, uint64_t *index, hid_t group, hsize_t i)
{
    hsize_t dims[4] = {1, 1, 1, 1};
    hid_t set = -1, space = -1;
    enum fg_status st = FG_E_CORRUPT;
    ssize_t len =
        H5Lget_name_by_idx(group, ".", H5_INDEX_NAME, H5_ITER_INC, i, t->name, sizeof t->name, H5P_DEFAULT);
    if (len <= 0 || (size_t)len >= sizeof t->name) {
        return st;
    }
    set = H5Dopen2(group, t->name, H5P_DEFAULT);
    space = set >= 0 ? H5Dget_space(set) : -1;
    int ndim = space >= 0 ? H5Sget_simple_extent_ndims(space) : -1;
    if (ndim < 1 || ndim > 4 || H5Sget_simple_extent_dims(space, dims, NULL) != ndim) {
        goto cleanup;
    }
    t->ndim = (unsigned)ndim;
    t->size = 1;
    for (int k = 0; k < 4; k++) {
        if (dims[k] == 0 || dims[k] > UINT32_MAX || t->size > ((size_t)1 << 34) / (size_t)dims[k]) {
            goto cleanup;
        }
        t->dims[k] = (uint32_t)dims[k];
        t->size *= (size_t)dims[k];
    }
    st = read_u64_attr(index, set, "index");
cleanup:
    H5Sclose(space);
    H5Dclose(set);
    return st;
}

static enum fg_status read_infos(struct fg_run_params *p, hid_t group)
{
    H5G_info_t info;
    uint64_t tensors = 0;
    if (H5Gget_info(group, &info) < 0 || read_u64_attr(&tensors, group, "tensors") != FG_OK ||
        info.nlinks != tensors || tensors > 10000) {
        return FG_E_CORRUPT;
    }
    p->n_tensors = (size_t)tensors;
    p->tensor = fg_calloc(p->n_tensors, sizeof *p->tensor);
    if (p->tensor == NULL) {
        return FG_E_NOMEM;
    }
    for (hsize_t i = 0; i < info.nlinks; i++) {
        struct fg_layer_info t;
        memset(&t, 0, sizeof t);
        uint64_t index = 0;
        enum fg_status st = read_info(&t, &index, group, i);
        if (st != FG_OK) {
            return st;
        }
        if (index >= tensors || p->tensor[index].size != 0) {
            return FG_E_CORRUPT;
        }
        p->tensor[index] = t;
    }
    for (size_t i = 0; i < p->n_tensors; i++) {
        p->tensor[i].offset = p->n;
        p->n += p->tensor[i].size;
    }
    return FG_OK;
}

static enum fg_status read_values(struct fg_run_params *p, hid_t group)
{
    p->values = fg_calloc(p->n, sizeof *p->values);
    if (p->values == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < p->n_tensors; i++) {
        hid_t set = H5Dopen2(group, p->tensor[i].name, H5P_DEFAULT);
        herr_t rc = set < 0 ? -1
                            : H5Dread(set, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT,
                                      p->values + p->tensor[i].offset);
        H5Dclose(set);
        if (rc < 0) {
            return FG_E_CORRUPT;
        }
    }
    return FG_OK;
}

static enum fg_status check_hash(const struct fg_run_params *p)
{
    uint8_t digest[32];
    char hex[65];
    enum fg_status st = fg_sha256(digest, p->values, p->n * sizeof *p->values);
    fg_hex32(hex, digest);
    return st != FG_OK ? st : strcmp(hex, p->sha256) == 0 ? FG_OK : FG_E_CORRUPT;
}

static enum fg_status read_group(struct fg_run_params *p, hid_t group)
{
    char *sha = NULL;
    enum fg_status st = FG_OK;
    FG_TRY(read_text_attr(&p->layers, group, "layers", 65536));
    FG_TRY(read_text_attr(&sha, group, "sha256", 64));
    memcpy(p->sha256, sha, strlen(sha) + 1);
    FG_TRY(read_infos(p, group));
    FG_TRY(read_values(p, group));
    FG_TRY(check_hash(p));
cleanup:
    fg_free(sha);
    return st;
}

/* All numbers of a set, of 4 bytes each as `type` says. */
static enum fg_status read_numbers(void **out, size_t *n, hid_t group, const char *name, hid_t type)
{
    hid_t set = H5Dopen2(group, name, H5P_DEFAULT), space = set >= 0 ? H5Dget_space(set) : -1;
    hssize_t count = space >= 0 ? H5Sget_simple_extent_npoints(space) : -1;
    enum fg_status st = count > 0 && count <= (hssize_t)1 << 34 ? FG_OK : FG_E_CORRUPT;
    FG_TRY(st);
    *n = (size_t)count;
    *out = fg_calloc(*n, 4);
    FG_TRY(*out != NULL ? FG_OK : FG_E_NOMEM);
    st = H5Dread(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, *out) >= 0 ? FG_OK : FG_E_CORRUPT;
cleanup:
    H5Sclose(space);
    H5Dclose(set);
    return st;
}

static enum fg_status read_channels(float **out, size_t *n, hid_t group, const char *name)
{
    void *values = NULL;
    enum fg_status st = read_numbers(&values, n, group, name, H5T_NATIVE_FLOAT);
    *out = values;
    return st == FG_OK && *n > UINT32_MAX ? FG_E_CORRUPT : st;
}

/* Models of blocks, and who goes by which, where the rule has them. */
static enum fg_status read_blocks(struct fg_run_params *p, hid_t file)
{
    if (H5Lexists(file, "blocks", H5P_DEFAULT) <= 0) {
        return FG_OK;
    }
    hid_t group = H5Gopen2(file, "blocks", H5P_DEFAULT);
    void *params = NULL, *of = NULL;
    size_t n = 0;
    enum fg_status st = group >= 0 ? FG_OK : FG_E_CORRUPT;
    FG_TRY(st);
    FG_TRY(read_numbers(&params, &n, group, "params", H5T_NATIVE_FLOAT));
    FG_TRY(p->n > 0 && n % p->n == 0 && n / p->n <= UINT32_MAX ? FG_OK : FG_E_CORRUPT);
    p->blocks = (uint32_t)(n / p->n);
    FG_TRY(read_numbers(&of, &p->clients, group, "of_client", H5T_NATIVE_UINT32));
    for (size_t c = 0; c < p->clients; c++) { /* who has no block goes by the model: blocks */
        FG_TRY(((const uint32_t *)of)[c] <= p->blocks ? FG_OK : FG_E_CORRUPT);
    }
cleanup:
    p->block_params = params;
    p->block_of = of;
    H5Gclose(group);
    return st;
}

/* What runs keep of what the model takes and gives. */
static enum fg_status read_input(struct fg_run_params *p, hid_t file)
{
    if (H5Lexists(file, "input", H5P_DEFAULT) <= 0) {
        return FG_OK;
    }
    hid_t group = H5Gopen2(file, "input", H5P_DEFAULT);
    size_t shifts = 0;
    enum fg_status st = group >= 0 ? FG_OK : FG_E_CORRUPT;
    FG_TRY(st);
    if (H5Lexists(group, "scale", H5P_DEFAULT) > 0) {
        FG_TRY(read_channels(&p->scale, &p->channels, group, "scale"));
        FG_TRY(read_channels(&p->shift, &shifts, group, "shift"));
        FG_TRY(shifts == p->channels ? FG_OK : FG_E_CORRUPT);
    }
    if (H5Aexists(group, "class_names") > 0) {
        FG_TRY(read_text_attr(&p->class_names, group, "class_names", FG_CLASS_NAMES_MAX));
    }
cleanup:
    H5Gclose(group);
    return st;
}

/* The file itself, or run.h5 in the folder of this name. */
static enum fg_status locate(struct fg_str *file, const char *path, struct fg_err *err)
{
    struct stat sb;
    if (stat(path, &sb) != 0) {
        return errno != ENOENT
                   ? fg_file_error(errno, path, "open", err)
                   : fg_fail(err, FG_E_MISSING, "%s: expected a run folder or a run.h5, found nothing", path);
    }
    if (!S_ISDIR(sb.st_mode)) {
        return fg_str_addf(file, "%s", path);
    }
    enum fg_status st = fg_str_addf(file, "%s/run.h5", path);
    if (st == FG_OK && access(file->data, F_OK) != 0 && errno == ENOENT) {
        st = fg_fail(err, FG_E_MISSING, "%s: expected run.h5 in it, found none (is the run finished?)", path);
    }
    return st;
}

enum fg_status fg_run_params_read(struct fg_run_params *out, const char *path, struct fg_err *err)
{
    struct fg_run_params p = {0};
    struct fg_str name = {0};
    hid_t file = -1, group = -1;
    uint64_t version = 0;
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    enum fg_status st = locate(&name, path, err);
    FG_TRY(st);
    FG_TRY(fg_file_lasts(name.data, err));
    if (access(name.data, R_OK) != 0) {
        st = fg_file_error(errno, name.data, "open", err);
        goto cleanup;
    }
    file = H5Fopen(name.data, H5F_ACC_RDONLY, H5P_DEFAULT);
    if (file < 0) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected an HDF5 file, found another or a damaged one", name.data);
        goto cleanup;
    }
    if (read_u64_attr(&version, file, "format_version") != FG_OK || version != 1) {
        st = fg_fail(err, FG_E_INPUT, "%s: expected the run format, version 1, found another", name.data);
        goto cleanup;
    }
    if (H5Lexists(file, "params", H5P_DEFAULT) == 0) {
        st = fg_fail(err, FG_E_MISSING, "%s: expected parameters, found a run that trained none (train.mode)",
                     name.data);
        goto cleanup;
    }
    group = H5Gopen2(file, "params", H5P_DEFAULT);
    st = group >= 0 ? read_group(&p, group) : FG_E_CORRUPT;
    st = st == FG_OK ? read_input(&p, file) : st;
    st = st == FG_OK ? read_blocks(&p, file) : st;
    if (st == FG_E_CORRUPT) {
        st = fg_fail(err, FG_E_INPUT,
                     "%s: expected whole parameters with a matching sha256, found them damaged", name.data);
    }
cleanup:
    H5Gclose(group);
    H5Fclose(file);
    fg_str_fini(&name);
    if (st == FG_OK) {
        *out = p;
    } else {
        fg_run_params_fini(&p);
    }
    return st;
}

void fg_run_params_fini(struct fg_run_params *p)
{
    fg_free(p->values);
    fg_free(p->tensor);
    fg_free(p->layers);
    fg_free(p->scale);
    fg_free(p->shift);
    fg_free(p->class_names);
    fg_free(p->block_params);
    fg_free(p->block_of);
    *p = (struct fg_run_params){0};
}

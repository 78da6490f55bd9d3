#include <errno.h>
#include <hdf5.h>
#include <string.h>
#include <sys/statvfs.h>

#include "datasets/build.h"
#include "datasets/h5.h"
#include "datasets/h5_layout.h"
#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/base/str.h"

struct fg_h5_quiet fg_h5_silence(void)
{
    struct fg_h5_quiet q = {NULL, NULL};
    H5Eget_auto2(H5E_DEFAULT, &q.function, &q.data);
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    return q;
}

void fg_h5_restore(const struct fg_h5_quiet *quiet)
{
    H5Eset_auto2(H5E_DEFAULT, quiet->function, quiet->data);
}

/* These return 1 on success; the caller turns the first 0 into an error with errno. */

static int write_ints(hid_t file, const char *what, const uint64_t *value, size_t n)
{
    hsize_t dim = n;
    hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &dim, NULL);
    hid_t attr = H5Acreate2(file, what, H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    int ok = attr >= 0 && H5Awrite(attr, H5T_NATIVE_UINT64, value) >= 0;
    if (attr >= 0) {
        H5Aclose(attr);
    }
    H5Sclose(space);
    return ok;
}

static hid_t string_type(size_t size)
{
    hid_t type = H5Tcopy(H5T_C_S1);
    H5Tset_size(type, size != 0 ? size : 1);
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    H5Tset_cset(type, H5T_CSET_UTF8);
    return type;
}

static int write_text(hid_t file, const char *what, const char *text)
{
    hid_t type = string_type(strlen(text)), space = H5Screate(H5S_SCALAR);
    hid_t attr = H5Acreate2(file, what, type, space, H5P_DEFAULT, H5P_DEFAULT);
    int ok = attr >= 0 && H5Awrite(attr, type, text) >= 0;
    if (attr >= 0) {
        H5Aclose(attr);
    }
    H5Sclose(space);
    H5Tclose(type);
    return ok;
}

static int write_array(hid_t file, const char *what, const hsize_t *dim, int rank, hid_t stored, hid_t memory,
                       const void *data)
{
    hid_t space = H5Screate_simple(rank, dim, NULL);
    hid_t set = H5Dcreate2(file, what, stored, space, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    int ok = set >= 0 && H5Dwrite(set, memory, H5S_ALL, H5S_ALL, H5P_DEFAULT, data) >= 0;
    if (set >= 0) {
        ok = H5Dclose(set) >= 0 && ok;
    }
    H5Sclose(space);
    return ok;
}

static int write_names(hid_t file, const struct fg_dataset *ds)
{
    size_t size = 1;
    for (uint32_t g = 0; g < ds->groups; g++) {
        size_t len = strlen(ds->group_name[g]);
        size = len > size ? len : size;
    }
    char *all = fg_calloc(ds->groups, size);
    if (all == NULL) {
        errno = ENOMEM;
        return 0;
    }
    for (uint32_t g = 0; g < ds->groups; g++) {
        memcpy(all + g * size, ds->group_name[g], strlen(ds->group_name[g]));
    }
    hsize_t dim = ds->groups;
    hid_t type = string_type(size);
    int ok = write_array(file, "group_name", &dim, 1, type, type, all);
    H5Tclose(type);
    fg_free(all);
    return ok;
}

static int write_attributes(hid_t file, const struct fg_dataset *ds)
{
    uint64_t version = FG_LAYOUT_VERSION;
    uint64_t layout[FG_LAYOUT_COUNTS] = {(uint64_t)ds->kind, (uint64_t)ds->dtype, ds->shape[0], ds->shape[1],
                                         ds->shape[2],       ds->classes,         ds->n,        ds->n_train,
                                         ds->groups};
    uint64_t sums[3];
    fg_dataset_sums(sums, ds);
    return write_text(file, "format", FG_LAYOUT_FORMAT) && write_ints(file, "version", &version, 1) &&
           write_text(file, "kind", fg_dataset_kind_name(ds->kind)) &&
           write_ints(file, "layout", layout, FG_LAYOUT_COUNTS) && write_ints(file, "xxh3", sums, 3) &&
           write_text(file, "origin", ds->origin != NULL ? ds->origin : "") &&
           write_text(file, "options", ds->options != NULL ? ds->options : "") &&
           (ds->class_names == NULL || ds->class_names[0] == '\0' ||
            write_text(file, "class_names", ds->class_names));
}

static int write_arrays(hid_t file, const struct fg_dataset *ds)
{
    hsize_t x_dim[2] = {ds->n, ds->width}, y_dim[2] = {ds->n, ds->label_width}, n = ds->n;
    hsize_t channels = ds->channels, classes = ds->classes;
    int bytes = ds->dtype == FG_U8;
    return write_array(file, "x", x_dim, 2, bytes ? H5T_STD_U8LE : H5T_IEEE_F32LE,
                       bytes ? H5T_NATIVE_UINT8 : H5T_NATIVE_FLOAT, ds->x) &&
           write_array(file, "y", y_dim, 2, H5T_STD_U16LE, H5T_NATIVE_UINT16, ds->y) &&
           write_array(file, "scale", &channels, 1, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, ds->scale) &&
           write_array(file, "shift", &channels, 1, H5T_IEEE_F32LE, H5T_NATIVE_FLOAT, ds->shift) &&
           (ds->vocab == NULL ||
            write_array(file, "vocabulary", &classes, 1, H5T_STD_U8LE, H5T_NATIVE_UINT8, ds->vocab)) &&
           (ds->group == NULL ||
            (write_array(file, "group", &n, 1, H5T_STD_U32LE, H5T_NATIVE_UINT32, ds->group) &&
             write_names(file, ds)));
}

static uint64_t bytes_needed(const struct fg_dataset *ds)
{
    return (uint64_t)ds->n * (fg_dataset_sample_bytes(ds) + ds->label_width * sizeof *ds->y +
                              (ds->group != NULL ? sizeof *ds->group : 0)) +
           65536;
}

/* A full disk is noticed before the work; a disk that fills up meanwhile, when writing. */
static enum fg_status check_room(const char *path, const char *folder, const struct fg_dataset *ds,
                                 struct fg_err *err)
{
    struct statvfs v;
    if (statvfs(folder, &v) != 0) {
        return FG_OK;
    }
    uint64_t room = (uint64_t)v.f_bavail * v.f_frsize, need = bytes_needed(ds);
    if (v.f_blocks != 0 && room < need) {
        return fg_fail(err, FG_E_FULL, "%s: no space left: needs %llu bytes, %llu are free", path,
                       (unsigned long long)need, (unsigned long long)room);
    }
    return FG_OK;
}

/* HDF5 makes the file in memory and the writing is ours: HDF5 cannot close a file that it cannot write,
 * and may crash when the program ends. */
static enum fg_status write_file(const char *path, const struct fg_dataset *ds, struct fg_err *err)
{
    enum fg_status st = FG_E_NOMEM;
    void **memory = NULL;
    hid_t file = -1, access = H5Pcreate(H5P_FILE_ACCESS);
    if (access >= 0 && H5Pset_fapl_core(access, bytes_needed(ds), 0) >= 0) {
        file = H5Fcreate(path, H5F_ACC_TRUNC, H5P_DEFAULT, access);
    }
    if (file >= 0 && write_attributes(file, ds) && write_arrays(file, ds) &&
        H5Fflush(file, H5F_SCOPE_LOCAL) >= 0 && H5Fget_vfd_handle(file, access, (void **)&memory) >= 0) {
        ssize_t len = H5Fget_file_image(file, NULL, 0);
        st = len > 0 ? fg_file_replace_shared(path, *memory, (size_t)len, err) : FG_E_NOMEM;
    }
    if (st == FG_E_NOMEM) {
        st = fg_fail(err, st, "%s: out of memory for the file", path);
    }
    if (file >= 0) {
        H5Fclose(file);
    }
    if (access >= 0) {
        H5Pclose(access);
    }
    return st;
}

enum fg_status fg_h5_write(const char *path, const struct fg_dataset *ds, struct fg_err *err)
{
    struct fg_str folder = {0};
    const char *slash = strrchr(path, '/');
    size_t len = slash == NULL ? 0 : slash == path ? 1 : (size_t)(slash - path);
    enum fg_status st = fg_str_addf(&folder, "%.*s", len != 0 ? (int)len : 1, len != 0 ? path : ".");
    if (st != FG_OK) {
        return fg_fail(err, st, "%s: out of memory", path);
    }
    struct fg_h5_quiet quiet = fg_h5_silence();
    FG_TRY(check_room(path, folder.data, ds, err));
    FG_TRY(write_file(path, ds, err));
cleanup:
    fg_h5_restore(&quiet);
    fg_str_fini(&folder);
    return st;
}

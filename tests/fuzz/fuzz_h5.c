/* Forage's HDF5 layout: the input says which attributes and arrays a file has, of which types, extents and
 * values; HDF5 writes it (in memory) and fg_h5_parse() judges it. HDF5's own reading of damaged bytes is not
 * the target.
 */
#include <hdf5.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "datasets/h5.h"
#include "src/base/hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
    const uint8_t *data;
    size_t size, at;
};

static uint8_t byte(struct input *in)
{
    return in->at < in->size ? in->data[in->at++] : 0;
}

/* Small numbers, and now and then a huge one. */
static uint64_t number(struct input *in)
{
    uint8_t b = byte(in);
    return b < 250 ? b : UINT64_MAX >> 8 * (b - 250);
}

/* Writes value[0..n), unless the input says "missing" or "one more". */
static void put_ints(hid_t file, const char *name, struct input *in, const uint64_t value[10], hsize_t n)
{
    if (byte(in) == 255) {
        return;
    }
    n = byte(in) == 255 ? n + 1 : n;
    hid_t space = n == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &n, NULL);
    hid_t attr = H5Acreate2(file, name, H5T_STD_U64LE, space, H5P_DEFAULT, H5P_DEFAULT);
    H5Awrite(attr, H5T_NATIVE_UINT64, value);
    H5Aclose(attr);
    H5Sclose(space);
}

static void ints(hid_t file, const char *name, struct input *in, hsize_t n, uint64_t value[10])
{
    for (hsize_t i = 0; i < n; i++) {
        value[i] = number(in);
    }
    put_ints(file, name, in, value, n);
}

static void text(hid_t file, const char *name, const char *value, struct input *in)
{
    uint8_t how = byte(in);
    if (how == 255) {
        return;
    }
    hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, how == 254 ? H5T_VARIABLE : strlen(value));
    H5Tset_strpad(type, H5T_STR_NULLPAD);
    hid_t attr = H5Acreate2(file, name, how == 253 ? H5T_STD_U8LE : type, space, H5P_DEFAULT, H5P_DEFAULT);
    if (how < 253) {
        H5Awrite(attr, type, value);
    }
    H5Aclose(attr);
    H5Sclose(space);
    H5Tclose(type);
}

/* Returns the checksum that the array has when it is of the usual type. */
static uint64_t array(hid_t file, const char *name, hid_t usual, int rank, struct input *in)
{
    static uint8_t values[1 << 16];
    hsize_t dim[2] = {1, 1};
    uint8_t how = byte(in);
    if (how == 255) {
        return 0;
    }
    for (int i = 0; i < rank; i++) {
        dim[i] = byte(in) % 17;
    }
    for (size_t i = 0; i < 32; i++) {
        values[i] = byte(in);
    }
    hid_t string = H5Tcopy(H5T_C_S1);
    H5Tset_size(string, 3);
    hid_t type = how == 254 ? H5T_IEEE_F64LE : how == 253 ? H5T_STD_I64BE : how == 252 ? string : usual;
    hid_t space = H5Screate_simple(rank, dim, NULL), list = H5Pcreate(H5P_DATASET_CREATE);
    if (how == 251 && dim[0] * dim[1] > 0) {
        H5Pset_chunk(list, rank, dim);
    }
    hid_t set = H5Dcreate2(file, name, type, space, H5P_DEFAULT, list, H5P_DEFAULT);
    H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, values);
    H5Dclose(set);
    H5Pclose(list);
    H5Sclose(space);
    H5Tclose(string);
    return fg_xxh64(values, dim[0] * dim[1] * H5Tget_size(usual));
}

static void fill(hid_t file, struct input *in)
{
    uint64_t value[10] = {0}, sums[10] = {0};
    text(file, "format", "forage-dataset", in);
    text(file, "origin", "o", in);
    text(file, "options", "p", in);
    ints(file, "version", in, 1, value);
    ints(file, "layout", in, 9, value);
    sums[0] = array(file, "x", value[1] == FG_U8 ? H5T_STD_U8LE : H5T_IEEE_F32LE, 2, in);
    sums[1] = array(file, "y", H5T_STD_U16LE, 2, in);
    sums[2] = array(file, "group", H5T_STD_U32LE, 1, in);
    sums[2] = value[8] != 0 ? sums[2] : 0;
    put_ints(file, "xxh3", in, sums, 3);
    array(file, "scale", H5T_IEEE_F32LE, 1, in);
    array(file, "shift", H5T_IEEE_F32LE, 1, in);
    array(file, "group_name", H5T_STD_U8LE, 1, in);
    array(file, "vocabulary", H5T_STD_U8LE, 1, in);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t image[1 << 17];
    struct input in = {data, size, 0};
    hid_t access = H5Pcreate(H5P_FILE_ACCESS);
    H5Pset_fapl_core(access, 1 << 14, 0);
    hid_t file = H5Fcreate("fuzz", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    if (file < 0) {
        abort();
    }
    fill(file, &in);
    H5Fflush(file, H5F_SCOPE_LOCAL);
    ssize_t len = H5Fget_file_image(file, image, sizeof image);
    H5Fclose(file);
    H5Pclose(access);
    if (len > 0) {
        struct fg_blob blob = {"fuzz", image, (size_t)len};
        struct fg_dataset *ds = NULL;
        struct fg_err err;
        if (fg_h5_parse(&ds, &blob, &err) == FG_OK && fg_dataset_check(ds, &err) != FG_OK) {
            abort();
        }
        fg_dataset_destroy(ds);
    }
    return 0;
}

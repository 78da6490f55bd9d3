/* The doctor's points about this machine alone. */
#include <H5public.h>
#include <hdf5.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zstd.h>

#include "config.h"
#include "kernels/cuda.h"
#include "kernels/kernels.h"
#include "src/base/cpu.h"
#include "src/deploy/device_need.h"
#include "src/deploy/doctor.h"
#include "src/report/plot.h"
#include "src/worker/trainer_device.h"

void fg_doctor_check_cpu(struct fg_doctor *d)
{
    long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE), cores = sysconf(_SC_NPROCESSORS_ONLN);
    double gib = (double)pages * (double)page / (1024.0 * 1024.0 * 1024.0);
    fg_doctor_add(d, FG_DOCTOR_OK, "cores", NULL, "%u usable of %ld", fg_cpu_cores(), cores);
    fg_doctor_add(d, gib < 0.9 ? FG_DOCTOR_WARN : FG_DOCTOR_OK, "memory", "the examples need about 1 GiB",
                  "%.1f GiB", gib);
#ifdef FG_X86
    int avx512 = __builtin_cpu_supports("avx512f") != 0, avx2 = __builtin_cpu_supports("avx2") != 0;
    int fma = __builtin_cpu_supports("fma") != 0;
    enum fg_doctor_level level = avx2 && fma ? FG_DOCTOR_OK : FG_DOCTOR_WARN;
    fg_doctor_add(d, level, "cpu", "results are the same without these, training is many times slower",
                  "avx2 %s, fma %s, avx512f %s", avx2 ? "yes" : "no", fma ? "yes" : "no",
                  avx512 ? "yes" : "no");
#else
    fg_doctor_add(d, FG_DOCTOR_WARN, "cpu", "results are the same, training is several times slower",
                  "not x86-64: reference kernels only");
#endif
    const char *bf16 = fg_kernels_bf16_by();
    fg_doctor_add(d, FG_DOCTOR_OK, "bf16", NULL, "%s%s%s", bf16 != NULL ? "train.arithmetic = bf16 by " : "",
                  bf16 != NULL ? bf16 : "neither AMX nor AVX512_BF16: train.arithmetic = bf16 is slower",
                  bf16 != NULL ? "" : " than exact here");
}

/* One dataset, compressed, through a file that stays in memory. */
static int hdf5_round_trip(void)
{
    enum { N = 1000 };
    static int out[N], in[N];
    hsize_t n = N;
    int good = 0;
    for (int i = 0; i < N; i++) {
        out[i] = i * i;
    }
    H5Eset_auto2(H5E_DEFAULT, NULL, NULL);
    hid_t access = H5Pcreate(H5P_FILE_ACCESS), create = H5Pcreate(H5P_DATASET_CREATE);
    H5Pset_fapl_core(access, 1 << 16, 0);
    hid_t file = H5Fcreate("doctor", H5F_ACC_TRUNC, H5P_DEFAULT, access);
    hid_t space = H5Screate_simple(1, &n, NULL);
    if (file >= 0 && space >= 0 && H5Pset_chunk(create, 1, &n) >= 0 && H5Pset_deflate(create, 4) >= 0) {
        hid_t set = H5Dcreate2(file, "x", H5T_STD_I32LE, space, H5P_DEFAULT, create, H5P_DEFAULT);
        good = set >= 0 && H5Dwrite(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, out) >= 0 &&
               H5Dread(set, H5T_NATIVE_INT, H5S_ALL, H5S_ALL, H5P_DEFAULT, in) >= 0 &&
               memcmp(in, out, sizeof in) == 0;
        H5Dclose(set);
    }
    H5Sclose(space);
    H5Fclose(file);
    H5Pclose(create);
    H5Pclose(access);
    return good;
}

static int zstd_round_trip(void)
{
    static const char text[] = "round and round and round and round and round and round";
    char packed[256], back[sizeof text];
    size_t n = ZSTD_compress(packed, sizeof packed, text, sizeof text, 3);
    return !ZSTD_isError(n) && ZSTD_decompress(back, sizeof back, packed, n) == sizeof text &&
           memcmp(back, text, sizeof text) == 0;
}

void fg_doctor_check_libraries(struct fg_doctor *d)
{
    unsigned major = 0, minor = 0, patch = 0;
    H5get_libversion(&major, &minor, &patch);
    int hdf5 = hdf5_round_trip(), zstd = zstd_round_trip();
    fg_doctor_add(d, hdf5 ? FG_DOCTOR_OK : FG_DOCTOR_FAIL, "hdf5",
                  "install HDF5 (serial) with its zlib filter: apt-get install libhdf5-dev, then build again",
                  "%u.%u.%u (built with %s)%s", major, minor, patch, FG_HDF5_VERSION,
                  hdf5 ? "" : ", but a compressed dataset does not come back");
    fg_doctor_add(d, zstd ? FG_DOCTOR_OK : FG_DOCTOR_FAIL, "zstd",
                  "apt-get install libzstd-dev, then build again", "%s (built with %s)%s",
                  ZSTD_versionString(), FG_ZSTD_VERSION,
                  zstd ? "" : ", but what it packs does not come back");
}

void fg_doctor_check_zones(struct fg_doctor *d)
{
    const char *dir = getenv("TZDIR");
    char path[300], magic[4] = "";
    snprintf(path, sizeof path, "%s/Europe/Paris",
             dir != NULL && dir[0] != '\0' ? dir : "/usr/share/zoneinfo");
    FILE *f = fopen(path, "rb");
    int good = f != NULL && fread(magic, 1, 4, f) == 4 && memcmp(magic, "TZif", 4) == 0;
    if (f != NULL) {
        fclose(f);
    }
    fg_doctor_add(d, good ? FG_DOCTOR_OK : FG_DOCTOR_FAIL, "tzdata",
                  "apt-get install tzdata (traces in fixed offsets such as +02:00 work without)",
                  good ? "time zones by name: %s" : "no time zones by name: %s cannot be read", path);
}

/* A picture of nothing, drawn. */
void fg_doctor_check_pictures(struct fg_doctor *d)
{
    struct fg_plots plots = {0};
    struct fg_panel panel = {.title = "none"};
    struct fg_err err = {{0}};
    enum fg_status st = fg_plot_simple(&plots, NULL, &panel);
    st = st == FG_OK ? fg_plot_simple_end(&plots) : st;
    st = st == FG_OK ? fg_plots_draw(&plots, &err) : st;
    fg_doctor_add(
        d, st == FG_OK ? FG_DOCTOR_OK : FG_DOCTOR_WARN, "gnuplot",
        "apt-get install gnuplot-nox, or name the program in GNUPLOT (report, plan, sweep, trace show "
        "do without pictures else)",
        "%s", st == FG_OK ? "draws pictures" : err.text);
    fg_plots_fini(&plots);
}

#ifdef FG_HAVE_CUDA
/* How many clients of common models the device has room for at once. */
static void check_lanes(struct fg_doctor *d, int device, uint64_t free_bytes)
{
    static const struct {
        const char *model;
        struct fg_model_input in;
    } models[] = {{"2nn", {FG_INPUT_IMAGE, {28, 28, 1}, 10}}, {"pfl_cnn", {FG_INPUT_IMAGE, {32, 32, 3}, 10}}};
    const struct fg_local_opts opts = {.batch = 10};
    const struct fg_dataset none = {0};
    const uint32_t samples = 600, steps = 60;
    const struct fg_device_load load = {.data = &none,
                                        .kept = true,
                                        .samples = &samples,
                                        .steps = &steps,
                                        .n = 1,
                                        .memory_bytes = free_bytes};
    for (size_t i = 0; i < sizeof models / sizeof *models; i++) {
        struct fg_model *m = NULL;
        struct fg_device_need need;
        if (fg_model_create(&m, models[i].model, &models[i].in, NULL, NULL) == FG_OK &&
            fg_trainer_device_need(&need, m, &opts, &load, NULL) == FG_OK) {
            fg_doctor_add(d, FG_DOCTOR_OK, "cuda", NULL,
                          "device %d: room for %llu clients of %s at once (%.1f MiB each)", device,
                          (unsigned long long)(free_bytes / need.client_bytes), models[i].model,
                          (double)need.client_bytes / (1024.0 * 1024.0));
        }
        fg_model_destroy(m);
    }
}
#endif

void fg_doctor_check_cuda(struct fg_doctor *d)
{
#ifdef FG_HAVE_CUDA
    int n = fg_cuda_device_count();
    struct fg_cuda_device none;
    struct fg_err why = {{0}};
    if (n == 0 && fg_cuda_device_info(&none, 0, &why) != FG_OK) {
        fg_doctor_add(d, FG_DOCTOR_OK, "cuda", NULL,
                      "built with CUDA %s, no device here: training runs on the CPU (%s)", FG_CUDA_VERSION,
                      why.text);
    }
    for (int i = 0; i < n; i++) {
        struct fg_cuda_device dev;
        struct fg_err err = {{0}};
        if (fg_cuda_device_info(&dev, i, &err) == FG_OK) {
            const double gib = 1024.0 * 1024.0 * 1024.0;
            fg_doctor_add(d, FG_DOCTOR_OK, "cuda", NULL,
                          "device %d: %s, sm_%d%d, %d multiprocessors, %.1f of %.1f GiB free", i, dev.name,
                          dev.major, dev.minor, dev.multiprocessors, (double)dev.free_bytes / gib,
                          (double)dev.memory_bytes / gib);
            check_lanes(d, i, dev.free_bytes);
        } else {
            fg_doctor_add(d, FG_DOCTOR_FAIL, "cuda",
                          "see whether nvidia-smi works; the driver may be too old", "%s", err.text);
        }
    }
#else
    fg_doctor_add(d, FG_DOCTOR_OK, "cuda", NULL, "built without CUDA: training runs on the CPU");
#endif
}

enum fg_status fg_doctor_check_study(struct fg_doctor *d, const struct fg_config *c, struct fg_err *err)
{
    struct fg_setup *setup = NULL;
    struct fg_cmd_device device;
    struct fg_str text = {0};
    enum fg_status st;
    FG_TRY(fg_setup_create(&setup, c, FG_START_AUTO, err));
    if (setup->model == NULL) {
        fg_doctor_add(d, FG_DOCTOR_OK, "study", NULL, "trains nothing (train.mode = cost-only)");
        goto cleanup;
    }
    FG_TRY(fg_cmd_device_need(&device, setup, err));
    FG_TRY(fg_cmd_device_text(&text, &device));
    bool fits = !device.here || (device.need.waves > 0 && device.need.evaluate_waves > 0);
    fg_doctor_add(d, fits ? FG_DOCTOR_OK : FG_DOCTOR_WARN, "study",
                  "train it on the CPU (worker.device = cpu), or take smaller batches", "memory on a GPU: %s",
                  text.data);
cleanup:
    fg_str_fini(&text);
    fg_setup_destroy(setup);
    return st;
}

/* Data sets as files: the HDF5 layout, the cache, finding and telling apart sources. */
#include "tests/lib/test.h"

#include <dirent.h>
#include <hdf5.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "datasets/build.h"
#include "datasets/generate.h"
#include "datasets/h5.h"
#include "datasets/load.h"
#include "src/base/mem.h"
#include "src/config/option.h"
#include "src/sim/setup.h"
#include "tests/lib/tmpdir.h"

static void put(const char *name, const void *data, size_t len)
{
    FILE *f = fopen(fg_tmpdir_file(name), "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static size_t get(const char *name, uint8_t *data, size_t room)
{
    FILE *f = fopen(fg_tmpdir_file(name), "rb");
    assert_non_null(f);
    size_t n = fread(data, 1, room, f);
    fclose(f);
    return n;
}

static size_t entries(const char *path)
{
    DIR *d = opendir(path);
    size_t n = 0;
    while (d != NULL && readdir(d) != NULL) {
        n++;
    }
    if (d != NULL) {
        closedir(d);
    }
    return n > 2 ? n - 2 : 0; /* . and .. */
}

/* Groups with names of different lengths, origin, options: everything the layout has. */
static struct fg_dataset *rich(void)
{
    struct fg_dataset *ds = NULL;
    assert_int_equal(fg_generate(&ds, "gaussian:classes=3,dim=4,n=30,test=6,groups=5", NULL), FG_OK);
    assert_int_equal(fg_dataset_set_scaling(ds, FG_SCALE_UNIT, 1), FG_OK);
    ds->origin = fg_strdup("aa 12 file\nbb 13 other\n");
    ds->options = fg_strdup("importer=generator");
    return ds;
}

static void h5_gives_back_what_was_written(void **state)
{
    (void)state;
    struct fg_dataset *ds = rich(), *back = NULL;
    struct fg_err err = {""};
    uint8_t a[32], b[32];
    assert_int_equal(fg_h5_write(fg_tmpdir_file("a.h5"), ds, &err), FG_OK);
    if (fg_h5_read(&back, fg_tmpdir_file("a.h5"), &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    assert_int_equal(fg_dataset_hash(a, ds), FG_OK);
    assert_int_equal(fg_dataset_hash(b, back), FG_OK);
    assert_memory_equal(a, b, 32);
    assert_string_equal(back->origin, ds->origin);
    assert_string_equal(back->options, ds->options);
    for (uint32_t g = 0; g < 5; g++) {
        assert_string_equal(back->group_name[g], ds->group_name[g]);
    }
    fg_dataset_destroy(back);
    fg_dataset_destroy(ds);
}

static void h5_keeps_names_of_classes(void **state)
{
    (void)state;
    struct fg_dataset *ds = rich(), *back = NULL;
    uint8_t a[32], b[32];
    struct fg_str names = {0};
    assert_int_equal(fg_dataset_hash(a, ds), FG_OK);
    for (uint32_t c = 0; c < ds->classes; c++) {
        assert_int_equal(fg_str_addf(&names, "%sclass %u", c > 0 ? "\n" : "", 9 - c), FG_OK);
    }
    ds->class_names = names.data;
    assert_int_equal(fg_h5_write(fg_tmpdir_file("n.h5"), ds, NULL), FG_OK);
    assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("n.h5"), NULL), FG_OK);
    assert_string_equal(back->class_names, ds->class_names);
    assert_int_equal(fg_dataset_hash(b, back), FG_OK);
    assert_memory_not_equal(a, b, 32); /* names are a part of what labels mean */
    fg_dataset_destroy(back);
    ds->class_names[0] = '\n'; /* names of one class too many */
    assert_int_equal(fg_h5_write(fg_tmpdir_file("n.h5"), ds, NULL), FG_OK);
    assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("n.h5"), NULL), FG_E_INPUT);
    fg_dataset_destroy(ds);
}

static void h5_keeps_bytes_and_vocabulary(void **state)
{
    (void)state;
    put("x.txt", "to be or not to be, that is the question", 40);
    struct fg_dataset_spec spec = {.path = fg_tmpdir_file("x.txt"), .sequence = 4, .cache = ""};
    struct fg_dataset *ds = NULL, *back = NULL;
    assert_int_equal(fg_dataset_load(&ds, &spec, NULL), FG_OK);
    assert_int_equal(fg_h5_write(fg_tmpdir_file("t.h5"), ds, NULL), FG_OK);
    assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("t.h5"), NULL), FG_OK);
    assert_memory_equal(back->vocab, ds->vocab, ds->classes);
    assert_memory_equal(back->x, ds->x, ds->n * ds->width);
    assert_memory_equal(back->y, ds->y, ds->n * ds->label_width * 2);
    fg_dataset_destroy(back);
    fg_dataset_destroy(ds);
}

static void truncated_and_foreign_h5_are_refused(void **state)
{
    (void)state;
    static uint8_t data[1 << 16];
    struct fg_dataset *ds = rich(), *back = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_h5_write(fg_tmpdir_file("a.h5"), ds, NULL), FG_OK);
    size_t n = get("a.h5", data, sizeof data);
    assert_true(n > 1000 && n < sizeof data);
    for (size_t cut = 1; cut < n; cut += n / 53) {
        put("cut.h5", data, cut);
        assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("cut.h5"), &err), FG_E_INPUT);
        assert_non_null(strstr(err.text, "cut.h5"));
        struct fg_blob b = {"image", data, cut};
        assert_int_equal(fg_h5_parse(&back, &b, &err), FG_E_INPUT);
    }
    hid_t file = H5Fcreate(fg_tmpdir_file("foreign.h5"), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    H5Fclose(file);
    assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("foreign.h5"), &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "'format' is missing"));
    assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("nothing.h5"), &err), FG_E_MISSING);
    assert_null(back);
    fg_dataset_destroy(ds);
}

static void an_h5_that_cannot_be_opened_says_why(void **state)
{
    (void)state;
    struct fg_dataset *ds = rich(), *back;
    struct fg_err err;
    struct rlimit before, none;
    assert_int_equal(fg_h5_write(fg_tmpdir_file("a.h5"), ds, NULL), FG_OK);
    assert_int_equal(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = (struct rlimit){0, before.rlim_max};
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
    enum fg_status st = fg_h5_read(&back, fg_tmpdir_file("a.h5"), &err);
    assert_int_equal(setrlimit(RLIMIT_NOFILE, &before), 0);
    assert_int_equal(st, FG_E_IO);
    assert_non_null(strstr(err.text, "a.h5: could not open: Too many open files"));
    fg_dataset_destroy(ds);
}

/* A value in x is changed on disk: the checksum tells. */
static void damaged_values_are_noticed(void **state)
{
    (void)state;
    static uint8_t data[1 << 16];
    struct fg_dataset *ds = rich(), *back = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_h5_write(fg_tmpdir_file("a.h5"), ds, NULL), FG_OK);
    size_t n = get("a.h5", data, sizeof data), len = ds->n * fg_dataset_sample_bytes(ds), at = 0;
    while (at + len <= n && memcmp(data + at, ds->x, len) != 0) {
        at++;
    }
    assert_true(at + len <= n);
    data[at + len / 2] ^= 1;
    put("bent.h5", data, n);
    assert_int_equal(fg_h5_read(&back, fg_tmpdir_file("bent.h5"), &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "'x' does not match its checksum"));
    fg_dataset_destroy(ds);
}

static void failed_writes_leave_nothing(void **state)
{
    (void)state;
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    assert_int_equal(fg_generate(&ds, "gaussian:dim=100,n=1000", NULL), FG_OK);
    assert_int_equal(mkdir(fg_tmpdir_file("w"), 0777), 0);
    assert_int_equal(fg_h5_write(fg_tmpdir_file("nothere/a.h5"), ds, &err), FG_E_MISSING);
    assert_non_null(strstr(err.text, "nothere/a.h5"));
    struct rlimit old, small = {200000, 200000};
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small.rlim_max = old.rlim_max;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    enum fg_status st = fg_h5_write(fg_tmpdir_file("w/a.h5"), ds, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    assert_int_equal(st, FG_E_IO);
    assert_non_null(strstr(err.text, "w/a.h5"));
    assert_int_equal(entries(fg_tmpdir_file("w")), 0);
    fg_dataset_destroy(ds);
}

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define LIMITS_ARE_THE_SANITIZERS 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer) || __has_feature(memory_sanitizer)
#define LIMITS_ARE_THE_SANITIZERS 1
#endif
#endif

/* What this process may write to, in bytes. */
static size_t writable_bytes(void)
{
    FILE *f = fopen("/proc/self/status", "re");
    char line[128];
    unsigned long kb = 0;
    while (f != NULL && fgets(line, sizeof line, f) != NULL) {
        if (strncmp(line, "VmData:", 7) == 0) {
            kb = strtoul(line + 7, NULL, 10);
        }
    }
    if (f != NULL) {
        fclose(f);
    }
    return (size_t)kb * 1024;
}

/* 48 MB of samples where 16 MB may be had: it opens, is checked and can be walked through. */
static void data_larger_than_memory_are_read(void **state)
{
    (void)state;
#ifdef LIMITS_ARE_THE_SANITIZERS
    skip();
#endif
    enum { DIM = 1200, N = 10000 };
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    float first[DIM], again[DIM];
    uint16_t label, same = 0;
    uint32_t at = N - 1;
    assert_int_equal(fg_generate(&ds, "gaussian:dim=1200,n=10000", NULL), FG_OK);
    assert_int_equal(fg_h5_write(fg_tmpdir_file("large.h5"), ds, &err), FG_OK);
    fg_dataset_gather(ds, &at, 1, first, DIM, &label);
    fg_dataset_destroy(ds);
    ds = NULL;
    struct rlimit old, small;
    assert_int_equal(getrlimit(RLIMIT_DATA, &old), 0);
    small = old;
    small.rlim_cur = writable_bytes() + ((size_t)16 << 20);
    assert_int_equal(setrlimit(RLIMIT_DATA, &small), 0);
    void *whole = fg_calloc((size_t)DIM * N, sizeof(float));
    enum fg_status st = fg_h5_read(&ds, fg_tmpdir_file("large.h5"), &err);
    for (at = 0; st == FG_OK && at < N; at++) {
        fg_dataset_gather(ds, &at, 1, again, DIM, &same);
    }
    assert_int_equal(setrlimit(RLIMIT_DATA, &old), 0);
    assert_null(whole);
    fg_free(whole);
    assert_string_equal(err.text, "");
    assert_int_equal(st, FG_OK);
    assert_memory_equal(first, again, sizeof first);
    assert_int_equal(label, same);
    fg_dataset_destroy(ds);
}

static const char csv[] = "user,label,a\nu,0,1\nu,1,2\nv,1,3\nv,0,4\n";

static void raw_data_are_cached_until_they_change(void **state)
{
    (void)state;
    put("d.csv", csv, sizeof csv - 1);
    struct fg_dataset_spec spec = {
        .path = fg_tmpdir_file("d.csv"), .cache = fg_tmpdir_file("deep/cache"), .test_fraction = 0.5};
    uint8_t hash[4][32];
    for (int i = 0; i < 4; i++) {
        struct fg_dataset *ds = NULL;
        if (i == 3) {
            put("d.csv", "user,label,a\nu,0,7\nv,1,2\n", 25);
        }
        assert_int_equal(fg_dataset_load(&ds, &spec, NULL), FG_OK);
        assert_string_equal(ds->name, spec.path);
        assert_non_null(strstr(ds->origin, " d.csv\n"));
        assert_non_null(strstr(ds->options, "importer=csv"));
        assert_int_equal(fg_dataset_hash(hash[i], ds), FG_OK);
        fg_dataset_destroy(ds);
        assert_int_equal(entries(spec.cache), i == 3 ? 2 : 1);
        if (i == 1) { /* a damaged cache is made anew */
            DIR *d = opendir(spec.cache);
            for (struct dirent *e; (e = readdir(d)) != NULL;) {
                char path[600];
                snprintf(path, sizeof path, "%s/%s", spec.cache, e->d_name);
                assert_true(e->d_name[0] == '.' || truncate(path, 1000) == 0);
            }
            closedir(d);
        }
    }
    assert_memory_equal(hash[0], hash[1], 32);
    assert_memory_equal(hash[0], hash[2], 32);
    assert_memory_not_equal(hash[0], hash[3], 32);
}

static void options_do_not_multiply_caches_and_are_recorded(void **state)
{
    (void)state;
    put("e.csv", csv, sizeof csv - 1);
    struct fg_dataset_spec spec = {
        .path = fg_tmpdir_file("e.csv"), .cache = fg_tmpdir_file("cache2"), .test_fraction = 0.5};
    for (uint64_t seed = 0; seed < 3; seed++) {
        struct fg_dataset *ds = NULL;
        spec.seed = seed;
        spec.normalise = seed == 2 ? FG_NORMALISE_CHANNEL : FG_NORMALISE_AUTO;
        assert_int_equal(fg_dataset_load(&ds, &spec, NULL), FG_OK);
        assert_int_equal(ds->n_train, 2);
        assert_int_equal(strstr(ds->options, "normalise=channel") != NULL, seed == 2);
        fg_dataset_destroy(ds);
        assert_int_equal(entries(spec.cache), 1);
    }
}

static void unusable_cache_is_no_error(void **state)
{
    (void)state;
    put("d.csv", csv, sizeof csv - 1);
    struct fg_dataset_spec spec = {.path = fg_tmpdir_file("d.csv"), .cache = "/proc/forage/cache"};
    struct fg_dataset *ds = NULL;
    assert_int_equal(fg_dataset_load(&ds, &spec, NULL), FG_OK);
    assert_int_equal(ds->n, 4);
    fg_dataset_destroy(ds);
}

static void h5_keeps_its_scaling_unless_asked(void **state)
{
    (void)state;
    struct fg_dataset *ds = rich(), *back = NULL;
    float scale = ds->scale[0];
    assert_true(scale != 1.0f);
    assert_int_equal(fg_h5_write(fg_tmpdir_file("s.h5"), ds, NULL), FG_OK);
    struct fg_dataset_spec spec = FG_DATASET_SPEC_DEFAULT;
    spec.path = fg_tmpdir_file("s.h5");
    assert_int_equal(fg_dataset_load(&back, &spec, NULL), FG_OK);
    assert_true(back->scale[0] == scale && back->n_train == 30);
    fg_dataset_destroy(back);
    spec.normalise = FG_NORMALISE_OFF;
    assert_int_equal(fg_dataset_load(&back, &spec, NULL), FG_OK);
    assert_true(back->scale[0] == 1.0f);
    fg_dataset_destroy(back);
    fg_dataset_destroy(ds);
}

static void unknown_sources_are_refused(void **state)
{
    (void)state;
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    assert_int_equal(mkdir(fg_tmpdir_file("empty"), 0777), 0);
    put("y.bmp", "BM", 2);
    put("zero.csv", "", 0);
    put("fake.h5", "hello", 5);
    const struct {
        const char *path;
        enum fg_status st;
        const char *says;
    } bad[] = {
        {fg_tmpdir_file("empty"), FG_E_INPUT, "the folder is empty"},
        {fg_tmpdir_file("y.bmp"), FG_E_INPUT, "no data set that forage knows"},
        {fg_tmpdir_file("nothere"), FG_E_MISSING, "nothere"},
        {fg_tmpdir_file("zero.csv"), FG_E_INPUT, "the file is empty"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_dataset_spec spec = {.path = bad[i].path, .cache = ""};
        assert_int_equal(fg_dataset_load(&ds, &spec, &err), bad[i].st);
        if (strstr(err.text, bad[i].says) == NULL) {
            fail_msg("'%s' does not say '%s'", err.text, bad[i].says);
        }
    }
    struct fg_dataset_spec spec = {.path = fg_tmpdir_file("fake.h5"), .cache = ""};
    assert_int_equal(fg_dataset_load(&ds, &spec, &err), FG_E_INPUT);
    assert_non_null(strstr(err.text, "expected an HDF5 file"));
    spec.test_fraction = 0.95;
    assert_int_equal(fg_dataset_load(&ds, &spec, &err), FG_E_CONFIG);
    assert_null(ds);
}

/* What could not be split is gone, and nobody is left with it. */
static void a_configured_data_set_survives_every_failing_allocation(void **state)
{
    (void)state;
    static const char text[] = "[data]\npath = gaussian:n=40\nsplit = validation\n";
    const struct fg_config_origin from = {"file.ini", "/", NULL};
    struct fg_config c;
    struct fg_err err = {""};
    enum fg_status st = FG_E_NOMEM;
    assert_int_equal(fg_config_init(&c), FG_OK);
    assert_int_equal(fg_config_parse(&c, text, strlen(text), &from, &err), FG_OK);
    for (long n = 0; st != FG_OK; n++) {
        struct fg_dataset *ds = NULL;
        long left = n;
        assert_in_range(n, 0, 1000);
        fg_mem_set_hook(fg_fail_nth, &left);
        st = fg_setup_load_data(&ds, &c, &err);
        fg_mem_set_hook(NULL, NULL);
        assert_true(st == FG_OK || (st == FG_E_NOMEM && ds == NULL));
        fg_dataset_destroy(ds);
    }
    fg_config_fini(&c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(h5_gives_back_what_was_written),
        cmocka_unit_test(h5_keeps_names_of_classes),
        cmocka_unit_test(h5_keeps_bytes_and_vocabulary),
        cmocka_unit_test(truncated_and_foreign_h5_are_refused),
        cmocka_unit_test(an_h5_that_cannot_be_opened_says_why),
        cmocka_unit_test(damaged_values_are_noticed),
        cmocka_unit_test(failed_writes_leave_nothing),
        cmocka_unit_test(data_larger_than_memory_are_read),
        cmocka_unit_test(raw_data_are_cached_until_they_change),
        cmocka_unit_test(options_do_not_multiply_caches_and_are_recorded),
        cmocka_unit_test(unusable_cache_is_no_error),
        cmocka_unit_test(h5_keeps_its_scaling_unless_asked),
        cmocka_unit_test(unknown_sources_are_refused),
        cmocka_unit_test(a_configured_data_set_survives_every_failing_allocation),
    };
    return cmocka_run_group_tests(tests, fg_tmpdir_set_up, fg_tmpdir_tear_down);
}

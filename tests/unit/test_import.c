/* Parsers of raw data: what good bytes become, and what is said about bad ones. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <zlib.h>
#include <zstd.h>

#include "datasets/build.h"
#include "datasets/import.h"
#include "src/base/mem.h"

static struct fg_blob blob(const char *name, const void *data, size_t len)
{
    return (struct fg_blob){name, data, len};
}

#define BYTES(name, literal) blob(name, literal, sizeof(literal) - 1)

/* The call failed as invalid input and said so with this text. */
static void check_refused(enum fg_status st, const struct fg_err *err, const char *says)
{
    assert_int_equal(st, FG_E_INPUT);
    if (strstr(err->text, says) == NULL) {
        fail_msg("'%s' does not say '%s'", err->text, says);
    }
}

/* ---- IDX ---- */

/* Three images of 2 x 1, labels 2 0 1. */
#define IMAGES "\0\0\x08\3\0\0\0\3\0\0\0\2\0\0\0\1\x0a\x0b\x14\x15\x1e\x1f"
#define LABELS "\0\0\x08\1\0\0\0\3\2\0\1"

static void idx_pairs_become_images(void **state)
{
    (void)state;
    struct fg_blob images = BYTES("i", IMAGES), labels = BYTES("l", LABELS);
    struct fg_blob writers = BYTES("w.csv", "# c\nindex,label,writer\n0,2,ann\n1,0,bob\n2,1,ann\n");
    struct fg_blob test_images = BYTES("ti", "\0\0\x08\3\0\0\0\1\0\0\0\2\0\0\0\1\x63\x64");
    struct fg_blob test_labels = BYTES("tl", "\0\0\x08\1\0\0\0\1\1");
    struct fg_idx_part train = {&images, &labels, &writers}, test = {&test_images, &test_labels, NULL};
    struct fg_dataset *ds = NULL;
    assert_int_equal(fg_idx_import(&ds, &train, &test, "d", NULL), FG_OK);
    assert_int_equal(fg_dataset_check(ds, NULL), FG_OK);
    assert_true(ds->n == 4 && ds->n_train == 3 && ds->classes == 3 && ds->groups == 2);
    assert_true(ds->shape[0] == 2 && ds->shape[1] == 1 && ds->shape[2] == 1);
    assert_memory_equal(ds->x, "\x0a\x0b\x14\x15\x1e\x1f\x63\x64", 8);
    assert_true(ds->y[0] == 2 && ds->y[1] == 0 && ds->y[2] == 1 && ds->y[3] == 1);
    assert_true(ds->group[0] == 0 && ds->group[1] == 1 && ds->group[2] == 0 && ds->group[3] == FG_NO_GROUP);
    assert_string_equal(ds->group_name[1], "bob");
    fg_dataset_destroy(ds);
}

static void bad_idx_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *data;
        size_t len;
        const char *says;
    } bad[] = {
#define B(literal, text) {literal, sizeof(literal) - 1, text}
        B("", "only 0 bytes"),
        B("\0\0\x08", "only 3 bytes"),
        B("\1\0\x08\3\0\0\0\3\0\0\0\2\0\0\0\1______", "magic 01 00 08 03"),
        B("\0\0\x0d\1\0\0\0\3\2\0\1", "magic 00 00 0d 01"),
        B("\0\0\x08\x05\0\0\0\3\2\0\1", "magic"),
        B("\0\0\x08\3\0\0\0\3\0\0\0\2", "expected 16 bytes of IDX header, found 12"),
        B("\0\0\x08\3\0\0\0\3\0\0\0\2\0\0\0\1_____",
          "expected 6 bytes of data from the counts in the header, found 5"),
        B("\0\0\x08\3\0\0\0\3\0\0\0\2\0\0\0\1_______", "expected 6 bytes"),
        B("\0\0\x08\3\0\0\0\0\0\0\0\2\0\0\0\1", "dimension 1 is 0"),
        B("\0\0\x08\4\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff_", "too large"),
#undef B
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_idx idx;
        struct fg_err err = {""};
        struct fg_blob b = blob("file", bad[i].data, bad[i].len);
        check_refused(fg_idx_parse(&idx, &b, &err), &err, bad[i].says);
        assert_non_null(strstr(err.text, "file"));
    }
}

static void idx_parts_that_do_not_fit_are_refused(void **state)
{
    (void)state;
    struct fg_blob images = BYTES("i", IMAGES), labels = BYTES("l", LABELS);
    struct fg_blob two = BYTES("two", "\0\0\x08\1\0\0\0\2\2\0"),
                   nine = BYTES("nine", "\0\0\x08\1\0\0\0\3\2\0\x09");
    struct fg_blob wide = BYTES("wide", "\0\0\x08\3\0\0\0\3\0\0\0\1\0\0\0\1\1\2\3");
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    struct fg_idx_part part = {&images, &two, NULL}, good = {&images, &labels, NULL};
    check_refused(fg_idx_import(&ds, &part, NULL, "d", &err), &err, "expected 3 labels");
    part = (struct fg_idx_part){&labels, &labels, NULL};
    check_refused(fg_idx_import(&ds, &part, NULL, "d", &err), &err, "3 or 4 dimensions");
    part = (struct fg_idx_part){&images, &nine, NULL};
    check_refused(fg_idx_import(&ds, &good, &part, "d", &err), &err, "label out of range: expected 0..2");
    part = (struct fg_idx_part){&wide, &labels, NULL};
    check_refused(fg_idx_import(&ds, &good, &part, "d", &err), &err, "expected images of 2 x 1");
    static const char *const writers[][2] = {
        {"index,label\n0,2\n", "w.csv:1: expected a header with a column 'writer'"},
        {"index,label,writer\n0,2,a\n1,0,b\n", "expected 3 rows, one for each image, found 2"},
        {"index,label,writer\n0,2,a\n1,0,b\n2,1,c\n3,1,d\n", "w.csv:5: expected 3 rows"},
        {"index,label,writer\n0,2,a\n2,0,b\n", "w.csv:3: expected index 1, found 2"},
        {"index,label,writer\n0,1,a\n", "w.csv:2: expected label 2"},
        {"index,label,writer\n0,2,\n", "w.csv:2: the writer is empty"},
        {"index,label,writer\nx,2,a\n", "w.csv:2: index: expected a whole number"},
        {"index,label,writer\n0,2\n", "w.csv:2: expected 3 columns, found 2"},
    };
    for (size_t i = 0; i < sizeof writers / sizeof *writers; i++) {
        struct fg_blob w = blob("w.csv", writers[i][0], strlen(writers[i][0]));
        part = (struct fg_idx_part){&images, &labels, &w};
        check_refused(fg_idx_import(&ds, &part, NULL, "d", &err), &err, writers[i][1]);
    }
    assert_null(ds);
}

/* ---- CIFAR ---- */

static void cifar_planes_are_interleaved(void **state)
{
    (void)state;
    uint8_t *record = calloc(2, 3073);
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    record[0] = 7;
    record[1 + 5] = 11;        /* red of pixel 5 */
    record[1 + 1024 + 5] = 22; /* green */
    record[1 + 2048 + 5] = 33; /* blue */
    record[3073] = 9;
    struct fg_blob b = blob("batch", record, 3073), t = blob("test", record + 3073, 3073);
    assert_int_equal(fg_cifar_import(&ds, &b, 1, &t, 1, "c", NULL), FG_OK);
    assert_true(ds->n == 2 && ds->n_train == 1 && ds->classes == 10 && ds->channels == 3);
    assert_memory_equal((const uint8_t *)ds->x + 15, "\x0b\x16\x21", 3);
    assert_true(ds->y[0] == 7 && ds->y[1] == 9);
    fg_dataset_destroy(ds);
    ds = NULL;
    b.len = 3072;
    check_refused(fg_cifar_import(&ds, &b, 1, &t, 1, "c", &err), &err, "batch: expected a multiple of 3073");
    b.len = 0;
    check_refused(fg_cifar_import(&ds, &b, 1, &t, 1, "c", &err), &err, "found 0 bytes");
    record[3073] = 10;
    b.len = 6146;
    check_refused(fg_cifar_import(&ds, &b, 1, NULL, 0, "c", &err), &err,
                  "batch: record 1: expected a label 0..9");
    check_refused(fg_cifar_import(&ds, NULL, 0, NULL, 0, "c", &err), &err, "samples");
    free(record);
}

/* ---- CSV ---- */

static enum fg_status csv(struct fg_dataset **ds, const char *text, struct fg_dataset_spec spec,
                          struct fg_err *err)
{
    struct fg_blob b = blob("f.csv", text, strlen(text));
    return fg_csv_import(ds, &b, &spec, "csv", err);
}

static void csv_rows_become_vectors(void **state)
{
    (void)state;
    struct fg_dataset *ds = NULL;
    struct fg_dataset_spec spec = {.path = "f.csv"};
    assert_int_equal(csv(&ds, "\xEF\xBB\xBF# c\na,user,label,b\r\n1.5,u,2,-3e2\r\n\n0,v,0,4", spec, NULL),
                     FG_OK);
    const float want[4] = {1.5f, -300.0f, 0.0f, 4.0f};
    assert_memory_equal(ds->x, want, sizeof want);
    assert_true(ds->n == 2 && ds->width == 2 && ds->classes == 3 && ds->groups == 2 && ds->y[0] == 2);
    fg_dataset_destroy(ds);
    spec.group_column = "none";
    assert_int_equal(csv(&ds, "a,b,c\n1,2,3\n", spec, NULL), FG_OK); /* the last column is the label */
    assert_true(ds->y[0] == 3 && ds->width == 2 && ds->groups == 0);
    fg_dataset_destroy(ds);
    spec.group_column = NULL; /* usual names in other letters; those in small ones go before them */
    assert_int_equal(csv(&ds, "User,Label,a,b\nu,2,5,9\nv,0,6,8\n", spec, NULL), FG_OK);
    assert_true(ds->y[0] == 2 && ds->width == 2 && ds->groups == 2);
    fg_dataset_destroy(ds);
    assert_int_equal(csv(&ds, "LABEL,label,b\n7,2,9\n", spec, NULL), FG_OK);
    assert_true(ds->y[0] == 2 && ds->width == 2);
    fg_dataset_destroy(ds);
    spec.label_column = "label"; /* who names a column gets that one */
    assert_int_equal(csv(&ds, "Label,a\n7,2\n", spec, NULL), FG_E_INPUT);
}

static void csv_labels_may_be_names(void **state)
{
    (void)state;
    struct fg_dataset *ds = NULL;
    struct fg_dataset_spec spec = {.path = "f.csv"};
    assert_int_equal(csv(&ds, "a,label\n1,dog\n2,cat\n3,dog\n4,\"an, ant\"\n", spec, NULL), FG_OK);
    assert_int_equal(fg_dataset_check(ds, NULL), FG_OK);
    assert_string_equal(ds->class_names, "an, ant\ncat\ndog");
    const uint16_t want[4] = {2, 1, 2, 0};
    assert_memory_equal(ds->y, want, sizeof want);
    assert_int_equal(ds->classes, 3);
    fg_dataset_destroy(ds);
    assert_int_equal(csv(&ds, "a,label\n1,2.0\n2,0\n", spec, NULL), FG_OK); /* as data frames write them */
    assert_true(ds->y[0] == 2 && ds->y[1] == 0 && ds->classes == 3 && ds->class_names == NULL);
    fg_dataset_destroy(ds);
}

static void csv_is_read_as_spreadsheets_write_it(void **state)
{
    (void)state;
    struct fg_dataset *ds = NULL;
    struct fg_dataset_spec spec = {.path = "f.csv"};
    static const char *const same[] = {
        "a,\"b, or c\",label\n1.5,-2,1\n0.25,3,0\n",
        "# by hand\r\n\"a\" , \"b, or c\", \"label\" \r\n\"1.5\", -2 ,1\r\n0.25,\"3\",\"0\"",
        "a;b;label\n1,5;-2;1\n0,25;3,0;0\n",
        "a\t\"b\tor c\"\tlabel\n1.5\t-2\t1\n0.25\t3\t0\n",
    };
    const float x[4] = {1.5f, -2.0f, 0.25f, 3.0f};
    const uint16_t y[2] = {1, 0};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct fg_err err = {""};
        if (csv(&ds, same[i], spec, &err) != FG_OK) {
            fail_msg("%s", err.text);
        }
        assert_int_equal(ds->n, 2);
        assert_memory_equal(ds->x, x, sizeof x);
        assert_memory_equal(ds->y, y, sizeof y);
        fg_dataset_destroy(ds);
    }
    assert_int_equal(csv(&ds, "0,1,2\n5,6,1\n", spec, NULL), FG_OK); /* a data frame's names of columns */
    assert_int_equal(ds->n, 1);
    fg_dataset_destroy(ds);
}

static void bad_csv_is_refused(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"\n", "expected a header"},
        {"label,a\n", "expected rows"},
        {"label\n1\n", "at least one feature"},
        {"label,a\n1\n", "f.csv:2: expected 2 columns as in the header, found 1"},
        {"label,a\n1,2,3\n", "f.csv:2: expected 2 columns"},
        {"label,a\n1,2\n1,nan\n",
         "f.csv:3: column 2, 'a': expected a finite number, found 'nan'; leave rows without a value out"},
        {"label|a\n1|2\n", "f.csv:1: expected at least one feature column (columns are parted by commas, "
                           "semicolons or tabs), found 0 in 'label|a'"},
        {"label,a\n1,ann\n", "found 'ann'; a column of names can be the group"},
        {"label,a\n1,\"2\n", "f.csv:2: expected a quote (\") to end on its line, found '\"2'"},
        {"label,a\n1,\"2\"3\n", "f.csv:2: expected the field to end at its quote, found '3'"},
        {"label,a\n1,\"2,5\"\n", "found '2,5'"},
        {"label,a\ncat,2\n1,2\n", "f.csv:3: label: expected a name as in the first row, found '1'"},
        {"label,a\n1,2\ncat,2\n", "f.csv:3: label: expected a whole number 0..65534, found 'cat'"},
        {"label,a\ncat,2\n,2\n", "f.csv:3: the label is missing ('')"},
        {"label,a\n?,2\n", "f.csv:2: the label is missing ('?')"},
        {"label,a\n\xe9t\xe9,2\n", "f.csv:2: label: expected text in UTF-8"},
        {"a,b\n1,u\n2,v\n3,w\n4,x\n5,y\n6,z\n7,a\n8,c\n9,d\n10,e\n11,f\n",
         "found another name in each of the 11"},
        {"1.5,2,0\n2.5,3,1\n", "f.csv:1: expected a header line"},
        {"1,0,0,7\n2,3,1,5\n", "f.csv:1: expected a header line"},
        {",label,a\n0,1,2\n1,0,3\n",
         "f.csv:1: column 1: expected a name, found none: leave the numbers of rows out"},
        {"label,a,\"\"\n0,1,2\n1,0,3\n", "f.csv:1: column 3: expected a name, found none"},
        {"1.5,cat\n2.5,dog\n3.5,cat\n", "found the label 'cat' in it"},
        {"label,a\n1,inf\n", "found 'inf'"},
        {"label,a\n1,1e39\n", "found '1e39'"},
        {"label,a\n1,1e999\n", "found '1e999'"},
        {"label,a\n1,text\n", "found 'text'"},
        {"label,a\n1,\n", "found ''"},
        {"label,a\n1,0x10\n", "found '0x10'"},
        {"label,a\n-1,2\n", "label: expected a whole number 0..65534, found '-1'"},
        {"label,a\n65535,2\n", "found '65535'"},
        {"label,a\n1.5,2\n", "found '1.5'"},
        {"label,group,a\n1,,2\n", "the group is empty"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_dataset *ds = NULL;
        struct fg_err err = {""};
        check_refused(csv(&ds, bad[i][0], (struct fg_dataset_spec){.path = "f"}, &err), &err, bad[i][1]);
    }
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    check_refused(csv(&ds, "label,a\n3,1\n", (struct fg_dataset_spec){.classes = 3}, &err), &err,
                  "0..2, found '3'");
    check_refused(csv(&ds, "label,a\nu,1\nv,1\nw,1\n", (struct fg_dataset_spec){.classes = 2}, &err), &err,
                  "f.csv:4: label: expected at most 2 names, found 'w' besides");
    check_refused(csv(&ds, "label,a\n3,1\n", (struct fg_dataset_spec){.label_column = "y"}, &err), &err,
                  "column 'y'");
    check_refused(csv(&ds, "label,a\n3,1\n", (struct fg_dataset_spec){.group_column = "g"}, &err), &err,
                  "column 'g'");
    check_refused(
        csv(&ds, "u,a\n3,1\n", (struct fg_dataset_spec){.label_column = "u", .group_column = "u"}, &err),
        &err, "different columns");
}

/* ---- text ---- */

static void text_is_cut_into_windows(void **state)
{
    (void)state;
    struct fg_blob b = BYTES("t", "abcabcab");
    struct fg_dataset *ds = NULL;
    assert_int_equal(fg_text_import(&ds, &b, NULL, 3, "t", NULL), FG_OK);
    assert_true(ds->n == 2 && ds->classes == 3 && ds->label_width == 3 && ds->groups == 0);
    assert_memory_equal(ds->vocab, "abc", 3);
    assert_memory_equal(ds->x, "\0\1\2\0\1\2", 6);
    const uint16_t y[6] = {1, 2, 0, 1, 2, 0};
    assert_memory_equal(ds->y, y, sizeof y);
    fg_dataset_destroy(ds);
}

static void windows_stay_within_a_role(void **state)
{
    (void)state;
    /*                       0123456789 */
    struct fg_blob b = BYTES("t", "AAAbbb\nAAb"),
                   r = BYTES("r", "role\tstart\tend\nA\t0\t3\nb\t3\t6\nA\t7\t9\nc\t9\t10\n");
    struct fg_dataset *ds = NULL;
    assert_int_equal(fg_text_import(&ds, &b, &r, 2, "t", NULL), FG_OK);
    /* A: "AAA\nAA\n" three windows; b: "bbb\n" one; c: "b\n" none */
    assert_true(ds->n == 4 && ds->groups == 3 && ds->classes == 3);
    assert_memory_equal(ds->vocab, "\nAb", 3);
    assert_memory_equal(ds->x, "\1\1\1\0\1\1\2\2", 8);
    assert_true(ds->group[0] == 0 && ds->group[2] == 0 && ds->group[3] == 1);
    assert_string_equal(ds->group_name[2], "c");
    fg_dataset_destroy(ds);
}

static void bad_roles_are_refused(void **state)
{
    (void)state;
    struct fg_blob b = BYTES("t", "some text of twenty five.");
    static const char *const bad[][2] = {
        {"role,start,end\n", "expected a header with the columns role, start and end"},
        {"role\tstart\tend\n", "at least one speech"},
        {"role\tstart\tend\nA\t0\n", "r:2: expected role, start and end, found 2"},
        {"role\tstart\tend\nA\tx\t2\n", "r:2: start: expected a whole number"},
        {"role\tstart\tend\nA\t0\t26\n", "r:2: end: expected a whole number 0..25, found '26'"},
        {"role\tstart\tend\nA\t5\t5\n", "r:2: expected start < end"},
        {"role\tstart\tend\nA\t9\t5\n", "r:2: expected start < end"},
        {"role\tstart\tend\nA\t0\t5\nB\t4\t8\n", "r:3: expected a range after byte 5"},
        {"role\tstart\tend\n\t0\t5\n", "r:2: the role is empty"},
        {"role\tstart\tend\nA\t0\t2\n", "expected at least 4 characters"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_dataset *ds = NULL;
        struct fg_err err = {""};
        struct fg_blob r = blob("r", bad[i][0], strlen(bad[i][0]));
        check_refused(fg_text_import(&ds, &b, &r, 3, "t", &err), &err, bad[i][1]);
    }
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    check_refused(fg_text_import(&ds, &b, NULL, 25, "t", &err), &err, "expected at least 26 characters");
    assert_int_equal(fg_text_import(&ds, &b, NULL, 70000, "t", &err), FG_E_CONFIG);
}

/* ---- compression ---- */

static size_t gzip(uint8_t *out, size_t room, const void *data, size_t len)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 6, Z_DEFLATED, 31, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)data;
    z.avail_in = (unsigned)len;
    z.next_out = out;
    z.avail_out = (unsigned)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return n;
}

static size_t zstandard(uint8_t *out, size_t room, const void *data, size_t len)
{
    ZSTD_CCtx *z = ZSTD_createCCtx();
    ZSTD_CCtx_setParameter(z, ZSTD_c_checksumFlag, 1);
    size_t n = ZSTD_compress2(z, out, room, data, len);
    assert_false(ZSTD_isError(n));
    ZSTD_freeCCtx(z);
    return n;
}

static void compressed_bytes_come_back_and_cut_ones_are_named(void **state)
{
    (void)state;
    enum { N = 200000 };
    uint8_t *data = malloc(N), *packed = malloc(2 * N), *out = NULL;
    size_t len;
    struct fg_err err = {""};
    for (size_t i = 0; i < N; i++) {
        data[i] = (uint8_t)(i * i >> 5);
    }
    for (int zstd = 0; zstd < 2; zstd++) {
        size_t n = zstd ? zstandard(packed, 2 * N, data, N) : gzip(packed, 2 * N, data, N / 2);
        n += zstd ? 0 : gzip(packed + n, 2 * N - n, data + N / 2, N / 2); /* two members */
        struct fg_blob b = blob("p", packed, n);
        assert_int_equal(fg_rawfile_inflate(&out, &len, &b, N, NULL), FG_OK);
        assert_int_equal(len, N);
        assert_memory_equal(out, data, N);
        fg_free(out);
        out = NULL;
        check_refused(fg_rawfile_inflate(&out, &len, &b, N - 1, &err), &err,
                      "expands to more than 199999 bytes");
        for (size_t cut = 5; cut < n; cut += n / 37) {
            b.len = cut;
            check_refused(fg_rawfile_inflate(&out, &len, &b, N, &err), &err,
                          zstd ? "truncated zstd file" : "truncated gzip file");
        }
        b.len = n;
        memset(packed + n / 2, 0xff, 64);
        check_refused(fg_rawfile_inflate(&out, &len, &b, N, &err), &err, "damaged");
        assert_null(out);
    }
    free(data);
    free(packed);
}

/* ---- memory ---- */

static enum fg_status import_one(int which, struct fg_dataset **ds)
{
    struct fg_blob images = BYTES("i", IMAGES), labels = BYTES("l", LABELS);
    struct fg_blob writers = BYTES("w.csv", "writer\nann\nbob\ncid\n");
    struct fg_idx_part part = {&images, &labels, &writers};
    struct fg_blob text = BYTES("t", "AAAbbb\nAAb"),
                   roles = BYTES("r", "role\tstart\tend\nA\t0\t3\nb\t3\t6\n");
    switch (which) {
    case 0:
        return fg_idx_import(ds, &part, NULL, "d", NULL);
    case 1:
        return csv(ds, "user,label,a\nu,0,1\nv,1,2\nw,1,3\n", (struct fg_dataset_spec){.path = "f"}, NULL);
    default:
        return fg_text_import(ds, &text, &roles, 2, "t", NULL);
    }
}

static void failing_allocations_leave_nothing(void **state)
{
    (void)state;
    for (int which = 0; which < 3; which++) {
        enum fg_status st = FG_E_NOMEM;
        int n = 0;
        for (; st != FG_OK; n++) {
            struct fg_dataset *ds = NULL;
            long left = n;
            fg_mem_set_hook(fg_fail_nth, &left);
            st = import_one(which, &ds);
            fg_mem_set_hook(NULL, NULL);
            assert_true(st == FG_E_NOMEM || st == FG_OK);
            assert_true((st == FG_OK) == (ds != NULL));
            if (st == FG_OK) {
                assert_int_equal(fg_dataset_split(ds, 0.4, 1), FG_OK);
            }
            fg_dataset_destroy(ds);
        }
        assert_true(n > 10);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_pairs_become_images),
        cmocka_unit_test(bad_idx_is_refused),
        cmocka_unit_test(idx_parts_that_do_not_fit_are_refused),
        cmocka_unit_test(cifar_planes_are_interleaved),
        cmocka_unit_test(csv_rows_become_vectors),
        cmocka_unit_test(csv_labels_may_be_names),
        cmocka_unit_test(csv_is_read_as_spreadsheets_write_it),
        cmocka_unit_test(bad_csv_is_refused),
        cmocka_unit_test(text_is_cut_into_windows),
        cmocka_unit_test(windows_stay_within_a_role),
        cmocka_unit_test(bad_roles_are_refused),
        cmocka_unit_test(compressed_bytes_come_back_and_cut_ones_are_named),
        cmocka_unit_test(failing_allocations_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

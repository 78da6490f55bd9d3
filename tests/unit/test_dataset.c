/* Data sets in memory: gathering, splitting, scaling, names, generators, shards. */
#include "tests/lib/test.h"

#include "datasets/build.h"
#include "datasets/generate.h"
#include "datasets/load.h"
#include "datasets/partition.h"
#include "datasets/shard.h"
#include "src/base/fmath.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "tests/lib/partitions.h"

static struct fg_dataset *create(struct fg_dataset layout)
{
    struct fg_dataset *ds = NULL;
    layout.label_width = layout.label_width != 0 ? layout.label_width : 1;
    assert_int_equal(fg_dataset_create(&ds, &layout, "t", NULL), FG_OK);
    return ds;
}

static void bytes_become_what_the_scale_says(void **state)
{
    (void)state;
    static const struct {
        enum fg_scaling scale;
        float low, high;
    } row[] = {{FG_SCALE_AUTO, 0.0f, 1.0f},
               {FG_SCALE_UNIT, 0.0f, 1.0f},
               {FG_SCALE_CENTRED, -0.5f, 0.5f},
               {FG_SCALE_NONE, 0.0f, 255.0f}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct fg_dataset *ds = create((struct fg_dataset){
            .kind = FG_DATA_VECTOR, .dtype = FG_U8, .shape = {2, 1, 1}, .classes = 1, .n = 1, .n_train = 1});
        uint8_t *x = fg_dataset_edit(ds)->x;
        float out[2];
        uint16_t y;
        uint32_t first = 0;
        x[0] = 0;
        x[1] = 255;
        assert_int_equal(fg_dataset_set_scaling(ds, row[i].scale, 0), FG_OK);
        fg_dataset_gather(ds, &first, 1, out, 2, &y);
        fg_assert_close((double)out[0], (double)row[i].low, 1e-7);
        fg_assert_close((double)out[1], (double)row[i].high, 1e-6 * (double)row[i].high + 1e-7);
        fg_dataset_destroy(ds);
    }
}

static void gather_scales_each_channel_and_pads(void **state)
{
    (void)state;
    struct fg_dataset *ds = create((struct fg_dataset){
        .kind = FG_DATA_IMAGE, .dtype = FG_U8, .shape = {1, 2, 3}, .classes = 4, .n = 2, .n_train = 2});
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    const uint8_t raw[12] = {0, 1, 2, 3, 4, 255, 10, 20, 30, 40, 50, 60};
    memcpy(a->x, raw, sizeof raw);
    a->y[0] = 3;
    a->y[1] = 1;
    for (int c = 0; c < 3; c++) {
        a->scale[c] = (float)(c + 1);
        a->shift[c] = (float)(10 * c);
    }
    float x[16];
    uint16_t y[2];
    memset(x, 0x7f, sizeof x);
    fg_dataset_gather(ds, (const uint32_t[]){1, 0}, 2, x, 8, y);
    const float want[16] = {10, 50, 110, 40, 110, 200, 0, 0, 0, 12, 26, 3, 18, 785, 0, 0};
    for (int i = 0; i < 16; i++) {
        assert_true(x[i] == want[i]);
    }
    assert_true(y[0] == 1 && y[1] == 3);
    fg_dataset_destroy(ds);
}

static void gather_leaves_tokens_as_they_are(void **state)
{
    (void)state;
    struct fg_dataset *ds = create((struct fg_dataset){.kind = FG_DATA_TOKENS,
                                                       .dtype = FG_U8,
                                                       .shape = {3, 1, 1},
                                                       .label_width = 3,
                                                       .classes = 9,
                                                       .n = 1,
                                                       .n_train = 1});
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    memcpy(a->x, "\x01\x05\x08", 3);
    a->scale[0] = 7.0f;
    float x[3];
    uint16_t y[3];
    fg_dataset_gather(ds, (const uint32_t[]){0}, 1, x, 3, y);
    assert_true(x[0] == 1.0f && x[1] == 5.0f && x[2] == 8.0f);
    fg_dataset_destroy(ds);
}

static void create_refuses_impossible_layouts(void **state)
{
    (void)state;
    const struct fg_dataset bad[] = {
        {.kind = FG_DATA_VECTOR, .dtype = FG_F32, .shape = {0, 1, 1}, .label_width = 1, .classes = 2, .n = 1},
        {.kind = FG_DATA_VECTOR, .dtype = FG_F32, .shape = {2, 1, 1}, .label_width = 1, .classes = 0, .n = 1},
        {.kind = FG_DATA_VECTOR,
         .dtype = FG_F32,
         .shape = {2, 1, 1},
         .label_width = 1,
         .classes = 70000,
         .n = 1},
        {.kind = FG_DATA_VECTOR, .dtype = FG_F32, .shape = {2, 1, 1}, .label_width = 1, .classes = 2, .n = 0},
        {.kind = FG_DATA_VECTOR,
         .dtype = FG_F32,
         .shape = {2, 1, 1},
         .label_width = 1,
         .classes = 2,
         .n = SIZE_MAX},
        {.kind = FG_DATA_IMAGE,
         .dtype = FG_F32,
         .shape = {~0u, ~0u, ~0u},
         .label_width = 1,
         .classes = 2,
         .n = 9},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_dataset *ds = NULL;
        assert_int_equal(fg_dataset_create(&ds, &bad[i], "bad", NULL), FG_E_INPUT);
        assert_null(ds);
    }
}

static void split_takes_a_share_of_every_group(void **state)
{
    (void)state;
    struct fg_dataset *ds = create((struct fg_dataset){.kind = FG_DATA_VECTOR,
                                                       .dtype = FG_F32,
                                                       .shape = {1, 1, 1},
                                                       .classes = 50,
                                                       .n = 50,
                                                       .n_train = 50,
                                                       .groups = 3});
    struct fg_dataset_arrays *a = fg_dataset_edit(ds);
    for (uint32_t i = 0; i < 50; i++) { /* groups of 30, 19 and 1 */
        ((float *)a->x)[i] = (float)i;
        a->y[i] = (uint16_t)i;
        a->group[i] = i < 30 ? 0 : i < 49 ? 1 : 2;
    }
    assert_int_equal(fg_dataset_split(ds, 0.2, 7), FG_OK);
    assert_int_equal(ds->n_train, 50 - 6 - 4);
    uint64_t seen = 0;
    size_t in_test[3] = {0};
    for (size_t i = 0; i < 50; i++) { /* nothing lost, rows kept together, order kept */
        uint32_t v = ds->y[i];
        seen |= (uint64_t)1 << v;
        assert_true(((const float *)ds->x)[i] == (float)v);
        assert_int_equal(ds->group[i], v < 30 ? 0 : v < 49 ? 1 : 2);
        assert_true(i == 0 || i == ds->n_train || ds->y[i - 1] < v);
        in_test[ds->group[i]] += i >= ds->n_train;
    }
    assert_true(seen == ((uint64_t)1 << 50) - 1);
    assert_true(in_test[0] == 6 && in_test[1] == 4 && in_test[2] == 0);
    size_t before = ds->n_train;
    assert_int_equal(fg_dataset_split(ds, 0.5, 7), FG_OK); /* has a test part: unchanged */
    assert_int_equal(ds->n_train, before);
    fg_dataset_destroy(ds);
}

static void split_takes_the_end_of_texts(void **state)
{
    (void)state;
    struct fg_dataset *ds = create((struct fg_dataset){.kind = FG_DATA_TOKENS,
                                                       .dtype = FG_U8,
                                                       .shape = {1, 1, 1},
                                                       .label_width = 1,
                                                       .classes = 10,
                                                       .n = 10,
                                                       .n_train = 10});
    for (uint16_t i = 0; i < 10; i++) {
        fg_dataset_edit(ds)->y[i] = i;
    }
    assert_int_equal(fg_dataset_split(ds, 0.3, 1), FG_OK);
    assert_int_equal(ds->n_train, 7);
    for (uint16_t i = 0; i < 10; i++) {
        assert_int_equal(ds->y[i], i);
    }
    fg_dataset_destroy(ds);
}

static void normalising_gives_mean_0_and_deviation_1(void **state)
{
    (void)state;
    enum { N = 1000, TRAIN = 800 };
    struct fg_dataset *ds = create((struct fg_dataset){
        .kind = FG_DATA_VECTOR, .dtype = FG_F32, .shape = {3, 1, 1}, .classes = 1, .n = N, .n_train = TRAIN});
    float *x = fg_dataset_edit(ds)->x, out[3];
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, 0, 0);
    for (int i = 0; i < N; i++) {
        x[3 * i] = (float)(1000.0 + 5.0 * fg_rng_normal(&r));
        x[3 * i + 1] = 42.0f; /* constant: becomes 0 */
        x[3 * i + 2] = (float)(-0.01 * fg_rng_uniform(&r));
    }
    assert_int_equal(fg_dataset_set_scaling(ds, FG_SCALE_UNIT, 1), FG_OK);
    double sum[3] = {0}, square[3] = {0};
    for (uint32_t i = 0; i < TRAIN; i++) {
        uint16_t y;
        fg_dataset_gather(ds, &i, 1, out, 3, &y);
        for (int c = 0; c < 3; c++) {
            sum[c] += (double)out[c];
            square[c] += (double)out[c] * (double)out[c];
        }
    }
    for (int c = 0; c < 3; c++) {
        fg_assert_close(sum[c] / TRAIN, 0.0, 1e-4);
        fg_assert_close(square[c] / TRAIN, c == 1 ? 0.0 : 1.0, 1e-4);
    }
    fg_dataset_destroy(ds);
}

static void hash_sees_every_part(void **state)
{
    (void)state;
    uint8_t digest[6][32];
    for (int i = 0; i < 6; i++) {
        struct fg_dataset *ds = create((struct fg_dataset){.kind = FG_DATA_VECTOR,
                                                           .dtype = FG_F32,
                                                           .shape = {2, 1, 1},
                                                           .classes = 3,
                                                           .n = 2,
                                                           .n_train = 2,
                                                           .groups = 2});
        struct fg_dataset_arrays *a = fg_dataset_edit(ds);
        ((float *)a->x)[3] = i == 1 ? 1.0f : 0.0f;
        a->y[1] = i == 2;
        a->group[0] = i == 3;
        a->scale[1] = i == 4 ? 2.0f : 1.0f;
        ds->n_train = i == 5 ? 1 : 2;
        assert_int_equal(fg_dataset_hash(digest[i], ds), FG_OK);
        for (int j = 0; j < i; j++) {
            assert_memory_not_equal(digest[i], digest[j], 32);
        }
        fg_dataset_destroy(ds);
    }
}

static struct fg_dataset *generate(const char *expression)
{
    struct fg_dataset *ds = NULL;
    struct fg_err err = {""};
    if (fg_generate(&ds, expression, &err) != FG_OK || fg_dataset_check(ds, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return ds;
}

static void synthetic_has_its_devices_and_skew(void **state)
{
    (void)state;
    struct fg_dataset *ds = generate("synthetic:1,1"), *same = generate("synthetic:iid=1,seed=3");
    size_t count[30] = {0};
    assert_true(ds->groups == 30 && ds->width == 60 && ds->classes == 10);
    for (size_t i = 0; i < ds->n; i++) {
        count[ds->group[i]]++;
    }
    struct fg_rng r;
    for (uint32_t k = 0; k < 30; k++) { /* the rule of sizes, from its own stream */
        fg_rng_init(&r, 1, FG_RNG_GENERATE, k, 0);
        assert_int_equal(count[k], 50 + (size_t)fg_exp(4.0 + 2.0 * fg_rng_normal(&r)));
    }
    struct fg_partition_spec spec = {.kind = FG_PARTITION_GROUPS};
    struct partition_stats s[2];
    const struct fg_dataset *both[2] = {ds, same};
    for (int i = 0; i < 2; i++) {
        struct fg_partition *p = NULL;
        assert_int_equal(fg_partition_create(&p, both[i], &spec, NULL), FG_OK);
        assert_int_equal(partition_stats(&s[i], p, both[i]), FG_OK);
        fg_partition_destroy(p);
    }
    assert_true(s[0].mean_label_distance > 0.4 && s[1].mean_label_distance < 0.15);
    /* feature j has variance j^-1.2 around its device's mean: where means are 0, over all samples */
    double square[2] = {0};
    for (size_t i = 0; i < same->n; i++) {
        double a = (double)((const float *)same->x)[i * 60], b = (double)((const float *)same->x)[i * 60 + 3];
        square[0] += a * a;
        square[1] += b * b;
    }
    fg_assert_close(square[0] / (double)same->n, 1.0, 0.08);
    fg_assert_close(square[1] / (double)same->n, 0.189465, 0.02); /* 4^-1.2 */
    fg_dataset_destroy(ds);
    fg_dataset_destroy(same);
}

static void gaussian_is_separable_when_asked(void **state)
{
    (void)state;
    struct fg_dataset *ds = generate("gaussian:classes=3,dim=5,n=600,test=60,separation=40,groups=4");
    assert_true(ds->n == 660 && ds->n_train == 600 && ds->groups == 4);
    double mean[3][5] = {{0}};
    const float *x = ds->x;
    for (size_t i = 0; i < 600; i++) {
        assert_int_equal(ds->y[i], i % 3);
        for (int j = 0; j < 5; j++) {
            mean[i % 3][j] += (double)x[5 * i + (size_t)j] / 200.0;
        }
    }
    for (int c = 0; c < 3; c++) {
        double length = 0.0;
        for (int j = 0; j < 5; j++) {
            length += mean[c][j] * mean[c][j];
        }
        fg_assert_close(sqrt(length), 40.0, 0.5);
    }
    fg_dataset_destroy(ds);
}

static void generators_refuse_bad_expressions(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"synthetic:gamma=1", "unknown key 'gamma'"}, {"synthetic:alpha=-1", "alpha"},
        {"synthetic:alpha=x", "found 'x'"},           {"synthetic:1,1,2.5", "whole"},
        {"gaussian:classes=1", "2..65535"},           {"gaussian:dim=", "dim"},
        {"gaussian:2,2,3,4,5,6,7,8", "unknown key"},  {"gaussian:n=nan", "found 'nan'"},
        {"mixture:n=1", "expected a generator"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_dataset *ds = NULL;
        struct fg_err err = {""};
        assert_int_equal(fg_generate(&ds, bad[i][0], &err), FG_E_CONFIG);
        if (strstr(err.text, bad[i][1]) == NULL) {
            fail_msg("'%s' does not say '%s'", err.text, bad[i][1]);
        }
    }
    assert_true(fg_dataset_is_generated("gaussian:n=5") && !fg_dataset_is_generated("gaussian"));
    assert_false(fg_dataset_is_generated("/data/synthetic:1"));
}

static void shard_comes_back_and_has_its_name(void **state)
{
    (void)state;
    struct fg_dataset *ds = generate("gaussian:classes=3,dim=4,n=20"), *back = NULL;
    const uint32_t index[] = {3, 19, 0, 7};
    struct fg_str bytes = {0};
    uint8_t digest[32], of_bytes[32];
    fg_dataset_edit(ds)->shift[2] = 0.5f;
    assert_int_equal(fg_shard_encode(&bytes, ds, index, 4), FG_OK);
    assert_int_equal(bytes.len, fg_shard_bytes(ds, 4));
    assert_int_equal(fg_shard_name(digest, bytes.data, bytes.len), FG_OK);
    assert_int_equal(fg_sha256(of_bytes, bytes.data, bytes.len), FG_OK);
    assert_memory_equal(digest, of_bytes, 32);
    struct fg_blob blob = {"shard", (const uint8_t *)bytes.data, bytes.len};
    assert_int_equal(fg_shard_decode(&back, &blob, digest, NULL), FG_OK);
    assert_true(back->n == 4 && back->n_train == 4 && back->classes == 3 && back->group == NULL);
    for (uint32_t i = 0; i < 4; i++) {
        float a[4], b[4];
        uint16_t y[2];
        fg_dataset_gather(ds, &index[i], 1, a, 4, &y[0]);
        fg_dataset_gather(back, &i, 1, b, 4, &y[1]);
        assert_memory_equal(a, b, sizeof a);
        assert_int_equal(y[0], y[1]);
    }
    fg_dataset_destroy(back);
    fg_dataset_destroy(ds);
    fg_str_fini(&bytes);
}

static void damaged_shards_are_refused(void **state)
{
    (void)state;
    struct fg_dataset *ds = generate("gaussian:classes=3,dim=4,n=20"), *back = NULL;
    const uint32_t index[] = {1, 2};
    struct fg_str bytes = {0};
    uint8_t other[32] = {0};
    assert_int_equal(fg_shard_encode(&bytes, ds, index, 2), FG_OK);
    struct fg_blob blob = {"shard", (const uint8_t *)bytes.data, bytes.len};
    for (size_t i = 0; i < bytes.len; i++) { /* any bit */
        bytes.data[i] ^= (char)(1u << i % 8);
        assert_int_equal(fg_shard_decode(&back, &blob, NULL, NULL), FG_E_CORRUPT);
        bytes.data[i] ^= (char)(1u << i % 8);
    }
    for (blob.len = 0; blob.len < bytes.len; blob.len++) { /* any end */
        assert_int_equal(fg_shard_decode(&back, &blob, NULL, NULL), FG_E_CORRUPT);
    }
    assert_int_equal(fg_shard_decode(&back, &blob, other, NULL), FG_E_CORRUPT);
    assert_null(back);
    fg_dataset_destroy(ds);
    fg_str_fini(&bytes);
}

static void names_are_numbered_by_first_occurrence(void **state)
{
    (void)state;
    struct fg_names names = {0};
    uint32_t number;
    char text[16];
    for (int round = 0; round < 2; round++) {
        for (uint32_t i = 0; i < 1000; i++) {
            int len = snprintf(text, sizeof text, "name%u", i * 7);
            assert_int_equal(fg_names_number(&names, &number, text, (size_t)len), FG_OK);
            assert_int_equal(number, i);
        }
    }
    assert_int_equal(fg_names_number(&names, &number, "name", 4), FG_OK);
    assert_int_equal(number, 1000);
    fg_names_fini(&names);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_become_what_the_scale_says),
        cmocka_unit_test(gather_scales_each_channel_and_pads),
        cmocka_unit_test(gather_leaves_tokens_as_they_are),
        cmocka_unit_test(create_refuses_impossible_layouts),
        cmocka_unit_test(split_takes_a_share_of_every_group),
        cmocka_unit_test(split_takes_the_end_of_texts),
        cmocka_unit_test(normalising_gives_mean_0_and_deviation_1),
        cmocka_unit_test(hash_sees_every_part),
        cmocka_unit_test(synthetic_has_its_devices_and_skew),
        cmocka_unit_test(gaussian_is_separable_when_asked),
        cmocka_unit_test(generators_refuse_bad_expressions),
        cmocka_unit_test(shard_comes_back_and_has_its_name),
        cmocka_unit_test(damaged_shards_are_refused),
        cmocka_unit_test(names_are_numbered_by_first_occurrence),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

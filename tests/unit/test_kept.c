/* What clients keep from update to update: top-k sends the largest values and keeps exactly the rest; a
 * holder gives back the state that a task is to go on from, or says that it is gone;
 * an executor carries it from task to task. */
#include "tests/lib/test.h"

#include <math.h>
#include <stdlib.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/worker/executor_local.h"
#include "tests/lib/toytrain.h"

enum { N = 3001 };

static void normal(float *x, size_t n, uint32_t key)
{
    struct fg_rng r;
    fg_rng_init(&r, 1, FG_RNG_TEST, key, 0);
    for (size_t i = 0; i < n; i++) {
        x[i] = (float)fg_rng_normal(&r) * 0.01f;
    }
}

static int by_size(const void *a, const void *b)
{
    float x = fabsf(*(const float *)a), y = fabsf(*(const float *)b);
    return (x < y) - (x > y);
}

static size_t through(struct fg_codec_ws *ws, float *y, const float *x, size_t n)
{
    size_t cap = fg_codec_topk.bound(&ws->opts, n), len = 0;
    uint8_t *bytes = fg_calloc(cap + 1, 1);
    bytes[cap] = 77;
    assert_int_equal(fg_codec_topk.encode(ws, bytes, cap, &len, x, n), FG_OK);
    assert_true(len <= cap && bytes[cap] == 77);
    assert_int_equal(fg_codec_topk.decode(ws, y, n, bytes, len), FG_OK);
    fg_free(bytes);
    return len;
}

/* By a sort: the k largest of x + kept as they are, everything else stays, bit for bit. */
static void the_largest_are_sent_and_the_rest_is_kept(void **state)
{
    (void)state;
    static float x[N], y[N], kept[N], sum[N], sorted[N];
    const double density[] = {0.0003, 0.01, 0.3, 0.999};
    for (size_t d = 0; d < sizeof density / sizeof *density; d++) {
        struct fg_codec_ws ws = {.kept = kept, .opts.density = density[d]};
        size_t k = (size_t)ceil(density[d] * N);
        memset(kept, 0, sizeof kept);
        for (uint32_t t = 0; t < 5; t++) {
            normal(x, N, t);
            for (size_t i = 0; i < N; i++) {
                sorted[i] = sum[i] = x[i] + kept[i];
            }
            qsort(sorted, N, sizeof *sorted, by_size);
            size_t len = through(&ws, y, x, N), sent = 0;
            for (size_t i = 0; i < N; i++) {
                bool large = fabsf(sum[i]) >= fabsf(sorted[k - 1]);
                assert_true(y[i] == (large ? sum[i] : 0.f));
                assert_true(kept[i] == (large ? 0.f : sum[i]));
                sent += y[i] != 0.f;
            }
            assert_int_equal(sent, k);
            assert_true(fabs((double)len / (double)fg_codec_topk.expected(&ws.opts, N) - 1) <
                        (k > 100 ? 0.1 : 0.7));
        }
        fg_codec_ws_fini(&ws);
    }
}

static void of_equal_sizes_the_first_are_sent(void **state)
{
    (void)state;
    float x[100], y[100], kept[100] = {0};
    struct fg_codec_ws ws = {.kept = kept, .opts.density = 0.07};
    for (size_t i = 0; i < 100; i++) {
        x[i] = i % 2 == 0 ? 1.f : -1.f;
    }
    through(&ws, y, x, 100);
    for (size_t i = 0; i < 100; i++) {
        assert_true(y[i] == (i < 7 ? x[i] : 0.f) && kept[i] == (i < 7 ? 0.f : x[i]));
    }
    memset(x, 0, sizeof x); /* nothing new: what was kept goes out in turn, zeros cost nothing */
    for (int t = 1; t < 15; t++) {
        through(&ws, y, x, 100);
    }
    for (size_t i = 0; i < 100; i++) {
        assert_true(kept[i] == 0.f && y[i] == (i >= 98 ? (i % 2 == 0 ? 1.f : -1.f) : 0.f));
    }
    assert_int_equal(through(&ws, y, x, 100), 5);
    fg_codec_ws_fini(&ws);
}

/* ---- holders ---- */

enum { P3 = 3 };

static void expect_begin(struct fg_kept *k, uint32_t client, uint64_t kept, float value, uint32_t lost)
{
    float v[P3] = {9, 9, 9};
    uint32_t reset = 7;
    assert_int_equal(fg_kept_begin(k, client, kept, v, &reset), FG_OK);
    assert_true(v[0] == value && v[1] == value && v[2] == value);
    assert_int_equal(reset, lost);
}

static uint64_t name_of(float value)
{
    const float v[P3] = {value, value, value};
    return fg_xxh64(v, sizeof v);
}

static void put_end(struct fg_kept *k, uint32_t client, float value)
{
    const float v[P3] = {value, value, value};
    uint64_t name = 0;
    assert_int_equal(fg_kept_end(k, client, v, &name), FG_OK);
    assert_int_equal(name, name_of(value));
}

static void a_task_goes_on_from_what_was_counted(void **state)
{
    (void)state;
    float row[2 * P3] = {0};
    uint8_t changed[2] = {0};
    for (int rows = 0; rows < 2; rows++) {
        struct fg_kept *k;
        struct fg_kept_rows where = {rows ? row : NULL, rows ? changed : NULL};
        assert_int_equal(fg_kept_create(&k, P3, rows ? 2 : 0, where), FG_OK);
        expect_begin(k, 1, 0, 0, 0);
        put_end(k, 1, 10);
        expect_begin(k, 1, 0, 0, 0); /* it did not count: once more from the start */
        put_end(k, 1, 11);
        expect_begin(k, 1, name_of(10), 0, 1); /* the other one was put in its place */
        expect_begin(k, 1, name_of(11), 11, 0);
        put_end(k, 1, 12);
        expect_begin(k, 1, name_of(11), 11, 0); /* its repetition begins with the same */
        expect_begin(k, 1, name_of(12), 12, 0);
        expect_begin(k, 1, name_of(11), 0, 1); /* it is behind us */
        expect_begin(k, 0, name_of(12), 0, 1); /* another client's */
        assert_int_equal(changed[0], 0);
        assert_int_equal(changed[1], rows);
        fg_kept_destroy(k);
    }
    assert_true(row[3] == 12.f && row[5] == 12.f && row[0] == 0.f);
}

static void what_was_counted_is_saved_and_comes_back(void **state)
{
    (void)state;
    float row[2 * P3] = {0};
    uint8_t changed[2] = {0};
    struct fg_kept *k;
    const struct fg_kept_rows rows = {row, changed};
    const uint64_t counted[2] = {name_of(5), 0};
    assert_int_equal(fg_kept_create(&k, P3, 2, rows), FG_OK);
    put_end(k, 0, 5);
    put_end(k, 1, 6); /* under way: not counted at the save */
    fg_kept_settle(k, counted);
    assert_true(row[0] == 5.f && row[2] == 5.f && row[3] == 0.f && changed[0] == 1 && changed[1] == 0);
    expect_begin(k, 1, name_of(6), 6, 0); /* and is not lost by it */
    fg_kept_destroy(k);
    row[3] = row[4] = row[5] = 0.f;
    assert_int_equal(fg_kept_create(&k, P3, 2, rows), FG_OK);
    expect_begin(k, 0, name_of(5), 0, 1);
    fg_kept_restore(k, counted);
    expect_begin(k, 0, name_of(5), 5, 0);
    expect_begin(k, 1, name_of(6), 0, 1);
    fg_kept_destroy(k);
}

/* ---- the executor ---- */

enum { CLIENTS = 3, EACH = 10, F = 6, C = 3, P = F * C + C };

struct bed {
    struct fg_dataset *d;
    uint32_t *index;
};

static enum fg_status shard_of(void *arg, const struct fg_task *task, struct fg_shard *out,
                               struct fg_err *err)
{
    struct bed *b = arg;
    (void)err;
    *out = (struct fg_shard){b->d, b->index + task->client * EACH, EACH};
    return FG_OK;
}

/* Two rounds of each client, by hand: train, add what was kept, send the largest, keep the rest. */
static void an_executor_carries_it_from_task_to_task(void **state)
{
    (void)state;
    struct bed b = {.d = toy_vectors(CLIENTS * EACH, F, C), .index = toy_iota(CLIENTS * EACH)};
    struct fg_model *m = toy_model(b.d, "dense");
    struct fg_local_opts o = {.batch = 5};
    struct fg_trainer *t = toy_trainer(m, &o, 2, "auto");
    struct fg_kept *kept;
    struct fg_executor *ex;
    assert_int_equal(fg_kept_create(&kept, P, 0, (struct fg_kept_rows){0}), FG_OK);
    const struct fg_executor_local_opts eo = {.shard_of = shard_of,
                                              .arg = &b,
                                              .width = 2,
                                              .codec = &fg_codec_topk,
                                              .coding.density = 0.2,
                                              .kept = kept};
    float w[P], expected[CLIENTS][P] = {{0}};
    uint64_t kept_by[CLIENTS] = {0};
    assert_int_equal(fg_executor_local_create(&ex, t, P, &eo, NULL), FG_OK);
    fg_model_init(m, 1, w);
    assert_int_equal(ex->ops->publish(ex, 0, w, NULL), FG_OK);
    for (uint32_t round = 0; round < 4; round++) {
        for (uint32_t c = 0; c < CLIENTS; c++) {
            struct fg_task task = {.id = 1 + round * CLIENTS + c,
                                   .kind = FG_TASK_TRAIN,
                                   .client = c,
                                   .number = round,
                                   .steps = 3,
                                   .lr = 0.1f,
                                   .kept = kept_by[c]};
            task.kept = round == 3 && c == 2 ? 99 : task.kept; /* what nobody has here */
            assert_int_equal(ex->ops->submit(ex, &task, 1, NULL), FG_OK);
        }
        for (uint32_t c = 0; c < CLIENTS; c++) {
            uint64_t id = 1 + round * CLIENTS + c;
            struct fg_result r;
            float delta[P], sent[P];
            struct fg_task task = {.id = id, .client = c, .number = round, .steps = 3, .lr = 0.1f};
            task.kind = FG_TASK_TRAIN;
            struct fg_job job = {.data = b.d,
                                 .index = b.index + c * EACH,
                                 .n = EACH,
                                 .task = task,
                                 .params = w,
                                 .delta = delta};
            toy_run(t, &job, 1);
            bool lost = round == 3 && c == 2;
            if (lost) {
                memset(expected[c], 0, sizeof expected[c]);
            }
            struct fg_codec_ws ws = {.kept = expected[c], .opts.density = 0.2};
            size_t len = through(&ws, sent, delta, P);
            fg_codec_ws_fini(&ws);
            assert_int_equal(ex->ops->collect(ex, id, &r, NULL), FG_OK);
            assert_memory_equal(r.delta, sent, sizeof sent);
            assert_int_equal(r.wire_bytes, len);
            assert_int_equal(r.reset, lost);
            assert_int_equal(r.kept, fg_xxh64(expected[c], sizeof expected[c]));
            kept_by[c] = r.kept;
            ex->ops->release(ex, id);
        }
    }
    ex->ops->destroy(ex);
    fg_kept_destroy(kept);
    fg_trainer_destroy(t);
    fg_model_destroy(m);
    toy_destroy(b.d);
    free(b.index);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_largest_are_sent_and_the_rest_is_kept),
        cmocka_unit_test(of_equal_sizes_the_first_are_sent),
        cmocka_unit_test(a_task_goes_on_from_what_was_counted),
        cmocka_unit_test(what_was_counted_is_saved_and_comes_back),
        cmocka_unit_test(an_executor_carries_it_from_task_to_task),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

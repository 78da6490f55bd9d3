#include "tests/lib/pretend_sums.h"

#include "tests/lib/test.h"

void pretend_cohort(struct pretend *w, struct fg_executor *ex, struct fg_task task[PRETEND_COHORT],
                    uint64_t version, uint64_t *id)
{
    float x[PRETEND_P];
    struct fg_err err;
    pretend_params(x, version);
    assert_int_equal(ex->ops->publish(ex, version, x, &err), FG_OK);
    for (uint32_t i = 0; i < PRETEND_COHORT; i++) {
        uint32_t client = fg_rng_below(&w->rng, 40);
        task[i] = (struct fg_task){.id = (*id)++,
                                   .version = version,
                                   .kind = FG_TASK_TRAIN,
                                   .client = client,
                                   .shard = client,
                                   .number = (uint32_t)version,
                                   .steps = 5,
                                   .lr = 0.1f};
    }
    assert_int_equal(ex->ops->submit(ex, task, PRETEND_COHORT, &err), FG_OK);
}

void pretend_collect(struct pretend *w, struct fg_executor *ex, const struct fg_task *t,
                     struct fg_result *res)
{
    struct fg_err err;
    for (uint32_t k = fg_rng_below(&w->rng, 40); k > 0; k--) {
        pretend_pass(w);
        assert_int_equal(fg_executor_remote_poll(ex, &err), FG_OK);
    }
    assert_int_equal(ex->ops->collect(ex, t->id, res, &err), FG_OK);
    assert_int_equal(res->client, t->client);
}

double pretend_weight(const struct fg_task *t)
{
    return (t->id % 5 == 0 ? -1.0 : 1.0) * (double)(1 + t->id % 90);
}

void pretend_add(const struct pretend *w, struct fg_exact *sum, const struct fg_task *t)
{
    struct fg_result res;
    float x[PRETEND_P], delta[PRETEND_P];
    uint8_t shard[PRETEND_SHARD_LEN], bytes[1024];
    size_t len;
    struct fg_codec_ws ws = {.shard = t->shard, .number = t->number};
    pretend_params(x, t->version);
    pretend_shard(shard, pretend_shard_of(t->client));
    pretend_compute(&res, delta, t, x, shard);
    if (w->int8) {
        assert_int_equal(fg_codec_int8.encode(&ws, bytes, sizeof bytes, &len, delta, PRETEND_P), FG_OK);
        assert_int_equal(fg_codec_int8.decode(&ws, delta, PRETEND_P, bytes, len), FG_OK);
    }
    fg_codec_ws_fini(&ws);
    struct fg_exact_term term = fg_exact_floats(pretend_weight(t), delta);
    assert_int_equal(fg_exact_add(sum, &term, 1), FG_OK);
}

void pretend_sound(struct fg_executor *ex)
{
    const char *broken = fg_executor_remote_check(ex);
    if (broken != NULL) {
        fail_msg("%s", broken);
    }
}

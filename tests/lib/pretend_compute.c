/* What pretended tasks give: a pure function of task, parameters and shard; and a local executor of them. */
#include <math.h>
#include <unistd.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "tests/lib/pretend.h"
#include "tests/lib/test.h"

uint32_t pretend_shard_of(uint32_t client)
{
    return client % PRETEND_SHARDS;
}

void pretend_shard(uint8_t bytes[PRETEND_SHARD_LEN], uint32_t k)
{
    memset(bytes, (int)(k * 17 + 3), PRETEND_SHARD_LEN);
}

void pretend_compute(struct fg_result *res, float delta[PRETEND_P], const struct fg_task *t,
                     const float *params, const uint8_t *shard)
{
    *res = (struct fg_result){.id = t->id, .client = t->client, .steps = t->steps, .samples = t->number + 10};
    res->loss = (double)t->client / 7 + (double)params[0] + shard[PRETEND_SHARD_LEN - 1];
    res->scored = t->kind == FG_TASK_EVALUATE ? 100 : 0;
    for (uint32_t i = 0; i < PRETEND_P; i++) {
        delta[i] = params[i] * 0.25f + (float)t->client * 0.1f + (float)(t->number + shard[i]) + t->lr;
    }
}

double pretend_score(const float *params, uint32_t sample, uint32_t *correct)
{
    *correct = sample % 3;
    return (double)params[sample % PRETEND_P] / (double)(7 + sample);
}

void pretend_params(float x[PRETEND_P], uint64_t version)
{
    for (uint32_t i = 0; i < PRETEND_P; i++) {
        x[i] = (float)version + (float)i * 0.5f;
    }
}

void pretend_check(const struct fg_result *got, const struct fg_task *t)
{
    struct fg_result want;
    float x[PRETEND_P], delta[PRETEND_P];
    uint8_t shard[PRETEND_SHARD_LEN];
    pretend_params(x, t->version);
    pretend_shard(shard, pretend_shard_of(t->client));
    pretend_compute(&want, delta, t, x, shard);
    assert_int_equal(got->id, t->id);
    assert_int_equal(got->client, want.client);
    assert_int_equal(got->steps, want.steps);
    assert_int_equal(got->samples, want.samples);
    assert_int_equal(got->scored, want.scored);
    assert_memory_equal(&got->loss, &want.loss, sizeof want.loss);
    if (t->kind == FG_TASK_TRAIN) {
        assert_memory_equal(got->delta, delta, sizeof delta);
        if (got->form != NULL &&
            got->form->kind == FG_FORM_FLOATS) { /* told what its frame was seen to have */
            float most = 0.f;
            for (size_t i = 0; i < PRETEND_P; i++) {
                most = fabsf(delta[i]) > most ? fabsf(delta[i]) : most;
            }
            _Static_assert((int)PRETEND_P <= (int)FG_AWAY_BLOCK, "one block");
            assert_true(got->form->largest != NULL && got->form->largest[0] == most);
        }
    } else {
        assert_null(got->delta);
    }
}

/* ---- the local executor ---- */

static enum fg_status here_publish(struct fg_executor *ex, uint64_t version, const float *params,
                                   struct fg_err *err)
{
    struct pretend_here *h = (struct pretend_here *)ex;
    (void)err;
    h->version = version;
    memcpy(h->params, params, sizeof h->params);
    return FG_OK;
}

static enum fg_status here_submit(struct fg_executor *ex, const struct fg_task *t, size_t n,
                                  struct fg_err *err)
{
    struct pretend_here *h = (struct pretend_here *)ex;
    uint8_t shard[PRETEND_SHARD_LEN];
    (void)err;
    assert_int_equal(n, 1);
    assert_int_equal(t->version, h->version);
    assert_true(t->id > h->last && t->id < PRETEND_HERE_TASKS);
    h->last = t->id;
    pretend_shard(shard, pretend_shard_of(t->client));
    pretend_compute(&h->result[t->id], h->delta[t->id], t, h->params, shard);
    h->result[t->id].delta = t->kind == FG_TASK_TRAIN ? h->delta[t->id] : NULL;
    h->open++;
    return FG_OK;
}

static enum fg_status here_collect(struct fg_executor *ex, uint64_t id, struct fg_result *out,
                                   struct fg_err *err)
{
    struct pretend_here *h = (struct pretend_here *)ex;
    unsigned begun = h->passed != NULL ? atomic_load(h->passed) : 0;
    (void)err;
    for (int ms = 0; h->passed != NULL && atomic_load(h->passed) - begun < 100 && ms < 20000; ms++) {
        (void)usleep(1000);
    }
    *out = h->result[id];
    h->done++;
    return FG_OK;
}

static void here_release(struct fg_executor *ex, uint64_t id)
{
    (void)id;
    ((struct pretend_here *)ex)->open--;
}

static void here_destroy(struct fg_executor *ex)
{
    (void)ex;
}

const struct fg_executor_ops pretend_here_ops = {.publish = here_publish,
                                                 .submit = here_submit,
                                                 .collect = here_collect,
                                                 .release = here_release,
                                                 .destroy = here_destroy};

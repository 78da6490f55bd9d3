/* What travels for a task: the model or what leads to it, and how large and how rough the update may be. */
#include "src/aggregator/core_internal.h"
#include "src/wire/adaptive.h"
#include "src/worker/trainer.h"

const float *fg_core_model(const struct fg_aggregator *a)
{
    const float *model = a->down != NULL ? fg_down_model(a->down) : NULL;
    return model != NULL ? model : a->x;
}

uint64_t fg_core_model_due(const struct fg_aggregator *a, uint32_t client)
{
    bool step = a->down != NULL && a->holds[client] > 0;
    return step ? fg_down_due(a->down, a->holds[client] - 1) : a->cfg.model_bytes;
}

/* Seconds of a task but for its upload. */
static double other_s(const struct fg_aggregator *a, const struct fg_task *t, uint64_t bytes_down)
{
    uint32_t n = a->cfg.samples[t->shard], epoch = fg_local_steps(n, a->cfg.select.batch, 1, 0);
    double a_step = epoch > 0 ? (double)n / (double)epoch : 0.0;
    return fg_seconds(fg_world_duration(a->fleet, t->client, bytes_down, t->steps, a_step, 0));
}

static bool adapts(const struct fg_aggregator *a, const struct fg_task *t)
{
    return a->cfg.codec != NULL && a->cfg.codec->adapts && t->kind == FG_TASK_TRAIN;
}

float fg_core_variance(const struct fg_aggregator *a, const struct fg_task *t, uint64_t bytes_down)
{
    if (!adapts(a, t)) {
        return 0.f;
    }
    struct fg_adaptive how = {
        .most = a->cfg.coding->variance, .rounds = a->cfg.variance_rounds, .updates = a->cfg.select.want};
    return (float)fg_adaptive_variance(&how, a->cfg.coding, a->cfg.model_bytes / sizeof(float),
                                       other_s(a, t, bytes_down), fg_fleet_uplink_bps(a->fleet, t->client));
}

uint64_t fg_core_update_bytes(const struct fg_aggregator *a, const struct fg_task *t)
{
    if (!adapts(a, t)) {
        return a->cfg.update_bytes;
    }
    struct fg_codec_opts opts = *a->cfg.coding;
    opts.variance = (double)t->variance;
    return a->cfg.codec->expected(&opts, a->cfg.model_bytes / sizeof(float));
}

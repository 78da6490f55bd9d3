/* train.mode = cost-only: what it cannot be combined with, and runs that have no data set. */
#include <math.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/sim/setup_impl.h"

bool fg_setup_is_bare(const struct fg_config *c)
{
    return c->train.mode == FG_OPT_MODE_COST_ONLY && c->data.path[0] == '\0';
}

/* Without a data set: what would have come from it. */
static enum fg_status check_bare(const struct fg_config *c, struct fg_err *err)
{
    if (c->data.samples == 0) {
        return fg_config_reject(
            c, "data.samples", err,
            "the training samples of a client, as there is no data.path to count them in");
    }
    if (c->model.params == 0) {
        return fg_config_reject(c, "model.params", err,
                                "the size of the model, as there is no data.path to shape it by");
    }
    if (c->data.partition != FG_OPT_PARTITION_IID) {
        return fg_config_reject(c, "data.partition", err, "iid without data.path: there is nothing to split");
    }
    if (c->data.coupling != FG_OPT_COUPLING_INDEPENDENT) {
        return fg_config_reject(c, "data.coupling", err,
                                "independent without data.path: there are no labels");
    }
    return c->data.placement == FG_OPT_PLACEMENT_FIXED
               ? FG_OK
               : fg_config_reject(c, "data.placement", err, "fixed without data.path: no sample has a size");
}

/* Without losses there is nothing to go by; without updates nothing to encode. */
enum fg_status fg_setup_check_mode(const struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    if (!s->cost_only) {
        return c->model.params == 0 && c->data.samples == 0
                   ? FG_OK
                   : fg_config_reject(c, c->model.params != 0 ? "model.params" : "data.samples", err,
                                      "0: only train.mode = cost-only without data.path needs it");
    }
    if (c->run.clock != FG_OPT_CLOCK_VIRTUAL) {
        return fg_config_reject(c, "run.clock", err, "virtual under train.mode = cost-only");
    }
    if (c->run.stop_at_target) {
        return fg_config_reject(c, "run.stop_at_target", err, "no: train.mode = cost-only has no accuracy");
    }
    if (s->policy->by_loss || s->policy->gauges) {
        return fg_config_reject(
            c, "select.policy", err,
            "a policy that does not choose by losses or updates: train.mode = cost-only has none");
    }
    if (fg_steps_find(c->train.plan)->by_loss) {
        return fg_config_reject(c, "train.plan", err,
                                "a plan that does not go by losses: train.mode = cost-only has none");
    }
    if (s->codec != &fg_codec_none) {
        return fg_config_reject(c, "wire.codec", err,
                                "none under train.mode = cost-only: how small another codec makes an update "
                                "depends on what was learned");
    }
    if (s->down.codec != NULL) {
        return fg_config_reject(c, "wire.down", err,
                                "none under train.mode = cost-only: no model is learned");
    }
    if (c->model.from[0] != '\0') {
        return fg_config_reject(c, "model.from", err, "empty under train.mode = cost-only");
    }
    return fg_setup_is_bare(c) ? check_bare(c, err) : FG_OK;
}

uint32_t fg_setup_bare_samples(const struct fg_config *c, uint32_t client)
{
    double n = (double)c->data.samples;
    if (c->data.imbalance > 0.0) {
        struct fg_rng r;
        fg_rng_init(&r, c->run.seed, FG_RNG_PARTITION, client, 0);
        n = floor(n * fg_exp(c->data.imbalance * fg_rng_normal(&r)) + 0.5);
    }
    n = n < 1e9 ? n : 1e9;
    return n > (double)c->data.min_samples ? (uint32_t)n : c->data.min_samples;
}

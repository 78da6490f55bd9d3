/* Whether a bound on the error holds for a run, and which: its assumptions are looked at one by one. */
#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/bound.h"
#include "src/sim/setup.h"

/* The largest squared length of a training input, the bias as one more coordinate. */
static enum fg_status longest_input(const struct fg_setup *s, double *out)
{
    size_t width = s->data->width;
    float *x = fg_calloc(width, sizeof *x);
    uint16_t *y = fg_calloc(s->data->label_width, sizeof *y);
    double most = 0.0;
    for (uint32_t c = 0; x != NULL && y != NULL && c < s->clients; c++) {
        const uint32_t *index;
        uint32_t n;
        fg_setup_shard(s, c, &index, &n);
        for (uint32_t i = 0; i < n; i++) {
            double sum = 1.0;
            fg_dataset_gather(s->data, index + i, 1, x, width, y);
            for (size_t j = 0; j < width; j++) {
                sum += (double)x[j] * (double)x[j];
            }
            most = sum > most ? sum : most;
        }
    }
    enum fg_status st = x != NULL && y != NULL ? FG_OK : FG_E_NOMEM;
    fg_free(x);
    fg_free(y);
    if (st == FG_OK) {
        *out = most;
    }
    return st;
}

/* What of the configuration a bound does not cover; NULL = nothing. */
static const char *wrong_setting(const struct fg_setup *s)
{
    const struct fg_config *c = s->cfg;
    if (s->cost_only) {
        return "nothing is trained";
    }
    const char *layers = fg_model_layers(s->model), *last = strrchr(layers, ';');
    size_t before = last != NULL ? (size_t)(last - layers) : 0;
    bool linear = (before == 0 || (before == strlen("flatten") && strncmp(layers, "flatten", before) == 0)) &&
                  strncmp(last != NULL ? last + 2 : layers, "dense ", 6) == 0;
    if (!linear || !(c->train.weight_decay > 0.0)) {
        return "the loss is not known to be strongly convex";
    }
    if (strcmp(s->rule->name, "fedavg") != 0 || c->aggregate.lr != 1.0 ||
        c->aggregate.over != FG_OPT_OVER_ACTIVE || c->aggregate.inverse != FG_OPT_INVERSE_NONE) {
        return "the rule is not plain fedavg over the active clients";
    }
    if (s->averages) {
        return "the run's model is a mean of models, not the last";
    }
    if (c->train.momentum > 0.0 || c->train.clip > 0.0 || c->train.prox_mu > 0.0 ||
        c->train.arithmetic != FG_OPT_ARITHMETIC_EXACT) {
        return "local steps are not plain gradient steps";
    }
    if ((s->codec != &fg_codec_none && s->codec != &fg_codec_zstd) || s->down.codec != NULL) {
        return "models or updates are not sent as they are";
    }
    if (strcmp(c->train.plan, "fixed") != 0 || c->select.plan_steps != FG_OPT_PLAN_STEPS_FIXED ||
        fg_setup_takes_partial(c)) {
        return "rounds may have other numbers of local steps than configured";
    }
    if (c->data.move != FG_OPT_MOVE_OWN) {
        return "who trains on which data is not drawn";
    }
    if (c->run.stop_at_target) {
        return "the run ends when its accuracy says so";
    }
    for (uint32_t i = 1; i < s->clients; i++) {
        if (s->steps[i] != s->steps[0]) {
            return "clients do unequal numbers of local steps";
        }
    }
    return s->local.batch != 0 && s->steps[0] != 1 ? "a step's samples depend on the steps before it" : NULL;
}

/* What of the participation that was seen a bound does not cover; NULL = nothing. */
static const char *wrong_participation(const struct fg_setup *s, const struct fg_watch *w, uint32_t *chosen)
{
    uint64_t every = (uint64_t)w->rounds * s->clients;
    for (uint32_t i = 0; i < s->clients; i++) {
        if (w->weight[i] != (double)w->used[i]) {
            return "the selection weighs updates";
        }
    }
    bool alike = s->cfg->aggregate.weights == FG_OPT_WEIGHTS_UNIFORM;
    for (uint32_t i = 1; i < s->clients && !alike; i++) {
        if (s->samples[i] != s->samples[0]) {
            break;
        }
        alike = i + 1 == s->clients;
    }
    if (w->rounds > 0 && w->used_all == every) {
        *chosen = s->clients;
        return NULL;
    }
    *chosen = s->cfg->select.clients;
    bool whole = w->up_all == every && w->used_all == (uint64_t)w->rounds * *chosen;
    if (whole && alike && strcmp(s->policy->name, "uniform") == 0 && s->cfg->select.over <= 1.0) {
        return NULL;
    }
    return "participation is neither whole nor uniform over clients that are always up: its chances are not "
           "known";
}

enum fg_status fg_setup_bound(const struct fg_setup *s, const struct fg_watch *w, struct fg_bound_result *out)
{
    struct fg_bound_result b = {.why = wrong_setting(s)};
    uint32_t chosen = 0;
    if (b.why == NULL) {
        b.why = wrong_participation(s, w, &chosen);
    }
    if (b.why != NULL) {
        *out = b;
        return FG_OK;
    }
    double longest2, start2 = 0.0, weights2 = 0.0, weights = 0.0, mu = s->cfg->train.weight_decay;
    enum fg_status st = longest_input(s, &longest2);
    if (st != FG_OK) {
        return st;
    }
    for (size_t i = 0; i < fg_model_params(s->model); i++) {
        start2 += (double)s->params[i] * (double)s->params[i];
    }
    for (uint32_t i = 0; i < s->clients; i++) {
        double p = s->cfg->aggregate.weights == FG_OPT_WEIGHTS_UNIFORM ? 1.0 : (double)s->samples[i];
        weights += p;
        weights2 += p * p;
    }
    double chance = fg_log((double)s->data->classes), slope = sqrt(2.0 * longest2);
    double far = sqrt(start2) + sqrt(2.0 * chance / mu);
    double batch = s->local.batch != 0 ? (double)s->local.batch : INFINITY;
    b.smoothness = longest2 / 2.0 + mu;
    b.mu = mu;
    b.gradient = slope + (mu * sqrt(start2) > slope ? mu * sqrt(start2) : slope);
    b.noise = weights2 / (weights * weights) * slope * slope / batch;
    b.gap = chance;
    b.distance2 = far * far;
    b.value = fg_bound(&(struct fg_bound_problem){.smoothness = b.smoothness,
                                                  .mu = mu,
                                                  .gradient = b.gradient,
                                                  .noise = b.noise,
                                                  .gap = b.gap,
                                                  .distance2 = b.distance2,
                                                  .clients = s->clients,
                                                  .chosen = chosen,
                                                  .steps = s->steps[0],
                                                  .rounds = w->rounds,
                                                  .lr = fg_setup_lr,
                                                  .lr_arg = s});
    b.applies = b.value >= 0.0;
    b.why = b.applies ? "" : "a learning rate is above 1 / (4 L), grows, or halves within a round";
    *out = b;
    return FG_OK;
}

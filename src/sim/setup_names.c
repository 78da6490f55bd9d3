/* What a configuration names in the registries: policies, rules, plans of steps, codecs,
 * initialisations, predictors. */
#include <string.h>

#include "src/forecast/outlook.h"
#include "src/model/layer.h"
#include "src/sim/setup_impl.h"

/* "expected one of a, b, c (did you mean b?)" for a name that no registry entry has. */
static enum fg_status unknown_name(const struct fg_config *cfg, const char *key, const char *found,
                                   const char *(*name_at)(size_t i), struct fg_err *err)
{
    struct fg_str list = {0};
    const char *nearest = NULL;
    unsigned best = *found != '\0' ? 4 : 0; /* nothing comes near to no name */
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && name_at(i) != NULL; i++) {
        st = fg_str_addf(&list, "%s%s", i > 0 ? ", " : "", name_at(i));
        unsigned d = fg_str_distance(found, name_at(i));
        if (d < best) {
            best = d;
            nearest = name_at(i);
        }
    }
    if (st == FG_OK) {
        st = nearest != NULL
                 ? fg_config_reject(cfg, key, err, "one of %s (did you mean '%s'?)", list.data, nearest)
                 : fg_config_reject(cfg, key, err, "one of %s", list.data);
    }
    fg_str_fini(&list);
    return st;
}

static const char *policy_at(size_t i)
{
    return fg_select_list()[i] != NULL ? fg_select_list()[i]->name : NULL;
}

static const char *steps_at(size_t i)
{
    return fg_steps_list()[i] != NULL ? fg_steps_list()[i]->name : NULL;
}

static const char *rule_at(size_t i)
{
    return fg_rule_list()[i] != NULL ? fg_rule_list()[i]->name : NULL;
}

static const char *codec_at(size_t i)
{
    return fg_codecs[i] != NULL ? fg_codecs[i]->name : NULL;
}

static const char *init_at(size_t i)
{
    return fg_model_inits[i];
}

static bool listed(const char *(*name_at)(size_t i), const char *name)
{
    size_t i = 0;
    while (name_at(i) != NULL && strcmp(name_at(i), name) != 0) {
        i++;
    }
    return name_at(i) != NULL;
}

static bool is_layer(const char *word, size_t len)
{
    for (size_t i = 0; fg_layer_kinds[i] != NULL; i++) {
        if (strlen(fg_layer_kinds[i]->name) == len && memcmp(fg_layer_kinds[i]->name, word, len) == 0) {
            return true;
        }
    }
    return len == 7 && memcmp(word, "softmax", len) == 0;
}

/* A comment behind the layers that begins with a layer was not meant as one. */
static enum fg_status check_layers(const struct fg_config *c, struct fg_err *err)
{
    const char *at = c->layers_comment, *where = fg_config_where(c, "model.layers");
    if (at == NULL || strchr(where, ':') == NULL) { /* the value comes from elsewhere, such as --set */
        return FG_OK;
    }
    at += strspn(at, " \t;,");
    return !is_layer(at, strcspn(at, " \t;,")) ? FG_OK
                                               : fg_fail(err, FG_E_CONFIG,
                                                         "%s: model.layers: expected ';' right behind a "
                                                         "layer, found ' ;', which begins a comment "
                                                         "and would leave out '%s'",
                                                         where, at);
}

/* Predictors; an oracle has nothing to read under a real clock. */
static enum fg_status check_forecasts(const struct fg_config *c, struct fg_err *err)
{
    if (!listed(fg_outlook_availability_name, c->forecast.availability)) {
        return unknown_name(c, "forecast.availability", c->forecast.availability,
                            fg_outlook_availability_name, err);
    }
    if (!listed(fg_outlook_carbon_name, c->forecast.carbon)) {
        return unknown_name(c, "forecast.carbon", c->forecast.carbon, fg_outlook_carbon_name, err);
    }
    return c->run.clock == FG_OPT_CLOCK_REAL && strcmp(c->forecast.availability, "oracle") == 0
               ? fg_config_reject(c, "forecast.availability", err,
                                  "another predictor: under run.clock = real nobody knows what comes")
               : FG_OK;
}

/* How models go down; `none`: whole, as without it. */
static enum fg_status find_down(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    const struct fg_codec *codec = fg_codec_find(c->wire.down);
    if (codec == NULL) {
        return unknown_name(c, "wire.down", c->wire.down, codec_at, err);
    }
    if (codec == &fg_codec_none) {
        return FG_OK;
    }
    if (codec == &fg_codec_zstd) { /* what steps weigh decides durations */
        return fg_config_reject(
            c, "wire.down", err,
            "a codec other than zstd, whose output differs with the version of its library");
    }
    s->down.codec = codec;
    return s->rule->own_start
               ? fg_config_reject(
                     c, "wire.down", err,
                     "none with aggregate.rule = %s, where clients go on from models of their own",
                     s->rule->name)
               : FG_OK;
}

/* Whether there are models to average, and the run's is to be their mean. */
static enum fg_status find_average(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    bool learns = c->train.mode != FG_OPT_MODE_COST_ONLY;
    bool wanted = c->aggregate.average == FG_OPT_AVERAGE_YES ||
                  (c->aggregate.average == FG_OPT_AVERAGE_AUTO && s->policy->averages);
    s->averages = wanted && learns && !s->rule->blocks;
    if (c->aggregate.average != FG_OPT_AVERAGE_YES || s->averages) {
        return FG_OK;
    }
    return learns ? fg_config_reject(
                        c, "aggregate.average", err,
                        "auto or no with aggregate.rule = %s, whose blocks have models of their own",
                        s->rule->name)
                  : fg_config_reject(c, "aggregate.average", err,
                                     "auto or no under train.mode = cost-only: no model is learned");
}

/* Only forage plans steps; and a rule that says how many it takes gets them. */
static enum fg_status check_steps(const struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    if (s->rule->full_batch && strcmp(c->train.plan, "fixed") != 0) {
        return fg_config_reject(c, "train.plan", err, "fixed with aggregate.rule = %s, of one step",
                                s->rule->name);
    }
    if (c->select.plan_steps == FG_OPT_PLAN_STEPS_FIXED) {
        return FG_OK;
    }
    if (!s->policy->plans_steps) {
        return fg_config_reject(c, "select.plan_steps", err, "fixed with select.policy = %s",
                                s->policy->name);
    }
    return s->rule->full_batch
               ? fg_config_reject(c, "select.plan_steps", err, "fixed with aggregate.rule = %s, of one step",
                                  s->rule->name)
               : FG_OK;
}

enum fg_status fg_setup_find_names(struct fg_setup *s, struct fg_err *err)
{
    const struct fg_config *c = s->cfg;
    s->policy = fg_select_find(c->select.policy);
    if (s->policy == NULL) {
        return unknown_name(c, "select.policy", c->select.policy, policy_at, err);
    }
    s->rule = fg_rule_find(c->aggregate.rule);
    if (s->rule == NULL) {
        return unknown_name(c, "aggregate.rule", c->aggregate.rule, rule_at, err);
    }
    if (fg_steps_find(c->train.plan) == NULL) {
        return unknown_name(c, "train.plan", c->train.plan, steps_at, err);
    }
    s->codec = fg_codec_find(c->wire.codec);
    if (s->codec == NULL) {
        return unknown_name(c, "wire.codec", c->wire.codec, codec_at, err);
    }
    if (s->codec->state != NULL && fg_rule_has_rows(s->rule)) {
        return fg_config_reject(
            c, "wire.codec", err,
            "a codec other than %s with aggregate.rule = %s, which keeps something of each client, too",
            s->codec->name, s->rule->name);
    }
    enum fg_status st = find_average(s, err);
    st = st == FG_OK ? check_steps(s, err) : st;
    st = st == FG_OK ? find_down(s, err) : st;
    st = st == FG_OK ? check_forecasts(c, err) : st;
    st = st == FG_OK ? check_layers(c, err) : st;
    if (st != FG_OK) {
        return st;
    }
    if (c->model.init[0] != '\0' && !listed(init_at, c->model.init)) {
        return unknown_name(c, "model.init", c->model.init, init_at, err);
    }
    return FG_OK;
}

#include "tests/lib/any_config.h"

static double constant_lr(const void *arg, uint32_t round)
{
    (void)arg;
    (void)round;
    return 0.5;
}

static bool coin(struct fg_rng *r)
{
    return fg_rng_below(r, 2) == 0;
}

static uint32_t n_rules(void)
{
    uint32_t n = 0;
    while (fg_rule_list()[n] != NULL) {
        n++;
    }
    return n;
}

static uint32_t n_policies(void)
{
    uint32_t n = 0;
    while (fg_select_list()[n] != NULL) {
        n++;
    }
    return n;
}

static void any_select(struct fg_select_config *s, struct fg_rng *r, bool plain)
{
    s->clients = ANY_CLIENTS;
    s->want = 1 + fg_rng_below(r, 6);
    s->over = coin(r) ? 1.0 : 1.5;
    s->groups = 3;
    s->alpha = coin(r) ? 1.0 : 0.3;
    s->slack = fg_rng_below(r, 4);
    s->slack_auto = coin(r);
    s->tune = fg_rng_below(r, 3);
    s->plan_steps = s->want % 2 == 0;
    s->replan = fg_rng_below(r, 3);
    s->candidates = fg_rng_below(r, 9);
    s->rate = 0.1;
    s->trust = 0.5;
    s->zone_wh = coin(r) ? 0.0 : 1e-3;
    s->zones = 1;
    s->quantile = 0.5;
    s->counts = "3 0 1 2 8 1 1 5 2 2 1 4";
    s->budget_g = plain || coin(r) ? 0.0 : 1e-4 * fg_rng_uniform(r);
}

static void any_move(struct any_config *a, struct fg_rng *r)
{
    struct fg_aggregator_config *c = &a->cfg;
    bool asks = c->policy->ask != NULL || c->policy->by_loss;
    for (uint32_t i = 0; i < ANY_CLIENTS; i++) {
        a->shard_bytes[i] = fg_rng_below(r, 1000);
        a->allowed[i] = fg_rng_below(r, 4) != 0;
    }
    c->shard_bytes = coin(r) ? a->shard_bytes : NULL;
    c->move = (struct fg_move_config){
        .worth = 4.0 * fg_rng_uniform(r), .margin = fg_rng_uniform(r), .allowed = a->allowed};
    if (c->shard_bytes != NULL && !a->plain && !asks && c->keeping == FG_KEEPING_NONE) {
        c->move.how = (enum fg_move)fg_rng_below(r, 3);
        c->move.copies = 1 + fg_rng_below(r, 3);
    }
}

void any_config(struct any_config *a, struct fg_rng *r, uint32_t seed)
{
    for (uint32_t i = 0; i < ANY_CLIENTS; i++) {
        a->steps[i] = 1 + fg_rng_below(r, 9);
        a->samples[i] = 1 + fg_rng_below(r, 50);
    }
    a->plain = coin(r);
    a->cfg = (struct fg_aggregator_config){
        .rounds = 8,
        .start = 1000 * FG_SECOND,
        .slot = 500 * FG_SECOND,
        .slot_pace = coin(r),
        .deadline = coin(r) ? 300 * FG_SECOND : 0,
        .hand_back = coin(r),
        .target_accuracy = 0.4,
        .eval_every = 1,
        .lr = constant_lr,
        .model_bytes = 100,
        .update_bytes = 50,
        .steps = a->steps,
        .samples = a->samples,
        .select.seed = seed,
        .policy = fg_select_list()[fg_rng_below(r, a->plain ? 3 : n_policies())],
        .steps_ops = a->plain ? NULL : fg_steps_list()[fg_rng_below(r, 4)],
        .inverse = a->plain ? FG_INVERSE_NONE : (enum fg_inverse)fg_rng_below(r, 4),
        .curvature = 1.0,
        .staleness = 1 + fg_rng_below(r, 3),
        .history_h = 2,
        .from_wakes = coin(r),
        .keeping = coin(r) ? FG_KEEPING_NONE : (enum fg_keeping)fg_rng_below(r, 3),
        .rule = {.params = ANY_PARAMS,
                 .clients = ANY_CLIENTS,
                 .total_samples = 100.0,
                 .lr = 1.0,
                 .tau = 1e-3,
                 .blocks = 2,
                 .cycle = 3},
        .rule_ops = fg_rule_list()[coin(r) ? 0 : fg_rng_below(r, n_rules())],
    };
    any_select(&a->cfg.select, r, a->plain);
    if (!a->cfg.rule_ops->own_start && coin(r)) {
        a->cfg.down = (struct fg_down_config){.codec = fg_codecs[1 + fg_rng_below(r, 10)],
                                              .params = a->cfg.rule.params};
    }
    any_move(a, r);
    a->cfg.average = coin(r);
}

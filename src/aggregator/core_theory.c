/* Theory beside measurement: what a run's participation, memory and losses say, and what was expected of
 * it. */
#include <math.h>

#include "src/aggregator/core_internal.h"
#include "src/base/fmath.h"
#include "src/planner/error.h"

static double share_of(const struct fg_aggregator *a, uint32_t client)
{
    return fg_select_target(&a->policy->cfg, client);
}

/* ---- kept from round to round ---- */

/* What the picks are expected to cost undisturbed, at the forecast or present intensity; a round begins with
 * those who are asked, if anybody is. */
void fg_core_expect(struct fg_aggregator *a, enum fg_task_kind kind)
{
    struct fg_core_tally *t = &a->tally;
    double longest = 0.0, limit = fg_seconds(a->policy->cfg.deadline);
    if (kind == FG_TASK_EVALUATE) {
        t->round_wh = t->round_g = t->round_s = 0.0;
    }
    for (size_t k = 0; k < a->picks.n; k++) {
        struct fg_task_cost cost = fg_core_cost(a, kind, k);
        t->round_wh += cost.wh;
        t->round_g += cost.wh * 1e-3 * fg_core_intensity(a, a->picks.client[k]);
        longest = cost.seconds > longest ? cost.seconds : longest;
    }
    t->round_s += longest;
    t->round_s = limit > 0.0 && t->round_s > limit ? limit : t->round_s;
}

void fg_core_expect_commit(struct fg_aggregator *a)
{
    struct fg_core_tally *t = &a->tally;
    t->predicted_wh += t->round_wh;
    t->predicted_g += t->round_g;
    t->predicted_s += t->round_s;
    t->actual_s += a->n_slots > 0 ? fg_seconds(a->now - a->record.t_begin) : 0.0;
    t->round_wh = t->round_g = t->round_s = 0.0; /* a round may come without picks */
}

/* Errors fall like a power of the rounds: what the last two evaluations say of this one, then of the last. */
void fg_core_expect_accuracy(struct fg_aggregator *a, double accuracy)
{
    struct fg_core_tally *t = &a->tally;
    double rounds = (double)a->round + 1.0, e = 1.0 - accuracy > 1e-6 ? 1.0 - accuracy : 1e-6;
    if (t->at2 > 0.0 && t->at1 > 0.0) {
        double fall = fg_log(t->error2 / t->error1) / fg_log(t->at2 / t->at1);
        double guess = t->error2 * fg_pow(rounds / t->at2, fall < 0.0 ? fall : 0.0);
        t->guess = 1.0 - guess;
        t->miss_sum += fabs(guess - e);
        t->miss_n += 1.0;
    }
    t->at1 = t->at2;
    t->error1 = t->error2;
    t->at2 = rounds;
    t->error2 = e;
}

enum fg_status fg_core_tally_save(const struct fg_core_tally *t, struct fg_str *out)
{
    const double v[FG_CORE_TALLY] = {t->predicted_wh, t->predicted_g, t->predicted_s, t->actual_s,
                                     t->at1,          t->error1,      t->at2,         t->error2,
                                     t->guess,        t->miss_sum,    t->miss_n};
    return fg_put_f64s(out, v, FG_CORE_TALLY);
}

void fg_core_tally_load(struct fg_core_tally *t, struct fg_reader *in)
{
    double v[FG_CORE_TALLY] = {0};
    fg_get_f64s(in, v, FG_CORE_TALLY);
    *t = (struct fg_core_tally){.predicted_wh = v[0],
                                .predicted_g = v[1],
                                .predicted_s = v[2],
                                .actual_s = v[3],
                                .at1 = v[4],
                                .error1 = v[5],
                                .at2 = v[6],
                                .error2 = v[7],
                                .guess = v[8],
                                .miss_sum = v[9],
                                .miss_n = v[10]};
}

/* ---- at the end ---- */

/* (sum w)^2 / sum w^2: as many clients, all counting alike, would average as well. */
static double effective(double sum, double squares)
{
    return squares > 0.0 ? sum * sum / squares : 0.0;
}

/* 0 where nobody was ever down: there is no chain. */
static double memory_of(const struct fg_aggregator *a, uint32_t client)
{
    bool varies = a->watch.up_all < (uint64_t)a->watch.rounds * a->cfg.select.clients;
    double l = varies ? fg_watch_memory(&a->watch, client) : 0.0;
    return l < -0.99 ? -0.99 : l > 0.99 ? 0.99 : l;
}

static void of_clients(const struct fg_aggregator *a, struct fg_theory *t)
{
    double all = 0.0, all2 = 0.0, counted = 0.0, counted2 = 0.0, memory = 0.0, up = 0.0, slow = 0.0;
    for (uint32_t i = 0; i < a->cfg.select.clients; i++) {
        double w = share_of(a, i), c = w * a->watch.weight[i], l = memory_of(a, i);
        all += w;
        all2 += w * w;
        counted += c;
        counted2 += c * c;
        memory += w * l;
        up += w * fg_watch_up(&a->watch, i);
        slow += w * (1.0 - l) / (1.0 + l);
        t->memory_max = fabs(l) > t->memory_max ? fabs(l) : t->memory_max;
    }
    for (uint32_t i = 0; i < a->cfg.select.clients && counted > 0.0; i++) {
        double ratio = share_of(a, i) > 0.0 ? a->watch.weight[i] / counted * all : 1.0;
        t->counted_least = i == 0 || ratio < t->counted_least ? ratio : t->counted_least;
        t->counted_most = ratio > t->counted_most ? ratio : t->counted_most;
    }
    t->target_clients = effective(all, all2);
    t->effective_clients = effective(counted, counted2);
    t->memory_mean = memory / all;
    t->up_mean = up / all;
    t->mixing_rounds = 1.0 / (1.0 - t->memory_max);
    t->effective_rounds = slow / all * (double)a->watch.rounds;
}

/* Over the active, weights are divided by those that come in a round with tasks: such rounds are all that
 * count, and what counts in each is 1. */
struct told {
    const struct fg_aggregator *a;
    double rounds; /* of so many */
    double scale;  /* of the weights */
};

static struct fg_error_client tell(const void *arg, uint32_t i)
{
    const struct told *told = arg;
    const struct fg_aggregator *a = told->a;
    double used = (double)a->watch.used[i],
           s = fg_watch_use(&a->watch, i) * (double)a->watch.rounds / told->rounds;
    return (struct fg_error_client){.target = share_of(a, i),
                                    .chance = s < 1.0 ? s : 1.0,
                                    .weight = told->scale * (used > 0.0 ? a->watch.weight[i] / used : 1.0),
                                    .memory = memory_of(a, i),
                                    .steps = (double)a->cfg.steps[i]};
}

/* The planning model's terms for the participation that was measured. */
static void model_of(const struct fg_aggregator *a, struct fg_theory *t)
{
    uint32_t n = a->cfg.select.clients;
    bool all = a->cfg.rule.over == FG_OVER_ALL || a->rounds_used == 0;
    struct told told = {.a = a, .rounds = (double)(all ? a->watch.rounds : a->rounds_used), .scale = 1.0};
    struct fg_error_terms p;
    double target = 0.0, come = 0.0;
    for (uint32_t i = 0; i < n && !all; i++) {
        struct fg_error_client c = tell(&told, i);
        target += c.target;
        come += c.target * c.weight * c.chance;
    }
    told.scale = come > 0.0 ? target / come : 1.0;
    fg_error_defaults(&p);
    p.clients = n;
    p.tell = tell;
    p.tell_arg = &told;
    p.mean_steps = 0.0;
    for (uint32_t i = 0; i < n; i++) {
        p.mean_steps += (double)a->cfg.steps[i] / (double)n;
    }
    p.rounds = told.rounds;
    p.lr = a->cfg.lr(a->cfg.lr_arg, 0);
    p.curvature = a->cfg.curvature;
    p.distance = a->first_loss > 0.0 ? a->first_loss : 1.0;
    struct fg_error e = fg_error_predict(&p);
    t->error_progress = e.progress;
    t->error_variance = e.variance;
    t->error_drift = e.drift;
    t->error_bias = e.bias;
}

struct fg_theory fg_aggregator_theory(const struct fg_aggregator *a)
{
    const struct fg_core_tally *k = &a->tally;
    const struct fg_ledger_totals *l = fg_ledger_totals(a->ledger);
    struct fg_theory t = {.have = a->watch.rounds > 0,
                          .redundant_steps = l->steps[FG_VERDICT_LATE],
                          .predicted_wh = k->predicted_wh,
                          .predicted_g = k->predicted_g,
                          .predicted_s = k->predicted_s,
                          .actual_s = k->actual_s,
                          .predicted_accuracy = k->miss_n > 0.0 ? k->guess : -1.0,
                          .accuracy_miss = k->miss_n > 0.0 ? k->miss_sum / k->miss_n : -1.0};
    for (int c = 0; c < FG_COSTS; c++) {
        t.redundant_wh += l->energy_j[FG_VERDICT_LATE][c] / 3600.0;
        t.redundant_g += l->carbon_g[FG_VERDICT_LATE][c];
    }
    if (t.have) {
        of_clients(a, &t);
        model_of(a, &t);
    }
    return t;
}

const struct fg_watch *fg_aggregator_watch(const struct fg_aggregator *a)
{
    return &a->watch;
}

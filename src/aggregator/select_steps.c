#include "src/aggregator/select_steps.h"

#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/planner/steps.h"

static enum fg_status fixed(const struct fg_select_config *cfg, const struct fg_select_view *view,
                            struct fg_picks *picks)
{
    (void)cfg;
    (void)view;
    (void)picks;
    return FG_OK;
}

/* ---- AdaComm ---- */

static uint32_t configured(const struct fg_select_config *cfg, const struct fg_picks *p, size_t k)
{
    return fg_picks_steps(p, k, cfg->steps[p->client[k]]);
}

static enum fg_status adacomm(const struct fg_select_config *cfg, const struct fg_select_view *view,
                              struct fg_picks *picks)
{
    if (!(view->first_loss > 0.0)) {
        return FG_OK;
    }
    double rate = view->lr > 0.0 ? cfg->lr / view->lr : 1.0;
    double share = view->recent_loss / view->first_loss; /* of a run that diverges more and more */
    double ratio = sqrt(rate * (share < 1.0 ? share : 1.0));
    for (size_t k = 0; k < picks->n; k++) {
        double tau = ceil((double)configured(cfg, picks, k) * ratio);
        picks->steps[k] = tau < 1.0 ? 1 : tau < 1e9 ? (uint32_t)tau : 1000000000;
    }
    return FG_OK;
}

/* ---- the least expected carbon ---- */

/* Of the configured steps: fewer than half make an update whose noise FedNova blows up to the mean length. */
enum { LEAST_PART = 2, MOST = 4 };
/* Additions of the dynamic programmes in a round, some tenths of a second: beyond them MarIn has to do. */
#define MOST_WORK 1e8

struct round_work {
    const struct fg_select_config *cfg;
    const struct fg_picks *picks;
    double *a_step_s, *start_s;        /* (n) seconds of a step, and of all that is not steps */
    double *a_step_g, *start_g, *stay; /* (n) grams of these; log of the chance to stay for a second */
    const struct fg_outlook *ahead;    /* if not NULL, grams are at 1 g/kWh: what is forecast comes on top */
};

/* The mean intensity that is forecast for so many seconds from now; that of the last slot holds. */
static double mean_ahead(const struct round_work *w, uint32_t client, double seconds)
{
    uint32_t zone = fg_fleet_zone(w->cfg->fleet, client), last = fg_outlook_horizon(w->ahead) - 1;
    double slot_s = fg_seconds(w->cfg->slot), now = fg_outlook_carbon(w->ahead, zone, 0), sum = 0.0;
    for (uint32_t h = 0; h <= last && (double)h * slot_s < seconds; h++) {
        double left = seconds - (double)h * slot_s;
        sum += (h < last && left > slot_s ? slot_s : left) *
               (h > 0 ? fg_outlook_carbon(w->ahead, zone, h) : now);
    }
    return seconds > 0.0 ? sum / seconds : now;
}

/* Grams spent for each update that arrives: what it costs over the chance that the client stays so long. Its
 * marginal cost grows with x, unless it is known that the hours to come are greener. */
static double cost(const void *arg, uint32_t k, uint32_t x)
{
    const struct round_work *w = arg;
    double seconds = w->start_s[k] + (double)x * w->a_step_s[k];
    double grams = (w->start_g[k] + (double)x * w->a_step_g[k]) * fg_exp(-w->stay[k] * seconds);
    return w->ahead != NULL ? grams * mean_ahead(w, w->picks->client[k], seconds) : grams;
}

static void measure(struct round_work *w, const struct fg_select_view *view, size_t k, uint32_t *lower,
                    uint32_t *upper)
{
    uint32_t c = w->picks->client[k], tau = configured(w->cfg, w->picks, k);
    struct fg_task_cost none = fg_select_cost(w->cfg, c, 0), one = fg_select_cost(w->cfg, c, 1);
    const struct fg_fleet *f = w->cfg->fleet;
    double g_per_wh = w->ahead != NULL ? 1e-3 : fg_fleet_intensity(f, fg_fleet_zone(f, c), view->now) * 1e-3;
    double stay = view->outlook != NULL ? fg_outlook_up(view->outlook, c, 0)
                                        : 0.5 + 0.5 * fg_watch_memory(view->watch, c);
    w->start_s[k] = none.seconds;
    w->a_step_s[k] = one.seconds - none.seconds;
    w->start_g[k] = none.wh * g_per_wh;
    w->a_step_g[k] = (one.wh - none.wh) * g_per_wh;
    stay = stay < 0.01 ? 0.01 : stay > 1.0 ? 1.0 : stay;
    w->stay[k] = fg_log(stay) / 3600.0;
    uint32_t most = tau < 250000000 ? MOST * tau : tau;
    double limit_s = w->cfg->deadline > 0 ? fg_seconds(w->cfg->deadline) : 0.0;
    if (limit_s > 0.0 && w->a_step_s[k] > 0.0) {
        double fit = floor((limit_s - none.seconds) / w->a_step_s[k]);
        most = fit < 1.0 ? 1 : fit < (double)most ? (uint32_t)fit : most;
    }
    uint32_t least = tau / LEAST_PART > 1 ? tau / LEAST_PART : 1;
    *lower = least < most ? least : most;
    *upper = most;
}

/* Is there time for whatever is exact? n clients, `rest` steps above the lower limits. */
static bool small(const struct fg_steps_problem *p, uint64_t rest)
{
    double longest = p->clients;
    for (uint32_t k = 0; k < p->clients; k++) {
        double room = (double)p->upper[k] - (double)p->lower[k];
        longest = room > longest ? room : longest;
    }
    return (double)p->clients * (double)rest * longest <= MOST_WORK;
}

static enum fg_status solve(struct round_work *w, const struct fg_select_view *view, struct fg_picks *picks,
                            uint32_t *lower)
{
    uint32_t n = (uint32_t)picks->n, *upper = lower + n, *x = lower + 2 * (size_t)n;
    uint64_t total = 0, room = 0, least = 0;
    for (uint32_t k = 0; k < n; k++) {
        measure(w, view, k, &lower[k], &upper[k]);
        total += configured(w->cfg, picks, k);
        room += upper[k];
        least += lower[k];
    }
    total = total < room ? total : room;
    struct fg_steps_problem p = {
        .clients = n, .total = (uint32_t)total, .lower = lower, .upper = upper, .cost = cost, .arg = w};
    double all;
    struct fg_err err;
    if (total > UINT32_MAX || total < least) {
        return FG_OK;
    }
    enum fg_status st = w->ahead != NULL && small(&p, total - least) ? fg_steps_plan(x, &all, &p, &err)
                                                                     : fg_steps_marin(x, &all, &p, &err);
    for (uint32_t k = 0; st == FG_OK && k < n; k++) {
        picks->steps[k] = x[k];
    }
    return st == FG_E_RANGE ? FG_OK : st; /* costs beyond all numbers: as configured */
}

static enum fg_status share_out(const struct fg_select_config *cfg, const struct fg_select_view *view,
                                const struct fg_outlook *ahead, struct fg_picks *picks)
{
    size_t n = picks->n;
    double *row = fg_calloc(5 * n, sizeof *row);
    uint32_t *limit = fg_calloc(3 * n, sizeof *limit);
    struct round_work w = {.cfg = cfg, .picks = picks, .ahead = ahead};
    enum fg_status st = FG_E_NOMEM;
    if (row != NULL && limit != NULL) {
        w.a_step_s = row;
        w.start_s = row + n;
        w.a_step_g = row + 2 * n;
        w.start_g = row + 3 * n;
        w.stay = row + 4 * n;
        st = solve(&w, view, picks, limit);
    }
    fg_free(row);
    fg_free(limit);
    return st;
}

static enum fg_status marin(const struct fg_select_config *cfg, const struct fg_select_view *view,
                            struct fg_picks *picks)
{
    return share_out(cfg, view, NULL, picks);
}

static enum fg_status optimal(const struct fg_select_config *cfg, const struct fg_select_view *view,
                              struct fg_picks *picks)
{
    return share_out(cfg, view, view->outlook, picks);
}

static const struct fg_steps_ops plan_fixed = {
    .name = "fixed", .doc = "by train.epochs or train.steps", .source = "", .plan = fixed};

static const struct fg_steps_ops plan_adacomm = {.name = "adacomm",
                                                 .doc =
                                                     "fewer as the training loss falls, more as the learning "
                                                     "rate does: tau sqrt(eta0 / eta F / F0), rounded up",
                                                 .source = "wangjoshi19 (AdaComm), section 4.2",
                                                 .by_loss = true,
                                                 .plan = adacomm};

static const struct fg_steps_ops plan_marin = {.name = "marin",
                                               .doc =
                                                   "the round's steps shared out at the least expected "
                                                   "carbon, half to 4 times the configured ones each; wants "
                                                   "aggregate.rule = fednova",
                                               .source = "pilla23, algorithm MarIn; the cost is ours",
                                               .plan = marin};

static const struct fg_steps_ops plan_optimal = {
    .name = "optimal",
    .doc = "as marin, at the intensities that are forecast for as long as each works; wants aggregate.rule = "
           "fednova",
    .source = "pilla23: (MC)2MKP where intensities fall, else MarIn, MarCo or MarDec; the cost is ours",
    .plan = optimal};

static const struct fg_steps_ops *const registry[] = {&plan_fixed, &plan_adacomm, &plan_marin, &plan_optimal,
                                                      NULL};

const struct fg_steps_ops *const *fg_steps_list(void)
{
    return registry;
}

const struct fg_steps_ops *fg_steps_find(const char *name)
{
    for (size_t i = 0; registry[i] != NULL; i++) {
        if (strcmp(registry[i]->name, name) == 0) {
            return registry[i];
        }
    }
    return NULL;
}

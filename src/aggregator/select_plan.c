#include "src/aggregator/select_plan.h"

#include <string.h>

#include "src/base/mem.h"
#include "src/planner/error.h"

enum { LENGTHS = 12 }; /* that are tried */

void fg_ahead_fini(struct fg_ahead *a)
{
    fg_free(a->grams);
    fg_free(a->chance);
    *a = (struct fg_ahead){0};
}

enum fg_status fg_ahead_look(struct fg_ahead *out, const struct fg_select_config *cfg,
                             const struct fg_select_view *view, uint32_t slots)
{
    struct fg_ahead a = {.clients = cfg->clients,
                         .slots = slots,
                         .grams = fg_calloc((size_t)cfg->clients * slots, sizeof(double)),
                         .chance = fg_calloc((size_t)cfg->clients * slots, sizeof(double))};
    if (a.grams == NULL || a.chance == NULL) {
        fg_ahead_fini(&a);
        return FG_E_NOMEM;
    }
    size_t k = 0;
    for (uint32_t c = 0; c < cfg->clients; c++) {
        double kwh = fg_select_cost(cfg, c, cfg->steps[c]).wh * 1e-3;
        uint32_t zone = fg_fleet_zone(cfg->fleet, c);
        bool up = k < view->n_available && view->available[k] == c;
        k += up;
        for (uint32_t h = 0; h < slots; h++) {
            size_t i = (size_t)c * slots + h;
            a.grams[i] = kwh * fg_outlook_carbon(view->outlook, zone, h);
            a.chance[i] = h > 0 || up ? fg_outlook_up(view->outlook, c, h) : 0.0;
        }
    }
    *out = a;
    return FG_OK;
}

double fg_ahead_dearest(const struct fg_ahead *a)
{
    double most = 0.0;
    for (size_t i = 0; i < (size_t)a->clients * a->slots; i++) {
        most = a->grams[i] > most ? a->grams[i] : most;
    }
    return most;
}

double fg_ahead_left(const struct fg_ahead *a, const struct fg_select_config *cfg,
                     const struct fg_select_view *view)
{
    double all = 1.0;
    if (cfg->budget_g > 0.0) {
        return cfg->budget_g > view->spent_g ? cfg->budget_g - view->spent_g : 0.0;
    }
    for (size_t i = 0; i < (size_t)a->clients * a->slots; i++) {
        all += a->grams[i];
    }
    return all;
}

uint32_t fg_ahead_window(const struct fg_ahead *a, uint32_t slots, uint32_t tune, double left_g)
{
    double window_g = 0.0;
    tune = tune < slots ? tune : slots;
    for (uint32_t n = 0; n < tune; n++) {
        for (uint32_t c = 0; c < a->clients; c++) {
            size_t i = (size_t)c * a->slots + (slots - 1 - n);
            window_g += a->chance[i] * a->grams[i];
        }
        if (window_g > left_g) {
            return n;
        }
    }
    return tune;
}

enum fg_status fg_ahead_solve(struct fg_slots_plan **out, const struct fg_ahead *a,
                              const struct fg_select_config *cfg, uint32_t slots, uint32_t tune,
                              const double *base, double left_g, double grams_max)
{
    size_t clients = a->clients;
    double *cut = NULL;
    struct fg_slots_problem p = {.clients = a->clients,
                                 .slots = slots,
                                 .grams = a->grams,
                                 .chance = a->chance,
                                 .base = base,
                                 .budget_g = left_g,
                                 .alpha = cfg->alpha,
                                 .grams_max = grams_max,
                                 .tune = tune,
                                 .nodes = FG_SLOTS_NODES};
    if (slots < a->slots) {
        cut = fg_calloc(2 * clients * slots, sizeof *cut);
        if (cut == NULL) {
            return FG_E_NOMEM;
        }
        for (size_t c = 0; c < clients; c++) {
            memcpy(cut + c * slots, a->grams + c * a->slots, slots * sizeof *cut);
            memcpy(cut + (clients + c) * slots, a->chance + c * a->slots, slots * sizeof *cut);
        }
        p.grams = cut;
        p.chance = cut + clients * slots;
    }
    struct fg_err err;
    enum fg_status st = fg_slots_solve(out, &p, &err);
    fg_free(cut);
    return st;
}

static double predicted(const struct fg_ahead *a, const struct fg_select_config *cfg,
                        const struct fg_slots_plan *plan, double *chance)
{
    struct fg_error_terms e;
    fg_error_defaults(&e);
    e.mean_steps = 0.0;
    for (uint32_t c = 0; c < a->clients; c++) {
        double n = 0.0;
        for (uint32_t t = 0; t < plan->slots; t++) {
            n += plan->on[(size_t)c * plan->slots + t] ? a->chance[(size_t)c * a->slots + t] : 0.0;
        }
        chance[c] = n / (double)plan->slots;
        e.mean_steps += (double)cfg->steps[c] / (double)a->clients;
    }
    e.clients = a->clients;
    e.chance = chance;
    e.rounds = (double)plan->slots;
    e.lr = cfg->lr;
    e.curvature = cfg->curvature;
    return fg_error_predict(&e).all;
}

enum fg_status fg_ahead_length(uint32_t *slots, const struct fg_ahead *a, const struct fg_select_config *cfg,
                               double left_g, double grams_max)
{
    uint32_t shortest = cfg->rounds - cfg->slack, tries = cfg->slack < LENGTHS ? cfg->slack + 1 : LENGTHS;
    double best = 0.0, *chance = fg_calloc(cfg->clients, sizeof *chance);
    enum fg_status st = chance != NULL ? FG_OK : FG_E_NOMEM;
    for (uint32_t k = 0; k < tries && st == FG_OK; k++) {
        uint32_t n = shortest + (uint32_t)((uint64_t)cfg->slack * k / (tries > 1 ? tries - 1 : 1));
        struct fg_slots_plan *plan = NULL;
        st = fg_ahead_solve(&plan, a, cfg, n, fg_ahead_window(a, n, cfg->tune, left_g / 2.0), NULL, left_g,
                            grams_max);
        if (st == FG_OK) {
            double e = predicted(a, cfg, plan, chance);
            if (k == 0 || e < best) {
                best = e;
                *slots = n;
            }
        }
        fg_slots_plan_destroy(plan);
    }
    fg_free(chance);
    return st;
}

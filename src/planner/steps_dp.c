/* The dynamic programmes of the step planner: (MC)2MKP for any cost, MarDec for falling marginal costs. */
#include <math.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/planner/steps_impl.h"

/* Put client i into the knapsacks: best[t] = least cost of giving t steps to the clients so far; infinite
 * where they cannot. From the largest t down, so that best[t - y] is still that of the clients before.
 * Shapes: best (rest + 1), row (rest + 1) scratch, pick (rest + 1) what i gets. */
static enum fg_status put(double *best, double *row, uint32_t *pick, const struct fg_steps_problem *p,
                          uint32_t i, uint32_t rest, struct fg_err *err)
{
    uint32_t room = fg_steps_room(p, i, rest);
    for (uint32_t y = 0; y <= room; y++) {
        enum fg_status st = fg_steps_cost(&row[y], p, i, y, err);
        if (st != FG_OK) {
            return st;
        }
    }
    for (uint32_t t = rest + 1; t-- > 0;) {
        double least = INFINITY;
        uint32_t most = room < t ? room : t;
        for (uint32_t y = 0; y <= most; y++) {
            double v = best[t - y] + row[y];
            if (v < least) {
                least = v;
                pick[t] = y;
            }
        }
        best[t] = least;
    }
    return FG_OK;
}

enum fg_status fg_steps_mc2mkp(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                               struct fg_err *err)
{
    enum fg_status st;
    double *best = NULL, *row = NULL;
    uint32_t *pick = NULL, rest = 0;
    FG_TRY(fg_steps_check(&rest, p, err));
    size_t width = (size_t)rest + 1;
    best = fg_calloc(width, sizeof *best);
    row = fg_calloc(width, sizeof *row);
    pick = fg_calloc(p->clients, width * sizeof *pick);
    if (best == NULL || row == NULL || pick == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    for (size_t t = 1; t < width; t++) {
        best[t] = INFINITY;
    }
    for (uint32_t i = 0; i < p->clients; i++) {
        FG_TRY(put(best, row, pick + i * width, p, i, rest, err));
    }
    for (uint32_t i = p->clients, t = rest; i-- > 0;) {
        x[i] = p->lower[i] + pick[i * width + t];
        t -= pick[i * width + t];
    }
    st = fg_steps_total(cost, x, p, err);
cleanup:
    fg_free(pick);
    fg_free(row);
    fg_free(best);
    return st;
}

/* What MarDec knows of each client: its cost at both limits. */
struct ends {
    double low, high;
    uint32_t room; /* all that lies between the limits, not cut to what is to be given out */
};

/* Knapsacks of clients other than `apart`, each with all its room or nothing.
 * Shapes: best (rest + 1) as above, full (clients, rest + 1) who is full; may be NULL. */
static void all_or_nothing(double *best, uint8_t *full, const struct ends *e, uint32_t clients,
                           uint32_t apart, uint32_t rest)
{
    size_t width = (size_t)rest + 1;
    best[0] = 0;
    for (size_t t = 1; t < width; t++) {
        best[t] = INFINITY;
    }
    for (uint32_t i = 0; i < clients; i++) {
        if (i == apart) {
            continue;
        }
        for (size_t t = width; t-- > 0;) {
            double without = best[t] + e[i].low, with = INFINITY;
            if (e[i].room > 0 && e[i].room <= t) {
                with = best[t - e[i].room] + e[i].high;
            }
            best[t] = with < without ? with : without;
            if (full != NULL) {
                full[i * width + t] = with < without;
            }
        }
    }
}

/* The client that is between its limits, and how much the others take, at the least cost. */
static enum fg_status choose_apart(uint32_t *apart, uint32_t *others, double *best, const struct ends *e,
                                   const struct fg_steps_problem *p, uint32_t rest, struct fg_err *err)
{
    double least = INFINITY;
    for (uint32_t j = 0; j < p->clients; j++) {
        uint32_t room = fg_steps_room(p, j, rest);
        all_or_nothing(best, NULL, e, p->clients, j, rest);
        for (uint32_t y = 0; y <= room; y++) {
            double v = 0;
            if (!(best[rest - y] < INFINITY)) {
                continue;
            }
            enum fg_status st = fg_steps_cost(&v, p, j, y, err);
            if (st != FG_OK) {
                return st;
            }
            if (best[rest - y] + v < least) {
                least = best[rest - y] + v;
                *apart = j;
                *others = rest - y;
            }
        }
    }
    return FG_OK;
}

enum fg_status fg_steps_mardec(uint32_t *x, double *cost, const struct fg_steps_problem *p,
                               struct fg_err *err)
{
    enum fg_status st;
    struct ends *e = NULL;
    double *best = NULL;
    uint8_t *full = NULL;
    uint32_t rest = 0, apart = 0, others = 0;
    FG_TRY(fg_steps_check(&rest, p, err));
    size_t width = (size_t)rest + 1;
    e = fg_calloc(p->clients, sizeof *e);
    best = fg_calloc(width, sizeof *best);
    full = fg_calloc(p->clients, width);
    if (e == NULL || best == NULL || full == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    for (uint32_t i = 0; i < p->clients; i++) {
        e[i].room = p->upper[i] - p->lower[i];
        FG_TRY(fg_steps_cost(&e[i].low, p, i, 0, err));
        if (e[i].room <= rest) {
            FG_TRY(fg_steps_cost(&e[i].high, p, i, e[i].room, err));
        }
    }
    FG_TRY(choose_apart(&apart, &others, best, e, p, rest, err));
    all_or_nothing(best, full, e, p->clients, apart, rest);
    uint32_t t = others;
    for (uint32_t i = p->clients; i-- > 0;) {
        uint32_t y = i == apart ? rest - others : full[i * width + t] ? e[i].room : 0;
        x[i] = p->lower[i] + y;
        t -= i == apart ? 0 : y;
    }
    st = fg_steps_total(cost, x, p, err);
cleanup:
    fg_free(full);
    fg_free(best);
    fg_free(e);
    return st;
}

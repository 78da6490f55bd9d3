#include "src/forecast/uptime.h"

#include <string.h>

#include "src/base/mem.h"

#define RATE 0.02       /* of the levels' adaption, over the horizon in hours */
#define DISCOUNT 0.9995 /* an hour; half of it is gone after 58 days */
#define P_BINS 8
#define BINS (2 * P_BINS) /* by state and forecast */
#define CELLS 62          /* of the share of the horizon: exactly 0, sixtieths, exactly 1 */
#define OWN_MAX 128       /* a node's own last occasions in a state */
#define GUARANTEE_Q 0.05
#define GUARANTEE_CONFIDENCE 0.95

const double fg_uptime_level[FG_UPTIME_LEVELS] = {0.05, 0.25, 0.5, 0.75, 0.95};

/* What was said of a node at an hour. */
struct said {
    float share[FG_UPTIME_LEVELS];
    int16_t bin; /* -1: the node was not known */
};

/* Outcomes of a node in one state, at the hours that are looked at. */
struct own {
    uint16_t n, next;
    float ring[OWN_MAX], sorted[OWN_MAX];
};

struct fg_uptime {
    uint32_t nodes, horizon, apart; /* hours; every so many-th is an occasion */
    int64_t steps;
    double cell[BINS][CELLS];            /* discounted counts of outcomes */
    double n[BINS], share[BINS];         /* and of these how many, and their sum */
    double mean[BINS];                   /* as of the last step */
    uint16_t *up_s;                      /* (horizon, nodes) of the last hours */
    uint32_t *sum_s;                     /* (nodes) within the last `horizon` hours */
    struct said *said;                   /* (horizon + 1, nodes) */
    float (*level)[2][FG_UPTIME_LEVELS]; /* (nodes) by state, as adapted */
    struct own (*own)[2];                /* (nodes) by state */
    uint16_t rank[OWN_MAX + 1]; /* by number of occasions: which of them is the bound, from 1; 0: none */
};

/* The fewest hours from the horizon on that meet every hour of the week in turn: no factor in common. */
static uint32_t occasions_apart(uint32_t horizon_h)
{
    uint32_t apart = horizon_h;
    while (apart % 2 == 0 || apart % 3 == 0 || apart % 7 == 0) {
        apart++;
    }
    return apart;
}

enum fg_status fg_uptime_create(struct fg_uptime **out, uint32_t nodes, uint32_t horizon_h)
{
    if (horizon_h < 1 || horizon_h > FG_HORIZON_MAX) {
        return FG_E_RANGE;
    }
    struct fg_uptime *u = fg_calloc(1, sizeof *u);
    if (u == NULL) {
        return FG_E_NOMEM;
    }
    u->nodes = nodes;
    u->horizon = horizon_h;
    u->apart = occasions_apart(horizon_h);
    u->up_s = fg_calloc((size_t)horizon_h * nodes, sizeof *u->up_s);
    u->sum_s = fg_calloc(nodes, sizeof *u->sum_s);
    u->said = fg_calloc((size_t)(horizon_h + 1) * nodes, sizeof *u->said);
    u->level = fg_calloc(nodes, sizeof *u->level);
    u->own = fg_calloc(nodes, sizeof *u->own);
    if (u->up_s == NULL || u->sum_s == NULL || u->said == NULL || u->level == NULL || u->own == NULL) {
        fg_uptime_destroy(u);
        return FG_E_NOMEM;
    }
    double place[OWN_MAX];
    for (size_t n = 0; n <= OWN_MAX; n++) {
        double bound = fg_quantile_bound(place, n, GUARANTEE_Q, GUARANTEE_CONFIDENCE);
        u->rank[n] = (uint16_t)(bound > 0.0 ? bound : 0.0);
        if (n < OWN_MAX) {
            place[n] = (double)n + 1.0;
        }
    }
    for (uint32_t i = 0; i < nodes; i++) {
        for (size_t k = 0; k < FG_UPTIME_LEVELS; k++) {
            u->level[i][0][k] = u->level[i][1][k] = (float)fg_uptime_level[k];
        }
    }
    *out = u;
    return FG_OK;
}

void fg_uptime_destroy(struct fg_uptime *u)
{
    if (u != NULL) {
        fg_free(u->up_s);
        fg_free(u->sum_s);
        fg_free(u->said);
        fg_free(u->level);
        fg_free(u->own);
        fg_free(u);
    }
}

static struct said *said_at(const struct fg_uptime *u, int64_t step)
{
    return u->said + (size_t)(step % (u->horizon + 1)) * u->nodes;
}

static size_t cell_of(double share)
{
    return share <= 0.0 ? 0 : share >= 1.0 ? CELLS - 1 : 1 + (size_t)(share * (CELLS - 2));
}

/* A side of a cell as a share: the safe one of the level. */
static double edge(size_t cell, double level)
{
    if (cell == 0 || cell == CELLS - 1) {
        return cell == 0 ? 0.0 : 1.0;
    }
    return (double)(cell - (level <= 0.5 ? 1 : 0)) / (CELLS - 2);
}

static void keep_own(struct fg_uptime *u, uint32_t node, bool state, int64_t origin, double share)
{
    struct own *o = &u->own[node][state];
    if (origin % u->apart != 0) {
        return;
    }
    size_t at = 0;
    float x = (float)share;
    if (o->n == OWN_MAX) {
        while (o->sorted[at] != o->ring[o->next]) {
            at++;
        }
        memmove(o->sorted + at, o->sorted + at + 1, (OWN_MAX - 1 - at) * sizeof x);
        o->n--;
    }
    for (at = o->n; at > 0 && o->sorted[at - 1] > x; at--) {
        o->sorted[at] = o->sorted[at - 1];
    }
    o->sorted[at] = x;
    o->n++;
    o->ring[o->next] = x;
    o->next = (uint16_t)((o->next + 1) % OWN_MAX);
}

/* Cumulative counts of every bin. */
static void accumulate(const struct fg_uptime *u, double sum[BINS][CELLS])
{
    for (int b = 0; b < BINS; b++) {
        double before = 0.0;
        for (int c = 0; c < CELLS; c++) {
            before += u->cell[b][c];
            sum[b][c] = before;
        }
    }
}

/* How much of an outcome's cell lies below level a of the distribution: 1 all of it, 0 nothing. Outcomes have
 * atoms (the whole horizon, nothing of it), of which a level can take a part. */
static double share_below(const double *sum, size_t cell, double a)
{
    double all = sum[CELLS - 1], from = cell > 0 ? sum[cell - 1] : 0.0, to = sum[cell];
    if (to <= from) {
        return from > a * all ? 0.0 : 1.0;
    }
    double part = (a * all - from) / (to - from);
    return part < 0.0 ? 0.0 : part > 1.0 ? 1.0 : part;
}

/* What came of the forecasts made `horizon` hours ago. */
static void learn(struct fg_uptime *u)
{
    int64_t origin = u->steps - u->horizon;
    const struct said *then = origin >= 0 ? said_at(u, origin) : NULL;
    double sum[BINS][CELLS];
    if (then == NULL) {
        return;
    }
    accumulate(u, sum);
    for (int b = 0; b < BINS; b++) {
        for (int c = 0; c < CELLS; c++) {
            u->cell[b][c] *= DISCOUNT;
        }
        u->n[b] *= DISCOUNT;
        u->share[b] *= DISCOUNT;
    }
    for (uint32_t i = 0; i < u->nodes; i++) {
        if (then[i].bin < 0) {
            continue;
        }
        double share = (double)u->sum_s[i] / (3600.0 * u->horizon);
        size_t cell = cell_of(share);
        bool state = then[i].bin >= P_BINS;
        u->cell[then[i].bin][cell] += 1.0;
        u->n[then[i].bin] += 1.0;
        u->share[then[i].bin] += share;
        keep_own(u, i, state, origin, share);
        for (size_t k = 0; sum[then[i].bin][CELLS - 1] > 0.0 && k < FG_UPTIME_LEVELS; k++) {
            double a = (double)u->level[i][state][k];
            a += RATE / u->horizon * (fg_uptime_level[k] - share_below(sum[then[i].bin], cell, a));
            u->level[i][state][k] = (float)(a < 0.0 ? 0.0 : a > 1.0 ? 1.0 : a);
        }
    }
}

/* Quantiles of a bin at a node's levels; a bin without a past says anything may happen. */
static void say(const double *sum, const float *level, struct said *s)
{
    double all = sum[CELLS - 1];
    for (size_t k = 0; k < FG_UPTIME_LEVELS; k++) {
        size_t lo = 0, n = CELLS;
        double at = (double)level[k] * all;
        while (n > 0) { /* the first cell up to which more than that lies */
            size_t half = n / 2;
            if (sum[lo + half] <= at) {
                lo += half + 1;
                n -= half + 1;
            } else {
                n = half;
            }
        }
        lo = lo < CELLS ? lo : CELLS - 1;
        s->share[k] = (float)(all > 0.0                  ? edge(lo, fg_uptime_level[k])
                              : fg_uptime_level[k] > 0.5 ? 1.0
                                                         : 0.0);
    }
}

void fg_uptime_step(struct fg_uptime *u, const struct fg_seen *seen, const double *p)
{
    uint16_t *oldest = u->up_s + (size_t)(u->steps % u->horizon) * u->nodes;
    struct said *now = said_at(u, u->steps);
    double sum[BINS][CELLS];
    for (uint32_t i = 0; i < u->nodes; i++) {
        u->sum_s[i] += seen[i].up_s;
        u->sum_s[i] -= oldest[i];
        oldest[i] = seen[i].up_s;
    }
    learn(u);
    for (int b = 0; b < BINS; b++) {
        u->mean[b] = u->n[b] > 0.0 ? u->share[b] / u->n[b] : 0.5;
    }
    accumulate(u, sum);
    for (uint32_t i = 0; i < u->nodes; i++) {
        int of_p = (int)(p[i] * P_BINS), bin = of_p < 0 ? 0 : of_p >= P_BINS ? P_BINS - 1 : of_p;
        bin += seen[i].up ? P_BINS : 0;
        say(sum[bin], u->level[i][seen[i].up], &now[i]);
        now[i].bin = (int16_t)(seen[i].known ? bin : -1);
    }
    u->steps++;
}

double fg_uptime_quantile_s(const struct fg_uptime *u, uint32_t node, size_t level)
{
    return 3600.0 * u->horizon * (double)said_at(u, u->steps - 1)[node].share[level];
}

double fg_uptime_guarantee_s(const struct fg_uptime *u, uint32_t node)
{
    int bin = said_at(u, u->steps - 1)[node].bin;
    if (bin < 0) {
        return 0.0;
    }
    const struct own *o = &u->own[node][bin >= P_BINS];
    return u->rank[o->n] > 0 ? 3600.0 * u->horizon * (double)o->sorted[u->rank[o->n] - 1] : 0.0;
}

double fg_uptime_expected_s(const struct fg_uptime *u, uint32_t node)
{
    int bin = said_at(u, u->steps - 1)[node].bin;
    return 3600.0 * u->horizon * (bin < 0 ? 0.0 : u->mean[bin]);
}

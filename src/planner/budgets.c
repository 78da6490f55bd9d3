#include "src/planner/budgets.h"

#include <math.h>
#include <string.h>

#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/planner/slots_impl.h"

enum { BETWEEN = 4 /* weights tried between those found and even ones */ };

/* Where tries are not told, the search stops after so many in a row that lowered the bound by less than this
 * part: planning again, and at first. */
enum { IDLE = 3, IDLE_FIRST = 8 };
#define IDLE_GAIN 1e-3

/* Budgets, and where the number of rounds is limited one more that this implies: value taken is at most the
 * value of the best so many slots. It bounds and does not bind. */
struct work {
    const struct fg_budgets_problem *p;
    struct fg_slots_problem slots; /* with the implied cost */
    size_t cells;
    uint32_t n;                /* of the weights */
    double *cost;              /* (cells) implied */
    struct fg_slots_ship ship; /* with the implied cost of a byte */
    double *per_byte;          /* (clients) that; NULL unless data move */
    double *worth;             /* (cells) value, NULL unless rounds are limited */
    double *chance;            /* (cells) in the chosen slots, NULL unless rounds are limited */
    double amount[FG_BUDGETS + 1];
    double weight[FG_BUDGETS + 1]; /* sum to 1 */
};

static const double *cost_of(const struct work *w, uint32_t r)
{
    return r < w->p->n ? w->p->budget[r].cost : w->worth;
}

/* What shipping a byte to the client takes of budget r; of the rounds' worth nothing. */
static double per_byte(const struct work *w, uint32_t r, uint32_t client)
{
    return r < w->p->n ? w->p->budget[r].per_byte[client] : 0.0;
}

/* What a schedule takes of budget r. */
static double use_of(const struct work *w, const struct fg_slots_plan *plan, uint32_t r)
{
    const double *cost = cost_of(w, r);
    double use = 0.0;
    for (size_t i = 0; i < w->cells; i++) {
        use += plan->on[i] ? cost[i] : 0.0;
    }
    for (uint32_t c = 0; plan->sent != NULL && c < plan->clients; c++) {
        use += plan->sent[c] * per_byte(w, r, c);
    }
    return use;
}

static void imply(struct work *w)
{
    memset(w->cost, 0, w->cells * sizeof *w->cost);
    for (uint32_t r = 0; r < w->n; r++) {
        double f = w->amount[r] > 0.0 ? w->weight[r] / w->amount[r] : 0.0;
        const double *cost = cost_of(w, r);
        for (size_t i = 0; f > 0.0 && i < w->cells; i++) {
            w->cost[i] += f * cost[i];
        }
        for (uint32_t c = 0; w->per_byte != NULL && c < w->p->slots.clients; c++) {
            w->per_byte[c] = (r > 0 ? w->per_byte[c] : 0.0) + f * per_byte(w, r, c);
        }
    }
    w->slots.expected = w->cost;
    w->slots.budget_g = 0.0;
    for (uint32_t r = 0; r < w->n; r++) {
        w->slots.budget_g += w->amount[r] > 0.0 ? w->weight[r] : 0.0;
    }
}

/* ---- rounds ---- */

/* What each slot is worth, to those in `on` (NULL = everyone), best first. */
static void rank_slots(const struct work *w, struct fg_ranked *rank, const uint8_t *on)
{
    const struct fg_slots_problem *s = &w->p->slots;
    for (uint32_t t = 0; t < s->slots; t++) {
        rank[t] = (struct fg_ranked){.number = t};
        for (uint32_t c = 0; c < s->clients; c++) {
            size_t i = (size_t)c * s->slots + t;
            rank[t].score += on == NULL || on[i] ? w->worth[i] : 0.0;
        }
    }
    fg_sort_ranked(rank, s->slots - s->tune);
}

static enum fg_status limit_rounds(struct work *w)
{
    const struct fg_slots_problem *s = &w->p->slots;
    if (w->p->rounds == 0 || w->p->rounds >= s->slots) {
        return FG_OK;
    }
    struct fg_ranked *rank = fg_calloc(s->slots, sizeof *rank);
    w->worth = fg_calloc(w->cells, sizeof *w->worth);
    w->chance = fg_calloc(w->cells, sizeof *w->chance);
    if (rank == NULL || w->worth == NULL || w->chance == NULL) {
        fg_free(rank);
        return FG_E_NOMEM;
    }
    double most = s->grams_max;
    for (size_t i = 0; s->grams_max == 0.0 && i < w->cells; i++) {
        most = fmax(most, s->grams[i]);
    }
    w->slots.grams_max = most; /* the same in all that follows */
    for (size_t i = 0; i < w->cells; i++) {
        w->worth[i] = fg_slots_worth(s, most, i);
    }
    rank_slots(w, rank, NULL);
    double amount = 0.0;
    for (uint32_t t = 0; t < s->slots; t++) {
        bool window = t >= s->slots - s->tune;
        amount += window || t + s->tune < w->p->rounds ? rank[t].score : 0.0;
    }
    w->amount[w->n++] = amount;
    fg_free(rank);
    return FG_OK;
}

/* Nobody comes but in the slots that are worth most, to everyone or to those who are planned. */
static enum fg_status choose_slots(struct work *w, const uint8_t *on)
{
    const struct fg_slots_problem *s = &w->p->slots;
    struct fg_ranked *rank = fg_calloc(s->slots, sizeof *rank);
    if (rank == NULL) {
        return FG_E_NOMEM;
    }
    rank_slots(w, rank, on);
    memset(w->chance, 0, w->cells * sizeof *w->chance);
    for (uint32_t t = 0; t < s->slots; t++) {
        bool window = t >= s->slots - s->tune;
        for (uint32_t c = 0; (window || t + s->tune < w->p->rounds) && c < s->clients; c++) {
            size_t i = (size_t)c * s->slots + rank[t].number;
            w->chance[i] = s->chance != NULL ? s->chance[i] : 1.0;
        }
    }
    fg_free(rank);
    return FG_OK;
}

/* ---- one set of weights ---- */

static void take_better(struct fg_slots_plan **best, struct fg_slots_plan *plan)
{
    bool same = *best != NULL && plan->value == (*best)->value;
    if (*best == NULL || plan->value > (*best)->value || (same && plan->exact)) {
        struct fg_slots_plan *old = *best;
        *best = plan;
        plan = old;
    }
    fg_slots_plan_destroy(plan);
}

/* A schedule within every budget, for these weights. */
static enum fg_status make(struct work *w, struct fg_slots_plan **best, const double *chance,
                           struct fg_err *err)
{
    struct fg_slots_problem s = w->slots;
    struct fg_slots_plan *plan;
    s.chance = chance != NULL ? chance : s.chance;
    s.side = w->p->budget;
    s.sides = w->p->n;
    s.quick = true;
    enum fg_status st = fg_slots_solve(&plan, &s, err);
    if (st == FG_OK) {
        take_better(best, plan);
    }
    return st;
}

struct search {
    struct fg_slots_plan *best;
    double bound;
    double weight[FG_BUDGETS + 1]; /* those of the bound */
    double price;                  /* of the implied budget there */
    double use[FG_BUDGETS + 1];    /* of each, relaxed */
};

/* Schedules for these weights; `on`: who is planned in the slots that are chosen where rounds are limited. */
static enum fg_status make_all(struct work *w, struct fg_slots_plan **best, const uint8_t *on,
                               struct fg_err *err)
{
    if (w->chance == NULL) {
        return make(w, best, NULL, err);
    }
    enum fg_status st = choose_slots(w, on);
    st = st == FG_OK ? make(w, best, w->chance, err) : st;
    st = st == FG_OK ? choose_slots(w, NULL) : st;
    return st == FG_OK ? make(w, best, w->chance, err) : st;
}

static enum fg_status look(struct work *w, struct search *f, bool last, struct fg_err *err)
{
    struct fg_slots_plan *relaxed;
    imply(w);
    enum fg_status st = fg_slots_solve(&relaxed, &w->slots, err);
    if (st != FG_OK) {
        return st;
    }
    bool better = f->best == NULL || relaxed->bound < f->bound;
    if (better) {
        f->bound = relaxed->bound;
        f->price = relaxed->price_per_g;
        memcpy(f->weight, w->weight, sizeof f->weight);
    }
    for (uint32_t r = 0; r < w->n; r++) {
        f->use[r] = use_of(w, relaxed, r);
    }
    if (w->n == 1) { /* what is implied is the budget itself */
        take_better(&f->best, relaxed);
        return FG_OK;
    }
    st = better || last ? make_all(w, &f->best, relaxed->on, err) : FG_OK;
    fg_slots_plan_destroy(relaxed);
    return st;
}

/* The least bound again, at length. */
static enum fg_status tighten(struct work *w, struct search *f, struct fg_err *err)
{
    struct fg_slots_plan *relaxed;
    memcpy(w->weight, f->weight, sizeof w->weight);
    imply(w);
    w->slots.turns = FG_SLOTS_TURNS;
    enum fg_status st = fg_slots_solve(&relaxed, &w->slots, err);
    if (st == FG_OK) {
        f->price = relaxed->bound < f->bound ? relaxed->price_per_g : f->price;
        f->bound = fmin(f->bound, relaxed->bound);
        fg_slots_plan_destroy(relaxed);
    }
    return st;
}

/* The weights of the least bound, with branch and bound if the problem is small. They leave out budgets that
 * bind only once all slots are whole: schedules for weights on the way from there to even ones compete. */
static enum fg_status look_between(struct work *w, struct search *f, bool once, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    bool nodes = w->p->slots.ship == NULL && !fg_slots_has_rounds(&w->p->slots);
    int first = w->chance == NULL && !nodes ? 1 : 0; /* that schedule was made when the bound was found */
    for (int k = first; k <= (once ? 0 : BETWEEN) && st == FG_OK; k++) {
        double even = (double)k / BETWEEN;
        w->slots.nodes = k == 0 ? w->p->slots.nodes : 0;
        for (uint32_t r = 0; r < w->n; r++) {
            w->weight[r] = (1.0 - even) * f->weight[r] + even / (double)w->n;
        }
        imply(w);
        st = make_all(w, &f->best, f->best->on, err);
    }
    return st;
}

/* Weights grow where the relaxed plan spends too much, and shrink where it leaves something. */
static void adjust(struct work *w, const struct search *f, uint32_t round)
{
    double sum = 0.0, step = 1.0 / (1.0 + 0.15 * (double)round);
    for (uint32_t r = 0; r < w->n; r++) {
        double over = w->amount[r] > 0.0 ? f->use[r] / w->amount[r] - 1.0 : 0.0;
        w->weight[r] *= fg_exp(step * fmax(-2.0, fmin(2.0, over)));
        w->weight[r] = fmax(w->weight[r], 1e-9);
        sum += w->weight[r];
    }
    for (uint32_t r = 0; r < w->n; r++) {
        w->weight[r] /= sum;
    }
}

static bool is_warm(const struct work *w)
{
    double sum = 0.0;
    for (uint32_t r = 0; w->p->weight != NULL && r < w->n; r++) {
        sum += w->p->weight[r];
    }
    return sum > 0.0;
}

static uint32_t tries_of(const struct work *w)
{
    double by_size = 4e5 / ((double)w->cells + 1.0);
    uint32_t tries = by_size < 8.0 ? 8 : by_size > 60.0 ? 60 : (uint32_t)by_size;
    tries = is_warm(w) ? (tries + 5) / 6 : tries;
    return w->n == 1 ? 1 : w->p->tries != 0 ? w->p->tries : tries;
}

static enum fg_status search(struct work *w, struct search *f, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    bool warm = is_warm(w), near = false;
    uint32_t idle = 0; /* tries in a row that hardly lowered the bound */
    for (uint32_t r = 0; r < w->n; r++) {
        w->weight[r] = warm ? fmax(w->p->weight[r], 1e-9) : 1.0 / (double)w->n;
    }
    uint32_t tries = tries_of(w), most_idle = w->p->slots.quick ? IDLE : IDLE_FIRST;
    most_idle = w->p->tries != 0 ? tries : most_idle;
    w->slots.nodes = w->n == 1 ? w->p->slots.nodes : 0; /* else once, at the end */
    for (uint32_t k = 0; k < tries && st == FG_OK && !near && idle < most_idle; k++) {
        double bound = f->bound;
        st = look(w, f, k + 1 == tries, err);
        near = st == FG_OK && f->bound <= f->best->value * (1.0 + w->p->near);
        idle = k > 0 && f->bound > bound * (1.0 - IDLE_GAIN) ? idle + 1 : 0;
        adjust(w, f, warm ? k + 6 : k); /* smaller steps */
    }
    if (st == FG_OK && w->n > 1) {
        st = look_between(w, f, near || tries == 1, err);
    }
    if (st == FG_OK && w->n > 1 && !near && w->p->certify && fg_slots_has_rounds(&w->p->slots)) {
        st = tighten(w, f, err);
    }
    for (uint32_t r = 0; st == FG_OK && w->p->weight != NULL && r < w->n; r++) {
        w->p->weight[r] = f->weight[r];
    }
    return st;
}

static enum fg_status solve(struct search *f, const struct fg_budgets_problem *p, double *amount_rounds,
                            struct fg_err *err)
{
    struct work w = {.p = p, .slots = p->slots, .n = p->n};
    w.cells = (size_t)p->slots.clients * p->slots.slots;
    w.slots.side = NULL;
    w.slots.sides = 0;
    for (uint32_t r = 0; r < p->n; r++) {
        w.amount[r] = p->budget[r].budget;
    }
    w.cost = fg_calloc(w.cells, sizeof *w.cost);
    bool moves = p->slots.ship != NULL;
    if (moves) {
        w.ship = *p->slots.ship;
        w.ship.per_byte = w.per_byte = fg_calloc(p->slots.clients, sizeof *w.per_byte);
        w.slots.ship = &w.ship;
    }
    enum fg_status st = w.cost != NULL && (!moves || w.per_byte != NULL) ? limit_rounds(&w) : FG_E_NOMEM;
    w.slots.quick = p->slots.quick && w.n == 1; /* weights are compared by their bounds */
    w.slots.turns = w.n == 1 ? FG_SLOTS_TURNS : 1;
    st = st == FG_OK ? search(&w, f, err) : st;
    *amount_rounds = w.n > p->n ? w.amount[p->n] : 0.0;
    fg_free(w.cost);
    fg_free(w.per_byte);
    fg_free(w.worth);
    fg_free(w.chance);
    return st;
}

/* ---- all ---- */

/* Where rounds are limited: how much more the bound would be with one more of them. */
static enum fg_status price_round(double *price, const struct fg_budgets_problem *p, double bound,
                                  struct fg_err *err)
{
    struct fg_budgets_problem more = *p;
    struct search f = {0};
    double amount;
    more.rounds++;
    more.weight = NULL;
    enum fg_status st = solve(&f, &more, &amount, err);
    *price = st == FG_OK && f.bound > bound ? f.bound - bound : 0.0;
    fg_slots_plan_destroy(f.best);
    return st;
}

enum fg_status fg_budgets_solve(struct fg_budgets_plan *out, const struct fg_budgets_problem *p,
                                struct fg_err *err)
{
    struct fg_budgets_plan plan = {0};
    struct search f = {0};
    double amount_rounds = 0.0;
    FG_ASSERT(p->n >= 1 && p->n <= FG_BUDGETS);
    enum fg_status st = solve(&f, p, &amount_rounds, err);
    if (st == FG_OK && amount_rounds > 0.0 && p->price_round) {
        st = price_round(&plan.price_round, p, f.bound, err);
    }
    if (st != FG_OK) {
        fg_slots_plan_destroy(f.best);
        return st;
    }
    FG_ASSERT(f.best != NULL);
    plan.slots = f.best;
    for (uint32_t r = 0; r < p->n; r++) {
        plan.price[r] = p->budget[r].budget > 0.0 ? f.price * f.weight[r] / p->budget[r].budget : 0.0;
        plan.spent[r] =
            use_of(&(struct work){.p = p, .cells = (size_t)p->slots.clients * p->slots.slots}, plan.slots, r);
    }
    bool all = plan.slots->exact && amount_rounds == 0.0; /* within the slots chosen says nothing of others */
    plan.slots->bound = all ? plan.slots->value : fmax(f.bound, plan.slots->value);
    plan.slots->exact = all;
    *out = plan;
    return FG_OK;
}

void fg_budgets_plan_fini(struct fg_budgets_plan *plan)
{
    fg_slots_plan_destroy(plan->slots);
    *plan = (struct fg_budgets_plan){0};
}

/* What the step planner's methods share, MarIn and MarCo. */
#include "src/planner/steps.h"

#include <inttypes.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

#include "src/base/mem.h"
#include "src/planner/steps_impl.h"

enum fg_status fg_steps_check(uint32_t *rest, const struct fg_steps_problem *p, struct fg_err *err)
{
    uint64_t low = 0, high = 0;
    for (uint32_t i = 0; i < p->clients; i++) {
        if (p->lower[i] > p->upper[i]) {
            return fg_fail(err, FG_E_RANGE,
                           "steps: client %" PRIu32 ": lower limit %" PRIu32 " above upper limit %" PRIu32, i,
                           p->lower[i], p->upper[i]);
        }
        low += p->lower[i];
        high += p->upper[i];
    }
    if (p->total < low || p->total > high) {
        return fg_fail(err, FG_E_RANGE,
                       "steps: the limits of %" PRIu32 " clients allow %" PRIu64 " to %" PRIu64
                       " steps, wanted %" PRIu32,
                       p->clients, low, high, p->total);
    }
    *rest = p->total - (uint32_t)low;
    return FG_OK;
}

enum fg_status fg_steps_cost(double *out, const struct fg_steps_problem *p, uint32_t client, uint32_t y,
                             struct fg_err *err)
{
    double v = p->cost(p->arg, client, p->lower[client] + y);
    if (!isfinite(v)) {
        return fg_fail(err, FG_E_RANGE, "steps: client %" PRIu32 ": the cost of %" PRIu32 " steps is %g",
                       client, p->lower[client] + y, v);
    }
    *out = v;
    return FG_OK;
}

uint32_t fg_steps_room(const struct fg_steps_problem *p, uint32_t client, uint32_t rest)
{
    uint32_t room = p->upper[client] - p->lower[client];
    return room < rest ? room : rest;
}

enum fg_status fg_steps_total(double *out, const uint32_t *x, const struct fg_steps_problem *p,
                              struct fg_err *err)
{
    double sum = 0;
    for (uint32_t i = 0; i < p->clients; i++) {
        double v = 0;
        enum fg_status st = fg_steps_cost(&v, p, i, x[i] - p->lower[i], err);
        if (st != FG_OK) {
            return st;
        }
        sum += v;
    }
    *out = sum;
    return FG_OK;
}

enum fg_steps_shape fg_steps_shape(const struct fg_steps_problem *p)
{
    bool grows = false, falls = false;
    for (uint32_t i = 0; i < p->clients && !(grows && falls); i++) {
        if (p->upper[i] <= p->lower[i] + 1) {
            continue;
        }
        double a = p->cost(p->arg, i, p->lower[i]), b = p->cost(p->arg, i, p->lower[i] + 1);
        for (uint32_t x = p->lower[i] + 2; x <= p->upper[i] && x != 0; x++) {
            double c = p->cost(p->arg, i, x), bend = (c - b) - (b - a);
            double tolerance = 1e-9 * (fabs(a) + fabs(b) + fabs(c));
            grows = grows || bend > tolerance;
            falls = falls || bend < -tolerance;
            a = b;
            b = c;
        }
    }
    return grows && falls ? FG_STEPS_ANY
           : grows        ? FG_STEPS_GROWING
           : falls        ? FG_STEPS_FALLING
                          : FG_STEPS_CONSTANT;
}

enum fg_status fg_steps_plan(uint32_t *x, double *cost, const struct fg_steps_problem *p, struct fg_err *err)
{
    switch (fg_steps_shape(p)) {
    case FG_STEPS_CONSTANT:
        return fg_steps_marco(x, cost, p, err);
    case FG_STEPS_GROWING:
        return fg_steps_marin(x, cost, p, err);
    case FG_STEPS_FALLING:
        return fg_steps_mardec(x, cost, p, err);
    case FG_STEPS_ANY:
        break;
    }
    return fg_steps_mc2mkp(x, cost, p, err);
}

/* A client and what its next step costs; the least is at the top of the heap. */
struct next {
    double marginal, cost;
    uint32_t client, y;
};

static bool before(const struct next *a, const struct next *b)
{
    return a->marginal < b->marginal || (a->marginal == b->marginal && a->client < b->client);
}

static void sink(struct next *heap, uint32_t n, uint32_t i)
{
    struct next x = heap[i];
    for (uint32_t kid; (kid = 2 * i + 1) < n; i = kid) {
        kid += kid + 1 < n && before(&heap[kid + 1], &heap[kid]);
        if (!before(&heap[kid], &x)) {
            break;
        }
        heap[i] = heap[kid];
    }
    heap[i] = x;
}

static enum fg_status look(struct next *x, const struct fg_steps_problem *p, struct fg_err *err)
{
    double v = 0;
    enum fg_status st = fg_steps_cost(&v, p, x->client, x->y + 1, err);
    if (st == FG_OK) {
        x->marginal = v - x->cost;
        x->cost = v;
    }
    return st;
}

/* The clients that can do more, each with its first step's cost. */
static enum fg_status first_steps(struct next **out, uint32_t *n, const struct fg_steps_problem *p,
                                  uint32_t rest, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    uint32_t count = 0;
    struct next *all = fg_calloc(p->clients, sizeof *all);
    if (all == NULL) {
        return FG_E_NOMEM;
    }
    for (uint32_t i = 0; i < p->clients; i++) {
        if (fg_steps_room(p, i, rest) > 0) {
            struct next x = {.client = i};
            FG_TRY(fg_steps_cost(&x.cost, p, i, 0, err));
            FG_TRY(look(&x, p, err));
            all[count++] = x;
        }
    }
    *n = count;
    *out = all;
    all = NULL;
cleanup:
    fg_free(all);
    return st;
}

static uint32_t *copy_of(const uint32_t *a, uint32_t n)
{
    uint32_t *b = fg_calloc(n, sizeof *b);
    for (uint32_t i = 0; b != NULL && i < n; i++) {
        b[i] = a[i];
    }
    return b;
}

/* The cost of plan, and plan itself, to the caller. */
static enum fg_status deliver(uint32_t *x, double *cost, const uint32_t *plan,
                              const struct fg_steps_problem *p, struct fg_err *err)
{
    enum fg_status st = fg_steps_total(cost, plan, p, err);
    for (uint32_t i = 0; st == FG_OK && i < p->clients; i++) {
        x[i] = plan[i];
    }
    return st;
}

enum fg_status fg_steps_marin(uint32_t *x, double *cost, const struct fg_steps_problem *p, struct fg_err *err)
{
    enum fg_status st;
    struct next *heap = NULL;
    uint32_t *plan = NULL, rest = 0, n = 0;
    FG_TRY(fg_steps_check(&rest, p, err));
    FG_TRY(first_steps(&heap, &n, p, rest, err));
    plan = copy_of(p->lower, p->clients);
    if (plan == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    for (uint32_t i = n; i-- > 0;) {
        sink(heap, n, i);
    }
    for (; rest > 0; rest--) {
        struct next *top = &heap[0];
        plan[top->client]++;
        if (++top->y == p->upper[top->client] - p->lower[top->client]) {
            heap[0] = heap[--n];
        } else {
            FG_TRY(look(top, p, err));
        }
        if (n > 0) {
            sink(heap, n, 0);
        }
    }
    st = deliver(x, cost, plan, p, err);
cleanup:
    fg_free(plan);
    fg_free(heap);
    return st;
}

static int cheaper(const void *a, const void *b)
{
    return before(a, b) ? -1 : 1;
}

enum fg_status fg_steps_marco(uint32_t *x, double *cost, const struct fg_steps_problem *p, struct fg_err *err)
{
    enum fg_status st;
    struct next *all = NULL;
    uint32_t *plan = NULL, rest = 0, n = 0;
    FG_TRY(fg_steps_check(&rest, p, err));
    FG_TRY(first_steps(&all, &n, p, rest, err));
    plan = copy_of(p->lower, p->clients);
    if (plan == NULL) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    qsort(all, n, sizeof *all, cheaper);
    for (uint32_t i = 0; i < n && rest > 0; i++) {
        uint32_t take = fg_steps_room(p, all[i].client, rest);
        plan[all[i].client] += take;
        rest -= take;
    }
    st = deliver(x, cost, plan, p, err);
cleanup:
    fg_free(plan);
    fg_free(all);
    return st;
}

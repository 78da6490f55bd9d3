#include "src/sim/met.h"

#include "src/availability/ledger.h"
#include "src/base/mem.h"

struct span {
    fg_time_t begin, end; /* end FG_NEVER: not over yet */
};

struct spans {
    struct span *a;
    size_t n, cap;
};

struct client {
    struct spans up, tried;
    double busy_s; /* over its answers */
    uint64_t steps;
};

struct fg_met {
    uint32_t clients;
    struct client *client; /* (clients) */
    struct spans blind;
    fg_time_t last; /* when something was seen last */
    double busy_s;
    uint64_t steps;
};

static enum fg_status add(struct spans *s, fg_time_t begin, fg_time_t end)
{
    enum fg_status st = FG_GROW(s->a, s->n, s->cap);
    if (st == FG_OK) {
        s->a[s->n++] = (struct span){begin, end};
    }
    return st;
}

/* The span that holds t; NULL: none. Those of one list are in order and do not overlap. */
static const struct span *find(const struct spans *s, fg_time_t t)
{
    size_t low = 0, high = s->n;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (s->a[middle].end <= t) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < s->n && s->a[low].begin <= t ? &s->a[low] : NULL;
}

enum fg_status fg_met_create(struct fg_met **out, uint32_t clients)
{
    struct fg_met *m = fg_calloc(1, sizeof *m);
    if (m == NULL || (m->client = fg_calloc(clients, sizeof *m->client)) == NULL) {
        fg_free(m);
        return FG_E_NOMEM;
    }
    m->clients = clients;
    m->last = INT64_MIN;
    *out = m;
    return FG_OK;
}

void fg_met_destroy(struct fg_met *m)
{
    if (m == NULL) {
        return;
    }
    for (uint32_t c = 0; c < m->clients; c++) {
        fg_free(m->client[c].up.a);
        fg_free(m->client[c].tried.a);
    }
    fg_free(m->client);
    fg_free(m->blind.a);
    fg_free(m);
}

void fg_met_until(struct fg_met *m, fg_time_t now)
{
    m->last = now > m->last ? now : m->last;
}

enum fg_status fg_met_seen(struct fg_met *m, fg_time_t now, uint32_t client, bool up)
{
    if (client >= m->clients) {
        return FG_E_RANGE;
    }
    struct spans *s = &m->client[client].up;
    bool is_up = s->n > 0 && s->a[s->n - 1].end == FG_NEVER;
    fg_met_until(m, now);
    if (up && !is_up) {
        return add(s, now, FG_NEVER);
    }
    if (!up && is_up) {
        s->a[s->n - 1].end = now;
    }
    return FG_OK;
}

enum fg_status fg_met_blind(struct fg_met *m, fg_time_t now)
{
    fg_time_t since = m->last;
    for (uint32_t c = 0; c < m->clients; c++) {
        struct spans *s = &m->client[c].up;
        if (s->n > 0 && s->a[s->n - 1].end == FG_NEVER) {
            s->a[s->n - 1].end = since;
        }
    }
    fg_met_until(m, now);
    return since != INT64_MIN && now > since ? add(&m->blind, since, now) : FG_OK;
}

enum fg_status fg_met_tried(struct fg_met *m, const struct fg_participation *row)
{
    if (row->client >= m->clients) {
        return FG_E_RANGE;
    }
    struct client *c = &m->client[row->client];
    if (!fg_verdict_wastes((enum fg_verdict)row->verdict) && row->steps > 0) {
        c->busy_s += fg_seconds(row->t_end - row->t_begin);
        c->steps += row->steps;
        m->busy_s += fg_seconds(row->t_end - row->t_begin);
        m->steps += row->steps;
    }
    return add(&c->tried, row->t_begin, row->t_end);
}

fg_time_t fg_met_end(const struct fg_met *m)
{
    return m->last;
}

bool fg_met_is_blind(const struct fg_met *m, fg_time_t t)
{
    return t >= m->last || find(&m->blind, t) != NULL;
}

fg_time_t fg_met_up_until(const struct fg_met *m, uint32_t client, fg_time_t t)
{
    const struct span *s = find(&m->client[client].up, t);
    return s != NULL ? s->end : t;
}

double fg_met_step_s(const struct fg_met *m, uint32_t client, bool *own)
{
    const struct client *c = &m->client[client];
    *own = c->steps > 0;
    return *own ? c->busy_s / (double)c->steps : m->steps > 0 ? m->busy_s / (double)m->steps : 0.0;
}

enum fg_met_mark fg_met_mark(const struct fg_met *m, uint32_t client, fg_time_t t0, fg_time_t t1)
{
    const struct spans *s = &m->client[client].tried;
    for (size_t i = 0; i < s->n; i++) {
        if (s->a[i].begin < t1 && s->a[i].end > t0) {
            return FG_MET_TRIED;
        }
    }
    return FG_MET_UNTRIED;
}

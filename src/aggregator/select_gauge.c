#include "src/aggregator/select_gauge.h"

#include <math.h>
#include <string.h>

#include "src/base/mem.h"

enum fg_status fg_gauge_init(struct fg_gauge *g, size_t params)
{
    *g = (struct fg_gauge){.params = params,
                           .open = fg_calloc(FG_GAUGE_ROUND, sizeof *g->open),
                           .kept = fg_calloc(FG_GAUGE_KEPT, sizeof *g->kept)};
    if (g->open == NULL || g->kept == NULL) {
        fg_gauge_fini(g);
        return FG_E_NOMEM;
    }
    return FG_OK;
}

void fg_gauge_fini(struct fg_gauge *g)
{
    fg_free(g->open);
    fg_free(g->kept);
    *g = (struct fg_gauge){0};
}

/* ---- updates ---- */

/* The finaliser of splitmix64: place and sign of a coordinate. */
static uint64_t mix(uint64_t x)
{
    x += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ (x >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ (x >> 27)) * UINT64_C(0x94d049bb133111eb);
    return x ^ (x >> 31);
}

void fg_gauge_take(struct fg_gauge *g, uint32_t client, uint32_t zone, const float *delta, double scale)
{
    double sum[FG_GAUGE_WIDTH] = {0.0};
    if (g->n_open == FG_GAUGE_ROUND) {
        return;
    }
    for (size_t i = 0; i < g->params; i++) {
        uint64_t h = g->params > FG_GAUGE_WIDTH ? mix(i) : (uint64_t)i << 1;
        double x = (double)delta[i];
        sum[(h >> 1) % FG_GAUGE_WIDTH] += (h & 1) != 0 ? -x : x;
    }
    struct fg_gauge_update *u = &g->open[g->n_open++];
    *u = (struct fg_gauge_update){.round = g->round, .client = client, .zone = zone};
    for (size_t i = 0; i < FG_GAUGE_WIDTH; i++) {
        u->d[i] = (float)(sum[i] / scale);
    }
}

void fg_gauge_drop(struct fg_gauge *g)
{
    g->n_open = 0;
}

/* ---- pairs ---- */

static double inner(const struct fg_gauge_update *a, const struct fg_gauge_update *b)
{
    double sum = 0.0;
    for (size_t i = 0; i < FG_GAUGE_WIDTH; i++) {
        sum += (double)a->d[i] * (double)b->d[i];
    }
    return sum;
}

/* |(a - b) - (c - d)|^2 */
static double apart_again(const struct fg_gauge_update *a, const struct fg_gauge_update *b,
                          const struct fg_gauge_update *c, const struct fg_gauge_update *d)
{
    double sum = 0.0;
    for (size_t i = 0; i < FG_GAUGE_WIDTH; i++) {
        double x = ((double)a->d[i] - (double)b->d[i]) - ((double)c->d[i] - (double)d->d[i]);
        sum += x * x;
    }
    return sum;
}

/* The updates of both clients in the latest kept round in which both took part. */
static bool met_before(const struct fg_gauge_update **a, const struct fg_gauge_update **b,
                       const struct fg_gauge *g, uint32_t first, uint32_t second)
{
    const struct fg_gauge_update *found[2] = {NULL, NULL};
    for (size_t k = g->n_kept; k-- > 0;) {
        const struct fg_gauge_update *u = &g->kept[k];
        int which = u->client == first ? 0 : u->client == second ? 1 : -1;
        if (which < 0) {
            continue;
        }
        found[which] = u;
        if (found[1 - which] != NULL && found[1 - which]->round == u->round) {
            *a = found[0];
            *b = found[1];
            return true;
        }
    }
    return false;
}

static void add(struct fg_gauge *g, enum fg_gauge_moment which, double share, double value)
{
    g->sum[which] += share * value;
    g->freedom[which] += share;
}

static void take_pair(struct fg_gauge *g, const struct fg_gauge_update *a, const struct fg_gauge_update *b,
                      double share)
{
    double along = inner(a, b), size = 0.5 * (inner(a, a) + inner(b, b)), apart = size - along;
    const struct fg_gauge_update *c, *d;
    if (a->client == b->client) { /* late and new: they differ by noise alone */
        add(g, FG_GAUGE_AGAIN, share, apart);
        return;
    }
    add(g, FG_GAUGE_SIZE, share, size);
    add(g, FG_GAUGE_ALONG, share, along);
    add(g, a->zone == b->zone ? FG_GAUGE_SAME : FG_GAUGE_OTHER, share, apart);
    if (met_before(&c, &d, g, a->client, b->client)) {
        add(g, FG_GAUGE_AGAIN, share, 0.25 * apart_again(a, b, c, d));
    }
}

/* What is common to this round and to the one before, of which `along` and `share` were added. */
static void take_round(struct fg_gauge *g, double along, double share)
{
    if (share > 0.0 && g->last_share > 0.0) {
        double both = 0.5 * (share + g->last_share);
        add(g, FG_GAUGE_FIRST, both, g->last_along);
        add(g, FG_GAUGE_NEXT, both, along / share);
    }
    g->last_along = share > 0.0 ? along / share : 0.0;
    g->last_share = share;
}

/* The last FG_GAUGE_KEPT updates. */
static void keep(struct fg_gauge *g)
{
    size_t room = FG_GAUGE_KEPT - g->n_kept, drop = g->n_open > room ? g->n_open - room : 0;
    memmove(g->kept, g->kept + drop, (g->n_kept - drop) * sizeof *g->kept);
    g->n_kept -= drop;
    memcpy(g->kept + g->n_kept, g->open, g->n_open * sizeof *g->kept);
    g->n_kept += g->n_open;
}

void fg_gauge_close(struct fg_gauge *g)
{
    double sum = g->sum[FG_GAUGE_ALONG], freedom = g->freedom[FG_GAUGE_ALONG];
    if (g->n_open == 0) {
        return;
    }
    for (size_t i = 0; i < g->n_open; i++) {
        for (size_t j = i + 1; j < g->n_open; j++) {
            take_pair(g, &g->open[i], &g->open[j], 2.0 / (double)g->n_open);
        }
    }
    take_round(g, g->sum[FG_GAUGE_ALONG] - sum, g->freedom[FG_GAUGE_ALONG] - freedom);
    keep(g);
    g->n_open = 0;
    g->round++;
}

/* ---- what they say ---- */

double fg_gauge_freedom(const struct fg_gauge *g)
{
    return g->freedom[FG_GAUGE_SIZE];
}

double fg_gauge_mean(const struct fg_gauge *g, enum fg_gauge_moment which)
{
    return g->freedom[which] > 0.0 ? g->sum[which] / g->freedom[which] : 0.0;
}

static double shrunk(const struct fg_gauge *g, enum fg_gauge_moment which, double prior)
{
    return (g->sum[which] + FG_GAUGE_PRIOR * prior) / (g->freedom[which] + FG_GAUGE_PRIOR);
}

struct fg_gauge_parts fg_gauge_parts(const struct fg_gauge *g)
{
    double size = fg_gauge_freedom(g) > 0.0 ? fg_gauge_mean(g, FG_GAUGE_SIZE) : 1.0;
    double common = shrunk(g, FG_GAUGE_ALONG, size / 4.0);
    double other = shrunk(g, FG_GAUGE_OTHER, size * 3.0 / 4.0);
    double same = shrunk(g, FG_GAUGE_SAME, other * 2.0 / 3.0);
    same = same < other ? same : other;
    double noise = shrunk(g, FG_GAUGE_AGAIN, same / 2.0);
    noise = noise < same ? noise : same;
    return (struct fg_gauge_parts){
        .common = common > 0.0 ? common : 0.0, .noise = noise, .client = same - noise, .zone = other - same};
}

double fg_gauge_gone(const struct fg_gauge *g, double prior)
{
    double first = g->sum[FG_GAUGE_FIRST], next = g->sum[FG_GAUGE_NEXT], n = g->freedom[FG_GAUGE_FIRST];
    if (!(first > 0.0)) {
        return prior;
    }
    double gone = next <= 0.0 ? 1.0 : next >= first ? 0.0 : 1.0 - sqrt(next / first);
    return (n * gone + FG_GAUGE_PRIOR * prior) / (n + FG_GAUGE_PRIOR);
}

/* ---- state ---- */

enum fg_status fg_gauge_save(const struct fg_gauge *g, struct fg_str *out)
{
    enum fg_status st;
    FG_TRY(fg_put_u32(out, g->round));
    FG_TRY(fg_put_f64s(out, g->sum, FG_GAUGE_MOMENTS));
    FG_TRY(fg_put_f64s(out, g->freedom, FG_GAUGE_MOMENTS));
    FG_TRY(fg_put_f64(out, g->last_along));
    FG_TRY(fg_put_f64(out, g->last_share));
    FG_TRY(fg_put_u32(out, (uint32_t)g->n_kept));
    for (size_t i = 0; i < g->n_kept; i++) {
        FG_TRY(fg_put_u32(out, g->kept[i].round));
        FG_TRY(fg_put_u32(out, g->kept[i].client));
        FG_TRY(fg_put_u32(out, g->kept[i].zone));
        FG_TRY(fg_put_f32s(out, g->kept[i].d, FG_GAUGE_WIDTH));
    }
cleanup:
    return st;
}

void fg_gauge_load(struct fg_gauge *g, struct fg_reader *in)
{
    g->round = fg_get_u32(in);
    fg_get_f64s(in, g->sum, FG_GAUGE_MOMENTS);
    fg_get_f64s(in, g->freedom, FG_GAUGE_MOMENTS);
    g->last_along = fg_get_f64(in);
    g->last_share = fg_get_f64(in);
    g->n_kept = fg_get_u32(in);
    if (g->n_kept > (g->kept != NULL ? FG_GAUGE_KEPT : 0)) {
        in->bad = true;
        g->n_kept = 0;
    }
    for (size_t i = 0; i < g->n_kept; i++) {
        g->kept[i].round = fg_get_u32(in);
        g->kept[i].client = fg_get_u32(in);
        g->kept[i].zone = fg_get_u32(in);
        fg_get_f32s(in, g->kept[i].d, FG_GAUGE_WIDTH);
    }
}

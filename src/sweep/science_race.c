/* Who gets further seeds: a race in every cell that is not settled, of ours and of those that may be its best
 * other. */
#include <math.h>

#include "src/sweep/science_internal.h"

static size_t cell_of(const struct fg_science *s, const size_t *level)
{
    size_t cell = 0;
    for (size_t a = 0; a < FG_SCI_POLICY; a++) {
        cell = cell * s->sweep.axis[a].n + level[a];
    }
    return cell;
}

unsigned *fg_science_seeds_of(const struct fg_science *s, const size_t *level, size_t policy)
{
    return &s->seeds[cell_of(s, level) * s->sweep.axis[FG_SCI_POLICY].n + policy];
}

/* Whether a ranked policy may still be the cell's best other: at one-sided 95% it is not below the one that
 * is now. */
static bool may_be_best(const struct fg_science_table *t, size_t cell, size_t best, size_t policy)
{
    const struct fg_mean *d =
        &t->verdict.pair[(cell * t->verdict.levels + best) * t->verdict.levels + policy];
    return d->n > 1 && d->mean <= fg_t_quantile(0.95, (double)(d->n - 1)) * d->sd / sqrt((double)d->n);
}

/* Those still in the race for a cell, ours and who may be its best other, get `seeds`; true when one had
 * fewer. */
static bool race(struct fg_science *s, const struct fg_science_table *t, size_t cell, unsigned seeds)
{
    const struct fg_science_cell *c = &t->cell[cell];
    bool fewer = false;
    size_t best = 0;
    while (t->policy[best] != c->best) {
        best++;
    }
    for (size_t p = 0; p < t->n_policies; p++) {
        unsigned *have = fg_science_seeds_of(s, c->level, t->policy[p]);
        if (*have < seeds && (p == t->ours || may_be_best(t, cell, best, p))) {
            *have = seeds;
            fewer = true;
        }
    }
    return fewer;
}

/* Settled: "not worse by the margin" (Holm) or "worse by it" (one-sided 95%). */
static bool settled(const struct fg_science *s, const struct fg_science_cell *c)
{
    double high = 2.0 * c->pair.mean - c->low;
    return c->sure || high < -fg_science_margin(s, c->level[FG_SCI_WORK]);
}

static enum fg_status race_of(struct fg_science *s, bool moving, bool *more, unsigned *most)
{
    struct fg_science_table t = {0};
    size_t ours = s->ours[moving];
    enum fg_status st = fg_science_judge(&t, s, moving);
    for (size_t i = 0; st == FG_OK && i < t.n; i++) {
        const struct fg_science_cell *c = &t.cell[i];
        const unsigned *have = fg_science_seeds_of(s, c->level, ours);
        unsigned next = *have + s->size->step < s->size->most ? *have + s->size->step : s->size->most;
        if (c->best != ours && !settled(s, c) && (race(s, &t, i, *have) || race(s, &t, i, next))) {
            *more = true;
            *most = *have > *most ? *have : *most;
        }
    }
    fg_science_table_fini(&t);
    return st;
}

enum fg_status fg_science_race(struct fg_science *s, bool *more, unsigned *most)
{
    *more = false;
    enum fg_status st = race_of(s, false, more, most);
    return st == FG_OK ? race_of(s, true, more, most) : st;
}

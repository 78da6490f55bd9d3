/* What the study says, for people and as JSON. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/sweep/science_internal.h"

/* ---- for people ---- */

struct rates {
    char text[64];
};

/* The rate of each workload, "/" between them. */
static struct rates rates_of(const struct fg_science *s, size_t policy)
{
    struct rates r = {""};
    size_t at = 0, policies = s->sweep.axis[FG_SCI_POLICY].n;
    for (size_t w = 0; w < s->sweep.axis[FG_SCI_WORK].n && at < sizeof r.text; w++) {
        at += (size_t)snprintf(r.text + at, sizeof r.text - at, "%s%s", w > 0 ? " / " : "",
                               s->size->rate[s->rate[w * policies + policy]]);
    }
    return r;
}

/* Over all cells and the first seeds, those that all policies have: a policy's runs, and ours beside them. */
struct against {
    struct fg_mean pair;  /* accuracy, ours less this one */
    size_t crossed, runs; /* that reached the target */
    double half_by; /* by which half of all had, as a share of the unrestricted run's; INFINITY: never */
    double carbon;  /* mean share of the unrestricted run's */
    double joule;   /* mean Wh */
};

static const struct fg_science_row *beside(const struct fg_science *s, const struct fg_science_row *r,
                                           size_t policy)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        if (s->row[i].seed == r->seed && s->row[i].level[FG_SCI_POLICY] == policy &&
            fg_science_same_cell(s->row[i].level, r->level)) {
            return &s->row[i];
        }
    }
    return NULL;
}

static double full_of(const double *table, const struct fg_science *s, const struct fg_science_row *r)
{
    return table[fg_science_field_of(s, r->level) * s->size->most + r->seed - 1];
}

/* The least value up to which at least half are; those that never came to it are INFINITY, not left out. */
static double half_by(double *x, size_t n)
{
    fg_sort_f64(x, n);
    return n > 0 ? x[(n - 1) / 2] : INFINITY;
}

static enum fg_status hold_against(struct against *out, const struct fg_science *s, size_t policy,
                                   size_t ours)
{
    double *difference = fg_calloc(2 * s->n_rows, sizeof *difference);
    size_t n = 0;
    *out = (struct against){0};
    if (difference == NULL) {
        return FG_E_NOMEM;
    }
    double *reached = difference + s->n_rows;
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct fg_science_row *r = &s->row[i], *own = beside(s, r, ours);
        if (r->level[FG_SCI_POLICY] != policy || r->seed > s->size->seeds) {
            continue;
        }
        bool crossed = isfinite(r->target_g);
        reached[out->runs++] = crossed ? r->target_g / full_of(s->full_g, s, r) : INFINITY;
        out->crossed += crossed;
        out->carbon += r->carbon_g / full_of(s->full_g, s, r);
        out->joule += r->wh;
        if (own != NULL && isfinite(own->accuracy) && isfinite(r->accuracy)) {
            difference[n++] = own->accuracy - r->accuracy;
        }
    }
    out->pair = fg_mean_of(difference, n);
    out->half_by = half_by(reached, out->runs);
    out->carbon /= (double)(out->runs > 0 ? out->runs : 1);
    out->joule /= (double)(out->runs > 0 ? out->runs : 1);
    fg_free(difference);
    return FG_OK;
}

static enum fg_status print_policies(const struct fg_science *s, const struct fg_science_table *t)
{
    const struct fg_sweep_axis *a = &s->sweep.axis[FG_SCI_POLICY];
    size_t ours = s->ours[t->moving], place = 0;
    enum fg_status st = FG_OK;
    (void)printf("| policy | rank | %s less it, points | lr | reached target | half of all runs by, %% | "
                 "carbon, %% of unrestricted | Wh |\n|---|---|---|---|---|---|---|---|\n",
                 a->level[ours].label);
    for (size_t p = 0; st == FG_OK && p < a->n; p++) {
        struct against x;
        char rank[16] = "", pair[48] = "", half[16] = "-";
        if (fg_science_moves(s, p) != t->moving) {
            continue;
        }
        if (p < s->ranked) {
            (void)snprintf(rank, sizeof rank, "%.2f", t->verdict.rank[place++]);
        }
        st = hold_against(&x, s, p, ours);
        if (st != FG_OK || x.runs == 0) {
            continue;
        }
        if (p != ours) {
            (void)snprintf(pair, sizeof pair, "%+.2f +- %.2f", 100.0 * x.pair.mean, 100.0 * x.pair.half);
        }
        if (isfinite(x.half_by)) {
            (void)snprintf(half, sizeof half, "%.1f", 100.0 * x.half_by);
        }
        (void)printf("| %s | %s | %s | %s | %zu of %zu | %s | %.1f | %.1f |\n", a->level[p].label, rank, pair,
                     rates_of(s, p).text, x.crossed, x.runs, half, 100.0 * x.carbon, x.joule);
    }
    return st;
}

/* Our accuracy less that of the unrestricted run. */
static enum fg_status unrestricted(struct fg_mean *out, const struct fg_science *s, size_t ours,
                                   const struct fg_science_cell *c)
{
    double *difference = fg_calloc(s->n_rows, sizeof *difference);
    size_t n = 0;
    if (difference == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct fg_science_row *r = &s->row[i];
        if (r->level[FG_SCI_POLICY] == ours && fg_science_same_cell(r->level, c->level) &&
            isfinite(r->accuracy)) {
            difference[n++] = r->accuracy - full_of(s->full, s, r);
        }
    }
    *out = fg_mean_of(difference, n);
    fg_free(difference);
    return FG_OK;
}

static enum fg_status print_cells(const struct fg_science *s, const struct fg_science_table *t)
{
    enum fg_status st = FG_OK;
    const char *name_ours = s->sweep.axis[FG_SCI_POLICY].level[s->ours[t->moving]].label;
    (void)printf(
        "| workload, trace, coupling, budget %%, deadline | seeds | %s | best other | less it, points | "
        "one-sided 95%% | p | not worse (Holm) | less unrestricted |\n"
        "|---|---|---|---|---|---|---|---|---|\n",
        name_ours);
    for (size_t i = 0; st == FG_OK && i < t->n; i++) {
        const struct fg_science_cell *c = &t->cell[i];
        struct fg_str name = {0};
        struct fg_mean full;
        st = fg_science_cell_name(&name, s, c->level);
        st = st == FG_OK ? unrestricted(&full, s, s->ours[t->moving], c) : st;
        if (st == FG_OK) {
            (void)printf("| %s | %zu | %.2f +- %.2f | %s %.2f +- %.2f | %+.2f +- %.2f | > %+.2f | %.3f | %s "
                         "| %+.2f +- %.2f |\n",
                         name.data, c->pair.n, 100.0 * c->ours.mean, 100.0 * c->ours.half,
                         s->sweep.axis[FG_SCI_POLICY].level[c->best].label, 100.0 * c->other.mean,
                         100.0 * c->other.half, 100.0 * c->pair.mean, 100.0 * c->pair.half, 100.0 * c->low,
                         c->p, c->sure ? "yes" : "no", 100.0 * full.mean, 100.0 * full.half);
        }
        fg_str_fini(&name);
    }
    return st;
}

static enum fg_status print_kind(const struct fg_science *s, const struct fg_science_table *t)
{
    const struct fg_friedman *f = &t->verdict.friedman;
    const char *ours = s->sweep.axis[FG_SCI_POLICY].level[s->ours[t->moving]].label;
    size_t sure = 0;
    for (size_t i = 0; i < t->n; i++) {
        sure += t->cell[i].sure;
    }
    (void)printf(
        "%s data: %s is not worse than the best other policy, by Holm at 5%%, in %zu of %zu cell%s.\n",
        t->moving ? "\nMovable" : "Fixed", ours, sure, t->n, t->n == 1 ? "" : "s");
    if (t->n == 0) {
        return FG_OK;
    }
    (void)printf("Ranks over %zu cell%s: ", t->verdict.blocks, t->verdict.blocks == 1 ? "" : "s");
    if (isfinite(f->p)) {
        (void)printf(
            "Friedman chi2 %.3g, p = %.3g; ranks further apart than %.2f differ at 5%% (Nemenyi).\n\n",
            f->chi2, f->p, f->critical);
    } else if (isfinite(f->critical)) { /* no F is as large */
        (void)printf("Friedman chi2 %.3g, all cells agree; ranks further apart than %.2f differ at 5%% "
                     "(Nemenyi).\n\n",
                     f->chi2, f->critical);
    } else {
        (void)printf("too few for a test of their differences.\n\n");
    }
    enum fg_status st = print_policies(s, t);
    (void)putchar('\n');
    return st == FG_OK ? print_cells(s, t) : st;
}

enum fg_status fg_science_print(const struct fg_science *s, const struct fg_science_table t[2])
{
    (void)printf("Study %.16s (%s): %zu cell%s, %zu runs.\n\n", s->hash, s->size->name, t[0].n,
                 t[0].n == 1 ? "" : "s", s->n_rows);
    enum fg_status st = print_kind(s, &t[0]);
    return st == FG_OK ? print_kind(s, &t[1]) : st;
}

/* ---- JSON ---- */

static json_t *real(double x)
{
    return isfinite(x) ? json_real(x) : json_null();
}

static json_t *json_cell(const struct fg_science *s, const struct fg_science_cell *c)
{
    json_t *o = json_object();
    for (size_t a = 0; a < FG_SCI_POLICY; a++) {
        (void)json_object_set_new(o, s->sweep.axis[a].name, json_string(fg_science_label(s, a, c->level)));
    }
    (void)json_object_set_new(o, "best_other",
                              json_string(s->sweep.axis[FG_SCI_POLICY].level[c->best].label));
    (void)json_object_set_new(o, "n", json_integer((json_int_t)c->pair.n));
    (void)json_object_set_new(o, "forage", real(c->ours.mean));
    (void)json_object_set_new(o, "other", real(c->other.mean));
    (void)json_object_set_new(o, "difference", real(c->pair.mean));
    (void)json_object_set_new(o, "half", real(c->pair.half));
    (void)json_object_set_new(o, "low", real(c->low));
    (void)json_object_set_new(o, "p", real(c->p));
    (void)json_object_set_new(o, "not_worse", json_boolean(c->sure));
    return o;
}

static json_t *json_kind(const struct fg_science *s, const struct fg_science_table *t)
{
    json_t *cells = json_array(), *ranks = json_object();
    for (size_t i = 0; i < t->n; i++) {
        (void)json_array_append_new(cells, json_cell(s, &t->cell[i]));
    }
    for (size_t p = 0; t->n > 0 && p < t->n_policies; p++) {
        (void)json_object_set_new(ranks, s->sweep.axis[FG_SCI_POLICY].level[t->policy[p]].label,
                                  real(t->verdict.rank[p]));
    }
    return json_pack("{s:o,s:o,s:o}", "cells", cells, "ranks", ranks, "critical_difference",
                     t->n > 0 ? real(t->verdict.friedman.critical) : json_null());
}

json_t *fg_science_json(const struct fg_science *s, const struct fg_science_table t[2])
{
    json_t *o = json_kind(s, &t[0]);
    (void)json_object_set_new(o, "study", json_string(s->hash));
    (void)json_object_set_new(o, "size", json_string(s->size->name));
    (void)json_object_set_new(o, "runs", json_integer((json_int_t)s->n_rows));
    (void)json_object_set_new(o, "folder", json_string(s->folder));
    (void)json_object_set_new(o, "movable", json_kind(s, &t[1]));
    return o;
}

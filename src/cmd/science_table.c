/* What the rows of the study say: cells, ranks, and the table for people. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/cmd/science.h"

double fg_science_margin(const struct fg_science *s, size_t workload)
{
    return strcmp(s->sweep.axis[FG_SCI_WORK].level[workload].label, "mnist") == 0 ? 0.002 : 0.005;
}

/* ---- cells ---- */

static bool same_cell(const size_t *a, const size_t *b)
{
    return memcmp(a, b, FG_SCI_POLICY * sizeof *a) == 0;
}

static enum fg_status find_cells(struct fg_science_table *t, const struct fg_science *s)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t k = 0;
        while (k < t->n && !same_cell(t->cell[k].level, s->row[i].level)) {
            k++;
        }
        if (k == t->n) {
            enum fg_status st = FG_GROW(t->cell, t->n, t->cap);
            if (st != FG_OK) {
                return st;
            }
            t->cell[t->n] = (struct fg_science_cell){.level = {0}};
            memcpy(t->cell[t->n++].level, s->row[i].level, sizeof s->row[i].level);
        }
    }
    return FG_OK;
}

static enum fg_status add_cell_name(struct fg_str *out, const struct fg_science *s, const size_t *level)
{
    enum fg_status st = FG_OK;
    for (size_t a = 0; st == FG_OK && a < FG_SCI_POLICY; a++) {
        st = fg_str_addf(out, "%s%s", a > 0 ? "." : "", fg_science_label(s, a, level));
    }
    return st;
}

/* A sweep of two axes, cells and ranked policies, that the sweep's statistics are made from. */
static enum fg_status flatten(struct fg_science_table *t, const struct fg_science *s)
{
    struct fg_str text = {0};
    struct fg_err err;
    enum fg_status st;
    FG_TRY(fg_str_addf(&text,
                       "[sweep]\nbase = x\nseeds = 1-%u\nmetric = accuracy\ncompare = policy\n[axis cell]\n",
                       s->size->most));
    for (size_t i = 0; i < t->n; i++) {
        FG_TRY(add_cell_name(&text, s, t->cell[i].level));
        FG_TRY(fg_str_addf(&text, " =\n"));
    }
    FG_TRY(fg_str_addf(&text, "[axis policy]\n"));
    for (size_t p = 0; p < s->ranked; p++) {
        FG_TRY(fg_str_addf(&text, "%s =\n", s->sweep.axis[FG_SCI_POLICY].level[p].label));
    }
    FG_TRY(fg_sweep_parse(&t->flat, "the table", text.data, text.len, &err));
    FG_TRY(fg_sweep_verdict_init(&t->verdict, &t->flat));
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t level[FG_SWEEP_AXES] = {0, s->row[i].level[FG_SCI_POLICY]};
        while (!same_cell(t->cell[level[0]].level, s->row[i].level)) {
            level[0]++;
        }
        if (level[1] < s->ranked) {
            fg_sweep_put(&t->verdict, &t->flat, level, s->row[i].seed, s->row[i].accuracy);
        }
    }
    st = fg_sweep_conclude(&t->verdict, &t->flat);
cleanup:
    fg_str_fini(&text);
    return st;
}

/* ---- where we stand ---- */

static void stand(struct fg_science_cell *c, const struct fg_science *s, const struct fg_sweep_verdict *v,
                  size_t cell)
{
    const struct fg_mean *mean = v->mean + cell * v->levels;
    double margin = fg_science_margin(s, c->level[FG_SCI_WORK]);
    c->best = s->ours;
    for (size_t p = 0; p < v->levels; p++) {
        if (p != s->ours && mean[p].n > 0 && (c->best == s->ours || mean[p].mean > mean[c->best].mean)) {
            c->best = p;
        }
    }
    c->ours = mean[s->ours];
    c->other = mean[c->best];
    c->pair = v->pair[(cell * v->levels + s->ours) * v->levels + c->best];
    c->low = -INFINITY;
    c->p = 1.0;
    if (c->pair.n > 1) {
        double df = (double)(c->pair.n - 1), se = c->pair.sd / sqrt((double)c->pair.n);
        c->low = c->pair.mean - fg_t_quantile(0.95, df) * se;
        c->p = se > 0.0                 ? 1.0 - fg_t_cdf((c->pair.mean + margin) / se, df)
               : c->pair.mean > -margin ? 0.0
                                        : 1.0;
    }
}

/* Holm: the k-th smallest p against 0.05 / (cells - k). */
static enum fg_status holm(struct fg_science_table *t)
{
    double *p = fg_calloc(t->n, sizeof *p), limit = -1.0;
    if (p == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < t->n; i++) {
        p[i] = t->cell[i].p;
    }
    fg_sort_f64(p, t->n);
    for (size_t k = 0; k < t->n && p[k] <= 0.05 / (double)(t->n - k); k++) {
        limit = p[k];
    }
    for (size_t i = 0; i < t->n; i++) {
        t->cell[i].sure = t->cell[i].p <= limit;
    }
    fg_free(p);
    return FG_OK;
}

enum fg_status fg_science_judge(struct fg_science_table *out, const struct fg_science *s)
{
    struct fg_science_table t = {0};
    enum fg_status st;
    FG_TRY(find_cells(&t, s));
    FG_TRY(t.n > 0 ? flatten(&t, s) : FG_OK);
    for (size_t i = 0; i < t.n; i++) {
        stand(&t.cell[i], s, &t.verdict, i);
    }
    FG_TRY(holm(&t));
    *out = t;
    return FG_OK;
cleanup:
    fg_science_table_fini(&t);
    return st;
}

void fg_science_table_fini(struct fg_science_table *t)
{
    fg_sweep_verdict_fini(&t->verdict);
    fg_sweep_fini(&t->flat);
    fg_free(t->cell);
    *t = (struct fg_science_table){0};
}

/* ---- for people ---- */

/* Over all cells and seeds that both have: the mean of (x of this policy) less (y of ours, or of the
 * unrestricted run). */
struct against {
    struct fg_mean pair;  /* accuracy, ours less this one */
    size_t crossed, runs; /* that reached the target */
    double carbon;        /* mean share of the unrestricted run's */
    double joule;         /* mean Wh */
};

static const struct fg_science_row *beside(const struct fg_science *s, const struct fg_science_row *r,
                                           size_t policy)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        if (s->row[i].seed == r->seed && s->row[i].level[FG_SCI_POLICY] == policy &&
            same_cell(s->row[i].level, r->level)) {
            return &s->row[i];
        }
    }
    return NULL;
}

static double full_of(const double *table, const struct fg_science *s, const struct fg_science_row *r)
{
    return table[fg_science_field_of(s, r->level) * s->size->most + r->seed - 1];
}

static enum fg_status hold_against(struct against *out, const struct fg_science *s, size_t policy)
{
    double *difference = fg_calloc(s->n_rows, sizeof *difference);
    size_t n = 0;
    *out = (struct against){0};
    if (difference == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct fg_science_row *r = &s->row[i], *own = beside(s, r, s->ours);
        if (r->level[FG_SCI_POLICY] != policy) {
            continue;
        }
        out->runs++;
        out->crossed += isfinite(r->target_g) ? 1 : 0;
        out->carbon += r->carbon_g / full_of(s->full_g, s, r);
        out->joule += r->wh;
        if (own != NULL && isfinite(own->accuracy) && isfinite(r->accuracy)) {
            difference[n++] = own->accuracy - r->accuracy;
        }
    }
    out->pair = fg_mean_of(difference, n);
    out->carbon /= (double)(out->runs > 0 ? out->runs : 1);
    out->joule /= (double)(out->runs > 0 ? out->runs : 1);
    fg_free(difference);
    return FG_OK;
}

static enum fg_status print_policies(const struct fg_science *s, const struct fg_science_table *t)
{
    const struct fg_sweep_axis *a = &s->sweep.axis[FG_SCI_POLICY];
    enum fg_status st = FG_OK;
    (void)printf(
        "| policy | rank | forage less it, points | lr | reached target | carbon, %% of unrestricted | Wh |\n"
        "|---|---|---|---|---|---|---|\n");
    for (size_t p = 0; st == FG_OK && p < a->n; p++) {
        struct against x;
        st = hold_against(&x, s, p);
        if (st != FG_OK || x.runs == 0) {
            continue;
        }
        char rank[16] = "", pair[48] = "";
        if (p < s->ranked) {
            (void)snprintf(rank, sizeof rank, "%.2f", t->verdict.rank[p]);
        }
        if (p != s->ours) {
            (void)snprintf(pair, sizeof pair, "%+.2f +- %.2f", 100.0 * x.pair.mean, 100.0 * x.pair.half);
        }
        (void)printf("| %s | %s | %s | %s | %zu of %zu | %.1f | %.1f |\n", a->level[p].label, rank, pair,
                     s->size->rate[s->rate[p]], x.crossed, x.runs, 100.0 * x.carbon, x.joule);
    }
    return st;
}

/* Our accuracy less that of the unrestricted run. */
static enum fg_status unrestricted(struct fg_mean *out, const struct fg_science *s,
                                   const struct fg_science_cell *c)
{
    double *difference = fg_calloc(s->n_rows, sizeof *difference);
    size_t n = 0;
    if (difference == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < s->n_rows; i++) {
        const struct fg_science_row *r = &s->row[i];
        if (r->level[FG_SCI_POLICY] == s->ours && same_cell(r->level, c->level) && isfinite(r->accuracy)) {
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
    (void)printf("| workload, trace, coupling, budget %%, deadline | seeds | forage | best other | forage "
                 "less it, points | "
                 "one-sided 95%% | p | not worse (Holm) | forage less unrestricted "
                 "|\n|---|---|---|---|---|---|---|---|---|\n");
    for (size_t i = 0; st == FG_OK && i < t->n; i++) {
        const struct fg_science_cell *c = &t->cell[i];
        struct fg_str name = {0};
        struct fg_mean full;
        st = add_cell_name(&name, s, c->level);
        st = st == FG_OK ? unrestricted(&full, s, c) : st;
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

enum fg_status fg_science_print(const struct fg_science *s, const struct fg_science_table *t)
{
    const struct fg_friedman *f = &t->verdict.friedman;
    size_t sure = 0;
    for (size_t i = 0; i < t->n; i++) {
        sure += t->cell[i].sure;
    }
    (void)printf("Study %.16s (%s): %zu cells, %zu runs. forage is not worse than the best other policy, by "
                 "Holm at 5%%, in %zu "
                 "of %zu cells.\n",
                 s->hash, s->size->name, t->n, s->n_rows, sure, t->n);
    if (t->n == 0) {
        return FG_OK;
    }
    (void)printf("Ranks over %zu cells: Friedman chi2 %.3g, p = %.3g; ranks further apart than %.2f differ "
                 "at 5%% (Nemenyi).\n\n",
                 t->verdict.blocks, f->chi2, f->p, f->critical);
    enum fg_status st = print_policies(s, t);
    (void)putchar('\n');
    return st == FG_OK ? print_cells(s, t) : st;
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

json_t *fg_science_json(const struct fg_science *s, const struct fg_science_table *t)
{
    json_t *cells = json_array(), *ranks = json_object();
    for (size_t i = 0; i < t->n; i++) {
        (void)json_array_append_new(cells, json_cell(s, &t->cell[i]));
    }
    for (size_t p = 0; t->n > 0 && p < s->ranked; p++) {
        (void)json_object_set_new(ranks, s->sweep.axis[FG_SCI_POLICY].level[p].label,
                                  real(t->verdict.rank[p]));
    }
    return json_pack("{s:s,s:s,s:I,s:o,s:o,s:o,s:s}", "study", s->hash, "size", s->size->name, "runs",
                     (json_int_t)s->n_rows, "cells", cells, "ranks", ranks, "critical_difference",
                     t->n > 0 ? real(t->verdict.friedman.critical) : json_null(), "folder", s->folder);
}

/* What the rows of the study say: cells and ranks. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/sweep/science_internal.h"

double fg_science_margin(const struct fg_science *s, size_t workload)
{
    return strcmp(s->sweep.axis[FG_SCI_WORK].level[workload].label, "mnist") == 0 ? 0.002 : 0.005;
}

/* ---- cells ---- */

bool fg_science_moves(const struct fg_science *s, size_t policy)
{
    const struct fg_sweep_sets *set = &s->sweep.axis[FG_SCI_POLICY].level[policy].set;
    for (size_t i = 0; i < set->n; i++) {
        if (strcmp(set->item[i], "data.placement=movable") == 0) {
            return true;
        }
    }
    return false;
}

static enum fg_status find_policies(struct fg_science_table *t, const struct fg_science *s)
{
    t->policy = fg_calloc(s->ranked, sizeof *t->policy);
    if (t->policy == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t p = 0; p < s->ranked; p++) {
        if (fg_science_moves(s, p) == t->moving) {
            t->ours = p == s->ours[t->moving] ? t->n_policies : t->ours;
            t->policy[t->n_policies++] = p;
        }
    }
    return FG_OK;
}

bool fg_science_same_cell(const size_t *a, const size_t *b)
{
    return memcmp(a, b, FG_SCI_POLICY * sizeof *a) == 0;
}

static enum fg_status find_cells(struct fg_science_table *t, const struct fg_science *s)
{
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t k = 0;
        if (fg_science_moves(s, s->row[i].level[FG_SCI_POLICY]) != t->moving) {
            continue;
        }
        while (k < t->n && !fg_science_same_cell(t->cell[k].level, s->row[i].level)) {
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

enum fg_status fg_science_cell_name(struct fg_str *out, const struct fg_science *s, const size_t *level)
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
        FG_TRY(fg_science_cell_name(&text, s, t->cell[i].level));
        FG_TRY(fg_str_addf(&text, " =\n"));
    }
    FG_TRY(fg_str_addf(&text, "[axis policy]\n"));
    for (size_t p = 0; p < t->n_policies; p++) {
        FG_TRY(fg_str_addf(&text, "%s =\n", s->sweep.axis[FG_SCI_POLICY].level[t->policy[p]].label));
    }
    FG_TRY(fg_sweep_parse(&t->flat, "the table", text.data, text.len, &err));
    FG_TRY(fg_sweep_verdict_init(&t->verdict, &t->flat));
    for (size_t i = 0; i < s->n_rows; i++) {
        size_t level[FG_SWEEP_AXES] = {0};
        while (level[1] < t->n_policies && t->policy[level[1]] != s->row[i].level[FG_SCI_POLICY]) {
            level[1]++;
        }
        if (level[1] < t->n_policies) {
            while (!fg_science_same_cell(t->cell[level[0]].level, s->row[i].level)) {
                level[0]++;
            }
            fg_sweep_put(&t->verdict, &t->flat, level, s->row[i].seed, s->row[i].accuracy);
        }
    }
    st = fg_sweep_conclude(&t->verdict, &t->flat);
cleanup:
    fg_str_fini(&text);
    return st;
}

/* ---- where we stand ---- */

static void stand(struct fg_science_cell *c, const struct fg_science *s, const struct fg_science_table *t,
                  size_t cell)
{
    const struct fg_sweep_verdict *v = &t->verdict;
    const struct fg_mean *mean = v->mean + cell * v->levels,
                         *less = v->pair + (cell * v->levels + t->ours) * v->levels;
    double margin = fg_science_margin(s, c->level[FG_SCI_WORK]);
    size_t best = t->ours;
    for (size_t p = 0; p < v->levels; p++) {
        if (p != t->ours && less[p].n > 0 && (best == t->ours || less[p].mean < less[best].mean)) {
            best = p;
        }
    }
    c->best = t->policy[best];
    c->ours = mean[t->ours];
    c->other = mean[best];
    c->pair = less[best];
    c->low = -INFINITY;
    c->p = 1.0;
    if (c->pair.n > 1 && best != t->ours) {
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

enum fg_status fg_science_judge(struct fg_science_table *out, const struct fg_science *s, bool moving)
{
    struct fg_science_table t = {.moving = moving};
    enum fg_status st;
    FG_TRY(find_policies(&t, s));
    FG_TRY(find_cells(&t, s));
    FG_TRY(t.n > 0 ? flatten(&t, s) : FG_OK);
    for (size_t i = 0; i < t.n; i++) {
        stand(&t.cell[i], s, &t, i);
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
    fg_free(t->policy);
    fg_free(t->cell);
    *t = (struct fg_science_table){0};
}

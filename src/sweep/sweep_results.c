/* What the runs of a sweep say: the table of all, means, pairs and ranks. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/store/columns.h"
#include "src/store/summary.h"
#include "src/sweep/sweep.h"

#define LAST3 "accuracy_last3"
#define TO_TARGET "uplink_bytes_to_target"

/* ---- one run ---- */

/* What a run's rounds say beside its summary; NAN where there is none. */
struct of_rounds {
    double last3;     /* mean of the last three evaluations: one alone is noisy, the best would flatter */
    double to_target; /* bytes that clients sent up to the round at which the target was reached */
};

static double mean_of_last3(const struct fg_round_record *row, size_t n)
{
    size_t found = 0;
    double sum = 0.0;
    while (n > 0 && found < 3) {
        n--;
        if (row[n].evaluation.have) {
            sum += row[n].evaluation.accuracy;
            found++;
        }
    }
    return found > 0 ? sum / (double)found : NAN;
}

/* `rounds` is rounds_to_target of the summary. */
static enum fg_status read_rounds(struct of_rounds *out, const char *folder, const json_t *rounds,
                                  struct fg_err *err)
{
    struct fg_str path = {0}, text = {0};
    struct fg_round_record *row = NULL;
    size_t n = 0;
    enum fg_status st = fg_str_addf(&path, "%s/rounds.csv", folder);
    FG_TRY(st);
    FG_TRY(fg_file_read(&text, path.data, SIZE_MAX / 4, err));
    FG_TRY(fg_rounds_read(&row, &n, text.data, text.len, err));
    *out = (struct of_rounds){.last3 = mean_of_last3(row, n), .to_target = NAN};
    for (size_t i = 0; json_is_integer(rounds) && i < n && row[i].round < json_integer_value(rounds); i++) {
        out->to_target = (i > 0 ? out->to_target : 0.0) + (double)row[i].uplink_bytes;
    }
cleanup:
    fg_str_fini(&path);
    fg_str_fini(&text);
    fg_free(row);
    return st;
}

/* The summary of a finished run with LAST3 and TO_TARGET in it. */
static enum fg_status load(json_t **out, const char *folder, struct fg_err *err)
{
    struct fg_str path = {0};
    struct of_rounds of;
    json_t *summary = NULL;
    enum fg_status st = fg_str_addf(&path, "%s/summary.json", folder);
    st = st == FG_OK ? fg_summary_load(&summary, path.data, err) : st;
    fg_str_fini(&path);
    st = st == FG_OK ? read_rounds(&of, folder, json_object_get(summary, "rounds_to_target"), err) : st;
    if (st == FG_OK) {
        (void)json_object_set_new(summary, LAST3, isfinite(of.last3) ? json_real(of.last3) : json_null());
        (void)json_object_set_new(summary, TO_TARGET,
                                  isfinite(of.to_target) ? json_real(of.to_target) : json_null());
        *out = summary;
        summary = NULL;
    }
    json_decref(summary);
    return st;
}

/* ---- the table ---- */

static bool is_column(const char *key, const json_t *v)
{
    return strcmp(key, "seed") != 0 && (json_is_number(v) || json_is_null(v));
}

static enum fg_status csv_row(struct fg_str *out, const struct fg_sweep *s, const struct fg_sweep_job *job,
                              const json_t *summary, json_t *columns)
{
    json_t *ignored;
    const char *key;
    enum fg_status st = FG_OK;
    for (size_t a = 0; a < s->n_axes; a++) {
        FG_TRY(fg_str_addf(out, "%s,", s->axis[a].level[job->level[a]].label));
    }
    FG_TRY(fg_str_addf(out, "%llu", (unsigned long long)job->seed));
    json_object_foreach(columns, key, ignored)
    {
        const json_t *v = json_object_get(summary, key);
        FG_TRY(fg_str_addf(out, ","));
        FG_TRY(json_is_number(v) ? fg_str_add_f64(out, json_number_value(v)) : FG_OK);
    }
    FG_TRY(fg_str_addf(out, "\n"));
cleanup:
    return st;
}

static enum fg_status csv_head(struct fg_str *out, const struct fg_sweep *s, json_t *columns)
{
    json_t *ignored;
    const char *key;
    enum fg_status st = FG_OK;
    for (size_t a = 0; a < s->n_axes; a++) {
        FG_TRY(fg_str_addf(out, "%s,", s->axis[a].name));
    }
    FG_TRY(fg_str_addf(out, "seed"));
    json_object_foreach(columns, key, ignored)
    {
        FG_TRY(fg_str_addf(out, ",%s", key));
    }
    FG_TRY(fg_str_addf(out, "\n"));
cleanup:
    return st;
}

enum fg_status fg_sweep_csv(struct fg_str *out, const struct fg_sweep *s, const struct fg_sweep_jobs *jobs,
                            struct fg_err *err)
{
    json_t *columns = NULL, *summary = NULL, *v;
    const char *key;
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < jobs->n; i++) {
        if (!jobs->job[i].finished) {
            continue;
        }
        FG_TRY(load(&summary, jobs->job[i].folder, err));
        if (columns == NULL) {
            columns = json_object();
            json_object_foreach(summary, key, v)
            {
                (void)(is_column(key, v) && json_object_set_new(columns, key, json_true()));
            }
            FG_TRY(csv_head(out, s, columns));
        }
        FG_TRY(csv_row(out, s, &jobs->job[i], summary, columns));
        json_decref(summary);
        summary = NULL;
    }
cleanup:
    json_decref(summary);
    json_decref(columns);
    return st;
}

/* ---- the verdict ---- */

size_t fg_sweep_level_of(const struct fg_sweep *s, size_t compare, size_t cell, size_t axis)
{
    size_t level = 0;
    for (size_t a = s->n_axes; a-- > 0;) {
        if (a != compare) {
            level = cell % s->axis[a].n;
            cell /= s->axis[a].n;
            if (a == axis) {
                return level;
            }
        }
    }
    return level;
}

enum fg_status fg_sweep_cell_name(struct fg_str *out, const struct fg_sweep *s, size_t compare, size_t cell)
{
    bool first = true;
    enum fg_status st = fg_str_add(out, "", 0);
    for (size_t a = 0; st == FG_OK && a < s->n_axes; a++) {
        if (a != compare) {
            const struct fg_sweep_axis *x = &s->axis[a];
            st = fg_str_addf(out, "%s%s=%s", first ? "" : " ", x->name,
                             x->level[fg_sweep_level_of(s, compare, cell, a)].label);
            first = false;
        }
    }
    return st;
}

static size_t cell_of(const struct fg_sweep *s, size_t compare, const size_t *level)
{
    size_t cell = 0;
    for (size_t a = 0; a < s->n_axes; a++) {
        cell = a == compare ? cell : cell * s->axis[a].n + level[a];
    }
    return cell;
}

static size_t seed_of(const struct fg_sweep *s, uint64_t seed)
{
    size_t i = 0;
    while (s->seed[i] != seed) {
        i++;
    }
    return i;
}

static double *values_of(const struct fg_sweep_verdict *v, size_t cell, size_t level)
{
    return v->value + (cell * v->levels + level) * v->seeds;
}

void fg_sweep_put(struct fg_sweep_verdict *v, const struct fg_sweep *s, const size_t *level, uint64_t seed,
                  double value)
{
    values_of(v, cell_of(s, v->compare, level), level[v->compare])[seed_of(s, seed)] = value;
}

static bool is_metric(const json_t *x)
{
    return json_is_number(x) || json_is_null(x);
}

static enum fg_status no_metric(const struct fg_sweep *s, struct fg_err *err)
{
    return fg_fail(err, FG_E_CONFIG,
                   "metric: expected a number of summary.json, " LAST3 " or " TO_TARGET ", found '%s'",
                   s->metric);
}

enum fg_status fg_sweep_check_metric(const struct fg_sweep *s, struct fg_err *err)
{
    const struct fg_summary none = {.name = "", .status = "", .version = ""};
    struct fg_str text = {0};
    enum fg_status st = fg_summary_json(&text, &none);
    json_t *top = st == FG_OK ? json_loadb(text.data, text.len, 0, NULL) : NULL;
    if (st == FG_OK && top == NULL) {
        st = FG_E_NOMEM;
    } else if (st == FG_OK && strcmp(s->metric, LAST3) != 0 && strcmp(s->metric, TO_TARGET) != 0 &&
               !is_metric(json_object_get(top, s->metric))) {
        st = no_metric(s, err);
    }
    json_decref(top);
    fg_str_fini(&text);
    return st;
}

static enum fg_status read_values(struct fg_sweep_verdict *v, const struct fg_sweep *s,
                                  const struct fg_sweep_jobs *jobs, struct fg_err *err)
{
    bool known = false, any = false;
    for (size_t i = 0; i < jobs->n; i++) {
        const struct fg_sweep_job *job = &jobs->job[i];
        json_t *summary = NULL;
        if (!job->finished) {
            continue;
        }
        enum fg_status st = load(&summary, job->folder, err);
        if (st != FG_OK) {
            return st;
        }
        const json_t *x = json_object_get(summary, s->metric);
        any = true;
        known = known || is_metric(x);
        if (json_is_number(x)) {
            fg_sweep_put(v, s, job->level, job->seed, json_number_value(x));
        }
        json_decref(summary);
    }
    return known || !any ? FG_OK : no_metric(s, err);
}

/* The mean over the seeds at which a has a value, or, with b, of the differences where both have. */
static struct fg_mean mean_over(const struct fg_sweep_verdict *v, const double *a, const double *b,
                                double *scratch)
{
    size_t n = 0;
    for (size_t k = 0; k < v->seeds; k++) {
        double x = a[k] - (b != NULL ? b[k] : 0.0);
        if (isfinite(x)) {
            scratch[n++] = x;
        }
    }
    return fg_mean_of(scratch, n);
}

static void take_means(struct fg_sweep_verdict *v, double *scratch)
{
    for (size_t c = 0; c < v->cells; c++) {
        for (size_t i = 0; i < v->levels; i++) {
            v->mean[c * v->levels + i] = mean_over(v, values_of(v, c, i), NULL, scratch);
            for (size_t j = 0; j < v->levels; j++) {
                v->pair[(c * v->levels + i) * v->levels + j] =
                    mean_over(v, values_of(v, c, i), values_of(v, c, j), scratch);
            }
        }
    }
}

/* One block's values: of a seed, or the means over the seeds that every level has. False where a level has
 * none. */
static bool block(double *out, const struct fg_sweep_verdict *v, size_t cell, size_t seed, bool one)
{
    size_t n = 0;
    for (size_t i = 0; i < v->levels; i++) {
        out[i] = 0.0;
    }
    for (size_t k = one ? seed : 0; k < (one ? seed + 1 : v->seeds); k++) {
        bool all = true;
        for (size_t i = 0; i < v->levels; i++) {
            all = all && isfinite(values_of(v, cell, i)[k]);
        }
        for (size_t i = 0; all && i < v->levels; i++) {
            out[i] += values_of(v, cell, i)[k];
        }
        n += all;
    }
    for (size_t i = 0; i < v->levels && n > 0; i++) {
        out[i] /= (double)n;
    }
    return n > 0;
}

static void take_ranks(struct fg_sweep_verdict *v, const struct fg_sweep *s)
{
    double x[FG_SWEEP_LEVELS], rank[FG_SWEEP_LEVELS];
    size_t each = s->by_run ? v->seeds : 1;
    for (size_t b = 0; b < v->cells * each; b++) {
        if (block(x, v, b / each, b % each, s->by_run)) {
            fg_ranks_of(rank, x, (unsigned)v->levels, s->lower);
            for (size_t i = 0; i < v->levels; i++) {
                v->rank[i] += rank[i];
            }
            v->blocks++;
        }
    }
    for (size_t i = 0; i < v->levels; i++) {
        v->rank[i] = v->blocks > 0 ? v->rank[i] / (double)v->blocks : NAN;
    }
    v->friedman = v->blocks > 1 && v->levels > 1
                      ? fg_friedman_of(v->rank, (unsigned)v->levels, v->blocks)
                      : (struct fg_friedman){.chi2 = NAN, .f = NAN, .p = NAN, .critical = NAN};
}

enum fg_status fg_sweep_verdict_init(struct fg_sweep_verdict *out, const struct fg_sweep *s)
{
    struct fg_sweep_verdict v = {.seeds = s->n_seeds, .cells = 1};
    while (s->compare != NULL && strcmp(s->axis[v.compare].name, s->compare) != 0) {
        v.compare++;
    }
    for (size_t a = 0; a < s->n_axes; a++) {
        v.cells *= a == v.compare ? 1 : s->axis[a].n;
    }
    v.levels = s->axis[v.compare].n;
    v.value = fg_calloc(v.cells * v.levels * v.seeds, sizeof *v.value);
    v.mean = fg_calloc(v.cells * v.levels, sizeof *v.mean);
    v.pair = fg_calloc(v.cells * v.levels * v.levels, sizeof *v.pair);
    v.rank = fg_calloc(v.levels, sizeof *v.rank);
    if (v.value == NULL || v.mean == NULL || v.pair == NULL || v.rank == NULL) {
        fg_sweep_verdict_fini(&v);
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < v.cells * v.levels * v.seeds; i++) {
        v.value[i] = NAN;
    }
    *out = v;
    return FG_OK;
}

enum fg_status fg_sweep_conclude(struct fg_sweep_verdict *v, const struct fg_sweep *s)
{
    double *scratch = fg_calloc(v->seeds, sizeof *scratch);
    if (scratch == NULL) {
        return FG_E_NOMEM;
    }
    take_means(v, scratch);
    take_ranks(v, s);
    fg_free(scratch);
    return FG_OK;
}

enum fg_status fg_sweep_judge(struct fg_sweep_verdict *out, const struct fg_sweep *s,
                              const struct fg_sweep_jobs *jobs, struct fg_err *err)
{
    struct fg_sweep_verdict v = {0};
    enum fg_status st;
    FG_TRY(fg_sweep_verdict_init(&v, s));
    FG_TRY(read_values(&v, s, jobs, err));
    FG_TRY(fg_sweep_conclude(&v, s));
    *out = v;
    v = (struct fg_sweep_verdict){0};
cleanup:
    fg_sweep_verdict_fini(&v);
    return st;
}

void fg_sweep_verdict_fini(struct fg_sweep_verdict *v)
{
    fg_free(v->value);
    fg_free(v->mean);
    fg_free(v->pair);
    fg_free(v->rank);
    *v = (struct fg_sweep_verdict){0};
}

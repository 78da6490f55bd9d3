/* The folder of a study: its hash, base configuration and drawn traces, all the same wherever it is made. */
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/availability/synth.h"
#include "src/base/calendar.h"
#include "src/base/file.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/sim/setup.h"
#include "src/sweep/science.h"

enum { HOURS = 24 * 28, NODES = 100 };

static enum fg_status put(const char *path, const struct fg_str *text, struct fg_err *err)
{
    return fg_file_replace(path, text->data, text->len, err);
}

/* ---- traces ---- */

/* "traces/syn-PI-LAMBDA-FORM.csv", or "traces/syn-a.csv": pi and lambda of a half. */
static enum fg_status draw_availability(const char *set, struct fg_err *err)
{
    const char *path = strchr(set, '=') + 1;
    struct fg_synth_spec spec;
    struct fg_str text = {0};
    char form[16] = "";
    fg_synth_defaults(&spec);
    spec.nodes = NODES;
    spec.hours = HOURS;
    spec.seed = 1;
    spec.lambda = 0.5;
    if (sscanf(path, "traces/syn-%lf-%lf-%15[a-z]", &spec.pi, &spec.lambda, form) == 3) {
        spec.form = strcmp(form, "daily") == 0 ? FG_SYNTH_DAILY : FG_SYNTH_STATIONARY;
    }
    enum fg_status st = fg_synth_text(&text, &spec, err);
    st = st == FG_OK ? put(path, &text, err) : st;
    fg_str_fini(&text);
    return st;
}

/* A zone whose intensity follows the hour, for the size that needs no data. */
static enum fg_status draw_carbon(const char *path, double mean, double swing, double phase,
                                  struct fg_err *err)
{
    struct fg_str text = {0};
    enum fg_status st = fg_str_addf(&text, "# kind: average\n# scope: life-cycle\n# basis: consumption\n"
                                           "utc_time,gco2_per_kwh\n");
    for (int h = 0; st == FG_OK && h < HOURS; h++) {
        double g = mean * (1.0 + swing * fg_cos2pi((double)(h % 24) / 24.0 - phase));
        st = fg_str_addf(&text, "2024-01-%02dT%02d:00:00Z,%.3f\n", 1 + h / 24, h % 24, g);
    }
    st = st == FG_OK ? put(path, &text, err) : st;
    fg_str_fini(&text);
    return st;
}

static enum fg_status draw_traces(const struct fg_science *s, struct fg_err *err)
{
    enum fg_status st =
        mkdir("traces", 0777) == 0 || errno == EEXIST ? FG_OK : fg_file_error(errno, "traces", "create", err);
    const struct fg_sweep_axis *a = &s->sweep.axis[FG_SCI_TRACE];
    FG_TRY(st);
    for (size_t i = 0; i < a->n; i++) {
        if (strncmp(a->level[i].label, "syn", 3) == 0) {
            FG_TRY(draw_availability(a->level[i].set.item[0], err));
        }
    }
    FG_TRY(draw_carbon("traces/carbon-A.csv", 150.0, 0.5, 0.1, err));
    FG_TRY(draw_carbon("traces/carbon-B.csv", 500.0, 0.3, 0.6, err));
cleanup:
    return st;
}

/* ---- the folder ---- */

static enum fg_status enter(struct fg_science *s, const char *folder, struct fg_err *err)
{
    char real[PATH_MAX];
    if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
        return fg_file_error(errno, folder, "create", err);
    }
    if (realpath(folder, real) == NULL || chdir(real) != 0) {
        return fg_file_error(errno, folder, "enter", err);
    }
    s->folder = fg_strdup(real);
    return s->folder != NULL ? fg_str_addf(&s->base, "%s/base.ini", real) : FG_E_NOMEM;
}

static enum fg_status check_hash(const struct fg_science *s, struct fg_err *err)
{
    struct fg_str text = {0};
    struct fg_err ignored;
    enum fg_status st = fg_file_read(&text, "study.txt", 4096, &ignored);
    if (st == FG_OK && (text.len < 64 || memcmp(text.data, s->hash, 64) != 0)) {
        st = fg_fail(
            err, FG_E_CONFIG,
            "%s: expected the study %.16s..., found %.16s... in study.txt; --out names another folder",
            s->folder, s->hash, text.len >= 64 ? text.data : "nothing");
        goto cleanup;
    }
    text.len = 0;
    FG_TRY(fg_str_addf(&text, "%s %s\n", s->hash, s->size->name));
    FG_TRY(put("study.txt", &text, err));
    text.len = 0;
    FG_TRY(fg_str_addf(&text, "%s", s->size->base));
    FG_TRY(put("base.ini", &text, err));
cleanup:
    fg_str_fini(&text);
    return st;
}

/* ---- all of it ---- */

static size_t count_lines(const char *text)
{
    size_t n = 0;
    for (const char *p = text; *p != '\0'; p++) {
        n += *p == '\n';
    }
    return n;
}

/* Both are in the study. */
static size_t find(const struct fg_sweep_axis *a, const char *label)
{
    size_t i = 0;
    while (strcmp(a->level[i].label, label) != 0) {
        i++;
    }
    return i;
}

static enum fg_status read_axes(struct fg_science *s, const char *more, struct fg_err *err)
{
    struct fg_str text = {0};
    enum fg_status st = fg_str_addf(&text, "[sweep]\nbase = base.ini\nseeds = 1\n%s[axis policy]\n%s%s%s%s",
                                    s->size->axes, fg_science_policies, more != NULL ? more : "",
                                    more != NULL ? "\n" : "", fg_science_bounds);
    st = st == FG_OK ? fg_sweep_parse(&s->sweep, "the study", text.data, text.len, err) : st;
    st = st == FG_OK || more == NULL ? st : fg_fail_prefix(err, st, "--policy");
    fg_str_fini(&text);
    if (st == FG_OK) {
        const struct fg_sweep_axis *p = &s->sweep.axis[FG_SCI_POLICY];
        s->ranked = p->n - count_lines(fg_science_bounds);
        s->ours[0] = find(p, "forage");
        s->ours[1] = find(p, "forage-moving");
    }
    return st;
}

/* Every cell of the design with its workload. */
static size_t count_cells(const struct fg_science *s, size_t *of_work, uint8_t *field)
{
    const struct fg_sweep_axis *a = s->sweep.axis;
    size_t l[FG_SWEEP_AXES] = {0}, cells = 1, n = 0;
    for (size_t i = 0; i < FG_SCI_POLICY; i++) {
        cells *= a[i].n;
    }
    for (size_t k = 0; k < cells; k++) {
        size_t rest = k;
        for (size_t i = FG_SCI_POLICY; i-- > 0;) {
            l[i] = rest % a[i].n;
            rest /= a[i].n;
        }
        if (s->size->in(&s->sweep, l)) {
            of_work[l[FG_SCI_WORK]]++;
            field[fg_science_field_of(s, l)] = 1;
            n++;
        }
    }
    return n;
}

enum fg_status fg_science_effort_of(struct fg_science_effort *out, const struct fg_science_size *size)
{
    struct fg_science s = {.size = size};
    struct fg_err err;
    size_t cells[2] = {0}, rates = 0;
    uint8_t *field = NULL;
    enum fg_status st;
    FG_TRY(read_axes(&s, NULL, &err));
    const struct fg_sweep_axis *a = s.sweep.axis;
    size_t per = a[FG_SCI_TRACE].n * a[FG_SCI_DATA].n;
    field = fg_calloc(a[FG_SCI_WORK].n * per, sizeof *field);
    FG_TRY(field != NULL ? FG_OK : FG_E_NOMEM);
    while (rates < FG_SCI_RATES && size->rate[rates] != NULL) {
        rates++;
    }
    *out = (struct fg_science_effort){.cells = count_cells(&s, cells, field)};
    for (size_t w = 0; w < a[FG_SCI_WORK].n; w++) {
        size_t fields = 0, tried = rates > 1 ? rates * size->tune_seeds * (a[FG_SCI_POLICY].n - 2) : 0;
        for (size_t f = w * per; f < (w + 1) * per; f++) {
            fields += field[f];
        }
        size_t runs = fields * (rates * size->tune_seeds + size->seeds) + tried +
                      cells[w] * a[FG_SCI_POLICY].n * size->seeds;
        out->runs += runs;
        out->hours += (double)runs * size->run_s[w] / 3600.0;
    }
cleanup:
    fg_free(field);
    fg_sweep_fini(&s.sweep);
    return st;
}

static enum fg_status make_tables(struct fg_science *s)
{
    const struct fg_sweep_axis *a = s->sweep.axis;
    size_t fields = a[FG_SCI_WORK].n * a[FG_SCI_TRACE].n * a[FG_SCI_DATA].n, cells = 1;
    for (size_t i = 0; i < FG_SCI_POLICY; i++) {
        cells *= a[i].n;
    }
    size_t raced = cells * a[FG_SCI_POLICY].n;
    s->seeds = fg_calloc(raced, sizeof *s->seeds);
    s->rate = fg_calloc(a[FG_SCI_WORK].n * a[FG_SCI_POLICY].n, sizeof *s->rate);
    s->field = fg_calloc(fields, sizeof *s->field);
    s->full_g = fg_calloc(fields * s->size->most, sizeof *s->full_g);
    s->full = fg_calloc(fields * s->size->most, sizeof *s->full);
    if (s->seeds == NULL || s->rate == NULL || s->field == NULL || s->full_g == NULL || s->full == NULL) {
        return FG_E_NOMEM;
    }
    for (size_t i = 0; i < raced; i++) {
        s->seeds[i] = s->size->seeds;
    }
    for (size_t i = 0; i < fields * s->size->most; i++) {
        s->full_g[i] = s->full[i] = NAN;
    }
    return FG_OK;
}

/* Whether every policy is a configuration, before the first of many runs. */
static enum fg_status check_policies(const struct fg_science *s, struct fg_err *err)
{
    const struct fg_sweep_axis *a = &s->sweep.axis[FG_SCI_POLICY];
    enum fg_status st = FG_OK;
    for (size_t i = 0; st == FG_OK && i < a->n; i++) {
        struct fg_cmd_common common = {0};
        struct fg_config c;
        const struct fg_sweep_sets *set = &a->level[i].set;
        size_t most = sizeof common.set.item / sizeof *common.set.item;
        while (common.set.n < set->n && common.set.n < most) {
            common.set.item[common.set.n] = set->item[common.set.n];
            common.set.n++;
        }
        st = fg_cmd_load_config(&c, "base.ini", &common, err);
        if (st == FG_OK) {
            st = fg_setup_check(&c, err);
            fg_config_fini(&c);
        }
        st = st == FG_OK ? st : fg_fail_prefix(err, st, "policy %s", a->level[i].label);
    }
    return st;
}

enum fg_status fg_science_open(struct fg_science *out, const struct fg_science_size *size, const char *folder,
                               const char *more, struct fg_err *err)
{
    struct fg_science s = {.size = size, .width = 1};
    enum fg_status st;
    FG_TRY(fg_science_hash(s.hash, size));
    FG_TRY(read_axes(&s, more, err));
    FG_TRY(make_tables(&s));
    FG_TRY(enter(&s, folder, err));
    FG_TRY(check_hash(&s, err));
    FG_TRY(more != NULL ? check_policies(&s, err) : FG_OK);
    FG_TRY(size->synthetic ? draw_traces(&s, err) : FG_OK);
    *out = s;
    return FG_OK;
cleanup:
    fg_science_close(&s);
    return st;
}

void fg_science_close(struct fg_science *s)
{
    fg_sweep_fini(&s->sweep);
    fg_free(s->folder);
    fg_str_fini(&s->base);
    fg_free(s->seeds);
    fg_free(s->rate);
    fg_free(s->field);
    fg_free(s->full_g);
    fg_free(s->full);
    fg_free(s->row);
    *s = (struct fg_science){0};
}

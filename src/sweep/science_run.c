/* The stages of the study: validation, unrestricted, compared. Each is a set of the sweep's jobs. */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/plan/outcome.h"
#include "src/store/columns.h"
#include "src/sweep/science_internal.h"

static const char *const season[2][FG_SCI_SEASONS] = {
    {"2023-01-16", "2023-04-17", "2023-07-17", "2023-10-16"},  /* test */
    {"2023-02-20", "2023-05-22", "2023-08-21", "2023-11-13"}}; /* validation: another window */

/* ---- names ---- */

size_t fg_science_field_of(const struct fg_science *s, const size_t *level)
{
    const struct fg_sweep_axis *a = s->sweep.axis;
    return (level[FG_SCI_WORK] * a[FG_SCI_TRACE].n + level[FG_SCI_TRACE]) * a[FG_SCI_DATA].n +
           level[FG_SCI_DATA];
}

const char *fg_science_label(const struct fg_science *s, size_t axis, const size_t *level)
{
    return s->sweep.axis[axis].level[level[axis]].label;
}

static double number_of(const struct fg_science *s, size_t axis, const size_t *level)
{
    return strtod(fg_science_label(s, axis, level), NULL);
}

/* ---- one set of jobs ---- */

static enum fg_status add(struct fg_sweep_job *job, const char *key, const char *value)
{
    struct fg_str text = {0};
    enum fg_status st = fg_str_addf(&text, "%s=%s", key, value);
    st = st == FG_OK ? fg_sweep_set(&job->more, text.data, text.len) : st;
    fg_str_fini(&text);
    return st;
}

static enum fg_status add_number(struct fg_sweep_job *job, const char *key, double value)
{
    struct fg_str text = {0};
    enum fg_status st = fg_str_add_f64(&text, value);
    st = st == FG_OK ? add(job, key, text.data) : st;
    fg_str_fini(&text);
    return st;
}

static const char *policy_of(const struct choice *c, const struct fg_sweep_job *job)
{
    return fg_science_label(c->s, FG_SCI_POLICY, job->level);
}

/* The largest number of seeds of the cells that have this workload, trace and coupling; 0: the design has
 * no such cell. */
static unsigned field_seeds(const struct fg_science *s, const size_t *level)
{
    size_t at[FG_SWEEP_AXES];
    unsigned most = 0;
    memcpy(at, level, sizeof at);
    for (at[FG_SCI_BUDGET] = 0; at[FG_SCI_BUDGET] < s->sweep.axis[FG_SCI_BUDGET].n; at[FG_SCI_BUDGET]++) {
        for (at[FG_SCI_DEADLINE] = 0; at[FG_SCI_DEADLINE] < s->sweep.axis[FG_SCI_DEADLINE].n;
             at[FG_SCI_DEADLINE]++) {
            for (int moving = 0; moving < 2 && s->size->in(&s->sweep, at); moving++) {
                unsigned seeds = *fg_science_seeds_of(s, at, s->ours[moving]);
                most = seeds > most ? seeds : most;
            }
        }
    }
    return most;
}

/* Whether it has the first trace and coupling of its workload that the design has. */
static bool first_field(const struct fg_science *s, const size_t *level)
{
    size_t at[FG_SWEEP_AXES], k = 0, per = s->sweep.axis[FG_SCI_DATA].n;
    size_t here = level[FG_SCI_TRACE] * per + level[FG_SCI_DATA];
    memcpy(at, level, sizeof at);
    do {
        at[FG_SCI_TRACE] = k / per;
        at[FG_SCI_DATA] = k % per;
    } while (field_seeds(s, at) == 0 && k++ < here);
    return k == here;
}

static bool wanted(const struct choice *c, const struct fg_sweep_job *job)
{
    const struct fg_science *s = c->s;
    const size_t *l = job->level, mid = s->sweep.axis[FG_SCI_BUDGET].n / 2,
                 late = s->sweep.axis[FG_SCI_DEADLINE].n / 2;
    bool random = fg_science_random(policy_of(c, job));
    switch (c->stage) {
    case TRY_FULL:
    case FULL:
        return l[FG_SCI_BUDGET] == 0 && l[FG_SCI_DEADLINE] == 0 && l[FG_SCI_POLICY] == 0 &&
               field_seeds(s, l) >= (c->stage == FULL ? job->seed : 1);
    case TRY_POLICIES: /* one cell a workload, the same for all */
        return first_field(s, l) && l[FG_SCI_BUDGET] == mid && l[FG_SCI_DEADLINE] == late && !random &&
               strcmp(policy_of(c, job), "clairvoyant") != 0;
    case COMPARED:
        return s->size->in(&s->sweep, l) && job->seed <= *fg_science_seeds_of(s, l, l[FG_SCI_POLICY]) &&
               random == c->last;
    }
    return false;
}

/* How often each client's updates counted in the run of ours beside this one. */
static enum fg_status counts_of(struct fg_str *out, const struct fg_science *s,
                                const struct fg_sweep_job *job, bool *there, struct fg_err *err)
{
    struct fg_str path = {0}, bytes = {0};
    static uint32_t count[65536]; /* one caller */
    uint32_t most = 0;
    size_t n = 0;
    memset(count, 0, sizeof count);
    enum fg_status st = fg_str_addf(&path, "%s/compared/runs/", s->folder);
    for (size_t a = 0; st == FG_OK && a < FG_SCI_POLICY; a++) {
        st = fg_str_addf(&path, "%s,", fg_science_label(s, a, job->level));
    }
    FG_TRY(st);
    FG_TRY(fg_str_addf(&path, "forage,seed%llu/participation.part", (unsigned long long)job->seed));
    st = fg_file_read(&bytes, path.data, (size_t)1 << 30, err);
    *there = st == FG_OK;
    st = st == FG_E_MISSING ? FG_OK : st;
    FG_TRY(st);
    FG_TRY(*there ? fg_parts_count(&n, bytes.data, bytes.len, err) : FG_OK);
    for (size_t i = 0; i < n; i++) {
        struct fg_participation p;
        fg_parts_at(&p, bytes.data, i);
        if (p.client < 65536 && (p.verdict == FG_VERDICT_USED || p.verdict == FG_VERDICT_PARTIAL)) {
            count[p.client]++;
            most = p.client > most ? p.client : most;
        }
    }
    for (uint32_t c = 0; c <= most; c++) {
        FG_TRY(fg_str_addf(out, "%s%u", c > 0 ? "," : "", count[c]));
    }
cleanup:
    fg_str_fini(&path);
    fg_str_fini(&bytes);
    return st;
}

/* The study's clients: random needs a number for each of them, also for those that we never asked. */
static enum fg_status pad_counts(struct fg_str *counts, const struct fg_science *s,
                                 const struct fg_sweep_job *job, struct fg_err *err)
{
    size_t have = 1, clients = 0;
    const struct fg_sweep_sets *set = &s->sweep.axis[FG_SCI_WORK].level[job->level[FG_SCI_WORK]].set;
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < counts->len; i++) {
        have += counts->data[i] == ',';
    }
    for (size_t i = 0; i < set->n; i++) {
        if (strncmp(set->item[i], "data.clients=", 13) == 0) {
            clients = strtoul(set->item[i] + 13, NULL, 10);
        }
    }
    if (clients == 0) {
        return fg_fail(err, FG_E_CONFIG, "the study: expected data.clients in every workload");
    }
    for (; st == FG_OK && have < clients; have++) {
        st = fg_str_addf(counts, ",0");
    }
    return st;
}

static enum fg_status fill_compared(const struct choice *c, struct fg_sweep_job *job, bool *use,
                                    struct fg_err *err)
{
    const struct fg_science *s = c->s;
    const struct fg_science_field *f = &s->field[fg_science_field_of(s, job->level)];
    double share = number_of(s, FG_SCI_BUDGET, job->level) / 100.0,
           times = number_of(s, FG_SCI_DEADLINE, job->level);
    double rounds = (double)f->rounds * times;
    struct fg_str counts = {0};
    enum fg_status st;
    FG_TRY(add_number(job, "run.rounds", rounds));
    FG_TRY(add_number(job, "select.slack", rounds - (double)f->rounds));
    if (strcmp(policy_of(c, job), "fewer") == 0) {
        FG_TRY(add_number(job, "select.clients", fmax(1.0, floor(10.0 * share + 0.5))));
    }
    if (c->last) {
        FG_TRY(counts_of(&counts, s, job, use, err));
        FG_TRY(*use ? pad_counts(&counts, s, job, err) : FG_OK);
        FG_TRY(*use ? add(job, "select.counts", counts.data) : FG_OK);
    }
cleanup:
    fg_str_fini(&counts);
    return st;
}

double fg_science_budget(const struct fg_science *s, const struct fg_sweep_job *job, bool test)
{
    size_t field = fg_science_field_of(s, job->level);
    double share = number_of(s, FG_SCI_BUDGET, job->level) / 100.0;
    return share * (test ? s->full_g[field * s->size->most + job->seed - 1] : s->field[field].carbon_g);
}

static enum fg_status choose(void *arg, struct fg_sweep_job *job, bool *use, struct fg_err *err)
{
    const struct choice *c = arg;
    const struct fg_science *s = c->s;
    bool test = c->stage == FULL || c->stage == COMPARED;
    size_t field = fg_science_field_of(s, job->level);
    enum fg_status st;
    *use = wanted(c, job) &&
           (!test || s->field[field].rounds > 0); /* --show: before validation there is nothing */
    if (!*use) {
        return FG_OK;
    }
    size_t rate =
        test ? s->rate[job->level[FG_SCI_WORK] * s->sweep.axis[FG_SCI_POLICY].n + job->level[FG_SCI_POLICY]]
             : c->rate;
    FG_TRY(add(job, "train.lr", s->size->rate[rate]));
    FG_TRY(test ? FG_OK : add(job, "data.split", "validation"));
    if (s->size->seasons) {
        FG_TRY(add(job, "time.start", season[!test][job->seed % FG_SCI_SEASONS]));
    }
    if (c->stage == TRY_FULL || c->stage == FULL) {
        FG_TRY(add_number(job, "run.rounds",
                          c->stage == FULL ? (double)s->field[field].rounds : (double)s->size->rounds));
        goto cleanup;
    }
    double budget = fg_science_budget(s, job, test);
    if (!(budget > 0.0)) {
        *use = false;
        goto cleanup;
    }
    FG_TRY(add_number(job, "carbon.budget_g", budget));
    FG_TRY(fill_compared(c, job, use, err));
cleanup:
    return st;
}

enum fg_status fg_science_set(struct fg_science *s, struct choice *c, const char *name, uint64_t first,
                              unsigned seeds, fg_science_visit *visit, struct fg_err *err)
{
    struct fg_sweep view = s->sweep; /* with its own seeds */
    struct fg_sweep_jobs jobs = {0};
    struct fg_sweep_chooser who = {.choose = choose, .arg = c};
    struct fg_str folder = {0};
    uint64_t seed[64];
    size_t failed = 0;
    enum fg_status st = fg_str_addf(&folder, "%s/%s", s->folder, name);
    for (unsigned k = 0; k < seeds && k < 64; k++) {
        seed[k] = first + k;
    }
    view.seed = seed;
    view.n_seeds = seeds;
    FG_TRY(st);
    FG_TRY(fg_sweep_folder(folder.data, err));
    FG_TRY(fg_sweep_plan(&jobs, &view, s->base.data, folder.data, &who, err));
    FG_TRY(s->show ? FG_OK : fg_sweep_run(&jobs, &view, s->base.data, s->width, s->quiet, err));
    for (size_t i = 0; i < jobs.n; i++) {
        failed += !jobs.job[i].finished;
        FG_TRY(jobs.job[i].finished ? visit(s, c, &jobs.job[i], err) : FG_OK);
    }
    st = failed == 0 || s->show
             ? FG_OK
             : fg_fail(err, FG_E_IO, "%zu of %zu runs failed; the same command tries them again", failed,
                       jobs.n);
cleanup:
    fg_sweep_jobs_fini(&jobs);
    fg_str_fini(&folder);
    return st;
}

/* ---- test ---- */

static enum fg_status visit_full(struct fg_science *s, const struct choice *c, const struct fg_sweep_job *job,
                                 struct fg_err *err)
{
    struct fg_science_row row;
    size_t at = fg_science_field_of(s, job->level) * s->size->most + job->seed - 1;
    enum fg_status st = fg_science_read_run(&row, job->folder, 0.0, 2.0, err);
    (void)c;
    if (st == FG_OK) {
        s->full_g[at] = row.carbon_g;
        s->full[at] = row.accuracy;
    }
    return st;
}

static enum fg_status visit_row(struct fg_science *s, const struct choice *c, const struct fg_sweep_job *job,
                                struct fg_err *err)
{
    struct fg_science_row row = {.seed = job->seed};
    size_t field = fg_science_field_of(s, job->level);
    (void)c;
    enum fg_status st =
        fg_science_read_run(&row, job->folder, fg_science_budget(s, job, true), s->field[field].target, err);
    memcpy(row.level, job->level, sizeof row.level);
    st = st == FG_OK ? FG_GROW(s->row, s->n_rows, s->cap_rows) : st;
    if (st == FG_OK) {
        s->row[s->n_rows++] = row;
    }
    return st;
}

enum fg_status fg_science_stages(struct fg_science *s, struct fg_err *err)
{
    unsigned most = s->size->seeds;
    bool more = true;
    enum fg_status st;
    FG_TRY(fg_science_tune(s, err));
    while (more) {
        struct choice full = {.s = s, .stage = FULL}, first = {.s = s, .stage = COMPARED},
                      second = {.s = s, .stage = COMPARED, .last = true};
        s->n_rows = 0;
        FG_TRY(fg_science_set(s, &full, "unrestricted", 1, most, visit_full, err));
        for (unsigned seed = 1; seed <= most; seed++) { /* whole seeds, wherever it is stopped */
            FG_TRY(fg_science_set(s, &first, "compared", seed, 1, visit_row, err));
            FG_TRY(fg_science_set(s, &second, "compared", seed, 1, visit_row, err));
        }
        FG_TRY(fg_science_race(s, &more, &most));
    }
cleanup:
    return st;
}

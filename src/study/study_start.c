/* What a study begins with: its files, its parameters, its time, its rows of each client. */
#include "src/study/study_internal.h"

#include <string.h>

#include "src/base/file.h"
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/study/inputs.h"

enum fg_status study_warm_start(struct study *s, struct fg_err *err)
{
    if (s->cfg->model.from[0] == '\0') {
        return FG_OK;
    }
    struct fg_run_params from;
    enum fg_status st = fg_run_params_read(&from, s->cfg->model.from, err);
    if (st != FG_OK) {
        return fg_fail_prefix(err, st, "%s: model.from", fg_config_where(s->cfg, "model.from"));
    }
    size_t p = fg_model_params(s->setup->model);
    if (from.n == p) {
        memcpy(s->setup->params, from.values, p * sizeof *from.values);
    } else {
        st = fg_config_reject(s->cfg, "model.from", err, "a run of a model with %zu parameters, it has %zu",
                              p, from.n);
    }
    fg_run_params_fini(&from);
    return st;
}

enum fg_status study_inputs(struct study *s, struct fg_err *err)
{
    enum fg_status st = fg_study_hash_data(s->data, s->setup->part, s->setup->data, err);
    return st == FG_OK ? fg_inputs_list(&s->inputs, s->cfg, err) : st;
}

enum fg_status study_same_inputs(const struct study *s, struct fg_err *err)
{
    enum fg_status st = fg_study_same_data(fg_rundir_path(s->dir), s->data, err);
    return st == FG_OK ? fg_inputs_same(fg_rundir_path(s->dir), &s->inputs, err) : st;
}

enum fg_status study_keep_inputs(const struct study *s, struct fg_err *err)
{
    struct fg_str path = {0};
    enum fg_status st;
    if (s->inputs.len == 0) {
        return FG_OK;
    }
    FG_TRY(fg_str_addf(&path, "%s/" FG_INPUTS, fg_rundir_path(s->dir)));
    FG_TRY(fg_file_replace(path.data, s->inputs.data, s->inputs.len, err));
cleanup:
    fg_str_fini(&path);
    return st;
}

/* What the classes are called; or that labels leave holes, which cost outputs that nothing can win. */
static void tell_classes(const struct fg_dataset *d)
{
    struct fg_str text = {0};
    size_t len, used = 0;
    const char *name;
    uint8_t *seen = d->label_width == 1 ? fg_calloc(d->classes, 1) : NULL;
    enum fg_status st = FG_OK;
    for (uint32_t c = 0; st == FG_OK && c < d->classes && (name = fg_dataset_class_name(d, c, &len)) != NULL;
         c++) {
        st = c < 20 ? fg_str_addf(&text, "%s%u %.*s", c > 0 ? ", " : "", c, (int)len, name) : FG_OK;
    }
    if (st == FG_OK && text.len > 0) {
        fg_log_write(FG_LOG_INFO, "classes: %s%s", text.data, d->classes > 20 ? ", ..." : "");
    }
    for (size_t i = 0; seen != NULL && i < d->n; i++) {
        used += !seen[d->y[i]];
        seen[d->y[i]] = 1;
    }
    if (seen != NULL && used < d->classes) {
        fg_log_write(FG_LOG_WARN,
                     "%s: labels are 0 to %u, but only %zu of them occur: the model has outputs for all",
                     d->name, d->classes - 1, used);
    }
    fg_free(seen);
    fg_str_fini(&text);
}

/* Who takes a deployment for a simulation waits an hour for its second round. */
static void tell_pace(const struct study *s)
{
    const struct fg_config *c = s->cfg;
    if (s->real && !c->drive.on && c->run.pace == FG_OPT_PACE_SLOT && c->run.slot_s > 60.0) {
        fg_log_write(FG_LOG_WARN,
                     "%s: run.pace = slot: a round begins every %g s of real time, %u rounds take %.1f h; "
                     "run.pace = continuous does not wait",
                     fg_config_where(c, "run.pace"), c->run.slot_s, c->run.rounds,
                     c->run.slot_s * c->run.rounds / 3600.0);
    }
}

void study_tell_fleet(const struct study *s)
{
    const struct fg_setup *setup = s->setup;
    const struct fg_fleet *f = setup->fleet;
    struct fg_str zones = {0};
    enum fg_status st = FG_OK;
    for (uint32_t z = 0; st == FG_OK && z < fg_fleet_zones(f); z++) {
        st = fg_str_addf(&zones, "%s%s %u (%.0f g/kWh)", z > 0 ? ", " : "", fg_fleet_zone_name(f, z),
                         fg_fleet_zone_clients(f, z), fg_fleet_zone_mean(f, z));
    }
    if (st == FG_OK && setup->trace != NULL) {
        fg_log_write(FG_LOG_INFO, "%u clients on %u trace nodes, %u of them sharing one", setup->clients,
                     setup->trace->nodes, fg_fleet_reused(f));
    }
    if (setup->data != NULL) {
        tell_classes(setup->data);
    }
    if (!setup->cost_only && setup->n_test == 0) {
        fg_log_write(FG_LOG_WARN, "%s: there are no test samples: no accuracy is measured%s",
                     fg_config_where(s->cfg, "data.test_fraction"),
                     s->cfg->run.target_accuracy > 0.0 ? ", and no run.target_accuracy is reached" : "");
    }
    tell_pace(s);
    if (s->cfg->select.clients > setup->clients) {
        fg_log_write(FG_LOG_WARN,
                     "%s: select.clients = %u, but there are %u clients: a round has at most those",
                     fg_config_where(s->cfg, "select.clients"), s->cfg->select.clients, setup->clients);
    }
    if (st == FG_OK && setup->n_zones > 0) {
        fg_log_write(FG_LOG_INFO, "clients by carbon zone: %s; the zones of %u are drawn, not known",
                     zones.data, fg_fleet_synthetic(f));
    }
    fg_str_fini(&zones);
}

fg_time_t study_started(const struct study *s, const char *folder)
{
    const struct fg_study_shell *shell = s->shell;
    if (shell->replay != NULL) {
        return fg_study_started(shell->replay, FG_START_AUTO);
    }
    fg_time_t wall = s->cfg->drive.on ? FG_START_AUTO : fg_now();
    return !s->real ? FG_START_AUTO : s->common->force ? wall : fg_study_started(folder, wall);
}

/* Rows of the rule's, and after them those of what clients keep. With both, workers' clients have room, too:
 * who holds them may change. */
static size_t rows_of(const struct study *s, size_t *states_from)
{
    size_t n = s->setup->clients, rule = fg_rule_has_rows(s->setup->rule) ? n : 0;
    bool states = s->keeping == FG_KEEPING_HERE || (rule > 0 && s->keeping == FG_KEEPING_AWAY);
    *states_from = rule;
    return rule + (states ? n : 0);
}

static size_t row_params(const struct study *s)
{
    size_t p = s->setup->cost_only ? 0 : fg_model_params(s->setup->model);
    size_t state = s->keeping != FG_KEEPING_NONE ? fg_codec_state(s->setup->codec, &s->setup->coding, p) : 0;
    return state > p ? state : p; /* more only where the rule has no rows: fg_setup_find_names() */
}

enum fg_status study_memory_fits(const struct study *s, struct fg_err *err)
{
    size_t ignored;
    bool disk = s->setup->cost_only || s->cfg->aggregate.memory == FG_OPT_MEMORY_DISK;
    return disk ? FG_OK
                : fg_rule_rows_fit(fg_rule_has_rows(s->setup->rule) ? s->setup->rule->name
                                                                    : s->setup->codec->name,
                                   rows_of(s, &ignored), row_params(s), err);
}

enum fg_status study_remember(struct study *s, struct fg_err *err)
{
    size_t from, n = rows_of(s, &from), p = row_params(s);
    enum fg_status st = FG_OK;
    if (n > UINT32_MAX) {
        return fg_fail(err, FG_E_CONFIG, "too many clients to keep something of each");
    }
    if (n > 0) {
        st = fg_rundir_remember(s->dir, (uint32_t)n, p, s->cfg->aggregate.memory == FG_OPT_MEMORY_DISK, err);
    }
    if (st != FG_OK || s->keeping == FG_KEEPING_NONE) {
        return st;
    }
    struct fg_kept_rows rows = {0};
    if (s->keeping == FG_KEEPING_HERE) {
        struct fg_rule_rows all = fg_memory_rows(fg_rundir_memory(s->dir));
        rows = (struct fg_kept_rows){.row = all.row + from * p, .changed = all.changed + from};
    }
    st = fg_kept_create(&s->kept, p, rows.row != NULL ? s->setup->clients : 0, rows);
    return st == FG_OK ? st : fg_fail(err, st, "out of memory for what clients keep");
}

void study_keep_again(struct study *s)
{
    if (s->keeping == FG_KEEPING_HERE && !fg_aggregator_forgets(s->agg)) {
        fg_kept_restore(s->kept, fg_aggregator_keeps_of(s->agg));
    }
}

void study_keep_safe(struct study *s)
{
    if (s->keeping == FG_KEEPING_HERE) {
        fg_kept_settle(s->kept, fg_aggregator_keeps_of(s->agg));
    }
}

enum fg_status study_forget(struct study *s, struct fg_err *err)
{
    struct fg_event ev = {.kind = FG_EVENT_FORGET, .now = fg_aggregator_now(s->agg)};
    struct fg_actions none = {0};
    if (!fg_aggregator_forgets(s->agg)) {
        return FG_OK;
    }
    fg_log_write(FG_LOG_WARN,
                 "what clients kept for wire.codec = %s is gone with the workers that held it; they begin "
                 "anew, and the journal says so",
                 s->setup->codec->name);
    enum fg_status st = study_took(s, &ev, err);
    if (st == FG_OK && (st = fg_aggregator_step(s->agg, &ev, &none)) != FG_OK) {
        st = fg_fail(err, st, "what clients kept could not be forgotten");
    }
    fg_actions_fini(&none);
    return st;
}

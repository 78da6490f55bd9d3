/* Where a study's events come from: traces and models, real workers, or the journal of a run. */
#include "src/base/now.h"
#include "src/study/study_internal.h"

enum fg_status study_took(void *arg, const struct fg_event *ev, struct fg_err *err)
{
    struct study *s = arg;
    double begin = fg_now_steady_s();
    enum fg_status st = fg_study_note_event(fg_rundir_journal(s->dir), ev, err);
    s->saving_s += fg_now_steady_s() - begin;
    return st;
}

static enum fg_status seen(void *arg, fg_time_t now, uint32_t client, bool up, struct fg_err *err)
{
    struct study *s = arg;
    return fg_study_note_seen(fg_rundir_journal(s->dir), now, client, up, err);
}

static enum fg_status covers(void *arg, fg_time_t now, struct fg_err *err)
{
    const struct study *s = arg;
    return fg_fleet_covers(s->setup->fleet, now, err);
}

static bool ready(void *arg, uint32_t ups)
{
    const struct fg_study_shell *shell = ((struct study *)arg)->shell;
    return shell->play->ready(shell->arg, ups);
}

static void begun(void *arg, fg_time_t now, fg_time_t steady_us)
{
    const struct fg_study_shell *shell = ((struct study *)arg)->shell;
    shell->play->begun(shell->arg, now, steady_us);
}

static enum fg_status make_real(struct study *s, struct fg_timeline **out)
{
    const struct fg_study_shell *shell = s->shell;
    fg_time_t at = fg_aggregator_now(s->agg);
    struct fg_timeline_real_config cfg = {.clients = s->setup->clients, .arg = s, .seen = seen};
    if (s->cfg->drive.on) {
        cfg.speed = 3600.0 / s->cfg->drive.hour_s;
        cfg.covers = covers;
        cfg.ready = ready;
        cfg.begun = begun;
        shell->play->stands(shell->arg, at);
    }
    return fg_timeline_real_create(out, shell->live, s->ex, &cfg, at);
}

enum fg_status study_timeline(struct study *s, struct fg_timeline **out)
{
    const struct fg_study_shell *shell = s->shell;
    if (shell->replay != NULL && s->met == NULL) {
        return fg_timeline_replay_create(out, s->record.events, s->record.n, s->ex,
                                         fg_aggregator_now(s->agg));
    }
    if (s->real) {
        return make_real(s, out);
    }
    struct fg_timeline_virtual_config cfg = {.update_bytes = s->setup->update_bytes,
                                             .batch = s->setup->local.batch,
                                             .samples = s->setup->samples,
                                             .hand_back =
                                                 s->cfg->train.on_leave == FG_OPT_ON_LEAVE_HAND_BACK};
    if (s->met != NULL) {
        return fg_timeline_met_create(out, s->met, s->setup->clients, s->ex, &cfg, fg_aggregator_now(s->agg));
    }
    return fg_timeline_virtual_create(out, s->setup->fleet, s->ex, &cfg, fg_aggregator_now(s->agg));
}

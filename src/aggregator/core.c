#include "src/aggregator/core.h"

#include <math.h>
#include <string.h>

#include "kernels/fold.h"
#include "src/aggregator/core_internal.h"
#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/planner/error.h"

void fg_actions_fini(struct fg_actions *acts)
{
    fg_free(acts->a);
    acts->a = NULL;
    acts->n = acts->cap = 0;
}

enum fg_status fg_core_act(struct fg_actions *acts, const struct fg_action *action)
{
    enum fg_status st = FG_GROW(acts->a, acts->n, acts->cap);
    if (st == FG_OK) {
        acts->a[acts->n++] = *action;
    }
    return st;
}

fg_time_t fg_core_slot_begin(const struct fg_aggregator *a, uint32_t round)
{
    return a->cfg.start + (fg_time_t)round * a->cfg.slot;
}

/* ---- life ---- */

enum fg_status fg_aggregator_create(struct fg_aggregator **out, const struct fg_aggregator_config *cfg,
                                    const struct fg_fleet *fleet, const float *x, struct fg_err *err)
{
    enum fg_status st = FG_OK;
    size_t n = cfg->select.clients;
    struct fg_aggregator *a = fg_calloc(1, sizeof *a);
    if (a == NULL) {
        return fg_fail(err, FG_E_NOMEM, "out of memory for the aggregator");
    }
    a->cfg = *cfg;
    a->fleet = fleet;
    a->next_id = 1;
    a->now = a->settled = a->wake = cfg->start;
    a->total.rounds_to_target = -1;
    a->first_loss = a->recent_loss = -1.0;
    a->total.accuracy = a->total.loss = -1.0;
    a->total.client_accuracy_mean = a->total.client_accuracy_p10 = a->total.client_accuracy_worst = -1.0;
    a->x = fg_calloc_aligned(cfg->rule.params, sizeof *a->x);
    a->tasks = fg_calloc(n, sizeof *a->tasks);
    a->last_loss = fg_calloc(n, sizeof *a->last_loss);
    bool keep = cfg->keeping != FG_KEEPING_NONE;
    a->keeps = keep ? fg_calloc(n, sizeof *a->keeps) : NULL;
    if (a->x == NULL || a->tasks == NULL || a->last_loss == NULL || (keep && a->keeps == NULL)) {
        st = FG_E_NOMEM;
        goto cleanup;
    }
    FG_TRY(fg_core_move_create(a));
    if (x != NULL) { /* nothing is trained: no parameters */
        memcpy(a->x, x, cfg->rule.params * sizeof *x);
    }
    for (size_t i = 0; i < n; i++) {
        a->last_loss[i] = -1.0f;
    }
    FG_TRY(fg_rule_create(&a->rule, cfg->rule_ops, &cfg->rule, err));
    fg_rule_begin(a->rule, x);
    if (cfg->average) {
        FG_TRY(fg_average_init(&a->average, cfg->rule.params, x));
    }
    FG_TRY(fg_ledger_create(&a->ledger, (uint32_t)n));
    FG_TRY(fg_core_footprint_create(a, err));
    if (cfg->down.codec != NULL) {
        a->holds = fg_calloc(n, sizeof *a->holds);
        FG_TRY(a->holds != NULL ? FG_OK : FG_E_NOMEM);
        FG_TRY(fg_down_create(&a->down, &cfg->down, cfg->rule.params == cfg->down.params ? x : NULL));
    }
    FG_TRY(fg_core_pick_create(a, err));
    fg_core_rest(a);
    *out = a;
    return FG_OK;
cleanup:
    fg_aggregator_destroy(a);
    return st != FG_E_NOMEM
               ? st
               : fg_fail(err, st, "out of memory for %zu clients and %zu parameters", n, cfg->rule.params);
}

void fg_aggregator_destroy(struct fg_aggregator *a)
{
    if (a != NULL) {
        fg_rule_destroy(a->rule);
        fg_ledger_destroy(a->ledger);
        fg_footprint_destroy(a->footprint);
        fg_free(a->floats);
        fg_free(a->x);
        fg_average_fini(&a->average);
        fg_free(a->tasks);
        fg_free(a->last_loss);
        fg_core_move_destroy(a);
        fg_free(a->keeps);
        fg_down_destroy(a->down);
        fg_free(a->holds);
        fg_core_pick_destroy(a);
        for (size_t i = 0; i < a->n_kept; i++) {
            fg_free(a->kept[i].x);
        }
        fg_free(a->kept);
        fg_free(a->slots);
        fg_free(a->rows);
        fg_free(a);
    }
}

/* ---- between rounds ---- */

static enum fg_status finish(struct fg_aggregator *a, enum fg_finish reason, struct fg_actions *out)
{
    a->phase = FINISHED;
    return fg_core_act(out, &(struct fg_action){.kind = FG_ACTION_FINISH, .at = a->now, .reason = reason});
}

/* Tasks that are still under way are paid for in a round of their own, in which nobody is asked. */
static enum fg_status sleep_or_finish(struct fg_aggregator *a, struct fg_actions *out)
{
    bool reached = a->cfg.stop_at_target && a->total.rounds_to_target >= 0;
    bool over = a->round >= a->cfg.rounds;
    if (a->n_slots == 0 && (reached || over || a->last)) {
        return finish(a, reached ? FG_FINISH_TARGET : over ? FG_FINISH_ROUNDS : FG_FINISH_BUDGET, out);
    }
    if (reached || a->last) {
        a->last = a->winding = true;
        a->wake = a->now;
    }
    a->phase = ASLEEP;
    return fg_core_act(out, &(struct fg_action){.kind = FG_ACTION_WAKE_AT, .at = a->wake});
}

/* Tasks of earlier rounds that were under way go on. */
static enum fg_status go_on(struct fg_aggregator *a, struct fg_actions *out)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < a->n_slots && st == FG_OK; i++) {
        st = fg_core_act(out, &(struct fg_action){.kind = FG_ACTION_ASSIGN,
                                                  .at = a->slots[i].begin,
                                                  .id = a->slots[i].task.id,
                                                  .task = a->slots[i].task,
                                                  .bytes_down = a->slots[i].bytes_down,
                                                  .bytes_up = fg_core_update_bytes(a, &a->slots[i].task)});
    }
    return st;
}

enum fg_status fg_aggregator_begin(struct fg_aggregator *a, struct fg_actions *out)
{
    out->n = 0;
    FG_ASSERT(a->phase == ASLEEP || a->phase == COMMITTED);
    enum fg_status st = go_on(a, out);
    if (st != FG_OK || a->phase != COMMITTED) {
        return st == FG_OK ? sleep_or_finish(a, out) : st;
    }
    st = fg_core_look_back(a);
    return st == FG_OK ? fg_core_say_commit(a, out) : st;
}

/* ---- events of an open round ---- */

static struct slot *find_slot(struct fg_aggregator *a, uint64_t id)
{
    size_t at = fg_sort_find(a->slots, a->n_slots, sizeof *a->slots, id);
    return at < a->n_slots && a->slots[at].state != SLOT_DONE ? &a->slots[at] : NULL;
}

/* The task's fate is known. */
static void resolve(struct fg_aggregator *a, struct slot *s, const struct fg_outcome *outcome,
                    enum fg_verdict verdict)
{
    s->state = SLOT_DONE;
    s->outcome = *outcome;
    s->verdict = verdict;
    a->unresolved--;
    a->asking -= s->task.kind == FG_TASK_EVALUATE;
    a->awaited -= fg_core_holds(a, s);
}

/* The loss that a client was asked for. */
static enum fg_status take_answer(struct fg_aggregator *a, struct slot *s, const struct fg_event *ev,
                                  struct fg_actions *out)
{
    bool usable = isfinite(ev->result->loss) && ev->result->loss >= 0.0;
    resolve(a, s, ev->outcome, usable ? FG_VERDICT_ASKED : FG_VERDICT_STALE);
    s->outcome.steps = 0;
    s->outcome.bytes_up = FG_ANSWER_BYTES;
    s->loss = ev->result->loss;
    return fg_core_advance(a, out);
}

/* One of several copies of a task has come: the others are not needed any more. */
static enum fg_status call_off_copies(struct fg_aggregator *a, const struct slot *come,
                                      struct fg_actions *out)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; a->cfg.move.copies > 1 && i < a->n_slots && st == FG_OK; i++) {
        struct slot *s = &a->slots[i];
        if (s->state == SLOT_OPEN && s->task.shard == come->task.shard && s->task.round == come->task.round) {
            s->state = SLOT_CANCELLING;
            a->cancelling++;
            st = fg_core_act(out,
                             &(struct fg_action){.kind = FG_ACTION_CANCEL, .at = a->now, .id = s->task.id});
        }
    }
    return st;
}

/* Whether an update's values are finite: as was seen when it came, or seen now. */
static bool is_finite(const struct fg_aggregator *a, const struct fg_result *r)
{
    return r->seen == FG_SEEN_NOT ? fg_kernel_all_finite(r->delta, a->cfg.rule.params)
                                  : r->seen == FG_SEEN_FINITE;
}

/* An update as floats, whatever its form. NULL: out of memory. */
static const float *floats_of(struct fg_aggregator *a, const struct fg_result *r)
{
    if (r->delta != NULL) {
        return r->delta;
    }
    if (a->floats == NULL) {
        a->floats = fg_calloc_aligned(a->cfg.rule.params, sizeof *a->floats);
    }
    if (a->floats != NULL) {
        fg_exact_expand(r->form, a->floats, a->cfg.rule.params);
    }
    return a->floats;
}

static enum fg_status take_result(struct fg_aggregator *a, const struct fg_event *ev, struct fg_actions *out)
{
    struct slot *s = find_slot(a, ev->id);
    if (s == NULL || s->state != SLOT_OPEN) {
        return FG_E_STALE;
    }
    if (s->task.kind == FG_TASK_EVALUATE) {
        return take_answer(a, s, ev, out);
    }
    const struct fg_result *r = ev->result;
    bool partial = r->steps < s->task.steps;
    bool takes_partial = a->cfg.hand_back && a->cfg.rule_ops->partial != FG_PARTIAL_REFUSED;
    bool wanted = r->steps > 0 && (!partial || takes_partial);
    /* An update that is not a number would spoil the model for good. */
    bool usable = wanted && is_finite(a, r);
    resolve(a, s, ev->outcome,
            !wanted   ? FG_VERDICT_LOST
            : !usable ? FG_VERDICT_STALE
            : partial ? FG_VERDICT_PARTIAL
                      : FG_VERDICT_USED);
    s->outcome.bytes_up = r->wire_bytes != 0 ? r->wire_bytes : s->outcome.bytes_up;
    s->loss = r->loss;
    s->reset = r->reset;
    s->kept = r->kept;
    if (usable) {
        struct fg_rule_update update = {.delta = r->delta,
                                        .form = r->form,
                                        .hold = r->hold,
                                        .client = s->task.shard,
                                        .samples = a->cfg.samples[s->task.shard],
                                        .steps = r->steps,
                                        .lr = (double)s->task.lr,
                                        .factor = s->factor,
                                        .staleness = (uint32_t)(a->version - s->task.version)};
        enum fg_status st = fg_rule_fold(a->rule, &update);
        if (st != FG_OK) {
            return st;
        }
        if (a->cfg.policy->gauges) {
            const float *delta = floats_of(a, r);
            if (delta == NULL) {
                return FG_E_NOMEM;
            }
            fg_gauge_take(&a->gauge, s->task.shard, fg_fleet_zone(a->cfg.select.fleet, s->task.shard), delta,
                          update.lr * fg_effective_steps((double)r->steps, update.lr, a->cfg.curvature));
        }
        a->arrived += fg_core_holds(a, s);
        st = call_off_copies(a, s, out);
        if (st != FG_OK) {
            return st;
        }
    }
    return fg_core_advance(a, out);
}

static enum fg_status take_lost(struct fg_aggregator *a, const struct fg_event *ev, struct fg_actions *out)
{
    struct slot *s = find_slot(a, ev->id);
    if (s == NULL) {
        return FG_E_STALE;
    }
    bool cancelled = s->state == SLOT_CANCELLING;
    if (a->phase == CLOSING && !cancelled) {
        return FG_E_USAGE;
    }
    resolve(a, s, ev->outcome, cancelled ? FG_VERDICT_LATE : FG_VERDICT_LOST);
    a->cancelling -= cancelled;
    if (a->phase == CLOSING) {
        return a->cancelling == 0 ? fg_core_commit(a, out) : FG_OK;
    }
    return fg_core_advance(a, out);
}

static enum fg_status take_evaluation(struct fg_aggregator *a, const struct fg_event *ev,
                                      struct fg_actions *out)
{
    a->record.evaluation = ev->evaluation;
    fg_core_book_evaluation(a, fg_core_due(a, a->cfg.eval_every), fg_core_due(a, a->cfg.eval_clients_every));
    if (ev->evaluation.have) {
        fg_core_expect_accuracy(a, ev->evaluation.accuracy);
        a->total.accuracy = ev->evaluation.accuracy;
        a->total.loss = ev->evaluation.loss;
        if (a->cfg.target_accuracy > 0.0 && a->total.rounds_to_target < 0 &&
            ev->evaluation.accuracy >= a->cfg.target_accuracy) {
            a->total.rounds_to_target = (int64_t)a->round + 1;
        }
    }
    if (ev->evaluation.have_clients) {
        a->total.client_accuracy_mean = ev->evaluation.client_mean;
        a->total.client_accuracy_p10 = ev->evaluation.client_p10;
        a->total.client_accuracy_worst = ev->evaluation.client_worst;
    }
    a->total.rounds = ++a->round;
    a->settled = a->now;
    a->total.virtual_s = fg_seconds(a->record.t_end - a->cfg.start);
    fg_time_t next = fg_core_slot_begin(a, a->round);
    if (a->cfg.slot_pace) {
        a->wake = next > a->now ? next : a->now;
    } else {
        /* With nobody there, look again a slot later instead of at once for ever. */
        a->wake = a->n_rows == 0 ? a->now + a->cfg.slot : a->now;
    }
    a->wake = a->wake < fg_core_end(a) ? a->wake : fg_core_end(a);
    return sleep_or_finish(a, out);
}

/* The open round never was: its tasks are not counted, its updates forgotten, those of earlier rounds are
 * under way again. */
static enum fg_status stop(struct fg_aggregator *a, struct fg_actions *out)
{
    while (a->n_slots > 0 && a->slots[a->n_slots - 1].task.id >= a->first_id) {
        const struct slot *s = &a->slots[--a->n_slots];
        a->tasks[s->task.client]--;
        if (fg_core_moves(a) && !s->copy) {
            a->drawn[s->task.shard]--;
        }
    }
    for (size_t i = 0; i < a->n_slots; i++) {
        a->slots[i].state = SLOT_OPEN;
    }
    a->next_id = a->first_id;
    a->last = a->winding;
    fg_rule_drop(a->rule);
    fg_gauge_drop(&a->gauge);
    a->now = a->settled;
    fg_core_rest(a);
    return finish(a, FG_FINISH_STOPPED, out);
}

/* Whoever kept something begins anew. */
static void forget(struct fg_aggregator *a)
{
    for (uint32_t i = 0; a->keeps != NULL && i < a->cfg.select.clients; i++) {
        a->resets += a->keeps[i] != 0;
        a->keeps[i] = 0;
    }
    for (size_t i = 0; i < a->n_slots; i++) {
        a->slots[i].task.kept = 0;
    }
    a->lost_kept = false;
}

enum fg_status fg_aggregator_step(struct fg_aggregator *a, const struct fg_event *ev, struct fg_actions *out)
{
    static const unsigned allowed[] = {
        [FG_EVENT_WAKE] = 1u << ASLEEP,
        [FG_EVENT_RESULT] = 1u << OPEN | 1u << ASLEEP, /* asleep: of an earlier round */
        [FG_EVENT_LOST] = 1u << OPEN | 1u << CLOSING | 1u << ASLEEP,
        [FG_EVENT_DEADLINE] = 1u << OPEN,
        [FG_EVENT_EVALUATED] = 1u << COMMITTED,
        [FG_EVENT_STOP] = 1u << ASLEEP | 1u << OPEN | 1u << CLOSING,
        [FG_EVENT_FORGET] = 1u << ASLEEP | 1u << COMMITTED,
    };
    out->n = 0;
    if ((unsigned)ev->kind >= sizeof allowed / sizeof *allowed || ev->now < a->now) {
        return FG_E_USAGE;
    }
    if ((allowed[ev->kind] >> a->phase & 1u) == 0) {
        return ev->kind == FG_EVENT_RESULT || ev->kind == FG_EVENT_LOST ? FG_E_STALE : FG_E_USAGE;
    }
    fg_time_t before = a->now;
    a->now = ev->now;
    enum fg_status st = FG_E_USAGE;
    switch (ev->kind) {
    case FG_EVENT_WAKE:
        st = fg_core_open(a, ev, out);
        break;
    case FG_EVENT_RESULT:
        st = take_result(a, ev, out);
        break;
    case FG_EVENT_LOST:
        st = take_lost(a, ev, out);
        break;
    case FG_EVENT_DEADLINE:
        st = fg_core_close(a, out);
        break;
    case FG_EVENT_EVALUATED:
        st = take_evaluation(a, ev, out);
        break;
    case FG_EVENT_STOP:
        st = stop(a, out);
        break;
    case FG_EVENT_FORGET:
        forget(a);
        st = FG_OK;
        break;
    }
    if (st == FG_E_STALE || st == FG_E_USAGE) {
        a->now = before;
    }
    return st;
}

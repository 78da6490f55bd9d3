/* The aggregator's state at a commit as bytes and back; its invariants; its totals. */
#include <math.h>
#include <string.h>

#include "src/aggregator/core_internal.h"
#include "src/base/bytes.h"
#include "src/base/mem.h"

enum { STATE_VERSION = 9 };

static enum fg_status save_totals(const struct fg_summary *t, struct fg_str *out)
{
    enum fg_status st;
    FG_TRY(fg_put_f64(out, t->accuracy));
    FG_TRY(fg_put_f64(out, t->loss));
    FG_TRY(fg_put_u64(out, (uint64_t)t->rounds_to_target));
    FG_TRY(fg_put_f64(out, t->virtual_s));
    FG_TRY(fg_put_f64(out, t->client_accuracy_mean));
    FG_TRY(fg_put_f64(out, t->client_accuracy_p10));
    FG_TRY(fg_put_f64(out, t->client_accuracy_worst));
    FG_TRY(fg_put_f64(out, t->saved.up_bytes));
    FG_TRY(fg_put_f64(out, t->saved.down_bytes));
    FG_TRY(fg_put_f64(out, t->saved.seconds));
    FG_TRY(fg_put_f64(out, t->saved.energy_wh));
    FG_TRY(fg_put_f64(out, t->saved.carbon_g));
cleanup:
    return st;
}

static void load_totals(struct fg_summary *t, struct fg_reader *r)
{
    t->accuracy = fg_get_f64(r);
    t->loss = fg_get_f64(r);
    t->rounds_to_target = (int64_t)fg_get_u64(r);
    t->virtual_s = fg_get_f64(r);
    t->client_accuracy_mean = fg_get_f64(r);
    t->client_accuracy_p10 = fg_get_f64(r);
    t->client_accuracy_worst = fg_get_f64(r);
    t->saved.up_bytes = fg_get_f64(r);
    t->saved.down_bytes = fg_get_f64(r);
    t->saved.seconds = fg_get_f64(r);
    t->saved.energy_wh = fg_get_f64(r);
    t->saved.carbon_g = fg_get_f64(r);
}

static enum fg_status save_ledger(const struct fg_ledger *l, struct fg_str *out)
{
    enum fg_status st = fg_put_u64(out, fg_ledger_saved_bytes(l));
    return st == FG_OK ? fg_ledger_save(l, out) : st;
}

enum fg_status fg_aggregator_save(const struct fg_aggregator *a, struct fg_str *out)
{
    bool own_rows = fg_rule_has_rows(a->rule->ops) && a->cfg.rule.rows.row == NULL;
    FG_ASSERT(!a->there.only);
    if (a->phase == OPEN || a->phase == CLOSING || a->unresolved != a->n_slots || own_rows) {
        return FG_E_USAGE;
    }
    enum fg_status st;
    const struct fg_rule *rule = a->rule;
    size_t p = a->cfg.rule.params, n = a->cfg.select.clients;
    FG_TRY(fg_put_u32(out, STATE_VERSION));
    FG_TRY(fg_put_u64(out, p));
    FG_TRY(fg_put_u64(out, n));
    FG_TRY(fg_put_u64(out, fg_rule_state(rule)));
    FG_TRY(fg_put_u64(out, a->average.params));
    FG_TRY(fg_put_u64(out, a->version));
    FG_TRY(fg_put_u64(out, a->next_id));
    FG_TRY(fg_put_u32(out, a->round));
    FG_TRY(fg_put_u64(out, (uint64_t)a->settled));
    FG_TRY(fg_put_u64(out, (uint64_t)a->wake));
    FG_TRY(save_totals(&a->total, out));
    FG_TRY(fg_put_f32s(out, a->x, p));
    if (a->cfg.average) {
        FG_TRY(fg_average_save(&a->average, out));
    }
    FG_TRY(fg_put_u64(out, rule->commits));
    FG_TRY(fg_put_f64s(out, rule->state, fg_rule_state(rule)));
    FG_TRY(fg_put_f64s(out, rule->scalar, n * rule->ops->scalars));
    FG_TRY(fg_put_u32s(out, a->tasks, n));
    FG_TRY(fg_put_f32s(out, a->last_loss, n));
    FG_TRY(fg_core_move_save(a, out));
    if (a->keeps != NULL) {
        FG_TRY(fg_put_u8(out, a->cfg.keeping == FG_KEEPING_AWAY));
        for (size_t i = 0; i < n; i++) {
            FG_TRY(fg_put_u64(out, a->keeps[i]));
        }
        FG_TRY(fg_put_u64(out, a->resets));
    }
    if (a->down != NULL) {
        FG_TRY(fg_down_save(a->down, out));
        FG_TRY(fg_put_u32s(out, a->holds, n));
    }
    FG_TRY(fg_put_f64(out, a->first_loss));
    FG_TRY(fg_put_f64(out, a->recent_loss));
    FG_TRY(fg_footprint_save(a->footprint, out));
    FG_TRY(fg_core_tally_save(&a->tally, out));
    FG_TRY(fg_watch_save(&a->watch, out));
    FG_TRY(fg_gauge_save(&a->gauge, out));
    FG_TRY(fg_select_save(a->policy, out));
    if (a->outlook != NULL) {
        FG_TRY(fg_outlook_save(a->outlook, out));
    }
    FG_TRY(save_ledger(a->ledger, out));
    FG_TRY(fg_core_save_slots(a, out));
    FG_TRY(fg_core_save_pending(a, out));
cleanup:
    return st;
}

static enum fg_status load_policy(struct fg_aggregator *a, struct fg_reader *r)
{
    a->first_loss = fg_get_f64(r);
    a->recent_loss = fg_get_f64(r);
    fg_footprint_load(a->footprint, r);
    fg_core_tally_load(&a->tally, r);
    fg_watch_load(&a->watch, r);
    fg_gauge_load(&a->gauge, r);
    enum fg_status st = fg_select_load(a->policy, r);
    return st == FG_OK && a->outlook != NULL ? fg_outlook_load(a->outlook, r) : st;
}

static void load_keeps(struct fg_aggregator *a, struct fg_reader *r)
{
    bool away = fg_get_u8(r) != 0 || a->cfg.keeping == FG_KEEPING_AWAY, any = false;
    for (uint32_t i = 0; i < a->cfg.select.clients && !r->bad; i++) {
        a->keeps[i] = fg_get_u64(r);
        r->bad = r->bad || (a->keeps[i] != 0 && a->tasks[i] == 0);
        any = any || a->keeps[i] != 0;
    }
    a->resets = fg_get_u64(r);
    a->lost_kept = away && any;
}

static enum fg_status load_down(struct fg_aggregator *a, struct fg_reader *r)
{
    enum fg_status st = fg_down_load(a->down, a->version, r);
    fg_get_u32s(r, a->holds, a->cfg.select.clients);
    for (uint32_t i = 0; i < a->cfg.select.clients; i++) {
        r->bad = r->bad || (a->holds[i] != 0 && (a->holds[i] - 1 > a->version || a->tasks[i] == 0));
    }
    return st;
}

static enum fg_status load_ledger(struct fg_aggregator *a, const void *bytes, uint64_t len,
                                  struct fg_err *err)
{
    struct fg_ledger *loaded;
    size_t n = a->cfg.select.clients;
    enum fg_status st = fg_ledger_load(&loaded, bytes, len, err);
    if (st == FG_OK && fg_ledger_clients(loaded) != n) {
        st = fg_fail(err, FG_E_CORRUPT, "aggregator state: a ledger of %u clients, expected %zu",
                     fg_ledger_clients(loaded), n);
        fg_ledger_destroy(loaded);
    }
    if (st == FG_OK) {
        fg_ledger_destroy(a->ledger);
        a->ledger = loaded;
    }
    return st;
}

static enum fg_status load_into(struct fg_aggregator *a, struct fg_reader *r, struct fg_err *err)
{
    size_t p = a->cfg.rule.params, n = a->cfg.select.clients;
    uint32_t format = fg_get_u32(r);
    if (format != STATE_VERSION) {
        return fg_fail(err, FG_E_VERSION, "aggregator state: format %u, this program reads %d", format,
                       STATE_VERSION);
    }
    uint64_t saved_p = fg_get_u64(r), saved_n = fg_get_u64(r);
    uint64_t state = fg_get_u64(r), averaged = fg_get_u64(r);
    if (saved_p != p || saved_n != n || state != fg_rule_state(a->rule) || averaged != a->average.params) {
        return fg_fail(err, FG_E_CORRUPT,
                       "aggregator state: %llu parameters, %llu clients, %llu numbers of the rule, %llu of a "
                       "mean; expected %zu, %zu, %zu, %zu",
                       (unsigned long long)saved_p, (unsigned long long)saved_n, (unsigned long long)state,
                       (unsigned long long)averaged, p, n, fg_rule_state(a->rule), a->average.params);
    }
    a->version = fg_get_u64(r);
    a->next_id = fg_get_u64(r);
    a->round = fg_get_u32(r);
    a->now = a->settled = (fg_time_t)fg_get_u64(r);
    a->wake = (fg_time_t)fg_get_u64(r);
    load_totals(&a->total, r);
    a->total.rounds = a->round;
    fg_get_f32s(r, a->x, p);
    if (a->cfg.average) {
        fg_average_load(&a->average, r);
        r->bad = r->bad || a->average.taken > a->version;
    }
    a->rule->commits = fg_get_u64(r);
    fg_get_f64s(r, a->rule->state, fg_rule_state(a->rule));
    fg_get_f64s(r, a->rule->scalar, n * a->rule->ops->scalars);
    fg_get_u32s(r, a->tasks, n);
    fg_get_f32s(r, a->last_loss, n);
    enum fg_status st = fg_core_move_load(a, r);
    if (a->keeps != NULL) {
        load_keeps(a, r);
    }
    st = st == FG_OK && a->down != NULL ? load_down(a, r) : st;
    st = st == FG_OK ? load_policy(a, r) : st;
    if (st != FG_OK) {
        return fg_fail(err, st, "aggregator state: %s", fg_status_text(st));
    }
    uint64_t len = fg_get_u64(r);
    const void *ledger = fg_get_bytes(r, len);
    st = fg_core_load_slots(a, r);
    st = st == FG_OK ? fg_core_load_pending(a, r) : st;
    if (st != FG_OK) {
        return fg_fail(err, st, "aggregator state: %s", fg_status_text(st));
    }
    if (ledger == NULL || !fg_reader_done(r)) {
        return fg_fail(err, FG_E_CORRUPT, "aggregator state: cut short or too long");
    }
    return load_ledger(a, ledger, len, err);
}

enum fg_status fg_aggregator_load(struct fg_aggregator *a, const void *bytes, size_t len, struct fg_err *err)
{
    FG_ASSERT(a->phase == ASLEEP && a->version == 0);
    struct fg_reader r = fg_reader_of(bytes, len);
    enum fg_status st = load_into(a, &r, err);
    if (st == FG_OK && fg_aggregator_check(a, err) != FG_OK) {
        st = FG_E_CORRUPT;
    }
    return st;
}

void fg_aggregator_summary(const struct fg_aggregator *a, struct fg_summary *s)
{
    struct fg_ledger_summary t;
    fg_ledger_summary(a->ledger, &t);
    *s = a->total;
    s->clients = a->cfg.select.clients;
    s->params = a->cfg.rule.params;
    s->target_accuracy = a->cfg.target_accuracy;
    s->uplink_bytes = t.uplink_bytes;
    s->downlink_bytes = t.downlink_bytes;
    s->energy_wh = t.energy_wh;
    s->carbon_g = t.carbon_g;
    s->money = a->cfg.select.prices != NULL ? a->money : -1.0;
    s->wasted_wh = t.wasted_wh;
    s->wasted_g = t.wasted_g;
    s->steps_total = t.steps_total;
    s->steps_wasted = t.steps_wasted;
    s->updates_used = t.updates_used + t.updates_partial;
    s->updates_partial = t.updates_partial;
    s->updates_lost = t.updates_lost + t.updates_stale; /* as n_lost of a round */
    s->updates_late = t.updates_late;
    s->asked = t.asked;
    s->states_reset = a->resets;
    s->models_averaged = a->average.taken;
    s->participation_tv = fg_core_apart(a);
    fg_footprint_summary(a->footprint, a->cfg.start, a->settled, &s->footprint);
    fg_core_skew(a, s);
    s->promise = (struct fg_promise){0};
    if (a->policy->ops->promise != NULL) {
        a->policy->ops->promise(a->policy, &s->promise);
    }
}

static const char *broken_invariant(const struct fg_aggregator *a)
{
    uint64_t tasks = 0;
    for (uint32_t i = 0; i < a->cfg.select.clients; i++) {
        tasks += a->tasks[i];
    }
    uint64_t closed = a->phase == COMMITTED ? 1 : 0; /* committed, its evaluation not in yet */
    if (a->version != a->round + closed) {
        return "the version is not the number of commits";
    }
    if (tasks + 1 != a->next_id) {
        return "the tasks of the clients do not add up to the ids given";
    }
    size_t open = 0;
    for (size_t i = 0; i < a->n_slots; i++) {
        open += a->slots[i].state != SLOT_DONE;
    }
    if (open != a->unresolved) {
        return "the count of open tasks is wrong";
    }
    if (a->rule->folded > a->n_slots) {
        return "more updates than tasks were folded in";
    }
    const struct fg_ledger_totals *t = fg_ledger_totals(a->ledger);
    uint64_t booked = 0;
    for (int v = 0; v < FG_VERDICTS; v++) {
        booked += t->tasks[v];
    }
    if (booked + a->n_slots != tasks) {
        return "the tasks booked are not the tasks of the committed rounds";
    }
    if (a->average.taken > a->version) {
        return "more models were averaged than committed";
    }
    if (a->watch.rounds != a->round + closed) {
        return "the rounds watched are not those committed";
    }
    if (a->round > a->cfg.rounds) {
        return "more rounds than configured";
    }
    return NULL;
}

enum fg_status fg_aggregator_check(const struct fg_aggregator *a, struct fg_err *err)
{
    const char *broken = broken_invariant(a);
    if (broken != NULL) {
        return fg_fail(err, FG_E_INTERNAL, "aggregator state: %s", broken);
    }
    return fg_ledger_check(a->ledger, err);
}

/* ---- looking in ---- */

const struct fg_round_record *fg_aggregator_record(const struct fg_aggregator *a)
{
    return &a->record;
}

const struct fg_participation *fg_aggregator_participation(const struct fg_aggregator *a, size_t *n)
{
    *n = a->n_rows;
    return a->rows;
}

const float *fg_aggregator_params(const struct fg_aggregator *a)
{
    return a->cfg.average ? a->average.rounded : a->there.only ? NULL : a->x;
}

struct fg_there fg_aggregator_there(const struct fg_aggregator *a)
{
    return a->down == NULL ? a->there : (struct fg_there){0};
}

enum fg_status fg_aggregator_bring(struct fg_aggregator *a)
{
    return fg_rule_bring(a->x, &a->there);
}

enum fg_status fg_aggregator_plural(const struct fg_aggregator *a, struct fg_plural *out)
{
    uint32_t blocks = fg_rule_blocks(a->rule), clients = a->cfg.select.clients;
    size_t p = a->cfg.rule.params;
    struct fg_plural found = {.blocks = blocks,
                              .params = fg_calloc(blocks * p, sizeof(float)),
                              .block_of = fg_calloc(blocks > 0 ? clients : 0, sizeof(uint32_t))};
    if (found.params == NULL || found.block_of == NULL) {
        fg_plural_fini(&found);
        return FG_E_NOMEM;
    }
    for (uint32_t b = 0; b < blocks; b++) {
        FG_ASSERT(!a->there.only);
        fg_rule_block(a->rule, b, a->x, found.params + b * p);
    }
    for (uint32_t c = 0; blocks > 0 && c < clients; c++) {
        found.block_of[c] = fg_rule_block_of(a->rule, c);
    }
    *out = found;
    return FG_OK;
}

void fg_plural_fini(struct fg_plural *p)
{
    fg_free(p->params);
    fg_free(p->block_of);
    *p = (struct fg_plural){0};
}

const float *fg_aggregator_start_of(const struct fg_aggregator *a, uint32_t client, uint64_t version)
{
    const float *kept = version == a->version ? fg_core_model(a) : fg_core_kept(a, version);
    FG_ASSERT(kept != a->x || !a->there.only);
    return kept != NULL ? kept : fg_rule_start(a->rule, client);
}

const struct fg_down *fg_aggregator_down(const struct fg_aggregator *a)
{
    return a->down;
}

uint64_t fg_aggregator_version(const struct fg_aggregator *a)
{
    return a->version;
}

fg_time_t fg_aggregator_now(const struct fg_aggregator *a)
{
    return a->now;
}

bool fg_aggregator_pending(const struct fg_aggregator *a)
{
    return a->phase == COMMITTED;
}

size_t fg_aggregator_goal(const struct fg_aggregator *a)
{
    return a->goal;
}

const uint64_t *fg_aggregator_keeps_of(const struct fg_aggregator *a)
{
    return a->keeps;
}

bool fg_aggregator_forgets(const struct fg_aggregator *a)
{
    return a->lost_kept;
}

const struct fg_ledger *fg_aggregator_ledger(const struct fg_aggregator *a)
{
    return a->ledger;
}

const struct fg_footprint *fg_aggregator_footprint(const struct fg_aggregator *a)
{
    return a->footprint;
}

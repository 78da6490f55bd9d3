/* The books of a round: what every task cost and came to, into ledger, record and participation rows. */
#include "src/aggregator/core_internal.h"
#include "src/base/mem.h"

static struct fg_participation row_of(const struct fg_aggregator *a, const struct slot *s,
                                      const struct fg_usage *cost)
{
    struct fg_participation row = {
        .round = a->round,
        .client = s->task.client,
        .shard = s->task.shard,
        .verdict = (uint8_t)s->verdict,
        .steps = s->outcome.steps,
        .steps_planned = s->task.kind == FG_TASK_TRAIN ? s->task.steps : 0,
        .staleness = fg_aggregator_keeps(a) ? (uint32_t)(a->version - s->task.version) : 0,
        .bytes_up = s->outcome.bytes_up,
        .bytes_down = s->outcome.bytes_down,
        .shard_bytes = s->ship_bytes,
        .loss = s->loss,
        .t_begin = s->outcome.t_begin,
        .t_end = s->outcome.t_end,
    };
    for (int i = 0; i < FG_COSTS; i++) {
        row.energy_j += cost->energy_j[i];
        row.carbon_g += cost->carbon_g[i];
    }
    return row;
}

static void count(struct fg_round_record *r, const struct fg_participation *row)
{
    bool wasted = fg_verdict_wastes((enum fg_verdict)row->verdict);
    r->n_used += fg_verdict_counts((enum fg_verdict)row->verdict);
    r->n_partial += row->verdict == FG_VERDICT_PARTIAL;
    r->n_lost += row->verdict == FG_VERDICT_LOST || row->verdict == FG_VERDICT_STALE;
    r->n_late += row->verdict == FG_VERDICT_LATE;
    r->steps_total += row->steps;
    r->uplink_bytes += row->bytes_up;
    r->downlink_bytes += row->bytes_down;
    r->energy_wh += row->energy_j / 3600.0;
    r->carbon_g += row->carbon_g;
    if (wasted) {
        r->steps_wasted += row->steps;
        r->wasted_wh += row->energy_j / 3600.0;
        r->wasted_g += row->carbon_g;
    }
}

enum fg_status fg_core_footprint_create(struct fg_aggregator *a, struct fg_err *err)
{
    struct fg_cost_model cost;
    fg_cost_model_defaults(&cost);
    return fg_footprint_create(&a->footprint, a->fleet, a->cfg.cost != NULL ? a->cfg.cost : &cost, err);
}

void fg_core_book_evaluation(struct fg_aggregator *a, bool global, bool clients)
{
    fg_footprint_evaluated(a->footprint, a->now,
                           (global ? a->cfg.eval_samples : 0) + (clients ? a->cfg.eval_client_samples : 0));
}

static void book_footprint_of(struct fg_aggregator *a, const struct slot *s, const struct fg_usage *cost)
{
    uint32_t client = s->task.client;
    double ships = (double)s->ship_bytes;
    struct fg_footprint_task t = {
        .client = client,
        .outcome = &s->outcome,
        .usage = cost,
        .verdict = s->verdict,
        .shard_share = ships > 0.0 ? ships / (double)s->bytes_down : 0.0,
        .first = s->first,
        .coded_bytes = a->down != NULL && s->bytes_down > s->ship_bytes ? a->cfg.model_bytes : 0,
        .t_next = s->next != 0 ? s->next : a->now};
    t.coded_bytes += a->cfg.coded && s->task.kind == FG_TASK_TRAIN ? a->cfg.model_bytes : 0;
    fg_footprint_task(a->footprint, &t);
}

/* What the task's transfers would have cost in float32, less what they did. */
static void book_saved(struct fg_aggregator *a, const struct slot *s, const struct fg_usage *cost)
{
    struct fg_outcome dense = s->outcome;
    struct fg_saved *saved = &a->total.saved;
    uint64_t due = s->bytes_down - s->ship_bytes;
    bool up =
        a->cfg.coded && (s->outcome.kind == FG_OUTCOME_ARRIVED || s->outcome.kind == FG_OUTCOME_PARTIAL);
    if (a->down != NULL && s->outcome.download_done && due > 0) {
        dense.bytes_down = a->cfg.model_bytes + s->ship_bytes;
        dense.download_us = fg_world_duration(a->fleet, s->task.client, dense.bytes_down, 0, 0.0, 0);
    }
    if (up && s->task.kind == FG_TASK_TRAIN) {
        dense.bytes_up = a->cfg.model_bytes;
        dense.upload_us = fg_world_duration(a->fleet, s->task.client, 0, 0, 0.0, dense.bytes_up);
    }
    struct fg_usage u;
    fg_ledger_usage(a->fleet, s->task.client, &dense, &u);
    saved->up_bytes += (double)dense.bytes_up - (double)s->outcome.bytes_up;
    saved->down_bytes += (double)dense.bytes_down - (double)s->outcome.bytes_down;
    saved->seconds +=
        fg_seconds(dense.download_us + dense.upload_us - s->outcome.download_us - s->outcome.upload_us);
    for (int i = 0; i < FG_COSTS; i++) {
        saved->energy_wh += (u.energy_j[i] - cost->energy_j[i]) / 3600.0;
        saved->carbon_g += u.carbon_g[i] - cost->carbon_g[i];
    }
}

/* What the round cost beside its tasks. */
static void book_round(struct fg_aggregator *a)
{
    uint64_t slots = 1;
    if (a->outlook != NULL) {
        slots = a->cfg.policy->horizon(&a->cfg.select);
    }
    fg_footprint_round(a->footprint, a->settled, a->now, a->up, a->n_up,
                       a->record.n_used * a->cfg.model_bytes, slots * a->cfg.select.clients);
}

enum fg_status fg_core_book(struct fg_aggregator *a)
{
    double loss = 0.0, weight = 0.0;
    bool trained = false;
    a->n_rows = 0;
    for (size_t i = 0; i < a->n_slots; i++) {
        struct slot *s = &a->slots[i];
        uint32_t client = s->task.client;
        if (s->state == SLOT_OPEN) {
            continue; /* under way */
        }
        enum fg_status st = FG_GROW(a->rows, a->n_rows, a->cap_rows);
        if (st != FG_OK) {
            return st;
        }
        struct fg_usage cost;
        fg_ledger_usage(a->fleet, client, &s->outcome, &cost);
        fg_ledger_book_usage(a->ledger, client, &cost, s->verdict);
        trained = trained || s->task.kind == FG_TASK_TRAIN;
        book_footprint_of(a, s, &cost);
        if (a->cfg.coded || a->down != NULL) {
            book_saved(a, s, &cost);
        }
        a->rows[a->n_rows] = row_of(a, s, &cost);
        fg_core_pay(a, client, &s->outcome, a->rows[a->n_rows].energy_j);
        count(&a->record, &a->rows[a->n_rows++]);
        if (a->cfg.shard_bytes != NULL && s->outcome.download_done) { /* it got far enough to begin */
            st = fg_holdings_add(&a->have, client, s->task.shard);
            if (st != FG_OK) {
                return st;
            }
        }
        if (a->down != NULL && s->outcome.download_done && s->task.version >= a->holds[client]) {
            a->holds[client] = (uint32_t)s->task.version + 1;
        }
        if (a->keeps != NULL && fg_verdict_counts(s->verdict)) {
            a->keeps[client] = s->kept;
            a->resets += s->reset;
        }
        if (!fg_verdict_wastes(s->verdict)) {
            a->last_loss[s->task.shard] = (float)s->loss;
        }
        if (fg_verdict_counts(s->verdict)) {
            loss += s->loss * (double)a->cfg.samples[s->task.shard];
            weight += (double)a->cfg.samples[s->task.shard];
        }
    }
    a->rounds_used += trained;
    book_round(a);
    fg_core_expect_commit(a);
    a->record.train_loss = weight > 0.0 ? loss / weight : -1.0;
    return FG_OK;
}

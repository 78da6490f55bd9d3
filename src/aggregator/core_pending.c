/* What is under way at a commit, as bytes and back: tasks of earlier rounds, which are given out again when
 * the run goes on; and the commit itself if its evaluation was stopped, which is asked for again. */
#include "src/aggregator/core_internal.h"
#include "src/base/bytes.h"
#include "src/base/mem.h"

/* Without the evaluation, which is what is missing. */
static enum fg_status put_record(struct fg_str *out, const struct fg_round_record *r)
{
    enum fg_status st;
    FG_TRY(fg_put_u64(out, (uint64_t)r->t_begin));
    FG_TRY(fg_put_u64(out, (uint64_t)r->t_end));
    FG_TRY(fg_put_u32(out, r->n_available));
    FG_TRY(fg_put_u32(out, r->n_selected));
    FG_TRY(fg_put_u32(out, r->n_used));
    FG_TRY(fg_put_u32(out, r->n_partial));
    FG_TRY(fg_put_u32(out, r->n_lost));
    FG_TRY(fg_put_u32(out, r->n_late));
    FG_TRY(fg_put_u64(out, r->steps_total));
    FG_TRY(fg_put_u64(out, r->steps_wasted));
    FG_TRY(fg_put_u64(out, r->uplink_bytes));
    FG_TRY(fg_put_u64(out, r->downlink_bytes));
    FG_TRY(fg_put_f64(out, r->energy_wh));
    FG_TRY(fg_put_f64(out, r->carbon_g));
    FG_TRY(fg_put_f64(out, r->wasted_wh));
    FG_TRY(fg_put_f64(out, r->wasted_g));
    FG_TRY(fg_put_f64(out, r->train_loss));
cleanup:
    return st;
}

static void get_record(struct fg_round_record *r, struct fg_reader *in)
{
    r->t_begin = (fg_time_t)fg_get_u64(in);
    r->t_end = (fg_time_t)fg_get_u64(in);
    r->n_available = fg_get_u32(in);
    r->n_selected = fg_get_u32(in);
    r->n_used = fg_get_u32(in);
    r->n_partial = fg_get_u32(in);
    r->n_lost = fg_get_u32(in);
    r->n_late = fg_get_u32(in);
    r->steps_total = fg_get_u64(in);
    r->steps_wasted = fg_get_u64(in);
    r->uplink_bytes = fg_get_u64(in);
    r->downlink_bytes = fg_get_u64(in);
    r->energy_wh = fg_get_f64(in);
    r->carbon_g = fg_get_f64(in);
    r->wasted_wh = fg_get_f64(in);
    r->wasted_g = fg_get_f64(in);
    r->train_loss = fg_get_f64(in);
}

static enum fg_status put_row(struct fg_str *out, const struct fg_participation *p)
{
    enum fg_status st;
    FG_TRY(fg_put_u32(out, p->client));
    FG_TRY(fg_put_u32(out, p->shard));
    FG_TRY(fg_put_u8(out, p->verdict));
    FG_TRY(fg_put_u32(out, p->steps));
    FG_TRY(fg_put_u32(out, p->steps_planned));
    FG_TRY(fg_put_u32(out, p->staleness));
    FG_TRY(fg_put_u64(out, p->bytes_up));
    FG_TRY(fg_put_u64(out, p->bytes_down));
    FG_TRY(fg_put_u64(out, p->shard_bytes));
    FG_TRY(fg_put_f64(out, p->energy_j));
    FG_TRY(fg_put_f64(out, p->carbon_g));
    FG_TRY(fg_put_f64(out, p->loss));
    FG_TRY(fg_put_u64(out, (uint64_t)p->t_begin));
    FG_TRY(fg_put_u64(out, (uint64_t)p->t_end));
cleanup:
    return st;
}

static void get_row(struct fg_participation *p, struct fg_reader *in)
{
    p->client = fg_get_u32(in);
    p->shard = fg_get_u32(in);
    p->verdict = fg_get_u8(in);
    p->steps = fg_get_u32(in);
    p->steps_planned = fg_get_u32(in);
    p->staleness = fg_get_u32(in);
    p->bytes_up = fg_get_u64(in);
    p->bytes_down = fg_get_u64(in);
    p->shard_bytes = fg_get_u64(in);
    p->energy_j = fg_get_f64(in);
    p->carbon_g = fg_get_f64(in);
    p->loss = fg_get_f64(in);
    p->t_begin = (fg_time_t)fg_get_u64(in);
    p->t_end = (fg_time_t)fg_get_u64(in);
}

/* ---- tasks under way ---- */

enum fg_status fg_core_save_slots(const struct fg_aggregator *a, struct fg_str *out)
{
    enum fg_status st;
    bool ended = a->phase == FINISHED && a->last; /* else who goes on would begin another round */
    FG_TRY(fg_put_u8(out, a->winding || ended));
    FG_TRY(fg_put_u64(out, a->skew.rounds));
    FG_TRY(fg_put_f64(out, a->skew.sum));
    FG_TRY(fg_put_f64(out, a->skew.low));
    FG_TRY(fg_put_u32(out, (uint32_t)a->n_slots));
    for (size_t i = 0; i < a->n_slots; i++) {
        const struct slot *s = &a->slots[i];
        FG_TRY(fg_put_u64(out, s->task.id));
        FG_TRY(fg_put_u64(out, s->task.version));
        FG_TRY(fg_put_u32(out, s->task.client));
        FG_TRY(fg_put_u32(out, s->task.shard));
        FG_TRY(fg_put_u32(out, s->task.number));
        FG_TRY(fg_put_u32(out, s->task.round));
        FG_TRY(fg_put_u32(out, s->task.steps));
        FG_TRY(fg_put_f64(out, (double)s->task.lr));
        FG_TRY(fg_put_f64(out, (double)s->task.variance));
        FG_TRY(fg_put_f64(out, s->factor));
        FG_TRY(fg_put_u64(out, (uint64_t)s->begin));
        FG_TRY(fg_put_u64(out, s->bytes_down));
        FG_TRY(fg_put_u64(out, s->ship_bytes));
        FG_TRY(fg_put_u8(out, (uint8_t)(s->first + 2 * s->copy)));
    }
    FG_TRY(fg_put_u32(out, (uint32_t)a->n_kept));
    for (size_t i = 0; i < a->n_kept; i++) {
        FG_TRY(fg_put_u64(out, a->kept[i].version));
        FG_TRY(fg_put_f32s(out, a->kept[i].x, a->cfg.rule.params));
    }
cleanup:
    return st;
}

static enum fg_status load_slot(struct fg_aggregator *a, struct fg_reader *in)
{
    enum fg_status st = FG_GROW(a->slots, a->n_slots, a->cap_slots);
    if (st != FG_OK) {
        return st;
    }
    uint64_t before = a->n_slots > 0 ? a->slots[a->n_slots - 1].task.id : 0;
    struct slot *s = &a->slots[a->n_slots++];
    *s = (struct slot){.task = {.kind = FG_TASK_TRAIN}};
    s->task.id = fg_get_u64(in);
    s->task.version = fg_get_u64(in);
    s->task.client = fg_get_u32(in);
    s->task.shard = fg_get_u32(in);
    s->task.number = fg_get_u32(in);
    s->task.round = fg_get_u32(in);
    s->task.steps = fg_get_u32(in);
    s->task.kept = a->keeps != NULL && s->task.client < a->cfg.select.clients ? a->keeps[s->task.client] : 0;
    s->task.lr = (float)fg_get_f64(in);
    s->task.variance = (float)fg_get_f64(in);
    s->factor = fg_get_f64(in);
    s->begin = (fg_time_t)fg_get_u64(in);
    s->bytes_down = fg_get_u64(in);
    s->ship_bytes = fg_get_u64(in);
    uint8_t flags = fg_get_u8(in);
    s->first = (flags & 1) != 0;
    s->copy = (flags & 2) != 0;
    in->bad = in->bad || s->task.id <= before || s->task.id >= a->next_id || s->task.version > a->version ||
              s->task.client >= a->cfg.select.clients || s->task.shard >= a->cfg.select.clients ||
              s->begin > a->now || flags > 3;
    return FG_OK;
}

enum fg_status fg_core_load_slots(struct fg_aggregator *a, struct fg_reader *in)
{
    a->winding = a->last = fg_get_u8(in) != 0;
    a->skew.rounds = fg_get_u64(in);
    a->skew.sum = fg_get_f64(in);
    a->skew.low = fg_get_f64(in);
    uint32_t n = fg_get_u32(in);
    enum fg_status st = FG_OK;
    for (uint32_t i = 0; i < n && !in->bad && st == FG_OK; i++) {
        st = load_slot(a, in);
    }
    n = fg_get_u32(in);
    for (uint32_t i = 0; i < n && !in->bad && st == FG_OK; i++) {
        uint64_t version = fg_get_u64(in);
        st = fg_core_keep(a, version, a->x);
        if (st == FG_OK) {
            fg_get_f32s(in, a->kept[i].x, a->cfg.rule.params);
        }
    }
    for (size_t i = 0; i < a->n_slots; i++) { /* each has what it started from */
        uint64_t version = a->slots[i].task.version;
        in->bad = in->bad || (version != a->version && fg_core_kept(a, version) == NULL);
    }
    fg_core_rest(a);
    return st;
}

/* ---- the commit ---- */

enum fg_status fg_core_save_pending(const struct fg_aggregator *a, struct fg_str *out)
{
    bool pending = a->phase == COMMITTED;
    enum fg_status st;
    FG_TRY(fg_put_u8(out, pending));
    if (pending) {
        FG_TRY(fg_put_u8(out, a->last));
        FG_TRY(put_record(out, &a->record));
        FG_TRY(fg_put_u32(out, (uint32_t)a->n_rows));
    }
    for (size_t i = 0; pending && i < a->n_rows; i++) {
        FG_TRY(put_row(out, &a->rows[i]));
    }
cleanup:
    return st;
}

enum fg_status fg_core_load_pending(struct fg_aggregator *a, struct fg_reader *in)
{
    if (fg_get_u8(in) == 0) {
        return FG_OK;
    }
    a->record = (struct fg_round_record){.round = a->round, .version = a->version};
    a->last = fg_get_u8(in) != 0;
    get_record(&a->record, in);
    uint32_t n = fg_get_u32(in);
    for (a->n_rows = 0; a->n_rows < n && !in->bad; a->n_rows++) {
        enum fg_status st = FG_GROW(a->rows, a->n_rows, a->cap_rows);
        if (st != FG_OK) {
            return st;
        }
        a->rows[a->n_rows] = (struct fg_participation){.round = a->round};
        get_row(&a->rows[a->n_rows], in);
        in->bad = in->bad || a->rows[a->n_rows].client >= a->cfg.select.clients ||
                  a->rows[a->n_rows].shard >= a->cfg.select.clients ||
                  a->rows[a->n_rows].verdict > FG_VERDICT_ASKED;
    }
    in->bad = in->bad || a->record.t_end < a->now;
    a->now = in->bad ? a->now : a->record.t_end;
    a->phase = COMMITTED;
    return FG_OK;
}

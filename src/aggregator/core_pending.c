/* A commit whose evaluation was stopped, as bytes and back: it is asked for again when the run goes on. */
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
    FG_TRY(fg_put_u8(out, p->verdict));
    FG_TRY(fg_put_u32(out, p->steps));
    FG_TRY(fg_put_u32(out, p->steps_planned));
    FG_TRY(fg_put_u64(out, p->bytes_up));
    FG_TRY(fg_put_u64(out, p->bytes_down));
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
    p->verdict = fg_get_u8(in);
    p->steps = fg_get_u32(in);
    p->steps_planned = fg_get_u32(in);
    p->bytes_up = fg_get_u64(in);
    p->bytes_down = fg_get_u64(in);
    p->energy_j = fg_get_f64(in);
    p->carbon_g = fg_get_f64(in);
    p->loss = fg_get_f64(in);
    p->t_begin = (fg_time_t)fg_get_u64(in);
    p->t_end = (fg_time_t)fg_get_u64(in);
}

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
                  a->rows[a->n_rows].verdict > FG_VERDICT_STALE;
    }
    in->bad = in->bad || a->record.t_end < a->now;
    a->now = in->bad ? a->now : a->record.t_end;
    a->phase = COMMITTED;
    return FG_OK;
}

#include "src/aggregator/event_io.h"

#include "src/base/bytes.h"
#include "src/base/mem.h"

static enum fg_status put_outcome(struct fg_str *s, const struct fg_outcome *o)
{
    enum fg_status st;
    FG_TRY(fg_put_u8(s, (uint8_t)o->kind));
    FG_TRY(fg_put_u8(s, o->download_done));
    FG_TRY(fg_put_u32(s, o->steps));
    FG_TRY(fg_put_u64(s, (uint64_t)o->t_begin));
    FG_TRY(fg_put_u64(s, (uint64_t)o->t_end));
    FG_TRY(fg_put_u64(s, (uint64_t)o->download_us));
    FG_TRY(fg_put_u64(s, (uint64_t)o->compute_us));
    FG_TRY(fg_put_u64(s, (uint64_t)o->upload_us));
    FG_TRY(fg_put_u64(s, o->bytes_down));
    FG_TRY(fg_put_u64(s, o->bytes_up));
cleanup:
    return st;
}

static void get_outcome(struct fg_outcome *o, struct fg_reader *r)
{
    uint8_t kind = fg_get_u8(r);
    r->bad = r->bad || kind > FG_OUTCOME_CUT;
    o->kind = (enum fg_outcome_kind)kind;
    o->download_done = fg_get_u8(r) != 0;
    o->steps = fg_get_u32(r);
    o->t_begin = (fg_time_t)fg_get_u64(r);
    o->t_end = (fg_time_t)fg_get_u64(r);
    o->download_us = (fg_time_t)fg_get_u64(r);
    o->compute_us = (fg_time_t)fg_get_u64(r);
    o->upload_us = (fg_time_t)fg_get_u64(r);
    o->bytes_down = fg_get_u64(r);
    o->bytes_up = fg_get_u64(r);
}

static enum fg_status put_evaluation(struct fg_str *s, const struct fg_evaluation *e)
{
    enum fg_status st;
    FG_TRY(fg_put_u8(s, (uint8_t)((e->have ? 1 : 0) | (e->have_clients ? 2 : 0))));
    FG_TRY(fg_put_f64(s, e->loss));
    FG_TRY(fg_put_f64(s, e->accuracy));
    FG_TRY(fg_put_f64(s, e->client_mean));
    FG_TRY(fg_put_f64(s, e->client_p10));
    FG_TRY(fg_put_f64(s, e->client_worst));
cleanup:
    return st;
}

static void get_evaluation(struct fg_evaluation *e, struct fg_reader *r)
{
    uint8_t which = fg_get_u8(r);
    e->have = (which & 1) != 0;
    e->have_clients = (which & 2) != 0;
    e->loss = fg_get_f64(r);
    e->accuracy = fg_get_f64(r);
    e->client_mean = fg_get_f64(r);
    e->client_p10 = fg_get_f64(r);
    e->client_worst = fg_get_f64(r);
}

enum fg_status fg_event_encode(struct fg_str *out, const struct fg_event *ev)
{
    enum fg_status st;
    FG_TRY(fg_put_u8(out, (uint8_t)ev->kind));
    FG_TRY(fg_put_u64(out, (uint64_t)ev->now));
    FG_TRY(fg_put_u64(out, ev->id));
    if (ev->kind == FG_EVENT_WAKE) {
        FG_TRY(fg_put_u32(out, (uint32_t)ev->n_available));
        FG_TRY(fg_put_u32s(out, ev->available, ev->n_available));
    }
    if (ev->kind == FG_EVENT_RESULT || ev->kind == FG_EVENT_LOST) {
        FG_TRY(put_outcome(out, ev->outcome));
    }
    if (ev->kind == FG_EVENT_RESULT) {
        FG_TRY(fg_put_u32(out, ev->result->client));
        FG_TRY(fg_put_u32(out, ev->result->steps));
        FG_TRY(fg_put_u32(out, ev->result->samples));
        FG_TRY(fg_put_f64(out, ev->result->loss));
        if (ev->result->kept != 0) {
            FG_TRY(fg_put_u64(out, ev->result->kept));
            FG_TRY(fg_put_u8(out, ev->result->reset != 0));
        }
    }
    if (ev->kind == FG_EVENT_EVALUATED) {
        FG_TRY(put_evaluation(out, &ev->evaluation));
    }
cleanup:
    return st;
}

static enum fg_status get_available(struct fg_event_copy *out, struct fg_reader *r)
{
    uint32_t n = fg_get_u32(r);
    const void *list = fg_get_bytes(r, (size_t)n * sizeof(uint32_t));
    if (list == NULL) {
        return FG_E_CORRUPT;
    }
    if (n > out->cap) {
        enum fg_status st = fg_realloc(&out->available, n, sizeof *out->available);
        if (st != FG_OK) {
            return st;
        }
        out->cap = n;
    }
    struct fg_reader again = fg_reader_of(list, (size_t)n * sizeof(uint32_t));
    fg_get_u32s(&again, out->available, n);
    out->ev.available = out->available;
    out->ev.n_available = n;
    return FG_OK;
}

enum fg_status fg_event_decode(struct fg_event_copy *out, const void *bytes, size_t len)
{
    struct fg_reader r = fg_reader_of(bytes, len);
    enum fg_status st = FG_OK;
    uint8_t kind = fg_get_u8(&r);
    if (r.bad || kind > FG_EVENT_FORGET) {
        return FG_E_CORRUPT;
    }
    out->ev = (struct fg_event){.kind = (enum fg_event_kind)kind};
    out->ev.now = (fg_time_t)fg_get_u64(&r);
    out->ev.id = fg_get_u64(&r);
    if (kind == FG_EVENT_WAKE) {
        st = get_available(out, &r);
    }
    if (kind == FG_EVENT_RESULT || kind == FG_EVENT_LOST) {
        get_outcome(&out->outcome, &r);
        out->ev.outcome = &out->outcome;
    }
    if (kind == FG_EVENT_RESULT) {
        out->result = (struct fg_result){.id = out->ev.id, .wire_bytes = out->outcome.bytes_up};
        out->result.client = fg_get_u32(&r);
        out->result.steps = fg_get_u32(&r);
        out->result.samples = fg_get_u32(&r);
        out->result.loss = fg_get_f64(&r);
        if (!r.bad && !fg_reader_done(&r)) {
            out->result.kept = fg_get_u64(&r);
            out->result.reset = fg_get_u8(&r);
            r.bad = r.bad || out->result.kept == 0 || out->result.reset > 1;
        }
        out->ev.result = &out->result;
    }
    if (kind == FG_EVENT_EVALUATED) {
        get_evaluation(&out->ev.evaluation, &r);
    }
    return st != FG_OK ? st : fg_reader_done(&r) ? FG_OK : FG_E_CORRUPT;
}

void fg_event_copy_fini(struct fg_event_copy *c)
{
    fg_free(c->available);
    c->available = NULL;
    c->cap = 0;
}

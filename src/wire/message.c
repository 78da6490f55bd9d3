#include "src/wire/message.h"

#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/codec.h"
#include "src/wire/pack.h"

/* The next len bytes in place; lengths from outside are 64 bits wide. */
static const uint8_t *view(struct fg_reader *r, uint64_t len)
{
    if (len > FG_FRAME_MAX) {
        r->bad = true;
        return NULL;
    }
    return fg_get_bytes(r, (size_t)len);
}

/* A text: 32-bit length, then its bytes. */
static size_t text_size(struct fg_view v)
{
    return 4 + v.len;
}

static void put_text(struct fg_packer *w, struct fg_view v)
{
    fg_pack_le(w, v.len, 4);
    fg_pack_bytes(w, v.data, v.len);
}

static struct fg_view get_text(struct fg_reader *r)
{
    uint32_t len = fg_get_u32(r);
    if (len > FG_MSG_TEXT_MAX) {
        r->bad = true;
        return (struct fg_view){0};
    }
    const uint8_t *data = view(r, len);
    return (struct fg_view){.data = data, .len = data != NULL ? len : 0};
}

/* A blob: 64-bit length, then its bytes. */
static struct fg_view get_blob(struct fg_reader *r)
{
    uint64_t len = fg_get_u64(r);
    const uint8_t *data = view(r, len);
    return (struct fg_view){.data = data, .len = data != NULL ? (size_t)len : 0};
}

static enum fg_status texts_fit(const struct fg_msg *m)
{
    size_t longest = 0;
    if (m->type == FG_MSG_HELLO) {
        longest = m->u.hello.version.len;
        longest = m->u.hello.host.len > longest ? m->u.hello.host.len : longest;
        longest = m->u.hello.isa.len > longest ? m->u.hello.isa.len : longest;
    } else if (m->type == FG_MSG_REFUSED) {
        longest = m->u.refused.text.len;
    }
    return longest <= FG_MSG_TEXT_MAX ? FG_OK : FG_E_RANGE;
}

static uint64_t steps_size(const struct fg_msg *m)
{
    uint64_t size = 0;
    for (uint64_t i = 0; i < m->u.steps.version - m->u.steps.from && size <= FG_FRAME_MAX; i++) {
        size += 8 + (uint64_t)m->u.steps.list[i].len;
    }
    return size;
}

/* Of a RESULT: what lies before the delta, and where the number of its values is, and then its codec. */
enum { RESULT_BYTES = 80, RESULT_PARAMS_AT = 48, RESULT_RESET = 1, RESULT_NOT_FINITE = 2 };

/* Bytes of the payload. Lengths of arrays are bounded by FG_FRAME_MAX first, so that sums cannot wrap. */
static enum fg_status payload_size(size_t *size, const struct fg_msg *m)
{
    uint64_t array = 0, fixed = 0;
    switch (m->type) {
    case FG_MSG_HELLO:
        fixed = 4 + text_size(m->u.hello.version) + text_size(m->u.hello.host) + text_size(m->u.hello.isa);
        break;
    case FG_MSG_WELCOME:
        fixed = 16 + 4 * FG_MSG_INPUT + 8;
        array = m->u.welcome.config.len;
        break;
    case FG_MSG_MODEL:
        fixed = 16;
        array = m->u.model.params <= FG_FRAME_MAX ? 4 * m->u.model.params : UINT64_MAX;
        break;
    case FG_MSG_STEPS:
        fixed = 40;
        array = steps_size(m);
        break;
    case FG_MSG_TASKS:
        fixed = 16;
        array = (uint64_t)m->u.tasks.n * FG_MSG_TASK_BYTES;
        break;
    case FG_MSG_SHARD_REQ:
        fixed = FG_SHARD_HASH_BYTES;
        break;
    case FG_MSG_SHARD:
        fixed = FG_SHARD_HASH_BYTES + 8;
        array = m->u.shard.bytes.len;
        break;
    case FG_MSG_RESULT:
        fixed = RESULT_BYTES;
        array = m->u.result.delta.len;
        break;
    case FG_MSG_REFUSED:
        fixed = 12 + text_size(m->u.refused.text);
        break;
    case FG_MSG_STATE:
        fixed = 16;
        array = m->u.state.bytes.len;
        break;
    case FG_MSG_ADD:
        fixed = 16;
        array = (uint64_t)m->u.add.n * FG_MSG_TERM_BYTES;
        break;
    case FG_MSG_READY:
    case FG_MSG_SUM_REQ:
        fixed = 8;
        break;
    case FG_MSG_SUM:
        fixed = 16;
        array = m->u.sum.bytes.len;
        break;
    case FG_MSG_STOP:
    case FG_MSG_BYE:
        fixed = 4;
        break;
    case FG_MSG_PING:
    case FG_MSG_PONG:
        fixed = 16;
        break;
    }
    if (array > FG_FRAME_MAX || texts_fit(m) != FG_OK) {
        return FG_E_RANGE;
    }
    *size = (size_t)(fixed + array);
    return FG_OK;
}

static void put_task(struct fg_packer *w, const struct fg_msg_task *t)
{
    fg_pack_le(w, t->task.id, 8);
    fg_pack_le(w, t->task.version, 8);
    fg_pack_le(w, t->task.kind, 4);
    fg_pack_le(w, t->task.client, 4);
    fg_pack_le(w, t->task.number, 4);
    fg_pack_le(w, t->task.round, 4);
    fg_pack_le(w, t->task.steps, 4);
    fg_pack_f32(w, t->task.lr);
    fg_pack_le(w, t->has_shard ? 1 : 0, 4);
    fg_pack_le(w, t->task.shard, 4);
    fg_pack_bytes(w, t->shard, FG_SHARD_HASH_BYTES);
    fg_pack_le(w, t->task.kept, 8);
    fg_pack_f32(w, t->task.variance);
}

static void get_task(struct fg_msg_task *t, const uint8_t *raw)
{
    struct fg_reader r = fg_reader_of(raw, FG_MSG_TASK_BYTES);
    t->task.id = fg_get_u64(&r);
    t->task.version = fg_get_u64(&r);
    t->task.kind = fg_get_u32(&r);
    t->task.client = fg_get_u32(&r);
    t->task.number = fg_get_u32(&r);
    t->task.round = fg_get_u32(&r);
    t->task.steps = fg_get_u32(&r);
    fg_get_f32s(&r, &t->task.lr, 1);
    t->has_shard = fg_get_u32(&r) != 0;
    t->task.shard = fg_get_u32(&r);
    const uint8_t *hash = view(&r, FG_SHARD_HASH_BYTES);
    memcpy(t->shard, hash, FG_SHARD_HASH_BYTES);
    t->task.kept = fg_get_u64(&r);
    fg_get_f32s(&r, &t->task.variance, 1);
}

static void put_result(struct fg_packer *w, const struct fg_msg *m)
{
    const struct fg_result *res = &m->u.result.result;
    fg_pack_le(w, res->id, 8);
    fg_pack_le(w, res->client, 4);
    fg_pack_le(w, res->steps, 4);
    fg_pack_le(w, res->samples, 4);
    fg_pack_le(w, res->correct, 4);
    fg_pack_le(w, res->scored, 8);
    fg_pack_f64(w, res->loss);
    fg_pack_le(w, res->wire_bytes, 8);
    fg_pack_le(w, m->u.result.params, 8);
    fg_pack_le(w, m->u.result.codec, 4);
    fg_pack_le(w, (res->reset ? RESULT_RESET : 0) | (res->seen == FG_SEEN_NOT_FINITE ? RESULT_NOT_FINITE : 0),
               4);
    fg_pack_le(w, res->kept, 8);
    fg_pack_le(w, m->u.result.delta.len, 8);
    fg_pack_bytes(w, m->u.result.delta.data, m->u.result.delta.len);
}

static void put_steps(struct fg_packer *w, const struct fg_msg *m)
{
    fg_pack_le(w, m->u.steps.version, 8);
    fg_pack_le(w, m->u.steps.from, 8);
    fg_pack_le(w, m->u.steps.params, 8);
    fg_pack_le(w, m->u.steps.hash, 8);
    fg_pack_le(w, m->u.steps.codec, 4);
    fg_pack_le(w, 0, 4);
    for (uint64_t i = 0; i < m->u.steps.version - m->u.steps.from; i++) {
        fg_pack_le(w, m->u.steps.list[i].len, 8);
        fg_pack_bytes(w, m->u.steps.list[i].data, m->u.steps.list[i].len);
    }
}

static void put_add(struct fg_packer *w, const struct fg_msg *m)
{
    fg_pack_le(w, m->u.add.sum, 8);
    fg_pack_le(w, m->u.add.n, 4);
    fg_pack_le(w, 0, 4);
    for (uint32_t i = 0; i < m->u.add.n; i++) {
        fg_pack_le(w, m->u.add.list[i].id, 8);
        fg_pack_f64(w, m->u.add.list[i].weight);
    }
}

static void put_control(struct fg_packer *w, const struct fg_msg *m)
{
    if (m->type == FG_MSG_REFUSED) {
        fg_pack_le(w, m->u.refused.task, 8);
        fg_pack_le(w, (uint32_t)m->u.refused.reason, 4);
        put_text(w, m->u.refused.text);
    } else if (m->type == FG_MSG_STOP || m->type == FG_MSG_BYE) {
        fg_pack_le(w, m->u.end.reason, 4);
    } else {
        fg_pack_le(w, m->u.ping.token, 8);
        fg_pack_le(w, m->u.ping.queued, 4);
        fg_pack_le(w, m->u.ping.running, 4);
    }
}

static void put_payload(struct fg_packer *w, const struct fg_msg *m)
{
    switch (m->type) {
    case FG_MSG_HELLO:
        fg_pack_le(w, m->u.hello.pid, 4);
        put_text(w, m->u.hello.version);
        put_text(w, m->u.hello.host);
        put_text(w, m->u.hello.isa);
        break;
    case FG_MSG_WELCOME:
        fg_pack_le(w, m->u.welcome.worker, 4);
        fg_pack_le(w, m->u.welcome.sums, 4);
        fg_pack_le(w, m->u.welcome.params, 8);
        for (size_t i = 0; i < FG_MSG_INPUT; i++) {
            fg_pack_le(w, m->u.welcome.input[i], 4);
        }
        fg_pack_le(w, m->u.welcome.config.len, 8);
        fg_pack_bytes(w, m->u.welcome.config.data, m->u.welcome.config.len);
        break;
    case FG_MSG_READY:
        fg_pack_le(w, m->u.ready.cohort, 4);
        fg_pack_le(w, m->u.ready.cores, 4);
        break;
    case FG_MSG_MODEL:
        fg_pack_le(w, m->u.model.version, 8);
        fg_pack_le(w, m->u.model.params, 8);
        fg_pack_f32s(w, m->u.model.values, (size_t)m->u.model.params);
        break;
    case FG_MSG_STEPS:
        put_steps(w, m);
        break;
    case FG_MSG_TASKS:
        fg_pack_le(w, m->u.tasks.floor, 8);
        fg_pack_le(w, m->u.tasks.n, 4);
        fg_pack_le(w, m->u.tasks.cohort, 4);
        for (uint32_t i = 0; i < m->u.tasks.n; i++) {
            put_task(w, &m->u.tasks.list[i]);
        }
        break;
    case FG_MSG_SHARD_REQ:
        fg_pack_bytes(w, m->u.shard.hash, FG_SHARD_HASH_BYTES);
        break;
    case FG_MSG_SHARD:
        fg_pack_bytes(w, m->u.shard.hash, FG_SHARD_HASH_BYTES);
        fg_pack_le(w, m->u.shard.bytes.len, 8);
        fg_pack_bytes(w, m->u.shard.bytes.data, m->u.shard.bytes.len);
        break;
    case FG_MSG_RESULT:
        put_result(w, m);
        break;
    case FG_MSG_STATE:
        fg_pack_le(w, m->u.state.task, 8);
        fg_pack_le(w, m->u.state.bytes.len, 8);
        fg_pack_bytes(w, m->u.state.bytes.data, m->u.state.bytes.len);
        break;
    case FG_MSG_ADD:
        put_add(w, m);
        break;
    case FG_MSG_SUM_REQ:
        fg_pack_le(w, m->u.sum.sum, 8);
        break;
    case FG_MSG_SUM:
        fg_pack_le(w, m->u.sum.sum, 8);
        fg_pack_le(w, m->u.sum.bytes.len, 8);
        fg_pack_bytes(w, m->u.sum.bytes.data, m->u.sum.bytes.len);
        break;
    case FG_MSG_REFUSED:
    case FG_MSG_STOP:
    case FG_MSG_BYE:
    case FG_MSG_PING:
    case FG_MSG_PONG:
        put_control(w, m);
        break;
    }
}

static struct fg_msg_values values_of(uint32_t type, uint64_t params, uint32_t codec_id, size_t payload)
{
    const struct fg_codec *codec = type == FG_MSG_RESULT ? fg_codec_by_id(codec_id) : NULL;
    size_t size = codec != NULL ? codec->plain : 0;
    if (size == 0 || params == 0 || params > (payload - RESULT_BYTES) / size) {
        return (struct fg_msg_values){payload, 0};
    }
    return (struct fg_msg_values){payload - (size_t)params * size, size};
}

enum fg_status fg_msg_encode(uint8_t **bytes, size_t *len, const struct fg_msg *m, uint64_t run_id,
                             uint64_t seq)
{
    size_t size = 0;
    uint8_t *frame = NULL, *payload = NULL;
    enum fg_status st = payload_size(&size, m);
    if (st == FG_OK) {
        st = fg_frame_alloc(&frame, &payload, size);
    }
    if (st != FG_OK) {
        return st;
    }
    struct fg_packer w = {.p = payload, .left = size};
    put_payload(&w, m);
    struct fg_frame f = {.type = (uint16_t)m->type, .run_id = run_id, .seq = seq, .payload_len = size};
    bool result = m->type == FG_MSG_RESULT;
    struct fg_msg_values v =
        values_of(f.type, result ? m->u.result.params : 0, result ? m->u.result.codec : 0, size);
    fg_frame_seal(frame, &f, v.size > 0 ? v.at : 0);
    *bytes = frame;
    *len = FG_FRAME_HEADER_BYTES + size;
    return FG_OK;
}

static void get_result(struct fg_msg *m, struct fg_reader *r)
{
    struct fg_result *res = &m->u.result.result;
    res->id = fg_get_u64(r);
    res->client = fg_get_u32(r);
    res->steps = fg_get_u32(r);
    res->samples = fg_get_u32(r);
    res->correct = fg_get_u32(r);
    res->scored = fg_get_u64(r);
    res->loss = fg_get_f64(r);
    res->wire_bytes = fg_get_u64(r);
    m->u.result.params = fg_get_u64(r);
    m->u.result.codec = fg_get_u32(r);
    uint32_t bits = fg_get_u32(r);
    res->reset = (bits & RESULT_RESET) != 0;
    res->seen = (bits & RESULT_NOT_FINITE) != 0 ? FG_SEEN_NOT_FINITE : FG_SEEN_NOT;
    res->kept = fg_get_u64(r);
    m->u.result.delta = get_blob(r);
}

/* At least one step, and as many as there are blobs. */
static void get_steps(struct fg_msg *m, struct fg_reader *r)
{
    m->u.steps.version = fg_get_u64(r);
    m->u.steps.from = fg_get_u64(r);
    m->u.steps.params = fg_get_u64(r);
    m->u.steps.hash = fg_get_u64(r);
    m->u.steps.codec = fg_get_u32(r);
    (void)fg_get_u32(r);
    r->bad = r->bad || m->u.steps.version <= m->u.steps.from;
    m->u.steps.raw.data = r->p;
    for (uint64_t i = m->u.steps.from; i < m->u.steps.version && !r->bad; i++) {
        (void)get_blob(r);
    }
    m->u.steps.raw.len = r->bad ? 0 : (size_t)(r->p - m->u.steps.raw.data);
}

static void get_hash(struct fg_msg *m, struct fg_reader *r)
{
    const uint8_t *hash = view(r, FG_SHARD_HASH_BYTES);
    if (hash != NULL) {
        memcpy(m->u.shard.hash, hash, FG_SHARD_HASH_BYTES);
    }
}

static void get_control(struct fg_msg *m, struct fg_reader *r)
{
    if (m->type == FG_MSG_REFUSED) {
        m->u.refused.task = fg_get_u64(r);
        uint32_t reason = fg_get_u32(r);
        m->u.refused.text = get_text(r);
        r->bad = r->bad || reason < FG_REFUSED_CONFIG || reason > FG_REFUSED_LOST;
        m->u.refused.reason = (enum fg_refusal)reason;
    } else if (m->type == FG_MSG_STOP || m->type == FG_MSG_BYE) {
        m->u.end.reason = fg_get_u32(r);
    } else {
        m->u.ping.token = fg_get_u64(r);
        m->u.ping.queued = fg_get_u32(r);
        m->u.ping.running = fg_get_u32(r);
    }
}

static void get_hello(struct fg_msg *m, struct fg_reader *r)
{
    m->u.hello.pid = fg_get_u32(r);
    m->u.hello.version = get_text(r);
    m->u.hello.host = get_text(r);
    m->u.hello.isa = get_text(r);
}

enum fg_status fg_msg_decode(struct fg_msg *out, const struct fg_frame *f)
{
    struct fg_reader r = fg_reader_of(f->payload, f->payload_len);
    struct fg_msg m = {.type = (enum fg_msg_type)f->type};
    switch (m.type) {
    case FG_MSG_HELLO:
        get_hello(&m, &r);
        break;
    case FG_MSG_WELCOME:
        m.u.welcome.worker = fg_get_u32(&r);
        m.u.welcome.sums = fg_get_u32(&r) != 0;
        m.u.welcome.params = fg_get_u64(&r);
        fg_get_u32s(&r, m.u.welcome.input, FG_MSG_INPUT);
        m.u.welcome.config = get_blob(&r);
        break;
    case FG_MSG_READY:
        m.u.ready.cohort = fg_get_u32(&r);
        m.u.ready.cores = fg_get_u32(&r) != 0;
        r.bad = r.bad || m.u.ready.cohort == 0;
        break;
    case FG_MSG_MODEL:
        m.u.model.version = fg_get_u64(&r);
        m.u.model.params = fg_get_u64(&r);
        r.bad = r.bad || m.u.model.params > FG_FRAME_MAX;
        m.u.model.raw = r.bad ? NULL : view(&r, 4 * m.u.model.params);
        break;
    case FG_MSG_STEPS:
        get_steps(&m, &r);
        break;
    case FG_MSG_TASKS:
        m.u.tasks.floor = fg_get_u64(&r);
        m.u.tasks.n = fg_get_u32(&r);
        m.u.tasks.cohort = fg_get_u32(&r);
        m.u.tasks.raw = view(&r, (uint64_t)m.u.tasks.n * FG_MSG_TASK_BYTES);
        break;
    case FG_MSG_SHARD_REQ:
        get_hash(&m, &r);
        break;
    case FG_MSG_SHARD:
        get_hash(&m, &r);
        m.u.shard.bytes = get_blob(&r);
        break;
    case FG_MSG_RESULT:
        get_result(&m, &r);
        break;
    case FG_MSG_STATE:
        m.u.state.task = fg_get_u64(&r);
        m.u.state.bytes = get_blob(&r);
        break;
    case FG_MSG_ADD:
        m.u.add.sum = fg_get_u64(&r);
        m.u.add.n = fg_get_u32(&r);
        (void)fg_get_u32(&r);
        m.u.add.raw = view(&r, (uint64_t)m.u.add.n * FG_MSG_TERM_BYTES);
        break;
    case FG_MSG_SUM_REQ:
        m.u.sum.sum = fg_get_u64(&r);
        break;
    case FG_MSG_SUM:
        m.u.sum.sum = fg_get_u64(&r);
        m.u.sum.bytes = get_blob(&r);
        break;
    case FG_MSG_REFUSED:
    case FG_MSG_STOP:
    case FG_MSG_BYE:
    case FG_MSG_PING:
    case FG_MSG_PONG:
        get_control(&m, &r);
        break;
    default:
        return FG_E_VERSION;
    }
    if (!fg_reader_done(&r)) {
        return FG_E_CORRUPT;
    }
    *out = m;
    return FG_OK;
}

void fg_msg_task_at(struct fg_msg_task *out, const struct fg_msg *m, size_t i)
{
    FG_ASSERT(m->type == FG_MSG_TASKS && i < m->u.tasks.n);
    if (m->u.tasks.list != NULL) {
        *out = m->u.tasks.list[i];
    } else {
        get_task(out, m->u.tasks.raw + i * FG_MSG_TASK_BYTES);
    }
}

void fg_msg_term_at(struct fg_msg_term *out, const struct fg_msg *m, size_t i)
{
    FG_ASSERT(m->type == FG_MSG_ADD && i < m->u.add.n);
    if (m->u.add.list != NULL) {
        *out = m->u.add.list[i];
    } else {
        struct fg_reader r = fg_reader_of(m->u.add.raw + i * FG_MSG_TERM_BYTES, FG_MSG_TERM_BYTES);
        out->id = fg_get_u64(&r);
        out->weight = fg_get_f64(&r);
    }
}

struct fg_view fg_msg_step_next(struct fg_view *rest)
{
    struct fg_reader r = fg_reader_of(rest->data, rest->len);
    struct fg_view step = get_blob(&r);
    *rest = (struct fg_view){.data = r.p, .len = (size_t)(r.end - r.p)};
    return step;
}

void fg_msg_model_values(float *out, const struct fg_msg *m)
{
    FG_ASSERT(m->type == FG_MSG_MODEL && m->u.model.raw != NULL);
    struct fg_reader r = fg_reader_of(m->u.model.raw, 4 * (size_t)m->u.model.params);
    fg_get_f32s(&r, out, (size_t)m->u.model.params);
}

struct fg_msg_values fg_msg_values(const uint8_t *bytes, size_t len)
{
    size_t payload = len > FG_FRAME_HEADER_BYTES ? len - FG_FRAME_HEADER_BYTES : 0;
    if (payload < RESULT_BYTES) {
        return (struct fg_msg_values){payload, 0};
    }
    struct fg_reader type = fg_reader_of(bytes + 4, 4);
    struct fg_reader r = fg_reader_of(bytes + FG_FRAME_HEADER_BYTES + RESULT_PARAMS_AT, 12);
    uint64_t params = fg_get_u64(&r);
    return values_of(fg_get_u32(&type) >> 16, params, fg_get_u32(&r), payload);
}

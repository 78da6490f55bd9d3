#include "src/wire/message.h"

#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/codec.h"
#include "src/wire/pack.h"

/* The fields of each message stand here once, in the order of doc/wire-format.md. What walks over them counts
 * their bytes, puts them into a payload or gets them from one. */
struct walker {
    enum { COUNT, PUT, GET } way;
    uint64_t size; /* COUNT: bytes so far; above FG_FRAME_MAX: more than a frame holds, whatever follows */
    struct fg_packer w;
    struct fg_reader r;
};

/* A message that no frame holds, or a payload that is none. */
static void refuse(struct walker *io)
{
    io->size = FG_FRAME_MAX + 1;
    io->r.bad = true;
}

static bool refused(const struct walker *io)
{
    return io->size > FG_FRAME_MAX || io->r.bad;
}

/* Bytes, got as a view, NULL if there are fewer. Lengths from outside are 64 bits wide. */
static void walk_bytes(struct walker *io, const uint8_t **at, uint64_t len)
{
    if (len > FG_FRAME_MAX) {
        refuse(io);
    }
    if (io->way == PUT) {
        fg_pack_bytes(&io->w, *at, (size_t)len);
    } else if (io->way == GET) {
        *at = fg_get_bytes(&io->r, (size_t)len);
    } else if (!refused(io)) {
        io->size += len;
    }
}

static void walk_int(struct walker *io, uint64_t *v, size_t bytes)
{
    if (io->way == PUT) {
        fg_pack_le(&io->w, *v, bytes);
    } else if (io->way == GET) {
        *v = bytes == 4 ? fg_get_u32(&io->r) : fg_get_u64(&io->r);
    } else if (!refused(io)) {
        io->size += bytes;
    }
}

static void walk_u64(struct walker *io, uint64_t *v)
{
    walk_int(io, v, 8);
}

static void walk_u32(struct walker *io, uint32_t *v)
{
    uint64_t wide = *v;
    walk_int(io, &wide, 4);
    *v = (uint32_t)wide;
}

static void walk_bool(struct walker *io, bool *v)
{
    uint32_t bits = *v ? 1 : 0;
    walk_u32(io, &bits);
    *v = bits != 0;
}

static void walk_f64(struct walker *io, double *v)
{
    uint64_t bits;
    memcpy(&bits, v, sizeof bits);
    walk_u64(io, &bits);
    memcpy(v, &bits, sizeof bits);
}

static void walk_f32(struct walker *io, float *v)
{
    uint32_t bits;
    memcpy(&bits, v, sizeof bits);
    walk_u32(io, &bits);
    memcpy(v, &bits, sizeof bits);
}

/* Four bytes of nothing, so that what follows lies at a multiple of eight. */
static void walk_gap(struct walker *io)
{
    uint32_t zero = 0;
    walk_u32(io, &zero);
}

/* A text: 32-bit length, then its bytes. */
static void walk_text(struct walker *io, struct fg_view *v)
{
    uint32_t len = v->len <= FG_MSG_TEXT_MAX ? (uint32_t)v->len : UINT32_MAX;
    walk_u32(io, &len);
    if (len > FG_MSG_TEXT_MAX) {
        refuse(io);
        return;
    }
    walk_bytes(io, &v->data, len);
    v->len = v->data != NULL ? len : 0;
}

/* A blob: 64-bit length, then its bytes. */
static void walk_blob(struct walker *io, struct fg_view *v)
{
    uint64_t len = v->len;
    walk_u64(io, &len);
    walk_bytes(io, &v->data, len);
    v->len = v->data != NULL ? (size_t)len : 0;
}

static void walk_hash(struct walker *io, uint8_t *hash)
{
    const uint8_t *at = hash;
    walk_bytes(io, &at, FG_SHARD_HASH_BYTES);
    if (io->way == GET && at != NULL) {
        memcpy(hash, at, FG_SHARD_HASH_BYTES);
    }
}

static void walk_hello(struct walker *io, struct fg_msg *m)
{
    walk_u32(io, &m->u.hello.pid);
    walk_text(io, &m->u.hello.version);
    walk_text(io, &m->u.hello.host);
    walk_text(io, &m->u.hello.isa);
}

static void walk_welcome(struct walker *io, struct fg_msg *m)
{
    walk_u32(io, &m->u.welcome.worker);
    walk_bool(io, &m->u.welcome.sums);
    walk_u64(io, &m->u.welcome.params);
    for (size_t i = 0; i < FG_MSG_INPUT; i++) {
        walk_u32(io, &m->u.welcome.input[i]);
    }
    walk_blob(io, &m->u.welcome.config);
}

static void walk_ready(struct walker *io, struct fg_msg *m)
{
    walk_u32(io, &m->u.ready.cohort);
    walk_bool(io, &m->u.ready.cores);
    if (m->u.ready.cohort == 0) {
        refuse(io);
    }
}

/* Floats go as they lie in memory, which has the order of the wire (base/bytes.c). */
static void walk_model(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.model.version);
    walk_u64(io, &m->u.model.params);
    if (m->u.model.params > FG_FRAME_MAX) {
        refuse(io);
        return;
    }
    const uint8_t *values = (const uint8_t *)m->u.model.values;
    walk_bytes(io, &values, 4 * m->u.model.params);
    m->u.model.raw = values;
}

/* At least one step, and as many as there are blobs. */
static void walk_steps(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.steps.version);
    walk_u64(io, &m->u.steps.from);
    walk_u64(io, &m->u.steps.params);
    walk_u64(io, &m->u.steps.hash);
    walk_u32(io, &m->u.steps.codec);
    walk_gap(io);
    if (m->u.steps.version <= m->u.steps.from) {
        refuse(io);
    }
    const uint8_t *first = io->r.p;
    for (uint64_t i = 0; i < m->u.steps.version - m->u.steps.from && !refused(io); i++) {
        struct fg_view step = io->way == GET ? (struct fg_view){0} : m->u.steps.list[i];
        walk_blob(io, &step);
    }
    if (io->way == GET && !refused(io)) {
        m->u.steps.raw = (struct fg_view){.data = first, .len = (size_t)(io->r.p - first)};
    }
}

static void walk_task(struct walker *io, struct fg_msg_task *t)
{
    walk_u64(io, &t->task.id);
    walk_u64(io, &t->task.version);
    walk_u32(io, &t->task.kind);
    walk_u32(io, &t->task.client);
    walk_u32(io, &t->task.number);
    walk_u32(io, &t->task.round);
    walk_u32(io, &t->task.steps);
    walk_f32(io, &t->task.lr);
    walk_bool(io, &t->has_shard);
    walk_u32(io, &t->task.shard);
    walk_hash(io, t->shard);
    walk_u64(io, &t->task.kept);
    walk_f32(io, &t->task.variance);
}

static void walk_tasks(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.tasks.floor);
    walk_u32(io, &m->u.tasks.n);
    walk_u32(io, &m->u.tasks.cohort);
    if (io->way != PUT) {
        walk_bytes(io, &m->u.tasks.raw, (uint64_t)m->u.tasks.n * FG_MSG_TASK_BYTES);
        return;
    }
    for (uint32_t i = 0; i < m->u.tasks.n; i++) {
        struct fg_msg_task t;
        fg_msg_task_at(&t, m, i);
        walk_task(io, &t);
    }
}

static void walk_shard_req(struct walker *io, struct fg_msg *m)
{
    walk_hash(io, m->u.shard.hash);
}

static void walk_shard(struct walker *io, struct fg_msg *m)
{
    walk_hash(io, m->u.shard.hash);
    walk_blob(io, &m->u.shard.bytes);
}

/* Of a RESULT: what lies before the delta, and where the number of its values is, and then its codec. */
enum { RESULT_BYTES = 80, RESULT_PARAMS_AT = 48, RESULT_RESET = 1, RESULT_NOT_FINITE = 2 };

static void walk_result(struct walker *io, struct fg_msg *m)
{
    struct fg_result *res = &m->u.result.result;
    uint32_t bits =
        (res->reset ? RESULT_RESET : 0) | (res->seen == FG_SEEN_NOT_FINITE ? RESULT_NOT_FINITE : 0);
    walk_u64(io, &res->id);
    walk_u32(io, &res->client);
    walk_u32(io, &res->steps);
    walk_u32(io, &res->samples);
    walk_u32(io, &res->correct);
    walk_u64(io, &res->scored);
    walk_f64(io, &res->loss);
    walk_u64(io, &res->wire_bytes);
    walk_u64(io, &m->u.result.params);
    walk_u32(io, &m->u.result.codec);
    walk_u32(io, &bits);
    walk_u64(io, &res->kept);
    walk_blob(io, &m->u.result.delta);
    res->reset = (bits & RESULT_RESET) != 0;
    res->seen = (bits & RESULT_NOT_FINITE) != 0 ? FG_SEEN_NOT_FINITE : FG_SEEN_NOT;
}

static void walk_refused(struct walker *io, struct fg_msg *m)
{
    uint32_t reason = m->u.refused.reason;
    walk_u64(io, &m->u.refused.task);
    walk_u32(io, &reason);
    walk_text(io, &m->u.refused.text);
    if (reason < FG_REFUSED_CONFIG || reason > FG_REFUSED_LOST) {
        refuse(io);
    }
    m->u.refused.reason = (enum fg_refusal)reason;
}

static void walk_state(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.state.task);
    walk_blob(io, &m->u.state.bytes);
}

static void walk_term(struct walker *io, struct fg_msg_term *t)
{
    walk_u64(io, &t->id);
    walk_f64(io, &t->weight);
}

static void walk_add(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.add.sum);
    walk_u32(io, &m->u.add.n);
    walk_gap(io);
    if (io->way != PUT) {
        walk_bytes(io, &m->u.add.raw, (uint64_t)m->u.add.n * FG_MSG_TERM_BYTES);
        return;
    }
    for (uint32_t i = 0; i < m->u.add.n; i++) {
        struct fg_msg_term t;
        fg_msg_term_at(&t, m, i);
        walk_term(io, &t);
    }
}

static void walk_sum_req(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.sum.sum);
}

static void walk_sum(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.sum.sum);
    walk_blob(io, &m->u.sum.bytes);
}

static void walk_end(struct walker *io, struct fg_msg *m)
{
    walk_u32(io, &m->u.end.reason);
}

static void walk_ping(struct walker *io, struct fg_msg *m)
{
    walk_u64(io, &m->u.ping.token);
    walk_u32(io, &m->u.ping.queued);
    walk_u32(io, &m->u.ping.running);
}

/* By enum fg_msg_type. */
static void (*const walk[])(struct walker *io, struct fg_msg *m) = {
    [FG_MSG_HELLO] = walk_hello,
    [FG_MSG_WELCOME] = walk_welcome,
    [FG_MSG_MODEL] = walk_model,
    [FG_MSG_TASKS] = walk_tasks,
    [FG_MSG_SHARD_REQ] = walk_shard_req,
    [FG_MSG_SHARD] = walk_shard,
    [FG_MSG_RESULT] = walk_result,
    [FG_MSG_REFUSED] = walk_refused,
    [FG_MSG_STOP] = walk_end,
    [FG_MSG_PING] = walk_ping,
    [FG_MSG_PONG] = walk_ping,
    [FG_MSG_BYE] = walk_end,
    [FG_MSG_STATE] = walk_state,
    [FG_MSG_STEPS] = walk_steps,
    [FG_MSG_ADD] = walk_add,
    [FG_MSG_SUM_REQ] = walk_sum_req,
    [FG_MSG_SUM] = walk_sum,
    [FG_MSG_READY] = walk_ready,
};

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
    struct fg_msg copy = *m; /* a walk that gets changes it */
    struct walker count = {.way = COUNT}, put = {.way = PUT};
    uint8_t *frame = NULL;
    walk[m->type](&count, &copy);
    if (refused(&count)) {
        return FG_E_RANGE;
    }
    size_t size = (size_t)count.size;
    enum fg_status st = fg_frame_alloc(&frame, &put.w.p, size);
    if (st != FG_OK) {
        return st;
    }
    put.w.left = size;
    walk[m->type](&put, &copy);
    FG_ASSERT(put.w.left == 0);
    struct fg_frame f = {.type = (uint16_t)m->type, .run_id = run_id, .seq = seq, .payload_len = size};
    bool result = m->type == FG_MSG_RESULT;
    struct fg_msg_values v =
        values_of(f.type, result ? m->u.result.params : 0, result ? m->u.result.codec : 0, size);
    fg_frame_seal(frame, &f, v.size > 0 ? v.at : 0);
    *bytes = frame;
    *len = FG_FRAME_HEADER_BYTES + size;
    return FG_OK;
}

enum fg_status fg_msg_decode(struct fg_msg *out, const struct fg_frame *f)
{
    struct walker get = {.way = GET, .r = fg_reader_of(f->payload, f->payload_len)};
    struct fg_msg m = {.type = (enum fg_msg_type)f->type};
    if (f->type >= sizeof walk / sizeof *walk || walk[f->type] == NULL) {
        return FG_E_VERSION;
    }
    walk[f->type](&get, &m);
    if (!fg_reader_done(&get.r)) {
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
        struct walker get = {.way = GET,
                             .r = fg_reader_of(m->u.tasks.raw + i * FG_MSG_TASK_BYTES, FG_MSG_TASK_BYTES)};
        *out = (struct fg_msg_task){0};
        walk_task(&get, out);
    }
}

void fg_msg_term_at(struct fg_msg_term *out, const struct fg_msg *m, size_t i)
{
    FG_ASSERT(m->type == FG_MSG_ADD && i < m->u.add.n);
    if (m->u.add.list != NULL) {
        *out = m->u.add.list[i];
    } else {
        struct walker get = {.way = GET,
                             .r = fg_reader_of(m->u.add.raw + i * FG_MSG_TERM_BYTES, FG_MSG_TERM_BYTES)};
        *out = (struct fg_msg_term){0};
        walk_term(&get, out);
    }
}

struct fg_view fg_msg_step_next(struct fg_view *rest)
{
    struct walker get = {.way = GET, .r = fg_reader_of(rest->data, rest->len)};
    struct fg_view step = {0};
    walk_blob(&get, &step);
    *rest = (struct fg_view){.data = get.r.p, .len = (size_t)(get.r.end - get.r.p)};
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

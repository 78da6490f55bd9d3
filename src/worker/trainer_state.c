/* The bytes of a stopped task: little-endian, fixed header, parameters, velocity, checksum
 * (doc/models.md). */
#include <string.h>

#include "src/base/bytes.h"
#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/worker/trainer.h"

enum { VERSION = 1, HAS_VELOCITY = 1 };
static const char magic[4] = "FGTS";

enum fg_status fg_train_state_encode(const struct fg_train_state *s, struct fg_str *out)
{
    enum fg_status st = FG_OK;
    size_t begin = out->len;
    FG_TRY(fg_str_add(out, magic, sizeof magic));
    FG_TRY(fg_put_u32(out, VERSION));
    FG_TRY(fg_put_u32(out, s->velocity != NULL ? HAS_VELOCITY : 0));
    FG_TRY(fg_put_u32(out, s->shard));
    FG_TRY(fg_put_u32(out, s->number));
    FG_TRY(fg_put_u32(out, s->steps));
    FG_TRY(fg_put_u64(out, s->seen));
    FG_TRY(fg_put_f64(out, s->loss));
    FG_TRY(fg_put_u64(out, s->n));
    FG_TRY(fg_put_f32s(out, s->params, s->n));
    if (s->velocity != NULL) {
        FG_TRY(fg_put_f32s(out, s->velocity, s->n));
    }
    FG_TRY(fg_put_u64(out, fg_xxh64(out->data + begin, out->len - begin)));
cleanup:
    return st;
}

static enum fg_status check(const uint8_t *bytes, size_t len, struct fg_err *err)
{
    enum { HEAD = 8, SUM = 8 };
    if (len < HEAD + SUM || memcmp(bytes, magic, sizeof magic) != 0) {
        return fg_fail(err, FG_E_CORRUPT, "%zu bytes that are no training state", len);
    }
    struct fg_reader version = fg_reader_of(bytes + sizeof magic, 4),
                     sum = fg_reader_of(bytes + len - SUM, SUM);
    uint32_t v = fg_get_u32(&version);
    if (v != VERSION) {
        return fg_fail(err, FG_E_VERSION, "training state of version %u, expected %d", v, VERSION);
    }
    if (fg_get_u64(&sum) != fg_xxh64(bytes, len - SUM)) {
        return fg_fail(err, FG_E_CORRUPT, "training state of %zu bytes: wrong checksum", len);
    }
    return FG_OK;
}

enum fg_status fg_train_state_decode(struct fg_train_state *out, const uint8_t *bytes, size_t len, size_t P,
                                     struct fg_err *err)
{
    enum fg_status st = check(bytes, len, err);
    if (st != FG_OK) {
        return st;
    }
    struct fg_train_state s = {.n = P};
    struct fg_reader r = fg_reader_of(bytes + 8, len - 8);
    uint32_t flags = fg_get_u32(&r);
    s.shard = fg_get_u32(&r);
    s.number = fg_get_u32(&r);
    s.steps = fg_get_u32(&r);
    s.seen = fg_get_u64(&r);
    s.loss = fg_get_f64(&r);
    uint64_t n = fg_get_u64(&r);
    if (!r.bad && n != P) {
        return fg_fail(err, FG_E_SHAPE, "training state of %llu parameters, the model has %zu",
                       (unsigned long long)n, P);
    }
    s.params = fg_calloc(P, sizeof *s.params);
    s.velocity = flags & HAS_VELOCITY ? fg_calloc(P, sizeof *s.velocity) : NULL;
    if (s.params == NULL || (flags & HAS_VELOCITY && s.velocity == NULL)) {
        fg_train_state_fini(&s);
        return fg_fail(err, FG_E_NOMEM, "no memory for a training state");
    }
    fg_get_f32s(&r, s.params, P);
    if (s.velocity != NULL) {
        fg_get_f32s(&r, s.velocity, P);
    }
    (void)fg_get_u64(&r); /* the checksum */
    if (!fg_reader_done(&r) || flags > HAS_VELOCITY) {
        fg_train_state_fini(&s);
        return fg_fail(err, FG_E_CORRUPT, "training state of %zu bytes: wrong length or flags", len);
    }
    *out = s;
    return FG_OK;
}

void fg_train_state_fini(struct fg_train_state *s)
{
    fg_free(s->params);
    fg_free(s->velocity);
    s->params = NULL;
    s->velocity = NULL;
}

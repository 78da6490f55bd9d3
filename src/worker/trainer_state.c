/* The bytes of a stopped task: little-endian, fixed header, parameters, velocity, checksum (doc/models.md). */
#include <string.h>

#include "src/base/hash.h"
#include "src/base/mem.h"
#include "src/worker/trainer.h"

enum { HEADER = 48, SUM = 8, VERSION = 1, HAS_VELOCITY = 1 };

static void put(uint8_t *p, uint64_t x, int n)
{
    for (int i = 0; i < n; i++) {
        p[i] = (uint8_t)(x >> (8 * i));
    }
}

static uint64_t get(const uint8_t *p, int n)
{
    uint64_t x = 0;
    for (int i = n; i-- > 0;) {
        x = x << 8 | p[i];
    }
    return x;
}

static void put_floats(uint8_t *p, const float *x, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        put(p + 4 * i, bits, 4);
    }
}

static float *get_floats(const uint8_t *p, size_t n)
{
    float *x = fg_calloc(n, sizeof *x);
    for (size_t i = 0; x != NULL && i < n; i++) {
        uint32_t bits = (uint32_t)get(p + 4 * i, 4);
        memcpy(&x[i], &bits, sizeof bits);
    }
    return x;
}

enum fg_status fg_train_state_encode(const struct fg_train_state *s, struct fg_str *out)
{
    size_t vectors = s->velocity != NULL ? 2 : 1, len = HEADER + vectors * s->n * 4 + SUM;
    uint8_t *b = fg_calloc(len, 1);
    uint64_t loss;
    if (b == NULL) {
        return FG_E_NOMEM;
    }
    memcpy(&loss, &s->loss, sizeof loss);
    memcpy(b, "FGTS", 4);
    put(b + 4, VERSION, 2);
    put(b + 6, s->velocity != NULL ? HAS_VELOCITY : 0, 2);
    put(b + 8, s->client, 4);
    put(b + 12, s->number, 4);
    put(b + 16, s->steps, 4);
    put(b + 24, s->seen, 8);
    put(b + 32, loss, 8);
    put(b + 40, s->n, 8);
    put_floats(b + HEADER, s->params, s->n);
    if (s->velocity != NULL) {
        put_floats(b + HEADER + s->n * 4, s->velocity, s->n);
    }
    put(b + len - SUM, fg_xxh64(b, len - SUM), SUM);
    enum fg_status st = fg_str_add(out, b, len);
    fg_free(b);
    return st;
}

enum fg_status fg_train_state_decode(struct fg_train_state *out, const uint8_t *b, size_t len, size_t P,
                                     struct fg_err *err)
{
    if (len < HEADER + SUM || memcmp(b, "FGTS", 4) != 0) {
        return fg_fail(err, FG_E_CORRUPT, "%zu bytes that are no training state", len);
    }
    if (get(b + 4, 2) != VERSION) {
        return fg_fail(err, FG_E_VERSION, "training state of version %u, expected %d", (unsigned)get(b + 4, 2),
                       VERSION);
    }
    uint64_t flags = get(b + 6, 2), n = get(b + 40, 8);
    if (n != P) {
        return fg_fail(err, FG_E_SHAPE, "training state of %llu parameters, the model has %zu",
                       (unsigned long long)n, P);
    }
    size_t vectors = flags & HAS_VELOCITY ? 2 : 1;
    if (flags > HAS_VELOCITY || (len - HEADER - SUM) / 4 / vectors != P || (len - HEADER - SUM) % (4 * vectors) != 0 ||
        get(b + len - SUM, SUM) != fg_xxh64(b, len - SUM)) {
        return fg_fail(err, FG_E_CORRUPT, "training state of %zu bytes is damaged", len);
    }
    struct fg_train_state s = {.client = (uint32_t)get(b + 8, 4), .number = (uint32_t)get(b + 12, 4),
                               .steps = (uint32_t)get(b + 16, 4), .seen = get(b + 24, 8), .n = P};
    uint64_t loss = get(b + 32, 8);
    memcpy(&s.loss, &loss, sizeof loss);
    s.params = get_floats(b + HEADER, P);
    s.velocity = vectors == 2 ? get_floats(b + HEADER + P * 4, P) : NULL;
    if (s.params == NULL || (vectors == 2 && s.velocity == NULL)) {
        fg_train_state_fini(&s);
        return fg_fail(err, FG_E_NOMEM, "no memory for a training state");
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

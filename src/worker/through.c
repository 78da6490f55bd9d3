#include "src/worker/through.h"

#include "src/base/mem.h"

struct fg_encoder {
    struct fg_encoder *next;
    struct fg_codec_ws ws;
    size_t cap;
    uint8_t *bytes; /* (cap) */
};

bool fg_codec_rounded(struct fg_rounded *out, const struct fg_codec *codec,
                      const struct fg_codec_opts *coding)
{
    *out = (struct fg_rounded){fg_codec_rule(codec, coding), coding->layer, coding->layers};
    return fg_codec_needs_no_bytes(codec) && coding->layer != NULL;
}

bool fg_codec_coded(struct fg_rounded *out, const struct fg_codec *codec, const struct fg_codec_opts *coding,
                    size_t P)
{
    *out = (struct fg_rounded){fg_codec_rule(codec, coding), coding->layer, coding->layers};
    return codec->levels > 0 && coding->layer != NULL && fg_codec_codes(coding, P) <= P * sizeof(float);
}

void fg_through_init(struct fg_through *t, const struct fg_codec *codec, const struct fg_codec_opts *coding,
                     size_t P)
{
    *t = (struct fg_through){.codec = codec, .coding = *coding, .P = P};
    pthread_mutex_init(&t->lock, NULL);
}

void fg_through_fini(struct fg_through *t)
{
    while (t->encoders != NULL) {
        struct fg_encoder *e = t->encoders;
        t->encoders = e->next;
        fg_codec_ws_fini(&e->ws);
        fg_free(e->bytes);
        fg_free(e);
    }
    pthread_mutex_destroy(&t->lock);
}

static struct fg_encoder *take_encoder(struct fg_through *t)
{
    pthread_mutex_lock(&t->lock);
    struct fg_encoder *e = t->encoders;
    if (e != NULL) {
        t->encoders = e->next;
    }
    pthread_mutex_unlock(&t->lock);
    if (e == NULL && (e = fg_calloc(1, sizeof *e)) != NULL) {
        e->cap = t->codec->bound(&t->coding, t->P);
        e->ws.opts = t->coding;
        e->bytes = fg_calloc(e->cap, 1);
        if (e->bytes == NULL) {
            fg_free(e);
            e = NULL;
        }
    }
    return e;
}

static void give_encoder(struct fg_through *t, struct fg_encoder *e)
{
    pthread_mutex_lock(&t->lock);
    e->next = t->encoders;
    t->encoders = e;
    pthread_mutex_unlock(&t->lock);
}

enum fg_status fg_through_codec(struct fg_through *t, struct fg_job *job, float *kept, uint64_t *wire_bytes)
{
    size_t len = 0;
    struct fg_encoder *e = take_encoder(t);
    if (e == NULL) {
        return FG_E_NOMEM;
    }
    e->ws.shard = job->task.shard;
    e->ws.number = job->task.number;
    e->ws.kept = kept;
    e->ws.variance = job->task.variance;
    enum fg_status st = job->coded ? t->codec->pack(&e->ws, e->bytes, e->cap, &len, job->codes, t->P)
                                   : t->codec->encode(&e->ws, e->bytes, e->cap, &len, job->delta, t->P);
    if (st == FG_OK) {
        st = t->codec->decode(&e->ws, job->delta, t->P, e->bytes, len);
    }
    *wire_bytes = len;
    give_encoder(t, e);
    return st;
}

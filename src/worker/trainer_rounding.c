#include "src/worker/trainer_rounding.h"

#include "src/base/mem.h"
#include "src/wire/noise.h"
#include "src/worker/trainer_resident.h"

size_t fg_rounding_blocks(size_t values)
{
    return (values + FG_DEVICE_FOLD - 1) / FG_DEVICE_FOLD;
}

size_t fg_rounding_pieces(const struct fg_rounded *l)
{
    size_t n = 0;
    for (size_t i = 0; i < l->layers; i++) {
        n += fg_rounding_blocks(l->layer[i]);
    }
    return n;
}

uint64_t fg_rounding_fixed(const struct fg_rounded *l)
{
    return fg_rounding_pieces(l) * sizeof(struct fg_device_piece) + (l->layers + 1) * sizeof(uint32_t);
}

uint64_t fg_rounding_scratch(size_t layers)
{
    return layers * sizeof(float) + sizeof(struct fg_coder_stream);
}

void fg_rounding_fini(struct fg_rounding *r, struct fg_device *d)
{
    d->ops->free(d, r->piece);
    d->ops->free(d, r->begin);
    *r = (struct fg_rounding){0};
}

/* Shapes: piece (pieces) out, begin (layers + 1) out. */
static void cut_layers(struct fg_device_piece *piece, uint32_t *begin, const struct fg_rounded *l)
{
    size_t n = 0, at = 0;
    uint64_t word = 0;
    for (size_t i = 0; i < l->layers; i++) {
        begin[i] = (uint32_t)n;
        for (size_t k = 0; k < l->layer[i]; k += FG_DEVICE_FOLD) {
            size_t left = l->layer[i] - k;
            piece[n++] =
                (struct fg_device_piece){.first = (uint32_t)(at + k),
                                         .n = left < FG_DEVICE_FOLD ? (uint32_t)left : FG_DEVICE_FOLD,
                                         .layer = (uint32_t)i,
                                         .word = word + k};
        }
        at += l->layer[i];
        word = fg_noise_next(word, l->layer[i]);
    }
    begin[l->layers] = (uint32_t)n;
}

enum fg_status fg_rounding_set(struct fg_rounding *r, struct fg_device *d, const struct fg_rounded *l,
                               struct fg_err *err)
{
    if ((l == NULL ? 0 : l->most) == r->most) {
        return FG_OK;
    }
    fg_rounding_fini(r, d);
    if (l == NULL) {
        return FG_OK;
    }
    size_t pieces = fg_rounding_pieces(l);
    struct fg_device_piece *piece = fg_calloc(pieces, sizeof *piece);
    uint32_t *begin = fg_calloc(l->layers + 1, sizeof *begin);
    enum fg_status st = piece == NULL || begin == NULL ? FG_E_NOMEM : FG_OK;
    FG_TRY(st);
    cut_layers(piece, begin, l);
    FG_TRY(fg_device_copy(&r->piece, d, piece, pieces * sizeof *piece, err));
    FG_TRY(fg_device_copy(&r->begin, d, begin, (l->layers + 1) * sizeof *begin, err));
    r->pieces = pieces;
    r->layers = l->layers;
    r->most = l->most;
cleanup:
    fg_free(piece);
    fg_free(begin);
    return st;
}

enum fg_status fg_rounding_do(const struct fg_rounding *r, struct fg_device *d,
                              const struct fg_device_deltas *all, const struct fg_coder_stream *stream,
                              struct fg_err *err)
{
    void *streams = NULL, *step = NULL;
    enum fg_status st;
    FG_TRY(fg_device_copy(&streams, d, stream, all->n * sizeof *stream, err));
    FG_TRY(d->ops->alloc(d, &step, all->n * r->layers * sizeof(float), err));
    const struct fg_device_levels levels = {*all,      r->piece, r->begin,  streams, r->pieces,
                                            r->layers, r->most,  all->part, step};
    st = d->ops->levels(d, &levels, err);
cleanup:
    d->ops->free(d, streams);
    d->ops->free(d, step);
    return st;
}

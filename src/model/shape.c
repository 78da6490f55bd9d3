/* Shapes, strides and the packing of parameters. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "src/model/layer.h"
#include "src/model/net.h"

struct fg_shape fg_shape_vector(uint32_t features)
{
    size_t ld = fg_kernel_pad(features);
    return (struct fg_shape){FG_SHAPE_VECTOR, 1, 1, 1, features, ld, ld};
}

struct fg_shape fg_shape_sequence(uint32_t t, uint32_t features)
{
    size_t ld = fg_kernel_pad(features);
    return (struct fg_shape){FG_SHAPE_SEQUENCE, t, 1, 1, features, ld, ld};
}

struct fg_shape fg_shape_image(uint32_t h, uint32_t w, uint32_t c)
{
    size_t ld = fg_kernel_pad(c);
    return (struct fg_shape){FG_SHAPE_IMAGE, 1, h, w, c, ld, (size_t)h * w * ld};
}

size_t fg_shape_floats(const struct fg_shape *s, size_t batch)
{
    return batch * s->t * s->row;
}

const char *fg_shape_text(const struct fg_shape *s, char *buf, size_t len)
{
    switch (s->kind) {
    case FG_SHAPE_TOKENS:
        snprintf(buf, len, "a text of %u characters", s->t);
        break;
    case FG_SHAPE_VECTOR:
        snprintf(buf, len, "a vector of %u", s->c);
        break;
    case FG_SHAPE_IMAGE:
        snprintf(buf, len, "a %ux%ux%u image", s->h, s->w, s->c);
        break;
    case FG_SHAPE_SEQUENCE:
        snprintf(buf, len, "a sequence of %u x %u values", s->t, s->c);
        break;
    }
    return buf;
}

enum fg_status fg_layer_same_shape(struct fg_layer *l, struct fg_err *err)
{
    if (l->in.kind == FG_SHAPE_TOKENS) {
        return fg_layer_fail(err, l, "cannot work on characters: put an embedding before it");
    }
    l->out = l->in;
    return FG_OK;
}

void fg_layer_add_tensor(struct fg_layer *l, const struct fg_tensor *t, size_t rows, size_t blocks,
                         size_t cols)
{
    FG_ASSERT(l->tensors < FG_LAYER_TENSORS);
    struct fg_tensor *a = &l->tensor[l->tensors++];
    *a = *t;
    a->rows = rows;
    a->blocks = blocks;
    a->cols = cols;
    a->ld = fg_kernel_pad(cols);
}

/* Rows of at most this many floats are copied whole, with what lies behind them: calls of memcpy() would take
 * longer than what they do. */
enum { SHORT = FG_KERNEL_PAD };

typedef uint32_t row __attribute__((vector_size(SHORT * sizeof(float)))); /* the bits of SHORT floats */

/* `rows` rows of n <= SHORT floats into rows of SHORT, the rest of each zero. */
static void pack_short(float *restrict to, const float *restrict from, size_t rows, size_t n)
{
    row keep, v;
    for (size_t i = 0; i < SHORT; i++) {
        keep[i] = i < n ? UINT32_MAX : 0;
    }
    size_t whole = rows > SHORT ? rows - SHORT : 0; /* whose SHORT floats lie within those of the tensor */
    for (size_t r = 0; r < whole; r++, from += n, to += SHORT) {
        memcpy(&v, from, sizeof v);
        v &= keep;
        memcpy(to, &v, sizeof v);
    }
    for (size_t r = whole; r < rows; r++, from += n, to += SHORT) {
        v = (row){0};
        memcpy(&v, from, n * sizeof *from);
        memcpy(to, &v, sizeof v);
    }
}

/* Back: what is written past a row is replaced by the next. */
static void unpack_short(float *restrict to, const float *restrict from, size_t rows, size_t n)
{
    size_t whole = rows > SHORT ? rows - SHORT : 0;
    for (size_t r = 0; r < rows; r++, from += SHORT, to += n) {
        if (r < whole) {
            memcpy(to, from, SHORT * sizeof *to);
        } else {
            memcpy(to, from, n * sizeof *to);
        }
    }
}

void fg_model_pack(const struct fg_model *m, float *packed, const float *params)
{
    for (unsigned i = 0; i < m->layers; i++) {
        const struct fg_layer *l = &m->layer[i];
        for (unsigned j = 0; j < l->tensors; j++) {
            const struct fg_tensor *t = &l->tensor[j];
            const float *from = params + t->offset;
            float *to = packed + t->packed;
            size_t rows = t->rows * t->blocks;
            if (t->ld == SHORT) {
                pack_short(to, from, rows, t->cols);
                continue;
            }
            for (size_t r = 0; r < rows; r++, from += t->cols, to += t->ld) {
                memcpy(to, from, t->cols * sizeof *to);
                memset(to + t->cols, 0, (t->ld - t->cols) * sizeof *to);
            }
        }
    }
}

void fg_model_unpack(const struct fg_model *m, float *params, const float *packed)
{
    for (unsigned i = 0; i < m->layers; i++) {
        const struct fg_layer *l = &m->layer[i];
        for (unsigned j = 0; j < l->tensors; j++) {
            const struct fg_tensor *t = &l->tensor[j];
            const float *from = packed + t->packed;
            float *to = params + t->offset;
            size_t rows = t->rows * t->blocks;
            if (t->ld == SHORT) {
                unpack_short(to, from, rows, t->cols);
                continue;
            }
            for (size_t r = 0; r < rows; r++, from += t->ld, to += t->cols) {
                memcpy(to, from, t->cols * sizeof *to);
            }
        }
    }
}

/* Shapes, strides and the packing of parameters. */
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

enum { SHORT = 16 }; /* floats: calls of memcpy() would take longer than what they do */

static inline void copy_row(float *to, const float *from, size_t n)
{
    if (n >= SHORT) {
        memcpy(to, from, n * sizeof *to);
        return;
    }
    size_t at = n & 8;
    if (at != 0) {
        memcpy(to, from, 8 * sizeof *to);
    }
    if ((n & 4) != 0) {
        memcpy(to + at, from + at, 4 * sizeof *to);
        at += 4;
    }
    for (; at < n; at++) {
        to[at] = from[at];
    }
}

static inline void clear_row(float *to, size_t n)
{
    static const float zeros[SHORT];
    if (n < SHORT) {
        copy_row(to, zeros, n);
    } else {
        memset(to, 0, n * sizeof *to);
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
            for (size_t r = 0; r < t->rows * t->blocks; r++, from += t->cols, to += t->ld) {
                copy_row(to, from, t->cols);
                clear_row(to + t->cols, t->ld - t->cols);
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
            for (size_t r = 0; r < t->rows * t->blocks; r++, from += t->ld, to += t->cols) {
                copy_row(to, from, t->cols);
            }
        }
    }
}

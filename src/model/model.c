/* Builds a model: shorthands, the list parsed, shapes inferred, parameters laid out. */
#include "src/model/model.h"

#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/base/str.h"
#include "src/model/layer.h"

/* Sources: doc/models.md. */
const struct fg_model_shorthand fg_model_shorthands[] = {
    {"softmax", "flatten; dense classes"},
    {"2nn", "flatten; dense 200; relu; dense 200; relu; dense classes"},
    {"lenet5",
     "conv2d 6 kernel=5; relu; maxpool 2; conv2d 16 kernel=5; relu; maxpool 2; flatten; dense 120; relu; "
     "dense 84; relu; dense classes"},
    {"mcmahan_cnn",
     "conv2d 32 kernel=5 padding=same; relu; maxpool 2; conv2d 64 kernel=5 padding=same; relu; "
     "maxpool 2; flatten; dense 512; relu; dense classes"},
    {"pfl_cnn",
     "conv2d 32 kernel=3; relu; conv2d 64 kernel=3; relu; maxpool 2; dropout 0.25; flatten; dense 128; "
     "relu; dropout 0.5; dense classes"},
    {"char_lstm", "embedding 8; lstm 256; lstm 256; dense classes"},
    {NULL, NULL},
};

/* The list a shorthand stands for, or the list itself. */
static const char *expand(const char *layers)
{
    while (*layers == ' ' || *layers == '\t' || *layers == '\n' || *layers == '\r') {
        layers++;
    }
    size_t n = strcspn(layers, " \t\r\n;,");
    if (layers[n + strspn(layers + n, " \t\r\n;,")] != '\0') {
        return layers;
    }
    for (const struct fg_model_shorthand *s = fg_model_shorthands; s->name != NULL; s++) {
        if (strlen(s->name) == n && memcmp(s->name, layers, n) == 0) {
            return s->layers;
        }
    }
    return layers;
}

static enum fg_status input_shape(struct fg_shape *out, const struct fg_model_input *in, struct fg_err *err)
{
    uint64_t n = (uint64_t)in->shape[0] * in->shape[1];
    if (n == 0 || in->shape[2] == 0 || n > UINT32_MAX || n * in->shape[2] > 1u << 28) {
        return fg_fail(err, FG_E_CONFIG, "a sample of %u x %u x %u values: expected 1 to 2^28 values",
                       in->shape[0], in->shape[1], in->shape[2]);
    }
    if (in->classes < 2 || in->classes > 65536) {
        return fg_fail(err, FG_E_CONFIG, "%u classes: expected 2 to 65536", in->classes);
    }
    uint32_t h = in->shape[0], w = in->shape[1], c = in->shape[2];
    switch (in->kind) {
    case FG_INPUT_IMAGE:
        *out = (struct fg_shape){FG_SHAPE_IMAGE, 1, h, w, c, c, (size_t)h * w * c};
        return FG_OK;
    case FG_INPUT_VECTOR:
        *out = fg_shape_vector(h * w * c);
        return FG_OK;
    case FG_INPUT_TOKENS:
        *out = (struct fg_shape){FG_SHAPE_TOKENS, h * w * c, 1, 1, 1, 1, 1};
        return FG_OK;
    }
    return fg_fail(err, FG_E_CONFIG, "unknown kind of input %d", (int)in->kind);
}

/* Give the layer's tensors their places in both vectors. */
static enum fg_status place_tensors(struct fg_model *m, struct fg_layer *l, struct fg_err *err)
{
    for (unsigned j = 0; j < l->tensors; j++) {
        struct fg_tensor *t = &l->tensor[j];
        t->offset = m->params;
        t->packed = m->packed;
        m->params += t->rows * t->blocks * t->cols;
        m->packed += t->rows * t->blocks * t->ld;
        if (t->rows * t->blocks > 1u << 30 || m->packed > (size_t)1 << 30) {
            return fg_layer_fail(err, l, "the model has more than 2^30 parameters");
        }
    }
    return FG_OK;
}

static enum fg_status infer(struct fg_model *m, struct fg_err *err)
{
    struct fg_shape at;
    enum fg_status st = input_shape(&at, &m->input, err);
    bool from_data = true;
    for (unsigned i = 0; st == FG_OK && i < m->layers; i++) {
        struct fg_layer *l = &m->layer[i];
        l->in = at;
        l->classes = m->input.classes;
        l->last = i + 1 == m->layers;
        l->from_data = from_data;
        st = l->ops->shape(l, err);
        if (st == FG_OK && fg_shape_floats(&l->out, 1) > 1u << 28) {
            st = fg_layer_fail(err, l, "its output has more than 2^28 values a sample");
        }
        if (st == FG_OK) {
            st = place_tensors(m, l, err);
        }
        from_data = from_data && l->tensors == 0;
        at = l->out;
    }
    return st;
}

static enum fg_status check_end(const struct fg_model *m, struct fg_err *err)
{
    const struct fg_layer *l = &m->layer[m->layers - 1];
    char got[64];
    fg_shape_text(&l->out, got, sizeof got);
    bool tokens = m->input.kind == FG_INPUT_TOKENS;
    if (l->out.kind != (tokens ? FG_SHAPE_SEQUENCE : FG_SHAPE_VECTOR) || l->out.c != m->input.classes) {
        return fg_layer_fail(err, l, "ends the model with %s, the data need %u scores%s", got,
                             m->input.classes, tokens ? " at every character" : "");
    }
    if (m->params == 0) {
        return fg_layer_fail(err, l, "the model has no parameters");
    }
    return FG_OK;
}

static enum fg_status find_init(int *out, const char *init, struct fg_err *err)
{
    for (int i = 0; fg_model_inits[i] != NULL; i++) {
        if (init == NULL || *init == '\0' || strcmp(init, fg_model_inits[i]) == 0) {
            *out = i;
            return FG_OK;
        }
    }
    unsigned best = 0;
    for (unsigned i = 1; fg_model_inits[i] != NULL; i++) {
        if (fg_str_distance(init, fg_model_inits[i]) < fg_str_distance(init, fg_model_inits[best])) {
            best = i;
        }
    }
    return fg_fail(err, FG_E_CONFIG, "no initialisation '%.40s'; the nearest is '%s'", init,
                   fg_model_inits[best]);
}

/* The list as parsed, one spelling whatever was written. */
static enum fg_status spell(struct fg_model *m)
{
    struct fg_str s = {0};
    for (unsigned i = 0; i < m->layers; i++) {
        enum fg_status st = fg_str_addf(&s, "%s%s", i > 0 ? "; " : "", m->layer[i].text);
        if (st != FG_OK) {
            fg_str_fini(&s);
            return st;
        }
    }
    m->text = fg_strdup(s.data);
    fg_str_fini(&s);
    return m->text ? FG_OK : FG_E_NOMEM;
}

enum fg_status fg_model_create(struct fg_model **out, const char *layers, const struct fg_model_input *in,
                               const char *init, struct fg_err *err)
{
    struct fg_model *m = fg_calloc(1, sizeof *m);
    enum fg_status st = FG_E_NOMEM;
    if (m == NULL) {
        return fg_fail(err, st, "%s", fg_status_text(st));
    }
    m->input = *in;
    FG_TRY(find_init(&m->init, init, err));
    FG_TRY(fg_layers_parse(&m->layer, &m->layers, expand(layers), err));
    FG_TRY(infer(m, err));
    FG_TRY(check_end(m, err));
    FG_TRY(spell(m));
    *out = m;
    return FG_OK;
cleanup:
    fg_model_destroy(m);
    return st;
}

void fg_model_destroy(struct fg_model *m)
{
    if (m != NULL) {
        fg_free(m->layer);
        fg_free(m->text);
        fg_free(m);
    }
}

size_t fg_model_params(const struct fg_model *m)
{
    return m->params;
}

const struct fg_model_input *fg_model_input(const struct fg_model *m)
{
    return &m->input;
}

const char *fg_model_layers(const struct fg_model *m)
{
    return m->text;
}

void fg_model_macs(const struct fg_model *m, uint64_t *macs, uint64_t *first)
{
    *macs = 0;
    *first = 0;
    for (unsigned i = 0; i < m->layers; i++) {
        *macs += m->layer[i].macs;
        if (m->layer[i].from_data && *first == 0) {
            *first = m->layer[i].macs;
        }
    }
}

bool fg_model_layer_info(const struct fg_model *m, unsigned i, struct fg_layer_info *out)
{
    for (unsigned k = 0; k < m->layers; k++) {
        const struct fg_layer *l = &m->layer[k];
        if (i >= l->tensors) {
            i -= l->tensors;
            continue;
        }
        const struct fg_tensor *t = &l->tensor[i];
        snprintf(out->name, sizeof out->name, "%u.%s.%s", l->number, l->ops->name, t->part);
        out->ndim = t->ndim;
        memcpy(out->dims, t->dims, sizeof out->dims);
        out->offset = t->offset;
        out->size = t->rows * t->blocks * t->cols;
        return true;
    }
    return false;
}

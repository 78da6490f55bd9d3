#include "src/model/net.h"

#include <string.h>

#include "src/base/mem.h"
#include "src/model/layer.h"

struct fg_net {
    const struct fg_model *m;
    const struct fg_kernels *k;
    size_t capacity;
    uint32_t positions;
    float *params; /* packed */
    float **act;   /* (layers + 1): act[i] is the input of layer i; several may share memory */
    void **save;   /* (layers) */
    void *scratch; /* the largest of all layers */
    struct fg_live_inputs *live;
    float *delta[2]; /* gradients flow from one to the other */
    uint16_t *label; /* (capacity, positions), as gathered */
    int32_t *target; /* (positions, capacity): in the order of rows */
    int32_t *best;   /* (positions, capacity) */
    float *loss;     /* (positions, capacity) */
    void **owned;    /* every allocation above */
    size_t n_owned;
};

/* Allocate and remember, so that fg_net_destroy() needs no knowledge of who shares what. */
static enum fg_status own(struct fg_net *net, void *ptr_to_ptr, size_t n, size_t size)
{
    void *p = fg_calloc_aligned(n > 0 ? n : 1, size);
    if (p == NULL) {
        return FG_E_NOMEM;
    }
    net->owned[net->n_owned++] = p;
    memcpy(ptr_to_ptr, &p, sizeof p);
    return FG_OK;
}

bool fg_layer_in_place(const struct fg_model *m, unsigned i)
{
    const struct fg_layer *l = &m->layer[i];
    if (l->view) {
        return true;
    }
    if (!l->ops->may_be_in_place) {
        return false;
    }
    while (i > 0 && m->layer[i - 1].view) {
        i--;
    }
    return i == 0 || !m->layer[i - 1].ops->keeps_output;
}

static enum fg_status allocate_layers(struct fg_net *net)
{
    const struct fg_model *m = net->m;
    enum fg_status st = FG_OK;
    size_t scratch = 0, widest = 0;
    FG_TRY(own(net, &net->act[0], fg_shape_floats(&m->layer[0].in, net->capacity), sizeof(float)));
    for (unsigned i = 0; i < m->layers; i++) {
        const struct fg_layer *l = &m->layer[i];
        size_t in = fg_shape_floats(&l->in, net->capacity), out = fg_shape_floats(&l->out, net->capacity);
        size_t need = l->ops->scratch ? l->ops->scratch(l, net->capacity) : 0;
        widest = in > widest && !l->from_data ? in : widest;
        widest = out > widest ? out : widest;
        scratch = need > scratch ? need : scratch;
        net->act[i + 1] = net->act[i];
        if (!fg_layer_in_place(m, i)) {
            FG_TRY(own(net, &net->act[i + 1], out, sizeof(float)));
        }
        if (l->ops->save != NULL) {
            FG_TRY(own(net, &net->save[i], l->ops->save(l, net->capacity), 1));
        }
    }
    FG_TRY(own(net, &net->scratch, scratch, 1));
    FG_TRY(own(net, &net->delta[0], widest, sizeof(float)));
    FG_TRY(own(net, &net->delta[1], widest, sizeof(float)));
cleanup:
    return st;
}

enum fg_status fg_net_create(struct fg_net **out, const struct fg_model *m, const struct fg_kernels *k,
                             size_t capacity, struct fg_err *err)
{
    enum fg_status st = FG_E_NOMEM;
    struct fg_net *net = fg_calloc(1, sizeof *net);
    FG_ASSERT(capacity > 0);
    if (net == NULL || (net->owned = fg_calloc(2 * (size_t)m->layers + 12, sizeof *net->owned)) == NULL) {
        goto cleanup;
    }
    net->m = m;
    net->k = k;
    net->capacity = capacity;
    net->positions = m->layer[m->layers - 1].out.t;
    size_t rows = capacity * net->positions;
    FG_TRY(own(net, &net->act, (size_t)m->layers + 1, sizeof *net->act));
    FG_TRY(own(net, &net->save, m->layers, sizeof *net->save));
    FG_TRY(own(net, &net->params, m->packed, sizeof(float)));
    FG_TRY(own(net, &net->label, rows, sizeof *net->label));
    FG_TRY(own(net, &net->target, rows, sizeof *net->target));
    FG_TRY(own(net, &net->best, rows, sizeof *net->best));
    FG_TRY(own(net, &net->loss, rows, sizeof *net->loss));
    FG_TRY(own(net, &net->live, 1, sizeof *net->live));
    FG_TRY(allocate_layers(net));
    *out = net;
    return FG_OK;
cleanup:
    fg_net_destroy(net);
    return fg_fail(err, st, "no memory for batches of %zu samples through this model", capacity);
}

void fg_net_destroy(struct fg_net *net)
{
    if (net != NULL) {
        for (size_t i = 0; i < net->n_owned; i++) {
            fg_free(net->owned[i]);
        }
        fg_free(net->owned);
        fg_free(net);
    }
}

size_t fg_net_capacity(const struct fg_net *net)
{
    return net->capacity;
}

size_t fg_model_packed(const struct fg_model *m)
{
    return m->packed;
}

float *fg_net_params(struct fg_net *net)
{
    return net->params;
}

void fg_net_load(struct fg_net *net, const float *params)
{
    for (unsigned i = 0; i < net->m->layers; i++) {
        const struct fg_layer *l = &net->m->layer[i];
        for (unsigned j = 0; j < l->tensors; j++) {
            const struct fg_tensor *t = &l->tensor[j];
            net->k->pad_rows(params + t->offset, net->params + t->packed, t->rows * t->blocks, t->cols);
        }
    }
}

void fg_net_moved(const struct fg_net *net, const float *start, float *delta)
{
    for (unsigned i = 0; i < net->m->layers; i++) {
        const struct fg_layer *l = &net->m->layer[i];
        for (unsigned j = 0; j < l->tensors; j++) {
            const struct fg_tensor *t = &l->tensor[j];
            net->k->subtract_rows(start + t->offset, net->params + t->packed, delta + t->offset,
                                  t->rows * t->blocks, t->cols);
        }
    }
}

float *fg_net_input(struct fg_net *net, size_t *ldx)
{
    const struct fg_shape *s = &net->m->layer[0].in;
    *ldx = s->row * s->t;
    return net->act[0];
}

uint16_t *fg_net_labels(struct fg_net *net)
{
    return net->label;
}

struct fg_live_inputs *fg_net_live(struct fg_net *net)
{
    return net->live;
}

uint32_t fg_net_positions(const struct fg_net *net)
{
    return net->positions;
}

static struct fg_pass pass_of(struct fg_net *net, unsigned i, size_t n)
{
    return (struct fg_pass){
        .k = net->k,
        .batch = n,
        .rows = n * net->m->layer[i].in.t,
        .params = net->params,
        .x = net->act[i],
        .y = net->act[i + 1],
        .save = net->save[i],
        .scratch = net->scratch,
    };
}

static void forward(struct fg_net *net, size_t n, const struct fg_pass_key *key, size_t first)
{
    for (unsigned i = 0; i < net->m->layers; i++) {
        const struct fg_layer *l = &net->m->layer[i];
        struct fg_pass p = pass_of(net, i, n);
        p.train = key != NULL;
        p.live = p.train && l->from_data ? net->live : NULL;
        p.key = key;
        p.first_row = first * l->in.t;
        if (!l->view) {
            l->ops->forward(l, &p);
        }
    }
}

/* The loss of every row, and its gradient times `scale` unless d is NULL. */
static void loss(struct fg_net *net, size_t n, float scale, float *d)
{
    const struct fg_shape *out = &net->m->layer[net->m->layers - 1].out;
    uint32_t t = net->positions;
    for (size_t b = 0; b < n; b++) {
        for (size_t s = 0; s < t; s++) {
            net->target[s * n + b] = net->label[b * t + s];
        }
    }
    net->k->softmax_xent(net->act[net->m->layers], net->target, n * t, out->c, out->ld, scale, d, net->loss,
                         d == NULL ? net->best : NULL);
}

static double train_pass(struct fg_net *net, size_t n, size_t whole, float *grad, float mlr,
                         const struct fg_net_key *key)
{
    const struct fg_model *m = net->m;
    struct fg_pass_key pass_key = {key->seed, key->client, key->number, key->step};
    FG_ASSERT(n > 0 && n <= net->capacity && whole >= n);
    forward(net, n, &pass_key, key->first);
    float *d = net->delta[0];
    loss(net, n, 1.0f / (float)(whole * net->positions), d);
    double sum = 0;
    for (size_t r = 0; r < n * net->positions; r++) {
        sum += (double)net->loss[r];
    }
    for (unsigned i = m->layers; i-- > 0;) {
        const struct fg_layer *l = &m->layer[i];
        struct fg_pass p = pass_of(net, i, n);
        p.train = true;
        p.live = l->from_data ? net->live : NULL;
        p.key = &pass_key;
        p.first_row = key->first * l->in.t;
        p.dy = d;
        p.grad = grad;
        p.update = net->params;
        p.mlr = mlr;
        if (!l->view) {
            bool same = l->ops->may_be_in_place;
            p.dx = l->from_data ? NULL : same ? d : net->delta[d == net->delta[0]];
            l->ops->backward(l, &p);
            d = p.dx;
        }
        if (l->from_data) {
            break; /* nothing before it learns */
        }
    }
    return sum;
}

double fg_net_step(struct fg_net *net, size_t n, float mlr, const struct fg_net_key *key)
{
    return train_pass(net, n, n, NULL, mlr, key);
}

double fg_net_gradient(struct fg_net *net, size_t n, size_t whole, float *grad, const struct fg_net_key *key)
{
    return train_pass(net, n, whole, grad, 0.0f, key);
}

void fg_net_score(struct fg_net *net, size_t n, double *out_loss, uint32_t *correct)
{
    FG_ASSERT(n <= net->capacity);
    forward(net, n, NULL, 0);
    loss(net, n, 1.0f, NULL);
    for (size_t b = 0; b < n; b++) {
        out_loss[b] = 0;
        correct[b] = 0;
        for (size_t s = 0; s < net->positions; s++) {
            size_t r = s * n + b;
            out_loss[b] += (double)net->loss[r];
            correct[b] += net->best[r] == net->target[r];
        }
    }
}

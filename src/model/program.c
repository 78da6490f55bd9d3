#include "src/model/program.h"

#include "kernels/device_shape.h"
#include "src/base/mem.h"
#include "src/model/layer.h"

struct fg_ref fg_ref_skip(struct fg_ref r, size_t at, size_t per)
{
    r.at += (uint32_t)at;
    r.per += (uint32_t)per;
    return r;
}

struct fg_ref fg_emit_tensor(const struct fg_layer *l, unsigned i)
{
    return (struct fg_ref){FG_SPACE_PARAMS, (uint32_t)l->tensor[i].packed, 0};
}

struct fg_ref fg_emit_gradient(const struct fg_emit *e, const struct fg_layer *l, unsigned i)
{
    struct fg_ref r = fg_emit_tensor(l, i);
    r.space = e->update ? FG_SPACE_PARAMS : FG_SPACE_GRAD;
    return r;
}

/* Threads of blocks that make a product's tiles; 0: it is none. */
static size_t by_tiles(const struct fg_op *op, size_t n)
{
    const struct fg_window *s = &op->win;
    size_t rows, columns = op->np;
    switch ((enum fg_op_kind)op->kind) {
    case FG_OP_DENSE:
        rows = op->rows * n;
        break;
    case FG_OP_DENSE_DX:
        rows = op->rows * n;
        columns = op->ldy;
        break;
    case FG_OP_DENSE_DW:
        rows = op->in;
        break;
    case FG_OP_COLUMN_SUM:
        rows = 1;
        break;
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
        rows = n * s->oh * s->ow;
        columns = s->np;
        break;
    case FG_OP_CONV_DW:
        rows = (size_t)s->k * s->k * s->cin;
        columns = s->np;
        break;
    default:
        return 0;
    }
    return (size_t)FG_TILE_THREADS * fg_shape_tiles((uint32_t)rows, (uint32_t)columns);
}

/* About how many threads have something to do, which only the speed depends on. */
static size_t outputs(const struct fg_op *op, size_t n)
{
    const struct fg_window *s = &op->win;
    switch ((enum fg_op_kind)op->kind) {
    case FG_OP_EMBED_DW:
        return (size_t)op->in * op->np;
    case FG_OP_CONV_FLIP:
        return (size_t)s->k * s->k * op->out * op->ldy;
    case FG_OP_IMAGE_PAD:
        return n * op->dh * op->dw * s->cs;
    case FG_OP_POOL:
        return n * s->oh * s->ow * s->cs / 4;
    case FG_OP_POOL_DX:
        return n * s->cs / 4 * (FG_POOL_IS_WHOLE(s) ? s->oh * s->ow : s->h * s->w);
    case FG_OP_LOAD:
    case FG_OP_PACK:
        return n * op->ldy;
    case FG_OP_UNPACK:
        return n * op->rows * op->ldy;
    case FG_OP_EMBED:
        return n * op->rows * op->np;
    case FG_OP_LSTM:
    case FG_OP_LSTM_DX:
        return n * op->np;
    case FG_OP_LOSS_SUM:
        return 1;
    case FG_OP_SCORE_SUM:
        return n;
    case FG_OP_SQUARES:
        return 16;
    case FG_OP_ADD_PART:
    case FG_OP_PROX:
    case FG_OP_CLIP:
    case FG_OP_MOMENTUM:
    case FG_OP_DECAY:
    case FG_OP_STEP:
        return op->in;
    default:
        return op->rows * n;
    }
}

void fg_emit_op(struct fg_emit *e, const struct fg_op *op)
{
    struct fg_program *p = e->program;
    if (e->st == FG_OK) {
        e->st = p->n < e->room ? FG_OK : fg_grow(&p->op, &e->room, sizeof *p->op);
    }
    if (e->st == FG_OK) {
        size_t tiles = by_tiles(op, e->capacity);
        p->op[p->n] = *op;
        p->op[p->n++].outputs = (uint32_t)(tiles > 0 ? tiles : outputs(op, e->capacity));
    }
}

static bool same_ref(struct fg_ref a, struct fg_ref b)
{
    return a.space == b.space && a.at == b.at && a.per == b.per;
}

/* Floats a sample of what an operation makes, whose sums a relu may follow or go back behind; 0: neither. */
static size_t rectifiable(const struct fg_op *op, bool back)
{
    const struct fg_window *s = &op->win;
    switch ((enum fg_op_kind)op->kind) {
    case FG_OP_CONV:
        return back ? 0 : (size_t)s->oh * s->ow * s->np;
    case FG_OP_CONV_BACK:
        return back ? (size_t)s->oh * s->ow * s->np : 0;
    case FG_OP_DENSE:
        return back ? 0 : (size_t)op->rows * op->np;
    case FG_OP_DENSE_DX:
        return back ? (size_t)op->rows * op->ldy : 0;
    case FG_OP_POOL_DX:
        return back ? (size_t)s->h * s->w * s->cs : 0;
    default:
        return 0;
    }
}

struct fg_op *fg_emitted_pool(struct fg_emit *e, struct fg_ref places)
{
    for (size_t i = 0; e->st == FG_OK && i < e->program->n; i++) {
        struct fg_op *op = &e->program->op[i];
        if (op->kind == FG_OP_POOL && same_ref(op->d, places)) {
            return op;
        }
    }
    return NULL;
}

/* Can the operation before make this pooling, too? */
static bool pools_as_well(const struct fg_op *last, const struct fg_op *pool)
{
    const struct fg_window *s = &pool->win;
    return last->kind == FG_OP_CONV && same_ref(last->y, pool->x) && last->win.np == s->cs &&
           last->win.oh == s->h && last->win.ow == s->w && FG_POOLS_IN_TILES(s->k, s->stride);
}

void fg_emit_pool(struct fg_emit *e, struct fg_op *pool)
{
    size_t n = e->st == FG_OK ? e->program->n : 0;
    if (n > 0 && pools_as_well(&e->program->op[n - 1], pool)) {
        e->program->op[n - 1].kind = FG_OP_CONV_POOL;
        pool->flags |= FG_OP_BESIDE;
    }
    pool->kind = FG_OP_POOL;
    fg_emit_op(e, pool);
}

/* Can the operation before make this dropout, too? */
static bool drops_as_well(const struct fg_op *last, const struct fg_op *drop)
{
    return last->kind == FG_OP_POOL && (last->flags & FG_OP_DROP) == 0 && same_ref(last->y, drop->x) &&
           same_ref(last->y, drop->y);
}

bool fg_emit_dropped(struct fg_emit *e, const struct fg_op *drop)
{
    size_t n = e->st == FG_OK ? e->program->n : 0;
    if (n == 0 || !drops_as_well(&e->program->op[n - 1], drop)) {
        return false;
    }
    struct fg_op *pool = &e->program->op[n - 1];
    pool->flags |= FG_OP_DROP;
    pool->number = drop->number;
    pool->threshold = drop->threshold;
    pool->f = drop->f;
    return true;
}

bool fg_emit_dropped_back(const struct fg_emit *e, uint32_t number)
{
    for (size_t i = 0; e->st == FG_OK && i < e->program->n; i++) {
        const struct fg_op *op = &e->program->op[i];
        if (op->kind == FG_OP_POOL && (op->flags & FG_OP_DROP) != 0 && op->number == number) {
            return true;
        }
    }
    return false;
}

/* Give `floats` of the lane's memory away. */
static struct fg_ref place(struct fg_emit *e, size_t floats)
{
    size_t at = e->program->floats;
    e->program->floats += fg_kernel_pad(floats);
    if (e->program->floats > UINT32_MAX && e->st == FG_OK) {
        e->st = FG_E_UNSUPPORTED;
    }
    return (struct fg_ref){FG_SPACE_LANE, (uint32_t)at, 0};
}

/* The convolution that made what the relu behind `back` goes by, aux, keeps its signs. */
static void go_by_signs(struct fg_emit *e, struct fg_op *back, size_t floats)
{
    for (size_t i = 0; i < e->program->n; i++) {
        struct fg_op *op = &e->program->op[i];
        if (op->kind == FG_OP_CONV && (op->flags & FG_OP_RECTIFY) != 0 && same_ref(op->y, back->aux)) {
            op->signs = back->signs = place(e, (e->capacity * floats / 2 + 3) / 4);
            op->flags |= FG_OP_SIGNS;
            back->flags |= FG_OP_SIGNS;
            return;
        }
    }
}

bool fg_emit_rectified(struct fg_emit *e, struct fg_ref y, const struct fg_ref *gave, size_t floats)
{
    struct fg_program *p = e->program;
    for (size_t i = p->n;
         e->st == FG_OK && i-- > 0;) { /* gradients of weights come after that of their input */
        struct fg_op *op = &p->op[i];
        if (same_ref(op->y, y)) {
            if (rectifiable(op, gave != NULL) != floats) {
                return false;
            }
            if (op->kind == FG_OP_POOL_DX) { /* by places, which going forward knows */
                fg_emitted_pool(e, op->d)->flags |= FG_OP_MASK;
                return true;
            }
            op->flags |= gave != NULL ? FG_OP_MASK : FG_OP_RECTIFY;
            op->aux = gave != NULL ? *gave : op->aux;
            if (op->kind == FG_OP_CONV_BACK) {
                go_by_signs(e, op, floats);
            }
            return true;
        }
        if (same_ref(op->x, y) || same_ref(op->d, y) || same_ref(op->w, y) || same_ref(op->aux, y)) {
            return false;
        }
    }
    return false;
}

/* Can these sums be made with the product of the operation before? */
static bool sums_go_with(const struct fg_op *last, const struct fg_op *op)
{
    return (last->kind == FG_OP_DENSE_DW || last->kind == FG_OP_CONV_DW) && same_ref(last->d, op->d) &&
           (last->flags & FG_OP_BESIDE) == 0;
}

void fg_emit_column_sum(struct fg_emit *e, struct fg_op *op)
{
    size_t n = e->st == FG_OK ? e->program->n : 0;
    op->kind = FG_OP_COLUMN_SUM;
    if (n > 0 && sums_go_with(&e->program->op[n - 1], op)) {
        e->program->op[n - 1].flags |= FG_OP_SUMS;
        e->program->op[n - 1].aux = op->y;
        op->flags |= FG_OP_BESIDE;
    }
    fg_emit_op(e, op);
}

void fg_emit_dense_backward(struct fg_emit *e, const struct fg_layer *l, struct fg_op *op)
{
    op->w = fg_emit_tensor(l, 0);
    op->ldx = op->ldy = (uint32_t)l->in.row;
    op->flags = e->update ? FG_OP_UPDATE : 0;
    op->x = e->x;
    if (e->need_dx) {
        bool both = e->update && op->out == op->np && op->rows * e->capacity <= FG_WEIGHTS_ROWS;
        op->kind = FG_OP_DENSE_DX;
        op->y = e->dx;
        op->flags = both ? FG_OP_WEIGHTS : 0;
        fg_emit_op(e, op);
        op->flags = (e->update ? FG_OP_UPDATE : 0) | (both ? FG_OP_BESIDE : 0);
    }
    op->kind = FG_OP_DENSE_DW;
    op->y = fg_emit_gradient(e, l, 0);
    fg_emit_op(e, op);
    op->flags &= ~(uint32_t)FG_OP_BESIDE; /* whatever follows is nobody else's */
}

struct places {
    struct fg_ref *act;  /* (layers + 1) */
    struct fg_ref *save; /* (layers) */
    struct fg_ref scratch, delta[2], loss, target, right;
};

static size_t floats_of(size_t (*bytes)(const struct fg_layer *, size_t), const struct fg_layer *l,
                        size_t batch)
{
    return bytes == NULL ? 0 : (bytes(l, batch) + sizeof(float) - 1) / sizeof(float);
}

static void place_all(struct fg_emit *e, const struct fg_model *m, struct places *at)
{
    size_t scratch = 0, widest = 0, rows = e->capacity * m->layer[m->layers - 1].out.t;
    (void)place(e, m->packed);
    at->act[0] = place(e, fg_shape_floats(&m->layer[0].in, e->capacity));
    for (unsigned i = 0; i < m->layers; i++) {
        const struct fg_layer *l = &m->layer[i];
        size_t in = fg_shape_floats(&l->in, e->capacity), out = fg_shape_floats(&l->out, e->capacity);
        size_t need = floats_of(l->ops->scratch, l, e->capacity);
        widest = in > widest && !l->from_data ? in : widest;
        widest = out > widest ? out : widest;
        scratch = need > scratch ? need : scratch;
        at->act[i + 1] = fg_layer_in_place(m, i) ? at->act[i] : place(e, out);
        at->save[i] = place(e, floats_of(l->ops->save, l, e->capacity));
    }
    at->target = place(e, rows);
    at->loss = place(e, rows);
    at->right = place(e, e->train ? 0 : rows);
    at->scratch = place(e, scratch);
    at->delta[0] = place(e, e->train ? widest : 0);
    at->delta[1] = place(e, e->train ? widest : 0);
}

static void forward(struct fg_emit *e, const struct fg_model *m, const struct places *at)
{
    const struct fg_shape *in = &m->layer[0].in, *out = &m->layer[m->layers - 1].out;
    struct fg_op loss = {.kind = e->train ? FG_OP_LOSS : FG_OP_SCORE,
                         .x = at->act[m->layers],
                         .d = at->target,
                         .y = e->train ? at->delta[0] : at->right,
                         .w = at->loss,
                         .rows = out->t,
                         .out = out->c,
                         .np = (uint32_t)out->ld};
    fg_emit_op(e,
               &(struct fg_op){
                   .kind = FG_OP_LOAD, .y = at->act[0], .d = at->target, .ldy = (uint32_t)(in->row * in->t)});
    for (unsigned i = 0; i < m->layers; i++) {
        const struct fg_layer *l = &m->layer[i];
        e->x = at->act[i];
        e->y = at->act[i + 1];
        e->save = at->save[i];
        e->scratch = at->scratch;
        if (!l->view) {
            l->ops->emit_forward(l, e);
        }
    }
    fg_emit_op(e, &loss);
    loss.kind = e->train ? FG_OP_LOSS_SUM : FG_OP_SCORE_SUM;
    fg_emit_op(e, &loss);
}

static void backward(struct fg_emit *e, const struct fg_model *m, const struct places *at)
{
    unsigned d = 0;
    for (unsigned i = m->layers; i-- > 0;) {
        const struct fg_layer *l = &m->layer[i];
        e->x = at->act[i];
        e->y = at->act[i + 1];
        e->save = at->save[i];
        e->dy = at->delta[d];
        e->need_dx = !l->from_data;
        if (!l->view) {
            d = l->ops->may_be_in_place || l->from_data ? d : 1 - d;
            e->dx = at->delta[d];
            l->ops->emit_backward(l, e);
        }
        if (l->from_data) {
            break;
        }
    }
}

/* What follows when a step's gradient is whole. */
static void optimise(struct fg_emit *e, const struct fg_program_opts *o, uint32_t packed)
{
    struct fg_program *p = e->program;
    struct fg_ref params = {FG_SPACE_PARAMS, 0, 0}, grad = place(e, packed), part = grad, squares = {0};
    struct fg_ref velocity = {0}, first = {0};
    p->grad = grad.at;
    if (o->batch == 0 || o->batch > FG_DEVICE_PART) {
        part = place(e, packed);
        fg_emit_op(e, &(struct fg_op){
                          .kind = FG_OP_ADD_PART, .when = FG_WHEN_LATER, .x = part, .y = grad, .in = packed});
    }
    p->part = part.at;
    struct fg_op op = {.when = FG_WHEN_LAST, .x = grad, .y = params, .in = packed};
    if (o->prox_mu != 0.0f) {
        first = place(e, packed);
        struct fg_op prox = {.kind = FG_OP_PROX,
                             .when = FG_WHEN_LAST,
                             .x = params,
                             .w = first,
                             .y = grad,
                             .in = packed,
                             .f = o->prox_mu};
        fg_emit_op(e, &prox);
    }
    if (o->clip != 0.0f) {
        squares = place(e, 32);
        struct fg_op clip = {
            .kind = FG_OP_SQUARES, .when = FG_WHEN_LAST, .x = grad, .w = squares, .y = grad, .in = packed};
        fg_emit_op(e, &clip);
        clip.kind = FG_OP_CLIP;
        clip.f = o->clip;
        fg_emit_op(e, &clip);
    }
    if (o->momentum != 0.0f) {
        velocity = place(e, packed);
    }
    op.kind = o->momentum != 0.0f ? FG_OP_MOMENTUM : o->weight_decay != 0.0f ? FG_OP_DECAY : FG_OP_STEP;
    op.d = velocity;
    op.f = o->momentum;
    op.g = o->weight_decay;
    fg_emit_op(e, &op);
    p->velocity = velocity.at;
    p->first = first.at;
}

enum fg_status fg_model_program(struct fg_program *out, const struct fg_model *m,
                                const struct fg_program_opts *o, struct fg_err *err)
{
    struct fg_program p = {.packed = m->packed, .arithmetic = o->arithmetic};
    bool large = o->batch == 0 || o->batch > FG_DEVICE_PART;
    struct fg_emit e = {.program = &p,
                        .capacity = large ? FG_DEVICE_PART : o->batch,
                        .train = !o->evaluate,
                        .update = o->momentum == 0.0f && o->weight_decay == 0.0f && o->clip == 0.0f &&
                                  o->prox_mu == 0.0f && !large};
    struct places at = {.act = fg_calloc(m->layers + 1, sizeof *at.act),
                        .save = fg_calloc(m->layers, sizeof *at.save)};
    e.st = at.act == NULL || at.save == NULL ? FG_E_NOMEM : FG_OK;
    if (e.st == FG_OK) {
        place_all(&e, m, &at);
        forward(&e, m, &at);
    }
    if (e.st == FG_OK && e.train) {
        backward(&e, m, &at);
    }
    if (e.st == FG_OK && e.train && !e.update) {
        optimise(&e, o, (uint32_t)m->packed);
    }
    fg_free(at.act);
    fg_free(at.save);
    if (e.st != FG_OK) {
        fg_program_fini(&p);
        return fg_fail(err, e.st, "a program of this model for devices: %s", fg_status_text(e.st));
    }
    p.in_place = e.train && e.update;
    *out = p;
    return FG_OK;
}

void fg_program_fini(struct fg_program *p)
{
    fg_free(p->op);
    *p = (struct fg_program){0};
}

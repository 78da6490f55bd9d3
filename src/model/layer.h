/* Inside of the model: what a layer kind is. A new kind is one file with a `const struct fg_layer_ops`,
 * declared in layers.h and listed in layers.c.
 *
 * Activations of a batch are (rows, h * w, ld): rows = batch * t, where t is the number of positions of a
 * sequence (1 otherwise), laid out position by position (row = position * batch + sample); c of the ld values
 * of a pixel are used, the rest are zero. What layers write has ld a multiple of 16; an image straight from
 * the data has ld = c and row = h * w * c.
 *
 * Parameters live twice: canonical (unpadded, see model.h) and packed for the kernels: each tensor is rows x
 * blocks x cols, and packing pads cols with zeros to a multiple of 16.
 *
 * Thread safety: layers are immutable; a pass belongs to one thread.
 */
#ifndef FG_MODEL_LAYER_H
#define FG_MODEL_LAYER_H

#include "kernels/device.h"
#include "kernels/kernels.h"
#include "src/base/rng.h"
#include "src/model/model.h"

enum { FG_LAYER_ARGS = 6, FG_LAYER_TENSORS = 3, FG_LAYER_TEXT = 80 };

enum fg_shape_kind { FG_SHAPE_TOKENS, FG_SHAPE_VECTOR, FG_SHAPE_IMAGE, FG_SHAPE_SEQUENCE };

struct fg_shape {
    enum fg_shape_kind kind;
    uint32_t t, h, w, c; /* positions; pixels; values a pixel (vectors and sequences: h = w = 1) */
    size_t ld;           /* floats from pixel to pixel */
    size_t row;          /* floats from row to row */
};

/* An argument of a layer: a number within [min, max], or one of `words` ("a|b"), whose index is the value. */
struct fg_layer_arg {
    const char *name;
    const char *words; /* NULL: none */
    double def;        /* NAN: must be given */
    double min, max;
    bool whole; /* whole numbers only; min > max: words only */
};

/* How a tensor starts. */
enum fg_tensor_role {
    FG_ROLE_WEIGHT,
    FG_ROLE_BIAS,
    FG_ROLE_EMBEDDING,
    FG_ROLE_LSTM_WEIGHT,
    FG_ROLE_LSTM_BIAS
};

struct fg_tensor {
    const char *part; /* "weight", "bias", ... */
    enum fg_tensor_role role;
    unsigned ndim;
    uint32_t dims[4];
    size_t rows, blocks, cols, ld; /* packed size: rows * blocks * ld */
    size_t fan_in, fan_out;
    size_t offset; /* in the canonical vector */
    size_t packed; /* in the packed vector, a multiple of 16 */
};

struct fg_layer {
    const struct fg_layer_ops *ops;
    unsigned number;           /* from 1, as written in the list */
    char text[FG_LAYER_TEXT];  /* as written, for messages */
    double arg[FG_LAYER_ARGS]; /* in the order of ops->args */
    bool given[FG_LAYER_ARGS]; /* written in the list */
    bool last;
    uint32_t classes;
    struct fg_shape in, out;
    unsigned tensors;
    struct fg_tensor tensor[FG_LAYER_TENSORS];
    uint64_t macs;  /* of one sample, forward */
    bool from_data; /* its input is the data: no gradient is needed */
    bool view;      /* the output is the input, only the shape differs */
};

/* What random masks are keyed by, beside the layer. */
struct fg_pass_key {
    uint64_t seed;
    uint32_t client, number, step;
};

/* One pass of a batch through one layer. */
struct fg_pass {
    const struct fg_kernels *k;
    size_t batch, rows; /* rows = batch * in.t */
    bool train;
    const float *params;         /* the layer's packed tensors start at params + tensor[i].packed */
    const float *x;              /* (rows, in.row) */
    float *y;                    /* (rows, out.row) */
    void *save;                  /* ops->save bytes, from forward to backward */
    void *scratch;               /* ops->scratch bytes, within one call */
    struct fg_live_inputs *live; /* training, of a layer whose input is the data; else NULL */
    /* backward only */
    float *dy;     /* (rows, out.row); may be overwritten */
    float *dx;     /* (rows, in.row) out, or NULL when not needed */
    float *grad;   /* packed gradient out, or NULL: */
    float *update; /* then the packed parameters are updated in place, w += mlr * gradient */
    float mlr;
    /* random masks */
    const struct fg_pass_key *key;
    size_t first_row; /* rows of the same step that went before, when a large batch goes in parts */
};

/* A layer's turn in making a program for devices: where its operands are; it adds its operations. */
struct fg_emit {
    struct fg_program *program;
    size_t room; /* operations */
    enum fg_status st;
    size_t capacity; /* samples */
    bool train;
    bool update;  /* weights are updated by the operation that makes their gradient */
    bool need_dx; /* backward */
    struct fg_ref x, y, save, scratch, dy, dx;
};

/* A place further on: `at` floats, and `per` for each sample in flight. */
struct fg_ref fg_ref_skip(struct fg_ref r, size_t at, size_t per);

/* Where a tensor is, and where its gradient goes (or itself, e->update). */
struct fg_ref fg_emit_tensor(const struct fg_layer *l, unsigned i);
struct fg_ref fg_emit_gradient(const struct fg_emit *e, const struct fg_layer *l, unsigned i);

void fg_emit_op(struct fg_emit *e, const struct fg_op *op);

/* Have a relu over `floats` of y a sample done by the operation that makes y, if that was just emitted and
 * can. gave: NULL going forward; going back, what the relu gave. False: it is to be emitted. */
bool fg_emit_rectified(struct fg_emit *e, struct fg_ref y, const struct fg_ref *gave, size_t floats);

/* Pooling: by the convolution before, where that is what it pools and it can. */
void fg_emit_pool(struct fg_emit *e, struct fg_op *pool);

/* The pooling that keeps its places there; NULL: none was emitted. */
struct fg_op *fg_emitted_pool(struct fg_emit *e, struct fg_ref places);

/* Have a dropout in place done by the pooling that was just emitted. False: it is to be emitted. And whether
 * the dropout of that number was: then pooling's places and scale are all of it going back. */
bool fg_emit_dropped(struct fg_emit *e, const struct fg_op *drop);
bool fg_emit_dropped_back(const struct fg_emit *e, uint32_t number);

/* Backward of x W, W being tensor 0, as layers with a weight of their input have it: the gradient of x if it
 * is needed, then of W. Of `op` d, rows, in, out and np are given; afterwards it is the one of W. */
void fg_emit_dense_backward(struct fg_emit *e, const struct fg_layer *l, struct fg_op *op);

/* Sums of columns: by the operation before by the way, where that makes a product of them. */
void fg_emit_column_sum(struct fg_emit *e, struct fg_op *op);

struct fg_layer_ops {
    const char *name;
    const struct fg_layer_arg *args; /* ended by a NULL name; NULL: none */
    bool may_be_in_place;            /* forward works with y == x, backward with dx == dy */
    bool keeps_output;               /* backward reads y: the next layer may not overwrite it */
    /* Check l->in and the arguments; set l->out, tensors, macs. Errors through fg_layer_fail(). */
    enum fg_status (*shape)(struct fg_layer *l, struct fg_err *err);
    size_t (*save)(const struct fg_layer *l, size_t batch);    /* bytes; NULL: none */
    size_t (*scratch)(const struct fg_layer *l, size_t batch); /* bytes; NULL: none */
    void (*forward)(const struct fg_layer *l, struct fg_pass *p);
    void (*backward)(const struct fg_layer *l, struct fg_pass *p);
    /* The same as operations of a device's program. */
    void (*emit_forward)(const struct fg_layer *l, struct fg_emit *e);
    void (*emit_backward)(const struct fg_layer *l, struct fg_emit *e);
};

struct fg_model {
    struct fg_model_input input;
    unsigned layers;
    struct fg_layer *layer;
    size_t params; /* P */
    size_t packed; /* floats of the packed vector */
    char *text;
    int init; /* index into fg_model_inits */
};

/* All kinds, ended by NULL. */
extern const struct fg_layer_ops *const fg_layer_kinds[];

/* "layer 3 'dense 200': <message>", FG_E_CONFIG. */
enum fg_status fg_layer_fail(struct fg_err *err, const struct fg_layer *l, const char *fmt, ...)
    FG_PRINTF(3, 4);

/* The shape function of elementwise layers: any shape but characters stays as it is. */
enum fg_status fg_layer_same_shape(struct fg_layer *l, struct fg_err *err);

/* "a 24x24x32 image", "a vector of 200", ... */
const char *fg_shape_text(const struct fg_shape *s, char *buf, size_t len);

/* Whether layer i may write over its input: nobody needs what was there. */
bool fg_layer_in_place(const struct fg_model *m, unsigned i);

/* Shapes with their strides set; floats of one batch. */
struct fg_shape fg_shape_vector(uint32_t features);
struct fg_shape fg_shape_sequence(uint32_t t, uint32_t features);
struct fg_shape fg_shape_image(uint32_t h, uint32_t w, uint32_t c);
size_t fg_shape_floats(const struct fg_shape *s, size_t batch);

/* Add a tensor of rows x blocks x cols; the caller has set part, role, ndim, dims, fan_in and fan_out. */
void fg_layer_add_tensor(struct fg_layer *l, const struct fg_tensor *t, size_t rows, size_t blocks,
                         size_t cols);

/* Parse a list: the array of layers without shapes. Owner: the caller, fg_free(). */
enum fg_status fg_layers_parse(struct fg_layer **out, unsigned *n, const char *text, struct fg_err *err);

#endif

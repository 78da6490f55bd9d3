/* Programs for devices: which operations a step is where they go by tiles, and the bytes that those move,
 * each operand counted once: what a device reads and writes at least, as `doc/gpu.md` counts it. */
#include "tests/lib/test.h"

#include "src/model/model.h"
#include "src/model/program.h"

/* Floats of what a kind reads and writes a sample or, of weights, in all. */
struct floats {
    double x, y, w, d, aux;
};

/* Rows of gradients or of inputs, and weights that are read and written. */
static struct floats of_dense(const struct fg_op *o, double n)
{
    const bool mask = (o->flags & FG_OP_MASK) != 0, weights = (o->flags & FG_OP_WEIGHTS) != 0;
    const double rows = n * o->rows, w = (double)o->in * o->np;
    switch (o->kind) {
    case FG_OP_DENSE:
        return (struct floats){.x = rows * o->in, .w = w, .y = rows * o->np};
    case FG_OP_DENSE_DX:
        return (struct floats){.d = rows * o->np,
                               .w = weights ? 2 * w : w,
                               .x = weights ? rows * o->in : 0,
                               .y = rows * o->ldy,
                               .aux = mask ? rows * o->ldy : 0};
    default: /* FG_OP_DENSE_DW */
        return (struct floats){.x = rows * o->in, .d = rows * o->np, .y = 2 * w};
    }
}

static struct floats of_window(const struct fg_op *o, double n)
{
    const struct fg_window *s = &o->win;
    const bool border = (o->flags & FG_OP_BORDER) != 0, mask = (o->flags & FG_OP_MASK) != 0,
               signs = (o->flags & FG_OP_SIGNS) != 0;
    const double in = n * s->h * s->w * s->cs, out = n * s->oh * s->ow * s->np,
                 w = (double)s->k * s->k * s->cin * s->np, pooled = n * s->oh * s->ow * s->cs;
    const struct fg_window *p = &o[1].win;
    switch (o->kind) {
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
        return (struct floats){.x = border ? n * o->dh * o->dw * s->cs : in,
                               .w = w,
                               .y = out,
                               .aux = signs  ? out / 8
                                      : mask ? out
                                             : 0};
    case FG_OP_CONV_POOL:
        return (struct floats){.x = in, .w = w, .y = 1.25 * n * p->oh * p->ow * p->cs};
    case FG_OP_CONV_DW:
        return (struct floats){.x = in, .d = out, .y = 2 * w};
    case FG_OP_POOL:
    case FG_OP_POOL_DX:
        return (struct floats){.x = in, .y = pooled, .d = pooled / 4};
    default:
        return (struct floats){.w = (double)s->k * s->k * o->in * o->np,
                               .y = (double)s->k * s->k * o->out * o->ldy};
    }
}

static struct floats of_op(const struct fg_op *o, double n)
{
    switch (o->kind) {
    case FG_OP_DENSE:
    case FG_OP_DENSE_DX:
    case FG_OP_DENSE_DW:
        return of_dense(o, n);
    case FG_OP_CONV:
    case FG_OP_CONV_BACK:
    case FG_OP_CONV_POOL:
    case FG_OP_CONV_DW:
    case FG_OP_CONV_FLIP:
    case FG_OP_POOL:
    case FG_OP_POOL_DX:
        return of_window(o, n);
    case FG_OP_LOAD: /* bytes */
        return (struct floats){.x = n * o->ldy / 4, .y = n * o->ldy};
    case FG_OP_LOSS:
    case FG_OP_SCORE:
        return (struct floats){.x = n * o->np, .y = o->kind == FG_OP_LOSS ? n * o->np : n};
    default:
        return (struct floats){.x = n * o->rows, .y = n * o->rows};
    }
}

struct count {
    unsigned launches;
    double bytes;
};

static struct count count(const struct fg_program *p, double n)
{
    struct count c = {0, 0};
    for (size_t i = 0; i < p->n; i++) {
        const struct fg_op *o = &p->op[i];
        if ((o->flags & FG_OP_BESIDE) == 0) {
            const struct floats f = of_op(o, n);
            double all = 4 * (f.x + f.y + f.w + f.d + f.aux);
            printf("operation %2zu of kind %2u: %7.0f KB\n", i, o->kind, all * 1e-3);
            c.bytes += all;
            c.launches++;
        }
    }
    return c;
}

static struct fg_model *pfl_cnn(void)
{
    const struct fg_model_input in = {FG_INPUT_IMAGE, {32, 32, 3}, 10};
    struct fg_model *m;
    struct fg_err err = {""};
    if (fg_model_create(&m, "pfl_cnn", &in, NULL, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    return m;
}

static struct count of_pfl_cnn(const struct fg_program_opts *o, double n)
{
    struct fg_model *m = pfl_cnn();
    struct fg_program p;
    struct fg_err err = {""};
    if (fg_model_program(&p, m, o, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    struct count c = count(&p, n);
    fg_program_fini(&p);
    fg_model_destroy(m);
    return c;
}

/* The numbers of doc/gpu.md; more than them is a step back. */
static void a_step_of_pfl_moves_what_the_documentation_says(void **state)
{
    (void)state;
    struct count step = of_pfl_cnn(&(struct fg_program_opts){.batch = 10}, 10),
                 part = of_pfl_cnn(&(struct fg_program_opts){.batch = 64, .evaluate = true}, 64);
    printf("a step of 10: %u launches, %.1f MB; 64 test samples: %u launches, %.1f MB\n", step.launches,
           step.bytes * 1e-6, part.launches, part.bytes * 1e-6);
    assert_int_equal(step.launches, 19);
    fg_assert_close(step.bytes * 1e-6, 35.0, 0.05);
    assert_int_equal(part.launches, 8);
    fg_assert_close(part.bytes * 1e-6, 30.4, 0.05);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_step_of_pfl_moves_what_the_documentation_says),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

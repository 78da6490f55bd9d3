/* Initialisation: every value is drawn in double from the layer's stream, in canonical order, then
 * rounded. */
#include <math.h>

#include "src/model/layer.h"

enum init { TORCH, XAVIER, GLOROT_UNIFORM, GLOROT_NORMAL, HE_UNIFORM, HE_NORMAL, LECUN_UNIFORM, ZEROS };

const char *const fg_model_inits[] = {
    [TORCH] = "torch",
    [XAVIER] = "xavier",
    [GLOROT_UNIFORM] = "glorot_uniform",
    [GLOROT_NORMAL] = "glorot_normal",
    [HE_UNIFORM] = "he_uniform",
    [HE_NORMAL] = "he_normal",
    [LECUN_UNIFORM] = "lecun_uniform",
    [ZEROS] = "zeros",
    [ZEROS + 1] = NULL,
};

/* A tensor's distribution: uniform in [-uniform, uniform], or normal, or constant when both are 0. */
struct law {
    double uniform, normal;
};

static struct law weight_law(enum init init, double in, double out)
{
    switch (init) {
    case TORCH:
        return (struct law){1.0 / sqrt(in), 0};
    case XAVIER:
    case GLOROT_UNIFORM:
        return (struct law){sqrt(6.0 / (in + out)), 0};
    case GLOROT_NORMAL:
        return (struct law){0, sqrt(2.0 / (in + out))};
    case HE_UNIFORM:
        return (struct law){sqrt(6.0 / in), 0};
    case HE_NORMAL:
        return (struct law){0, sqrt(2.0 / in)};
    case LECUN_UNIFORM:
        return (struct law){sqrt(3.0 / in), 0};
    case ZEROS:
        break;
    }
    return (struct law){0, 0};
}

static struct law tensor_law(enum init init, const struct fg_tensor *t)
{
    double in = (double)t->fan_in, out = (double)t->fan_out;
    if (init == ZEROS) {
        return (struct law){0, 0};
    }
    switch (t->role) {
    case FG_ROLE_WEIGHT:
        return weight_law(init, in, out);
    case FG_ROLE_LSTM_WEIGHT: /* PyTorch draws all of an LSTM by its width */
        return init == TORCH ? weight_law(init, out, out) : weight_law(init, in, out);
    case FG_ROLE_EMBEDDING: /* PyTorch: N(0, 1); Keras: U(-0.05, 0.05) */
        return init == TORCH ? (struct law){0, 1} : (struct law){0.05, 0};
    case FG_ROLE_BIAS:
    case FG_ROLE_LSTM_BIAS:
        break;
    }
    return init == TORCH ? weight_law(init, in, out) : (struct law){0, 0};
}

static void fill(struct fg_rng *rng, enum init init, const struct fg_tensor *t, float *w)
{
    struct law law = tensor_law(init, t);
    size_t n = t->rows * t->blocks * t->cols;
    for (size_t i = 0; i < n; i++) {
        double x = 0;
        if (law.uniform > 0) {
            x = law.uniform * (2.0 * fg_rng_uniform(rng) - 1.0);
        } else if (law.normal > 0) {
            x = law.normal * fg_rng_normal(rng);
        }
        w[i] = (float)x;
    }
    /* The forget gate (second of four) starts open, as Jozefowicz et al. 2015 advise; PyTorch's does not. */
    if (t->role == FG_ROLE_LSTM_BIAS && init != TORCH && init != ZEROS) {
        for (size_t i = t->cols; i < 2 * t->cols; i++) {
            w[i] = 1.0f;
        }
    }
}

void fg_model_init(const struct fg_model *m, uint64_t seed, float *params)
{
    for (unsigned i = 0; i < m->layers; i++) {
        const struct fg_layer *l = &m->layer[i];
        struct fg_rng rng;
        fg_rng_init(&rng, seed, FG_RNG_INIT, i, 0);
        for (unsigned j = 0; j < l->tensors; j++) {
            fill(&rng, (enum init)m->init, &l->tensor[j], params + l->tensor[j].offset);
        }
    }
}

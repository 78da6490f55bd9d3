/* Dense input gradients of small batches: squares of w are transposed in registers and used at once, the sums
 * of the whole batch staying in registers too. Needs 32 registers. Included by wide.c only.
 */
enum { BACKWARD_BATCH = VL == 16 ? 12 : 0 };

struct backward {
    const float *d; /* (batch, np) */
    const float *w; /* (in, np) */
    float *dx;      /* (batch, lddx) */
    size_t in, np, n, lddx;
};

/* VL inputs from i on; batch is a constant where this is inlined, `whole` tells that w has all VL rows. */
static inline __attribute__((always_inline)) void backward_block(const struct backward *u, size_t i,
                                                                 int whole, int batch)
{
    V sum[12], w[VL];
    size_t np = u->np;
    const float *wi = u->w + i * np, *d0 = u->d;
    const float *d4 = batch > 4 ? d0 + 4 * np : d0, *d8 = batch > 8 ? d0 + 8 * np : d0;
    FG_UNROLL
    for (int b = 0; b < batch; b++) {
        sum[b] = v_set(0.0f);
    }
    for (size_t j = 0; j < u->n; j += VL, wi += VL) {
        FG_UNROLL
        for (size_t r = 0; r < VL; r++) {
            w[r] = whole || i + r < u->in ? v_load(wi + r * np) : v_set(0.0f);
        }
        v_transpose(w);
        size_t left = u->n - j;
        FG_UNROLL
        for (size_t k = 0; k < VL; k++) {
            if (k < left) {
                FG_UNROLL
                for (int b = 0; b < batch; b++) {
                    V d = v_set((b < 4 ? d0 : b < 8 ? d4 : d8)[(size_t)(b % 4) * np + j + k]);
                    sum[b] = v_fma(d, w[k], sum[b]);
                }
            }
        }
    }
    FG_UNROLL
    for (int b = 0; b < batch; b++) {
        v_store(u->dx + (size_t)b * u->lddx + i, sum[b]);
    }
}

static inline __attribute__((always_inline)) void backward_run(const struct backward *u, int batch)
{
    size_t i = 0;
    for (; i + VL <= u->in; i += VL) {
        backward_block(u, i, 1, batch);
    }
    for (; i < fg_kernel_pad(u->in); i += VL) {
        backward_block(u, i, 0, batch);
    }
}

typedef void (*backward_function)(const struct backward *u);

#define BACKWARD_DEFINE(B)                             \
    static void backward_##B(const struct backward *u) \
    {                                                  \
        backward_run(u, B);                            \
    }
#define BACKWARD_ENTRY(B) backward_##B,
UPDATE_LIST(BACKWARD_DEFINE)
static const backward_function BACKWARDS[] = {UPDATE_LIST(BACKWARD_ENTRY)}; /* batch - 1 */

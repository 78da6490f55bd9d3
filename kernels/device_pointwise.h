/* Samples, elementwise layers, the loss, embedding, LSTM cell and the optimiser as device operations;
 * arithmetic as kernels.h states it. Included by device_ops.h only. */

/* Element e of the samples in flight, in rows of ld. */
FG_BOTH FG_INLINE float sample_value(const struct fg_device_data *data, const struct fg_at *at, uint32_t e,
                                     uint32_t ld)
{
    const uint32_t i = e % ld, c = i % data->channels;
    const size_t from = (size_t)at->index[e / ld] * data->width + i;
    if (i >= data->width) {
        return 0.0f;
    }
    float raw = data->bytes ? (float)((const uint8_t *)data->x)[from] : ((const float *)data->x)[from];
    return data->raw ? raw : fmaf(data->scale[c], raw, data->shift[c]);
}

/* A thread asks for so many values before it writes the first: no write could be of what is read, but a
 * compiler does not know, and one after the other each waits for the memory. */
enum { FG_LOADS = 8 };

FG_BOTH static inline void op_load(const struct fg_op *op, const struct fg_at *at, const struct fg_lane *lane,
                                   size_t t, size_t nt)
{
    const struct fg_device_data *data = lane->data;
    float *y = fg_at_ref(at, op->y);
    int32_t *target = (int32_t *)fg_at_ref(at, op->d);
    const uint32_t T = data->label_width;
    const size_t all = (size_t)at->n * op->ldy;
    for (size_t e = t; e < all; e += FG_LOADS * nt) {
        float value[FG_LOADS];
        FG_UNROLL
        for (size_t k = 0; k < FG_LOADS; k++) {
            value[k] = e + k * nt < all ? sample_value(data, at, (uint32_t)(e + k * nt), op->ldy) : 0.0f;
        }
        FG_UNROLL
        for (size_t k = 0; k < FG_LOADS; k++) {
            if (e + k * nt < all) {
                y[e + k * nt] = value[k];
            }
        }
    }
    for (size_t e = t; e < (size_t)at->n * T; e += nt) {
        const uint32_t s = (uint32_t)e / at->n, b = (uint32_t)e % at->n;
        target[e] = data->y[(size_t)at->index[b] * T + s];
    }
}

/* Shapes: x (n, h, w, ldx), y (n, ldy) without the padding between pixels. */
FG_BOTH static inline void op_pack(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    const uint32_t c = op->in, pixels = op->rows, ld = op->ldy;
    for (size_t e = t; e < (size_t)at->n * ld; e += nt) {
        const uint32_t b = (uint32_t)e / ld, i = (uint32_t)e % ld;
        y[e] = i < pixels * c ? x[(size_t)(b * pixels + i / c) * op->ldx + i % c] : 0.0f;
    }
}

/* Shapes: x (n, ldx), y (n, pixels, ldy). */
FG_BOTH static inline void op_unpack(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    const uint32_t c = op->in, pixels = op->rows, ld = op->ldy;
    for (size_t e = t; e < (size_t)at->n * pixels * ld; e += nt) {
        const uint32_t pixel = (uint32_t)e / ld, k = (uint32_t)e % ld, b = pixel / pixels, i = pixel % pixels;
        y[e] = k < c ? x[(size_t)b * op->ldx + i * c + k] : 0.0f;
    }
}

FG_BOTH static inline void op_element(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *d = fg_at_ref(at, op->d);
    float *y = fg_at_ref(at, op->y);
    for (size_t e = t; e < (size_t)op->rows * at->n; e += nt) {
        switch (op->kind) {
        case FG_OP_RELU:
            y[e] = x[e] < 0.0f ? 0.0f : x[e];
            break;
        case FG_OP_RELU_DX:
            y[e] = x[e] > 0.0f ? d[e] : 0.0f;
            break;
        case FG_OP_TANH:
            y[e] = scalar_tanh(x[e]);
            break;
        case FG_OP_TANH_DX:
            y[e] = d[e] * fmaf(-x[e], x[e], 1.0f);
            break;
        case FG_OP_ADD:
            y[e] = fmaf(1.0f, x[e], y[e]);
            break;
        case FG_OP_COPY:
            y[e] = x[e];
            break;
        default: /* FG_OP_ZERO */
            y[e] = 0.0f;
        }
    }
}

/* A thread makes the four elements of a Philox block. */
FG_BOTH static inline void op_dropout(const struct fg_op *op, const struct fg_at *at,
                                      const struct fg_lane *lane, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x);
    float *y = fg_at_ref(at, op->y);
    size_t n = (size_t)op->rows * at->n;
    for (size_t e = t; e < (n + 3) / 4; e += nt) {
        uint32_t word[4];
        dropout_words(word, op, at, lane, op->rows, e);
        for (size_t i = 4 * e; i < n && i < 4 * e + 4; i++) {
            y[i] = word[i % 4] >= op->threshold ? x[i] * op->f : 0.0f;
        }
    }
}

/* One thread a row, training and evaluation; where there are threads enough one an output, each of which
 * looks through its row for itself. */
FG_BOTH static inline void op_loss(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *scores = fg_at_ref(at, op->x);
    const int32_t *target = (const int32_t *)fg_at_ref(at, op->d);
    float *y = fg_at_ref(at, op->y), *loss = fg_at_ref(at, op->w);
    float by = 1.0f / (float)((size_t)at->whole * op->rows);
    const size_t rows = (size_t)op->rows * at->n;
    const uint32_t each = op->kind == FG_OP_LOSS && rows * op->np <= nt ? 1 : op->np, shares = op->np / each;
    for (size_t e = t; e < rows * shares; e += nt) {
        const uint32_t r = (uint32_t)e / shares, from = (uint32_t)e % shares * each;
        const float *z = scores + (size_t)r * op->np;
        float top = z[0], s = 0.0f, zl = z[target[r]];
        int32_t first = 0, label = target[r];
        for (uint32_t c = 1; c < op->out; c++) {
            first = z[c] > top ? (int32_t)c : first;
            top = z[c] > top ? z[c] : top;
        }
        for (uint32_t c = 0; c < op->out; c++) {
            s += scalar_exp(z[c] - top);
        }
        if (from == 0) {
            loss[r] = scalar_log(s) - (zl - top);
        }
        if (op->kind == FG_OP_SCORE) {
            ((int32_t *)y)[r] = s == s && first == label;
            continue;
        }
        for (uint32_t c = from; c < from + each; c++) {
            float p = c < op->out ? scalar_exp(z[c] - top) / s : 0.0f;
            y[(size_t)r * op->np + c] = c >= op->out ? 0.0f : (p - (label == (int32_t)c ? 1.0f : 0.0f)) * by;
        }
    }
}

FG_BOTH static inline void op_loss_sum(const struct fg_op *op, const struct fg_at *at, struct fg_lane *lane,
                                       size_t t)
{
    const float *loss = fg_at_ref(at, op->w);
    double sum = 0;
    if (t != 0) {
        return;
    }
    for (size_t r = 0; r < (size_t)op->rows * at->n; r++) {
        sum += (double)loss[r];
    }
    lane->step_loss = at->first == 0 ? sum : lane->step_loss + sum;
    if (at->last) {
        lane->loss += lane->step_loss;
    }
}

FG_BOTH static inline void op_score_sum(const struct fg_op *op, const struct fg_at *at,
                                        const struct fg_lane *lane, size_t t, size_t nt)
{
    const float *loss = fg_at_ref(at, op->w);
    const int32_t *right = (const int32_t *)fg_at_ref(at, op->y);
    for (size_t b = t; b < at->n; b += nt) {
        double sum = 0;
        uint32_t count = 0;
        for (size_t s = 0; s < op->rows; s++) {
            sum += (double)loss[s * at->n + b];
            count += (uint32_t)right[s * at->n + b];
        }
        lane->score_loss[at->place + b] = sum;
        lane->score_right[at->place + b] = count;
    }
}

/* Shapes: x (n, T) codes, w (V, np), y (T, n, np). */
FG_BOTH static inline void op_embed(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w);
    float *y = fg_at_ref(at, op->y);
    for (size_t e = t; e < (size_t)op->rows * at->n * op->np; e += nt) {
        const uint32_t r = (uint32_t)e / op->np, k = (uint32_t)e % op->np, b = r % at->n, s = r / at->n;
        y[e] = w[(size_t)x[b * op->rows + s] * op->np + k];
    }
}

FG_BOTH static inline void op_embed_dw(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                       size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *d = fg_at_ref(at, op->d);
    const float *old = fg_at_ref(at, op->y);
    float *y = fg_at_own(at, op->y);
    for (size_t e = t; e < (size_t)op->in * op->np; e += nt) {
        const uint32_t row = (uint32_t)e / op->np;
        const float code = (float)row, *dk = d + (uint32_t)e % op->np;
        float sum = 0.0f;
        for (uint32_t s = 0; s < op->rows; s++) {
            for (uint32_t b = 0; b < at->n; b++, dk += op->np) {
                sum = x[(size_t)b * op->rows + s] == code ? sum + *dk : sum;
            }
        }
        y[e] = finish(op, lr, sum, old[e]);
    }
}

FG_BOTH static inline void op_lstm(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    float *gates = fg_at_ref(at, op->x), *h = fg_at_ref(at, op->y), *tc = fg_at_ref(at, op->w);
    const float *before = fg_at_ref(at, op->d);
    size_t hp = op->np;
    float *after = fg_at_ref(at, op->aux);
    for (size_t e = t; e < at->n * hp; e += nt) {
        float *gate = gates + (uint32_t)e / op->np * 4 * hp + (uint32_t)e % op->np;
        float i = scalar_sigmoid(gate[0]), f = scalar_sigmoid(gate[hp]);
        float g = scalar_tanh(gate[2 * hp]), o = scalar_sigmoid(gate[3 * hp]);
        gate[0] = i;
        gate[hp] = f;
        gate[2 * hp] = g;
        gate[3 * hp] = o;
        after[e] = fmaf(f, before[e], i * g);
        tc[e] = scalar_tanh(after[e]);
        h[e] = o * tc[e];
    }
}

FG_BOTH static inline void op_lstm_dx(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    float *gates = fg_at_ref(at, op->x), *dc = fg_at_ref(at, op->y);
    const float *dh = fg_at_ref(at, op->d), *tc = fg_at_ref(at, op->w), *before = fg_at_ref(at, op->aux);
    size_t hp = op->np;
    for (size_t e = t; e < at->n * hp; e += nt) {
        float *gate = gates + (uint32_t)e / op->np * 4 * hp + (uint32_t)e % op->np;
        float i = gate[0], f = gate[hp], g = gate[2 * hp], o = gate[3 * hp];
        float s = fmaf(dh[e] * o, fmaf(-tc[e], tc[e], 1.0f), dc[e]);
        gate[0] = (s * g) * (i * (1.0f - i));
        gate[hp] = (s * before[e]) * (f * (1.0f - f));
        gate[2 * hp] = (s * i) * fmaf(-g, g, 1.0f);
        gate[3 * hp] = (dh[e] * tc[e]) * (o * (1.0f - o));
        dc[e] = s * f;
    }
}

FG_BOTH static inline void op_squares(const struct fg_op *op, const struct fg_at *at, size_t t, size_t nt)
{
    const float *x = fg_at_ref(at, op->x);
    double *s = (double *)(void *)fg_at_ref(at, op->w);
    for (size_t lane = t; lane < 16; lane += nt) {
        double sum = 0;
        FG_UNROLL_MOST /* so few threads have nothing else to hide the memory's latency */
            for (size_t i = lane; i < op->in; i += 16)
        {
            sum += (double)x[i] * (double)x[i];
        }
        s[lane] = sum;
    }
}

/* The optimiser, elementwise over the packed parameters. */
FG_BOTH static inline void op_optimise(const struct fg_op *op, const struct fg_at *at, float lr, size_t t,
                                       size_t nt)
{
    const float *x = fg_at_ref(at, op->x), *w = fg_at_ref(at, op->w);
    float *y = fg_at_ref(at, op->y), *v = fg_at_ref(at, op->d), shorter = 1.0f;
    if (op->kind == FG_OP_CLIP) {
        const double *s = (const double *)(const void *)w;
        double norm = 0;
        for (int i = 0; i < 16; i++) {
            norm += s[i];
        }
        norm = sqrt(norm);
        if (!(norm > (double)op->f)) {
            return;
        }
        shorter = (float)((double)op->f / norm);
    }
    for (size_t i = t; i < op->in; i += nt) {
        switch (op->kind) {
        case FG_OP_ADD_PART:
            y[i] = fmaf(1.0f, x[i], y[i]);
            break;
        case FG_OP_PROX:
            y[i] = fmaf(op->f, x[i] - w[i], y[i]);
            break;
        case FG_OP_CLIP:
            y[i] = shorter * y[i];
            break;
        case FG_OP_MOMENTUM:
            v[i] = fmaf(op->f, v[i], fmaf(op->g, y[i], x[i]));
            y[i] = fmaf(-lr, v[i], y[i]);
            break;
        case FG_OP_DECAY:
            y[i] = fmaf(-lr, fmaf(op->g, y[i], x[i]), y[i]);
            break;
        default: /* FG_OP_STEP */
            y[i] = fmaf(-lr, x[i], y[i]);
        }
    }
}

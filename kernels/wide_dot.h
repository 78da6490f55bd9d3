/* Convolutions in bfloat16 for CPUs with AVX512_BF16 and without AMX. VDPBF16PS adds two products to each
 * lane, the upper pair's first, each as a fused multiply-add whose numbers below the normal ones are 0. So a
 * pair holds two neighbours in one sum of a step (bf16.h), the terms 4 g and 4 g + 2 of the even ones or
 * 4 g + 1 and 4 g + 3 of the odd ones, the earlier in the upper half; four terms are a group. Included by
 * wide.c only.
 */
#define DOT __attribute__((target("avx512bf16")))

/* Rows of a tile two vectors wide: twice as many sums and two vectors of weights fill the 32 registers. */
enum { DOT_ROWS = 7, DOT_PAIR = 2 * VL };

/* A step: where its first pair of x is (words from the tile's x), and its groups. */
struct dot_step {
    uint32_t at, groups;
};

struct dot_tile {
    const uint32_t *x; /* pairs, a word each */
    size_t xr, xo, xg; /* words from row to row, from the even to the odd pair, from group to group */
    const struct dot_step *step;
    size_t steps;
    const uint32_t *w; /* for each group the vectors of the even pairs, then those of the odd ones */
    float *y;          /* what the steps are added to */
    size_t ldy;
};

/* One pair of each row. */
DOT static inline __attribute__((always_inline)) void
dot_pairs(const uint32_t *const x[3], size_t xr, const uint32_t *w, V sum[DOT_ROWS][2], int rows, int vecs)
{
    __m512bh w0 = (__m512bh)vi_load(w), w1 = vecs > 1 ? (__m512bh)vi_load(w + VL) : w0;
    FG_UNROLL
    for (int r = 0; r < rows; r++) {
        __m512bh pair = (__m512bh)vi_set(x[r / 3][(size_t)(r % 3) * xr]);
        sum[r][0] = _mm512_dpbf16_ps(sum[r][0], pair, w0);
        if (vecs > 1) {
            sum[r][1] = _mm512_dpbf16_ps(sum[r][1], pair, w1);
        }
    }
}

/* rows, vecs and unit (t->xr == 1, else t->xo == 1) are constants where this is inlined. */
DOT static inline __attribute__((always_inline)) void dot_run(const struct dot_tile *t, int rows, int vecs,
                                                              int unit)
{
    size_t xr = unit ? 1 : t->xr, xo = unit ? t->xo : 1, xg = t->xg;
    const uint32_t *w = t->w;
    for (size_t s = 0; s < t->steps; s++) {
        V even[DOT_ROWS][2], odd[DOT_ROWS][2];
        const uint32_t *x0 = t->x + t->step[s].at, *x3 = x0 + 3 * xr, *x6 = x3 + 3 * xr;
        FG_UNROLL
        for (int r = 0; r < rows; r++) {
            even[r][0] = even[r][1] = odd[r][0] = odd[r][1] = v_set(0.0f);
        }
        for (size_t g = t->step[s].groups; g > 0; g--, w += 2 * vecs * VL) {
            dot_pairs((const uint32_t *const[3]){x0, x3, x6}, xr, w, even, rows, vecs);
            dot_pairs((const uint32_t *const[3]){x0 + xo, x3 + xo, x6 + xo}, xr, w + vecs * VL, odd, rows,
                      vecs);
            x0 += xg;
            x3 += xg;
            x6 += xg;
        }
        FG_UNROLL
        for (int r = 0; r < rows; r++) {
            FG_UNROLL
            for (int v = 0; v < vecs; v++) {
                float *y = t->y + (size_t)r * t->ldy + v * VL;
                v_store(y, v_add(v_load(y), v_add(even[r][v], odd[r][v])));
            }
        }
    }
}

#define DOT_DEFINE(R)                                      \
    DOT static void dot_##R##_1(const struct dot_tile *t)  \
    {                                                      \
        dot_run(t, R, 1, 0);                               \
    }                                                      \
    DOT static void dot_##R##_2(const struct dot_tile *t)  \
    {                                                      \
        dot_run(t, R, 2, 0);                               \
    }                                                      \
    DOT static void dot_##R##_1u(const struct dot_tile *t) \
    {                                                      \
        dot_run(t, R, 1, 1);                               \
    }                                                      \
    DOT static void dot_##R##_2u(const struct dot_tile *t) \
    {                                                      \
        dot_run(t, R, 2, 1);                               \
    }
#define DOT_ENTRY(R) {{dot_##R##_1, dot_##R##_2}, {dot_##R##_1u, dot_##R##_2u}},
#define DOT_LIST(X) X(1) X(2) X(3) X(4) X(5) X(6) X(7)
DOT_LIST(DOT_DEFINE)
/* rows - 1, unit, vecs - 1 */
static void (*const DOTS[DOT_ROWS][2][2])(const struct dot_tile *) = {DOT_LIST(DOT_ENTRY)};

/* A tile over any number of rows, in blocks of nearly equal size; t->x and t->y move past them. */
static void dot_rows(struct dot_tile *t, size_t rows, size_t vecs)
{
    for (size_t blocks = (rows + DOT_ROWS - 1) / DOT_ROWS; blocks > 0; blocks--) {
        size_t r = (rows + blocks - 1) / blocks;
        DOTS[r - 1][t->xr == 1][vecs - 1](t);
        t->x += r * t->xr;
        t->y += r * t->ldy;
        rows -= r;
    }
}

/* ---- packing ---- */

/* Where there is no second term: x holds +0 there and w -0, and adding -0 changes nothing. */
DOT static inline void dot_pair(V first, V second, uint32_t *to)
{
    const __m512i turns = _mm512_set_epi16(31, 15, 30, 14, 29, 13, 28, 12, 27, 11, 26, 10, 25, 9, 24, 8, 23,
                                           7, 22, 6, 21, 5, 20, 4, 19, 3, 18, 2, 17, 1, 16, 0);
    __m512i both = (__m512i)_mm512_cvtne2ps_pbh(first, second);
    _mm512_storeu_si512(to, _mm512_permutexvar_epi16(turns, both));
}

/* The weights of a block of columns, group by group. */
DOT static void dot_pack_weights(const struct fg_conv *s, const float *w, size_t vecs, uint32_t *to)
{
    const V none = v_set(-0.0f);
    for (size_t tap = 0; tap < s->kh * s->kw; tap++, w += s->cin * s->np) {
        for (size_t i = 0; i < s->cin; i += 4) {
            for (size_t n = 0; n < 2 * vecs; n++, to += VL) {
                size_t at = i + n / vecs, j = n % vecs * VL;
                V first = at < s->cin ? v_load(w + at * s->np + j) : none;
                dot_pair(first, at + 2 < s->cin ? v_load(w + (at + 2) * s->np + j) : none, to);
            }
        }
    }
}

/* One image to (pixels, channels), each four channels as their even and their odd pair. */
DOT static void dot_pack_pairs(const struct fg_conv *s, const float *x, uint16_t *to)
{
    for (size_t p = 0; p < s->h * s->w; p++, x += s->cs) {
        for (size_t i = 0; i < s->cin; i += VL, to += VL) {
            V v = _mm512_permute_ps(bf16_get(x + i, s->cin - i), 0x72); /* 2, 0, 3, 1 */
            _mm256_storeu_si256((__m256i *)(void *)to, (__m256i)_mm512_cvtneps_pbh(v));
        }
    }
}

/* One image to (pixels, channels of which there are a multiple of 32), in the order that dot_pack_tap() turns
 * round: fours of the first 16 and of the others in turn. */
DOT static void dot_pack_image(const struct fg_conv *s, const float *x, uint16_t *to)
{
    const __m512i turns = _mm512_setr_epi64(0, 4, 1, 5, 2, 6, 3, 7);
    for (size_t p = 0; p < s->h * s->w; p++, x += s->cs) {
        for (size_t i = 0; i < s->cin; i += 2 * VL, to += 2 * VL) {
            V low = bf16_get(x + i, s->cin - i);
            V high = i + VL < s->cin ? bf16_get(x + i + VL, s->cin - i - VL) : v_set(0.0f);
            __m512i both = (__m512i)_mm512_cvtne2ps_pbh(high, low);
            _mm512_storeu_si512(to, _mm512_permutexvar_epi64(turns, both));
        }
    }
}

/* ---- forward ---- */

/* The steps of a window; those of one of its rows. */
static size_t dot_forward_steps(const struct fg_conv *s, struct dot_step *step)
{
    size_t n = 0, pixel = fg_kernel_pad(s->cin) / 2;
    for (size_t tap = 0; tap < s->kh * s->kw; tap++) {
        size_t at = (tap / s->kw * s->w + tap % s->kw) * pixel;
        for (size_t i = 0; i < s->cin; i += BF16_TERMS, n++) {
            size_t left = s->cin - i < BF16_TERMS ? s->cin - i : BF16_TERMS;
            step[n] = (struct dot_step){(uint32_t)(at + i / 2), (uint32_t)((left + 3) / 4)};
        }
    }
    return n / s->kh;
}

/* One image, one block of columns. The outputs pass by as many rows of the window as the first-level cache
 * holds the weights of. */
static void dot_forward_block(const struct fg_conv *s, struct dot_tile t, size_t vecs, float *y)
{
    enum { NEAR = 24 * 1024 / sizeof(uint32_t) };
    const uint32_t *image = t.x;
    size_t line = s->kw * ((s->cin + 3) / 4) * vecs * DOT_PAIR, steps = t.steps;
    size_t lines = line < NEAR ? NEAR / line : 1;
    for (size_t k = 0, n; k < s->kh; k += n, t.w += n * line, t.step += t.steps) {
        n = s->kh - k < lines ? s->kh - k : lines;
        t.steps = n * steps;
        for (size_t r = 0; r < s->oh; r++) {
            t.x = image + r * s->w * t.xr;
            t.y = y + r * s->ow * s->np;
            dot_rows(&t, s->ow, vecs);
        }
    }
}

static void dot_forward(const struct fg_conv *s, const float *x, const float *w, const float *bias, float *y)
{
    size_t channels = fg_kernel_pad(s->cin), words = s->kh * s->kw * ((s->cin + 3) / 4) * 2; /* a column */
    uint32_t *packed = s->work;
    uint16_t *image = (uint16_t *)(void *)(packed + words * s->np);
    struct dot_step *step = (struct dot_step *)(void *)(image + s->h * s->w * channels);
    struct dot_tile t = {.xr = channels / 2, .xo = 1, .xg = 2, .step = step, .ldy = s->np};
    t.steps = dot_forward_steps(s, step);
    for (size_t j = 0, vecs; j < s->np; j += vecs * VL) {
        vecs = tile_vecs(s->np - j);
        dot_pack_weights(s, w + j, vecs, packed + words * j);
    }
    unsigned before = emulate_begin();
    for (size_t b = 0; b < s->batch; b++, x += s->h * s->w * s->cs, y += s->oh * s->ow * s->np) {
        dot_pack_pairs(s, x, image);
        for (size_t p = 0; p < s->oh * s->ow; p++) {
            bf16_start(bias, 1, s->np, y + p * s->np);
        }
        for (size_t j = 0, vecs; j < s->np; j += vecs * VL) {
            vecs = tile_vecs(s->np - j);
            t.x = (const uint32_t *)(const void *)image;
            t.w = packed + words * j;
            dot_forward_block(s, t, vecs, y + j);
        }
    }
    emulate_end(before);
}

/* ---- gradients of the weights ---- */

/* Two places of one parity, one after the other in their sum: pixels of the input and of the output.
 * NONE: there is no such place. */
struct dot_places {
    uint32_t in[2], out[2];
};

#define NONE UINT32_MAX

/* The places of a step that are output pixels, even and odd in turn, of which the shorter list is filled up;
 * the number of groups. */
static size_t dot_places(const struct fg_conv *s, size_t from, size_t end, struct dot_places *to)
{
    size_t n[2] = {0, 0};
    for (size_t g = 0; g < BF16_TERMS / 2; g++) {
        to[g] = (struct dot_places){{NONE, NONE}, {NONE, NONE}};
    }
    for (size_t p = from; p < from + BF16_TERMS && p < end; p++) {
        if (p % s->w < s->ow) {
            size_t at = n[p % 2]++;
            struct dot_places *pair = &to[at / 2 * 2 + p % 2];
            pair->in[at % 2] = (uint32_t)p;
            pair->out[at % 2] = (uint32_t)(p / s->w * s->ow + p % s->w);
        }
    }
    return ((n[0] > n[1] ? n[0] : n[1]) + 1) / 2;
}

/* Where the parts of fg_conv.work lie, and what is the same for all images. */
struct dot_weights {
    float *sum;              /* (taps, rows, np) */
    uint32_t *x, *d;         /* pairs of one tap: (pairs, channels); of the gradients: (pairs, np) */
    uint16_t *image;         /* (pixels, channels) */
    struct dot_places *pair; /* even and odd in turn */
    struct dot_step *step;
    size_t channels, rows, steps;
};

/* Steps go in stretches whose pairs, of a tap and of a block of columns, the first-level cache holds; where
 * one begins .at is 0. */
static struct dot_weights dot_plan(const struct fg_conv *s, const struct bf16_layout *l)
{
    enum { NEAR = 28 * 1024 / sizeof(uint32_t) };
    struct dot_weights t = {.sum = s->work, .channels = l->cin, .rows = l->rows, .steps = l->steps};
    t.x = (uint32_t *)(void *)(t.sum + s->kh * s->kw * l->rows * s->np);
    t.d = t.x + l->steps * (BF16_TERMS / 2) * t.channels;
    t.image = (uint16_t *)(void *)(t.d + l->steps * (BF16_TERMS / 2) * s->np);
    t.pair = (struct dot_places *)(void *)(t.image + s->h * s->w * t.channels);
    t.step = (struct dot_step *)(void *)(t.pair + l->steps * (BF16_TERMS / 2));
    struct dot_places *to = t.pair;
    for (size_t n = 0, pairs = 0; n < l->steps; n++) {
        size_t groups = dot_places(s, n * BF16_TERMS, l->places, to);
        pairs = (pairs + 2 * groups) * (t.channels + DOT_PAIR) <= NEAR ? pairs : 0;
        t.step[n] = (struct dot_step){(uint32_t)(pairs * t.channels), (uint32_t)groups};
        pairs += 2 * groups;
        to += 2 * groups;
    }
    return t;
}

/* The steps from n on that are one stretch, and the pairs in them. */
static size_t dot_stretch(const struct dot_weights *t, size_t n, size_t *pairs)
{
    size_t from = n;
    *pairs = 0;
    do {
        *pairs += 2 * (size_t)t->step[n].groups;
        n++;
    } while (n < t->steps && t->step[n].at > 0);
    return n - from;
}

static V dot_gradient(const struct fg_conv *s, const float *d, uint32_t pixel)
{
    return pixel == NONE ? v_set(-0.0f) : v_load(d + pixel * s->np);
}

/* The gradients of one image at `pairs` pairs, block of columns by block of columns. */
static void dot_pack_gradients(const struct fg_conv *s, const struct dot_places *pair, size_t pairs,
                               const float *d, uint32_t *to)
{
    for (size_t j = 0, vecs; j < s->np; j += vecs * VL) {
        vecs = tile_vecs(s->np - j);
        for (size_t n = 0; n < pairs; n++) {
            for (size_t v = 0; v < vecs; v++, to += VL) {
                const float *at = d + j + v * VL;
                dot_pair(dot_gradient(s, at, pair[n].out[0]), dot_gradient(s, at, pair[n].out[1]), to);
            }
        }
    }
}

/* What one tap sees of the image at `pairs` pairs. */
static void dot_pack_tap(const uint16_t *image, size_t channels, const struct dot_places *pair, size_t pairs,
                         uint32_t *to)
{
    for (size_t n = 0; n < pairs; n++) {
        const uint16_t *at = image + pair[n].in[0] * channels, *after = image + pair[n].in[1] * channels;
        VI none = vi_set(0);
        for (size_t i = 0; i < channels; i += 2 * VL, to += 2 * VL) {
            VI first = pair[n].in[0] == NONE ? none : vi_load_pairs(at + i);
            VI second = pair[n].in[1] == NONE ? none : vi_load_pairs(after + i);
            vi_store(to, vh_low(second, first));
            vi_store(to + VL, vh_high(second, first));
        }
    }
}

/* One stretch of one image; `pair` is its first. */
static void dot_add(const struct fg_conv *s, const struct dot_weights *t, struct dot_tile tile,
                    const struct dot_places *pair, size_t pairs)
{
    for (size_t tap = 0; tap < s->kh * s->kw; tap++) {
        const uint16_t *image = t->image + (tap / s->kw * s->w + tap % s->kw) * t->channels;
        dot_pack_tap(image, t->channels, pair, pairs, t->x);
        for (size_t j = 0, vecs; j < s->np; j += vecs * VL) {
            vecs = tile_vecs(s->np - j);
            tile.x = t->x;
            tile.w = t->d + pairs * j;
            tile.y = t->sum + tap * t->rows * s->np + j;
            dot_rows(&tile, s->cin, vecs);
        }
    }
}

/* sum (taps, l->rows, np) of the weight gradients. */
static void dot_gradients(const struct fg_conv *s, const struct bf16_layout *l, const float *x,
                          const float *d)
{
    struct dot_weights t = dot_plan(s, l);
    struct dot_tile tile = {.xr = 1, .xo = t.channels, .xg = 2 * t.channels, .ldy = s->np};
    memset(t.sum, 0, s->kh * s->kw * t.rows * s->np * sizeof *t.sum);
    unsigned before = emulate_begin();
    for (size_t b = 0; b < s->batch; b++, x += s->h * s->w * s->cs, d += s->oh * s->ow * s->np) {
        const struct dot_places *pair = t.pair;
        dot_pack_image(s, x, t.image);
        for (size_t n = 0, pairs; n < t.steps; n += tile.steps, pair += pairs) {
            tile.step = t.step + n;
            tile.steps = dot_stretch(&t, n, &pairs);
            dot_pack_gradients(s, pair, pairs, d, t.d);
            dot_add(s, &t, tile, pair, pairs);
        }
    }
    emulate_end(before);
}

#undef NONE

BF16_CONV(dot_conv, dot_forward, dot_gradients)

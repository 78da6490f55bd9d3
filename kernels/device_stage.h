/* Operands of a product on their way into shared memory, for device_tile.h only: where each thread reads, and
 * where it puts what it read. On the device copies are asynchronous (cp.async) and land at the next wait;
 * elsewhere they are done at once.
 *
 * A side of a product is A by its rows or B by its columns: (items, terms). In shared memory what lies side
 * by side in device memory does so, too, in fours: terms of an item (`along`), or items of a term. */
#ifdef __CUDA_ARCH__
#define FG_BLOCK_HELD 1
#define FG_THREAD(s) (threadIdx.x + (s))
#define FG_TOGETHER() __syncthreads()
#else
#define FG_BLOCK_HELD FG_TILE_THREADS
#define FG_THREAD(s) (s)
#define FG_TOGETHER() (void)0
#endif

struct fg_side {
    const float *p;
    struct fg_walk item, term;
    uint32_t items, terms;
    int along; /* terms lie side by side, else items do */
    int four;  /* four of them on 16 bytes, all there or none */
    int ones;  /* along, and all of it is 1: nothing is read */
    /* along; items are pixels of an image that the window of terms may reach beyond, by `top` rows and `left`
     * columns at its beginning: its size, each less than 2^15; 0: it does not */
    uint32_t h, w, top, left;
    const struct fg_window *pool; /* items are pixels, window by window of it; NULL: row by row */
};

/* The pixel that is item `item`, window by window. */
FG_BOTH FG_INLINE uint32_t pooled_pixel(const struct fg_window *s, uint32_t item)
{
    const uint32_t places = s->k * s->k, window = item / places, place = item % places;
    const uint32_t b = window / (s->oh * s->ow), r = window / s->ow % s->oh, q = window % s->ow;
    return (b * s->h + r * s->k + place / s->k) * s->w + q * s->k + place % s->k;
}

/* Where a thread stands: of its up to four pieces of a chunk the items, and the next chunk's first term. */
struct fg_carry {
    uint32_t at[4];    /* floats from side.p; UINT32_MAX: no such item, where there is no border */
    uint32_t pixel[4]; /* where there is one: row and column of the window's corner; NO_PIXEL: no such item */
    struct fg_stop next;
    uint32_t term;
};

#define FG_NO_PIXEL 0x80008000u

/* Whether a term of a window lies in the image. */
FG_BOTH FG_INLINE int in_image(const struct fg_side *s, uint32_t pixel, const struct fg_stop *term)
{
    return (uint32_t)((int32_t)pixel >> 16) + term->c2 < s->h &&
           (uint32_t)((int32_t)(pixel << 16) >> 16) + term->c1 < s->w;
}

/* Where a term of an item lies in a staged chunk: floats are left out behind each item and each fourth one,
 * or each fourth term, so that what a warp reads at once lies in different banks
 * (tests/gpu/test_device_banks.c): 16 terms of two neighbouring items, four terms of each fourth item, each
 * fourth term of eight items. From places of fours on, of items or terms, places are as far as they are from
 * the beginning: so they are taken apart once, and what follows is a constant. */
FG_BOTH FG_INLINE uint32_t near_at(int along, uint32_t item, uint32_t term, const uint32_t items,
                                   const uint32_t terms)
{
    return along ? item * FG_NEAR_LINE(terms) + item / 4 * 4 + term : term * items + term / 4 * 8 + item;
}

FG_BOTH FG_INLINE void copy_four(float *to, const float *from, int there)
{
#ifdef __CUDA_ARCH__
    ptx_copy_16(to, from, there);
#else
    const struct fg_four zero = {{0.0f, 0.0f, 0.0f, 0.0f}};
    put_four(to, there ? four_at(from) : zero);
#endif
}

FG_BOTH FG_INLINE void copy_one(float *to, const float *from, int there)
{
#ifdef __CUDA_ARCH__
    ptx_copy_4(to, from, there);
#else
    *to = there ? *from : 0.0f;
#endif
}

/* What was asked for since the last one is a group. */
FG_BOTH FG_INLINE void close_group(void)
{
#ifdef __CUDA_ARCH__
    ptx_close_group();
#endif
}

/* All groups of this thread but the last FG_TILE_STAGES - 2 are there. */
FG_BOTH FG_INLINE void wait_for_group(void)
{
#ifdef __CUDA_ARCH__
    ptx_wait_groups<FG_TILE_STAGES - 2>();
#endif
}

/* Thread t before the first chunk of a tile that begins with item `first`. */
FG_BOTH FG_INLINE void carry_to(struct fg_carry *c, const struct fg_side *s, uint32_t t, uint32_t first,
                                const uint32_t items, const uint32_t terms)
{
    const uint32_t lines = s->along ? terms / 4 : items / 4;
    c->term = s->along ? t % lines * 4 : t / lines;
    FG_UNROLL
    for (uint32_t i = 0; i < 4; i++) {
        uint32_t item =
            s->along ? first + t / lines + i * (FG_TILE_THREADS / lines) : first + t % lines * 4 + i;
        const struct fg_stop stop = stop_at(&s->item, s->pool ? pooled_pixel(s->pool, item) : item);
        c->at[i] =
            item < s->items || s->h > 0 ? stop.at - (s->top * s->w + s->left) * s->item.s0 : UINT32_MAX;
        c->pixel[i] =
            item < s->items ? (stop.c1 - s->top) << 16 | ((stop.c0 - s->left) & 0xffffu) : FG_NO_PIXEL;
    }
    c->next = stop_at(&s->term, c->term);
}

/* Ask for a thread's share of the next chunk. */
FG_BOTH FG_INLINE void stage_along(struct fg_carry *c, const struct fg_side *s, float *near, uint32_t t,
                                   const uint32_t items, const uint32_t terms)
{
    const uint32_t lines = terms / 4;
    FG_UNROLL
    for (uint32_t i = 0; i < items * lines / FG_TILE_THREADS; i++) {
        float *to = near + near_at(1, t / lines + i * (FG_TILE_THREADS / lines), t % lines * 4, items, terms);
        int there = (s->h > 0 || c->at[i] != UINT32_MAX) && c->term < s->terms;
        if (s->ones) {
            const struct fg_four ones = {{1.0f, 1.0f, 1.0f, 1.0f}};
            put_four(to, ones);
            continue;
        }
        if (s->four) {
            there = there && (s->h == 0 || in_image(s, c->pixel[i], &c->next));
            copy_four(to, s->p + (there ? c->at[i] + c->next.at : 0), there);
            continue;
        }
        struct fg_stop stop = c->next;
        for (uint32_t u = 0; u < 4; u++) {
            int one = there && c->term + u < s->terms && (s->h == 0 || in_image(s, c->pixel[i], &stop));
            copy_one(to + u, s->p + (one ? c->at[i] + stop.at : 0), one);
            walk_on(&s->term, &stop, 1);
        }
    }
    c->term += terms;
    walk_on(&s->term, &c->next, terms);
}

FG_BOTH FG_INLINE void stage_across(struct fg_carry *c, const struct fg_side *s, float *near, uint32_t t,
                                    const uint32_t items, const uint32_t terms)
{
    const uint32_t lines = items / 4, by = FG_TILE_THREADS / lines;
    FG_UNROLL
    for (uint32_t i = 0; i < items * terms / 4 / FG_TILE_THREADS; i++) {
        float *to = near + near_at(0, t % lines * 4, t / lines + i * by, items, terms);
        int there = c->term < s->terms;
        if (s->four) {
            there = there && c->at[0] != UINT32_MAX;
            copy_four(to, s->p + (there ? c->at[0] + c->next.at : 0), there);
        } else {
            FG_UNROLL
            for (uint32_t u = 0; u < 4; u++) {
                int one = there && c->at[u] != UINT32_MAX;
                copy_one(to + u, s->p + (one ? c->at[u] + c->next.at : 0), one);
            }
        }
        c->term += by;
        walk_on(&s->term, &c->next, by);
    }
}

FG_BOTH FG_INLINE void stage(struct fg_carry *c, const struct fg_side *s, float *near, uint32_t t,
                             const uint32_t items, const uint32_t terms)
{
    if (s->along) {
        stage_along(c, s, near, t, items, terms);
    } else {
        stage_across(c, s, near, t, items, terms);
    }
}

/* Four terms of an item, of a staged chunk from a term on that is a multiple of four. */
FG_BOTH FG_INLINE struct fg_four near_terms(const float *near, int along, uint32_t item, const uint32_t items,
                                            const uint32_t terms)
{
    if (along) {
        return four_at(near + near_at(1, item, 0, items, terms));
    }
    struct fg_four x;
    FG_UNROLL
    for (uint32_t u = 0; u < 4; u++) {
        x.v[u] = near[near_at(0, item, u, items, terms)];
    }
    return x;
}

/* Four items at a term, of a chunk that is not `along`; the first one is a multiple of four. */
FG_BOTH FG_INLINE struct fg_four near_items(const float *near, uint32_t item, uint32_t term,
                                            const uint32_t items, const uint32_t terms)
{
    return four_at(near + near_at(0, item, term, items, terms));
}

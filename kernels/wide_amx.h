/* The engine of bfloat16 tiles for CPUs with AMX. Needs Linux's permission first, fg_amx_ready(). Included by
 * wide.c only.
 */
#define AMX __attribute__((target("amx-tile,amx-bf16")))

AMX static unsigned amx_begin(void)
{
    static const struct {
        uint8_t palette, start_row, reserved[14];
        uint16_t row_bytes[16];
        uint8_t rows[16];
    } config = {.palette = 1,
                .row_bytes = {64, 64, 64, 64, 64, 64, 64, 64},
                .rows = {16, 16, 16, 16, 16, 16, 16, 16}};
    _tile_loadconfig(&config);
    return 0;
}

AMX static void amx_end(unsigned before)
{
    (void)before;
    _tile_release();
}

/* Tiles 0..3 hold C, 4 and 5 A, 6 and 7 B. */
AMX static void amx_run(const struct bf16_block *t, size_t us, size_t vs)
{
    size_t lda = t->lda * sizeof *t->a, ldc = t->ldc * sizeof *t->c;
    float *c = t->c, *lower = c + BF16_SIDE * t->ldc;
    const uint16_t *b = t->b;
    _tile_loadd(0, c, ldc);
    if (vs > 1) {
        _tile_loadd(1, c + BF16_SIDE, ldc);
    }
    if (us > 1) {
        _tile_loadd(2, lower, ldc);
        if (vs > 1) {
            _tile_loadd(3, lower + BF16_SIDE, ldc);
        }
    }
    for (size_t k1 = 0; k1 < t->n1; k1++) {
        for (size_t k2 = 0; k2 < t->n2; k2++) {
            const uint16_t *a = t->a + k1 * t->a1 + k2 * t->a2;
            for (size_t k3 = 0; k3 < t->n3; k3++, a += t->a3, b += t->ldb) {
                _tile_loadd(6, b, 64);
                _tile_loadd(4, a, lda);
                _tile_dpbf16ps(0, 4, 6);
                if (vs > 1) {
                    _tile_loadd(7, b + BF16_TILE, 64);
                    _tile_dpbf16ps(1, 4, 7);
                }
                if (us > 1) {
                    _tile_loadd(5, a + BF16_SIDE * t->lda, lda);
                    _tile_dpbf16ps(2, 5, 6);
                    if (vs > 1) {
                        _tile_dpbf16ps(3, 5, 7);
                    }
                }
            }
        }
    }
    _tile_stored(0, c, ldc);
    if (vs > 1) {
        _tile_stored(1, c + BF16_SIDE, ldc);
    }
    if (us > 1) {
        _tile_stored(2, lower, ldc);
        if (vs > 1) {
            _tile_stored(3, lower + BF16_SIDE, ldc);
        }
    }
}

static const struct bf16_engine BF16_AMX = {amx_begin, amx_run, amx_end};

BF16_ENGINE(amx, BF16_AMX)
BF16_CONV(amx_conv, amx_forward, amx_gradients)

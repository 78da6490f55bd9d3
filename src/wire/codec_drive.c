/* One bit a value: the signs of a randomly rotated update, and a scale for each chunk of 4096 values.
 *
 * The rotation of a chunk z (filled up with zeros) is R z = H D z / sqrt(m): D random signs, one bit of the
 * task's stream each, H the Hadamard matrix of order m = 4096, or the least power of two that holds the last
 * chunk. Sent are the signs of R z and S = |z|^2 / |R z|_1; decoded is R^-1 (S sign(R z)),
 * right in the mean for a uniform rotation.
 *
 * Bytes: for each chunk f32 S, then m / 8 bytes of signs (1: negative), lowest bit first; m is at least 8.
 *
 * Source: Vargaftik et al., NeurIPS 2021 (DRIVE), the unbiased scale;
 * rotations of chunks instead of the whole are ours.
 */
#include <math.h>
#include <stdbool.h>
#include <string.h>

#include "src/base/bytes.h"
#include "src/wire/noise.h"
#include "src/wire/pack.h"

enum { CHUNK = 4096, LEAST = 8 };

static size_t order_of(size_t n)
{
    size_t m = LEAST;
    while (m < n && m < CHUNK) {
        m *= 2;
    }
    return m;
}

static size_t bytes_of(const struct fg_codec_opts *opts, size_t n)
{
    (void)opts;
    size_t rest = n % CHUNK;
    return n / CHUNK * (4 + CHUNK / 8) + (rest > 0 ? 4 + order_of(rest) / 8 : 0);
}

/* A chunk takes CHUNK / 32 words, a multiple of FG_CODER_WORDS, from `at` on. */
static void flip(const struct fg_coders *c, const struct fg_coder_stream *s, uint64_t at, float *z /* (m) */,
                 size_t m)
{
    enum { MOST = 32 * FG_CODER_WORDS };
    for (size_t i = 0; i < m; i += MOST) {
        c->flip(s, at + i / 32, z + i, m - i < MOST ? m - i : MOST);
    }
}

static void encode_chunk(const struct fg_coders *c, const struct fg_coder_stream *s, uint64_t at,
                         struct fg_packer *w, float *z /* (m) */, size_t m)
{
    double square = c->sums(z, m).square;
    flip(c, s, at, z, m);
    c->hadamard(z, m); /* sqrt(m) R z */
    double scale = square * sqrt((double)m) / c->sums(z, m).sum;
    bool finite = isfinite(c->largest(z, m)) && (square == 0.0 || scale < 0x1p127);
    fg_pack_f32(w, !finite ? NAN : square == 0.0 ? 0.f : (float)scale);
    uint8_t sign[CHUNK / 8];
    c->signs(z, sign, m);
    fg_pack_bytes(w, sign, m / 8);
}

/* pi / 2 - 1 */
static double noise(const struct fg_codec_opts *opts)
{
    (void)opts;
    return 0.5707963267948966;
}

static enum fg_status encode(struct fg_codec_ws *ws, uint8_t *out, size_t cap, size_t *len, const float *x,
                             size_t n)
{
    *len = bytes_of(&ws->opts, n);
    FG_ASSERT(cap >= *len);
    const struct fg_coders *c = fg_codec_coders(ws);
    struct fg_coder_stream s = fg_noise_stream(ws);
    struct fg_packer w = {.p = out, .left = *len};
    for (size_t i = 0; i < n; i += CHUNK) {
        float z[CHUNK] = {0};
        size_t m = n - i < CHUNK ? n - i : CHUNK;
        memcpy(z, x + i, m * sizeof *x);
        encode_chunk(c, &s, i / 32, &w, z, order_of(m));
    }
    return FG_OK;
}

static enum fg_status decode(struct fg_codec_ws *ws, float *x, size_t n, const uint8_t *bytes, size_t len)
{
    if (len != bytes_of(&ws->opts, n)) {
        return FG_E_CORRUPT;
    }
    const struct fg_coders *c = fg_codec_coders(ws);
    struct fg_coder_stream s = fg_noise_stream(ws);
    struct fg_reader r = fg_reader_of(bytes, len);
    for (size_t i = 0; i < n; i += CHUNK) {
        float z[CHUNK], scale;
        size_t room = n - i < CHUNK ? n - i : CHUNK, m = order_of(room);
        fg_get_f32s(&r, &scale, 1);
        float unit = scale / (float)sqrt((double)m);
        c->unsigns(fg_get_bytes(&r, m / 8), unit, z, m);
        c->hadamard(z, m);
        flip(c, &s, i / 32, z, m);
        memcpy(x + i, z, room * sizeof *x);
    }
    return FG_OK;
}

const struct fg_codec fg_codec_drive = {
    .name = "drive",
    .doc = "1 bit a value: signs after a random rotation, and a scale for each 4096 values",
    .id = 8,
    .bound = bytes_of,
    .expected = bytes_of,
    .noise = noise,
    .encode = encode,
    .decode = decode,
};

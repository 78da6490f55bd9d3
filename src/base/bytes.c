#include "src/base/bytes.h"

#include <string.h>

#if __BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__
#error "arrays are written as they lie in memory: this code needs a little-endian machine"
#endif

enum fg_status fg_put_u8(struct fg_str *s, uint8_t v)
{
    return fg_str_add(s, &v, sizeof v);
}

enum fg_status fg_put_u32(struct fg_str *s, uint32_t v)
{
    return fg_str_add(s, &v, sizeof v);
}

enum fg_status fg_put_u64(struct fg_str *s, uint64_t v)
{
    return fg_str_add(s, &v, sizeof v);
}

enum fg_status fg_put_f64(struct fg_str *s, double v)
{
    return fg_str_add(s, &v, sizeof v);
}

enum fg_status fg_put_f32s(struct fg_str *s, const float *v, size_t n)
{
    return fg_str_add(s, v, n * sizeof *v);
}

enum fg_status fg_put_f64s(struct fg_str *s, const double *v, size_t n)
{
    return fg_str_add(s, v, n * sizeof *v);
}

enum fg_status fg_put_u32s(struct fg_str *s, const uint32_t *v, size_t n)
{
    return fg_str_add(s, v, n * sizeof *v);
}

struct fg_reader fg_reader_of(const void *bytes, size_t len)
{
    const uint8_t *p = bytes;
    return (struct fg_reader){.p = p, .end = len != 0 ? p + len : p};
}

const void *fg_get_bytes(struct fg_reader *r, size_t len)
{
    if (r->bad || (size_t)(r->end - r->p) < len) {
        r->bad = true;
        return NULL;
    }
    const void *at = r->p;
    r->p += len;
    return at;
}

static void get(struct fg_reader *r, void *v, size_t n, size_t size)
{
    const void *at = n <= SIZE_MAX / size ? fg_get_bytes(r, n * size) : NULL;
    if (at != NULL && n != 0) {
        memcpy(v, at, n * size);
    } else if (at == NULL) {
        r->bad = true;
        if (n != 0 && n <= SIZE_MAX / size) {
            memset(v, 0, n * size);
        }
    }
}

uint8_t fg_get_u8(struct fg_reader *r)
{
    uint8_t v;
    get(r, &v, 1, sizeof v);
    return v;
}

uint32_t fg_get_u32(struct fg_reader *r)
{
    uint32_t v;
    get(r, &v, 1, sizeof v);
    return v;
}

uint64_t fg_get_u64(struct fg_reader *r)
{
    uint64_t v;
    get(r, &v, 1, sizeof v);
    return v;
}

double fg_get_f64(struct fg_reader *r)
{
    double v;
    get(r, &v, 1, sizeof v);
    return v;
}

void fg_get_f32s(struct fg_reader *r, float *v, size_t n)
{
    get(r, v, n, sizeof *v);
}

void fg_get_f64s(struct fg_reader *r, double *v, size_t n)
{
    get(r, v, n, sizeof *v);
}

void fg_get_u32s(struct fg_reader *r, uint32_t *v, size_t n)
{
    get(r, v, n, sizeof *v);
}

bool fg_reader_done(const struct fg_reader *r)
{
    return !r->bad && r->p == r->end;
}

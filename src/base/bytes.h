/* Little-endian bytes: append to a string, read back with bounds.
 *
 * A reader never runs past its end: the first short or wrong read sets `bad`, and every later read gives 0,
 * so a decoder reads straight through and asks once at the end.
 */
#ifndef FG_BASE_BYTES_H
#define FG_BASE_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/str.h"

enum fg_status fg_put_u8(struct fg_str *s, uint8_t v) FG_NODISCARD;
enum fg_status fg_put_u32(struct fg_str *s, uint32_t v) FG_NODISCARD;
enum fg_status fg_put_u64(struct fg_str *s, uint64_t v) FG_NODISCARD;
enum fg_status fg_put_f64(struct fg_str *s, double v) FG_NODISCARD;
enum fg_status fg_put_f32s(struct fg_str *s, const float *v, size_t n) FG_NODISCARD;
enum fg_status fg_put_f64s(struct fg_str *s, const double *v, size_t n) FG_NODISCARD;
enum fg_status fg_put_u32s(struct fg_str *s, const uint32_t *v, size_t n) FG_NODISCARD;

struct fg_reader {
    const uint8_t *p, *end;
    bool bad;
};

struct fg_reader fg_reader_of(const void *bytes, size_t len);
uint8_t fg_get_u8(struct fg_reader *r);
uint32_t fg_get_u32(struct fg_reader *r);
uint64_t fg_get_u64(struct fg_reader *r);
double fg_get_f64(struct fg_reader *r);
void fg_get_f32s(struct fg_reader *r, float *v, size_t n);
void fg_get_f64s(struct fg_reader *r, double *v, size_t n);
void fg_get_u32s(struct fg_reader *r, uint32_t *v, size_t n);
/* The next len bytes in place, NULL (and bad) when there are fewer. */
const void *fg_get_bytes(struct fg_reader *r, size_t len);
/* Everything was read and nothing was wrong. */
bool fg_reader_done(const struct fg_reader *r);

#endif

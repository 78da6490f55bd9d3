/* The one pass over a frame: XXH3-64 of its bytes, and how large the floats in it are, for the vector layer
 * that the including source chose. The library's XXH3 keeps its state in memory between stripes, so that each
 * waits for the one before it; here it stays in registers. The same hash: test_fold.c compares them.
 *
 * After the specification of XXH3 in xxHash 0.8: long inputs, default secret, seed 0.
 */
#ifndef FG_KERNELS_WIDE_SCAN_H
#define FG_KERNELS_WIDE_SCAN_H

#include <math.h>
#include <string.h>

#include "kernels/isa.h"
#include "kernels/prefetch.h"
#include "kernels/unroll.h"

/* Bytes. A stripe is taken with the secret from 8 bytes further on than the one before it; after a round of
 * sixteen the sums are scrambled. SCAN_AHEAD: chosen, the fastest of 0..8192 on two CPUs. */
enum { STRIPE = 64, ROUND = 1024, SECRET = 192, SCAN_AHEAD = 8192, SCAN_VECTORS = STRIPE / (4 * VL) };

#define PRIME32_1 0x9E3779B1u
#define PRIME64_1 0x9E3779B185EBCA87u

/* clang-format off */
/* The secret of the specification, little-endian. */
#define K0 0xbe4ba423396cfeb8u
#define K1 0x1cad21f72c81017cu
#define K2 0xdb979083e96dd4deu
#define K3 0x1f67b3b7a4a44072u
#define K4 0x78e5c0cc4ee679cbu
#define K5 0x2172ffcc7dd05a82u
#define K6 0x8e2443f7744608b8u
#define K7 0x4c263a81e69035e0u
#define K8 0xcb00c391bb52283cu
#define K9 0xa32e531b8b65d088u
#define K10 0x4ef90da297486471u
#define K11 0xd8acdea946ef1938u
#define K12 0x3f349ce33f76faa8u
#define K13 0x1d4f0bc7c7bbdcf9u
#define K14 0x3159b4cd4be0518au
#define K15 0x647378d9c97e9fc8u
#define K16 0xc3ebd33483acc5eau
#define K17 0xeb6313faffa081c5u
#define K18 0x49daf0b751dd0d17u
#define K19 0x9e68d429265516d3u
#define K20 0xfca1477d58be162bu
#define K21 0xce31d07ad1b8f88fu
#define K22 0x280416958f3acb45u
#define K23 0x7e404bbbcafbd7afu
static const uint64_t scan_secret[SECRET / 8] = {
    K0, K1, K2, K3, K4, K5, K6, K7, K8, K9, K10, K11,
    K12, K13, K14, K15, K16, K17, K18, K19, K20, K21, K22, K23};
/* As the stripes of a round meet it, each in a cache line of its own. */
static const _Alignas(STRIPE) uint64_t scan_keys[ROUND / STRIPE][STRIPE / 8] = {
    {K0, K1, K2, K3, K4, K5, K6, K7},
    {K1, K2, K3, K4, K5, K6, K7, K8},
    {K2, K3, K4, K5, K6, K7, K8, K9},
    {K3, K4, K5, K6, K7, K8, K9, K10},
    {K4, K5, K6, K7, K8, K9, K10, K11},
    {K5, K6, K7, K8, K9, K10, K11, K12},
    {K6, K7, K8, K9, K10, K11, K12, K13},
    {K7, K8, K9, K10, K11, K12, K13, K14},
    {K8, K9, K10, K11, K12, K13, K14, K15},
    {K9, K10, K11, K12, K13, K14, K15, K16},
    {K10, K11, K12, K13, K14, K15, K16, K17},
    {K11, K12, K13, K14, K15, K16, K17, K18},
    {K12, K13, K14, K15, K16, K17, K18, K19},
    {K13, K14, K15, K16, K17, K18, K19, K20},
    {K14, K15, K16, K17, K18, K19, K20, K21},
    {K15, K16, K17, K18, K19, K20, K21, K22}};
static const uint64_t scan_start[STRIPE / 8] = {
    0xC2B2AE3Du, PRIME64_1, 0xC2B2AE3D27D4EB4Fu, 0x165667B19E3779F9u,
    0x85EBCA77C2B2AE63u, 0x85EBCA77u, 0x27D4EB2F165667C5u, PRIME32_1};
/* clang-format on */

struct scan_sums {
    VI lane[SCAN_VECTORS];
};

static inline __attribute__((always_inline)) VI scan_load(const void *p)
{
    return vi_load((const uint32_t *)p);
}

static inline __attribute__((always_inline)) VI scan_mix(VI sum, VI data, const uint8_t *keys)
{
    VI key = vi_xor(data, scan_load(keys));
    return vl_add(sum, vl_add(vl_mul(key, vl_high(key)), vl_swap(data)));
}

static inline __attribute__((always_inline)) void scan_stripe(struct scan_sums *s, const uint8_t *stripe,
                                                              const uint8_t *keys)
{
    FG_UNROLL
    for (size_t v = 0; v < SCAN_VECTORS; v++) {
        s->lane[v] = scan_mix(s->lane[v], scan_load(stripe + 4 * VL * v), keys + 4 * VL * v);
    }
}

static inline __attribute__((always_inline)) void scan_scramble(struct scan_sums *s)
{
    const uint8_t *keys = (const uint8_t *)scan_secret + SECRET - STRIPE;
    VI prime = vl_set(PRIME32_1);
    FG_UNROLL
    for (size_t v = 0; v < SCAN_VECTORS; v++) {
        VI x = vi_xor3(s->lane[v], vl_shr47(s->lane[v]), scan_load(keys + 4 * VL * v));
        s->lane[v] = vl_add(vl_mul(x, prime), vl_shl(vl_mul(vl_high(x), prime), 32));
    }
}

static uint64_t fold_128(uint64_t a, uint64_t b)
{
    __extension__ typedef unsigned __int128 wide;
    wide product = (wide)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t scan_merge(const struct scan_sums *s, uint64_t total)
{
    uint64_t sum[STRIPE / 8], key[STRIPE / 8], hash = total * PRIME64_1;
    memcpy(sum, s, sizeof sum);
    memcpy(key, (const uint8_t *)scan_secret + 11, sizeof key);
    for (size_t i = 0; i < STRIPE / 8; i += 2) {
        hash += fold_128(sum[i] ^ key[i], sum[i + 1] ^ key[i + 1]);
    }
    hash = (hash ^ hash >> 37) * 0x165667919E3779F9u;
    return hash ^ hash >> 32;
}

/* Floats that are looked at beside: of each block the largest size, as bits. */
struct scan_floats {
    const uint8_t *at;
    size_t left, block;
    uint32_t most; /* of all */
    float *out;    /* of each block; NULL: not asked for */
};

static void scan_seen(struct scan_floats *f, uint32_t bits)
{
    f->most = bits > f->most ? bits : f->most;
    if (f->out != NULL) {
        memcpy(f->out + f->block, &bits, sizeof bits);
        f->out[f->block] = bits < 0x7f800000u ? f->out[f->block] : NAN;
    }
    f->block++;
}

static inline __attribute__((always_inline)) VI scan_max(VI most, const uint8_t *floats)
{
    return vi_max(most, vi_and(scan_load(floats), vi_set(0x7fffffffu)));
}

/* What is left of the floats: the end of a block of which in_block bytes were seen, and those after it. */
static void scan_rest(struct scan_floats *f, VI most, size_t in_block)
{
    enum { BLOCK_BYTES = 4 * FG_FOLD_BLOCK };
    while (f->left > 0) {
        size_t m = f->left < BLOCK_BYTES - in_block ? f->left : BLOCK_BYTES - in_block, i = 0;
        for (; i + 4 * VL <= m; i += 4 * VL) {
            most = scan_max(most, f->at + i);
        }
        uint8_t part[4 * VL] = {0};
        memcpy(part, f->at + i, m - i);
        scan_seen(f, vi_most(scan_max(most, part)));
        most = vi_set(0);
        in_block = 0;
        f->at += m;
        f->left -= m;
    }
    if (in_block > 0) {
        scan_seen(f, vi_most(most));
    }
}

/* Stripes from..end - 1 of a round; returns where the next one is. */
static inline const uint8_t *scan_stripes(struct scan_sums *s, const uint8_t *at, size_t from, size_t end)
{
    for (size_t i = from; i < end; i++, at += STRIPE) {
        scan_stripe(s, at, (const uint8_t *)(scan_secret + i));
    }
    return at;
}

/* scan_keys, of which the compiler knows nothing: else all of them are copied to the stack first, which
 * takes as long as a round. */
static inline __attribute__((always_inline)) const uint8_t *scan_keys_somewhere(void)
{
    const void *keys = scan_keys;
    __asm__ volatile("" : "+r"(keys));
    return keys;
}

/* A round of stripes from `at` on. ask: of so many lines ahead memory is asked for one; 0: for none. */
static inline __attribute__((always_inline)) void scan_round(struct scan_sums *s, const uint8_t *at,
                                                             size_t ask)
{
    const uint8_t *keys = scan_keys_somewhere();
    FG_UNROLL
    for (size_t i = 0; i < ROUND / STRIPE; i++) {
        scan_stripe(s, at + STRIPE * i, keys + STRIPE * i);
        fg_prefetch(at + STRIPE * i, SCAN_AHEAD, ask != 0 && i % ask == 0 ? STRIPE : 0);
    }
    scan_scramble(s);
}

/* The same where stripes begin 8 bytes behind a cache line, as those of a frame that begins one do: each line
 * is read once, which is a third faster where it comes from memory. *last: the vector that ends 8 bytes
 * before at + 4 VL; up to 56 bytes behind the round are read, too. */
static inline __attribute__((always_inline)) void scan_lines(struct scan_sums *s, const uint8_t *at, VI *last,
                                                             size_t ask)
{
    const uint8_t *keys = scan_keys_somewhere();
    FG_UNROLL
    for (size_t i = 0; i < ROUND / STRIPE; i++) {
        FG_UNROLL
        for (size_t v = 0; v < SCAN_VECTORS; v++) {
            VI next = scan_load(at + STRIPE * i + 4 * VL * (v + 1) - 8);
            s->lane[v] = scan_mix(s->lane[v], vl_shift_in(*last, next), keys + STRIPE * i + 4 * VL * v);
            *last = next;
        }
        fg_prefetch(at + STRIPE * i, SCAN_AHEAD, ask != 0 && i % ask == 0 ? STRIPE : 0);
    }
    scan_scramble(s);
}

/* Rounds (n) that lie as scan_lines() needs them, or anyhow; beside them as many of floats as there are. */
static inline __attribute__((always_inline)) void scan_rounds(struct fg_scanner *s, size_t n,
                                                              struct scan_floats *f, bool lines, size_t ask)
{
    const uint8_t *at = s->at;
    struct scan_sums now;
    memcpy(&now, s->lane, sizeof now);
    VI last = lines && n > 0 ? scan_load(at - 8) : vi_set(0), most[2] = {vi_set(0), vi_set(0)};
    size_t in_block = 0, beside = f->left / ROUND < n ? f->left / ROUND : n;
    for (size_t r = 0; r < n; r++) {
        if (lines) {
            scan_lines(&now, at + ROUND * r, &last, ask);
        } else {
            scan_round(&now, at + ROUND * r, ask);
        }
        if (r >= beside) {
            continue;
        }
        FG_UNROLL
        for (size_t v = 0; v < ROUND / (4 * VL); v++) {
            most[v % 2] = scan_max(most[v % 2], f->at + ROUND * r + 4 * VL * v);
        }
        in_block += ROUND;
        if (in_block == 4 * FG_FOLD_BLOCK) {
            scan_seen(f, vi_most(vi_max(most[0], most[1])));
            most[0] = most[1] = vi_set(0);
            in_block = 0;
        }
    }
    f->at += ROUND * beside;
    f->left -= ROUND * beside;
    scan_rest(f, vi_max(most[0], most[1]), in_block);
    s->at += ROUND * n;
    s->rounds -= n;
    memcpy(s->lane, &now, sizeof now);
}

static inline __attribute__((always_inline)) void scan_somehow(struct fg_scanner *s, size_t n,
                                                               struct scan_floats *f, size_t ask)
{
    if ((uintptr_t)s->at % STRIPE == 8) {
        scan_rounds(s, n, f, true, ask);
    } else {
        scan_rounds(s, n, f, false, ask);
    }
}

static bool scan_is_short(const struct fg_scanner *s)
{
    return s->head_len >= STRIPE || s->head_len + s->len <= 4 * ROUND;
}

/* The first round: its first stripe has the head and some of the body. */
static void scan_begin(struct fg_scanner *s)
{
    struct scan_sums sums;
    uint8_t first[STRIPE];
    memcpy(&sums, scan_start, sizeof sums);
    memcpy(first, s->head, s->head_len);
    memcpy(first + s->head_len, s->body, STRIPE - s->head_len);
    scan_stripe(&sums, first, (const uint8_t *)scan_secret);
    s->at = scan_stripes(&sums, s->body + (STRIPE - s->head_len), 1, ROUND / STRIPE);
    s->rounds = (s->head_len + s->len - 1) / ROUND - 2;
    scan_scramble(&sums);
    memcpy(s->lane, &sums, sizeof sums);
}

static void scan_on(struct fg_scanner *s, size_t bytes, float *block)
{
    if (scan_is_short(s)) {
        fg_folders_reference.scan_on(s, bytes, block);
        return;
    }
    if (s->at == NULL) {
        scan_begin(s);
    }
    size_t n = bytes / ROUND < s->rounds ? bytes / ROUND : s->rounds, now = bytes < s->left ? bytes : s->left;
    struct scan_floats f = {.at = s->floats, .left = now, .most = s->most, .out = block};
    s->floats += now;
    s->left -= now;
    if (s->alone) {
        scan_somehow(s, n, &f, 1);
    } else if (now > 0) { /* the others are asked for where the floats are used */
        scan_somehow(s, n, &f, 2);
    } else {
        scan_somehow(s, n, &f, 0);
    }
    s->most = f.most;
}

static struct fg_scan scan_end(struct fg_scanner *s)
{
    if (scan_is_short(s)) {
        return fg_folders_reference.scan_end(s);
    }
    scan_on(s, SIZE_MAX, NULL);
    size_t total = s->head_len + s->len;
    struct scan_sums sums;
    memcpy(&sums, s->lane, sizeof sums);
    const uint8_t *at = scan_stripes(&sums, s->at, 0, ROUND / STRIPE);
    scan_scramble(&sums);
    (void)scan_stripes(&sums, at, 0, (total - 1) % ROUND / STRIPE);
    scan_stripe(&sums, s->body + s->len - STRIPE, (const uint8_t *)scan_secret + SECRET - STRIPE - 7);
    struct fg_scan got = {.hash = scan_merge(&sums, total)};
    memcpy(&got.largest, &s->most, sizeof got.largest);
    got.largest = s->most < 0x7f800000u ? got.largest : NAN;
    return got;
}

#undef PRIME32_1
#undef PRIME64_1

#endif

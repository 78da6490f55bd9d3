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

#include "kernels/ahead.h"
#include "kernels/isa.h"
#include "kernels/unroll.h"

/* Bytes. A stripe is taken with the secret from 8 bytes further on than the one before it; after a round of
 * sixteen the sums are scrambled. SCAN_AHEAD: chosen, the fastest of 0..8192 on two CPUs. */
enum { STRIPE = 64, ROUND = 1024, SECRET = 192, SCAN_AHEAD = 8192, SCAN_VECTORS = STRIPE / (4 * VL) };

#define PRIME32_1 0x9E3779B1u
#define PRIME64_1 0x9E3779B185EBCA87u

/* clang-format off */
static const uint64_t scan_secret[SECRET / 8] = { /* of the specification, little-endian */
    0xbe4ba423396cfeb8u, 0x1cad21f72c81017cu, 0xdb979083e96dd4deu, 0x1f67b3b7a4a44072u,
    0x78e5c0cc4ee679cbu, 0x2172ffcc7dd05a82u, 0x8e2443f7744608b8u, 0x4c263a81e69035e0u,
    0xcb00c391bb52283cu, 0xa32e531b8b65d088u, 0x4ef90da297486471u, 0xd8acdea946ef1938u,
    0x3f349ce33f76faa8u, 0x1d4f0bc7c7bbdcf9u, 0x3159b4cd4be0518au, 0x647378d9c97e9fc8u,
    0xc3ebd33483acc5eau, 0xeb6313faffa081c5u, 0x49daf0b751dd0d17u, 0x9e68d429265516d3u,
    0xfca1477d58be162bu, 0xce31d07ad1b8f88fu, 0x280416958f3acb45u, 0x7e404bbbcafbd7afu};
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

/* The secret as the stripes of a round meet it, each in cache lines of its own. */
struct scan_keys {
    _Alignas(STRIPE) uint8_t of[ROUND / STRIPE][STRIPE];
};

/* A round of stripes from `at` on. */
static inline __attribute__((always_inline)) void scan_round(struct scan_sums *s, const uint8_t *at,
                                                             const struct scan_keys *k)
{
    FG_UNROLL
    for (size_t i = 0; i < ROUND / STRIPE; i++) {
        scan_stripe(s, at + STRIPE * i, k->of[i]);
        fg_ahead(at + STRIPE * i, SCAN_AHEAD, STRIPE);
    }
    scan_scramble(s);
}

/* The same where stripes begin 8 bytes behind a cache line, as those of a frame that begins one do: each line
 * is read once, which is a third faster where it comes from memory. *last: the vector that ends 8 bytes
 * before at + 4 VL; up to 56 bytes behind the round are read, too. */
static inline __attribute__((always_inline)) void scan_lines(struct scan_sums *s, const uint8_t *at,
                                                             const struct scan_keys *k, VI *last)
{
    FG_UNROLL
    for (size_t i = 0; i < ROUND / STRIPE; i++) {
        FG_UNROLL
        for (size_t v = 0; v < SCAN_VECTORS; v++) {
            VI next = scan_load(at + STRIPE * i + 4 * VL * (v + 1) - 8);
            s->lane[v] = scan_mix(s->lane[v], vl_shift_in(*last, next), k->of[i] + 4 * VL * v);
            *last = next;
        }
        fg_ahead(at + STRIPE * i, SCAN_AHEAD, STRIPE);
    }
    scan_scramble(s);
}

/* Rounds (n) that lie as scan_lines() needs them, or anyhow; beside them as many of floats as there are. */
static inline __attribute__((always_inline)) void scan_rounds(struct scan_sums *s, const uint8_t *at,
                                                              size_t n, struct scan_floats *f, bool lines)
{
    struct scan_sums now = *s;
    struct scan_keys k;
    for (size_t i = 0; i < ROUND / STRIPE; i++) {
        memcpy(k.of[i], scan_secret + i, STRIPE);
    }
    VI last = lines && n > 0 ? scan_load(at - 8) : vi_set(0), most[2] = {vi_set(0), vi_set(0)};
    size_t in_block = 0, beside = f->left / ROUND < n ? f->left / ROUND : n;
    for (size_t r = 0; r < n; r++) {
        if (lines) {
            scan_lines(&now, at + ROUND * r, &k, &last);
        } else {
            scan_round(&now, at + ROUND * r, &k);
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
    *s = now;
}

static struct fg_scan scan(const uint8_t *head, size_t head_len, const uint8_t *body, size_t len, size_t from,
                           float *block)
{
    const uint8_t *keys = (const uint8_t *)scan_secret;
    size_t total = head_len + len;
    if (head_len >= STRIPE || total <= 4 * ROUND) {
        return fg_folders_reference.scan(head, head_len, body, len, from, block);
    }
    struct scan_sums s;
    struct scan_floats f = {.at = body + from, .left = (len - from) / 4 * 4, .out = block};
    memcpy(&s, scan_start, sizeof s);

    /* The first stripe has the head and some of the body. */
    uint8_t first[STRIPE];
    memcpy(first, head, head_len);
    memcpy(first + head_len, body, STRIPE - head_len);
    scan_stripe(&s, first, keys);
    const uint8_t *at = scan_stripes(&s, body + (STRIPE - head_len), 1, ROUND / STRIPE);
    scan_scramble(&s);

    size_t rounds = (total - 1) / ROUND - 2;
    if ((uintptr_t)at % STRIPE == 8) {
        scan_rounds(&s, at, rounds, &f, true);
    } else {
        scan_rounds(&s, at, rounds, &f, false);
    }
    at = scan_stripes(&s, at + ROUND * rounds, 0, ROUND / STRIPE);
    scan_scramble(&s);
    (void)scan_stripes(&s, at, 0, (total - 1) % ROUND / STRIPE);
    scan_stripe(&s, body + len - STRIPE, keys + SECRET - STRIPE - 7);
    uint32_t bits = f.most;
    struct fg_scan got = {.hash = scan_merge(&s, total)};
    memcpy(&got.largest, &bits, sizeof bits);
    got.largest = bits < 0x7f800000u ? got.largest : NAN;
    return got;
}

#undef PRIME32_1
#undef PRIME64_1

#endif

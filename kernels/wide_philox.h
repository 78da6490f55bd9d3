/* Random words for wide kernels. Included by wide sources only. */

/* The keys of the ten rounds. */
struct philox_keys {
    uint32_t k0[10], k1[10];
};

static inline struct philox_keys philox_keys_of(const uint32_t key[2])
{
    struct philox_keys k;
    for (uint32_t round = 0; round < 10; round++) {
        k.k0[round] = key[0] + round * 0x9E3779B9u;
        k.k1[round] = key[1] + round * 0xBB67AE85u;
    }
    return k;
}

/* 4 VL words of Philox4x32-10 from block `at` on, in order; ctr[0], ctr[1] of the first block are one number.
 * A 64-bit lane holds a block's words each in turn in its lower half, as products take them; what is in upper
 * halves is of no matter until the end. */
static inline __attribute__((always_inline)) void philox_words(const struct philox_keys *key,
                                                               const uint32_t ctr[4], uint64_t at, VI word[4])
{
    uint64_t first = (ctr[0] | (uint64_t)ctr[1] << 32) + at;
    VI c0[2], c1[2], c2[2], c3[2], m0 = vi_set(0xD2511F53u), m1 = vi_set(0xCD9E8D57u);
    FG_UNROLL
    for (unsigned v = 0; v < 2; v++) {
        c0[v] = vl_add(vl_set(first + v * VL / 2), vl_load(V_BLOCK_OF_LANE));
        c1[v] = vl_high(c0[v]);
        c2[v] = vi_set(ctr[2]);
        c3[v] = vi_set(ctr[3]);
    }
    FG_UNROLL
    for (unsigned round = 0; round < 10; round++) {
        FG_UNROLL
        for (unsigned v = 0; v < 2; v++) {
            VI p0 = vl_mul(c0[v], m0), p1 = vl_mul(c2[v], m1);
            c0[v] = vi_xor3(vl_high(p1), c1[v], vi_set(key->k0[round]));
            c2[v] = vi_xor3(vl_high(p0), c3[v], vi_set(key->k1[round]));
            c1[v] = p1;
            c3[v] = p0;
        }
    }
    FG_UNROLL
    for (unsigned v = 0; v < 2; v++) {
        VI u = vl_join(c0[v], c1[v]), w = vl_join(c2[v], c3[v]);
        word[2 * v] = vl_even(u, w);
        word[2 * v + 1] = vl_odd(u, w);
    }
}

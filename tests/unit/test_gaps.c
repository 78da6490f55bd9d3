/* Places as fields and zeros and ones: the bits are those that doc/wire-format.md says, they come back, and
 * any other bytes are refused or are places that fit. */
#include "tests/lib/test.h"

#include <string.h>

#include "src/base/rng.h"
#include "src/wire/gaps.h"

enum { MOST = 3000, VECTORS = 3, ROOM = 40000 };

static struct fg_gaps gaps[VECTORS];
static uint32_t code[VECTORS][MOST];
static size_t length[VECTORS];

/* Places that each value is at with chance p. */
static void draw(uint64_t seed, double p, unsigned sign)
{
    struct fg_rng r;
    fg_rng_init(&r, seed, FG_RNG_TEST, 31, 0);
    for (int v = 0; v < VECTORS; v++) {
        length[v] = v == 1 ? seed % 3 : fg_rng_below(&r, MOST);
        gaps[v] = (struct fg_gaps){.sign = sign};
        for (uint32_t i = 0; i < length[v]; i++) {
            if (fg_rng_uniform(&r) < p) {
                code[v][gaps[v].count++] = i << sign | (fg_rng_u32(&r) & sign);
            }
        }
        gaps[v].k = seed % 2 == 0 ? fg_gaps_best(code[v], gaps[v].count, sign) : (unsigned)(seed / 2 % 32);
    }
}

static uint64_t field_bits(void)
{
    uint64_t bits = 0;
    for (int v = 0; v < VECTORS; v++) {
        bits += (uint64_t)gaps[v].count * (gaps[v].k + gaps[v].sign);
    }
    return bits;
}

/* Bit by bit. */
static size_t write_plainly(uint8_t *out)
{
    size_t at = 0;
    memset(out, 0, ROOM);
    for (int pass = 0; pass < 2; pass++) {
        for (int v = 0; v < VECTORS; v++) {
            uint32_t next = 0;
            for (uint32_t i = 0; i < gaps[v].count; i++) {
                uint32_t place = code[v][i] >> gaps[v].sign, gap = place - next;
                uint64_t field = gap % ((uint64_t)1 << gaps[v].k);
                field = gaps[v].sign ? 2 * field + code[v][i] % 2 : field;
                for (unsigned b = 0; pass == 0 && b < gaps[v].k + gaps[v].sign; b++, at++) {
                    out[at / 8] = (uint8_t)(out[at / 8] | (field >> b & 1) << at % 8);
                }
                if (pass == 1) {
                    at += gap >> gaps[v].k;
                    out[at / 8] = (uint8_t)(out[at / 8] | 1u << at % 8);
                    at++;
                }
                next = place + 1;
            }
        }
        at = (at + 7) / 8 * 8;
    }
    return at / 8;
}

static bool read_all(const uint8_t *bytes, size_t len, uint32_t got[VECTORS][MOST + 1], size_t base)
{
    struct fg_gaps_reader r;
    if (!fg_gaps_reader_of(&r, bytes, len, field_bits())) {
        return false;
    }
    for (int v = 0; v < VECTORS; v++) {
        if (!fg_gaps_get(&r, &gaps[v], base, length[v], got[v])) {
            return false;
        }
    }
    return fg_gaps_done(&r);
}

static void bits_are_those_of_the_format_and_come_back(void **state)
{
    (void)state;
    static uint8_t bytes[ROOM], want[ROOM];
    static uint32_t got[VECTORS][MOST + 1];
    const double chance[] = {0.001, 0.02, 0.3, 1.0, 0.0};
    for (uint64_t seed = 0; seed < 400; seed++) {
        unsigned sign = seed / 5 % 2;
        size_t base = seed % 7 == 0 ? (size_t)1 << 30 : 0;
        draw(seed, chance[seed % 5], sign);
        struct fg_gaps_writer w = fg_gaps_writer_of(bytes, bytes + sizeof bytes, field_bits());
        for (int v = 0; v < VECTORS; v++) {
            fg_gaps_put(&w, &gaps[v], code[v]);
        }
        size_t len = (size_t)(fg_gaps_close(&w) - bytes);
        assert_int_equal(len, write_plainly(want));
        assert_memory_equal(bytes, want, len);
        memset(got, 0xee, sizeof got);
        assert_true(read_all(bytes, len, got, base));
        for (int v = 0; v < VECTORS; v++) {
            for (uint32_t i = 0; i < gaps[v].count; i++) {
                assert_int_equal(got[v][i], code[v][i] + (uint32_t)(base << sign));
            }
            assert_int_equal(got[v][gaps[v].count], 0xeeeeeeee);
        }
        for (size_t cut = 1; cut <= len; cut += 1 + len / 50) {
            assert_false(read_all(bytes, len - cut, got, 0));
        }
        bytes[len] = 0;
        assert_false(read_all(bytes, len + 1, got, 0));
    }
}

static void any_bytes_are_refused_or_fit(void **state)
{
    (void)state;
    static uint8_t bytes[200];
    static uint32_t got[VECTORS][MOST + 1];
    struct fg_rng r;
    unsigned long fit = 0;
    fg_rng_init(&r, 1, FG_RNG_TEST, 32, 0);
    for (int t = 0; t < 200000; t++) {
        size_t len = fg_rng_below(&r, t % 2 == 0 ? 8 : sizeof bytes);
        uint8_t ones = (uint8_t)(t % 3 == 0 ? 0x01 : t % 3 == 1 ? 0x81 : 0xff);
        for (size_t i = 0; i < len; i++) {
            bytes[i] = (uint8_t)fg_rng_u32(&r) & ones;
        }
        for (int v = 0; v < VECTORS; v++) {
            length[v] = fg_rng_below(&r, MOST);
            uint64_t most = length[v] < 12 ? length[v] : 12;
            gaps[v] = (struct fg_gaps){.count = (uint32_t)fg_rng_below(&r, (uint32_t)most + 1),
                                       .k = (unsigned)fg_rng_below(&r, t % 5 == 0 ? 32 : 4),
                                       .sign = (unsigned)t % 2};
        }
        memset(got, 0xee, sizeof got);
        bool good = read_all(bytes, len, got, 0);
        fit += good ? 1 : 0;
        for (int v = 0; v < VECTORS; v++) {
            assert_int_equal(got[v][gaps[v].count], 0xeeeeeeee);
            for (uint32_t i = 0; good && i < gaps[v].count; i++) {
                assert_true(got[v][i] >> gaps[v].sign < length[v]);
                assert_true(i == 0 || got[v][i] >> gaps[v].sign > got[v][i - 1] >> gaps[v].sign);
            }
        }
    }
    assert_true(fit > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bits_are_those_of_the_format_and_come_back),
        cmocka_unit_test(any_bytes_are_refused_or_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

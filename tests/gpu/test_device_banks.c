/* Staged chunks in shared memory: every term of every item has a place of its own in its stage, and what a
 * warp reads or writes at once takes no more turns than the words ask for (32 banks of 4 bytes; 16 bytes a
 * thread go by eight threads at a time). */
#include "tests/lib/test.h"

#include "kernels/device_ops.h"

enum { WARP = 32, BANKS = 32 };

static const enum fg_tile_shape shapes[] = {FG_SHAPE_FLAT, FG_SHAPE_SMALL, FG_SHAPE_TALL, FG_SHAPE_LARGE};

/* Turns of the banks for threads (n), each with `width` words from its place on. */
static unsigned turns_of(const uint32_t *at, unsigned n, unsigned width)
{
    unsigned most = 0;
    for (unsigned bank = 0; bank < BANKS; bank++) {
        uint32_t seen[WARP];
        unsigned here = 0;
        for (unsigned i = 0; i < n * width; i++) {
            const uint32_t word = at[i / width] + i % width;
            bool again = word % BANKS != bank;
            for (unsigned k = 0; k < here; k++) {
                again = again || seen[k] == word;
            }
            if (!again) {
                seen[here++] = word;
            }
        }
        most = here > most ? here : most;
    }
    return most;
}

static void expect_one_turn(const uint32_t at[WARP], unsigned width)
{
    const unsigned together = width == 1 ? WARP : 8;
    for (unsigned first = 0; first < WARP; first += together) {
        assert_int_equal(turns_of(at + first, together, width), 1);
    }
}

/* Chunks of `items` of a tile of that shape. */
static void expect_places(uint32_t items, uint32_t terms, uint32_t room)
{
    for (int along = 0; along < 2; along++) {
        bool *taken = calloc(room, sizeof *taken);
        for (uint32_t e = 0; e < items * terms; e++) {
            const uint32_t at = near_at(along, e / terms, e % terms, items, terms);
            assert_true(at < room && !taken[at]);
            taken[at] = true;
        }
        free(taken);
    }
}

/* Of a place of fours on, places are as far as they are from the beginning. */
static void expect_steps(uint32_t items, uint32_t terms)
{
    for (uint32_t e = 0; e < items * terms; e++) {
        const uint32_t item = e / terms, term = e % terms, in_item = item % 4, in_term = term % 4;
        assert_int_equal(near_at(1, item, term, items, terms),
                         near_at(1, item - in_item, term, items, terms) +
                             near_at(1, in_item, 0, items, terms));
        assert_int_equal(near_at(1, item, term, items, terms),
                         near_at(1, in_item, term, items, terms) +
                             near_at(1, item - in_item, 0, items, terms));
        assert_int_equal(near_at(0, item, term, items, terms),
                         near_at(0, in_item, term - in_term, items, terms) +
                             near_at(0, item - in_item, in_term, items, terms));
    }
}

static void every_term_has_its_place(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const enum fg_tile_shape s = shapes[i];
        expect_places(FG_SHAPE_ROWS(s), FG_SHAPE_TERMS(s), FG_SHAPE_A(s));
        expect_places(FG_SHAPE_COLUMNS(s), FG_SHAPE_TERMS(s), FG_TILE_STAGE - FG_SHAPE_A(s));
        expect_steps(FG_SHAPE_ROWS(s), FG_SHAPE_TERMS(s));
        expect_steps(FG_SHAPE_COLUMNS(s), FG_SHAPE_TERMS(s));
    }
}

/* As near_terms() is asked by mma.sync's fragments: lane l has terms 4 (l % 4) .. + 3 of item l / 4. */
static void expect_fragments(uint32_t items, uint32_t terms)
{
    for (uint32_t term = 0; term < terms; term += FG_MMA_TERMS) {
        for (uint32_t item = 0; item < items; item += 8) {
            uint32_t at[5][WARP];
            for (uint32_t l = 0; l < WARP; l++) {
                at[4][l] = near_at(1, item + l / 4, term + l % 4 * 4, items, terms);
                for (uint32_t u = 0; u < 4; u++) {
                    at[u][l] = near_at(0, item + l / 4, term + l % 4 * 4 + u, items, terms);
                }
            }
            expect_one_turn(at[4], 4);
            for (int u = 0; u < 4; u++) {
                expect_one_turn(at[u], 1);
            }
        }
    }
}

/* As stage_along() and stage_across() write. */
static void expect_copies(uint32_t items, uint32_t terms)
{
    for (uint32_t first = 0; first < items * terms / 4; first += WARP) {
        uint32_t at[2][WARP];
        for (uint32_t l = 0; l < WARP; l++) {
            const uint32_t t = first + l;
            at[0][l] = near_at(0, t % (items / 4) * 4, t / (items / 4), items, terms);
            at[1][l] = near_at(1, t / (terms / 4), t % (terms / 4) * 4, items, terms);
        }
        expect_one_turn(at[0], 4);
        expect_one_turn(at[1], 4);
    }
}

/* Four columns of a thread of FG_EXACT, at a term, or four terms of each. */
static void expect_columns(uint32_t columns, uint32_t terms)
{
    for (uint32_t term = 0; term < terms; term += 4) {
        for (uint32_t u = 0; u < 4; u++) {
            uint32_t at[2][WARP];
            for (uint32_t l = 0; l < WARP; l++) {
                at[0][l] = near_at(0, my_column(l, columns), term + u, columns, terms);
                at[1][l] = near_at(1, my_column(l, columns) + u, term, columns, terms);
            }
            expect_one_turn(at[0], 4);
            expect_one_turn(at[1], 4);
        }
    }
}

static void what_a_warp_touches_at_once_lies_in_different_banks(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) {
        const uint32_t rows = FG_SHAPE_ROWS(shapes[i]), columns = FG_SHAPE_COLUMNS(shapes[i]),
                       terms = FG_SHAPE_TERMS(shapes[i]);
        expect_fragments(rows, terms);
        expect_fragments(columns, terms);
        expect_copies(rows, terms);
        expect_copies(columns, terms);
        expect_columns(columns, terms);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_term_has_its_place),
        cmocka_unit_test(what_a_warp_touches_at_once_lies_in_different_banks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

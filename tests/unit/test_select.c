/* Selection policies: who is asked, how often, and what is refused. */
#include "tests/lib/test.h"

#include "src/aggregator/select.h"

enum { CLIENTS = 30 };

static uint32_t available[CLIENTS], out[CLIENTS], steps[CLIENTS];
static double weight[CLIENTS];

static size_t pick(const char *name, struct fg_select_config cfg, uint32_t round, size_t n)
{
    struct fg_err err;
    struct fg_select *s = NULL;
    assert_int_equal(fg_select_create(&s, fg_select_find(name), &cfg, &err), FG_OK);
    for (size_t i = 0; i < n; i++) {
        available[i] = (uint32_t)(i * CLIENTS / n);
    }
    struct fg_select_view view = {.round = round, .available = available, .n_available = n};
    struct fg_picks picks = {.client = out, .steps = steps, .weight = weight};
    assert_int_equal(s->ops->pick(s, &view, &picks), FG_OK);
    fg_select_destroy(s);
    size_t m = picks.n;
    assert_true(m <= n);
    for (size_t i = 0; i < m; i++) { /* ascending, hence distinct, and available */
        assert_true(i == 0 || out[i] > out[i - 1]);
        size_t k = 0;
        while (k < n && available[k] != out[i]) {
            k++;
        }
        assert_true(k < n);
    }
    return m;
}

static void uniform_asks_everyone_equally_often(void **state)
{
    (void)state;
    struct fg_select_config cfg = {.seed = 5, .clients = CLIENTS, .want = 6, .over = 1.0};
    unsigned seen[CLIENTS] = {0};
    enum { ROUNDS = 5000 };
    for (uint32_t r = 0; r < ROUNDS; r++) {
        assert_int_equal(pick("uniform", cfg, r, 20), 6);
        for (int i = 0; i < 6; i++) {
            seen[out[i]]++;
        }
    }
    for (size_t i = 0; i < 20; i++) { /* 1500 expected, deviation 32 */
        fg_assert_close((double)seen[available[i]], 1500.0, 160.0);
    }
}

static void over_selection_rounds_up_and_stops_at_everyone(void **state)
{
    (void)state;
    struct fg_select_config cfg = {.seed = 1, .clients = CLIENTS, .want = 10, .over = 1.3};
    assert_int_equal(pick("uniform", cfg, 0, 30), 13);
    assert_int_equal(pick("uniform", cfg, 0, 12), 12);
    assert_int_equal(pick("uniform", cfg, 0, 0), 0);
    cfg.over = 1.0;
    assert_int_equal(pick("uniform", cfg, 0, 30), 10);
    cfg.over = 1.01;
    assert_int_equal(pick("uniform", cfg, 0, 30), 11);
}

static void the_choice_depends_on_seed_and_round_only(void **state)
{
    (void)state;
    struct fg_select_config cfg = {.seed = 1, .clients = CLIENTS, .want = 5, .over = 1.0};
    uint32_t first[5], again[5];
    pick("uniform", cfg, 3, 20);
    memcpy(first, out, sizeof first);
    pick("uniform", cfg, 4, 20);
    memcpy(again, out, sizeof again);
    assert_memory_not_equal(first, again, sizeof first);
    pick("uniform", cfg, 3, 20);
    assert_memory_equal(first, out, sizeof first);
    cfg.seed = 2;
    pick("uniform", cfg, 3, 20);
    assert_memory_not_equal(first, out, sizeof first);
}

static void all_takes_all(void **state)
{
    (void)state;
    struct fg_select_config cfg = {.seed = 1, .clients = CLIENTS, .want = 5, .over = 1.0};
    assert_int_equal(pick("all", cfg, 0, 17), 17);
}

static void cyclic_visits_every_group_in_turn(void **state)
{
    (void)state;
    struct fg_select_config cfg = {.seed = 1, .clients = CLIENTS, .want = 100, .over = 1.0, .groups = 3};
    unsigned seen[CLIENTS] = {0};
    for (uint32_t r = 0; r < 3; r++) {
        assert_int_equal(pick("cyclic", cfg, r, 30), 10);
        for (int i = 0; i < 10; i++) {
            assert_int_equal(out[i] / 10, r);
            seen[out[i]]++;
        }
    }
    for (int i = 0; i < CLIENTS; i++) {
        assert_int_equal(seen[i], 1);
    }
}

static void cyclic_refuses_no_groups_and_too_many(void **state)
{
    (void)state;
    struct fg_err err;
    struct fg_select_config cfg = {.clients = CLIENTS};
    assert_int_equal(fg_select_find("cyclic")->check(&cfg, &err), FG_E_CONFIG);
    cfg.groups = CLIENTS + 1;
    assert_int_equal(fg_select_find("cyclic")->check(&cfg, &err), FG_E_CONFIG);
    assert_non_null(strstr(err.text, "select.groups"));
    cfg.groups = CLIENTS;
    assert_int_equal(fg_select_find("cyclic")->check(&cfg, &err), FG_OK);
    assert_null(fg_select_find("nobody"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(uniform_asks_everyone_equally_often),
        cmocka_unit_test(over_selection_rounds_up_and_stops_at_everyone),
        cmocka_unit_test(the_choice_depends_on_seed_and_round_only),
        cmocka_unit_test(all_takes_all),
        cmocka_unit_test(cyclic_visits_every_group_in_turn),
        cmocka_unit_test(cyclic_refuses_no_groups_and_too_many),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

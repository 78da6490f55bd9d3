/* Outcomes of assignments and the ledger: worked examples, a microsecond twin, sums that add up, bytes. */
#include "tests/lib/test.h"

#include "src/availability/ledger.h"
#include "src/availability/world.h"
#include "src/base/mem.h"
#include "src/base/rng.h"

#define US FG_SECOND
#define ZERO INT64_C(1725148800)

/* One node, up in [0, 100) and [200, 1000000) s. 1 MB/s down, 0.5 MB/s up, 10 samples/s, 100 W. */
static struct fg_trace *trace;
static struct fg_fleet *fleet;

static int set_up(void **state)
{
    (void)state;
    static const char text[] = "# clock: utc\n# zero_utc: 2024-09-01T00:00:00Z\nnode,start_s,end_s\n"
                               "a,0,100\na,200,1000000\n";
    struct fg_fleet_spec s;
    fg_fleet_spec_defaults(&s);
    s.clients = 1;
    s.samples_per_s = 10;
    s.speed_spread = s.link_spread = s.power_spread = 0;
    s.downlink_mbps = 8;
    s.uplink_mbps = 4;
    s.power_w = 100;
    s.comm_power_w = 10;
    s.pue = 1.5;
    s.network_kwh_per_gb = 0.05;
    s.default_g_per_kwh = 400;
    return fg_trace_parse(&trace, "t", text, sizeof text - 1, NULL, NULL) == FG_OK &&
                   fg_fleet_create(&fleet, &s, trace, NULL, 0, NULL) == FG_OK
               ? 0
               : -1;
}

static int tear_down(void **state)
{
    (void)state;
    fg_fleet_destroy(fleet);
    fg_trace_destroy(trace);
    return 0;
}

static struct fg_outcome run(int64_t at_s, uint64_t down, uint32_t steps, uint64_t up, bool hand_back)
{
    struct fg_outcome o;
    memset(&o, 0xAA, sizeof o);
    fg_time_t begin = (ZERO + at_s) * US;
    struct fg_assignment a = {.steps = steps,
                              .samples_per_step = 20,
                              .bytes_down = down,
                              .bytes_up = up,
                              .t_assign = begin,
                              .until = begin,
                              .hand_back = hand_back};
    fg_world_outcome(fleet, &a, &o);
    return o;
}

static void undisturbed_task_arrives(void **state)
{
    (void)state;
    struct fg_outcome o = run(10, 5000000, 30, 1000000, false); /* 5 s + 60 s + 2 s */
    assert_int_equal(o.kind, FG_OUTCOME_ARRIVED);
    assert_true(o.download_done);
    assert_int_equal(o.download_us, 5 * US);
    assert_int_equal(o.compute_us, 60 * US);
    assert_int_equal(o.upload_us, 2 * US);
    assert_int_equal(o.t_end, (ZERO + 77) * US);
    assert_int_equal(o.steps, 30);
    assert_int_equal(o.bytes_down, 5000000);
    assert_int_equal(o.bytes_up, 1000000);
    assert_int_equal(fg_world_duration(fleet, 0, 5000000, 30, 20, 1000000), 67 * US);
    o = run(33, 5000000, 30, 1000000, false); /* ends with the interval itself: it fits */
    assert_int_equal(o.kind, FG_OUTCOME_ARRIVED);
    assert_int_equal(o.t_end, (ZERO + 100) * US);
}

static void task_is_cut_in_each_phase(void **state)
{
    (void)state;
    struct fg_outcome o = run(98, 5000000, 30, 1000000, false);
    assert_int_equal(o.kind, FG_OUTCOME_LEFT);
    assert_false(o.download_done);
    assert_int_equal(o.bytes_down, 2000000);
    assert_true(o.steps == 0 && o.bytes_up == 0 && o.compute_us == 0 && o.upload_us == 0);
    assert_int_equal(o.t_end, (ZERO + 100) * US);

    o = run(40, 5000000, 30, 1000000, false); /* 55 s of computing: 27 whole steps of 2 s */
    assert_int_equal(o.kind, FG_OUTCOME_LEFT);
    assert_true(o.download_done && o.steps == 27 && o.bytes_up == 0);
    assert_int_equal(o.compute_us, 55 * US);

    o = run(34, 5000000, 30, 1000000, false); /* 1 s of 2 s of upload */
    assert_int_equal(o.kind, FG_OUTCOME_LEFT);
    assert_true(o.steps == 30 && o.bytes_up == 500000 && o.upload_us > 0);
    assert_int_equal(o.download_us + o.compute_us + o.upload_us, o.t_end - o.t_begin);

    o = run(150, 5000000, 30, 1000000, true); /* down */
    assert_int_equal(o.kind, FG_OUTCOME_LEFT);
    assert_true(o.t_end == o.t_begin && o.bytes_down == 0 && o.steps == 0 && !o.download_done);
}

static void hand_back_sends_the_steps_that_fit(void **state)
{
    (void)state;
    struct fg_outcome o = run(40, 5000000, 30, 1000000, true); /* 60 - 5 - 2 = 53 s: 26 steps */
    assert_int_equal(o.kind, FG_OUTCOME_PARTIAL);
    assert_int_equal(o.steps, 26);
    assert_int_equal(o.compute_us, 52 * US);
    assert_int_equal(o.t_end, (ZERO + 99) * US);
    assert_int_equal(o.bytes_up, 1000000);
    o = run(91, 5000000, 30, 1000000, true); /* 2 s left: exactly one step */
    assert_int_equal(o.kind, FG_OUTCOME_PARTIAL);
    assert_true(o.steps == 1 && o.t_end == (ZERO + 100) * US);
    o = run(92, 5000000, 30, 1000000, true); /* not one */
    assert_int_equal(o.kind, FG_OUTCOME_LEFT);
    assert_true(o.steps == 1 && o.bytes_up == 0); /* done in the 3 s, and lost */
}

static void called_off_task_is_cut(void **state)
{
    (void)state;
    struct fg_outcome o = run(10, 5000000, 30, 1000000, false);
    fg_world_cut(fleet, 0, 20, o.t_begin + 66 * US, &o);
    assert_int_equal(o.kind, FG_OUTCOME_CUT);
    assert_true(o.steps == 30 && o.bytes_up == 500000 && o.t_end == o.t_begin + 66 * US);
    fg_world_cut(fleet, 0, 20, o.t_begin + 10 * US, &o);
    assert_true(o.steps == 2 && o.bytes_up == 0 && o.compute_us == 5 * US && o.upload_us == 0);
    struct fg_outcome same = o;
    fg_world_cut(fleet, 0, 20, o.t_end + 1, &o);
    assert_memory_equal(&same, &o, sizeof o);
}

static void outcomes_keep_their_invariants(void **state)
{
    (void)state;
    struct fg_rng r;
    fg_rng_init(&r, 3, FG_RNG_TEST, 0, 0);
    for (int i = 0; i < 20000; i++) {
        uint64_t down = fg_rng_below(&r, 9000000), up = fg_rng_below(&r, 9000000);
        uint32_t steps = fg_rng_below(&r, 40);
        int64_t begin = ZERO * US + fg_rng_below(&r, 300 * 1000000);
        double per_step = fg_rng_uniform(&r) * 30;
        struct fg_outcome o, h, c;
        fg_time_t until = fg_fleet_up_until(fleet, 0, begin);
        struct fg_assignment a = {.steps = steps,
                                  .samples_per_step = per_step,
                                  .bytes_down = down,
                                  .bytes_up = up,
                                  .t_assign = begin,
                                  .until = until};
        fg_world_outcome(fleet, &a, &o);
        a.hand_back = true;
        fg_world_outcome(fleet, &a, &h);
        assert_int_equal(o.download_us + o.compute_us + o.upload_us, o.t_end - o.t_begin);
        assert_int_equal(h.download_us + h.compute_us + h.upload_us, h.t_end - h.t_begin);
        assert_true(o.t_end <= until && h.t_end <= until && o.bytes_down <= down && o.bytes_up <= up);
        assert_true((o.kind == FG_OUTCOME_ARRIVED) == (h.kind == FG_OUTCOME_ARRIVED));
        assert_true(o.kind == FG_OUTCOME_ARRIVED || (o.kind == FG_OUTCOME_LEFT && o.t_end == until));
        /* the steps done really fit, one more would not */
        double left = fg_seconds(o.compute_us) * 10;
        assert_true(o.steps * per_step <= left + 1e-4);
        assert_true(o.steps == steps || (o.steps + 1) * per_step > left - 1e-4);
        if (h.kind == FG_OUTCOME_PARTIAL) {
            assert_true(h.steps >= 1 && h.steps < steps && h.steps <= o.steps && h.bytes_up == up);
            assert_true(fg_seconds(until - h.t_end) * 10 < per_step + 1e-4);
        }
        c = o;
        fg_time_t cut = begin + fg_rng_below(&r, 100 * 1000000);
        fg_world_cut(fleet, 0, per_step, cut, &c);
        assert_true(c.t_end <= cut || c.t_end == o.t_end);
        assert_true(c.steps <= o.steps && c.bytes_down <= o.bytes_down && c.bytes_up <= o.bytes_up);
    }
}

static void usage_of_a_worked_example(void **state)
{
    (void)state;
    struct fg_outcome o = run(10, 5000000, 30, 1000000, false);
    struct fg_usage u;
    fg_ledger_usage(fleet, 0, &o, &u);
    fg_assert_close(u.energy_j[FG_COST_COMPUTE], 150 * 60, 1e-9);
    fg_assert_close(u.energy_j[FG_COST_DEVICE], 15 * 7, 1e-9);
    fg_assert_close(u.energy_j[FG_COST_NETWORK], 0.05 * 0.006 * 3.6e6, 1e-9);
    fg_assert_close(u.carbon_g[FG_COST_COMPUTE], 150 * 60 / 3.6e6 * 400, 1e-12);
    fg_assert_close(u.carbon_g[FG_COST_DEVICE], 15 * 7 / 3.6e6 * 400, 1e-12);
    fg_assert_close(u.carbon_g[FG_COST_NETWORK], 0.05 * 0.006 * 400, 1e-12);
    assert_true(u.steps == 30 && u.bytes_down == 5000000 && u.bytes_up == 1000000);
}

static struct fg_ledger *random_ledger(uint32_t clients, int tasks)
{
    struct fg_ledger *l = NULL;
    struct fg_rng r;
    fg_rng_init(&r, 5, FG_RNG_TEST, 0, 0);
    assert_int_equal(fg_ledger_create(&l, clients), FG_OK);
    for (int i = 0; i < tasks; i++) {
        struct fg_usage u = {.bytes_down = fg_rng_below(&r, 1u << 30),
                             .bytes_up = fg_rng_below(&r, 1u << 30),
                             .steps = fg_rng_below(&r, 99)};
        for (int c = 0; c < FG_COSTS; c++) {
            u.energy_j[c] = fg_rng_gamma(&r, 0.3) * 1000;
            u.carbon_g[c] = fg_rng_gamma(&r, 0.3);
        }
        fg_ledger_book_usage(l, fg_rng_below(&r, clients) / 2 * 2, &u,
                             (enum fg_verdict)fg_rng_below(&r, FG_VERDICTS));
    }
    return l;
}

static void book(struct fg_ledger *l, const struct fg_outcome *o, enum fg_verdict verdict)
{
    struct fg_usage u;
    fg_ledger_usage(fleet, 0, o, &u);
    fg_ledger_book_usage(l, 0, &u, verdict);
}

static void ledger_adds_up(void **state)
{
    (void)state;
    struct fg_ledger *l = NULL;
    struct fg_ledger_summary s;
    struct fg_err err = {""};
    struct fg_outcome o = run(10, 5000000, 30, 1000000, false), lost = run(40, 5000000, 30, 1000000, false);
    assert_int_equal(fg_ledger_create(&l, 1), FG_OK);
    book(l, &o, FG_VERDICT_USED);
    book(l, &o, FG_VERDICT_LATE);
    book(l, &lost, FG_VERDICT_LOST);
    fg_ledger_summary(l, &s);
    assert_true(s.steps_total == 87 && s.steps_wasted == 57 && s.updates_used == 1 && s.updates_late == 1 &&
                s.updates_lost == 1 && s.updates_stale == 0);
    assert_true(s.downlink_bytes == 15000000 && s.uplink_bytes == 2000000);
    double one = 150 * 60 + 15 * 7 + 1080, cut = 150 * 55 + 15 * 5 + 900;
    fg_assert_close(s.energy_wh * 3600, 2 * one + cut, 1e-6);
    fg_assert_close(s.carbon_g, (2 * one + cut) / 3.6e6 * 400, 1e-9);
    fg_assert_close(s.wasted_wh_by[FG_VERDICT_LATE] * 3600, one, 1e-6);
    fg_assert_close(s.wasted_wh_by[FG_VERDICT_LOST] * 3600, cut, 1e-6);
    fg_assert_close(s.wasted_g, (one + cut) / 3.6e6 * 400, 1e-9);
    assert_int_equal(fg_ledger_check(l, &err), FG_OK);
    fg_ledger_destroy(l);

    l = random_ledger(1000, 20000);
    if (fg_ledger_check(l, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    struct fg_ledger_row *row = fg_ledger_row_mut(l, 4);
    row->carbon_g += 1e-3;
    assert_int_equal(fg_ledger_check(l, &err), FG_E_INTERNAL);
    assert_non_null(strstr(err.text, "carbon"));
    row->carbon_g -= 1e-3;
    row->steps++;
    assert_int_equal(fg_ledger_check(l, &err), FG_E_INTERNAL);
    fg_ledger_destroy(l);
}

static void ledger_survives_as_bytes(void **state)
{
    (void)state;
    struct fg_ledger *l = random_ledger(300, 500), *m = NULL;
    struct fg_str bytes = {0}, again = {0};
    struct fg_err err;
    assert_int_equal(fg_ledger_save(l, &bytes), FG_OK);
    assert_int_equal(fg_ledger_load(&m, bytes.data, bytes.len, &err), FG_OK);
    assert_int_equal(fg_ledger_clients(m), 300);
    assert_memory_equal(fg_ledger_totals(l), fg_ledger_totals(m), sizeof *fg_ledger_totals(l));
    for (uint32_t c = 0; c < 300; c++) {
        const struct fg_ledger_row *a = fg_ledger_row(l, c), *b = fg_ledger_row(m, c);
        assert_true(a->carbon_g == b->carbon_g && a->wasted_j == b->wasted_j && a->steps == b->steps &&
                    memcmp(a->tasks, b->tasks, sizeof a->tasks) == 0);
    }
    assert_int_equal(fg_ledger_save(m, &again), FG_OK);
    assert_int_equal(again.len, bytes.len);
    assert_memory_equal(again.data, bytes.data, bytes.len);
    fg_ledger_destroy(m);

    for (size_t i = 0; i < bytes.len; i += 3) {
        bytes.data[i] = (char)(bytes.data[i] ^ 0x20);
        enum fg_status st = fg_ledger_load(&m, bytes.data, bytes.len, &err);
        assert_true(st == FG_E_CORRUPT || st == FG_E_VERSION);
        bytes.data[i] = (char)(bytes.data[i] ^ 0x20);
        assert_int_equal(fg_ledger_load(&m, bytes.data, i, &err), FG_E_CORRUPT);
    }
    fg_ledger_destroy(l);
    fg_str_fini(&bytes);
    fg_str_fini(&again);
}

static void ledger_without_memory_fails_cleanly(void **state)
{
    (void)state;
    struct fg_ledger *l = random_ledger(30, 50);
    for (int n = 0;; n++) {
        long left = n;
        struct fg_str s = {0};
        struct fg_ledger *m = NULL;
        fg_mem_set_hook(fg_fail_nth, &left);
        enum fg_status st = fg_ledger_save(l, &s);
        if (st == FG_OK) {
            st = fg_ledger_load(&m, s.data, s.len, NULL);
        }
        fg_mem_set_hook(NULL, NULL);
        fg_ledger_destroy(m);
        fg_str_fini(&s);
        if (st == FG_OK) {
            assert_true(n >= 4);
            break;
        }
        assert_int_equal(st, FG_E_NOMEM);
    }
    fg_ledger_destroy(l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(undisturbed_task_arrives),
        cmocka_unit_test(task_is_cut_in_each_phase),
        cmocka_unit_test(hand_back_sends_the_steps_that_fit),
        cmocka_unit_test(called_off_task_is_cut),
        cmocka_unit_test(outcomes_keep_their_invariants),
        cmocka_unit_test(usage_of_a_worked_example),
        cmocka_unit_test(ledger_adds_up),
        cmocka_unit_test(ledger_survives_as_bytes),
        cmocka_unit_test(ledger_without_memory_fails_cleanly),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}

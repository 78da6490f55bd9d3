/* Hosts: lists and host files, where workers are and where the next one goes, whether a host answers. */
#include "tests/lib/test.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "src/net/hosts.h"
#include "src/net/probe.h"
#include "src/net/route.h"

static void lists_are_read(void **state)
{
    (void)state;
    struct fg_hosts h = {0};
    struct fg_str text = {0};
    struct fg_err err;
    static const char list[] = "a:2,b.example.org,10.0.0.7:16,a";
    assert_int_equal(fg_hosts_add_list(&h, list, strlen(list), &err), FG_OK);
    assert_int_equal(fg_hosts_text(&text, &h), FG_OK);
    assert_string_equal(text.data, "a:3,b.example.org:1,10.0.0.7:16");
    static const char *const bad[] = {"",   ",",   "a,",  "a:0",      "a:x", "a:-1",
                                      "-x", "a b", "a;b", "a:100001", ":2"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_hosts none = {0};
        assert_int_equal(fg_hosts_add_list(&none, bad[i], strlen(bad[i]), &err), FG_E_USAGE);
        assert_non_null(strstr(err.text, "expected NAME"));
        fg_hosts_fini(&none);
    }
    fg_str_fini(&text);
    fg_hosts_fini(&h);
}

static void files_are_read_as_mpirun_reads_them(void **state)
{
    (void)state;
    struct fg_hosts h = {0};
    struct fg_str text = {0};
    struct fg_err err;
    static const char file[] =
        "\xEF\xBB\xBF# machines\n\n near slots=2 max_slots=4 # ours\r\nfar\nother:3\n\tnear\n";
    assert_int_equal(fg_hosts_add_file(&h, "hosts", file, strlen(file), &err), FG_OK);
    assert_int_equal(fg_hosts_text(&text, &h), FG_OK);
    assert_string_equal(text.data, "near:3,far:1,other:3");
    static const char *const bad[] = {"a\nb slots=0\n", "a\nb slots\n", "a\nb user=root\n", "a\n--x\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct fg_hosts none = {0};
        assert_int_equal(fg_hosts_add_file(&none, "hosts", bad[i], strlen(bad[i]), &err), FG_E_INPUT);
        assert_memory_equal(err.text, "hosts:2: expected NAME slots=N", 30);
        fg_hosts_fini(&none);
    }
    fg_str_fini(&text);
    fg_hosts_fini(&h);
}

static struct fg_hosts make(const char *list)
{
    struct fg_hosts h = {0};
    assert_int_equal(fg_hosts_add_list(&h, list, strlen(list), NULL), FG_OK);
    return h;
}

static void the_first_workers_fill_the_slots_in_order(void **state)
{
    (void)state;
    struct fg_hosts h = make("a:2,b:1,c:3");
    static const size_t all[] = {0, 0, 1, 2, 2, 2, 0, 0, 1}, two[] = {0, 0, 1, 0, 0, 1};
    for (uint32_t i = 0; i < 9; i++) {
        assert_int_equal(fg_hosts_initial(&h, i), all[i]);
    }
    h.first = 2; /* c did not answer at the start */
    for (uint32_t i = 0; i < 6; i++) {
        assert_int_equal(fg_hosts_initial(&h, i), two[i]);
    }
    fg_hosts_fini(&h);
    assert_int_equal(fg_hosts_initial(&h, 0), FG_HOSTS_NONE);
}

static void the_next_goes_where_fewest_run_for_each_slot_in_turn(void **state)
{
    (void)state;
    struct fg_hosts h = make("a:2,b:1,c:2");
    /* 0/2 0/1 0/2 -> a; 1/2 0/1 0/2 -> b; then c; 1/2 1/1 1/2 -> a; c; all full -> a, b, c */
    static const size_t want[] = {0, 1, 2, 0, 2, 0 /* 2/2 1/1 2/2: in turn after c */, 1, 2};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++) {
        size_t at = fg_hosts_pick(&h, 0);
        assert_int_equal(at, want[i]);
        h.host[at].used++;
    }
    h.host[2].used = 0;
    h.host[2].bad_until = 100;
    assert_int_not_equal(fg_hosts_pick(&h, 99), 2);
    assert_int_equal(fg_hosts_pick(&h, 100), 2);
    h.host[0].bad_until = h.host[1].bad_until = 100;
    assert_int_equal(fg_hosts_pick(&h, 50), FG_HOSTS_NONE);
    fg_hosts_fini(&h);
}

/* An agent for tests: a host whose name begins with "up" answers, "slow" ones never come back. */
static char *agent_script(void)
{
    static char path[] = "/tmp/forage-agent-XXXXXX";
    int fd = mkstemp(path);
    static const char text[] =
        "#!/bin/sh\ncase $1 in up*) exec sh -c \"$2\";; slow*) exec sleep 60;; esac\nexit 255\n";
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
    assert_int_equal(fchmod(fd, 0700), 0);
    close(fd);
    return path;
}

static void a_host_answers_or_does_not(void **state)
{
    (void)state;
    struct fg_hosts h = make("up1,dead,localhost,slow,up2");
    struct fg_agent agent;
    struct fg_probe *p;
    bool up[5];
    char *script = agent_script();
    assert_int_equal(fg_agent_init(&agent, script, NULL), FG_OK);
    assert_int_equal(fg_probe_create(&p, &h, &agent), FG_OK);
    assert_int_equal(fg_probe_look(p, 3), FG_PROBE_WAIT); /* and nothing waits for it */
    fg_probe_all(p, up);
    assert_true(up[0] && !up[1] && up[2] && !up[3] && up[4]);
    assert_int_equal(fg_probe_look(p, 3), FG_PROBE_WAIT); /* asked anew; ended with the probe */
    fg_probe_destroy(p);
    fg_agent_fini(&agent);
    fg_hosts_fini(&h);
    unlink(script);
}

static void agents_are_words_and_commands_are_quoted(void **state)
{
    (void)state;
    struct fg_agent a;
    struct fg_str s = {0};
    assert_int_equal(fg_agent_init(&a, " /opt/bin/srun  --overlap\t-w ", NULL), FG_OK);
    assert_int_equal(a.n, 3);
    assert_true(a.shell);
    fg_agent_fini(&a);
    assert_int_equal(fg_agent_init(&a, NULL, NULL), FG_OK);
    assert_string_equal(a.word[0], "ssh");
    assert_false(a.shell);
    fg_agent_fini(&a);
    assert_int_equal(fg_agent_init(&a, "  ", NULL), FG_E_USAGE);
    assert_int_equal(fg_agent_quote(&s, "a'b $c"), FG_OK);
    assert_string_equal(s.data, "'a'\\''b $c'");
    fg_str_fini(&s);
    assert_true(fg_agent_here("localhost"));
    assert_false(fg_agent_here("no-such-host"));
}

static void interfaces_become_networks(void **state)
{
    (void)state;
    static const char *const none[] = {"nosuch0",      "l",         "lo,nosuch0", "203.0.113.0/24",
                                       "127.0.0.0/33", "127.0.0/8", "/8",         "lo/8"};
    struct fg_err err;
    struct fg_str s = {0};
    assert_int_equal(fg_route_networks(&s, "lo", &err), FG_OK);
    assert_string_equal(s.data, "127.0.0.0/8");
    assert_int_equal(fg_route_networks(&s, "127.0.0.1/32,127.0.0.9/16", &err), FG_OK);
    assert_string_equal(s.data, "127.0.0.0/8,127.0.0.1/32,127.0.0.0/16");
    for (size_t i = 0; i < sizeof none / sizeof *none; i++) {
        assert_int_equal(fg_route_networks(&s, none[i], &err), FG_E_USAGE);
    }
    assert_non_null(strstr(err.text, "found 'lo/8'"));
    s.len = 0;
    assert_int_equal(fg_route_to(&s, "127.0.0.1", &err), FG_OK);
    assert_string_equal(s.data, "127.0.0.0/8");
    fg_str_fini(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lists_are_read),
        cmocka_unit_test(files_are_read_as_mpirun_reads_them),
        cmocka_unit_test(the_first_workers_fill_the_slots_in_order),
        cmocka_unit_test(the_next_goes_where_fewest_run_for_each_slot_in_turn),
        cmocka_unit_test(a_host_answers_or_does_not),
        cmocka_unit_test(agents_are_words_and_commands_are_quoted),
        cmocka_unit_test(interfaces_become_networks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

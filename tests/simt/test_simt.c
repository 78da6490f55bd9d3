/* The device that is none finds what is wrong with a kernel, whatever the order of threads, and nothing wrong
 * with one that is right. */
#include "tests/lib/test.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/simt/simt.h"
#include "tests/simt/wrong.h"

static const struct {
    enum wrong what;
    const char *says;
} cases[] = {{WRONG_NO_BARRIER, "race: read, written by another thread\0copy is on its way\0never written\0"},
             {WRONG_NO_WAIT, "a copy is on its way\0"},
             {WRONG_SOME_LEAVE, "threads do not come together\0"},
             {WRONG_TWO_BARRIERS, "threads do not come together\0"},
             {WRONG_HALF_A_WARP, "threads do not come together\0"},
             {WRONG_BLOCKS_MEET, "race: written by another thread, too\0"},
             {WRONG_WRITES_BEYOND, "beyond what was allocated\0"},
             {WRONG_READS_BEYOND, "beyond shared memory\0"},
             {WRONG_UNWRITTEN, "never written\0"},
             {WRONG_CROOKED, "undefined behaviour\0"},
             {WRONG_HOST_POINTER, "cp.async of 4 bytes\0"},
             {WRONG_CHANGED, "race: \0a copy on its way reads was changed\0"},
             {WRONG_HOST_READS, "the host touches device memory\0"},
             {WRONG_FREED, "memory that is not allocated\0"},
             {WRONG_KEPT, "not given back: 1 blocks\0"}};

/* Run it in a process of its own: how that ends, and what it says. */
static int run_apart(enum wrong what, unsigned seed, char *said, size_t room)
{
    int ends[2], status = 0;
    size_t at = 0;
    ssize_t n;
    assert_int_equal(pipe(ends), 0);
    fflush(NULL);
    pid_t child = fork();
    if (child == 0) {
        dup2(ends[1], 2);
        close(ends[0]);
        close(ends[1]);
        fg_simt_seed(seed);
        exit(wrong_run(what) ? 0 : 3);
    }
    close(ends[1]);
    while ((n = read(ends[0], said + at, room - 1 - at)) > 0) {
        at += (size_t)n;
    }
    said[at] = '\0';
    close(ends[0]);
    assert_int_equal(waitpid(child, &status, 0), child);
    return status;
}

static void what_is_right_passes_in_every_order(void **state)
{
    (void)state;
    for (unsigned seed = 1; seed <= 50; seed++) {
        fg_simt_seed(seed);
        assert_true(wrong_run(WRONG_NOTHING));
    }
}

static void what_is_wrong_is_found_in_every_order(void **state)
{
    (void)state;
    assert_int_equal(sizeof cases / sizeof *cases, WRONG_KINDS - 1);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        for (unsigned seed = 1; seed <= 3; seed++) {
            char said[4096];
            bool found = false;
            int status = run_apart(cases[i].what, seed, said, sizeof said);
            for (const char *s = cases[i].says; *s != '\0'; s += strlen(s) + 1) {
                found = found || strstr(said, s) != NULL;
            }
            if (!found) {
                fail_msg("case %u, seed %u: expected '%s', found status %d, '%s'", cases[i].what, seed,
                         cases[i].says, status, said);
            }
            assert_true(cases[i].what == WRONG_KEPT ? WIFEXITED(status) && WEXITSTATUS(status) == 1
                                                    : WIFSIGNALED(status));
        }
    }
}

static void the_runtime_does_as_cuda_does(void **state)
{
    (void)state;
    assert_true(wrong_limits());
    assert_true(wrong_copies());
    assert_true(wrong_graphs());
    assert_true(wrong_memory());
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_is_right_passes_in_every_order),
        cmocka_unit_test(what_is_wrong_is_found_in_every_order),
        cmocka_unit_test(the_runtime_does_as_cuda_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

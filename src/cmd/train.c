/* forage train: what mpirun starts on every rank. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/deploy/ranks.h"
#include "src/net/net.h"

struct args {
    struct fg_cmd_common common;
    bool worker;
    const char *on;
};

static const struct fg_cmd_option options[] = {
    {0, "worker", NULL, FG_CMD_FLAG, offsetof(struct args, worker),
     "work for the aggregator that started this process"},
    {0, "on", "HOST", FG_CMD_TEXT, offsetof(struct args, on), "with --worker: on this host"},
    FG_CMD_RUN_OPTIONS(struct args, common),
    FG_CMD_END,
};

extern const struct fg_command fg_cmd_train;

enum { HOST_AT = 4 }; /* where a worker's command line has its host */

/* This command line again, for a worker or (words 0) for this process. Owner: the caller; the strings are
 * borrowed. NULL: out of memory. */
static const char **line_again(const char *self, bool worker, int argc, char **argv)
{
    static const char *const words[] = {"--worker", "--on", ""};
    const char **line = fg_calloc((size_t)argc + 5, sizeof *line);
    size_t n = 0;
    if (line == NULL) {
        return NULL;
    }
    line[n++] = self;
    line[n++] = argv[0];
    for (size_t i = 0; worker && i < sizeof words / sizeof *words; i++) {
        line[n++] = words[i];
    }
    for (int i = 1; i < argc; i++) {
        line[n++] = argv[i];
    }
    return line;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_ranks ranks;
    struct fg_err err = {{0}};
    enum fg_status st;
    int rc = fg_cmd_parse(&fg_cmd_train, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    if (!fg_net_under_mpirun()) {
        st = fg_fail(&err, FG_E_USAGE,
                     "train is what mpirun starts; run `forage launch -n 4 %s`, which also prints the "
                     "mpirun line for those who want to type it",
                     words.item[0]);
        return fg_cmd_fail(st, &err);
    }
    char path[PATH_MAX] = "";
    bool known = readlink("/proc/self/exe", path, sizeof path - 1) > 0;
    const char **self = known ? line_again(path, false, argc, argv) : NULL;
    if (a.worker) {
        (void)fg_cmd_fail(fg_ranks_work(self != NULL ? a.on : NULL, self, &err), &err);
        return 0; /* another code would end every rank */
    }
    struct fg_ranks_how how = {.self = self, .spawn_host = HOST_AT};
    how.spawn = known ? line_again(path, true, argc, argv) : NULL;
    st = fg_ranks_begin(&ranks, &how, &err);
    fg_ranks_end(&ranks,
                 st == FG_OK ? fg_study_file(words.item[0], &a.common, &ranks.shell) : fg_cmd_fail(st, &err));
}

const struct fg_command fg_cmd_train = {
    "train", "FILE", 1, 1, "what mpirun starts on every rank of a deployment (see launch)", options, run};

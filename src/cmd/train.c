/* forage train: what mpirun starts on every rank. */
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "src/base/mem.h"
#include "src/cmd/ranks.h"
#include "src/net/net.h"

struct args {
    struct fg_cmd_common common;
    bool worker;
};

static const struct fg_cmd_option options[] = {
    {0, "worker", NULL, FG_CMD_FLAG, offsetof(struct args, worker),
     "work for the aggregator that started this process"},
    FG_CMD_RUN_OPTIONS(struct args, common),
    FG_CMD_END,
};

extern const struct fg_command fg_cmd_train;

/* This command line again, for a worker. Owner: the caller; the strings are borrowed. NULL: out of memory. */
static const char **worker_line(const char *self, int argc, char **argv)
{
    const char **line = fg_calloc((size_t)argc + 3, sizeof *line);
    if (line != NULL) {
        line[0] = self;
        line[1] = argv[0];
        line[2] = "--worker";
        for (int i = 1; i < argc; i++) {
            line[i + 2] = argv[i];
        }
    }
    return line;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_ranks ranks;
    struct fg_err err = {{0}};
    int rc = fg_cmd_parse(&fg_cmd_train, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    if (!fg_net_under_mpirun()) {
        (void)fprintf(
            stderr,
            "forage: train is what mpirun starts; run `forage launch -n 4 %s`, which also prints the "
            "mpirun line for those who want to type it\n",
            words.item[0]);
        return 2;
    }
    if (a.worker) {
        (void)fg_cmd_fail(fg_ranks_work(&err), &err);
        return 0; /* another code would end every rank */
    }
    char self[PATH_MAX] = "";
    ssize_t len = readlink("/proc/self/exe", self, sizeof self - 1);
    const char **line = len > 0 ? worker_line(self, argc, argv) : NULL;
    enum fg_status st = fg_ranks_begin(&ranks, &(struct fg_ranks_how){.what = "train", .spawn = line}, &err);
    fg_ranks_end(&ranks,
                 st == FG_OK ? fg_study_file(words.item[0], &a.common, &ranks.shell) : fg_cmd_fail(st, &err));
}

const struct fg_command fg_cmd_train = {
    "train", "FILE", 1, 1, "what mpirun starts on every rank of a deployment (see launch)", options, run};

/* forage train: what mpirun starts on every rank. */
#include <stdio.h>

#include "src/cmd/ranks.h"
#include "src/net/net.h"

struct args {
    struct fg_cmd_common common;
};

static const struct fg_cmd_option options[] = {
    FG_CMD_RUN_OPTIONS(struct args, common),
    FG_CMD_END,
};

extern const struct fg_command fg_cmd_train;

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
    enum fg_status st = fg_ranks_begin(&ranks, "train", false, &err);
    fg_ranks_end(&ranks, st == FG_OK ? fg_study_file(words.item[0], &a.common, &ranks.shell) : fg_cmd_fail(st, &err));
}

const struct fg_command fg_cmd_train = {
    "train", "FILE", 1, 1, "what mpirun starts on every rank of a deployment (see launch)", options, run};

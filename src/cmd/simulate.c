/* forage simulate: a study in virtual time, in this process or over the ranks of an mpirun. */
#include "src/cmd/ranks.h"
#include "src/net/net.h"

struct args {
    struct fg_cmd_common common;
};

static const struct fg_cmd_option options[] = {
    FG_CMD_RUN_OPTIONS(struct args, common),
    FG_CMD_END,
};

extern const struct fg_command fg_cmd_simulate;

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_ranks ranks;
    struct fg_err err = {{0}};
    int rc = fg_cmd_parse(&fg_cmd_simulate, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    if (!fg_net_under_mpirun()) {
        struct fg_study_shell alone = {.what = "simulate"};
        return fg_study_file(words.item[0], &a.common, &alone);
    }
    enum fg_status st = fg_ranks_begin(&ranks, "simulate", true, &err);
    fg_ranks_end(&ranks, st == FG_OK ? fg_study_file(words.item[0], &a.common, &ranks.shell) : fg_cmd_fail(st, &err));
}

const struct fg_command fg_cmd_simulate = {
    "simulate", "FILE", 1, 1, "run a study in virtual time, in one process or over mpirun's ranks",
    options,    run};

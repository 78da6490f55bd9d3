/* forage simulate: a study in virtual time, in this process or over the ranks of an mpirun. */
#include "src/cmd/study.h"

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
    int rc = fg_cmd_parse(&fg_cmd_simulate, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    struct fg_config cfg;
    struct fg_err err = {{0}};
    enum fg_status st = fg_cmd_load_config(&cfg, words.item[0], &a.common, &err);
    if (st != FG_OK) {
        return fg_cmd_fail(st, &err);
    }
    fg_study_catch_signals();
    struct fg_study_shell shell = {.what = "simulate"};
    rc = fg_study_run(&cfg, &a.common, &shell);
    fg_config_fini(&cfg);
    return rc;
}

const struct fg_command fg_cmd_simulate = {
    "simulate", "FILE", 1, 1, "run a study in virtual time, in one process or over mpirun's ranks", options, run};

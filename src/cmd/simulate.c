/* forage simulate: a study in virtual time, in this process or over the ranks of an mpirun. */
#include <stdio.h>

#include "src/deploy/ranks.h"
#include "src/net/net.h"

struct args {
    struct fg_cmd_common common;
    const char *replay;
};

static const struct fg_cmd_option options[] = {
    {0, "replay", "RUN", FG_CMD_TEXT, offsetof(struct args, replay),
     "meet again what this run of run.clock = real met; with --set: what would have been"},
    FG_CMD_RUN_OPTIONS(struct args, common),
    FG_CMD_END,
};

extern const struct fg_command fg_cmd_simulate;

/* Whether the command line asks for other decisions than the recorded run's. */
static enum fg_status differs(bool *out, const char *recorded, const char *file,
                              const struct fg_cmd_common *common, struct fg_err *err)
{
    struct fg_config then, now;
    const struct fg_cmd_common plain = {0};
    const char *key = NULL;
    enum fg_status st = fg_cmd_load_config(&then, recorded, &plain, err);
    if (st != FG_OK) {
        return st;
    }
    st = fg_cmd_load_config(&now, file, common, err);
    if (st == FG_OK) {
        st = fg_config_diff(&key, &then, &now, NULL, NULL);
        *out = key != NULL;
        fg_config_fini(&now);
    }
    fg_config_fini(&then);
    return st;
}

/* The recorded run's folder gives the configuration and, with a word behind it, the name of the new one. */
static int replay(struct args *a, const char *file)
{
    struct fg_str config = {0}, out = {0};
    struct fg_study_shell shell = {.replay = a->replay};
    struct fg_err err = {{0}};
    int rc = 1;
    enum fg_status st;
    FG_TRY(fg_str_addf(&config, "%s/config.ini", a->replay));
    file = file != NULL ? file : config.data;
    FG_TRY(differs(&shell.counterfactual, config.data, file, &a->common, &err));
    FG_TRY(fg_str_addf(&out, "%s-%s", a->replay, shell.counterfactual ? "counterfactual" : "replay"));
    a->common.out = a->common.out != NULL ? a->common.out : out.data;
    rc = fg_study_file(file, &a->common, &shell);
cleanup:
    rc = st == FG_OK ? rc : fg_cmd_fail(st, &err);
    fg_str_fini(&config);
    fg_str_fini(&out);
    return rc;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_ranks ranks;
    struct fg_err err = {{0}};
    enum fg_status st;
    int rc = fg_cmd_parse(&fg_cmd_simulate, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    if (a.replay != NULL) {
        return replay(&a, words.n > 0 ? words.item[0] : NULL);
    }
    if (words.n == 0) {
        st = fg_fail(&err, FG_E_USAGE, "simulate: expected a configuration file; see forage simulate --help");
        return fg_cmd_fail(st, &err);
    }
    if (!fg_net_under_mpirun()) {
        struct fg_study_shell alone = {0};
        return fg_study_file(words.item[0], &a.common, &alone);
    }
    st = fg_ranks_begin(&ranks, &(struct fg_ranks_how){.aggregator_computes = true}, &err);
    fg_ranks_end(&ranks,
                 st == FG_OK ? fg_study_file(words.item[0], &a.common, &ranks.shell) : fg_cmd_fail(st, &err));
}

const struct fg_command fg_cmd_simulate = {
    "simulate", "FILE", 0, 1, "run a study in virtual time, in one process or over mpirun's ranks",
    options,    run};

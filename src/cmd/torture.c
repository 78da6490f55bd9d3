/* forage torture: a deployment whose processes are killed, stopped and told to go by a seeded plan until it
 * is done: the model must be that of an undisturbed simulation. */
#include "src/deploy/torture.h"

#include <jansson.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/base/file.h"
#include "src/base/now.h"
#include "src/cmd/cmd.h"
#include "src/store/summary.h"
#include "src/wire/codec.h"

struct args {
    struct fg_cmd_common common;
    uint64_t n, kills, seed, aggregator_every;
    double gap_s;
    bool compare;
};

static const struct fg_cmd_option options[] = {
    {0, "kills", "N", FG_CMD_UINT, offsetof(struct args, kills), "failures of workers to play (default 60)"},
    {0, "seed", "S", FG_CMD_UINT, offsetof(struct args, seed),
     "seeds the plan of failures; --set run.seed=N the run"},
    {'n', "ranks", "N", FG_CMD_UINT, offsetof(struct args, n),
     "processes: one aggregator and N-1 workers (default 4)"},
    {0, "aggregator-every", "K", FG_CMD_UINT, offsetof(struct args, aggregator_every),
     "kill the aggregator, too, after every K failures (default 20)"},
    {0, "gap", "S", FG_CMD_REAL, offsetof(struct args, gap_s),
     "mean seconds between two failures (default 0.3)"},
    {0, "compare", NULL, FG_CMD_FLAG, offsetof(struct args, compare),
     "simulate undisturbed in DIR-undisturbed first and compare the models"},
    {0, "set", "SECTION.KEY=VALUE", FG_CMD_LIST, offsetof(struct args, common.set),
     "override a configuration key"},
    {'o', "out", "DIR", FG_CMD_TEXT, offsetof(struct args, common.out),
     "run folder (default runs/NAME-SEED)"},
    {0, "force", NULL, FG_CMD_FLAG, offsetof(struct args, common.force), "start anew in a used run folder"},
    FG_CMD_COMMON_OPTIONS(struct args, common),
    FG_CMD_END,
};

extern const struct fg_command fg_cmd_torture;

/* What makes failures follow each other quickly; the command line's own --set come later and win. */
static const char *const quick[] = {"workers.patience_s=2", "workers.heartbeat_s=0.2",
                                    "workers.spawn_backoff_s=0.05", "run.sync_s=1"};

static enum fg_status add_run(struct fg_launch_argv *a, const struct args *args, const char *out, bool force,
                              const char *file)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < sizeof quick / sizeof *quick; i++) {
        FG_TRY(fg_launch_add(a, "--set"));
        FG_TRY(fg_launch_add(a, quick[i]));
    }
    for (size_t i = 0; i < args->common.set.n; i++) {
        FG_TRY(fg_launch_add(a, "--set"));
        FG_TRY(fg_launch_add(a, args->common.set.item[i]));
    }
    FG_TRY(fg_launch_add(a, "--out"));
    FG_TRY(fg_launch_add(a, out));
    if (force) {
        FG_TRY(fg_launch_add(a, "--force"));
    }
    FG_TRY(fg_launch_add(a, "--"));
    FG_TRY(fg_launch_add(a, file));
cleanup:
    return st;
}

static enum fg_status command(struct fg_launch_argv *a, const struct args *args, const char *what,
                              const char *out, bool force, const char *file)
{
    char n[32];
    enum fg_status st;
    (void)snprintf(n, sizeof n, "%llu", (unsigned long long)args->n);
    FG_TRY(fg_launch_self(a));
    FG_TRY(fg_launch_add(a, what));
    if (strcmp(what, "launch") == 0) {
        FG_TRY(fg_launch_add(a, "-n"));
        FG_TRY(fg_launch_add(a, n));
    }
    FG_TRY(fg_launch_add(a, "-q"));
    FG_TRY(add_run(a, args, out, force, file));
cleanup:
    return st;
}

/* The model's hash as the run's summary says. */
static enum fg_status hash_of(char sha[65], const char *dir, struct fg_err *err)
{
    char path[PATH_MAX];
    json_t *summary = NULL;
    (void)snprintf(path, sizeof path, "%.4000s/summary.json", dir);
    enum fg_status st = fg_summary_load(&summary, path, err);
    const char *text = st == FG_OK ? json_string_value(json_object_get(summary, "params_sha256")) : NULL;
    if (st == FG_OK && (text == NULL || strlen(text) != 64)) {
        st = fg_fail(err, FG_E_CORRUPT, "%s: expected params_sha256, found none", path);
    } else if (st == FG_OK) {
        memcpy(sha, text, 65);
    }
    json_decref(summary);
    return st;
}

/* ---- the report ---- */

struct outcome {
    const struct args *args;
    const char *dir;
    struct fg_torture_report r;
    char sha[65], undisturbed[65]; /* the second empty without --compare */
    double simulated_s;
};

static bool played_all(const struct outcome *o)
{
    return o->r.events[FG_TORTURE_KILL] + o->r.events[FG_TORTURE_STOP] + o->r.events[FG_TORTURE_NOTICE] ==
           o->args->kills;
}

static bool same(const struct outcome *o)
{
    return o->undisturbed[0] == '\0' || strcmp(o->sha, o->undisturbed) == 0;
}

static void print_json(const struct outcome *o)
{
    const struct fg_torture_report *r = &o->r;
    json_t *j = json_pack(
        "{s:I,s:{s:I,s:I,s:I,s:I},s:I,s:I,s:I,s:I,s:f,s:f,s:s}", "planned", (json_int_t)o->args->kills,
        "events", "kill", (json_int_t)r->events[FG_TORTURE_KILL], "stop",
        (json_int_t)r->events[FG_TORTURE_STOP], "notice", (json_int_t)r->events[FG_TORTURE_NOTICE],
        "aggregator", (json_int_t)r->events[FG_TORTURE_AGGREGATOR], "workers_started", (json_int_t)r->workers,
        "started_again", (json_int_t)r->again, "hangs", (json_int_t)r->hangs, "unexpected_ends",
        (json_int_t)r->ends, "wall_s", r->wall_s, "restart_s", r->back_s, "params_sha256", o->sha);
    if (j != NULL && o->undisturbed[0] != '\0') {
        (void)json_object_set_new(j, "simulated_s", json_real(o->simulated_s));
        (void)json_object_set_new(j, "simulated_sha256", json_string(o->undisturbed));
        (void)json_object_set_new(j, "same", json_boolean(same(o)));
    }
    (void)json_dumpf(j, stdout, JSON_INDENT(2));
    (void)putchar('\n');
    json_decref(j);
}

static void print_text(const struct outcome *o)
{
    const struct fg_torture_report *r = &o->r;
    (void)printf("survived   %llu workers killed, %llu stopped and continued, %llu told to go; "
                 "aggregator killed %llu times\n",
                 (unsigned long long)r->events[FG_TORTURE_KILL],
                 (unsigned long long)r->events[FG_TORTURE_STOP],
                 (unsigned long long)r->events[FG_TORTURE_NOTICE],
                 (unsigned long long)r->events[FG_TORTURE_AGGREGATOR]);
    (void)printf("hangs      %llu; %llu ends that nobody asked for\n", (unsigned long long)r->hangs,
                 (unsigned long long)r->ends);
    (void)printf("workers    %llu came up; %llu times one did not, and everyone was started again\n",
                 (unsigned long long)r->workers, (unsigned long long)r->again);
    (void)printf(
        "time       %.1f s, of which %.1f s from a kill of the aggregator to workers being up again\n",
        r->wall_s, r->back_s);
    if (o->undisturbed[0] != '\0') {
        (void)printf("           %.1f s for the undisturbed simulation\n", o->simulated_s);
        (void)printf("undisturbed sha256 %s: %s\n", o->undisturbed, same(o) ? "the same" : "DIFFERENT");
    }
    (void)printf("model      sha256 %s\nresults    %s\n", o->sha, o->dir);
    if (!played_all(o)) {
        (void)fprintf(stderr,
                      "forage: warning: the run was done before all %llu failures were played; give it more "
                      "rounds\n",
                      (unsigned long long)o->args->kills);
    }
}

/* ---- the command ---- */

static enum fg_status simulate(struct outcome *o, const char *file, struct fg_err *err)
{
    struct fg_launch_argv line = {0};
    struct fg_str dir = {0};
    char said[FG_SAID];
    int code = 1;
    enum fg_status st;
    FG_TRY(fg_str_addf(&dir, "%s-undisturbed", o->dir));
    FG_TRY(command(&line, o->args, "simulate", dir.data, true, file));
    double begin = fg_now_steady_s();
    FG_TRY(fg_launch_command(&code, said, &line, err));
    o->simulated_s = fg_now_steady_s() - begin;
    if (code != 0) {
        st = fg_fail(err, code == 2 ? FG_E_CONFIG : FG_E_GONE,
                     "the undisturbed simulation ended with code %d: %s", code, said);
        goto cleanup;
    }
    st = hash_of(o->undisturbed, dir.data, err);
cleanup:
    fg_launch_argv_fini(&line);
    fg_str_fini(&dir);
    return st;
}

static enum fg_status torture(struct outcome *o, const char *file, double patience_s, struct fg_err *err)
{
    const struct args *args = o->args;
    struct fg_launch_argv first = {0}, again = {0};
    enum fg_status st = FG_OK;
    if (args->compare) {
        FG_TRY(simulate(o, file, err));
    }
    FG_TRY(command(&first, args, "launch", o->dir, args->common.force, file));
    FG_TRY(command(&again, args, "launch", o->dir, false, file));
    struct fg_torture_opts opts = {.dir = o->dir,
                                   .first = &first,
                                   .again = &again,
                                   .kills = args->kills,
                                   .aggregator_every = args->aggregator_every,
                                   .seed = args->seed,
                                   .gap_s = args->gap_s,
                                   .patience_s = patience_s};
    FG_TRY(fg_torture_run(&o->r, &opts, err));
    st = hash_of(o->sha, o->dir, err);
cleanup:
    fg_launch_argv_fini(&first);
    fg_launch_argv_fini(&again);
    return st;
}

/* The run's folder, and the configuration is one that can be tortured. */
static enum fg_status check(const struct args *args, const char *file, struct fg_str *dir, double *patience_s,
                            struct fg_err *err)
{
    struct fg_cmd_common all = args->common;
    struct fg_config cfg;
    if (args->gap_s < 0) {
        return fg_fail(err, FG_E_USAGE, "--gap: expected 0 seconds or more, found %g", args->gap_s);
    }
    all.set.n = 0;
    for (size_t i = 0; i < sizeof quick / sizeof *quick; i++) {
        all.set.item[all.set.n++] = quick[i];
    }
    for (size_t i = 0; i < args->common.set.n; i++) {
        if (all.set.n == sizeof all.set.item / sizeof *all.set.item) {
            return fg_fail(err, FG_E_USAGE, "too many --set");
        }
        all.set.item[all.set.n++] = args->common.set.item[i];
    }
    enum fg_status st = fg_file_lasts(file, err);
    st = st == FG_OK ? fg_cmd_load_config(&cfg, file, &all, err) : st;
    if (st != FG_OK) {
        return st;
    }
    *patience_s = cfg.workers.patience_s;
    st = cfg.run.clock == FG_OPT_CLOCK_VIRTUAL
             ? fg_cmd_run_dir(dir, &cfg, &args->common)
             : fg_config_reject(&cfg, "run.clock", err,
                                "virtual: only then is the model the same whatever fails");
    const struct fg_codec *codec = fg_codec_find(cfg.wire.codec);
    if (st == FG_OK && args->compare && codec != NULL && codec->clients_keep_state) {
        st = fg_config_reject(
            &cfg, "wire.codec", err,
            "one for which clients keep nothing: only then is the model the same whatever fails "
            "(without --compare: `forage simulate --replay DIR` gives the model again)");
    }
    fg_config_fini(&cfg);
    return st;
}

static int run(int argc, char **argv)
{
    struct args args = {.n = 4, .kills = 60, .seed = 1, .aggregator_every = 20, .gap_s = 0.3};
    struct fg_cmd_words words;
    struct fg_str dir = {0};
    struct fg_err err = {{0}};
    double patience_s = 0.0;
    int rc = fg_cmd_parse(&fg_cmd_torture, &args, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    struct outcome o = {.args = &args};
    enum fg_status st = check(&args, words.item[0], &dir, &patience_s, &err);
    if (st == FG_OK) {
        o.dir = dir.data;
        st = torture(&o, words.item[0], patience_s, &err);
    }
    if (st != FG_OK) {
        rc = fg_cmd_fail(st, &err);
    } else {
        args.common.json ? print_json(&o) : print_text(&o);
        rc = same(&o) && o.r.hangs == 0 && o.r.ends == 0 ? 0 : 1;
    }
    fg_str_fini(&dir);
    return rc;
}

const struct fg_command fg_cmd_torture = {
    "torture", "FILE", 1, 1, "play failures on a deployment; the model must not change", options, run};

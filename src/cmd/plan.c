/* forage plan: the schedule and its cost before anything is spent, as text, JSON and a picture. */
#include <inttypes.h>
#include <stdlib.h>

#include "src/base/file.h"
#include "src/base/mem.h"
#include "src/cmd/plan_picture.h"
#include "src/cmd/plan_told.h"
#include "src/cmd/table.h"
#include "src/study/console.h"
#include "src/study/study.h"

struct args {
    struct fg_cmd_common common;
    uint64_t draws, pilots, draw_seed;
    const char *picture;
};

static const struct fg_cmd_option options[] = {
    {0, "draws", "N", FG_CMD_UINT, offsetof(struct args, draws),
     "futures to play (default 200; fewer, at least 20, where the policy's plans take long)"},
    {0, "pilots", "N", FG_CMD_UINT, offsetof(struct args, pilots),
     "of these with training, for the accuracy (default 8, or all of fewer; 0: none)"},
    {0, "draw-seed", "N", FG_CMD_UINT, offsetof(struct args, draw_seed), "seed of the futures (default 1)"},
    {0, "picture", "FILE", FG_CMD_TEXT, offsetof(struct args, picture), "write the schedule as SVG"},
    FG_CMD_CONFIG_OPTIONS(struct args, common),
    FG_CMD_END,
};

enum { DRAWS = 200, PILOTS = 8 };
#define NOT_TOLD UINT64_MAX /* --draws, --pilots */

static void show_progress(void *arg, uint32_t done, uint32_t of)
{
    struct fg_progress *p = arg;
    p->rounds = of;
    fg_progress_count(p, "future", done);
}

static enum fg_status make(const struct args *a, const char *file, struct fg_err *err)
{
    struct fg_config cfg;
    struct fg_plan_told t = {.codecs = 0};
    struct fg_plots plots = {0};
    enum fg_status drawn = FG_OK, st = fg_cmd_load_config(&cfg, file, &a->common, err);
    if (st != FG_OK) {
        return st;
    }
    struct fg_progress progress;
    fg_progress_init(&progress, 0, 0, a->common.quiet);
    const struct fg_plan_opts opts = {.draws = a->draws != NOT_TOLD ? (uint32_t)a->draws : DRAWS,
                                      .fewer = a->draws == NOT_TOLD,
                                      .progress = show_progress,
                                      .arg = &progress,
                                      .pilots = a->pilots < UINT32_MAX ? (uint32_t)a->pilots : UINT32_MAX,
                                      .seed = a->draw_seed,
                                      .stop = &fg_study_stop};
    if (cfg.run.clock == FG_OPT_CLOCK_REAL && !cfg.drive.on) {
        st = fg_config_reject(&cfg, "run.clock", err, "virtual: a plan is played in virtual time");
        goto cleanup;
    }
    FG_TRY(a->picture != NULL ? fg_plot_name("--picture", a->picture, err) : FG_OK);
    FG_TRY(a->picture != NULL ? fg_file_reach(a->picture, err) : FG_OK);
    FG_TRY(a->picture != NULL ? fg_file_apart(a->picture, file, err) : FG_OK);
    FG_TRY(fg_setup_create(&t.setup, &cfg, FG_START_AUTO, err));
    st = fg_plan_create(&t.plan, t.setup, &opts, err);
    fg_progress_end(&progress);
    FG_TRY(st);
    FG_TRY(fg_plan_codecs(&t.codec, &t.codecs, t.plan, t.setup));
    if (t.setup->model != NULL) {
        FG_TRY(fg_cmd_device_need(&t.device, t.setup, err));
        FG_TRY(fg_cmd_device_text(&t.memory, &t.device));
    }
    if (a->picture != NULL) { /* the plan is told, whatever becomes of the picture */
        FG_TRY(fg_plan_picture(&plots, t.plan, t.setup));
        drawn = fg_plots_save(&plots, a->picture, err);
    }
    if (a->common.json) {
        FG_TRY(fg_plan_json(&t, drawn == FG_OK ? a->picture : NULL));
    } else {
        fg_plan_text(&t);
    }
    st = drawn;
cleanup:
    fg_plots_fini(&plots);
    fg_str_fini(&t.memory);
    fg_free(t.codec);
    fg_plan_destroy(t.plan);
    fg_setup_destroy(t.setup);
    fg_config_fini(&cfg);
    return st;
}

static int run(int argc, char **argv)
{
    struct args a = {.draws = NOT_TOLD, .pilots = NOT_TOLD, .draw_seed = 1};
    struct fg_cmd_words words;
    struct fg_err err = {{0}};
    enum fg_status st;
    int rc = fg_cmd_parse(&fg_cmd_plan, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    uint64_t draws = a.draws != NOT_TOLD ? a.draws : DRAWS;
    if (a.pilots == NOT_TOLD) {
        a.pilots = draws < PILOTS ? draws : PILOTS;
    }
    if (draws < 1 || draws > 100000 || a.pilots > draws) {
        st = fg_fail(&err, FG_E_USAGE,
                     "plan: expected --draws 1 to 100000 and at most as many --pilots, found --draws %" PRIu64
                     " --pilots %" PRIu64,
                     draws, a.pilots);
        return fg_cmd_fail(st, &err);
    }
    fg_study_catch_signals();
    st = make(&a, words.item[0], &err);
    return st == FG_OK ? 0 : fg_cmd_fail(st, &err);
}

const struct fg_command fg_cmd_plan = {
    "plan", "FILE", 1, 1, "what a run would do, take and cost, before anything is spent", options, run,
};

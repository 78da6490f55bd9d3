#include <stdio.h>

#include "src/deploy/drive.h"
#include "src/deploy/launch.h"
#include "src/study/compare.h"

static const char *const names[2] = {"deployed", "predicted"};

static enum fg_status simulate(const char *dir, const char *predicted, struct fg_err *err)
{
    struct fg_launch_argv line = {0};
    struct fg_str config = {0};
    char said[FG_SAID];
    int code = 1;
    enum fg_status st;
    FG_TRY(fg_str_addf(&config, "%s/config.ini", dir));
    FG_TRY(fg_launch_self(&line));
    const char *const args[] = {"simulate", "-q",      "--force", "--set",    "run.clock=virtual",
                                "--out",    predicted, "--",      config.data};
    for (size_t i = 0; i < sizeof args / sizeof *args; i++) {
        FG_TRY(fg_launch_add(&line, args[i]));
    }
    FG_TRY(fg_launch_command(&code, said, &line, err));
    if (code != 0) {
        st = fg_fail(err, FG_E_GONE, "the simulation in %s ended with code %d: %s", predicted, code, said);
    }
cleanup:
    fg_launch_argv_fini(&line);
    fg_str_fini(&config);
    return st;
}

static void print_all(const struct fg_drive_report *played, double hour_s, const char *predicted, json_t *c)
{
    (void)printf(
        "\nplayed     an hour of the trace in %g s: %llu workers came, %llu were given notice, %llu were "
        "killed; %llu had ended by themselves; at most %.2f s late\n",
        hour_s, (unsigned long long)played->ups, (unsigned long long)played->notices,
        (unsigned long long)played->kills, (unsigned long long)played->early, played->late_s);
    (void)printf("predicted  %s\n\n", predicted);
    fg_compare_print(c, names);
}

enum fg_status fg_drive_predict(const struct fg_drive *d, const char *dir, bool json, struct fg_err *err)
{
    const struct fg_drive_report *played = fg_drive_report(d);
    double hour_s = 3600.0 / fg_drive_speed(d);
    struct fg_str predicted = {0};
    json_t *c = NULL;
    enum fg_status st;
    FG_TRY(fg_str_addf(&predicted, "%s-predicted", dir));
    FG_TRY(simulate(dir, predicted.data, err));
    FG_TRY(fg_compare_runs(&c, names, (const char *const[]){dir, predicted.data}, err));
    if (!json) {
        print_all(played, hour_s, predicted.data, c);
        goto cleanup;
    }
    json_t *p = json_pack("{s:f,s:I,s:I,s:I,s:I,s:f}", "hour_s", hour_s, "workers", (json_int_t)played->ups,
                          "killed", (json_int_t)played->kills, "noticed", (json_int_t)played->notices,
                          "ended_early", (json_int_t)played->early, "late_s", played->late_s);
    (void)json_object_set_new(c, "played", p);
    (void)json_dumpf(c, stdout, JSON_INDENT(2));
    (void)putchar('\n');
cleanup:
    json_decref(c);
    fg_str_fini(&predicted);
    return st;
}

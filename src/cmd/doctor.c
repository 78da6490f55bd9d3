/* forage doctor: the subcommand and what it prints. */
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "src/cmd/cmd.h"
#include "src/cmd/table.h"
#include "src/deploy/doctor.h"

static const char *const level_names[] = {"ok", "warn", "fail"};

static int print_json(const struct fg_doctor *d, int good)
{
    json_t *points = json_array();
    for (size_t i = 0; i < d->n; i++) {
        const struct fg_doctor_point *p = &d->points[i];
        json_t *point = json_pack("{s:s, s:s, s:s, s:s?}", "level", level_names[p->level], "what", p->what,
                                  "detail", p->detail, "remedy", p->level == FG_DOCTOR_OK ? NULL : p->remedy);
        if (json_array_append_new(points, point) != 0) {
            json_decref(points);
            return fg_cmd_fail(FG_E_NOMEM, NULL);
        }
    }
    json_t *all = json_pack("{s:s, s:b, s:o}", "version", PACKAGE_VERSION, "ok", good, "points", points);
    enum fg_status st = fg_cmd_json(all, JSON_INDENT(2));
    return st == FG_OK ? (good ? 0 : 1) : fg_cmd_fail(st, NULL);
}

static int print_text(const struct fg_doctor *d, int good)
{
    for (size_t i = 0; i < d->n; i++) {
        const struct fg_doctor_point *p = &d->points[i];
        printf("%-4s  %-9s %s\n", level_names[p->level], p->what, p->detail);
        if (p->level != FG_DOCTOR_OK && p->remedy != NULL) {
            printf("                -> %s\n", p->remedy);
        }
    }
    return good ? 0 : 1;
}

struct args {
    struct fg_cmd_common common;
    const char *hosts;
    const char *hostfile;
};

static const struct fg_cmd_option options[] = {
    {0, "host", "A,B", FG_CMD_TEXT, offsetof(struct args, hosts),
     "hosts that have to be reachable by ssh and have this forage"},
    {0, "hostfile", "FILE", FG_CMD_TEXT, offsetof(struct args, hostfile),
     "the same, from mpirun's host file"},
    FG_CMD_CONFIG_OPTIONS(struct args, common),
    FG_CMD_END,
};

static enum fg_status check_study(struct fg_doctor *d, const char *file, const struct fg_cmd_common *common,
                                  struct fg_err *err)
{
    struct fg_config cfg;
    enum fg_status st = fg_cmd_load_config(&cfg, file, common, err);
    if (st == FG_OK) {
        st = fg_doctor_check_study(d, &cfg, err);
        fg_config_fini(&cfg);
    }
    return st;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_doctor d = {0};
    struct fg_err err = {{0}};
    if (argc == 3 && strcmp(argv[1], "--probe-rank") == 0) {
        return fg_doctor_probe_rank(argv[2]);
    }
    int rc = fg_cmd_parse(&fg_cmd_doctor, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    fg_doctor_check_cpu(&d);
    fg_doctor_check_libraries(&d);
    fg_doctor_check_zones(&d);
    fg_doctor_check_pictures(&d);
    fg_doctor_check_cuda(&d);
    fg_doctor_check_mpi(&d);
    enum fg_status st = fg_doctor_check_hosts(&d, a.hosts, a.hostfile, &err);
    if (st == FG_OK && words.n > 0) {
        st = check_study(&d, words.item[0], &a.common, &err);
    }
    if (st != FG_OK) {
        return fg_cmd_fail(st, &err);
    }
    int good = 1;
    for (size_t i = 0; i < d.n; i++) {
        good = good && d.points[i].level != FG_DOCTOR_FAIL;
    }
    return a.common.json ? print_json(&d, good) : print_text(&d, good);
}

const struct fg_command fg_cmd_doctor = {
    "doctor", "[FILE]", 0, 1, "say what this machine can do, with a remedy for each failing point",
    options,  run};

/* forage trace: look at traces before a run does, make them from other forms or from nothing, draw them. */
#include <string.h>

#include "src/cmd/table.h"
#include "src/cmd/trace_lint.h"
#include "src/cmd/trace_make.h"
#include "src/cmd/trace_show.h"
#include "src/cmd/trace_stat.h"

struct args {
    struct fg_cmd_common common;
    bool fit;
    struct fg_trace_make make;
};

static const struct fg_cmd_option options[] = {
    {'o', "out", "FILE", FG_CMD_TEXT, offsetof(struct args, make.out),
     "import, synth, show: write there (default: to standard output)"},
    {0, "fit", NULL, FG_CMD_FLAG, offsetof(struct args, fit),
     "stat: fit distributions and chains, and say what is predictable"},
    {0, "need", "A,B", FG_CMD_TEXT, offsetof(struct args, make.need),
     "import: states that must hold (phone: charging, wifi, idle; states: columns)"},
    {0, "hold", "SECONDS", FG_CMD_UINT, offsetof(struct args, make.hold_s),
     "import: a sample holds for at most so long (default 300)"},
    {0, "unit", "s|ms", FG_CMD_TEXT, offsetof(struct args, make.unit),
     "import: of times given as plain numbers (default s)"},
    {0, "clock", "utc|local|elapsed", FG_CMD_TEXT, offsetof(struct args, make.clock),
     "import: what the times are, where the form does not tell"},
    {0, "tz", "NAME", FG_CMD_TEXT, offsetof(struct args, make.tz), "import: time zone where it was recorded"},
    {0, "scope", "life-cycle|direct", FG_CMD_TEXT, offsetof(struct args, make.scope),
     "import electricitymaps: which of its columns (default life-cycle)"},
    {0, "form", "NAME", FG_CMD_TEXT, offsetof(struct args, make.form),
     "synth: stationary (default), sine, interleaved or daily"},
    {0, "nodes", "N", FG_CMD_UINT, offsetof(struct args, make.nodes), "synth: default 20"},
    {0, "hours", "N", FG_CMD_UINT, offsetof(struct args, make.hours), "synth: default 672, four weeks"},
    {0, "pi", "P", FG_CMD_REAL, offsetof(struct args, make.pi),
     "synth: share of up time (default 0.5); sine, interleaved: its peak"},
    {0, "spread", "S", FG_CMD_REAL, offsetof(struct args, make.spread),
     "synth: standard deviation of the nodes' shares (default 0)"},
    {0, "lambda", "L", FG_CMD_REAL, offsetof(struct args, make.lambda),
     "synth: correlation from hour to hour (default 0)"},
    {0, "amplitude", "A", FG_CMD_REAL, offsetof(struct args, make.amplitude),
     "synth: of sine and interleaved (default 0.3)"},
    {0, "period", "HOURS", FG_CMD_UINT, offsetof(struct args, make.period_h),
     "synth: of sine and interleaved (default 20)"},
    {0, "floor", "P", FG_CMD_REAL, offsetof(struct args, make.floor),
     "synth: interleaved: a share below it is 0 (default 0.1)"},
    {0, "shape", "A,B,...", FG_CMD_TEXT, offsetof(struct args, make.shape),
     "synth: daily: 24 weights, from midnight (default office hours)"},
    {0, "seed", "N", FG_CMD_UINT, offsetof(struct args, make.seed), "synth: default 1"},
    FG_CMD_COMMON_OPTIONS(struct args, common),
    FG_CMD_END,
};

static enum fg_status dispatch(const struct args *a, const struct fg_cmd_words *words, struct fg_err *err)
{
    const char *verb = words->item[0];
    bool stat = strcmp(verb, "stat") == 0, show = strcmp(verb, "show") == 0;
    if (a->common.json && !stat && strcmp(verb, "lint") != 0) {
        return fg_fail(err, FG_E_USAGE, "--json: expected lint or stat, found '%s'", verb);
    }
    if (strcmp(verb, "import") == 0) {
        return fg_trace_import_files(&a->make, words, err);
    }
    if (strcmp(verb, "synth") == 0 && words->n == 1) {
        return fg_trace_synth(&a->make, err);
    }
    if (strcmp(verb, "synth") == 0) {
        return fg_fail(err, FG_E_USAGE, "trace synth: expected options alone, found '%s'", words->item[1]);
    }
    if (!stat && !show && strcmp(verb, "lint") != 0) {
        return fg_fail(err, FG_E_USAGE,
                       "trace: expected lint, stat, show, import or synth, found '%s' (forage trace --help)",
                       verb);
    }
    if (words->n != 2) {
        return fg_fail(err, FG_E_USAGE, "trace %s: expected a file, found %zu", verb, words->n - 1);
    }
    return stat ? fg_trace_print_stat(words->item[1], a->fit, a->common.json, err)
                : fg_trace_show_file(words->item[1], a->make.out, err);
}

static int run(int argc, char **argv)
{
    struct args a = {.fit = false};
    struct fg_cmd_words words;
    struct fg_err err = {""};
    fg_trace_make_defaults(&a.make);
    int rc = fg_cmd_parse(&fg_cmd_trace, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    if (strcmp(words.item[0], "lint") == 0 && words.n > 1) {
        return fg_trace_lint(&words, a.common.json);
    }
    enum fg_status st = dispatch(&a, &words, &err);
    return st == FG_OK ? 0 : fg_cmd_fail(st, &err);
}

const struct fg_command fg_cmd_trace = {
    "trace",
    "lint FILE... | stat FILE | show FILE | import FORMAT FILE... | synth",
    1,
    FG_CMD_WORDS,
    "check, describe, draw (SVG) and make traces; FORMAT: of availability intervals, uptime, states, phone, "
    "fta, spot-counts, spot-events; of carbon electricitymaps, carbonintensity-uk",
    options,
    run};

/* forage trace lint: every problem of availability and carbon traces, before a run meets them. */
#include "src/cmd/trace_lint.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "src/availability/carbon.h"
#include "src/availability/trace.h"
#include "src/availability/tz.h"
#include "src/cmd/trace_stat.h"

enum { SCREEN_PROBLEMS = 20 }; /* a file of another form has one in every line */

/* What lint found out about one file. */
struct finding {
    struct fg_problems problems;
    struct fg_str notes; /* what is allowed but worth knowing, one a line */
    struct fg_str good;  /* one line, where there is no problem */
    const char *kind;
};

static enum fg_status note(struct finding *f, const char *path, const char *text)
{
    return fg_str_addf(&f->notes, "%s: note: %s\n", path, text);
}

static enum fg_status check_tz(struct finding *f, const char *path, size_t line, const char *name)
{
    struct fg_tz *tz = NULL;
    struct fg_err err = {""};
    enum fg_status st = fg_tz_create(&tz, name, &err);
    fg_tz_destroy(tz);
    if (st == FG_OK || st == FG_E_NOMEM) {
        return st;
    }
    f->problems.count++;
    return fg_str_addf(&f->problems.text, "%s:%zu: %s\n", path, line, err.text);
}

static enum fg_status lint_trace(struct finding *f, const char *path, struct fg_err *err)
{
    struct fg_trace *t = NULL;
    enum fg_status st = fg_trace_load(&t, path, &f->problems, err);
    f->kind = "availability";
    if (st != FG_OK) {
        return st;
    }
    if (t->tz != NULL) {
        FG_TRY(check_tz(f, path, t->tz_line, t->tz));
    }
    if (t->clock == FG_CLOCK_LOCAL && !t->has_zero) {
        FG_TRY(note(
            f, path,
            "clock: local without `# started:`: the hour of day is kept, weekday and season are not known"));
    }
    if (t->nested) {
        FG_TRY(
            note(f, path, "nested: node k is slot k of n machines; correlation between nodes means nothing"));
    }
    FG_TRY(fg_str_addf(&f->good, "%s: ok: availability, %u nodes, %u intervals, %.2f days\n", path, t->nodes,
                       t->first[t->nodes], (double)t->span_s / 86400.0));
cleanup:
    fg_trace_destroy(t);
    return st;
}

static enum fg_status lint_carbon(struct finding *f, const char *path, struct fg_err *err)
{
    struct fg_carbon *c = NULL;
    enum fg_status st = fg_carbon_load(&c, path, &f->problems, err);
    f->kind = "carbon";
    if (st != FG_OK) {
        return st;
    }
    if (c->tz[0] != '\0') {
        FG_TRY(check_tz(f, path, c->tz_line, c->tz));
    } else {
        FG_TRY(note(f, path, "no `# tz:` line: cannot be used with availability traces in local time"));
    }
    if (c->kind[0] == '\0' || c->scope[0] == '\0' || c->basis[0] == '\0') {
        FG_TRY(note(
            f, path,
            "does not say kind, scope and basis: cannot be told apart from files it must not be mixed with"));
    }
    FG_TRY(fg_str_addf(&f->good, "%s: ok: carbon, zone %s, %zu hours, mean %.1f g/kWh\n", path,
                       c->zone[0] != '\0' ? c->zone : "(not said)", c->hours, fg_carbon_mean(c)));
cleanup:
    fg_carbon_destroy(c);
    return st;
}

/* The file's problems; FG_OK also when there are some. */
static enum fg_status lint_file(struct finding *f, const char *path, struct fg_err *err)
{
    enum fg_trace_kind kind = FG_KIND_AVAILABILITY;
    enum fg_status st = fg_trace_kind(&kind, path, err);
    f->kind = "unknown";
    size_t before = 0;
    if (st == FG_OK) {
        st = kind == FG_KIND_CARBON ? lint_carbon(f, path, err) : lint_trace(f, path, err);
        before = f->problems.count;
    }
    if (st == FG_E_NOMEM) {
        return st;
    }
    if (st != FG_OK && (before == 0 || strstr(err->text, " problems") == NULL)) {
        f->problems.count++; /* the file as such: missing, truncated gzip */
        return fg_str_addf(&f->problems.text, "%s\n", err->text);
    }
    return FG_OK;
}

static json_t *json_lines(const struct fg_str *s)
{
    json_t *list = json_array();
    const char *at = s->data;
    while (at != NULL && *at != '\0') {
        const char *end = strchr(at, '\n');
        size_t len = end != NULL ? (size_t)(end - at) : strlen(at);
        json_array_append_new(list, json_stringn_nocheck(at, len));
        at += len + (end != NULL);
    }
    return list;
}

static void print_text(const struct finding *f)
{
    const char *text = f->problems.text.data != NULL ? f->problems.text.data : "", *end = text;
    size_t shown = 0;
    for (; shown < SCREEN_PROBLEMS && *end != '\0'; shown++) {
        end += strcspn(end, "\n") + 1;
    }
    printf("%.*s", (int)(end - text), text);
    fputs(f->notes.data != NULL ? f->notes.data : "", stdout);
    if (f->problems.count > shown) {
        printf("... and %zu more problems (--json has the first %d)\n", f->problems.count - shown,
               FG_PROBLEMS_SHOWN);
    }
    if (f->problems.count == 0) {
        fputs(f->good.data != NULL ? f->good.data : "", stdout);
    }
}

int fg_trace_lint(const struct fg_cmd_words *words, bool json)
{
    size_t bad = 0;
    json_t *files = json_array();
    for (size_t i = 1; i < words->n; i++) {
        struct finding f = {{{0}, 0}, {0}, {0}, ""};
        struct fg_err err = {""};
        enum fg_status st = lint_file(&f, words->item[i], &err);
        if (st == FG_OK && json) {
            json_array_append_new(
                files, json_pack("{s:s, s:s, s:b, s:I, s:o, s:o}", "file", words->item[i], "kind", f.kind,
                                 "ok", f.problems.count == 0, "count", (json_int_t)f.problems.count,
                                 "problems", json_lines(&f.problems.text), "notes", json_lines(&f.notes)));
        } else if (st == FG_OK) {
            print_text(&f);
        }
        bad += f.problems.count;
        fg_problems_fini(&f.problems);
        fg_str_fini(&f.notes);
        fg_str_fini(&f.good);
        if (st != FG_OK) {
            json_decref(files);
            return fg_cmd_fail(st, &err);
        }
    }
    if (json) {
        json_t *all = json_pack("{s:b, s:I, s:o}", "ok", bad == 0, "count", (json_int_t)bad, "files", files);
        json_dumpf(all, stdout, JSON_INDENT(2));
        putchar('\n');
        json_decref(all);
    } else {
        json_decref(files);
    }
    return fg_status_exit_code(bad == 0 ? FG_OK : FG_E_INPUT);
}

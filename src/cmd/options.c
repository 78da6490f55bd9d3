/* forage options: every configuration key, for people, as JSON, and as the manual page. */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "src/aggregator/rule.h"
#include "src/aggregator/select.h"
#include "src/aggregator/select_steps.h"
#include "src/cmd/commands.h"
#include "src/cmd/table.h"
#include "src/config/option.h"
#include "src/forecast/outlook.h"
#include "src/wire/codec.h"

struct args {
    struct fg_cmd_common common;
    bool man;
};

static const struct fg_cmd_option options[] = {
    {0, "man", NULL, FG_CMD_FLAG, offsetof(struct args, man), "print the manual page (roff)"},
    FG_CMD_COMMON_OPTIONS(struct args, common),
    FG_CMD_END,
};

static bool is_section(const char *what)
{
    const struct fg_option_section *s = fg_option_sections;
    while (s->name != NULL && strcmp(s->name, what) != 0) {
        s++;
    }
    return s->name != NULL;
}

/* `what`: a section, a key, or a key's name alone, of any section. */
static bool wanted(const struct fg_option *o, const char *what)
{
    if (what == NULL || is_section(what)) {
        return what == NULL || strcmp(o->section, what) == 0;
    }
    return strcmp(o->key, what) == 0 || strcmp(o->name, what) == 0;
}

/* What a key that names a registry's entry can be: entry i, or false behind the last. */
static bool registered(const char *key, size_t i, const char **name, const char **doc)
{
    if (strcmp(key, "select.policy") == 0 && fg_select_list()[i] != NULL) {
        *name = fg_select_list()[i]->name;
        *doc = fg_select_list()[i]->doc;
    } else if (strcmp(key, "aggregate.rule") == 0 && fg_rule_list()[i] != NULL) {
        *name = fg_rule_list()[i]->name;
        *doc = fg_rule_list()[i]->doc;
    } else if (strcmp(key, "train.plan") == 0 && fg_steps_list()[i] != NULL) {
        *name = fg_steps_list()[i]->name;
        *doc = fg_steps_list()[i]->doc;
    } else if (strcmp(key, "forecast.availability") == 0 && fg_outlook_availability_name(i) != NULL) {
        *name = fg_outlook_availability_name(i);
        *doc = fg_outlook_availability_doc(i);
    } else if (strcmp(key, "forecast.carbon") == 0 && fg_outlook_carbon_name(i) != NULL) {
        *name = fg_outlook_carbon_name(i);
        *doc = fg_outlook_carbon_doc(i);
    } else if ((strcmp(key, "wire.codec") == 0 || strcmp(key, "wire.down") == 0) && fg_codecs[i] != NULL) {
        *name = fg_codecs[i]->name;
        *doc = fg_codecs[i]->doc;
    } else {
        return false;
    }
    return true;
}

/* The choices as name|name|..., also of a key whose names stand in a registry. */
static const char *choices(const struct fg_option *o, char buf[256])
{
    const char *name, *doc;
    size_t at = 0;
    for (size_t i = 0; registered(o->key, i, &name, &doc); i++) {
        int n = snprintf(buf + at, 256 - at, "%s%s", i > 0 ? "|" : "", name);
        at += n > 0 && (size_t)n < 256 - at ? (size_t)n : 0;
    }
    return at > 0 ? buf : o->choices;
}

static void print_registered(const char *key)
{
    const char *name, *doc;
    for (size_t i = 0; registered(key, i, &name, &doc); i++) {
        printf("        %-10s %s\n", name, doc);
    }
}

static void print_text(const char *what)
{
    const char *section = "";
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        const struct fg_option *o = &fg_options[i];
        char range[64];
        if (!wanted(o, what)) {
            continue;
        }
        if (strcmp(section, o->section) != 0) {
            const struct fg_option_section *s = fg_option_sections;
            while (strcmp(s->name, o->section) != 0) {
                s++;
            }
            printf("%s[%s]  %s\n", section[0] != '\0' ? "\n" : "", s->name, s->doc);
            section = o->section;
        }
        fg_option_range_text(o, range);
        printf("  %s = %s\n      %s; ", o->key, o->def, fg_option_type_text(o));
        if (o->unit[0] != '\0') {
            printf("%s; ", o->unit);
        }
        if (range[0] != '\0') {
            printf("%s; ", range);
        }
        printf("default %s\n      %s\n", o->def[0] != '\0' ? o->def : "empty", o->doc);
        print_registered(o->key);
    }
}

static int print_json(const char *what)
{
    static const char *const types[] = {"uint", "u64",  "real", "bool", "choice",
                                        "text", "list", "path", "map",  "time"};
    json_t *list = json_array();
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        const struct fg_option *o = &fg_options[i];
        char range[64], names[256];
        fg_option_range_text(o, range);
        if (wanted(o, what)) {
            json_t *row =
                json_pack("{ss ss ss ss ss ss ss sb}", "key", o->key, "type", types[o->type], "unit", o->unit,
                          "range", range, "choices", choices(o, names), "default", o->def, "doc", o->doc,
                          "changes_result", (o->flags & (FG_OPTION_SAME | FG_OPTION_LOCAL)) == 0);
            if (row == NULL || json_array_append_new(list, row) != 0) {
                json_decref(list);
                return fg_cmd_fail(FG_E_NOMEM, NULL);
            }
        }
    }
    enum fg_status st = fg_cmd_json(json_pack("{so}", "options", list), JSON_INDENT(1));
    return st == FG_OK ? 0 : fg_cmd_fail(st, NULL);
}

/* roff takes '-' for a hyphen, '\' for an escape and a leading '.' or ''' for a request. */
static void roff(const char *text)
{
    if (text[0] == '.' || text[0] == '\'') {
        fputs("\\&", stdout);
    }
    for (; *text != '\0'; text++) {
        if (*text == '-' || *text == '\\') {
            putchar('\\');
            putchar(*text == '-' ? '-' : 'e');
        } else {
            putchar(*text);
        }
        if (*text == '|') { /* a list of choices is longer than a line: it may break here */
            fputs("\\:", stdout);
        }
    }
}

static void man_commands(void)
{
    puts(".SH SUBCOMMANDS");
    for (size_t i = 0; fg_commands[i] != NULL; i++) {
        const struct fg_command *c = fg_commands[i];
        printf(".SS ");
        roff(c->name);
        putchar(' ');
        roff(c->args);
        putchar('\n');
        roff(c->doc);
        puts(".");
        for (const struct fg_cmd_option *o = c->options; o->name != NULL; o++) {
            printf(".TP\n.B ");
            if (o->letter != 0) {
                printf("\\-%c, ", o->letter);
            }
            printf("\\-\\-");
            roff(o->name);
            if (o->arg != NULL) {
                putchar(' ');
                roff(o->arg);
            }
            putchar('\n');
            roff(o->doc);
            putchar('\n');
        }
    }
}

static void man_options(void)
{
    const struct fg_option *o = fg_options, *end = fg_options + FG_OPTION_COUNT;
    puts(".SH CONFIGURATION\nAn INI file: [section], then key = value; ';' or '#' begin a comment line. A "
         "list\n"
         "continues on indented lines, any value after a backslash at the end of its line. Paths are "
         "relative\n"
         "to the file; those of \\-\\-set to the current folder. A leading $FORAGE_DATA in a path is the\n"
         "environment variable, or else shared/data beside a parent folder of the file.");
    for (const struct fg_option_section *s = fg_option_sections; s->name != NULL; s++) {
        printf(".SS [%s] %s\n", s->name, s->doc);
        for (; o < end && strcmp(o->section, s->name) == 0; o++) {
            char range[64], names[256];
            fg_option_range_text(o, range);
            printf(".TP\n.B %s\n", o->key);
            roff(o->doc);
            printf(". ");
            const char *among = choices(o, names);
            roff(among == names ? among : fg_option_type_text(o));
            if (range[0] != '\0') {
                printf(", ");
                roff(range);
            }
            if (o->unit[0] != '\0') {
                printf(", in %s", o->unit);
            }
            printf("; default ");
            roff(o->def[0] != '\0' ? o->def : "empty");
            puts(".");
        }
    }
}

static void print_man(void)
{
    puts(".TH FORAGE 1 \"\" \"forage " PACKAGE_VERSION "\" \"User Commands\"\n.ad l");
    puts(".SH NAME\nforage \\- train small neural networks on computers that come and go");
    puts(".SH SYNOPSIS\n.B forage\n.I SUBCOMMAND\n[\\fIOPTIONS\\fR] [\\fIARGUMENTS\\fR]");
    puts(".SH DESCRIPTION\nOne aggregator predicts who will be available, plans who trains in which time "
         "slot,\n"
         "and folds the workers' updates into the model. The same decisions run in simulation and over MPI.");
    man_commands();
    man_options();
    puts(".SH EXIT STATUS\n0 done; 1 the run failed; 2 usage, configuration or input; 75 interrupted with\n"
         "everything saved, the same command goes on.");
}

static int unknown(const char *what)
{
    const char *best = fg_options[0].section, *dot = strchr(what, '.');
    for (const struct fg_option_section *s = fg_option_sections; s->name != NULL; s++) {
        best = fg_str_distance(what, s->name) < fg_str_distance(what, best) ? s->name : best;
    }
    const struct fg_option *near = fg_option_nearest(best, dot != NULL ? dot + 1 : what);
    struct fg_err err;
    enum fg_status st = fg_fail(
        &err, FG_E_USAGE,
        "options: expected a section or a key, found '%s'; the nearest section is '%s'%s%s%s", what, best,
        near != NULL ? ", the nearest key '" : "", near != NULL ? near->key : "", near != NULL ? "'" : "");
    return fg_cmd_fail(st, &err);
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    int rc = fg_cmd_parse(&fg_cmd_options, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    const char *what = words.n > 0 ? words.item[0] : NULL;
    bool found = what == NULL;
    for (size_t i = 0; i < FG_OPTION_COUNT && !found; i++) {
        found = wanted(&fg_options[i], what);
    }
    if (!found) {
        return unknown(what);
    }
    if (a.man) {
        print_man();
    } else if (a.common.json) {
        return print_json(what);
    } else {
        print_text(what);
    }
    return 0;
}

const struct fg_command fg_cmd_options = {
    "options", "[SECTION|KEY]", 0, 1, "every configuration key: type, unit, range, default, meaning", options,
    run,
};

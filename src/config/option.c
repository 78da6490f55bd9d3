#include "src/config/option.h"

#include <stdio.h>
#include <string.h>

#define NONE FG_OPTION_NONE
#define SAME FG_OPTION_SAME
#define ABOVE FG_OPTION_ABOVE
#define LOCAL FG_OPTION_LOCAL

const struct fg_option fg_options[FG_OPTION_COUNT] = {
#define FG_SECTION(section, doc)
#define FG_END(section)
#define FG_OPT(section, name, type, def, min, max, unit, choices, flags, doc) \
    {#section,                                                                \
     #name,                                                                   \
     #section "." #name,                                                      \
     FG_OPTION_##type,                                                        \
     offsetof(struct fg_config, section.name),                                \
     def,                                                                     \
     min,                                                                     \
     max,                                                                     \
     unit,                                                                    \
     choices,                                                                 \
     flags,                                                                   \
     doc},
#include "src/config/options.def"
#undef FG_SECTION
#undef FG_END
#undef FG_OPT
};

const struct fg_option_section fg_option_sections[] = {
#define FG_SECTION(section, doc) {#section, doc},
#define FG_END(section)
#define FG_OPT(section, name, type, def, min, max, unit, choices, flags, doc)
#include "src/config/options.def"
#undef FG_SECTION
#undef FG_END
#undef FG_OPT
    {NULL, NULL},
};

const struct fg_option *fg_option_find(const char *section, const char *name)
{
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        if (strcmp(fg_options[i].section, section) == 0 && strcmp(fg_options[i].name, name) == 0) {
            return &fg_options[i];
        }
    }
    return NULL;
}

/* Whether two names share a word of at least four letters, one of them perhaps with an s behind it: of
 * "clients_per_round" and "rounds" it is "round". */
static bool share_word(const char *a, const char *b)
{
    for (const char *x = a; *x != '\0'; x += strcspn(x, "_"), x += *x == '_') {
        size_t n = strcspn(x, "_");
        n -= n > 0 && x[n - 1] == 's';
        for (const char *y = b; n >= 4 && *y != '\0'; y += strcspn(y, "_"), y += *y == '_') {
            size_t m = strcspn(y, "_");
            m -= m > 0 && y[m - 1] == 's';
            if (n == m && memcmp(x, y, n) == 0) {
                return true;
            }
        }
    }
    return false;
}

const struct fg_option *fg_option_nearest(const char *section, const char *name)
{
    const struct fg_option *best = NULL;
    unsigned best_score = ~0u, far = ((unsigned)strlen(name) + 2) / 3;
    for (size_t i = 0; i < FG_OPTION_COUNT; i++) {
        unsigned apart = fg_str_distance(name, fg_options[i].name);
        bool shared = share_word(name, fg_options[i].name);
        apart = shared && apart > 3 ? 3 : apart;
        /* the right key in a wrong section is a likelier slip than two wrong names */
        unsigned score = 2 * apart + fg_str_distance(section, fg_options[i].section);
        if ((shared || apart <= far) && score < best_score) {
            best_score = score;
            best = &fg_options[i];
        }
    }
    return best;
}

const char *fg_option_type_text(const struct fg_option *o)
{
    switch (o->type) {
    case FG_OPTION_UINT:
    case FG_OPTION_U64:
        return "integer";
    case FG_OPTION_REAL:
        return "number";
    case FG_OPTION_BOOL:
        return "yes|no";
    case FG_OPTION_CHOICE:
        return o->choices;
    case FG_OPTION_STR:
        return "text";
    case FG_OPTION_ITEMS:
        return "list";
    case FG_OPTION_PATH:
        return "path";
    case FG_OPTION_MAP:
        return "NAME=path list";
    case FG_OPTION_TIME:
        return "UTC time";
    }
    return "";
}

const char *fg_option_range_text(const struct fg_option *o, char *buf)
{
    buf[0] = '\0';
    if (o->type == FG_OPTION_UINT) {
        snprintf(buf, 64, "%.0f..%.0f", o->min, o->max);
    } else if (o->type == FG_OPTION_U64) {
        snprintf(buf, 64, "0..9223372036854775807");
    } else if (o->type == FG_OPTION_REAL) {
        snprintf(buf, 64, (o->flags & FG_OPTION_ABOVE) != 0 ? "above %.10g, at most %.10g" : "%.10g..%.10g",
                 o->min, o->max);
    }
    return buf;
}

void fg_option_unknown(struct fg_err *err, const char *section, const char *name)
{
    const struct fg_option *near = fg_option_nearest(section, name);
    bool known = false;
    for (const struct fg_option_section *s = fg_option_sections; s->name != NULL; s++) {
        known = known || strcmp(s->name, section) == 0;
    }
    const char *what = known ? "key" : "section", *found = known ? name : section;
    if (near != NULL) {
        (void)fg_fail(err, FG_E_CONFIG, "%s.%s: expected a known %s (the nearest is '%s'), found '%s'",
                      section, name, what, near->key, found);
    } else {
        (void)fg_fail(err, FG_E_CONFIG,
                      "%s.%s: expected a known %s (`forage options%s%s` lists them), found '%s'", section,
                      name, what, known ? " " : "", known ? section : "", found);
    }
}

/* The colours of pages and pictures on light and on dark paper. Those of runs keep apart for every kind of
 * colour blindness (simulated after Machado, Oliveira and Fernandes 2009: CIE76 differences of at least
 * 24). */
#include "src/report/plot.h"

static const struct {
    const char *light, *dark; /* the light ones differ from each other: a style sheet finds them by it */
} inks[FG_INKS] = {
    [FG_INK_PAPER] = {"#fcfcfa", "#15181b"},      [FG_INK_TEXT] = {"#22262a", "#e4e6e8"},
    [FG_INK_SOFT] = {"#5d666e", "#9aa4ad"},       [FG_INK_GRID] = {"#e3e3de", "#2c3136"},
    [FG_INK_RUN] = {"#0072b2", "#4ea6e6"},        [FG_INK_RUN + 1] = {"#db730a", "#ff850c"},
    [FG_INK_RUN + 2] = {"#5e4233", "#c5ff8c"},    [FG_INK_RUN + 3] = {"#850cff", "#a54cff"},
    [FG_INK_RUN + 4] = {"#a58c5b", "#4cffc3"},    [FG_INK_RUN + 5] = {"#333a5e", "#937251"},
    [FG_INK_RUN + 6] = {"#a52208", "#ed0ba2"},    [FG_INK_RUN + 7] = {"#b76480", "#9cb764"},
    [FG_INK_UP] = {"#c6c8c6", "#43484c"},         [FG_INK_UP + 1] = {"#a6aaaa", "#5d6469"},
    [FG_INK_UP + 2] = {"#858b8e", "#7c858b"},     [FG_INK_USED] = {"#7fb2df", "#2c5f8c"},
    [FG_INK_USED + 1] = {"#3f8bcb", "#3d8acb"},   [FG_INK_USED + 2] = {"#0b5ea6", "#5eb3ff"},
    [FG_INK_LOST] = {"#c3241b", "#ff6d5c"},       [FG_INK_AWAY] = {"#efefea", "#1d2125"},
    [FG_INK_CARBON] = {"#faf3e0", "#24231f"},     [FG_INK_CARBON + 1] = {"#f7e6bd", "#312b20"},
    [FG_INK_CARBON + 2] = {"#f4d697", "#403522"}, [FG_INK_CARBON + 3] = {"#eec276", "#514024"},
    [FG_INK_CARBON + 4] = {"#e6ab58", "#634c27"}, [FG_INK_CARBON + 5] = {"#d99140", "#785a2a"},
    [FG_INK_CHANCE] = {"#dce6ef", "#24303b"},     [FG_INK_CHANCE + 1] = {"#c3d8ea", "#2a3d4f"},
    [FG_INK_CHANCE + 2] = {"#a3c6e3", "#2f4d69"}, [FG_INK_CHANCE + 3] = {"#7fb1da", "#366087"},
    [FG_INK_CHANCE + 4] = {"#579ace", "#3f76a8"}, [FG_INK_CHANCE + 5] = {"#3182bd", "#4a8fcb"},
    [FG_INK_CHANCE + 6] = {"#1565a8", "#63a9e8"}, [FG_INK_CHANCE + 7] = {"#0a4a85", "#8cc6ff"},
};

const char *fg_ink(enum fg_ink ink)
{
    return inks[ink].light;
}

enum fg_ink fg_ink_run(size_t run)
{
    return (enum fg_ink)(FG_INK_RUN + run % FG_PLOT_RUNS);
}

static enum fg_status named(struct fg_str *out, bool dark)
{
    static const char *const name[] = {"paper", "text", "soft", "grid", "run"};
    enum fg_status st = fg_str_addf(out, ":root { color-scheme: light dark;");
    for (int i = FG_INK_PAPER; st == FG_OK && i <= FG_INK_RUN; i++) {
        st = fg_str_addf(out, " --%s: %s;", name[i], dark ? inks[i].dark : inks[i].light);
    }
    return st == FG_OK ? fg_str_addf(out, " }\n") : st;
}

enum fg_status fg_ink_style(struct fg_str *out)
{
    enum fg_status st;
    FG_TRY(named(out, false));
    FG_TRY(fg_str_addf(
        out, "svg text { font-family: system-ui, sans-serif; }\n@media (prefers-color-scheme: dark) {\n"));
    FG_TRY(named(out, true));
    for (int i = 0; i < FG_INKS; i++) {
        FG_TRY(fg_str_addf(out, "[fill='%s'] { fill: %s; } [stroke='%s'] { stroke: %s; }\n", inks[i].light,
                           inks[i].dark, inks[i].light, inks[i].dark));
    }
    FG_TRY(fg_str_addf(out, "}\n"));
cleanup:
    return st;
}

enum fg_status fg_plot_key_run(struct fg_str *out, size_t run)
{
    return fg_str_addf(out,
                       "<svg class=\"key\" viewBox=\"0 0 22 10\"><path stroke=\"%s\" stroke-width=\"2\"%s "
                       "d=\"M1 5h20\"/></svg>",
                       fg_ink(fg_ink_run(run)), run >= FG_PLOT_RUNS ? " stroke-dasharray=\"5,3\"" : "");
}

enum fg_status fg_plot_key_box(struct fg_str *out, enum fg_ink ink)
{
    return fg_str_addf(
        out, "<svg class=\"key\" viewBox=\"0 0 14 12\"><path fill=\"%s\" d=\"M0 0h14v12h-14z\"/></svg>",
        fg_ink(ink));
}

enum fg_status fg_html(struct fg_str *out, const char *text)
{
    enum fg_status st = FG_OK;
    for (const char *p = text; st == FG_OK && *p != '\0'; p++) {
        size_t more = fg_utf8(p);
        unsigned char c = more > 0 ? (unsigned char)*p : 0;
        st = c == '<'   ? fg_str_addf(out, "&lt;")
             : c == '>' ? fg_str_addf(out, "&gt;")
             : c == '&' ? fg_str_addf(out, "&amp;")
             : c == '"' ? fg_str_addf(out, "&quot;")
             : c < ' '  ? fg_str_addf(out, "?")
                        : fg_str_add(out, p, more);
        p += more > 0 ? more - 1 : 0;
    }
    return st;
}

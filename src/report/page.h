/* The page of `forage report`: what is read of each run, and its parts.
 *
 * Thread safety: one caller.
 */
#ifndef FG_REPORT_PAGE_H
#define FG_REPORT_PAGE_H

#include "src/base/file.h"
#include "src/config/config.h"
#include "src/report/plot.h"
#include "src/report/run_view.h"
#include "src/store/board.h"

/* One run. */
struct fg_page_run {
    const char *folder;
    char *name;
    struct fg_run_view view;
    struct fg_map parts; /* participation.part */
    size_t n_parts;
    struct fg_map board_bytes;
    struct fg_board board; /* bytes NULL: a run of an older program */
    struct fg_config config;
    bool has_config;
};

/* Errors: FG_E_MISSING when the folder is no run, FG_E_CORRUPT, FG_E_NOMEM. Owner: the caller,
 * fg_page_run_fini(), whatever came out. */
enum fg_status fg_page_run_load(struct fg_page_run *out, const char *folder, struct fg_err *err) FG_NODISCARD;
void fg_page_run_fini(struct fg_page_run *r);

/* The style sheet that all of this is made for, besides that of the colours. */
extern const char fg_page_style[];

/* What a row of an object of summary.json is called on a page; `name` itself where it has no word. */
const char *fg_page_row_name(const char *object, const char *name);

/* The colour and the name of a run, as a legend has it. */
enum fg_status fg_page_legend(struct fg_str *out, const struct fg_page_run *runs, size_t n) FG_NODISCARD;

/* The parts, each a section; pictures are left to be drawn. Errors: FG_E_NOMEM. */
enum fg_status fg_page_totals(struct fg_str *out, const struct fg_page_run *runs, size_t n) FG_NODISCARD;
enum fg_status fg_page_curves(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                              size_t n) FG_NODISCARD;
enum fg_status fg_page_timelines(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                                 size_t n) FG_NODISCARD;
enum fg_status fg_page_calibration(struct fg_str *out, struct fg_plots *plots, const struct fg_page_run *runs,
                                   size_t n) FG_NODISCARD;
enum fg_status fg_page_participation(struct fg_str *out, struct fg_plots *plots,
                                     const struct fg_page_run *runs, size_t n) FG_NODISCARD;
enum fg_status fg_page_moves(struct fg_str *out, const struct fg_page_run *runs, size_t n) FG_NODISCARD;
enum fg_status fg_page_ledger(struct fg_str *out, const struct fg_page_run *runs, size_t n) FG_NODISCARD;
enum fg_status fg_page_promises(struct fg_str *out, const struct fg_page_run *runs, size_t n) FG_NODISCARD;
enum fg_status fg_page_settings(struct fg_str *out, const struct fg_page_run *runs, size_t n) FG_NODISCARD;

#endif

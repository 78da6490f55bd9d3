/* One study, shared by study.c (from its beginning to its end), study_start.c (what it begins with) and
 * study_timeline.c (where its events come from). */
#ifndef FG_STUDY_STUDY_INTERNAL_H
#define FG_STUDY_STUDY_INTERNAL_H

#include "src/net/meter.h"
#include "src/sim/met.h"
#include "src/study/console.h"
#include "src/study/study.h"
#include "src/study/study_journal.h"
#include "src/worker/kept.h"

/* What the board's rows are written from; study_board.c. */
struct study_board {
    struct fg_board_head head;
    uint8_t *state;    /* (1 + FG_BOARD_AHEAD, n): states, then chances */
    double *intensity; /* (zones) */
    struct fg_str row;
};

/* Everything of one study, torn down in reverse order. */
struct study {
    const struct fg_config *cfg;
    const struct fg_cmd_common *common;
    const struct fg_study_shell *shell;
    struct fg_setup *setup;
    struct fg_rundir *dir;
    struct fg_trainer *trainer, *scorer; /* the scorer: that one, or what shares it out; borrowed */
    struct fg_executor *ex;
    struct fg_aggregator *agg;
    struct fg_progress progress;
    uint8_t data[FG_STUDY_HASH]; /* which samples the clients have */
    struct fg_str inputs;        /* the other files that decide */
    struct fg_str state;
    double begun_s, wall_before_s, saved_s;
    double saving_s;             /* spent on the files of the run since this start */
    bool real;                   /* run.clock = real, not replayed */
    bool recorded;               /* more than configuration and seed decides: events are journalled */
    bool warned;                 /* of updates that were refused */
    uint64_t journal_len;        /* of the journal at the last commit */
    bool recovering;             /* rounds after the last checkpoint are derived from the journal */
    struct fg_met *met;          /* counterfactual: what the run in shell->replay met */
    struct fg_meter *meter;      /* of a launched run; NULL: everything is modelled */
    struct fg_measured measured; /* what it said of starts before this one */
    struct study_board board;
    struct fg_study_record record; /* being replayed, or recovered from */
    enum fg_keeping keeping;       /* who holds what clients keep for the codec */
    struct fg_kept *kept;          /* that, where it is this process */
};

/* study_start.c: model.from, start from another run's parameters. Errors: FG_E_CONFIG, those of reading
 * it. */
enum fg_status study_warm_start(struct study *s, struct fg_err *err) FG_NODISCARD;

/* study_start.c: find out what the files hold that a run goes on with only if they are the same; compare that
 * with what the folder's run was begun with; keep it there. Errors: FG_E_CONFIG names what is another now;
 * FG_E_MISSING, FG_E_IO, FG_E_FULL, FG_E_NOMEM. */
enum fg_status study_inputs(struct study *s, struct fg_err *err) FG_NODISCARD;
enum fg_status study_same_inputs(const struct study *s, struct fg_err *err) FG_NODISCARD;
enum fg_status study_keep_inputs(const struct study *s, struct fg_err *err) FG_NODISCARD;

/* When round 0 begins: under a virtual clock what configuration and traces say; under a real one now, or when
 * the run that is resumed began. */
fg_time_t study_started(const struct study *s, const char *folder);

/* Where the clients of a new run live: grams depend on it, and a zone that was drawn is no fact. */
void study_tell_fleet(const struct study *s);

/* What the rule keeps of each client, and what clients keep for the codec: whether it can be in RAM, where it
 * has to; its place in the run's folder. Errors: FG_E_CONFIG; as fg_rundir_remember(). */
enum fg_status study_memory_fits(const struct study *s, struct fg_err *err) FG_NODISCARD;
enum fg_status study_remember(struct study *s, struct fg_err *err) FG_NODISCARD;

/* What clients keep (study_start.c): as it was at the checkpoint that was loaded; for the one that is to be
 * written; and where it is gone with those who held it, told to the core and the journal.
 * Errors: FG_E_NOMEM, FG_E_IO, FG_E_FULL. */
void study_keep_again(struct study *s);
void study_keep_safe(struct study *s);
enum fg_status study_forget(struct study *s, struct fg_err *err) FG_NODISCARD;

/* Where the events come from, by clock and shell. Errors: FG_E_NOMEM. */
enum fg_status study_timeline(struct study *s, struct fg_timeline **out) FG_NODISCARD;

/* study_meter.c: look for the machine's energy counters; what they say, starts before this one included; what
 * those have taken, by the summary in the folder of the run. Errors: FG_E_NOMEM. */
enum fg_status study_meter_open(struct study *s) FG_NODISCARD;
void study_meter_read(const struct study *s, struct fg_measured *out);
void study_before(struct study *s, const char *dir);

/* The driver's hook: an event of a real run goes into the journal. */
enum fg_status study_took(void *arg, const struct fg_event *ev, struct fg_err *err);

/* Open the board of the run's folder; add the round just committed. Errors: FG_E_NOMEM, FG_E_IO,
 * FG_E_FULL. */
enum fg_status study_board_open(struct study *s, struct fg_err *err) FG_NODISCARD;
enum fg_status study_board_round(struct study *s, const struct fg_round_record *r,
                                 struct fg_err *err) FG_NODISCARD;
void study_board_close(struct study_board *b);

/* study_counterfactual.c: what the run in shell->replay met. Errors: FG_E_CONFIG when its clients had other
 * data; those of reading it; FG_E_NOMEM. */
enum fg_status study_met(struct study *s, struct fg_err *err) FG_NODISCARD;

/* The finished run beside the recorded one, and what of it is not known, on stdout. */
enum fg_status study_beside(const struct study *s, struct fg_err *err) FG_NODISCARD;

#endif

/* What a run says on the terminal: the live line while it goes, and its result when it is over. Thread
 * safety: the main thread. */
#ifndef FG_STUDY_CONSOLE_H
#define FG_STUDY_CONSOLE_H

#include <jansson.h>
#include <stdbool.h>

#include "src/plan/record.h"

/* In the environment, not empty: the stderr of `forage launch`, to which this process's goes through a FIFO,
 * is a terminal. */
#define FG_CONSOLE_LAUNCH_TERMINAL "FORAGE_LAUNCH_TERMINAL"

/* Progress on stderr: one live line on a terminal, else a plain line now and then. */
struct fg_progress {
    bool terminal;
    int quiet;
    uint32_t rounds; /* in all */
    uint32_t first;  /* done before this start */
    fg_time_t start; /* of round 0 */
    double begun_s;  /* wall clock */
    double shown_s;
    double accuracy; /* last seen, < 0 = none */
};

void fg_progress_init(struct fg_progress *p, uint32_t rounds, uint32_t done, int quiet);
void fg_progress_round(struct fg_progress *p, const struct fg_round_record *r);
/* The same of other things that are counted: `what` names one, p->rounds are all. */
void fg_progress_count(struct fg_progress *p, const char *what, uint32_t done);
void fg_progress_end(struct fg_progress *p);

/* A loss for people: four decimals, in `out`, or that it is no finite number (a negative one: not known). */
const char *fg_console_loss(char out[64], double loss);

/* Print the result of a run from its summary, o, in a few lines. */
void fg_console_result(const json_t *o, const char *path);

#endif

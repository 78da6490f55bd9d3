/* A notice that this machine will be taken away, as spot machines give it: looked for by a thread of its own.
 *
 * A file that appears, or a command that ends with 0, is a notice. The command is /bin/sh's, runs without
 * input and output, and is ended when it takes longer than FG_NOTICE_COMMAND_S: then it says nothing.
 * Of one that takes so long, or that the shell cannot run, a warning is logged once.
 *
 * Thread safety: one caller; `seen` is called once at most, by the thread.
 */
#ifndef FG_NET_NOTICE_H
#define FG_NET_NOTICE_H

#include "src/base/status.h"
#include "src/base/time.h"

enum { FG_NOTICE_COMMAND_S = 10 }; /* chosen: metadata services answer in milliseconds */

struct fg_notice_opts {
    const char *file, *command; /* copied; empty or NULL: none */
    fg_time_t every_us;         /* between two looks; the first is at once */
    void (*seen)(void);
};

struct fg_notice;

/* Begin to look. Errors: FG_E_NOMEM, FG_E_INTERNAL (no thread). Owner: the caller, fg_notice_stop(). */
enum fg_status fg_notice_start(struct fg_notice **out, const struct fg_notice_opts *opts,
                               struct fg_err *err) FG_NODISCARD;

/* Stop looking; ends a command that runs. NULL allowed. */
void fg_notice_stop(struct fg_notice *n);

#endif

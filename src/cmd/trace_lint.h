/* `forage trace lint`. */
#ifndef FG_CMD_TRACE_LINT_H
#define FG_CMD_TRACE_LINT_H

#include "src/cmd/cmd.h"

/* Explain every problem of the files words[1..]; returns the exit code: 2 if there is any problem. */
int fg_trace_lint(const struct fg_cmd_words *words, bool json);

#endif

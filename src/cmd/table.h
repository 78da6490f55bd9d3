/* Which subcommands the program has: one name a line, in the order of `forage --help`. `X(name)` stands for
 * `const struct fg_command fg_cmd_name`, defined in the subcommand's own file. */
#ifndef FG_CMD_TABLE_H
#define FG_CMD_TABLE_H

#include "src/cmd/cmd.h"

/* clang-format off */
#define FG_COMMAND_MAP(X) \
    X(plan) \
    X(simulate) \
    X(launch) \
    X(torture) \
    X(train) \
    X(show) \
    X(report) \
    X(sweep) \
    X(bench) \
    X(evaluate) \
    X(export) \
    X(dataset) \
    X(trace) \
    X(forecast) \
    X(options) \
    X(doctor)
/* clang-format on */

#define X(name) extern const struct fg_command fg_cmd_##name;
FG_COMMAND_MAP(X)
#undef X

#endif

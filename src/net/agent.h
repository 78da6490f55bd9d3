/* The agent that runs a command on another host: ssh, or whatever the user names instead.
 *
 * It is called as `AGENT HOST COMMAND`, where the host's shell takes the command, as ssh does; `srun` as
 * `srun ... -w HOST sh -c COMMAND`. A rank whose place is on another host hops there: this process starts the
 * agent, whose command is this one again with MPI's part of the environment, and waits for it. So mpirun sees
 * but one machine, and the loss of another one is for it the death of a process, which it survives.
 *
 * Thread safety: none shared; the thread that starts a process must outlive it.
 */
#ifndef FG_NET_AGENT_H
#define FG_NET_AGENT_H

#include <stdbool.h>
#include <sys/types.h>

#include "src/base/str.h"

/* Set where a rank has hopped already. */
#define FG_AGENT_HOPPED "FORAGE_HOPPED"

enum { FG_AGENT_WORDS = 30 };

struct fg_agent {
    char *text;
    char *word[FG_AGENT_WORDS];
    size_t n;
    bool shell; /* the agent passes words on as they are: a shell has to be named */
};

/* `text`: program and options separated by blanks; NULL or empty: ssh that never asks and notices within some
 * 20 s that the host is gone. Errors: FG_E_USAGE, FG_E_NOMEM. Owner: the caller, fg_agent_fini(). */
enum fg_status fg_agent_init(struct fg_agent *a, const char *text, struct fg_err *err) FG_NODISCARD;
void fg_agent_fini(struct fg_agent *a);

/* Whether a host is this machine, by name: localhost, or what gethostname() says. */
bool fg_agent_here(const char *host);

/* Append an argument as a shell takes it. */
enum fg_status fg_agent_quote(struct fg_str *out, const char *arg) FG_NODISCARD;

/* Start a command on a host; what it says goes to out_fd. It is killed when this thread ends. -1:
 * not started. */
pid_t fg_agent_start(const struct fg_agent *a, const char *host, const char *command, int out_fd);

/* Be on `host` what this process is here: run `argv` (closed by NULL, argv[0] the program's path) there, its
 * output appended to the file `log` (NULL: nowhere), and end as it ends: with 0, or, after failed(host),
 * by SIGKILL. */
void fg_agent_hop(const struct fg_agent *a, const char *host, const char *const *argv, const char *log,
                  void (*failed)(const char *host)) __attribute__((noreturn));

#endif

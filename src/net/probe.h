/* Does a host answer? Asked before a process is started there, because starting one on a host that is dead
 * never comes back.
 *
 * The agent runs `true` there: within FG_PROBE_S it has ended well, or the host counts as down. Nothing
 * waits. This machine is always up. Thread safety: one caller, a thread that outlives the probe.
 */
#ifndef FG_NET_PROBE_H
#define FG_NET_PROBE_H

#include "src/net/agent.h"
#include "src/net/hosts.h"

enum { FG_PROBE_S = 5 }; /* chosen: ssh needs 0.1 to 0.5 s on a LAN */

enum fg_probe_state { FG_PROBE_WAIT, FG_PROBE_UP, FG_PROBE_DOWN };

struct fg_probe;

/* Errors: FG_E_NOMEM. Owner: the caller, fg_probe_destroy() (NULL allowed); hosts and agent are borrowed. */
enum fg_status fg_probe_create(struct fg_probe **out, const struct fg_hosts *h,
                               const struct fg_agent *a) FG_NODISCARD;
void fg_probe_destroy(struct fg_probe *p);

/* Ask host i, or see what came of having asked: FG_PROBE_WAIT until it is known. After an answer the next
 * call asks anew. `probe` is a struct fg_probe. */
enum fg_probe_state fg_probe_look(void *probe, size_t i);

/* Ask all at once and wait; up[i] tells of host i. What the agent says of it goes to standard error. */
void fg_probe_all(struct fg_probe *p, bool *up);

#endif

/* A relay: passes bytes between the one who connects from another host and a server on this machine.
 *
 * mpirun takes a rank that has hopped to another host for the process that waits for it here (agent.h). Open
 * MPI 5.0.11 survives the death of a process whose connection ends before the process does, as the kernel has
 * it; where the process is seen to end first, the next worker that is started often hangs, and with it all
 * ranks. The far connection of a host that is cut off never ends; that of this process to the server does.
 *
 * Thread safety: one caller.
 */
#ifndef FG_NET_RELAY_H
#define FG_NET_RELAY_H

#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"

struct fg_relay {
    int door;                  /* where the far one knocks; -1: it is in, or all is over */
    int end[2];                /* connections: the far one, the server; -1: none */
    struct sockaddr_in server; /* its address */
    struct {
        uint8_t bytes[16384];
        size_t at, n;
    } flow[2]; /* on the way from end[i] to the other */
};

/* Listen at the address of the server that `uri` names (PMIx: NAME;tcp4://ADDRESS:PORT; NULL: none), at *port
 * of our own. Errors: FG_E_UNSUPPORTED (another kind of name), FG_E_IO; then *r is as after
 * fg_relay_close(). Owner: the caller, fg_relay_close(). */
enum fg_status fg_relay_open(struct fg_relay *r, const char *uri, uint16_t *port) FG_NODISCARD;

/* Wait at most wait_ms for something to pass on, and pass it on. Where one end closes, the other is closed.
 */
void fg_relay_step(struct fg_relay *r, int wait_ms);

void fg_relay_close(struct fg_relay *r);

#endif

/* MPI in this process: bringing it up, taking it down, and dying with mpirun.
 *
 * Built with MPI; without it every call says FG_E_UNSUPPORTED. A process that calls none of these never
 * initialises MPI. Rank 0 is the aggregator, the others are its workers.
 *
 * Thread safety: all calls from the main thread, which is the only one that talks MPI.
 */
#ifndef FG_NET_NET_H
#define FG_NET_NET_H

#include <stdbool.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/net/transport.h"

/* Whether mpirun (or a compatible launcher) started this process. Reads the environment, touches no MPI. */
bool fg_net_under_mpirun(void);

/* The rank that the environment gives, 0 without one; for decisions before MPI is up. */
uint32_t fg_net_env_rank(void);

/* End this process when its parent ends: by the kernel's parent-death signal and by a thread that looks every
 * 0.2 s, so that a rank never outlives its mpirun by a second, whatever it computes. */
enum fg_status fg_net_die_with_parent(struct fg_err *err) FG_NODISCARD;

/* The same where the parent's machine is another one and is cut off: after ten minutes in which nothing comes
 * from there, the connections that this process has now (TCP over IPv4) are over, and MPI ends it. */
void fg_net_keep_asking(void);

/* Initialise MPI and make the transport over it. Errors: FG_E_UNSUPPORTED, FG_E_INTERNAL (MPI's own text). */
enum fg_status fg_net_start(struct fg_transport **out, struct fg_err *err) FG_NODISCARD;

/* Rank and size in MPI_COMM_WORLD; a spawned process is rank 0 of its own world of one, see
 * fg_net_spawned(). */
uint32_t fg_net_rank(void);
uint32_t fg_net_size(void);
bool fg_net_spawned(void);

/* Flush and destroy the transport and leave MPI. Where MPI does not come back within two seconds (peers died
 * in the wrong moment) the process ends here with exit code 0: everything that matters must be on disk. */
void fg_net_stop(struct fg_transport *t);

/* The transport over MPI point-to-point messages: between the ranks of MPI_COMM_WORLD and, where workers are
 * spawned, over one intercommunicator each. MPI must be initialised. */
enum fg_status fg_transport_mpi_create(struct fg_transport **out, struct fg_err *err) FG_NODISCARD;

/* What the transport's spawn() starts: program and arguments, closed by NULL; borrowed. Argument host_at
 * becomes the name of the host, where one is asked for and host_at is not 0: the program, started on this
 * machine, goes there by itself, because Open MPI (5.0.11) cannot start a process a second time on another
 * host whose first one has died. The program must
 * join with fg_net_start() as every rank does. MPI never comes back from the spawn of a process that dies
 * before (nor always when another one dies meanwhile): then
 * `stuck` is called after FG_NET_SPAWN_S seconds, from another thread, and has to end this process. */
enum { FG_NET_SPAWN_S = 8 }; /* chosen: a spawn takes 0.1 s, on a very busy machine some seconds */
void fg_transport_mpi_spawns(struct fg_transport *t, const char *const *argv, size_t host_at,
                             void (*stuck)(void));

#endif

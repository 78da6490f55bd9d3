/* A star inside one process: endpoint 0 is the aggregator, 1..n-1 are workers. For tests of both sides.
 *
 * Events come in the order in which they were caused, so a single-threaded test repeats exactly; endpoints
 * may also live in threads of their own.
 *
 * Thread safety: everything is behind one lock.
 */
#ifndef FG_TESTS_LIB_LOOP_H
#define FG_TESTS_LIB_LOOP_H

#include "src/net/transport.h"

struct fg_loop;

/* n endpoints, all joined. Errors: NULL when out of memory. Owner: the caller, fg_loop_destroy(). */
struct fg_loop *fg_loop_create(uint32_t n);
void fg_loop_destroy(struct fg_loop *loop);

/* Keep the last `spares` endpoints back: endpoint 0's spawn() brings in one after the other.
 * Before first use. */
void fg_loop_hold_back(struct fg_loop *loop, uint32_t spares);

/* How many endpoints have joined so far, endpoint 0 included. */
uint32_t fg_loop_up(struct fg_loop *loop);

/* Endpoint i; its destroy() does nothing, the loop owns it. */
struct fg_transport *fg_loop_end(struct fg_loop *loop, uint32_t i);

/* Endpoint i dies: what was on its way to it is lost, its peers see it gone after what it had sent. */
void fg_loop_kill(struct fg_loop *loop, uint32_t i);

/* Single-threaded tests: called in place of waiting, when endpoint 0 polls and nothing is there. */
void fg_loop_on_idle(struct fg_loop *loop, void (*idle)(void *ctx), void *ctx);

#endif

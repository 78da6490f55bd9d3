/* The machine's clocks, and waits by them: for what has to do with real processes, files and devices. Nothing
 * that decides comes here: it is handed the time. */
#ifndef FG_BASE_NOW_H
#define FG_BASE_NOW_H

#include <stdatomic.h>
#include <stdbool.h>
#include <time.h>

#include "src/base/time.h"

fg_time_t fg_now(void); /* the wall's clock; it may be set back */

/* A clock that is never set: only differences mean something. */
fg_time_t fg_now_steady(void);
double fg_now_steady_s(void);

struct timespec fg_timespec(fg_time_t t); /* for pthread_cond_timedwait() and the like; t >= 0 */
void fg_sleep(fg_time_t us);              /* all of it, whatever signals come */

bool fg_stopped(atomic_int *stop); /* it is set; NULL never is */
/* Wait until then by the steady clock, in short naps so that a stop is soon seen. */
void fg_wait_until(fg_time_t at, atomic_int *stop);

#endif

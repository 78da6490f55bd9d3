/* Signals that ask this process to end.
 *
 * Thread safety: the main thread.
 */
#ifndef FG_BASE_SIGNALS_H
#define FG_BASE_SIGNALS_H

#include <stddef.h>

/* From now on each of these calls the handler. A hangup that is ignored stays so: nohup asks for that. */
void fg_signals_catch(const int *numbers, size_t n, void (*handler)(int number));

#endif

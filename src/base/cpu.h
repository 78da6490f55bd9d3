/* The processors of this process. */
#ifndef FG_BASE_CPU_H
#define FG_BASE_CPU_H

/* Cores that this process may run on (its affinity, as taskset and containers set it), at least 1. */
unsigned fg_cpu_cores(void);

#endif

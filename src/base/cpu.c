#include "src/base/cpu.h"

#include <sched.h>
#include <unistd.h>

unsigned fg_cpu_cores(void)
{
    cpu_set_t set;
    if (sched_getaffinity(0, sizeof set, &set) == 0) {
        return (unsigned)CPU_COUNT(&set);
    }
    long cores = sysconf(_SC_NPROCESSORS_ONLN); /* more processors than the set has room for */
    return cores > 0 ? (unsigned)cores : 1;
}

#include "src/base/signals.h"

#include <signal.h>
#include <stdbool.h>

void fg_signals_catch(const int *numbers, size_t n, void (*handler)(int number))
{
    struct sigaction sa = {.sa_handler = handler}, was;
    sigemptyset(&sa.sa_mask);
    for (size_t i = 0; i < n; i++) {
        bool nohup = numbers[i] == SIGHUP && sigaction(SIGHUP, NULL, &was) == 0 && was.sa_handler == SIG_IGN;
        if (!nohup) {
            (void)sigaction(numbers[i], &sa, NULL);
        }
    }
}

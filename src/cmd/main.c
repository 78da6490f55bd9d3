/* forage: the program. */
#include <stdio.h>

int main(void)
{
    puts("forage");
    return 0;
}

/* forage: the program. */
#include "src/base/mem.h"
#include "src/cmd/commands.h"

int main(int argc, char **argv)
{
    fg_mem_keep();
    return fg_cmd_main(argc, argv);
}

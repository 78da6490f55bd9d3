/* What a program that is called gnuplot answers: any bytes; what comes out ends as it should,
 * and has nothing that acts. */
#include <stdlib.h>
#include <string.h>

#include "src/report/plot.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_str drawn = {0}, svg = {0};
    if (fg_str_add(&drawn, data, size) == FG_OK &&
        fg_plot_clean(&svg, &drawn, size % 2, "name", false) == FG_OK) {
        if (svg.len < 8 || strcmp(svg.data + svg.len - 7, "</svg>\n") != 0) {
            abort();
        }
        for (const char *p = svg.data; (p = strchr(p, '<')) != NULL; p++) {
            if (strncmp(p, "<path", 5) != 0 && strncmp(p, "<circle", 7) != 0 && strncmp(p, "<text", 5) != 0 &&
                strncmp(p, "</text>", 7) != 0 && strncmp(p, "<svg", 4) != 0 && strncmp(p, "</svg>", 6) != 0) {
                abort();
            }
        }
    }
    fg_str_fini(&drawn);
    fg_str_fini(&svg);
    return 0;
}

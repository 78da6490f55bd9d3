/* Configuration text: never crashes; what parses is saved and parses again to the same values. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct fg_config_origin from = {"f.ini", "/folder", "/data"};
    struct fg_config a, b;
    struct fg_err err;
    if (fg_config_init(&a) != FG_OK) {
        return 0;
    }
    if (fg_config_parse(&a, data, size, &from, &err) == FG_OK && fg_config_init(&b) == FG_OK) {
        struct fg_str text = {0};
        enum fg_status st = fg_config_save(&text, &a, &err);
        if (st == FG_OK) {
            const char *key = NULL;
            if (fg_config_parse(&b, text.data, text.len, &from, &err) != FG_OK ||
                fg_config_diff(&key, &a, &b, NULL, NULL) != FG_OK || key != NULL) {
                abort();
            }
        }
        fg_str_fini(&text);
        fg_config_fini(&b);
    }
    fg_config_fini(&a);
    return 0;
}

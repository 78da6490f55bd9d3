/* The importers of carbon: the first byte says which. What is imported is a good carbon file. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/availability/carbon.h"
#include "src/availability/carbon_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fg_carbon_series s = {.direct = size > 0 && (data[0] & 2) != 0};
    struct fg_str text = {0};
    struct fg_carbon *c = NULL;
    struct fg_err err = {""};
    const struct fg_carbon_importer *how = fg_carbon_importers[size > 0 ? data[0] & 1 : 0];
    enum fg_status st = how->read(&s, data + (size > 0), size - (size > 0), "f", &err);
    if (st == FG_OK && fg_carbon_series_text(&text, &s, "f", &err) == FG_OK) {
        if (fg_carbon_parse(&c, "c", text.data, text.len, NULL, &err) != FG_OK) {
            abort();
        }
    } else if (err.text[0] == '\0' && st != FG_E_NOMEM) {
        abort(); /* a refusal says why */
    }
    fg_carbon_destroy(c);
    fg_carbon_series_fini(&s);
    fg_str_fini(&text);
    return 0;
}

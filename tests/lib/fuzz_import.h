/* What the fuzz targets of the trace importers share: never crash; what is imported is a good trace. */
#ifndef FG_TESTS_LIB_FUZZ_IMPORT_H
#define FG_TESTS_LIB_FUZZ_IMPORT_H

#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "src/availability/trace_import.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static inline void fg_fuzz_import(const char *form, const uint8_t *data, size_t size)
{
    const struct fg_trace_importer *how = fg_trace_importer_find(form);
    struct fg_import_options o;
    struct fg_trace_build *b = NULL;
    struct fg_trace_head head = {0};
    struct fg_str text = {0};
    struct fg_trace *t = NULL;
    struct fg_err err = {""};
    fg_import_defaults(&o);
    if (how == NULL || fg_trace_build_create(&b) != FG_OK) {
        abort();
    }
    enum fg_status st = how->read(b, &head, data, size, &o, &err);
    if (st == FG_OK && fg_trace_build_text(&text, b, &head, &err) == FG_OK) {
        if (fg_trace_parse(&t, "t", text.data, text.len, NULL, &err) != FG_OK ||
            fg_trace_check(t, &err) != FG_OK) {
            abort();
        }
    } else if (err.text[0] == '\0' && st != FG_E_NOMEM) {
        abort(); /* a refusal says why */
    }
    fg_trace_destroy(t);
    fg_trace_build_destroy(b);
    fg_str_fini(&text);
}

#endif

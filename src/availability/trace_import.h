/* Importers: availability in the forms in which people have it becomes a trace (doc/trace-format.md).
 *
 * An importer is a file and a line in the registry. It takes the bytes of one file and adds what it finds to
 * a trace that is being made; several files go into one trace one after another.
 * Thread safety: pure functions of their arguments.
 */
#ifndef FG_AVAILABILITY_TRACE_IMPORT_H
#define FG_AVAILABILITY_TRACE_IMPORT_H

#include "src/availability/trace_build.h"

struct fg_import_options {
    const char *name; /* of the file, for messages */
    const char *pool; /* names the nodes of a file that does not name its own */
    const char *need; /* states that must hold together, by commas; NULL: the importer's own */
    double unit_s;    /* seconds of one unit of plain-number times: 1, 0.001 for milliseconds */
    int64_t hold_s;   /* a sample holds for at most so long */
};

/* unit 1 s, hold 300 s. */
void fg_import_defaults(struct fg_import_options *o);

struct fg_trace_importer {
    const char *name;
    /* Add the file's intervals; set what the head can say of them.
     * Errors: FG_E_INPUT with "name:line: ..." (or "name: ..." for JSON), FG_E_NOMEM. */
    enum fg_status (*read)(struct fg_trace_build *b, struct fg_trace_head *head, const void *bytes,
                           size_t len, const struct fg_import_options *o, struct fg_err *err);
};

extern const struct fg_trace_importer *const fg_trace_importers[];
extern const size_t fg_trace_importers_n;

/* NULL if there is none of this name. */
const struct fg_trace_importer *fg_trace_importer_find(const char *name);

#endif

/* summary.json: the run in one object, rewritten at every checkpoint; keys in doc/run-directory.md.
 *
 * Thread safety: pure but for the file read.
 */
#ifndef FG_STORE_SUMMARY_H
#define FG_STORE_SUMMARY_H

#include <jansson.h>

#include "src/base/str.h"
#include "src/plan/record.h"

/* Append the JSON text and a line end. Errors: FG_E_NOMEM. */
enum fg_status fg_summary_json(struct fg_str *out, const struct fg_summary *s) FG_NODISCARD;

/* Read a summary.json. Errors: FG_E_MISSING, FG_E_CORRUPT, FG_E_IO. Owner: the caller, json_decref(). */
enum fg_status fg_summary_load(json_t **out, const char *path, struct fg_err *err) FG_NODISCARD;

#endif

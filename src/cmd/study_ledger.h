/* What run.h5 says of each client beside what follows from the participation rows: who it is, and its ledger. */
#ifndef FG_CMD_STUDY_LEDGER_H
#define FG_CMD_STUDY_LEDGER_H

#include "src/availability/ledger.h"
#include "src/sim/setup.h"
#include "src/store/run_h5.h"

enum { FG_STUDY_LEDGER_COLUMNS = 18 };

/* The columns' memory. */
struct fg_study_ledger;

/* Fill in columns[FG_STUDY_LEDGER_COLUMNS], which point into *out; `ledger` has a row a client. Errors:
 * FG_E_NOMEM.
 * Owner: the caller, fg_study_ledger_destroy() (NULL allowed). */
enum fg_status fg_study_ledger_create(struct fg_study_ledger **out, const struct fg_setup *s,
                                      const struct fg_ledger *ledger,
                                      struct fg_ledger_col *columns) FG_NODISCARD;
void fg_study_ledger_destroy(struct fg_study_ledger *l);

#endif

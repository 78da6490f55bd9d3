/* The hosts that a deployment may use, and which of them gets the next worker (pure: the time is handed in).
 *
 * A list is `NAME:SLOTS,NAME,...`; a host file has a line `NAME slots=N` each, '#' begins a comment (mpirun's
 * form; max_slots=N is allowed and means nothing here, because ranks may share cores). A host has one slot
 * where nobody says otherwise; the slots of a host that is named twice add up. The workers
 * at the start fill the slots in this order; later ones go where the fewest run for each slot, in turn.
 *
 * Thread safety: one caller.
 */
#ifndef FG_NET_HOSTS_H
#define FG_NET_HOSTS_H

#include <stddef.h>
#include <stdint.h>

#include "src/base/status.h"
#include "src/base/str.h"
#include "src/base/time.h"

enum { FG_HOST_NAME_MAX = 253, FG_HOST_SLOTS_MAX = 100000, FG_HOSTS_MAX = 10000 };
#define FG_HOSTS_NONE SIZE_MAX

struct fg_host {
    char name[FG_HOST_NAME_MAX + 1];
    uint32_t slots, used; /* used: workers that run there */
    fg_time_t bad_until;  /* it did not answer: nothing is started there before this */
};

/* Zero-initialise; fg_hosts_fini(). */
struct fg_hosts {
    struct fg_host *host;
    size_t n, cap;
    size_t next;  /* whose turn it is among equals */
    size_t first; /* the workers at the start are on the first so many; 0: on all */
};
void fg_hosts_fini(struct fg_hosts *h);

/* Add the hosts of a list, or of a host file's bytes; `name` is the file's, for messages.
 * Errors: FG_E_USAGE (list), FG_E_INPUT (file), FG_E_NOMEM; *h may have grown. */
enum fg_status fg_hosts_add_list(struct fg_hosts *h, const char *text, size_t len,
                                 struct fg_err *err) FG_NODISCARD;
enum fg_status fg_hosts_add_file(struct fg_hosts *h, const char *name, const char *text, size_t len,
                                 struct fg_err *err) FG_NODISCARD;

/* Append them as a list. Errors: FG_E_NOMEM. */
enum fg_status fg_hosts_text(struct fg_str *out, const struct fg_hosts *h) FG_NODISCARD;

/* The place of worker i = 0, 1, ... of those at the start; FG_HOSTS_NONE without hosts. */
size_t fg_hosts_initial(const struct fg_hosts *h, uint32_t i);

/* Where the next worker goes; FG_HOSTS_NONE when no host may be used now. */
size_t fg_hosts_pick(struct fg_hosts *h, fg_time_t now);

#endif

/* Starting workers in the place of lost ones, and on which host. */
#include "src/base/log.h"
#include "src/base/mem.h"
#include "src/base/now.h"
#include "src/net/remote_internal.h"

enum { BAD_FOR_US = 30000000 }; /* chosen: how long a host that did not answer is left alone */

static bool have_hosts(const struct remote *r)
{
    return r->opts.hosts != NULL && r->opts.hosts->n > 0;
}

void remote_placed(struct remote *r, uint32_t peer)
{
    uint32_t i = peer - 1, initial = r->opts.respawn.initial;
    size_t at = !have_hosts(r)              ? FG_HOSTS_NONE
                : i < initial               ? fg_hosts_initial(r->opts.hosts, i)
                : i - initial < r->n_placed ? r->placed[i - initial]
                                            : FG_HOSTS_NONE;
    r->worker[peer].host = at;
    if (at != FG_HOSTS_NONE) {
        r->opts.hosts->host[at].used++;
    }
}

void remote_displaced(struct remote *r, uint32_t peer)
{
    size_t at = r->worker[peer].host;
    if (at != FG_HOSTS_NONE) {
        r->opts.hosts->host[at].used--;
        r->worker[peer].host = FG_HOSTS_NONE;
    }
}

/* The host that the next worker goes to, once it is known to answer. */
static bool find_target(struct remote *r)
{
    struct fg_hosts *h = r->opts.hosts;
    for (;;) {
        fg_time_t now = r->opts.now(r->opts.arg);
        if (!r->probing) {
            r->target = fg_hosts_pick(h, now);
        }
        if (r->target == FG_HOSTS_NONE) {
            return false; /* all were asked a short while ago */
        }
        enum fg_probe_state state = r->opts.probe(r->opts.probe_arg, r->target);
        r->probing = state == FG_PROBE_WAIT;
        if (state != FG_PROBE_DOWN) {
            return state == FG_PROBE_UP;
        }
        fg_log_write(FG_LOG_WARN, "host %s does not answer: no worker is started there for %d s",
                     h->host[r->target].name, BAD_FOR_US / 1000000);
        h->host[r->target].bad_until = now + BAD_FOR_US;
    }
}

static enum fg_status spawn(struct remote *r, const char *host, struct fg_err *err)
{
    enum fg_status st = FG_GROW(r->placed, r->n_placed, r->cap_placed);
    st = st == FG_OK ? r->opts.transport->ops->spawn(r->opts.transport, host, err) : st;
    if (st == FG_OK) {
        r->placed[r->n_placed++] = host != NULL ? r->target : FG_HOSTS_NONE;
        r->stats.spawned++; /* it joins by its JOINED event */
    }
    return st;
}

/* Whether a worker is to be started, and for which client. */
static bool is_due(struct remote *r)
{
    fg_time_t now = r->opts.now(r->opts.arg);
    if (!r->opts.pinned) {
        r->next_client = REMOTE_NO_CLIENT;
        return fg_respawn_due(&r->respawn, remote_answering(r), r->stats.alive, now);
    }
    if (!r->wanted_back) { /* a silent worker is its client still */
        bool due =
            r->opts.arrival != NULL || fg_respawn_due(&r->respawn, r->stats.alive, r->stats.alive, now);
        r->wanted_back = due && remote_return(r, &r->next_client);
    }
    return r->wanted_back; /* once asked for, until its host is found */
}

enum fg_status remote_respawn(struct remote *r)
{
    struct fg_err err = {{0}};
    if (fg_stopped(r->opts.stop) || !is_due(r) || (have_hosts(r) && !find_target(r))) {
        return FG_OK;
    }
    const char *host = have_hosts(r) ? r->opts.hosts->host[r->target].name : NULL;
    enum fg_status st = spawn(r, host, &err);
    r->wanted_back = false;
    if (st == FG_OK) {
        return r->next_client != REMOTE_NO_CLIENT ? remote_meant(r, r->next_client) : FG_OK;
    }
    fg_log_write(FG_LOG_WARN, "a worker could not be started%s%s: %s", host != NULL ? " on " : "",
                 host != NULL ? host : "", err.text);
    fg_respawn_lost(&r->respawn, r->opts.now(r->opts.arg));
    return st == FG_E_NOMEM ? st : FG_OK;
}

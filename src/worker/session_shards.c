/* How shards come to a worker: from where they are kept, or from the aggregator. */
#include <string.h>

#include "src/worker/session_internal.h"

enum { SHARD_ATTEMPTS = 3 }; /* chosen: damage on a checksummed link is not chance after that */

static enum fg_status request_shard(struct fg_session *s, struct fg_session_actions *out, const uint8_t *hash)
{
    struct fg_msg m = {.type = FG_MSG_SHARD_REQ};
    memcpy(m.u.shard.hash, hash, FG_SHARD_HASH_BYTES);
    return session_send(s, out, &m);
}

/* Where it is kept, or else from the aggregator. */
enum fg_status session_shard_find(struct fg_session *s, struct fg_session_actions *out, const uint8_t *hash)
{
    struct fg_session_action lookup = {.kind = FG_SESSION_LOOKUP};
    if (s->phase != PHASE_WORKING) {
        return FG_OK; /* whether shards are kept here is known when the configuration is */
    }
    memcpy(lookup.hash, hash, sizeof lookup.hash);
    return s->keeps_shards ? session_act(out, lookup) : request_shard(s, out, hash);
}

enum fg_status session_shards_begin(struct fg_session *s, struct fg_session_actions *out)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < s->n_shards && st == FG_OK; i++) {
        st = s->shards[i].bytes == NULL ? session_shard_find(s, out, s->shards[i].hash) : FG_OK;
    }
    return st;
}

enum fg_status session_on_stored(struct fg_session *s, const struct fg_session_event *ev,
                                 struct fg_session_actions *out)
{
    struct shard *sh = session_shard(s, ev->hash);
    if (s->phase == PHASE_ENDED || sh == NULL || sh->bytes != NULL) {
        return FG_OK; /* nobody needs it any more */
    }
    struct fg_view bytes = {.data = ev->frame, .len = ev->len};
    enum fg_status st = bytes.data != NULL ? session_shard_put(s, sh, bytes) : FG_E_MISSING;
    s->stats.shards_damaged += st == FG_E_CORRUPT;
    s->stats.shards_stored += st == FG_OK;
    return st == FG_E_CORRUPT || st == FG_E_MISSING ? request_shard(s, out, sh->hash) : st;
}

/* Refuse every task that waits for a shard that cannot be had. */
static enum fg_status give_up_shard(struct fg_session *s, struct shard *sh, struct fg_session_actions *out)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < s->n_jobs;) {
        const struct fg_msg_task *t = &s->jobs[i].given;
        if (t->has_shard && memcmp(t->shard, sh->hash, FG_SHARD_HASH_BYTES) == 0) {
            st = st == FG_OK
                     ? session_refuse(s, out, t->task.id, FG_REFUSED_SHARD, fg_refusal_text(FG_REFUSED_SHARD))
                     : st;
            session_remove_job(s, &s->jobs[i]);
        } else {
            i++;
        }
    }
    session_shard_forget(s, sh);
    return st;
}

enum fg_status session_on_shard(struct fg_session *s, const struct fg_msg *m, struct fg_session_actions *out)
{
    struct shard *sh = session_shard(s, m->u.shard.hash);
    if (sh == NULL || sh->bytes != NULL) {
        return FG_OK; /* not asked for, or here already */
    }
    enum fg_status st = session_shard_put(s, sh, m->u.shard.bytes);
    struct fg_session_action keep = {.kind = FG_SESSION_KEEP, .shard = m->u.shard.bytes};
    memcpy(keep.hash, m->u.shard.hash, sizeof keep.hash);
    s->stats.shards_fetched += st == FG_OK;
    if (st != FG_E_CORRUPT) {
        return st == FG_OK && s->keeps_shards ? session_act(out, keep) : st;
    }
    s->stats.shards_damaged++;
    if (sh->attempts >= SHARD_ATTEMPTS) {
        return give_up_shard(s, sh, out);
    }
    sh->attempts++;
    sh->pings = 0;
    return request_shard(s, out, sh->hash);
}

/* Shards asked for two signs of life ago: had request or answer not been lost, they would be here. */
enum fg_status session_request_again(struct fg_session *s, struct fg_session_actions *out)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < s->n_shards && st == FG_OK; i++) {
        struct shard *sh = &s->shards[i];
        if (s->phase == PHASE_WORKING && sh->bytes == NULL && ++sh->pings > 2) {
            sh->pings = 0;
            st = request_shard(s, out, sh->hash);
        }
    }
    return st;
}

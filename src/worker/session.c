#include "src/worker/session.h"

#include <string.h>

#include "src/base/mem.h"
#include "src/worker/session_internal.h"

/* ---- actions ---- */

static void clear(struct fg_session_actions *acts)
{
    for (size_t i = 0; i < acts->n; i++) {
        fg_free(acts->a[i].frame);
    }
    acts->n = 0;
}

void fg_session_actions_fini(struct fg_session_actions *acts)
{
    clear(acts);
    fg_free(acts->a);
    *acts = (struct fg_session_actions){0};
}

enum fg_status session_act(struct fg_session_actions *out, struct fg_session_action action)
{
    enum fg_status st = FG_GROW(out->a, out->n, out->cap);
    if (st == FG_OK) {
        out->a[out->n++] = action;
    }
    return st;
}

enum fg_status session_send(struct fg_session *s, struct fg_session_actions *out, const struct fg_msg *m)
{
    struct fg_session_action action = {.kind = FG_SESSION_SEND};
    enum fg_status st = fg_msg_encode(&action.frame, &action.len, m, s->link.run_id, s->link.sent + 1);
    if (st != FG_OK) {
        return st;
    }
    st = session_act(out, action);
    if (st != FG_OK) {
        fg_free(action.frame);
        return st;
    }
    s->link.sent++;
    return FG_OK;
}

static const char TOLD_TO_LEAVE[] = "told to leave";

static enum fg_status quit(struct fg_session *s, struct fg_session_actions *out, const char *why)
{
    s->phase = PHASE_ENDED;
    return session_act(out, (struct fg_session_action){.kind = FG_SESSION_QUIT, .why = why});
}

enum fg_status session_refuse(struct fg_session *s, struct fg_session_actions *out, uint64_t task,
                              enum fg_refusal reason, const char *text)
{
    struct fg_msg m = {.type = FG_MSG_REFUSED};
    m.u.refused.task = task;
    m.u.refused.reason = reason;
    m.u.refused.text = fg_view_str(text);
    m.u.refused.text.len = m.u.refused.text.len > FG_MSG_TEXT_MAX ? FG_MSG_TEXT_MAX : m.u.refused.text.len;
    return session_send(s, out, &m);
}

/* ---- running ---- */

/* Start the next cohort if nothing runs and something can. */
static enum fg_status run_next(struct fg_session *s, struct fg_session_actions *out)
{
    if (s->phase != PHASE_WORKING || s->n_cohort > 0) {
        return FG_OK;
    }
    size_t most = s->at_most > 0 && s->at_most < s->cohort ? s->at_most : s->cohort;
    for (size_t i = 0; i < s->n_jobs && s->n_cohort < most; i++) {
        struct job *j = &s->jobs[i];
        if (!session_job_can_run(s, j)) {
            continue;
        }
        enum fg_status st = FG_GROW(s->cohort_jobs, s->n_cohort, s->cap_cohort);
        if (st != FG_OK) {
            return st;
        }
        struct fg_session_job run = {.task = j->given.task,
                                     .params = session_version(s, j->given.task.version)};
        if (j->given.has_shard) {
            struct shard *sh = session_shard(s, j->given.shard);
            sh->used = s->steps;
            run.shard = (struct fg_view){.data = sh->bytes, .len = sh->len};
        }
        run.resume = (struct fg_view){.data = j->resume.bytes, .len = j->resume.len};
        j->running = true;
        s->cohort_jobs[s->n_cohort++] = run;
    }
    if (s->n_cohort == 0) {
        return FG_OK;
    }
    return session_act(
        out, (struct fg_session_action){.kind = FG_SESSION_RUN, .jobs = s->cohort_jobs, .n = s->n_cohort});
}

static struct job *find_job(struct fg_session *s, uint64_t id)
{
    for (size_t i = 0; i < s->n_jobs; i++) {
        if (s->jobs[i].given.task.id == id) {
            return &s->jobs[i];
        }
    }
    return NULL;
}

void session_remove_job(struct fg_session *s, struct job *j)
{
    size_t i = (size_t)(j - s->jobs);
    fg_free(j->resume.bytes);
    memmove(j, j + 1, (--s->n_jobs - i) * sizeof *j);
}

/* Where a task stands that was stopped because this worker leaves. Nothing is said of one that has not begun:
 * the aggregator takes it back with our BYE. */
static enum fg_status hand_back(struct fg_session *s, struct fg_session_actions *out,
                                const struct fg_session_answer *a)
{
    struct fg_msg m = {.type = FG_MSG_STATE};
    m.u.state.task = a->id;
    m.u.state.bytes = (struct fg_view){.data = a->state, .len = a->state_len};
    return a->state_len > 0 ? session_send(s, out, &m) : FG_OK;
}

static enum fg_status answer(struct fg_session *s, struct fg_session_actions *out,
                             const struct fg_session_answer *a)
{
    if (a->st == FG_E_INTERRUPTED && s->phase == PHASE_LEAVING) {
        return hand_back(s, out, a);
    }
    if (a->st != FG_OK) {
        return session_refuse(s, out, a->id, FG_REFUSED_TASK,
                              a->text != NULL ? a->text : fg_status_text(a->st));
    }
    struct fg_msg m = {.type = FG_MSG_RESULT};
    m.u.result.result = a->result;
    m.u.result.result.id = a->id;
    m.u.result.codec = a->codec;
    m.u.result.params = a->codec != FG_MSG_NO_CODEC && a->len > 0 ? s->params : 0;
    m.u.result.delta = (struct fg_view){.data = a->bytes, .len = a->len};
    return session_send(s, out, &m);
}

static enum fg_status say_bye(struct fg_session *s, struct fg_session_actions *out, const char *why)
{
    struct fg_msg m = {.type = FG_MSG_BYE};
    enum fg_status st = session_send(s, out, &m);
    return st == FG_OK ? quit(s, out, why) : st;
}

static enum fg_status on_done(struct fg_session *s, const struct fg_session_event *ev,
                              struct fg_session_actions *out)
{
    if (s->phase == PHASE_ENDED) {
        return FG_OK;
    }
    if (s->n_cohort == 0 || ev->n != s->n_cohort) {
        return FG_E_USAGE;
    }
    for (size_t i = 0; i < ev->n; i++) {
        const struct job *j = find_job(s, ev->answers[i].id);
        if (j == NULL || !j->running) {
            return FG_E_USAGE;
        }
    }
    enum fg_status st = FG_OK;
    const struct fg_session_answer *lost = NULL;
    s->n_cohort = 0;
    for (size_t i = 0; i < ev->n; i++) {
        session_remove_job(s, find_job(s, ev->answers[i].id));
        if (ev->answers[i].st == FG_E_LOST) {
            lost = &ev->answers[i];
        } else {
            st = st == FG_OK ? answer(s, out, &ev->answers[i]) : st;
        }
    }
    const char *why = lost != NULL ? fg_refusal_text(FG_REFUSED_LOST) : TOLD_TO_LEAVE;
    if (st == FG_OK && lost != NULL) {
        st = session_refuse(s, out, 0, FG_REFUSED_LOST, lost->text != NULL ? lost->text : why);
    }
    return st == FG_OK && (lost != NULL || s->phase == PHASE_LEAVING) ? say_bye(s, out, why) : st;
}

/* ---- frames ---- */

static enum fg_status on_welcome(struct fg_session *s, const struct fg_msg *m, uint64_t run_id,
                                 struct fg_session_actions *out)
{
    size_t len = m->u.welcome.config.len;
    s->config = fg_calloc(len, 1);
    if (s->config == NULL) {
        return FG_E_NOMEM;
    }
    if (len > 0) {
        memcpy(s->config, m->u.welcome.config.data, len);
    }
    s->link.run_id = run_id;
    s->params = m->u.welcome.params;
    s->sums = m->u.welcome.sums;
    memcpy(s->input, m->u.welcome.input, sizeof s->input);
    s->phase = PHASE_CONFIGURING;
    return session_act(out, (struct fg_session_action){.kind = FG_SESSION_CONFIGURE,
                                                       .config = {.data = s->config, .len = len},
                                                       .input = s->input,
                                                       .sums = s->sums});
}

static enum fg_status take_task(struct fg_session *s, const struct fg_msg_task *t,
                                struct fg_session_actions *out)
{
    if (find_job(s, t->task.id) != NULL) {
        return FG_OK; /* asked for again before it was answered: one answer serves both */
    }
    if (t->task.kind < FG_TASK_TRAIN || t->task.kind > FG_TASK_SCORE) {
        return session_refuse(s, out, t->task.id, FG_REFUSED_TASK, "unknown kind of task");
    }
    if (session_version(s, t->task.version) == NULL) {
        return session_refuse(s, out, t->task.id, FG_REFUSED_VERSION, fg_refusal_text(FG_REFUSED_VERSION));
    }
    enum fg_status st = FG_GROW(s->jobs, s->n_jobs, s->cap_jobs);
    if (st == FG_OK && t->has_shard && session_shard(s, t->shard) == NULL) {
        st = session_shard_expect(s, t->shard);
        st = st == FG_OK ? session_shard_find(s, out, t->shard) : st;
    }
    if (st == FG_OK) {
        struct job *j = &s->jobs[s->n_jobs++];
        *j = (struct job){.given = *t};
        session_state_take(s, t->task.id, &j->resume);
    }
    return st;
}

static enum fg_status on_tasks(struct fg_session *s, const struct fg_msg *m, struct fg_session_actions *out)
{
    enum fg_status st = FG_OK;
    if (s->sums && s->phase == PHASE_WORKING && m->u.tasks.floor > s->floor) {
        st = session_act(out,
                         (struct fg_session_action){.kind = FG_SESSION_FORGET, .floor = m->u.tasks.floor});
    }
    s->floor = m->u.tasks.floor > s->floor ? m->u.tasks.floor : s->floor;
    s->at_most = m->u.tasks.cohort;
    for (size_t i = 0; i < m->u.tasks.n && st == FG_OK; i++) {
        struct fg_msg_task t;
        fg_msg_task_at(&t, m, i);
        st = take_task(s, &t, out);
    }
    session_states_drop(s);
    return st;
}

/* ---- updates that stay here ---- */

static enum fg_status on_add(const struct fg_msg *m, struct fg_session_actions *out)
{
    enum fg_status st = FG_OK;
    for (size_t i = 0; i < m->u.add.n && st == FG_OK; i++) {
        struct fg_msg_term t;
        fg_msg_term_at(&t, m, i);
        st = session_act(out,
                         (struct fg_session_action){
                             .kind = FG_SESSION_ADD, .sum = m->u.add.sum, .id = t.id, .weight = t.weight});
    }
    return st;
}

static enum fg_status on_summed(struct fg_session *s, const struct fg_session_event *ev,
                                struct fg_session_actions *out)
{
    struct fg_msg m = {.type = FG_MSG_SUM};
    m.u.sum.sum = ev->sum;
    m.u.sum.bytes = (struct fg_view){.data = ev->frame, .len = ev->len};
    enum fg_status st = s->phase == PHASE_ENDED ? FG_OK : session_send(s, out, &m);
    if (st == FG_E_RANGE) { /* longer than a frame can be */
        m.u.sum.bytes.len = 0;
        st = session_send(s, out, &m);
    }
    return st;
}

static enum fg_status say_hello(struct fg_session *s, struct fg_session_actions *out)
{
    struct fg_msg m = {.type = FG_MSG_HELLO};
    m.u.hello.version = fg_view_str(s->version);
    m.u.hello.host = fg_view_str(s->host);
    m.u.hello.isa = fg_view_str(s->isa);
    m.u.hello.pid = s->pid;
    return session_send(s, out, &m);
}

static enum fg_status on_ping(struct fg_session *s, const struct fg_msg *ping, struct fg_session_actions *out)
{
    struct fg_msg m = {.type = FG_MSG_PONG};
    m.u.ping.token = ping->u.ping.token;
    m.u.ping.queued = (uint32_t)(s->n_jobs - s->n_cohort);
    m.u.ping.running = (uint32_t)s->n_cohort;
    enum fg_status st = session_send(s, out, &m);
    return st == FG_OK ? session_request_again(s, out) : st;
}

static const char *stop_text(uint32_t reason)
{
    switch (reason) {
    case FG_STOP_DONE:
        return "the run is over";
    case FG_STOP_INTERRUPTED:
        return "the run was interrupted";
    default:
        return "the run failed";
    }
}

static enum fg_status on_message(struct fg_session *s, const struct fg_msg *m, uint64_t run_id,
                                 struct fg_session_actions *out)
{
    bool configured = s->phase == PHASE_CONFIGURING || s->phase == PHASE_WORKING;
    if (m->type == FG_MSG_STOP) {
        return quit(s, out, stop_text(m->u.end.reason));
    }
    if (m->type == FG_MSG_PING) {
        return s->phase == PHASE_NEW ? say_hello(s, out) : on_ping(s, m, out);
    }
    if (s->phase == PHASE_LEAVING) {
        return FG_OK; /* goes to others */
    }
    if (m->type == FG_MSG_WELCOME && s->phase == PHASE_NEW) {
        return on_welcome(s, m, run_id, out);
    }
    if (m->type == FG_MSG_MODEL && configured && m->u.model.params == s->params) {
        return session_version_keep(s, m);
    }
    if (m->type == FG_MSG_STEPS && s->coding != NULL && m->u.steps.params == s->params) {
        return session_version_reach(s, m);
    }
    if (m->type == FG_MSG_STATE && configured) {
        return session_state_keep(s, m);
    }
    if (m->type == FG_MSG_TASKS && configured) {
        return on_tasks(s, m, out);
    }
    if (m->type == FG_MSG_SHARD && configured) {
        return session_on_shard(s, m, out);
    }
    if (m->type == FG_MSG_ADD && s->sums && s->phase == PHASE_WORKING) {
        return on_add(m, out);
    }
    if (m->type == FG_MSG_SUM_REQ && s->sums && s->phase == PHASE_WORKING) {
        return session_act(out, (struct fg_session_action){.kind = FG_SESSION_SUM, .sum = m->u.sum.sum});
    }
    return FG_OK; /* senseless here */
}

static enum fg_status on_frame(struct fg_session *s, const struct fg_session_event *ev,
                               struct fg_session_actions *out)
{
    struct fg_frame f;
    struct fg_msg m;
    if (s->phase == PHASE_ENDED || fg_frame_decode(&f, ev->frame, ev->len) != FG_OK ||
        fg_msg_decode(&m, &f) != FG_OK || fg_link_accept(&s->link, &f) != FG_OK) {
        return FG_OK; /* damaged, of another run, a duplicate, or late */
    }
    return on_message(s, &m, f.run_id, out);
}

/* ---- the rest ---- */

static enum fg_status on_ready(struct fg_session *s, const struct fg_session_event *ev,
                               struct fg_session_actions *out)
{
    if (s->phase == PHASE_ENDED) {
        return FG_OK;
    }
    if (s->phase != PHASE_CONFIGURING || (ev->st == FG_OK && ev->cohort == 0)) {
        return FG_E_USAGE;
    }
    const char *problem = NULL;
    if (ev->st != FG_OK) {
        problem = ev->text != NULL ? ev->text : fg_status_text(ev->st);
    } else if (ev->params != s->params) {
        problem = "the model made from the configuration has another number of parameters";
    }
    if (problem != NULL) {
        enum fg_status st = session_refuse(s, out, 0, FG_REFUSED_CONFIG, problem);
        return st == FG_OK ? quit(s, out, "the configuration cannot be used here") : st;
    }
    fg_free(s->config);
    s->config = NULL;
    s->cohort = ev->cohort;
    s->cache_bytes = ev->cache_bytes;
    s->keeps_shards = ev->keeps_shards;
    s->coding = ev->coding;
    s->phase = PHASE_WORKING;
    struct fg_msg m = {.type = FG_MSG_READY};
    m.u.ready.cohort = ev->cohort;
    m.u.ready.cores = ev->cores;
    enum fg_status st = session_send(s, out, &m);
    return st == FG_OK ? session_shards_begin(s, out) : st;
}

static enum fg_status on_leave(struct fg_session *s, struct fg_session_actions *out)
{
    if (s->phase == PHASE_ENDED) {
        return FG_OK;
    }
    if (s->phase == PHASE_WORKING && s->n_cohort > 0) {
        s->phase = PHASE_LEAVING;
        return session_act(out, (struct fg_session_action){.kind = FG_SESSION_HALT});
    }
    return say_bye(s, out, TOLD_TO_LEAVE);
}

enum fg_status fg_session_step(struct fg_session *s, const struct fg_session_event *ev,
                               struct fg_session_actions *out)
{
    enum fg_status st = FG_OK;
    clear(out);
    s->steps++;
    switch (ev->kind) {
    case FG_SESSION_FRAME:
        st = on_frame(s, ev, out);
        break;
    case FG_SESSION_READY:
        st = on_ready(s, ev, out);
        break;
    case FG_SESSION_DONE:
        st = on_done(s, ev, out);
        break;
    case FG_SESSION_STORED:
        st = session_on_stored(s, ev, out);
        break;
    case FG_SESSION_SUMMED:
        st = on_summed(s, ev, out);
        break;
    case FG_SESSION_LEAVE:
        st = on_leave(s, out);
        break;
    case FG_SESSION_LOST:
        st = s->phase == PHASE_ENDED ? FG_OK : quit(s, out, "the aggregator is gone");
        break;
    }
    if (st == FG_OK) {
        st = run_next(s, out);
    }
    session_versions_drop(s);
    if (s->phase == PHASE_WORKING) {
        session_shards_trim(s);
    }
    return st;
}

enum fg_status fg_session_create(struct fg_session **out, const struct fg_session_self *self)
{
    struct fg_session *s = fg_calloc(1, sizeof *s);
    if (s == NULL) {
        return FG_E_NOMEM;
    }
    s->version = fg_strdup(self->version);
    s->host = fg_strdup(self->host);
    s->isa = fg_strdup(self->isa);
    s->pid = self->pid;
    if (s->version == NULL || s->host == NULL || s->isa == NULL) {
        fg_session_destroy(s);
        return FG_E_NOMEM;
    }
    *out = s;
    return FG_OK;
}

void fg_session_destroy(struct fg_session *s)
{
    if (s == NULL) {
        return;
    }
    session_stores_fini(s);
    fg_free(s->jobs);
    fg_free(s->cohort_jobs);
    fg_free(s->config);
    fg_free(s->version);
    fg_free(s->host);
    fg_free(s->isa);
    fg_free(s);
}

struct fg_session_stats fg_session_stats(const struct fg_session *s)
{
    struct fg_session_stats stats = s->stats;
    stats.versions = s->n_versions;
    return stats;
}

/* A worker that sends without pause: it speaks the real protocol over the real transport and answers every
 * task at once with one update that was made and encoded beforehand. What is left is the aggregator's work
 * and the way there. Started by mpirun beside `forage train` (bench/many_workers.sh); no arguments. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "config.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/net/net.h"
#include "src/net/worker_shell.h"
#include "src/sim/setup.h"

struct sender {
    struct fg_config cfg;
    struct fg_model *model;
    struct fg_codec_opts coding;
    const struct fg_codec *codec;
    uint8_t *bytes; /* the update */
    size_t len;
};

/* As large as steps of training make it: a thousandth, of either sign. */
static enum fg_status make_update(struct sender *s, size_t P)
{
    struct fg_codec_ws ws = {.opts = s->coding};
    size_t bound = s->codec->bound(&s->coding, P);
    float *delta = fg_calloc_aligned(P, sizeof *delta);
    struct fg_rng rng;
    s->bytes = fg_calloc(bound, 1);
    enum fg_status st = delta != NULL && s->bytes != NULL ? FG_OK : FG_E_NOMEM;
    fg_rng_init(&rng, 1, FG_RNG_TEST, 0, 0);
    for (size_t i = 0; st == FG_OK && i < P; i++) {
        delta[i] = 1e-6f * ((float)fg_rng_below(&rng, 2001) - 1000.0f);
    }
    st = st == FG_OK ? s->codec->encode(&ws, s->bytes, bound, &s->len, delta, P) : st;
    fg_codec_ws_fini(&ws);
    fg_free(delta);
    return st;
}

static enum fg_status configure(void *arg, const struct fg_worker_work *work, struct fg_worker_ready *out,
                                struct fg_err *err)
{
    struct sender *s = arg;
    const struct fg_config_origin from = {"the aggregator's configuration", "/", NULL};
    const uint32_t *in = work->input;
    struct fg_model_input input = {
        .kind = (enum fg_input_kind)in[0], .shape = {in[1], in[2], in[3]}, .classes = in[4]};
    enum fg_status st;
    FG_TRY(fg_config_init(&s->cfg));
    FG_TRY(fg_config_parse(&s->cfg, work->config, work->len, &from, err));
    FG_TRY(fg_model_create(&s->model, s->cfg.model.layers, &input, NULL, err));
    s->codec = fg_codec_find(s->cfg.wire.codec);
    if (s->codec == NULL || s->codec->clients_keep_state) {
        st = fg_fail(err, FG_E_CONFIG, "wire.codec: expected one for which clients keep nothing");
        goto cleanup;
    }
    FG_TRY(fg_setup_coding(&s->coding, &s->cfg, s->model));
    FG_TRY(make_update(s, fg_model_params(s->model)));
    *out = (struct fg_worker_ready){.params = fg_model_params(s->model), .cohort = 1, .coding = &s->coding};
cleanup:
    return st;
}

static void run(void *arg, const struct fg_session_job *jobs, size_t n, struct fg_session_answer *answers,
                atomic_int *stop)
{
    const struct sender *s = arg;
    (void)stop;
    for (size_t i = 0; i < n; i++) {
        const struct fg_task *t = &jobs[i].task;
        answers[i] =
            (struct fg_session_answer){.id = t->id, .codec = s->codec->id, .bytes = s->bytes, .len = s->len};
        answers[i].result = (struct fg_result){.id = t->id,
                                               .client = t->client,
                                               .steps = t->steps,
                                               .samples = 1,
                                               .loss = 1.0,
                                               .wire_bytes = s->len};
    }
}

int main(void)
{
    struct fg_transport *t;
    struct fg_err err = {{0}};
    struct sender s = {.codec = NULL};
    struct fg_worker_env env = {.arg = &s, .configure = configure, .run = run};
    struct fg_session_self self = {
        .version = PACKAGE_VERSION, .host = "sender", .isa = "none", .pid = (uint32_t)getpid()};
    bool busy = false;
    fg_mem_keep();
    enum fg_status st = fg_net_start(&t, &err);
    if (st == FG_OK) {
        st = fg_worker_shell_run(t, &env, &self, &busy, &err);
        fg_net_stop(t);
    }
    if (st != FG_OK) {
        (void)fprintf(stderr, "bench_sender: %s\n", err.text);
    }
    (void)fflush(NULL);
    _exit(0); /* no rank ends with another code, which a launcher takes for a reason to kill the rest */
}

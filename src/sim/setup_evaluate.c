/* Evaluation of a model: the global test set, and every client's own test data. */
#include <string.h>

#include "src/base/mem.h"
#include "src/base/sort.h"
#include "src/sim/setup.h"

#define NOT_SCORED UINT32_MAX

/* Scores by sample number, filled in as samples are evaluated. */
struct scores {
    uint32_t *correct;      /* (samples of the data set) positions right, NOT_SCORED before */
    uint32_t *list, *right; /* room for all samples */
    atomic_int *stop;
};

static enum fg_status score_list(const struct fg_setup *s, struct fg_trainer *trainer, const float *params,
                                 struct scores *sc, const uint32_t *index, size_t n, struct fg_score *out,
                                 struct fg_err *err)
{
    struct fg_sample_scores each = {.correct = sc->right};
    enum fg_status st = fg_trainer_evaluate(
        trainer, params, &(struct fg_scoring){.data = s->data, .index = index, .n = n, .each = &each}, out,
        sc->stop, err);
    for (size_t i = 0; st == FG_OK && i < n; i++) {
        sc->correct[index[i]] = sc->right[i];
    }
    return st;
}

/* Mean, 10th percentile (nearest rank) and minimum of the clients' accuracies; those below 0 have no test
 * data and are left out. */
static void summarise(const struct fg_setup *s, double *accuracy, struct fg_evaluation *out)
{
    size_t n = 0;
    double sum = 0.0;
    for (uint32_t c = 0; c < s->clients; c++) {
        if (accuracy[c] >= 0.0) {
            sum += accuracy[c];
            accuracy[n++] = accuracy[c];
        }
    }
    if (n > 0) {
        fg_sort_f64(accuracy, n);
        out->have_clients = true;
        out->client_mean = sum / (double)n;
        out->client_p10 = accuracy[(n + 9) / 10 - 1];
        out->client_worst = accuracy[0];
    }
}

static double accuracy_of(const struct fg_setup *s, const struct scores *sc, const uint32_t *index,
                          uint32_t m)
{
    uint64_t right = 0;
    for (uint32_t i = 0; i < m; i++) {
        right += sc->correct[index[i]];
    }
    return m > 0 ? (double)right / ((double)m * (double)s->data->label_width) : -1.0;
}

/* The clients that go by this model; all with only == NULL. */
static enum fg_status score_some(const struct fg_setup *s, struct fg_trainer *trainer, const float *params,
                                 const uint32_t *only, uint32_t block, struct scores *sc, double *accuracy,
                                 struct fg_err *err)
{
    struct fg_score ignored;
    const uint32_t *index;
    uint32_t m;
    size_t n = 0;
    for (uint32_t c = 0; c < s->clients; c++) {
        fg_setup_test_shard(s, c, &index, &m);
        for (uint32_t i = 0; (only == NULL || only[c] == block) && i < m; i++) {
            if (sc->correct[index[i]] == NOT_SCORED) {
                sc->correct[index[i]] = 0; /* once in the list */
                sc->list[n++] = index[i];
            }
        }
    }
    enum fg_status st = n > 0 ? score_list(s, trainer, params, sc, sc->list, n, &ignored, err) : FG_OK;
    for (uint32_t c = 0; st == FG_OK && c < s->clients; c++) {
        if (only == NULL || only[c] == block) {
            fg_setup_test_shard(s, c, &index, &m);
            accuracy[c] = accuracy_of(s, sc, index, m);
        }
    }
    return st;
}

static enum fg_status score_clients(const struct fg_setup *s, struct fg_trainer *trainer, const float *params,
                                    const struct fg_plural *plural, struct scores *sc,
                                    struct fg_evaluation *out, struct fg_err *err)
{
    double *accuracy = fg_calloc(s->clients, sizeof *accuracy);
    enum fg_status st = accuracy != NULL ? FG_OK : FG_E_NOMEM;
    if (plural == NULL) {
        FG_TRY(st);
        FG_TRY(score_some(s, trainer, params, NULL, 0, sc, accuracy, err));
    }
    for (uint32_t b = 0; plural != NULL && b <= plural->blocks; b++) {
        FG_TRY(st);
        memset(sc->correct, 0xff, s->data->n * sizeof *sc->correct); /* by another model */
        FG_TRY(score_some(
            s, trainer, b < plural->blocks ? plural->params + (size_t)b * fg_model_params(s->model) : params,
            plural->block_of, b, sc, accuracy, err));
    }
    summarise(s, accuracy, out);
cleanup:
    fg_free(accuracy);
    return st;
}

enum fg_status fg_setup_evaluate(const struct fg_setup *s, struct fg_trainer *trainer, const float *params,
                                 bool global, bool clients, const struct fg_plural *plural, atomic_int *stop,
                                 struct fg_evaluation *out, struct fg_err *err)
{
    size_t n = s->data->n;
    struct fg_evaluation result = {0};
    struct scores sc = {.correct = fg_calloc(n, sizeof *sc.correct),
                        .list = fg_calloc(n, sizeof *sc.list),
                        .right = fg_calloc(n, sizeof *sc.right),
                        .stop = stop};
    enum fg_status st = FG_OK;
    if (sc.correct == NULL || sc.list == NULL || sc.right == NULL) {
        st = fg_fail(err, FG_E_NOMEM, "out of memory to evaluate %zu samples", n);
        goto cleanup;
    }
    memset(sc.correct, 0xff, n * sizeof *sc.correct);
    if (global && s->n_test > 0) {
        struct fg_score score;
        FG_TRY(score_list(s, trainer, params, &sc, s->test_index, s->n_test, &score, err));
        result.have = true;
        result.loss = score.loss;
        result.accuracy = (double)score.correct / (double)score.scored;
    }
    if (clients) {
        FG_TRY(score_clients(s, trainer, params, plural, &sc, &result, err));
    }
    *out = result;
cleanup:
    fg_free(sc.correct);
    fg_free(sc.list);
    fg_free(sc.right);
    return st;
}

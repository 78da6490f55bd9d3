/* forage evaluate: a trained model on the run's own data, or on other data of the same kind. */
#include <jansson.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "src/base/mem.h"
#include "src/cmd/table.h"
#include "src/sim/setup.h"
#include "src/store/run_h5.h"
#include "src/study/console.h"

struct args {
    struct fg_cmd_common common;
    const char *data;
    const char *data_word; /* what messages call it */
    const char *part;
};

static const struct fg_cmd_option options[] = {
    {'d', "data", "PATH", FG_CMD_TEXT, offsetof(struct args, data),
     "other data: a data set, or a FILE.ini with one"},
    {'p', "part", "test|train|all", FG_CMD_TEXT, offsetof(struct args, part),
     "samples of other data to use (default: its test part, or all without one)"},
    {0, "set", "SECTION.KEY=VALUE", FG_CMD_LIST, offsetof(struct args, common.set),
     "override a key of the run"},
    FG_CMD_COMMON_OPTIONS(struct args, common),
    FG_CMD_END,
};

/* What was evaluated and how it went. */
struct finding {
    const char *data; /* borrowed name of the data */
    const char *part;
    uint64_t samples;
    struct fg_evaluation e;
};

static enum fg_status make_trainer(struct fg_trainer **out, const struct fg_model *model,
                                   const struct fg_config *cfg, struct fg_err *err)
{
    const struct fg_local_opts opts = {.batch = 1};
    const struct fg_kernels *kernels;
    enum fg_status st = fg_setup_kernels(&kernels, cfg, err);
    return st == FG_OK
               ? fg_trainer_create_cpu(out, model, &opts, cfg->run.seed, fg_setup_threads(cfg), kernels, err)
               : st;
}

static enum fg_status check_size(const struct fg_model *model, const struct fg_run_params *params,
                                 const char *data, struct fg_err *err)
{
    size_t n = fg_model_params(model);
    if (n == params->n) {
        return FG_OK;
    }
    return fg_fail(err, FG_E_INPUT,
                   "%s: expected data for a model of %zu parameters (%s), found data that need %zu", data,
                   params->n, params->layers, n);
}

/* On the run's own data: its global test set and every client's, as the run itself did at its end. */
static enum fg_status evaluate_own(struct finding *f, const struct fg_config *cfg,
                                   const struct fg_run_params *params, struct fg_err *err)
{
    struct fg_setup *setup = NULL;
    struct fg_trainer *trainer = NULL;
    enum fg_status st = fg_setup_create(&setup, cfg, FG_START_AUTO, err);
    FG_TRY(st);
    FG_TRY(check_size(setup->model, params, cfg->data.path, err));
    FG_TRY(make_trainer(&trainer, setup->model, cfg, err));
    /* with --set the clients may be others, who have no blocks */
    struct fg_plural plural = {params->blocks, params->block_params, params->block_of};
    bool blocks = params->blocks > 0 && params->clients == setup->clients;
    FG_TRY(fg_setup_evaluate(setup, trainer, params->values, true, true, blocks ? &plural : NULL, NULL, &f->e,
                             err));
    f->samples = setup->n_test;
cleanup:
    fg_trainer_destroy(trainer);
    fg_setup_destroy(setup);
    return st;
}

/* First sample and number of samples of a part; "test" means all where there is no test part. */
static enum fg_status choose_part(struct finding *f, size_t *first, const struct fg_dataset *data,
                                  const char *part, struct fg_err *err)
{
    bool has_test = data->n_train < data->n;
    if (part == NULL) {
        part = has_test ? "test" : "all";
    }
    if (strcmp(part, "all") == 0) {
        *first = 0;
        f->samples = data->n;
    } else if (strcmp(part, "train") == 0) {
        *first = 0;
        f->samples = data->n_train;
    } else if (strcmp(part, "test") == 0) {
        *first = data->n_train;
        f->samples = data->n - data->n_train;
    } else {
        return fg_fail(err, FG_E_USAGE, "--part: expected test, train or all, found '%s'", part);
    }
    f->part = part;
    return f->samples > 0
               ? FG_OK
               : fg_fail(err, FG_E_INPUT, "%s: expected samples in its %s part, found none", f->data, part);
}

/* Codes of characters and a normalisation by channel mean what they meant in the data that the model learnt
 * from. */
static enum fg_status match_reference(struct fg_dataset *view, struct fg_dataset **own,
                                      const struct fg_config *cfg, struct fg_err *err)
{
    bool tokens = view->kind == FG_DATA_TOKENS;
    if (!tokens && !cfg->data.normalise) {
        return FG_OK;
    }
    enum fg_status st = fg_setup_load_data(own, cfg, err);
    if (st != FG_OK) {
        return st;
    }
    const struct fg_dataset *o = *own;
    if (o->kind != view->kind) {
        return fg_fail(err, FG_E_INPUT, "%s: expected data of the run's kind (%s), found %s", view->name,
                       fg_dataset_kind_name(o->kind), fg_dataset_kind_name(view->kind));
    }
    if (tokens && (o->classes != view->classes || (o->vocab != NULL && view->vocab != NULL &&
                                                   memcmp(o->vocab, view->vocab, o->classes) != 0))) {
        return fg_fail(err, FG_E_INPUT, "%s: expected the %u characters of the run's data, found other ones",
                       view->name, (unsigned)o->classes);
    }
    if (cfg->data.normalise && o->channels == view->channels && o->dtype == view->dtype) {
        view->scale = o->scale;
        view->shift = o->shift;
    }
    return FG_OK;
}

/* Classes of other data by the names that the run's have: view->y becomes *y. Numbers are what they were. */
static enum fg_status match_classes(struct fg_dataset *view, uint16_t **y, const struct fg_run_params *run,
                                    struct fg_err *err)
{
    struct fg_dataset own = {.class_names = run->class_names, .classes = 1};
    bool named = view->class_names != NULL && *view->class_names != '\0';
    size_t len, n;
    for (const char *at = run->class_names; at != NULL && (at = strchr(at, '\n')) != NULL; at++) {
        own.classes++;
    }
    if (named != (run->class_names != NULL)) {
        return fg_fail(err, FG_E_INPUT, "%s: expected %s as labels, as the run's data have, found %s",
                       view->name, named ? "whole numbers" : "names", named ? "names" : "whole numbers");
    }
    if (!named) { /* the largest class may be missing; the model's last tensor, a bias, has one number each */
        const struct fg_layer_info *last = run->n_tensors > 0 ? &run->tensor[run->n_tensors - 1] : NULL;
        bool fewer = last != NULL && last->ndim == 1 && view->classes < last->size;
        view->classes = fewer && view->kind != FG_DATA_TOKENS ? (uint32_t)last->size : view->classes;
        return FG_OK;
    }
    uint16_t *class = fg_calloc(view->classes, sizeof *class);
    *y = fg_calloc(view->n, sizeof **y);
    enum fg_status st = class != NULL && *y != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    for (uint32_t c = 0; c < view->classes; c++) {
        const char *name = fg_dataset_class_name(view, c, &len), *known = "";
        while (class[c] < own.classes && ((known = fg_dataset_class_name(&own, class[c], &n)) == NULL ||
                                          n != len || memcmp(known, name, n) != 0)) {
            class[c]++;
        }
        if (class[c] == own.classes) {
            st = fg_fail(err, FG_E_INPUT, "%s: expected labels that the run knows, found '%.*s'", view->name,
                         (int)len, name);
            goto cleanup;
        }
    }
    for (size_t i = 0; i < view->n; i++) {
        (*y)[i] = class[view->y[i]];
    }
    view->y = *y;
    view->classes = own.classes;
cleanup:
    fg_free(class);
    return st;
}

static enum fg_status evaluate_other(struct finding *f, const struct fg_config *own_cfg,
                                     const struct fg_config *cfg, const struct fg_run_params *params,
                                     const char *part, struct fg_err *err)
{
    struct fg_dataset *data = NULL, *own = NULL, view;
    struct fg_model *model = NULL;
    struct fg_trainer *trainer = NULL;
    uint32_t *index = NULL;
    uint16_t *y = NULL;
    struct fg_score score;
    size_t first = 0;
    enum fg_status st = fg_setup_load_data(&data, cfg, err);
    FG_TRY(st);
    view = *data;
    view.owner = NULL;
    FG_TRY(match_reference(&view, &own, own_cfg, err));
    FG_TRY(match_classes(&view, &y, params, err));
    struct fg_model_input input = fg_trainer_input(&view);
    FG_TRY(fg_model_create(&model, params->layers, &input, NULL, err));
    FG_TRY(check_size(model, params, f->data, err));
    FG_TRY(choose_part(f, &first, &view, part, err));
    index = fg_calloc(f->samples, sizeof *index);
    FG_TRY(index != NULL ? FG_OK : FG_E_NOMEM);
    for (size_t i = 0; i < f->samples; i++) {
        index[i] = (uint32_t)(first + i);
    }
    FG_TRY(make_trainer(&trainer, model, own_cfg, err));
    FG_TRY(fg_trainer_evaluate(trainer, params->values,
                               &(struct fg_scoring){.data = &view, .index = index, .n = f->samples}, &score,
                               NULL, err));
    f->e = (struct fg_evaluation){
        .have = true, .loss = score.loss, .accuracy = (double)score.correct / (double)score.scored};
cleanup:
    fg_free(index);
    fg_free(y);
    fg_trainer_destroy(trainer);
    fg_model_destroy(model);
    fg_dataset_destroy(own);
    fg_dataset_destroy(data);
    return st;
}

/* The configuration with the other data: FILE.ini's own, or the run's with another data.path. */
static enum fg_status other_config(struct fg_config *cfg, const char *run_ini, const struct args *a,
                                   struct fg_err *err)
{
    size_t len = strlen(a->data);
    if (len > 4 && strcmp(a->data + len - 4, ".ini") == 0) {
        return fg_cmd_load_config(cfg, a->data, &a->common, err);
    }
    struct fg_cmd_common with = a->common;
    with.data = a->data;
    with.data_word = a->data_word;
    return fg_cmd_load_config(cfg, run_ini, &with, err);
}

static int print(const struct finding *f, const char *run, const struct fg_run_params *params, bool json)
{
    const struct fg_evaluation *e = &f->e;
    if (!json) {
        printf("%s on %s (%s, %llu samples)\n", run, f->data, f->part, (unsigned long long)f->samples);
        char loss[64];
        if (e->have) {
            printf("  accuracy   %.2f%%, loss %s\n", 100 * e->accuracy, fg_console_loss(loss, e->loss));
        }
        if (e->have_clients) {
            printf("  per client: mean %.2f%%, 10th percentile %.2f%%, worst %.2f%%\n", 100 * e->client_mean,
                   100 * e->client_p10, 100 * e->client_worst);
        }
        return 0;
    }
    json_t *top = json_pack(
        "{ss ss ss sI so so so so so ss}", "run", run, "data", f->data, "part", f->part, "samples",
        (json_int_t)f->samples, "accuracy", e->have ? json_real(e->accuracy) : json_null(), "loss",
        e->have && isfinite(e->loss) ? json_real(e->loss) : json_null(), "client_accuracy_mean",
        e->have_clients ? json_real(e->client_mean) : json_null(), "client_accuracy_p10",
        e->have_clients ? json_real(e->client_p10) : json_null(), "client_accuracy_worst",
        e->have_clients ? json_real(e->client_worst) : json_null(), "params_sha256", params->sha256);
    enum fg_status st = fg_cmd_json(top, JSON_INDENT(1));
    return st == FG_OK ? 0 : fg_cmd_fail(st, NULL);
}

/* RUN/config.ini, also when RUN is RUN/run.h5. */
static enum fg_status config_of(struct fg_str *path, const char *run)
{
    size_t len = strlen(run);
    static const char h5[] = "run.h5";
    if (len >= sizeof h5 - 1 && strcmp(run + len - (sizeof h5 - 1), h5) == 0) {
        return fg_str_addf(path, "%.*sconfig.ini", (int)(len - (sizeof h5 - 1)), run);
    }
    return fg_str_addf(path, "%s/config.ini", run);
}

static enum fg_status whole(const struct args *a, const char *run, struct fg_err *err, int *rc)
{
    struct fg_run_params params = {0};
    struct fg_config cfg = {0}, other = {0};
    struct fg_str ini = {0};
    struct finding f = {.part = "test"};
    enum fg_status st = fg_run_params_read(&params, run, err);
    FG_TRY(st);
    FG_TRY(config_of(&ini, run));
    FG_TRY(fg_cmd_load_config(&cfg, ini.data, &a->common, err));
    if (a->data == NULL) {
        f.data = cfg.data.path;
        FG_TRY(a->part == NULL ? FG_OK : fg_fail(err, FG_E_USAGE, "--part: expected other data with it"));
        FG_TRY(evaluate_own(&f, &cfg, &params, err));
    } else {
        FG_TRY(other_config(&other, ini.data, a, err));
        f.data = other.data.path;
        FG_TRY(evaluate_other(&f, &cfg, &other, &params, a->part, err));
    }
    *rc = print(&f, run, &params, a->common.json);
cleanup:
    fg_config_fini(&other);
    fg_config_fini(&cfg);
    fg_str_fini(&ini);
    fg_run_params_fini(&params);
    return st;
}

static int run(int argc, char **argv)
{
    struct args a = {0};
    struct fg_cmd_words words;
    struct fg_err err = {{0}};
    int rc = fg_cmd_parse(&fg_cmd_evaluate, &a, argc, argv, &words);
    if (rc >= 0) {
        return rc;
    }
    a.data_word = a.data != NULL ? "--data" : "FILE";
    if (words.n == 2 && a.data != NULL) {
        enum fg_status st = fg_fail(&err, FG_E_USAGE, "expected FILE or --data, found both");
        return fg_cmd_fail(st, &err);
    }
    if (words.n == 2) {
        a.data = words.item[1];
    }
    enum fg_status st = whole(&a, words.item[0], &err, &rc);
    return st == FG_OK ? rc : fg_cmd_fail(st, &err);
}

const struct fg_command fg_cmd_evaluate = {
    "evaluate",
    "RUN [FILE]",
    1,
    2,
    "a trained model on the run's own data, or on FILE (data set or configuration)",
    options,
    run,
};

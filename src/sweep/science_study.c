/* The study, word by word: what fg_science_hash() is of. A change here is another study. */
#include <stdlib.h>
#include <string.h>

#include "src/base/hash.h"
#include "src/sweep/science_internal.h"

/* All with the papers' own settings where they name any, the rest by default; select.slack, run.rounds, the
 * budget, the
 * learning rate, and the number of clients of `fewer`, come from the study. */
const char fg_science_policies[] =
    "fedavg = select.policy=uniform select.over=1.3\n"
    "fedavg-all = select.policy=uniform select.over=1.3 aggregate.over=all\n"
    "fewer = select.policy=uniform\n"
    "ipw = select.policy=uniform aggregate.inverse=plain aggregate.over=all\n"
    "ipw-six = select.policy=uniform aggregate.inverse=six aggregate.over=all\n"
    "ipw-capped = select.policy=uniform aggregate.inverse=capped aggregate.over=all\n"
    "zones = select.policy=zones\n"
    "pause = select.policy=pause\n"
    "random = select.policy=random aggregate.inverse=capped\n"
    "greenfl = select.policy=greenfl aggregate.inverse=plain aggregate.over=all\n"
    "robust = select.policy=robust\n"
    "cafed = select.policy=cafed aggregate.over=all\n"
    "f3ast = select.policy=f3ast aggregate.over=all\n"
    "f3ast-pi = select.policy=f3ast-pi aggregate.over=all\n"
    "pow-d = select.policy=pow-d\n"
    "cpow-d = select.policy=cpow-d\n"
    "rpow-d = select.policy=rpow-d\n"
    "fedzero = select.policy=fedzero\n"
    "refl = select.policy=refl aggregate.rule=refl\n"
    "cyclic = select.policy=cyclic\n"
    "fedau = select.policy=uniform aggregate.rule=fedau\n"
    "fedawe = select.policy=uniform aggregate.rule=fedawe\n"
    "mifa = select.policy=uniform aggregate.rule=mifa\n"
    "fedvarp = select.policy=uniform aggregate.rule=fedvarp\n"
    "fedstale = select.policy=uniform aggregate.rule=fedstale aggregate.inverse=plain\n"
    "fednova = select.policy=uniform aggregate.rule=fednova train.plan=marin\n"
    "fedbuff = select.policy=uniform aggregate.rule=fedbuff\n"
    "diloco = select.policy=uniform aggregate.rule=diloco aggregate.lr=0.7 train.plan=adacomm\n"
    "semicyclic = select.policy=uniform aggregate.rule=semicyclic\n"
    "forage = select.policy=forage\n"
    "fedavg-moving = select.policy=uniform select.over=1.3 data.placement=movable data.move=rotate\n"
    "zones-moving = select.policy=zones data.placement=movable data.move=rotate\n"
    "greenest = select.policy=greenest data.placement=movable data.move=rotate\n"
    "forage-moving = select.policy=forage data.placement=movable data.move=plan\n";

const char fg_science_bounds[] =
    "clairvoyant = select.policy=forage forecast.availability=oracle forecast.carbon=oracle\n"
    "forage-no-forecast = select.policy=forage forecast.availability=climatology "
    "forecast.carbon=climatology\n"
    "forage-no-cap = select.policy=forage select.without=cap\n"
    "forage-no-rounds = select.policy=forage select.without=rounds\n"
    "forage-no-stretches = select.policy=forage select.without=stretches\n"
    "forage-no-average = select.policy=forage aggregate.average=no\n"
    "forage-fednova = select.policy=forage aggregate.rule=fednova\n"
    "forage-steps = select.policy=forage aggregate.rule=fednova train.plan=marin\n"
    "zones-average = select.policy=zones aggregate.average=yes\n"
    "random-average = select.policy=random aggregate.inverse=capped aggregate.average=yes\n"
    "forage-unmoved = select.policy=forage data.placement=movable data.move=own\n"
    "zones-moving-average = select.policy=zones data.placement=movable data.move=rotate "
    "aggregate.average=yes\n";

bool fg_science_random(const char *policy)
{
    return strcmp(policy, "random") == 0 || strcmp(policy, "random-average") == 0;
}

/* ---- what runs have in common ---- */

static const char base_full[] =
    "[run]\nname = science\neval_every = 2\n[time]\nwrap = yes\n"
    "[carbon]\ntraces = AU-NSW=$FORAGE_DATA/traces/carbon/AU-NSW_2023.csv.gz\n"
    "    BR-SP=$FORAGE_DATA/traces/carbon/BR-SP_2023.csv.gz\n"
    "    CA-ON=$FORAGE_DATA/traces/carbon/CA-ON_2023.csv.gz\n"
    "    DE=$FORAGE_DATA/traces/carbon/DE_2023.csv.gz\n"
    "    KR=$FORAGE_DATA/traces/carbon/KR_2023.csv.gz\n"
    "    US-CAL-CISO=$FORAGE_DATA/traces/carbon/US-CAL-CISO_2023.csv.gz\n"
    "[model]\nlayers = flatten, dense 32, relu, dense classes\n"
    "[fleet]\nsamples_per_s = 0.5\n[select]\nclients = 10\n[train]\nepochs = 2\nbatch = 10\n";

static const char base_quick[] =
    "[run]\nname = science\neval_every = 1\n[time]\nwrap = yes\n"
    "[carbon]\ntraces = A=traces/carbon-A.csv\n    B=traces/carbon-B.csv\n"
    "[data]\npath = gaussian:classes=5,dim=8,n=1200,groups=24,seed=3\n"
    "[model]\nlayers = dense 8, relu, dense classes\n"
    "[fleet]\nsamples_per_s = 0.5\n[select]\nclients = 4\n[train]\nepochs = 1\nbatch = 10\n";

#define MNIST "mnist = data.path=$FORAGE_DATA/mnist data.partition=groups data.clients=100\n"
#define CIFAR                                                                                            \
    "cifar = data.path=$FORAGE_DATA/cifar-10 data.partition=dirichlet data.alpha=0.3 data.clients=100\n" \
    "    data.normalise=yes model.layers=lenet5 train.epochs=1\n"

/* ---- cells ---- */

static bool is_synthetic(const struct fg_sweep *s, const size_t *level)
{
    return strncmp(s->axis[FG_SCI_TRACE].level[level[FG_SCI_TRACE]].label, "syn", 3) == 0;
}

/* Drawn traces, in the order of the axis: pi x lambda x form. */
enum { REAL = 3, LAMBDAS = 3, FORMS = 2 };

/* Real traces: every workload with a ninth of its 108, each trace with each budget once, coupling and
 * deadline by two Latin squares: every pair of levels of two axes is there, those of a budget once, others
 * once or twice. Drawn ones: half of the 18, each pi with each lambda once, the forms in turn; the first
 * workload and coupling, the second budget and deadline. */
static bool ninth(const struct fg_sweep *s, const size_t *level)
{
    size_t trace = level[FG_SCI_TRACE], budget = level[FG_SCI_BUDGET], work = level[FG_SCI_WORK];
    if (is_synthetic(s, level)) {
        size_t k = (trace - REAL) / FORMS, form = (trace - REAL) % FORMS;
        return work == 0 && level[FG_SCI_DATA] == 0 && budget == 1 && level[FG_SCI_DEADLINE] == 1 &&
               (k / LAMBDAS + k % LAMBDAS) % FORMS == form;
    }
    return (trace + budget + work) % s->axis[FG_SCI_DATA].n == level[FG_SCI_DATA] &&
           (trace + 2 * budget + work) % s->axis[FG_SCI_DEADLINE].n == level[FG_SCI_DEADLINE];
}

/* Half of them: every pair of levels of two axes once. */
static bool half(const struct fg_sweep *s, const size_t *level)
{
    (void)s;
    return (level[FG_SCI_TRACE] + level[FG_SCI_DATA] + level[FG_SCI_BUDGET]) % 2 == 0;
}

/* The same, of workloads beyond the first only the larger budgets: with a tenth they learn next to
 * nothing. */
static bool half_of_first(const struct fg_sweep *s, const size_t *level)
{
    return half(s, level) && (level[FG_SCI_WORK] == 0 || level[FG_SCI_BUDGET] > 0);
}

const struct fg_science_size fg_science_sizes[] = {
    {.name = "quick",
     .doc = "one cell of generated data, 2 seeds: some seconds; says that everything works",
     .base = base_quick,
     .axes = "[axis workload]\ngaussian = data.partition=groups data.clients=24\n"
             "[axis trace]\nsyn-a = availability.trace=traces/syn-a.csv\n"
             "[axis coupling]\nindependent = data.coupling=independent\n"
             "[axis budget]\n40 =\n[axis deadline]\n2 =\n",
     .rounds = 12,
     .rate = {"0.1"},
     .tune_seeds = 1,
     .seeds = 2,
     .step = 1,
     .most = 2,
     .synthetic = true,
     .in = half,
     .run_s = {0.1}},
    {.name = "small",
     .doc =
         "four cells of MNIST by writers and two of CIFAR-10 on desktops' and phones' traces, 5 to 10 seeds",
     .base = base_full,
     .axes = "[axis workload]\n" MNIST CIFAR "[axis trace]\n"
             "desktops = availability.trace=$FORAGE_DATA/traces/availability/"
             "volunteer-desktops-vpngate-2024-09_2024-11.csv.gz\n"
             "phones = availability.trace=$FORAGE_DATA/traces/availability/mobile-extrasensory-wifi.csv.gz\n"
             "[axis coupling]\nindependent = data.coupling=independent\nrare-carbon = "
             "data.coupling=rare-carbon\n"
             "[axis budget]\n10 =\n40 =\n[axis deadline]\n2 =\n",
     .rounds = 40,
     .rate = {"0.1", "0.3"},
     .tune_seeds = 1,
     .seeds = 5,
     .step = 5,
     .most = 10,
     .seasons = true,
     .in = half_of_first,
     .run_s = {0.5, 3.0}},
    {.name = "full",
     .doc = "24 cells of MNIST by writers and CIFAR-10 on three real traces, 9 on synthetic ones, 5 to 20 "
            "seeds",
     .base = base_full,
     .axes = "[axis workload]\n" MNIST CIFAR "[axis trace]\n"
             "desktops = availability.trace=$FORAGE_DATA/traces/availability/"
             "volunteer-desktops-vpngate-2024-09_2024-11.csv.gz\n"
             "phones = availability.trace=$FORAGE_DATA/traces/availability/mobile-extrasensory-wifi.csv.gz\n"
             "spot = "
             "availability.trace=$FORAGE_DATA/traces/availability/spot-aws-v100-16node-2023-08.csv.gz\n"
#define SYN(pi, l, form) \
    "syn-" pi "-" l "-" form " = availability.trace=traces/syn-" pi "-" l "-" form ".csv\n"
#define SYN2(pi, l) SYN(pi, l, "stationary") SYN(pi, l, "daily")
     SYN2("0.2", "0") SYN2("0.2", "0.5") SYN2("0.2", "0.9") SYN2("0.5", "0") SYN2("0.5", "0.5")
         SYN2("0.5", "0.9") SYN2("0.9", "0") SYN2("0.9", "0.5")
             SYN2("0.9", "0.9") "[axis coupling]\nindependent = data.coupling=independent\n"
                                "labels-availability = data.coupling=labels-availability\n"
                                "rare-carbon = data.coupling=rare-carbon\n"
                                "[axis budget]\n5 =\n10 =\n20 =\n40 =\n[axis deadline]\n1 =\n2 =\n4 =\n",
     .rounds = 100,
     .rate = {"0.03", "0.1", "0.3"},
     .tune_seeds = 2,
     .seeds = 5,
     .step = 5,
     .most = 20,
     .seasons = true,
     .synthetic = true,
     .in = ninth,
     .run_s = {1.2, 5.0}},
    {.name = NULL},
};

static enum fg_status describe(struct fg_str *out, const struct fg_science_size *z)
{
    enum fg_status st;
    FG_TRY(fg_str_addf(out, "forage science 3\n%s\n%s\n%s\n%s%s\n", z->name, z->base, z->axes,
                       fg_science_policies, fg_science_bounds));
    FG_TRY(fg_str_addf(out, "rounds %u, tune %u, seeds %u + %u <= %u of who may be best, seasons %d\n",
                       z->rounds, z->tune_seeds, z->seeds, z->step, z->most, z->seasons));
    for (size_t k = 0; k < FG_SCI_RATES && z->rate[k] != NULL; k++) {
        FG_TRY(fg_str_addf(out, "rate %s\n", z->rate[k]));
    }
    FG_TRY(fg_str_addf(out, "cells %s\n",
                       z->in == ninth  ? "ninth"
                       : z->in == half ? "half"
                                       : "half of the first"));
cleanup:
    return st;
}

enum fg_status fg_science_hash(char hex[65], const struct fg_science_size *size)
{
    struct fg_str text = {0};
    uint8_t digest[32];
    enum fg_status st = describe(&text, size);
    st = st == FG_OK ? fg_sha256(digest, text.data, text.len) : st;
    fg_str_fini(&text);
    if (st == FG_OK) {
        fg_hex32(hex, digest);
    }
    return st;
}

/* What keys of summary.json are called on a page. */
#include <string.h>

#include "src/report/page.h"

struct word {
    const char *object, *name, *text;
};

static const struct word words[] = {
    {"footprint", "init", "clients getting ready"},
    {"footprint", "shard", "shipping of data"},
    {"footprint", "model", "models and updates on their way"},
    {"footprint", "train", "training"},
    {"footprint", "ask", "losses asked for"},
    {"footprint", "evaluate", "evaluation"},
    {"footprint", "idle", "idle machines"},
    {"footprint", "wasted", "wasted"},
    {"footprint", "server", "server"},
    {"footprint", "planning", "planning"},
    {"footprint", "codec", "coding of updates"},
    {"footprint", "embodied", "making of machines"},
    {"footprint", "total", "total"},
    {"footprint", "tasks", "the clients' tasks alone"},
    {"footprint", "idle_none", "idle, if machines are on anyway"},
    {"footprint", "idle_marginal", "idle, from task to commit"},
    {"footprint", "idle_full", "idle, whenever they are up"},
    {"footprint", "network_per_gb", "network, by the byte"},
    {"footprint", "network_power", "network, by power and time"},
    {"footprint", "mean_g_per_kwh", "mean intensity, g/kWh"},
    {"theory", "participation_tv", "participation: total variation from its target"},
    {"theory", "counted_least", "a client counts at least, of what it should"},
    {"theory", "counted_most", "a client counts at most, of what it should"},
    {"theory", "effective_clients", "effective sample size, clients"},
    {"theory", "target_clients", "the same of the target"},
    {"theory", "up_mean", "share of rounds that a client is up"},
    {"theory", "memory_mean", "availability chain: second eigenvalue, mean"},
    {"theory", "memory_max", "the same, largest modulus"},
    {"theory", "mixing_rounds", "rounds that the chain takes to mix"},
    {"theory", "effective_rounds", "independent rounds that say as much"},
    {"theory", "skew", "skew of the selection towards large losses"},
    {"theory", "redundant_steps", "redundant work, steps"},
    {"theory", "redundant_wh", "redundant work, Wh"},
    {"theory", "redundant_g", "redundant work, gCO2"},
    {"theory", "predicted_wh", "energy predicted, Wh"},
    {"theory", "actual_wh", "energy that it was, Wh"},
    {"theory", "predicted_g", "carbon predicted, gCO2"},
    {"theory", "actual_g", "carbon that it was, gCO2"},
    {"theory", "predicted_s", "rounds with tasks, all together, predicted, s"},
    {"theory", "actual_s", "length that they had, s"},
    {"theory", "predicted_accuracy", "accuracy predicted"},
    {"theory", "actual_accuracy", "accuracy that it was"},
    {"theory", "accuracy_miss", "such predictions miss by"},
    {"theory", "error_progress", "planning model: progress"},
    {"theory", "error_variance", "planning model: variance"},
    {"theory", "error_drift", "planning model: drift"},
    {"theory", "error_bias", "planning model: bias"},
    {"bound", "text", ""},
    {"bound", "value", "F(x) - F* is at most"},
    {"bound", "mu", "strong convexity mu"},
    {"bound", "smoothness", "smoothness L"},
    {"bound", "gradient", "largest gradient G"},
    {"bound", "noise", "gradient noise"},
    {"bound", "gap", "F* less the mean of F_k*"},
    {"bound", "distance2", "squared distance at the start"},
    {"measured", "rapl_wh", "RAPL, Wh"},
    {"measured", "nvml_wh", "NVML, Wh"},
    {"measured", "source", "counters that were read (modelled: none)"},
};

const char *fg_page_row_name(const char *object, const char *name)
{
    for (size_t k = 0; k < sizeof words / sizeof *words; k++) {
        if (strcmp(words[k].object, object) == 0 && strcmp(words[k].name, name) == 0) {
            return words[k].text;
        }
    }
    return name;
}

/* How long a slot plan takes: greedy and certificate for a million client-slots under a fifth
 * of everyone's carbon.
 *
 *     make bench/bench_slots && bench/bench_slots [REPEATS]
 *
 * A row for each shape and repetition: clients, slots, whether chances are uncertain,
 * wall and CPU seconds, the printed gap in per cent.
 */
#include <stdio.h>
#include <stdlib.h>

#include "bench/case.h"
#include "bench/limits.h"
#include "src/base/fmath.h"
#include "src/base/mem.h"
#include "src/base/rng.h"
#include "src/planner/slots.h"

/* A daily rhythm of its own for each client, and noise. Shapes: grams, chance (clients, slots). */
static double fill(double *grams, double *chance, uint32_t clients, uint32_t slots)
{
    double all = 0.0;
    for (uint32_t c = 0; c < clients; c++) {
        struct fg_rng r;
        fg_rng_init(&r, 1, FG_RNG_SYNTH, c, 0);
        double level = 100.0 + 400.0 * fg_rng_uniform(&r), up = 0.2 + 0.8 * fg_rng_uniform(&r);
        for (uint32_t t = 0; t < slots; t++) {
            size_t i = (size_t)c * slots + t;
            double hour = (double)((t + c) % 24) / 24.0;
            grams[i] = level * (1.0 + 0.3 * fg_sin2pi(hour) + 0.2 * fg_rng_uniform(&r));
            chance[i] = up * fg_rng_uniform(&r);
            all += grams[i];
        }
    }
    return all;
}

static void measure(uint32_t clients, uint32_t slots, bool uncertain)
{
    size_t n = (size_t)clients * slots;
    double *grams = bench_need(fg_calloc(n, sizeof *grams)),
           *chance = bench_need(fg_calloc(n, sizeof *chance));
    struct fg_slots_plan *plan = NULL;
    struct fg_err err = {""};
    double all = fill(grams, chance, clients, slots);
    struct fg_slots_problem p = {.clients = clients,
                                 .slots = slots,
                                 .grams = grams,
                                 .chance = uncertain ? chance : NULL,
                                 .budget_g = 0.2 * all * (uncertain ? 0.3 : 1.0),
                                 .alpha = 0.1,
                                 .nodes = FG_SLOTS_NODES};
    double wall = bench_wall_s(), cpu = bench_now_s();
    bench_must(fg_slots_solve(&plan, &p, &err), &err);
    printf("%u %u %s %.3f %.3f %.4f\n", (unsigned)clients, (unsigned)slots,
           uncertain ? "uncertain" : "certain", bench_wall_s() - wall, bench_now_s() - cpu,
           100.0 * fg_slots_gap(plan));
    fg_slots_plan_destroy(plan);
    fg_free(chance);
    fg_free(grams);
}

int main(int argc, char **argv)
{
    static const uint32_t shape[][2] = {{10000, 100}, {1000, 1000}, {100, 10000}};
    int repeats = argc > 1 ? atoi(argv[1]) : 3;
    if (repeats < 1) {
        fprintf(stderr, "usage: bench_slots [REPEATS]\n");
        return 2;
    }
    printf("clients slots chances wall_s cpu_s gap_percent\n");
    for (size_t k = 0; k < sizeof shape / sizeof *shape; k++) {
        for (int i = 0; i < 2 * repeats; i++) {
            measure(shape[k][0], shape[k][1], i % 2 == 1);
        }
    }
    return 0;
}

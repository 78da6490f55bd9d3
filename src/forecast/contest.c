#include "src/forecast/contest.h"

#include <math.h>
#include <string.h>

#include "src/base/fmath.h"

#define DAY_H 24

static void judge(struct fg_contest *c)
{
    double score[FG_MIX_MAX] = {0.0}, most = 0.0, sum;
    for (size_t k = 0; k < c->members; k++) {
        score[k] = c->square[k] > 0.0 ? c->gain[k] * fabs(c->gain[k]) / c->square[k] : 0.0;
        most = score[k] > most ? score[k] : most;
    }
    c->share_mixture = sum = FG_CONTEST_MIXTURE * fg_exp(-most);
    for (size_t k = 0; k < c->members; k++) {
        c->share[k] = (1.0 - FG_CONTEST_MIXTURE) * c->prior[k] * fg_exp(score[k] - most);
        sum += c->share[k];
    }
    c->share_mixture /= sum;
    for (size_t k = 0; k < c->members; k++) {
        c->share[k] /= sum;
    }
}

void fg_contest_init(struct fg_contest *c, const double *prior, size_t members, double memory)
{
    *c = (struct fg_contest){.members = members, .memory = memory};
    memcpy(c->prior, prior, members * sizeof *prior);
    judge(c);
}

void fg_contest_hour(struct fg_contest *c, const double *error, double error_mixture)
{
    for (size_t k = 0; k < c->members; k++) {
        c->day[k] += error_mixture - error[k];
    }
    if (++c->hours % DAY_H != 0) {
        return;
    }
    double n = (double)++c->days, keep = n / (n + 2.0);
    keep = keep < c->memory ? keep : c->memory;
    for (size_t k = 0; k < c->members; k++) {
        c->gain[k] = keep * c->gain[k] + c->day[k];
        c->square[k] = keep * c->square[k] + c->day[k] * c->day[k];
        c->day[k] = 0.0;
    }
    judge(c);
}

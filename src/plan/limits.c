#include "src/plan/limits.h"

const struct fg_limit_text fg_limit_text[FG_LIMITS] = {
    [FG_LIMIT_CARBON_G] = {"carbon_g", "plan_price_per_g", "gCO2", 1.0},
    [FG_LIMIT_ENERGY_WH] = {"energy_wh", "plan_price_per_wh", "Wh", 1.0},
    [FG_LIMIT_BYTES] = {"mb", "plan_price_per_byte", "MB", 1e6},
    [FG_LIMIT_MONEY] = {"money", "plan_price_per_money", "of money", 1.0},
    [FG_LIMIT_ROUNDS] = {"rounds", "plan_price_per_round", "round", 1.0},
    [FG_LIMIT_HOURS] = {"hours", "plan_price_per_slot", "slot of time", 1.0},
};

#include "src/plan/limits.h"

const struct fg_limit_text fg_limit_text[FG_LIMITS] = {
    [FG_LIMIT_CARBON_G] = {"plan_price_per_g", "gCO2", 1.0},
    [FG_LIMIT_ENERGY_WH] = {"plan_price_per_wh", "Wh", 1.0},
    [FG_LIMIT_BYTES] = {"plan_price_per_byte", "MB", 1e6},
    [FG_LIMIT_MONEY] = {"plan_price_per_money", "of money", 1.0},
    [FG_LIMIT_ROUNDS] = {"plan_price_per_round", "round", 1.0},
    [FG_LIMIT_HOURS] = {"plan_price_per_slot", "slot of time", 1.0},
};

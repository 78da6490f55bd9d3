/* The board in run.h5: who was up, who was to train, what had been forecast. */
#include <string.h>

#include "src/base/mem.h"
#include "src/store/run_h5_impl.h"

enum { ROWS = 256 }; /* of a chunk */

/* A table of the board: (rows, width), `get` gives row i. */
static enum fg_status write_table(struct fg_run_packer *p, hid_t group, const char *name, const char *doc,
                                  const struct fg_board *b, size_t width, enum fg_col_kind kind,
                                  const void *(*get)(const struct fg_board *b, size_t row, uint32_t which,
                                                     double *scratch),
                                  uint32_t which)
{
    size_t rows = b->rows < ROWS ? b->rows : ROWS, len = width * fg_run_size(kind);
    hsize_t dims[2] = {b->rows, width}, chunk[2] = {rows, width};
    hid_t space = H5Screate_simple(2, dims, NULL), props = H5Pcreate(H5P_DATASET_CREATE), set = -1;
    double *scratch = fg_calloc(width, sizeof *scratch);
    char *part = fg_calloc(rows, len);
    enum fg_status st = scratch != NULL && part != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    FG_TRY(fg_run_check(H5Pset_obj_track_times(props, 0)));
    FG_TRY(rows > 0 && width > 0 ? fg_run_packed(props, 2, chunk, false) : FG_OK);
    set = H5Dcreate2(group, name, fg_run_file_type(kind), space, H5P_DEFAULT, props, H5P_DEFAULT);
    FG_TRY(fg_run_check(set));
    FG_TRY(fg_run_text(set, "unit", kind == FG_COL_U8 ? "" : "g/kWh"));
    FG_TRY(fg_run_text(set, "description", doc));
    for (size_t i = 0, n = 0; i < b->rows && width > 0; i++) {
        memcpy(part + n++ * len, get(b, i, which, scratch), len);
        if (n == rows || i + 1 == b->rows) {
            hsize_t at[2] = {i + 1 - n, 0};
            struct fg_run_block block = {
                .values = part, .n = n * width, .most = rows * width, .size = len / width};
            FG_TRY(fg_run_chunk(p, set, at, &block));
            n = 0;
        }
    }
cleanup:
    H5Dclose(set);
    H5Pclose(props);
    H5Sclose(space);
    fg_free(scratch);
    fg_free(part);
    return st;
}

static const void *states_of(const struct fg_board *b, size_t row, uint32_t which, double *scratch)
{
    (void)which;
    (void)scratch;
    return fg_board_states(b, row);
}

static const void *chances_of(const struct fg_board *b, size_t row, uint32_t which, double *scratch)
{
    (void)scratch;
    return fg_board_chances(b, row, which);
}

static const void *intensities_of(const struct fg_board *b, size_t row, uint32_t which, double *scratch)
{
    (void)which;
    for (uint32_t z = 0; z < b->head.zones; z++) {
        scratch[z] = fg_board_intensity(b, row, z);
    }
    return scratch;
}

/* The columns of the board: who its clients are, and its rounds. */
static enum fg_status write_board_columns(struct fg_run_packer *p, hid_t group, const struct fg_board *b)
{
    size_t n = b->head.n > b->rows ? b->head.n : b->rows;
    uint32_t *numbers = fg_calloc(n, sizeof *numbers);
    struct fg_board_client c;
    enum fg_status st = numbers != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    for (size_t i = 0; i < b->rows; i++) {
        numbers[i] = fg_board_round(b, i);
    }
    FG_TRY(fg_run_array(p, group, "round", "round of each row", FG_COL_U32, numbers, b->rows));
    for (uint32_t i = 0; i < b->head.n; i++) {
        fg_board_client(&c, b, i);
        numbers[i] = c.client;
    }
    FG_TRY(fg_run_array(p, group, "client", "client of each column", FG_COL_U32, numbers, b->head.n));
cleanup:
    fg_free(numbers);
    return st;
}

enum fg_status fg_run_board(struct fg_run_packer *p, hid_t file, const struct fg_board *b)
{
    hid_t group = H5Gcreate2(file, "board", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    struct fg_str zones = {0};
    enum fg_status st = fg_run_check(group);
    FG_TRY(st);
    FG_TRY(write_board_columns(p, group, b));
    FG_TRY(write_table(p, group, "state",
                       "1 up when the round began, 2 to train by the plan, 4 up for the hour after", b,
                       b->head.n, FG_COL_U8, states_of, 0));
    FG_TRY(write_table(p, group, "intensity", "carbon intensity of each zone while the round was open", b,
                       b->head.zones, FG_COL_F64, intensities_of, 0));
    for (uint32_t k = 0; k < b->head.rows_per_chance; k++) {
        char name[32];
        snprintf(name, sizeof name, "chance_%u", (unsigned)b->head.ahead[k]);
        FG_TRY(
            b->head.ahead[k] == 0
                ? FG_OK
                : write_table(
                      p, group, name,
                      "forecast, in 1/254, that the client is up for the hour after the slot so many slots "
                      "later begins; 255: none",
                      b, b->head.n, FG_COL_U8, chances_of, k));
    }
    for (uint32_t z = 0; z < b->head.zones; z++) {
        char name[FG_BOARD_ZONE_NAME];
        fg_board_zone(name, b, z);
        FG_TRY(fg_str_addf(&zones, "%s%s", z > 0 ? "," : "", name));
    }
    FG_TRY(zones.len < 60000 ? fg_run_text(group, "zones", zones.len > 0 ? zones.data : "") : FG_OK);
cleanup:
    fg_str_fini(&zones);
    H5Gclose(group);
    return st;
}

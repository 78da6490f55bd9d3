/* The board in run.h5: who was up, who was to train, what had been forecast. */
#include "src/base/mem.h"
#include "src/store/run_h5_impl.h"

/* A table of the board: (rows, width), `get` gives row i. */
static enum fg_status write_table(hid_t group, const char *name, const char *doc, const struct fg_board *b,
                                  size_t width, enum fg_col_kind kind,
                                  const void *(*get)(const struct fg_board *b, size_t row, uint32_t which,
                                                     double *scratch),
                                  uint32_t which)
{
    hsize_t dims[2] = {b->rows, width}, chunk[2] = {b->rows < 256 ? b->rows : 256, width},
            one[2] = {1, width};
    hid_t space = H5Screate_simple(2, dims, NULL), memory = H5Screate_simple(2, one, NULL);
    hid_t props = H5Pcreate(H5P_DATASET_CREATE), set = -1;
    double *scratch = fg_calloc(width, sizeof *scratch);
    enum fg_status st = scratch != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    FG_TRY(fg_run_check(H5Pset_obj_track_times(props, 0)));
    if (b->rows > 0 && width > 0) {
        FG_TRY(fg_run_check(H5Pset_chunk(props, 2, chunk)));
        FG_TRY(fg_run_check(H5Pset_deflate(props, FG_RUN_DEFLATE)));
    }
    set = H5Dcreate2(group, name, fg_run_file_type(kind), space, H5P_DEFAULT, props, H5P_DEFAULT);
    FG_TRY(fg_run_check(set));
    FG_TRY(fg_run_text(set, "unit", kind == FG_COL_U8 ? "" : "g/kWh"));
    FG_TRY(fg_run_text(set, "description", doc));
    for (size_t i = 0; i < b->rows && width > 0; i++) {
        hsize_t start[2] = {i, 0};
        FG_TRY(fg_run_check(H5Sselect_hyperslab(space, H5S_SELECT_SET, start, NULL, one, NULL)));
        FG_TRY(fg_run_check(
            H5Dwrite(set, fg_run_memory_type(kind), memory, space, H5P_DEFAULT, get(b, i, which, scratch))));
    }
cleanup:
    H5Dclose(set);
    H5Pclose(props);
    H5Sclose(memory);
    H5Sclose(space);
    fg_free(scratch);
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
static enum fg_status write_board_columns(hid_t group, const struct fg_board *b)
{
    size_t n = b->head.n > b->rows ? b->head.n : b->rows;
    uint32_t *numbers = fg_calloc(n, sizeof *numbers);
    struct fg_board_client c;
    enum fg_status st = numbers != NULL ? FG_OK : FG_E_NOMEM;
    FG_TRY(st);
    for (size_t i = 0; i < b->rows; i++) {
        numbers[i] = fg_board_round(b, i);
    }
    FG_TRY(fg_run_array(group, "round", "round of each row", FG_COL_U32, numbers, b->rows));
    for (uint32_t i = 0; i < b->head.n; i++) {
        fg_board_client(&c, b, i);
        numbers[i] = c.client;
    }
    FG_TRY(fg_run_array(group, "client", "client of each column", FG_COL_U32, numbers, b->head.n));
cleanup:
    fg_free(numbers);
    return st;
}

enum fg_status fg_run_board(hid_t file, const struct fg_board *b)
{
    hid_t group = H5Gcreate2(file, "board", H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
    struct fg_str zones = {0};
    enum fg_status st = fg_run_check(group);
    FG_TRY(st);
    FG_TRY(write_board_columns(group, b));
    FG_TRY(write_table(group, "state",
                       "1 up when the round began, 2 to train by the plan, 4 up for the hour after", b,
                       b->head.n, FG_COL_U8, states_of, 0));
    FG_TRY(write_table(group, "intensity", "carbon intensity of each zone while the round was open", b,
                       b->head.zones, FG_COL_F64, intensities_of, 0));
    for (uint32_t k = 0; k < b->head.rows_per_chance; k++) {
        char name[32];
        snprintf(name, sizeof name, "chance_%u", (unsigned)b->head.ahead[k]);
        FG_TRY(
            b->head.ahead[k] == 0
                ? FG_OK
                : write_table(
                      group, name,
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

/* Importers of carbon intensity: each form by an example worked out by hand; what is wrong is named. */
#include "tests/lib/test.h"

#include "src/availability/carbon.h"
#include "src/availability/carbon_import.h"
#include "src/base/mem.h"

static enum fg_status import(const char *form, const char *bytes, bool direct, struct fg_str *text,
                             struct fg_err *err)
{
    struct fg_carbon_series s = {.direct = direct};
    const struct fg_carbon_importer *how = fg_carbon_importer_find(form);
    assert_non_null(how);
    enum fg_status st = how->read(&s, bytes, strlen(bytes), "f", err);
    st = st == FG_OK ? fg_carbon_series_text(text, &s, "here", err) : st;
    fg_carbon_series_fini(&s);
    return st;
}

static void gives(const char *form, const char *bytes, bool direct, const char *want)
{
    struct fg_str text = {0};
    struct fg_err err = {""};
    struct fg_carbon *c = NULL;
    if (import(form, bytes, direct, &text, &err) != FG_OK) {
        fail_msg("%s", err.text);
    }
    assert_string_equal(text.data, want);
    assert_int_equal(fg_carbon_parse(&c, "c", text.data, text.len, NULL, &err), FG_OK);
    fg_carbon_destroy(c);
    fg_str_fini(&text);
}

static void refused(const char *form, const char *bytes, const char *says)
{
    struct fg_str text = {0};
    struct fg_err err = {""};
    assert_int_not_equal(import(form, bytes, false, &text, &err), FG_OK);
    if (strstr(err.text, says) == NULL) {
        fail_msg("expected '%s', found '%s'", says, err.text);
    }
    fg_str_fini(&text);
}

#define HEAD                                                                              \
    "Datetime (UTC),Country,Zone Name,Zone Id,Carbon Intensity gCO\u2082eq/kWh (direct)," \
    "Carbon Intensity gCO\u2082eq/kWh (LCA),Low Carbon Percentage\n"
#define ROW(time, direct, lca) time ",\"Korea, Republic of\",South Korea,KR," direct "," lca ",30.1\n"

static void electricity_maps(void **state)
{
    (void)state;
    /* 02:00 has no value and 03:00 no row: on the line from 200 to 230 */
    static const char *const rows = "\xEF\xBB\xBF" HEAD ROW("2023-01-01 00:00:00", "400.5", "450")
        ROW("2023-01-01 01:00:00", "410", "200") ROW("2023-01-01 02:00:00", "", "")
            ROW("2023-01-01 04:00:00", "430", "230");
    gives("electricitymaps", rows, false,
          "# zone: KR\n# kind: average\n# scope: life-cycle\n# basis: consumption\n# source: here\n"
          "# note: 2 hours without a value lie on a line between their neighbours\n"
          "utc_time,gco2_per_kwh\n2023-01-01T00:00:00Z,450\n2023-01-01T01:00:00Z,200\n"
          "2023-01-01T02:00:00Z,210\n2023-01-01T03:00:00Z,220\n2023-01-01T04:00:00Z,230\n");
    gives("electricitymaps", HEAD ROW("2023-01-01 00:00:00", "400.5", "450"), true,
          "# zone: KR\n# kind: average\n# scope: direct\n# basis: consumption\n# source: here\n"
          "utc_time,gco2_per_kwh\n2023-01-01T00:00:00Z,400.5\n");
    gives(
        "electricitymaps", /* as since 2025, and in no order */
        "Datetime (UTC),Country,Zone name,Zone id,Carbon intensity gCO\u2082eq/kWh (direct),"
        "Carbon intensity gCO\u2082eq/kWh (Life cycle),Data source\n"
        "2025-01-01 01:00:00,Germany,Germany,DE,1,4,\"a, b\"\n2025-01-01 00:00:00,Germany,Germany,DE,1,3,c\n",
        false,
        "# zone: DE\n# kind: average\n# scope: life-cycle\n# basis: consumption\n# source: here\n"
        "utc_time,gco2_per_kwh\n2025-01-01T00:00:00Z,3\n2025-01-01T01:00:00Z,4\n");
    refused("electricitymaps", "time,co2\n", "f:1: expected columns 'Datetime (UTC)', 'Zone id'");
    refused("electricitymaps", HEAD, "expected rows with values");
    refused("electricitymaps", HEAD ROW("noon", "1", "2"), "f:2: expected a time");
    refused("electricitymaps", HEAD ROW("2023-01-01 00:00:00", "1", "low"),
            "f:2: expected 0 to 10000 grams per kWh");
    refused("electricitymaps", HEAD "2023-01-01 00:00:00,x\n", "f:2: expected 6 columns or more, found 2");
    refused("electricitymaps", HEAD ROW("2023-01-01 00:00:00", "1", "2") "2023-01-01 01:00:00,x,y,DE,1,2\n",
            "f:3: expected one zone, 'KR', found 'DE'");
    refused("electricitymaps", HEAD ROW("2023-01-01", "1", "2") ROW("2023-01-02", "1", "2"), /* days */
            "found none between 2023-01-01T00:00:00Z and 2023-01-02T00:00:00Z");
}

static void carbon_intensity_uk(void **state)
{
    (void)state;
    /* 00:00: mean of 63 and 66; the second half-hour has not been measured */
    gives("carbonintensity-uk",
          "{\"data\": [{\"from\": \"2023-01-01T00:00Z\", \"intensity\": {\"forecast\": 70, \"actual\": 63}},"
          "{\"from\": \"2023-01-01T00:30Z\", \"intensity\": {\"forecast\": 66, \"actual\": null}},"
          "{\"from\": \"2023-01-01T01:00Z\", \"intensity\": {\"forecast\": 70, \"actual\": 71}}]}",
          false,
          "# zone: GB\n# tz: Europe/London\n# kind: average\n# scope: direct\n# basis: consumption\n"
          "# source: here\nutc_time,gco2_per_kwh\n2023-01-01T00:00:00Z,64.5\n2023-01-01T01:00:00Z,71\n");
    refused("carbonintensity-uk", "{", "f:1: ");
    refused("carbonintensity-uk", "{\"error\": {}}", "f: expected an array named data");
    refused("carbonintensity-uk", "{\"data\": [{\"from\": \"2023-01-01T00:00Z\"}]}",
            "f: data[0]: expected a time");
    refused("carbonintensity-uk", "{\"data\": []}", "expected rows with values");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(electricity_maps),
        cmocka_unit_test(carbon_intensity_uk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

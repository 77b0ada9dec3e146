/* Android's dumps: `dumpsys thermalservice` and `dumpsys battery` in the forms that devices give.
 */
#include "tests/unit/probes/suites.h"

#include "probes/android_thermal.h"
#include "probes/battery.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- thermalservice ---- */

static struct aglm_android_thermal t;

static const char phone[] =
    "IsStatusOverride: false\nThermalEventListeners:\n\tcallbacks: 1\n\tkilled: false\n"
    "Thermal Status: 0\nCached temperatures:\n"
    "\tTemperature{mValue=25.6, mType=0, mName=AP, mStatus=0}\n"
    "\tTemperature{mValue=0.0, mType=2, mName=SUBBAT, mStatus=0}\n"
    "HAL Ready: true\nHAL connection:\n\tThermalHAL 2.0 connected: yes\n"
    "Current temperatures from HAL:\n"
    "\tTemperature{mValue=26.5, mType=0, mName=AP, mStatus=0}\n"
    "\tTemperature{mValue=23.8, mType=2, mName=BAT, mStatus=1}\n"
    "\tTemperature{mValue=-3.25, mType=3, mName=skin, of glass, mStatus=-1}\n"
    "\tTemperature{mValue=0.0, mType=4, mName=USB, mStatus=0}\n"
    "\tTemperature{mValue=NaN, mType=5, mName=PA, mStatus=0}\n"
    "\tTemperature{mValue=1e9, mType=1, mName=GPU, mStatus=9}\n"
    "Current cooling devices from HAL:\n"
    "\tCoolingDevice{mValue=0, mType=2, mName=thermal-cpufreq-0}\n"
    "\tCoolingDevice{mValue=3, mType=2, mName=thermal-cpufreq-1}\n"
    "Temperature static thresholds from HAL:\n"
    "\tTemperatureThreshold{mType=0, mName=AP, mHotThrottlingThresholds=[NaN, NaN, NaN, 95.0, NaN, "
    "NaN, 115.0], mColdThrottlingThresholds=[NaN, NaN, NaN, NaN, NaN, NaN, NaN]}\n"
    "\tTemperatureThreshold{mType=3, mName=skin, of glass, mHotThrottlingThresholds=[39.0]}\n"
    "\tTemperatureThreshold{mType=7, mName=nobody, mHotThrottlingThresholds=[1.0, 2.0]}\n";

START_TEST(thermal_phone)
{
    ck_assert_int_eq(aglm_android_thermal_parse(&t, phone), 0);
    ck_assert(!t.overridden);
    ck_assert_int_eq(t.status, 0);
    ck_assert_str_eq(t.hal, "2.0");
    ck_assert_uint_eq(t.n, 6);
    ck_assert_str_eq(t.v[0].name, "AP");
    ck_assert_double_eq(t.v[0].degc, 26.5);
    ck_assert_double_eq(t.v[0].hot[3], 95);
    ck_assert_double_eq(t.v[0].hot[6], 115);
    ck_assert_double_nan(t.v[0].hot[0]);
    ck_assert_double_nan(t.v[0].hot[4]);
    ck_assert_int_eq(t.v[1].type, 2);
    ck_assert_int_eq(t.v[1].status, 1);
    ck_assert_str_eq(t.v[2].name, "skin, of glass");
    ck_assert_double_eq(t.v[2].degc, -3.25);
    ck_assert_double_eq(t.v[2].hot[0], 39);
    ck_assert_double_nan(t.v[2].hot[1]);
    for (size_t i = 3; i < 6; i++)
        ck_assert_double_nan(t.v[i].degc);
    ck_assert_int_eq(t.v[5].status, -1);
    ck_assert_uint_eq(t.cooling, 2);
    ck_assert_uint_eq(t.cooling_active, 1);
}
END_TEST

/* Without a section of the HAL's, the cached ones count. */
START_TEST(thermal_newer)
{
    ck_assert_int_eq(
        aglm_android_thermal_parse(
            &t, "IsStatusOverride: true\r\nThermal Status: 3\r\nCached temperatures:\r\n"
                " Temperature{mValue=41.5, mType=3, mName=VIRTUAL-SKIN, mStatus=3}\r\n"
                "HAL Ready: true\r\nHAL connection:\r\n\tThermalHAL AIDL 1  connected: yes\r\n"
                "Current temperatures from HAL:\r\n"),
        0);
    ck_assert(t.overridden);
    ck_assert_int_eq(t.status, 3);
    ck_assert_str_eq(aglm_android_status_word(t.status), "severe");
    ck_assert_str_eq(t.hal, "AIDL 1");
    ck_assert_uint_eq(t.n, 1);
    ck_assert_double_eq(t.v[0].degc, 41.5);
    ck_assert_str_eq(aglm_android_type_word(t.v[0].type), "skin");
}
END_TEST

static const struct {
    const char *text;
    int rc, status;
} statuses[] = {
    {"Thermal Status: -1\n", 0, -1},
    {"Thermal Status: 6\n", 0, 6},
    {"Thermal Status: 7\n", 0, AGLM_ANDROID_NO_STATUS},
    {"Thermal Status: 1.5\n", 0, AGLM_ANDROID_NO_STATUS},
    {"Thermal Status: 0x1\n", 0, AGLM_ANDROID_NO_STATUS},
    {"Thermal Status:\n", 0, AGLM_ANDROID_NO_STATUS},
    {"IsStatusOverride: false\n", 0, AGLM_ANDROID_NO_STATUS},
    {"HAL connection:\n\tThermalHAL 2.0 connected: no\n", -EILSEQ, AGLM_ANDROID_NO_STATUS},
    {"no such thing", -EILSEQ, AGLM_ANDROID_NO_STATUS},
    {"", -EILSEQ, AGLM_ANDROID_NO_STATUS},
};

START_TEST(thermal_status)
{
    ck_assert_int_eq(aglm_android_thermal_parse(&t, statuses[_i].text), statuses[_i].rc);
    ck_assert_int_eq(t.status, statuses[_i].status);
    ck_assert_str_eq(t.hal, "");
    ck_assert_uint_eq(t.n, 0);
}
END_TEST

/* More sensors than there is room for, and a line without end. */
START_TEST(thermal_many)
{
    static char text[64 * 1024];
    size_t at = (size_t)sprintf(text, "Thermal Status: 0\nCurrent temperatures from HAL:\n");
    for (int i = 0; i < AGLM_ANDROID_SENSORS_MAX + 50; i++)
        at += (size_t)sprintf(text + at,
                              "Temperature{mValue=30.0, mType=0, mName=s%d, mStatus=0}\n", i);
    memset(text + at, 'x', 20000);
    ck_assert_int_eq(aglm_android_thermal_parse(&t, text), 0);
    ck_assert_uint_eq(t.n, AGLM_ANDROID_SENSORS_MAX);
    ck_assert_str_eq(t.v[AGLM_ANDROID_SENSORS_MAX - 1].name, "s127");
}
END_TEST

/* ---- battery ---- */

#define HEAD "Current Battery Service state:\n"
#define NONE -1e9 /* stands for NaN below */

static const struct {
    const char *text;
    enum aglm_battery_state state;
    double percent, volts, degc, amperes, ampere_hours;
    const char *mains, *health;
    bool turned;
} dumps[] = {
    /* a phone of today, on its battery */
    {HEAD "  AC powered: false\n  USB powered: false\n  Wireless powered: false\n"
          "  Dock powered: false\n  Max charging current: 0\n  Max charging voltage: 0\n"
          "  Charge counter: 2894000\n  status: 3\n  health: 2\n  present: true\n  level: 84\n"
          "  scale: 100\n  voltage: 4063\n  temperature: 326\n  technology: Li-ion\n",
     AGLM_BATTERY_DISCHARGING, 84, 4.063, 32.6, NONE, 2.894, "", "good", false},
    /* one with the maker's own lines below: other capitals, and a current in mA */
    {HEAD "  mBootCompleted: true\n  AC powered: false\n  USB powered: true\n"
          "  Charge counter: 0\n  status: 2\n  health: 3\n  present: true\n  level: 84\n"
          "  scale: 100\n  voltage: 4063\n  temperature: 326\n  technology: Li-ion\n"
          "  current now: 321\n  charge counter: 0\n",
     AGLM_BATTERY_CHARGING, 84, 4.063, 32.6, 0.321, NONE, "USB", "overheat", false},
    /* the same, discharging, positive where it flows out */
    {HEAD "  status: 3\n  level: 42\n  scale: 50\n  voltage: 3700\n  temperature: -52\n"
          "  current now: 321\n",
     AGLM_BATTERY_DISCHARGING, 84, 3.7, -5.2, -0.321, NONE, "", "", true},
    /* a set-top box: volts and whole degrees */
    {HEAD "  AC powered: true\n  Charge counter: 1000\n  status: 4\n  health: 2\n"
          "  present: true\n  level: 90\n  scale: 100\n  voltage: 13\n  temperature: 26\n",
     AGLM_BATTERY_IDLE, 90, 13, 26, NONE, NONE, "AC", "good", false},
    /* carriage returns; figures that no battery has */
    {HEAD "  status: 9\r\n  level: 101\r\n  voltage: 0\r\n  temperature: 9999\r\n"
          "  current now: 99999999\r\n  health: 77\r\n",
     AGLM_BATTERY_UNKNOWN, NONE, NONE, NONE, NONE, NONE, "", "", false},
    {HEAD "  status: 5\n  level: x\n  voltage: 4063mV\n  temperature: 0\n  current now: 0\n",
     AGLM_BATTERY_FULL, NONE, NONE, NONE, 0, NONE, "", "", false},
};

static void same(double is, double expected)
{
    if (expected == NONE)
        ck_assert_double_nan(is);
    else
        ck_assert_double_eq_tol(is, expected, 1e-9);
}

static struct aglm_battery nothing(void)
{
    return (struct aglm_battery){.percent = NAN,
                                 .volts = NAN,
                                 .degc = NAN,
                                 .amperes = NAN,
                                 .amperes_hours = NAN,
                                 .code = -ENOENT,
                                 .amperes_code = -ENOENT,
                                 .source = "/sys/class/power_supply"};
}

START_TEST(battery_dumps)
{
    struct aglm_battery b = nothing();
    ck_assert_int_eq(aglm_battery_merge_dump(&b, dumps[_i].text), 0);
    ck_assert(b.present);
    ck_assert_int_eq(b.code, 0);
    ck_assert_int_eq(b.state, dumps[_i].state);
    same(b.percent, dumps[_i].percent);
    same(b.volts, dumps[_i].volts);
    same(b.degc, dumps[_i].degc);
    same(b.amperes, dumps[_i].amperes);
    same(b.amperes_hours, dumps[_i].ampere_hours);
    ck_assert_str_eq(b.mains, dumps[_i].mains);
    ck_assert_str_eq(b.health, dumps[_i].health);
    ck_assert(b.turned == dumps[_i].turned);
    ck_assert_str_eq(b.source, "dumpsys battery");
}
END_TEST

START_TEST(battery_refused)
{
    struct aglm_battery b = nothing();
    ck_assert_int_eq(aglm_battery_merge_dump(&b, ""), -EILSEQ);
    ck_assert_int_eq(aglm_battery_merge_dump(&b, "level: 84\nstatus: 2\n"), -EILSEQ);
    ck_assert_int_eq(aglm_battery_merge_dump(&b, HEAD), -EILSEQ);
    ck_assert_int_eq(aglm_battery_merge_dump(
                         &b, HEAD "  (UPDATES STOPPED -- use 'reset' to restart)\n  level: 3\n"),
                     -ECANCELED);
    ck_assert(!b.present && b.code == -ENOENT);
    ck_assert_int_eq(aglm_battery_merge_dump(&b, HEAD "  present: false\n  level: 0\n"), 0);
    ck_assert(!b.present && b.code == 0);
}
END_TEST

/* What the files said is kept. */
START_TEST(battery_merged)
{
    struct aglm_battery b = nothing();
    b.present = true;
    b.state = AGLM_BATTERY_DISCHARGING;
    b.amperes = -0.5;
    b.volts = 3.9;
    ck_assert_int_eq(aglm_battery_merge_dump(&b, dumps[1].text), 0);
    ck_assert_int_eq(b.state, AGLM_BATTERY_DISCHARGING);
    ck_assert_double_eq(b.amperes, -0.5);
    ck_assert_double_eq(b.volts, 3.9);
    ck_assert_double_eq(b.percent, 84);
    ck_assert_str_eq(b.source, "/sys/class/power_supply");
}
END_TEST

static const struct {
    int64_t raw;
    double volts, amperes; /* while discharging */
} units[] = {
    {0, NONE, NONE},
    {1, 1, 0.001},
    {60, 60, 0.06},
    {61, NONE, 0.061},
    {999, NONE, 0.999},
    {3700, 3.7, 3.7},
    {10000, 10, 10},
    {10001, 10.001, 0.010001},
    {60001, NONE, 0.060001},
    {999999, NONE, 0.999999},
    {3700000, 3.7, 3.7},
    {-450000, NONE, -0.45},
    {-450, NONE, -0.45},
    {20000000, 20, 20},
    {20000001, 20.000001, NONE},
    {-20000001, NONE, NONE},
    {60000001, NONE, NONE},
    {INT64_MAX, NONE, NONE},
    {INT64_MIN, NONE, NONE},
};

START_TEST(battery_units)
{
    same(aglm_battery_volts(units[_i].raw), units[_i].volts);
    same(aglm_battery_amperes(units[_i].raw, AGLM_BATTERY_DISCHARGING), units[_i].amperes);
    if (units[_i].raw == 0) {
        same(aglm_battery_amperes(0, AGLM_BATTERY_FULL), 0);
        same(aglm_battery_amperes(0, AGLM_BATTERY_CHARGING), NONE);
    }
}
END_TEST

Suite *android_suite(void)
{
    Suite *suite = suite_create("android");
    TCase *tc = tcase_create("android");
    tcase_add_test(tc, thermal_phone);
    tcase_add_test(tc, thermal_newer);
    tcase_add_loop_test(tc, thermal_status, 0, (int)(sizeof(statuses) / sizeof(*statuses)));
    tcase_add_test(tc, thermal_many);
    tcase_add_loop_test(tc, battery_dumps, 0, (int)(sizeof(dumps) / sizeof(*dumps)));
    tcase_add_test(tc, battery_refused);
    tcase_add_test(tc, battery_merged);
    tcase_add_loop_test(tc, battery_units, 0, (int)(sizeof(units) / sizeof(*units)));
    suite_add_tcase(suite, tc);
    return suite;
}

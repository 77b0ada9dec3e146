/* Power and heat as facts of a profile, from made-up trees: battery files in all units and signs,
 * energy counters, trip points, cooling devices, Android's services. */
#include "tests/unit/probes/suites.h"
#include "tests/unit/probes/tree.h"

#include "probes/profile.h"
#include "probes/rapl.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tree tree;
static struct aglm_profile *profile;

static void setup(void)
{
    tree_make(&tree);
}

static void teardown(void)
{
    aglm_profile_destroy(&profile);
    tree_remove(&tree);
}

static void load(void)
{
    const struct aglm_profile_options options = {.root = tree.root};
    struct aglm_err err = {0};
    aglm_profile_destroy(&profile);
    ck_assert_msg(aglm_profile_create(&profile, &options, &err) == 0, "%s", err.msg);
}

/* A fact as text: "value unit", or "?reason"; "-" if there is none. */
static const char *shown(const char *key)
{
    static char buf[512];
    const struct aglm_fact *f = aglm_profile_find(profile, key);
    if (!f)
        return "-";
    if (f->kind == AGLM_FACT_NUMBER)
        snprintf(buf, sizeof(buf), "%.10g %s", f->number, f->unit);
    else
        snprintf(buf, sizeof(buf), "%s%s", f->kind == AGLM_FACT_UNKNOWN ? "?" : "", f->text);
    return buf;
}

#define is(key, text) ck_assert_msg(strcmp(shown(key), text) == 0, "%s: %s", key, shown(key))

static void supply(const char *name, const char *const files[][2])
{
    char path[128], text[64];
    for (size_t i = 0; files[i][0]; i++) {
        snprintf(path, sizeof(path), "/sys/class/power_supply/%s/%s", name, files[i][0]);
        snprintf(text, sizeof(text), "%s\n", files[i][1]);
        tree_text(&tree, path, text);
    }
}

/* ---- battery ---- */

static const struct {
    const char *status, *volts, *current;
    const char *shown_volts, *shown_current, *sign, *draw, *energy;
} batteries[] = {
    /* by the kernel's rule */
    {"Discharging", "3850000", "-412000", "3.85 V", "-412 mA", "-", "1.586 W",
     "from the battery's current and voltage"},
    /* the sign turned round, mA, mV */
    {"Discharging", "3850", "412", "3.85 V", "-412 mA",
     "turned: this driver counts it the other way round", "1.586 W",
     "from the battery's current and voltage"},
    {"Charging", "4200000", "1500000", "4.2 V", "1500 mA", "-", "-",
     "?charging: energy cannot be measured"},
    {"Charging", "4200000", "-1500", "4.2 V", "1500 mA",
     "turned: this driver counts it the other way round", "-",
     "?charging: energy cannot be measured"},
    {"Full", "4350000", "0", "4.35 V", "0 mA", "-", "-",
     "?on external power: energy cannot be measured"},
    {"Not charging", "4350000", "0", "4.35 V", "0 mA", "-", "-",
     "?on external power: energy cannot be measured"},
    /* figures that cannot be */
    {"Discharging", "385000000", "412000", "?not there, or implausible", "-412 mA",
     "turned: this driver counts it the other way round", "?not there, or implausible",
     "?the battery's voltage is unknown"},
    {"Discharging", "3850000", "0", "3.85 V", "?implausible value", "-",
     "?not there, or implausible", "?the battery's current: implausible value"},
    {"Discharging", "3850000", "many", "3.85 V", "?garbage", "-", "?not there, or implausible",
     "?the battery's current: garbage"},
};

START_TEST(battery_files)
{
    supply("bat", (const char *const[][2]){{"type", "Battery"},
                                           {"status", batteries[_i].status},
                                           {"capacity", "73"},
                                           {"temp", "287"},
                                           {"voltage_now", batteries[_i].volts},
                                           {"current_now", batteries[_i].current},
                                           {NULL}});
    load();
    is("power.battery.level", "73 percent");
    is("power.battery.temperature", "28.7 degC");
    is("power.battery.voltage", batteries[_i].shown_volts);
    is("power.battery.current", batteries[_i].shown_current);
    is("power.battery.sign", batteries[_i].sign);
    is("power.battery.draw", batteries[_i].draw);
    is("power.energy", batteries[_i].energy);
}
END_TEST

/* A mouse's battery does not power the device. */
START_TEST(battery_others)
{
    supply("hidpp_0",
           (const char *const[][2]){
               {"type", "Battery"}, {"scope", "Device"}, {"status", "Discharging"}, {NULL}});
    load();
    is("power.battery", "none");
    is("power.energy", "?no energy counter and no battery");
    supply("AC", (const char *const[][2]){{"type", "Mains"}, {"online", "1"}, {NULL}});
    supply("usb", (const char *const[][2]){{"type", "USB"}, {"online", "0"}, {NULL}});
    supply("BAT0", (const char *const[][2]){
                       {"type", "Battery"}, {"status", "Charging"}, {"health", "Good"}, {NULL}});
    load();
    is("power.battery", "charging, fed by Mains");
    is("power.battery.health", "Good");
    is("power.battery.current", "?not there");
}
END_TEST

START_TEST(battery_service)
{
    tree_text(&tree, "/commands/dumpsys_battery",
              "Current Battery Service state:\n  USB powered: true\n  status: 2\n  level: 84\n"
              "  scale: 100\n  voltage: 4063\n  temperature: 326\n");
    load();
    is("power.battery", "charging, fed by USB");
    is("power.battery.voltage", "4.063 V");
    is("power.energy", "?charging: energy cannot be measured");
    ck_assert_str_eq(aglm_profile_find(profile, "power.battery")->source, "dumpsys battery");
    tree_text(&tree, "/commands/dumpsys_battery", "Permission Denial: not you\n");
    load();
    is("power.battery.service", "?denied");
    is("power.battery", "?not there");
    tree_text(&tree, "/commands/dumpsys_battery", "rubbish\n");
    load();
    is("power.battery.service", "?garbage");
    tree_text(&tree, "/commands/dumpsys_battery",
              "Current Battery Service state:\n  (UPDATES STOPPED -- use 'reset' to restart)\n"
              "  level: 50\n  status: 3\n");
    load();
    is("power.battery.service", "?its values were set by hand (dumpsys battery reset undoes it)");
    is("power.battery", "?not there");
}
END_TEST

/* ---- energy counters ---- */

static void domain(const char *folder, const char *name, const char *uj)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/name", folder);
    tree_text(&tree, path, name);
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/energy_uj", folder);
    tree_text(&tree, path, uj);
    snprintf(path, sizeof(path), "/sys/class/powercap/%s/max_energy_range_uj", folder);
    tree_text(&tree, path, "999999\n");
}

START_TEST(rapl)
{
    struct aglm_fsroot fs;
    struct aglm_rapl before, after;
    tree_folder(&tree, "/sys/class/powercap/intel-rapl");
    domain("intel-rapl:0", "package-0\n", "900000\n");
    domain("intel-rapl:0:0", "core\n", "1\n");
    domain("intel-rapl:1", "psys\n", "5\n");
    load();
    is("power.rapl:0", "0.9 J");
    is("power.rapl:0:0", "0 J");
    is("power.energy", "from the processor's counters (RAPL)");
    ck_assert_int_eq(aglm_fsroot_open(&fs, tree.root, NULL), 0);
    aglm_rapl_read(&before, &fs);
    ck_assert_uint_eq(before.n, 3);
    domain("intel-rapl:0", "package-0\n", "950000\n");
    domain("intel-rapl:0:0", "core\n", "400000\n");
    aglm_rapl_read(&after, &fs);
    ck_assert_double_eq_tol(aglm_rapl_joules(&before, &after), 0.05, 1e-12);
    /* it wraps at its range */
    domain("intel-rapl:0", "package-0\n", "100000\n");
    aglm_rapl_read(&after, &fs);
    ck_assert_double_eq_tol(aglm_rapl_joules(&before, &after), 0.2, 1e-12);
    /* a counter that cannot be read makes the sum unknown, and is no zero */
    domain("intel-rapl:0", "package-0\n", "rubbish\n");
    aglm_rapl_read(&after, &fs);
    ck_assert_double_nan(aglm_rapl_joules(&before, &after));
    load();
    is("power.rapl:0", "?garbage");
    is("power.energy", "?the processor's counters: garbage");
    aglm_fsroot_close(&fs);
}
END_TEST

/* ---- heat ---- */

static void zone(const char *file, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), "/sys/class/thermal/%s", file);
    tree_text(&tree, path, text);
}

START_TEST(trips_and_cooling)
{
    zone("thermal_zone0/type", "cpu-thermal\n");
    zone("thermal_zone0/temp", "45500\n");
    zone("thermal_zone0/trip_point_0_temp", "115000\n");
    zone("thermal_zone0/trip_point_0_type", "critical\n");
    zone("thermal_zone0/trip_point_1_temp", "85000\n");
    zone("thermal_zone0/trip_point_1_type", "passive\n");
    zone("thermal_zone0/trip_point_2_temp", "85000\n");
    zone("thermal_zone0/trip_point_2_type", "passive\n");
    zone("thermal_zone0/trip_point_3_temp", "-274000\n"); /* switched off */
    zone("thermal_zone0/trip_point_3_type", "hot\n");
    zone("thermal_zone0/trip_point_10_temp", "95000\n");
    zone("thermal_zone0/trip_point_0_hyst", "2000\n");
    zone("thermal_zone1/temp", "30000\n");
    load();
    is("thermal.hottest", "45.5 degC");
    is("thermal.zone0", "45.5 degC");
    is("thermal.zone0.trips", "passive at 85.0 °C, trip at 95.0 °C, critical at 115.0 °C");
    is("thermal.zone1.trips", "-");
    is("thermal.cooling", "?no cooling devices");
    zone("cooling_device0/type", "cpufreq-cpu0\n");
    zone("cooling_device0/cur_state", "0\n");
    zone("cooling_device0/max_state", "12\n");
    zone("cooling_device1/type", "Processor\n");
    zone("cooling_device2/type", "Processor\n");
    load();
    is("thermal.cooling", "cpufreq-cpu0, Processor (2); at work: none");
    zone("cooling_device0/cur_state", "3\n");
    load();
    is("thermal.cooling", "cpufreq-cpu0, Processor (2); at work: cpufreq-cpu0 3 of 12");
}
END_TEST

START_TEST(thermal_service)
{
    tree_text(&tree, "/commands/dumpsys_thermalservice",
              "IsStatusOverride: false\nThermal Status: 2\nHAL Ready: true\n"
              "Current temperatures from HAL:\n"
              "\tTemperature{mValue=46.5, mType=3, mName=SKIN, mStatus=2}\n"
              "\tTemperature{mValue=61.25, mType=0, mName=BIG, mStatus=0}\n"
              "Temperature static thresholds from HAL:\n"
              "\tTemperatureThreshold{mType=3, mName=SKIN, mHotThrottlingThresholds=[NaN, 39.0, "
              "43.0, 45.0, NaN, NaN, 55.0]}\n");
    load();
    is("thermal.status", "moderate");
    is("thermal.hottest", "61.25 degC");
    is("thermal.sensor0", "46.5 degC");
    is("thermal.sensor0.trips",
       "light at 39.0 °C, moderate at 43.0 °C, severe at 45.0 °C, shutdown at 55.0 °C");
    ck_assert_str_eq(aglm_profile_find(profile, "thermal.sensor1")->label, "BIG (CPU)");
    tree_text(&tree, "/commands/dumpsys_thermalservice",
              "IsStatusOverride: true\nThermal Status: 4\nCurrent temperatures from HAL:\n"
              "\tTemperature{mValue=61.25, mType=0, mName=BIG, mStatus=0}\n");
    load();
    is("thermal.status", "?set by hand (cmd thermalservice reset undoes it)");
    is("thermal.sensor0", "-");
    is("thermal.hottest", "?not there");
    tree_text(&tree, "/commands/dumpsys_thermalservice", "Permission Denial: not you\n");
    load();
    is("thermal.status", "?denied");
}
END_TEST

Suite *power_suite(void)
{
    Suite *suite = suite_create("power");
    TCase *tc = tcase_create("power");
    tcase_set_timeout(tc, 60);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, battery_files, 0, (int)(sizeof(batteries) / sizeof(*batteries)));
    tcase_add_test(tc, battery_others);
    tcase_add_test(tc, battery_service);
    tcase_add_test(tc, rapl);
    tcase_add_test(tc, trips_and_cooling);
    tcase_add_test(tc, thermal_service);
    suite_add_tcase(suite, tc);
    return suite;
}

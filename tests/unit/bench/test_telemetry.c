/* Telemetry: what a window's readings come to, the sensors on a tree whose files change, the thread
 * that reads them, Android's services around it.
 *
 * Nothing here depends on time: a test waits for readings, not for a while. Allocations of our own
 * code are counted by the linker's --wrap. */
#include "tests/unit/probes/tree.h"

#include "bench/telemetry.h"
#include "bench/telemetry_window.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static atomic_uint allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

static struct tree tree;
static struct aglm_sensors *sensors;
static struct aglm_telemetry *telemetry;
static struct aglm_during during;

static void setup(void)
{
    tree_make(&tree);
}

static void teardown(void)
{
    aglm_telemetry_destroy(&telemetry);
    aglm_sensors_close(&sensors);
    tree_remove(&tree);
}

/* ---- a window ---- */

static struct aglm_window window;

#define SECOND UINT64_C(1000000000)

static struct aglm_reading reading_of(enum aglm_energy_how how, double value)
{
    struct aglm_reading r = {.temperature_degc = NAN,
                             .frequency_khz = NAN,
                             .limit_percent = NAN,
                             .cooling_percent = NAN,
                             .throttles = NAN,
                             .battery_degc = NAN,
                             .watts = how == AGLM_ENERGY_BATTERY ? value : NAN,
                             .joules = how == AGLM_ENERGY_RAPL ? value : NAN,
                             .energy = {.how = how}};
    snprintf(r.energy.words, sizeof(r.energy.words), "words %d", (int)how);
    return r;
}

/* Three readings, one each `ns`; the energy's words come out. */
static const char *energy_of(uint64_t ns, const enum aglm_energy_how how[3], const double value[3])
{
    aglm_window_init(&window);
    aglm_window_open(&window);
    for (unsigned i = 0; i < 3; i++) {
        const struct aglm_reading r = reading_of(how[i], value[i]);
        aglm_window_add(&window, 5 * SECOND + i * ns, &r);
    }
    aglm_window_finish(&window, &during);
    return during.energy;
}

#define U AGLM_ENERGY_UNKNOWN
#define R AGLM_ENERGY_RAPL
#define B AGLM_ENERGY_BATTERY

static const struct {
    uint64_t ns;
    enum aglm_energy_how how[3];
    double value[3];
    double joules;
    const char *words;
} energies[] = {
    {SECOND, {R, R, R}, {1, 4, 11}, 10, "words 1"},
    {SECOND / 100,
     {R, R, R},
     {1, 4, 11},
     NAN,
     "too short for the processor's counters (under 0.1 s)"},
    {3 * SECOND, {B, B, B}, {2, 4, 2}, 18, "words 2"},
    {2 * SECOND, {B, B, B}, {2, 4, 2}, NAN, "too short for the battery's gauge (under 5 s)"},
    {3 * SECOND, {B, B, B}, {2, NAN, 2}, NAN, "its source changed or failed meanwhile"},
    {3 * SECOND, {B, U, B}, {2, 4, 2}, NAN, "words 0"}, /* charged in between */
    {3 * SECOND, {U, B, B}, {2, 4, 2}, NAN, "words 0"},
    {3 * SECOND, {B, R, R}, {2, 4, 2}, NAN, "its source changed or failed meanwhile"},
    {3 * SECOND, {R, R, R}, {2, 4, 1}, NAN, "its source changed or failed meanwhile"},
    {3 * SECOND, {R, R, R}, {1, NAN, 7}, 6, "words 1"}, /* one failed read costs nothing */
    {3 * SECOND, {U, U, U}, {0, 0, 0}, NAN, "words 0"},
};

START_TEST(window_energy)
{
    ck_assert_str_eq(energy_of(energies[_i].ns, energies[_i].how, energies[_i].value),
                     energies[_i].words);
    if (isnan(energies[_i].joules)) {
        ck_assert_double_nan(during.joules);
    } else {
        ck_assert_double_eq_tol(during.joules, energies[_i].joules, 1e-9);
    }
}
END_TEST

static void add(double degc, double khz, double limit, double cooling, double throttles)
{
    struct aglm_reading r = reading_of(AGLM_ENERGY_UNKNOWN, NAN);
    r.temperature_degc = degc;
    r.frequency_khz = khz;
    r.limit_percent = limit;
    r.cooling_percent = cooling;
    r.throttles = throttles;
    aglm_window_add(&window, SECOND, &r);
}

START_TEST(window_figures)
{
    aglm_window_init(&window);
    aglm_window_open(&window);
    add(40, 2e6, 100, 0, 7);
    add(NAN, NAN, NAN, NAN, NAN);
    add(70, 1e6, 60, 25, 9);
    add(50, 3e6, 80, 10, 9);
    aglm_window_finish(&window, &during);
    ck_assert_uint_eq(during.readings, 4);
    ck_assert(during.temperature_min_degc == 40 && during.temperature_median_degc == 50 &&
              during.temperature_max_degc == 70);
    ck_assert_double_eq(during.frequency_low_khz, 1e6);
    ck_assert(during.limit_low_percent == 60 && during.limit_top_percent == 100);
    ck_assert(during.cooling_max_percent == 25 && during.cooling_floor_percent == 0);
    ck_assert_double_eq(during.throttles, 2);
    /* The next window starts anew, but remembers how the device was before it slowed down. */
    aglm_window_open(&window);
    add(60, 1e6, 60, 25, 3);
    add(60, 1e6, 60, 25, 2);
    aglm_window_finish(&window, &during);
    ck_assert_uint_eq(during.readings, 2);
    ck_assert_double_eq(during.temperature_min_degc, 60);
    ck_assert(during.limit_low_percent == 60 && during.limit_top_percent == 100);
    ck_assert(during.cooling_max_percent == 25 && during.cooling_floor_percent == 0);
    ck_assert_double_nan(during.throttles); /* counters do not run backwards */
}
END_TEST

START_TEST(window_longer_than_the_ring)
{
    aglm_window_init(&window);
    aglm_window_open(&window);
    add(10, NAN, NAN, NAN, NAN);
    for (unsigned i = 0; i < AGLM_WINDOW_TEMPERATURES; i++) {
        add(50, NAN, NAN, NAN, NAN);
    }
    aglm_window_finish(&window, &during);
    ck_assert_uint_eq(during.readings, AGLM_WINDOW_TEMPERATURES + 1);
    ck_assert(during.temperature_min_degc == 10 && during.temperature_median_degc == 50);
}
END_TEST

/* ---- sensors on a tree ---- */

#define ZONE "/sys/class/thermal/thermal_zone"
#define COOLER "/sys/class/thermal/cooling_device"
#define CPU "/sys/devices/system/cpu"
#define BATTERY "/sys/class/power_supply/battery/"
#define RAPL "/sys/class/powercap/intel-rapl:0/"

static void cpu_file(unsigned cpu, const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof(path), CPU "/cpu%u/%s", cpu, name);
    tree_text(&tree, path, text);
}

static void make_cpus(void)
{
    tree_text(&tree, CPU "/online", "0-3\n");
    for (unsigned cpu = 0; cpu < 4; cpu++) {
        cpu_file(cpu, "cpufreq/scaling_cur_freq", cpu < 2 ? "500000\n" : "2000000\n");
        cpu_file(cpu, "cpufreq/scaling_max_freq", cpu < 2 ? "1000000\n" : "2000000\n");
        cpu_file(cpu, "cpufreq/cpuinfo_max_freq", cpu < 2 ? "1000000\n" : "2500000\n");
        cpu_file(cpu, "cpufreq/related_cpus", cpu < 2 ? "0 1\n" : "2 3\n");
        cpu_file(cpu, "thermal_throttle/core_throttle_count", "5\n");
    }
}

static void open_sensors(void)
{
    aglm_sensors_close(&sensors);
    ck_assert_int_eq(aglm_sensors_open(&sensors, tree.root, NULL), 0);
}

static struct aglm_reading now(void)
{
    struct aglm_reading r;
    aglm_sensors_read(sensors, &r);
    return r;
}

START_TEST(sensors_of_nothing)
{
    open_sensors();
    const struct aglm_reading r = now();
    ck_assert(isnan(r.temperature_degc) && isnan(r.frequency_khz) && isnan(r.limit_percent));
    ck_assert(isnan(r.cooling_percent) && isnan(r.throttles) && isnan(r.watts) && isnan(r.joules));
    ck_assert_str_eq(r.energy.words, "no energy counter and no battery");
}
END_TEST

START_TEST(sensors_temperature)
{
    tree_text(&tree, ZONE "0/temp", "41000\n");
    tree_text(&tree, ZONE "1/temp", "0\n"); /* off, and perhaps on later */
    tree_text(&tree, ZONE "2/temp", "rubbish\n");
    open_sensors();
    ck_assert_double_eq(now().temperature_degc, 41);
    tree_text(&tree, ZONE "1/temp", "55000\n");
    ck_assert_double_eq(now().temperature_degc, 55);
    tree_text(&tree, ZONE "2/temp", "999999\n");
    ck_assert_double_eq(now().temperature_degc, 55);
    tree_delete(&tree, ZONE "1/temp");
    tree_text(&tree, ZONE "0/temp", "42500\n");
    ck_assert_double_eq(now().temperature_degc, 42.5);
    tree_text(&tree, ZONE "0/temp", "");
    ck_assert_double_nan(now().temperature_degc);
}
END_TEST

START_TEST(sensors_frequencies)
{
    const struct aglm_cpulist little = {.bits = {3}}, big = {.bits = {12}};
    make_cpus();
    open_sensors();
    ck_assert_double_eq(now().frequency_khz, 2e6);
    ck_assert_double_eq(now().limit_percent, 80);
    ck_assert_double_eq(now().throttles, 20);
    aglm_sensors_watch(sensors, &little);
    ck_assert(now().frequency_khz == 5e5 && now().limit_percent == 100 && now().throttles == 10);
    cpu_file(1, "cpufreq/scaling_cur_freq", "900000\n"); /* shares CPU 0's, which is read */
    ck_assert_double_eq(now().frequency_khz, 5e5);
    cpu_file(0, "cpufreq/scaling_max_freq", "600000\n");
    ck_assert_double_eq(now().limit_percent, 60);
    aglm_sensors_watch(sensors, &big);
    cpu_file(2, "cpufreq/scaling_cur_freq", "-1\n");
    ck_assert_double_nan(now().frequency_khz);
    cpu_file(3, "thermal_throttle/core_throttle_count", "many\n"); /* a sum of some would jump */
    ck_assert_double_nan(now().throttles);
}
END_TEST

START_TEST(sensors_cooling)
{
    tree_text(&tree, COOLER "0/type", "thermal-cpufreq-0\n");
    tree_text(&tree, COOLER "0/max_state", "8\n");
    tree_text(&tree, COOLER "0/cur_state", "0\n");
    tree_text(&tree, COOLER "1/type", "pwm-fan\n");
    tree_text(&tree, COOLER "1/max_state", "4\n");
    tree_text(&tree, COOLER "1/cur_state", "4\n");
    open_sensors();
    ck_assert_double_eq(now().cooling_percent, 0); /* a fan does not slow anything */
    tree_text(&tree, COOLER "0/cur_state", "2\n");
    ck_assert_double_eq(now().cooling_percent, 25);
    tree_text(&tree, COOLER "0/cur_state", "9\n");
    ck_assert_double_nan(now().cooling_percent);
}
END_TEST

static void make_battery(const char *status, const char *current)
{
    tree_text(&tree, BATTERY "type", "Battery\n");
    tree_text(&tree, BATTERY "status", status);
    tree_text(&tree, BATTERY "voltage_now", "4000000\n");
    tree_text(&tree, BATTERY "current_now", current);
    tree_text(&tree, BATTERY "temp", "315\n");
}

START_TEST(sensors_battery)
{
    make_battery("Discharging\n", "500000\n"); /* counts the other way round, in uA */
    tree_text(&tree, "/sys/class/power_supply/usb/type", "USB\n");
    tree_text(&tree, "/sys/class/power_supply/usb/online", "0\n");
    open_sensors();
    ck_assert_double_eq_tol(now().watts, 2, 1e-9);
    ck_assert_double_eq(now().battery_degc, 31.5);
    ck_assert_int_eq(now().energy.how, AGLM_ENERGY_BATTERY);
    tree_text(&tree, BATTERY "current_now", "-750\n"); /* in mA */
    ck_assert_double_eq_tol(now().watts, 3, 1e-9);
    tree_text(&tree, "/sys/class/power_supply/usb/online", "1\n"); /* a charger too weak */
    ck_assert_double_nan(now().watts);
    ck_assert_str_eq(now().energy.words, "fed from outside too: energy cannot be measured");
    tree_text(&tree, BATTERY "status", "Charging\n");
    ck_assert_double_nan(now().watts);
    ck_assert_str_eq(now().energy.words, "charging: energy cannot be measured");
    tree_text(&tree, BATTERY "status", "Full\n");
    ck_assert_str_eq(now().energy.words, "on external power: energy cannot be measured");
    tree_text(&tree, "/sys/class/power_supply/usb/online", "0\n");
    tree_text(&tree, BATTERY "status", "Discharging\n");
    tree_text(&tree, BATTERY "current_now", "99999999999\n");
    ck_assert_double_nan(now().watts);
    ck_assert_str_eq(now().energy.words, "the battery's current: implausible value");
    tree_delete(&tree, BATTERY "current_now");
    ck_assert_str_eq(now().energy.words, "the battery's current: not there");
    tree_text(&tree, BATTERY "current_now", "-500000\n");
    tree_text(&tree, BATTERY "voltage_now", "rubbish\n");
    ck_assert_str_eq(now().energy.words, "the battery's voltage is unknown");
}
END_TEST

START_TEST(sensors_counters)
{
    tree_text(&tree, RAPL "name", "package-0\n");
    tree_text(&tree, RAPL "energy_uj", "5000000\n");
    tree_text(&tree, RAPL "max_energy_range_uj", "9999999\n");
    open_sensors();
    ck_assert_double_eq(now().joules, 0);
    tree_text(&tree, RAPL "energy_uj", "8000000\n");
    ck_assert_double_eq(now().joules, 3);
    tree_text(&tree, RAPL "energy_uj", "1000000\n"); /* past its range */
    ck_assert_double_eq_tol(now().joules, 6, 1e-9);
    tree_text(&tree, RAPL "energy_uj", "?\n");
    ck_assert_double_nan(now().joules);
    tree_text(&tree, RAPL "energy_uj", "2000000\n"); /* nothing is lost */
    ck_assert_double_eq_tol(now().joules, 7, 1e-9);
}
END_TEST

/* ---- the thread ---- */

static void start(unsigned period_ms)
{
    const struct aglm_telemetry_options options = {.root = tree.root, .period_ms = period_ms};
    struct aglm_err err = {0};
    ck_assert_msg(aglm_telemetry_create(&telemetry, &options, &err) == 0, "%s", err.msg);
}

/* Waits until the thread has taken n more readings; the test's time limit is the patience. */
static void wait_for(size_t n)
{
    const size_t have = aglm_telemetry_readings(telemetry);
    while (aglm_telemetry_readings(telemetry) < have + n)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
}

enum { HOUR_MS = 3600000 };

START_TEST(nobody_watches)
{
    aglm_telemetry_begin(NULL);
    aglm_telemetry_cpus(NULL, "0");
    memset(&during, 7, sizeof(during));
    aglm_telemetry_end(NULL, &during);
    ck_assert_uint_eq(during.readings, 0);
    ck_assert_int_eq(during.started_ms, 0);
    ck_assert_double_nan(during.temperature_max_degc);
    aglm_telemetry_destroy(NULL);
}
END_TEST

START_TEST(before_and_behind)
{
    make_cpus();
    tree_text(&tree, ZONE "0/temp", "40000\n");
    start(HOUR_MS);
    aglm_telemetry_cpus(telemetry, "2 | 3");
    aglm_telemetry_begin(telemetry);
    tree_text(&tree, ZONE "0/temp", "60000\n");
    cpu_file(2, "cpufreq/scaling_max_freq", "1250000\n");
    cpu_file(3, "thermal_throttle/core_throttle_count", "8\n");
    aglm_telemetry_end(telemetry, &during);
    ck_assert_uint_eq(during.readings, 2);
    ck_assert_int_gt(during.started_ms, 1700000000000);
    ck_assert(during.temperature_min_degc == 40 && during.temperature_max_degc == 60);
    ck_assert_double_eq(during.temperature_median_degc, 50);
    ck_assert(during.limit_low_percent == 50 && during.limit_top_percent == 80);
    ck_assert_double_eq(during.throttles, 3);
    ck_assert_double_nan(during.android_status);
    ck_assert_double_eq(during.own_cpu_percent, 0); /* the thread had no turn */
}
END_TEST

START_TEST(between)
{
    tree_text(&tree, ZONE "0/temp", "40000\n");
    start(1);
    for (int round = 0; round < 3; round++) {
        aglm_telemetry_begin(telemetry);
        const unsigned before = allocations;
        wait_for(3);
        ck_assert_uint_eq(allocations, before);
        tree_text(&tree, ZONE "0/temp", "90000\n");
        wait_for(2); /* the first may have begun before the file was written */
        tree_text(&tree, ZONE "0/temp", "40000\n");
        aglm_telemetry_end(telemetry, &during);
        ck_assert_uint_ge(during.readings, 7);
        ck_assert(during.temperature_min_degc == 40 && during.temperature_max_degc == 90);
        ck_assert(during.own_cpu_percent > 0);
    }
}
END_TEST

/* Between windows the thread rests: no reading is added to a window that was closed. */
START_TEST(rests)
{
    tree_text(&tree, ZONE "0/temp", "40000\n");
    start(1);
    aglm_telemetry_begin(telemetry);
    wait_for(2);
    aglm_telemetry_end(telemetry, &during);
    for (int i = 0; i < 50; i++) {
        ck_assert_uint_eq(aglm_telemetry_readings(telemetry), during.readings);
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}
END_TEST

START_TEST(cpus_that_are_none)
{
    make_cpus();
    start(HOUR_MS);
    aglm_telemetry_cpus(telemetry, "rubbish"); /* then those of before are watched */
    aglm_telemetry_begin(telemetry);
    aglm_telemetry_end(telemetry, &during);
    ck_assert_double_eq(during.frequency_low_khz, 2e6);
    aglm_telemetry_cpus(telemetry, "0-1");
    aglm_telemetry_begin(telemetry);
    aglm_telemetry_end(telemetry, &during);
    ck_assert_double_eq(during.frequency_low_khz, 5e5);
}
END_TEST

START_TEST(no_root)
{
    const struct aglm_telemetry_options options = {.root = "/no/such/folder"};
    struct aglm_err err = {0};
    ck_assert_int_eq(aglm_telemetry_create(&telemetry, &options, &err), -ENOENT);
    ck_assert_ptr_null(telemetry);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such/folder"));
}
END_TEST

/* ---- Android's services ---- */

#define THERMAL_SERVICE "/commands/dumpsys_thermalservice"
#define BATTERY_SERVICE "/commands/dumpsys_battery"

static void thermal_service(const char *overridden, int status, const char *degc)
{
    char text[512];
    snprintf(text, sizeof(text),
             "IsStatusOverride: %s\nThermal Status: %d\nCached temperatures:\n"
             "\tTemperature{mValue=%s, mType=3, mName=skin, mStatus=0}\nHAL Ready: true\n",
             overridden, status, degc);
    tree_text(&tree, THERMAL_SERVICE, text);
}

static void watch_once(void)
{
    aglm_telemetry_destroy(&telemetry);
    start(HOUR_MS);
    aglm_telemetry_begin(telemetry);
    aglm_telemetry_end(telemetry, &during);
}

START_TEST(android_thermal)
{
    thermal_service("false", 2, "44.5");
    watch_once();
    ck_assert_double_eq(during.android_status, 2);
    ck_assert_double_eq(during.temperature_max_degc, 44.5); /* no zone can be read */
    tree_text(&tree, ZONE "0/temp", "40000\n");
    watch_once();
    ck_assert_double_eq(during.temperature_max_degc, 40);
    thermal_service("true", 5, "44.5");
    watch_once();
    ck_assert_double_nan(during.android_status); /* somebody played with it */
    thermal_service("false", -1, "NaN");
    watch_once();
    ck_assert_double_nan(during.android_status);
    thermal_service("false", 0, "44.5");
    watch_once();
    ck_assert_double_eq(during.android_status, 0);
    tree_text(&tree, THERMAL_SERVICE, "Segmentation fault\n");
    watch_once();
    ck_assert_double_nan(during.android_status);
}
END_TEST

static void battery_service(int status, const char *more)
{
    char text[512];
    snprintf(text, sizeof(text),
             "Current Battery Service state:\n  USB powered: false\n  status: %d\n  present: true\n"
             "  level: 80\n  scale: 100\n  voltage: 4100\n  temperature: 250\n%s",
             status, more);
    tree_text(&tree, BATTERY_SERVICE, text);
}

START_TEST(android_battery)
{
    battery_service(2, "");
    watch_once();
    ck_assert_str_eq(during.energy, "charging: energy cannot be measured");
    battery_service(3, "");
    watch_once();
    ck_assert_str_eq(during.energy, "the battery's current: not there");
    battery_service(3, "  current now: -500\n");
    watch_once();
    ck_assert_str_eq(during.energy, "only dumpsys tells of the battery: too seldom");
    make_battery("Full\n", "0\n"); /* files come first */
    watch_once();
    ck_assert_str_eq(during.energy, "on external power: energy cannot be measured");
    ck_assert_double_nan(during.joules);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("telemetry");
    TCase *tc = tcase_create("telemetry");
    tcase_set_timeout(tc, 100);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, window_energy, 0, (int)(sizeof(energies) / sizeof(*energies)));
    tcase_add_test(tc, window_figures);
    tcase_add_test(tc, window_longer_than_the_ring);
    tcase_add_test(tc, sensors_of_nothing);
    tcase_add_test(tc, sensors_temperature);
    tcase_add_test(tc, sensors_frequencies);
    tcase_add_test(tc, sensors_cooling);
    tcase_add_test(tc, sensors_battery);
    tcase_add_test(tc, sensors_counters);
    tcase_add_test(tc, nobody_watches);
    tcase_add_test(tc, before_and_behind);
    tcase_add_test(tc, between);
    tcase_add_test(tc, rests);
    tcase_add_test(tc, cpus_that_are_none);
    tcase_add_test(tc, no_root);
    tcase_add_test(tc, android_thermal);
    tcase_add_test(tc, android_battery);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* The battery in /sys/class/power_supply, and the units of its figures; see battery.h. */
#include "probes/battery.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SUPPLIES "/sys/class/power_supply"

enum {
    VOLTS_MAX = 60,
    MILLI = 1000,
    MICRO = 1000000,
    MILLIAMPERES_MAX = 10000, /* a figure up to here is in mA */
    AMPERES_MAX = 20,
    TENTHS_MIN = -300,
    TENTHS_MAX = 1000
};

double aglm_battery_volts(int64_t raw)
{
    if (raw >= 1 && raw <= VOLTS_MAX)
        return (double)raw;
    if (raw >= MILLI && raw <= VOLTS_MAX * MILLI)
        return (double)raw / MILLI;
    if (raw >= MICRO && raw <= (int64_t)VOLTS_MAX * MICRO)
        return (double)raw / MICRO;
    return NAN;
}

double aglm_battery_amperes(int64_t raw, enum aglm_battery_state state)
{
    if (raw == 0)
        return state == AGLM_BATTERY_FULL || state == AGLM_BATTERY_IDLE ? 0 : NAN;
    if (raw < -(int64_t)AMPERES_MAX * MICRO || raw > (int64_t)AMPERES_MAX * MICRO)
        return NAN;
    return (double)raw / (llabs(raw) <= MILLIAMPERES_MAX ? MILLI : MICRO);
}

const char *aglm_battery_state_word(enum aglm_battery_state state)
{
    static const char *const words[] = {"unknown", "charging", "discharging", "not charging",
                                        "full"};
    return words[state];
}

double aglm_battery_draw_watts(const struct aglm_battery *b)
{
    return b->present && b->state == AGLM_BATTERY_DISCHARGING ? -b->amperes * b->volts : NAN;
}

static int supply_text(const struct aglm_fsroot *fs, const char *name, const char *file, char *buf,
                       size_t cap)
{
    return aglm_fsroot_text(fs, buf, cap, SUPPLIES "/%s/%s", name, file);
}

static int supply_integer(const struct aglm_fsroot *fs, const char *name, const char *file,
                          int64_t *out)
{
    return aglm_fsroot_integer(fs, INT64_MIN, INT64_MAX, out, SUPPLIES "/%s/%s", name, file);
}

static enum aglm_battery_state state_of(const char *text)
{
    static const char *const texts[] = {"Unknown", "Charging", "Discharging", "Not charging",
                                        "Full"};
    for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++)
        if (strcmp(text, texts[i]) == 0)
            return (enum aglm_battery_state)i;
    return AGLM_BATTERY_UNKNOWN;
}

/* The current, turned to where the state says that it flows. */
static void read_current(struct aglm_battery *out, const struct aglm_fsroot *fs)
{
    int64_t raw;
    out->amperes_code = supply_integer(fs, out->name, "current_now", &raw);
    if (out->amperes_code)
        return;
    out->amperes = aglm_battery_amperes(raw, out->state);
    if (isnan(out->amperes))
        out->amperes_code = -ERANGE;
    out->turned = (out->state == AGLM_BATTERY_DISCHARGING && out->amperes > 0) ||
                  (out->state == AGLM_BATTERY_CHARGING && out->amperes < 0);
    if (out->turned)
        out->amperes = -out->amperes;
}

void aglm_battery_again(struct aglm_battery *b, const struct aglm_fsroot *fs)
{
    char text[64];
    int64_t raw;
    b->state = AGLM_BATTERY_UNKNOWN;
    b->volts = b->degc = b->amperes = NAN;
    b->turned = false;
    if (supply_text(fs, b->name, "status", text, sizeof(text)) == 0)
        b->state = state_of(text);
    if (supply_integer(fs, b->name, "voltage_now", &raw) == 0)
        b->volts = aglm_battery_volts(raw);
    if (supply_integer(fs, b->name, "temp", &raw) == 0 && raw >= TENTHS_MIN && raw <= TENTHS_MAX)
        b->degc = (double)raw / 10;
    read_current(b, fs);
}

static void read_battery(struct aglm_battery *out, const struct aglm_fsroot *fs)
{
    char text[64];
    int64_t raw;
    out->present = true;
    aglm_battery_again(out, fs);
    if (supply_integer(fs, out->name, "capacity", &raw) == 0 && raw >= 0 && raw <= 100)
        out->percent = (double)raw;
    if (supply_integer(fs, out->name, "charge_counter", &raw) == 0 ||
        supply_integer(fs, out->name, "charge_now", &raw) == 0)
        out->amperes_hours = raw > MICRO / 100 && raw < 100 * MICRO ? (double)raw / MICRO : NAN;
    if (supply_text(fs, out->name, "health", text, sizeof(text)) == 0)
        snprintf(out->health, sizeof(out->health), "%.31s", text);
}

/* Whether a supply is a battery of the device itself; a mouse's has the scope "Device". */
static bool is_battery(const struct aglm_fsroot *fs, const char *name)
{
    char text[64];
    return supply_text(fs, name, "type", text, sizeof(text)) == 0 && strcmp(text, "Battery") == 0 &&
           (supply_text(fs, name, "scope", text, sizeof(text)) != 0 || strcmp(text, "Device") != 0);
}

/* A supply that feeds the device: its type, or the word in brackets of usb_type is left alone. */
static void read_mains(struct aglm_battery *out, const struct aglm_fsroot *fs, const char *name)
{
    char type[64];
    int64_t online;
    if (supply_text(fs, name, "type", type, sizeof(type)) != 0 || strcmp(type, "Battery") == 0 ||
        supply_integer(fs, name, "online", &online) != 0 || online < 1)
        return;
    snprintf(out->mains, sizeof(out->mains), "%.63s", type);
}

void aglm_battery_read(struct aglm_battery *out, const struct aglm_fsroot *fs)
{
    struct aglm_fsroot_names names = {0};
    *out = (struct aglm_battery){.percent = NAN,
                                 .volts = NAN,
                                 .degc = NAN,
                                 .amperes_hours = NAN,
                                 .amperes = NAN,
                                 .amperes_code = -ENOENT,
                                 .source = SUPPLIES};
    out->code = aglm_fsroot_list(fs, SUPPLIES, "", &names);
    for (size_t i = 0; i < names.count; i++) {
        if (!out->present && is_battery(fs, names.names[i])) {
            snprintf(out->name, sizeof(out->name), "%.63s", names.names[i]);
            read_battery(out, fs);
        } else if (!out->mains[0]) {
            read_mains(out, fs, names.names[i]);
        }
    }
    aglm_fsroot_names_finish(&names);
}

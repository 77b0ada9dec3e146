/* The text of Android's `dumpsys battery`; see battery.h.
 *
 * Lines "  key: value"; vendors add their own below, some with the same words in other capitals, so
 * keys are compared exactly and the first one counts. */
#include "probes/battery.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TENTHS_PER_DEGREE = 10, WHOLE_VOLTS_MAX = 60, DEGC_MIN = -30, DEGC_MAX = 100 };

/* Finds "key: " at the beginning of a line and copies its value, trimmed. */
static int value_of(const char *text, const char *key, char *buf, size_t cap)
{
    const size_t n = strlen(key);
    for (const char *line = text; *line; line += strcspn(line, "\n"), line += *line == '\n') {
        const char *at = line + strspn(line, " \t");
        if (strncmp(at, key, n) != 0 || at[n] != ':')
            continue;
        at += n + 1;
        at += strspn(at, " \t");
        size_t len = strcspn(at, "\r\n");
        while (len > 0 && (at[len - 1] == ' ' || at[len - 1] == '\t'))
            len--;
        if (len == 0 || len >= cap)
            return -EILSEQ;
        memcpy(buf, at, len);
        buf[len] = '\0';
        return 0;
    }
    return -ENOENT;
}

static int integer_of(const char *text, const char *key, int64_t *out)
{
    char buf[32], *end;
    int rc = value_of(text, key, buf, sizeof(buf));
    if (rc)
        return rc;
    errno = 0;
    long long value = strtoll(buf, &end, 10);
    if (end == buf || *end || errno == ERANGE)
        return -EILSEQ;
    *out = value;
    return 0;
}

static bool is_true(const char *text, const char *key)
{
    char buf[16];
    return value_of(text, key, buf, sizeof(buf)) == 0 && strcmp(buf, "true") == 0;
}

/* BatteryManager's numbers: 1 unknown, 2 charging, 3 discharging, 4 not charging, 5 full. */
static enum aglm_battery_state state_of(int64_t status)
{
    static const enum aglm_battery_state states[] = {
        AGLM_BATTERY_CHARGING, AGLM_BATTERY_DISCHARGING, AGLM_BATTERY_IDLE, AGLM_BATTERY_FULL};
    return status >= 2 && status <= 5 ? states[status - 2] : AGLM_BATTERY_UNKNOWN;
}

static const char *health_of(int64_t health)
{
    static const char *const words[] = {
        "good", "overheat", "dead", "over voltage", "unspecified failure", "cold",
    };
    return health >= 2 && health <= 7 ? words[health - 2] : "";
}

static const char *mains_of(const char *text)
{
    static const char *const keys[] = {"AC powered", "USB powered", "Wireless powered",
                                       "Dock powered"};
    static const char *const names[] = {"AC", "USB", "wireless", "dock"};
    for (size_t i = 0; i < 4; i++)
        if (is_true(text, keys[i]))
            return names[i];
    return "";
}

/* Degrees: in tenths, but whole ones from a device that also counts whole volts. */
static double degrees_of(const char *text, int64_t voltage)
{
    int64_t raw;
    if (integer_of(text, "temperature", &raw))
        return NAN;
    bool whole = voltage >= 1 && voltage <= WHOLE_VOLTS_MAX;
    double degc = whole ? (double)raw : (double)raw / TENTHS_PER_DEGREE;
    return degc >= DEGC_MIN && degc <= DEGC_MAX && raw != 0 ? degc : NAN;
}

static void merge_current(struct aglm_battery *b, const char *text)
{
    int64_t raw;
    if (!isnan(b->amperes) || integer_of(text, "current now", &raw))
        return;
    b->amperes = aglm_battery_amperes(raw, b->state);
    b->amperes_code = isnan(b->amperes) ? -ERANGE : 0;
    b->turned = (b->state == AGLM_BATTERY_DISCHARGING && b->amperes > 0) ||
                (b->state == AGLM_BATTERY_CHARGING && b->amperes < 0);
    if (b->turned)
        b->amperes = -b->amperes;
}

static void merge_figures(struct aglm_battery *b, const char *text)
{
    int64_t raw = 0, scale = 100, voltage = 0;
    if (integer_of(text, "scale", &scale) || scale < 1)
        scale = 100;
    if (isnan(b->percent) && integer_of(text, "level", &raw) == 0 && raw >= 0 && raw <= scale)
        b->percent = round((double)raw * 100 / (double)scale);
    if (integer_of(text, "voltage", &voltage))
        voltage = 0;
    if (isnan(b->volts))
        b->volts = aglm_battery_volts(voltage);
    if (isnan(b->degc))
        b->degc = degrees_of(text, voltage);
    if (isnan(b->amperes_hours) && integer_of(text, "Charge counter", &raw) == 0)
        b->amperes_hours = raw > 10000 && raw < 100000000 ? (double)raw / 1e6 : NAN;
    if (!b->health[0] && integer_of(text, "health", &raw) == 0)
        snprintf(b->health, sizeof(b->health), "%s", health_of(raw));
}

int aglm_battery_merge_dump(struct aglm_battery *b, const char *text)
{
    int64_t status = 0, level;
    char present[16];
    if (!strstr(text, "Current Battery Service state:") ||
        (integer_of(text, "status", &status) && integer_of(text, "level", &level)))
        return -EILSEQ;
    if (strstr(text, "UPDATES STOPPED"))
        return -ECANCELED;
    if (!b->mains[0])
        snprintf(b->mains, sizeof(b->mains), "%s", mains_of(text));
    b->code = 0;
    if (value_of(text, "present", present, sizeof(present)) == 0 && strcmp(present, "false") == 0)
        return 0;
    if (!b->present)
        b->source = "dumpsys battery";
    b->present = true;
    if (b->state == AGLM_BATTERY_UNKNOWN)
        b->state = state_of(status);
    merge_figures(b, text);
    merge_current(b, text);
    return 0;
}

/* `dumpsys thermalservice`; see android_thermal.h. */
#include "probes/android_thermal.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEGC_MIN = -40, DEGC_MAX = 150, DEGC_ZERO = 1, LINE_MAX_BYTES = 1024 };

enum section { OTHER, CACHED, CURRENT, COOLING, THRESHOLDS };

static const struct {
    const char *title;
    enum section section;
} sections[] = {
    {"Cached temperatures:", CACHED},
    {"HAL Ready:", OTHER},
    {"Current temperatures from HAL:", CURRENT},
    {"Current cooling devices from HAL:", COOLING},
    {"Temperature static thresholds from HAL:", THRESHOLDS},
};

const char *aglm_android_status_word(int status)
{
    static const char *const words[] = {"none",     "light",     "moderate", "severe",
                                        "critical", "emergency", "shutdown"};
    return status >= 0 && status < AGLM_ANDROID_SEVERITIES ? words[status] : NULL;
}

const char *aglm_android_type_word(int type)
{
    static const char *const words[] = {"CPU", "GPU", "battery", "skin", "USB", "power amplifier"};
    return type >= 0 && type < (int)(sizeof(words) / sizeof(*words)) ? words[type] : "sensor";
}

/* A decimal number at text; NaN for anything else, "NaN" and "-Infinity" included. */
static double number_at(const char *text)
{
    const char *digit = *text == '-' ? text + 1 : text;
    if (*digit < '0' || *digit > '9' || digit[1] == 'x' || digit[1] == 'X')
        return NAN;
    double value = strtod(text, NULL);
    return isfinite(value) ? value : NAN;
}

/* The text behind "key=" in a line, NULL if it is not there. */
static const char *field(const char *line, const char *key)
{
    const char *at = strstr(line, key);
    return at ? at + strlen(key) : NULL;
}

static int small_integer(const char *text, int lo, int hi, int otherwise)
{
    double value = text ? number_at(text) : NAN;
    return value >= lo && value <= hi && value == floor(value) ? (int)value : otherwise;
}

/* Copies the name, which ends before the next field or the brace. */
static void copy_name(char *out, size_t cap, const char *line)
{
    const char *at = field(line, "mName=");
    size_t n = 0;
    out[0] = '\0';
    if (!at)
        return;
    const char *next = strstr(at, ", m");
    n = next ? (size_t)(next - at) : strcspn(at, "}");
    snprintf(out, cap, "%.*s", (int)(n < cap ? n : cap - 1), at);
}

static struct aglm_android_sensor *find(struct aglm_android_thermal *out, const char *name,
                                        int type)
{
    for (size_t i = 0; i < out->n; i++)
        if (out->v[i].type == type && strcmp(out->v[i].name, name) == 0)
            return &out->v[i];
    return NULL;
}

static void parse_sensor(struct aglm_android_thermal *out, const char *line)
{
    struct aglm_android_sensor sensor = {.degc = NAN};
    const char *value = field(line, "mValue=");
    if (strncmp(line, "Temperature{", 12) != 0 || !value)
        return;
    copy_name(sensor.name, sizeof(sensor.name), line);
    sensor.type = small_integer(field(line, "mType="), -1, 255, -1);
    sensor.status = small_integer(field(line, "mStatus="), -1, AGLM_ANDROID_SEVERITIES - 1, -1);
    sensor.degc = number_at(value);
    if (!(sensor.degc >= DEGC_MIN && sensor.degc <= DEGC_MAX) || fabs(sensor.degc) < DEGC_ZERO)
        sensor.degc = NAN;
    for (size_t i = 0; i < AGLM_ANDROID_SEVERITIES; i++)
        sensor.hot[i] = NAN;
    if (out->n < AGLM_ANDROID_SENSORS_MAX && !find(out, sensor.name, sensor.type))
        out->v[out->n++] = sensor;
}

static void parse_threshold(struct aglm_android_thermal *out, const char *line)
{
    char name[48];
    const char *at = field(line, "mHotThrottlingThresholds=[");
    if (strncmp(line, "TemperatureThreshold{", 21) != 0 || !at)
        return;
    copy_name(name, sizeof(name), line);
    struct aglm_android_sensor *sensor =
        find(out, name, small_integer(field(line, "mType="), -1, 255, -1));
    for (size_t i = 0; sensor && i < AGLM_ANDROID_SEVERITIES; i++) {
        at += strspn(at, " ");
        double degc = number_at(at);
        sensor->hot[i] = degc >= DEGC_ZERO && degc <= DEGC_MAX ? degc : NAN;
        at += strcspn(at, ",]");
        if (*at != ',')
            break;
        at++;
    }
}

static void parse_cooling(struct aglm_android_thermal *out, const char *line)
{
    const char *value = field(line, "mValue=");
    if (strncmp(line, "CoolingDevice{", 14) != 0 || !value)
        return;
    out->cooling++;
    out->cooling_active += number_at(value) > 0;
}

/* "ThermalHAL 2.0 connected: yes", "ThermalHAL AIDL 1  connected: yes" */
static void parse_hal(struct aglm_android_thermal *out, const char *line)
{
    const char *at = field(line, "ThermalHAL "), *end = at ? strstr(at, "connected: yes") : NULL;
    if (!end)
        return;
    size_t n = (size_t)(end - at);
    while (n > 0 && at[n - 1] == ' ')
        n--;
    snprintf(out->hal, sizeof(out->hal), "%.*s", (int)(n < 23 ? n : 23), at);
}

/* Parses one line that belongs to a section. */
static void parse_line(struct aglm_android_thermal *out, enum section section, const char *line)
{
    switch (section) {
    case CACHED:
    case CURRENT:
        parse_sensor(out, line);
        break;
    case THRESHOLDS:
        parse_threshold(out, line);
        break;
    case COOLING:
        parse_cooling(out, line);
        break;
    case OTHER:
        parse_hal(out, line);
        break;
    }
}

/* Whether line is a section's title, which it then enters. */
static bool enter(enum section *section, const char *line)
{
    for (size_t i = 0; i < sizeof(sections) / sizeof(*sections); i++)
        if (strncmp(line, sections[i].title, strlen(sections[i].title)) == 0) {
            *section = sections[i].section;
            return true;
        }
    return false;
}

/* Parses the lines of one of the two sections that have sensors, and those of all others. */
static bool parse_with(struct aglm_android_thermal *out, const char *text, enum section sensors)
{
    enum section section = OTHER;
    char line[LINE_MAX_BYTES];
    bool any = false;
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        const char *start = at + strspn(at, " \t");
        snprintf(line, sizeof(line), "%.*s", (int)strcspn(start, "\r\n"), start);
        if (enter(&section, line))
            continue;
        const char *value;
        if ((value = field(line, "IsStatusOverride:")) != NULL && value == line + 17) {
            out->overridden = strstr(value, "true") != NULL;
            any = true;
        } else if ((value = field(line, "Thermal Status:")) != NULL && value == line + 15) {
            out->status = small_integer(value + strspn(value, " "), -1, AGLM_ANDROID_SEVERITIES - 1,
                                        AGLM_ANDROID_NO_STATUS);
            any = true;
        } else if ((section != CACHED && section != CURRENT) || section == sensors) {
            parse_line(out, section, line);
        }
    }
    return any;
}

int aglm_android_thermal_parse(struct aglm_android_thermal *out, const char *text)
{
    const struct aglm_android_thermal none = {.status = AGLM_ANDROID_NO_STATUS};
    *out = none;
    bool any = parse_with(out, text, CURRENT);
    if (out->n == 0) {
        *out = none;
        any = parse_with(out, text, CACHED);
    }
    return any ? 0 : -EILSEQ;
}

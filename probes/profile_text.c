/* The profile for people: facts under headings, values in units one can read, at most 80 columns;
 * see profile.h. */
#include "probes/facts.h"
#include "probes/profile.h"

#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

enum {
    WIDTH = 80,
    INDENT = 2,
    LABEL_WIDTH = 27,
    VALUE_AT = INDENT + LABEL_WIDTH + 1,
    ZONES_SHOWN = 6
};

static const struct {
    const char *prefix, *heading;
} groups[] = {
    {"device.", "Device"},
    {"os.", "Device"},
    {"virt.", "Device"},
    {"cpu.", "Processor"},
    {"topology.", "Topology"},
    {"memory.", "Memory"},
    {"load.", "Load now"},
    {"thermal.", "Heat"},
    {"power.", "Power"},
    {"gpu.", "Graphics"},
    {"roof.sustained.", "Limits, kept up"},
    {"roof.", "Limits, measured"},
    {"latency.", "Memory latency, measured"},
    {"storage.", "Storage"},
    {"network.", "Network"},
    {"probe.", "Given up"},
};

static const char *heading_of(const char *key)
{
    for (size_t i = 0; i < sizeof(groups) / sizeof(*groups); i++)
        if (strncmp(key, groups[i].prefix, strlen(groups[i].prefix)) == 0)
            return groups[i].heading;
    return "Other";
}

/* Columns of UTF-8 text: its characters, which are all one column wide in what probes write. */
static size_t columns(const char *text, size_t bytes)
{
    size_t n = 0;
    for (size_t i = 0; i < bytes; i++)
        n += ((unsigned char)text[i] & 0xc0) != 0x80;
    return n;
}

/* The bytes of text that fit in width columns, cut between characters. */
static size_t fitting(const char *text, size_t width)
{
    size_t bytes = 0;
    while (text[bytes]) {
        size_t next = bytes + 1;
        while (((unsigned char)text[next] & 0xc0) == 0x80)
            next++;
        if (columns(text, next) > width)
            break;
        bytes = next;
    }
    return bytes;
}

/* Where to break text so that it fits: after the last blank, or in the middle of a word that is too
 * long. */
static size_t line_break(const char *text, size_t width)
{
    size_t fit = fitting(text, width);
    if (!text[fit])
        return fit;
    for (size_t i = fit; i > 0; i--)
        if (text[i] == ' ')
            return i;
    return fit;
}

static void print_wrapped(FILE *out, const char *text)
{
    for (;;) {
        size_t n = line_break(text, WIDTH - VALUE_AT);
        fprintf(out, "%.*s\n", (int)n, text);
        text += n;
        text += strspn(text, " ");
        if (!*text)
            break;
        fprintf(out, "%*s", VALUE_AT, "");
    }
}

static void format_bytes(double bytes, char *buf, size_t cap)
{
    static const char *const units[] = {"bytes", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (bytes >= 1024 && unit < 4) {
        bytes /= 1024;
        unit++;
    }
    snprintf(buf, cap, bytes == floor(bytes) || unit == 0 ? "%.0f %s" : "%.1f %s", bytes,
             units[unit]);
}

static void format_number(const struct aglm_fact *fact, char *buf, size_t cap)
{
    double value = fact->number;
    if (strcmp(fact->unit, "bytes") == 0)
        format_bytes(value, buf, cap);
    else if (strcmp(fact->unit, "kHz") == 0)
        snprintf(buf, cap, value >= 1e6 ? "%.2f GHz" : "%.0f MHz",
                 value / (value >= 1e6 ? 1e6 : 1e3));
    else if (strcmp(fact->unit, "degC") == 0)
        snprintf(buf, cap, "%.1f °C", value);
    else if (strcmp(fact->unit, "percent") == 0)
        snprintf(buf, cap, "%.0f%%", value);
    else if (strcmp(fact->unit, "tasks") == 0)
        snprintf(buf, cap, "%.2f", value);
    else if (strcmp(fact->unit, "bytes/s") == 0)
        snprintf(buf, cap, "%.1f GB/s", value / 1e9);
    else if (strcmp(fact->unit, "ops/s") == 0 || strcmp(fact->unit, "flops/s") == 0)
        snprintf(buf, cap, "%.1f %s", value / 1e9, fact->unit[0] == 'o' ? "Gop/s" : "GFLOP/s");
    else if (strcmp(fact->unit, "ns") == 0 || strcmp(fact->unit, "ms") == 0 ||
             strcmp(fact->unit, "us") == 0)
        snprintf(buf, cap, "%.3g %s", value, fact->unit);
    else if (strcmp(fact->unit, "1/s") == 0)
        snprintf(buf, cap, "%.0f/s", value);
    else if (strcmp(fact->unit, "x") == 0)
        snprintf(buf, cap, "%.2f x", value);
    else if (strcmp(fact->unit, "s") == 0)
        snprintf(buf, cap, "%.2f s", value);
    else if (strcmp(fact->unit, "count") == 0 || !fact->unit[0])
        snprintf(buf, cap, "%.15g", value);
    else
        snprintf(buf, cap, "%.15g %s", value, fact->unit);
}

/* Whether b is the lowest of what a is the best of: "roof.read.t1.low" of "roof.read.t1". */
static bool is_low_of(const struct aglm_fact *a, const struct aglm_fact *b)
{
    size_t n = strlen(a->key);
    return b && strncmp(a->key, b->key, n) == 0 && strcmp(b->key + n, ".low") == 0;
}

/* Phones have dozens of thermal zones and sensors; not all are shown. */
static bool is_zone(const struct aglm_fact *fact)
{
    return strncmp(fact->key, "thermal.zone", 12) == 0 ||
           strncmp(fact->key, "thermal.sensor", 14) == 0;
}

/* Whether b tells the trip points of zone or sensor a: "thermal.zone0.trips" of "thermal.zone0". */
static bool is_trips_of(const struct aglm_fact *a, const struct aglm_fact *b)
{
    size_t n = strlen(a->key);
    return b && strncmp(a->key, b->key, n) == 0 && strcmp(b->key + n, ".trips") == 0;
}

static void print_fact(FILE *out, const struct aglm_fact *fact, const struct aglm_fact *next)
{
    size_t label = fitting(fact->label, LABEL_WIDTH);
    fprintf(out, "%*s%.*s%*s", INDENT, "", (int)label, fact->label,
            (int)(LABEL_WIDTH - columns(fact->label, label)) + 1, "");
    char buf[512];
    if (fact->kind == AGLM_FACT_NUMBER)
        format_number(fact, buf, sizeof(buf));
    if (fact->kind == AGLM_FACT_NUMBER && is_low_of(fact, next)) {
        char low[64];
        format_number(next, low, sizeof(low));
        snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), ", lowest %s", low);
    }
    if (fact->kind == AGLM_FACT_UNKNOWN)
        snprintf(buf, sizeof(buf), "unknown (%s)", fact->text);
    if (fact->kind != AGLM_FACT_TEXT && is_trips_of(fact, next))
        snprintf(buf + strlen(buf), sizeof(buf) - strlen(buf), "; %s", next->text);
    print_wrapped(out, fact->kind == AGLM_FACT_TEXT ? fact->text : buf);
}

/* Says how many of the zones before were not shown. */
static void print_hidden(FILE *out, size_t zones)
{
    if (zones > ZONES_SHOWN)
        fprintf(out, "%*sand %zu more zones, in the JSON form\n", INDENT, "", zones - ZONES_SHOWN);
}

void aglm_profile_print(const struct aglm_profile *profile, FILE *out)
{
    const char *heading = NULL;
    char fingerprint[33];
    size_t zones = 0, count = aglm_profile_count(profile);
    for (size_t i = 0; i < count; i++) {
        const struct aglm_fact *fact = aglm_profile_at(profile, i);
        const char *own = heading_of(fact->key);
        if (!is_zone(fact) && zones > 0) {
            print_hidden(out, zones);
            zones = 0;
        }
        if (!heading || strcmp(own, heading) != 0)
            fprintf(out, "%s%s\n", heading ? "\n" : "", own);
        heading = own;
        const struct aglm_fact *next = aglm_profile_at(profile, i + 1);
        i += is_low_of(fact, next) || is_trips_of(fact, next); /* told in the same line */
        if ((is_zone(fact) && ++zones > ZONES_SHOWN) ||
            strcmp(fact->key, "roof.sustained.each") == 0) /* up to 600 figures */
            continue;
        print_fact(out, fact, next);
    }
    print_hidden(out, zones);
    aglm_profile_fingerprint(profile, fingerprint);
    fprintf(out, "\nFingerprint\n%*s%s\n", INDENT, "", fingerprint);
}

void aglm_profile_took_print(const struct aglm_profile *profile, FILE *out)
{
    double sum = 0;
    fputs("\nTime of each probe\n", out);
    for (size_t i = 0; i < profile->n_took; i++) {
        fprintf(out, "%*s%-*s%8.1f ms\n", INDENT, "", LABEL_WIDTH + 1, profile->took[i].name,
                profile->took[i].ms);
        sum += profile->took[i].ms;
    }
    fprintf(out, "%*s%-*s%8.1f ms\n", INDENT, "", LABEL_WIDTH + 1, "all", sum);
}

/* Facts against thresholds; see judge.h. Refuses nothing: what cannot be compared is UNKNOWN. */
#include "probes/judge.h"

#include <math.h>
#include <stdbool.h>
#include <string.h>

static const struct {
    const char *unit, *base;
    double size; /* in base */
} units[] = {
    {"bytes", "bytes", 1},    {"KiB", "bytes", 0x1p10},
    {"MiB", "bytes", 0x1p20}, {"GiB", "bytes", 0x1p30},
    {"percent", "%", 1},      {"%", "%", 1},
    {"ns", "s", 1e-9},        {"us", "s", 1e-6},
    {"ms", "s", 1e-3},        {"s", "s", 1},
    {"min", "s", 60},         {"bytes/s", "bytes/s", 1},
    {"MB/s", "bytes/s", 1e6}, {"GB/s", "bytes/s", 1e9},
    {"count", "", 1},         {"", "", 1},
    {"degC", "degC", 1},      {"°C", "degC", 1},
    {"kHz", "Hz", 1e3},       {"GHz", "Hz", 1e9},
    {"tasks", "", 1},
};

static int find_unit(const char *unit)
{
    for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++)
        if (strcmp(units[i].unit, unit) == 0)
            return (int)i;
    return -1;
}

double aglm_judge_convert(double value, const char *from, const char *to)
{
    const int a = find_unit(from), b = find_unit(to);
    if (a < 0 || b < 0 || strcmp(units[a].base, units[b].base) != 0)
        return NAN;
    return value * units[a].size / units[b].size;
}

static const struct aglm_fact *find(const struct aglm_profile *profile, const char *pattern)
{
    const size_t n = strlen(pattern);
    const struct aglm_fact *unknown = NULL;
    if (n == 0 || pattern[n - 1] != '*')
        return aglm_profile_find(profile, pattern);
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        if (strncmp(f->key, pattern, n - 1) != 0)
            continue;
        if (f->kind != AGLM_FACT_UNKNOWN)
            return f;
        unknown = unknown ? unknown : f;
    }
    return unknown;
}

/* What only software does counts for nothing: "software only: …" of gpu.vulkan_compute. */
static bool is_no(const char *text)
{
    return strcmp(text, "none") == 0 || strncmp(text, "no", 3) == 0 ||
           strncmp(text, "software only", 13) == 0;
}

void aglm_judge(struct aglm_judgement *out, const struct aglm_profile *profile,
                const struct aglm_threshold *t)
{
    const struct aglm_fact *f = find(profile, t->fact);
    double value = NAN;
    if (f && f->kind == AGLM_FACT_NUMBER)
        value = aglm_judge_convert(f->number, f->unit, t->unit);
    else if (f && f->kind == AGLM_FACT_TEXT)
        value = is_no(f->text) ? 0 : 1;
    *out = (struct aglm_judgement){
        .threshold = t, .fact = f, .value = value, .status = aglm_threshold_judge(t, value)};
}

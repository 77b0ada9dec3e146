/* What a device went through during a repetition, as JSON; see record_json.h. */
#include "bench/record_json.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    size_t offset;
} figures[] = {
    {"own_cpu_percent", offsetof(struct aglm_during, own_cpu_percent)},
    {"temperature_min_degc", offsetof(struct aglm_during, temperature_min_degc)},
    {"temperature_median_degc", offsetof(struct aglm_during, temperature_median_degc)},
    {"temperature_max_degc", offsetof(struct aglm_during, temperature_max_degc)},
    {"frequency_low_khz", offsetof(struct aglm_during, frequency_low_khz)},
    {"limit_low_percent", offsetof(struct aglm_during, limit_low_percent)},
    {"limit_top_percent", offsetof(struct aglm_during, limit_top_percent)},
    {"cooling_max_percent", offsetof(struct aglm_during, cooling_max_percent)},
    {"cooling_floor_percent", offsetof(struct aglm_during, cooling_floor_percent)},
    {"throttles", offsetof(struct aglm_during, throttles)},
    {"android_status", offsetof(struct aglm_during, android_status)},
    {"battery_max_degc", offsetof(struct aglm_during, battery_max_degc)},
    {"joules", offsetof(struct aglm_during, joules)},
};

enum { N_FIGURES = sizeof(figures) / sizeof(*figures) };

static double *figure(struct aglm_during *during, size_t i)
{
    return (double *)(void *)((char *)during + figures[i].offset);
}

bool aglm_record_during_json(cJSON *sample, const struct aglm_during *during)
{
    struct aglm_during copy = *during;
    if (during->readings == 0) {
        return true;
    }
    cJSON *object = cJSON_AddObjectToObject(sample, "during");
    if (object == NULL ||
        !aglm_record_json_add(object, "started_ms",
                              aglm_record_json_whole((uint64_t)during->started_ms)) ||
        !aglm_record_json_add(object, "readings", aglm_record_json_whole(during->readings)) ||
        !aglm_record_json_add(object, "energy", aglm_record_json_text(during->energy))) {
        return false;
    }
    for (size_t i = 0; i < N_FIGURES; i++) {
        if (!aglm_record_json_add(object, figures[i].name,
                                  aglm_record_json_real(*figure(&copy, i)))) {
            return false;
        }
    }
    return true;
}

bool aglm_record_during_parse(struct aglm_during *during, const cJSON *object)
{
    uint64_t started_ms, readings;
    aglm_during_init(during);
    if (object == NULL) {
        return true;
    }
    const cJSON *energy = cJSON_GetObjectItemCaseSensitive(object, "energy");
    if (!cJSON_IsObject(object) || !cJSON_IsString(energy) ||
        strlen(energy->valuestring) >= sizeof(during->energy) ||
        !aglm_record_json_read_whole(cJSON_GetObjectItemCaseSensitive(object, "started_ms"),
                                     INT64_MAX, &started_ms) ||
        !aglm_record_json_read_whole(cJSON_GetObjectItemCaseSensitive(object, "readings"),
                                     UINT32_MAX, &readings)) {
        return false;
    }
    for (size_t i = 0; i < N_FIGURES; i++) {
        const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, figures[i].name);
        if (!cJSON_IsNumber(item) && !cJSON_IsNull(item)) {
            return false;
        }
        *figure(during, i) = cJSON_IsNumber(item) ? item->valuedouble : NAN;
    }
    snprintf(during->energy, sizeof(during->energy), "%s", energy->valuestring);
    during->started_ms = (int64_t)started_ms;
    during->readings = (uint32_t)readings;
    return true;
}

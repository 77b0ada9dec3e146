/* Values of the record's JSON form; see record_json.h. */
#include "bench/record_json.h"

#include "bench/escape.h"

#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define MAX_EXACT 9007199254740992.0 /* 2^53 */

cJSON *aglm_record_json_whole(uint64_t v)
{
    char text[24];
    if ((double)v < MAX_EXACT) {
        return cJSON_CreateNumber((double)v);
    }
    snprintf(text, sizeof(text), "%" PRIu64, v);
    return cJSON_CreateString(text);
}

cJSON *aglm_record_json_text(const char *text)
{
    char *clean = aglm_utf8_clean(text);
    cJSON *item = clean != NULL ? cJSON_CreateString(clean) : NULL;
    free(clean);
    return item;
}

bool aglm_record_json_add(cJSON *object, const char *name, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToObject(object, name, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

bool aglm_record_json_push(cJSON *array, cJSON *item)
{
    if (item == NULL || !cJSON_AddItemToArray(array, item)) {
        cJSON_Delete(item);
        return false;
    }
    return true;
}

cJSON *aglm_record_json_real(double v)
{
    return isfinite(v) ? cJSON_CreateNumber(v) : cJSON_CreateNull();
}

bool aglm_record_json_read_whole(const cJSON *item, uint64_t max, uint64_t *out)
{
    uint64_t v;
    if (cJSON_IsNumber(item)) {
        double d = item->valuedouble;
        if (!(d >= 0 && d <= MAX_EXACT && d == floor(d))) {
            return false;
        }
        v = (uint64_t)d;
    } else if (cJSON_IsString(item)) {
        const char *s = item->valuestring;
        char *end;
        if (s[0] < '0' || s[0] > '9') {
            return false;
        }
        errno = 0;
        v = strtoull(s, &end, 10);
        if (errno != 0 || *end != '\0') {
            return false;
        }
    } else {
        return false;
    }
    *out = v;
    return v <= max;
}

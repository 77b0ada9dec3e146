#include "bench/json.h"

#include "bench/escape.h"

#include <math.h>
#include <stdlib.h>

void aglm_json_number(cJSON *object, const char *key, double value)
{
    if (isnan(value))
        cJSON_AddNullToObject(object, key);
    else
        cJSON_AddNumberToObject(object, key, value);
}

void aglm_json_text(cJSON *object, const char *key, const char *value)
{
    char *clean = aglm_utf8_clean(value);
    cJSON_AddStringToObject(object, key, clean ? clean : "");
    free(clean);
}

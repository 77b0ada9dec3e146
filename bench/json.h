/* Values of JSON documents. Keys are ASCII. */
#ifndef AGLM_BENCH_JSON_H
#define AGLM_BENCH_JSON_H

#include <cjson/cJSON.h>

/* NaN becomes null. */
void aglm_json_number(cJSON *object, const char *key, double value);
/* Bytes that are not UTF-8 are replaced. */
void aglm_json_text(cJSON *object, const char *key, const char *value);

#endif

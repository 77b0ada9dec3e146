/* Values of the record's JSON form, written and read, and its operators; record.c has the rest.
 *
 * What makes an item returns NULL for lack of memory; the caller owns it until it is added. */
#ifndef AGLM_BENCH_RECORD_JSON_H
#define AGLM_BENCH_RECORD_JSON_H

#include "bench/record.h"

#include <cjson/cJSON.h>

/* A number, or above 2^53 a string. */
cJSON *aglm_record_json_whole(uint64_t v);
/* Text as valid UTF-8. */
cJSON *aglm_record_json_text(const char *text);
/* null for NaN and infinities. */
cJSON *aglm_record_json_real(double v);
/* Adds item, which may be NULL for lack of memory, and owns it from here on. */
bool aglm_record_json_add(cJSON *object, const char *name, cJSON *item);
bool aglm_record_json_push(cJSON *array, cJSON *item);
/* A whole number that fits in 64 bits, from a JSON number up to 2^53 or from a string of digits;
 * false for anything else and above max. */
bool aglm_record_json_read_whole(const cJSON *item, uint64_t max, uint64_t *out);

/* record_operators.c: "operators" of a record's JSON. Parsing fills record->operators and takes
 * NULL for none; -EINVAL names the one at fault. */
bool aglm_record_operators_json(cJSON *root, const struct aglm_record *record);
int aglm_record_operators_parse(struct aglm_record *record, const cJSON *array,
                                struct aglm_err *err);

/* record_accuracy.c: "accuracy" likewise. */
bool aglm_record_accuracy_json(cJSON *root, const struct aglm_record *record);
int aglm_record_accuracy_parse(struct aglm_record *record, const cJSON *object,
                               struct aglm_err *err);
/* record_during.c: "during" of a sample's JSON; left out, and NULL taken, where nobody watched.
 * False for lack of memory, and for what is missing or mistyped. */
bool aglm_record_during_json(cJSON *sample, const struct aglm_during *during);
bool aglm_record_during_parse(struct aglm_during *during, const cJSON *object);

#endif

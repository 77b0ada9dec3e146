/* A profile from its JSON form; see profile.h. Input: text that a store kept, perhaps of another
 * device. Output: a profile. Refuses what is no profile of this schema; leaves out what is no fact.
 */
#include "probes/profile.h"

#include "probes/facts.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>

static const char *string_in(const cJSON *object, const char *name, const char *otherwise)
{
    const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
    return s ? s : otherwise;
}

static void take_fact(struct aglm_facts *facts, const cJSON *fact)
{
    const char *key = string_in(fact, "key", ""), *label = string_in(fact, "label", key);
    const char *source = string_in(fact, "source", "");
    const cJSON *value = cJSON_GetObjectItemCaseSensitive(fact, "value");
    if (!key[0])
        return;
    if (cJSON_IsNumber(value))
        aglm_facts_number(facts, key, label, source, string_in(fact, "unit", ""),
                          value->valuedouble);
    else if (cJSON_IsString(value))
        aglm_facts_text(facts, key, label, source, "%s", value->valuestring);
    else
        aglm_facts_unknown(facts, key, label, source, "%s",
                           string_in(fact, "unknown", "no reason"));
    if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(fact, "identity")))
        aglm_facts_identity(facts);
}

static void take_took(struct aglm_profile *profile, const cJSON *probe)
{
    const cJSON *ms = cJSON_GetObjectItemCaseSensitive(probe, "ms");
    const char *name = string_in(probe, "name", "");
    if (name[0] && cJSON_IsNumber(ms))
        aglm_took_add(profile, name, ms->valuedouble);
}

static int refuse(const cJSON *root, struct aglm_err *err)
{
    const cJSON *schema = cJSON_GetObjectItemCaseSensitive(root, "schema");
    const cJSON *facts = cJSON_GetObjectItemCaseSensitive(root, "facts");
    if (!cJSON_IsArray(facts) || !cJSON_IsNumber(schema))
        return aglm_err_set(err, -EINVAL, "device profile: not the JSON form of one");
    if (schema->valuedouble != AGLM_PROFILE_SCHEMA)
        return aglm_err_set(err, -EINVAL,
                            "device profile: of schema %g, this aglm-bench knows %d; update it",
                            schema->valuedouble, AGLM_PROFILE_SCHEMA);
    if (cJSON_GetArraySize(facts) > AGLM_PROFILE_FACTS_MAX)
        return aglm_err_set(err, -E2BIG, "device profile: more than %d facts",
                            AGLM_PROFILE_FACTS_MAX);
    return 0;
}

int aglm_profile_parse(struct aglm_profile **out, const char *json, struct aglm_err *err)
{
    cJSON *root = cJSON_Parse(json);
    const cJSON *item;
    struct aglm_profile *profile = NULL;
    int r = refuse(root, err);
    if (r < 0)
        goto done;
    profile = calloc(1, sizeof(*profile));
    if (!profile) {
        r = -ENOMEM;
        goto done;
    }
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "facts"))
        take_fact(&profile->facts, item);
    cJSON_ArrayForEach(item, cJSON_GetObjectItemCaseSensitive(root, "probes"))
        take_took(profile, item);
    if (profile->facts.out_of_memory) {
        aglm_profile_destroy(&profile);
        r = -ENOMEM;
    }
done:
    cJSON_Delete(root);
    if (r == -ENOMEM)
        return aglm_err_set(err, r, "device profile: out of memory");
    if (r == 0)
        *out = profile;
    return r;
}

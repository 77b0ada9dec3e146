/* Where results go and what every record of a command says; see cmd_store.h. Inputs: options, the
 * environment (AGLM_DB, AGLM_THRESHOLDS), the device. */
#include "bench/cmd_store.h"

#include "bench/build_info.h"
#include "bench/uuid.h"
#include "probes/clock.h"
#include "probes/profile.h"
#include "probes/thresholds.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

void aglm_cmd_choose_db(char *db, size_t size, const char *option, bool none)
{
    const char *env = getenv("AGLM_DB");
    struct stat st;
    const char *chosen = "";
    if (option != NULL) {
        chosen = option;
    } else if (none) {
        chosen = "";
    } else if (env != NULL && env[0] != '\0') {
        chosen = env;
    } else if (stat("results", &st) == 0 && S_ISDIR(st.st_mode)) {
        chosen = "results/aglm.db";
    }
    snprintf(db, size, "%s", chosen);
}

static int fill_device(struct aglm_record *c, struct aglm_err *err)
{
    struct aglm_profile *profile = NULL;
    int rc = aglm_profile_create(&profile, &(struct aglm_profile_options){0}, err);
    if (rc < 0) {
        return rc;
    }
    const struct aglm_fact *brand = aglm_profile_find(profile, "cpu.brand");
    if (brand != NULL && brand->kind == AGLM_FACT_TEXT) {
        snprintf(c->cpu_info, sizeof(c->cpu_info), "%s", brand->text);
    }
    aglm_profile_fingerprint(profile, c->fingerprint);
    c->profile_json = aglm_profile_json(profile);
    aglm_profile_destroy(&profile);
    return c->profile_json != NULL ? 0 : aglm_err_set(err, -ENOMEM, "out of memory");
}

int aglm_cmd_fill_common(struct aglm_record *c, const char *label, struct aglm_err *err)
{
    aglm_record_init(c);
    snprintf(c->suite, sizeof(c->suite), "bench");
    snprintf(c->label, sizeof(c->label), "%s", label != NULL ? label : "");
    snprintf(c->version, sizeof(c->version), "%s", aglm_build_version());
    snprintf(c->commit, sizeof(c->commit), "%s", aglm_build_commit());
    snprintf(c->compiler, sizeof(c->compiler), "%s", aglm_build_compiler());
    snprintf(c->flags, sizeof(c->flags), "%s", aglm_build_flags());
    int rc = aglm_uuid_v7(c->run_uuid, aglm_clock_wall_ms(), err);
    return rc < 0 ? rc : fill_device(c, err);
}

int aglm_cmd_accuracy_limit(double *percent, struct aglm_err *err)
{
    struct aglm_thresholds *thresholds = NULL;
    const char *file = getenv("AGLM_THRESHOLDS");
    int rc = aglm_thresholds_load(&thresholds, file != NULL && file[0] != '\0' ? file : NULL, err);
    if (rc < 0) {
        return rc;
    }
    const struct aglm_threshold *t = aglm_thresholds_find(thresholds, "accuracy_kept");
    *percent = t != NULL && t->kind == AGLM_THRESHOLD_ABOVE ? t->alert : NAN;
    aglm_thresholds_destroy(&thresholds);
    return 0;
}

/* The devices of a store: who they are, their newest profile, and the newest one with measured
 * limits. A run looks at a device without measuring its limits by thread count and instruction set;
 * `aglm-bench --device-profile --db FILE` measures them. No SQL, no HTML.
 */
#ifndef AGLM_REPORTS_DEVICES_H
#define AGLM_REPORTS_DEVICES_H

#include "probes/err.h"
#include "probes/judge.h"
#include "probes/profile.h"
#include "reports/store.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_device {
    char fingerprint[33], cpu_info[128];
    size_t n_tests;
    int64_t last_ms;               /* of its newest test or profile */
    struct aglm_profile *profile;  /* the newest; NULL: none that can be read */
    struct aglm_profile *measured; /* the newest with measured limits, perhaps an older one; NULL */
    int64_t measured_ms;
};

struct aglm_devices {
    struct aglm_device *v; /* [n], the one measured last first */
    size_t n;
};

/* Reads the store; devices of which nothing is left are left out. -ENOMEM, or the store's errors.
 */
int aglm_devices_load(struct aglm_devices *out, struct aglm_store *store, struct aglm_err *err);
void aglm_devices_finish(struct aglm_devices *devices);
/* One device from a profile's JSON form, as if a store held nothing else. -EINVAL, -ENOMEM. */
int aglm_devices_from_profile(struct aglm_devices *out, const char *json, int64_t taken_ms,
                              struct aglm_err *err);

/* The device that is meant by the beginning of a fingerprint (4 digits at least) or a part of its
 * name or processor, case aside. -ENOENT and -EEXIST (several) list candidates. */
int aglm_devices_find(const struct aglm_devices *devices, const char *what, size_t *index,
                      struct aglm_err *err);

/* Its model, else its processor, else "unknown device". buf backs what is handed back. */
const char *aglm_device_name(const struct aglm_device *device, char *buf, size_t size);

/* A fact of the newest profile; where that has none or does not know it, of the measured one. NULL:
 * neither has it. */
const struct aglm_fact *aglm_device_fact(const struct aglm_device *device, const char *key);
/* As aglm_judge(), over both profiles; UNKNOWN with fact NULL where there is none. */
void aglm_device_judge(struct aglm_judgement *out, const struct aglm_device *device,
                       const struct aglm_threshold *threshold);

#endif

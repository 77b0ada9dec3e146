/* Scenarios: what people want a model on a device for, and whether this device is fit for it, with
 * the reason. Pure functions of a profile, its advice and the thresholds.
 */
#ifndef AGLM_BENCH_SCENARIOS_H
#define AGLM_BENCH_SCENARIOS_H

#include "bench/advice.h"
#include "probes/judge.h"

#include <stddef.h>
#include <stdint.h>

enum { AGLM_SCENARIO_MAX_CHECKS = 8 };

struct aglm_scenario {
    const char *id, *title;
    const char *preset, *mode; /* the model that is meant */
    uint32_t n_prompt, n_gen;
    /* Thresholds by name, NULL at the end. Those that name a fact judge it; "fit", "ttft", "tpot"
     * and "total:NAME" judge the prediction, the last one of prompt and answer together. */
    const char *checks[AGLM_SCENARIO_MAX_CHECKS + 1];
};

struct aglm_scenario_check {
    const char *label; /* of the threshold; of the text constants here for "fit" */
    const char *unit;
    double value, good; /* good: the limit */
    enum aglm_status status;
};

struct aglm_scenario_verdict {
    const struct aglm_scenario *scenario;
    struct aglm_scenario_check check[AGLM_SCENARIO_MAX_CHECKS]; /* [n] */
    size_t n;
    enum aglm_status status; /* alert before unknown before watch before good */
    char reason[192];        /* the first check that has this status, with its figure */
    unsigned threads;
    double ttft_s, decode_ts, total_s; /* predicted; NaN */
};

const struct aglm_scenario *aglm_scenarios(size_t *n);
void aglm_scenario_judge(struct aglm_scenario_verdict *out, const struct aglm_scenario *scenario,
                         const struct aglm_profile *profile,
                         const struct aglm_advice_device *device,
                         const struct aglm_thresholds *thresholds);

#endif

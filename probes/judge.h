/* Judges a profile's facts by the thresholds that name them. Pure. */
#ifndef AGLM_PROBES_JUDGE_H
#define AGLM_PROBES_JUDGE_H

#include "probes/profile.h"
#include "probes/thresholds.h"

struct aglm_judgement {
    const struct aglm_threshold *threshold;
    const struct aglm_fact *fact; /* NULL: the profile has none of that name */
    double value;                 /* in the threshold's unit; NaN */
    enum aglm_status status;
};

/* The threshold must name a fact. A fact that is unknown, or has a unit that is not the threshold's
 * in another size, is UNKNOWN. Of a text, "none" and "no" count as 0 and any other as 1. */
void aglm_judge(struct aglm_judgement *out, const struct aglm_profile *profile,
                const struct aglm_threshold *threshold);

/* A number in other units of the same thing (bytes, bytes/s, times); NaN where they are not. */
double aglm_judge_convert(double value, const char *from, const char *to);

#endif

/* Options that contradict each other, and values given twice; see options_check.h. */
#include "bench/options_check.h"

#include "bench/matrix.h"
#include "bench/requantize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- together ---- */

/* The suite's prompts have their own lengths. */
static int check_suite(const struct aglm_options *o, struct aglm_err *err)
{
    if (o->n_suite > 0 &&
        (o->n_prompt.n > 0 || o->n_gen.n > 0 || o->n_depth.n > 0 || o->n_pg > 0)) {
        return aglm_err_set(err, -EINVAL,
                            "--suite: its prompts have their own lengths: leave out -p, -n, -pg "
                            "and -d");
    }
    return 0;
}

/* What computes nothing has no operators. */
static int check_profile(const struct aglm_options *o, struct aglm_err *err)
{
    for (size_t i = 0; o->profile_ops && i < o->backends.n; i++) {
        if (strcmp(o->backends.values[i], "null") == 0) {
            return aglm_err_set(err, -EINVAL,
                                "--profile-ops: the null backend has no operators: leave out "
                                "--backend null");
        }
    }
    return 0;
}

/* Every combination of the lists is a test, so one pair that cannot be is one too many. */
static int check_loads(const struct aglm_options *o, struct aglm_err *err)
{
    for (size_t i = 0; i < o->loads.n; i++) {
        for (size_t k = 0; k < o->quantize.n; k++) {
            int rc = aglm_requantize_check_load(o->loads.values[i], o->quantize.values[k], err);
            if (rc < 0) {
                return rc;
            }
        }
    }
    return 0;
}

int aglm_options_check(const struct aglm_options *o, struct aglm_err *err)
{
    int rc = check_suite(o, err);
    rc = rc == 0 ? check_profile(o, err) : rc;
    return rc == 0 ? check_loads(o, err) : rc;
}

/* ---- once ---- */

static void unique_strings(struct aglm_str_list *list)
{
    size_t n = 0;
    for (size_t i = 0; i < list->n; i++) {
        size_t k = 0;
        while (k < n && strcmp(list->values[k], list->values[i]) != 0) {
            k++;
        }
        if (k == n) {
            list->values[n++] = list->values[i];
        } else {
            free(list->values[i]);
        }
    }
    list->n = n;
}

static void unique_numbers(struct aglm_u32_list *list)
{
    size_t n = 0;
    if (list->n > AGLM_PLAN_MAX_TESTS) {
        return; /* is refused for its length, and would take long */
    }
    for (size_t i = 0; i < list->n; i++) {
        size_t k = 0;
        while (k < n && list->values[k] != list->values[i]) {
            k++;
        }
        if (k == n) {
            list->values[n++] = list->values[i];
        }
    }
    list->n = n;
}

static void unique_pairs(struct aglm_options *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_pg; i++) {
        size_t k = 0;
        while (k < n &&
               (o->pg[k].n_prompt != o->pg[i].n_prompt || o->pg[k].n_gen != o->pg[i].n_gen)) {
            k++;
        }
        if (k == n) {
            o->pg[n++] = o->pg[i];
        }
    }
    o->n_pg = n;
}

void aglm_options_unique(struct aglm_options *o)
{
    struct aglm_str_list *const strings[] = {&o->models,   &o->quantize, &o->loads,
                                             &o->backends, &o->isas,     &o->cpu_masks,
                                             &o->types_k,  &o->types_v,  &o->fuse};
    struct aglm_u32_list *const numbers[] = {&o->n_prompt,  &o->n_gen,   &o->n_depth,
                                             &o->n_threads, &o->n_batch, &o->n_ubatch,
                                             &o->cpu_strict};
    for (size_t i = 0; i < sizeof(strings) / sizeof(strings[0]); i++) {
        unique_strings(strings[i]);
    }
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        unique_numbers(numbers[i]);
    }
    unique_pairs(o);
}

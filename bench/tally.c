/* Counts of right answers and what follows from them; see tally.h. */
#include "bench/tally.h"

#include "bench/items.h"

#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { MAX_PARTS = 64 };

struct aglm_interval aglm_wilson(uint64_t right, uint64_t n)
{
    const double z = 1.959963984540054; /* the normal distribution's 97.5% point */
    const double k = (double)n, p = (double)right / k, zz = z * z;
    if (n == 0)
        return (struct aglm_interval){NAN, NAN, NAN};
    const double centre = (p + zz / (2 * k)) / (1 + zz / k);
    const double half = z * sqrt(p * (1 - p) / k + zz / (4 * k * k)) / (1 + zz / k);
    /* At the ends the exact limits are 0 and 1; rounding must not go past them. */
    const double low = right == 0 ? 0 : fmax(centre - half, 0);
    const double high = right == n ? 1 : fmin(centre + half, 1);
    return (struct aglm_interval){100 * p, 100 * low, 100 * high};
}

double aglm_mcnemar(uint64_t lost, uint64_t gained)
{
    const uint64_t n = lost + gained, k = lost < gained ? lost : gained;
    double sum = 0;
    if (n == 0)
        return 1;
    for (uint64_t i = 0; i <= k; i++) /* by logarithms: 2^-n has no double from n = 1075 on */
        sum += exp(lgamma((double)n + 1) - lgamma((double)i + 1) - lgamma((double)(n - i) + 1) -
                   (double)n * log(2));
    return fmin(2 * sum, 1);
}

static struct aglm_accuracy_part *find(struct aglm_accuracy *a, const char *part, const char *lang)
{
    for (size_t i = 0; i < a->n_parts; i++)
        if (strcmp(a->parts[i].part, part) == 0 && strcmp(a->parts[i].lang, lang) == 0)
            return &a->parts[i];
    return NULL;
}

int aglm_accuracy_add(struct aglm_accuracy *a, const char *part, const char *lang, bool right,
                      int reference)
{
    struct aglm_accuracy_part *p = find(a, part, lang);
    if (p == NULL) {
        if (a->n_parts == MAX_PARTS)
            return -E2BIG;
        struct aglm_accuracy_part *grown = realloc(a->parts, (a->n_parts + 1) * sizeof(*grown));
        if (grown == NULL)
            return -ENOMEM;
        a->parts = grown;
        p = &grown[a->n_parts++];
        *p = (struct aglm_accuracy_part){0};
        snprintf(p->part, sizeof(p->part), "%s", part);
        snprintf(p->lang, sizeof(p->lang), "%s", lang);
    }
    p->n++;
    p->right += right;
    p->n_paired += reference >= 0;
    p->reference_right += reference == 1;
    p->lost += reference == 1 && !right;
    p->gained += reference == 0 && right;
    return 0;
}

struct aglm_accuracy_part aglm_accuracy_sum(const struct aglm_accuracy *a, const char *part,
                                            const char *lang)
{
    struct aglm_accuracy_part sum = {0};
    bool any_counts = false;
    for (size_t i = 0; i < a->n_parts; i++)
        any_counts = any_counts || aglm_part_counts(a->parts[i].part);
    for (size_t i = 0; i < a->n_parts; i++) {
        const struct aglm_accuracy_part *p = &a->parts[i];
        if (part ? strcmp(p->part, part) != 0 : any_counts && !aglm_part_counts(p->part))
            continue;
        if (lang && strcmp(p->lang, lang) != 0)
            continue;
        sum.n += p->n;
        sum.right += p->right;
        sum.n_paired += p->n_paired;
        sum.reference_right += p->reference_right;
        sum.lost += p->lost;
        sum.gained += p->gained;
    }
    snprintf(sum.part, sizeof(sum.part), "%s", part ? part : "");
    snprintf(sum.lang, sizeof(sum.lang), "%s", lang ? lang : "");
    return sum;
}

double aglm_accuracy_kept(const struct aglm_accuracy_part *sum)
{
    if (sum->n == 0 || sum->n_paired != sum->n || sum->reference_right == 0)
        return NAN;
    return 100 * (double)sum->right / (double)sum->reference_right;
}

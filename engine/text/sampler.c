/* Sampling. Inputs: logits, the tokens accepted so far, options and a seed. Outputs: one token id.
 *
 * Reproducible everywhere: sums and the exponential are plain double arithmetic in a fixed order
 * (the C library's exp() differs between machines), the random numbers are SplitMix64. Candidates
 * come out of a heap best first, so that only those that matter are ever sorted.
 */
#include "engine/text/sampler.h"

#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define MAX_REPEAT_LAST (1u << 20)

struct candidate {
    float logit;
    int32_t id;
};

struct aglm_sampler {
    struct aglm_sampler_options options;
    size_t n_vocab;
    struct candidate *heap;   /* [n_heap]: not yet sorted */
    struct candidate *sorted; /* [n_sorted]: the best ones, best first */
    size_t n_heap, n_sorted;
    int32_t *last; /* [options.repeat_last] ring of accepted ids */
    size_t n_accepted;
    bool *penalized; /* [n_vocab] all false between calls */
    uint64_t random;
};

/* ---- arithmetic ---- */

/* e^x for x <= 0: x = k ln 2 + r with |r| <= ln 2 / 2, then the series of e^r to its 14th term
 * (its remainder is below 2^-57). */
static double exp_negative(double x)
{
    static const double ln2_high = 0x1.62e42fee00000p-1, ln2_low = 0x1.a39ef35793c76p-33;
    if (!(x > -745)) {
        return 0;
    }
    double k = floor(x * 0x1.71547652b82fep+0 + 0.5);
    double r = x - k * ln2_high - k * ln2_low;
    double sum = 1;
    for (int i = 13; i > 0; i--) {
        sum = 1 + sum * r / i;
    }
    return ldexp(sum, (int)k);
}

/* SplitMix64 (Steele, Lea, Flood 2014), 53 bits in [0, 1). */
static double random_unit(struct aglm_sampler *s)
{
    uint64_t z = s->random += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53;
}

/* ---- life ---- */

static int check(const struct aglm_sampler_options *o, size_t n_vocab, struct aglm_err *err)
{
    if (!(o->temperature >= 0) || isinf(o->temperature)) {
        return aglm_err_set(err, -EINVAL, "temperature: must be 0 (greedy) or more");
    }
    if (!(o->top_p > 0 && o->top_p <= 1)) {
        return aglm_err_set(err, -EINVAL, "top-p: must be above 0 and at most 1 (off)");
    }
    if (!(o->min_p >= 0 && o->min_p <= 1)) {
        return aglm_err_set(err, -EINVAL, "min-p: must be 0 (off) to 1");
    }
    if (!(o->repeat_penalty > 0) || isinf(o->repeat_penalty)) {
        return aglm_err_set(err, -EINVAL, "repeat penalty: must be above 0; 1 is off");
    }
    if (o->repeat_last > MAX_REPEAT_LAST) {
        return aglm_err_set(err, -EINVAL, "repeat last: must be at most %u tokens",
                            MAX_REPEAT_LAST);
    }
    if (n_vocab == 0 || n_vocab > INT32_MAX) {
        return aglm_err_set(err, -EINVAL, "a vocabulary of %zu tokens cannot be sampled from",
                            n_vocab);
    }
    return 0;
}

int aglm_sampler_create(struct aglm_sampler **out, const struct aglm_sampler_options *options,
                        size_t n_vocab, struct aglm_err *err)
{
    int rc = check(options, n_vocab, err);
    if (rc < 0) {
        return rc;
    }
    struct aglm_sampler *s = calloc(1, sizeof(*s));
    if (s == NULL) {
        return aglm_err_set(err, -ENOMEM, "no memory for sampling");
    }
    *s = (struct aglm_sampler){.options = *options,
                               .n_vocab = n_vocab,
                               .heap = calloc(n_vocab, sizeof(*s->heap)),
                               .sorted = calloc(n_vocab, sizeof(*s->sorted)),
                               .last = calloc((size_t)options->repeat_last + 1, sizeof(*s->last)),
                               .penalized = calloc(n_vocab, sizeof(*s->penalized)),
                               .random = options->seed};
    if (s->heap == NULL || s->sorted == NULL || s->last == NULL || s->penalized == NULL) {
        aglm_sampler_destroy(&s);
        return aglm_err_set(err, -ENOMEM, "no memory for sampling from %zu tokens", n_vocab);
    }
    *out = s;
    return 0;
}

void aglm_sampler_destroy(struct aglm_sampler **sampler)
{
    struct aglm_sampler *s = *sampler;
    if (s != NULL) {
        free(s->heap);
        free(s->sorted);
        free(s->last);
        free(s->penalized);
        free(s);
        *sampler = NULL;
    }
}

void aglm_sampler_accept(struct aglm_sampler *s, int32_t id)
{
    if (s->options.repeat_last > 0 && id >= 0 && (size_t)id < s->n_vocab) {
        s->last[s->n_accepted++ % s->options.repeat_last] = id;
    }
}

/* ---- the heap ---- */

/* Best first: the higher logit, and of equals the lower id. */
static bool better(const struct candidate *a, const struct candidate *b)
{
    return a->logit > b->logit || (a->logit == b->logit && a->id < b->id);
}

static void sift_down(struct candidate *heap, size_t n, size_t i)
{
    struct candidate moved = heap[i];
    for (size_t child; (child = 2 * i + 1) < n; i = child) {
        if (child + 1 < n && better(&heap[child + 1], &heap[child])) {
            child++;
        }
        if (!better(&heap[child], &moved)) {
            break;
        }
        heap[i] = heap[child];
    }
    heap[i] = moved;
}

/* Candidate number i in the order of goodness; i is at most n_sorted. */
static const struct candidate *best(struct aglm_sampler *s, size_t i)
{
    if (i == s->n_sorted) {
        s->sorted[s->n_sorted++] = s->heap[0];
        s->heap[0] = s->heap[--s->n_heap];
        if (s->n_heap > 0) {
            sift_down(s->heap, s->n_heap, 0);
        }
    }
    return &s->sorted[i];
}

/* ---- the steps ---- */

/* Divides the logits of the last tokens by the penalty, or multiplies if negative: each token once
 * (Keskar et al. 2019, as everybody does it). */
static void penalize(struct aglm_sampler *s)
{
    size_t n = s->n_accepted < s->options.repeat_last ? s->n_accepted : s->options.repeat_last;
    float penalty = s->options.repeat_penalty;
    for (size_t i = 0; i < n; i++) {
        float *logit = &s->heap[s->last[i]].logit;
        if (!s->penalized[s->last[i]]) {
            s->penalized[s->last[i]] = true;
            *logit = *logit > 0 ? *logit / penalty : *logit * penalty;
        }
    }
    for (size_t i = 0; i < n; i++) {
        s->penalized[s->last[i]] = false;
    }
}

/* Copies the logits, candidate i being token i; false when one is NaN. */
static bool take(struct aglm_sampler *s, const float *logits)
{
    for (size_t i = 0; i < s->n_vocab; i++) {
        if (isnan(logits[i])) {
            return false;
        }
        s->heap[i] = (struct candidate){logits[i], (int32_t)i};
    }
    s->n_heap = s->n_vocab;
    s->n_sorted = 0;
    return true;
}

static int32_t argmax(const struct aglm_sampler *s)
{
    const struct candidate *found = &s->heap[0];
    for (size_t i = 1; i < s->n_heap; i++) {
        found = better(&s->heap[i], found) ? &s->heap[i] : found;
    }
    return found->id;
}

/* Share of a candidate, the best one's being 1. Equals of the best are 1 even if both are infinite.
 */
static double weight(const struct aglm_sampler *s, const struct candidate *c)
{
    double top = s->sorted[0].logit;
    return c->logit == s->sorted[0].logit
               ? 1
               : exp_negative(((double)c->logit - top) / (double)s->options.temperature);
}

/* The sum of the weights of the n best; n is the whole vocabulary or what top-k leaves. */
static double total_weight(struct aglm_sampler *s, size_t n)
{
    double total = weight(s, best(s, 0));
    if (n < s->n_vocab) {
        for (size_t i = 1; i < n; i++) {
            total += weight(s, best(s, i));
        }
        return total;
    }
    for (size_t i = 0; i < s->n_heap; i++) {
        total += weight(s, &s->heap[i]);
    }
    return total;
}

/* How many of the n best top-p and min-p leave, at least one; *total becomes their weight. */
static size_t cut(struct aglm_sampler *s, size_t n, double *total)
{
    double enough = *total * (double)s->options.top_p, sum = 0;
    if (s->options.top_p >= 1 && s->options.min_p <= 0) {
        return n;
    }
    for (size_t i = 0; i < n; i++) {
        double w = weight(s, best(s, i));
        if (i > 0 && w < (double)s->options.min_p) {
            n = i;
            break;
        }
        sum += w;
        if (s->options.top_p < 1 && sum >= enough) {
            n = i + 1;
        }
    }
    *total = sum;
    return n;
}

static int32_t draw(struct aglm_sampler *s, size_t n, double total)
{
    double at = random_unit(s) * total, sum = 0;
    int32_t id = best(s, 0)->id;
    for (size_t i = 0; i < n && sum <= at; i++) {
        double w = weight(s, best(s, i));
        id = w > 0 ? s->sorted[i].id : id; /* rounding may leave at above the sum of all */
        sum += w;
    }
    return id;
}

int32_t aglm_sampler_next(struct aglm_sampler *s, const float *logits)
{
    const struct aglm_sampler_options *o = &s->options;
    if (!take(s, logits)) {
        return -EDOM;
    }
    if (o->repeat_penalty < 1 || o->repeat_penalty > 1) {
        penalize(s);
    }
    if (!(o->temperature > 0)) {
        return argmax(s);
    }
    for (size_t i = s->n_heap / 2; i-- > 0;) {
        sift_down(s->heap, s->n_heap, i);
    }
    size_t n = o->top_k > 0 && o->top_k < s->n_vocab ? o->top_k : s->n_vocab;
    double total = total_weight(s, n);
    n = cut(s, n, &total);
    return draw(s, n, total);
}

/* The sampler against a slow one written from the definitions: everything sorted, everything in
 * double precision with the C library's exp(). Distributions are compared by chi-square under fixed
 * seeds, so a result never changes from run to run.
 */
#include "engine/text/sampler.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

enum { VOCAB = 40, MANY = 8000 };

static struct aglm_err err;

static struct aglm_sampler_options plain(void)
{
    return (struct aglm_sampler_options){
        .temperature = 1, .top_p = 1, .repeat_penalty = 1, .seed = 7};
}

static struct aglm_sampler *make(const struct aglm_sampler_options *o, size_t n)
{
    struct aglm_sampler *s = NULL;
    ck_assert_msg(aglm_sampler_create(&s, o, n, &err) == 0, "%s", err.msg);
    return s;
}

static void fill(float *logits, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++) {
        seed = seed * 1664525u + 1013904223u;
        logits[i] = (float)(seed >> 16) / 8192.0f - 4.0f; /* -4 to 4; ties happen */
    }
}

struct entry {
    double logit, p;
    int id;
};

static int by_logit(const void *a, const void *b)
{
    const struct entry *x = a, *y = b;
    return x->logit < y->logit ? 1 : x->logit > y->logit ? -1 : x->id - y->id;
}

/* The distribution that the options define: p[id]. last: tokens to penalize. */
static void reference(double *p, const float *logits, size_t n,
                      const struct aglm_sampler_options *o, const int32_t *last, size_t n_last)
{
    struct entry e[VOCAB];
    double sum = 0, kept = 0;
    for (size_t i = 0; i < n; i++) {
        bool again = false;
        for (size_t j = 0; j < n_last; j++)
            again = again || last[j] == (int32_t)i;
        float l = logits[i];
        l = !again ? l : l > 0 ? l / o->repeat_penalty : l * o->repeat_penalty;
        e[i] = (struct entry){l, 0, (int)i};
        p[i] = 0;
    }
    qsort(e, n, sizeof(*e), by_logit);
    size_t m = o->top_k > 0 && o->top_k < n ? o->top_k : n;
    for (size_t i = 0; i < m; i++)
        sum += e[i].p = exp((e[i].logit - e[0].logit) / (double)o->temperature);
    for (size_t i = 0; i < m; i++)
        e[i].p /= sum;
    double before = 0;
    for (size_t i = 0; i < m; i++) {
        bool in = i == 0 || ((o->top_p >= 1 || before < (double)o->top_p) &&
                             e[i].p >= (double)o->min_p * e[0].p);
        before += e[i].p;
        e[i].p = in ? e[i].p : 0;
        kept += e[i].p;
    }
    for (size_t i = 0; i < m; i++)
        p[e[i].id] = e[i].p / kept;
}

/* Draws MANY times and compares with the reference: what has no probability never comes, and
 * chi-square stays below its 99.99th percentile (Wilson and Hilferty's approximation). */
static void compare(const struct aglm_sampler_options *o, unsigned logits_seed, const int32_t *last,
                    size_t n_last)
{
    float logits[VOCAB];
    double p[VOCAB], chi2 = 0;
    unsigned count[VOCAB] = {0}, cells = 0;
    fill(logits, VOCAB, logits_seed);
    reference(p, logits, VOCAB, o, last, n_last);
    struct aglm_sampler *s = make(o, VOCAB);
    for (size_t i = 0; i < n_last; i++)
        aglm_sampler_accept(s, last[i]);
    for (int i = 0; i < MANY; i++) {
        int32_t id = aglm_sampler_next(s, logits);
        ck_assert(id >= 0 && id < VOCAB);
        count[id]++;
    }
    aglm_sampler_destroy(&s);
    double rest = 0, rest_count = 0;
    for (int i = 0; i < VOCAB; i++) {
        ck_assert_msg(p[i] > 0 || count[i] == 0, "token %d has no probability and came", i);
        if (p[i] * MANY >= 5) {
            chi2 += pow(count[i] - p[i] * MANY, 2) / (p[i] * MANY);
            cells++;
        } else {
            rest += p[i] * MANY;
            rest_count += count[i];
        }
    }
    if (rest >= 5) {
        chi2 += pow(rest_count - rest, 2) / rest;
        cells++;
    }
    double df = cells > 1 ? cells - 1 : 1;
    double limit = df * pow(1 - 2 / (9 * df) + 3.719 * sqrt(2 / (9 * df)), 3);
    ck_assert_msg(chi2 < limit, "chi-square %g of %u cells, limit %g", chi2, cells, limit);
}

START_TEST(distributions)
{
    static const struct aglm_sampler_options cases[] = {
        {.temperature = 1, .top_p = 1, .repeat_penalty = 1},
        {.temperature = 0.5f, .top_p = 1, .repeat_penalty = 1},
        {.temperature = 3, .top_p = 1, .repeat_penalty = 1},
        {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .top_k = 1},
        {.temperature = 2, .top_p = 1, .repeat_penalty = 1, .top_k = 7},
        {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .top_k = 4000},
        {.temperature = 1, .top_p = 0.8f, .repeat_penalty = 1},
        {.temperature = 2, .top_p = 0.3f, .repeat_penalty = 1, .top_k = 20},
        {.temperature = 1, .top_p = 1e-6f, .repeat_penalty = 1},
        {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .min_p = 0.1f},
        {.temperature = 1, .top_p = 1, .repeat_penalty = 1, .min_p = 1},
        {.temperature = 1.5f, .top_p = 0.9f, .repeat_penalty = 1, .min_p = 0.05f, .top_k = 25},
        {.temperature = 1, .top_p = 1, .repeat_penalty = 1.5f, .repeat_last = 64},
        {.temperature = 1, .top_p = 0.9f, .repeat_penalty = 0.5f, .repeat_last = 64},
    };
    static const int32_t last[] = {0, 3, 3, 39, 17, 3};
    struct aglm_sampler_options o = cases[_i];
    for (unsigned seed = 1; seed <= 2; seed++) {
        o.seed = seed * 1000;
        compare(&o, seed, last, o.repeat_last > 0 ? 6 : 0);
    }
}
END_TEST

START_TEST(seeds)
{
    float logits[VOCAB];
    struct aglm_sampler_options o = plain();
    struct aglm_sampler *a = make(&o, VOCAB), *b = make(&o, VOCAB);
    o.seed = 8;
    struct aglm_sampler *c = make(&o, VOCAB);
    int differ = 0;
    fill(logits, VOCAB, 5);
    for (int i = 0; i < 200; i++) {
        int32_t id = aglm_sampler_next(a, logits);
        ck_assert_int_eq(id, aglm_sampler_next(b, logits));
        differ += id != aglm_sampler_next(c, logits);
    }
    ck_assert_int_gt(differ, 100);
    /* The same on every machine: a change of these is a change of everybody's texts. */
    static const int32_t known[] = {1, 26, 34, 36, 20, 28, 34, 13, 36, 15, 34, 9};
    struct aglm_sampler *d = make(
        &(struct aglm_sampler_options){
            .temperature = 2, .top_p = 0.95f, .repeat_penalty = 1, .seed = 42},
        VOCAB);
    for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++)
        ck_assert_int_eq(aglm_sampler_next(d, logits), known[i]);
    aglm_sampler_destroy(&a);
    aglm_sampler_destroy(&b);
    aglm_sampler_destroy(&c);
    aglm_sampler_destroy(&d);
}
END_TEST

START_TEST(greedy)
{
    struct aglm_sampler_options o = plain();
    float logits[4] = {1, 3, 3, -2}, copy[4];
    memcpy(copy, logits, sizeof(copy));
    o.temperature = 0;
    struct aglm_sampler *s = make(&o, 4);
    ck_assert_int_eq(aglm_sampler_next(s, logits), 1); /* of equals the lowest id */
    ck_assert_int_eq(memcmp(copy, logits, sizeof(copy)), 0);
    aglm_sampler_destroy(&s);
    ck_assert_ptr_null(s);
    aglm_sampler_destroy(&s);

    o.repeat_penalty = 2;
    o.repeat_last = 2;
    s = make(&o, 4);
    aglm_sampler_accept(s, 1);
    ck_assert_int_eq(aglm_sampler_next(s, logits), 2);
    aglm_sampler_accept(s, 2); /* both now 1.5 */
    ck_assert_int_eq(aglm_sampler_next(s, logits), 1);
    aglm_sampler_accept(s, 2); /* 1 left the window of two */
    ck_assert_int_eq(aglm_sampler_next(s, logits), 1);
    aglm_sampler_accept(s, 99); /* no such token: no matter */
    aglm_sampler_accept(s, -1);
    ck_assert_int_eq(aglm_sampler_next(s, logits), 1);
    aglm_sampler_destroy(&s);
}
END_TEST

START_TEST(strange_logits)
{
    struct aglm_sampler_options o = plain();
    struct aglm_sampler *s = make(&o, 4);
    const float nan_row[4] = {1, 2, NAN, 0}, inf_row[4] = {1, INFINITY, 5, INFINITY};
    const float low_row[4] = {-INFINITY, -INFINITY, -INFINITY, -INFINITY};
    const float one_row[4] = {-INFINITY, -INFINITY, -1e30f, -INFINITY};
    unsigned low[4] = {0};
    ck_assert_int_eq(aglm_sampler_next(s, nan_row), -EDOM);
    for (int i = 0; i < 400; i++) {
        ck_assert_int_eq(aglm_sampler_next(s, inf_row) % 2, 1);
        ck_assert_int_eq(aglm_sampler_next(s, one_row), 2);
        low[aglm_sampler_next(s, low_row)]++;
    }
    ck_assert(low[0] > 50 && low[1] > 50 && low[2] > 50 && low[3] > 50);
    aglm_sampler_destroy(&s);
    o.temperature = 0;
    s = make(&o, 4);
    ck_assert_int_eq(aglm_sampler_next(s, nan_row), -EDOM);
    ck_assert_int_eq(aglm_sampler_next(s, inf_row), 1);
    ck_assert_int_eq(aglm_sampler_next(s, low_row), 0);
    aglm_sampler_destroy(&s);
    o.temperature = 1e-30f; /* everything but the best vanishes */
    s = make(&o, 4);
    ck_assert_int_eq(aglm_sampler_next(s, (const float[]){1, 2, 2.5f, 0}), 2);
    aglm_sampler_destroy(&s);
}
END_TEST

START_TEST(options_out_of_range)
{
    static const struct {
        struct aglm_sampler_options o;
        const char *word;
    } cases[] = {
        {{.temperature = -1, .top_p = 1, .repeat_penalty = 1}, "temperature"},
        {{.temperature = NAN, .top_p = 1, .repeat_penalty = 1}, "temperature"},
        {{.temperature = INFINITY, .top_p = 1, .repeat_penalty = 1}, "temperature"},
        {{.top_p = 0, .repeat_penalty = 1}, "top-p"},
        {{.top_p = 1.01f, .repeat_penalty = 1}, "top-p"},
        {{.top_p = NAN, .repeat_penalty = 1}, "top-p"},
        {{.top_p = 1, .min_p = -0.1f, .repeat_penalty = 1}, "min-p"},
        {{.top_p = 1, .min_p = 1.1f, .repeat_penalty = 1}, "min-p"},
        {{.top_p = 1, .repeat_penalty = 0}, "repeat penalty"},
        {{.top_p = 1, .repeat_penalty = NAN}, "repeat penalty"},
        {{.top_p = 1, .repeat_penalty = 1, .repeat_last = UINT32_MAX}, "repeat last"},
    };
    struct aglm_sampler *s = NULL;
    ck_assert_int_eq(aglm_sampler_create(&s, &cases[_i].o, 10, &err), -EINVAL);
    ck_assert_msg(strstr(err.msg, cases[_i].word) != NULL, "%s", err.msg);
    ck_assert_ptr_null(s);
    const struct aglm_sampler_options o = plain();
    ck_assert_int_eq(aglm_sampler_create(&s, &o, 0, &err), -EINVAL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sampler");
    TCase *tests = tcase_create("sampler");
    tcase_add_loop_test(tests, distributions, 0, 14);
    tcase_add_test(tests, seeds);
    tcase_add_test(tests, greedy);
    tcase_add_test(tests, strange_logits);
    tcase_add_loop_test(tests, options_out_of_range, 0, 11);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

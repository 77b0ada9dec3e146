/* Likelihood, divergence and the windows of a text, against known answers and against a plain
 * computation from the definitions.
 *
 * An executable of its own: it defines the session functions itself, as a model whose logits are a
 * function of the token before and of the position in the window.
 */
#include "bench/likelihood.h"
#include "bench/perplexity.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define EPS 1e-12

enum { VOCAB = 7, MAX_WINDOW = 64 };

/* ---- the model that the test makes up ---- */

struct aglm_session {
    int kind;       /* another kind, other logits */
    size_t length;  /* positions in use */
    size_t longest; /* that it ever had */
    size_t run;     /* tokens in all */
    int32_t first;  /* the token at position 0 */
    int broken_at;  /* position whose logits are NaN; < 0: none */
};

static float logit(int kind, int32_t token, size_t position, int32_t next)
{
    unsigned h = (unsigned)token * 2654435761u + (unsigned)position * 40503u +
                 (unsigned)next * 69069u + (unsigned)kind * 977u;
    h ^= h >> 13;
    h *= 0x5bd1e995u;
    return (float)(h >> 8 & 0xffff) / 16384.0f;
}

void aglm_session_truncate(struct aglm_session *s, size_t n_keep)
{
    s->length = n_keep;
}

int aglm_session_eval(struct aglm_session *s, const int32_t *tokens, size_t n, float *rows,
                      struct aglm_err *err)
{
    for (size_t i = 0; i < n; i++, s->length++) {
        if (s->length == 0)
            s->first = tokens[i];
        for (int32_t v = 0; rows && v < VOCAB; v++)
            rows[i * VOCAB + (size_t)v] =
                (int)s->length == s->broken_at ? NAN : logit(s->kind, tokens[i], s->length, v);
    }
    s->run += n;
    s->longest = s->length > s->longest ? s->length : s->longest;
    return 0;
}

int aglm_session_prefill(struct aglm_session *s, const int32_t *tokens, size_t n,
                         struct aglm_err *err)
{
    return aglm_session_eval(s, tokens, n, NULL, err);
}

/* ---- from the definitions ---- */

static double plain_probability(const float *row, size_t n, size_t i)
{
    long double sum = 0;
    for (size_t k = 0; k < n; k++)
        sum += expl((long double)row[k]);
    return (double)(expl((long double)row[i]) / sum);
}

START_TEST(known_likelihoods)
{
    const float equal[] = {3, 3, 3, 3}, two[] = {0, (float)1.0986122886681098}; /* ln 3 */
    ck_assert_double_eq_tol(aglm_log_sum_exp(equal, 4), 3 + log(4), EPS);
    ck_assert_double_eq_tol(aglm_nll(equal, 4, 2), log(4), EPS);
    ck_assert_double_eq_tol(aglm_nll(two, 2, 1), log(4.0 / 3), 1e-7);
    ck_assert_double_eq_tol(aglm_nll(two, 2, 0), log(4.0), 1e-7);
}
END_TEST

START_TEST(large_logits_do_not_overflow)
{
    const float high[] = {3e38f, 3e38f}, far[] = {0, -3e38f}, one[] = {-5};
    const float thousand[] = {1000, 1000};
    ck_assert_double_eq_tol(aglm_nll(thousand, 2, 0), log(2), EPS);
    ck_assert(isfinite(aglm_nll(high, 2, 0)));
    ck_assert_double_eq(aglm_nll(far, 2, 0), 0);
    ck_assert(isfinite(aglm_nll(far, 2, 1)));
    ck_assert_double_eq(aglm_nll(one, 1, 0), 0);
}
END_TEST

START_TEST(broken_logits_are_nan)
{
    const float nan_row[] = {1, NAN, 2}, high[] = {1, INFINITY}, low[] = {1, -INFINITY},
                ok[] = {1, 2, 3};
    struct aglm_divergence d;
    ck_assert_double_nan(aglm_nll(nan_row, 3, 0));
    ck_assert_double_nan(aglm_nll(high, 2, 0));
    ck_assert_double_nan(aglm_nll(low, 2, 0));
    ck_assert_double_nan(aglm_log_sum_exp(ok, 0));
    aglm_diverge(ok, nan_row, 3, 0, &d);
    ck_assert(!isnan(d.nll) && isnan(d.nll_reference) && isnan(d.kl));
}
END_TEST

START_TEST(known_divergence)
{
    /* q = (1/2, 1/2), p = (3/4, 1/4): KL = 3/4 ln 3/2 + 1/4 ln 1/2 */
    const float q[] = {7, 7}, p[] = {(float)1.0986122886681098, 0};
    struct aglm_divergence d;
    aglm_diverge(q, p, 2, 1, &d);
    ck_assert_double_eq_tol(d.kl, 0.75 * log(1.5) + 0.25 * log(0.5), 1e-7);
    ck_assert_double_eq_tol(d.nll, log(2), 1e-7);
    ck_assert_double_eq_tol(d.nll_reference, log(4), 1e-7);
    ck_assert(d.same_top); /* of equals the first */
    aglm_diverge(p, p, 2, 0, &d);
    ck_assert_double_eq(d.kl, 0);
    ck_assert(d.same_top);
}
END_TEST

START_TEST(divergence_is_not_symmetric_and_agrees_with_its_definition)
{
    float q[50], p[50];
    struct aglm_divergence d, back;
    double kl = 0;
    for (int32_t i = 0; i < 50; i++) {
        q[i] = 3 * logit(1, i, 5, i);
        p[i] = 3 * logit(2, i, 5, i);
    }
    for (size_t i = 0; i < 50; i++) {
        double a = plain_probability(p, 50, i), b = plain_probability(q, 50, i);
        kl += a * log(a / b);
    }
    aglm_diverge(q, p, 50, 3, &d);
    ck_assert_double_eq_tol(d.kl, kl, 1e-10);
    ck_assert_double_eq_tol(d.nll, -log(plain_probability(q, 50, 3)), 1e-10);
    for (size_t i = 0; i < 50; i++)
        p[i] += 512; /* a shift means nothing */
    aglm_diverge(q, p, 50, 3, &back);
    ck_assert_double_eq_tol(back.kl, kl, 1e-4);
    aglm_diverge(p, q, 50, 3, &back);
    ck_assert(fabs(back.kl - d.kl) > 1e-3);
}
END_TEST

START_TEST(mean_and_error)
{
    struct aglm_mean m = {0};
    ck_assert_double_nan(aglm_mean_value(&m));
    aglm_mean_add(&m, 1e9 + 4);
    ck_assert_double_nan(aglm_mean_error(&m));
    aglm_mean_add(&m, 1e9 + 7);
    aglm_mean_add(&m, 1e9 + 13);
    aglm_mean_add(&m, 1e9 + 16);
    ck_assert_double_eq_tol(aglm_mean_value(&m), 1e9 + 10, 1e-6);
    ck_assert_double_eq_tol(aglm_mean_error(&m), sqrt(30.0 / 4), 1e-9);
}
END_TEST

/* ---- windows ---- */

START_TEST(windows_follow_one_another)
{
    const struct aglm_windows w = {.window = 512};
    ck_assert_uint_eq(aglm_windows_count(&w, 511), 0);
    ck_assert_uint_eq(aglm_windows_count(&w, 512), 1);
    ck_assert_uint_eq(aglm_windows_count(&w, 1535), 2);
    ck_assert_uint_eq(aglm_windows_first(&w), 256);
    ck_assert_uint_eq(aglm_windows_scored(&w), 255); /* llama.cpp: n - n/2 - 1 */
    ck_assert_uint_eq(aglm_windows_start(&w, 2), 1024);
    const struct aglm_windows least = {.window = 3};
    ck_assert_uint_eq(aglm_windows_scored(&least), 1);
}
END_TEST

START_TEST(strides_score_each_token_once)
{
    for (uint32_t window = 2; window < 20; window++) {
        for (uint32_t stride = 1; stride < window; stride++) {
            const struct aglm_windows w = {window, stride};
            for (size_t n = window; n < 60; n++) {
                size_t next = window - stride; /* the first token that is scored */
                for (size_t i = 0; i < aglm_windows_count(&w, n); i++) {
                    size_t at = aglm_windows_start(&w, i) + aglm_windows_first(&w) + 1;
                    ck_assert_uint_eq(at, next);
                    next += aglm_windows_scored(&w);
                }
                ck_assert(next <= n && next + stride > n);
            }
        }
    }
}
END_TEST

static void fill(int32_t *tokens, size_t n)
{
    for (size_t i = 0; i < n; i++)
        tokens[i] = (int32_t)((i * i + i / 3) % VOCAB);
}

/* What a run must give, from the definitions; NLL summed. */
static double expected_nll(const struct aglm_windows *w, const int32_t *tokens, size_t n,
                           int32_t bos, int kind)
{
    double sum = 0;
    for (size_t i = 0; i < aglm_windows_count(w, n); i++) {
        size_t start = aglm_windows_start(w, i), first = aglm_windows_first(w);
        for (size_t p = first; p < first + aglm_windows_scored(w); p++) {
            float row[VOCAB];
            int32_t token = p == 0 && bos >= 0 ? bos : tokens[start + p];
            for (int32_t v = 0; v < VOCAB; v++)
                row[v] = logit(kind, token, p, v);
            sum -= log(plain_probability(row, VOCAB, (size_t)tokens[start + p + 1]));
        }
    }
    return sum;
}

START_TEST(a_run_scores_what_it_says)
{
    static const struct aglm_windows kinds[] = {{3, 0}, {8, 0}, {9, 0}, {8, 7}, {8, 3}, {2, 1}};
    int32_t tokens[61];
    fill(tokens, 61);
    for (size_t k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++) {
        for (int32_t bos = -1; bos < 2; bos += 2) {
            struct aglm_session model = {.kind = 1, .broken_at = -1};
            struct aglm_perplexity p;
            const struct aglm_perplexity_options o = {
                .windows = kinds[k], .bos = bos, .n_vocab = VOCAB, .name = "m"};
            size_t windows = aglm_windows_count(&kinds[k], 61);
            ck_assert_int_eq(aglm_perplexity_run(&p, &model, NULL, tokens, 61, &o, NULL), 0);
            ck_assert_uint_eq(p.windows, windows);
            ck_assert_uint_eq(p.nll.n, windows * aglm_windows_scored(&kinds[k]));
            ck_assert_double_eq_tol(p.nll.mean * (double)p.nll.n,
                                    expected_nll(&kinds[k], tokens, 61, bos, 1), 1e-9);
            ck_assert_uint_lt(model.longest, kinds[k].window); /* the last token is never run */
            if (bos >= 0)
                ck_assert_int_eq(model.first, bos);
            ck_assert_uint_eq(p.kl.n, 0);
            aglm_perplexity_finish(&p);
        }
    }
}
END_TEST

START_TEST(a_run_against_a_reference)
{
    const struct aglm_windows w = {.window = 8};
    struct aglm_session model = {.kind = 1, .broken_at = -1}, other = {.kind = 2, .broken_at = -1};
    struct aglm_session same = {.kind = 1, .broken_at = -1};
    struct aglm_perplexity p;
    int32_t tokens[40];
    fill(tokens, 40);
    const struct aglm_perplexity_options o = {
        .windows = w, .bos = -1, .n_vocab = VOCAB, .name = "m", .reference_name = "r"};
    ck_assert_int_eq(aglm_perplexity_run(&p, &model, &other, tokens, 40, &o, NULL), 0);
    double a = expected_nll(&w, tokens, 40, -1, 1), b = expected_nll(&w, tokens, 40, -1, 2);
    double n = (double)p.nll.n, sum = 0;
    ck_assert_uint_eq(p.nll.n, 15);
    ck_assert_double_eq_tol(p.nll.mean * n, a, 1e-9);
    ck_assert_double_eq_tol(p.nll_reference.mean * n, b, 1e-9);
    ck_assert_double_eq_tol(p.delta.mean * n, a - b, 1e-9);
    for (size_t i = 0; i < 15; i++)
        sum += p.kls[i];
    ck_assert_double_eq_tol(sum, p.kl.mean * n, 1e-9);
    ck_assert(p.kl.mean > 0.01 && p.same_top.mean < 1);
    aglm_perplexity_finish(&p);

    ck_assert_int_eq(aglm_perplexity_run(&p, &model, &same, tokens, 40, &o, NULL), 0);
    ck_assert_double_eq(p.delta.mean, 0);
    ck_assert_double_eq_tol(p.kl.mean, 0, 1e-12);
    ck_assert_double_eq(p.same_top.mean, 1);
    aglm_perplexity_finish(&p);
}
END_TEST

START_TEST(refusals)
{
    struct aglm_session model = {.kind = 1, .broken_at = 5}, other = {.kind = 2, .broken_at = -1};
    struct aglm_perplexity p;
    struct aglm_err err = {0};
    int32_t tokens[40];
    fill(tokens, 40);
    const struct aglm_perplexity_options o = {
        .windows = {.window = 8}, .bos = -1, .n_vocab = VOCAB, .name = "m", .reference_name = "r"};
    ck_assert_int_eq(aglm_perplexity_run(&p, &model, NULL, tokens, 7, &o, &err), -EINVAL);
    ck_assert_int_eq(aglm_perplexity_run(&p, &model, NULL, tokens, 40, &o, &err), -ERANGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "m: logits are NaN"));
    ck_assert_uint_eq(p.windows, 0);
    aglm_perplexity_finish(&p);
    ck_assert_int_eq(aglm_perplexity_run(&p, &other, &model, tokens, 40, &o, &err), -ERANGE);
    ck_assert_ptr_nonnull(strstr(err.msg, "r: logits are NaN"));
    aglm_perplexity_finish(&p);
    tokens[6] = VOCAB; /* scored, and outside the vocabulary */
    ck_assert_int_eq(aglm_perplexity_run(&p, &other, NULL, tokens, 40, &o, &err), -EINVAL);
    aglm_perplexity_finish(&p);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("likelihood");
    TCase *tc = tcase_create("likelihood");
    tcase_add_test(tc, known_likelihoods);
    tcase_add_test(tc, large_logits_do_not_overflow);
    tcase_add_test(tc, broken_logits_are_nan);
    tcase_add_test(tc, known_divergence);
    tcase_add_test(tc, divergence_is_not_symmetric_and_agrees_with_its_definition);
    tcase_add_test(tc, mean_and_error);
    tcase_add_test(tc, windows_follow_one_another);
    tcase_add_test(tc, strides_score_each_token_once);
    tcase_add_test(tc, a_run_scores_what_it_says);
    tcase_add_test(tc, a_run_against_a_reference);
    tcase_add_test(tc, refusals);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

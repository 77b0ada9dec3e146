/* How likely a text is to a model, and how far two models' predictions are apart; pure functions.
 *
 * All in nats and in double. Logits are rows of vocabulary size as the engine gives them. A row
 * that holds NaN or an infinity gives NaN, never a number that looks like an answer.
 */
#ifndef AGLM_BENCH_LIKELIHOOD_H
#define AGLM_BENCH_LIKELIHOOD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* ln sum_i exp(row[i]), without overflow. NaN if a logit is not finite, or n is 0. */
double aglm_log_sum_exp(const float *row, size_t n);

/* -ln softmax(row)[token]; 0 <= token < n. */
double aglm_nll(const float *row, size_t n, int32_t token);

/* What two predictions of one position differ in; p is the reference's, q the model's. */
struct aglm_divergence {
    double nll, nll_reference; /* of the token that came: -ln q, -ln p */
    double kl;                 /* KL(p || q) = sum_i p_i (ln p_i - ln q_i), never below 0 */
    bool same_top;             /* both give the first place to one token (of equals the first) */
};
void aglm_diverge(const float *row, const float *reference, size_t n, int32_t token,
                  struct aglm_divergence *out);

/* Mean and its standard error of values that come one by one (Welford, Technometrics 1962). Start
 * with {0}. */
struct aglm_mean {
    uint64_t n;
    double mean, squares; /* squares: sum of squared distances from the mean */
};
void aglm_mean_add(struct aglm_mean *m, double x);
double aglm_mean_value(const struct aglm_mean *m); /* NaN for n = 0 */
/* Sample standard deviation / sqrt(n): that of independent values; NaN for n < 2. */
double aglm_mean_error(const struct aglm_mean *m);

#endif

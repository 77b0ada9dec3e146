/* Likelihood and divergence from logits; see likelihood.h. Nothing is allocated or printed. */
#include "bench/likelihood.h"

#include <math.h>

double aglm_log_sum_exp(const float *row, size_t n)
{
    if (n == 0)
        return NAN;
    float top = row[0];
    bool finite = true;
    for (size_t i = 0; i < n; i++) {
        finite = finite && isfinite(row[i]);
        top = row[i] > top ? row[i] : top;
    }
    if (!finite)
        return NAN;
    double sum = 0.0;
    for (size_t i = 0; i < n; i++)
        sum += exp((double)row[i] - (double)top);
    return (double)top + log(sum);
}

double aglm_nll(const float *row, size_t n, int32_t token)
{
    return aglm_log_sum_exp(row, n) - (double)row[token];
}

void aglm_diverge(const float *row, const float *reference, size_t n, int32_t token,
                  struct aglm_divergence *out)
{
    const double q_sum = aglm_log_sum_exp(row, n), p_sum = aglm_log_sum_exp(reference, n);
    size_t q_top = 0, p_top = 0;
    double kl = 0.0;
    for (size_t i = 0; i < n; i++) {
        double ln_p = (double)reference[i] - p_sum, ln_q = (double)row[i] - q_sum;
        kl += exp(ln_p) * (ln_p - ln_q);
        if (row[i] > row[q_top])
            q_top = i;
        if (reference[i] > reference[p_top])
            p_top = i;
    }
    /* What rounding leaves of two equal distributions may lie below 0. */
    *out = (struct aglm_divergence){.nll = q_sum - (double)row[token],
                                    .nll_reference = p_sum - (double)reference[token],
                                    .kl = kl < 0.0 ? 0.0 : kl,
                                    .same_top = q_top == p_top};
}

void aglm_mean_add(struct aglm_mean *m, double x)
{
    double distance = x - m->mean;
    m->n++;
    m->mean += distance / (double)m->n;
    m->squares += distance * (x - m->mean);
}

double aglm_mean_value(const struct aglm_mean *m)
{
    return m->n > 0 ? m->mean : NAN;
}

double aglm_mean_error(const struct aglm_mean *m)
{
    double n = (double)m->n;
    return m->n > 1 ? sqrt(m->squares / (n - 1.0) / n) : NAN;
}

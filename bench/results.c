/* Figures derived from a record's samples. Inputs: a record. Outputs: struct aglm_results, NaN
 * where the samples do not say. Definitions: t/s as llama-bench (all tokens over the whole window,
 * per repetition); TTFT and TPOT after MLPerf (TPOT over the tokens behind the first). No figure is
 * stored: this is called on the way out.
 */
#include "bench/record.h"

#include "bench/stats.h"
#include "bench/verdict.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* p99 needs enough samples behind it to be more than the maximum. */
#define P99_MIN_SAMPLES 100

static double median_of(double *x, size_t n)
{
    aglm_stats_sort(x, n);
    return aglm_stats_median(x, n);
}

static void derive_rates(struct aglm_results *out, const struct aglm_record *r, double *x)
{
    double tokens = (double)r->n_prompt + (double)r->n_gen;
    size_t n = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        x[i] = (double)r->samples[i].total_ns;
    }
    out->avg_ns = aglm_stats_mean(x, r->n_samples);
    out->stddev_ns = aglm_stats_sd(x, r->n_samples);
    for (size_t i = 0; i < r->n_samples; i++) {
        if (r->samples[i].total_ns > 0) {
            x[n++] = 1e9 * tokens / (double)r->samples[i].total_ns;
        }
    }
    out->avg_ts = aglm_stats_mean(x, n);
    out->stddev_ts = aglm_stats_sd(x, n);
    out->cv_percent = 100 * out->stddev_ts / out->avg_ts;
    aglm_stats_sort(x, n);
    out->median_ts = aglm_stats_median(x, n);
    aglm_stats_median_interval(x, n, &out->ci_low_ts, &out->ci_high_ts, &out->ci_is_range);
}

static void derive_prefill(struct aglm_results *out, const struct aglm_record *r, double *x)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        if (r->n_prompt > 0 && r->samples[i].prefill_ns > 0) {
            x[n++] = 1e9 * (double)r->n_prompt / (double)r->samples[i].prefill_ns;
        }
    }
    out->prefill_ts = median_of(x, n);
    n = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        if (r->n_prompt > 0) { /* without a prompt there is no first answer to wait for */
            x[n++] =
                ((double)r->samples[i].prefill_ns + (double)r->samples[i].first_token_ns) / 1e6;
        }
    }
    out->ttft_ms = median_of(x, n);
}

static void derive_decode(struct aglm_results *out, const struct aglm_record *r, double *x)
{
    size_t n = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct aglm_sample *s = &r->samples[i];
        double sum = 0;
        for (size_t j = 0; j < s->n_token_ns; j++) {
            sum += (double)s->token_ns[j];
        }
        if (s->n_token_ns > 0 && sum > 0) {
            x[n++] = 1e9 * (double)s->n_token_ns / sum;
        }
    }
    out->decode_ts = median_of(x, n);
    out->decode_gbps =
        r->bytes_per_token > 0 ? (double)r->bytes_per_token * out->decode_ts / 1e9 : NAN;
}

static double percent_of(double per_s, double roof_per_s)
{
    return per_s > 0 && roof_per_s > 0 ? 100 * per_s / roof_per_s : NAN;
}

/* After prefill and decode. */
static void derive_roof(struct aglm_results *out, const struct aglm_record *r)
{
    double peak = strcmp(r->prefill_kind, "int8") == 0  ? r->roof_int8.best
                  : strcmp(r->prefill_kind, "f32") == 0 ? r->roof_f32.best
                                                        : NAN;
    double ops_per_s =
        r->n_prompt > 0 ? r->prefill_ops * out->prefill_ts / (double)r->n_prompt : NAN;
    double bytes_per_s = ((double)r->bytes_per_token + r->kv_bytes_per_token) * out->decode_ts;
    out->prefill_gops = ops_per_s > 0 ? ops_per_s / 1e9 : NAN;
    out->prefill_roof_percent = percent_of(ops_per_s, peak);
    out->decode_roof_percent =
        r->bytes_per_token > 0 ? percent_of(bytes_per_s, r->roof_read.best) : NAN;
}

/* tokens: room for every token of every sample. */
static void derive_token_times(struct aglm_results *out, const struct aglm_record *r,
                               double *tokens)
{
    double sum_of_medians = 0;
    size_t n_medians = 0, n = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct aglm_sample *s = &r->samples[i];
        for (size_t j = 0; j < s->n_token_ns; j++) {
            tokens[n + j] = (double)s->token_ns[j] / 1e6;
        }
        if (s->n_token_ns > 0) {
            sum_of_medians += median_of(tokens + n, s->n_token_ns);
            n_medians++;
        }
        n += s->n_token_ns;
    }
    aglm_stats_sort(tokens, n);
    out->tpot_ms = n_medians > 0 ? sum_of_medians / (double)n_medians : NAN;
    out->tpot_p50_ms = aglm_stats_median(tokens, n);
    out->tpot_p99_ms = n >= P99_MIN_SAMPLES ? aglm_stats_quantile(tokens, n, 0.99) : NAN;
}

static void derive_conditions(struct aglm_results *out, const struct aglm_record *r)
{
    out->others_cpu_percent_max = aglm_verdict_others_percent(r);
    for (size_t i = 0; i < r->n_samples; i++) {
        double rss = (double)r->samples[i].peak_rss_bytes;
        if (rss > 0 && !(out->peak_rss_bytes >= rss)) {
            out->peak_rss_bytes = rss;
        }
    }
}

/* Medians of repetitions are few: their median is that of the test. x: room for one of each. */
static void derive_during(struct aglm_results *out, const struct aglm_record *r, double *x)
{
    double joules = 0, tokens = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        const struct aglm_during *d = &r->samples[i].during;
        if (d->readings == 0) {
            continue;
        }
        /* fmin and fmax leave out what is NaN. */
        out->temperature_min_degc = fmin(out->temperature_min_degc, d->temperature_min_degc);
        out->temperature_max_degc = fmax(out->temperature_max_degc, d->temperature_max_degc);
        out->frequency_low_khz = fmin(out->frequency_low_khz, d->frequency_low_khz);
        out->limit_low_percent = fmin(out->limit_low_percent, d->limit_low_percent);
        out->cooling_max_percent = fmax(out->cooling_max_percent, d->cooling_max_percent);
        out->android_status_max = fmax(out->android_status_max, d->android_status);
        out->telemetry_cpu_percent = fmax(out->telemetry_cpu_percent, d->own_cpu_percent);
        if (!isnan(d->temperature_median_degc)) {
            x[n++] = d->temperature_median_degc;
        }
        if (!isnan(d->joules)) {
            joules += d->joules;
            tokens += (double)r->n_prompt + (double)r->n_gen;
        }
        snprintf(out->energy, sizeof(out->energy), "%s", d->energy);
    }
    out->temperature_median_degc = median_of(x, n);
    out->joules_per_token = tokens > 0 ? joules / tokens : NAN;
}

void aglm_results_derive(struct aglm_results *out, const struct aglm_record *r)
{
    *out = (struct aglm_results){.avg_ns = NAN,
                                 .stddev_ns = NAN,
                                 .avg_ts = NAN,
                                 .stddev_ts = NAN,
                                 .median_ts = NAN,
                                 .ci_low_ts = NAN,
                                 .ci_high_ts = NAN,
                                 .ci_is_range = true,
                                 .prefill_ts = NAN,
                                 .decode_ts = NAN,
                                 .ttft_ms = NAN,
                                 .tpot_ms = NAN,
                                 .tpot_p50_ms = NAN,
                                 .tpot_p99_ms = NAN,
                                 .cv_percent = NAN,
                                 .decode_gbps = NAN,
                                 .prefill_gops = NAN,
                                 .prefill_roof_percent = NAN,
                                 .decode_roof_percent = NAN,
                                 .peak_rss_bytes = NAN,
                                 .others_cpu_percent_max = NAN,
                                 .temperature_min_degc = NAN,
                                 .temperature_median_degc = NAN,
                                 .temperature_max_degc = NAN,
                                 .frequency_low_khz = NAN,
                                 .limit_low_percent = NAN,
                                 .cooling_max_percent = NAN,
                                 .android_status_max = NAN,
                                 .joules_per_token = NAN,
                                 .telemetry_cpu_percent = NAN};
    size_t n_tokens = 0;
    for (size_t i = 0; i < r->n_samples; i++) {
        n_tokens += r->samples[i].n_token_ns;
    }
    double *x = calloc(r->n_samples + n_tokens + 1, sizeof(*x));
    if (x == NULL) {
        return; /* everything stays unknown */
    }
    derive_rates(out, r, x);
    derive_prefill(out, r, x);
    derive_decode(out, r, x);
    derive_roof(out, r);
    derive_token_times(out, r, x);
    derive_conditions(out, r);
    derive_during(out, r, x);
    free(x);
}

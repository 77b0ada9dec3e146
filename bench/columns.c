/* The columns of every table. Inputs: a record and its derived results. Outputs: cells. What
 * llama-bench has and this program does in one way only is a constant with that way's value.
 */
#include "bench/columns.h"

#include "bench/tally.h"
#include "bench/verdict.h"

#include <assert.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

static struct aglm_cell *next(struct aglm_row *row, const char *name, enum aglm_cell_kind kind)
{
    assert(row->n < AGLM_COLUMNS_MAX);
    struct aglm_cell *cell = &row->cells[row->n++];
    *cell = (struct aglm_cell){.name = name, .kind = kind, .known = true, .text = ""};
    return cell;
}

static void text(struct aglm_row *row, const char *name, const char *v)
{
    next(row, name, AGLM_CELL_TEXT)->text = v;
}

static void whole(struct aglm_row *row, const char *name, uint64_t v)
{
    next(row, name, AGLM_CELL_WHOLE)->whole = v;
}

static void flag(struct aglm_row *row, const char *name, bool v)
{
    next(row, name, AGLM_CELL_BOOL)->whole = v;
}

static void real(struct aglm_row *row, const char *name, double v)
{
    struct aglm_cell *cell = next(row, name, AGLM_CELL_REAL);
    cell->known = isfinite(v);
    cell->real = v;
}

/* A double shown as a whole number, cut like llama-bench's integer arithmetic does. */
static void cut(struct aglm_row *row, const char *name, double v)
{
    struct aglm_cell *cell = next(row, name, AGLM_CELL_WHOLE);
    cell->known = v >= 0 && v < 9e18;
    cell->whole = cell->known ? (uint64_t)v : 0;
}

static void fill_llama_bench(struct aglm_row *row, const struct aglm_record *r,
                             const struct aglm_results *d)
{
    text(row, "build_commit", r->commit);
    whole(row, "build_number", 0);
    text(row, "cpu_info", r->cpu_info);
    text(row, "gpu_info", r->gpu_info);
    text(row, "backends", row->backends);
    text(row, "model_filename", r->model_path);
    text(row, "model_type", r->model_type);
    whole(row, "model_size", r->model_size);
    whole(row, "model_n_params", r->model_n_params);
    whole(row, "n_batch", r->n_batch);
    whole(row, "n_ubatch", r->n_ubatch);
    whole(row, "n_threads", r->n_threads);
    text(row, "cpu_mask", r->cpu_mask);
    flag(row, "cpu_strict", r->cpu_strict);
    whole(row, "poll", 50);
    text(row, "type_k", r->type_k);
    text(row, "type_v", r->type_v);
    whole(row, "n_gpu_layers", 0);
    whole(row, "n_cpu_moe", 0);
    text(row, "split_mode", "layer");
    whole(row, "main_gpu", 0);
    flag(row, "no_kv_offload", false);
    flag(row, "flash_attn", false);
    text(row, "devices", "auto");
    text(row, "tensor_split", "0.00");
    text(row, "tensor_buft_overrides", "none");
    flag(row, "use_mmap", true);
    flag(row, "embeddings", false);
    whole(row, "no_op_offload", 0);
    flag(row, "no_host", false);
    whole(row, "n_prompt", r->n_prompt);
    whole(row, "n_gen", r->n_gen);
    whole(row, "n_depth", r->n_depth);
    text(row, "test_time", row->test_time);
    cut(row, "avg_ns", d->avg_ns);
    cut(row, "stddev_ns", d->stddev_ns);
    real(row, "avg_ts", d->avg_ts);
    real(row, "stddev_ts", d->stddev_ts);
}

static void fill_roof(struct aglm_row *row, const struct aglm_record *r,
                      const struct aglm_results *d)
{
    real(row, "prefill_roof_percent", d->prefill_roof_percent);
    real(row, "decode_roof_percent", d->decode_roof_percent);
    real(row, "prefill_gops", d->prefill_gops);
    cut(row, "prefill_ops", r->prefill_ops);
    text(row, "prefill_kind", r->prefill_kind);
    cut(row, "kv_bytes_per_token", r->kv_bytes_per_token);
    real(row, "roof_read_bytes_per_s", r->roof_read.best);
    real(row, "roof_read_median_bytes_per_s", r->roof_read.median);
    real(row, "roof_read_low_bytes_per_s", r->roof_read.low);
    real(row, "roof_int8_ops_per_s", r->roof_int8.best);
    real(row, "roof_int8_median_ops_per_s", r->roof_int8.median);
    real(row, "roof_int8_low_ops_per_s", r->roof_int8.low);
    real(row, "roof_f32_ops_per_s", r->roof_f32.best);
    real(row, "roof_f32_median_ops_per_s", r->roof_f32.median);
    real(row, "roof_f32_low_ops_per_s", r->roof_f32.low);
    text(row, "roof_when", r->roof_when);
}

/* Right answers in the same quantization, parts that count. */
static void fill_accuracy(struct aglm_row *row, const struct aglm_record *r)
{
    const struct aglm_accuracy_part sum = aglm_accuracy_sum(&r->accuracy, NULL, NULL);
    const struct aglm_interval w = aglm_wilson(sum.right, sum.n);
    const bool asked = sum.n > 0, paired = asked && sum.n_paired == sum.n;
    text(row, "accuracy_model", r->accuracy.model);
    text(row, "accuracy_items_digest", r->accuracy.items_digest);
    cut(row, "accuracy_items", asked ? (double)sum.n : NAN);
    cut(row, "accuracy_right", asked ? (double)sum.right : NAN);
    real(row, "accuracy_ci_low_percent", w.low);
    real(row, "accuracy_ci_high_percent", w.high);
    cut(row, "accuracy_reference_right", paired ? (double)sum.reference_right : NAN);
    real(row, "accuracy_kept_percent", aglm_accuracy_kept(&sum));
}

static void fill_ours(struct aglm_row *row, const struct aglm_record *r,
                      const struct aglm_results *d)
{
    text(row, "suite", r->suite);
    text(row, "test", r->test);
    text(row, "prompt_digest", r->prompt_digest);
    text(row, "text_digest", r->text_digest);
    real(row, "median_ts", d->median_ts);
    real(row, "ci_low_ts", d->ci_low_ts);
    real(row, "ci_high_ts", d->ci_high_ts);
    flag(row, "ci_is_range", d->ci_is_range);
    real(row, "cv_percent", d->cv_percent);
    real(row, "prefill_ts", d->prefill_ts);
    real(row, "decode_ts", d->decode_ts);
    real(row, "ttft_ms", d->ttft_ms);
    real(row, "tpot_ms", d->tpot_ms);
    real(row, "tpot_p50_ms", d->tpot_p50_ms);
    real(row, "tpot_p99_ms", d->tpot_p99_ms);
    whole(row, "load_ns", r->load_ns);
    text(row, "load", r->load);
    cut(row, "pack_ns", r->pack_ns);
    cut(row, "packed_bytes", r->packed_bytes);
    text(row, "backend", r->backend);
    text(row, "isa", r->isa);
    text(row, "quantization", r->quantization);
    text(row, "requantize", r->requantize);
    text(row, "fuse", r->fuse);
    text(row, "arch", r->arch);
    text(row, "model_name", r->model_name);
    text(row, "model_digest", r->model_digest);
    whole(row, "bytes_per_token", r->bytes_per_token);
    real(row, "decode_gbps", d->decode_gbps);
    cut(row, "peak_rss_bytes", d->peak_rss_bytes);
    text(row, "affinity", r->affinity);
    real(row, "others_cpu_percent_max", d->others_cpu_percent_max);
    real(row, "temperature_median_degc", d->temperature_median_degc);
    real(row, "temperature_max_degc", d->temperature_max_degc);
    real(row, "frequency_low_khz", d->frequency_low_khz);
    real(row, "joules_per_token", d->joules_per_token);
    text(row, "energy", row->energy);
    real(row, "telemetry_cpu_percent", d->telemetry_cpu_percent);
    whole(row, "repetitions", r->repetitions);
    whole(row, "n_samples", r->n_samples);
    flag(row, "warmup", r->warmup);
    whole(row, "delay_s", r->delay_s);
    whole(row, "seed", r->seed);
    text(row, "test_order", r->order);
    text(row, "verdict", r->valid ? "VALID" : "INVALID");
    text(row, "reasons", r->reasons);
    const char *unknown = aglm_verdict_others_unknown(r);
    text(row, "others_unknown", unknown != NULL ? unknown : "");
    text(row, "label", r->label);
    text(row, "run_uuid", r->run_uuid);
    text(row, "test_uuid", r->test_uuid);
    text(row, "fingerprint", r->fingerprint);
    text(row, "tool_version", r->version);
    text(row, "compiler", r->compiler);
    text(row, "flags", r->flags);
}

void aglm_row_fill(struct aglm_row *row, const struct aglm_record *record,
                   const struct aglm_results *results)
{
    time_t seconds = (time_t)(record->started_ms / 1000);
    struct tm utc = {0};
    row->n = 0;
    gmtime_r(&seconds, &utc);
    strftime(row->test_time, sizeof(row->test_time), "%Y-%m-%dT%H:%M:%SZ", &utc);
    snprintf(row->backends, sizeof(row->backends), "%s",
             strcmp(record->backend, "cpu") == 0 ? "CPU" : record->backend);
    snprintf(row->energy, sizeof(row->energy), "%s", results->energy);
    fill_llama_bench(row, record, results);
    fill_ours(row, record, results);
    fill_roof(row, record, results);
    fill_accuracy(row, record);
}

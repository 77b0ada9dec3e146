/* How a record maps onto the store's columns: names, order, binding and reading back, kept side by
 * side so that they change together. Used by store.c only, which holds the SQL.
 */
#ifndef AGLM_REPORTS_STORE_ROW_H
#define AGLM_REPORTS_STORE_ROW_H

#include "bench/record.h"

#include <sqlite3.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_ROW_TEST_COLUMNS                                                                   \
    "suite, name, label, started_ms, version, commit_id, compiler, flags, cpu_info, gpu_info, " \
    "model_path, model_name, model_type, arch, quantization, model_digest, model_size, "        \
    "model_n_params, bytes_per_token, load_ns, backend, isa, cpu_mask, affinity, requantize, "  \
    "type_k, type_v, fuse, prompt_digest, text_digest, "                                        \
    "n_threads, n_batch, n_ubatch, n_prompt, n_gen, n_depth, repetitions, seed, cpu_strict, "   \
    "warmup, delay_s, order_kind, valid, reasons, "                                             \
    "kv_bytes_per_token, prefill_ops, prefill_kind, "                                           \
    "roof_read_bytes_per_s, roof_read_median_bytes_per_s, roof_read_low_bytes_per_s, "          \
    "roof_int8_ops_per_s, roof_int8_median_ops_per_s, roof_int8_low_ops_per_s, "                \
    "roof_f32_ops_per_s, roof_f32_median_ops_per_s, roof_f32_low_ops_per_s, roof_when, "        \
    "load, pack_ns, packed_bytes"

/* Of one moment's conditions, from the table alias m. */
#define AGLM_ROW_CONDITION_COLUMNS(m)                                           \
    m ".load_1min, " m ".others_cpu_percent, " m ".memory_available_bytes, " m  \
      ".temperature_max_degc, " m ".frequency_mean_khz, " m ".major_faults, " m \
      ".cpu_total_ticks, " m ".cpu_idle_ticks, " m ".cpu_steal_ticks, " m ".cpu_self_ticks"

/* Of the table telemetry, alias d. */
#define AGLM_ROW_DURING_COLUMNS                                                                  \
    "d.started_ms, d.readings, d.energy, d.own_cpu_percent, d.temperature_min_degc, "            \
    "d.temperature_median_degc, d.temperature_max_degc, d.frequency_low_khz, "                   \
    "d.limit_low_percent, d.limit_top_percent, d.cooling_max_percent, d.cooling_floor_percent, " \
    "d.throttles, d.android_status, d.battery_max_degc, d.joules"

/* Binds values one after another; the first failure stays in rc and turns the rest into nothing. */
struct aglm_row_binder {
    sqlite3_stmt *stmt;
    int next, rc;
};
void aglm_row_put_text(struct aglm_row_binder *b,
                       const char *text); /* NULL binds NULL; text must outlive the step */
void aglm_row_put_int(struct aglm_row_binder *b, uint64_t value);
void aglm_row_put_test(struct aglm_row_binder *b, const struct aglm_record *rec);
void aglm_row_put_conditions(struct aglm_row_binder *b, const struct aglm_conditions *c);
/* prefill_ns, first_token_ns, total_ns, peak_rss_bytes, token_ns */
void aglm_row_put_sample(struct aglm_row_binder *b, const struct aglm_sample *s);
void aglm_row_put_during(struct aglm_row_binder *b, const struct aglm_during *d);

/* phase, name, calls, ns, wait_ns, weight_bytes, kv_bytes, act_bytes, int8_ops, float_ops */
void aglm_row_put_operator(struct aglm_row_binder *b, const struct aglm_operator *o);

/* In the order of AGLM_ROW_ACCURACY_COLUMNS, and of AGLM_ROW_PART_COLUMNS. */
#define AGLM_ROW_ACCURACY_COLUMNS                                                       \
    "model, model_digest, items_digest, reference, n_file, n_items, n_threads, prune, " \
    "prefill_ts, decode_ts, wall_ns, others_cpu_percent"
#define AGLM_ROW_PART_COLUMNS "part, lang, n, right_n, n_paired, reference_right, lost, gained"
void aglm_row_put_accuracy(struct aglm_row_binder *b, const struct aglm_accuracy *a);
void aglm_row_put_part(struct aglm_row_binder *b, const struct aglm_accuracy_part *part);

/* Fills an initialised record from a row of: test id, test UUID, run UUID, fingerprint, profile,
 * AGLM_ROW_TEST_COLUMNS. Returns an SQLite code. Texts too long for their field are cut. */
int aglm_row_take_test(sqlite3_stmt *stmt, struct aglm_record *rec);
/* Appends a sample from a row of the columns of aglm_row_put_sample(), both moments' conditions and
 * AGLM_ROW_DURING_COLUMNS. */
int aglm_row_take_sample(sqlite3_stmt *stmt, struct aglm_record *rec);
/* Appends an operator from a row of the columns of aglm_row_put_operator(). */
int aglm_row_take_operator(sqlite3_stmt *stmt, struct aglm_record *rec);
/* Fills the record's accuracy from a row of AGLM_ROW_ACCURACY_COLUMNS; appends a part. */
int aglm_row_take_accuracy(sqlite3_stmt *stmt, struct aglm_record *rec);
int aglm_row_take_part(sqlite3_stmt *stmt, struct aglm_record *rec);

#endif

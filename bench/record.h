/* The record: everything about one finished (or broken-off) test. The one thing that crosses from
 * measuring to reporting.
 *
 * One struct and one JSON form (aglm_record_json / aglm_record_parse); the table, CSV, SQL, the
 * store, plots and pages read only this. Raw samples are kept; every rate is derived from them on
 * the way out. "Unknown" is NaN for doubles and NULL or "" with a reason beside it for text, never
 * 0.
 */
#ifndef AGLM_BENCH_RECORD_H
#define AGLM_BENCH_RECORD_H

#include "bench/during.h"
#include "probes/err.h"
#include "probes/profile.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define AGLM_RECORD_SCHEMA 1

/* One repetition. All times in ns of the monotonic clock. */
struct aglm_sample {
    uint64_t prefill_ns;     /* the prompt's tokens, until its last logits; 0 when n_prompt is 0 */
    uint64_t first_token_ns; /* the first generated token; 0 when n_gen is 0 */
    uint64_t *token_ns;      /* [n_token_ns] each further generated token */
    size_t n_token_ns;       /* n_gen - 1, or 0 */
    uint64_t total_ns;       /* the whole timed window: what llama-bench calls samples_ns */
    uint64_t peak_rss_bytes; /* of the process so far */
    struct aglm_conditions before, after;
    struct aglm_during during; /* readings is 0 where nobody watched */
};

/* One limit of the device, over all windows in which it was measured; NaN: not measured. */
struct aglm_roof_range {
    double best, median, low;
};

/* One operator in one phase, summed over the samples (engine/ops.h says what is counted). */
struct aglm_operator {
    char phase[8]; /* "prefill", "decode" (the first token included) */
    char name[16]; /* "embed", "norm", … */
    uint64_t calls;
    uint64_t ns, wait_ns; /* at work and waiting, mean of the threads; both: what it took */
    double weight_bytes, kv_bytes, act_bytes, int8_ops, float_ops; /* of all threads */
};

/* Right answers in one part and language of a set of items (bench/items.h), and beside them the
 * reference's to the same items: for how many it is known, how many of these it had right, and how
 * many of its right ones became wrong (lost), of its wrong ones right (gained). */
struct aglm_accuracy_part {
    char part[24], lang[8];
    uint64_t n, right, n_paired, reference_right, lost, gained;
};

/* How well a model answers in a test's quantization, backend and instruction set. */
struct aglm_accuracy {
    char model[128], model_digest[33]; /* which model answered; "": none was asked */
    char items_digest[33];             /* xxh3-128 of the file of items */
    char reference[64];                /* what its answers stand beside: "F32"; "": nothing */
    uint64_t n_file, n_items;          /* items in the file; those that were to be asked: the parts'
                                          n are fewer where time was short */
    uint64_t n_threads;                /* answers worked on at a time */
    double prune;                      /* share of each row's weights that were made 0 on load */
    /* Tokens per second within one of n_threads sessions, and the share of the CPU that others used
     * meanwhile; NaN: unknown. */
    double prefill_ts, decode_ts, wall_ns, others_cpu_percent;
    struct aglm_accuracy_part *parts; /* [n_parts], in the order of the file */
    size_t n_parts;
};

struct aglm_record {
    /* identity */
    char run_uuid[37];  /* UUID v7 of the invocation: all tests of one command share it */
    char test_uuid[37]; /* UUID v7 of this test */
    char suite[32];     /* "bench", "standard"; "accuracy": no samples, only answers */
    char test[64];      /* "pp512", "tg128", "pp512+tg128", "pp512 @ d4096"; "voice-zh" */
    /* xxh3-128 of the prompt's token ids (the cached ones included) and of the text they were made
     * from. "" where there is none: the ids are random under the seed. */
    char prompt_digest[33], text_digest[33];
    char label[64];     /* the user's, or "" */
    int64_t started_ms; /* wall clock of the test's first repetition, ms since 1970 UTC */
    /* build */
    char version[32], commit[48], compiler[64], flags[128];
    /* device */
    char fingerprint[33];
    char cpu_info[128], gpu_info[128]; /* llama-bench's columns */
    char *profile_json;                /* aglm_profile_json() */
    /* model */
    char model_path[512], model_name[128], model_type[64], arch[32], quantization[16],
        model_digest[33];
    uint64_t model_size, model_n_params, bytes_per_token, load_ns;
    /* Of load_ns, what repacking the weights for the kernels took, and the bytes of that copy; 0:
     * there is none. NaN: unknown, in tests from before it was measured. */
    double pack_ns, packed_bytes;
    /* configuration */
    char backend[16], isa[16], cpu_mask[64], affinity[128], requantize[16];
    char load[8];              /* where the weights are: "pack" or "mmap" */
    char type_k[8], type_v[8]; /* of the KV cache: "f16", "q8_0", "q4_0" */
    char fuse[40];             /* operators that ran fused: "all", "none", "all-norm", "qkv+rope" */
    uint32_t n_threads, n_batch, n_ubatch, n_prompt, n_gen, n_depth,
        repetitions; /* repetitions asked for */
    uint64_t seed;
    bool cpu_strict, warmup;
    uint64_t delay_s;
    char order[32]; /* "shuffled" or "shuffled per model" */
    /* work, from the model's shapes; NaN: the backend does none, or there is no such phase */
    double kv_bytes_per_token; /* KV cache bytes read, mean over the further tokens */
    double prefill_ops;        /* operations of the prompt, two for each multiply-add */
    char prefill_kind[8];      /* what most of them are: "int8", "f32"; "" where unknown */
    /* the device's limits at n_threads (arithmetic: with isa), bytes or operations a second */
    struct aglm_roof_range roof_read, roof_int8, roof_f32;
    char roof_when[48]; /* "start, 4 rounds, end"; "": not measured */
    /* samples, in the order taken */
    struct aglm_sample *samples;
    size_t n_samples;
    struct aglm_operator *operators; /* [n_operators]; none: not profiled */
    size_t n_operators;
    struct aglm_accuracy accuracy; /* no parts: not asked */
    /* verdict */
    bool valid;
    char reasons[512]; /* "" when valid, else "; "-separated */
};

/* Zeroes; valid = true; work and roofs unknown. */
void aglm_record_init(struct aglm_record *record);
void aglm_record_finish(struct aglm_record *record);
/* Appends a sample; the record takes over token_ns. -ENOMEM. */
int aglm_record_add(struct aglm_record *record, const struct aglm_sample *sample);

void aglm_accuracy_finish(struct aglm_accuracy *accuracy);
/* A copy with parts of its own. -ENOMEM. */
int aglm_accuracy_copy(struct aglm_accuracy *out, const struct aglm_accuracy *accuracy);

/* Compact JSON of the whole record; the caller frees it. NULL for lack of memory. */
char *aglm_record_json(const struct aglm_record *record);
/* Fills an initialised record from JSON; -EINVAL names the field at fault. */
int aglm_record_parse(struct aglm_record *record, const char *json, struct aglm_err *err);

/* Figures derived from a record's samples; NaN where there is nothing to derive from. Speeds in
 * tokens/s. */
struct aglm_results {
    double avg_ns, stddev_ns;                /* llama-bench's: mean and sample sd of total_ns */
    double avg_ts, stddev_ts;                /* of 1e9 * (n_prompt + n_gen) / total_ns */
    double median_ts, ci_low_ts, ci_high_ts; /* median and its 95% interval: order statistics from n
                                                >= 6, else the range (and ci_is_range is true) */
    bool ci_is_range;
    double prefill_ts; /* median n_prompt / prefill_ns */
    double decode_ts;  /* median over repetitions of (n_gen-1) / sum(token_ns), NaN if n_gen < 2 */
    double ttft_ms;    /* median prefill_ns + first_token_ns */
    double tpot_ms, tpot_p50_ms, tpot_p99_ms; /* per further token: mean of repetitions' medians;
                                                 over all; p99 from >= 100 */
    double cv_percent;                        /* of ts */
    double decode_gbps;  /* bytes_per_token * decode_ts / 1e9: weight bytes read per second */
    double prefill_gops; /* prefill_ops * prefill_ts / n_prompt / 1e9 */
    /* Shares of the best window of the roof: prefill_gops of the peak of prefill_kind;
     * (bytes_per_token + kv_bytes_per_token) * decode_ts of the read bandwidth. */
    double prefill_roof_percent, decode_roof_percent;
    double peak_rss_bytes, others_cpu_percent_max;
    /* While it ran, over all repetitions that were watched. */
    double temperature_min_degc, temperature_median_degc, temperature_max_degc;
    double frequency_low_khz, limit_low_percent, cooling_max_percent, android_status_max;
    double joules_per_token;      /* of the repetitions whose energy is known, all their tokens */
    double telemetry_cpu_percent; /* of one core, the most that watching took */
    char energy[96];              /* what joules is from, or why not; "": unwatched */
};
void aglm_results_derive(struct aglm_results *out, const struct aglm_record *record);

#endif

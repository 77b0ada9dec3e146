/* The options of `aglm-bench run`: llama-bench's names, values, lists and ranges, and ours.
 *
 * Parsing is pure: it opens no file and prints nothing. A message is one line that names the
 * option, the value and what is allowed.
 */
#ifndef AGLM_BENCH_OPTIONS_H
#define AGLM_BENCH_OPTIONS_H

#include "bench/ranges.h"
#include "bench/suite.h"
#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define AGLM_OPTIONS_DEFAULT_MODEL "preset:glm-edge-1.5b:q4_0"
#define AGLM_OPTIONS_MAX_TOKENS (1u << 20) /* per test and phase */

enum aglm_format {
    AGLM_FORMAT_NONE,
    AGLM_FORMAT_MD,
    AGLM_FORMAT_CSV,
    AGLM_FORMAT_JSON,
    AGLM_FORMAT_JSONL,
    AGLM_FORMAT_SQL
};

struct aglm_str_list {
    char **values; /* [n], owned */
    size_t n;
};

struct aglm_prompt_gen {
    uint32_t n_prompt, n_gen;
};

struct aglm_options {
    struct aglm_str_list models, quantize, loads, backends, isas, cpu_masks, types_k, types_v, fuse;
    struct aglm_u32_list n_prompt, n_gen, n_depth, n_threads, n_batch, n_ubatch, cpu_strict;
    struct aglm_prompt_gen *pg; /* [n_pg] */
    size_t n_pg;
    const struct aglm_suite_entry **suite; /* [n_suite] prompts of the standard suite, or none */
    size_t n_suite;
    uint64_t repetitions, delay_s, seed;
    uint64_t max_time_s;   /* 0: no limit */
    uint64_t override_ctx; /* 0: the file's context length */
    enum aglm_format output, output_err;
    char *db;         /* NULL: not given */
    char *label;      /* NULL: not given */
    bool profile_ops; /* take the time of every operator */
    bool roof;        /* measure the device's limits too */
    bool accuracy;    /* ask the small model that ships its items too: given, or the tests are the
                         default ones or a suite's */
    bool no_accuracy;
    bool no_db, quiet, progress, no_warmup, help, suite_list;
};

/* Fills *out from the arguments (argv[0] is skipped); what is not given gets its default, the
 * threads default_threads. Ends at -h: then only help is set. -EINVAL for wrong usage; *out needs
 * finish only on success. */
int aglm_options_parse(struct aglm_options *out, int argc, char **argv, uint32_t default_threads,
                       struct aglm_err *err);
void aglm_options_finish(struct aglm_options *options);

/* The text of `aglm-bench run --help`. */
void aglm_options_help(FILE *out, uint32_t default_threads);

const char *aglm_format_name(enum aglm_format format);

#endif

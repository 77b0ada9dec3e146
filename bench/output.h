/* Results as md, csv, json, jsonl or sql. Everything printed comes from the records.
 */
#ifndef AGLM_BENCH_OUTPUT_H
#define AGLM_BENCH_OUTPUT_H

#include "bench/options.h"
#include "bench/record.h"

#include <stddef.h>
#include <stdio.h>

/* Writes all records in one format; a valid document also for n = 0 (md: nothing). The caller
 * checks ferror(out). 0 or -ENOMEM. */
int aglm_output(FILE *out, enum aglm_format format, const struct aglm_record *records, size_t n);

/* The Markdown table; see output_md.c. */
int aglm_output_md(FILE *out, const struct aglm_record *records, size_t n);
/* "pp512, llama 1B Q4_0, 2 threads, --load mmap, fused: none", as Markdown; varying: of
 * aglm_record_options_varying(). */
void aglm_output_name(FILE *out, const struct aglm_record *record, uint32_t varying);
/* Its parts about fused operators, where a run has tests that differ in nothing else, and about
 * profiled ones; see output_ops.c. 0 or -ENOMEM. */
int aglm_output_gains(FILE *out, const struct aglm_record *records, size_t n, uint32_t varying);
int aglm_output_operators(FILE *out, const struct aglm_record *records, size_t n, uint32_t varying);
/* Its part about answers, where a run has asked for some; see output_accuracy.c. */
void aglm_output_accuracy(FILE *out, const struct aglm_record *records, size_t n);

#endif

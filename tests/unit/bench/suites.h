/* The suites of this folder, one for each module. */
#ifndef AGLM_TESTS_BENCH_SUITES_H
#define AGLM_TESTS_BENCH_SUITES_H

#include <check.h>

Suite *aglm_suite_accuracy(void);
Suite *aglm_suite_cpumask(void);
Suite *aglm_suite_generate(void);
Suite *aglm_suite_advice(void);
Suite *aglm_suite_matrix(void);
Suite *aglm_suite_options(void);
Suite *aglm_suite_output(void);
Suite *aglm_suite_progress(void);
Suite *aglm_suite_prompts(void);
Suite *aglm_suite_ranges(void);
Suite *aglm_suite_record(void);
Suite *aglm_suite_results(void);
Suite *aglm_suite_runner(void);
Suite *aglm_suite_stats(void);
Suite *aglm_suite_table(void);
Suite *aglm_suite_verdict(void);

#endif

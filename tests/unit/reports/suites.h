/* The suites of the reports room's tests and what they share. */
#ifndef AGLM_TESTS_UNIT_REPORTS_SUITES_H
#define AGLM_TESTS_UNIT_REPORTS_SUITES_H

#include "bench/record.h"
#include "reports/store.h"

#include <check.h>

Suite *text_suite(void);
Suite *thresholds_suite(void);
Suite *store_suite(void);
Suite *store_files_suite(void);
Suite *page_suite(void);
Suite *farm_suite(void);

/* A new folder that everybody may write in; path in a static buffer, gone at exit of the test
 * process's parent. */
const char *scratch_dir(void);
/* scratch_dir()/name, in one of a few static buffers. */
const char *scratch(const char *name);

/* A plausible record, different in every field for different numbers; finish it with
 * aglm_record_finish(). */
void fill_record(struct aglm_record *rec, unsigned number);
/* Two parts of so many items each, the reference right in some of them, the model in others. */
void fill_answers(struct aglm_record *r, unsigned n, unsigned items, unsigned reference,
                  unsigned right);
/* The same, as one point of a sweep: 7 repetitions at about `speed` tokens/s. */
void fill_sweep(struct aglm_record *rec, unsigned number, const char *quantization,
                unsigned threads, unsigned n_prompt, unsigned n_gen, double speed);
/* A file's text; the caller frees it. */
char *read_all(const char *path);
/* The strict reader of pages, check_page.py: the number of plots, "any" of them; links: other files
 * that the page may name, NULL at the end, or NULL. It prints what it finds. */
void check_page(const char *path, const char *plots, const char *const *links);
struct aglm_store *open_store(const char *path);
void put(struct aglm_store *store, const struct aglm_record *rec);
/* Stores a sweep over threads and quantizations, on two days. */
void fill_store(struct aglm_store *store);

#endif

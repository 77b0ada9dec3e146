/* What the files of `aglm-bench accuracy` share: its options, its rows, its output.
 */
#ifndef AGLM_BENCH_CMD_ACCURACY_H
#define AGLM_BENCH_CMD_ACCURACY_H

#include "bench/accuracy.h"
#include "bench/record.h"

#include <stdbool.h>
#include <stddef.h>

enum { AGLM_ACCURACY_CHOICES = 32 };

enum aglm_accuracy_list { AGLM_LIST_NONE, AGLM_LIST_WRONG, AGLM_LIST_ALL };
enum aglm_accuracy_form {
    AGLM_ACCURACY_MD,
    AGLM_ACCURACY_JSON,
    AGLM_ACCURACY_JSONL,
    AGLM_ACCURACY_CSV
};

/* Words between commas, pointing into an argument that was cut up. */
struct aglm_choices {
    const char *values[AGLM_ACCURACY_CHOICES];
    size_t n;
};

struct aglm_accuracy_command {
    const char *model, *items, *against, *parts, *db, *label; /* NULL: not given */
    struct aglm_choices quantize, backends, isas;
    double prune;
    enum aglm_dtype type_k, type_v;
    unsigned threads, limit;
    enum aglm_accuracy_list list;
    enum aglm_accuracy_form form;
    bool no_db, quiet;
};

/* Fills *command from the arguments, whose commas it overwrites, and the defaults. 0: go on; 1:
 * help was printed; 2: wrong usage, and said so. */
int aglm_accuracy_parse(struct aglm_accuracy_command *command, int argc, char **argv);

/* One quantization with one backend and instruction set. */
struct aglm_accuracy_row {
    struct aglm_record record;
    struct aglm_answers answers;
};

struct aglm_accuracy_table {
    const struct aglm_accuracy_command *command;
    const struct aglm_items *items;
    const char *items_path;
    struct aglm_accuracy_row *rows; /* [n], the reference first if there is one */
    size_t n;
    bool has_reference;
};

/* The whole document on standard output. -ENOMEM; the caller looks at the stream. */
int aglm_accuracy_print(const struct aglm_accuracy_table *table);

#endif

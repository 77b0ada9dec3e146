/* Questions with one right answer each, from a file of JSON lines:
 *
 *   {"id":"cmd-0001","part":"command","lang":"zh","prompt":"…","answer":"…"}
 *
 * part and lang are short words that results are told apart by; a part whose name ends in "-ood"
 * (out of distribution) is shown, and left out of totals. Other fields are passed over.
 */
#ifndef AGLM_BENCH_ITEMS_H
#define AGLM_BENCH_ITEMS_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>

struct aglm_item {
    char id[64], part[24], lang[8];
    char *prompt, *answer; /* owned; not empty */
};

struct aglm_items {
    struct aglm_item *list; /* [n], in the file's order */
    size_t n;
    size_t n_file;   /* items in the file, before any were left out */
    char digest[33]; /* xxh3-128 of the file */
};

/* Reads a file. -EINVAL names file and line: no JSON object, a field that is missing, empty or too
 * long, NUL in a text, an id that came before; also for a file without items. -EFBIG over 64 MiB or
 * 100,000 items; the codes of aglm_textfile_read. */
int aglm_items_read(struct aglm_items *out, const char *path, struct aglm_err *err);
void aglm_items_finish(struct aglm_items *items);

/* Keeps the items whose part is in the list "command,step"; -EINVAL names the parts there are when
 * one of the list is not among them. */
int aglm_items_keep_parts(struct aglm_items *items, const char *parts, struct aglm_err *err);
/* Leaves out the parts that totals leave out, if there are others. */
void aglm_items_keep_counted(struct aglm_items *items);
/* Keeps at most n items, evenly spread over those there are, so that parts keep their shares. */
void aglm_items_thin(struct aglm_items *items, size_t n);

/* Does the part count in totals? */
bool aglm_part_counts(const char *part);

#endif

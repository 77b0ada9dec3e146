/* Storage: how fast a folder's file system writes and reads, measured with a temporary file of
 * bounded size that has no name, so that it is gone whatever ends the program.
 */
#ifndef AGLM_PROBES_STORAGE_H
#define AGLM_PROBES_STORAGE_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_storage {
    double write_per_s, read_per_s; /* bytes a second, sequential, 1 MiB at a time */
    double random_per_s, random_ns; /* 4 KiB reads a second, one after the other; median of one */
    uint64_t file_bytes;            /* how large the file became */
    bool direct;                    /* O_DIRECT was accepted */
    double cached_share;            /* of the file, in the page cache after direct reads; -1 */
    uint64_t ns;                    /* how long all of it took */
};

struct aglm_storage_options {
    const char *dir;
    uint64_t max_bytes; /* 0: 128 MiB; never more than a sixteenth of the free space */
    unsigned budget_ms; /* of each of the three parts; 0: 600 */
};

/* Writes, reads, reads at random. -ENOSPC below 16 MiB of room, -ENOTSUP on a file system in
 * memory, else the system's -errno; err names the folder. */
int aglm_storage_measure(struct aglm_storage *out, const struct aglm_storage_options *options,
                         struct aglm_err *err);

/* Opens a file for reading and writing that has no name (O_TMPFILE, or deleted at once while
 * signals wait). direct: in: whether to ask for O_DIRECT; out: whether it was granted. A
 * descriptor, or -errno. */
int aglm_storage_open(const char *dir, bool *direct);

/* Why these figures are not the device's, into buf; false if nothing speaks against them.
 * memory_read_per_s: 0 where unknown. Pure. */
bool aglm_storage_implausible(const struct aglm_storage *storage, double memory_read_per_s,
                              char *buf, size_t cap);

#endif

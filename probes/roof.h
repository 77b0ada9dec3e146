/* The device's limits, measured: how many bytes a second its cores read from memory, and how many
 * 8-bit integer and 32-bit float operations a second they do, by instruction set and threads.
 *
 * Everything the engine reaches is told as a share of these. Reading: every thread streams its own
 * part of a buffer far larger than the caches, four streams at once, over huge pages where there
 * are any. Arithmetic: independent multiply-adds on registers only; a multiply-add counts as two
 * operations. The best of several short windows is the limit, their range its spread.
 */
#ifndef AGLM_PROBES_ROOF_H
#define AGLM_PROBES_ROOF_H

#include "probes/err.h"

#include <stddef.h>
#include <stdint.h>

enum { AGLM_ROOF_WINDOWS = 3 };

enum aglm_roof_kind { AGLM_ROOF_READ, AGLM_ROOF_INT8, AGLM_ROOF_F32 };

struct aglm_roof_line {
    enum aglm_roof_kind kind;
    const char *isa; /* "c", "avx2", "neon", …; of READ: the one whose loads were used */
    unsigned threads;
    double per_s;     /* bytes or operations a second: the best window */
    double low_per_s; /* the worst window */
    unsigned n_windows;
    double window_per_s[AGLM_ROOF_WINDOWS]; /* [n_windows], in the order taken */
};

enum { AGLM_ROOF_MAX_LINES = 128 };

struct aglm_roof {
    struct aglm_roof_line line[AGLM_ROOF_MAX_LINES];
    size_t n;
    size_t buffer_bytes; /* what was read, of all threads */
    uint64_t ns;         /* how long all of it took */
};

struct aglm_roof_team;

struct aglm_roof_options {
    uint32_t isa_flags;      /* enum aglm_isa_flag: what may be run */
    unsigned max_threads;    /* 1 … 512; measured are 1, 2, 4, … and this one */
    const unsigned *threads; /* NULL, or instead: [n_threads] of 1 … 512 each, max_threads unused */
    size_t n_threads;
    const char *const
        *isas; /* NULL: the peaks of all sets that may be run, or of these: [n_isas] */
    size_t n_isas;
    const uint8_t *cpu_mask; /* the CPUs to take, bit i of byte i/8; NULL: the calling thread's */
    size_t cpu_mask_bytes;
    size_t buffer_bytes; /* 0: 256 MiB, or an eighth of the memory available if that is less */
    unsigned window_ms;  /* 0: 20, or less where that would take over 3 s */
    struct aglm_roof_team *team; /* NULL, or one of enough threads (roof_team.h), whose buffer is
                                    read instead of an own one */
    /* Kinds to leave out: bits 1 << kind. */
    unsigned skip;
};

/* Takes about (kinds x instruction sets x thread counts x 3 windows) and the time to touch the
 * buffer: under 3 s unless windows are asked for. Threads are pinned one to a CPU that the process
 * may use, the most capable CPUs first. All threads of a window share its beginning: who starts
 * late has done less. -ENOMEM; -EAGAIN: no thread could be started; -EINVAL for options out of
 * range. */
int aglm_roof_measure(struct aglm_roof *out, const struct aglm_roof_options *options,
                      struct aglm_err *err);

/* The line of this kind, instruction set (NULL: the quickest) and thread count, or with the nearest
 * smaller count that was measured; NULL if there is none. */
const struct aglm_roof_line *aglm_roof_find(const struct aglm_roof *roof, enum aglm_roof_kind kind,
                                            const char *isa, unsigned threads);

#endif

/* A fixed pool of threads that run one function together (fork and join).
 *
 * The caller is thread 0. Waiting threads spin briefly, then sleep, so that an idle pool uses no
 * CPU.
 */
#ifndef AGLM_ENGINE_POOL_H
#define AGLM_ENGINE_POOL_H

#include "probes/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct aglm_pool;

/* ith of n threads calls this; work is shared out by the callee, by ith or through aglm_pool_next.
 */
typedef void (*aglm_pool_fn)(void *ctx, unsigned ith, unsigned n);

/* n_threads >= 1. cpu_mask: bitmap (bit i of byte i/8); strict gives each thread one CPU of it in
 * turn. NULL: the most capable CPUs where they differ (probes/placement.h), else no pinning. While
 * pinned, thread 0 is the caller itself, whose own affinity is changed on the first run and put
 * back by destroy. -EINVAL when the mask names no CPU that this process may use. */
int aglm_pool_create(struct aglm_pool **out, unsigned n_threads, const uint8_t *cpu_mask,
                     size_t cpu_mask_bytes, bool strict, struct aglm_err *err);
void aglm_pool_destroy(struct aglm_pool **pool);

/* How many of n_threads can run at once: at most as many as the mask (NULL: this process) has CPUs;
 * n_threads itself where it has none, which aglm_pool_create refuses. More than that only wait for
 * each other at every barrier. */
unsigned aglm_pool_fit(unsigned n_threads, const uint8_t *cpu_mask, size_t cpu_mask_bytes);

unsigned aglm_pool_threads(const struct aglm_pool *pool);
/* Runs fn on all threads; returns when all have returned. Not reentrant. */
void aglm_pool_run(struct aglm_pool *pool, aglm_pool_fn fn, void *ctx);
/* Inside a run, called by every thread: waits until all have arrived. Resets aglm_pool_next to 0.
 */
void aglm_pool_barrier(struct aglm_pool *pool);
/* A barrier with work for one inside: true, at once, for the last thread to arrive, which does the
 * work and calls aglm_pool_release; the others return after that, with false. */
bool aglm_pool_last(struct aglm_pool *pool);
void aglm_pool_release(struct aglm_pool *pool);
/* Whether all other threads wait at the barrier, so that the caller will be the last. */
bool aglm_pool_others_wait(struct aglm_pool *pool);
/* A shared counter, 0 at the start of each run and after each barrier: the next piece of work. */
size_t aglm_pool_next(struct aglm_pool *pool);
/* The same for n pieces of equal size, n when there is none left for thread ith. Each thread has a
 * part of neighbouring pieces and takes others' when it has done its own, so that threads read far
 * from each other. Threads that took few pieces in the last run leave the last ones of a step to
 * faster threads, which finish them sooner. */
size_t aglm_pool_take(struct aglm_pool *pool, unsigned ith, size_t n);
/* How many last pieces each of n threads leaves to the others, if it took so many in the same time:
 * as many as they would finish before it had finished one. 0 for the fastest. */
void aglm_pool_leave_out(size_t *left_out, const size_t *taken, size_t n);
/* What the threads' affinity reads back as: "0-1", or "0 | 1" when they differ. Into buf, cut to
 * fit. */
void aglm_pool_affinity(const struct aglm_pool *pool, char *buf, size_t size);

#endif

/* The team of threads that measures the roof: windows of one kind of work, one after another.
 *
 * A team may be pinned anew between windows, so that one buffer serves all clusters of a phone.
 */
#ifndef AGLM_PROBES_ROOF_TEAM_H
#define AGLM_PROBES_ROOF_TEAM_H

#include "probes/roof.h"
#include "probes/roof_kernels.h"

struct aglm_roof_team;

/* A team of at most max_threads (1 … 512), pinned to the CPUs that the calling thread may use.
 * buffer_bytes: what is read by all of them together, rounded to what the loops want; 0: nothing
 * can be read. *out is the caller's to close. -EINVAL, -ENOMEM. */
int aglm_roof_team_open(struct aglm_roof_team **out, unsigned max_threads, size_t buffer_bytes,
                        struct aglm_err *err);
void aglm_roof_team_close(struct aglm_roof_team **team);

/* 256 MiB, or an eighth of the memory available if that is less. */
size_t aglm_roof_team_buffer_bytes(void);
/* What the buffer became; how many threads it may have. */
size_t aglm_roof_team_bytes(const struct aglm_roof_team *team);
unsigned aglm_roof_team_max(const struct aglm_roof_team *team);

/* Pins to other CPUs from the next window on: bit i of byte i/8; NULL: the calling thread's. */
void aglm_roof_team_pin(struct aglm_roof_team *team, const uint8_t *mask, size_t mask_bytes);

struct aglm_roof_window {
    const struct aglm_roof_kernels *kernels;
    enum aglm_roof_kind kind;
    unsigned threads; /* 1 … max_threads */
    uint64_t ns;
    void (*during)(void *ctx); /* NULL, or called by the calling thread while the others work */
    void *ctx;
};

/* Bytes or operations a second, the sum over all threads; 0 when a thread could not be started. */
double aglm_roof_team_window(struct aglm_roof_team *team, const struct aglm_roof_window *window);

#endif

/* The roof of each kind of core: what a phone's clusters can do apart. */
#ifndef AGLM_PROBES_ROOF_KINDS_H
#define AGLM_PROBES_ROOF_KINDS_H

#include "probes/facts.h"
#include "probes/kinds.h"
#include "probes/roof.h"

/* The kinds (kinds.h) of the table's CPUs, cut down to those that may be used: cpus[n_cpus]. One
 * without any of them keeps its place with a count of 0. Returns how many kinds there are, 0 where
 * those that may be used are all alike. Their model is NULL. */
size_t aglm_roof_kinds_find(struct aglm_kind kinds[AGLM_KINDS_MAX], const struct aglm_cpus *table,
                            const unsigned *cpus, size_t n_cpus);

/* How many lines of three windows will be measured. */
size_t aglm_roof_kinds_lines(const struct aglm_kind *kinds, size_t n);

/* Measures reading and the peaks of one instruction set with one and with all CPUs of each kind,
 * and adds "roof.clusterK.…" facts, K as in "cpu.clusterK". base: the team, the window and what
 * may be run; its isas names the one set. */
void aglm_roof_kinds_add(struct aglm_facts *facts, const struct aglm_kind *kinds, size_t n,
                         const struct aglm_roof_options *base);

#endif

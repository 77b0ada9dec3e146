/* Probes in children: one that hangs or crashes takes itself down and not the profile.
 *
 * The child's facts cross a pipe one by one, so what was found before it hung is kept. What is
 * missing is said by one more fact, "probe.NAME", unknown with the reason.
 */
#ifndef AGLM_PROBES_GUARD_H
#define AGLM_PROBES_GUARD_H

#include "probes/facts.h"

/* Runs probe(list, arg) in a child and appends the facts that it adds. The name is the probe's, for
 * people, of letters only. */
void aglm_guard_run(struct aglm_facts *facts, const char *name, unsigned timeout_ms,
                    void (*probe)(struct aglm_facts *facts, const void *arg), const void *arg);

/* The wire: what aglm_facts_* writes to a list's descriptor. A fact is 'F', its kind, its number
 * and five texts each ended by NUL; 'I' makes the last one an identity, 'M' says that memory ran
 * out, 'E' that all were sent. */
void aglm_wire_fact(int fd, const struct aglm_fact *fact);
void aglm_wire_mark(int fd, char mark);
/* Appends what bytes[n] hold. 0 if the end mark was reached, -EILSEQ if it is missing or something
 * before it makes no sense. */
int aglm_wire_read(struct aglm_facts *facts, const char *bytes, size_t n);

#endif

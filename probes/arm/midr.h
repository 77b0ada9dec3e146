/* Names for Arm's main ID register (MIDR): who made a core and which core it is. */
#ifndef AGLM_PROBES_ARM_MIDR_H
#define AGLM_PROBES_ARM_MIDR_H

#include <stddef.h>
#include <stdint.h>

/* "Arm", "Qualcomm", …; NULL for one that is not in the table. */
const char *aglm_midr_implementer(int64_t implementer);

/* The core's name into buf: "Cortex-A510", or "Arm part 0x41:0xfff" for one that is not in the
 * table. */
void aglm_midr_core(int64_t implementer, int64_t part, char *buf, size_t cap);

/* The table itself, for the test that no row hides another: i < aglm_midr_count(). */
size_t aglm_midr_count(void);
void aglm_midr_at(size_t i, int64_t *implementer, int64_t *part, const char **name);

#endif

/* What every fact must be, whatever it was made from: fit to print, and a number a number. */
#ifndef AGLM_TESTS_FUZZ_FACTS_CHECK_H
#define AGLM_TESTS_FUZZ_FACTS_CHECK_H

#include "probes/facts.h"
#include "probes/fsroot.h"

#include <math.h>
#include <stdlib.h>

static inline void require(bool holds)
{
    if (!holds)
        abort();
}

static inline void check_facts(const struct aglm_facts *facts)
{
    require(!facts->out_of_memory);
    for (size_t i = 0; i < facts->n; i++) {
        const struct aglm_fact *f = &facts->v[i];
        require(aglm_fsroot_printable(f->key, "") && aglm_fsroot_printable(f->label, ""));
        require(aglm_fsroot_printable(f->text, "") && aglm_fsroot_printable(f->unit, ""));
        require(aglm_fsroot_printable(f->source, ""));
        require(f->kind == AGLM_FACT_UNKNOWN || f->kind == AGLM_FACT_TEXT ||
                f->kind == AGLM_FACT_NUMBER);
        require(f->kind != AGLM_FACT_NUMBER || isfinite(f->number));
    }
}

#endif

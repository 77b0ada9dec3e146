/* The list of facts while the probes fill it; what aglm_profile_* shows to everybody else.
 *
 * Running out of memory is remembered and asked for once, at the end. Text is made safe on the way
 * in: broken UTF-8 and control characters become "?", so that no file can write to a terminal. A
 * number that is not finite becomes an UNKNOWN fact.
 */
#ifndef AGLM_PROBES_FACTS_H
#define AGLM_PROBES_FACTS_H

#include "probes/profile.h"

struct aglm_facts {
    struct aglm_fact *v; /* [n] */
    size_t n, cap;
    bool out_of_memory;
    int wire; /* > 0: each fact is also written there at once, see guard.h */
};

enum { AGLM_TOOK_MAX = 16 };

/* What a profile is, to the files that fill one. */
struct aglm_profile {
    struct aglm_facts facts;
    struct aglm_took {
        char name[24];     /* the probe's */
        double ms;         /* how long it took, its child and its deadline included */
    } took[AGLM_TOOK_MAX]; /* [n_took], in the order run */
    size_t n_took;
};

/* Adds the time of a probe; one beyond AGLM_TOOK_MAX is left out. */
void aglm_took_add(struct aglm_profile *profile, const char *name, double ms);

/* Each adds one fact at the end. key, label, source and unit are copied. */
void aglm_facts_text(struct aglm_facts *facts, const char *key, const char *label,
                     const char *source, const char *fmt, ...)
    __attribute__((format(printf, 5, 6)));
void aglm_facts_number(struct aglm_facts *facts, const char *key, const char *label,
                       const char *source, const char *unit, double value);
void aglm_facts_unknown(struct aglm_facts *facts, const char *key, const char *label,
                        const char *source, const char *reason, ...)
    __attribute__((format(printf, 5, 6)));

/* Marks the fact added last as part of the fingerprint. */
void aglm_facts_identity(struct aglm_facts *facts);

void aglm_facts_finish(struct aglm_facts *facts);

#endif

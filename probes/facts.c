/* The growing list of facts; see facts.h. */
#include "probes/facts.h"

#include "probes/fsroot.h"
#include "probes/guard.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void fact_finish(struct aglm_fact *fact)
{
    free(fact->key);
    free(fact->label);
    free(fact->text);
    free(fact->unit);
    free(fact->source);
}

/* Makes text fit to print, in place; NULL stays NULL. */
static char *made_safe(char *text)
{
    if (text && !aglm_fsroot_printable(text, ""))
        for (char *c = text; *c; c++)
            if ((unsigned char)*c < 0x20 || (unsigned char)*c >= 0x7f)
                *c = '?';
    return text;
}

/* Appends fact, taking over its text; its other strings are copied from the arguments. */
static void append(struct aglm_facts *facts, struct aglm_fact fact, const char *key,
                   const char *label, const char *source, const char *unit)
{
    if (facts->n == facts->cap) {
        size_t cap = facts->cap ? facts->cap * 2 : 64;
        struct aglm_fact *v = realloc(facts->v, cap * sizeof(*v));
        if (!v) {
            free(fact.text);
            facts->out_of_memory = true;
            return;
        }
        facts->v = v;
        facts->cap = cap;
    }
    fact.key = made_safe(strdup(key));
    fact.label = made_safe(strdup(label));
    fact.source = made_safe(strdup(source));
    fact.unit = made_safe(strdup(unit));
    if (!fact.key || !fact.label || !fact.source || !fact.unit || !fact.text) {
        fact_finish(&fact);
        facts->out_of_memory = true;
        return;
    }
    facts->v[facts->n++] = fact;
    if (facts->wire > 0)
        aglm_wire_fact(facts->wire, &fact);
}

/* Formatted text without anything that is not printable; NULL for lack of memory. */
__attribute__((format(printf, 1, 0))) static char *safe_text(const char *fmt, va_list ap)
{
    char *text = NULL;
    if (vasprintf(&text, fmt, ap) < 0)
        return NULL;
    return made_safe(text);
}

void aglm_facts_text(struct aglm_facts *facts, const char *key, const char *label,
                     const char *source, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    struct aglm_fact fact = {.kind = AGLM_FACT_TEXT, .text = safe_text(fmt, ap)};
    va_end(ap);
    append(facts, fact, key, label, source, "");
}

void aglm_facts_unknown(struct aglm_facts *facts, const char *key, const char *label,
                        const char *source, const char *reason, ...)
{
    va_list ap;
    va_start(ap, reason);
    struct aglm_fact fact = {.kind = AGLM_FACT_UNKNOWN, .text = safe_text(reason, ap)};
    va_end(ap);
    append(facts, fact, key, label, source, "");
}

void aglm_facts_number(struct aglm_facts *facts, const char *key, const char *label,
                       const char *source, const char *unit, double value)
{
    if (!isfinite(value)) {
        aglm_facts_unknown(facts, key, label, source, "implausible value");
        return;
    }
    struct aglm_fact fact = {.kind = AGLM_FACT_NUMBER, .text = strdup(""), .number = value};
    append(facts, fact, key, label, source, unit);
}

void aglm_facts_identity(struct aglm_facts *facts)
{
    if (facts->n > 0)
        facts->v[facts->n - 1].identity = true;
    if (facts->n > 0 && facts->wire > 0)
        aglm_wire_mark(facts->wire, 'I');
}

void aglm_took_add(struct aglm_profile *profile, const char *name, double ms)
{
    if (profile->n_took == AGLM_TOOK_MAX)
        return;
    struct aglm_took *t = &profile->took[profile->n_took++];
    snprintf(t->name, sizeof(t->name), "%s", name);
    t->ms = ms;
}

void aglm_facts_finish(struct aglm_facts *facts)
{
    for (size_t i = 0; i < facts->n; i++)
        fact_finish(&facts->v[i]);
    free(facts->v);
    *facts = (struct aglm_facts){0};
}

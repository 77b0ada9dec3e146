/* Probes in children and the wire their facts cross; see guard.h. */
#include "probes/guard.h"

#include "probes/child.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { FACTS_BYTES_MAX = 4 << 20, TEXTS = 5 };

struct job {
    void (*probe)(struct aglm_facts *facts, const void *arg);
    const void *arg;
};

static int work(void *arg, int fd)
{
    const struct job *job = arg;
    struct aglm_facts facts = {.wire = fd};
    job->probe(&facts, job->arg);
    if (facts.out_of_memory)
        aglm_wire_mark(fd, 'M');
    aglm_wire_mark(fd, 'E');
    return 0;
}

void aglm_guard_run(struct aglm_facts *facts, const char *name, unsigned timeout_ms,
                    void (*probe)(struct aglm_facts *facts, const void *arg), const void *arg)
{
    struct job job = {probe, arg};
    struct aglm_child child;
    char key[64], label[64];
    int rc = aglm_child_run(&child, work, &job, timeout_ms, FACTS_BYTES_MAX);
    int read = child.text ? aglm_wire_read(facts, child.text, child.size) : -ENOMEM;
    snprintf(key, sizeof(key), "probe.%s", name);
    snprintf(label, sizeof(label), "Probe %s", name);
    if (rc == -ETIMEDOUT && read != 0)
        aglm_facts_unknown(facts, key, label, "probe",
                           "no answer within %.1f s, given up; what it found before stands above",
                           timeout_ms / 1000.0);
    else if (rc == -ECANCELED)
        aglm_facts_unknown(facts, key, label, "probe", "crashed: ended by signal %d (%s)",
                           child.signal, strsignal(child.signal));
    else if (rc == -ENOMEM || rc == -EAGAIN)
        aglm_facts_unknown(facts, key, label, "probe", "could not be started: %s", strerror(-rc));
    else if (read != 0)
        aglm_facts_unknown(facts, key, label, "probe", "ended early, with status %d", child.status);
    aglm_child_finish(&child);
}

/* ---- the wire ---- */

void aglm_wire_mark(int fd, char mark)
{
    aglm_child_write(fd, &mark, 1);
}

void aglm_wire_fact(int fd, const struct aglm_fact *fact)
{
    const char *const texts[TEXTS] = {fact->key, fact->label, fact->text, fact->unit, fact->source};
    const char head[2] = {'F', (char)fact->kind};
    aglm_child_write(fd, head, sizeof(head));
    aglm_child_write(fd, &fact->number, sizeof(fact->number));
    for (size_t i = 0; i < TEXTS; i++)
        aglm_child_write(fd, texts[i], strlen(texts[i]) + 1);
}

/* Reads one fact that begins behind its 'F'; the bytes it takes, 0 if it makes no sense. */
static size_t read_fact(struct aglm_facts *facts, const char *bytes, size_t n)
{
    const char *texts[TEXTS];
    double number;
    size_t at = 1 + sizeof(number);
    if (n < at)
        return 0;
    memcpy(&number, bytes + 1, sizeof(number));
    for (size_t i = 0; i < TEXTS; i++) {
        const char *end = memchr(bytes + at, '\0', n - at);
        if (!end)
            return 0;
        texts[i] = bytes + at;
        at = (size_t)(end - bytes) + 1;
    }
    switch ((enum aglm_fact_kind)bytes[0]) {
    case AGLM_FACT_UNKNOWN:
        aglm_facts_unknown(facts, texts[0], texts[1], texts[4], "%s", texts[2]);
        return at;
    case AGLM_FACT_TEXT:
        aglm_facts_text(facts, texts[0], texts[1], texts[4], "%s", texts[2]);
        return at;
    case AGLM_FACT_NUMBER:
        aglm_facts_number(facts, texts[0], texts[1], texts[4], texts[3], number);
        return at;
    }
    return 0;
}

int aglm_wire_read(struct aglm_facts *facts, const char *bytes, size_t n)
{
    bool any = false;
    for (size_t at = 0; at < n;) {
        char mark = bytes[at++];
        if (mark == 'E')
            return 0;
        if (mark == 'M') {
            facts->out_of_memory = true;
        } else if (mark == 'I' && any) {
            aglm_facts_identity(facts);
        } else if (mark == 'F') {
            size_t used = read_fact(facts, bytes + at, n - at);
            if (used == 0)
                return -EILSEQ;
            at += used;
            any = true;
        } else {
            return -EILSEQ;
        }
    }
    return -EILSEQ;
}

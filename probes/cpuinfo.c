/* Parses /proc/cpuinfo; see cpuinfo.h. */
#include "probes/cpuinfo.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct line {
    const char *key, *value;
    size_t key_len, len; /* len: of the value */
};

/* Cuts the first "key : value" line out of *text, which moves past it; false at the end. Lines
 * without a colon are skipped. */
static bool next_line(const char **text, struct line *out)
{
    while (**text) {
        const char *start = *text, *end = start + strcspn(start, "\n");
        const char *colon = memchr(start, ':', (size_t)(end - start));
        *text = end + (*end == '\n');
        if (!colon)
            continue;
        const char *value = colon + 1;
        while (value < end && (*value == ' ' || *value == '\t'))
            value++;
        while (end > value && (end[-1] == ' ' || end[-1] == '\t' || end[-1] == '\r'))
            end--;
        while (colon > start && (colon[-1] == ' ' || colon[-1] == '\t'))
            colon--;
        *out = (struct line){start, value, (size_t)(colon - start), (size_t)(end - value)};
        return true;
    }
    return false;
}

static bool is_key(const struct line *line, const char *key)
{
    return strlen(key) == line->key_len && memcmp(line->key, key, line->key_len) == 0;
}

/* A number within lo … hi, -1 for anything else. */
static int64_t number_of(const struct line *line, int64_t lo, int64_t hi)
{
    char buf[32], *end;
    if (line->len == 0 || line->len >= sizeof(buf))
        return -1;
    memcpy(buf, line->value, line->len);
    buf[line->len] = '\0';
    errno = 0;
    long long n = strtoll(buf, &end, strncmp(buf, "0x", 2) == 0 ? 16 : 10);
    return end == buf || *end || errno || n < lo || n > hi ? -1 : n;
}

/* Copies the first value seen that is printable and fits. */
static void keep_text(char *out, size_t cap, const struct line *line)
{
    if (out[0] || line->len == 0 || line->len >= cap)
        return;
    memcpy(out, line->value, line->len);
    out[line->len] = '\0';
    if (!aglm_fsroot_printable(out, ""))
        out[0] = '\0';
}

static void keep_number(int64_t *out, const struct line *line)
{
    if (*out < 0)
        *out = number_of(line, 0, 1 << 20);
}

static void whole(struct aglm_cpus *cpus, const struct line *line)
{
    if (is_key(line, "model name"))
        keep_text(cpus->brand, sizeof(cpus->brand), line);
    else if (is_key(line, "Processor"))
        keep_text(cpus->architecture, sizeof(cpus->architecture), line);
    else if (is_key(line, "vendor_id"))
        keep_text(cpus->vendor, sizeof(cpus->vendor), line);
    else if (is_key(line, "Hardware"))
        keep_text(cpus->hardware, sizeof(cpus->hardware), line);
    else if (is_key(line, "cpu family"))
        keep_number(&cpus->family, line);
    else if (is_key(line, "model"))
        keep_number(&cpus->model, line);
    else if (is_key(line, "stepping"))
        keep_number(&cpus->stepping, line);
    else if (!cpus->flags && (is_key(line, "flags") || is_key(line, "Features")))
        cpus->flags = strndup(line->value, line->len);
}

/* The fields of Arm's main ID register; false if the line is none of them. */
static bool midr_field(struct aglm_cpu *cpu, const struct line *line)
{
    if (is_key(line, "CPU implementer"))
        cpu->implementer = number_of(line, 0, 0xff);
    else if (is_key(line, "CPU part"))
        cpu->part = number_of(line, 0, 0xfff);
    else if (is_key(line, "CPU variant"))
        cpu->variant = number_of(line, 0, 0xf);
    else if (is_key(line, "CPU revision"))
        cpu->revision = number_of(line, 0, 0xf);
    else
        return false;
    return true;
}

static void one(struct aglm_cpu *cpu, const struct line *line)
{
    if (midr_field(cpu, line))
        return;
    if (is_key(line, "physical id")) {
        cpu->package = number_of(line, 0, AGLM_CPUS_MAX);
    } else if (is_key(line, "core id")) {
        cpu->core = number_of(line, 0, 1 << 20);
    } else if (is_key(line, "cpu MHz") && line->len < 32) {
        char *end;
        double mhz = strtod(line->value, &end); /* a number has no line break in it */
        if (end > line->value && mhz * 1000 >= AGLM_KHZ_MIN && mhz * 1000 <= AGLM_KHZ_MAX)
            cpu->now_khz = (int64_t)(mhz * 1000 + 0.5);
    }
}

static struct aglm_cpu *cpu_by_id(struct aglm_cpus *cpus, int64_t id)
{
    for (size_t i = 0; i < cpus->n; i++)
        if ((int64_t)cpus->v[i].id == id)
            return &cpus->v[i];
    return NULL;
}

/* What was said once, after the numbers of all CPUs, holds for all of them. */
static void spread(struct aglm_cpus *cpus, const struct aglm_cpu *said)
{
    for (size_t i = 0; i < cpus->n; i++) {
        cpus->v[i].implementer = said->implementer;
        cpus->v[i].part = said->part;
        cpus->v[i].variant = said->variant;
        cpus->v[i].revision = said->revision;
    }
}

void aglm_cpuinfo_parse(struct aglm_cpus *cpus, const char *text)
{
    struct aglm_cpu last = {.implementer = -1, .part = -1, .variant = -1, .revision = -1};
    struct aglm_cpu *cpu = NULL;
    struct line line;
    size_t parts = 0, processors = 0;
    while (next_line(&text, &line)) {
        if (is_key(&line, "processor")) {
            int64_t id = number_of(&line, 0, AGLM_CPUS_MAX - 1);
            cpu = cpu_by_id(cpus, id);
            processors += id >= 0;
        } else if (cpu) {
            one(cpu, &line);
        }
        midr_field(&last, &line);
        parts += is_key(&line, "CPU part");
        whole(cpus, &line);
    }
    if (parts == 1 && processors != 1)
        spread(cpus, &last);
}

int aglm_cpuinfo_list(const char *text, struct aglm_cpulist *out)
{
    struct aglm_cpulist list = {0};
    struct line line;
    while (next_line(&text, &line)) {
        int64_t id = is_key(&line, "processor") ? number_of(&line, 0, AGLM_CPUS_MAX - 1) : -1;
        if (id >= 0)
            aglm_cpulist_add(&list, (size_t)id);
    }
    *out = list;
    return aglm_cpulist_count(&list) ? 0 : -ENOENT;
}

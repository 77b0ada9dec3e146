/* Loads the golden cases and compares rows of logits; see cases.h. */
#include "tests/golden/cases.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* "3,1,4" to ids; false for anything else. */
static bool parse_tokens(struct golden_case *c, const char *text)
{
    for (const char *p = text;; p++) {
        char *end;
        long id = strtol(p, &end, 10);
        if (end == p || id < 0 || id > INT32_MAX || c->n_tokens == GOLDEN_MAX_TOKENS) {
            return false;
        }
        c->tokens[c->n_tokens++] = (int32_t)id;
        p = end;
        if (*p == '\0') {
            return true;
        }
        if (*p != ',') {
            return false;
        }
    }
}

/* The whole file as floats (the committed files and all our targets are little-endian). */
static bool read_reference(struct golden_case *c, const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        perror(path);
        if (f) {
            fclose(f);
        }
        return false;
    }
    long bytes = ftell(f);
    size_t row = c->n_tokens * sizeof(float);
    bool ok = bytes > 0 && (size_t)bytes % row == 0;
    rewind(f);
    if (ok) {
        c->n_vocab = (size_t)bytes / row;
        c->reference = malloc((size_t)bytes);
        ok = c->reference && fread(c->reference, 1, (size_t)bytes, f) == (size_t)bytes;
    }
    fclose(f);
    return ok;
}

static bool parse_case(struct golden_case *c, const char *dir, const char *line)
{
    char tokens[512], path[512];
    if (sscanf(line, "%47s %15s %23s %lf %511s", c->name, c->arch, c->type, &c->limit, tokens) !=
            5 ||
        !parse_tokens(c, tokens)) {
        return false;
    }
    int a = snprintf(c->model, sizeof c->model, "%s/models/%s.gguf", dir, c->name);
    int b = snprintf(path, sizeof path, "%s/models/%s.f32", dir, c->name);
    return a > 0 && (size_t)a < sizeof c->model && b > 0 && (size_t)b < sizeof path &&
           read_reference(c, path);
}

bool golden_load(const char *dir, struct golden_case cases[static GOLDEN_MAX_CASES], size_t *n)
{
    char path[512], line[1024];
    snprintf(path, sizeof path, "%s/cases.txt", dir);
    FILE *f = fopen(path, "r");
    if (!f) {
        perror(path);
        return false;
    }
    bool ok = true;
    *n = 0;
    while (ok && fgets(line, sizeof line, f)) {
        if (line[0] == '#' || line[0] == '\n') {
            continue;
        }
        ok = *n < GOLDEN_MAX_CASES;
        if (ok) {
            memset(&cases[*n], 0, sizeof cases[*n]);
            ok = parse_case(&cases[(*n)++], dir, line);
        }
        if (!ok) {
            fprintf(stderr, "%s: bad case or missing reference: %s", path, line);
        }
    }
    fclose(f);
    return ok && *n > 0;
}

void golden_free(struct golden_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(cases[i].reference);
        cases[i].reference = NULL;
    }
}

const struct golden_case *golden_find(const struct golden_case *cases, size_t n, const char *name)
{
    for (size_t i = 0; i < n; i++) {
        if (strcmp(cases[i].name, name) == 0) {
            return &cases[i];
        }
    }
    return NULL;
}

double golden_nmse(const float *a, const float *b, size_t n)
{
    double difference = 0.0, power = 0.0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)a[i] - (double)b[i];
        difference += d * d;
        power += (double)b[i] * (double)b[i];
    }
    return difference / power;
}

size_t golden_top(const float *row, size_t n, double *margin)
{
    size_t best = 0;
    double second = -INFINITY, power = 0.0;
    for (size_t i = 0; i < n; i++) {
        power += (double)row[i] * (double)row[i];
        if (row[i] > row[best]) {
            second = row[best];
            best = i;
        } else if (i != best && row[i] > second) {
            second = row[i];
        }
    }
    *margin = (row[best] - second) / sqrt(power / (double)n);
    return best;
}

/* The golden cases: which model file, which tokens, what llama.cpp answered, how far we may be from
 * it.
 *
 * Reads cases.txt and models/NAME.f32 of this folder. Malformed test data is a broken checkout: it
 * is reported on stderr and the loader returns false, so that the test program fails.
 */
#ifndef AGLM_TESTS_GOLDEN_CASES_H
#define AGLM_TESTS_GOLDEN_CASES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { GOLDEN_MAX_CASES = 64, GOLDEN_MAX_TOKENS = 64 };

struct golden_case {
    char name[48], arch[16], type[24];
    double limit; /* of the NMSE */
    char model[512];
    int32_t tokens[GOLDEN_MAX_TOKENS];
    size_t n_tokens;
    size_t n_vocab;
    float *reference; /* [n_tokens, n_vocab], llama.cpp's logits */
};

/* Fills cases from dir; *n is their number, at least 1. Freed by golden_free. */
bool golden_load(const char *dir, struct golden_case cases[static GOLDEN_MAX_CASES], size_t *n);
void golden_free(struct golden_case *cases, size_t n);
/* By name, or NULL. */
const struct golden_case *golden_find(const struct golden_case *cases, size_t n, const char *name);

/* sum (a - b)^2 / sum b^2 over n values; not finite if any a is not. */
double golden_nmse(const float *a, const float *b, size_t n);
/* The index of the largest of n values; *margin is its distance to the second, in units of the
 * row's root mean square. */
size_t golden_top(const float *row, size_t n, double *margin);

#endif

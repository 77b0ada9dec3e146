/* Single keys of an architecture's metadata, read and checked against limits. Messages name the
 * file, the key, its value and what it must be.
 */
#ifndef AGLM_ENGINE_ARCH_KEYS_H
#define AGLM_ENGINE_ARCH_KEYS_H

#include "engine/gguf.h"

#include <stdint.h>

/* One reading: the file, the prefix of its keys, where messages go. */
struct aglm_keys {
    const struct aglm_gguf *file;
    const char *arch;
    struct aglm_err *err;
    char name[96]; /* of the key asked for last */
};

/* "{arch}.suffix", in k->name; the suffix is a short literal. */
const char *aglm_keys_name(struct aglm_keys *k, const char *suffix);
/* Reads {arch}.suffix, 1 to max; an array, as some files have per layer, if all its values are the
 * same. fallback 0: the key is required. */
int aglm_keys_count(struct aglm_keys *k, const char *suffix, uint64_t max, uint32_t fallback,
                    uint32_t *out);
/* Reads {arch}.suffix, low <= value <= high. fallback NaN: the key is required. */
int aglm_keys_real(struct aglm_keys *k, const char *suffix, float low, float high, float fallback,
                   float *out);
/* Reads an array {arch}.suffix of numbers or truth values, any length up to max, into out; *n is
 * its length. -ENOENT: no such key; -EINVAL: no such array, with a message. */
int aglm_keys_array(struct aglm_keys *k, const char *suffix, size_t max, uint32_t *out, size_t *n);

#endif

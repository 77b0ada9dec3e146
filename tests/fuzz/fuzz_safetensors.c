/* Fuzz target: the safetensors reader.
 *
 * In: any bytes, as a file in memory. What is accepted lies inside the file, without overlap,
 * sorted and found by name. Built with libFuzzer (meson option fuzz, clang) or with replay.c.
 */
#include "engine/convert/safetensors.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* so that no read is optimised away */

static void require(bool holds)
{
    if (!holds)
        abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aglm_safetensors *file = NULL;
    struct aglm_err err = {0};
    uint64_t bytes = 0;
    int rc = aglm_safetensors_open_memory(&file, data, size, "fuzz.safetensors", &err);
    if (rc) {
        require(!file && err.code == rc && strncmp(err.msg, "fuzz.safetensors: ", 18) == 0);
        return 0;
    }
    for (size_t i = 0; i < aglm_safetensors_count(file); i++) {
        const struct aglm_safetensor *t = aglm_safetensors_at(file, i);
        uint64_t elements = 1;
        for (unsigned d = 0; d < t->n_dims; d++)
            elements *= t->shape[d];
        require(elements == t->n_elements && t->n_dims <= AGLM_SAFETENSORS_MAX_DIMS);
        require(t->data >= data && t->data + t->n_bytes <= data + size);
        require(aglm_safetensors_find(file, t->name) == t);
        require(i == 0 || strcmp(aglm_safetensors_at(file, i - 1)->name, t->name) < 0);
        if (t->n_bytes)
            sink += t->data[0] + (uint64_t)t->data[t->n_bytes - 1] + t->dtype_name[0];
        bytes += t->n_bytes;
    }
    require(bytes <= size);
    aglm_safetensors_close(&file);
    return 0;
}

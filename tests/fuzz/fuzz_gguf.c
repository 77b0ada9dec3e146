/* Fuzz target: the GGUF reader and what reads metadata through it.
 *
 * In: any bytes, as a file in memory. Walks every key by every getter and every tensor, reads
 * hyperparameters. Built with libFuzzer (meson option fuzz, clang) or with replay.c, which runs the
 * committed corpus as a test.
 */
#include "engine/arch.h"
#include "engine/dtype.h"
#include "engine/gguf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint64_t sink; /* so that no read is optimised away */

static void require(bool holds)
{
    if (!holds)
        abort();
}

static void walk_array(const struct aglm_gguf_array *array)
{
    const uint8_t *p = array->data;
    for (uint64_t i = 0; array->type == AGLM_GGUF_STRING && i < array->n; i++) {
        uint64_t n;
        memcpy(&n, p, sizeof(n));
        p += sizeof(n);
        sink += n ? (uint64_t)p[0] + p[n - 1] : 0;
        p += n;
    }
    if (array->type != AGLM_GGUF_STRING && array->n)
        sink += p[0] + (uint64_t)p[array->n - 1];
}

static void walk_keys(const struct aglm_gguf *file)
{
    for (size_t i = 0; i < aglm_gguf_kv_count(file); i++) {
        char text[32];
        uint64_t u = 0;
        float f = 0;
        bool flag = false;
        const char *string = "";
        struct aglm_gguf_array array;
        struct aglm_err err = {0};
        const char *key = aglm_gguf_kv_at(file, i, text, sizeof(text));
        int found = 0;
        found += aglm_gguf_get_u64(file, key, &u, &err) == 0;
        found += aglm_gguf_get_f32(file, key, &f, &err) == 0;
        found += aglm_gguf_get_bool(file, key, &flag, &err) == 0;
        if (aglm_gguf_get_string(file, key, &string, &err) == 0)
            found++;
        if (aglm_gguf_get_array(file, key, &array, &err) == 0) {
            found++;
            walk_array(&array);
        }
        require(found >= 1 || err.code != 0);
        sink += u + (uint64_t)flag + strlen(string) + strlen(text);
    }
}

static void walk_tensors(const struct aglm_gguf *file, const uint8_t *data, size_t size)
{
    for (size_t i = 0; i < aglm_gguf_tensor_count(file); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(file, i);
        const struct aglm_dtype_info *info = aglm_dtype_get(t->type);
        const uint8_t *bytes = t->data;
        require(t == aglm_gguf_tensor_find(file, t->name));
        require(bytes >= data && t->n_bytes >= 1 && t->n_bytes <= size);
        require(bytes + t->n_bytes <= data + size);
        sink += bytes[0] + (uint64_t)bytes[t->n_bytes - 1];
        if (info) {
            float block[256];
            info->to_float(block, bytes, info->block_elements);
            info->from_float((uint8_t[1024]){0}, block, info->block_elements);
        }
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct aglm_gguf *file = NULL;
    struct aglm_err err = {0};
    struct aglm_hparams hparams;
    int rc = aglm_gguf_open_memory(&file, data, size, "fuzz.gguf", &err);
    if (rc) {
        require(!file && err.code == rc && strncmp(err.msg, "fuzz.gguf: ", 11) == 0);
        return 0;
    }
    walk_keys(file);
    walk_tensors(file, data, size);
    if (aglm_hparams_read(&hparams, file, &err) == 0)
        require(hparams.n_heads % hparams.n_kv_heads == 0 && hparams.n_rot <= hparams.head_dim &&
                hparams.n_layers >= 1 && hparams.n_vocab >= 1);
    else
        require(err.code != 0 && err.msg[0]);
    aglm_gguf_close(&file);
    return 0;
}

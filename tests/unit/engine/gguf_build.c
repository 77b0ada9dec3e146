/* Builds GGUF files in memory; see gguf_build.h. */
#include "tests/unit/engine/gguf_build.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void put_bytes(struct build *b, const void *data, size_t n)
{
    ck_assert_uint_le(b->n + n, sizeof(b->bytes));
    memcpy(b->bytes + b->n, data, n);
    b->n += n;
}

void put_u8(struct build *b, uint8_t v)
{
    put_bytes(b, &v, sizeof(v));
}

void put_u32(struct build *b, uint32_t v)
{
    put_bytes(b, &v, sizeof(v));
}

void put_u64(struct build *b, uint64_t v)
{
    put_bytes(b, &v, sizeof(v));
}

void put_string(struct build *b, const char *s)
{
    put_u64(b, strlen(s));
    put_bytes(b, s, strlen(s));
}

void put_header(struct build *b, uint32_t version, uint64_t n_tensors, uint64_t n_kv)
{
    b->n = 0;
    put_bytes(b, "GGUF", 4);
    put_u32(b, version);
    put_u64(b, n_tensors);
    put_u64(b, n_kv);
}

void put_kv_u32(struct build *b, const char *key, uint32_t v)
{
    put_string(b, key);
    put_u32(b, AGLM_GGUF_U32);
    put_u32(b, v);
}

void put_kv_f32(struct build *b, const char *key, float v)
{
    put_string(b, key);
    put_u32(b, AGLM_GGUF_F32);
    put_bytes(b, &v, sizeof(v));
}

void put_kv_string(struct build *b, const char *key, const char *v)
{
    put_string(b, key);
    put_u32(b, AGLM_GGUF_STRING);
    put_string(b, v);
}

void put_tensor(struct build *b, const char *name, uint32_t n_dims, const uint64_t *ne,
                uint32_t type, uint64_t offset)
{
    put_string(b, name);
    put_u32(b, n_dims);
    for (uint32_t d = 0; d < n_dims; d++)
        put_u64(b, ne[d]);
    put_u32(b, type);
    put_u64(b, offset);
}

void put_data(struct build *b, size_t alignment, size_t n)
{
    while (b->n % alignment)
        put_u8(b, 0);
    for (size_t i = 0; i < n; i++)
        put_u8(b, (uint8_t)(i + 1));
}

static void put_kv(struct build *b, const char *key, uint32_t type, const void *value, size_t n)
{
    put_string(b, key);
    put_u32(b, type);
    put_bytes(b, value, n);
}

size_t build_sample(struct build *b, uint32_t version)
{
    put_header(b, version, 2, 16);
    put_kv_string(b, "general.architecture", "llama");
    put_kv(b, "t.u8", AGLM_GGUF_U8, &(uint8_t){200}, 1);
    put_kv(b, "t.i8", AGLM_GGUF_I8, &(int8_t){-5}, 1);
    put_kv(b, "t.u16", AGLM_GGUF_U16, &(uint16_t){60000}, 2);
    put_kv(b, "t.i16", AGLM_GGUF_I16, &(int16_t){-300}, 2);
    put_kv_u32(b, "t.u32", 4000000000u);
    put_kv(b, "t.i32", AGLM_GGUF_I32, &(int32_t){77}, 4);
    put_kv_f32(b, "t.f32", 1.5f);
    put_kv(b, "t.bool", AGLM_GGUF_BOOL, &(uint8_t){1}, 1);
    put_kv(b, "t.u64", AGLM_GGUF_U64, &(uint64_t){1ull << 40}, 8);
    put_kv(b, "t.i64", AGLM_GGUF_I64, &(int64_t){-1}, 8);
    put_kv(b, "t.f64", AGLM_GGUF_F64, &(double){-0.25}, 8);
    put_kv(b, "t.big", AGLM_GGUF_F64, &(double){1e300}, 8);
    put_kv_u32(b, "general.alignment", 64);
    put_string(b, "t.words");
    put_u32(b, AGLM_GGUF_ARRAY);
    put_u32(b, AGLM_GGUF_STRING);
    put_u64(b, 3);
    put_string(b, "a");
    put_string(b, "");
    put_string(b, "cde");
    put_string(b, "t.ints");
    put_u32(b, AGLM_GGUF_ARRAY);
    put_u32(b, AGLM_GGUF_I32);
    put_u64(b, 2);
    put_u32(b, 7);
    put_u32(b, 8);
    put_tensor(b, "first", 2, (const uint64_t[]){4, 3}, 0, 0);
    put_tensor(b, "second", 2, (const uint64_t[]){32, 2}, 8, 64);
    size_t before_data = b->n;
    put_data(b, 64, 64 + 68);
    return before_data;
}

int open_build(struct aglm_gguf **out, const struct build *b, uint8_t **copy, struct aglm_err *err)
{
    *copy = malloc(b->n ? b->n : 1);
    ck_assert_ptr_nonnull(*copy);
    memcpy(*copy, b->bytes, b->n);
    return aglm_gguf_open_memory(out, *copy, b->n, "test.gguf", err);
}

uint64_t walk(const struct aglm_gguf *file)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < aglm_gguf_kv_count(file); i++) {
        char text[64];
        const char *key = aglm_gguf_kv_at(file, i, text, 1 + i % sizeof(text)), *string;
        uint64_t u = 0;
        float f = 0;
        bool flag;
        struct aglm_gguf_array array;
        ck_assert_uint_le(strlen(text), i % sizeof(text));
        sum += strlen(key) + strlen(text);
        sum += aglm_gguf_get_u64(file, key, &u, NULL) == 0 ? u : 0;
        sum += aglm_gguf_get_f32(file, key, &f, NULL) == 0 && f > 0;
        sum += aglm_gguf_get_bool(file, key, &flag, NULL) == 0 && flag;
        sum += aglm_gguf_get_string(file, key, &string, NULL) == 0 ? strlen(string) : 0;
        if (aglm_gguf_get_array(file, key, &array, NULL) == 0 && array.n)
            sum += array.n + *(const uint8_t *)array.data;
    }
    for (size_t i = 0; i < aglm_gguf_tensor_count(file); i++) {
        const struct aglm_gguf_tensor *t = aglm_gguf_tensor_at(file, i);
        const uint8_t *data = t->data;
        ck_assert_ptr_eq(aglm_gguf_tensor_find(file, t->name), t);
        sum += (uint64_t)data[0] + data[t->n_bytes - 1];
    }
    return sum;
}

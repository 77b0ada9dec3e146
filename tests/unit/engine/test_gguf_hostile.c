/* Hostile GGUF files: every truncation, every one-byte change of the header, and a list of lies.
 * Each must be refused with -EINVAL or -ENOTSUP and a message that names the file, or open to
 * something that can be walked safely. Run under AddressSanitizer to mean the most: files lie in
 * heap blocks of just their size. Prints how many inputs were tried.
 */
#include "engine/gguf.h"
#include "tests/unit/engine/gguf_build.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct build b;

static void expect_refused(const struct build *input, int code, const char *words)
{
    struct aglm_gguf *file = NULL;
    struct aglm_err err = {0};
    uint8_t *copy;
    int rc = open_build(&file, input, &copy, &err);
    ck_assert_msg(rc == code, "\"%s\": returned %d (%s)", words, rc, err.msg);
    ck_assert_ptr_null(file);
    ck_assert_int_eq(err.code, code);
    ck_assert_msg(strncmp(err.msg, "test.gguf: ", 11) == 0, "no file name: %s", err.msg);
    ck_assert_msg(strstr(err.msg, words) != NULL, "\"%s\" is not in: %s", words, err.msg);
    free(copy);
}

/* ---- truncations and changed bytes ---- */

START_TEST(every_truncation_is_refused)
{
    build_sample(&b, 3);
    const size_t whole = b.n;
    for (b.n = 0; b.n < whole; b.n++)
        expect_refused(&b, -EINVAL, "");
    printf("gguf: %zu truncations refused\n", whole);
}
END_TEST

START_TEST(every_changed_byte_is_survived)
{
    size_t header = build_sample(&b, 3), refused = 0;
    for (size_t at = 0; at < header; at++) {
        const uint8_t kept = b.bytes[at];
        for (unsigned change = 1; change < 256; change++) {
            struct aglm_gguf *file = NULL;
            struct aglm_err err = {0};
            uint8_t *copy;
            b.bytes[at] = (uint8_t)(kept ^ change);
            int rc = open_build(&file, &b, &copy, &err);
            if (rc == 0) {
                walk(file);
            } else {
                refused++;
                ck_assert_msg(rc == -EINVAL || rc == -ENOTSUP, "byte %zu: %d", at, rc);
                ck_assert_msg(strncmp(err.msg, "test.gguf: ", 11) == 0, "%s", err.msg);
            }
            aglm_gguf_close(&file);
            free(copy);
        }
        b.bytes[at] = kept;
    }
    printf("gguf: %zu changed bytes tried, %zu refused\n", header * 255, refused);
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_lt(refused, header * 255);
}
END_TEST

/* ---- lies ---- */

static const uint64_t ne4[] = {4};
static const uint64_t huge = UINT64_C(1) << 63;

static void magic(void)
{
    put_header(&b, 3, 0, 0);
    b.bytes[3] = 'f';
}

static void version_0(void)
{
    put_header(&b, 0, 0, 0);
}

static void version_1(void)
{
    put_header(&b, 1, 0, 0);
}

static void version_4(void)
{
    put_header(&b, 4, 0, 0);
}

static void big_endian(void)
{
    put_header(&b, 0x03000000, 0, 0);
}

static void huge_kv_count(void)
{
    put_header(&b, 3, 0, huge);
    put_data(&b, 1, 100);
}

static void huge_tensor_count(void)
{
    put_header(&b, 3, huge, 0);
    put_data(&b, 1, 100);
}

static void kv_count_past_end(void)
{
    put_header(&b, 3, 0, 3);
    put_kv_u32(&b, "a", 1);
    put_kv_u32(&b, "b", 1);
    put_data(&b, 1, 5);
}

static void tensor_count_past_end(void)
{
    put_header(&b, 3, 3, 1);
    put_kv_string(&b, "a",
                  "some text to make room for three tensors, which is ninety-nine bytes in all");
    put_tensor(&b, "t", 1, ne4, 0, 0);
}

static void key_length_past_end(void)
{
    put_header(&b, 3, 0, 1);
    put_u64(&b, 60000);
    put_data(&b, 1, 100);
}

static void key_length_huge(void)
{
    put_header(&b, 3, 0, 1);
    put_u64(&b, UINT64_MAX);
    put_data(&b, 1, 100);
}

static void key_empty(void)
{
    put_header(&b, 3, 0, 1);
    put_kv_u32(&b, "", 1);
    put_data(&b, 1, 20);
}

static void key_with_nul(void)
{
    put_header(&b, 3, 0, 1);
    put_u64(&b, 3);
    put_bytes(&b, "a\0b", 3);
    put_u32(&b, AGLM_GGUF_U32);
    put_u32(&b, 1);
}

static void key_with_escape(void)
{
    put_header(&b, 3, 0, 1);
    put_kv_u32(&b, "a\x1b[2J", 1);
}

static void key_twice(void)
{
    put_header(&b, 3, 0, 3);
    put_kv_u32(&b, "same", 1);
    put_kv_u32(&b, "other", 1);
    put_kv_string(&b, "same", "x");
}

static void string_past_end(void)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, AGLM_GGUF_STRING);
    put_u64(&b, 21);
    put_data(&b, 1, 20);
}

static void string_huge(void)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, AGLM_GGUF_STRING);
    put_u64(&b, UINT64_MAX - 7);
    put_data(&b, 1, 20);
}

static void string_with_nul(void)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, AGLM_GGUF_STRING);
    put_u64(&b, 3);
    put_bytes(&b, "x\0y", 3);
}

static void value_type_unknown(void)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, 13);
    put_u64(&b, 1);
}

static void value_type_huge(void)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, UINT32_MAX);
    put_u64(&b, 1);
}

static void boolean_2(void)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, AGLM_GGUF_BOOL);
    put_u8(&b, 2);
}

static void array_of(uint32_t type, uint64_t n)
{
    put_header(&b, 3, 0, 1);
    put_string(&b, "key");
    put_u32(&b, AGLM_GGUF_ARRAY);
    put_u32(&b, type);
    put_u64(&b, n);
    put_data(&b, 1, 32);
}

static void array_nested(void)
{
    array_of(AGLM_GGUF_ARRAY, 1);
}

static void array_type_unknown(void)
{
    array_of(99, 1);
}

static void array_past_end(void)
{
    array_of(AGLM_GGUF_U64, 5);
}

static void array_huge(void)
{
    array_of(AGLM_GGUF_U8, huge);
}

static void array_size_wraps(void)
{
    array_of(AGLM_GGUF_U64, (UINT64_C(1) << 61) + 1); /* times 8 is 8 */
}

static void array_of_strings_huge(void)
{
    array_of(AGLM_GGUF_STRING, huge);
}

static void array_of_strings_past_end(void)
{
    array_of(AGLM_GGUF_STRING, 2); /* the data read as a length is past the end */
}

static void alignment_of(uint32_t alignment)
{
    put_header(&b, 3, 1, 1);
    put_kv_u32(&b, "general.alignment", alignment);
    put_tensor(&b, "t", 1, ne4, 0, 0);
    put_data(&b, 64, 64);
}

static void alignment_0(void)
{
    alignment_of(0);
}

static void alignment_4(void)
{
    alignment_of(4);
}

static void alignment_48(void)
{
    alignment_of(48);
}

static void alignment_huge(void)
{
    alignment_of(1u << 31);
}

static void alignment_text(void)
{
    put_header(&b, 3, 0, 1);
    put_kv_string(&b, "general.alignment", "32");
}

static void tensor_of(const char *name, uint32_t n_dims, const uint64_t *ne, uint32_t type,
                      uint64_t offset)
{
    put_header(&b, 3, 1, 0);
    put_tensor(&b, name, n_dims, ne, type, offset);
    put_data(&b, 32, 128);
}

static void tensor_name_empty(void)
{
    tensor_of("", 1, ne4, 0, 0);
}

static void tensor_name_long(void)
{
    tensor_of("65_bytes__65_bytes__65_bytes__65_bytes__65_bytes__65_bytes__65_by", 1, ne4, 0, 0);
}

static void tensor_name_newline(void)
{
    tensor_of("a\nb", 1, ne4, 0, 0);
}

static void dims_0(void)
{
    tensor_of("tensor", 0, ne4, 0, 0);
}

static void dims_5(void)
{
    tensor_of("tensor", 5, (const uint64_t[]){1, 1, 1, 1, 1}, 0, 0);
}

static void dims_huge(void)
{
    put_header(&b, 3, 1, 0);
    put_string(&b, "tensor");
    put_u32(&b, UINT32_MAX);
    put_data(&b, 32, 128);
}

static void dim_zero(void)
{
    tensor_of("tensor", 2, (const uint64_t[]){4, 0}, 0, 0);
}

static void dim_overflow(void)
{
    tensor_of("tensor", 3, (const uint64_t[]){1u << 31, 1u << 31, 8}, 0, 0);
}

static void dim_negative(void)
{
    tensor_of("tensor", 1, (const uint64_t[]){huge}, 0, 0);
}

static void dim_bytes_overflow(void)
{
    tensor_of("tensor", 1, (const uint64_t[]){INT64_MAX}, 28, 0); /* f64 */
}

static void row_not_blocks(void)
{
    tensor_of("tensor", 1, (const uint64_t[]){33}, 8, 0);
}

static void type_unknown(void)
{
    tensor_of("tensor", 1, ne4, 99, 0);
}

static void type_withdrawn(void)
{
    tensor_of("tensor", 1, ne4, 31, 0);
}

static void offset_misaligned(void)
{
    tensor_of("tensor", 1, ne4, 0, 16);
}

static void offset_past_end(void)
{
    tensor_of("tensor", 1, ne4, 0, 128);
}

static void offset_wraps(void)
{
    tensor_of("tensor", 1, ne4, 0, UINT64_MAX - 31);
}

static void tensor_past_end(void)
{
    tensor_of("tensor", 1, (const uint64_t[]){33}, 0, 0);
}

static void tensors_overlap(void)
{
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "one", 1, (const uint64_t[]){9}, 0, 0);
    put_tensor(&b, "two", 1, ne4, 0, 32);
    put_data(&b, 32, 128);
}

static void tensors_same_place(void)
{
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "one", 1, ne4, 0, 32);
    put_tensor(&b, "two", 1, ne4, 0, 32);
    put_data(&b, 32, 128);
}

static void tensor_twice(void)
{
    put_header(&b, 3, 2, 0);
    put_tensor(&b, "same", 1, ne4, 0, 0);
    put_tensor(&b, "same", 1, ne4, 0, 32);
    put_data(&b, 32, 128);
}

static void only_the_magic(void)
{
    put_header(&b, 3, 0, 0);
    b.n = 4;
}

static void nothing(void)
{
    b.n = 0;
}

#define LIE(f, code, words) \
    {                       \
#f, f, code, words  \
    }

static const struct {
    const char *name;
    void (*make)(void);
    int code;
    const char *words; /* of the message */
} lies[] = {
    LIE(nothing, -EINVAL, "not a GGUF file"),
    LIE(only_the_magic, -EINVAL, "version"),
    LIE(magic, -EINVAL, "not a GGUF file"),
    LIE(version_0, -ENOTSUP, "version 0"),
    LIE(version_1, -ENOTSUP, "version 1"),
    LIE(version_4, -ENOTSUP, "version 4"),
    LIE(big_endian, -ENOTSUP, "big-endian"),
    LIE(huge_kv_count, -EINVAL, "9223372036854775808 metadata keys"),
    LIE(huge_tensor_count, -EINVAL, "9223372036854775808 tensors"),
    LIE(kv_count_past_end, -EINVAL, "3 metadata keys"),
    LIE(tensor_count_past_end, -EINVAL, "3 tensors"),
    LIE(key_length_past_end, -EINVAL, "metadata key"),
    LIE(key_length_huge, -EINVAL, "metadata key"),
    LIE(key_empty, -EINVAL, "empty"),
    LIE(key_with_nul, -EINVAL, "NUL"),
    LIE(key_with_escape, -EINVAL, "control character"),
    LIE(key_twice, -EINVAL, "key same is there twice"),
    LIE(string_past_end, -EINVAL, "metadata string"),
    LIE(string_huge, -EINVAL, "metadata string"),
    LIE(string_with_nul, -EINVAL, "NUL"),
    LIE(value_type_unknown, -EINVAL, "type 13"),
    LIE(value_type_huge, -EINVAL, "type 4294967295"),
    LIE(boolean_2, -EINVAL, "boolean of value 2"),
    LIE(array_nested, -EINVAL, "nested type 9"),
    LIE(array_type_unknown, -EINVAL, "type 99"),
    LIE(array_past_end, -EINVAL, "array of 5"),
    LIE(array_huge, -EINVAL, "array of 9223372036854775808"),
    LIE(array_size_wraps, -EINVAL, "array of 2305843009213693953"),
    LIE(array_of_strings_huge, -EINVAL, "array of 9223372036854775808"),
    LIE(array_of_strings_past_end, -EINVAL, "string in an array"),
    LIE(alignment_0, -EINVAL, "general.alignment is 0"),
    LIE(alignment_4, -EINVAL, "general.alignment is 4"),
    LIE(alignment_48, -EINVAL, "general.alignment is 48"),
    LIE(alignment_huge, -EINVAL, "general.alignment is 2147483648"),
    LIE(alignment_text, -EINVAL, "general.alignment is of type string"),
    LIE(tensor_name_empty, -EINVAL, "empty"),
    LIE(tensor_name_long, -EINVAL, "65 bytes"),
    LIE(tensor_name_newline, -EINVAL, "control character"),
    LIE(dims_0, -EINVAL, "tensor tensor: dimension count is 0"),
    LIE(dims_5, -EINVAL, "tensor tensor: dimension count is 5"),
    LIE(dims_huge, -EINVAL, "tensor tensor: dimension count is 4294967295"),
    LIE(dim_zero, -EINVAL, "tensor tensor: size of dimension 1 is 0"),
    LIE(dim_overflow, -EINVAL, "tensor tensor: dimension 2"),
    LIE(dim_negative, -EINVAL, "tensor tensor: dimension 0"),
    LIE(dim_bytes_overflow, -EINVAL, "tensor tensor: "),
    LIE(row_not_blocks, -EINVAL, "tensor tensor: row length 33"),
    LIE(type_unknown, -ENOTSUP, "tensor tensor: type id 99 "),
    LIE(type_withdrawn, -ENOTSUP, "tensor tensor: type id 31 (q4_0_4_4)"),
    LIE(offset_misaligned, -EINVAL, "tensor tensor: offset 16"),
    LIE(offset_past_end, -EINVAL, "tensor tensor: "),
    LIE(offset_wraps, -EINVAL, "tensor tensor: "),
    LIE(tensor_past_end, -EINVAL, "tensor tensor: its 132 bytes"),
    LIE(tensors_overlap, -EINVAL, "tensors one and two overlap"),
    LIE(tensors_same_place, -EINVAL, "overlap"),
    LIE(tensor_twice, -EINVAL, "two tensors are named same"),
};

enum { N_LIES = sizeof(lies) / sizeof(lies[0]) };

START_TEST(lie_is_refused)
{
    lies[_i].make();
    expect_refused(&b, lies[_i].code, lies[_i].words);
    if (_i == 0)
        printf("gguf: %d hand-made lies\n", N_LIES);
}
END_TEST

START_TEST(types_the_engine_cannot_run_are_listed)
{
    struct aglm_gguf *file = NULL;
    struct aglm_err err = {0};
    uint8_t *copy;
    put_header(&b, 3, 1, 0);
    put_tensor(&b, "tensor", 1, (const uint64_t[]){256}, 12, 0);
    put_data(&b, 32, 144);
    ck_assert_msg(open_build(&file, &b, &copy, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(aglm_gguf_tensor_at(file, 0)->type, 12);
    ck_assert_uint_eq(aglm_gguf_tensor_at(file, 0)->n_bytes, 144);
    aglm_gguf_close(&file);
    free(copy);
}
END_TEST

/* 64 KiB of keys that differ in their last bytes only: all found, and no quadratic time to speak
 * of. */
START_TEST(many_keys_are_found)
{
    enum { N = 2000 };
    struct aglm_gguf *file = NULL;
    struct aglm_err err = {0};
    uint8_t *copy;
    char key[32];
    put_header(&b, 3, 0, N);
    for (unsigned i = 0; i < N; i++) {
        snprintf(key, sizeof(key), "aaaaa%06u", (i * 7919) % N);
        put_kv_u32(&b, key, (i * 7919) % N);
    }
    ck_assert_msg(open_build(&file, &b, &copy, &err) == 0, "%s", err.msg);
    for (unsigned i = 0; i < N; i++) {
        uint64_t v = 0;
        snprintf(key, sizeof(key), "aaaaa%06u", i);
        ck_assert_int_eq(aglm_gguf_get_u64(file, key, &v, &err), 0);
        ck_assert_uint_eq(v, i);
    }
    aglm_gguf_close(&file);
    free(copy);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("gguf, hostile");
    TCase *tc = tcase_create("hostile");
    tcase_set_timeout(tc, 120);
    tcase_add_test(tc, every_truncation_is_refused);
    tcase_add_test(tc, every_changed_byte_is_survived);
    tcase_add_loop_test(tc, lie_is_refused, 0, N_LIES);
    tcase_add_test(tc, types_the_engine_cannot_run_are_listed);
    tcase_add_test(tc, many_keys_are_found);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Chat templates: the text of every family written out, what tells a family in a file, and that
 * control tokens come from the template and never from a message. The vocabulary is 256 bytes and
 * the control tokens.
 */
#include "engine/text/template.h"
#include "tests/unit/engine/chat_build.h"

#include <check.h>
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static struct aglm_err err;
static struct aglm_gguf *file;
static struct aglm_tokenizer *tokenizer;
static uint8_t *copy;
static struct build build;

static void teardown(void)
{
    aglm_tokenizer_close(&tokenizer);
    aglm_gguf_close(&file);
    free(copy);
    copy = NULL;
}

static void open_file(const char *jinja, const char *const *controls, size_t n, bool bos)
{
    build_chat(&build, jinja, controls, n, bos);
    ck_assert_msg(open_build(&file, &build, &copy, &err) == 0, "%s", err.msg);
    ck_assert_msg(aglm_tokenizer_open(&tokenizer, file, &err) == 0, "%s", err.msg);
}

/* ---- the text ---- */

static const struct aglm_chat_message talk[] = {{"system", " Be brief.\n"},
                                                {"user", "\xe3\x80\x80Hi \n"},
                                                {"assistant", "Hello!"},
                                                {"user", "\xe5\x86\x8d\xe8\xa7\x81"}};

static const struct {
    enum aglm_chat_family family;
    const char *name, *text;
} texts[] = {
    {AGLM_CHAT_GLM4, "glm4",
     "[gMASK]<sop><|system|>\n Be brief.\n<|user|>\n\xe3\x80\x80Hi \n<|assistant|>\nHello!"
     "<|user|>\n\xe5\x86\x8d\xe8\xa7\x81<|assistant|>"},
    {AGLM_CHAT_GLM_EDGE, "glm-edge",
     "<|system|>\n Be brief.\n<|user|>\n\xe3\x80\x80Hi \n<|assistant|>\nHello!"
     "<|user|>\n\xe5\x86\x8d\xe8\xa7\x81<|assistant|>"},
    {AGLM_CHAT_CHATGLM3, "chatglm3",
     "[gMASK]sop<|system|>\n  Be brief.\n<|user|>\n \xe3\x80\x80Hi \n<|assistant|>\n Hello!"
     "<|user|>\n \xe5\x86\x8d\xe8\xa7\x81<|assistant|>"},
    {AGLM_CHAT_LLAMA3, "llama3",
     "<|start_header_id|>system<|end_header_id|>\n\nBe brief.<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\nHi<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\nHello!<|eot_id|>"
     "<|start_header_id|>user<|end_header_id|>\n\n\xe5\x86\x8d\xe8\xa7\x81<|eot_id|>"
     "<|start_header_id|>assistant<|end_header_id|>\n\n"},
    {AGLM_CHAT_CHATML, "chatml",
     "<|im_start|>system\n Be brief.\n<|im_end|>\n<|im_start|>user\n\xe3\x80\x80Hi \n<|im_end|>\n"
     "<|im_start|>assistant\nHello!<|im_end|>\n<|im_start|>user\n\xe5\x86\x8d\xe8\xa7\x81<|im_end|>"
     "\n<|im_start|>assistant\n"},
    {AGLM_CHAT_GEMMA, "gemma",
     "<start_of_turn>user\n Be brief.\n\n\nHi<end_of_turn>\n<start_of_turn>model\nHello!"
     "<end_of_turn>\n<start_of_turn>user\n\xe5\x86\x8d\xe8\xa7\x81<end_of_turn>\n"
     "<start_of_turn>model\n"},
};

START_TEST(written_out)
{
    char *text = NULL;
    enum aglm_chat_family family;
    ck_assert_int_eq(aglm_chat_family_by_name(&family, texts[_i].name, &err), 0);
    ck_assert_int_eq(family, texts[_i].family);
    ck_assert_str_eq(aglm_chat_family_name(family), texts[_i].name);
    ck_assert_int_eq(aglm_chat_format(family, talk, 4, &text, &err), 0);
    ck_assert_str_eq(text, texts[_i].text);
    free(text);
}
END_TEST

START_TEST(roles)
{
    char *text = NULL;
    const struct aglm_chat_message seen[] = {{"user", "a"}, {"observation", "{}"}};
    const struct aglm_chat_message tool[] = {{"tool", "a"}};
    const struct aglm_chat_message twice[] = {{"user", "a"}, {"user", "b"}};
    const struct aglm_chat_message late[] = {{"user", "a"}, {"system", "b"}};
    bool has = _i == AGLM_CHAT_GLM4 || _i == AGLM_CHAT_CHATGLM3;
    enum aglm_chat_family family = (enum aglm_chat_family)_i;
    ck_assert_int_eq(aglm_chat_format(family, seen, 2, &text, &err), has ? 0 : -EINVAL);
    if (has) {
        ck_assert_ptr_nonnull(strstr(text, "<|observation|>\n"));
        free(text);
    }
    text = NULL;
    ck_assert_int_eq(aglm_chat_format(family, tool, 1, &text, &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "'tool'"));
    ck_assert_ptr_null(text);
    if (family == AGLM_CHAT_GEMMA) {
        ck_assert_int_eq(aglm_chat_format(family, twice, 2, &text, &err), -EINVAL);
        ck_assert_int_eq(aglm_chat_format(family, late, 2, &text, &err), -EINVAL);
        ck_assert_int_eq(aglm_chat_format(family, talk + 2, 1, &text, &err), -EINVAL);
    }
}
END_TEST

START_TEST(unknown_name)
{
    enum aglm_chat_family family = AGLM_CHAT_GEMMA;
    ck_assert_int_eq(aglm_chat_family_by_name(&family, "vicuna", &err), -EINVAL);
    ck_assert_ptr_nonnull(strstr(err.msg, "--template"));
    ck_assert_ptr_nonnull(strstr(err.msg, AGLM_CHAT_FAMILIES));
    ck_assert_int_eq(family, AGLM_CHAT_GEMMA);
}
END_TEST

/* ---- which family ---- */

static const struct {
    const char *jinja; /* the telling part of a real one */
    int rc;
    enum aglm_chat_family family;
} jinjas[] = {
    {"[gMASK]<sop>{% for item in messages %}<|{{ item['role'] }}|>\n{{ item['content'] }}", 0,
     AGLM_CHAT_GLM4},
    {"[gMASK]<sop>\n{%- for m in messages %}<|user|>\n{{ m.content }}<|assistant|>", 0,
     AGLM_CHAT_GLM4},
    {"{% if item['role'] == 'user' %}<|user|>\n{{ item['content'] }}{% endif %}<|assistant|>", 0,
     AGLM_CHAT_GLM_EDGE},
    {"[gMASK]sop<|{{ message['role'] }}|>\n {{ message['content'] }}<|assistant|>", 0,
     AGLM_CHAT_CHATGLM3},
    {"{{ '<|start_header_id|>' + message['role'] + '<|end_header_id|>\n\n' }}", 0,
     AGLM_CHAT_LLAMA3},
    {"{{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}", 0,
     AGLM_CHAT_CHATML},
    {"{{ bos_token }}{{ '<start_of_turn>' + role + '\n' }}", 0, AGLM_CHAT_GEMMA},
    {"{{ '<|im_start|>user<|im_sep|>' + message.content + '<|im_end|>' }}", -ENOTSUP, 0},
    {"{{ '<|user|>\n' + content + '<|end|>\n<|assistant|>\n' }}", -ENOTSUP, 0},
    {"{{ '<|user|>\n' + content + eos_token + '<|assistant|>' }}", -ENOTSUP, 0},
    {"[INST] {{ content }} [/INST]", -ENOTSUP, 0},
    {"", -ENOTSUP, 0},
};

START_TEST(detected)
{
    enum aglm_chat_family family = AGLM_CHAT_GLM4;
    open_file(jinjas[_i].jinja, NULL, 0, false);
    ck_assert_int_eq(aglm_chat_detect(&family, file, tokenizer, &err), jinjas[_i].rc);
    if (jinjas[_i].rc == 0) {
        ck_assert_int_eq(family, jinjas[_i].family);
    } else {
        ck_assert_ptr_nonnull(strstr(err.msg, "--template (" AGLM_CHAT_FAMILIES ")"));
    }
}
END_TEST

START_TEST(told_by_tokens)
{
    static const char *const pairs[][2] = {
        [AGLM_CHAT_GLM4] = {"[gMASK]", "<sop>"},
        [AGLM_CHAT_GLM_EDGE] = {"<|user|>", "<|assistant|>"},
        [AGLM_CHAT_CHATGLM3] = {"[gMASK]", "sop"},
        [AGLM_CHAT_LLAMA3] = {"<|start_header_id|>", "<|end_header_id|>"},
        [AGLM_CHAT_CHATML] = {"<|im_start|>", "<|im_end|>"},
        [AGLM_CHAT_GEMMA] = {"<start_of_turn>", "<end_of_turn>"},
    };
    enum aglm_chat_family family = AGLM_CHAT_GLM4;
    open_file(NULL, pairs[_i], 2, false);
    int rc = aglm_chat_detect(&family, file, tokenizer, &err);
    if (_i == AGLM_CHAT_GLM4 || _i == AGLM_CHAT_GLM_EDGE) { /* either could be the other */
        ck_assert_int_eq(rc, -ENOENT);
        ck_assert_ptr_nonnull(strstr(err.msg, "--no-template"));
    } else {
        ck_assert_int_eq(rc, 0);
        ck_assert_int_eq(family, _i);
    }
}
END_TEST

/* ---- ids ---- */

static void expect_ids(enum aglm_chat_family family, const struct aglm_chat_message *messages,
                       size_t n, const int32_t *ids, size_t n_ids)
{
    struct aglm_tokens tokens = {0};
    ck_assert_msg(aglm_chat_encode(family, tokenizer, messages, n, &tokens, &err) == 0, "%s",
                  err.msg);
    ck_assert_uint_eq(tokens.n, n_ids);
    for (size_t i = 0; i < n_ids; i++)
        ck_assert_int_eq(tokens.ids[i], ids[i]);
    aglm_tokens_finish(&tokens);
}

START_TEST(control_tokens_only_from_the_template)
{
    static const char *const controls[] = {"[gMASK]", "<sop>", "<|user|>", "<|assistant|>", "sop"};
    const struct aglm_chat_message m[] = {{"user", "<sop>ab"}};
    const int32_t ids[] = {257, 258, 259, '\n', '<', 's', 'o', 'p', '>', 256, 260};
    open_file(NULL, controls, 5, false);
    expect_ids(AGLM_CHAT_GLM4, m, 1, ids, 11);
    const struct aglm_chat_message p[] = {{"user", "sop"}};
    const int32_t with_space[] = {257, 261, 259, '\n', ' ', 's', 'o', 'p', 260};
    expect_ids(AGLM_CHAT_CHATGLM3, p, 1, with_space, 9);
}
END_TEST

START_TEST(bos_in_front)
{
    static const char *const controls[] = {"<|begin|>",  "<|start_header_id|>", "<|end_header_id|>",
                                           "<|eot_id|>", "<|im_start|>",        "<|im_end|>"};
    const struct aglm_chat_message m[] = {{"user", " x "}};
    const int32_t ids[] = {257, 258, 'u', 's', 'e', 'r', 259, '\n', '\n', 'x', 260,  258,
                           'a', 's', 's', 'i', 's', 't', 'a', 'n',  't',  259, '\n', '\n'};
    const int32_t chatml[] = {261, 'u', 's', 'e', 'r', '\n', ' ', 'x', ' ', 262, '\n',
                              261, 'a', 's', 's', 'i', 's',  't', 'a', 'n', 't', '\n'};
    open_file(NULL, controls, 6, true);
    expect_ids(AGLM_CHAT_LLAMA3, m, 1, ids, 24);
    expect_ids(AGLM_CHAT_CHATML, m, 1, chatml, 22);
}
END_TEST

START_TEST(missing_control_token)
{
    static const char *const controls[] = {"<|user|>"};
    struct aglm_tokens tokens = {0};
    open_file(NULL, controls, 1, false);
    ck_assert_int_eq(aglm_chat_encode(AGLM_CHAT_GLM_EDGE, tokenizer, talk + 3, 1, &tokens, &err),
                     -ENOTSUP);
    ck_assert_ptr_nonnull(strstr(err.msg, "<|assistant|>"));
    ck_assert_uint_eq(tokens.n, 0);
    aglm_tokens_finish(&tokens);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("template");
    TCase *tests = tcase_create("template");
    tcase_add_checked_fixture(tests, NULL, teardown);
    tcase_add_loop_test(tests, written_out, 0, 6);
    tcase_add_loop_test(tests, roles, 0, 6);
    tcase_add_test(tests, unknown_name);
    tcase_add_loop_test(tests, detected, 0, 12);
    tcase_add_loop_test(tests, told_by_tokens, 0, 6);
    tcase_add_test(tests, control_tokens_only_from_the_template);
    tcase_add_test(tests, bos_in_front);
    tcase_add_test(tests, missing_control_token);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed != 0;
}

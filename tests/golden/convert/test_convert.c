/* Converting: each small Hugging Face folder becomes a GGUF file whose logits and token ids are
 * those of the published definitions.
 *
 * In: cases.txt, ids.txt and hf/ of this folder (see README.md); the files are made in a temporary
 * folder. Prints the NMSE of every case and type.
 */
#include "engine/convert/convert.h"
#include "engine/gguf.h"
#include "engine/session.h"

#include <check.h>
#include <cjson/cJSON.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CASES = 16, MAX_TOKENS = 32 };

static struct test_case {
    char name[32];
    bool has_tokenizer;
    int32_t tokens[MAX_TOKENS];
    size_t n_tokens;
} cases[MAX_CASES];
static size_t n_cases;
static char place[] = "/tmp/aglm-convert-XXXXXX";

static void read_cases(void)
{
    char line[512];
    FILE *f = fopen(AGLM_CONVERT_DIR "/cases.txt", "r");
    if (!f)
        return;
    while (n_cases < MAX_CASES && fgets(line, sizeof(line), f)) {
        struct test_case *c = &cases[n_cases];
        char *rest = NULL, *word = strtok_r(line, " \n", &rest);
        snprintf(c->name, sizeof(c->name), "%s", word ? word : "");
        word = strtok_r(NULL, " \n", &rest);
        c->has_tokenizer = word && strcmp(word, "vocab") == 0;
        while (c->n_tokens < MAX_TOKENS && (word = strtok_r(NULL, " \n", &rest)))
            c->tokens[c->n_tokens++] = (int32_t)strtol(word, NULL, 10);
        n_cases += c->n_tokens > 0;
    }
    fclose(f);
}

static void convert_case(const struct test_case *c, const char *type, char path[256],
                         struct aglm_convert_notes *notes)
{
    char folder[512];
    struct aglm_err err = {0};
    const struct aglm_convert_options options = {.type = type, .no_tokenizer = !c->has_tokenizer};
    snprintf(folder, sizeof(folder), AGLM_CONVERT_DIR "/hf/%s", c->name);
    snprintf(path, 256, "%s/%s-%s.gguf", place, c->name, type ? type : "default");
    int rc = aglm_convert(folder, path, &options, notes, &err);
    ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
}

static float *read_reference(const struct test_case *c, size_t *n)
{
    char path[512];
    snprintf(path, sizeof(path), AGLM_CONVERT_DIR "/hf/%s.f32", c->name);
    FILE *f = fopen(path, "rb");
    ck_assert_msg(f != NULL, "%s is missing", path);
    ck_assert_int_eq(fseek(f, 0, SEEK_END), 0);
    *n = (size_t)ftell(f) / sizeof(float);
    rewind(f);
    float *rows = malloc(*n * sizeof(float));
    ck_assert_ptr_nonnull(rows);
    ck_assert_uint_eq(fread(rows, sizeof(float), *n, f), *n);
    fclose(f);
    return rows;
}

static double nmse_of(const struct test_case *c, const char *path)
{
    struct aglm_model_options model_options = {
        .path = path, .backend = "cpu", .isa = "auto", .n_load_threads = 1};
    struct aglm_session_options session_options = {
        .n_ctx = MAX_TOKENS, .n_batch = 64, .n_ubatch = 64, .n_threads = 1};
    struct aglm_model *model = NULL;
    struct aglm_session *session = NULL;
    struct aglm_err err = {0};
    size_t n = 0;
    float *expected = read_reference(c, &n);
    int rc = aglm_model_open(&model, &model_options, &err);
    ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
    ck_assert_uint_eq(aglm_model_info(model)->n_vocab * c->n_tokens, n);
    float *rows = malloc(n * sizeof(float));
    ck_assert_ptr_nonnull(rows);
    rc = aglm_session_open(&session, model, &session_options, &err);
    ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
    rc = aglm_session_eval(session, c->tokens, c->n_tokens, rows, &err);
    ck_assert_msg(rc == 0, "%s: %s", c->name, err.msg);
    double above = 0, below = 0;
    for (size_t i = 0; i < n; i++) {
        double d = (double)rows[i] - (double)expected[i];
        above += d * d;
        below += (double)expected[i] * (double)expected[i];
    }
    aglm_session_close(&session);
    aglm_model_close(&model);
    free(rows);
    free(expected);
    return above / below;
}

START_TEST(logits_are_those_of_the_definition)
{
    static const struct {
        const char *type;
        double limit;
    } TYPES[] = {{"f32", 1e-6}, {NULL, 1e-3}, {"q8_0", 5e-3}};
    const struct test_case *c = &cases[_i];
    for (size_t t = 0; t < sizeof(TYPES) / sizeof(*TYPES); t++) {
        char path[256];
        struct aglm_convert_notes notes;
        convert_case(c, TYPES[t].type, path, &notes);
        double nmse = nmse_of(c, path);
        printf("%-12s %-8s %-5s NMSE %.2e  allowed %.0e\n", c->name, notes.arch, notes.type, nmse,
               TYPES[t].limit);
        fflush(stdout);
        ck_assert_msg(nmse <= TYPES[t].limit, "%s, %s: NMSE %.3g, allowed %.3g", c->name,
                      notes.type, nmse, TYPES[t].limit);
        unlink(path);
    }
}
END_TEST

START_TEST(what_is_left_out_is_told)
{
    const struct test_case *c = &cases[_i];
    const bool glm4v = strcmp(c->name, "glm4v") == 0;
    const bool other = strcmp(c->name, "chatglm") == 0 || strcmp(c->name, "qwen3") == 0;
    struct aglm_convert_notes notes;
    char path[256];
    convert_case(c, NULL, path, &notes);
    ck_assert_uint_eq(notes.n_vision, glm4v ? 2 : 0);
    ck_assert_uint_eq(notes.n_other, other ? 1 : 0);
    ck_assert_str_eq(notes.type, strcmp(c->name, "llama3") == 0 ||
                                         strcmp(c->name, "chatglm") == 0 ||
                                         strcmp(c->name, "llama-bias") == 0
                                     ? "f16"
                                     : "bf16");
    unlink(path);
}
END_TEST

/* ---- tokenizers ---- */

static uint64_t id_key(const struct aglm_gguf *file, const char *key)
{
    uint64_t id = UINT64_MAX;
    (void)aglm_gguf_get_u64(file, key, &id, NULL);
    return id;
}

static void check_token(const struct aglm_tokenizer *tokenizer, int32_t id, const char *text)
{
    size_t size = 0;
    const char *piece = aglm_tokenizer_piece(tokenizer, id, &size);
    ck_assert_msg(size == strlen(text) && memcmp(piece, text, size) == 0, "token %d is '%.*s'", id,
                  (int)size, piece);
}

START_TEST(marks_are_found)
{
    static const struct {
        const char *name, *pre, *bos, *eos, *eot;
        bool add_bos;
    } EXPECTED[] = {
        {"llama-tied", "smollm", "<|im_start|>", "<|im_end|>", "<|im_end|>", false},
        {"llama3", "llama-bpe", "<|begin_of_text|>", "<|eot_id|>", "<|eot_id|>", true},
        {"qwen2", "qwen2", "<|endoftext|>", "<|im_end|>", "<|im_end|>", false},
        {"glm-edge", "chatglm-bpe", NULL, "<|endoftext|>", "<|user|>", false},
        {"gemma3", "default", "<bos>", "<eos>", "<end_of_turn>", true},
    };
    const struct test_case *c = &cases[_i];
    for (size_t k = 0; k < sizeof(EXPECTED) / sizeof(*EXPECTED); k++) {
        struct aglm_convert_notes notes;
        struct aglm_gguf *file = NULL;
        struct aglm_tokenizer *tokenizer = NULL;
        struct aglm_err err = {0};
        const char *pre = "";
        bool add_bos = false;
        char path[256];
        if (strcmp(c->name, EXPECTED[k].name) != 0)
            continue;
        convert_case(c, "f16", path, &notes);
        ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
        ck_assert_msg(aglm_tokenizer_open(&tokenizer, file, &err) == 0, "%s", err.msg);
        ck_assert_int_eq(aglm_gguf_get_string(file, "tokenizer.ggml.pre", &pre, &err), 0);
        (void)aglm_gguf_get_bool(file, "tokenizer.ggml.add_bos_token", &add_bos, &err);
        ck_assert_str_eq(pre, EXPECTED[k].pre);
        ck_assert_int_eq(add_bos, EXPECTED[k].add_bos);
        if (EXPECTED[k].bos)
            check_token(tokenizer, (int32_t)id_key(file, "tokenizer.ggml.bos_token_id"),
                        EXPECTED[k].bos);
        check_token(tokenizer, (int32_t)id_key(file, "tokenizer.ggml.eos_token_id"),
                    EXPECTED[k].eos);
        check_token(tokenizer, (int32_t)id_key(file, "tokenizer.ggml.eot_token_id"),
                    EXPECTED[k].eot);
        aglm_tokenizer_close(&tokenizer);
        aglm_gguf_close(&file);
        unlink(path);
    }
}
END_TEST

/* One line of ids.txt that belongs to the case: text as JSON, then ids. */
static void check_ids(const struct aglm_tokenizer *tokenizer, const char *name, const char *json,
                      char *ids)
{
    struct aglm_tokens tokens = {0};
    struct aglm_err err = {0};
    cJSON *text = cJSON_Parse(json);
    ck_assert_msg(cJSON_IsString(text), "%s: %s", name, json);
    int rc = aglm_tokenizer_encode(tokenizer, text->valuestring, strlen(text->valuestring),
                                   AGLM_TOKENIZE_SPECIAL, &tokens, &err);
    ck_assert_msg(rc == 0, "%s: %s: %s", name, json, err.msg);
    char *rest = NULL, *word = strtok_r(ids, " \n", &rest);
    for (size_t i = 0; i < tokens.n; i++, word = strtok_r(NULL, " \n", &rest))
        ck_assert_msg(word && strtol(word, NULL, 10) == tokens.ids[i],
                      "%s: %s: token %zu is %d, expected %s", name, json, i, tokens.ids[i],
                      word ? word : "no more");
    ck_assert_msg(!word, "%s: %s: %zu tokens, more were expected", name, json, tokens.n);
    aglm_tokens_finish(&tokens);
    cJSON_Delete(text);
}

START_TEST(token_ids_are_those_of_the_folder)
{
    const struct test_case *c = &cases[_i];
    struct aglm_convert_notes notes;
    struct aglm_gguf *file = NULL;
    struct aglm_tokenizer *tokenizer = NULL;
    struct aglm_err err = {0};
    char path[256], line[2048];
    size_t n = 0;
    if (!c->has_tokenizer)
        return;
    convert_case(c, "f16", path, &notes);
    ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
    ck_assert_msg(aglm_tokenizer_open(&tokenizer, file, &err) == 0, "%s", err.msg);
    FILE *f = fopen(AGLM_CONVERT_DIR "/ids.txt", "r");
    ck_assert_ptr_nonnull(f);
    while (fgets(line, sizeof(line), f)) {
        char *json = strchr(line, '\t'), *ids = json ? strchr(json + 1, '\t') : NULL;
        ck_assert_ptr_nonnull(ids);
        *json++ = '\0';
        *ids++ = '\0';
        if (strcmp(line, c->name) == 0) {
            check_ids(tokenizer, c->name, json, ids);
            n++;
        }
    }
    ck_assert_uint_gt(n, 4);
    fclose(f);
    aglm_tokenizer_close(&tokenizer);
    aglm_gguf_close(&file);
    unlink(path);
}
END_TEST

START_TEST(another_file_is_not_replaced)
{
    struct aglm_err err = {0};
    const struct aglm_convert_options options = {.no_tokenizer = true};
    char path[256];
    snprintf(path, sizeof(path), "%s/letter.txt", place);
    FILE *f = fopen(path, "w");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_ge(fputs("Dear", f), 0);
    ck_assert_int_eq(fclose(f), 0);
    ck_assert_int_lt(aglm_convert(AGLM_CONVERT_DIR "/hf/glm4", path, &options, NULL, &err), 0);
    ck_assert_msg(strstr(err.msg, "letter.txt: ") != NULL, "%s", err.msg);
    ck_assert_int_eq(access(path, F_OK), 0);
    unlink(path);
}
END_TEST

int main(void)
{
    read_cases();
    if (!mkdtemp(place) || n_cases < 11) {
        fprintf(stderr, "cases.txt or the temporary folder is not as it should be\n");
        return EXIT_FAILURE;
    }
    Suite *suite = suite_create("convert");
    TCase *tests = tcase_create("convert");
    tcase_set_timeout(tests, 120);
    tcase_add_loop_test(tests, logits_are_those_of_the_definition, 0, (int)n_cases);
    tcase_add_loop_test(tests, what_is_left_out_is_told, 0, (int)n_cases);
    tcase_add_loop_test(tests, marks_are_found, 0, (int)n_cases);
    tcase_add_loop_test(tests, token_ids_are_those_of_the_folder, 0, (int)n_cases);
    tcase_add_test(tests, another_file_is_not_replaced);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    rmdir(place);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

/* Golden references: our logits against llama.cpp's on the same files and tokens, and against
 * themselves.
 *
 * Inputs: cases.txt and models/ of this folder (see README.md), through engine/session.h alone.
 * Every test runs for every instruction set that the machine has; "c" must always be there. Prints
 * a table of the NMSE by case and instruction set.
 */
#include "engine/session.h"
#include "tests/golden/cases.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct golden_case cases[GOLDEN_MAX_CASES];
static size_t n_cases;
static const char *const isas[] = {"c", "avx2", "avxvnni", "avx512"};
enum { N_ISAS = sizeof isas / sizeof isas[0] };

/* NULL if the machine lacks the instruction set; any other failure, and a missing "c", fails the
 * test. */
static struct aglm_model *open_loaded(const struct golden_case *c, const char *isa,
                                      const char *quantize, enum aglm_load load)
{
    struct aglm_model_options options = {.path = c->model,
                                         .backend = "cpu",
                                         .isa = isa,
                                         .quantize = quantize,
                                         .load = load,
                                         .n_load_threads = 2};
    struct aglm_model *model = NULL;
    struct aglm_err err = {0};
    int r = aglm_model_open(&model, &options, &err);
    if (r == -ENOTSUP && strcmp(isa, "c") != 0) {
        return NULL;
    }
    ck_assert_msg(r == 0, "%s, isa %s: %s", c->name, isa, err.msg);
    ck_assert_str_eq(aglm_model_info(model)->isa, isa);
    return model;
}

static struct aglm_model *open_model(const struct golden_case *c, const char *isa,
                                     const char *quantize)
{
    return open_loaded(c, isa, quantize, AGLM_LOAD_PACK);
}

static struct aglm_session *open_session(struct aglm_model *model, uint32_t n_ctx, uint32_t n_batch,
                                         uint32_t n_ubatch, unsigned n_threads)
{
    struct aglm_session_options options = {
        .n_ctx = n_ctx, .n_batch = n_batch, .n_ubatch = n_ubatch, .n_threads = n_threads};
    struct aglm_session *session = NULL;
    struct aglm_err err = {0};
    int r = aglm_session_open(&session, model, &options, &err);
    ck_assert_msg(r == 0, "%s", err.msg);
    return session;
}

static void eval(struct aglm_session *session, const int32_t *tokens, size_t n, float *rows)
{
    struct aglm_err err = {0};
    int r = aglm_session_eval(session, tokens, n, rows, &err);
    ck_assert_msg(r == 0, "%s", err.msg);
}

/* All tokens at once in a fresh session: [n_tokens, n_vocab], freed by the caller. */
static float *eval_fresh(const struct golden_case *c, struct aglm_model *model, uint32_t n_batch,
                         uint32_t n_ubatch, unsigned n_threads)
{
    float *rows = calloc(c->n_tokens * c->n_vocab, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    struct aglm_session *session =
        open_session(model, (uint32_t)c->n_tokens, n_batch, n_ubatch, n_threads);
    eval(session, c->tokens, c->n_tokens, rows);
    ck_assert_uint_eq(aglm_session_length(session), c->n_tokens);
    aglm_session_close(&session);
    return rows;
}

static void assert_same_bits(const struct golden_case *c, const char *isa, const char *what,
                             size_t first, size_t n, const float *a, const float *b)
{
    for (size_t i = 0; i < n; i++) {
        ck_assert_msg(memcmp(a + i * c->n_vocab, b + i * c->n_vocab, c->n_vocab * sizeof *a) == 0,
                      "%s, isa %s: %s: other bits at position %zu", c->name, isa, what, first + i);
    }
}

static void assert_near(const struct golden_case *c, const char *isa, const char *what,
                        const float *rows, const float *expected, double limit)
{
    double nmse = golden_nmse(rows, expected, c->n_tokens * c->n_vocab);
    ck_assert_msg(nmse <= limit, "%s, isa %s: %s: NMSE %.3g, allowed %.3g", c->name, isa, what,
                  nmse, limit);
}

/* Where the reference's first place is clear (8 times the error that the limit allows), ours is the
 * same. */
static size_t assert_same_top(const struct golden_case *c, const char *isa, const float *rows)
{
    size_t n_clear = 0;
    for (size_t i = 0; i < c->n_tokens; i++) {
        double margin, ours;
        size_t expected = golden_top(c->reference + i * c->n_vocab, c->n_vocab, &margin);
        size_t top = golden_top(rows + i * c->n_vocab, c->n_vocab, &ours);
        if (margin > 8.0 * sqrt(c->limit)) {
            n_clear++;
            ck_assert_msg(top == expected, "%s, isa %s: position %zu: top token %zu instead of %zu",
                          c->name, isa, i, top, expected);
        }
    }
    return n_clear;
}

START_TEST(logits_agree_with_llama_cpp)
{
    const struct golden_case *c = &cases[_i];
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(c, isas[k], NULL);
        if (!model) {
            printf("%-18s %-8s %-10s %-7s not on this machine\n", c->name, c->arch, c->type,
                   isas[k]);
            continue;
        }
        ck_assert_str_eq(aglm_model_info(model)->arch, c->arch);
        ck_assert_uint_eq(aglm_model_info(model)->n_vocab, c->n_vocab);
        float *rows = eval_fresh(c, model, 512, 512, 1);
        printf("%-18s %-8s %-10s %-7s NMSE %.2e  allowed %.0e\n", c->name, c->arch, c->type,
               isas[k], golden_nmse(rows, c->reference, c->n_tokens * c->n_vocab), c->limit);
        fflush(stdout);
        assert_near(c, isas[k], "eval", rows, c->reference, c->limit);
        size_t n_clear = assert_same_top(c, isas[k], rows);
        ck_assert_msg(n_clear > 0, "%s: no position has a clear first place", c->name);
        free(rows);
        aglm_model_close(&model);
    }
}
END_TEST

START_TEST(decode_equals_eval)
{
    const struct golden_case *c = &cases[_i];
    float *rows = calloc(c->n_tokens * c->n_vocab, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(c, isas[k], NULL);
        if (!model) {
            continue;
        }
        struct aglm_session *session = open_session(model, (uint32_t)c->n_tokens, 512, 512, 2);
        for (size_t i = 0; i < c->n_tokens; i++) {
            struct aglm_err err = {0};
            int r = aglm_session_decode(session, c->tokens[i], &err);
            ck_assert_msg(r == 0, "%s", err.msg);
            memcpy(rows + i * c->n_vocab, aglm_session_logits(session), c->n_vocab * sizeof *rows);
        }
        aglm_session_close(&session);
        float *batched = eval_fresh(c, model, 512, 512, 2);
        assert_near(c, isas[k], "decode against the reference", rows, c->reference, c->limit);
        assert_near(c, isas[k], "decode against eval", rows, batched, c->limit);
        free(batched);
        aglm_model_close(&model);
    }
    free(rows);
}
END_TEST

START_TEST(batches_and_threads_give_the_same_bits)
{
    static const uint32_t ubatches[] = {1, 3, 7, 512};
    const struct golden_case *c = &cases[_i];
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(c, isas[k], NULL);
        if (!model) {
            continue;
        }
        float *expected = eval_fresh(c, model, 512, 512, 1);
        for (size_t u = 0; u < sizeof ubatches / sizeof ubatches[0]; u++) {
            for (unsigned threads = 1; threads <= 3; threads++) {
                char what[64];
                snprintf(what, sizeof what, "ubatch %u, %u threads", ubatches[u], threads);
                float *rows = eval_fresh(c, model, 512, ubatches[u], threads);
                assert_same_bits(c, isas[k], what, 0, c->n_tokens, rows, expected);
                free(rows);
            }
        }
        float *rows = eval_fresh(c, model, 5, 3, 2);
        assert_same_bits(c, isas[k], "batch 5, ubatch 3", 0, c->n_tokens, rows, expected);
        free(rows);
        free(expected);
        aglm_model_close(&model);
    }
}
END_TEST

/* Weights in the file, and weights packed between two calls on an open session. */
START_TEST(loading_gives_the_same_bits)
{
    const struct golden_case *c = &cases[_i];
    const size_t half = c->n_tokens / 2;
    float *rows = calloc(c->n_tokens * c->n_vocab, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *packed = open_model(c, isas[k], NULL);
        if (!packed) {
            continue;
        }
        const struct aglm_model_options later = {.path = c->model, .n_load_threads = 3};
        struct aglm_model *model = open_loaded(c, isas[k], NULL, AGLM_LOAD_MMAP);
        float *expected = eval_fresh(c, packed, 512, 512, 2);
        ck_assert_uint_gt(aglm_model_info(packed)->packed_bytes, 0);
        ck_assert_uint_eq(aglm_model_info(model)->packed_bytes, 0);
        for (uint32_t u = 1; u <= 512; u += 511) {
            float *mapped = eval_fresh(c, model, 512, u, 2);
            assert_same_bits(c, isas[k], "mmap", 0, c->n_tokens, mapped, expected);
            free(mapped);
        }
        struct aglm_session *session = open_session(model, (uint32_t)c->n_tokens, 512, 512, 2);
        eval(session, c->tokens, half, rows);
        ck_assert_int_eq(aglm_model_pack(model, &later, NULL), 0);
        ck_assert_uint_eq(aglm_model_info(model)->packed_bytes,
                          aglm_model_info(packed)->packed_bytes);
        ck_assert_int_eq(aglm_model_pack(model, &later, NULL), 0);
        eval(session, c->tokens + half, c->n_tokens - half, rows + half * c->n_vocab);
        assert_same_bits(c, isas[k], "packed in between", 0, c->n_tokens, rows, expected);
        aglm_session_close(&session);
        free(expected);
        aglm_model_close(&model);
        aglm_model_close(&packed);
    }
    free(rows);
}
END_TEST

START_TEST(runs_repeat_bit_for_bit)
{
    const struct golden_case *c = &cases[_i];
    size_t last = (c->n_tokens - 1) * c->n_vocab;
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(c, isas[k], NULL);
        if (!model) {
            continue;
        }
        float *first = eval_fresh(c, model, 512, 512, 2);
        float *second = eval_fresh(c, model, 512, 512, 2);
        assert_same_bits(c, isas[k], "second session", 0, c->n_tokens, second, first);
        free(second);
        aglm_model_close(&model);

        model = open_model(c, isas[k], NULL);
        ck_assert_ptr_nonnull(model);
        second = eval_fresh(c, model, 512, 512, 2);
        assert_same_bits(c, isas[k], "opened again", 0, c->n_tokens, second, first);
        free(second);

        struct aglm_session *session = open_session(model, (uint32_t)c->n_tokens, 512, 512, 2);
        ck_assert_int_eq(aglm_session_prefill(session, c->tokens, c->n_tokens, NULL), 0);
        assert_same_bits(c, isas[k], "prefill", c->n_tokens - 1, 1, aglm_session_logits(session),
                         first + last);
        aglm_session_close(&session);
        free(first);
        aglm_model_close(&model);
    }
}
END_TEST

START_TEST(truncate_then_go_on_equals_fresh)
{
    const struct golden_case *c = &cases[_i];
    const size_t keeps[] = {0, 1, c->n_tokens / 2, c->n_tokens - 1};
    float *rows = calloc(c->n_tokens * c->n_vocab, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(c, isas[k], NULL);
        if (!model) {
            continue;
        }
        float *expected = eval_fresh(c, model, 512, 512, 1);
        struct aglm_session *session = open_session(model, (uint32_t)c->n_tokens, 512, 4, 2);
        eval(session, c->tokens, c->n_tokens, rows);
        for (size_t j = 0; j < sizeof keeps / sizeof keeps[0]; j++) {
            size_t keep = keeps[j], rest = c->n_tokens - keep;
            /* Other tokens first, so that what was forgotten would show. */
            aglm_session_truncate(session, keep);
            ck_assert_uint_eq(aglm_session_length(session), keep);
            for (size_t i = 0; i < rest; i++) {
                int32_t other = (c->tokens[keep + i] + 1) % (int32_t)c->n_vocab;
                ck_assert_int_eq(aglm_session_decode(session, other, NULL), 0);
            }
            aglm_session_truncate(session, keep);
            eval(session, c->tokens + keep, rest, rows);
            assert_same_bits(c, isas[k], "after truncate", keep, rest, rows,
                             expected + keep * c->n_vocab);
        }
        aglm_session_close(&session);
        free(expected);
        aglm_model_close(&model);
    }
    free(rows);
}
END_TEST

START_TEST(refused_calls_leave_the_context)
{
    const struct golden_case *c = &cases[_i];
    size_t half = c->n_tokens / 2, rest = c->n_tokens - half;
    struct aglm_model *model = open_model(c, "c", NULL);
    float *expected = eval_fresh(c, model, 512, 512, 1);
    float *rows = calloc(c->n_tokens * c->n_vocab, sizeof *rows);
    ck_assert_ptr_nonnull(rows);
    struct aglm_session *session = open_session(model, (uint32_t)c->n_tokens, 512, 2, 1);
    eval(session, c->tokens, half, rows);

    int32_t bad[3] = {c->tokens[0], c->tokens[1], (int32_t)c->n_vocab};
    ck_assert_int_eq(aglm_session_prefill(session, bad, 3, NULL), -EINVAL);
    ck_assert_int_eq(aglm_session_decode(session, -1, NULL), -EINVAL);
    ck_assert_int_eq(aglm_session_prefill(session, c->tokens, rest + 1, NULL), -ENOSPC);
    ck_assert_uint_eq(aglm_session_length(session), half);

    eval(session, c->tokens + half, rest, rows);
    assert_same_bits(c, "c", "after refused calls", half, rest, rows, expected + half * c->n_vocab);
    ck_assert_int_eq(aglm_session_decode(session, c->tokens[0], NULL), -ENOSPC);
    aglm_session_close(&session);
    free(rows);
    free(expected);
    aglm_model_close(&model);
}
END_TEST

/* An F32 file with its matrices re-quantized on load, against llama.cpp's logits of the F32 file.
 * For the same weights in files that the gguf package quantized, llama.cpp itself has NMSE
 * 0.0006–0.001 (Q8_0) and 0.08–0.12 (Q4_0): these sharp little models amplify what 4 bits lose. */
static const struct {
    const char *name, *quantize, *shown;
    double limit;
} requantized[] = {
    {"edge-f32", "q8_0", "Q8_0", 5e-3},
    {"llama-linear-f32", "q8_0", "Q8_0", 5e-3},
    {"edge-f32", "q4_0", "Q4_0", 0.2},
    {"llama-linear-f32", "q4_0", "Q4_0", 0.2},
};

START_TEST(quantizing_on_load_stays_near)
{
    const struct golden_case *c = golden_find(cases, n_cases, requantized[_i].name);
    ck_assert_ptr_nonnull(c);
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(c, isas[k], requantized[_i].quantize);
        if (!model) {
            continue;
        }
        ck_assert_str_eq(aglm_model_info(model)->quantization, requantized[_i].shown);
        float *rows = eval_fresh(c, model, 512, 512, 2);
        double nmse = golden_nmse(rows, c->reference, c->n_tokens * c->n_vocab);
        printf("%-18s %-8s f32→%-6s %-7s NMSE %.2e  allowed %.0e\n", c->name, c->arch,
               requantized[_i].quantize, isas[k], nmse, requantized[_i].limit);
        fflush(stdout);
        assert_near(c, isas[k], "quantized on load", rows, c->reference, requantized[_i].limit);
        ck_assert_msg(nmse > 1e-5, "%s: nothing was quantized (NMSE %.3g)", c->name, nmse);
        free(rows);
        aglm_model_close(&model);
    }
}
END_TEST

static Suite *golden_suite(void)
{
    Suite *suite = suite_create("golden");
    TCase *tc = tcase_create("golden");
    int n = (int)n_cases;
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, logits_agree_with_llama_cpp, 0, n);
    tcase_add_loop_test(tc, decode_equals_eval, 0, n);
    tcase_add_loop_test(tc, batches_and_threads_give_the_same_bits, 0, n);
    tcase_add_loop_test(tc, loading_gives_the_same_bits, 0, n);
    tcase_add_loop_test(tc, runs_repeat_bit_for_bit, 0, n);
    tcase_add_loop_test(tc, truncate_then_go_on_equals_fresh, 0, n);
    tcase_add_loop_test(tc, refused_calls_leave_the_context, 0, n);
    tcase_add_loop_test(tc, quantizing_on_load_stays_near, 0,
                        sizeof requantized / sizeof requantized[0]);
    suite_add_tcase(suite, tc);
    return suite;
}

int main(void)
{
    if (!golden_load(AGLM_GOLDEN_DIR, cases, &n_cases)) {
        golden_free(cases, n_cases);
        return EXIT_FAILURE;
    }
    SRunner *runner = srunner_create(golden_suite());
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    golden_free(cases, n_cases);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

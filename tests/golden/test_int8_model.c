/* INT8 as a whole: integer products agree with the same rounding played in floats, stay near the
 * model's own logits, and clip as their calibration says.
 */
#include "engine/int8.h"
#include "engine/session.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const char *const MODELS[] = {AGLM_GOLDEN_DIR "/models/edge-f32.gguf",
                                     AGLM_GOLDEN_DIR "/models/qwen2-f32.gguf",
                                     AGLM_GOLDEN_DIR "/models/glm4-f32.gguf"};

static const int32_t TOKENS[] = {1, 5, 9, 2, 7, 7, 30, 11, 4, 0, 21, 3};
enum { N = sizeof(TOKENS) / sizeof(*TOKENS), N_MODELS = sizeof(MODELS) / sizeof(*MODELS) };

static struct aglm_err err;

struct run {
    float *rows; /* [N, vocab] */
    size_t vocab, sites;
    char quantization[16];
};

static struct aglm_model *open_model(const char *path, const char *isa, const char *quantize,
                                     const struct aglm_int8_options *int8)
{
    struct aglm_model *model = NULL;
    const struct aglm_model_options options = {.path = path,
                                               .backend = "cpu",
                                               .isa = isa,
                                               .quantize = quantize,
                                               .int8 = int8,
                                               .n_load_threads = 2};
    ck_assert_msg(!aglm_model_open(&model, &options, &err), "%s", err.msg);
    return model;
}

static struct run run_model(const char *path, const char *isa, const char *quantize,
                            const struct aglm_int8_options *int8, unsigned threads)
{
    struct run r = {0};
    struct aglm_model *model = open_model(path, isa, quantize, int8);
    struct aglm_session *s = NULL;
    const struct aglm_session_options so = {
        .n_ctx = N, .n_batch = N, .n_ubatch = 5, .n_threads = threads};
    r.vocab = aglm_model_info(model)->n_vocab;
    r.sites = 4 * (size_t)aglm_model_info(model)->n_layers + 1;
    strcpy(r.quantization, aglm_model_info(model)->quantization);
    r.rows = malloc(N * r.vocab * sizeof(*r.rows));
    ck_assert_msg(!aglm_session_open(&s, model, &so, &err), "%s", err.msg);
    ck_assert_msg(!aglm_session_eval(s, TOKENS, N, r.rows, &err), "%s", err.msg);
    aglm_session_close(&s);
    aglm_model_close(&model);
    return r;
}

static double nmse(const struct run *a, const struct run *b)
{
    double error = 0, power = 0;
    for (size_t i = 0; i < N * a->vocab; i++) {
        double d = (double)a->rows[i] - (double)b->rows[i];
        error += d * d;
        power += (double)b->rows[i] * (double)b->rows[i];
    }
    return error / power;
}

static void observe(void *ctx, size_t site, const float *x, size_t n)
{
    aglm_int8_stats_add(ctx, site, x, n);
}

static struct aglm_int8_stats *calibrate(const char *path, size_t sites)
{
    struct aglm_int8_stats *stats = NULL;
    struct aglm_model *model = open_model(path, "auto", NULL, NULL);
    struct aglm_session *s = NULL;
    const struct aglm_session_options so = {
        .n_ctx = N, .n_batch = N, .n_ubatch = N, .n_threads = 2};
    ck_assert(!aglm_int8_stats_create(&stats, sites, &err));
    ck_assert(!aglm_session_open(&s, model, &so, &err));
    ck_assert(!aglm_session_observe(s, observe, stats, &err));
    ck_assert(!aglm_session_prefill(s, TOKENS, N, &err));
    aglm_session_close(&s);
    aglm_model_close(&model);
    return stats;
}

START_TEST(test_int8_model)
{
    const char *path = MODELS[_i];
    struct run exact = run_model(path, "auto", NULL, NULL, 1);
    struct aglm_int8_stats *stats = calibrate(path, exact.sites);
    float *scales = malloc(exact.sites * sizeof(*scales));
    ck_assert_msg(!aglm_int8_scales(scales, stats, AGLM_INT8_MINMAX, 0, &err), "%s", err.msg);
    for (int fixed = 0; fixed < 2; fixed++) {
        struct aglm_int8_options how = {.scales = fixed ? scales : NULL,
                                        .n_sites = fixed ? exact.sites : 0};
        struct run whole = run_model(path, "auto", "int8", &how, 2);
        struct run reference = run_model(path, "c", "int8", &how, 1);
        how.fake = 1;
        struct run fake = run_model(path, "auto", "int8", &how, 1);
        ck_assert_str_eq(whole.quantization, "INT8");
        ck_assert_str_eq(fake.quantization, "INT8-FAKE");
        /* One code may fall to the other side where attention or norms differ in the last bit. */
        ck_assert_double_le(nmse(&whole, &reference), 1e-4);
        ck_assert_double_le(nmse(&whole, &fake), 1e-4);
        /* One scale for all tokens costs more than one for each. */
        ck_assert_double_le(nmse(&whole, &exact), fixed ? 0.1 : 5e-3);
        ck_assert_double_ge(nmse(&whole, &exact), 1e-7); /* it is in use */
        free(whole.rows), free(reference.rows), free(fake.rows);
    }
    /* A scale a hundred times too small clips nearly everything. */
    for (size_t i = 0; i < exact.sites; i++)
        scales[i] /= 100;
    const struct aglm_int8_options clipped = {.scales = scales, .n_sites = exact.sites};
    struct run bad = run_model(path, "auto", "int8", &clipped, 1);
    ck_assert_double_ge(nmse(&bad, &exact), 0.1);
    free(bad.rows), free(exact.rows), free(scales);
    aglm_int8_stats_destroy(&stats);
}
END_TEST

START_TEST(test_refused)
{
    const float scales[3] = {1, 1, 1};
    const struct aglm_int8_options how = {.scales = scales, .n_sites = 3};
    const struct aglm_model_options options = {.path = MODELS[0],
                                               .backend = "cpu",
                                               .isa = "auto",
                                               .quantize = "int8",
                                               .int8 = &how,
                                               .n_load_threads = 1};
    struct aglm_model *model = NULL;
    ck_assert_int_eq(aglm_model_open(&model, &options, &err), -EINVAL);
    ck_assert_ptr_null(model);
    ck_assert_ptr_nonnull(strstr(err.msg, "calibration"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("int8-model");
    TCase *tc = tcase_create("int8");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, test_int8_model, 0, N_MODELS);
    tcase_add_test(tc, test_refused);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

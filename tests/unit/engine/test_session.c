/* Models and sessions through the public face: what they refuse, what they keep after a refusal,
 * and the tensors a file must and may not have.
 */
#include "engine/bind.h"
#include "engine/gguf_write.h"
#include "engine/quant/quantize.h"
#include "engine/session.h"
#include "engine/synth.h"

#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct aglm_preset TINY = {.name = "tiny",
                                        .title = "Tiny",
                                        .arch = "qwen2",
                                        .n_layers = 2,
                                        .n_embd = 64,
                                        .n_heads = 4,
                                        .n_kv_heads = 2,
                                        .head_dim = 16,
                                        .n_ff = 96,
                                        .n_vocab = 100,
                                        .n_rot = 16,
                                        .n_ctx_train = 256,
                                        .rope_theta = 1e4f,
                                        .rms_eps = 1e-6f,
                                        .qkv_bias = true};

/* Heads of 32, so that every cache type fits; windows of 4 in all of five layers. */
static const struct aglm_preset WINDOWED = {.name = "windowed",
                                            .title = "Windowed",
                                            .arch = "gemma3",
                                            .n_layers = 5,
                                            .n_embd = 64,
                                            .n_heads = 2,
                                            .n_kv_heads = 1,
                                            .head_dim = 32,
                                            .n_ff = 96,
                                            .n_vocab = 100,
                                            .n_rot = 32,
                                            .n_ctx_train = 256,
                                            .rope_theta = 1e6f,
                                            .rms_eps = 1e-6f,
                                            .tied = true,
                                            .n_window = 4};

static char folder[64], path[128];
static struct aglm_err err;
static struct aglm_model *model;
static struct aglm_session *session;

static void write_preset(const struct aglm_preset *preset, enum aglm_dtype type)
{
    const struct aglm_synth_options options = {.type = type, .seed = 1, .n_threads = 1};
    ck_assert_msg(aglm_synth_write(preset, &options, path, &err) == 0, "%s", err.msg);
}

static void write_model(enum aglm_dtype type)
{
    write_preset(&TINY, type);
}

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/aglm-session-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/tiny.gguf", folder);
    memset(&err, 0, sizeof(err));
}

static void teardown(void)
{
    aglm_session_close(&session);
    aglm_model_close(&model);
    unlink(path);
    rmdir(folder);
}

static struct aglm_model_options model_options(const char *backend, const char *quantize)
{
    return (struct aglm_model_options){
        .path = path, .backend = backend, .isa = "auto", .quantize = quantize, .n_load_threads = 2};
}

static int open_model(const char *backend, const char *quantize)
{
    const struct aglm_model_options o = model_options(backend, quantize);
    return aglm_model_open(&model, &o, &err);
}

static void open_session(uint32_t n_ctx, uint32_t n_ubatch)
{
    const struct aglm_session_options o = {
        .n_ctx = n_ctx, .n_batch = n_ctx, .n_ubatch = n_ubatch, .n_threads = 2};
    ck_assert_msg(aglm_session_open(&session, model, &o, &err) == 0, "%s", err.msg);
}

static void open_cached(enum aglm_dtype type_k, enum aglm_dtype type_v, uint32_t n_ubatch)
{
    const struct aglm_session_options o = {.n_ctx = 32,
                                           .n_batch = 32,
                                           .n_ubatch = n_ubatch,
                                           .n_threads = 2,
                                           .type_k = type_k,
                                           .type_v = type_v};
    aglm_session_close(&session);
    ck_assert_msg(aglm_session_open(&session, model, &o, &err) == 0, "%s", err.msg);
}

static void expect(int rc, int code, const char *word)
{
    ck_assert_msg(rc == code, "returned %d (%s), not %d", rc, err.msg, code);
    ck_assert_msg(strstr(err.msg, word) != NULL, "'%s' does not name '%s'", err.msg, word);
}

START_TEST(test_info)
{
    write_model(AGLM_F16);
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    const struct aglm_model_info *info = aglm_model_info(model);
    ck_assert_str_eq(info->arch, "qwen2");
    ck_assert_str_eq(info->quantization, "F16");
    ck_assert_uint_eq(info->n_vocab, 100);
    ck_assert_uint_eq(strlen(info->digest), 32);
    /* embedding and output 100 x 64 each; a layer: q and o 64 x 64, k and v 64 x 32, three of 64 x
     * 96 */
    uint64_t layer = 2 * 64 * 64 + 2 * 64 * 32 + 3 * 64 * 96;
    uint64_t read = (100 * 64 + 2 * layer) * 2 + 64 * 2;
    ck_assert_uint_eq(info->bytes_per_token, read);
    uint64_t vectors = (64 + 2 * (64 + 64 + 64 + 32 + 32));
    ck_assert_uint_eq(info->n_params, 2 * 100 * 64 + 2 * layer + vectors);
    ck_assert_uint_eq(info->size_bytes, (2 * 100 * 64 + 2 * layer) * 2 + vectors * 4);
    ck_assert_uint_eq(info->matmul_params, 100 * 64 + 2 * layer);
    ck_assert_uint_eq(info->output_params, 100 * 64);
    ck_assert(!info->int8_math);
    /* keys and values of 64 numbers, 2 layers; tokens see 1, 2 and 3 positions, or 3 and 4 */
    ck_assert_uint_eq(aglm_model_attention_madds(model, 0, 3), 2 * 64 * 2 * (1 + 2 + 3));
    ck_assert_uint_eq(aglm_model_attention_madds(model, 2, 2), 2 * 64 * 2 * (3 + 4));
    ck_assert_uint_eq(aglm_model_attention_madds(model, 7, 0), 0);
    aglm_model_close(&model);
    ck_assert_int_eq(open_model("cpu", "q8_0"), 0);
    info = aglm_model_info(model);
    ck_assert_str_eq(info->quantization, "Q8_0");
    ck_assert(info->int8_math);
    ck_assert_uint_eq(info->bytes_per_token, (100 * 64 + 2 * layer + 64) / 32 * 34);
}
END_TEST

START_TEST(test_model_refusals)
{
    write_model(AGLM_Q8_0);
    expect(open_model("cuda", NULL), -EINVAL, "cuda");
    expect(open_model("cpu", "q4_0"), -ENOTSUP, "already");
    struct aglm_model_options o = model_options("cpu", NULL);
    o.isa = "sse9";
    expect(aglm_model_open(&model, &o, &err), -EINVAL, "sse9");
    o.isa = "auto";
    o.quantize = "q9";
    expect(aglm_model_open(&model, &o, &err), -EINVAL, "q9");
    o.quantize = NULL;
    o.path = "/nowhere/at/all.gguf";
    expect(aglm_model_open(&model, &o, &err), -ENOENT, "/nowhere/at/all.gguf");
    ck_assert_ptr_null(model);
}
END_TEST

START_TEST(test_session_refusals)
{
    write_model(AGLM_F32);
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    struct aglm_session_options o = {.n_ctx = 8, .n_batch = 8, .n_ubatch = 8, .n_threads = 0};
    expect(aglm_session_open(&session, model, &o, &err), -EINVAL, "threads");
    o.n_threads = 1, o.n_ctx = 0;
    expect(aglm_session_open(&session, model, &o, &err), -EINVAL, "context");
    static const uint8_t far_mask[64] = {[63] = 0x80};
    o.n_ctx = 8, o.cpu_mask = far_mask, o.cpu_mask_bytes = sizeof(far_mask);
    expect(aglm_session_open(&session, model, &o, &err), -EINVAL, "CPU mask");
    ck_assert_ptr_null(session);
}
END_TEST

/* A refused call leaves the context as it was: what follows gives the same bits as without it. */
START_TEST(test_context_survives_refusals)
{
    static const int32_t TOKENS[] = {3, 1, 4, 1, 5, 9, 2, 6};
    static const int32_t BAD[] = {3, 100}, NEGATIVE[] = {-1};
    float plain[100], after[100];
    write_model(AGLM_Q4_0);
    ck_assert_int_eq(open_model(_i ? "null" : "cpu", NULL), 0);
    open_session(8, 3);
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS, 8, &err), 0);
    memcpy(plain, aglm_session_logits(session), sizeof(plain));
    aglm_session_truncate(session, 0);
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS, 5, &err), 0);
    expect(aglm_session_prefill(session, BAD, 2, &err), -EINVAL, "100");
    expect(aglm_session_prefill(session, NEGATIVE, 1, &err), -EINVAL, "-1");
    expect(aglm_session_prefill(session, TOKENS, 4, &err), -ENOSPC, "context full");
    ck_assert_uint_eq(aglm_session_length(session), 5);
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS + 5, 3, &err), 0);
    memcpy(after, aglm_session_logits(session), sizeof(after));
    ck_assert_mem_eq(plain, after, sizeof(plain));
    expect(aglm_session_decode(session, 1, &err), -ENOSPC, "context full");
    ck_assert_uint_eq(aglm_session_length(session), 8);
}
END_TEST

static bool always(void *ctx)
{
    (void)ctx;
    return true;
}

START_TEST(test_cancel)
{
    static const int32_t TOKENS[] = {1, 2, 3};
    write_model(AGLM_F32);
    struct aglm_model_options mo = model_options("cpu", NULL);
    mo.cancelled = always;
    ck_assert_int_eq(aglm_model_open(&model, &mo, &err), -ECANCELED);
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    const struct aglm_session_options o = {
        .n_ctx = 8, .n_batch = 8, .n_ubatch = 8, .n_threads = 1, .cancelled = always};
    ck_assert_int_eq(aglm_session_open(&session, model, &o, &err), 0);
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS, 3, &err), -ECANCELED);
    ck_assert_uint_eq(aglm_session_length(session), 0);
}
END_TEST

/* Says no the n-th time it is asked. */
static bool countdown(void *ctx)
{
    int *left = ctx;
    return --*left <= 0;
}

START_TEST(test_cancel_between_layers)
{
    static const int32_t TOKENS[] = {1, 2, 3, 4, 5};
    float plain[100], before[100];
    int left = 1000;
    write_model(AGLM_F32);
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    const struct aglm_session_options o = {.n_ctx = 8,
                                           .n_batch = 8,
                                           .n_ubatch = 8,
                                           .n_threads = 3,
                                           .cancelled = countdown,
                                           .cancelled_ctx = &left};
    ck_assert_int_eq(aglm_session_open(&session, model, &o, &err), 0);
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS, 5, &err), 0);
    memcpy(plain, aglm_session_logits(session), sizeof(plain));
    aglm_session_truncate(session, 2);
    ck_assert_int_eq(aglm_session_decode(session, 9, &err), 0);
    memcpy(before, aglm_session_logits(session), sizeof(before));
    aglm_session_truncate(session, 2);
    left = 3; /* before the batch, before the first layer, before the second */
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS + 2, 3, &err), -ECANCELED);
    ck_assert_int_eq(left, 0);
    ck_assert_uint_eq(aglm_session_length(session), 2);
    ck_assert_mem_eq(before, aglm_session_logits(session), sizeof(before));
    left = 1000;
    ck_assert_int_eq(aglm_session_prefill(session, TOKENS + 2, 3, &err), 0);
    ck_assert_mem_eq(plain, aglm_session_logits(session), sizeof(plain));
}
END_TEST

START_TEST(test_prefix_reuse)
{
    static const int32_t FIRST[] = {3, 1, 4, 1, 5, 9}, SECOND[] = {3, 1, 4, 2, 6};
    float plain[100];
    write_model(AGLM_Q8_0);
    ck_assert_int_eq(open_model(_i ? "null" : "cpu", NULL), 0);
    open_session(8, 8);
    ck_assert_uint_eq(aglm_session_reuse(session, SECOND, 5), 0);
    ck_assert_int_eq(aglm_session_prefill(session, SECOND, 5, &err), 0);
    memcpy(plain, aglm_session_logits(session), sizeof(plain));
    aglm_session_truncate(session, 0);
    ck_assert_int_eq(aglm_session_prefill(session, FIRST, 6, &err), 0);
    ck_assert_uint_eq(aglm_session_reuse(session, SECOND, 5), 3);
    ck_assert_uint_eq(aglm_session_length(session), 3);
    ck_assert_int_eq(aglm_session_prefill(session, SECOND + 3, 2, &err), 0);
    ck_assert_mem_eq(plain, aglm_session_logits(session), sizeof(plain));
    /* All of it is there: the last token is run again. What was cut off counts no more. */
    ck_assert_uint_eq(aglm_session_reuse(session, SECOND, 5), 4);
    ck_assert_uint_eq(aglm_session_reuse(session, SECOND, 5), 4);
    ck_assert_uint_eq(aglm_session_reuse(session, SECOND, 1), 0);
    ck_assert_uint_eq(aglm_session_length(session), 0);
    ck_assert_uint_eq(aglm_session_reuse(session, SECOND, 0), 0);
}
END_TEST

/* ---- the KV cache ---- */

enum { N_TOKENS = 20 };

/* Seeded ids, one of them another; the last position's logits. */
static void run_tokens(float logits[100], size_t changed)
{
    int32_t tokens[N_TOKENS];
    for (size_t i = 0; i < N_TOKENS; i++)
        tokens[i] = (int32_t)((i * 37 + 11 + (i == changed) * 5) % 100);
    aglm_session_truncate(session, 0);
    ck_assert_int_eq(aglm_session_prefill(session, tokens, N_TOKENS, &err), 0);
    memcpy(logits, aglm_session_logits(session), 100 * sizeof(*logits));
}

static double nmse(const float *a, const float *b)
{
    double difference = 0, sum = 0;
    for (size_t i = 0; i < 100; i++) {
        difference += ((double)a[i] - b[i]) * ((double)a[i] - b[i]);
        sum += (double)b[i] * b[i];
    }
    return difference / sum;
}

START_TEST(test_cache_types)
{
    static const struct {
        enum aglm_dtype k, v;
        double low, high; /* error against F16 */
    } CASES[] = {{AGLM_Q8_0, AGLM_Q8_0, 1e-9, 1e-3}, {AGLM_Q8_0, AGLM_F16, 1e-9, 1e-3},
                 {AGLM_F16, AGLM_Q8_0, 1e-9, 1e-3},  {AGLM_Q4_0, AGLM_Q4_0, 1e-5, 0.1},
                 {AGLM_Q4_0, AGLM_F16, 1e-6, 0.1},   {AGLM_F16, AGLM_Q4_0, 1e-6, 0.1},
                 {AGLM_Q8_0, AGLM_Q4_0, 1e-6, 0.1}};
    float half[100], logits[100], single[100];
    write_preset(&WINDOWED, AGLM_F32);
    ck_assert_msg(open_model("cpu", NULL) == 0, "%s", err.msg);
    open_cached(AGLM_F16, AGLM_F16, 32);
    run_tokens(half, N_TOKENS);
    open_cached(AGLM_F32, AGLM_F32, 32); /* 0: not given */
    run_tokens(logits, N_TOKENS);
    ck_assert_mem_eq(half, logits, sizeof(half));
    for (size_t i = 0; i < sizeof(CASES) / sizeof(CASES[0]); i++) {
        open_cached(CASES[i].k, CASES[i].v, 32);
        run_tokens(logits, N_TOKENS);
        double e = nmse(logits, half);
        ck_assert_msg(e > CASES[i].low && e < CASES[i].high, "case %zu: NMSE %g", i, e);
        open_cached(CASES[i].k, CASES[i].v, 1);
        run_tokens(single, N_TOKENS);
        ck_assert_mem_eq(logits, single, sizeof(logits));
    }
}
END_TEST

START_TEST(test_cache_types_that_do_not_fit)
{
    write_model(AGLM_F32); /* heads of 16 */
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    struct aglm_session_options o = {.n_ctx = 8, .n_batch = 8, .n_ubatch = 8, .n_threads = 1};
    o.type_k = AGLM_Q8_0;
    expect(aglm_session_open(&session, model, &o, &err), -ENOTSUP, "key cache in q8_0");
    expect(aglm_session_open(&session, model, &o, &err), -ENOTSUP, "multiple of 32, these have 16");
    o.type_k = AGLM_F16, o.type_v = AGLM_Q4_0;
    expect(aglm_session_open(&session, model, &o, &err), -ENOTSUP, "value cache in q4_0");
    o.type_v = AGLM_Q6_K;
    expect(aglm_session_open(&session, model, &o, &err), -EINVAL, "value cache of type q6_K");
    o.type_v = (enum aglm_dtype)77;
    expect(aglm_session_open(&session, model, &o, &err), -EINVAL, "type unknown");
    ck_assert_ptr_null(session);
}
END_TEST

/* Five layers that each see 4 positions reach 15 back: position 4 of 20 is the first that the last
 * one can feel. A sixth layer sees everything. */
START_TEST(test_window_ends_where_it_should)
{
    float plain[100], changed[100];
    struct aglm_preset preset = WINDOWED;
    write_preset(&preset, AGLM_F32);
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    open_cached(AGLM_F16, AGLM_F16, _i ? 3 : 32);
    run_tokens(plain, N_TOKENS);
    run_tokens(changed, 3);
    ck_assert_mem_eq(plain, changed, sizeof(plain));
    run_tokens(changed, 4);
    ck_assert_mem_ne(plain, changed, sizeof(plain));
    ck_assert_uint_eq(aglm_session_kv_bytes(session, 3), 5 * 3 * 2 * 32 * 2);
    ck_assert_uint_eq(aglm_session_kv_bytes(session, 20), 5 * 4 * 2 * 32 * 2);
    open_cached(AGLM_Q8_0, AGLM_Q4_0, 32);
    ck_assert_uint_eq(aglm_session_kv_bytes(session, 20), 5 * 4 * (34 + 18));
    aglm_session_close(&session);
    aglm_model_close(&model);
    preset.n_layers = 6;
    write_preset(&preset, AGLM_F32);
    ck_assert_int_eq(open_model("cpu", NULL), 0);
    open_cached(AGLM_F16, AGLM_F16, 32);
    run_tokens(plain, N_TOKENS);
    run_tokens(changed, 0);
    ck_assert_mem_ne(plain, changed, sizeof(plain));
    ck_assert_uint_eq(aglm_session_kv_bytes(session, 20), (5 * 4 + 20) * 2 * 32 * 2);
}
END_TEST

START_TEST(test_context_override)
{
    write_model(AGLM_F32);
    struct aglm_model_options o = model_options("cpu", NULL);
    o.n_ctx_override = 8192;
    ck_assert_int_eq(aglm_model_open(&model, &o, &err), 0);
    ck_assert_uint_eq(aglm_model_info(model)->n_ctx_train, 8192);
    aglm_model_close(&model);
    o.n_ctx_override = 8193;
    expect(aglm_model_open(&model, &o, &err), -EINVAL, "--override-ctx 8193");
}
END_TEST

START_TEST(test_tokenizer_of_a_model_without)
{
    const struct aglm_tokenizer *tokenizer = NULL;
    write_model(AGLM_F32);
    ck_assert_int_eq(open_model("null", NULL), 0);
    expect(aglm_model_tokenizer(model, &tokenizer, &err), -ENOENT, "tiny.gguf");
    ck_assert_ptr_null(tokenizer);
    ck_assert_ptr_nonnull(aglm_gguf_tensor_find(aglm_model_file(model), "token_embd.weight"));
}
END_TEST

/* Re-quantizing on load gives the same bits as a file quantized before. */
START_TEST(test_requantized_as_in_a_file)
{
    static const char *const MODES[] = {"q8_0", "q4_0", "q4_k_m", "q3_k_s", "q6_k", "mxfp4"};
    const struct aglm_quantize_options q = {.mode = aglm_quantize_mode_find(MODES[_i]),
                                            .n_threads = 2};
    struct aglm_preset preset = TINY;
    struct aglm_quantize_report report;
    char quantized[160];
    float loaded[100], of_file[100];
    preset.n_embd = 256, preset.head_dim = 64, preset.n_rot = 64; /* n_ff 96: fallbacks */
    write_preset(&preset, AGLM_F32);
    snprintf(quantized, sizeof(quantized), "%s/quantized.gguf", folder);
    ck_assert_msg(aglm_quantize_file(path, quantized, &q, &report, &err) == 0, "%s", err.msg);
    ck_assert_msg(open_model("cpu", MODES[_i]) == 0, "%s", err.msg);
    struct aglm_model_info on_load = *aglm_model_info(model);
    open_cached(AGLM_F16, AGLM_F16, 32);
    run_tokens(loaded, N_TOKENS);
    aglm_session_close(&session);
    aglm_model_close(&model);
    struct aglm_model_options o = model_options("cpu", NULL);
    o.path = quantized;
    ck_assert_msg(aglm_model_open(&model, &o, &err) == 0, "%s", err.msg);
    const struct aglm_model_info *info = aglm_model_info(model);
    ck_assert_str_eq(info->quantization, on_load.quantization);
    ck_assert_uint_eq(info->bytes_per_token, on_load.bytes_per_token);
    ck_assert_uint_eq(info->size_bytes, on_load.size_bytes);
    open_cached(AGLM_F16, AGLM_F16, 32);
    run_tokens(of_file, N_TOKENS);
    ck_assert_mem_eq(of_file, loaded, sizeof(loaded));
    ck_assert_int_eq(unlink(quantized), 0);
}
END_TEST

/* A file of one layer with every tensor but `missing`, and `extra` added. */
static void write_variant(const char *missing, const char *extra, uint64_t up_rows)
{
    static const struct {
        const char *name;
        uint64_t columns, rows; /* rows 0: a vector */
    } TENSORS[] = {{"token_embd.weight", 32, 50},        {"output_norm.weight", 32, 0},
                   {"blk.0.attn_norm.weight", 32, 0},    {"blk.0.attn_q.weight", 32, 32},
                   {"blk.0.attn_k.weight", 32, 16},      {"blk.0.attn_v.weight", 32, 16},
                   {"blk.0.attn_output.weight", 32, 32}, {"blk.0.ffn_norm.weight", 32, 0},
                   {"blk.0.ffn_gate.weight", 32, 64},    {"blk.0.ffn_up.weight", 32, 64},
                   {"blk.0.ffn_down.weight", 64, 32}};
    struct aglm_gguf_writer *w = NULL;
    uint64_t bytes[16];
    size_t n = 0;
    ck_assert_int_eq(aglm_gguf_writer_create(&w, path, &err), 0);
    aglm_gguf_writer_string(w, "general.architecture", "llama");
    aglm_gguf_writer_u32(w, "llama.block_count", 1);
    aglm_gguf_writer_u32(w, "llama.context_length", 64);
    aglm_gguf_writer_u32(w, "llama.embedding_length", 32);
    aglm_gguf_writer_u32(w, "llama.feed_forward_length", 64);
    aglm_gguf_writer_u32(w, "llama.attention.head_count", 2);
    aglm_gguf_writer_u32(w, "llama.attention.head_count_kv", 1);
    aglm_gguf_writer_f32(w, "llama.attention.layer_norm_rms_epsilon", 1e-5f);
    for (size_t i = 0; i < sizeof(TENSORS) / sizeof(*TENSORS); i++) {
        if (missing && strcmp(TENSORS[i].name, missing) == 0)
            continue;
        uint64_t rows = strstr(TENSORS[i].name, "ffn_up") ? up_rows : TENSORS[i].rows;
        const uint64_t ne[2] = {TENSORS[i].columns, rows};
        aglm_gguf_writer_tensor(w, TENSORS[i].name, AGLM_F32, rows ? 2 : 1, ne);
        bytes[n++] = TENSORS[i].columns * (rows ? rows : 1) * 4;
    }
    if (extra) {
        const uint64_t ne = 64;
        aglm_gguf_writer_tensor(w, extra, AGLM_F32, 1, &ne);
        bytes[n++] = 64 * 4;
    }
    void *zeros = calloc(1, 1 << 16);
    for (size_t i = 0; i < n; i++)
        ck_assert_msg(aglm_gguf_writer_data(w, zeros, bytes[i], &err) == 0, "%s", err.msg);
    ck_assert_msg(aglm_gguf_writer_finish(w, &err) == 0, "%s", err.msg);
    aglm_gguf_writer_destroy(&w);
    free(zeros);
}

START_TEST(test_tensors_are_all_there_and_no_more)
{
    write_variant(NULL, NULL, 64);
    ck_assert_msg(open_model("cpu", NULL) == 0, "%s", err.msg);
    aglm_model_close(&model);
    write_variant("blk.0.ffn_gate.weight", NULL, 64);
    expect(open_model("cpu", NULL), -EINVAL, "'blk.0.ffn_gate.weight' is missing");
    expect(open_model("null", NULL), -EINVAL, "'blk.0.ffn_gate.weight' is missing");
    write_variant(NULL, "blk.0.ffn_gate.bias", 64);
    expect(open_model("cpu", NULL), -ENOTSUP, "'blk.0.ffn_gate.bias'");
    write_variant(NULL, NULL, 63);
    expect(open_model("cpu", NULL), -EINVAL, "'blk.0.ffn_up.weight' is 32 x 63");
}
END_TEST

START_TEST(test_err_prefix)
{
    struct aglm_err e = {0};
    aglm_err_set(&e, -EINVAL, "what");
    aglm_err_prefix(&e, "%s", "where");
    ck_assert_str_eq(e.msg, "where: what");
    ck_assert_int_eq(e.code, -EINVAL);
    char big[2 * sizeof(e.msg)];
    memset(big, 'y', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    aglm_err_set(&e, -EINVAL, "%s", big);
    aglm_err_prefix(&e, "p");
    ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
    ck_assert_int_eq(strncmp(e.msg, "p: yyy", 6), 0);
    aglm_err_prefix(&e, "%s", big);
    ck_assert_uint_eq(strlen(e.msg), sizeof(e.msg) - 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("session");
    TCase *tc = tcase_create("session");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_test(tc, test_info);
    tcase_add_test(tc, test_model_refusals);
    tcase_add_test(tc, test_session_refusals);
    tcase_add_loop_test(tc, test_context_survives_refusals, 0, 2);
    tcase_add_test(tc, test_cancel);
    tcase_add_test(tc, test_cancel_between_layers);
    tcase_add_loop_test(tc, test_prefix_reuse, 0, 2);
    tcase_add_test(tc, test_cache_types);
    tcase_add_test(tc, test_cache_types_that_do_not_fit);
    tcase_add_loop_test(tc, test_window_ends_where_it_should, 0, 2);
    tcase_add_test(tc, test_context_override);
    tcase_add_test(tc, test_tokenizer_of_a_model_without);
    tcase_add_test(tc, test_tensors_are_all_there_and_no_more);
    tcase_add_loop_test(tc, test_requantized_as_in_a_file, 0, 6);
    tcase_add_test(tc, test_err_prefix);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

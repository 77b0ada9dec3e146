/* Whole files: the mixture of types is llama.cpp's, metadata and what is not quantized are copied
 * to the byte, bad input is refused and nothing is left behind.
 */
#include "engine/gguf_write.h"
#include "engine/quant/quantize.h"
#include "engine/session.h"
#include "engine/synth.h"

#include <check.h>
#include <errno.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

/* ---- the mixture ---- */

/* What llama.cpp's llama_model_quantize chooses (build of September 2026, dry_run, its log): files
 * of zeros with these shapes, made with gguf-py. A letter is a type, see letter(): those of the
 * embedding and of output.weight ('-': there is none); then, a letter for each layer, of attn_v or
 * attn_qkv, attn_output, ffn_down and ffn_up. */
static const struct {
    const char *arch;
    uint32_t n_layers, n_heads, n_kv_heads, n_embd, n_ff;
    bool fused;
} shapes[] = {
    {"llama", 16, 8, 2, 256, 512, false},
    {"qwen2", 9, 4, 4, 256, 288, false}, /* rows of ffn_down fit blocks of 32 only */
    {"chatglm", 8, 8, 1, 256, 512, true},
    {"glm4", 8, 8, 2, 288, 512, false}, /* rows of the others fit blocks of 32 only */
};
static const struct {
    int shape;
    const char *mode, *ends, *value, *output, *down, *up;
} expected[] = {
    {0, "q2_k", "6-", "4444444444444444", "3333333333333333", "3333333333333333",
     "2222222222222222"},
    {0, "q3_k_s", "6-", "3333333333333333", "3333333333333333", "3333333333333333",
     "3333333333333333"},
    {0, "q3_k_m", "6-", "5544444444444444", "4444444444444444", "5444444444444444",
     "3333333333333333"},
    {0, "q3_k_l", "6-", "5555555555555555", "5555555555555555", "5555555555555555",
     "3333333333333333"},
    {0, "q4_k_s", "6-", "5555444444444444", "4444444444444444", "5544444444444444",
     "4444444444444444"},
    {0, "q4_k_m", "6-", "6644644644644666", "4444444444444444", "6644644644644666",
     "4444444444444444"},
    {0, "q5_k_m", "6-", "6655655655655666", "5555555555555555", "6655655655655666",
     "5555555555555555"},
    {0, "q6_k", "6-", "6666666666666666", "6666666666666666", "6666666666666666",
     "6666666666666666"},
    {0, "iq4_nl", "6-", "5555555555555555", "nnnnnnnnnnnnnnnn", "55nnnnnnnnnnnnnn",
     "nnnnnnnnnnnnnnnn"},
    {0, "q4_0", "6-", "cccccccccccccccc", "cccccccccccccccc", "cccccccccccccccc",
     "cccccccccccccccc"},
    {0, "q8_0", "8-", "8888888888888888", "8888888888888888", "8888888888888888",
     "8888888888888888"},
    {1, "q2_k", "26", "333333333", "333333333", "ccccccccc", "222222222"},
    {1, "q3_k_s", "36", "333333333", "333333333", "ccccccccc", "333333333"},
    {1, "q3_k_m", "36", "554444444", "444444444", "aaaaaaaaa", "333333333"},
    {1, "q3_k_l", "36", "555555555", "555555555", "bbbbbbbbb", "333333333"},
    {1, "q4_k_s", "46", "555544444", "444444444", "baaaaaaaa", "444444444"},
    {1, "q4_k_m", "46", "644644666", "444444444", "8aa8aa888", "444444444"},
    {1, "q5_k_m", "56", "655655666", "555555555", "8bb8bb888", "555555555"},
    {1, "q6_k", "66", "666666666", "666666666", "888888888", "666666666"},
    {1, "iq4_nl", "n6", "nnnnnnnnn", "nnnnnnnnn", "bnnnnnnnn", "nnnnnnnnn"},
    {1, "q4_0", "c6", "ccccccccc", "ccccccccc", "ccccccccc", "ccccccccc"},
    {1, "q8_0", "88", "888888888", "888888888", "888888888", "888888888"},
    {2, "q2_k", "26", "44444444", "33333333", "33333333", "22222222"},
    {2, "q3_k_s", "36", "33333333", "33333333", "33333333", "33333333"},
    {2, "q3_k_m", "36", "55444444", "44444444", "44444444", "33333333"},
    {2, "q3_k_l", "36", "55555555", "55555555", "55555555", "33333333"},
    {2, "q4_k_s", "46", "55554444", "44444444", "54444444", "44444444"},
    {2, "q4_k_m", "46", "64464466", "44444444", "64464466", "44444444"},
    {2, "q5_k_m", "56", "65565566", "55555555", "65565566", "55555555"},
    {2, "q6_k", "66", "66666666", "66666666", "66666666", "66666666"},
    {2, "iq4_nl", "n6", "55555555", "nnnnnnnn", "5nnnnnnn", "nnnnnnnn"},
    {2, "q4_0", "c6", "cccccccc", "cccccccc", "cccccccc", "cccccccc"},
    {2, "q8_0", "88", "88888888", "88888888", "88888888", "88888888"},
    {3, "q2_k", "c8", "aaaaaaaa", "33333333", "33333333", "cccccccc"},
    {3, "q3_k_s", "c8", "cccccccc", "33333333", "33333333", "cccccccc"},
    {3, "q3_k_m", "c8", "bbaaaaaa", "44444444", "44444444", "cccccccc"},
    {3, "q3_k_l", "c8", "bbbbbbbb", "55555555", "55555555", "cccccccc"},
    {3, "q4_k_s", "a8", "bbbbaaaa", "44444444", "54444444", "aaaaaaaa"},
    {3, "q4_k_m", "a8", "8aa8aa88", "44444444", "64464466", "aaaaaaaa"},
    {3, "q5_k_m", "b8", "8bb8bb88", "55555555", "65565566", "bbbbbbbb"},
    {3, "q6_k", "88", "88888888", "66666666", "66666666", "88888888"},
    {3, "iq4_nl", "n8", "bbbbbbbb", "nnnnnnnn", "5nnnnnnn", "nnnnnnnn"},
    {3, "q4_0", "c8", "cccccccc", "cccccccc", "cccccccc", "cccccccc"},
    {3, "q8_0", "88", "88888888", "88888888", "88888888", "88888888"},
};

static char letter(uint32_t type)
{
    static const struct {
        enum aglm_dtype type;
        char letter;
    } letters[] = {{AGLM_Q2_K, '2'}, {AGLM_Q3_K, '3'}, {AGLM_Q4_K, '4'},   {AGLM_Q5_K, '5'},
                   {AGLM_Q6_K, '6'}, {AGLM_Q8_0, '8'}, {AGLM_Q5_0, 'a'},   {AGLM_Q5_1, 'b'},
                   {AGLM_Q4_0, 'c'}, {AGLM_Q4_1, 'd'}, {AGLM_IQ4_NL, 'n'}, {AGLM_F16, 'h'}};
    for (size_t i = 0; i < sizeof(letters) / sizeof(letters[0]); i++)
        if ((uint32_t)letters[i].type == type)
            return letters[i].letter;
    return '?';
}

enum { MAX_TENSORS = 16 * 8 + 2 };
static char names[MAX_TENSORS][64];
static uint64_t ne[MAX_TENSORS][2];
static struct aglm_quantize_tensor tensors[MAX_TENSORS];
static size_t n_tensors;

static void add(const char *name, uint64_t columns, uint64_t rows)
{
    snprintf(names[n_tensors], sizeof(names[0]), "%s", name);
    ne[n_tensors][0] = columns;
    ne[n_tensors][1] = rows;
    tensors[n_tensors] = (struct aglm_quantize_tensor){.name = names[n_tensors],
                                                       .n_dims = rows ? 2 : 1,
                                                       .ne = ne[n_tensors],
                                                       .type = rows ? AGLM_F16 : AGLM_F32};
    n_tensors++;
}

/* Layers from the last to the first: the order in the file must not matter. */
static void list_tensors(int shape, bool tied)
{
    char name[64];
    const uint64_t d = shapes[shape].n_embd, ff = shapes[shape].n_ff;
    n_tensors = 0;
    for (uint32_t layer = shapes[shape].n_layers; layer-- > 0;) {
        static const char *const what[] = {"attn_norm.weight", "attn_output.weight",
                                           "ffn_down.weight", "ffn_up.weight", "attn_v.bias"};
        const uint64_t size[][2] = {{d, 0}, {8 * 32, d}, {ff, d}, {d, ff}, {64, 0}};
        for (size_t i = 0; i < 5; i++) {
            snprintf(name, sizeof(name), "blk.%u.%s", layer, what[i]);
            add(name, size[i][0], size[i][1]);
        }
        snprintf(name, sizeof(name), "blk.%u.%s", layer,
                 shapes[shape].fused ? "attn_qkv.weight" : "attn_v.weight");
        add(name, d, 64);
    }
    if (!tied)
        add("output.weight", d, 100);
    add("token_embd.weight", d, 100);
}

static uint32_t chosen(const char *name)
{
    for (size_t i = 0; i < n_tensors; i++)
        if (strcmp(names[i], name) == 0)
            return tensors[i].chosen;
    return UINT32_MAX;
}

static void check_layers(int row, const char *what, const char *letters)
{
    char name[64];
    ck_assert_uint_eq(strlen(letters), shapes[expected[row].shape].n_layers);
    for (unsigned layer = 0; letters[layer]; layer++) {
        snprintf(name, sizeof(name), "blk.%u.%s.weight", layer, what);
        ck_assert_msg(letter(chosen(name)) == letters[layer], "%s, %s: %s is %c, not %c",
                      shapes[expected[row].shape].arch, expected[row].mode, name,
                      letter(chosen(name)), letters[layer]);
    }
}

START_TEST(the_mixture_is_llama_cpps)
{
    const int s = expected[_i].shape;
    struct aglm_quantize_shape shape = {.n_layers = shapes[s].n_layers,
                                        .n_heads = shapes[s].n_heads,
                                        .n_kv_heads = shapes[s].n_kv_heads};
    const struct aglm_quantize_mode *mode = aglm_quantize_mode_find(expected[_i].mode);
    snprintf(shape.arch, sizeof(shape.arch), "%s", shapes[s].arch);
    list_tensors(s, expected[_i].ends[1] == '-');
    ck_assert_ptr_nonnull(mode);
    ck_assert_int_eq(aglm_quantize_choose(mode, &shape, tensors, n_tensors), 0);
    ck_assert_int_eq(letter(chosen("token_embd.weight")), expected[_i].ends[0]);
    if (expected[_i].ends[1] != '-')
        ck_assert_int_eq(letter(chosen("output.weight")), expected[_i].ends[1]);
    check_layers(_i, shapes[s].fused ? "attn_qkv" : "attn_v", expected[_i].value);
    check_layers(_i, "attn_output", expected[_i].output);
    check_layers(_i, "ffn_down", expected[_i].down);
    check_layers(_i, "ffn_up", expected[_i].up);
    ck_assert_uint_eq(chosen("blk.0.attn_norm.weight"), AGLM_F32);
    ck_assert_uint_eq(chosen("blk.0.attn_v.bias"), AGLM_F32);
}
END_TEST

START_TEST(modes)
{
    for (size_t i = 0; i < aglm_quantize_mode_count(); i++) {
        const struct aglm_quantize_mode *m = aglm_quantize_mode_at(i);
        ck_assert_ptr_eq(aglm_quantize_mode_find(m->name), m);
        ck_assert_ptr_nonnull(strstr(aglm_quantize_mode_names(), m->name));
        ck_assert_ptr_nonnull(aglm_quantize_mode_of(m->type));
    }
    ck_assert_str_eq(aglm_quantize_mode_find("Q4_K")->name, "q4_k_m");
    ck_assert_ptr_null(aglm_quantize_mode_find("q4"));
    ck_assert_ptr_null(aglm_quantize_mode_find(""));
}
END_TEST

/* ---- files ---- */

static char folder[64], in[128], out[128];
static struct aglm_gguf *before, *after;
static struct aglm_err err;
static struct aglm_quantize_report report;

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/aglm-test-quantize-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(in, sizeof(in), "%s/in.gguf", folder);
    snprintf(out, sizeof(out), "%s/out.gguf", folder);
    memset(&err, 0, sizeof(err));
}

/* Nothing but the two may be there: rmdir checks that. */
static void teardown(void)
{
    aglm_gguf_close(&before);
    aglm_gguf_close(&after);
    unlink(in);
    unlink(out);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void make_input(enum aglm_dtype type)
{
    static const struct aglm_preset preset = {.name = "tiny",
                                              .title = "Tiny",
                                              .arch = "llama",
                                              .n_layers = 2,
                                              .n_embd = 256,
                                              .n_heads = 4,
                                              .n_kv_heads = 2,
                                              .head_dim = 64,
                                              .n_ff = 288,
                                              .n_vocab = 300,
                                              .n_rot = 64,
                                              .n_ctx_train = 64,
                                              .rope_theta = 1e4f,
                                              .rms_eps = 1e-5f};
    const struct aglm_synth_options options = {.type = type, .seed = 1, .n_threads = 1};
    ck_assert_msg(aglm_synth_write(&preset, &options, in, &err) == 0, "%s", err.msg);
}

static int quantize(const char *mode, unsigned threads, bool again)
{
    const struct aglm_quantize_options options = {
        .mode = aglm_quantize_mode_find(mode), .n_threads = threads, .allow_requantize = again};
    return aglm_quantize_file(in, out, &options, &report, &err);
}

static void quantized(const char *mode, unsigned threads, bool again)
{
    ck_assert_msg(quantize(mode, threads, again) == 0, "%s", err.msg);
    ck_assert_msg(aglm_gguf_open(&before, in, &err) == 0, "%s", err.msg);
    ck_assert_msg(aglm_gguf_open(&after, out, &err) == 0, "%s", err.msg);
}

START_TEST(tensors_and_metadata_come_through)
{
    uint64_t value = 0;
    make_input(AGLM_F32);
    quantized("q4_k_m", 2, false);
    ck_assert_uint_eq(aglm_gguf_tensor_count(before), aglm_gguf_tensor_count(after));
    for (size_t i = 0; i < aglm_gguf_tensor_count(before); i++) {
        const struct aglm_gguf_tensor *a = aglm_gguf_tensor_at(before, i);
        const struct aglm_gguf_tensor *b = aglm_gguf_tensor_at(after, i);
        ck_assert_str_eq(a->name, b->name);
        ck_assert(a->ne[0] == b->ne[0] && a->ne[1] == b->ne[1]);
        if (a->n_dims == 1)
            ck_assert(b->type == a->type && memcmp(a->data, b->data, a->n_bytes) == 0);
    }
    const struct aglm_gguf_tensor *down = aglm_gguf_tensor_find(after, "blk.0.ffn_down.weight");
    ck_assert_uint_eq(down->type, AGLM_Q5_0); /* 288 columns; two layers have no first eighth */
    ck_assert_uint_eq(aglm_gguf_kv_count(before), aglm_gguf_kv_count(after));
    ck_assert_int_eq(aglm_gguf_get_u64(after, "general.file_type", &value, &err), 0);
    ck_assert_uint_eq(value, 15);
    ck_assert_int_eq(aglm_gguf_get_u64(after, "llama.block_count", &value, &err), 0);
    ck_assert_uint_eq(value, 2);
    ck_assert_uint_eq(report.file_bytes_out, aglm_gguf_file_size(after));
    ck_assert(report.n_fallback >= 1 && report.relative_rms > 0.03 && report.relative_rms < 0.08);
}
END_TEST

START_TEST(threads_do_not_matter)
{
    char other[160];
    char command[400];
    make_input(AGLM_F16);
    ck_assert_int_eq(quantize("q3_k_m", 1, false), 0);
    snprintf(other, sizeof(other), "%s.1", out);
    ck_assert_int_eq(rename(out, other), 0);
    ck_assert_int_eq(quantize("q3_k_m", 3, false), 0);
    snprintf(command, sizeof(command), "cmp -s '%s' '%s'", out, other);
    int rc = system(command);
    unlink(other);
    ck_assert_int_eq(rc, 0);
}
END_TEST

START_TEST(the_same_type_is_a_copy)
{
    make_input(AGLM_Q8_0);
    quantized("q8_0", 1, false); /* nothing to do, so nothing to refuse */
    for (size_t i = 0; i < aglm_gguf_tensor_count(before); i++)
        ck_assert_int_eq(memcmp(aglm_gguf_tensor_at(before, i)->data,
                                aglm_gguf_tensor_at(after, i)->data,
                                aglm_gguf_tensor_at(before, i)->n_bytes),
                         0);
    ck_assert(isnan(report.relative_rms));
}
END_TEST

static void refused(int rc, int code, const char *words)
{
    ck_assert_msg(rc == code, "returned %d (%s)", rc, err.msg);
    ck_assert_msg(strncmp(err.msg, folder, strlen(folder)) == 0, "no file name: %s", err.msg);
    ck_assert_msg(strstr(err.msg, words) != NULL, "\"%s\" is not in: %s", words, err.msg);
    ck_assert_int_ne(access(out, F_OK), 0);
}

START_TEST(quantizing_again_must_be_asked_for)
{
    make_input(AGLM_Q8_0);
    refused(quantize("q4_0", 1, false), -EPERM, "--allow-requantize");
    quantized("q4_0", 1, true);
}
END_TEST

START_TEST(weights_that_are_not_finite_are_named)
{
    const float bad[] = {NAN, INFINITY, -INFINITY, 1e6f};
    make_input(AGLM_F32);
    ck_assert_int_eq(aglm_gguf_open(&before, in, &err), 0);
    const uint64_t at =
        aglm_gguf_tensor_find(before, "blk.1.ffn_up.weight")->offset + 12345 * sizeof(float);
    for (size_t i = 0; i < 4; i++) {
        FILE *f = fopen(in, "r+b");
        ck_assert(f && fseek(f, (long)at, SEEK_SET) == 0 && fwrite(&bad[i], 4, 1, f) == 1);
        fclose(f);
        refused(quantize("q4_k_m", 2, false), -EINVAL, "blk.1.ffn_up.weight holds weights");
        refused(quantize("f16", 1, false), -EINVAL, "f16");
    }
    ck_assert_int_eq(quantize("bf16", 1, false), 0); /* a million is fine there */
}
END_TEST

static int open_requantized(const char *type)
{
    struct aglm_model *model = NULL;
    const struct aglm_model_options o = {
        .path = in, .backend = "cpu", .isa = "auto", .quantize = type, .n_load_threads = 2};
    int rc = aglm_model_open(&model, &o, &err);
    aglm_model_close(&model);
    return rc;
}

/* On load, too: rounded, they would look like good ones. */
START_TEST(requantizing_on_load_refuses_the_same)
{
    static const char *const TYPES[] = {"q8_0", "q4_k_m", "q4_0", "mxfp4", "f16", "int8"};
    static const char *const TENSORS[] = {"blk.1.ffn_up.weight", "token_embd.weight"};
    const float bad[] = {NAN, INFINITY, 1e6f};
    for (size_t t = 0; t < 2; t++) {
        make_input(AGLM_F32);
        ck_assert_int_eq(aglm_gguf_open(&before, in, &err), 0);
        const uint64_t at = aglm_gguf_tensor_find(before, TENSORS[t])->offset + 1234 * 4;
        aglm_gguf_close(&before);
        for (size_t i = 0; i < 3 * 6; i++) {
            FILE *f = fopen(in, "r+b");
            ck_assert(f && fseek(f, (long)at, SEEK_SET) == 0 && fwrite(&bad[i / 6], 4, 1, f) == 1);
            fclose(f);
            const bool integer = strcmp(TYPES[i % 6], "int8") == 0;
            if (integer && (t == 1 || bad[i / 6] == 1e6f))
                continue; /* INT8 has scales in 32 bits, and leaves embeddings as they are */
            refused(open_requantized(TYPES[i % 6]), -EINVAL, TENSORS[t]);
        }
        ck_assert_msg(open_requantized("bf16") == 0, "%s", err.msg);
    }
}
END_TEST

START_TEST(requantizing_on_load_takes_no_quantized_file)
{
    make_input(AGLM_Q8_0);
    refused(open_requantized("q4_0"), -ENOTSUP, "is q8_0 already");
    refused(open_requantized("int8"), -ENOTSUP, "is q8_0 already");
}
END_TEST

START_TEST(bad_files_are_refused)
{
    make_input(AGLM_F16);
    ck_assert_int_eq(quantize("q4_0", 0, false), -EINVAL);
    ck_assert_int_eq(quantize("q4_0", 513, false), -EINVAL);
    ck_assert_int_eq(truncate(in, 30000), 0);
    refused(quantize("q4_0", 1, false), -EINVAL, "in.gguf");
    unlink(in);
    refused(quantize("q4_0", 1, false), -ENOENT, "in.gguf");
    struct aglm_gguf_writer *w = NULL;
    const uint64_t one = 1;
    const float zero = 0;
    ck_assert_int_eq(aglm_gguf_writer_create(&w, in, &err), 0);
    aglm_gguf_writer_string(w, "general.architecture", "llama");
    aglm_gguf_writer_tensor(w, "x", AGLM_F32, 1, &one);
    ck_assert_int_eq(aglm_gguf_writer_data(w, &zero, 4, &err), 0);
    ck_assert_int_eq(aglm_gguf_writer_finish(w, &err), 0);
    aglm_gguf_writer_destroy(&w);
    refused(quantize("q4_0", 1, false), -EINVAL, "llama.block_count");
}
END_TEST

START_TEST(a_full_disk_leaves_nothing)
{
    struct rlimit old, low;
    make_input(AGLM_F32);
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 1 << 18;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    int rc = quantize("f16", 2, false);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    refused(rc, -EFBIG, "cannot write");
}
END_TEST

static bool stop(void *ctx, uint64_t done, uint64_t total)
{
    ck_assert_uint_le(done, total);
    return ++*(int *)ctx < 3;
}

START_TEST(can_be_stopped)
{
    int calls = 0;
    const struct aglm_quantize_options options = {.mode = aglm_quantize_mode_find("q6_k"),
                                                  .n_threads = 2,
                                                  .progress = stop,
                                                  .progress_ctx = &calls};
    make_input(AGLM_F32);
    refused(aglm_quantize_file(in, out, &options, &report, &err), -ECANCELED, "stopped");
    ck_assert_int_eq(calls, 3);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quantize");
    TCase *mix = tcase_create("mix"), *files = tcase_create("files");
    tcase_add_loop_test(mix, the_mixture_is_llama_cpps, 0, sizeof(expected) / sizeof(expected[0]));
    tcase_add_test(mix, modes);
    suite_add_tcase(suite, mix);
    tcase_set_timeout(files, 60);
    tcase_add_checked_fixture(files, setup, teardown);
    tcase_add_test(files, tensors_and_metadata_come_through);
    tcase_add_test(files, threads_do_not_matter);
    tcase_add_test(files, the_same_type_is_a_copy);
    tcase_add_test(files, quantizing_again_must_be_asked_for);
    tcase_add_test(files, weights_that_are_not_finite_are_named);
    tcase_add_test(files, requantizing_on_load_refuses_the_same);
    tcase_add_test(files, requantizing_on_load_takes_no_quantized_file);
    tcase_add_test(files, bad_files_are_refused);
    tcase_add_test(files, a_full_disk_leaves_nothing);
    tcase_add_test(files, can_be_stopped);
    suite_add_tcase(suite, files);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

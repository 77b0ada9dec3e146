/* Synthetic models: right shapes and metadata, well-scaled weights, the same bytes whatever the
 * threads and the machine, and nothing left behind when making one fails.
 */
#include "engine/arch.h"
#include "engine/bind.h"
#include "engine/synth.h"

#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* One small model for each architecture; the embedding of the first takes more than one round of
 * pieces. */
static const struct aglm_preset tiny[] = {
    {.name = "tiny-llama",
     .title = "Tiny",
     .arch = "llama",
     .n_layers = 2,
     .n_embd = 256,
     .n_heads = 8,
     .n_kv_heads = 2,
     .head_dim = 32,
     .n_ff = 512,
     .n_vocab = 2000,
     .n_rot = 32,
     .n_ctx_train = 2048,
     .rope_theta = 5e5f,
     .rms_eps = 1e-5f,
     .tied = true,
     .rope_freqs = true},
    {.name = "tiny-qwen",
     .title = "Tiny",
     .arch = "qwen2",
     .n_layers = 1,
     .n_embd = 72, /* no whole number of blocks */
     .n_heads = 3,
     .n_kv_heads = 1,
     .head_dim = 24,
     .n_ff = 160,
     .n_vocab = 500,
     .n_rot = 24,
     .n_ctx_train = 2048,
     .rope_theta = 1e6f,
     .rms_eps = 1e-6f,
     .qkv_bias = true},
    {.name = "tiny-glm",
     .title = "Tiny",
     .arch = "chatglm",
     .n_layers = 2,
     .n_embd = 128,
     .n_heads = 4,
     .n_kv_heads = 2,
     .head_dim = 32,
     .n_ff = 224,
     .n_vocab = 500,
     .n_rot = 16,
     .n_ctx_train = 2048,
     .rope_theta = 1e4f,
     .rms_eps = 1e-5f,
     .qkv_bias = true,
     .fused_qkv = true},
    {.name = "tiny-glm4",
     .title = "Tiny",
     .arch = "glm4",
     .n_layers = 2,
     .n_embd = 64,
     .n_heads = 4,
     .n_kv_heads = 2,
     .head_dim = 16,
     .n_ff = 96,
     .n_vocab = 100,
     .n_rot = 8,
     .n_ctx_train = 2048,
     .rope_theta = 1e4f,
     .rms_eps = 1e-5f,
     .qkv_bias = true,
     .rope_sections = {1, 2, 1}},
    {.name = "tiny-gemma",
     .title = "Tiny",
     .arch = "gemma3",
     .n_layers = 7,
     .n_embd = 64,
     .n_heads = 2,
     .n_kv_heads = 1,
     .head_dim = 64,
     .n_ff = 96,
     .n_vocab = 100,
     .n_rot = 64,
     .n_ctx_train = 2048,
     .rope_theta = 1e6f,
     .rms_eps = 1e-6f,
     .tied = true,
     .n_window = 32},
};

static const enum aglm_dtype all_types[] = {
    AGLM_F32,  AGLM_F16,  AGLM_BF16, AGLM_Q8_0, AGLM_Q4_0, AGLM_Q6_K,   AGLM_Q4_1,  AGLM_Q5_0,
    AGLM_Q5_1, AGLM_Q2_K, AGLM_Q3_K, AGLM_Q4_K, AGLM_Q5_K, AGLM_IQ4_NL, AGLM_MXFP4,
};
enum { N_TYPES = sizeof(all_types) / sizeof(all_types[0]) };

static char folder[64], path[128];
static struct aglm_gguf *file;
static struct aglm_err err;

static void setup(void)
{
    snprintf(folder, sizeof(folder), "/tmp/aglm-test-synth-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/x.gguf", folder);
    memset(&err, 0, sizeof(err));
}

/* Nothing but path may be there: rmdir checks that. */
static void teardown(void)
{
    aglm_gguf_close(&file);
    unlink(path);
    ck_assert_int_eq(rmdir(folder), 0);
}

static void write_model(const struct aglm_preset *preset, enum aglm_dtype type, uint64_t seed,
                        unsigned threads)
{
    struct aglm_synth_options options = {.type = type, .seed = seed, .n_threads = threads};
    ck_assert_msg(aglm_synth_write(preset, &options, path, &err) == 0, "%s", err.msg);
}

static void open_model(void)
{
    ck_assert_msg(aglm_gguf_open(&file, path, &err) == 0, "%s", err.msg);
}

/* FNV-1a of the file. */
static uint64_t digest(void)
{
    uint64_t h = 0xcbf29ce484222325u;
    FILE *f = fopen(path, "rb");
    ck_assert_ptr_nonnull(f);
    static uint8_t part[1 << 16];
    for (size_t n; (n = fread(part, 1, sizeof(part), f)) > 0;)
        for (size_t i = 0; i < n; i++)
            h = (h ^ part[i]) * 0x100000001b3u;
    fclose(f);
    return h;
}

START_TEST(metadata_and_shapes)
{
    const struct aglm_preset *p = &tiny[_i];
    struct aglm_hparams h;
    write_model(p, AGLM_Q8_0, 1, 2);
    open_model();
    ck_assert_uint_eq(aglm_gguf_file_size(file), aglm_synth_size(p, AGLM_Q8_0));
    ck_assert_msg(aglm_hparams_read(&h, file, &err) == 0, "%s", err.msg);
    ck_assert_str_eq(h.arch->name, p->arch);
    ck_assert_uint_eq(h.n_layers, p->n_layers);
    ck_assert_uint_eq(h.n_embd, p->n_embd);
    ck_assert_uint_eq(h.n_heads, p->n_heads);
    ck_assert_uint_eq(h.n_kv_heads, p->n_kv_heads);
    ck_assert_uint_eq(h.head_dim, p->head_dim);
    ck_assert_uint_eq(h.n_ff, p->n_ff);
    ck_assert_uint_eq(h.n_vocab, p->n_vocab);
    ck_assert_uint_eq(h.n_rot, p->n_rot);
    ck_assert_uint_eq(h.n_ctx_train, p->n_ctx_train);
    ck_assert(h.rms_eps == p->rms_eps && h.rope_theta == p->rope_theta);
    ck_assert_int_eq(!aglm_gguf_tensor_find(file, "output.weight"), p->tied);
    ck_assert_int_eq(!aglm_gguf_tensor_find(file, "blk.0.attn_qkv.weight"), !p->fused_qkv);
    ck_assert_int_eq(!aglm_gguf_tensor_find(file, "blk.0.attn_q.weight"), p->fused_qkv);
    ck_assert_int_eq(!aglm_gguf_tensor_find(file, "blk.0.ffn_gate.weight"), h.arch->fused_ffn_up);
    ck_assert_int_eq(!aglm_gguf_tensor_find(file, "rope_freqs.weight"), !p->rope_freqs);
    const struct aglm_gguf_tensor *up = aglm_gguf_tensor_find(file, "blk.0.ffn_up.weight");
    ck_assert_uint_eq(up->ne[0], p->n_embd);
    ck_assert_uint_eq(up->ne[1], (h.arch->fused_ffn_up ? 2 : 1) * p->n_ff);
    ck_assert_uint_eq(h.n_window, p->n_window);
    ck_assert_int_eq(h.rope, p->rope_sections[0] ? AGLM_ROPE_NEOX : h.arch->rope);
    struct aglm_tensors tensors; /* all that the architecture asks for, and no more */
    ck_assert_msg(aglm_tensors_bind(&tensors, file, &h, &err) == 0, "%s", err.msg);
    aglm_tensors_finish(&tensors);
}
END_TEST

static uint32_t type_of(const char *name)
{
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(file, name);
    ck_assert_ptr_nonnull(t);
    return t->type;
}

START_TEST(types_fall_back_where_rows_do_not_fit)
{
    write_model(&tiny[1], AGLM_Q4_0, 1, 1); /* d 72, ff 160 */
    open_model();
    ck_assert_uint_eq(type_of("token_embd.weight"), AGLM_F16);
    ck_assert_uint_eq(type_of("output.weight"), AGLM_F16);
    ck_assert_uint_eq(type_of("blk.0.ffn_down.weight"), AGLM_Q4_0);
    ck_assert_uint_eq(type_of("blk.0.attn_q.bias"), AGLM_F32);
    aglm_gguf_close(&file);
    write_model(&tiny[2], AGLM_Q4_0, 1, 1); /* d 128 */
    open_model();
    ck_assert_uint_eq(type_of("token_embd.weight"), AGLM_Q4_0);
    ck_assert_uint_eq(type_of("output.weight"), AGLM_Q8_0);
    aglm_gguf_close(&file);
    write_model(&tiny[0], AGLM_Q4_0, 1, 1); /* d 256, tied */
    open_model();
    ck_assert_uint_eq(type_of("token_embd.weight"), AGLM_Q6_K);
    ck_assert_uint_eq(type_of("blk.0.attn_q.weight"), AGLM_Q4_0);
    ck_assert_uint_eq(type_of("output_norm.weight"), AGLM_F32);
}
END_TEST

static void check_moments(const char *name, double mean, double deviation)
{
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(file, name);
    const struct aglm_dtype_info *info = aglm_dtype_get(t->type);
    float *x = malloc(t->n_elements * sizeof(float));
    double sum = 0, squares = 0, n = (double)t->n_elements;
    ck_assert_ptr_nonnull(x);
    info->to_float(x, t->data, t->n_elements);
    for (uint64_t i = 0; i < t->n_elements; i++) {
        sum += x[i];
        squares += (double)x[i] * x[i];
    }
    free(x);
    double m = sum / n, d = sqrt(squares / n - m * m);
    ck_assert_msg(isfinite(squares), "%s: not finite", name);
    ck_assert_msg(fabs(m - mean) < 5 * deviation / sqrt(n), "%s: mean %g", name, m);
    ck_assert_msg(fabs(d / deviation - 1) < 0.02 + 4 / sqrt(n), "%s: deviation %g", name, d);
}

START_TEST(weights_are_well_scaled)
{
    write_model(&tiny[0], all_types[_i], 7, 2);
    open_model();
    check_moments("token_embd.weight", 0, 1 / sqrt(256));
    check_moments("blk.1.attn_q.weight", 0, 1 / sqrt(256));
    check_moments("blk.1.ffn_down.weight", 0, 1 / sqrt(512));
    check_moments("blk.1.ffn_norm.weight", 1, 0.05);
}
END_TEST

START_TEST(same_bytes_whatever_the_threads)
{
    write_model(&tiny[0], all_types[_i], 3, 1);
    uint64_t one = digest();
    write_model(&tiny[0], all_types[_i], 3, 2);
    ck_assert_uint_eq(digest(), one);
    write_model(&tiny[0], all_types[_i], 3, 5);
    ck_assert_uint_eq(digest(), one);
    write_model(&tiny[0], all_types[_i], 4, 2);
    ck_assert_uint_ne(digest(), one);
}
END_TEST

/* An embedding that takes more than one round of pieces, and a ragged last piece. */
START_TEST(large_tensors_are_the_same_too)
{
    struct aglm_preset large = tiny[0];
    large.n_layers = 1;
    large.n_vocab = 17001;
    write_model(&large, AGLM_Q8_0, 3, 1);
    uint64_t one = digest();
    write_model(&large, AGLM_Q8_0, 3, 3);
    ck_assert_uint_eq(digest(), one);
    open_model();
    check_moments("token_embd.weight", 0, 1 / sqrt(256));
}
END_TEST

/* Written down once. Should a change of the bytes be meant, SYNTH_FORMAT in synth_cache.c must be
 * raised with it, or people's cached files stay as they were. */
START_TEST(same_bytes_on_every_machine)
{
    static const uint64_t known[3][N_TYPES] = {
        {0x724d92ca9c60447a, 0x315f89ff7b1d5bde, 0x53cdf7c148d81123, 0xb33fd38f17ccadc3,
         0x48f5ad1c82d80777, 0xb52bf0255c42d6e3, 0x5460e3b8dc955088, 0x137e27812f48d906,
         0xcaf5dced9517b881, 0xdb0820caf5297f85, 0xe8b2df363f6e0910, 0x2c8c6526ed08c779,
         0x1bc1298620fa59ab, 0xfcacb7d73db6e2fc, 0xd40f815a89fff03d},
        {0x11b58a8d6e3bf9cc, 0xbd0e06451f55c59c, 0x3435325b9b3dd264, 0x192f7fa9b7d6c7d1,
         0xa5926c5f2df719bc, 0x62e56a17ccce6b40, 0x16b764175dff04c7, 0x849e376ddc8c20fa,
         0xad22457b53503092, 0x0a297f377fc8a554, 0x22782c66f7d2a7de, 0x8d42c880dd82fb19,
         0x15c0b7f840ebbbbf, 0x77a37f1d08382208, 0xd4dbe9447972af54},
        {0x538b2d7b33ad1867, 0xa393fe4cf9c32a27, 0x8083f8caf1b11161, 0x7f3f199ccedc65b4,
         0xe3c1a6579e923915, 0x9e4d493afeff7b75, 0x9a940884595c1671, 0x60b9aa8d7a59919b,
         0xc8c67b479fe13726, 0xbff0aa7e1b65cabd, 0x2de816debd1c9f59, 0x54a4532e35cc6bfc,
         0x275d9df118cab023, 0xc88d9776e48c2970, 0xf809f205291cb1f5},
    };
    for (size_t i = 0; i < N_TYPES; i++) {
        write_model(&tiny[_i], all_types[i], 1, 2);
        ck_assert_msg(digest() == known[_i][i], "%s, %s: 0x%016llx", tiny[_i].name,
                      aglm_dtype_get((uint32_t)all_types[i])->name, (unsigned long long)digest());
    }
}
END_TEST

START_TEST(rope_freqs_are_llama_3s)
{
    write_model(&tiny[0], AGLM_Q4_0, 1, 1);
    open_model();
    const struct aglm_gguf_tensor *t = aglm_gguf_tensor_find(file, "rope_freqs.weight");
    ck_assert_uint_eq(t->n_elements, 16);
    for (int i = 0; i < 16; i++) {
        double wave = 2 * 3.14159265358979 * pow(5e5, i / 16.0), expected;
        float f;
        memcpy(&f, (const float *)t->data + i, sizeof(f));
        if (wave < 8192.0 / 4)
            expected = 1;
        else if (wave > 8192.0)
            expected = 32;
        else
            expected = 1 / ((1 - (8192 / wave - 1) / 3) / 32 + (8192 / wave - 1) / 3);
        ck_assert_msg(fabs(f / expected - 1) < 1e-6, "%d: %g, must be %g", i, (double)f, expected);
    }
}
END_TEST

START_TEST(presets)
{
    static const char *const names[] = {
        "glm-edge-1.5b", "glm-edge-4b",  "chatglm3-6b",  "glm-4-9b-chat", "glm-4-9b-0414",
        "glm-4.1v-9b",   "llama-3.2-1b", "llama-3.2-3b", "qwen2.5-0.5b",  "qwen2.5-1.5b",
        "qwen2.5-3b",    "qwen2.5-7b",   "qwen3-0.6b",   "qwen3-1.7b",    "qwen3-4b",
        "gemma-3-1b",    "smollm2-135m", "smollm2-360m", "smollm2-1.7b"};
    ck_assert_uint_eq(aglm_preset_count(), sizeof(names) / sizeof(names[0]));
    for (size_t i = 0; i < aglm_preset_count(); i++) {
        const struct aglm_preset *p = aglm_preset_find(names[i]);
        ck_assert_msg(p && strcmp(p->name, names[i]) == 0, "%s", names[i]);
        ck_assert_ptr_nonnull(aglm_arch_find(p->arch));
        ck_assert_uint_eq(p->n_heads % p->n_kv_heads, 0);
        const bool wide = strncmp(p->name, "qwen3", 5) == 0 || strcmp(p->name, "gemma-3-1b") == 0;
        ck_assert_msg(wide || p->n_heads * p->head_dim == p->n_embd, "%s", names[i]);
        ck_assert(p->n_rot % 2 == 0 && p->n_rot <= p->head_dim);
        ck_assert_msg(!p->rope_freqs || (p->head_dim & (p->head_dim - 1)) == 0, "%s", names[i]);
        ck_assert_uint_lt(aglm_synth_size(p, AGLM_Q4_0), aglm_synth_size(p, AGLM_Q8_0));
        ck_assert_uint_lt(aglm_synth_size(p, AGLM_Q8_0), aglm_synth_size(p, AGLM_F16));
    }
    ck_assert_ptr_eq(aglm_preset_find("GLM-Edge-1.5B"), aglm_preset_at(0));
    ck_assert_ptr_null(aglm_preset_find("glm"));
    ck_assert_ptr_null(aglm_preset_find(""));
    ck_assert_ptr_null(aglm_preset_at(aglm_preset_count()));
    ck_assert_uint_eq(aglm_synth_size(aglm_preset_at(0), AGLM_Q4_0), 928010080);
}
END_TEST

/* ---- failures ---- */

static bool stop(void *ctx, uint64_t done, uint64_t total)
{
    ck_assert_uint_le(done, total);
    return ++*(int *)ctx < 3;
}

START_TEST(can_be_stopped)
{
    int calls = 0;
    struct aglm_synth_options options = {
        .type = AGLM_Q8_0, .seed = 1, .n_threads = 2, .progress = stop, .progress_ctx = &calls};
    ck_assert_int_eq(aglm_synth_write(&tiny[0], &options, path, &err), -ECANCELED);
    ck_assert_int_eq(calls, 3);
    ck_assert_int_ne(access(path, F_OK), 0);
}
END_TEST

START_TEST(free_space_is_checked_first)
{
    struct aglm_preset vast = tiny[0];
    struct aglm_synth_options options = {.type = AGLM_F32, .seed = 1, .n_threads = 1};
    vast.n_embd = 1u << 16;
    vast.n_vocab = 1u << 31; /* 2^49 bytes */
    ck_assert_int_eq(aglm_synth_write(&vast, &options, path, &err), -ENOSPC);
    ck_assert_msg(strstr(err.msg, "needs 5629") && strstr(err.msg, "MB free"), "%s", err.msg);
}
END_TEST

START_TEST(a_full_disk_leaves_nothing)
{
    struct rlimit old, low;
    struct aglm_synth_options options = {.type = AGLM_Q8_0, .seed = 1, .n_threads = 2};
    ck_assert_int_eq(getrlimit(RLIMIT_FSIZE, &old), 0);
    low = old;
    low.rlim_cur = 1 << 20;
    signal(SIGXFSZ, SIG_IGN);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &low), 0);
    ck_assert_int_eq(aglm_synth_write(&tiny[0], &options, path, &err), -EFBIG);
    ck_assert_int_eq(setrlimit(RLIMIT_FSIZE, &old), 0);
    ck_assert_msg(strstr(err.msg, "cannot write"), "%s", err.msg);
}
END_TEST

START_TEST(refuses_options)
{
    struct aglm_synth_options none = {.type = AGLM_F32, .seed = 1, .n_threads = 0};
    struct aglm_synth_options type = {.type = (enum aglm_dtype)15, .seed = 1, .n_threads = 1};
    struct aglm_synth_options good = {.type = AGLM_F32, .seed = 1, .n_threads = 1};
    ck_assert_int_eq(aglm_synth_write(&tiny[0], &none, path, &err), -EINVAL);
    ck_assert_int_eq(aglm_synth_write(&tiny[0], &type, path, &err), -EINVAL);
    ck_assert_int_eq(aglm_synth_write(&tiny[0], &good, "/no/such/folder/x", &err), -ENOENT);
    ck_assert_ptr_nonnull(strstr(err.msg, "/no/such/folder/x"));
}
END_TEST

/* ---- the cache ---- */

static const struct aglm_synth_options cache_options = {
    .type = AGLM_F32, .seed = 99, .n_threads = 2};

START_TEST(a_plain_path_is_copied)
{
    char out[32];
    ck_assert_int_eq(aglm_synth_resolve("some/file.gguf", &cache_options, out, sizeof(out), &err),
                     0);
    ck_assert_str_eq(out, "some/file.gguf");
    ck_assert_int_eq(aglm_synth_resolve("some/longer/path/to/a/file.gguf", &cache_options, out,
                                        sizeof(out), &err),
                     0);
    ck_assert_int_eq(aglm_synth_resolve("some/longer/path/to/a/file2.gguf", &cache_options, out,
                                        sizeof(out), &err),
                     -ENAMETOOLONG);
    ck_assert_str_eq(out, "some/longer/path/to/a/file.gguf");
}
END_TEST

START_TEST(bad_presets_are_named)
{
    static const struct {
        const char *model, *words;
    } bad[] = {
        {"preset:nothing", "no preset named \"nothing\"; there are glm-edge-1.5b, glm-edge-4b"},
        {"preset:", "smollm2-1.7b"},
        {"preset::q4_0", "no preset"},
        {"preset:glm-edge-1.5b:q9", "no type \"q9\""},
        {"preset:glm-edge-1.5b:", "no type \"\""},
        {"preset:glm-edge-1.5b:q4_0:x", "no type \"q4_0:x\""},
        {"preset:a-very-long-name-a-very-long-name-a-very-long-name-a-very-long-name-a-very-long-"
         "name",
         "no preset"},
    };
    char out[64] = "untouched";
    setenv("XDG_CACHE_HOME", folder, 1);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        ck_assert_int_eq(aglm_synth_resolve(bad[i].model, &cache_options, out, sizeof(out), &err),
                         -EINVAL);
        ck_assert_msg(strstr(err.msg, bad[i].words) != NULL, "%s", err.msg);
    }
    ck_assert_str_eq(out, "untouched");
}
END_TEST

START_TEST(no_home_is_said)
{
    char out[4096];
    unsetenv("HOME");
    setenv("XDG_CACHE_HOME", "relative", 1); /* to be ignored */
    ck_assert_int_eq(
        aglm_synth_resolve("preset:smollm2-135m", &cache_options, out, sizeof(out), &err), -ENOENT);
    ck_assert_msg(strstr(err.msg, "XDG_CACHE_HOME") != NULL, "%s", err.msg);
}
END_TEST

static ino_t inode(const char *name)
{
    struct stat st;
    ck_assert_int_eq(stat(name, &st), 0);
    return st.st_ino;
}

START_TEST(cached_file_is_made_once_and_again_when_damaged)
{
    char out[4096], expected[256], cache[160];
    setenv("HOME", folder, 1);
    unsetenv("XDG_CACHE_HOME");
    snprintf(cache, sizeof(cache), "%s/.cache/aglm-bench", folder);
    snprintf(expected, sizeof(expected), "%s/smollm2-135m-q4_0-v1.gguf", cache);
    const char *model = "preset:smollm2-135m";
    ck_assert_msg(aglm_synth_resolve(model, &cache_options, out, sizeof(out), &err) == 0, "%s",
                  err.msg);
    ck_assert_str_eq(out, expected);
    struct stat st;
    ck_assert_int_eq(stat(cache, &st), 0);
    ck_assert_uint_eq(st.st_mode & 0777, 0755);
    ino_t first = inode(out);
    ck_assert_int_eq(
        aglm_synth_resolve("preset:SmolLM2-135M:Q4_0", &cache_options, out, sizeof(out), &err), 0);
    ck_assert_uint_eq(inode(out), first);

    ck_assert_int_eq(truncate(out, 1000), 0);
    ck_assert_int_eq(aglm_synth_resolve(model, &cache_options, out, sizeof(out), &err), 0);
    ck_assert_int_eq(stat(out, &st), 0);
    ck_assert_int_eq(st.st_size, 89958144);

    int fd = open(out, O_WRONLY);
    ck_assert_int_eq(pwrite(fd, "rubbish", 7, 0), 7);
    close(fd);
    ck_assert_int_eq(aglm_synth_resolve(model, &cache_options, out, sizeof(out), &err), 0);
    ck_assert_msg(aglm_gguf_open(&file, out, &err) == 0, "%s", err.msg);
    aglm_gguf_close(&file);
    unlink(out);
    rmdir(cache);
    snprintf(cache, sizeof(cache), "%s/.cache", folder);
    rmdir(cache);
}
END_TEST

START_TEST(two_processes_at_once)
{
    char out[4096], cache[160];
    setenv("XDG_CACHE_HOME", folder, 1);
    pid_t children[3];
    for (int i = 0; i < 3; i++) {
        children[i] = fork();
        ck_assert_int_ge(children[i], 0);
        if (children[i] == 0)
            _exit(aglm_synth_resolve("preset:smollm2-135m", &cache_options, out, sizeof(out),
                                     NULL) != 0);
    }
    for (int i = 0; i < 3; i++) {
        int status;
        ck_assert_int_eq(waitpid(children[i], &status, 0), children[i]);
        ck_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    snprintf(cache, sizeof(cache), "%s/aglm-bench", folder);
    snprintf(out, sizeof(out), "%s/smollm2-135m-q4_0-v1.gguf", cache);
    ck_assert_msg(aglm_gguf_open(&file, out, &err) == 0, "%s", err.msg);
    ck_assert_uint_eq(aglm_gguf_file_size(file), 89958144);
    unlink(out);
    ck_assert_int_eq(rmdir(cache), 0); /* no partial file is left */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("synth");
    TCase *tc = tcase_create("synth");
    tcase_set_timeout(tc, 120);
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, metadata_and_shapes, 0, sizeof(tiny) / sizeof(tiny[0]));
    tcase_add_test(tc, types_fall_back_where_rows_do_not_fit);
    tcase_add_loop_test(tc, weights_are_well_scaled, 0, N_TYPES);
    tcase_add_loop_test(tc, same_bytes_whatever_the_threads, 0, N_TYPES);
    tcase_add_test(tc, large_tensors_are_the_same_too);
    tcase_add_loop_test(tc, same_bytes_on_every_machine, 0, 3);
    tcase_add_test(tc, rope_freqs_are_llama_3s);
    tcase_add_test(tc, presets);
    tcase_add_test(tc, can_be_stopped);
    tcase_add_test(tc, free_space_is_checked_first);
    tcase_add_test(tc, a_full_disk_leaves_nothing);
    tcase_add_test(tc, refuses_options);
    tcase_add_test(tc, a_plain_path_is_copied);
    tcase_add_test(tc, bad_presets_are_named);
    tcase_add_test(tc, no_home_is_said);
    tcase_add_test(tc, cached_file_is_made_once_and_again_when_damaged);
    tcase_add_test(tc, two_processes_at_once);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* The timed window holds no allocation and, but for the engine's own, no system call.
 *
 * Allocations are counted by the linker's --wrap: every call of this program's own code goes
 * through here. A repetition of few tokens and one of many must make the same number of them, with
 * every backend, fused or not, profiled or not. The null engine and the session then run where the
 * kernel kills whoever calls it.
 */
#include "bench/measure.h"
#include "engine/fusion.h"
#include "engine/synth.h"

#include <check.h>
#include <linux/seccomp.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* A sanitizer's runtime calls the kernel when it likes. */
#ifndef __has_feature
#define __has_feature(x) 0
#endif
#if defined(__SANITIZE_THREAD__) || defined(__SANITIZE_ADDRESS__) || \
    __has_feature(address_sanitizer)
enum { SANITIZED = true };
#else
enum { SANITIZED = false };
#endif

static atomic_uint allocations;

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

void *__wrap_malloc(size_t n)
{
    allocations++;
    return __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
    allocations++;
    return __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
    allocations++;
    return __real_realloc(p, n);
}

enum { VOCAB = 100, MOST = 250 };

static const struct aglm_preset TINY = {.name = "tiny",
                                        .title = "Tiny",
                                        .arch = "qwen2",
                                        .n_layers = 2,
                                        .n_embd = 64,
                                        .n_heads = 4,
                                        .n_kv_heads = 2,
                                        .head_dim = 16,
                                        .n_ff = 96,
                                        .n_vocab = VOCAB,
                                        .n_rot = 16,
                                        .n_ctx_train = 256,
                                        .rope_theta = 1e4f,
                                        .rms_eps = 1e-6f,
                                        .qkv_bias = true};

static char folder[64], path[128];
static struct aglm_model *model;
static struct aglm_session *session;
static int32_t tokens[MOST];

static void setup(void)
{
    const struct aglm_synth_options options = {.type = AGLM_Q8_0, .seed = 1, .n_threads = 1};
    snprintf(folder, sizeof(folder), "/tmp/aglm-window-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(path, sizeof(path), "%s/tiny.gguf", folder);
    ck_assert_int_eq(aglm_synth_write(&TINY, &options, path, NULL), 0);
    for (int32_t i = 0; i < MOST; i++) {
        tokens[i] = i % VOCAB;
    }
}

static void teardown(void)
{
    aglm_session_close(&session);
    aglm_model_close(&model);
    unlink(path);
    rmdir(folder);
}

static void open_session(const char *backend, uint32_t unfused)
{
    const struct aglm_model_options mo = {
        .path = path, .backend = backend, .isa = "auto", .n_load_threads = 1};
    const struct aglm_session_options so = {
        .n_ctx = MOST, .n_batch = 64, .n_ubatch = 16, .n_threads = 2, .unfused = unfused};
    ck_assert_int_eq(aglm_model_open(&model, &mo, NULL), 0);
    ck_assert_int_eq(aglm_session_open(&session, model, &so, NULL), 0);
}

/* What one repetition of a prompt and an answer allocates. */
static unsigned allocations_of(uint32_t n_prompt, uint32_t n_gen, struct aglm_op_profile *profile)
{
    const struct aglm_test test = {.n_prompt = n_prompt, .n_gen = n_gen};
    struct aglm_sample sample;
    const unsigned before = allocations;
    ck_assert_int_eq(aglm_measure_once(&sample, session, tokens, &test, VOCAB, profile, NULL, NULL),
                     0);
    const unsigned made = allocations - before;
    free(sample.token_ns);
    return made;
}

static const struct {
    const char *backend;
    uint32_t unfused;
    bool profiled;
} ways[] = {{"null", 0, false},
            {"cpu", 0, false},
            {"cpu", 0, true},
            {"cpu", AGLM_FUSE_ALL, false},
            {"cpu", AGLM_FUSE_ALL, true}};

START_TEST(nothing_allocates_per_token)
{
    struct aglm_op_profile profile[2] = {0};
    open_session(ways[_i].backend, ways[_i].unfused);
    const unsigned few = allocations_of(1, 2, ways[_i].profiled ? profile : NULL);
    ck_assert_uint_gt(few, 0); /* the sample's own: the counter counts */
    ck_assert_uint_eq(allocations_of(120, 100, ways[_i].profiled ? profile : NULL), few);
    ck_assert_uint_eq(profile[1].op[AGLM_OP_LOGITS].calls, ways[_i].profiled ? 2 + 100 : 0);
}
END_TEST

/* Exit status of a child that decodes where every system call but exit kills. */
static int decode_without_kernel(bool call)
{
    int status = 0;
    const pid_t pid = fork();
    ck_assert_int_ge(pid, 0);
    if (pid == 0) {
        int rc = prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
        for (int i = 0; i < 100 && rc == 0; i++) {
            rc = aglm_session_decode(session, tokens[i], NULL);
        }
        if (call) {
            (void)syscall(SYS_getppid);
        }
        (void)syscall(SYS_exit, rc == 0 ? 0 : 1);
    }
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    return status;
}

START_TEST(the_null_engine_calls_no_kernel)
{
    open_session("null", 0);
    const int status = decode_without_kernel(false);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %#x", (unsigned)status);
    ck_assert(WIFSIGNALED(decode_without_kernel(true))); /* the cage holds */
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("window");
    TCase *tc = tcase_create("all");
    tcase_add_checked_fixture(tc, setup, teardown);
    tcase_add_loop_test(tc, nothing_allocates_per_token, 0, sizeof(ways) / sizeof(ways[0]));
    tcase_add_loop_test(tc, the_null_engine_calls_no_kernel, 0, SANITIZED ? 0 : 1);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_ENV);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? 1 : 0;
}

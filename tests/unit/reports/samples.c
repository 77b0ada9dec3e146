/* Records and folders for the tests of the reports room. */
#include "tests/unit/reports/suites.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

const char *scratch_dir(void)
{
    static char dir[64];
    if (!dir[0]) {
        snprintf(dir, sizeof(dir), "/tmp/aglm-reports-XXXXXX");
        if (!mkdtemp(dir) || chmod(dir, 0777) < 0) { /* outside of any test: no ck_assert */
            perror(dir);
            exit(EXIT_FAILURE);
        }
    }
    return dir;
}

const char *scratch(const char *name)
{
    static char paths[4][256];
    static unsigned next;
    char *path = paths[next++ % 4];
    snprintf(path, sizeof(paths[0]), "%s/%s", scratch_dir(), name);
    return path;
}

#define SET(field, ...) snprintf(field, sizeof(field), __VA_ARGS__)

static void fill_texts(struct aglm_record *r, unsigned n)
{
    SET(r->run_uuid, "0192e4a0-0000-7000-8000-%012u", n / 10);
    SET(r->test_uuid, "0192e4a0-0000-7000-9000-%012u", n);
    SET(r->suite, "bench");
    SET(r->test, "pp512");
    SET(r->label, "label %u", n);
    SET(r->version, "0.1.%u", n);
    SET(r->commit, "%08xdeadbeefdeadbeefdeadbeefdeadbeef", n);
    SET(r->compiler, "gcc 12.2.%u", n);
    SET(r->flags, "-O2 -D%u", n);
    SET(r->fingerprint, "5d2c1f90a7be4e31b0d88f1c6a2e7744");
    SET(r->cpu_info, "Test CPU");
    SET(r->gpu_info, "GPU %u", n);
    SET(r->model_path, "/models/m%u.gguf", n);
    SET(r->model_name, "GLM-Edge-1.5B");
    SET(r->model_type, "chatglm 1.5B Q%u", n);
    SET(r->arch, "chatglm");
    SET(r->quantization, "Q4_0");
    SET(r->model_digest, "%032u", n);
    SET(r->backend, "cpu");
    SET(r->isa, "avx2");
    SET(r->cpu_mask, "0x%x", n);
    SET(r->affinity, "0-%u", n);
    SET(r->requantize, "q4_%u", n);
    SET(r->type_k, "k%u", n);
    SET(r->type_v, "v%u", n);
    SET(r->fuse, "%s", n ? "all-rope" : "all");
    SET(r->order, "shuffled");
}

void fill_answers(struct aglm_record *r, unsigned n, unsigned items, unsigned reference,
                  unsigned right)
{
    struct aglm_accuracy *a = &r->accuracy;
    SET(a->model, "glm-mini");
    SET(a->model_digest, "%032u", 7U);
    SET(a->items_digest, "%032u", 8U);
    SET(a->reference, "F32");
    a->n_file = items + 300;
    a->n_items = 2 * items;
    a->n_threads = 1 + n;
    a->prune = n % 2 ? 0.25 : 0;
    a->prefill_ts = 20000.5 + n;
    a->decode_ts = 5000 + n;
    a->wall_ns = 1e9 + n;
    a->others_cpu_percent = n % 2 ? NAN : 1.5;
    a->parts = calloc(2, sizeof(*a->parts));
    ck_assert_ptr_nonnull(a->parts);
    a->n_parts = 2;
    for (unsigned i = 0; i < 2; i++) {
        a->parts[i] =
            (struct aglm_accuracy_part){.n = items,
                                        .right = right,
                                        .n_paired = items,
                                        .reference_right = reference,
                                        .lost = reference > right ? reference - right : 0,
                                        .gained = right > reference ? right - reference : 0};
        SET(a->parts[i].part, "%s", i ? "step" : "command");
        SET(a->parts[i].lang, "%s", i ? "en" : "zh");
    }
}

static void fill_during(struct aglm_during *d, unsigned n)
{
    *d = (struct aglm_during){1700000000500 + n, 5 + n, 0.25,    40, 41.5, 50 + n,
                              1e6 + n,           99,    100,     2,  1,    NAN,
                              0.0 + n,           30,    3.5 + n, ""};
    SET(d->energy, "processor's counters %u", n);
}

void fill_record(struct aglm_record *r, unsigned n)
{
    aglm_record_init(r);
    fill_texts(r, n);
    r->started_ms = 1700000000000 + n;
    r->profile_json =
        strdup("{\"schema\":1,\"facts\":[{\"key\":\"memory.total\",\"label\":\"Memory\","
               "\"value\":8000000000,\"unit\":\"bytes\",\"source\":\"/proc/meminfo\"}]}");
    r->model_size = 900000000 + n;
    r->model_n_params = 1500000000 + n;
    r->bytes_per_token = 800000000 + n;
    r->load_ns = 1000000 + n;
    SET(r->load, n % 2 ? "mmap" : "pack");
    r->pack_ns = n % 2 ? 0 : 900000 + n;
    r->packed_bytes = n % 2 ? 0 : 900000001 + n;
    r->n_threads = 1 + n;
    r->n_batch = 2048 + n;
    r->n_ubatch = 512 + n;
    r->n_prompt = 512;
    r->n_gen = 3;
    r->n_depth = n;
    r->repetitions = 2;
    r->seed = 123456789012345 + n;
    r->cpu_strict = n % 2;
    r->warmup = true;
    r->delay_s = n;
    r->valid = n % 2 == 0;
    r->kv_bytes_per_token = 1000.5 + n;
    r->prefill_ops = 1e12 + n;
    SET(r->prefill_kind, n % 2 ? "int8" : "f32");
    r->roof_read = (struct aglm_roof_range){30e9 + n, 29e9 + n, 28e9 + n};
    r->roof_int8 = (struct aglm_roof_range){300e9 + n, 290e9 + n, 280e9 + n};
    r->roof_f32 = (struct aglm_roof_range){90e9 + n, 80e9 + n, NAN};
    SET(r->roof_when, "start, %u rounds, end", n);
    SET(r->reasons, "%s", r->valid ? "" : "others used 50% of the CPU; ended early");
    r->operators = calloc(2, sizeof(*r->operators));
    ck_assert_ptr_nonnull(r->operators);
    r->n_operators = 2;
    for (unsigned i = 0; i < 2; i++) {
        r->operators[i] = (struct aglm_operator){.calls = 7 + n,
                                                 .ns = 1000000000 + n,
                                                 .wait_ns = 500000000 + i,
                                                 .weight_bytes = 4e9 + i,
                                                 .kv_bytes = 0.5 + n,
                                                 .act_bytes = 3e8,
                                                 .int8_ops = 2e10 + i,
                                                 .float_ops = 1e7 + n};
        SET(r->operators[i].phase, "%s", i ? "decode" : "prefill");
        SET(r->operators[i].name, "down");
    }
    fill_answers(r, n, 100 + n, 98, 90);
    for (unsigned i = 0; i < 2; i++) {
        struct aglm_sample s = {.prefill_ns = 4000000000 + n + i,
                                .first_token_ns = 5000000000 + i, /* beyond 32 bits */
                                .n_token_ns = 2,
                                .total_ns = 9000000000 + i,
                                .peak_rss_bytes = 1 << 30};
        s.token_ns = calloc(2, sizeof(*s.token_ns));
        ck_assert_ptr_nonnull(s.token_ns);
        s.token_ns[0] = 4500000000 + n;
        s.token_ns[1] = 255 + n;
        s.before = (struct aglm_conditions){0.5, NAN, 8e9, NAN, 3e6, 7, 100, 90, NAN, 5};
        s.after = (struct aglm_conditions){0.75, 12.5, 7e9, 61.5, NAN, -1, 200, 95, 0, 50};
        aglm_during_init(&s.during);
        if (i == 1) /* the first was not watched */
            fill_during(&s.during, n);
        ck_assert_int_eq(aglm_record_add(r, &s), 0);
    }
}

void fill_sweep(struct aglm_record *r, unsigned n, const char *quantization, unsigned threads,
                unsigned n_prompt, unsigned n_gen, double speed)
{
    aglm_record_init(r);
    fill_texts(r, 0);
    SET(r->run_uuid, "0192e4a0-0000-7000-8000-%012u", n / 100);
    SET(r->test_uuid, "0192e4a0-0000-7000-9000-%012u", n);
    SET(r->test, n_gen ? "tg%u" : "pp%u", n_gen ? n_gen : n_prompt);
    SET(r->quantization, "%s", quantization);
    SET(r->model_digest, "%s", quantization);
    SET(r->label, "%s", "");
    r->started_ms = 1700000000000 + 1000LL * n + 86400000LL * (n / 100);
    r->n_threads = threads;
    r->n_prompt = n_prompt;
    r->n_gen = n_gen;
    r->n_batch = 2048;
    r->n_ubatch = 512;
    r->repetitions = 7;
    r->bytes_per_token = r->model_size = 900000000;
    for (unsigned i = 0; i < 7; i++) {
        double token = 1e9 / (speed * (1 + 0.001 * i));
        struct aglm_sample s = {.prefill_ns = (uint64_t)(n_prompt * token),
                                .first_token_ns = n_gen ? (uint64_t)token : 0,
                                .n_token_ns = n_gen ? n_gen - 1 : 0,
                                .peak_rss_bytes = 1000000000};
        s.total_ns = (uint64_t)((n_prompt + n_gen) * token);
        s.token_ns = calloc(s.n_token_ns + 1, sizeof(*s.token_ns));
        ck_assert_ptr_nonnull(s.token_ns);
        for (size_t k = 0; k < s.n_token_ns; k++)
            s.token_ns[k] = (uint64_t)token;
        ck_assert_int_eq(aglm_record_add(r, &s), 0);
    }
}

struct aglm_store *open_store(const char *path)
{
    struct aglm_store *store = NULL;
    struct aglm_err err = {0};
    ck_assert_msg(aglm_store_open(&store, path, &err) == 0, "%s", err.msg);
    return store;
}

void put(struct aglm_store *store, const struct aglm_record *rec)
{
    struct aglm_err err = {0};
    ck_assert_msg(aglm_store_put(store, rec, &err) == 0, "%s", err.msg);
}

void fill_store(struct aglm_store *store)
{
    static const char *const quantizations[] = {"Q4_0", "Q8_0", "F32"};
    struct aglm_record rec;
    for (unsigned day = 0; day < 2; day++) {
        unsigned n = day * 100;
        for (unsigned q = 0; q < 3; q++) {
            for (unsigned threads = 1; threads <= 4; threads *= 2) {
                fill_sweep(&rec, n++, quantizations[q], threads, 512, 0, 100.0 * threads / (q + 1));
                put(store, &rec);
                aglm_record_finish(&rec);
                fill_sweep(&rec, n++, quantizations[q], threads, 0, 32, 20.0 * threads / (q + 1));
                put(store, &rec);
                aglm_record_finish(&rec);
            }
        }
    }
}

char *read_all(const char *path)
{
    struct stat st;
    FILE *f = fopen(path, "r");
    ck_assert_ptr_nonnull(f);
    ck_assert_int_eq(fstat(fileno(f), &st), 0);
    char *text = calloc(1, (size_t)st.st_size + 1);
    ck_assert_uint_eq(fread(text, 1, (size_t)st.st_size, f), (size_t)st.st_size);
    fclose(f);
    return text;
}

void check_page(const char *path, const char *plots, const char *const *links)
{
    const char *python = getenv("AGLM_PYTHON"), *script = getenv("AGLM_CHECK_PAGE");
    const char *argv[64] = {python, script, path, plots};
    size_t n = 4;
    ck_assert_msg(python && script,
                  "run this test with meson test: it sets AGLM_PYTHON and AGLM_CHECK_PAGE");
    for (; links && *links && n < 63; links++)
        argv[n++] = *links;
    pid_t pid = fork();
    if (pid == 0) {
        execvp(python, (char *const *)(uintptr_t)argv);
        _exit(127);
    }
    int status;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_int_eq(status, 0);
}

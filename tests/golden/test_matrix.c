/* Every architecture with every tensor type, and every pair of cache types, against llama.cpp.
 *
 * Inputs: matrix.txt and matrix.f32 of this folder (see README.md); the model files are made here,
 * from their descriptions. Every case runs with every instruction set that the machine has; "c"
 * must always be there. With AGLM_MATRIX_TABLE set in the environment a table of all NMSE is
 * printed instead, and nothing is judged.
 */
#include "engine/fusion.h"
#include "engine/session.h"
#include "tests/golden/cases.h"
#include "tests/golden/matrix.h"

#include <check.h>
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MAX_CASES = 512, KEPT = MATRIX_ROWS * MATRIX_VOCAB };

static struct {
    double limit;
    uint64_t digest;
    float rows[KEPT]; /* llama.cpp's logits */
} references[MAX_CASES];

static const char *const isas[] = {"c", "avx2", "avxvnni", "avx512"};
enum { N_ISAS = sizeof(isas) / sizeof(isas[0]) };

/* ---- the committed answers ---- */

static bool bad_line(size_t i, const char *line)
{
    fprintf(stderr, "matrix.txt: line of case %zu is not what it must be: %s", i, line);
    return false;
}

static bool read_lines(FILE *text, FILE *data)
{
    char line[256];
    size_t i = 0;
    while (fgets(line, sizeof(line), text)) {
        struct matrix_case c;
        char name[48];
        if (line[0] == '#')
            continue;
        if (i == matrix_count())
            return bad_line(i, line);
        matrix_describe(&c, i);
        if (sscanf(line, "%47[^\t]\t%lf\t%" SCNx64, name, &references[i].limit,
                   &references[i].digest) != 3 ||
            strcmp(name, c.name) != 0)
            return bad_line(i, line);
        if (fread(references[i].rows, sizeof(float), KEPT, data) != KEPT)
            return bad_line(i, "matrix.f32 is too short\n");
        i++;
    }
    return (i == matrix_count() && fgetc(data) == EOF) || bad_line(i, "missing, or more data\n");
}

static bool read_references(void)
{
    FILE *text = fopen(AGLM_GOLDEN_DIR "/matrix.txt", "r");
    FILE *data = fopen(AGLM_GOLDEN_DIR "/matrix.f32", "rb");
    bool ok = text && data && matrix_count() <= MAX_CASES;
    if (!ok)
        perror(AGLM_GOLDEN_DIR "/matrix.txt or matrix.f32");
    ok = ok && read_lines(text, data);
    if (text)
        fclose(text);
    if (data)
        fclose(data);
    return ok;
}

/* ---- running ---- */

/* A model file on disk, removed by close_file; its digest. */
struct model_file {
    char path[512];
    uint64_t digest;
};

static void make_file(struct model_file *file, const struct matrix_case *c)
{
    const char *folder = getenv("TMPDIR");
    size_t size;
    uint8_t *bytes = matrix_model(c, &size);
    snprintf(file->path, sizeof(file->path), "%s/aglm-matrix-XXXXXX", folder ? folder : "/tmp");
    int fd = mkstemp(file->path);
    ck_assert_msg(fd >= 0, "%s: %s", file->path, strerror(errno));
    ck_assert_int_eq(write(fd, bytes, size), (ssize_t)size);
    ck_assert_int_eq(close(fd), 0);
    file->digest = matrix_digest(bytes, size);
    free(bytes);
}

static void close_file(struct model_file *file)
{
    unlink(file->path);
}

/* NULL if the machine lacks the instruction set; any other failure fails the test. */
static struct aglm_model *open_model(const struct matrix_case *c, const char *path, const char *isa)
{
    struct aglm_model_options options = {
        .path = path, .backend = "cpu", .isa = isa, .n_load_threads = 1};
    struct aglm_model *model = NULL;
    struct aglm_err err = {0};
    int r = aglm_model_open(&model, &options, &err);
    if (r == -ENOTSUP && strcmp(isa, "c") != 0)
        return NULL;
    ck_assert_msg(r == 0, "%s, isa %s: %s", c->name, isa, err.msg);
    ck_assert_str_eq(aglm_model_info(model)->isa, isa);
    ck_assert_str_eq(aglm_model_info(model)->arch, c->arch);
    ck_assert_uint_eq(aglm_model_info(model)->n_vocab, MATRIX_VOCAB);
    return model;
}

static struct aglm_session *open_unfused(const struct matrix_case *c, struct aglm_model *model,
                                         uint32_t unfused, unsigned n_threads)
{
    struct aglm_session_options options = {.n_ctx = MATRIX_TOKENS,
                                           .n_batch = MATRIX_TOKENS,
                                           .n_ubatch = MATRIX_TOKENS,
                                           .n_threads = n_threads,
                                           .unfused = unfused,
                                           .type_k = c->type_k,
                                           .type_v = c->type_v};
    struct aglm_session *session = NULL;
    struct aglm_err err = {0};
    int r = aglm_session_open(&session, model, &options, &err);
    ck_assert_msg(r == 0, "%s: %s", c->name, err.msg);
    return session;
}

static struct aglm_session *open_session(const struct matrix_case *c, struct aglm_model *model)
{
    return open_unfused(c, model, 0, 1);
}

/* All tokens at once; the kept rows: [MATRIX_ROWS, MATRIX_VOCAB]. */
static void eval(const struct matrix_case *c, struct aglm_model *model, float kept[static KEPT])
{
    static float rows[MATRIX_TOKENS * MATRIX_VOCAB];
    struct aglm_err err = {0};
    struct aglm_session *session = open_session(c, model);
    int r = aglm_session_eval(session, c->tokens, MATRIX_TOKENS, rows, &err);
    ck_assert_msg(r == 0, "%s: %s", c->name, err.msg);
    for (size_t i = 0; i < MATRIX_ROWS; i++)
        memcpy(kept + i * MATRIX_VOCAB, rows + matrix_position(i) * MATRIX_VOCAB,
               MATRIX_VOCAB * sizeof(*kept));
    aglm_session_close(&session);
}

/* The same, token by token. */
static void decode(const struct matrix_case *c, struct aglm_model *model, float kept[static KEPT])
{
    struct aglm_session *session = open_session(c, model);
    for (size_t t = 0, row = 0; t < MATRIX_TOKENS; t++) {
        struct aglm_err err = {0};
        int r = aglm_session_decode(session, c->tokens[t], &err);
        ck_assert_msg(r == 0, "%s: %s", c->name, err.msg);
        if (t == matrix_position(row))
            memcpy(kept + row++ * MATRIX_VOCAB, aglm_session_logits(session),
                   MATRIX_VOCAB * sizeof(*kept));
    }
    aglm_session_close(&session);
}

static void judge(const struct matrix_case *c, size_t i, const char *isa, const char *what,
                  const float *kept)
{
    double nmse = golden_nmse(kept, references[i].rows, KEPT);
    ck_assert_msg(nmse <= references[i].limit, "%s, isa %s, %s: NMSE %.3g, allowed %.3g", c->name,
                  isa, what, nmse, references[i].limit);
}

START_TEST(agrees_with_llama_cpp)
{
    struct matrix_case c;
    struct model_file file;
    float kept[KEPT];
    size_t i = (size_t)_i;
    matrix_describe(&c, i);
    make_file(&file, &c);
    ck_assert_msg(file.digest == references[i].digest,
                  "%s: the generator makes another file than llama.cpp saw (digest %016" PRIx64 ", "
                  "matrix.txt says %016" PRIx64 "); make the references anew, see README.md",
                  c.name, file.digest, references[i].digest);
    for (size_t k = 0; k < N_ISAS; k++) {
        struct aglm_model *model = open_model(&c, file.path, isas[k]);
        if (!model)
            continue;
        eval(&c, model, kept);
        judge(&c, i, isas[k], "eval", kept);
        if (c.cache || strcmp(c.type, "f32") == 0) {
            decode(&c, model, kept);
            judge(&c, i, isas[k], "decode", kept);
        }
        aglm_model_close(&model);
    }
    close_file(&file);
}
END_TEST

/* ---- fused or not ---- */

/* Ten tokens at once, then the others one by one: [MATRIX_TOKENS - 9, MATRIX_VOCAB]. What the
 * operators did, if profile is given. */
enum { TOGETHER = 10, LOGITS = (MATRIX_TOKENS - TOGETHER + 1) * MATRIX_VOCAB };

static void run_unfused(const struct matrix_case *c, struct aglm_model *model, uint32_t unfused,
                        unsigned n_threads, float *logits, struct aglm_op_profile *profile)
{
    struct aglm_session *session = open_unfused(c, model, unfused, n_threads);
    if (profile) {
        *profile = (struct aglm_op_profile){0};
        ck_assert_int_eq(aglm_session_profile(session, profile, NULL), 0);
    }
    ck_assert_int_eq(aglm_session_prefill(session, c->tokens, TOGETHER, NULL), 0);
    for (size_t t = TOGETHER;; t++) {
        memcpy(logits, aglm_session_logits(session), MATRIX_VOCAB * sizeof(*logits));
        logits += MATRIX_VOCAB;
        if (t == MATRIX_TOKENS)
            break;
        ck_assert_int_eq(aglm_session_decode(session, c->tokens[t], NULL), 0);
    }
    aglm_session_close(&session);
}

/* The operator that a fusion is about. */
static const struct {
    uint32_t bit;
    enum aglm_op op;
} fusions[] = {{AGLM_FUSE_NORM, AGLM_OP_NORM},
               {AGLM_FUSE_QKV, AGLM_OP_QKV},
               {AGLM_FUSE_GATEUP, AGLM_OP_ACTIVATION},
               {AGLM_FUSE_ROPE, AGLM_OP_ROPE},
               {AGLM_FUSE_SOFTMAX, AGLM_OP_ATTENTION}};
enum { N_FUSIONS = sizeof(fusions) / sizeof(fusions[0]) };

static void compare_unfused(const struct matrix_case *c, struct aglm_model *model, uint32_t unfused,
                            const float *fused, double limit)
{
    float logits[LOGITS];
    for (unsigned threads = 1; threads <= 3; threads++) {
        run_unfused(c, model, unfused, threads, logits, NULL);
        const bool same = memcmp(logits, fused, sizeof(logits)) == 0;
        const double nmse = golden_nmse(logits, fused, LOGITS);
        ck_assert_msg(unfused & AGLM_FUSE_SOFTMAX ? nmse <= limit : same,
                      "%s: without %#x, %u threads: other logits, NMSE %.3g", c->name, unfused,
                      threads, nmse);
    }
}

START_TEST(fused_or_not)
{
    struct matrix_case c;
    struct model_file file;
    float fused[LOGITS], logits[LOGITS];
    struct aglm_model *model = NULL;
    struct aglm_op_profile with, without;
    matrix_describe(&c, (size_t)_i);
    make_file(&file, &c);
    for (size_t k = N_ISAS; k-- > 0 && !model;)
        model = open_model(&c, file.path, isas[k]);
    run_unfused(&c, model, 0, 1, fused, &with);
    const uint32_t exact = AGLM_FUSE_ALL & ~(uint32_t)AGLM_FUSE_SOFTMAX;
    compare_unfused(&c, model, exact, fused, 0);
    compare_unfused(&c, model, AGLM_FUSE_ALL, fused, references[_i].limit);
    for (size_t f = 0; f < N_FUSIONS; f++) {
        compare_unfused(&c, model, fusions[f].bit, fused, references[_i].limit);
        run_unfused(&c, model, fusions[f].bit, 1, logits, &without);
        ck_assert_uint_gt(without.op[fusions[f].op].barriers, with.op[fusions[f].op].barriers);
        ck_assert_uint_eq(without.op[fusions[f].op].calls, with.op[fusions[f].op].calls);
    }
    aglm_model_close(&model);
    close_file(&file);
}
END_TEST

/* Another case's answer must not pass: the test can tell. */
START_TEST(another_models_logits_fail)
{
    for (size_t i = 0; i < matrix_count(); i++) {
        size_t j = (i + 1) % matrix_count();
        double nmse = golden_nmse(references[j].rows, references[i].rows, KEPT);
        ck_assert_msg(nmse > 10 * references[i].limit, "case %zu passes for case %zu", j, i);
    }
}
END_TEST

/* ---- the table ---- */

/* One cell; NaN where the machine lacks the instruction set. */
static double measure(size_t i, const char *isa)
{
    struct matrix_case c;
    struct model_file file;
    float kept[KEPT];
    double nmse = NAN;
    matrix_describe(&c, i);
    make_file(&file, &c);
    struct aglm_model *model = open_model(&c, file.path, isa);
    if (model) {
        eval(&c, model, kept);
        nmse = golden_nmse(kept, references[i].rows, KEPT);
    }
    aglm_model_close(&model);
    close_file(&file);
    return nmse;
}

START_TEST(print_table)
{
    for (size_t k = 0; k < N_ISAS; k++) {
        char group[24] = "";
        printf("isa %s\n", isas[k]);
        for (size_t i = 0; i < matrix_count(); i++) {
            struct matrix_case c;
            matrix_describe(&c, i);
            if (strcmp(group, c.group) != 0) {
                snprintf(group, sizeof(group), "%s", c.group);
                printf("%s\n", group);
            }
            printf("  %-14s %.1e  allowed %.0e\n", c.type, measure(i, isas[k]),
                   references[i].limit);
            fflush(stdout);
        }
    }
}
END_TEST

int main(void)
{
    if (!read_references())
        return EXIT_FAILURE;
    Suite *suite = suite_create("matrix");
    TCase *tc = tcase_create("matrix");
    tcase_set_timeout(tc, 120);
    if (getenv("AGLM_MATRIX_TABLE")) {
        tcase_add_test(tc, print_table);
    } else {
        tcase_add_loop_test(tc, agrees_with_llama_cpp, 0, (int)matrix_count());
        tcase_add_loop_test(tc, fused_or_not, 0, (int)matrix_count());
        tcase_add_test(tc, another_models_logits_fail);
    }
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

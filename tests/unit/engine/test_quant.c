/* Block formats: decoding against vectors from llama.cpp, packing, and the encoders that search:
 * errors within bounds, never above the plain formula's, total, and the same every time.
 */
#include "engine/quant/kquants.h"

#include <check.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- decoding ---- */

/* One block of random bytes of each type, its scales replaced by halves from 0.01 to 0.1, and
 * FNV-1a (64 bits) over the 32 or 256 floats, with 0 for -0, that ggml's dequantize_row_TYPE (build
 * of September 2026, by ctypes) makes of it. gguf-py's dequantize gives the same bits, all types
 * but MXFP4, which the version at hand lacked. */
static const struct {
    enum aglm_dtype type;
    const char *hex;
    uint64_t digest;
} vectors[] = {
    {AGLM_Q8_0, "1b2ca136a7b2100195663a76d1f27d9d425069d35d04e7fb18de4699c13bab89b221",
     0xb664e404fdde5b0a},
    {AGLM_Q4_0, "c727db175fb808b441c8e6bcf6aa2d87ede0", 0x825391fa9089c865},
    {AGLM_Q4_1, "092ecb2692ac95dbf56f35b475a3be3a83288382", 0x4b8cc8383c46917f},
    {AGLM_Q5_0, "192e84b4873fd8ebc793f20829e480d631d44718a4a3", 0x52088aecff9be97d},
    {AGLM_Q5_1, "14236e2c34ae664a36597c5169620756da0f1a0b032487a8", 0x6be46664d04c0815},
    {AGLM_IQ4_NL, "4629527085ea4f097d9f32a07d65771a17b8", 0x60729db1073b029e},
    {AGLM_MXFP4, "6321065bae31ee9437679f443130f8e1e2", 0x39ccad41d56bba0f},
    {AGLM_Q2_K,
     "ba8a3b3b5697b0a10956bf24adaececac4b59c17b7182d376cfca2b8ceb8c43711feeee77488237274dbc18b"
     "28dd2c43fe7d970e1478ba1bb52f258d131f7dc81e5d79b9522a8a08190a8b78f0f72843472e172c",
     0x0572b88c4a85e415},
    {AGLM_Q3_K,
     "c58146cdf7e04d4d6f68ae98b4c078bad0491283f2284dfa7eea7dd339049e9353f7750823d4322386d1e880"
     "03aded2a790486c15217504cff906119598c0fd512baabb67fba27cc1a7235a04e7dad22095abb53d3c0c40d"
     "0329ab02a0fced18863efdbdf4acafcf85a54bbacc2b",
     0x683a4165182a1ca3},
    {AGLM_Q4_K,
     "0a2cae2dd9d15a65747a694bd105524ca05d73f29489ed5ba0c562dec11d86d2f235a72668f402d53d1354f4"
     "67fdfde560ef603f083165922da4c9e0cafec68a3a9965d5aaf7ef62baa31bb6b5cc844f8b10a302d893567c"
     "e5e4dc3f69cfbf874fe7bb758eb12bce7107431ba165ec5737412e244433a229c97630c380648d74ff23aca1"
     "281258cc51736bd6066adbbd",
     0x0da65aec8325f1eb},
    {AGLM_Q5_K,
     "b92d382ba2836fb16d429ed79d5365ea490c9bd71cab75e49b12163baa123f455edd8e7c31370af72f0e94d2"
     "4b7bb589032bf416910929e76097a0980f2f57a5849e6732c2a9289f6525719b34d4f6694e3780f909ea1c84"
     "56d57418e19857df9c0d37ce36947e995ffcb20a46e9dcdd8d796879308f2111dd5d66b37dfbc58aea3f7f63"
     "ba3fd3dc0df94db0246d76c8f9d33c79a50cd98d019017285f2526a4d0eee4739bc2fde7bbe2be5bfad32fea",
     0xb2968248a9ee898a},
    {AGLM_Q6_K,
     "a4964b15dad5fd861523f1761051d80825ff2956dea292d685f25edb2ae35101bef19e5b81d2d941bfea6c22"
     "dbb6ead7f342bab06fcda73cec063fd3373bee58933f4a3c14427eb72ecaa18c9cb4f6b8fb03b0101dc6b31c"
     "44e92a1baf0aa3ea2c3513af43edb92859727be5c2e40f99b2369785d50e466613b532df96d86079ef959c0d"
     "f38248773ac745b9ad31b3338e75be4a3b7d09b1c237086f49d0983c31ad51e2ac670fc69493c9ec4fb681f1"
     "999d96d3f88f0c2cd6cc8f6583f5f4e4ab25006b302d03607c53f25bab1cb4c17122",
     0x6f8e3b60a8fae747},
};

static uint64_t digest(const float *x, size_t n)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (size_t i = 0; i < n; i++) {
        float v = x[i] + 0.0f; /* -0 becomes 0 */
        uint8_t bytes[4];
        memcpy(bytes, &v, 4);
        for (int k = 0; k < 4; k++)
            h = (h ^ bytes[k]) * 0x100000001b3u;
    }
    return h;
}

START_TEST(decodes_as_llama_cpp_does)
{
    const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)vectors[_i].type);
    uint8_t block[256];
    float y[256];
    ck_assert_uint_eq(strlen(vectors[_i].hex), 2 * t->block_bytes);
    for (unsigned i = 0; i < t->block_bytes; i++) {
        char byte[3] = {vectors[_i].hex[2 * i], vectors[_i].hex[2 * i + 1], 0};
        block[i] = (uint8_t)strtoul(byte, NULL, 16);
    }
    t->to_float(y, block, t->block_elements);
    ck_assert_msg(digest(y, t->block_elements) == vectors[_i].digest, "%s", t->name);
}
END_TEST

/* Every bit pattern is a block: unpacked and packed again it is the same bytes. */
START_TEST(packing_undoes_unpacking)
{
    static const struct aglm_kformat *const formats[] = {&aglm_q2_k_format, &aglm_q3_k_format,
                                                         &aglm_q4_k_format, &aglm_q5_k_format,
                                                         &aglm_q6_k_format};
    const struct aglm_kformat *f = formats[_i];
    uint32_t state = 1;
    for (int round = 0; round < 50; round++) {
        struct aglm_kblock b;
        uint8_t block[256], again[256];
        for (unsigned i = 0; i < f->bytes; i++) {
            state = state * 1664525u + 1013904223u;
            block[i] = (uint8_t)(state >> 24);
        }
        f->unpack(&b, block);
        for (int i = 0; i < 256; i++)
            ck_assert(b.q[i] >= f->q_low && b.q[i] <= f->q_high);
        for (unsigned r = 0; r < 256 / f->run; r++)
            ck_assert(b.scale[r] >= f->scale_low && b.scale[r] <= f->scale_high && b.min[r] >= 0 &&
                      b.min[r] <= f->min_high);
        memset(again, 0xa5, sizeof(again));
        f->pack(again, &b);
        ck_assert_int_eq(memcmp(block, again, f->bytes), 0);
    }
}
END_TEST

/* ---- encoding ---- */

enum { N = 256 * 24, N_TYPES = sizeof(vectors) / sizeof(vectors[0]) };
static float x[N], y[N];
static uint8_t packed[N * 2 + 16], other[N * 2 + 16];

static double uniform(uint64_t *state)
{
    *state = *state * 6364136223846793005u + 1442695040888963407u;
    return ((double)(*state >> 33) + 0.5) / 2147483648.0;
}

static double normal(uint64_t *state)
{
    return sqrt(-2 * log(uniform(state))) * cos(6.283185307179586 * uniform(state));
}

enum weights { NORMAL, LAPLACE, STUDENT, UNIFORM, OUTLIERS, HALF_ZERO, STEPS, POSITIVE, N_WEIGHTS };

static double draw(enum weights kind, uint64_t *s)
{
    double a = normal(s), u = uniform(s);
    switch (kind) {
    case LAPLACE:
        return u < 0.5 ? log(2 * u) : -log(2 * (1 - u));
    case STUDENT: { /* three degrees of freedom */
        double p = normal(s), q = normal(s), r = normal(s);
        return a / sqrt((p * p + q * q + r * r) / 3);
    }
    case UNIFORM:
        return 2 * u - 1;
    case OUTLIERS:
        return u < 0.01 ? 20 * a : a;
    case HALF_ZERO:
        return u < 0.5 ? 0 : a;
    case POSITIVE:
        return fabs(a) + 0.3;
    default:
        return a;
    }
}

static void fill(enum weights kind)
{
    uint64_t state = 42 + (uint64_t)kind;
    for (int i = 0; i < N; i++)
        x[i] = kind == STEPS && i % 16 ? x[i - 1] : (float)(0.02 * draw(kind, &state));
}

static double error_of(const struct aglm_dtype_info *t,
                       void (*encode)(void *dst, const float *src, size_t n), uint8_t *block)
{
    const size_t bytes = N / t->block_elements * t->block_bytes;
    double error = 0, power = 0;
    memset(block, 0xa5, bytes + 16);
    encode(block, x, N);
    for (size_t i = bytes; i < bytes + 16; i++)
        ck_assert_uint_eq(block[i], 0xa5);
    t->to_float(y, block, N);
    for (int i = 0; i < N; i++) {
        error += ((double)x[i] - y[i]) * ((double)x[i] - y[i]);
        power += (double)x[i] * x[i];
    }
    return sqrt(error / power);
}

/* Relative RMS errors that llama.cpp's ggml_quantize_chunk (September 2026, no importance matrix)
 * makes of the same weights, in the order of enum weights. */
static const struct {
    enum aglm_dtype type;
    double rms[N_WEIGHTS];
} reference[] = {
    {AGLM_Q8_0,
     {0.0053299, 0.0064670, 0.0083886, 0.0038034, 0.0114578, 0.0046756, 0.0019804, 0.0048436}},
    {AGLM_Q4_0,
     {0.0844350, 0.1017314, 0.1294190, 0.0656366, 0.1498101, 0.0741544, 0.0332271, 0.0763935}},
    {AGLM_Q4_1,
     {0.0779620, 0.0894651, 0.0971579, 0.0601097, 0.1131635, 0.0924723, 0.0003047, 0.0355825}},
    {AGLM_Q5_0,
     {0.0422322, 0.0513484, 0.0656194, 0.0314979, 0.0903565, 0.0370545, 0.0163897, 0.0381084}},
    {AGLM_Q5_1,
     {0.0369374, 0.0437655, 0.0481886, 0.0294394, 0.0533972, 0.0445901, 0.0003054, 0.0172221}},
    {AGLM_IQ4_NL,
     {0.0753244, 0.0858078, 0.1014626, 0.0637127, 0.1256935, 0.0689538, 0.0242261, 0.0720944}},
    {AGLM_MXFP4,
     {0.1132401, 0.1232693, 0.1436811, 0.1194439, 0.1766421, 0.1151299, 0.1173094, 0.1117050}},
    {AGLM_Q2_K,
     {0.2843925, 0.3373194, 0.3596864, 0.2350501, 0.2312683, 0.3817915, 0.0328293, 0.1729173}},
    {AGLM_Q3_K,
     {0.1485214, 0.1721564, 0.1889787, 0.1252351, 0.1431999, 0.1253664, 0.0185671, 0.1345976}},
    {AGLM_Q4_K,
     {0.0701444, 0.0827740, 0.0912432, 0.0545427, 0.0994568, 0.0663799, 0.0102340, 0.0375931}},
    {AGLM_Q5_K,
     {0.0355982, 0.0415971, 0.0459124, 0.0277627, 0.0503235, 0.0365957, 0.0097153, 0.0184682}},
    {AGLM_Q6_K,
     {0.0173456, 0.0210286, 0.0257161, 0.0137207, 0.0332442, 0.0145188, 0.0046189, 0.0158897}},
};

START_TEST(search_is_no_worse_than_llama_cpp)
{
    const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)reference[_i].type);
    for (int kind = 0; kind < N_WEIGHTS; kind++) {
        fill((enum weights)kind);
        double searched = error_of(t, t->quantize_row, packed);
        double plain = error_of(t, t->from_float, other);
        ck_assert_msg(searched <= reference[_i].rms[kind] * 1.00001,
                      "%s, weights %d: %.6f, not %.6f", t->name, kind, searched,
                      reference[_i].rms[kind]);
        ck_assert_msg(searched <= plain * 1.00001, "%s, weights %d: %.6f, plain %.6f", t->name,
                      kind, searched, plain);
    }
}
END_TEST

START_TEST(what_fits_is_exact)
{
    const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)vectors[_i].type);
    memset(x, 0, sizeof(x));
    t->quantize_row(packed, x, N);
    t->to_float(y, packed, N);
    for (int i = 0; i < N; i++)
        ck_assert(y[i] == 0.0f);
    for (int i = 0; i < N; i++) /* two values: codes of any grid, but IQ4_NL has no 0 */
        x[i] = i % 3 ? 0.0f : -0.5f;
    ck_assert_double_le(error_of(t, t->quantize_row, packed), 1.2e-2);
}
END_TEST

/* The sanitizers judge: no cast of a value out of range, whatever comes in; and what comes out
 * decodes to numbers. */
START_TEST(anything_may_come_in)
{
    static const float odd[] = {INFINITY, -INFINITY, NAN,  3.4e38f, -3.4e38f, 1e-45f,
                                -1e-38f,  1e-30f,    1e9f, 0.0f,    1.0f};
    enum { N_ODD = sizeof(odd) / sizeof(odd[0]) };
    const struct aglm_dtype_info *t = aglm_dtype_get((uint32_t)vectors[_i].type);
    for (int shift = 0; shift <= N_ODD; shift++) {
        for (int i = 0; i < 512; i++)
            x[i] = shift < N_ODD ? odd[i * (shift + 1) % N_ODD]
                                 : (i % 32 == 7 ? odd[i / 32 % N_ODD] : 1.0f);
        t->quantize_row(packed, x, 512);
        t->quantize_row(other, x, 512);
        ck_assert_int_eq(memcmp(packed, other, 512 / t->block_elements * t->block_bytes), 0);
        t->to_float(y, packed, 512);
        for (int i = 0; i < 512 && t->type != AGLM_Q8_0; i++) /* Q8_0's bytes are the cache's */
            ck_assert_msg(isfinite(y[i]), "%s: element %d of round %d", t->name, i, shift);
    }
    t->quantize_row(NULL, NULL, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("quant");
    TCase *tc = tcase_create("quant");
    tcase_set_timeout(tc, 120);
    tcase_add_loop_test(tc, decodes_as_llama_cpp_does, 0, N_TYPES);
    tcase_add_loop_test(tc, packing_undoes_unpacking, 0, 5);
    tcase_add_loop_test(tc, search_is_no_worse_than_llama_cpp, 0, N_TYPES);
    tcase_add_loop_test(tc, what_fits_is_exact, 0, N_TYPES);
    tcase_add_loop_test(tc, anything_may_come_in, 0, N_TYPES);
    suite_add_tcase(suite, tc);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

/* Tensor types: tables of names and block sizes, and conversion of single values and of plain rows
 * from and to float. The block formats are in engine/quant.
 *
 * In: rows of floats or of blocks. Out: the other one. Every function here is total: non-finite
 * input gives defined (if useless) output and no undefined behaviour. Nothing allocates, nothing
 * depends on the CPU. Layouts: ggml's published block structures, little-endian, which is the only
 * byte order we run on.
 */
#include "engine/dtype.h"
#include "engine/quant/blocks.h"

#include <errno.h>
#include <math.h>
#include <string.h>
#include <strings.h>

/* ---- scalar conversions ---- */

static uint32_t bits_of(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

static float float_of(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

float aglm_half_to_float(uint16_t h)
{
    uint32_t sign = (uint32_t)(h & 0x8000) << 16;
    uint32_t u = (uint32_t)(h & 0x7fff) << 13;
    uint32_t exponent = u & 0x0f800000;

    if (exponent == 0x0f800000)
        return float_of(sign | (u + (224u << 23))); /* infinity, NaN */
    if (exponent == 0) /* zero, subnormal: value is u * 2^112, exact by one subtraction */
        return float_of(sign | bits_of(float_of(u + (113u << 23)) - float_of(113u << 23)));
    return float_of(sign | (u + (112u << 23)));
}

uint16_t aglm_float_to_half(float f)
{
    uint32_t u = bits_of(f);
    uint32_t sign = (u >> 16) & 0x8000;
    u &= 0x7fffffff;

    if (u > 0x7f800000) /* NaN: kept quiet, top of its payload kept */
        return (uint16_t)(sign | 0x7e00 | ((u >> 13) & 0x01ff));
    if (u >= 0x47800000) /* 2^16 and more */
        return (uint16_t)(sign | 0x7c00);
    if (u < 0x38800000) /* below 2^-14: adding 0.5 rounds at the subnormals' unit, 2^-24 */
        return (uint16_t)(sign | (bits_of(float_of(u) + 0.5f) - 0x3f000000));
    u += 0x0fff + ((u >> 13) & 1); /* to nearest, ties to even; may carry into the exponent */
    return (uint16_t)(sign | ((u - (112u << 23)) >> 13));
}

float aglm_bf16_to_float(uint16_t h)
{
    return float_of((uint32_t)h << 16);
}

uint16_t aglm_float_to_bf16(float f)
{
    uint32_t u = bits_of(f);
    if ((u & 0x7fffffff) > 0x7f800000)
        return (uint16_t)((u >> 16) | 0x0040);
    return (uint16_t)((u + 0x7fff + ((u >> 16) & 1)) >> 16);
}

/* ---- F32, F16, BF16 ---- */

static void f32_copy_out(float *dst, const void *src, size_t n)
{
    if (n)
        memcpy(dst, src, n * sizeof(float));
}

static void f32_copy_in(void *dst, const float *src, size_t n)
{
    if (n)
        memcpy(dst, src, n * sizeof(float));
}

static void f16_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = aglm_half_to_float(aglm_load16(p + 2 * i));
}

static void f16_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        aglm_store16(p + 2 * i, aglm_float_to_half(src[i]));
}

static void bf16_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = aglm_bf16_to_float(aglm_load16(p + 2 * i));
}

static void bf16_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        aglm_store16(p + 2 * i, aglm_float_to_bf16(src[i]));
}

/* ---- tables ---- */

static const struct aglm_dtype_info types[] = {
    {AGLM_F32, "f32", 1, 4, false, f32_copy_out, f32_copy_in, f32_copy_in},
    {AGLM_F16, "f16", 1, 2, false, f16_to_float, f16_from_float, f16_from_float},
    {AGLM_BF16, "bf16", 1, 2, false, bf16_to_float, bf16_from_float, bf16_from_float},
    {AGLM_Q8_0, "q8_0", 32, AGLM_Q8_0_BYTES, true, aglm_q8_0_to_float, aglm_q8_0_from_float,
     aglm_q8_0_from_float},
    {AGLM_Q4_0, "q4_0", 32, AGLM_Q4_0_BYTES, true, aglm_q4_0_to_float, aglm_q4_0_from_float,
     aglm_q4_0_quantize_row},
    {AGLM_Q4_1, "q4_1", 32, AGLM_Q4_1_BYTES, true, aglm_q4_1_to_float, aglm_q4_1_from_float,
     aglm_q4_1_quantize_row},
    {AGLM_Q5_0, "q5_0", 32, AGLM_Q5_0_BYTES, true, aglm_q5_0_to_float, aglm_q5_0_from_float,
     aglm_q5_0_quantize_row},
    {AGLM_Q5_1, "q5_1", 32, AGLM_Q5_1_BYTES, true, aglm_q5_1_to_float, aglm_q5_1_from_float,
     aglm_q5_1_quantize_row},
    {AGLM_IQ4_NL, "iq4_nl", 32, AGLM_IQ4_NL_BYTES, true, aglm_iq4_nl_to_float,
     aglm_iq4_nl_from_float, aglm_iq4_nl_quantize_row},
    {AGLM_MXFP4, "mxfp4", 32, AGLM_MXFP4_BYTES, true, aglm_mxfp4_to_float, aglm_mxfp4_from_float,
     aglm_mxfp4_quantize_row},
    {AGLM_Q2_K, "q2_K", 256, AGLM_Q2_K_BYTES, true, aglm_q2_k_to_float, aglm_q2_k_from_float,
     aglm_q2_k_quantize_row},
    {AGLM_Q3_K, "q3_K", 256, AGLM_Q3_K_BYTES, true, aglm_q3_k_to_float, aglm_q3_k_from_float,
     aglm_q3_k_quantize_row},
    {AGLM_Q4_K, "q4_K", 256, AGLM_Q4_K_BYTES, true, aglm_q4_k_to_float, aglm_q4_k_from_float,
     aglm_q4_k_quantize_row},
    {AGLM_Q5_K, "q5_K", 256, AGLM_Q5_K_BYTES, true, aglm_q5_k_to_float, aglm_q5_k_from_float,
     aglm_q5_k_quantize_row},
    {AGLM_Q6_K, "q6_K", 256, AGLM_Q6_K_BYTES, true, aglm_q6_k_to_float, aglm_q6_k_from_float,
     aglm_q6_k_quantize_row},
};

/* Every id ggml gave out; no block size: withdrawn, and no file of today holds it. */
static const struct {
    const char *name;
    uint16_t block_elements, block_bytes;
} foreign[] = {
    [0] = {"f32", 1, 4},         [1] = {"f16", 1, 2},         [2] = {"q4_0", 32, 18},
    [3] = {"q4_1", 32, 20},      [4] = {"q4_2", 0, 0},        [5] = {"q4_3", 0, 0},
    [6] = {"q5_0", 32, 22},      [7] = {"q5_1", 32, 24},      [8] = {"q8_0", 32, 34},
    [9] = {"q8_1", 32, 36},      [10] = {"q2_K", 256, 84},    [11] = {"q3_K", 256, 110},
    [12] = {"q4_K", 256, 144},   [13] = {"q5_K", 256, 176},   [14] = {"q6_K", 256, 210},
    [15] = {"q8_K", 256, 292},   [16] = {"iq2_xxs", 256, 66}, [17] = {"iq2_xs", 256, 74},
    [18] = {"iq3_xxs", 256, 98}, [19] = {"iq1_s", 256, 50},   [20] = {"iq4_nl", 32, 18},
    [21] = {"iq3_s", 256, 110},  [22] = {"iq2_s", 256, 82},   [23] = {"iq4_xs", 256, 136},
    [24] = {"i8", 1, 1},         [25] = {"i16", 1, 2},        [26] = {"i32", 1, 4},
    [27] = {"i64", 1, 8},        [28] = {"f64", 1, 8},        [29] = {"iq1_m", 256, 56},
    [30] = {"bf16", 1, 2},       [31] = {"q4_0_4_4", 0, 0},   [32] = {"q4_0_4_8", 0, 0},
    [33] = {"q4_0_8_8", 0, 0},   [34] = {"tq1_0", 256, 54},   [35] = {"tq2_0", 256, 66},
    [36] = {"iq4_nl_4_4", 0, 0}, [37] = {"iq4_nl_4_8", 0, 0}, [38] = {"iq4_nl_8_8", 0, 0},
    [39] = {"mxfp4", 32, 17},
};

const struct aglm_dtype_info *aglm_dtype_get(uint32_t gguf_id)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if ((uint32_t)types[i].type == gguf_id)
            return &types[i];
    return NULL;
}

const struct aglm_dtype_info *aglm_dtype_by_name(const char *name)
{
    for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++)
        if (strcasecmp(types[i].name, name) == 0)
            return &types[i];
    return NULL;
}

const char *aglm_dtype_foreign_name(uint32_t gguf_id)
{
    return gguf_id < sizeof(foreign) / sizeof(foreign[0]) ? foreign[gguf_id].name : NULL;
}

int aglm_dtype_block(uint32_t gguf_id, unsigned *elements, unsigned *bytes)
{
    if (gguf_id >= sizeof(foreign) / sizeof(foreign[0]) || foreign[gguf_id].block_elements == 0)
        return -ENOENT;
    *elements = foreign[gguf_id].block_elements;
    *bytes = foreign[gguf_id].block_bytes;
    return 0;
}

bool aglm_dtype_holds(enum aglm_dtype type, const float *x, size_t n)
{
    /* 65520 is the first magnitude that rounds to infinity as a half. */
    const float limit = type == AGLM_F32 || type == AGLM_BF16 ? INFINITY : 65520.0f;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++)
        bad += !(fabsf(x[i]) < limit);
    return bad == 0;
}

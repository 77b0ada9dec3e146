/* Tensor types: tables of names and block sizes, and conversion of whole rows from and to float.
 *
 * In: rows of floats or of blocks. Out: the other one. Every function here is total: non-finite
 * input gives defined (if useless) output and no undefined behaviour. Nothing allocates, nothing
 * depends on the CPU. Layouts: ggml's published block structures, little-endian, which is the only
 * byte order we run on.
 */
#include "engine/dtype.h"

#include <errno.h>
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

static uint16_t load16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

static void store16(uint8_t *p, uint16_t v)
{
    p[0] = (uint8_t)(v & 0xff);
    p[1] = (uint8_t)(v >> 8);
}

/* v cut to [-limit, limit]; NaN becomes 0, so that a cast to int is always defined. */
static float bounded(float v, float limit)
{
    if (v > limit)
        return limit;
    if (v < -limit)
        return -limit;
    return v == v ? v : 0.0f;
}

/* Nearest integer, halves away from zero, like roundf but without a call. |v| <= 2^23. */
static int round_away(float v)
{
    int i = (int)v;
    float rest = v - (float)i;
    return i + (rest >= 0.5f) - (rest <= -0.5f);
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
        dst[i] = aglm_half_to_float(load16(p + 2 * i));
}

static void f16_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        store16(p + 2 * i, aglm_float_to_half(src[i]));
}

static void bf16_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *p = src;
    for (size_t i = 0; i < n; i++)
        dst[i] = aglm_bf16_to_float(load16(p + 2 * i));
}

static void bf16_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *p = dst;
    for (size_t i = 0; i < n; i++)
        store16(p + 2 * i, aglm_float_to_bf16(src[i]));
}

/* ---- Q8_0: f16 d, i8 q[32]; x = d q ---- */

enum { Q8_0_BYTES = 34, Q4_0_BYTES = 18, Q6_K_BYTES = 210 };

static void q8_0_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += Q8_0_BYTES) {
        float d = aglm_half_to_float(load16(block));
        for (size_t j = 0; j < 32; j++)
            dst[i + j] = d * (float)(int8_t)block[2 + j];
    }
}

static void q8_0_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += Q8_0_BYTES) {
        float amax = 0.0f;
        for (size_t j = 0; j < 32; j++) {
            float a = src[i + j] < 0 ? -src[i + j] : src[i + j];
            amax = a > amax ? a : amax;
        }
        float d = amax / 127.0f;
        float inverse = d > 0 ? 1.0f / d : 0.0f;
        store16(block, aglm_float_to_half(d));
        for (size_t j = 0; j < 32; j++)
            block[2 + j] = (uint8_t)(int8_t)round_away(bounded(src[i + j] * inverse, 127.0f));
    }
}

/* ---- Q4_0: f16 d, 32 nibbles; x = d (q - 8) ---- */

static void q4_0_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 32, block += Q4_0_BYTES) {
        float d = aglm_half_to_float(load16(block));
        for (size_t j = 0; j < 16; j++) {
            dst[i + j] = d * (float)((block[2 + j] & 0x0f) - 8);
            dst[i + 16 + j] = d * (float)((block[2 + j] >> 4) - 8);
        }
    }
}

/* The value of largest magnitude becomes -8 exactly, so that all 16 codes are used. */
static void q4_0_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 32, block += Q4_0_BYTES) {
        float amax = 0.0f, max = 0.0f;
        for (size_t j = 0; j < 32; j++) {
            float a = src[i + j] < 0 ? -src[i + j] : src[i + j];
            if (a > amax) {
                amax = a;
                max = src[i + j];
            }
        }
        float d = max / -8.0f;
        float inverse = d != 0 ? 1.0f / d : 0.0f;
        store16(block, aglm_float_to_half(d));
        for (size_t j = 0; j < 16; j++) {
            int low = (int)(bounded(src[i + j] * inverse, 8.0f) + 8.5f);
            int high = (int)(bounded(src[i + 16 + j] * inverse, 8.0f) + 8.5f);
            low = low > 15 ? 15 : low;
            high = high > 15 ? 15 : high;
            block[2 + j] = (uint8_t)(low | high << 4);
        }
    }
}

/* ---- Q6_K: ql[128], qh[64], i8 scale[16], f16 d; x = d scale (q - 32) ----
 *
 * A block is two halves of 128 elements, each four runs of 32. In a half, byte l of ql[64] holds
 * the low nibbles of runs l/32 (low) and 2 + l/32 (high); byte l of qh[32] holds two bits for each
 * of the four runs.
 */
static void q6_k_unpack(int8_t q[256], const uint8_t *block)
{
    const uint8_t *ql = block, *qh = block + 128;
    for (int half = 0; half < 2; half++, ql += 64, qh += 32, q += 128) {
        for (int l = 0; l < 32; l++) {
            q[l] = (int8_t)(((ql[l] & 15) | (qh[l] & 3) << 4) - 32);
            q[l + 32] = (int8_t)(((ql[l + 32] & 15) | (qh[l] >> 2 & 3) << 4) - 32);
            q[l + 64] = (int8_t)((ql[l] >> 4 | (qh[l] >> 4 & 3) << 4) - 32);
            q[l + 96] = (int8_t)((ql[l + 32] >> 4 | qh[l] >> 6 << 4) - 32);
        }
    }
}

static void q6_k_pack(uint8_t *block, const int8_t q[256])
{
    uint8_t *ql = block, *qh = block + 128;
    for (int half = 0; half < 2; half++, ql += 64, qh += 32, q += 128) {
        for (int l = 0; l < 32; l++) {
            int a = q[l] + 32, b = q[l + 32] + 32, c = q[l + 64] + 32, e = q[l + 96] + 32;
            ql[l] = (uint8_t)((a & 15) | (c & 15) << 4);
            ql[l + 32] = (uint8_t)((b & 15) | (e & 15) << 4);
            qh[l] = (uint8_t)(a >> 4 | b >> 4 << 2 | c >> 4 << 4 | e >> 4 << 6);
        }
    }
}

static void q6_k_to_float(float *dst, const void *src, size_t n)
{
    const uint8_t *block = src;
    for (size_t i = 0; i < n; i += 256, block += Q6_K_BYTES) {
        int8_t q[256];
        q6_k_unpack(q, block);
        float d = aglm_half_to_float(load16(block + 208));
        for (size_t j = 0; j < 256; j++)
            dst[i + j] = d * (float)(int8_t)block[192 + j / 16] * (float)q[j];
    }
}

/* The scale s (either sign) whose rounding of x[16] to s q, q in [-32, 31], has a small squared
 * error. For each trial of the inverse scale the codes are rounded and the best s for those codes
 * is sum(xq)/sum(qq), which takes sum(xq)^2/sum(qq) off the error; the trial that takes most off
 * wins. */
static float q6_k_search_scale(const float *x)
{
    float amax = 0.0f, max = 0.0f;
    for (int j = 0; j < 16; j++) {
        float a = x[j] < 0 ? -x[j] : x[j];
        if (a > amax) {
            amax = a;
            max = x[j];
        }
    }
    if (!(amax > 1e-30f && amax < 1e30f))
        return 0.0f;

    float best_scale = 0.0f, best_gain = 0.0f;
    for (int trial = -8; trial <= 8; trial++) {
        float inverse = -(32.0f + 0.125f * (float)trial) / max;
        float sum_xq = 0.0f, sum_qq = 0.0f;
        for (int j = 0; j < 16; j++) {
            int q = round_away(bounded(x[j] * inverse, 32.0f));
            q = q > 31 ? 31 : q;
            sum_xq += x[j] * (float)q;
            sum_qq += (float)(q * q);
        }
        float scale = sum_qq > 0 ? sum_xq / sum_qq : 0.0f;
        if (scale * sum_xq > best_gain) {
            best_gain = scale * sum_xq;
            best_scale = scale;
        }
    }
    return best_scale;
}

static void q6_k_block_from_float(uint8_t *block, const float *x)
{
    float scale[16], amax = 0.0f, max = 0.0f;
    for (int s = 0; s < 16; s++) {
        scale[s] = q6_k_search_scale(x + 16 * s);
        float a = scale[s] < 0 ? -scale[s] : scale[s];
        if (a > amax) {
            amax = a;
            max = scale[s];
        }
    }
    /* The largest scale becomes -128; d is rounded first so that the codes make up for its
     * rounding. */
    uint16_t half = aglm_float_to_half(max / -128.0f);
    float d = aglm_half_to_float(half);
    float inverse = d != 0 ? 1.0f / d : 0.0f;
    int8_t q[256];
    for (int s = 0; s < 16; s++) {
        int code = round_away(bounded(scale[s] * inverse, 128.0f));
        code = code > 127 ? 127 : code;
        float step = d * (float)code;
        float inverse_step = step != 0 ? 1.0f / step : 0.0f;
        for (int j = 16 * s; j < 16 * s + 16; j++) {
            int v = round_away(bounded(x[j] * inverse_step, 32.0f));
            q[j] = (int8_t)(v > 31 ? 31 : v);
        }
        block[192 + s] = (uint8_t)(int8_t)code;
    }
    q6_k_pack(block, q);
    store16(block + 208, half);
}

static void q6_k_from_float(void *dst, const float *src, size_t n)
{
    uint8_t *block = dst;
    for (size_t i = 0; i < n; i += 256, block += Q6_K_BYTES)
        q6_k_block_from_float(block, src + i);
}

/* ---- tables ---- */

static const struct aglm_dtype_info types[] = {
    {AGLM_F32, "f32", 1, 4, false, f32_copy_out, f32_copy_in},
    {AGLM_F16, "f16", 1, 2, false, f16_to_float, f16_from_float},
    {AGLM_BF16, "bf16", 1, 2, false, bf16_to_float, bf16_from_float},
    {AGLM_Q8_0, "q8_0", 32, Q8_0_BYTES, true, q8_0_to_float, q8_0_from_float},
    {AGLM_Q4_0, "q4_0", 32, Q4_0_BYTES, true, q4_0_to_float, q4_0_from_float},
    {AGLM_Q6_K, "q6_K", 256, Q6_K_BYTES, true, q6_k_to_float, q6_k_from_float},
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

/* Predicts speed and fit from limits and shapes; see advice.h.
 *
 * Inputs: facts of a profile, a preset, a quantization. Outputs: seconds, bytes. Refuses nothing:
 * what is not known is NaN.
 */
#include "bench/advice.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- how much of the limits the engine reaches ---- */

/* One thread decodes a token in bytes / bandwidth + operations / (unpack share x its peak): it
 * either waits for memory or unpacks, hardly both. Several share that in proportion to their peaks,
 * but no quicker than memory gives them the bytes together; where both take alike, both are felt
 * (the fourth-power mean). Layers cost token_work / f32 peak of one thread besides, which threads
 * hardly shorten. Prefill takes operations / (prefill share x peak) + layers x tokens x prompt_work
 * / f32 peak. The works are float operations at peak that norms, rotations, activations and waiting
 * cost as much as.
 *
 * How a line is made: release build, idle device; `aglm-bench run -p 256 -n 32 -t 1,2 -o jsonl` for
 * smollm2-135m and qwen2.5-0.5b in q4_0, q8_0 and f16. One thread's decode time less bytes /
 * roof_read, for both sizes, is layers x token_work and operations / (unpack share x peak); prefill
 * time and operations / roof_int8 or roof_f32 of both sizes give share and prompt_work. The line
 * is that of least squared relative error over all twelve. `aglm-bench profile --verify` shows what
 * is left. avx512: two cores of an AMD EPYC (Zen 4) under KVM, November 2026, one run, best of
 * three: from 12% too slow to 10% too quick in decode, 6% either way in prefill. Decode reaches 72
 * to 92% of the read bandwidth, prefill 47 to 62% of the int8 peak. The unpack share of quantized
 * types is above 1 because unpacking nearly hides behind reading: it is a rest, not a
 * speed. The other sets are not measured yet and take the same line. */
struct efficiency {
    const char *isa;
    double unpack_int8_share, unpack_f32_share, prefill_int8_share, prefill_f32_share;
    double token_work, prompt_work;
};

static const struct efficiency table[] = {
    {"avx512", 1.96, 0.96, 0.63, 0.95, 1.0e6, 0.7e6},
    {"", 1.96, 0.96, 0.63, 0.95, 1.0e6, 0.7e6}, /* any other */
};

static const struct efficiency *efficiency_of(const char *isa)
{
    size_t i = 0;
    while (table[i].isa[0] && strcmp(table[i].isa, isa) != 0)
        i++;
    return &table[i];
}

/* ---- the device ---- */

static struct aglm_advice_roof *roof_of(struct aglm_advice_device *d, unsigned threads)
{
    size_t at = 0;
    while (at < d->n_roofs && d->roof[at].threads < threads)
        at++;
    if (at < d->n_roofs && d->roof[at].threads == threads)
        return &d->roof[at];
    if (d->n_roofs == AGLM_ADVICE_MAX_COUNTS || threads < 1)
        return NULL;
    memmove(&d->roof[at + 1], &d->roof[at], (d->n_roofs - at) * sizeof(d->roof[0]));
    d->n_roofs++;
    d->roof[at] = (struct aglm_advice_roof){threads, NAN, NAN, NAN};
    return &d->roof[at];
}

void aglm_advice_device_set(struct aglm_advice_device *device, const struct aglm_advice_roof *roof)
{
    struct aglm_advice_roof *own = roof_of(device, roof->threads);
    if (own)
        *own = *roof;
}

/* "roof.int8.avx512.t2": kind, set ("" for reading) and threads; false for other keys. */
static bool parse_key(const char *key, char kind[16], char isa[16], unsigned *threads)
{
    int end = 0;
    isa[0] = '\0';
    if (sscanf(key, "roof.%15[a-z0-9].t%u%n", kind, threads, &end) == 2 && !key[end])
        return true;
    end = 0;
    return sscanf(key, "roof.%15[a-z0-9].%15[a-z0-9].t%u%n", kind, isa, threads, &end) == 3 &&
           !key[end];
}

static double number_or_nan(const struct aglm_profile *profile, const char *key)
{
    const struct aglm_fact *f = aglm_profile_find(profile, key);
    return f && f->kind == AGLM_FACT_NUMBER ? f->number : NAN;
}

/* The engine's order of choice; a set it does not know comes last. */
static size_t rank(const char *isa)
{
    static const char *const order[] = {"avx512",  "avxvnni", "avx2", "i8mm",
                                        "dotprod", "neon",    "c"};
    size_t i = 0;
    while (i < sizeof(order) / sizeof(*order) && strcmp(order[i], isa) != 0)
        i++;
    return i;
}

/* The set that the engine chooses among those measured: not the one with the highest figure, for
 * on a busy device that is chance. */
static void find_isa(struct aglm_advice_device *d, const struct aglm_profile *profile)
{
    size_t best = SIZE_MAX;
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        char kind[16], isa[16];
        unsigned threads;
        if (f->kind == AGLM_FACT_NUMBER && parse_key(f->key, kind, isa, &threads) &&
            strcmp(kind, "int8") == 0 && rank(isa) < best) {
            best = rank(isa);
            snprintf(d->isa, sizeof(d->isa), "%s", isa);
        }
    }
}

void aglm_advice_device_read(struct aglm_advice_device *out, const struct aglm_profile *profile)
{
    *out = (struct aglm_advice_device){0};
    find_isa(out, profile);
    for (size_t i = 0; i < aglm_profile_count(profile); i++) {
        const struct aglm_fact *f = aglm_profile_at(profile, i);
        char kind[16], isa[16];
        unsigned threads;
        if (f->kind != AGLM_FACT_NUMBER || !parse_key(f->key, kind, isa, &threads) ||
            (isa[0] && strcmp(isa, out->isa) != 0))
            continue;
        struct aglm_advice_roof *roof = roof_of(out, threads);
        if (roof && strcmp(kind, "read") == 0)
            roof->read_per_s = f->number;
        else if (roof && strcmp(kind, "int8") == 0)
            roof->int8_per_s = f->number;
        else if (roof && strcmp(kind, "f32") == 0)
            roof->f32_per_s = f->number;
    }
    /* fmin leaves out what is not known. */
    out->memory_bytes =
        fmin(number_or_nan(profile, "memory.available"),
             fmin(number_or_nan(profile, "memory.room"), number_or_nan(profile, "memory.limit")));
}

/* ---- the work ---- */

/* The file less the embedding, which is read a row at a time unless it is the output matrix too. */
static double bytes_per_token(const struct aglm_preset *p, const struct aglm_quantize_mode *mode,
                              double file_bytes)
{
    const uint64_t ne[2] = {p->n_embd, p->n_vocab};
    struct aglm_quantize_tensor t[2] = {
        {.name = "token_embd.weight", .n_dims = 2, .ne = ne, .type = AGLM_F32},
        {.name = "output.weight", .n_dims = 2, .ne = ne, .type = AGLM_F32}};
    struct aglm_quantize_shape shape = {
        .n_layers = p->n_layers, .n_heads = p->n_heads, .n_kv_heads = p->n_kv_heads};
    if (p->tied)
        return file_bytes;
    snprintf(shape.arch, sizeof(shape.arch), "%s", p->arch);
    if (aglm_quantize_choose(mode, &shape, t, 2))
        return file_bytes;
    const struct aglm_dtype_info *type = aglm_dtype_get(t[0].chosen);
    return file_bytes - (double)p->n_embd * (p->n_vocab - 1.0) / (double)type->block_elements *
                            (double)type->block_bytes;
}

void aglm_advice_work_of(struct aglm_advice_work *out, const struct aglm_preset *p,
                         const struct aglm_quantize_mode *mode)
{
    const double q = (double)p->n_heads * p->head_dim, kv = (double)p->n_kv_heads * p->head_dim;
    const double embd = p->n_embd, file = (double)aglm_synth_size_of(p, mode);
    *out = (struct aglm_advice_work){.file_bytes = file,
                                     .bytes_per_token = bytes_per_token(p, mode, file),
                                     .layer_params =
                                         p->n_layers * embd * (2 * q + 2 * kv + 3.0 * p->n_ff),
                                     .output_params = embd * p->n_vocab,
                                     .kv_bytes_per_position = p->n_layers * 2 * kv * 2,
                                     .n_layers = p->n_layers,
                                     .n_attention = p->n_heads * p->head_dim,
                                     .n_ctx_train = p->n_ctx_train,
                                     .int8 = aglm_dtype_get(mode->type)->quantized};
}

/* ---- the prediction ---- */

double aglm_advice_prefill_s(const struct aglm_advice_device *d, const struct aglm_advice_roof *r,
                             const struct aglm_advice_work *w, double n)
{
    const struct efficiency *e = efficiency_of(d->isa);
    const double attention = 2.0 * w->n_attention * w->n_layers * n * (n + 1) / 2;
    const double ops = 2 * (w->layer_params * n + w->output_params + attention);
    const double peak =
        w->int8 ? e->prefill_int8_share * r->int8_per_s : e->prefill_f32_share * r->f32_per_s;
    return ops / peak + w->n_layers * n * e->prompt_work / r->f32_per_s;
}

double aglm_advice_token_s(const struct aglm_advice_device *d, const struct aglm_advice_roof *r,
                           const struct aglm_advice_work *w, double n_positions)
{
    const struct efficiency *e = efficiency_of(d->isa);
    const struct aglm_advice_roof *one = &d->roof[0];
    const double bytes = w->bytes_per_token + w->kv_bytes_per_position * n_positions;
    const double ops = 2 * (w->layer_params + w->output_params);
    const double layers = w->n_layers * e->token_work / one->f32_per_s;
    const double unpack =
        w->int8 ? e->unpack_int8_share * one->int8_per_s : e->unpack_f32_share * one->f32_per_s;
    const double alone = bytes / one->read_per_s + ops / unpack;
    if (r == one)
        return alone + layers;
    const double shared = alone * one->int8_per_s / r->int8_per_s, read = bytes / r->read_per_s;
    return pow(pow(shared, 4) + pow(read, 4), 0.25) + layers;
}

double aglm_advice_need_bytes(const struct aglm_advice_work *w, double n_ctx)
{
    const double own = 64 << 20; /* activations, logits, the program */
    return w->file_bytes + w->kv_bytes_per_position * n_ctx + own;
}

enum aglm_advice_fit aglm_advice_fit(const struct aglm_advice_device *d, double need_bytes)
{
    if (isnan(d->memory_bytes))
        return AGLM_FIT_UNKNOWN;
    return need_bytes <= 0.8 * d->memory_bytes ? AGLM_FIT_YES
           : need_bytes <= d->memory_bytes     ? AGLM_FIT_TIGHT
                                               : AGLM_FIT_NO;
}

const char *aglm_advice_fit_word(enum aglm_advice_fit fit)
{
    static const char *const words[] = {"unknown", "yes", "tight", "no"};
    return words[fit];
}

/* The fewest threads within 3% of the least time; NULL when no time is known. */
static const struct aglm_advice_roof *choose(const struct aglm_advice_device *d,
                                             const struct aglm_advice_work *w, bool prefill)
{
    double s[AGLM_ADVICE_MAX_COUNTS], least = NAN;
    for (size_t i = 0; i < d->n_roofs; i++) {
        s[i] = prefill ? aglm_advice_prefill_s(d, &d->roof[i], w, 512)
                       : aglm_advice_token_s(d, &d->roof[i], w, 512);
        least = fmin(least, s[i]);
    }
    for (size_t i = 0; i < d->n_roofs; i++)
        if (s[i] <= least * 1.03)
            return &d->roof[i];
    return NULL;
}

void aglm_advice_give(struct aglm_advice *out, const struct aglm_advice_device *d,
                      const struct aglm_preset *preset, const struct aglm_quantize_mode *mode)
{
    const double prompt = AGLM_ADVICE_STEP_PROMPT, gen = AGLM_ADVICE_STEP_GEN;
    struct aglm_advice_work w;
    aglm_advice_work_of(&w, preset, mode);
    const struct aglm_advice_roof *fill = choose(d, &w, true), *token = choose(d, &w, false);
    struct aglm_advice a = {.preset = preset,
                            .mode = mode,
                            .need_bytes = aglm_advice_need_bytes(&w, prompt + gen),
                            .prefill_ts = NAN,
                            .decode_ts = NAN,
                            .step_ttft_s = NAN,
                            .step_s = NAN};
    a.fit = aglm_advice_fit(d, a.need_bytes);
    if (fill && token) {
        a.prefill_threads = fill->threads;
        a.decode_threads = token->threads;
        a.prefill_ts = 512 / aglm_advice_prefill_s(d, fill, &w, 512);
        a.decode_ts = 1 / aglm_advice_token_s(d, token, &w, 512);
        const double one = aglm_advice_token_s(d, token, &w, prompt + gen / 2);
        a.step_ttft_s = aglm_advice_prefill_s(d, fill, &w, prompt) + one;
        a.step_s = a.step_ttft_s + (gen - 1) * one;
    }
    *out = a;
}

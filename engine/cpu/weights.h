/* The CPU backend's weights: every matrix packed for the kernels, in one allocation on huge pages,
 * or left in the file and packed a few panels at a time, each time they are used.
 *
 * Packed once per model, in parallel, straight from the mapped file, whose pages are given back as
 * they are used. Token embeddings are looked up in the file itself, unless it is re-quantized.
 */
#ifndef AGLM_ENGINE_CPU_WEIGHTS_H
#define AGLM_ENGINE_CPU_WEIGHTS_H

#include "engine/backend.h"
#include "engine/cpu/embedding.h"
#include "engine/dtype.h"
#include "engine/kernels/kernels.h"

/* Panels that a thread multiplies with at a time. */
#define AGLM_CPU_CHUNK 4

/* A matrix: out[r] = dot(row r, in) for n_rows rows of k columns. */
struct aglm_matrix {
    enum aglm_dtype type;
    size_t k, n_rows, n_panels;
    size_t offset;       /* into the arena */
    const uint8_t *data; /* packed; NULL: not packed, see engine/cpu/panels.h */
    const struct aglm_gguf_tensor *source[3]; /* [n_sources] whose rows these are, in this order */
    unsigned n_sources;
};

/* Activations in 8 bit come in three forms: blocks of 32 or of 256 share a scale, or (INT8) a whole
 * row. A group may need two (Q4_K beside Q5_0), or none (F16). */
enum aglm_act_set { AGLM_ACTS_32, AGLM_ACTS_256, AGLM_ACTS_INT8, AGLM_ACT_SETS };

/* Matrices over the same input whose outputs lie one after another: one where all types agree. */
struct aglm_matrix_group {
    struct aglm_matrix part[3];
    unsigned n;
    size_t n_rows;    /* of all parts */
    unsigned acts;    /* bits of enum aglm_act_set: the activations that its parts take */
    float *bias;      /* [n_rows] or NULL */
    size_t site;      /* which place in the network its input is, as engine/int8.h counts them */
    float int8_scale; /* of INT8 activations; 0: dynamic */
};

struct aglm_cpu_layer {
    float *attn_norm, *ffn_norm;           /* [n_embd] */
    float *q_norm, *k_norm;                /* [head_dim] or NULL */
    float *post_attn_norm, *post_ffn_norm; /* [n_embd] or NULL */
    struct aglm_matrix_group qkv;          /* rows q | k | v */
    struct aglm_matrix_group out;          /* attn_output */
    struct aglm_matrix_group up;           /* rows gate | up */
    struct aglm_matrix_group down;
};

struct aglm_cpu_weights {
    struct aglm_kernels kernels;
    struct aglm_cpu_layer *layers; /* [n_layers] */
    float *output_norm;            /* [n_embd] */
    float *rope_freqs;             /* [n_rot / 2] divisors, or NULL */
    struct aglm_cpu_embedding embedding;
    struct aglm_matrix_group output;
    size_t n_layers, k_max;        /* the longest row of any matrix */
    unsigned acts;                 /* bits of enum aglm_act_set: what any group takes */
    bool fake_int8;                /* activations are rounded to INT8 and multiplied as floats */
    struct aglm_matrix **matrices; /* [n_matrices] all of them, in the order of use */
    size_t n_matrices;
    size_t panel_bytes; /* of the largest panel */
    uint8_t *arena;     /* NULL: nothing is packed */
    size_t arena_bytes;
};

int aglm_cpu_weights_load(void **out, const struct aglm_model *model,
                          const struct aglm_model_options *options, struct aglm_model_info *info,
                          struct aglm_err *err);
/* Packs what was loaded with AGLM_LOAD_MMAP. Weights that cannot be packed stay as they are. */
int aglm_cpu_weights_pack(void *weights, const struct aglm_model *model,
                          const struct aglm_model_options *options, struct aglm_model_info *info,
                          struct aglm_err *err);
void aglm_cpu_weights_free(void *weights);

#endif

/* The architectures that can be converted, as data; see names.h.
 *
 * Names on the left are those of the models' own files, on the right those of GGUF's. The layout of
 * ChatGLM's fused matrices ([q | k | v], [gate | up]) is the same on both sides.
 */
#include "engine/convert/names.h"

#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define EMBEDDING                                                                \
    {                                                                            \
        "@embed_tokens.weight", "token_embd.weight", AGLM_HF_VOCAB, AGLM_HF_EMBD \
    }
#define OUTPUT_NORM(change)                                                     \
    {                                                                           \
        "@norm.weight", "output_norm.weight", AGLM_HF_EMBD, AGLM_HF_ONE, change \
    }
#define OUTPUT                                                         \
    {                                                                  \
        "lm_head.weight", "output.weight", AGLM_HF_VOCAB, AGLM_HF_EMBD \
    }
#define NORM(from, to, size, change)                                                  \
    {                                                                                 \
        "@layers.#." from ".weight", "blk.#." to ".weight", size, AGLM_HF_ONE, change \
    }
#define MATRIX(from, to, rows, columns, change)                                   \
    {                                                                             \
        "@layers.#." from ".weight", "blk.#." to ".weight", rows, columns, change \
    }
#define BIAS(from, to, rows, change, optional)                                              \
    {                                                                                       \
        "@layers.#." from ".bias", "blk.#." to ".bias", rows, AGLM_HF_ONE, change, optional \
    }
#define ATTENTION(qk)                                                                  \
    MATRIX("self_attn.q_proj", "attn_q", AGLM_HF_Q, AGLM_HF_EMBD, qk),                 \
        MATRIX("self_attn.k_proj", "attn_k", AGLM_HF_KV, AGLM_HF_EMBD, qk),            \
        MATRIX("self_attn.v_proj", "attn_v", AGLM_HF_KV, AGLM_HF_EMBD, AGLM_HF_AS_IS), \
        MATRIX("self_attn.o_proj", "attn_output", AGLM_HF_EMBD, AGLM_HF_Q, AGLM_HF_AS_IS)
#define BIASES(qk, optional)                                          \
    BIAS("self_attn.q_proj", "attn_q", AGLM_HF_Q, qk, optional),      \
        BIAS("self_attn.k_proj", "attn_k", AGLM_HF_KV, qk, optional), \
        BIAS("self_attn.v_proj", "attn_v", AGLM_HF_KV, AGLM_HF_AS_IS, optional)
#define FEED_FORWARD                                                              \
    MATRIX("mlp.gate_proj", "ffn_gate", AGLM_HF_FF, AGLM_HF_EMBD, AGLM_HF_AS_IS), \
        MATRIX("mlp.up_proj", "ffn_up", AGLM_HF_FF, AGLM_HF_EMBD, AGLM_HF_AS_IS), \
        MATRIX("mlp.down_proj", "ffn_down", AGLM_HF_EMBD, AGLM_HF_FF, AGLM_HF_AS_IS)
#define FUSED_FEED_FORWARD                                                          \
    MATRIX("mlp.gate_up_proj", "ffn_up", AGLM_HF_FF2, AGLM_HF_EMBD, AGLM_HF_AS_IS), \
        MATRIX("mlp.down_proj", "ffn_down", AGLM_HF_EMBD, AGLM_HF_FF, AGLM_HF_AS_IS)
#define TWO_NORMS                                                      \
    NORM("input_layernorm", "attn_norm", AGLM_HF_EMBD, AGLM_HF_AS_IS), \
        NORM("post_attention_layernorm", "ffn_norm", AGLM_HF_EMBD, AGLM_HF_AS_IS)
#define QK_NORMS(change)                                               \
    NORM("self_attn.q_norm", "attn_q_norm", AGLM_HF_HEAD_DIM, change), \
        NORM("self_attn.k_norm", "attn_k_norm", AGLM_HF_HEAD_DIM, change)

static const struct aglm_hf_tensor LLAMA[] = {
    EMBEDDING,
    OUTPUT_NORM(AGLM_HF_AS_IS),
    OUTPUT,
    TWO_NORMS,
    ATTENTION(AGLM_HF_TO_NEIGHBOURS),
    BIASES(AGLM_HF_TO_NEIGHBOURS, true),
    BIAS("self_attn.o_proj", "attn_output", AGLM_HF_EMBD, AGLM_HF_AS_IS, true),
    FEED_FORWARD,
};

static const struct aglm_hf_tensor QWEN2[] = {
    EMBEDDING,    OUTPUT_NORM(AGLM_HF_AS_IS), OUTPUT,
    TWO_NORMS,    ATTENTION(AGLM_HF_AS_IS),   BIASES(AGLM_HF_AS_IS, false),
    FEED_FORWARD,
};

static const struct aglm_hf_tensor QWEN3[] = {
    EMBEDDING,    OUTPUT_NORM(AGLM_HF_AS_IS), OUTPUT,
    TWO_NORMS,    ATTENTION(AGLM_HF_AS_IS),   QK_NORMS(AGLM_HF_AS_IS),
    FEED_FORWARD,
};

static const struct aglm_hf_tensor CHATGLM[] = {
    {"transformer.embedding.word_embeddings.weight", "token_embd.weight", AGLM_HF_VOCAB,
     AGLM_HF_EMBD},
    {"@final_layernorm.weight", "output_norm.weight", AGLM_HF_EMBD, AGLM_HF_ONE},
    {"transformer.output_layer.weight", "output.weight", AGLM_HF_VOCAB, AGLM_HF_EMBD},
    TWO_NORMS,
    MATRIX("self_attention.query_key_value", "attn_qkv", AGLM_HF_QKV, AGLM_HF_EMBD, AGLM_HF_AS_IS),
    BIAS("self_attention.query_key_value", "attn_qkv", AGLM_HF_QKV, AGLM_HF_AS_IS, true),
    MATRIX("self_attention.dense", "attn_output", AGLM_HF_EMBD, AGLM_HF_Q, AGLM_HF_AS_IS),
    MATRIX("mlp.dense_h_to_4h", "ffn_up", AGLM_HF_FF2, AGLM_HF_EMBD, AGLM_HF_AS_IS),
    MATRIX("mlp.dense_4h_to_h", "ffn_down", AGLM_HF_EMBD, AGLM_HF_FF, AGLM_HF_AS_IS),
};

static const struct aglm_hf_tensor GLM[] = {
    EMBEDDING,          OUTPUT_NORM(AGLM_HF_AS_IS), OUTPUT,
    TWO_NORMS,          ATTENTION(AGLM_HF_AS_IS),   BIASES(AGLM_HF_AS_IS, true),
    FUSED_FEED_FORWARD,
};

static const struct aglm_hf_tensor GLM4[] = {
    EMBEDDING,
    OUTPUT_NORM(AGLM_HF_AS_IS),
    OUTPUT,
    TWO_NORMS,
    NORM("post_self_attn_layernorm", "post_attention_norm", AGLM_HF_EMBD, AGLM_HF_AS_IS),
    NORM("post_mlp_layernorm", "post_ffw_norm", AGLM_HF_EMBD, AGLM_HF_AS_IS),
    ATTENTION(AGLM_HF_TO_HALVES),
    BIASES(AGLM_HF_TO_HALVES, true),
    FUSED_FEED_FORWARD,
};

static const struct aglm_hf_tensor GEMMA3[] = {
    EMBEDDING,
    OUTPUT_NORM(AGLM_HF_PLUS_ONE),
    OUTPUT,
    NORM("input_layernorm", "attn_norm", AGLM_HF_EMBD, AGLM_HF_PLUS_ONE),
    NORM("post_attention_layernorm", "post_attention_norm", AGLM_HF_EMBD, AGLM_HF_PLUS_ONE),
    NORM("pre_feedforward_layernorm", "ffn_norm", AGLM_HF_EMBD, AGLM_HF_PLUS_ONE),
    NORM("post_feedforward_layernorm", "post_ffw_norm", AGLM_HF_EMBD, AGLM_HF_PLUS_ONE),
    ATTENTION(AGLM_HF_AS_IS),
    QK_NORMS(AGLM_HF_PLUS_ONE),
    FEED_FORWARD,
};

#define TENSORS(list) .tensors = list, .n_tensors = COUNT(list)

static const struct aglm_hf_arch ARCHS[] = {
    {.names = {"LlamaForCausalLM"},
     .gguf = "llama",
     TENSORS(LLAMA),
     .prefixes = {"model."},
     .llama3_rope = true,
     .rotated = 1.0,
     .activation = "silu"},
    {.names = {"Qwen2ForCausalLM"},
     .gguf = "qwen2",
     TENSORS(QWEN2),
     .prefixes = {"model."},
     .rotated = 1.0,
     .activation = "silu"},
    {.names = {"Qwen3ForCausalLM"},
     .gguf = "qwen3",
     TENSORS(QWEN3),
     .prefixes = {"model."},
     .rotated = 1.0,
     .head_dim = 128,
     .activation = "silu"},
    {.names = {"ChatGLMModel", "ChatGLMForConditionalGeneration"},
     .gguf = "chatglm",
     TENSORS(CHATGLM),
     .prefixes = {"transformer.encoder."},
     .chatglm_keys = true,
     .rotated = 0.5},
    {.names = {"GlmForCausalLM"},
     .gguf = "chatglm",
     TENSORS(GLM),
     .prefixes = {"model."},
     .rotated = 0.5,
     .head_dim = 128,
     .activation = "silu"},
    {.names = {"Glm4ForCausalLM"},
     .gguf = "glm4",
     TENSORS(GLM4),
     .prefixes = {"model."},
     .rotated = 0.5,
     .head_dim = 128,
     .activation = "silu"},
    {.names = {"Glm4vForConditionalGeneration"},
     .gguf = "glm4",
     TENSORS(GLM4),
     .prefixes = {"model.language_model.", "language_model.model."},
     .text_config = true,
     .rotated = 0.5,
     .activation = "silu"},
    {.names = {"Gemma3ForCausalLM"},
     .gguf = "gemma3",
     TENSORS(GEMMA3),
     .prefixes = {"model."},
     .tied = true,
     .output_unused = true,
     .windows = true,
     .rotated = 1.0,
     .head_dim = 256,
     .activation = "gelu_pytorch_tanh"},
};

const struct aglm_hf_arch *aglm_hf_arch_find(const char *name)
{
    for (size_t i = 0; i < COUNT(ARCHS); i++)
        for (size_t k = 0; k < COUNT(ARCHS[i].names) && ARCHS[i].names[k]; k++)
            if (strcmp(ARCHS[i].names[k], name) == 0)
                return &ARCHS[i];
    return NULL;
}

const char *aglm_hf_arch_names(void)
{
    return "LlamaForCausalLM, Qwen2ForCausalLM, Qwen3ForCausalLM, ChatGLMModel, "
           "ChatGLMForConditionalGeneration, GlmForCausalLM, Glm4ForCausalLM, "
           "Glm4vForConditionalGeneration, Gemma3ForCausalLM";
}

const char *aglm_hf_left_out(const char *name)
{
    static const char *const VISION[] = {"model.visual.", "visual.", "transformer.vision."};
    static const char *const FREQUENCIES[] = {"rotary_emb.inv_freq", "rotary_pos_emb.inv_freq"};
    const size_t n = strlen(name);
    for (size_t i = 0; i < COUNT(VISION); i++)
        if (strncmp(name, VISION[i], strlen(VISION[i])) == 0)
            return "vision";
    for (size_t i = 0; i < COUNT(FREQUENCIES); i++) {
        size_t end = strlen(FREQUENCIES[i]);
        if (n >= end && strcmp(name + n - end, FREQUENCIES[i]) == 0)
            return "rope frequencies";
    }
    return NULL;
}

uint64_t aglm_hf_size_of(const struct aglm_hf_config *c, enum aglm_hf_size size)
{
    const uint64_t q = (uint64_t)c->n_heads * c->head_dim,
                   kv = (uint64_t)c->n_kv_heads * c->head_dim;
    switch (size) {
    case AGLM_HF_ONE:
        return 1;
    case AGLM_HF_VOCAB:
        return c->n_vocab;
    case AGLM_HF_EMBD:
        return c->n_embd;
    case AGLM_HF_Q:
        return q;
    case AGLM_HF_KV:
        return kv;
    case AGLM_HF_QKV:
        return q + 2 * kv;
    case AGLM_HF_FF:
        return c->n_ff;
    case AGLM_HF_FF2:
        return 2 * (uint64_t)c->n_ff;
    case AGLM_HF_HEAD_DIM:
        return c->head_dim;
    }
    return 0;
}

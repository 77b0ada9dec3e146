"""Logits of a Hugging Face folder in float64, from the models' definitions, straight over the safetensors.

Written from the published modelling code's formulas (Llama, Qwen2, Qwen3, ChatGLM, GLM, GLM-4, GLM-4V's language
model, Gemma 3): no weight is permuted, shifted or renamed, so a mistake in converting cannot hide here.
"""
import json
import os

import numpy as np


def read_safetensors(path):
    raw = open(path, "rb").read()
    n = int.from_bytes(raw[:8], "little")
    header, data = json.loads(raw[8:8 + n]), raw[8 + n:]
    tensors = {}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        first, end = entry["data_offsets"]
        piece = data[first:end]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(piece, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(piece, {"F32": "<f4", "F16": "<f2", "I64": "<i8"}[entry["dtype"]])
        tensors[name] = values.reshape(entry["shape"]).astype(np.float64)
    return tensors


def read_folder(folder):
    config = json.load(open(os.path.join(folder, "config.json")))
    index = os.path.join(folder, "model.safetensors.index.json")
    names = {"model.safetensors"}
    if os.path.exists(index):
        names = set(json.load(open(index))["weight_map"].values())
    tensors = {}
    for name in names:
        tensors.update(read_safetensors(os.path.join(folder, name)))
    return config, tensors


def rms_norm(x, weight, eps):
    return x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * weight


def silu(x):
    return x / (1 + np.exp(-x))


def gelu_tanh(x):
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x ** 3)))


def rotate_half(x):
    a, b = np.split(x, 2, -1)
    return np.concatenate([-b, a], -1)


def rotate_pairs(x):
    return np.stack([-x[..., 1::2], x[..., 0::2]], -1).reshape(x.shape)


def attention(q, k, v, scale, window=None):
    """q: [heads, n, dim]; k, v: [kv heads, n, dim]; returns [n, heads * dim]."""
    heads, n, dim = q.shape
    k = np.repeat(k, heads // k.shape[0], 0)
    v = np.repeat(v, heads // v.shape[0], 0)
    scores = q @ k.transpose(0, 2, 1) * scale
    i, j = np.arange(n)[:, None], np.arange(n)[None, :]
    visible = j <= i
    if window:
        visible &= j > i - window
    scores = np.where(visible, scores, -np.inf)
    scores = np.exp(scores - scores.max(-1, keepdims=True))
    out = scores / scores.sum(-1, keepdims=True) @ v
    return out.transpose(1, 0, 2).reshape(n, heads * dim)


def inv_freq(base, dim):
    return 1 / base ** (np.arange(0, dim, 2) / dim)


def llama3_freq(freq, scaling):
    low = scaling["original_max_position_embeddings"] / scaling["low_freq_factor"]
    high = scaling["original_max_position_embeddings"] / scaling["high_freq_factor"]
    length = 2 * np.pi / freq
    out = np.where(length > low, freq / scaling["factor"], freq)
    smooth = (scaling["original_max_position_embeddings"] / length - scaling["low_freq_factor"]) / (
        scaling["high_freq_factor"] - scaling["low_freq_factor"])
    blended = (1 - smooth) * out / scaling["factor"] + smooth * out
    return np.where((length >= high) & (length <= low), blended, out)


def rope_halves(x, freq):
    """The usual form: x[i] turns with x[i + dim/2]."""
    angle = np.arange(x.shape[1])[:, None] * freq
    angle = np.concatenate([angle, angle], -1)
    return x * np.cos(angle) + rotate_half(x) * np.sin(angle)


def rope_pairs(x, freq, sections=None):
    """GLM's form: x[2i] turns with x[2i + 1], over the first 2 * len(freq) dimensions.

    sections: M-RoPE; text has the same position along all three axes."""
    rotated = 2 * len(freq)
    angles = np.arange(x.shape[1])[:, None] * freq
    if sections:
        axes = [angles, angles, angles]
        ends = np.cumsum(sections)
        angles = np.concatenate([axes[i][:, e - s:e] for i, (s, e) in enumerate(zip(sections, ends))], -1)
    cos, sin = np.cos(angles).repeat(2, -1), np.sin(angles).repeat(2, -1)
    turned = x[..., :rotated] * cos + rotate_pairs(x[..., :rotated]) * sin
    return np.concatenate([turned, x[..., rotated:]], -1)


def heads_of(x, n_heads):
    return x.reshape(x.shape[0], n_heads, -1).transpose(1, 0, 2)


class Usual:
    """What the transformers library's own models share."""

    def __init__(self, config, tensors, prefix):
        self.c, self.t, self.prefix = config, tensors, prefix

    def linear(self, x, name):
        y = x @ self.t[name + ".weight"].T
        return y + self.t[name + ".bias"] if name + ".bias" in self.t else y

    def norm(self, x, name, shift=0):
        return rms_norm(x, self.t[name + ".weight"] + shift, self.c["rms_norm_eps"])

    def qkv(self, x, at):
        heads, kv = self.c["num_attention_heads"], self.c["num_key_value_heads"]
        return (heads_of(self.linear(x, at + "q_proj"), heads), heads_of(self.linear(x, at + "k_proj"), kv),
                heads_of(self.linear(x, at + "v_proj"), kv))

    def dim(self):
        return self.c.get("head_dim") or self.c["hidden_size"] // self.c["num_attention_heads"]

    def logits(self, x, shift=0):
        x = self.norm(x, self.prefix + "norm", shift)
        tied = self.c.get("tie_word_embeddings")
        return x @ self.t[self.prefix + "embed_tokens.weight" if tied else "lm_head.weight"].T


def llama(c, t, tokens):
    """Llama, Qwen2, Qwen3."""
    m = Usual(c, t, "model.")
    freq = inv_freq(c.get("rope_theta", 10000.0), m.dim())
    scaling = c.get("rope_scaling") or {}
    if scaling.get("rope_type") == "llama3":
        freq = llama3_freq(freq, scaling)
    elif scaling.get("rope_type") == "linear":
        freq = freq / scaling["factor"]
    x = t["model.embed_tokens.weight"][tokens]
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        q, k, v = m.qkv(m.norm(x, at + "input_layernorm"), at + "self_attn.")
        if at + "self_attn.q_norm.weight" in t:
            q, k = m.norm(q, at + "self_attn.q_norm"), m.norm(k, at + "self_attn.k_norm")
        y = attention(rope_halves(q, freq), rope_halves(k, freq), v, m.dim() ** -0.5)
        x = x + m.linear(y, at + "self_attn.o_proj")
        y = m.norm(x, at + "post_attention_layernorm")
        y = silu(m.linear(y, at + "mlp.gate_proj")) * m.linear(y, at + "mlp.up_proj")
        x = x + m.linear(y, at + "mlp.down_proj")
    return m.logits(x)


def glm(c, t, tokens, prefix="model.", sections=None, post_norms=False):
    """GLM (GLM-Edge, GLM-4-9B-hf), GLM-4-0414, GLM-4V's language model."""
    m = Usual(c, t, prefix)
    rotary = c.get("partial_rotary_factor") or c["rope_parameters"]["partial_rotary_factor"]
    theta = c.get("rope_theta") or c["rope_parameters"]["rope_theta"]
    freq = inv_freq(theta, int(m.dim() * rotary))
    x = t[prefix + "embed_tokens.weight"][tokens]
    for i in range(c["num_hidden_layers"]):
        at = f"{prefix}layers.{i}."
        q, k, v = m.qkv(m.norm(x, at + "input_layernorm"), at + "self_attn.")
        y = attention(rope_pairs(q, freq, sections), rope_pairs(k, freq, sections), v, m.dim() ** -0.5)
        y = m.linear(y, at + "self_attn.o_proj")
        x = x + (m.norm(y, at + "post_self_attn_layernorm") if post_norms else y)
        gate, up = np.split(m.linear(m.norm(x, at + "post_attention_layernorm"), at + "mlp.gate_up_proj"), 2, -1)
        y = m.linear(up * silu(gate), at + "mlp.down_proj")
        x = x + (m.norm(y, at + "post_mlp_layernorm") if post_norms else y)
    return m.logits(x)


def chatglm(c, t, tokens):
    """ChatGLM3's and GLM-4-9B's own code."""
    eps, heads, groups, dim = c["layernorm_epsilon"], c["num_attention_heads"], c["multi_query_group_num"], c["kv_channels"]
    freq = inv_freq(10000 * c.get("rope_ratio", 1), dim // 2)
    x = t["transformer.embedding.word_embeddings.weight"][tokens]
    for i in range(c["num_layers"]):
        at = f"transformer.encoder.layers.{i}."
        y = rms_norm(x, t[at + "input_layernorm.weight"], eps) @ t[at + "self_attention.query_key_value.weight"].T
        y = y + t.get(at + "self_attention.query_key_value.bias", 0)
        q, k, v = np.split(y, [heads * dim, (heads + groups) * dim], -1)
        q, k, v = heads_of(q, heads), heads_of(k, groups), heads_of(v, groups)
        y = attention(rope_pairs(q, freq), rope_pairs(k, freq), v, dim ** -0.5)
        x = x + y @ t[at + "self_attention.dense.weight"].T
        y = rms_norm(x, t[at + "post_attention_layernorm.weight"], eps) @ t[at + "mlp.dense_h_to_4h.weight"].T
        gate, up = np.split(y, 2, -1)
        x = x + (silu(gate) * up) @ t[at + "mlp.dense_4h_to_h.weight"].T
    x = rms_norm(x, t["transformer.encoder.final_layernorm.weight"], eps)
    return x @ t["transformer.output_layer.weight"].T


def gemma3(c, t, tokens):
    m = Usual({**c, "tie_word_embeddings": True}, t, "model.")
    scaling = c.get("rope_scaling") or {}
    whole = inv_freq(c["rope_theta"], m.dim()) / scaling.get("factor", 1)
    local = inv_freq(c["rope_local_base_freq"], m.dim())
    x = t["model.embed_tokens.weight"][tokens] * c["hidden_size"] ** 0.5
    for i in range(c["num_hidden_layers"]):
        at = f"model.layers.{i}."
        full = (i + 1) % 6 == 0
        freq = whole if full else local
        q, k, v = m.qkv(m.norm(x, at + "input_layernorm", 1), at + "self_attn.")
        q = rope_halves(m.norm(q, at + "self_attn.q_norm", 1), freq)
        k = rope_halves(m.norm(k, at + "self_attn.k_norm", 1), freq)
        y = attention(q, k, v, c["query_pre_attn_scalar"] ** -0.5, None if full else c["sliding_window"])
        x = x + m.norm(m.linear(y, at + "self_attn.o_proj"), at + "post_attention_layernorm", 1)
        y = m.norm(x, at + "pre_feedforward_layernorm", 1)
        y = m.linear(gelu_tanh(m.linear(y, at + "mlp.gate_proj")) * m.linear(y, at + "mlp.up_proj"), at + "mlp.down_proj")
        x = x + m.norm(y, at + "post_feedforward_layernorm", 1)
    return m.logits(x, 1)


def logits(folder, tokens):
    """[len(tokens), vocabulary] in float64."""
    c, t = read_folder(folder)
    kind = c["architectures"][0]
    if kind in ("LlamaForCausalLM", "Qwen2ForCausalLM", "Qwen3ForCausalLM"):
        return llama(c, t, tokens)
    if kind == "GlmForCausalLM":
        return glm(c, t, tokens)
    if kind == "Glm4ForCausalLM":
        return glm(c, t, tokens, post_norms=True)
    if kind == "Glm4vForConditionalGeneration":
        text = c["text_config"]
        sections = (text.get("rope_scaling") or text["rope_parameters"])["mrope_section"]
        return glm(text, t, tokens, "model.language_model.", sections, True)
    if kind == "Gemma3ForCausalLM":
        return gemma3(c, t, tokens)
    return chatglm(c, t, tokens)

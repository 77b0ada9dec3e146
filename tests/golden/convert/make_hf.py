#!/usr/bin/env python3
"""Makes the small Hugging Face folders of this directory, their reference logits and token ids; see README.md.

usage: make_hf.py        (Python 3, NumPy; the same versions give the same bytes)
"""
import json
import os
import shutil
import zlib

import numpy as np

import reference
from tokenizers import byte_level, encode_byte_level, encode_sentencepiece, sentencepiece

HERE = os.path.dirname(os.path.abspath(__file__))
N_TOKENS = 8


class Folder:
    def __init__(self, name, dtype):
        self.name, self.dtype = name, dtype
        self.path = os.path.join(HERE, "hf", name)
        self.rng = np.random.default_rng(zlib.crc32(name.encode()))
        self.tensors = {}
        shutil.rmtree(self.path, ignore_errors=True)
        os.makedirs(self.path)

    def write(self, name, tree):
        with open(os.path.join(self.path, name), "w", encoding="utf-8") as f:
            json.dump(tree, f, ensure_ascii=False, indent=None if name == "tokenizer.json" else 1)
            f.write("\n")

    def matrix(self, name, rows, columns, gain=1.3):
        self.tensors[name] = self.rng.normal(0, gain / np.sqrt(columns), (rows, columns))

    def vector(self, name, n, mean=1.0, spread=0.3):
        self.tensors[name] = self.rng.normal(mean, spread, n)

    def projection(self, name, rows, columns, bias):
        self.matrix(name + ".weight", rows, columns)
        if bias:
            self.vector(name + ".bias", rows, 0.0)

    def encode(self, values):
        if self.dtype == "F32":
            return values.astype("<f4").tobytes()
        if self.dtype == "F16":
            return values.astype("<f2").tobytes()
        bits = values.astype("<f4").view(np.uint32)
        return ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16).astype("<u2").tobytes()

    def save(self, file, names):
        header, data = {"__metadata__": {"format": "pt"}}, b""
        for name in names:
            piece = self.encode(self.tensors[name])
            header[name] = {"dtype": self.dtype, "shape": list(self.tensors[name].shape),
                            "data_offsets": [len(data), len(data) + len(piece)]}
            data += piece
        text = json.dumps(header, separators=(",", ":")).encode()
        text += b" " * (-len(text) % 8)
        with open(os.path.join(self.path, file), "wb") as f:
            f.write(len(text).to_bytes(8, "little") + text + data)
        return len(data)

    def save_all(self, shards=1):
        names = sorted(self.tensors)
        if shards == 1:
            self.save("model.safetensors", names)
            return
        place, total = {}, 0
        for i in range(shards):
            file = f"model-{i + 1:05}-of-{shards:05}.safetensors"
            total += self.save(file, names[i::shards])
            place.update({n: file for n in names[i::shards]})
        self.write("model.safetensors.index.json", {"metadata": {"total_size": total}, "weight_map": place})


def usual_layers(f, c, prefix="model.", bias=False, o_bias=False, fused=False, qk_norm=False, post_norms=False, mean=1.0):
    d, ff = c["hidden_size"], c["intermediate_size"]
    dim = c.get("head_dim") or d // c["num_attention_heads"]
    q, kv = c["num_attention_heads"] * dim, c["num_key_value_heads"] * dim
    f.matrix(prefix + "embed_tokens.weight", c["vocab_size"], d, np.sqrt(d))
    f.vector(prefix + "norm.weight", d, mean)
    for i in range(c["num_hidden_layers"]):
        at = f"{prefix}layers.{i}."
        f.vector(at + "input_layernorm.weight", d, mean)
        f.vector(at + "post_attention_layernorm.weight", d, mean)
        for name in post_norms or []:
            f.vector(at + name + ".weight", d, mean)
        f.projection(at + "self_attn.q_proj", q, d, bias)
        f.projection(at + "self_attn.k_proj", kv, d, bias)
        f.projection(at + "self_attn.v_proj", kv, d, bias)
        f.projection(at + "self_attn.o_proj", d, q, o_bias)
        if qk_norm:
            f.vector(at + "self_attn.q_norm.weight", dim, mean)
            f.vector(at + "self_attn.k_norm.weight", dim, mean)
        if fused:
            f.matrix(at + "mlp.gate_up_proj.weight", 2 * ff, d)
        else:
            f.matrix(at + "mlp.gate_proj.weight", ff, d)
            f.matrix(at + "mlp.up_proj.weight", ff, d)
        f.matrix(at + "mlp.down_proj.weight", d, ff)


def output(f, c, text=None):
    text = text or c
    f.matrix("lm_head.weight", text["vocab_size"], text["hidden_size"], 2.0)


def config(kind, **more):
    return {"architectures": [kind], "hidden_act": "silu", "hidden_size": 32, "intermediate_size": 32,
            "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 45,
            "max_position_embeddings": 64, "rms_norm_eps": 1e-5, "rope_theta": 10000.0,
            "tie_word_embeddings": False, **more}


def small_llama():
    f = Folder("llama-tied", "BF16")
    tokenizer = byte_level("smollm")
    c = config("LlamaForCausalLM", vocab_size=tokenizer.n + 3, tie_word_embeddings=True, rope_theta=100000.0,
               num_attention_heads=4, num_key_value_heads=1, bos_token_id=tokenizer.id("<|im_start|>"))
    f.write("tokenizer.json", tokenizer.tree)
    f.write("tokenizer_config.json", {"eos_token": "<|im_end|>", "unk_token": "<|endoftext|>", "chat_template": [
        {"name": "tools", "template": "no"}, {"name": "default", "template": "{{ messages }}"}]})
    usual_layers(f, c)
    return f, c, 1, tokenizer


def llama3():
    f = Folder("llama3", "F16")
    tokenizer = byte_level("llama-bpe")
    c = config("LlamaForCausalLM", num_hidden_layers=1, vocab_size=tokenizer.n, head_dim=12, rope_theta=500000.0, torch_dtype="float16",
               max_position_embeddings=131072, bos_token_id=0, eos_token_id=[tokenizer.id("<|eot_id|>"), 1],
               rope_scaling={"factor": 32.0, "high_freq_factor": 4.0, "low_freq_factor": 1.0,
                             "original_max_position_embeddings": 64, "rope_type": "llama3"})
    f.write("tokenizer.json", tokenizer.tree)
    f.write("tokenizer_config.json", {"bos_token": {"content": "<|begin_of_text|>"}, "eos_token": "<|eot_id|>",
                                      "chat_template": "{{ bos_token }}"})
    usual_layers(f, c)
    output(f, c)
    return f, c, 2, tokenizer


def llama_bias():
    f = Folder("llama-bias", "F32")
    c = config("LlamaForCausalLM", attention_bias=True, num_hidden_layers=1, rope_scaling={"rope_type": "linear", "factor": 4.0})
    usual_layers(f, c, bias=True, o_bias=True)
    output(f, c)
    return f, c, 1, None


def qwen2():
    f = Folder("qwen2", "BF16")
    tokenizer = byte_level("qwen2")
    c = config("Qwen2ForCausalLM", num_hidden_layers=1, vocab_size=tokenizer.n + 5, rms_norm_eps=1e-6, rope_theta=1e6, use_sliding_window=False,
               sliding_window=32, tie_word_embeddings=True)
    f.write("tokenizer.json", tokenizer.tree)
    f.write("tokenizer_config.json", {"add_bos_token": False, "bos_token": None, "eos_token": "<|im_end|>",
                                      "pad_token": "<|endoftext|>"})
    f.write("generation_config.json", {"bos_token_id": tokenizer.id("<|endoftext|>")})
    usual_layers(f, c, bias=True)
    return f, c, 1, tokenizer


def qwen3():
    f = Folder("qwen3", "BF16")
    c = config("Qwen3ForCausalLM", rms_norm_eps=1e-6, rope_theta=1e6, head_dim=16, attention_bias=False,
               tie_word_embeddings=True)
    usual_layers(f, c, qk_norm=True)
    f.tensors["lm_head.weight"] = f.tensors["model.embed_tokens.weight"]
    return f, c, 2, None


def chatglm():
    f = Folder("chatglm", "F16")
    c = {"architectures": ["ChatGLMForConditionalGeneration"], "hidden_size": 32, "num_attention_heads": 4,
         "multi_query_attention": True, "multi_query_group_num": 2, "kv_channels": 8, "ffn_hidden_size": 32, "num_layers": 2,
         "padded_vocab_size": 50, "vocab_size": 50, "seq_length": 64, "layernorm_epsilon": 1.5625e-7, "rmsnorm": True,
         "add_bias_linear": False, "add_qkv_bias": True, "apply_residual_connection_post_layernorm": False,
         "post_layer_norm": True, "original_rope": True, "rope_ratio": 500, "tie_word_embeddings": False}
    f.matrix("transformer.embedding.word_embeddings.weight", 50, 32, 5.6)
    f.vector("transformer.encoder.final_layernorm.weight", 32)
    f.matrix("transformer.output_layer.weight", 50, 32, 2.0)
    f.vector("transformer.rotary_pos_emb.inv_freq", 2)
    for i in range(2):
        at = f"transformer.encoder.layers.{i}."
        f.vector(at + "input_layernorm.weight", 32)
        f.vector(at + "post_attention_layernorm.weight", 32)
        f.projection(at + "self_attention.query_key_value", 32 + 2 * 16, 32, True)
        f.matrix(at + "self_attention.dense.weight", 32, 32)
        f.matrix(at + "mlp.dense_h_to_4h.weight", 64, 32)
        f.matrix(at + "mlp.dense_4h_to_h.weight", 32, 32)
    return f, c, 1, None


def glm_edge():
    f = Folder("glm-edge", "BF16")
    tokenizer = byte_level("chatglm-bpe")
    c = config("GlmForCausalLM", num_hidden_layers=1, head_dim=8, partial_rotary_factor=1.0, attention_bias=False, vocab_size=tokenizer.n + 1,
               tie_word_embeddings=True, eos_token_id=[tokenizer.id("<|endoftext|>"), tokenizer.id("<|user|>")])
    f.write("tokenizer.json", tokenizer.tree)
    f.write("tokenizer_config.json", {"eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>",
                                      "chat_template": "{% for m in messages %}<|user|>{% endfor %}"})
    usual_layers(f, c, fused=True)
    return f, c, 1, tokenizer


def glm_hf():
    f = Folder("glm-hf", "BF16")
    c = config("GlmForCausalLM", num_hidden_layers=1, head_dim=8, partial_rotary_factor=0.5, attention_bias=True,
               rms_norm_eps=1.5625e-7, rope_theta=5e6)
    usual_layers(f, c, fused=True, bias=True)
    output(f, c)
    return f, c, 1, None


GLM4_NORMS = ["post_self_attn_layernorm", "post_mlp_layernorm"]


def glm4():
    f = Folder("glm4", "BF16")
    c = config("Glm4ForCausalLM", head_dim=16, partial_rotary_factor=0.5, attention_bias=False)
    usual_layers(f, c, fused=True, post_norms=GLM4_NORMS)
    output(f, c)
    return f, c, 2, None


def glm4v():
    f = Folder("glm4v", "BF16")
    text = config("", head_dim=16, attention_bias=True, rope_parameters={
        "rope_type": "default", "rope_theta": 10000.0, "partial_rotary_factor": 0.5, "mrope_section": [1, 1, 2]})
    for key in ("architectures", "rope_theta"):
        del text[key]
    c = {"architectures": ["Glm4vForConditionalGeneration"], "model_type": "glm4v", "text_config": text,
         "tie_word_embeddings": False, "vision_config": {"depth": 1}}
    usual_layers(f, text, "model.language_model.", fused=True, bias=True, post_norms=GLM4_NORMS)
    output(f, c, text)
    f.tensors["model.visual.patch_embed.proj.weight"] = f.rng.normal(size=(2, 3, 2, 4, 4))
    f.vector("model.visual.merger.proj.bias", 3)
    return f, c, 1, None


def gemma3():
    f = Folder("gemma3", "BF16")
    tokenizer = sentencepiece()
    c = config("Gemma3ForCausalLM", hidden_size=16, intermediate_size=24, head_dim=16, num_attention_heads=2,
               num_key_value_heads=1, num_hidden_layers=7, vocab_size=tokenizer.n, rms_norm_eps=1e-6, rope_theta=1e6,
               rope_local_base_freq=10000.0, sliding_window=5, sliding_window_pattern=6, query_pre_attn_scalar=16,
               hidden_activation="gelu_pytorch_tanh", attn_logit_softcapping=None, final_logit_softcapping=None,
               bos_token_id=2, eos_token_id=[1, tokenizer.id("<end_of_turn>")])
    del c["hidden_act"], c["tie_word_embeddings"]
    f.write("tokenizer.json", tokenizer.tree)
    f.write("tokenizer_config.json", {"add_bos_token": True, "add_eos_token": False, "bos_token": "<bos>",
                                      "eos_token": "<eos>", "unk_token": "<unk>", "pad_token": "<pad>"})
    usual_layers(f, c, qk_norm=True, post_norms=["pre_feedforward_layernorm", "post_feedforward_layernorm"], mean=0.0)
    return f, c, 1, tokenizer


TEXTS = ["hello world", "The cat's 12345 hats\n\n  and  tabs\t!", "GLM <|user|>don't", "x=1; y = 22;  // ok\r\n", " a", "",
         "<end_of_turn><|im_end|>the the the   the", "I'LL re-read 7 of 2024-11-22..."]


def main():
    lines, ids = [], []
    os.makedirs(os.path.join(HERE, "hf"), exist_ok=True)
    for make in (small_llama, llama3, llama_bias, qwen2, qwen3, chatglm, glm_edge, glm_hf, glm4, glm4v, gemma3):
        f, c, shards, tokenizer = make()
        f.write("config.json", c)
        f.save_all(shards)
        n_vocab = c.get("text_config", c).get("vocab_size")
        tokens = [int(x) for x in f.rng.integers(0, n_vocab, N_TOKENS)]
        rows = reference.logits(f.path, tokens)
        assert np.isfinite(rows).all()
        rows.astype("<f4").tofile(os.path.join(HERE, "hf", f.name + ".f32"))
        lines.append(f"{f.name} {'vocab' if tokenizer else 'none'} {' '.join(map(str, tokens))}")
        encode = encode_sentencepiece if f.name == "gemma3" else encode_byte_level
        for text in TEXTS if tokenizer else []:
            ids.append(f.name + "\t" + json.dumps(text) + "\t" + " ".join(map(str, encode(tokenizer, text))))
    for name, rows in (("cases.txt", lines), ("ids.txt", ids)):
        with open(os.path.join(HERE, name), "w", encoding="utf-8") as out:
            out.write("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()

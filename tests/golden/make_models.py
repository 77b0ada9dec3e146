#!/usr/bin/env python3
"""Makes the golden models of this folder: tiny seeded GGUF files of every architecture and type.

Inputs: none but the tables below (the seeds are in them). Outputs: models/*.gguf and cases.txt; with
--logits COMMAND also models/*.f32, by running `COMMAND MODEL OUT.f32 TOKEN...` for every case.
It uses the public gguf package and its quantizers on purpose, and nothing of this project, so that a
mistake in our writer or our block formats cannot hide itself. Q6_K, which gguf only decodes, is packed
here and checked against gguf's decoder. See README.md for the versions that made the committed files.
"""

import argparse
import subprocess
import zlib
from pathlib import Path

import gguf
import numpy as np

TYPES = {t.name.lower(): t for t in gguf.GGMLQuantizationType}
LIMITS = {"f32": 1e-5, "f16": 1e-4, "bf16": 1e-4}
LIMIT_QUANTIZED = 5e-3

# What a model has unless its entry says otherwise. None: the key is left out of the file, so that a
# reader's default counts. kv None: as many as heads.
DEFAULTS = dict(arch="llama", type="f32", out=None, down=None, layers=2, embd=32, heads=2, kv=1, head_dim=None,
                ff=40, vocab=50, rot="all", theta=10000.0, eps=1e-5, tied=False, bias=False, fused=False,
                freqs=False, linear=None, tokens=12)

EDGE = dict(arch="chatglm", theta=10000.0)
GLM4 = dict(arch="chatglm", fused=True, bias=True, rot="half", theta=5e6, eps=1.5625e-7)
QWEN = dict(arch="qwen2", bias=True, theta=1e6, eps=1e-6)

MODELS = {
    # F32: every part of the graph, small and ragged. keylen: heads * head_dim differs from embd. linear: RoPE
    # scaling, and the keys with defaults (head_count_kv, rope.freq_base, rope.dimension_count) left out.
    "llama-f32": dict(freqs=True, theta=5e5, heads=3, kv=1, embd=36, head_dim=12, ff=29, vocab=51),
    "llama-keylen-f32": dict(embd=24, heads=2, kv=2, head_dim=32, ff=53, vocab=33, tied=True, eps=0.05, layers=1),
    "llama-linear-f32": dict(linear=4.0, heads=4, kv=None, theta=None, rot=None, ff=32, vocab=47, eps=1e-6,
                             layers=1),
    "qwen2-f32": dict(QWEN, heads=4, kv=2, head_dim=8, ff=31, vocab=61, eps=0.02),
    "edge-f32": dict(EDGE, heads=2, kv=1, ff=32, vocab=64),
    "glm4-f32": dict(GLM4, heads=2, kv=1, ff=35, vocab=57, eps=0.01),
    # F16 and BF16.
    "llama-f16": dict(type="f16", embd=32, heads=2, kv=1, head_dim=80, ff=50, vocab=71, layers=1, freqs=True),
    "qwen2-f16": dict(QWEN, type="f16", tied=True, heads=2, kv=2, embd=36, ff=47, vocab=71),
    "edge-f16": dict(EDGE, type="f16", tied=True, heads=3, kv=1, embd=48, ff=41, vocab=83),
    "glm4-f16": dict(GLM4, type="f16", heads=3, kv=3, embd=36, ff=39, vocab=65),
    "llama-bf16": dict(type="bf16", heads=4, kv=2, embd=48, ff=47, vocab=66, theta=1e5, bias=True, layers=1),
    "qwen2-bf16": dict(QWEN, type="bf16", heads=6, kv=2, embd=48, head_dim=8, ff=33, vocab=77, layers=1),
    "edge-bf16": dict(EDGE, type="bf16", heads=2, kv=1, embd=48, ff=31, vocab=62, layers=1),
    "glm4-bf16": dict(GLM4, type="bf16", heads=2, kv=1, embd=48, head_dim=24, ff=33, vocab=77, layers=1),
    # Quantized: rows of 32, then of 256 for Q6_K.
    "llama-q8_0": dict(type="q8_0", heads=4, kv=2, embd=64, ff=32, vocab=75, freqs=True, theta=5e5),
    "qwen2-q8_0": dict(QWEN, type="q8_0", tied=True, heads=2, kv=1, embd=64, ff=32, vocab=101),
    "edge-q8_0": dict(EDGE, type="q8_0", heads=2, kv=1, embd=64, ff=32, vocab=70),
    "glm4-q8_0": dict(GLM4, type="q8_0", heads=2, kv=1, embd=64, ff=32, vocab=59, layers=1),
    "llama-q4_0": dict(type="q4_0", heads=2, kv=1, embd=64, head_dim=64, ff=32, vocab=67),
    "qwen2-q4_0": dict(QWEN, type="q4_0", tied=True, heads=4, kv=1, embd=64, ff=32, vocab=93, layers=3),
    "edge-q4_0": dict(EDGE, type="q4_0", out="q8_0", heads=2, kv=1, embd=64, ff=32, vocab=81),
    "llama-q4_0-q6_k": dict(type="q4_0", out="q6_k", heads=4, kv=1, embd=256, head_dim=32, ff=32, vocab=63,
                            layers=1),
    "glm4-q4_0-q6_k": dict(GLM4, type="q4_0", out="q6_k", heads=2, kv=1, embd=256, ff=32, vocab=35, layers=1),
    "edge-q6_k": dict(EDGE, type="q6_k", down="q8_0", tied=True, heads=8, kv=1, embd=256, ff=32, vocab=37,
                      layers=1),
}


def pack_q6_k(rows, rng):
    """[n, 256k] floats to Q6_K blocks: 16 sub-blocks of 16 with signed 8-bit scales, one half scale of
    either sign. Round to nearest; the signs are drawn, since a reader must get all four cases right."""
    x = rows.astype(np.float64).reshape(-1, 16, 16)
    n = x.shape[0]
    sub = np.abs(x).max(axis=2) / 31.0
    d = (sub.max(axis=1) / 127.0 * rng.choice([-1.0, 1.0], n)).astype(np.float16)
    d64 = d.astype(np.float64)[:, None]
    scales = np.rint(sub / np.where(d64 == 0, 1, np.abs(d64))).clip(1, 127) * rng.choice([-1, 1], sub.shape)
    step = (d64 * scales)[:, :, None]
    q = (np.rint(x / np.where(step == 0, 1, step)).clip(-32, 31) + 32).astype(np.uint8).reshape(n, 2, 4, 32)
    low = np.stack([(q[:, :, 0] & 15) | (q[:, :, 2] & 15) << 4, (q[:, :, 1] & 15) | (q[:, :, 3] & 15) << 4], 2)
    high = q[:, :, 0] >> 4 | (q[:, :, 1] >> 4) << 2 | (q[:, :, 2] >> 4) << 4 | (q[:, :, 3] >> 4) << 6
    blocks = np.concatenate([low.reshape(n, 128), high.reshape(n, 64), scales.astype(np.int8).view(np.uint8),
                             d.reshape(n, 1).view(np.uint8)], axis=1)
    back = gguf.quants.dequantize(blocks, TYPES["q6_k"]).reshape(x.shape)
    assert np.abs(back - x).max() <= np.abs(x).max() / 31.0, "gguf's Q6_K decoder disagrees"
    return blocks.reshape(rows.shape[0], -1)


def encode(data, name, rng):
    data = np.ascontiguousarray(data, dtype=np.float32)
    return pack_q6_k(data, rng) if name == "q6_k" else gguf.quants.quantize(data, TYPES[name])


def tensors(m, rng):
    """Yields (name, float data [rows, cols], type). Matrices are scaled by 1/sqrt(fan in); q and k by more,
    so that attention is far from flat and positions matter; norms and biases stray from 1 and 0."""
    def matrix(rows, cols, gain):
        return rng.standard_normal((rows, cols)) * gain / np.sqrt(cols)

    def norm():
        return 1.0 + 0.25 * rng.standard_normal(m["embd"])

    embd, ff, kind = m["embd"], m["ff"], m["type"]
    q, kv = m["heads"] * m["head_dim"], m["kv"] * m["head_dim"]
    out = m["out"] or kind
    # A tied matrix is small, or every token would predict itself and hide the rest of the model.
    spread = 2.0 if m["tied"] else 0.7 * np.sqrt(embd)
    yield "token_embd", matrix(m["vocab"], embd, spread), out if m["tied"] else kind
    yield "output_norm", norm(), "f32"
    if not m["tied"]:
        yield "output", matrix(m["vocab"], embd, 2.0), out
    if m["freqs"]:
        yield "rope_freqs", 1.0 + 7.0 * np.linspace(0.0, 1.0, m["head_dim"] // 2) ** 2, "f32"
    for i in range(m["layers"]):
        blk = f"blk.{i}."
        yield blk + "attn_norm", norm(), "f32"
        qkv = [matrix(q, embd, 1.3), matrix(kv, embd, 1.3), matrix(kv, embd, 1.0)]
        biases = [0.5 * rng.standard_normal(len(w)) for w in qkv]
        if m["fused"]:
            yield blk + "attn_qkv", np.concatenate(qkv), kind
            if m["bias"]:
                yield blk + "attn_qkv.bias", np.concatenate(biases), "f32"
        else:
            for part, w, b in zip("qkv", qkv, biases):
                yield blk + "attn_" + part, w, kind
                if m["bias"]:
                    yield blk + "attn_" + part + ".bias", b, "f32"
        yield blk + "attn_output", matrix(embd, q, 1.2), kind
        yield blk + "ffn_norm", norm(), "f32"
        if m["arch"] == "chatglm":
            yield blk + "ffn_up", matrix(2 * ff, embd, 1.2), kind
        else:
            yield blk + "ffn_gate", matrix(ff, embd, 1.2), kind
            yield blk + "ffn_up", matrix(ff, embd, 1.2), kind
        yield blk + "ffn_down", matrix(embd, ff, 1.2), m["down"] or kind


def resolve(entry):
    m = dict(DEFAULTS, **entry)
    m["key_length"] = m["head_dim"] is not None and m["head_dim"] * m["heads"] != m["embd"]
    m["head_dim"] = m["head_dim"] or m["embd"] // m["heads"]
    m["write_kv"], m["kv"] = m["kv"] is not None, m["kv"] or m["heads"]
    return m


def write_model(path, name, entry):
    """Writes one file; the name is the seed."""
    m = resolve(entry)
    rng = np.random.default_rng(zlib.crc32(name.encode()))
    w = gguf.GGUFWriter(path, m["arch"])
    w.add_name(name)
    w.add_context_length(m.get("ctx", 64))
    w.add_embedding_length(m["embd"])
    w.add_block_count(m["layers"])
    w.add_feed_forward_length(m["ff"])
    w.add_head_count(m["heads"])
    w.add_layer_norm_rms_eps(m["eps"])
    w.add_vocab_size(m["vocab"])
    w.add_tokenizer_model("no_vocab")
    if m["write_kv"]:
        w.add_head_count_kv(m["kv"])
    if m["key_length"]:
        w.add_key_length(m["head_dim"])
        w.add_value_length(m["head_dim"])
    if m["rot"]:
        w.add_rope_dimension_count(m["head_dim"] // (2 if m["rot"] == "half" else 1))
    if m["theta"]:
        w.add_rope_freq_base(m["theta"])
    if m["linear"]:
        w.add_rope_scaling_type(gguf.RopeScalingType.LINEAR)
        w.add_rope_scaling_factor(m["linear"])
    for tensor, data, kind in tensors(m, rng):
        if not tensor.endswith(".bias"):
            tensor += ".weight"
        w.add_tensor(tensor, encode(data, kind, rng), raw_dtype=TYPES[kind])
    w.write_header_to_file()
    w.write_kv_data_to_file()
    w.write_tensors_to_file()
    w.close()


def tokens_of(name, entry):
    """Drawn ids with the first and last of the vocabulary and repeats at other positions."""
    m = resolve(entry)
    rng = np.random.default_rng(zlib.crc32(b"tokens " + name.encode()))
    ids = rng.integers(0, m["vocab"], m["tokens"]).tolist()
    if len(ids) >= 8:
        ids[0], ids[3], ids[-1] = m["vocab"] - 1, 0, ids[1]
        ids[5] = ids[2]
    return ids


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--logits", help="command that writes reference logits: COMMAND MODEL OUT.f32 TOKEN...")
    args = parser.parse_args()
    folder = Path(__file__).resolve().parent
    lines = ["# name  architecture  type  NMSE limit  tokens; models/NAME.gguf, models/NAME.f32 (made by make_models.py)"]
    for name, entry in MODELS.items():
        path = folder / "models" / (name + ".gguf")
        write_model(path, name, entry)
        m, ids = resolve(entry), tokens_of(name, entry)
        label = "+".join(dict.fromkeys(filter(None, [m["type"], m["out"], m["down"]])))
        lines.append(f"{name} {m['arch']} {label} {LIMITS.get(m['type'], LIMIT_QUANTIZED):g} "
                     + ",".join(map(str, ids)))
        if args.logits:
            subprocess.run([*args.logits.split(), path, path.with_suffix(".f32"), *map(str, ids)], check=True)
    (folder / "cases.txt").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()

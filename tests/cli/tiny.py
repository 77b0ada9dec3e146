"""A very small model with a tokenizer, written as GGUF: 256 bytes, one merge and GLM's control tokens, so that
text and ids can be read off each other. Weights are seeded; the same call gives the same file."""
import random
import struct

AB, EOS, USER, ASSISTANT, SYSTEM, OBSERVATION = 256, 257, 258, 259, 260, 261
CONTROLS = ["<|endoftext|>", "<|user|>", "<|assistant|>", "<|system|>", "<|observation|>"]
VOCAB, EMBD, HEADS, KV_HEADS, FF, LAYERS = 262, 64, 2, 1, 64, 1
GLM_EDGE = ("{% for item in messages %}{% if item['role'] == 'system' %}<|system|>\n{{ item['content'] }}"
            "{% elif item['role'] == 'user' %}<|user|>\n{{ item['content'] }}{% endif %}{% endfor %}<|assistant|>")


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def byte_tokens():
    """GPT-2's characters for bytes: printable ones are themselves, the others come from U+0100 on."""
    out, hidden = [], 0
    for b in range(256):
        if 33 <= b <= 126 or 161 <= b <= 172 or b >= 174:
            out.append(chr(b))
        else:
            out.append(chr(256 + hidden))
            hidden += 1
    return out


def kv(key, kind, value):
    formats = {4: "<I", 6: "<f", 7: "<?"}
    packed = string(value) if kind == 8 else struct.pack(formats[kind], value)
    return string(key) + struct.pack("<I", kind) + packed


def array(key, kind, values):
    packed = b"".join(string(v) if kind == 8 else struct.pack("<i", v) for v in values)
    return string(key) + struct.pack("<IIQ", 9, kind, len(values)) + packed


def metadata(context, template, tokenizer):
    out = [kv("general.architecture", 8, "llama"), kv("general.name", 8, "tiny"),
           kv("llama.block_count", 4, LAYERS), kv("llama.context_length", 4, context),
           kv("llama.embedding_length", 4, EMBD), kv("llama.feed_forward_length", 4, FF),
           kv("llama.attention.head_count", 4, HEADS), kv("llama.attention.head_count_kv", 4, KV_HEADS),
           kv("llama.attention.layer_norm_rms_epsilon", 6, 1e-5), kv("llama.vocab_size", 4, VOCAB)]
    if tokenizer:
        out += [kv("tokenizer.ggml.model", 8, "gpt2"), kv("tokenizer.ggml.pre", 8, "qwen2"),
                array("tokenizer.ggml.tokens", 8, byte_tokens() + ["ab"] + CONTROLS),
                array("tokenizer.ggml.token_type", 5, [1] * 257 + [3] * len(CONTROLS)),
                array("tokenizer.ggml.merges", 8, ["a b"]), kv("tokenizer.ggml.eos_token_id", 4, EOS)]
    if template:
        out.append(kv("tokenizer.chat_template", 8, template))
    return out


def write(path, context=256, template=GLM_EDGE, tokenizer=True, favour=None, nan=False, says=None):
    """Control tokens and the merged one are never the most likely, except the id `favour`, which always is. With `says`
    that id follows whatever came before, in any quantization."""
    rng = random.Random(1)
    kv_dim = EMBD // HEADS * KV_HEADS

    def values(rows, columns):
        return [rng.gauss(0, 1) / columns ** 0.5 for _ in range(rows * columns)]

    tensors = [("token_embd.weight", (EMBD, VOCAB), [v * 5 for v in values(VOCAB, EMBD)])]
    shapes = [("attn_norm", (EMBD,)), ("attn_q", (EMBD, EMBD)), ("attn_k", (EMBD, kv_dim)), ("attn_v", (EMBD, kv_dim)),
              ("attn_output", (EMBD, EMBD)), ("ffn_norm", (EMBD,)), ("ffn_gate", (EMBD, FF)), ("ffn_up", (EMBD, FF)),
              ("ffn_down", (FF, EMBD))]
    for layer in range(LAYERS):
        for name, shape in shapes:
            data = [1.0] * EMBD if len(shape) == 1 else values(shape[1], shape[0])
            tensors.append((f"blk.{layer}.{name}.weight", shape, data))
    output = values(VOCAB, EMBD)
    for row in range(AB, VOCAB):
        output[row * EMBD:(row + 1) * EMBD] = [0.0] * EMBD
    norm = [1.0] * EMBD
    if favour is not None:  # all other logits become 0
        output = [0.0] * (VOCAB * EMBD)
        output[favour * EMBD:(favour + 1) * EMBD] = values(1, EMBD)
    if says is not None:  # all states are the same, and the output has one row that sees them
        tensors = [(name, shape, [1.0] * len(data) if name == "token_embd.weight" else
                    [0.0] * len(data) if "_output" in name or "_down" in name else data) for name, shape, data in tensors]
        output = [0.0] * (VOCAB * EMBD)
        output[says * EMBD:(says + 1) * EMBD] = [1.0] * EMBD
    if nan:
        norm[3] = float("nan")
    tensors += [("output_norm.weight", (EMBD,), norm), ("output.weight", (EMBD, VOCAB), output)]
    keys = metadata(context, template, tokenizer)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(keys)) + b"".join(keys)
    infos, blobs, offset = b"", b"", 0
    for name, shape, data in tensors:
        infos += string(name) + struct.pack("<I", len(shape)) + b"".join(struct.pack("<Q", n) for n in shape)
        infos += struct.pack("<IQ", 0, offset)
        blob = struct.pack(f"<{len(data)}f", *data)
        blob += bytes(-len(blob) % 32)
        blobs, offset = blobs + blob, offset + len(blob)
    head += infos
    with open(path, "wb") as file:
        file.write(head + bytes(-len(head) % 32) + blobs)
    return path

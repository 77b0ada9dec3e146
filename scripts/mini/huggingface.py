"""A folder as Hugging Face has it: config.json, generation_config.json, tokenizer.json,
tokenizer_config.json, model.safetensors in F16."""
import json
import os

import torch

NAME = "glm-mini"
# What GLM-4's template makes of messages without tools.
CHAT_TEMPLATE = ("[gMASK]<sop>{% for message in messages %}<|{{ message['role'] }}|>\n{{ message['content'] }}{% endfor %}"
                 "{% if add_generation_prompt %}<|assistant|>{% endif %}")
ENDS = ("<|endoftext|>", "<|user|>", "<|observation|>")


def round_to_half(model):
    """The weights as F16 holds them, in place. Whatever is measured afterwards is what ships."""
    with torch.no_grad():
        for name, p in model.named_parameters():
            half = p.half()
            if not torch.isfinite(half).all():
                raise ValueError("%s: a weight is too large for F16" % name)
            p.copy_(half)
    return model


def tensors_of(model):
    """[(Hugging Face's name, tensor)]; the output matrix is the embedding, so it has no name."""
    return [("model." + name, p.detach()) for name, p in sorted(model.named_parameters())]


def safetensors(tensors):
    """Bytes of a file: length of the header, header in JSON, data without gaps."""
    header, at, data = {"__metadata__": {"format": "pt"}}, 0, []
    for name, tensor in tensors:
        raw = tensor.half().contiguous().numpy().astype("<f2").tobytes()
        header[name] = {"dtype": "F16", "shape": list(tensor.shape), "data_offsets": [at, at + len(raw)]}
        at += len(raw)
        data.append(raw)
    text = json.dumps(header, separators=(",", ":")).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + b"".join(data)


def config(c, special):
    return {"architectures": ["Glm4ForCausalLM"], "_name_or_path": NAME, "attention_bias": False, "attention_dropout": 0.0,
            "eos_token_id": [special[s] for s in ENDS], "head_dim": c.head_dim, "hidden_act": "silu",
            "hidden_size": c.width, "initializer_range": 0.02, "intermediate_size": c.ff,
            "max_position_embeddings": c.context, "model_type": "glm4", "num_attention_heads": c.heads,
            "num_hidden_layers": c.layers, "num_key_value_heads": c.kv_heads, "pad_token_id": special["<|endoftext|>"],
            "partial_rotary_factor": c.rotated / c.head_dim, "rms_norm_eps": c.eps, "rope_theta": c.theta,
            "tie_word_embeddings": True, "torch_dtype": "float16", "use_cache": True, "vocab_size": c.vocab}


def generation_config(special):
    return {"do_sample": False, "eos_token_id": [special[s] for s in ENDS], "pad_token_id": special["<|endoftext|>"]}


def tokenizer_config(c, special):
    decoder = {str(i): {"content": s, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False,
                        "special": True} for s, i in special.items()}
    return {"added_tokens_decoder": decoder, "additional_special_tokens": list(special), "bos_token": None,
            "chat_template": CHAT_TEMPLATE, "clean_up_tokenization_spaces": False, "do_lower_case": False,
            "eos_token": "<|endoftext|>", "model_max_length": c.context, "pad_token": "<|endoftext|>",
            "padding_side": "left", "tokenizer_class": "PreTrainedTokenizerFast"}


def write(folder, model, tokenizer):
    """model: rounded already."""
    os.makedirs(folder, exist_ok=True)
    c, special = model.config, tokenizer.special
    texts = {"config.json": config(c, special), "generation_config.json": generation_config(special),
             "tokenizer_config.json": tokenizer_config(c, special)}
    for name, tree in texts.items():
        with open(os.path.join(folder, name), "w", encoding="utf-8") as f:
            f.write(json.dumps(tree, ensure_ascii=False, indent=2) + "\n")
    with open(os.path.join(folder, "tokenizer.json"), "w", encoding="utf-8") as f:
        f.write(tokenizer.tokenizer_json())
    with open(os.path.join(folder, "model.safetensors"), "wb") as f:
        f.write(safetensors(tensors_of(model)))

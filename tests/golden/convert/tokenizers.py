"""Tiny tokenizers in tokenizer.json's form, and what they make of a text, by the plainest algorithm.

Encoding follows the tokenizers library: added tokens are cut out first, the pre-tokenizer's rule cuts the rest into
words (here for ASCII only), and in each word the pair of lowest rank is merged until there is none.
"""
import re

SAMPLE = ("the cat and the hat said hello to the world and then the hat ran 12 times; don't read the reader "
          "The theory of the other there is that 2024 and 345 are numbers\n\n  with  spaces = ok").split(" ")

_A = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|%s| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
SPLITS = {"llama-bpe": _A % r"\p{N}{1,3}", "chatglm-bpe": _A % r"\p{N}{1,3}", "qwen2": _A % r"\p{N}"}
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?[A-Za-z]+| ?[0-9]+| ?[^\sA-Za-z0-9]+|\s+(?!\S)|\s+"

SPECIALS = {
    "smollm": ["<|endoftext|>", "<|im_start|>", "<|im_end|>"],
    "qwen2": ["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<think>"],
    "llama-bpe": ["<|begin_of_text|>", "<|end_of_text|>", "<|eot_id|>"],
    "chatglm-bpe": ["<|endoftext|>", "[gMASK]", "<sop>", "<|system|>", "<|user|>", "<|assistant|>", "<|observation|>"],
}


def bytes_to_text():
    """GPT-2's printable stand-ins for bytes."""
    plain = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    table, extra = {b: chr(b) for b in plain}, 0
    for b in range(256):
        if b not in table:
            table[b] = chr(256 + extra)
            extra += 1
    return table


class Tokenizer:
    def __init__(self, tree, pre):
        self.tree, self.pre = tree, pre
        self.vocab = dict(tree["model"]["vocab"])
        self.added = {t["content"]: t["id"] for t in tree["added_tokens"]}
        self.ranks = {tuple(m.split(" ") if isinstance(m, str) else m): i
                      for i, m in enumerate(tree["model"]["merges"])}
        self.n = 1 + max([*self.vocab.values(), *self.added.values()])

    def id(self, text):
        return self.added.get(text, self.vocab.get(text))


def learn(words, n):
    """The n most frequent pairs, one after another, the first in the text on a tie."""
    words, merges = [list(w) for w in words], []
    for _ in range(n):
        counts = {}
        for w in words:
            for pair in zip(w, w[1:]):
                counts[pair] = counts.get(pair, 0) + 1
        best = max(counts, key=counts.get)
        merges.append(best)
        words = [merge(w, best) for w in words]
    return merges


def merge(word, pair):
    out, i = [], 0
    while i < len(word):
        if tuple(word[i:i + 2]) == pair:
            out.append(word[i] + word[i + 1])
            i += 2
        else:
            out.append(word[i])
            i += 1
    return out


def apply(tokenizer, word):
    while True:
        pairs = [p for p in zip(word, word[1:]) if p in tokenizer.ranks]
        if not pairs:
            return word
        word = merge(word, min(pairs, key=tokenizer.ranks.get))


def byte_level(pre):
    table = bytes_to_text()
    words = ["".join(table[b] for b in (" " * (i > 0) + w).encode()) for i, w in enumerate(SAMPLE)]
    merges = learn(words, 24)
    tokens = [table[b] for b in range(256)] + ["".join(m) for m in merges]
    # As Llama 3's: in the vocabulary, but no merge makes it.
    tokens += ["Ġwhole"] if pre == "llama-bpe" else []
    vocab = {t: i for i, t in enumerate(dict.fromkeys(tokens))}
    added = [{"id": len(vocab) + i, "content": t, "special": t != "<think>", "normalized": False, "single_word": False,
              "lstrip": False, "rstrip": False} for i, t in enumerate(SPECIALS[pre])]
    byte = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True, "use_regex": pre == "smollm"}
    first = {"type": "Digits", "individual_digits": True} if pre == "smollm" else {
        "type": "Split", "pattern": {"Regex": SPLITS[pre]}, "behavior": "Isolated", "invert": False}
    post = None
    if pre == "llama-bpe":
        post = {"type": "Sequence", "processors": [{"type": "ByteLevel"}, {"type": "TemplateProcessing", "single": [
            {"SpecialToken": {"id": "<|begin_of_text|>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]}]}
    as_list = pre == "qwen2"
    return Tokenizer({"version": "1.0", "added_tokens": added, "normalizer": {"type": "NFC"} if as_list else None,
                      "pre_tokenizer": {"type": "Sequence", "pretokenizers": [first, byte]}, "post_processor": post,
                      "model": {"type": "BPE", "byte_fallback": False, "ignore_merges": pre == "llama-bpe",
                                "vocab": vocab, "merges": [list(m) if as_list else " ".join(m) for m in merges]}}, pre)


def cut_added(tokenizer, text):
    """Pieces of text and ids of added tokens, in order; the longest added token wins."""
    names = sorted(tokenizer.added, key=len, reverse=True)
    for piece in re.split("(" + "|".join(map(re.escape, names)) + ")", text):
        if piece:
            yield tokenizer.added.get(piece, piece)


def words_of(pre, text):
    if pre == "smollm":
        for piece in re.split("([0-9])", text):
            yield from re.findall(GPT2, piece)
        return
    rule = SPLITS[pre].replace(r"^\r\n\p{L}\p{N}", r"^\r\nA-Za-z0-9").replace(r"^\s\p{L}\p{N}", r"^\sA-Za-z0-9")
    yield from re.findall(rule.replace(r"\p{L}", "[A-Za-z]").replace(r"\p{N}", "[0-9]"), text)


def encode_byte_level(tokenizer, text):
    table, out = bytes_to_text(), []
    for piece in cut_added(tokenizer, text):
        if isinstance(piece, int):
            out.append(piece)
            continue
        for word in words_of(tokenizer.pre, piece):
            word = "".join(table[b] for b in word.encode())
            if tokenizer.pre == "llama-bpe" and word in tokenizer.vocab:
                out.append(tokenizer.vocab[word])
            else:
                out += [tokenizer.vocab[t] for t in apply(tokenizer, list(word))]
    return out


def sentencepiece():
    text = "▁".join(SAMPLE)
    merges = learn(["▁" + w for w in SAMPLE], 30) + [("▁", "▁")]
    tokens = ["<pad>", "<eos>", "<bos>", "<unk>"] + [f"<0x{b:02X}>" for b in range(256)]
    tokens += ["<end_of_turn>"] + ["".join(m) for m in merges] + sorted(set(text))
    vocab = {t: i for i, t in enumerate(dict.fromkeys(tokens))}
    added = [{"id": vocab[t], "content": t, "special": True, "normalized": False}
             for t in ("<pad>", "<eos>", "<bos>", "<unk>", "<end_of_turn>")]
    added.append({"id": len(vocab), "content": "\n\n", "special": False, "normalized": False})
    return Tokenizer({"version": "1.0", "added_tokens": added,
                      "normalizer": {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
                      "pre_tokenizer": {"type": "Split", "pattern": {"String": " "}, "behavior": "MergedWithPrevious",
                                        "invert": False},
                      "post_processor": {"type": "TemplateProcessing", "single": [
                          {"SpecialToken": {"id": "<bos>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}]},
                      "model": {"type": "BPE", "unk_token": "<unk>", "fuse_unk": True, "byte_fallback": True,
                                "ignore_merges": False, "vocab": vocab, "merges": [list(m) for m in merges]}}, "spm")


def encode_sentencepiece(tokenizer, text):
    out = []
    for piece in cut_added(tokenizer, text):
        if isinstance(piece, int):
            out.append(piece)
            continue
        for t in apply(tokenizer, list(piece.replace(" ", "▁"))):
            if t in tokenizer.vocab:
                out.append(tokenizer.vocab[t])
            else:
                out += [tokenizer.vocab[f"<0x{b:02X}>"] for b in t.encode()]
    return out

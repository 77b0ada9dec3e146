"""Byte-level BPE as GLM-4 has it, in plain Python: training, encoding, tokenizer.json.

Three rules beside the usual counting, so that names never seen before are copied piece by piece:
whole numbers up to 999 are one token each; a token holds at most one character outside ASCII; and a
space joins only whole words that the templates use.
"""
import codecs
import collections
import json
import re

# GLM-4's pre-tokenizer, as its tokenizer.json has it.
PATTERN = ("(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| ?[^\\s\\p{L}\\p{N}]+"
           "[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
# The same for Python's re, which knows no \p: equal for text without letters-as-numbers such as 'Ⅳ'.
_SPLIT = re.compile("(?i:'s|'t|'re|'ve|'m|'ll|'d)|(?:[^\\r\\n\\w]|_)?[^\\W\\d_]+|\\d{1,3}| ?(?:[^\\s\\w]|_)+"
                    "[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+")
SPECIALS = ["<|endoftext|>", "[MASK]", "[gMASK]", "[sMASK]", "<sop>", "<eop>", "<|system|>", "<|user|>",
            "<|assistant|>", "<|observation|>"]


def split(text):
    return _SPLIT.findall(text)


def _byte_letters():
    """GPT-2's printable stand-ins for the 256 bytes."""
    keep = list(range(33, 127)) + list(range(161, 173)) + list(range(174, 256))
    letters, extra = {}, 0
    for b in range(256):
        if b in keep:
            letters[b] = chr(b)
        else:
            letters[b] = chr(256 + extra)
            extra += 1
    return letters


_LETTER = _byte_letters()
_BYTE = {c: b for b, c in _LETTER.items()}
_SPACE = _LETTER[32]


def to_letters(text):
    return "".join(_LETTER[b] for b in text.encode())


def _raw(token):
    return bytes(_BYTE[c] for c in token)


def _one_character(raw):
    """Whether bytes outside ASCII are the start of, or one, UTF-8 character."""
    first = raw[0]
    size = 4 if first >= 0xF0 else 3 if first >= 0xE0 else 2 if first >= 0xC0 else 0
    return len(raw) <= size and all(0x80 <= b < 0xC0 for b in raw[1:])


def _may_join(a, b, chunk_size, words):
    if a[0] == _SPACE and len(a) == 1:
        return b in words and chunk_size == 2 or not _raw(b)[:1].isalnum() and b.isascii()
    raw = _raw(a + b)
    if raw.isascii():
        return not any(48 <= c < 58 for c in raw)
    return all(c >= 0x80 for c in raw) and _one_character(raw)


def number_merges():
    """Two digits, then three of which the first is not 0, from whichever pair was joined first."""
    pairs = ["%02d" % n for n in range(100)]
    triples = ["%03d" % n for n in range(100, 1000)]
    return [(p[0], p[1]) for p in pairs] + [(t[:2], t[2]) if t[:2] <= t[1:] else (t[0], t[1:]) for t in triples]


def character_merges(texts, least):
    """Characters outside ASCII that come at least so often, most frequent first, from their bytes."""
    counts = collections.Counter(c for text in texts for c in text if ord(c) > 127)
    merges = []
    for char, n in sorted(counts.items(), key=lambda item: (-item[1], item[0])):
        letters = to_letters(char)
        for i in range(1, len(letters)):
            pair = (letters[:i], letters[i])
            if n >= least and pair not in merges:
                merges.append(pair)
    return merges


def train(texts, size, words):
    """The merges, in order, of a vocabulary of size ids (special ones included)."""
    merges = number_merges() + character_merges(texts, least=8)
    words = {to_letters(x) for x in words}
    counts = collections.Counter(chunk for text in texts for chunk in split(text))
    chunks = [[list(to_letters(c)), n] for c, n in sorted(counts.items()) if not c.isdigit()]
    for chunk in chunks:  # what the given merges make of it; characters outside ASCII stand alone
        chunk[0] = [x for x in chunk[0] if _BYTE[x] < 128]
    pairs, where = collections.Counter(), collections.defaultdict(set)

    def count(i, sign):
        symbols, n = chunks[i]
        for pair in zip(symbols, symbols[1:]):
            if _may_join(*pair, len(symbols), words):
                pairs[pair] += sign * n
                where[pair].add(i)

    for i in range(len(chunks)):
        count(i, 1)
    known = {a + b for a, b in merges}
    while len(merges) + 256 + len(SPECIALS) < size and pairs:
        best = max(pairs, key=lambda p: (pairs[p], p))
        if pairs[best] < 2:
            break
        for i in list(where[best]):
            count(i, -1)
            chunks[i][0] = _join(chunks[i][0], best)
            count(i, 1)
        pairs.pop(best, None)
        where.pop(best, None)
        if best[0] + best[1] not in known:
            known.add(best[0] + best[1])
            merges.append(best)
    return merges


def _join(symbols, pair):
    out, i = [], 0
    while i < len(symbols):
        if i + 1 < len(symbols) and (symbols[i], symbols[i + 1]) == pair:
            out.append(symbols[i] + symbols[i + 1])
            i += 2
        else:
            out.append(symbols[i])
            i += 1
    return out


codecs.register_error("replacement for each byte", lambda e: ("\ufffd" * (e.end - e.start), e.end))


class Tokenizer:
    def __init__(self, merges, size):
        self.merges, self.size = [tuple(m) for m in merges], size
        self.rank = {m: i for i, m in enumerate(self.merges)}
        tokens = [_LETTER[b] for b in range(256)] + [a + b for a, b in self.merges]
        self.ids = {t: i for i, t in enumerate(tokens)}
        self.first_special = size - len(SPECIALS)
        assert len(self.ids) == len(tokens) <= self.first_special
        self.special = {s: self.first_special + i for i, s in enumerate(SPECIALS)}
        self.text = dict(enumerate(tokens))
        self.size = size
        self._cache = {}

    def _chunk(self, chunk):
        found = self._cache.get(chunk)
        if found is None:
            symbols = list(to_letters(chunk))
            while len(symbols) > 1:
                best = min(zip(symbols, symbols[1:]), key=lambda p: self.rank.get(p, 1 << 30))
                if best not in self.rank:
                    break
                symbols = _join(symbols, best)
            found = [self.ids[s] for s in symbols]
            if len(self._cache) < 200000:
                self._cache[chunk] = found
        return found

    def encode(self, text):
        return [i for chunk in split(text) for i in self._chunk(chunk)]

    def decode(self, ids):
        """Text; special tokens are left out. Each byte that is not UTF-8 becomes U+FFFD, as the engine does it."""
        raw = b"".join(_raw(self.text[i]) for i in ids if i in self.text)
        return raw.decode(errors="replacement for each byte")

    def prompt(self, text):
        """GLM-4's chat template around one message of the user."""
        s = self.special
        return [s["[gMASK]"], s["<sop>"], s["<|user|>"]] + self.encode("\n" + text) + [s["<|assistant|>"]]

    def tokenizer_json(self):
        added = [{"id": i, "content": t, "single_word": False, "lstrip": False, "rstrip": False,
                  "normalized": False, "special": True} for t, i in self.special.items()]
        split_ = {"type": "Split", "pattern": {"Regex": PATTERN}, "behavior": "Isolated", "invert": False}
        byte_level = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": False, "use_regex": False}
        return json.dumps({
            "version": "1.0", "truncation": None, "padding": None, "added_tokens": added, "normalizer": None,
            "pre_tokenizer": {"type": "Sequence", "pretokenizers": [split_, byte_level]},
            "post_processor": None,
            "decoder": {"type": "ByteLevel", "add_prefix_space": True, "trim_offsets": True, "use_regex": True},
            "model": {"type": "BPE", "dropout": None, "unk_token": None, "continuing_subword_prefix": None,
                      "end_of_word_suffix": None, "fuse_unk": False, "byte_fallback": False,
                      "ignore_merges": False, "vocab": self.ids,
                      "merges": ["%s %s" % m for m in self.merges]}},
            ensure_ascii=False, indent=1)


def load(path, size):
    with open(path, encoding="utf-8") as f:
        return Tokenizer([m.split(" ") for m in json.load(f)["model"]["merges"]], size)

"""aglm-bench model convert: what it makes, what it says, and what it refuses, with one clear line each."""
import json
import os
import shutil
import struct

from cli import Case, main

FOLDERS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "convert", "hf")


def read_json(path):
    with open(path) as f:
        return json.load(f)


def write_json(path, tree):
    with open(path, "w") as f:
        json.dump(tree, f)


def read_safetensors(path):
    with open(path, "rb") as f:
        raw = f.read()
    n = int.from_bytes(raw[:8], "little")
    return json.loads(raw[8:8 + n]), raw[8 + n:]


def write_safetensors(path, header, data):
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    with open(path, "wb") as f:
        f.write(len(text).to_bytes(8, "little") + text + data)


def varint(n):
    out = b""
    while n > 127:
        out += bytes([n & 127 | 128])
        n >>= 7
    return out + bytes([n])


def field(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def sentencepiece_model(tree, model_type=2):
    """A protobuf with the pieces of a tokenizer.json; a piece's score is minus the rank of the merge that makes it."""
    scores = {}
    for rank, (a, b) in enumerate(tree["model"]["merges"]):
        scores.setdefault(a + b, -float(rank))
    kinds, out = {"<unk>": 2, "<pad>": 3, "<eos>": 3, "<bos>": 3}, b""
    for piece in sorted(tree["model"]["vocab"], key=tree["model"]["vocab"].get):
        kind = kinds.get(piece, 6 if piece.startswith("<0x") else 1)
        score = struct.pack("<f", scores.get(piece, -1e6))
        out += field(1, field(1, piece.encode()) + b"\x15" + score + b"\x18" + varint(kind))
    return out + field(2, b"\x18" + varint(model_type)) + field(3, b"\x18\x00")


class Convert(Case):
    def folder(self, name="llama-tied"):
        place = self.path(name)
        shutil.copytree(os.path.join(FOLDERS, name), place)
        return place

    def convert(self, folder, *more, code=0, out="out.gguf"):
        _, err = self.run_it("model", "convert", folder, out, *more, code=code)
        return err

    def refused(self, folder, *words, more=()):
        """One line that has all the words, and no file."""
        err = self.convert(folder, *more, code=1)
        self.assertEqual(len(err.strip().splitlines()), 1, err)
        for word in words:
            self.assertIn(word, err)
        self.assertEqual([n for n in os.listdir(self.place) if n.startswith("out.gguf")], [])
        return err

    def change(self, folder, file, **values):
        path = os.path.join(folder, file)
        tree = read_json(path)
        for key, value in values.items():
            if value is ...:
                del tree[key]
            else:
                tree[key] = value
        write_json(path, tree)
        return path

    def change_header(self, folder, change):
        path = os.path.join(folder, "model.safetensors")
        header, data = read_safetensors(path)
        data = change(header, data) or data
        write_safetensors(path, header, data)
        return path

    # ---- what it makes ----

    def test_makes_a_file_that_runs(self):
        err = self.convert(self.folder())
        self.assertIn("out.gguf: llama, bf16, ", err)
        self.assertIn("tokenizer: gpt2, smollm, ", err)
        out, _ = self.run_it("model", "info", "out.gguf", "-o", "json")
        info = json.loads(out)
        self.assertTrue(info["runs"], info)
        self.assertEqual(info["metadata"]["tokenizer.chat_template"], "{{ messages }}")
        self.assertEqual(os.listdir(self.place).count("out.gguf.partial"), 0)

    def test_each_type(self):
        folder = self.folder("glm4")
        for name in ("f32", "f16", "bf16", "q8_0", "q4_0", "q4_k_m"):
            err = self.convert(folder, "--no-tokenizer", "-q", name)
            self.assertIn(f"glm4, {name}, ", err)

    def test_a_mixture_is_that_of_quantizing(self):
        folder = self.folder("qwen3")
        self.convert(folder, "--no-tokenizer", "-q", "f32", out="plain.gguf")
        for name in ("q8_0", "q4_0", "q4_k_m", "q6_k"):
            self.convert(folder, "--no-tokenizer", "-q", name, out="once.gguf")
            self.run_it("model", "quantize", "plain.gguf", "twice.gguf", "-q", name)
            a, b = (json.loads(self.run_it("model", "info", file, "-o", "json")[0]) for file in ("once.gguf", "twice.gguf"))
            self.assertEqual(a["types"], b["types"])
            self.assertEqual(a["metadata"], b["metadata"])

    def test_vision_is_left_out_and_told(self):
        self.assertIn("left out: 2 tensors of the vision part", self.convert(self.folder("glm4v"), "--no-tokenizer"))

    def test_quiet_says_nothing(self):
        self.assertEqual(self.convert(self.folder(), "--quiet"), "")

    def test_help_and_usage(self):
        out, _ = self.run_it("model", "convert", "--help")
        self.assertIn("Usage: aglm-bench model convert DIR OUT.gguf", out)
        for arguments in ([], ["a"], ["a", "b", "c"], ["a", "b", "--what"], ["a", "b", "-q"], ["a", "b", "-t", "0"],
                          ["a", "b", "-t"], ["a", "b", "-t", "2x"], ["a", "b", "-q", "q9"],
                          ["a", "b", "--pre", "tekken"], ["a", "b", "--pre", ""]):
            _, err = self.run_it("model", "convert", *arguments, code=2)
            self.assertEqual(len(err.strip().splitlines()), 1, err)

    def test_replaces_models_only(self):
        folder = self.folder()
        self.convert(folder)
        self.convert(folder)
        with open(self.path("letter"), "w") as f:
            f.write("Dear all")
        err = self.convert(folder, code=1, out="letter")
        self.assertIn("letter: is there and is no GGUF file", err)
        with open(self.path("letter")) as f:
            self.assertEqual(f.read(), "Dear all")
        self.assertIn("no-such", self.convert(folder, code=1, out="no-such/out.gguf"))
        self.assertIn("is empty", self.convert(folder, code=1, out=""))
        self.assertIn("letter: is no folder", self.convert(self.path("letter"), code=1))

    # ---- the folder ----

    def test_missing_files(self):
        self.refused("nothing-here", "nothing-here/config.json: cannot open")
        for name, words in (("config.json", ["config.json: cannot open"]),
                            ("model.safetensors", ["llama-tied: there is neither model.safetensors nor"]),
                            ("tokenizer.json", ["llama-tied: there is neither tokenizer.json nor", "--no-tokenizer"])):
            folder = self.folder()
            os.remove(os.path.join(folder, name))
            self.refused(folder, *words)
            shutil.rmtree(folder)

    def test_missing_and_mixed_shards(self):
        folder = self.folder("llama3")
        index = os.path.join(folder, "model.safetensors.index.json")
        os.rename(os.path.join(folder, "model-00002-of-00002.safetensors"), self.path("aside"))
        self.refused(folder, "llama3/model-00002-of-00002.safetensors: cannot open")
        shutil.copy(os.path.join(folder, "model-00001-of-00002.safetensors"),
                    os.path.join(folder, "model-00002-of-00002.safetensors"))
        self.refused(folder, "model-00002-of-00002.safetensors: tensor '", "is missing, though the index")
        tree = read_json(index)
        tree["weight_map"]["lm_head.weight"] = "../../etc/passwd"
        write_json(index, tree)
        self.refused(folder, "model.safetensors.index.json: tensor 'lm_head.weight' must be in a file of the same folder")
        write_json(index, {"weight_map": 3})
        self.refused(folder, "index.json: key \"weight_map\"")

    # ---- config.json ----

    def test_config(self):
        cases = [({"architectures": ["BertModel"]}, "architecture \"BertModel\" cannot be converted", "GlmForCausalLM"),
                 ({"architectures": ...}, "\"architectures\" is missing"),
                 ({"hidden_size": "32"}, "\"hidden_size\" must be a whole number"),
                 ({"hidden_size": -32}, "\"hidden_size\" must be a whole number"),
                 ({"rms_norm_eps": float("inf")}, "not JSON"),
                 ({"num_hidden_layers": float("nan")}, "not JSON"),
                 ({"num_hidden_layers": 1e999}, "not JSON"),
                 ({"num_hidden_layers": ...}, "\"num_hidden_layers\" is missing"),
                 ({"num_key_value_heads": 3}, "cannot share 3 key-value heads"),
                 ({"num_hidden_layers": 3}, "tensor 'model.layers.2.", "is missing"),
                 ({"num_hidden_layers": 1}, "tensor 'model.layers.1.", "has no place"),
                 ({"vocab_size": 5000}, "model.safetensors: tensor 'model.embed_tokens.weight' is ", "asks for 5000 x 32"),
                 ({"tie_word_embeddings": False}, "tensor 'lm_head.weight' is missing"),
                 ({"rope_scaling": {"rope_type": "yarn", "factor": 4}}, "\"yarn\" cannot be converted"),
                 ({"hidden_act": "relu"}, "\"hidden_act\""),
                 ({"quantization_config": {"quant_method": "awq"}}, "quantized already")]
        for values, *words in cases:
            folder = self.folder()
            self.change(folder, "config.json", **values)
            self.refused(folder, "llama-tied", *words)
            shutil.rmtree(folder)

    def test_damaged_json(self):
        folder = self.folder()
        for text, word in ((b"", "is empty"), (b"{", "line 1: not JSON"), (b"[" * 100, "nested deeper"),
                           (b"{}\n{}", "line 2: not JSON"), (b"{\"a\": \"\\u0000\"}", "NUL")):
            with open(os.path.join(folder, "config.json"), "wb") as f:
                f.write(text)
            self.refused(folder, "llama-tied/config.json: ", word)

    # ---- weights ----

    def test_offsets(self):
        def move(header, by):
            entry = header["model.norm.weight"]
            entry["data_offsets"] = [x + by for x in entry["data_offsets"]]

        def twice(header, data):
            header["model.norm.weight"]["data_offsets"] = header["model.layers.1.input_layernorm.weight"]["data_offsets"]

        cases = [(lambda h, d: move(h, -8), "overlap"), (lambda h, d: move(h, 1 << 40), "are not inside"),
                 (twice, "overlap"), (lambda h, d: d + b"more", "belong to no tensor"), (lambda h, d: d[:-4], "cut off"),
                 (lambda h, d: h["model.norm.weight"].update(shape=[31]), "what shape and dtype ask for"),
                 (lambda h, d: h["model.norm.weight"].update(shape=[1 << 40, 1 << 40]), "impossible"),
                 (lambda h, d: h["model.norm.weight"].update(dtype="F12"), "dtype"),
                 (lambda h, d: h["model.norm.weight"].update(dtype="I16"), "has dtype I16"),
                 (lambda h, d: h["model.norm.weight"].update(shape=[4, 8]), "is 4 x 8, but config.json asks for 32")]
        for change, word in cases:
            folder = self.folder()
            self.change_header(folder, change)
            self.refused(folder, "llama-tied/model.safetensors: ", word)
            shutil.rmtree(folder)

    def test_damaged_header(self):
        folder = self.folder()
        path = os.path.join(folder, "model.safetensors")
        for raw, word in ((b"", "cut off"), (b"\xff" * 8, "cut off"), (b"\x02\0\0\0\0\0\0\0[]", "not a JSON object"),
                          (b"\x02\0\0\0\0\0\0\0{]", "not JSON")):
            with open(path, "wb") as f:
                f.write(raw)
            self.refused(folder, "llama-tied/model.safetensors: ", word)

    def test_values_that_are_not_finite_or_do_not_fit(self):
        for name, bits, word in (("llama-tied", b"\xc0\x7f", "not finite"), ("llama-tied", b"\x80\x7f", "not finite"),
                                 ("llama-tied", b"\xfe\x7e", "use -q bf16 or -q f32")):
            folder = self.folder(name)
            path = self.change_header(folder, lambda h, d: bits + d[2:])
            self.refused(folder, path.split("/")[-1], word, more=["-q", "f16"])
            shutil.rmtree(folder)

    # ---- tokenizers ----

    def test_tokenizers(self):
        def model(**values):
            return lambda tree: tree["model"].update(values)

        cases = [(model(merges=[]), "\"merges\" is missing or empty"), (model(merges=["abc"]), "merge 0 is no pair"),
                 (model(type="WordPiece"), "\"WordPiece\" cannot be converted"), (model(vocab={"a": 99999}), "outside"),
                 (model(vocab={"a": 1, "b": 1}), "same id"), (model(vocab={"a": "x"}), "no whole number"),
                 (lambda t: t.update(normalizer={"type": "Lowercase"}), "\"Lowercase\" has no counterpart"),
                 (lambda t: t["pre_tokenizer"]["pretokenizers"].pop(0) and t["pre_tokenizer"]["pretokenizers"].append(
                     {"type": "Whitespace"}), "--pre"),
                 (lambda t: t["added_tokens"].append({"id": 3}), "\"content\"")]
        for change, word in cases:
            folder = self.folder()
            path = os.path.join(folder, "tokenizer.json")
            tree = read_json(path)
            change(tree)
            write_json(path, tree)
            self.refused(folder, "llama-tied/tokenizer.json: ", word)
            shutil.rmtree(folder)

    def test_a_named_pretokenizer(self):
        folder = self.folder()
        path = os.path.join(folder, "tokenizer.json")
        tree = read_json(path)
        tree["pre_tokenizer"]["pretokenizers"].insert(0, {"type": "Punctuation"})
        write_json(path, tree)
        self.refused(folder, "equals none of those known")
        self.assertIn("gpt2, qwen2", self.convert(folder, "--pre", "qwen2"))

    def test_a_sentencepiece_model(self):
        """tokenizer.model in place of tokenizer.json gives the same ids."""
        folder = self.folder("gemma3")
        self.convert(folder, out="json.gguf")
        with open(os.path.join(folder, "tokenizer.json"), encoding="utf-8") as f:
            tree = json.load(f)
        path = os.path.join(folder, "tokenizer.model")
        with open(path, "wb") as f:
            f.write(sentencepiece_model(tree))
        settings = os.path.join(folder, "tokenizer_config.json")
        decoder = {str(t["id"]): {"content": t["content"], "special": t["special"]} for t in tree["added_tokens"]}
        write_json(settings, {**read_json(settings), "added_tokens_decoder": decoder})
        os.remove(os.path.join(folder, "tokenizer.json"))
        self.convert(folder, out="model.gguf")
        with open(self.path("text"), "w") as f:
            f.write("hello the cat  and\n\n<end_of_turn> then the hat é 12")
        ids = [self.run_it("tokenize", "-m", name, "--text-file", "text")[0] for name in ("json.gguf", "model.gguf")]
        self.assertEqual(*ids)
        self.assertGreater(len(ids[0].split()), 10)
        for data, word in ((b"IQ== 0\nIg== 1\n", "no SentencePiece model"), (sentencepiece_model(tree, 1), "not BPE"),
                           (sentencepiece_model(tree)[:-40], "no SentencePiece model, or damaged"), (b"", "no SentencePiece")):
            with open(path, "wb") as f:
                f.write(data)
            self.refused(folder, "gemma3/tokenizer.model: ", word)

    def test_names_cannot_write_to_the_terminal(self):
        folder = self.folder()
        self.change(folder, "config.json", architectures=["a\n\x1b[31mb\x7f\u009b1mc"])
        err = self.refused(folder, "config.json: architecture \"a??[31mb???1mc")
        self.assertTrue(err.rstrip("\n").isprintable(), repr(err))

    def test_unknown_type(self):
        self.assertIn("q9_9", self.convert(self.folder(), "-q", "q9_9", code=2))
        self.assertEqual(os.listdir(self.place), ["llama-tied"])


if __name__ == "__main__":
    main()

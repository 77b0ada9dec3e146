"""aglm-bench eval: likelihood of a text beside llama.cpp's figures, divergence, and what is refused.

The models are made here: byte-level tokenizer, one layer of llama, seeded weights. The figures of llama.cpp come from
its version 0.5.0 (the build that tests/golden/README.md names) running llama-perplexity's algorithm over the same files.
"""
import json
import math
import os
import random
import struct
import subprocess

import cli

EMBD, HEADS, KV, HEAD, FF, CONTEXT = 32, 2, 1, 16, 48, 256
TEXT = ("Measure pairs, not evenings: A B A B, at least ten pairs, on an idle machine. "
        "The median ratio says more than two means; how many pairs agree in sign says the rest. "
        "Was heute gemessen wird, gilt heute. 今天测的，今天算。 naïve café, 3.14159, 1024 x 768!\n") * 4

# BOS, window, stride, tokens scored, then of llama.cpp: negative log-likelihood and its error.
LLAMA_CPP = [(False, 64, 0, 465, 6.945593, 0.076660), (False, 33, 0, 480, 6.941605, 0.079580),
             (False, 64, 16, 944, 7.030848, 0.052255), (True, 64, 0, 465, 6.954153, 0.076650),
             (True, 200, 0, 495, 7.135849, 0.072727)]
# The model with noise against the one without, windows of 64.
LLAMA_CPP_AGAINST = {"nll": 0.075505, "nll_error": 0.045090, "kl_mean": 0.437683, "kl_error": 0.012603,
                     "kl_median": 0.370742, "kl_p99": 1.281907, "kl_max": 2.244452, "same_top": 0.363441}


def byte_letters():
    """GPT-2's letters for the 256 bytes: printable ones stand for themselves, the others for U+0100 and on."""
    own = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters, extra = {}, 256
    for byte in range(256):
        if byte in own:
            letters[byte] = chr(byte)
        else:
            letters[byte] = chr(extra)
            extra += 1
    return [letters[b] for b in range(256)]


MERGES = ["e r", "t h", "Ġ a", "a s", "i n", "Ġa s", "th e", "s a"]
TOKENS = byte_letters() + [m.replace(" ", "") for m in MERGES] + ["<|end|>"]


def string(text):
    data = text.encode()
    return struct.pack("<Q", len(data)) + data


def key(name, value):
    """One metadata entry."""
    head = string(name)
    if isinstance(value, bool):
        return head + struct.pack("<I?", 7, value)
    if isinstance(value, int):
        return head + struct.pack("<II", 4, value)
    if isinstance(value, float):
        return head + struct.pack("<If", 6, value)
    if isinstance(value, str):
        return head + struct.pack("<I", 8) + string(value)
    if value and isinstance(value[0], str):
        return head + struct.pack("<IIQ", 9, 8, len(value)) + b"".join(map(string, value))
    return head + struct.pack("<IIQ", 9, 5, len(value)) + struct.pack(f"<{len(value)}i", *value)


def weights(seed, noise):
    """(name, shape as GGUF has it, values). noise: how far the second of two like models strays."""
    first, second = random.Random(seed), random.Random(seed + 1)

    def matrix(rows, cols, gain):
        scale = gain * math.sqrt(3 / cols)
        return [scale * (2 * first.random() - 1 + noise * (2 * second.random() - 1)) for _ in range(rows * cols)]

    vocab, q, kv = len(TOKENS), HEADS * HEAD, KV * HEAD
    yield "token_embd.weight", (EMBD, vocab), matrix(vocab, EMBD, 4.0)
    yield "output_norm.weight", (EMBD,), [1.0 + first.random() / 4 for _ in range(EMBD)]
    yield "output.weight", (EMBD, vocab), matrix(vocab, EMBD, 1.5)
    for name, rows, cols, gain in (("attn_q", q, EMBD, 1.3), ("attn_k", kv, EMBD, 1.3), ("attn_v", kv, EMBD, 1.0),
                                   ("attn_output", EMBD, q, 1.2), ("ffn_gate", FF, EMBD, 1.2),
                                   ("ffn_up", FF, EMBD, 1.2), ("ffn_down", EMBD, FF, 1.2)):
        yield f"blk.0.{name}.weight", (cols, rows), matrix(rows, cols, gain)
    for name in ("attn_norm", "ffn_norm"):
        yield f"blk.0.{name}.weight", (EMBD,), [0.75 + first.random() / 2 for _ in range(EMBD)]


def write_model(path, seed=1, noise=0.0, bos=False, tokens=TOKENS, tokenizer=True, damage=False):
    metadata = [key("general.architecture", "llama"), key("general.name", "eval"), key("llama.block_count", 1),
                key("llama.context_length", CONTEXT), key("llama.embedding_length", EMBD),
                key("llama.feed_forward_length", FF), key("llama.attention.head_count", HEADS),
                key("llama.attention.head_count_kv", KV), key("llama.rope.freq_base", 10000.0),
                key("llama.attention.layer_norm_rms_epsilon", 1e-5)]
    if tokenizer:
        metadata += [key("tokenizer.ggml.model", "gpt2"), key("tokenizer.ggml.pre", "gpt-2"),
                     key("tokenizer.ggml.tokens", tokens), key("tokenizer.ggml.merges", MERGES),
                     key("tokenizer.ggml.token_type", [1] * (len(tokens) - 1) + [3]),
                     key("tokenizer.ggml.bos_token_id", len(tokens) - 1),
                     key("tokenizer.ggml.eos_token_id", len(tokens) - 1),
                     key("tokenizer.ggml.add_bos_token", bos)]
    else:
        metadata += [key("tokenizer.ggml.model", "no_vocab"), key("llama.vocab_size", len(TOKENS))]
    infos, data = b"", b""
    tensors = list(weights(seed, noise))
    for name, shape, values in tensors:
        if damage and name == "output.weight":
            values[5] = math.nan
        infos += string(name) + struct.pack("<I", len(shape)) + struct.pack(f"<{len(shape)}Q", *shape)
        infos += struct.pack("<IQ", 0, len(data))
        data += struct.pack(f"<{len(values)}f", *values)
        data += bytes(-len(data) % 32)
    head = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(metadata)) + b"".join(metadata) + infos
    with open(path, "wb") as f:
        f.write(head + bytes(-len(head) % 32) + data)


class Eval(cli.Case):
    def setUp(self):
        super().setUp()
        self.text = self.path("text.txt")
        with open(self.text, "w", encoding="utf-8") as f:
            f.write(TEXT)

    def model(self, name="model.gguf", **how):
        write_model(self.path(name), **how)
        return self.path(name)

    def score(self, *args, code=0):
        return json.loads(self.run_it("eval", "-t", "1", "-o", "json", *args, code=code)[0])

    def refuse(self, words, *args, code=1):
        out, err = self.run_it("eval", "-t", "1", *args, code=code)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        for word in words:
            self.assertIn(word, err)


class Likelihood(Eval):
    def test_agrees_with_llama_cpp(self):
        for bos, window, stride, scored, nll, error in LLAMA_CPP:
            model = self.model(bos=bos)
            args = ["--stride", str(stride)] if stride else []
            got = self.score("-m", model, "--text-file", self.text, "--window", str(window), *args)
            self.assertEqual(got["scored"], scored)
            self.assertAlmostEqual(got["nll"], nll, delta=1e-3)
            self.assertAlmostEqual(got["perplexity"] / math.exp(nll), 1.0, delta=1e-3)
            self.assertAlmostEqual(got["nll_error"], error, delta=1e-3)
            self.assertEqual(got["stride"], stride or None)

    def test_divergence_agrees_with_llama_cpp(self):
        model, other = self.model(noise=0.2), self.model("reference.gguf")
        got = self.score("-m", model, "--text-file", self.text, "--window", "64", "--against", other)["difference"]
        for name, value in LLAMA_CPP_AGAINST.items():
            self.assertAlmostEqual(got[name], value, delta=2e-3 * max(1, abs(value)), msg=name)

    def test_a_model_against_itself(self):
        model = self.model()
        got = self.score("-m", model, "--text-file", self.text, "--window", "64", "--against", model)
        self.assertEqual(got["difference"]["nll"], 0)
        self.assertLess(got["difference"]["kl_max"], 1e-12)
        self.assertEqual(got["difference"]["same_top"], 1)
        self.assertEqual(got["reference"]["perplexity"], got["perplexity"])

    def test_types_cost_what_they_lose(self):
        """The same file as q4_0 and as q8_0, against itself as it is."""
        model = self.model()
        args = ["-m", model, "--text-file", self.text, "--window", "64", "--against-q", "none"]
        q8 = self.score(*args, "-q", "q8_0")
        q4 = self.score(*args, "-q", "q4_0")
        self.assertEqual((q8["quantization"], q8["reference"]["quantization"]), ("Q8_0", "F32"))
        self.assertGreater(q8["difference"]["kl_mean"], 0)
        self.assertGreater(q4["difference"]["kl_mean"], 10 * q8["difference"]["kl_mean"])

    def test_text_from_standard_input_and_as_text(self):
        model = self.model()
        want = self.score("-m", model, "--text-file", self.text, "--window", "32")
        done = subprocess.run([cli.PROGRAM, "eval", "-m", model, "--text-file", "-", "--window", "32", "--against",
                               model], cwd=self.place, env=self.env, input=TEXT.encode(), capture_output=True,
                              timeout=100)
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        out = done.stdout.decode()
        self.assertIn(f"{want['perplexity']:.4f}", out)
        self.assertIn(f"{want['windows']} of 32 tokens", out)
        self.assertIn("KL", out)

    def test_any_number_of_threads_and_batch(self):
        model = self.model()
        args = ["-m", model, "--text-file", self.text, "--window", "50"]
        self.assertEqual(self.score(*args), self.score(*args, "-t", "2", "-b", "7", "-ub", "3"))


class Refusals(Eval):
    def test_texts(self):
        model, empty = self.model(), self.path("empty.txt")
        open(empty, "w").close()
        self.refuse([empty, "empty"], "-m", model, "--text-file", empty)
        self.refuse(["nowhere.txt"], "-m", model, "--text-file", self.path("nowhere.txt"))
        self.refuse([self.place], "-m", model, "--text-file", self.place)
        short = self.path("short.txt")
        with open(short, "w") as f:
            f.write("ten")
        self.refuse([short, "3 tokens", "window of 64", "--window"], "-m", model, "--text-file", short, "--window",
                    "64")

    def test_context(self):
        model = self.model()
        self.refuse([model, "256", "512", "--window", "--override-ctx"], "-m", model, "--text-file", self.text)
        got = self.score("-m", model, "--text-file", self.text, "--window", "300", "--override-ctx", "300")
        self.assertEqual(got["window"], 300)

    def test_vocabularies(self):
        model = self.model()
        bare = self.model("bare.gguf", tokenizer=False)
        changed = self.model("changed.gguf", tokens=[TOKENS[1], TOKENS[0], *TOKENS[2:]])
        args = ["--text-file", self.text, "--window", "64"]
        self.refuse([bare, "token"], "-m", bare, *args)
        self.refuse([changed, "token 0 ", "compared"], "-m", model, *args, "--against", changed)
        self.refuse([bare, "token"], "-m", model, *args, "--against", bare)

    def test_loading(self):
        """Where the weights are changes no bit, neither of a text's score nor of logits."""
        model = self.model()
        score = [self.score("-m", model, "--text-file", self.text, "--window", "64", *load)
                 for load in ((), ("--load", "pack"), ("--load", "mmap"))]
        self.assertEqual(score[0]["nll"], score[1]["nll"])
        self.assertEqual(score[0]["nll"], score[2]["nll"])
        out = [self.run_it("eval", "-m", model, "--tokens", "1,2,3", *load)[0]
               for load in ((), ("--load", "pack"), ("--load", "mmap"), ("-q", "none"))]
        self.assertEqual(len(set(out)), 1)
        self.refuse(["--load mmap with -q q8_0: mmap leaves"], "-m", model, "--tokens", "1", "--load", "mmap",
                    "-q", "q8_0", code=2)
        self.refuse(["--load mmap with -q q4_0"], "-m", model, "--text-file", self.text, "--load", "mmap",
                    "--against-q", "q4_0", code=2)

    def test_damaged_weights(self):
        args = ["--text-file", self.text, "--window", "64"]
        model, damaged = self.model(), self.model("damaged.gguf", damage=True)
        self.refuse([damaged, "NaN"], "-m", damaged, *args)
        self.refuse([damaged, "NaN"], "-m", model, *args, "--against", damaged)

    def test_usage(self):
        model = self.model()
        text = ["-m", model, "--text-file", self.text]
        for args, word in (([*text, "--tokens", "1"], "not both"), (["-m", model], "missing"),
                           ([*text, "--top", "3"], "--tokens"), ([*text, "--logits-out", "x"], "--tokens"),
                           (["-m", model, "--tokens", "1", "--against", model], "--text-file"),
                           (["-m", model, "--tokens", "1", "--window", "9"], "--text-file"),
                           ([*text, "--window", "2"], "--window"), ([*text, "--window", "0"], "--window"),
                           ([*text, "--window", "-3"], "--window"), ([*text, "--stride", "512"], "--stride"),
                           ([*text, "--isa", "sse9"], "sse9"), ([*text, "--backend", "tpu"], "tpu"),
                           ([*text, "-q", "q3"], "q3"), ([*text, "--against-q", "q3"], "q3"),
                           ([*text, "-ctk", "q5_0"], "-ctk"), ([*text, "-ctv", "f64"], "-ctv"),
                           ([*text, "-o", "csv"], "csv"), ([*text, "--override-ctx", "0"], "--override-ctx")):
            self.refuse([word], *args, code=2)

    def test_names_with_control_characters(self):
        _, err = self.run_it("eval", "-m", "a\x1b[31m\nb.gguf", "--tokens", "1", code=1)
        self.assertNotIn("\x1b", err)
        self.assertEqual(err.count("\n"), 1)


class Logits(Eval):
    def test_output_is_opened_before_the_work(self):
        model = self.model()
        self.refuse(["nowhere", "written"], "-m", model, "--tokens", "1,2", "--logits-out",
                    self.path("nowhere/out.f32"))
        out = self.path("out.f32")
        self.run_it("eval", "-m", model, "--tokens", "1,2", "--logits-out", out)
        self.assertEqual(os.path.getsize(out), 2 * 4 * len(TOKENS))

    def test_nothing_is_left_when_the_tokens_are_refused(self):
        out = self.path("out.f32")
        self.refuse(["vocabulary"], "-m", self.model(), "--tokens", "1,99999", "--logits-out", out)
        self.assertFalse(os.path.exists(out))


if __name__ == "__main__":
    cli.main()

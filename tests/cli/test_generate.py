"""Text in, text out: what is written is what the model's logits say, token by token; how it ends; what it refuses."""
import array
import os
import re
import signal
import subprocess
import time

import tiny
from cli import Case, F32, PROGRAM, main


class Generate(Case):
    def model(self, name="tiny.gguf", **kind):
        path = self.path(name)
        return path if os.path.exists(path) else tiny.write(path, **kind)

    def bytes_of(self, *args, code=0, stdin=b""):
        """Standard output as bytes (the tiny model says what it likes), standard error as text."""
        done = subprocess.run([PROGRAM, "generate", *args], cwd=self.place, env=self.env, input=stdin,
                              capture_output=True, timeout=100)
        err = done.stderr.decode(errors="replace")
        self.assertEqual(done.returncode, code, err)
        self.assertNotIn("Sanitizer", err)
        self.assertNotIn("runtime error", err)
        return done.stdout, err

    def best(self, ids):
        """The most likely next id at each position, from eval's logits."""
        logits = self.path("logits")
        self.run_it("eval", "-m", self.model(), "--tokens", ",".join(map(str, ids)), "--logits-out", logits)
        rows = array.array("f")
        with open(logits, "rb") as file:
            rows.frombytes(file.read())
        rows = [rows[i:i + tiny.VOCAB] for i in range(0, len(rows), tiny.VOCAB)]
        return [max(range(tiny.VOCAB), key=lambda i, row=row: (row[i], -i)) for row in rows]

    def check_greedy(self, prompt_ids, out):
        ids = prompt_ids + list(out)
        self.assertEqual(self.best(ids)[len(prompt_ids) - 1:-1], list(out))

    def test_greedy_is_the_argmax_of_the_logits(self):
        out, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "24")
        self.assertEqual(len(out), 24 + (out[-1:] == b"\n" and len(out) > 24))
        self.check_greedy([tiny.USER, 10, *b"Hi", tiny.ASSISTANT], out[:24])
        self.assertRegex(err, r"prompt +5 tokens, prefill [\d.]+ tok/s")
        self.assertRegex(err, r"TTFT +[\d.]+ ms: tokenizing [\d.]+, prefill [\d.]+, choosing and writing [\d.]+")
        self.assertRegex(err, r"TPOT +[\d.]+ ms mean, [\d.]+ ms median: [\d.]+ tok/s")
        self.assertRegex(err, r"generated +24 tokens in [\d.]+ s; stopped: length")

    def test_loading(self):
        """The first token does not wait for packing, and no way to load changes what is said."""
        packed, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "24")
        self.assertRegex(err, r"packing +[\d.]+ GB of weights in [\d.]+ s, after the first token")
        mapped, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "24", "--load", "mmap")
        self.assertNotIn("packing", err)
        self.assertEqual(packed, mapped)
        _, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "1")
        self.assertNotIn("packing", err)
        _, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "4", "-q", "q8_0")
        self.assertNotIn("packing", err)
        _, err = self.bytes_of("-m", self.model(), "-i", "-n", "4", stdin=b"a\nb\n")
        self.assertEqual(err.count("packing"), 1)
        _, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "--load", "mmap", "-q", "q8_0", code=2)
        self.assertIn("--load mmap with -q q8_0: mmap leaves the weights as they are in the file", err)
        _, err = self.bytes_of("-m", self.model(), "--prompt", "Hi", "--load", "lazy", code=2)
        self.assertIn("--load: must be pack or mmap: lazy", err)

    def test_prompts(self):
        text = "ab \u4f60\n"
        with open(self.path("p.txt"), "w", encoding="utf-8") as file:
            file.write(text + "\n")
        out, _ = self.bytes_of("-m", self.model(), "--prompt-file", "p.txt", "--no-template", "-n", "8")
        same, _ = self.bytes_of("-m", self.model(), "--prompt", text, "--no-template", "-n", "8")
        self.assertEqual(out, same)
        self.check_greedy([tiny.AB, *text.encode()[2:]], out[:8])
        out, _ = self.bytes_of("-m", self.model(), "--prompt", "x", "--system", "s", "-n", "8")
        self.check_greedy([tiny.SYSTEM, 10, *b"s", tiny.USER, 10, *b"x", tiny.ASSISTANT], out[:8])
        # What looks like a control token in a message is text, without a template it is one.
        out, _ = self.bytes_of("-m", self.model(), "--prompt", "<|user|>", "-n", "8")
        self.check_greedy([tiny.USER, 10, *b"<|user|>", tiny.ASSISTANT], out[:8])
        out, _ = self.bytes_of("-m", self.model(), "--prompt", "<|user|>", "--no-template", "-n", "8")
        self.check_greedy([tiny.USER], out[:8])

    def test_seeds(self):
        def sample(seed, *more):
            return self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "24", "--temp", "1.5", "--seed", seed,
                                 *more)[0]
        self.assertEqual(sample("1"), sample("1"))
        self.assertNotEqual(sample("1"), sample("2"))
        greedy, _ = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "24")
        self.assertEqual(sample("3", "--top-k", "1"), greedy)
        self.assertEqual(sample("3", "--min-p", "1"), greedy)

    def test_ends(self):
        for token in (tiny.EOS, tiny.OBSERVATION, tiny.USER):
            model = tiny.write(self.path(f"end{token}.gguf"), favour=token)
            seen = set()
            for word in ("a", "b", "cd", "xyz", "0"):  # the favoured logit is above 0 after some of these
                out, err = self.bytes_of("-m", model, "--prompt", word, "-n", "5")
                seen.add(re.search("stopped: (.*)", err).group(1))
                if "end of answer" in err:
                    self.assertNotIn(b"<|", out)
            self.assertIn("end of answer", seen)

    def test_context(self):
        model = self.model(context=16, name="short.gguf")
        out, err = self.bytes_of("-m", model, "--prompt", "Hi")
        self.assertIn("stopped: context full", err)
        self.assertEqual(len(out.rstrip(b"\n")) >= 11, True)
        _, err = self.bytes_of("-m", model, "--prompt", "much too long for it", code=1)
        self.assertEqual(err.count("\n"), 1)
        for word in ("23 tokens", "context 16", "-c", "trained for 16"):
            self.assertIn(word, err)
        _, err = self.bytes_of("-m", model, "--prompt", "Hi", "-c", "17", code=1)
        self.assertIn("--override-ctx", err)
        _, err = self.bytes_of("-m", model, "--prompt", "much too long for it", "--override-ctx", "64", "-n", "3")
        self.assertIn("stopped: length", err)

    def test_cache_types_and_backends(self):
        for kind in ("f16", "q8_0", "q4_0"):
            out, _ = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "4", "-ctk", kind, "-ctv", kind)
            self.assertGreaterEqual(len(out), 4)
        out, _ = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "4", "--backend", "null")
        self.assertGreaterEqual(len(out), 4)
        c, _ = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "12", "--isa", "c", "-t", "1")
        auto, _ = self.bytes_of("-m", self.model(), "--prompt", "Hi", "-n", "12")
        self.assertEqual(c, auto)

    def test_chat_keeps_what_was_said(self):
        _, err = self.bytes_of("-m", self.model(), "-i", "-n", "6", stdin=b"Hi\n\nAgain\n")
        found = re.findall(r"prompt +(\d+) tokens(?: \((\d+) of them in the cache\))?", err)
        self.assertEqual(len(found), 2)
        self.assertEqual(found[0], ("5", ""))
        self.assertGreaterEqual(int(found[1][1]), 4)

    def test_refusals(self):
        model = self.model()
        bare = self.model("bare.gguf", tokenizer=False, template=None)
        cases = [
            (1, ["-m", bare, "--prompt", "x"], "has no tokenizer"),
            (1, ["-m", F32, "--prompt", "x"], "has no tokenizer"),
            (1, ["-m", "preset:qwen2.5-0.5b:q4_0", "--prompt", "x"], "has no tokenizer"),
            (1, ["-m", self.model("un.gguf", template="[INST] {{ x }} [/INST]"), "--prompt", "x"], "--template (glm4,"),
            (1, ["-m", self.model("none.gguf", template=None), "--prompt", "x"], "--no-template"),
            (1, ["-m", model, "--prompt", "x", "--template", "chatml"], "no token <|im_start|>"),
            (1, ["-m", self.model("nan.gguf", nan=True), "--prompt", "x"], "nan.gguf: a logit is NaN"),
            (1, ["-m", model, "--prompt-file", "gone.txt"], "gone.txt"),
            (1, ["-m", model, "--prompt", "", "--no-template"], "empty"),
            (1, ["-m", "gone.gguf", "--prompt", "x"], "gone.gguf"),
            (2, ["-m", model], "--prompt"),
            (2, ["--prompt", "x"], "-m"),
            (2, ["-m", model, "--prompt", "x", "--template", "vicuna"], "glm4, glm-edge"),
            (2, ["-m", model, "--prompt", "x", "--no-template", "--system", "s"], "--no-template"),
            (2, ["-m", model, "--prompt", "x", "-n", "0"], "-n"),
            (2, ["-m", model, "--prompt", "x", "--temp", "hot"], "--temp"),
            (2, ["-m", model, "--prompt", "x", "--temp", "-1"], "--temp"),
            (2, ["-m", model, "--prompt", "x", "--top-p", "0"], "--top-p"),
            (2, ["-m", model, "--prompt", "x", "--min-p", "nan"], "--min-p"),
            (2, ["-m", model, "--prompt", "x", "--repeat-penalty", "0"], "--repeat-penalty"),
            (2, ["-m", model, "--prompt", "x", "-q", "q9"], "-q"),
            (2, ["-m", model, "--prompt", "x", "--isa", "z80"], "--isa"),
            (2, ["-m", model, "--prompt", "x", "--backend", "gpu"], "--backend"),
            (2, ["-m", model, "--prompt", "x", "-ctk", "q3"], "-ctk"),
            (2, ["-m", model, "--prompt", "x", "--frob"], "--frob"),
            (2, ["-m", model, "--prompt", "x", "more"], "more"),
        ]
        for code, args, word in cases:
            out, err = self.bytes_of(*args, code=code)
            self.assertEqual((out.strip(), err.count("\n")), (b"", 1), (args, err))
            self.assertIn(word, err)
        out, err = self.bytes_of("--help")
        self.assertIn(b"--prompt-file", out)
        self.assertEqual(err, "")

    def test_output_that_takes_nothing(self):
        with open("/dev/full", "wb") as full:
            _, err = self.run_it("generate", "-m", self.model(), "--prompt", "Hi", code=1, stdout=full)
        self.assertEqual(err.count("\n"), 1, err)
        self.assertIn("standard output", err)

    def test_interruption(self):
        process = self.start("generate", "-m", self.model(context=1 << 20, name="long.gguf"), "--prompt", "Hi",
                             "-n", "1000000")
        process.stdout.read(1)  # it is generating
        time.sleep(0.05)
        process.send_signal(signal.SIGINT)
        _, err = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 1)
        self.assertIn(b"stopped: interrupted", err)


if __name__ == "__main__":
    main()

"""aglm-bench model quantize, as a user types it: the mixture, the same answers, and what is refused."""
import json
import os
import shutil

from cli import Case, F32, Q4, main

MODES = """f16 bf16 q8_0 q6_k q5_k_m q5_k_s q5_1 q5_0 q4_k_m q4_k_s q4_1 q4_0 iq4_nl mxfp4 q3_k_l q3_k_m q3_k_s
    q2_k""".split()


class Quantize(Case):
    def types(self, name):
        out, _ = self.run_it("model", "info", self.path(name), "-o", "json")
        info = json.loads(out)
        return {t["type"]: t["n_tensors"] for t in info["types"]}, info

    def test_every_mode(self):
        """The small model has rows of 64 and 96: K types fall back to blocks of 32."""
        for mode in MODES:
            with self.subTest(mode=mode):
                out, err = self.run_it("model", "quantize", F32, "out.gguf", "-q", mode.upper(), "-t", "2")
                self.assertEqual(err, "")
                self.assertIn(f"out.gguf: {mode}, 0.07 MB -> ", out.splitlines()[-1])
                self.assertIn("bits per weight", out)
                types, info = self.types("out.gguf")
                self.assertIn("f32", types)  # norms
                self.assertTrue(info["runs"], info.get("obstacle"))
                logits, _ = self.run_it("eval", "-m", "out.gguf", "--tokens", "1,2,3")
                self.assertTrue(logits)
        types, info = self.types("out.gguf")  # q2_k
        self.assertEqual(set(types), {"f32", "q4_0", "q8_0"})
        self.assertEqual(info["metadata"]["general.file_type"], "10")

    def test_synth_mixes_alike(self):
        """Rows of 576 fit no 256: q5_0 and q8_0; ffn_down's 1536 do."""
        self.run_it("model", "synth", "--preset", "smollm2-135m", "-o", "made.gguf", "-q", "Q4_K_M", "--quiet")
        # 30 layers: value and ffn_down matrices with more bits in 3 + 4 of them and every third between: 14
        self.assertEqual(self.types("made.gguf")[0], {"f32": 61, "q8_0": 15, "q5_0": 166, "q4_K": 16, "q6_K": 14})

    def test_synth_replaces_models_only(self):
        for name in ("text", "folder"):
            with self.subTest(name=name):
                if name == "text":
                    with open(self.path(name), "w") as f:
                        f.write("Dear all")
                else:
                    os.mkdir(self.path(name))
                _, err = self.run_it("model", "synth", "--preset", "smollm2-135m", "-o", name, code=1)
                self.assertEqual(err.count("\n"), 1, err)
                self.assertIn(f"{name}: is there and is no GGUF file", err)
        with open(self.path("text")) as f:
            self.assertEqual(f.read(), "Dear all")

    def test_quiet(self):
        self.assertEqual(self.run_it("model", "quantize", F32, "o.gguf", "-q", "q8_0", "--quiet"), ("", ""))

    def refused(self, *args, code=1, words=()):
        out, err = self.run_it("model", "quantize", *args, code=code)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_wrong_usage(self):
        for args, words in [([], ["needs"]), ([F32], ["needs"]), ([F32, "o"], ["-q TYPE"]),
                            ([F32, "o", "-q"], ["-q"]), ([F32, "o", "-q", "q9"], ['"q9"', "q4_k_m"]),
                            ([F32, "o", "x", "-q", "f16"], ["x"]), ([F32, "o", "-q", "f16", "-t", "0"], ["512"]),
                            ([F32, "o", "-q", "f16", "--fast"], ["--fast"])]:
            with self.subTest(args=args):
                self.refused(*args, code=2, words=words)
        self.assertEqual(os.listdir(self.place), [])

    def test_refused_files(self):
        with open(F32, "rb") as f:
            data = f.read()
        for name, content in [("cut.gguf", data[:-5000]), ("head.gguf", data[:100]), ("empty.gguf", b""),
                              ("text", b"something of the user's")]:
            with open(self.path(name), "wb") as f:
                f.write(content)
        shutil.copy(F32, self.path("in.gguf"))
        os.symlink("in.gguf", self.path("link.gguf"))
        os.link(self.path("in.gguf"), self.path("hard.gguf"))
        before = sorted(os.listdir(self.place))
        for source, target, words in [
                ("cut.gguf", "o.gguf", ["cut.gguf"]), ("head.gguf", "o.gguf", ["head.gguf"]),
                ("empty.gguf", "o.gguf", ["empty.gguf"]), ("text", "o.gguf", ["text"]),
                ("none.gguf", "o.gguf", ["none.gguf", "No such file"]), (".", "o.gguf", ["."]),
                ("in.gguf", "in.gguf", ["the model itself"]), ("in.gguf", "link.gguf", ["the model itself"]),
                ("in.gguf", "hard.gguf", ["the model itself"]), ("in.gguf", "text", ["no model file"]),
                ("in.gguf", "empty.gguf", ["no model file"]), ("in.gguf", ".", ["folder"]),
                ("in.gguf", "none/o.gguf", ["none/o.gguf", "folder"]), ("in.gguf", "/dev/full", ["/dev/full"]),
                (Q4, "o.gguf", ["quantized already", "--allow-requantize"])]:
            with self.subTest(source=source, target=target):
                self.refused(source, target, "-q", "q5_k_m", words=words)
        self.assertEqual(sorted(os.listdir(self.place)), before)
        with open(self.path("text"), "rb") as f:
            self.assertEqual(f.read(), b"something of the user's")


if __name__ == "__main__":
    main()

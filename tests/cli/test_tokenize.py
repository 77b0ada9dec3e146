"""aglm-bench tokenize: forms of input and output, round trips, what is refused."""
import json
import os

import cli

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "fixtures", "tokenizer")
BPE = os.path.abspath(os.path.join(FOLDER, "bpe.gguf"))
SPM = os.path.abspath(os.path.join(FOLDER, "spm.gguf"))


class Tokenize(cli.Case):
    def run_bytes(self, *args, code=0, given=None):
        if given is not None:
            with open(self.path("given"), "wb") as f:
                f.write(given)
        process = self.start("tokenize", *args)
        out, err = process.communicate(timeout=100)
        self.assertEqual(process.returncode, code, err)
        self.assertNotIn(b"Sanitizer", err)
        return out, err.decode()

    def strings(self, name):
        with open(os.path.join(FOLDER, "strings.txt"), encoding="ascii") as f:
            strings = [bytes.fromhex(line) for line in f.read().split("\n")[:-1]]
        with open(os.path.join(FOLDER, name + ".ids"), encoding="ascii") as f:
            ids = f.read().split("\n")[:-1]
        return list(zip(strings, ids))

    def test_text(self):
        out, err = self.run_bytes("-m", BPE, "--text", "a<|user|>b")
        self.assertRegex(out.decode(), r"^\d+ \d+ \d+\n$")
        self.assertEqual(err, "")
        plain, _ = self.run_bytes("-m", BPE, "--text", "a<|user|>b", "--no-special")
        self.assertGreater(len(plain.split()), 3)
        marked, _ = self.run_bytes("-m", SPM, "--text", "a", "--marks")
        bare, _ = self.run_bytes("-m", SPM, "--text", "a")
        self.assertEqual(marked, b"1 " + bare)
        self.assertEqual(self.run_bytes("-m", BPE, "--text", "")[0], b"\n")

    def test_pieces(self):
        out, _ = self.run_bytes("-m", BPE, "--text", "hi<|user|>\n\"", "--pieces")
        lines = [line.split(" ", 1) for line in out.decode().splitlines()]
        self.assertEqual("".join(json.loads(text) for _, text in lines), "hi<|user|>\n\"")
        self.assertTrue(all(i.isdigit() for i, _ in lines))

    def test_jsonl(self):
        cases = self.strings("glm4")
        valid = [(s.decode(), ids.split("|")) for s, ids in cases if self.is_utf8(s)]
        self.assertGreater(len(valid), 300)
        given = "".join(json.dumps(s) + "\n" for s, _ in valid).encode()
        out, _ = self.run_bytes("-m", BPE, "--jsonl", self.path("given"), given=given)
        self.assertEqual(out.decode().split("\n")[:-1], [ids[0] for _, ids in valid])
        back, _ = self.run_bytes("-m", BPE, "--decode", "--jsonl", self.path("given"), given=out)
        self.assertEqual([json.loads(line) for line in back.decode().split("\n")[:-1]], [s for s, _ in valid])
        out, _ = self.run_bytes("-m", BPE, "--jsonl", self.path("given"), "--no-special", given=given)
        self.assertEqual(out.decode().split("\n")[:-1], [ids[-1] for _, ids in valid])

    @staticmethod
    def is_utf8(data):
        try:
            data.decode()
            return True
        except UnicodeDecodeError:
            return False

    def test_bytes_come_back(self):
        data = b"\n".join(s for s, _ in self.strings("glm4")) + bytes(range(256))
        for model in (BPE, SPM):
            text = data if model is BPE else data.replace(b"\xe2\x96\x81", b"")
            ids, _ = self.run_bytes("-m", model, "--text-file", self.path("given"), "--raw-bytes", given=text)
            back, _ = self.run_bytes("-m", model, "--decode", "--text-file", self.path("given"), given=ids)
            self.assertEqual(back, text)

    def test_standard_input(self):
        with open(self.path("in"), "wb") as f:
            f.write(b"a<|user|>")
        with open(self.path("in"), "rb") as f:
            process = self.start_with(f, "tokenize", "-m", BPE, "--text-file", "-")
            out = process.communicate(timeout=100)[0]
        self.assertEqual(out, self.run_bytes("-m", BPE, "--text", "a<|user|>")[0])

    def start_with(self, stdin, *args):
        import subprocess
        return subprocess.Popen([cli.PROGRAM, *args], cwd=self.place, env=self.env, stdin=stdin,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE)

    def test_decode_without_special(self):
        ids, _ = self.run_bytes("-m", BPE, "--text", "a<|user|>b")
        out, _ = self.run_bytes("-m", BPE, "--decode", "--no-special", "--text", ids.decode().replace(" ", ","))
        self.assertEqual(out, b"ab")

    def test_refused(self):
        for args, given, says in (
                (("-m", self.path("none"), "--text", "a"), None, "none"),
                (("-m", cli.F32, "--text", "a"), None, "has no vocabulary"),
                (("-m", BPE, "--text-file", self.path("none")), None, "cannot be read"),
                (("-m", BPE, "--jsonl", self.path("given")), b'"a"\nb\n', "given: line 2: is not a JSON string"),
                (("-m", BPE, "--jsonl", self.path("given")), b'"a"\n\n"b"', "line 2"),
                (("-m", BPE, "--jsonl", self.path("given")), b'"a\\q"', "line 1"),
                (("-m", BPE, "--decode", "--text", "1 x"), None, "must be ids"),
                (("-m", BPE, "--decode", "--text", "99999999999999999999"), None, "must be ids"),
                (("-m", BPE, "--decode", "--text", "-1"), None, "must be ids"),
                (("-m", BPE, "--decode", "--text", "123456789"), None, "outside the vocabulary"),
                (("-m", BPE, "--decode", "--jsonl", self.path("given")), b"1\n123456789\n", "line 2")):
            _, err = self.run_bytes(*args, code=1, given=given)
            self.assertIn(says, err)
            self.assertEqual(err.count("\n"), 1)
            self.assertTrue(err.startswith("aglm-bench tokenize: "), err)

    def test_usage(self):
        for args in ((), ("-m", BPE), ("--text", "a"), ("-m", BPE, "--text", "a", "--jsonl", "b"), ("-m", BPE, "--bad"),
                     ("-m", BPE, "--text"), ("-m", BPE, "--text", "a", "more"),
                     ("-m", BPE, "--decode", "--text", "1", "--pieces"), ("-m", BPE, "--decode", "--text", "1", "--marks")):
            out, err = self.run_bytes(*args, code=2)
            self.assertEqual(out, b"")
            self.assertIn("see 'aglm-bench tokenize --help'", err)
        out, _ = self.run_bytes("--help")
        self.assertIn(b"--raw-bytes", out)


if __name__ == "__main__":
    cli.main()

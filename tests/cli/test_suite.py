"""The standard suite as a user runs it: the same work for everybody, and results that say which prompt they are of."""
import csv
import io
import json
import sqlite3

import tiny
from cli import Case, main

FIELDS = ("prompt_digest", "text_digest")


class Suite(Case):
    def model(self, name="tiny.gguf", **kind):
        kind.setdefault("context", 512)
        return tiny.write(self.path(name), **kind)

    def rows(self, *args, backend="null", suite="standard:voice-zh,chat-en", **run):
        out, err = self.run_it("--suite", suite, "--backend", backend, "-r", "2", "-o", "json", *args, **run)
        return json.loads(out), err

    def test_template_whose_tokens_the_vocabulary_lacks(self):
        self.model(template="{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>{% endfor %}")
        self.model("none.gguf", template=None)
        foreign, _ = self.rows("-m", "tiny.gguf")
        plain, _ = self.rows("-m", "none.gguf")
        self.assertEqual([[r[f] for f in FIELDS] for r in foreign], [[r[f] for f in FIELDS] for r in plain])

    def test_list(self):
        out, err = self.run_it("run", "--suite", "list")
        lines = out.splitlines()[1:]
        self.assertEqual((len(lines), err), (14, ""))
        self.assertRegex(lines[0], r"^voice-zh +0 +128 +32 +[0-9a-f]{32}  \S")
        self.assertRegex(lines[11], r"^agent-next-zh +2048 +3300 +64 ")

    def test_records(self):
        rows, _ = self.rows("-m", self.model(), backend="cpu")
        self.assertEqual([(r["suite"], r["test"], r["n_prompt"], r["n_gen"], r["n_depth"]) for r in rows],
                         [("standard", "voice-zh", 128, 32, 0), ("standard", "chat-en", 64, 128, 0)])
        for row in rows:
            for field in FIELDS:
                self.assertRegex(row[field], "^[0-9a-f]{32}$")
            self.assertGreater(row["ttft_ms"], 0)
            self.assertEqual([len(x) for x in row["samples_token_ns"]], [row["n_gen"] - 1] * 2)
        again, _ = self.rows("-m", self.model("same.gguf"), "--seed", "9")
        self.assertEqual([[r[f] for f in FIELDS] for r in rows], [[r[f] for f in FIELDS] for r in again])
        other, _ = self.rows("-m", self.model("plain.gguf", template=None))  # another template, other ids
        self.assertEqual([r["text_digest"] for r in other], [r["text_digest"] for r in rows])
        self.assertNotEqual([r["prompt_digest"] for r in other], [r["prompt_digest"] for r in rows])

    def test_no_tokenizer(self):
        bare = self.model("bare.gguf", tokenizer=False, template=None)
        rows, err = self.rows("-m", bare)
        self.assertEqual([(r["test"], r["n_prompt"], r["text_digest"]) for r in rows],
                         [("voice-zh", 128, ""), ("chat-en", 64, "")])
        self.assertIn("random ids", err)
        again, _ = self.rows("-m", bare, "--seed", "2")
        self.assertNotEqual(rows[0]["prompt_digest"], again[0]["prompt_digest"])

    def test_too_long_for_the_model(self):
        rows, err = self.rows("-m", self.model(), suite="standard")
        self.assertEqual([r["test"] for r in rows], ["voice-zh", "voice-en", "chat-zh", "chat-en"])
        self.assertEqual(err.count("skipped: it needs"), 10)
        self.assertIn("long-zh: skipped: it needs 8320 positions and the model has 512", err)
        rows, err = self.rows("-m", self.model(), suite="standard:agent-next-zh", code=1)  # nothing was measured
        self.assertEqual(rows, [])
        self.assertIn("skipped", err)

    def test_cached_prefix(self):
        rows, _ = self.rows("-m", self.model("long.gguf", context=8192), suite="standard:agent-next-zh")
        self.assertEqual((rows[0]["n_depth"], rows[0]["n_prompt"], rows[0]["n_gen"]), (2048, 3300, 64))

    def test_formats_and_store(self):
        args = ["-m", self.model(), "--suite", "standard:voice-en", "--backend", "null", "-r", "1", "--seed", "4"]
        out, _ = self.run_it(*args, "-o", "csv", "--db", "a.db")
        row = next(csv.DictReader(io.StringIO(out, newline="")))
        out, _ = self.run_it(*args, "-o", "sql", "--no-db")
        db = sqlite3.connect(":memory:")
        db.executescript(out)
        wanted = ("standard", "voice-en", row["prompt_digest"], row["text_digest"])
        self.assertEqual(db.execute("SELECT suite, test, prompt_digest, text_digest FROM llama_bench").fetchone(), wanted)
        db = sqlite3.connect(self.path("a.db"))
        self.assertEqual(db.execute("SELECT suite, name, prompt_digest, text_digest FROM test").fetchone(), wanted)
        db.close()
        out, _ = self.run_it(*args, "--no-db")
        self.assertIn("| voice-en |", out.replace("  ", ""))
        self.run_it("report", "--db", "a.db", "-o", "page.html", "--gnuplot", "no-such-program")
        with open(self.path("page.html"), encoding="utf-8") as file:
            page = file.read()
        self.assertTrue("--suite standard:voice-en" in page)
        self.assertFalse(" -pg " in page)

    def test_wrong_usage(self):
        for args, word in ((["--suite", "quick"], "standard"), (["--suite", "standard:x"], "--suite list"),
                           (["--suite", "standard", "-p", "5"], "-p"), (["--suite"], "value")):
            out, err = self.run_it(*args, code=2)
            self.assertEqual((out, err.count("\n")), ("", 1))
            self.assertIn(word, err)


if __name__ == "__main__":
    main()

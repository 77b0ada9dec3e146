"""How many answers stay right: counts against answers that are known, the forms of output, what is stored, what a run
adds, and what is refused. The tiny model always says one letter, as often as it may: 256 times."""
import csv
import io
import json
import os
import shutil
import sqlite3
import subprocess

import tiny
from cli import Case, PROGRAM, main

SAYS = {"A": "A" * 256, "B": "B" * 256}


class Accuracy(Case):
    def model(self, letter="A", **kind):
        path = self.path(f"{letter}.gguf")
        return path if os.path.exists(path) else tiny.write(path, context=512, says=ord(letter), **kind)

    def items(self, right, n=12, name="items.jsonl", **more):
        """n items, of which the first `right` are right for A, the others for B."""
        with open(self.path(name), "w", encoding="utf-8") as file:
            for i in range(n):
                part = ("command", "step")[i % 2]
                item = {"id": f"i-{i}", "part": part, "lang": ("zh", "en")[i // 2 % 2], "prompt": f"打开 {i}",
                        "answer": SAYS["A" if i < right else "B"]}
                file.write(json.dumps({**item, **more}, ensure_ascii=False) + "\n")
        return self.path(name)

    def rows(self, *args, code=0):
        out, err = self.run_it("accuracy", "-o", "jsonl", *args, code=code)
        return [json.loads(line) for line in out.splitlines()], err

    def test_counts(self):
        rows, _ = self.rows("-m", self.model(), "--items", self.items(9), "-q", "q8_0,q4_k_m,int8,none")
        self.assertEqual([r["requantize"] for r in rows], ["f32", "q8_0", "q4_k_m", "int8", "none"])
        for row in rows:
            self.assertEqual((row["n"], row["right"], row["lost"], row["gained"]), (12, 9, 0, 0))
            self.assertEqual((row["kept_percent"], row["mcnemar_p"], row["reference"]), (100, 1, "F32"))
            self.assertAlmostEqual(row["ci_low_percent"], 46.77, delta=0.01)
            self.assertAlmostEqual(row["ci_high_percent"], 91.11, delta=0.01)
            parts = {(p["part"], p["lang"]): (p["right"], p["n"]) for p in row["parts"]}
            self.assertEqual(parts, {("command", "zh"): (3, 3), ("step", "zh"): (2, 3), ("command", "en"): (2, 3),
                                     ("step", "en"): (2, 3)})
            self.assertGreater(row["decode_ts"], 0)
            self.assertGreater(row["prefill_ts"], 0)
        self.assertLess(rows[1]["size_bytes"], rows[0]["size_bytes"])

    def test_beside_another_file(self):
        """B has the last three right: against it A loses three and gains nine."""
        rows, _ = self.rows("-m", self.model(), "--against", self.model("B"), "--items", self.items(9))
        self.assertEqual([r["right"] for r in rows], [3, 9])
        self.assertEqual((rows[1]["lost"], rows[1]["gained"], rows[1]["kept_percent"]), (3, 9, 300))
        self.assertAlmostEqual(rows[1]["mcnemar_p"], 0.145996, delta=1e-6)

    def test_threads_give_the_same_answers(self):
        answers, model = [], tiny.write(self.path("t.gguf"), context=512)
        for threads in ("1", "2", "5"):
            rows, _ = self.rows("-m", model, "--items", self.items(9), "-t", threads, "--list", "all")
            answers.append([(a["id"], a["got"]) for a in rows[0]["answers"]])
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])

    def test_parts_and_limits(self):
        items = self.items(9)
        rows, _ = self.rows("-m", self.model(), "--items", items, "--part", "step")
        self.assertEqual((rows[0]["n"], rows[0]["items_to_ask"], rows[0]["items_in_file"]), (6, 6, 12))
        rows, _ = self.rows("-m", self.model(), "--items", items, "--limit", "4")
        self.assertEqual(rows[0]["n"], 4)
        rows, _ = self.rows("-m", self.model(), "--items", self.items(9, part="step-ood"))
        self.assertEqual(rows[0]["n"], 12)  # nothing else is there to be counted

    def test_out_of_distribution_is_in_no_total(self):
        items = self.items(9)
        with open(items, "a", encoding="utf-8") as file:
            file.write(json.dumps({"id": "x", "part": "step-ood", "lang": "en", "prompt": "p", "answer": "q"}))
        rows, _ = self.rows("-m", self.model(), "--items", items)
        self.assertEqual((rows[0]["n"], rows[0]["right"]), (12, 9))
        self.assertIn(("step-ood", 1, 0), [(p["part"], p["n"], p["right"]) for p in rows[0]["parts"]])

    def test_lists(self):
        args = ("-m", self.model(), "--items", self.items(11))
        rows, _ = self.rows(*args, "--list", "wrong")
        wrong, = rows[0]["answers"]
        self.assertEqual((wrong["id"], wrong["expected"], wrong["got"], wrong["right"], wrong["prompt"]),
                         ("i-11", SAYS["B"], SAYS["A"], False, "打开 11"))
        rows, _ = self.rows(*args, "--list", "all")
        self.assertEqual(len(rows[0]["answers"]), 12)
        out, _ = self.run_it("accuracy", *args, "--list", "wrong")
        self.assertIn(f"- i-11 (step, en): wrong\n  - expected: \"{SAYS['B']}\"\n  - got:      \"{SAYS['A']}\"\n", out)
        self.assertNotIn("i-3", out)

    def test_forms(self):
        args = ("accuracy", "-m", self.model(), "--items", self.items(9), "-q", "q4_0")
        out, err = self.run_it(*args)
        # A busy machine is told so; nothing else is.
        self.assertEqual([line for line in err.splitlines() if "note: others used up to" not in line], [])
        self.assertIn("tiny, 12 of 12 items", out)
        self.assertRegex(out, r"\| Q4_0 +\| cpu +\| \w+ +\| +9/12 \| 75\.0% \[46\.8, 91\.1\] \| 100\.0% \| +0 \| +0 \| 1\.000 ")
        self.assertRegex(out, r"\| Q4_0 +\| +83\.3% \[43\.6, 97\.0\] \| +66\.7% \[30\.0, 90\.3\] ")  # by part
        width = {len(line) for line in out.splitlines()[2:6]}
        self.assertEqual(len(width), 1, out)
        out, _ = self.run_it(*args, "-o", "json")
        self.assertEqual([r["quantization"] for r in json.loads(out)], ["F32", "Q4_0"])
        out, _ = self.run_it(*args, "-o", "csv")
        rows = list(csv.DictReader(io.StringIO(out)))
        self.assertEqual(len(rows), 2 * 5)
        self.assertEqual((rows[5]["quantization"], rows[5]["part"], rows[5]["right"]), ("Q4_0", "all", "9"))

    def test_pruning(self):
        rows, _ = self.rows("-m", self.model("C"), "--items", self.items(9), "--prune", "0.9", "-q", "none,q8_0")
        self.assertEqual([r["prune"] for r in rows], [0, 0.9, 0.9])
        self.run_it("eval", "-m", self.model("C"), "--tokens", "1,2,3", "--prune", "0.5")
        whole, _ = self.run_it("eval", "-m", tiny.write(self.path("t.gguf")), "--tokens", "1,2,3")
        pruned, _ = self.run_it("eval", "-m", self.path("t.gguf"), "--tokens", "1,2,3", "--prune", "0.5")
        none, _ = self.run_it("eval", "-m", self.path("t.gguf"), "--tokens", "1,2,3", "--prune", "0")
        self.assertNotEqual(whole, pruned)
        self.assertEqual(whole, none)

    def test_too_little_kept_is_invalid(self):
        items = self.items(50, n=150)
        rows, _ = self.rows("-m", self.model(), "--against", self.model("B"), "--items", items)
        self.assertEqual((rows[0]["verdict"], rows[1]["verdict"]), ("VALID", "INVALID"))
        self.assertIn("accuracy: 50.0% of", rows[1]["reasons"])
        self.assertIn("the limit is 91%", rows[1]["reasons"])
        with open(self.path("mine.ini"), "w") as file:
            file.write("[accuracy_kept]\nalert = 40\n")
        self.env["AGLM_THRESHOLDS"] = self.path("mine.ini")
        rows, _ = self.rows("-m", self.model(), "--against", self.model("B"), "--items", items)
        self.assertEqual(rows[1]["verdict"], "VALID")

    def test_store_and_report(self):
        _, err = self.run_it("accuracy", "-m", self.model(), "--items", self.items(9), "-q", "q8_0", "--db", "x.db",
                             "--label", "mine")
        self.assertIn("stored in x.db (run ", err)
        db = sqlite3.connect(self.path("x.db"))
        self.assertEqual(db.execute("SELECT t.quantization, t.suite, t.label, sum(p.right_n), sum(p.n) FROM test t "
                                    "JOIN accuracy a ON a.test_id = t.id JOIN accuracy_part p ON p.test_id = t.id "
                                    "GROUP BY t.id ORDER BY t.id").fetchall(),
                         [("F32", "accuracy", "mine", 9, 12), ("Q8_0", "accuracy", "mine", 9, 12)])
        self.assertEqual(db.execute("SELECT count(*) FROM llama_bench").fetchone()[0], 0)
        db.close()
        self.run_it("report", "--db", "x.db", "-o", "x.html")
        with open(self.path("x.html"), encoding="utf-8") as file:
            self.assertIn("9 of 12", file.read())

    # ---- what is refused ----

    def refuse(self, *args, words, code):
        out, err = self.run_it("accuracy", *args, code=code)
        self.assertEqual(out, "")
        self.assertEqual(err.count("\n"), 1, err)
        for word in words:
            self.assertIn(word, err)

    def test_usage(self):
        for args, word in ((["-q", "q9"], "-q"), (["--isa", "mmx"], "--isa"), (["--prune", "1"], "--prune"),
                           (["--prune", "x"], "--prune"), (["--limit", "0"], "--limit"), (["--list", "some"], "--list"),
                           (["-o", "xml"], "-o"), (["-t", "0"], "-t"), (["--list", "wrong", "-o", "csv"], "--list"),
                           (["-q", "q4_0,,q8_0"], "-q"), (["-m"], "-m"), (["--nothing"], "--nothing"), (["x"], "x"),
                           (["-ctk", "f32"], "-ctk"), (["--db", "x", "--no-db"], "--no-db")):
            self.refuse(*args, words=[word, "--help"], code=2)

    def test_missing_files(self):
        self.refuse("--items", self.items(1), "-m", "none.gguf", words=["none.gguf"], code=1)
        self.refuse("-m", self.model(), "--items", "none.jsonl", words=["none.jsonl"], code=1)
        self.refuse("-m", self.model(), "--items", self.items(1), "--db", "no/such/x.db", words=["no/such/x.db"], code=1)
        _, err = self.run_it("accuracy", "-m", self.model(), "--items", self.items(1), "--backend", "none", code=1)
        self.assertIn("backend 'none': no such backend", err)
        self.refuse("-m", self.model(), "--items", self.items(1), "--part", "steps", words=["steps", "command, step"],
                    code=1)

    def test_models_that_cannot_be_asked(self):
        items = self.items(1)
        self.refuse("--items", items, "-m", tiny.write(self.path("no.gguf"), tokenizer=False), words=["tokenizer"],
                    code=1)
        self.refuse("--items", items, "-m", tiny.write(self.path("short.gguf"), context=8),
                    words=["item i-", "context of 8"], code=1)
        self.refuse("--items", items, "-m", tiny.write(self.path("nan.gguf"), context=512, nan=True), words=["NaN"],
                    code=1)
        out, err = self.run_it("accuracy", "-m", self.model(), "--items", items, "--backend", "null", code=1)
        self.assertIn("null: computes nothing", err)
        self.assertIn("F32", out)  # what was finished before

    def test_nothing_beside_the_program(self):
        program = self.install(model=None)
        done = subprocess.run([program, "accuracy"], cwd=self.place, env=self.env, capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (1, ""))
        self.assertIn("glm-mini-f16.gguf: neither in", done.stderr)
        self.assertIn("-m", done.stderr)

    # ---- in a run ----

    def install(self, model="A", items=9, share=False):
        """A copy of the program in a folder of its own, with model and items where they belong."""
        os.makedirs(self.path("usr/bin"), exist_ok=True)
        place = self.path("usr/share/aglm-bench" if share else "usr/bin")
        os.makedirs(place, exist_ok=True)
        program = shutil.copy(PROGRAM, self.path("usr/bin/aglm-bench"))
        if model:
            shutil.copy(self.model(model), os.path.join(place, "glm-mini-f16.gguf"))
            shutil.copy(self.items(items, n=150), os.path.join(place, "heldout.jsonl"))
        return program

    def measure(self, program, *args, code=0):
        args = ["run", "-m", self.model("C"), "-p", "4", "-n", "2", "-r", "1", "--roof", "off", *args]
        done = subprocess.run([program, *args], cwd=self.place, env=self.env, capture_output=True, text=True)
        self.assertEqual(done.returncode, code, done.stderr)
        self.assertNotIn("Sanitizer", done.stderr)
        return done.stdout, done.stderr

    def test_end_of_a_run(self):
        program = self.install(share=True)
        out, _ = self.measure(program, "--accuracy", "-q", "none,q8_0", "--db", "x.db")
        self.assertRegex(out, r"\| +kept \|")
        for name in ("F32", "Q8_0"):
            # A run asks for 15 seconds: on a slow machine (a sanitized build) that is not for all.
            self.assertRegex(out, rf"\n- {name}, CPU \w+(: 9 of 150, 6\.0% \[3\.2, 11\.0\]|, time for \d+ of 150 questions: "
                                  r"\d of \d+, \d+\.\d% \[\d+\.\d, \d+\.\d\]); 100\.0% of F32's kept, 0 lost, 0 gained\n")
        db = sqlite3.connect(self.path("x.db"))
        self.assertEqual(db.execute("SELECT t.suite, t.quantization, count(*) FROM test t JOIN accuracy a ON "
                                    "a.test_id = t.id GROUP BY 1, 2 ORDER BY 1, 2").fetchall(),
                         [("accuracy", "F32", 1), ("accuracy", "Q8_0", 1), ("bench", "F32", 2), ("bench", "Q8_0", 2)])
        self.assertEqual(db.execute("SELECT count(*) FROM llama_bench").fetchone()[0], 4)
        db.close()

    def test_machine_forms_stay_whole(self):
        program = self.install()
        out, _ = self.measure(program, "--accuracy", "-o", "json")
        for row in json.loads(out):
            self.assertEqual(row["accuracy_kept_percent"], 100)
            self.assertGreaterEqual(150, row["accuracy_items"])
            if row["accuracy_items"] == 150:
                self.assertEqual(row["accuracy_right"], 9)
        out, _ = self.measure(program, "-o", "json")  # own tests, not asked for
        self.assertEqual([row["accuracy_items"] for row in json.loads(out)], [None, None])

    def test_when_it_is_asked(self):
        program = self.install()
        args = ["run", "-m", self.model("C"), "-r", "1", "--roof", "off", "--override-ctx", "4096"]
        for more, asked in (([], True), (["--no-accuracy"], False), (["--backend", "null"], False),
                            (["--suite", "standard:voice-zh"], True)):
            done = subprocess.run([program, *args, *more], cwd=self.place, env=self.env, capture_output=True, text=True)
            self.assertEqual(done.returncode, 0, done.stderr)
            self.assertEqual("Accuracy: " in done.stdout, asked, (more, done.stderr))

    def test_without_the_model_a_run_is_as_before(self):
        out, err = self.measure(self.install(model=None), "--accuracy")
        self.assertIn("note: no accuracy: glm-mini-f16.gguf", err)
        self.assertNotIn("kept", out)
        _, err = self.measure(self.install(model=None), "--accuracy", "--quiet")
        self.assertEqual(err, "")


main()

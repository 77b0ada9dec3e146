"""The small model that ships, run by the engine: answers equal to its training framework's, item by item; right often
enough; files beside the program; the whole standard suite runs on it.

usage: test_mini.py PROGRAM FOLDER FIXTURES required|absent"""
import json
import os
import sys

from cli import PROGRAM, Case, main

FOLDER, FIXTURES, STATE = sys.argv[2:]
MODEL, ITEMS = (os.path.join(FOLDER, name) for name in ("glm-mini-f16.gguf", "heldout.jsonl"))
LEAST = {"command": (1000, 97.0), "step": (500, 95.0)}  # items, percent right in F32
MAX_MODEL_BYTES = 8 << 20


def lines(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


class Mini(Case):
    def answers(self, *args):
        out, err = self.run_it("accuracy", "--no-db", "-o", "jsonl", "--quiet", *args)
        return [json.loads(line) for line in out.splitlines()]

    def test_files(self):
        self.assertLessEqual(os.path.getsize(MODEL), MAX_MODEL_BYTES)
        self.assertTrue(os.path.exists(os.path.join(FOLDER, "README.md")))
        for name in ("glm-mini-f16.gguf", "heldout.jsonl"):
            beside = os.path.join(os.path.dirname(PROGRAM), name)
            with open(beside, "rb") as a, open(os.path.join(FOLDER, name), "rb") as b:
                self.assertEqual(a.read(), b.read(), f"{beside} is another than the source folder's")
        items = lines(ITEMS)
        for part, (n, _) in LEAST.items():
            self.assertEqual(sum(item["part"] == part for item in items), n)

    def test_answers_are_the_frameworks(self):
        framework = {one["id"]: one["output"] for one in lines(os.path.join(FIXTURES, "framework.jsonl"))}
        expected = {item["id"]: item["answer"] for item in lines(ITEMS)}
        row, = self.answers("-q", "f32", "--list", "all")
        self.assertEqual(set(framework), set(expected))
        got = {one["id"]: one["got"] for one in row["answers"]}
        self.assertEqual(set(got), set(expected))
        different = [(i, framework[i], got[i]) for i in expected if framework[i] != got[i]]
        self.assertEqual(different, [])
        for part, (n, least) in LEAST.items():
            right = sum(p["right"] for p in row["parts"] if p["part"] == part)
            self.assertEqual(right, sum(one["right"] for one in row["answers"] if one["part"] == part))
            self.assertGreaterEqual(100 * right / n, least, part)

    def test_a_run_ends_with_answers(self):
        out, err = self.run_it("run", "-m", MODEL, "--suite", "standard", "-r", "1", "--roof", "off", "--no-db", "-q",
                               "q8_0", "-o", "json")
        rows = json.loads(out)
        self.assertNotIn("skipped", err)
        self.assertEqual(len(rows), 14)
        for row in rows:
            self.assertGreaterEqual(row["accuracy_items"], 100)
            self.assertGreaterEqual(row["accuracy_kept_percent"], 91, row)
            self.assertNotIn("accuracy", row["reasons"])


if STATE == "absent":
    print("skipped: the repository has no bench/mini yet")
    sys.exit(77)
main()

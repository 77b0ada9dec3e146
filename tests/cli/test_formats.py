"""Every output format is read back by somebody else's parser, hostile label included."""
import csv
import io
import json
import sqlite3

from cli import Case, F32, LLAMA_BENCH, Q4, main, quick

LABEL = 'a "q", it\'s; x\\ \n| \u00e4\t'
OURS = """median_ts ci_low_ts ci_high_ts prefill_ts decode_ts ttft_ms tpot_ms tpot_p99_ms load_ns load pack_ns packed_bytes isa quantization
    bytes_per_token decode_gbps peak_rss_bytes verdict reasons label run_uuid test_uuid fingerprint
    prefill_roof_percent decode_roof_percent prefill_gops roof_read_bytes_per_s roof_int8_ops_per_s roof_f32_ops_per_s
    roof_when""".split()


class Formats(Case):
    def check_names(self, names):
        self.assertEqual(names[:len(LLAMA_BENCH)], LLAMA_BENCH)
        self.assertLessEqual(set(OURS), set(names[len(LLAMA_BENCH):]))
        self.assertEqual(len(names), len(set(names)))

    def check_rows(self, rows):
        """rows: dictionaries of text; pp8 and tg4."""
        self.assertEqual([(int(r["n_prompt"]), int(r["n_gen"])) for r in rows], [(8, 0), (0, 4)])
        for row in rows:
            self.assertEqual(row["label"], LABEL)
            self.assertEqual(row["model_filename"], F32)
            self.assertGreater(float(row["avg_ts"]), 0)
            self.assertGreater(int(row["avg_ns"]), 0)
        self.assertEqual(len({r["run_uuid"] for r in rows}), 1)
        self.assertEqual(len({r["test_uuid"] for r in rows}), 2)

    def test_csv(self):
        out, _ = self.run_it(*quick("-o", "csv", "--label", LABEL))
        rows = list(csv.DictReader(io.StringIO(out, newline="")))
        self.check_names(list(rows[0]))
        self.check_rows(rows)

    def test_json(self):
        out, _ = self.run_it(*quick("-o", "json", "--label", LABEL, "-r", "3"))
        rows = json.loads(out)
        names = list(rows[0])
        self.check_names(names)
        self.assertLess(names.index("stddev_ts"), names.index("samples_ns"))
        self.check_rows(rows)
        for row in rows:
            self.assertEqual(len(row["samples_ns"]), 3)
            for ns, ts in zip(row["samples_ns"], row["samples_ts"]):
                self.assertAlmostEqual(ts, 1e9 * (row["n_prompt"] + row["n_gen"]) / ns, delta=1e-3)
            self.assertAlmostEqual(row["avg_ts"], sum(row["samples_ts"]) / 3, delta=1e-3)
            self.assertLessEqual(row["ci_low_ts"], row["median_ts"])
        self.assertEqual([len(x) for x in rows[1]["samples_token_ns"]], [3, 3, 3])
        self.assertIsNone(rows[0]["decode_ts"])  # unknown, not 0
        self.assertIsNone(rows[1]["ttft_ms"])

    def test_jsonl(self):
        out, _ = self.run_it(*quick("-o", "jsonl", "--label", LABEL))
        rows = [json.loads(line) for line in out.splitlines()]
        self.check_names([n for n in rows[0] if not n.startswith("samples_")])
        self.check_rows(rows)

    def test_sql(self):
        out, _ = self.run_it(*quick("-o", "sql", "--label", LABEL))
        db = sqlite3.connect(":memory:")
        db.executescript(out)
        db.executescript(out)  # a second file of results goes into the same table
        db.row_factory = sqlite3.Row
        rows = [dict(r) for r in db.execute("SELECT * FROM llama_bench")]
        self.check_names(list(rows[0]))
        self.check_rows(rows[:2])
        self.assertEqual(len(rows), 4)
        self.assertIsNone(rows[0]["decode_ts"])
        types = {r[1]: r[2] for r in db.execute("PRAGMA table_info(llama_bench)")}
        self.assertEqual((types["n_threads"], types["avg_ts"], types["model_type"]), ("INTEGER", "REAL", "TEXT"))

    def test_md(self):
        out, _ = self.run_it(*quick("--label", LABEL, "-r", "6"))
        lines = out.splitlines()
        cells = [c.strip() for c in lines[0].strip("|").split("|")]
        self.assertEqual(cells, ["model", "size", "params", "backend", "isa", "threads", "test", "t/s",
                                 "median [95% CI]", "TTFT ms", "TPOT ms", "verdict"])
        self.assertEqual(len({len(line) for line in lines[:4]}), 1)  # aligned
        self.assertIn("pp8", lines[2])
        self.assertIn(" \u00b1 ", lines[2])
        self.assertRegex(lines[-1], r"^build: \S+ \(\d+\.\d+\.\d+\)$")

    def test_md_shows_what_varies(self):
        out, _ = self.run_it("-m", f"{F32},{Q4}", "--backend", "null,cpu", "--isa", "c", "-p", "8", "-n", "0",
                             "-ub", "4,8", "-t", "1,2", "-r", "1")
        self.assertIn("n_ubatch", out.splitlines()[0])
        self.assertNotIn("n_batch", out.splitlines()[0])
        self.assertEqual(sum(line.startswith("| ") for line in out.splitlines()), 2 + 2 * 2 * 2 * 2)

    def test_second_format_on_standard_error(self):
        out, err = self.run_it(*quick("-o", "none", "-oe", "csv", "--quiet"))
        self.assertEqual(out, "")
        self.assertEqual(len(list(csv.reader(io.StringIO(err)))), 3)

    def test_bytes_that_are_no_utf8(self):
        out, _ = self.run_it(*quick("-o", "json", "--label", b"\xff\xfe"))
        self.assertEqual(json.loads(out)[0]["label"], "\ufffd\ufffd")

    def test_no_locale(self):
        self.env.update(LC_ALL="C")
        out, _ = self.run_it(*quick("-o", "json"))
        self.assertEqual(len(json.loads(out)), 2)


if __name__ == "__main__":
    main()

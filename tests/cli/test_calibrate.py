"""aglm-bench calibrate: the table of INT8, the file of scales and its use, and what is refused."""
import json
import math

import cli
import tiny

TEXT = ("Tap the second entry, wait a moment, then go back. " * 8 + "Öffne die Karte; 打开地图。 " * 8) * 2


class Calibrate(cli.Case):
    def setUp(self):
        super().setUp()
        self.model = tiny.write(self.path("tiny.gguf"))
        self.text = self.path("text.txt")
        with open(self.text, "w", encoding="utf-8") as f:
            f.write(TEXT)

    def calibrate(self, *args, **kw):
        return self.run_it("calibrate", "-m", self.model, "--text-file", self.text, "--window", "64", "-t", "1", *args,
                           **kw)

    def rows(self, *args):
        out, _ = self.calibrate("-o", "json", *args)
        return json.loads(out)

    def test_table(self):
        table = self.rows("-r", "0")
        names = [v["type"] for v in table["variants"]]
        self.assertEqual(names, ["f32 (the file)", "q8_0", "q4_0", "int8 dynamic", "int8 minmax",
                                 "int8 percentile 99.99", "int8 kl"])
        file, q8, q4, *int8 = table["variants"]
        self.assertIsNone(file["kl"])
        self.assertLess(q8["kl"], q4["kl"])
        self.assertLess(q8["size_bytes"], file["size_bytes"])
        for v in int8:
            self.assertGreater(v["kl"], 0)
            self.assertLess(v["kl"], 0.2)
            self.assertAlmostEqual(v["nll"] - file["nll"], v["delta_nll"], places=9)
            # The same rounding in floats gives the same likelihood but for the last bits.
            self.assertAlmostEqual(v["fake_nll"], v["nll"], places=3)
            self.assertIsNone(v["prefill_tokens_per_second"])
        self.assertTrue(math.isfinite(file["nll"]))

    def test_speed_is_timed_in_turn(self):
        table = self.rows("-r", "1", "-p", "8", "-n", "2", "-q", "none", "--no-fake")
        for v in table["variants"]:
            self.assertGreater(v["prefill_tokens_per_second"], 0)
            self.assertGreater(v["decode_ratio"], 0)
            self.assertIsNone(v["fake_nll"])
        self.assertEqual(table["variants"][0]["prefill_ratio"], 1)

    def test_text_table_and_scales(self):
        scales = self.path("scales.json")
        out, err = self.calibrate("-r", "0", "-q", "none", "--no-fake", "--save", scales, "--method", "percentile",
                                  "--percentile", "99")
        self.assertIn("| int8 percentile 99", out)
        self.assertEqual(len({len(line) for line in out.splitlines() if line.startswith("|")}), 1, out)
        self.assertIn("scales of int8 percentile 99 written to", err)
        with open(scales, encoding="utf-8") as f:
            saved = json.load(f)
        self.assertEqual(len(saved["scales"]), 4 * tiny.LAYERS + 1)
        self.assertEqual(saved["method"], "percentile 99")
        half = len(TEXT.encode()) // 2
        while TEXT.encode()[half] & 0xC0 == 0x80:
            half += 1
        judge = self.path("judge.txt")
        with open(judge, "wb") as f:
            f.write(TEXT.encode()[half:])
        expected = json.loads(self.calibrate("-o", "json", "-r", "0", "-q", "none", "--no-fake", "--percentile",
                                             "99")[0])["variants"][3]["nll"]
        out, _ = self.run_it("eval", "-m", self.model, "--text-file", judge, "--window", "64", "-q", "int8:" + scales,
                             "-o", "json")
        self.assertAlmostEqual(json.loads(out)["nll"], expected, places=9)
        out, _ = self.run_it("run", "-m", self.model, "-q", "int8,int8:" + scales, "-p", "8", "-n", "0", "-r", "1",
                             "-o", "csv")
        self.assertIn("int8 calibrated", out)

    def test_scales_of_another_model(self):
        scales = self.path("scales.json")
        self.calibrate("-r", "0", "-q", "none", "--no-fake", "--save", scales)
        other = tiny.write(self.path("other.gguf"), favour=70)
        _, err = self.run_it("eval", "-m", other, "--text-file", self.text, "-q", "int8:" + scales, code=1)
        self.assertIn("another model", err)
        for content, said in (("{}", "no calibration"), ("[1", "no JSON"), ("", "empty")):
            with open(scales, "w", encoding="utf-8") as f:
                f.write(content)
            _, err = self.run_it("eval", "-m", self.model, "--text-file", self.text, "-q", "int8:" + scales, code=1)
            self.assertIn(said, err)
            self.assertEqual(err.count("\n"), 1)

    def test_refused(self):
        for args, code, said in (
                (["--window", "3"], 2, "--window"), (["--percentile", "50"], 2, "--percentile"),
                (["--percentile", "nan"], 2, "--percentile"), (["-q", "q9"], 2, "-q"), (["--method", "max"], 2, "--method"),
                (["-r", "61"], 2, "-r"), (["-o", "xml"], 2, "-o"), (["--isa", "z80"], 2, "--isa"),
                (["extra"], 2, "options only"), (["--window", "100000"], 1, "window"),
                (["--judge-file", "nowhere.txt"], 1, "nowhere.txt"), (["--save", "no/such/folder.json", "-r", "0"], 1, "folder"),
                (["-p", "5000"], 1, "more text")):
            _, err = self.calibrate(*args, code=code)
            self.assertIn(said, err)
        _, err = self.run_it("calibrate", "--text-file", self.text, code=2)
        self.assertIn("-m", err)
        _, err = self.run_it("calibrate", "-m", cli.Q4, "--text-file", self.text, code=1)
        self.assertIn("tokenizer", err)


if __name__ == "__main__":
    cli.main()

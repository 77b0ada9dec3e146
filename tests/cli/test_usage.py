"""Help, versions, and one clear line with exit code 2 for every wrong use."""
import json
import os
import platform

from cli import Case, F32, main, quick

COMMANDS = ["run", "profile", "model", "eval", "report"]
TEXTS = [*COMMANDS, "tokenize", "generate", "calibrate"]

WRONG = [
    ["foo"], ["foo\nbar"], ["run", "extra"], ["--no-such-option"], ["-z"], ["--"], [""],
    ["-t", "0"], ["-t", "-1"], ["-t", "513"], ["-t", "4294967298"], ["-t", "two"], ["-t", ""], ["-t", "1,"],
    ["-t"], ["-p", "512-"], ["-p", "4-1"], ["-p", "1-8+0"], ["-p", "0-8*2"], ["-p", "1-8*1"], ["-p", "1e3"],
    ["-p", "99999999999999999999"], ["-n", "-4"], ["-n", "0x10"], ["-d", "x"], ["-b", "0"], ["-ub", "0"],
    ["-r", "0"], ["-r", "2,3"], ["-r", "100000"], ["--delay", "-1"], ["--max-time", "0"], ["--seed", "-1"],
    ["--seed", "9223372036854775808"], ["-pg", "5"], ["-pg", "0,0"], ["-pg", "1,2,3"], ["-m", ""],
    ["-m", "a,,b"], ["-o", "xml"], ["-oe", ""], ["-q", "q9_9"], ["-q", ""], ["--backend", "cuda"],
    ["--isa", "sse"], ["-C", "0xZZ"], ["-C", ""], ["-C", "f" * 129], ["--cpu-strict", "yes"],
    ["--label", ""], ["--label", "x" * 64], ["--db", ""], ["--quiet=yes"], ["-ngl", "99"], ["-fa", "1"],
    ["-ctk", "q6_K"], ["-ctv", "f32"], ["-ctk", "f16,"], ["--override-ctx", "0"], ["-mmp", "0"], ["--poll", "100"], ["--prio", "3"], ["--numa", "isolate"],
    ["-rpc", "a:1"], ["-dev", "Vulkan0"], ["--list-devices"], ["-p", "0", "-n", "0"],
    ["--load", "pack,mmap", "-q", "none,q8_0"], ["profile", "--foo"], ["profile", "-o", "x"], ["profile", "x"],
    ["profile", "--net"], ["profile", "--net", "a:x"], ["profile", "--passive", "--roof"],
    ["report", "--foo"], ["report", "-o"], ["report", "x"],
    ["-p", "1-100", "-n", "0", "-t", "1-100"], ["-p", "1-100000"], ["-p", "1-1000000"],
]


class Usage(Case):
    def test_wrong_usage(self):
        for args in WRONG:
            with self.subTest(args=args):
                out, err = self.run_it(*args, code=2)
                self.assertEqual(out, "")
                self.assertEqual(err.count("\n"), 1, err)
                self.assertTrue(err.startswith("aglm-bench"), err)
        self.assertEqual(os.listdir(self.place), [])  # nothing was opened or made

    def test_ten_thousand_combinations(self):
        _, err = self.run_it("-m", F32, "-p", "1-100", "-n", "0", "-t", "1-100", code=2)
        self.assertIn("10000 tests", err)
        self.assertIn("limit is 1000", err)

    def test_messages_name_option_and_value(self):
        for args, words in [(["-t", "0"], ["-t", "'0'", "1 to 512"]), (["-p", "512-"], ["-p", "'512-'"]),
                            (["--isa", "sse"], ["--isa", "'sse'", "avx2"]), (["-ngl", "99"], ["-ngl", "'99'", "0"]),
                            (["bench"], ["'bench'", *COMMANDS])]:
            with self.subTest(args=args):
                _, err = self.run_it(*args, code=2)
                for word in words:
                    self.assertIn(word, err)

    def test_missing_instruction_set(self):
        """Another architecture's set is lacking here; all that may be chosen instead are named."""
        foreign = "neon" if platform.machine() in ("x86_64", "i686") else "avx2"
        _, err = self.run_it(*quick("--isa", foreign, "--roof", "off", backend="cpu"), code=1)
        usable = err.split("here there are ")[1].split("\n")[0].split(", ")
        self.assertEqual(usable[:2], ["auto", "c"])
        for isa in usable:
            self.run_it(*quick("--isa", isa, "--roof", "off", backend="cpu"))

    def test_help(self):
        for args in [["--help"], ["-h"], ["help"], *([c, "--help"] for c in COMMANDS), *([c, "-h"] for c in COMMANDS)]:
            with self.subTest(args=args):
                out, err = self.run_it(*args)
                self.assertTrue(out.lower().startswith("usage: aglm-bench"), out[:200])
                self.assertEqual(err, "")
        out, _ = self.run_it("--help")
        for command in COMMANDS:
            self.assertIn(f"  {command} ", out)

    def test_help_that_nobody_takes(self):
        for args in [["--help"], ["--version"], ["--suite", "list"], *([c, "-h"] for c in TEXTS)]:
            with self.subTest(args=args), open("/dev/full", "wb") as full:
                _, err = self.run_it(*args, code=1, stdout=full)
                self.assertIn("standard output", err)
                self.assertEqual(err.count("\n"), 1, err)

    def test_version(self):
        out, err = self.run_it("--version")
        self.assertRegex(out, r"^aglm-bench \d+\.\d+\.\d+ \(.*\)\n$")
        self.assertEqual(err, "")

    def test_measured_limits(self):
        out, _ = self.run_it("profile", "--roof", "-o", "json")
        facts = {f["key"]: f for f in json.loads(out)["facts"]}
        for key, unit in (("roof.read.t1", "bytes/s"), ("roof.int8.c.t1", "ops/s"), ("roof.f32.c.t1", "flops/s")):
            self.assertEqual(facts[key]["unit"], unit)
            self.assertTrue(0 < facts[key + ".low"]["value"] <= facts[key]["value"])
            self.assertFalse(facts[key]["identity"])
        self.assertGreater(facts["roof.took"]["value"], 0)
        text, _ = self.run_it("profile", "--roof")
        self.assertIn("Limits, measured", text)
        self.assertRegex(text, r"Read, 1 thread +[0-9.]+ GB/s, lowest [0-9.]+ GB/s\n")
        self.assertLessEqual(max(len(line) for line in text.splitlines()), 80)
        self.assertNotIn('"key":\t"roof.', self.run_it("profile", "--passive", "-o", "json")[0])
        _, err = self.run_it("profile", "--roof", "--root", "/", code=2)
        self.assertIn("--root", err)

    def test_device_profile_is_profile(self):
        out, _ = self.run_it("--device-profile", "--passive", "-o", "json")
        self.assertTrue(out.startswith("{"), out[:80])


if __name__ == "__main__":
    main()

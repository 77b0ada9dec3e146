"""Runs: what is measured, and what is kept when something goes wrong."""
import json
import os
import signal
import sqlite3
import subprocess

from cli import Case, F32, Q4, main, quick


class Run(Case):
    def rows(self, *args, code=0):
        out, err = self.run_it(*args, "-o", "json", code=code)
        return json.loads(out), err

    def test_real_arithmetic(self):
        rows, _ = self.rows("-m", f"{F32},{Q4}", "-p", "8", "-n", "4", "-pg", "8,4", "-t", "1,2", "-r", "2")
        self.assertEqual(len(rows), 12)
        for row in rows:
            self.assertEqual(row["backends"], "CPU")
            self.assertIn(row["isa"], ("c", "avx2", "avxvnni", "avx512"))
            self.assertEqual(row["n_samples"], 2)
            self.assertGreater(row["bytes_per_token"], 0)
            self.assertGreater(row["load_ns"], 0)
            self.assertGreater(row["peak_rss_bytes"], 0)

    def test_roof(self):
        model = ("-m", Q4, "-p", "8", "-n", "4", "-r", "2", "-t", "1")
        rows, _ = self.rows(*model, "--db", "x.db")
        for row in rows:
            for what in ("read", "int8", "f32"):
                unit = "bytes_per_s" if what == "read" else "ops_per_s"
                low, median, best = (row[f"roof_{what}_{k}{unit}"] for k in ("low_", "median_", ""))
                self.assertTrue(0 < low <= median <= best, row)
            self.assertRegex(row["roof_when"], "^start, ([0-9]+ rounds?, )?end$")
            self.assertEqual(row["prefill_kind"], "int8")
            phase, other = ("prefill", "decode") if row["n_prompt"] else ("decode", "prefill")
            self.assertGreater(row[f"{phase}_roof_percent"], 0)
            self.assertIsNone(row[f"{other}_roof_percent"])
        db = sqlite3.connect(self.path("x.db"))
        stored = [r[0] for r in db.execute("SELECT roof_read_bytes_per_s FROM test ORDER BY n_gen")]
        for kept, row in zip(stored, rows, strict=True):  # JSON has 15 digits, the store all
            self.assertAlmostEqual(kept / row["roof_read_bytes_per_s"], 1, places=12)
        db.close()
        self.assertIn(" of roof ", self.run_it(*model)[0].splitlines()[0])
        for args in (("--roof", "off"), ("--backend", "null")):
            rows, _ = self.rows(*model, *args)
            self.assertEqual({row["roof_when"] for row in rows}, {""})
            for name in [n for n in rows[0] if "roof" in n and n != "roof_when"]:
                self.assertEqual({row[name] for row in rows}, {None}, name)
            self.assertNotIn(" of roof ", self.run_it(*model, *args)[0])
        self.run_it(*model, "--roof", "up", code=2)

    def test_watched(self):
        """Every repetition is watched; what is known of it and why energy is not, is stored and shown."""
        rows, _ = self.rows("-m", F32, "-p", "8", "-n", "4", "-r", "2", "--roof", "off", "--db", "x.db")
        for row in rows:
            self.assertTrue(row["energy"])
            self.assertGreaterEqual(row["telemetry_cpu_percent"], 0)
        db = sqlite3.connect(self.path("x.db"))
        self.assertEqual(db.execute("SELECT count(*), min(readings) >= 2 FROM telemetry").fetchone(), (4, 1))
        self.run_it("report", "--db", "x.db", "-o", "x.html")
        with open(self.path("x.html"), encoding="utf-8") as page:
            self.assertIn("While the tests ran", page.read())

    def test_android_services(self):
        """A fake dumpsys stands for a phone that is hot, and charging."""
        answers = {"thermalservice": "IsStatusOverride: false\nThermal Status: {status}\nHAL Ready: true",
                   "battery": "Current Battery Service state:\n  status: 2\n  level: 50\n  present: true"}
        def phone(status):
            with open(self.path("dumpsys"), "w", encoding="utf-8") as script:
                script.write("#!/bin/sh\ncase $1 in\n")
                for service, answer in answers.items():
                    script.write(f"{service}) echo '{answer.format(status=status)}' ;;\n")
                script.write("esac\n")
            os.chmod(self.path("dumpsys"), 0o755)
            return self.rows(*quick("--roof", "off"))[0]
        self.env["PATH"] = self.place + ":" + self.env["PATH"]
        for row in phone(3):
            self.assertEqual(row["verdict"], "INVALID")
            self.assertIn("throttled: Android's thermal status was severe", row["reasons"])
        for row in phone(0):
            self.assertNotIn("throttled", row["reasons"])
            if not os.path.exists("/sys/class/power_supply") or not os.listdir("/sys/class/power_supply"):
                self.assertEqual(row["energy"], "charging: energy cannot be measured")

    def test_requantize(self):
        rows, err = self.rows("-m", F32, "-q", "none,q8_0", "-p", "8", "-n", "0", "-r", "1")
        self.assertRegex(err, r"loaded \S+ in [\d.]+ s: ")
        self.assertRegex(err, r"loaded \S+ as q8_0 in [\d.]+ s: ")
        self.assertEqual([r["quantization"] for r in rows], ["F32", "Q8_0"])
        self.assertGreater(rows[0]["model_size"], rows[1]["model_size"])

    def test_loading(self):
        model = ("-m", Q4, "-p", "8", "-n", "0", "-r", "1", "-t", "1", "--roof", "off")
        rows, err = self.rows(*model, "--load", "pack,mmap", "--db", "x.db")
        self.assertEqual([r["load"] for r in rows], ["pack", "mmap"])
        self.assertGreater(rows[0]["packed_bytes"], 0)
        self.assertTrue(0 < rows[0]["pack_ns"] <= rows[0]["load_ns"])
        self.assertEqual((rows[1]["packed_bytes"], rows[1]["pack_ns"]), (0, 0))
        self.assertRegex(err, r"loaded \S+ in [\d.]+ s: packed [\d.]+ GB in [\d.]+ s\n")
        self.assertRegex(err, r"loaded \S+ in [\d.]+ s: weights stay in the file\n")
        self.assertEqual(err.count("loaded "), 2)
        db = sqlite3.connect(self.path("x.db"))
        self.assertEqual(db.execute("SELECT load, packed_bytes FROM test ORDER BY id").fetchall(),
                         [("pack", rows[0]["packed_bytes"]), ("mmap", 0)])
        db.close()
        self.assertIn("| load ", self.run_it(*model, "--load", "mmap")[0])
        self.assertNotIn("| load ", self.run_it(*model)[0])
        for args in (("--load", "lazy"), ("--load", "mmap", "-q", "none,q8_0")):
            self.assertIn("--load", self.run_it(*model, *args, code=2)[1])
        rows, _ = self.rows(*model, "--load", "mmap,mmap", "-p", "8")  # a combination is measured once
        self.assertEqual([r["load"] for r in rows], ["mmap"])

    def test_cache_types(self):
        model = os.path.join(os.path.dirname(F32), "llama-q4_0.gguf")
        rows, _ = self.rows("-m", model, "-p", "8", "-n", "0", "-r", "1", "-ctk", "f16,q8_0", "-ctv", "q4_0,f16")
        self.assertEqual([(r["type_k"], r["type_v"]) for r in rows],
                         [("f16", "q4_0"), ("f16", "f16"), ("q8_0", "q4_0"), ("q8_0", "f16")])
        out, _ = self.run_it(*quick("-ctk", "q8_0", model=model))
        self.assertIn("type_k", out.splitlines()[0])
        self.assertNotIn("type_v", out.splitlines()[0])
        rows, err = self.rows(*quick("-ctk", "f16,q8_0"), code=1)
        self.assertIn("a key cache in q8_0 needs heads whose size is a multiple of 32, these have 16", err)
        self.assertEqual([r["type_k"] for r in rows], ["f16", "f16"])

    def test_fuse(self):
        model = os.path.join(os.path.dirname(F32), "llama-q4_0.gguf")
        args = ("-m", model, "-p", "8", "-n", "2", "-r", "2", "--roof", "off", "--fuse")
        out, _ = self.run_it(*args, "all,all-norm", "--fuse", "none")
        self.assertIn("| fuse ", out.splitlines()[0])
        gains = out.split("What fused operators are worth")[1]
        self.assertEqual(gains.count("| all-norm |"), 2)
        self.assertEqual(gains.count("| none     |"), 2)
        self.assertIn("Under 6 pairs chance may do that", gains)
        out, _ = self.run_it(*args, "all")
        self.assertNotIn("fuse", out)
        rows, _ = self.rows(*args, "each")
        self.assertEqual(len(rows), 2 * 7)
        self.assertEqual(rows[-1]["fuse"], "none")
        _, err = self.run_it(*args, "rope-norm", code=2)
        self.assertIn("--fuse: 'rope-norm' names no fused operators", err)

    def test_profile_ops(self):
        model = os.path.join(os.path.dirname(F32), "llama-q4_0.gguf")
        args = ("-m", model, "-p", "8", "-n", "4", "-r", "2", "-t", "1", "--db", self.path("p.db"))
        rows, _ = self.rows(*args, "--profile-ops")
        for row, phase in zip(rows, ("prefill", "decode"), strict=True):
            ops = {o["name"]: o for o in row["operators"]}
            self.assertEqual({o["phase"] for o in row["operators"]}, {phase})
            self.assertEqual(list(ops)[:3], ["embed", "norm", "qkv"])
            self.assertLessEqual(sum(o["ns"] + o["wait_ns"] for o in row["operators"]), sum(row["samples_ns"]))
            self.assertGreater(ops["down"]["roof_percent"], 0)
            self.assertEqual(ops["logits"]["calls"], 2 * (1 if phase == "prefill" else 4))
        # every matrix once a token, one row of the embedding, of each of two repetitions' four tokens
        weights = sum(o["weight_bytes"] for o in rows[1]["operators"])
        self.assertEqual(weights, 2 * 4 * rows[1]["bytes_per_token"])
        # and the prompt's products are what its operations are counted from
        work = sum(o["int8_ops"] + o["float_ops"] for o in rows[0]["operators"])
        self.assertEqual(work, 2 * rows[0]["prefill_ops"])
        db = sqlite3.connect(self.path("p.db"))
        kept = db.execute("SELECT count(*), sum(weight_bytes) FROM operator WHERE phase = 'decode'").fetchone()
        self.assertEqual(kept, (len(rows[1]["operators"]), weights))
        db.close()
        for row, phase in zip(rows, ("prefill", "decode"), strict=True):
            (rest,) = row["operator_phases"]
            self.assertEqual(rest["phase"], phase)
            self.assertEqual(rest["barriers_ns"], sum(o["wait_ns"] for o in row["operators"]))
            taken = sum(o["ns"] + o["wait_ns"] for o in row["operators"])
            self.assertEqual(rest["all_ns"], taken + rest["other_ns"])
        out, _ = self.run_it(*args, "--profile-ops")
        self.assertIn("Operators, decode per token: tg4,", out)
        self.assertRegex(out, r"\n\| \(barriers\) +\| +[\d.]+ \| +[\d.]+% \| +- \|")
        out, err = self.run_it(*args, "--profile-ops", "-o", "csv")
        self.assertIn("note: csv has no room for operators", err)
        self.assertEqual(out.count("\n"), 3)
        out, err = self.run_it(*args, "--profile-ops", "-o", "sql")
        self.assertNotIn("no room", err)
        memory = sqlite3.connect(":memory:")
        memory.executescript(out)
        ops = memory.execute("SELECT count(*), sum(o.weight_bytes) FROM operator o JOIN llama_bench t USING (test_uuid)"
                             " WHERE t.n_gen > 0").fetchone()
        self.assertEqual(ops, kept)
        memory.close()
        rows, _ = self.rows(*args)
        self.assertNotIn("operators", rows[0])

    def test_context_override(self):
        rows, _ = self.rows(*quick("-p", "65", "--override-ctx", "100"))
        self.assertEqual([r["test"] for r in rows], ["pp8", "pp65", "tg4"])
        _, err = self.run_it(*quick("--override-ctx", "8193"), code=1)
        self.assertIn("edge-f32.gguf: --override-ctx 8193: must be 1 to 8192 (the file's context is 64)", err)
        rows, err = self.rows(*quick("--override-ctx", "5"), code=1)
        self.assertIn("pp8: needs 8 positions", err)
        self.assertIn("--override-ctx", err)

    def test_depth(self):
        rows, _ = self.rows(*quick("-d", "0,40"))
        self.assertEqual([r["n_depth"] for r in rows], [0, 0, 40, 40])
        self.assertEqual(rows[2]["test"], "pp8 @ d40")

    def test_affinity(self):
        cpu = min(os.sched_getaffinity(0))
        rows, _ = self.rows("-m", F32, "-C", hex(1 << cpu), "-t", "1", "-p", "8", "-n", "0", "-r", "1")
        self.assertEqual(rows[0]["affinity"], str(cpu))
        self.assertEqual(rows[0]["verdict"], "VALID")

    def test_same_seed_same_order(self):
        def order(seed):
            _, err = self.run_it(*quick("-p", "1-6", "-r", "3", "--seed", seed, "--progress", "-o", "none"))
            return [line for line in err.splitlines() if "prompt run" in line and "warmup" not in line]
        self.assertEqual(len(order("1")), 7 * 3)
        self.assertEqual(order("1"), order("1"))
        self.assertNotEqual(order("1"), order("2"))

    def test_too_long_for_the_model(self):
        rows, err = self.rows(*quick("-p", "65"), code=1)
        self.assertIn("pp65: needs 65 positions", err)
        self.assertEqual([r["test"] for r in rows], ["pp8", "tg4"])

    def test_missing_model(self):
        for name in ["no-such-file", "", "."]:
            with self.subTest(name=name):
                _, err = self.run_it("-m", self.path(name), "-p", "8", code=1)
                self.assertIn(self.place, err)

    def test_bad_model_keeps_the_others(self):
        with open(F32, "rb") as file:
            whole = file.read()
        with open(self.path("bad.gguf"), "wb") as file:
            file.write(whole[:1000])
        rows, err = self.rows(*quick(model=f"{F32},{self.path('bad.gguf')}"), code=1)
        self.assertEqual(len(rows), 2)
        self.assertIn("bad.gguf", err)

    def test_unknown_preset(self):
        _, err = self.run_it("-m", "preset:nope:q4_0", code=1)
        self.assertIn("glm-edge-1.5b", err)

    def test_max_time(self):
        # one test, then a pause that is longer than the limit
        rows, err = self.rows(*quick("--max-time", "1", "--delay", "2", "--db", "x.db"))
        self.assertEqual(len(rows), 1)
        self.assertEqual(rows[0]["verdict"], "INVALID")
        self.assertIn("time was up after 1 of 2 repetitions", rows[0]["reasons"])
        self.assertIn("1 of 2 tests", err)

    def stop(self, number, *args):
        """Sends the signal in the pause behind the first repetition; returns stdout, stderr, code."""
        process = self.start(*quick("--delay", "3600", "--progress", "--db", "x.db", *args))
        said = b""
        while b"run 1/2" not in said:
            line = process.stderr.readline()
            self.assertTrue(line, said)
            said += line
        stored = False
        while not stored:  # the repetition is over when it is in the database
            try:
                stored = self.stored() != []
            except sqlite3.OperationalError:
                pass
        process.send_signal(number)
        out, err = process.communicate(timeout=60)
        return out.decode(), (said + err).decode(), process.returncode

    def stored(self):
        db = sqlite3.connect(f"file:{self.path('x.db')}?mode=ro", uri=True)
        try:
            names = [r[1] for r in db.execute("PRAGMA table_info(llama_bench)")]
            return [dict(zip(names, r)) for r in db.execute("SELECT * FROM llama_bench")]
        finally:
            db.close()

    def test_interrupt_keeps_what_was_measured(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number=number):
                out, err, code = self.stop(number, "-o", "json")
                self.assertEqual(code, 1)
                rows = json.loads(out)
                self.assertEqual(len(rows), 1)
                self.assertEqual(rows[0]["verdict"], "INVALID")
                self.assertIn("interrupted after 1 of 2 repetitions", rows[0]["reasons"])
                self.assertIn("1 of 2 tests", err)
                stored = self.stored()
                self.assertEqual(len(stored), 1)
                self.assertEqual(stored[0]["avg_ns"], rows[0]["avg_ns"])
                os.remove(self.path("x.db"))

    def test_kill_keeps_what_was_stored(self):
        _, _, code = self.stop(signal.SIGKILL)
        self.assertEqual(code, -signal.SIGKILL)
        self.assertEqual(len(self.stored()), 1)
        self.run_it(*quick("--db", "x.db"))  # and the database still takes more
        self.assertEqual(len(self.stored()), 3)

    def test_reader_that_goes_away(self):
        process = self.start(*quick("-o", "json", "-r", "200"))
        process.stdout.close()
        err = process.stderr.read().decode()
        self.assertEqual(process.wait(timeout=60), 1, err)
        process.stderr.close()

    def test_full_standard_output(self):
        with open("/dev/full", "wb") as full:
            _, err = self.run_it(*quick("-o", "json"), code=1, stdout=full)
        self.assertIn("standard output: cannot write", err)

    def test_quiet(self):
        out, err = self.run_it(*quick("--quiet", "-t", "400"))
        self.assertNotEqual(out, "")
        self.assertEqual(err, "")

    def test_oversubscription_is_a_note(self):
        rows, err = self.rows(*quick("-t", "500"))
        self.assertIn("note: 500 threads on ", err)
        self.assertEqual(rows[0]["n_threads"], 500)

    def test_first_progress_line_comes_before_all_work(self):
        process = self.start(*quick("--progress"), stdout=subprocess.DEVNULL)
        first = process.stderr.readline().decode()
        process.communicate()
        self.assertEqual(first, "aglm-bench: looking at this device\n")


if __name__ == "__main__":
    main()

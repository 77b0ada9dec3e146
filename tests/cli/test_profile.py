"""The profile: what it measures and what not, its page, its documented JSON."""
import json
import os
import signal
import socket
import subprocess
import time
import unittest

from cli import Case, PROGRAM, main
from schema import errors

HERE = os.path.dirname(os.path.abspath(__file__))
DEVICES = os.path.join(HERE, "..", "fixtures", "devices")
with open(os.path.join(HERE, "..", "..", "docs", "profile.schema.json"), encoding="utf-8") as file:
    SCHEMA = json.load(file)
MEASURED = ("roof.", "latency.", "network.")


class Profile(Case):
    def document(self, *args):
        document = json.loads(self.run_it("profile", "-o", "json", *args)[0])
        self.assertEqual(list(errors(document, SCHEMA)), [])
        return document

    def facts(self, *args):
        return {f["key"]: f for f in self.document(*args)["facts"]}

    def check_width(self, text):
        for line in text.splitlines():
            self.assertLessEqual(len(line), 80, line)

    def test_passive_measures_and_writes_nothing(self):
        self.env["TMPDIR"] = self.place
        facts = self.facts("--passive")
        self.assertEqual([k for k in facts if k.startswith(MEASURED)], [])
        self.assertNotIn("storage.read", facts)
        self.assertIn("storage.free", facts)
        self.assertEqual(os.listdir(self.place), [])
        text, _ = self.run_it("profile", "--passive")
        self.check_width(text)
        self.assertIn("Speeds need the device's limits", text)

    def test_every_probe_tells_its_time(self):
        look = ["system", "memory", "load", "thermal", "power", "gpu"]
        document = self.document("--passive")
        self.assertEqual([p["name"] for p in document["probes"]], look + ["storage"])
        self.assertGreater(sum(p["ms"] for p in document["probes"]), 0)
        document = self.document("--roof")
        self.assertEqual([p["name"] for p in document["probes"]], look + ["roof", "storage"])
        self.assertNotIn("sustained", document)
        text, _ = self.run_it("profile", "--passive", "-v")
        self.check_width(text)
        told = text.split("\nTime of each probe\n")[1].splitlines()
        self.assertEqual([line.split()[0] for line in told], look + ["storage", "all"])
        for line in told:
            self.assertRegex(line, r"^  [a-z]+ +\d+\.\d ms$")
        self.assertNotIn("Time of each probe", self.run_it("profile", "--passive")[0])

    def test_all(self):
        document = self.document("--storage-dir", ".")
        facts = {f["key"]: f for f in document["facts"]}
        for key in ("roof.read.t1", "latency.16k", "latency.1024k", "load.cpu", "load.steal", "load.iowait"):
            self.assertIsNotNone(facts[key]["value"], key)
        # A build folder in memory or without room is told, never measured.
        self.assertTrue(facts["storage.read"]["value"] or facts["storage.read"]["unknown"])
        self.assertEqual(os.listdir(self.place), [])
        models = document["advice"]["models"]
        self.assertEqual(len({(m["model"], m["type"]) for m in models}), len(models))
        for m in models:
            self.assertGreater(m["decode_ts"], 0)
            self.assertGreater(m["step_s"], m["step_ttft_s"])
        for s in document["scenarios"]:
            self.assertGreater(s["total_s"], s["ttft_s"])
            self.assertTrue(s["reason"])

    def test_page(self):
        text, _ = self.run_it("profile", "--storage-dir", ".")
        self.check_width(text)
        for part in ("Memory latency, measured", "Against the thresholds", "What it is fit for", "What to run",
                     "Phone agent", "glm-edge-1.5b", "Fingerprint"):
            self.assertIn(part, text)

    def test_captured_devices(self):
        for name in sorted(os.listdir(DEVICES)):
            with self.subTest(device=name):
                root = os.path.join(DEVICES, name)
                if not os.path.isdir(root):
                    continue
                document = self.document("--root", root)
                self.assertTrue(all(m["decode_ts"] is None for m in document["advice"]["models"]))
                self.check_width(self.run_it("profile", "--root", root)[0])

    def test_scenario_thresholds_can_be_changed(self):
        with open(self.path("mine.ini"), "w", encoding="utf-8") as mine:
            mine.write("[free_memory]\ngood = 900000000\nalert = 800000000\n")
        for args in (["--thresholds", "mine.ini"], []):
            if not args:
                self.env["AGLM_THRESHOLDS"] = "mine.ini"
            agent = next(s for s in self.document("--passive", *args)["scenarios"] if s["id"] == "phone_agent")
            self.assertEqual(agent["status"], "alert")
            self.assertIn("Free memory", agent["reason"])
        _, err = self.run_it("profile", "--thresholds", "none.ini", code=1)
        self.assertIn("none.ini", err)

    def test_network(self):
        with socket.create_server(("127.0.0.1", 0)) as server:
            port = server.getsockname()[1]
            facts = self.facts("--roof", "--net", f"127.0.0.1:{port}")
        self.assertGreater(facts["network.connect"]["value"], 0)
        self.assertEqual(facts["network.answers"]["value"], "5 of 5")
        facts = self.facts("--roof", "--net", f"127.0.0.1:{port}")
        self.assertIn("refused", facts["network.answers"]["value"])
        facts = self.facts("--roof", "--net", "no-such-host.invalid")
        self.assertIsNone(facts["network.connect"]["value"])
        self.assertIn("no-such-host.invalid", facts["network.connect"]["unknown"])

    def test_wrong_usage(self):
        for args, word in ((["--passive", "--net", "a"], "--passive"), (["--root", "/", "--verify"], "--root"),
                           (["--net", "a:0"], "port"), (["--net", ":80"], "HOST"), (["--net", "[::1"], "HOST"),
                           (["--passive", "--storage-dir", "."], "--storage-dir"),
                           (["--passive", "--sustained", "10"], "leave out --passive"),
                           (["--sustained", "10", "--root", "/"], "leave out --root"),
                           (["--sustained", "10", "--verify"], "--verify"), (["--sustained", "9"], "10 to 600"),
                           (["--sustained", "601"], "10 to 600"), (["--sustained", "1m"], "10 to 600"),
                           (["--sustained", "-20"], "10 to 600"), (["--sustained"], "needs a value")):
            with self.subTest(args=args):
                _, err = self.run_it("profile", *args, code=2)
                self.assertIn(word, err)
                self.assertEqual(err.count("\n"), 1)

    def interrupt_sustained(self, *args):
        """Interrupts as soon as the seconds have begun; what comes out and what is said."""
        process = self.start("profile", "--roof", "--sustained", "600", *args)
        self.addCleanup(process.kill)
        said = process.stderr.readline()
        self.assertIn(b"Ctrl-C", said)
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=100)
        self.assertEqual(process.returncode, 0, err)
        self.assertRegex(err.decode(), r"(?m)^stopped after \d+ of 600 s; what was measured follows$")
        return out.decode()

    def test_sustained_ends_when_told(self):
        document = json.loads(self.interrupt_sustained("-o", "json"))
        self.assertEqual(list(errors(document, SCHEMA)), [])
        facts = {f["key"]: f for f in document["facts"]}
        seconds = facts["roof.sustained.time"]["value"]
        self.assertEqual(facts["roof.sustained.stopped"]["value"], f"after {seconds} of 600 s")
        self.assertEqual(document["sustained"]["gops"],
                         [float(v) for v in facts["roof.sustained.each"]["value"].split()])
        self.assertEqual(len(document["sustained"]["gops"]), seconds)
        self.assertGreater(facts["roof.sustained.start"]["value"], 0)
        self.assertEqual(next(t["fact"] for t in document["thresholds"] if t["id"] == "sustained"),
                         "roof.sustained.share")
        text = self.interrupt_sustained()
        self.check_width(text)
        for part in ("Limits, kept up", "Stopped early", "Integer speed kept up at full load"):
            self.assertIn(part, text)

    def hang_driver(self):
        """Has OpenCL's loader load a library that writes into all folders of its user's and then hangs."""
        driver = os.environ.get("AGLM_BAD_DRIVER")
        if not driver or "built without" in (self.facts("--passive").get("gpu.opencl") or {}).get("unknown", ""):
            self.skipTest("built without OpenCL")
        self.env.update(OCL_ICD_VENDORS=driver, AGLM_BAD_DRIVER_DOES="hang", TMPDIR=self.place)

    def test_hanging_driver_is_given_up(self):
        self.hang_driver()
        facts = self.facts("--passive")
        if "there is no OpenCL library" in (facts.get("gpu.opencl") or {}).get("unknown", ""):
            self.skipTest("OpenCL's loader is not installed")
        self.assertRegex(facts["probe.opencl"]["unknown"], r"no answer within 0\.[0-9] s")
        self.assertIn("waits 4 s", facts["gpu.hurry"]["value"])
        self.assertIn("storage.free", facts)
        self.assertEqual(os.listdir(self.place), [])

    def test_interrupted_driver_leaves_nothing(self):
        self.hang_driver()
        process = self.start("profile", "--passive")
        while process.poll() is None and not os.listdir(self.place):
            time.sleep(0.01)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=60)
        self.assertIn(process.returncode, (0, -signal.SIGINT))  # 0: there was no loader, and nothing hung
        self.assertEqual(os.listdir(self.place), [])

    def test_killed_leaves_no_file(self):
        process = subprocess.Popen([PROGRAM, "profile", "--storage-dir", "."], cwd=self.place, env=self.env,
                                   stdout=subprocess.DEVNULL)
        try:
            process.wait(timeout=1.2)
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait()
        self.assertEqual(os.listdir(self.place), [])

    def test_schema_refuses(self):
        """The checker and the schema can fail."""
        good = self.document("--passive")
        for change in (lambda d: d.pop("advice"), lambda d: d.update(schema=2), lambda d: d.update(more=1),
                       lambda d: d["facts"][0].update(key="No Key"), lambda d: d["facts"][0].pop("unit"),
                       lambda d: d["probes"][0].update(ms=-1), lambda d: d.pop("probes"),
                       lambda d: d["scenarios"][0].update(status="fine"),
                       lambda d: d["advice"]["models"][0].update(need_bytes=0),
                       lambda d: d["advice"]["models"][0].update(decode_ts="quick")):
            bad = json.loads(json.dumps(good))
            change(bad)
            self.assertNotEqual(list(errors(bad, SCHEMA)), [])


if __name__ == "__main__":
    main()

"""Reports of several devices: profiles kept without a test, captured phones, one page or many files."""
import os
import re
import subprocess
import sys
import unittest

from cli import F32, Case, main, quick

ROOT = os.path.abspath(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
CHECK = os.path.join(ROOT, "tests", "unit", "reports", "check_page.py")


def device(name):
    return os.path.join(ROOT, "tests", "fixtures", "devices", name)


class Page(Case):
    def keep(self, name, *args):
        """A captured device's profile into a.db; returns its fingerprint."""
        out, err = self.run_it("profile", "--root", device(name), "--db", "a.db", *args)
        self.assertIn("stored in a.db", err)
        return re.search(r"^Fingerprint\n +([0-9a-f]{32})$", out, re.M).group(1)

    def page(self, *args, name="page.html"):
        out, _ = self.run_it("report", "--db", "a.db", "-o", name, *args)
        self.assertEqual(out, name + "\n")
        return self.read(name)

    def read(self, name, *links):
        subprocess.run([sys.executable, CHECK, self.path(name), "any", *links], check=True)
        with open(self.path(name), encoding="utf-8") as file:
            return file.read()

    def test_farm(self):
        ids = [self.keep(name) for name in ("pixel-8", "mate-20")]
        self.run_it(*quick(model=F32, backend="cpu"), "--db", "a.db")
        page = self.page()
        self.assertEqual(page.count('<article class="device"'), 3)
        for one in ids:
            self.assertIn(f'href="#d-{one}"', page)
            self.assertIn(f'id="d-{one}-fitness"', page)
            self.assertNotIn(f'id="d-{one}-results"', page)
        self.assertEqual(len(re.findall(r'id="d-[0-9a-f]{32}-results"', page)), 1)
        self.assertNotIn("<script", page)
        phone = self.page("--device", "PIXEL", "--title", "My <phone>")
        self.assertIn("<h1>My &lt;phone&gt;</h1>", phone)
        self.assertIn("Other devices in this store", phone)
        self.assertEqual(phone.count("<article"), 0)
        self.assertIn("Pixel 8", self.page("--device", ids[0][:6]))

    def test_which_device(self):
        self.keep("pixel-8")
        self.keep("mate-20")
        for what, words in (("nokia", ("no such device here", "Pixel 8", "HMA-L29")),
                            ("cortex", ("several devices", "Pixel 8 (def594ac)")), ("", ("no such device",))):
            out, err = self.run_it("report", "--db", "a.db", "-o", "p.html", "--device", what, code=1)
            self.assertEqual((out, err.count("\n")), ("", 1))
            for word in words:
                self.assertIn(word, err)
        self.assertFalse(os.path.exists(self.path("p.html")))

    def test_split(self):
        ids = [self.keep(name) for name in ("pixel-8", "raspberry-pi-5")]
        out, _ = self.run_it("report", "--db", "a.db", "--split", "pages")
        self.assertEqual(out, "pages/index.html\n")
        links = ["index.html"] + [f"d-{one}.html" for one in ids]
        self.assertEqual(sorted(os.listdir(self.path("pages"))), sorted(links))
        for link in links:
            self.read(os.path.join("pages", link), *links)
        for other in (["-o", "x.html"], ["--device", "pixel"]):
            _, err = self.run_it("report", "--db", "a.db", "--split", "pages", *other, code=2)
            self.assertIn("leave out " + other[0], err)

    def test_profile_first(self):
        html, _ = self.run_it("profile", "--root", device("pixel-8"), "-o", "html")
        with open(self.path("p.html"), "w", encoding="utf-8") as file:
            file.write(html)
        self.assertEqual(self.read("p.html"), html)
        self.assertIn("<h1>Pixel 8</h1>", html)
        self.assertIn("4x Cortex-A510", html)
        self.keep("pixel-8")
        self.assertIn("no tests yet", self.page())
        _, err = self.run_it("profile", "-o", "html", "--verify", code=2)
        self.assertIn("--verify", err)

    def test_measured_limits_stay(self):
        """A run after the profile does not take its limits away; verdicts follow the thresholds of the day."""
        self.run_it("profile", "--roof", "--db", "a.db", "-o", "json")
        self.run_it(*quick(), "--db", "a.db", "--roof", "off")
        page = self.page()
        self.assertIn("Limits by threads", page)
        self.assertIn("measured by itself", page)
        with open(self.path("strict.ini"), "w", encoding="utf-8") as file:
            file.write("[free_memory]\ngood = 1e12\nalert = 1e11\n")
        row = re.compile(r'<th scope="row">Free memory while measuring</th>.*?</tr>', re.S)
        self.assertNotIn("alert</span>", row.search(page).group(0))
        self.env["AGLM_THRESHOLDS"] = self.path("strict.ini")
        self.assertIn("alert</span>", row.search(self.page()).group(0))

    def test_empty(self):
        self.run_it("run", "-m", "nothing.gguf", "--db", "a.db", code=1)
        for how in (["-o", "p.html"], ["--split", "pages"]):
            out, err = self.run_it("report", "--db", "a.db", *how, code=1)
            self.assertEqual((out, err.count("\n")), ("", 1))
            for word in ("a.db: nothing was measured yet", "aglm-bench run", "--device-profile --db"):
                self.assertIn(word, err)
        self.assertEqual([f for f in os.listdir(self.place) if not f.startswith("a.db")], [])
        _, err = self.run_it("report", "--db", "b.db", code=1)
        self.assertIn("b.db", err)

    def test_database_refused_before_measuring(self):
        with open(self.path("text.db"), "w", encoding="utf-8") as file:
            file.write("no database, but a file of some length\n" * 99)
        for db in ("text.db", "no/such/folder/a.db"):
            out, err = self.run_it("profile", "--db", db, code=1)
            self.assertEqual((out, err.count("\n")), ("", 1))
            self.assertIn(db, err)


if __name__ == "__main__":
    main()

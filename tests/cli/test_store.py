"""Where results are stored, and every way in which storing can fail."""
import json
import os
import resource
import sqlite3

from cli import Case, main, quick


def samples(row):
    return len(row["samples_ns"])


class Store(Case):
    def count(self, name):
        db = sqlite3.connect(self.path(name))
        try:
            return db.execute("SELECT count(*) FROM llama_bench").fetchone()[0]
        finally:
            db.close()

    def test_db_option(self):
        _, err = self.run_it(*quick("--db", "x.db"))
        self.assertIn("stored in x.db (run ", err)
        self.assertEqual(self.count("x.db"), 2)
        self.run_it(*quick("--db", "x.db"))
        self.assertEqual(self.count("x.db"), 4)

    def test_nothing_is_stored_unless_asked(self):
        _, err = self.run_it(*quick())
        self.assertIn("not stored", err)
        self.assertEqual(os.listdir(self.place), [])

    def test_results_folder(self):
        os.mkdir(self.path("results"))
        self.run_it(*quick())
        self.assertEqual(self.count("results/aglm.db"), 2)
        self.run_it(*quick("--no-db"))
        self.assertEqual(self.count("results/aglm.db"), 2)

    def test_environment(self):
        os.mkdir(self.path("results"))
        self.env["AGLM_DB"] = self.path("env.db")
        self.run_it(*quick())
        self.assertEqual(self.count("env.db"), 2)
        self.run_it(*quick("--db", "option.db"))
        self.assertEqual((self.count("env.db"), self.count("option.db")), (2, 2))
        self.assertEqual(os.listdir(self.path("results")), [])

    def test_stored_is_printed(self):
        out, _ = self.run_it(*quick("--db", "x.db", "-o", "json"))
        db = sqlite3.connect(self.path("x.db"))
        for row in json.loads(out):
            stored = db.execute("SELECT avg_ns, model_type, n_threads, n_prompt, n_gen FROM llama_bench WHERE n_prompt = ?",
                                (row["n_prompt"],)).fetchall()
            self.assertEqual(stored, [tuple(row[k] for k in ("avg_ns", "model_type", "n_threads", "n_prompt", "n_gen"))])
        db.close()

    def refuse(self, name, *words):
        out, err = self.run_it(*quick("--db", name), code=1)
        self.assertEqual(out, "")  # refused before anything is measured
        self.assertEqual(err.count("\n"), 1, err)
        for word in (name, *words):
            self.assertIn(word, err)

    def test_no_such_folder(self):
        self.refuse("no/such/folder/x.db")

    def test_a_folder(self):
        os.mkdir(self.path("folder"))
        self.refuse("folder")

    def test_a_place_that_takes_no_files(self):
        self.refuse("/proc/aglm.db")

    def test_not_a_database(self):
        with open(self.path("text.db"), "wb") as file:
            file.write(b"I am no database.\n" * 1000)
        self.refuse("text.db")
        with open(self.path("text.db"), "rb") as file:
            self.assertEqual(file.read(), b"I am no database.\n" * 1000)

    def test_somebody_elses_database(self):
        db = sqlite3.connect(self.path("newer.db"))
        db.execute("PRAGMA user_version = 99999")
        db.execute("CREATE TABLE t (x)")
        db.commit()
        db.close()
        self.refuse("newer.db")

    def test_full_disk_while_measuring(self):
        self.run_it(*quick("--db", "x.db"))
        limit = 150000 + os.path.getsize(self.path("x.db"))

        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
        out, err = self.run_it(*quick("--db", "x.db", "-o", "json", "-r", "200", "--quiet"), code=1, preexec_fn=full)
        self.assertEqual(err.count("\n"), 1, err)  # said once
        self.assertIn("x.db", err)
        rows = json.loads(out)
        self.assertEqual([samples(r) for r in rows], [200, 200])  # measuring went on
        self.assertEqual({r["reasons"] for r in rows}, {""})
        db = sqlite3.connect(self.path("x.db"))
        self.assertEqual(db.execute("PRAGMA integrity_check").fetchone()[0], "ok")
        db.close()
        self.assertGreaterEqual(self.count("x.db"), 2)  # what was there before is still there

    def test_full_disk_from_the_start(self):
        def full():
            resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
        _, err = self.run_it(*quick("--db", "x.db"), code=1, preexec_fn=full)
        self.assertIn("x.db", err)


if __name__ == "__main__":
    main()

"""What a terminal shows: one line that is redrawn, and taken away before the results."""
import os
import pty
import subprocess

from cli import Case, main, quick


class Terminal(Case):
    def shown(self, *args):
        """Runs with standard error on a terminal; returns (stdout, what the terminal got)."""
        master, slave = pty.openpty()
        process = self.start(*args, stderr=slave)
        os.close(slave)
        shown = b""
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # EIO: the other end is closed
                break
            if not part:
                break
            shown += part
        out, _ = process.communicate(timeout=60)
        os.close(master)
        self.assertEqual(process.returncode, 0, shown)
        return out.decode(), shown.decode()

    def test_bar(self):
        out, shown = self.shown(*quick("-r", "3"))
        self.assertIn("| pp8 |", out.replace("  ", " "))
        self.assertIn("100%", shown)
        self.assertRegex(shown, r"\ds left")
        self.assertIn("\033[36m", shown)
        bar, rest = shown.rsplit("\r\033[K", 1)
        self.assertNotIn("%", rest)  # the line is gone when the notes come
        self.assertNotIn("\n", bar)  # one line, always
        self.assertIn("looking at this device", bar)

    def test_no_color(self):
        self.env["NO_COLOR"] = "1"
        _, shown = self.shown(*quick())
        self.assertIn("100%", shown)
        self.assertNotIn("\033[36m", shown)

    def test_dumb_terminal(self):
        self.env["TERM"] = "dumb"
        _, shown = self.shown(*quick())
        self.assertNotIn("\033", shown)
        self.assertNotIn("%", shown)

    def test_quiet(self):
        _, shown = self.shown(*quick("--quiet"))
        self.assertEqual(shown, "")

    def test_pipe_has_no_bar(self):
        _, err = self.run_it(*quick())
        self.assertNotIn("\033", err)
        self.assertNotIn("\r", err)

    def test_pipe_with_lines(self):
        _, err = self.run_it(*quick("--progress"), stdout=subprocess.DEVNULL)
        self.assertNotIn("\033", err)
        self.assertRegex(err, r"aglm-bench: benchmark 1/2: prompt run 1/2\n")
        self.assertRegex(err, r"aglm-bench: benchmark 2/2: warmup generation run\n")
        self.assertRegex(err, r"aglm-bench: benchmark 2/2: generation run 2/2\n")


if __name__ == "__main__":
    main()

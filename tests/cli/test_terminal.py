"""What a terminal shows: one line that is redrawn, and taken away before the results."""
import fcntl
import os
import pty
import struct
import subprocess
import termios

from cli import Case, F32, main, quick


class Terminal(Case):
    def shown(self, *args, stream="stderr", columns=0):
        """Runs with a stream on a terminal; returns (stdout if it is not that, what the terminal got)."""
        master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", 24, columns, 0, 0))
        process = self.start(*args, **{stream: slave})
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
        return (out or b"").decode(), shown.decode()

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

    def test_narrow(self):
        """Tables fit: what all rows share stands in front, what is left out is named, and what differs stays."""
        model = os.path.join(os.path.dirname(F32), "llama-q4_0.gguf")
        args = quick("--profile-ops", "--fuse", "all,none", "--load", "pack,mmap", "-t", "1", model=model, backend="cpu")
        tables = {}
        for columns in (90, 120, 1000):  # this model has six digits of tokens a second
            _, shown = self.shown(*args, stream="stdout", columns=columns)
            lines = [line for line in shown.splitlines() if line.startswith("|")]
            self.assertLessEqual(max(map(len, lines)), columns)
            tables[columns] = shown
            head = [cell.strip() for cell in lines[0].strip("|").split("|")]
            self.assertLessEqual({"fuse", "load", "test", "verdict"}, set(head))
            self.assertTrue(any(cell.startswith("median") for cell in head))
        self.assertTrue(tables[1000].startswith("| model"))
        self.assertNotIn("not on", tables[1000])
        self.assertTrue(tables[120].startswith("model llama"))
        self.assertIn("not on 90 columns: t/s", tables[90])

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

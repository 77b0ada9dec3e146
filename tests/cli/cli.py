"""What the tests of the command line share: the program, small models, a clean place to run in."""
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

PROGRAM = os.path.abspath(sys.argv[1])
MODELS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "golden", "models")
F32 = os.path.abspath(os.path.join(MODELS, "edge-f32.gguf"))  # 64 positions
Q4 = os.path.abspath(os.path.join(MODELS, "edge-q4_0.gguf"))

LLAMA_BENCH = """build_commit build_number cpu_info gpu_info backends model_filename model_type model_size
    model_n_params n_batch n_ubatch n_threads cpu_mask cpu_strict poll type_k type_v n_gpu_layers n_cpu_moe
    split_mode main_gpu no_kv_offload flash_attn devices tensor_split tensor_buft_overrides use_mmap embeddings
    no_op_offload no_host n_prompt n_gen n_depth test_time avg_ns stddev_ns avg_ts stddev_ts""".split()


class Case(unittest.TestCase):
    """Each test runs in an empty folder of its own, with no database and no cache of the user's."""

    def setUp(self):
        self.place = tempfile.mkdtemp(prefix="aglm-cli-")
        self.addCleanup(shutil.rmtree, self.place, ignore_errors=True)
        self.env = {k: v for k, v in os.environ.items() if k not in ("AGLM_DB", "NO_COLOR")}
        self.env.update(HOME=self.place, XDG_CACHE_HOME=os.path.join(self.place, "cache"), TERM="xterm")

    def path(self, name):
        return os.path.join(self.place, name)

    def start(self, *args, **popen):
        popen.setdefault("stdout", subprocess.PIPE)
        popen.setdefault("stderr", subprocess.PIPE)
        return subprocess.Popen([PROGRAM, *args], cwd=self.place, env=self.env,
                                stdin=subprocess.DEVNULL, **popen)

    def run_it(self, *args, code=0, **popen):
        """Runs to the end; returns what came out and what was said. Never a signal, never a sanitizer's word."""
        process = self.start(*args, **popen)
        out, err = (b"" if x is None else x for x in process.communicate(timeout=100))
        err = err.decode(errors="replace")
        self.assertEqual(process.returncode, code, f"{args}: {err}")
        self.assertNotIn("Sanitizer", err)
        self.assertNotIn("runtime error", err)
        return out.decode(errors="replace"), err


def quick(*args, model=F32, backend="null"):
    """Arguments of a run that takes no time."""
    return ["-m", model, "--backend", backend, "-p", "8", "-n", "4", "-r", "2", *args]


def main():
    unittest.main(argv=sys.argv[:1], verbosity=1)

#!/usr/bin/env python3
"""Makes the references of the matrix anew: matrix.txt and matrix.f32 of this folder.

Inputs: --models, the program that writes the model files (build/…/tests/golden/matrix_models);
--logits, a program called as `PROGRAM MODEL OUT.f32 TYPE_K TYPE_V TOKEN...` that writes another engine's
logits, little-endian float32 [tokens, vocabulary]. Python's standard library only. A case whose reference
is not finite, or whose rows are all alike, is refused: it would test nothing.
"""

import argparse
import array
import subprocess
import tempfile
from pathlib import Path

LIMITS = {"f32": 1e-5, "f16": 1e-4, "bf16": 1e-4}
LIMIT_QUANTIZED = 5e-3
# Quantized caches: measured, with room; what the rounding of the cache itself does is larger for Q4_0 (README.md).
LIMITS_CACHE = {"kv f16 f16": 1e-5, "kv f16 q8_0": 5e-5, "kv q8_0 q8_0": 3e-4, "kv q8_0 q4_0": 2e-3,
                "kv q4_0 q4_0": 2e-3}
LIMITS_CASE = {"gemma3 kv q8_0 q4_0": 1e-2, "gemma3 kv q4_0 q4_0": 1e-2}


def limit_of(name):
    kind = name.split(" ", 1)[1]
    return LIMITS_CASE.get(name) or LIMITS_CACHE.get(kind) or LIMITS.get(kind, LIMIT_QUANTIZED)


def logits(program, folder, line):
    number, name, digest, type_k, type_v, positions, tokens = line.split("\t")
    tokens = tokens.split(",")
    out = Path(folder, "out.f32")
    subprocess.run([*program, Path(folder, number + ".gguf"), out, type_k, type_v, *tokens], check=True)
    values = array.array("f", out.read_bytes())
    width = len(values) // len(tokens)
    rows = [values[int(p) * width:(int(p) + 1) * width] for p in positions.split(",")]
    finite = all(v - v == 0 for row in rows for v in row)
    if not finite or any(rows[0] == row for row in rows[1:]):
        raise SystemExit(f"{name}: the reference is not finite or always the same")
    return name, digest, b"".join(row.tobytes() for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--models", required=True)
    parser.add_argument("--logits", required=True)
    args = parser.parse_args()
    here = Path(__file__).resolve().parent
    text = ["# architecture and form, type; NMSE limit; digest of the model file (made by make_matrix.py)"]
    data = []
    with tempfile.TemporaryDirectory() as folder:
        listing = subprocess.run([args.models, folder], check=True, capture_output=True, text=True).stdout
        for line in listing.splitlines():
            name, digest, rows = logits(args.logits.split(), folder, line)
            text.append(f"{name}\t{limit_of(name):g}\t{digest}")
            data.append(rows)
    (here / "matrix.txt").write_text("\n".join(text) + "\n")
    (here / "matrix.f32").write_bytes(b"".join(data))


if __name__ == "__main__":
    main()

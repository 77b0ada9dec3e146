"""From trained weights to what ships: GGUF by the engine's converter, the framework's answers, and
the figures in the card."""
import json
import os
import shutil
import subprocess

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
MODEL, ITEMS = "glm-mini-f16.gguf", "heldout.jsonl"
MAX_MODEL_BYTES = 8 << 20
LONGEST_ANSWER = 256  # tokens; the engine's limit in `aglm-bench accuracy`
BEGIN, END = "<!-- figures: written by scripts/train-mini -->", "<!-- end of figures -->"


class Failed(Exception):
    """One line for the user."""


def engine(wanted):
    """Path of aglm-bench: the one given, or of the newest optimized build."""
    if wanted and not os.access(wanted, os.X_OK):
        raise Failed("%s: no program; name aglm-bench with --engine" % wanted)
    if wanted:
        return wanted
    builds = [os.path.join(ROOT, "build", name, "aglm-bench") for name in ("release", "plain")]
    found = [b for b in builds if os.access(b, os.X_OK)]
    if not found:
        raise Failed("no aglm-bench in build/release or build/plain: build it (README), or name it with --engine")
    return found[0]


def ask(program, *args):
    try:
        done = subprocess.run([program, *args], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, check=False)
    except OSError as e:
        raise Failed("%s: %s; name aglm-bench with --engine" % (program, e.strerror)) from None
    if done.returncode != 0:
        raise Failed("%s %s: %s" % (program, args[0], (done.stderr.strip().splitlines() or ["failed"])[-1]))
    return done.stdout


def convert(program, folder, path):
    ask(program, "model", "convert", folder, path, "-q", "f16", "--quiet")
    if os.path.getsize(path) > MAX_MODEL_BYTES:
        raise Failed("%s: larger than %d bytes, which is what the repository takes" % (path, MAX_MODEL_BYTES))


def accuracy(program, path, items, *args):
    """The rows of `aglm-bench accuracy`, as trees."""
    return json.loads(ask(program, "accuracy", "-m", path, "--items", items, "-o", "json", "--no-db", "--quiet", *args))


def framework_answers(model, tokenizer, items):
    """The training framework's greedy answer to each item, with keys and values in F16 as the engine
    has them: rarely two tokens are so close that this decides."""
    from . import evaluate  # what needs no torch works without
    for layer in model.layers:
        layer.self_attn.half_cache = True
    right = evaluate.right_by_force(model, tokenizer, items)
    return [i["answer"] if ok else evaluate.generate(model, tokenizer, i["prompt"], LONGEST_ANSWER)
            for i, ok in zip(items, right)]


def write_answers(path, items, answers):
    with open(path, "w", encoding="utf-8") as f:
        for item, answer in zip(items, answers):
            f.write(json.dumps({"id": item["id"], "output": answer}, ensure_ascii=False, separators=(",", ":")) + "\n")


def read_answers(path):
    with open(path, encoding="utf-8") as f:
        return [json.loads(line)["output"] for line in f]


def different(program, path, items_path, items, answers):
    """[(id, the framework's answer, the engine's)] where they are not the same text."""
    row, = accuracy(program, path, items_path, "-q", "f32", "--list", "all")
    got = {one["id"]: one["got"] for one in row["answers"]}
    return [(i["id"], a, got.get(i["id"])) for i, a in zip(items, answers) if got.get(i["id"]) != a]


# ---- the card ----

def _share(right, n, low, high):
    return "%d/%d, %.1f%% [%.1f, %.1f]" % (right, n, 100.0 * right / n, low, high)


def _wilson(right, n, z=1.959964):
    p, d = right / n, 1.0 + z * z / n
    middle, half = p + z * z / (2 * n), z * ((p * (1 - p) + z * z / (4 * n)) / n) ** 0.5
    return 100.0 * (middle - half) / d, 100.0 * (middle + half) / d


def _parts(row):
    """{part: (right, n)}, languages together."""
    out = {}
    for p in row["parts"]:
        right, n = out.get(p["part"], (0, 0))
        out[p["part"]] = (right + p["right"], n + p["n"])
    return out


def ladder(rows):
    """[(name, row)] as a table: accuracy by part, the share kept, bytes of weights, speed."""
    parts = list(_parts(rows[0][1]))
    lines = ["| weights | %s | kept | MiB | decode tok/s |" % " | ".join(parts),
             "|---|" + "---|" * (len(parts) + 3)]
    for name, row in rows:
        by = _parts(row)
        cells = [_share(*by[p], *_wilson(*by[p])) for p in parts]
        lines.append("| %s | %s | %.1f%% | %.2f | %.0f |" % (
            name, " | ".join(cells), row["kept_percent"], row["size_bytes"] / 1048576, row["decode_ts"]))
    return lines


def examples(row, items, n=3):
    """Three right and three wrong answers, evenly out of all parts."""
    answers = {a["id"]: a for a in row["answers"]}
    lines = []
    for word, right in (("right", True), ("wrong", False)):
        pool = [i for i in items if answers[i["id"]]["right"] == right]
        for i in pool[::max(1, len(pool) // n)][:n]:
            lines += ["", "%s, `%s`" % (word, i["id"]), "", "    " + i["prompt"].replace("\n", "\n    "), "",
                      "    → " + answers[i["id"]]["got"]]
            if not right:
                lines.append("    expected: " + i["answer"])
    return lines[1:]


def fill_card(text, lines):
    """The card with the lines between its two marks."""
    if text.count(BEGIN) != 1 or text.count(END) != 1:
        raise Failed("the card lacks the marks '%s' and '%s'" % (BEGIN, END))
    before, rest = text.split(BEGIN)
    return before + BEGIN + "\n\n" + "\n".join(lines) + "\n\n" + END + rest.split(END)[1]


def fine_tuned(out, log):
    """[(kind, file)] of the fine-tunings of these weights, and a line for each that there is not."""
    found, missing = [], []
    for kind in ("q4_0", "int8"):
        path = os.path.join(out, "glm-mini-%s.gguf" % kind)
        if os.path.exists(path) and os.path.getmtime(path) > os.path.getmtime(os.path.join(out, "checkpoint.pt")):
            found.append((kind, path))
        else:
            missing += ["", "No row trained with %s: `--qat %s` was not run for these weights." % (kind.upper(), kind)]
            log(missing[-1])
    return found, missing


def card_lines(program, out, items_path, items, log, log_end):
    """All that is measured: the ladder, quantization-aware training beside it, examples, the log. The
    framework's answers are the engine's, or this is not called."""
    path = os.path.join(out, MODEL)
    rows = [(r["quantization"], r) for r in accuracy(program, path, items_path, "-q", "all")]
    tuned, missing = fine_tuned(out, log)
    for kind, trained in tuned:
        row = accuracy(program, trained, items_path, "-q", kind, "--against", path)[-1]
        rows.append(("%s, trained with it" % row["quantization"], row))
    row, = accuracy(program, path, items_path, "-q", "f32", "--list", "all")
    lines = ladder(rows) + missing
    lines += ["", "Speed: within one of %d sessions at a time, on the machine that trained it." % row["threads"],
              "", "Answers of the engine in F32 that differ from the training framework's: 0 of %d." % len(items),
              "", "Three right and three wrong answers in F32:", ""] + examples(row, items)
    return lines + ["", "The training log's end:", ""] + ["    " + line for line in log_end]


def install(out, items_path, answers_path):
    """Into the source folder: the model, its items and the framework's answers."""
    folder, fixtures = os.path.join(ROOT, "bench", "mini"), os.path.join(ROOT, "tests", "fixtures", "mini")
    for target in (folder, fixtures):
        os.makedirs(target, exist_ok=True)
    shutil.copyfile(os.path.join(out, MODEL), os.path.join(folder, MODEL))
    shutil.copyfile(items_path, os.path.join(folder, ITEMS))
    shutil.copyfile(answers_path, os.path.join(fixtures, "framework.jsonl"))
    return os.path.join(folder, "README.md")

"""What scripts/train-mini does once torch is there: vocabulary, training, files."""
import ctypes
import os
import pickle
import time

import torch

from . import bpe, corpus, data, evaluate, huggingface, onnx_file, qat, ship, team
from .model import Config, Glm4
from .train import Run


class Refused(Exception):
    """One line for the user."""


def keep_memory():
    """The tensors of a step are freed and allocated again; without this the C library gives their
    pages back each time, and half of the time goes into the kernel's clearing them."""
    libc = ctypes.CDLL(None)
    for parameter, value in ((-3, 1 << 30), (-1, (1 << 31) - 1)):  # M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
        libc.mallopt(parameter, value)


def logger(path):
    file = open(path, "a", encoding="utf-8")

    def log(line):
        print(line, flush=True)
        file.write(line + "\n")
        file.flush()
    return log


def tokenizer_of(options, log):
    """Of an earlier training only where that goes on: the seed and the word lists make it."""
    path = os.path.join(options.out, "tokenizer.json")
    if not (os.path.exists(path) and (options.resume or options.export_only or options.qat != "none")):
        begin = time.monotonic()
        tokenizer = corpus.train_tokenizer(options.seed)
        with open(path + ".part", "w", encoding="utf-8") as f:
            f.write(tokenizer.tokenizer_json())
        os.replace(path + ".part", path)
        log("vocabulary: %d merges in %.0f s" % (len(tokenizer.merges), time.monotonic() - begin))
    return bpe.load(path, corpus.VOCAB)


def weights_in(path, otherwise):
    if not os.path.exists(path):
        raise Refused("%s: not there; %s" % (path, otherwise))
    try:
        return torch.load(path, map_location="cpu")["model"]
    except (OSError, RuntimeError, KeyError, EOFError, pickle.UnpicklingError) as e:
        raise Refused("%s: no checkpoint of this program (%s)" % (path, e)) from None


def model_of(weights, path):
    model = Glm4(Config())
    try:
        model.load_state_dict(weights)
    except RuntimeError:
        raise Refused("%s: of a model of another shape; train anew" % path) from None
    return model.eval()


# ---- training ----

def train(options, tokenizer, log):
    checkpoint = os.path.join(options.out, "checkpoint.pt")
    run = Run(options, tokenizer)
    log("%d parameters, seed %d" % (sum(p.numel() for p in run.model.parameters()), options.seed))
    if options.resume:
        model_of(weights_in(checkpoint, "leave out --resume to begin"), checkpoint)
        run.load(checkpoint)
    run.go(options.out, log)


def fine_tune(options, tokenizer, log):
    path = os.path.join(options.out, "checkpoint.pt")
    weights = weights_in(path, "train first, without --qat")
    model = model_of(weights, path)
    run = qat.FineTune(options, tokenizer, model, options.qat)
    log("fine-tuning with %s in every product" % options.qat)
    run.go(options.out, log, "checkpoint-%s.pt" % options.qat)


# ---- files ----

def rounded_model(options):
    """The weights as the files will have them."""
    name = "checkpoint.pt" if options.qat == "none" else "checkpoint-%s.pt" % options.qat
    path = os.path.join(options.out, name)
    model = model_of(weights_in(path, "train first, without --export-only"), path)
    if options.qat != "none":
        qat.bake(model, options.qat)
    return huggingface.round_to_half(model)


def export(options, tokenizer, log):
    """Folder, ONNX and GGUF; the counts are of the weights as they are written, rounded."""
    suffix, gguf = ("", ship.MODEL) if options.qat == "none" else ("-" + options.qat, "glm-mini-%s.gguf" % options.qat)
    folder, path = os.path.join(options.out, "hf" + suffix), os.path.join(options.out, gguf)
    model = rounded_model(options)
    huggingface.write(folder, model, tokenizer)
    onnx_file.write(os.path.join(options.out, "model%s.onnx" % suffix), model)
    ship.convert(ship.engine(options.engine), folder, path)
    log("wrote %s, %s and %s" % (folder, os.path.join(options.out, "model%s.onnx" % suffix), path))
    if options.qat != "none":
        return
    items = data.held_out()[0]
    answers = ship.framework_answers(model, tokenizer, items)
    parts = evaluate.by_part(items, [a == i["answer"] for a, i in zip(answers, items)])
    log("held out, F16 weights: " + ", ".join("%s %d/%d" % (p, *n) for p, n in parts.items()))
    ship.write_answers(os.path.join(options.out, "framework.jsonl"), items, answers)


def compare(options, log):
    """The engine's answers beside the framework's; how many differ."""
    program, items = ship.engine(options.engine), data.held_out()[0]
    found = ship.different(program, *(os.path.join(options.out, n) for n in (ship.MODEL, ship.ITEMS)), items,
                           ship.read_answers(os.path.join(options.out, "framework.jsonl")))
    log("engine and framework: %d of %d answers differ" % (len(found), len(items)))
    for one in found[:5]:
        log("  %s: framework %s, engine %s" % one)
    return len(found)


def shape():
    c = Config()
    n = sum(p.numel() for p in Glm4(c).parameters())
    return ["%s parameters: %d layers of width %d, %d query and %d key-value heads of %d, feed-forward %d, %d tokens." % (
        format(n, ","), c.layers, c.width, c.heads, c.kv_heads, c.head_dim, c.ff, c.vocab), ""]


def put_into_source(options, log):
    out = options.out
    items_path, log_path = os.path.join(out, ship.ITEMS), os.path.join(out, "training.log")
    with open(log_path, encoding="utf-8") as f:
        end = [line.rstrip("\n") for line in f if line.startswith("step ")][-6:]
    lines = shape() + ship.card_lines(ship.engine(options.engine), out, items_path, data.held_out()[0], log, end)
    card = ship.install(out, items_path, os.path.join(out, "framework.jsonl"))
    with open(card, encoding="utf-8") as f:
        text = ship.fill_card(f.read(), lines)
    with open(card, "w", encoding="utf-8") as f:
        f.write(text)


def again(options):
    if options.qat != "none":
        return "the same command begins the fine-tuning again"
    return "--resume goes on from the last checkpoint, of which there is one every %.0f s" % options.every


def check(options):
    """What would otherwise be missed, or lost, after an hour."""
    checkpoint = os.path.join(options.out, "checkpoint.pt")
    ship.engine(options.engine)
    if options.qat != "none" or options.export_only:
        return
    if options.resume and not os.path.exists(checkpoint):
        raise Refused("%s: not there; leave out --resume to begin" % checkpoint)
    if not options.resume and os.path.exists(checkpoint):
        raise Refused("%s: there is a training already; --resume goes on with it, --export-only writes its files, "
                      "--out FOLDER begins another" % checkpoint)


def run(options):
    try:
        check(options)
    except ship.Failed as e:
        raise Refused(e) from None
    keep_memory()
    torch.set_num_threads(1)  # of its own; see train-mini
    log = logger(os.path.join(options.out, "training.log" if options.qat == "none" else "training-%s.log" % options.qat))
    tokenizer = tokenizer_of(options, log)
    if not options.export_only:
        try:
            (train if options.qat == "none" else fine_tune)(options, tokenizer, log)
        except team.Broken as e:
            raise Refused("%s; %s" % (e, again(options))) from None
        except KeyboardInterrupt:
            raise Refused("stopped; %s" % again(options)) from None
    try:
        export(options, tokenizer, log)
        n_different = compare(options, log) if options.qat == "none" else None
        if options.ship and n_different:
            raise Refused("not shipped: the engine answers %d items otherwise than the framework" % n_different)
        if options.ship:
            put_into_source(options, log)
    except (ship.Failed, ValueError) as e:
        raise Refused(e) from None

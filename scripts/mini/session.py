"""What scripts/train-mini does once torch is there: vocabulary, training, files."""
import ctypes
import os
import time

import torch

from . import bpe, corpus
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
    path = os.path.join(options.out, "tokenizer.json")
    if not os.path.exists(path):
        begin = time.monotonic()
        tokenizer = corpus.train_tokenizer(options.seed)
        with open(path + ".part", "w", encoding="utf-8") as f:
            f.write(tokenizer.tokenizer_json())
        os.replace(path + ".part", path)
        log("vocabulary: %d merges in %.0f s" % (len(tokenizer.merges), time.monotonic() - begin))
    return bpe.load(path, corpus.VOCAB)


def run(options):
    keep_memory()
    torch.set_num_threads(options.threads)
    log = logger(os.path.join(options.out, "training.log"))
    tokenizer = tokenizer_of(options, log)
    checkpoint = os.path.join(options.out, "checkpoint.pt")
    training = Run(options, tokenizer)
    log("%d parameters, seed %d" % (sum(p.numel() for p in training.model.parameters()), options.seed))
    if options.resume:
        if not os.path.exists(checkpoint):
            raise Refused("%s: not there; leave out --resume to begin" % checkpoint)
        training.load(checkpoint)
    training.go(options.out, log)

"""Greedy answers of the model, in the training framework."""
import torch

from .batches import Batch, Example, by_length


@torch.no_grad()
def right_by_force(model, tokenizer, items, tokens=6000):
    """Whether each item's answer is what greedy decoding gives: each token is the likeliest after
    those before it, which takes one pass."""
    model.eval()
    examples = [Example(tokenizer, i["prompt"], i["answer"]) for i in items]
    for n, e in enumerate(examples):
        e.n = n
    right = [True] * len(items)
    for batch in by_length(examples, tokens):
        b = Batch(batch)
        best = model.logits(model.hidden(b.ids)[b.rows, b.columns]).argmax(-1)
        for row in b.rows[best != b.targets].tolist():
            right[batch[row].n] = False
    model.train()
    return right


@torch.no_grad()
def generate(model, tokenizer, prompt, limit):
    """The greedy answer as text."""
    ids = tokenizer.prompt(prompt)
    start = len(ids)
    ends = {tokenizer.special[s] for s in ("<|user|>", "<|endoftext|>", "<|observation|>")}
    while len(ids) - start < limit:
        best = int(model.logits(model.hidden(torch.tensor([ids]))[0, -1]).argmax())
        if best in ends:
            break
        ids.append(best)
    return tokenizer.decode(ids[start:])


def by_part(items, right):
    """{part: (right, total)}"""
    out = {}
    for item, ok in zip(items, right):
        a, b = out.get(item["part"], (0, 0))
        out[item["part"]] = (a + bool(ok), b + 1)
    return out

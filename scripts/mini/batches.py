"""Examples into batches: token ids of similar length side by side, and where the answers lie."""
import torch

from .data import LAST_FROM


class Example:
    """ids: prompt and answer, with <|user|> for the end; start: of the answer; lines: for each element
    of a screen, where its label ends, and whether it is the one that the task means."""

    def __init__(self, tokenizer, prompt, answer, index=None):
        head = tokenizer.prompt(prompt)
        self.ids = head + tokenizer.encode(answer) + [tokenizer.special["<|user|>"]]
        self.start = len(head)
        self.lines = []
        if index is not None:
            opening, = tokenizer.encode(" [")
            ends = [k - 1 for k, token in enumerate(head) if token == opening]
            self.lines = [(at, i == index) for i, at in enumerate(ends)]


class Batch:
    """ids: [n, longest]; of the positions that predict an answer: rows, columns, targets; of the
    elements: line_rows, line_columns, meant (1.0 or 0.0)."""

    def __init__(self, examples):
        longest = max(len(e.ids) for e in examples)
        self.ids = torch.zeros(len(examples), longest, dtype=torch.long)
        answers, lines = [], []
        for i, e in enumerate(examples):
            self.ids[i, :len(e.ids)] = torch.tensor(e.ids)
            answers += [(i, k - 1, e.ids[k]) for k in range(e.start, len(e.ids))]
            lines += [(i, at, meant) for at, meant in e.lines]
        self.rows, self.columns, self.targets = torch.tensor(answers, dtype=torch.long).unbind(1)
        self.line_rows, self.line_columns, meant = torch.tensor(lines, dtype=torch.long).view(-1, 3).unbind(1)
        self.meant = meant.float()


def by_length(examples, tokens):
    """Lists of examples whose padded size is at most so many tokens, shortest first."""
    out, batch = [], []
    for e in sorted(examples, key=lambda x: len(x.ids)):
        if batch and (len(batch) + 1) * len(e.ids) > tokens:
            out.append(batch)
            batch = []
        batch.append(e)
    return out + [batch] if batch else out


COPYING = 0.06  # the share of training that begins it, with sequences that repeat themselves


def repeats(r, vocab, tokens):
    """Random tokens that come again and again: what a model of this size learns copying from in a few
    hundred steps, and does not from the tasks alone."""
    n = 24 + r.below(72)
    examples = []
    for _ in range(tokens // n):
        period = 4 + r.below(n // 3)
        unit = [r.below(vocab) for _ in range(period)]
        e = Example.__new__(Example)
        e.ids, e.start, e.lines = [unit[k % period] for k in range(n)], period + 1, []
        examples.append(e)
    return Batch(examples)


class Stream:
    """Batches without end. done(): the share of training that lies behind."""

    def __init__(self, training, tokenizer, tokens, done, copying=COPYING):
        self.training, self.tokenizer, self.tokens, self.done = training, tokenizer, tokens, done
        self.copying = copying
        self.waiting = []

    def __iter__(self):
        r = self.training.r
        while True:
            done = self.done()
            if done < self.copying and r.chance(0.9 if done < 0.6 * self.copying else 0.25):
                yield repeats(r, self.tokenizer.size, self.tokens)
                continue
            if not self.waiting:
                # Larger at the end, whose steps are to be quieter; a step of the optimizer costs as much as 800 tokens.
                tokens = self.tokens * (2 if done >= LAST_FROM else 1)
                pool = [Example(self.tokenizer, *self.training.pointed(done)) for _ in range(600)]
                self.waiting = r.shuffled(by_length(pool, tokens))
            yield Batch(self.waiting.pop())

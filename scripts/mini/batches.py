"""Examples into batches: token ids of similar length side by side, and where the answers lie."""
import torch

PROMPT_LOSS = 0.1  # share of the prompt's positions that are predicted too, at this weight


class Example:
    """ids: prompt and answer, with <|user|> for the end; start: of the answer."""

    def __init__(self, tokenizer, prompt, answer):
        head = tokenizer.prompt(prompt)
        self.ids = head + tokenizer.encode(answer) + [tokenizer.special["<|user|>"]]
        self.start = len(head)


def collate(examples, pick_prompt=None):
    """ids [n, longest]; rows and columns of the positions that predict, their targets and weights."""
    longest = max(len(e.ids) for e in examples)
    ids = torch.zeros(len(examples), longest, dtype=torch.long)
    rows, columns, targets, weights = [], [], [], []
    for i, e in enumerate(examples):
        ids[i, :len(e.ids)] = torch.tensor(e.ids)
        for k in range(1, len(e.ids)):
            answer = k >= e.start
            if answer or (pick_prompt and pick_prompt(PROMPT_LOSS)):
                rows.append(i)
                columns.append(k - 1)
                targets.append(e.ids[k])
                weights.append(1.0 if answer else PROMPT_LOSS)
    return ids, torch.tensor(rows), torch.tensor(columns), torch.tensor(targets), torch.tensor(weights)


def by_length(examples, tokens):
    """Lists of examples whose padded size is at most so many tokens, shortest first."""
    out, batch = [], []
    for e in sorted(examples, key=lambda x: len(x.ids)):
        if batch and (len(batch) + 1) * len(e.ids) > tokens:
            out.append(batch)
            batch = []
        batch.append(e)
    return out + [batch] if batch else out


class Stream:
    """Batches without end. done(): the share of training that lies behind."""

    def __init__(self, training, tokenizer, tokens, done):
        self.training, self.tokenizer, self.tokens, self.done = training, tokenizer, tokens, done
        self.waiting = []

    def __iter__(self):
        r = self.training.r
        while True:
            if not self.waiting:
                done = self.done()
                pool = [Example(self.tokenizer, *self.training.example(done)[1:3]) for _ in range(600)]
                self.waiting = r.shuffled(by_length(pool, self.tokens))
            yield collate(self.waiting.pop(), r.chance)

"""The examples: training without end, and the held-out set, both from a seed."""
import json

from . import commands, steps, values

HELD_OUT = [("command", 1000), ("step", 500), ("command-ood", 200), ("step-ood", 100)]
SHORT = {"command": "cmd", "step": "step", "command-ood": "cmd-ood", "step-ood": "step-ood"}
SEED = 20261127  # of the held-out set that ships; drawn when the recipe was done, so that it decided nothing
# Shares of the training from where on there are, in turn: values that follow no list; more of what is hard; mostly commands.
VARIED_FROM, SECOND_FROM, LAST_FROM = 0.2, 0.6, 0.8


def step_size(r):
    return 4 + r.below(7)


def held_out(seed=SEED):
    """The list of {"id", "part", "lang", "prompt", "answer"}, no prompt twice; and, in the same
    order, (template, values) of each."""
    r = values.Rng("held-out %s" % seed)
    c_table, s_table = commands.tables(True), steps.tables(True)
    items, sources, seen = [], [], set()
    for part, n in HELD_OUT:
        count = 0
        while count < n:
            if part == "command":
                found = commands.command(r, c_table, True)
            elif part == "step":
                found = steps.step(r, s_table, step_size(r), True)
            else:
                found = (commands if part == "command-ood" else steps).ood(r)
            lang, prompt, answer, template, slot_values = found
            if prompt in seen:
                continue
            seen.add(prompt)
            count += 1
            items.append({"id": "%s-%04d" % (SHORT[part], count), "part": part, "lang": lang,
                          "prompt": prompt, "answer": answer})
            sources.append((template, slot_values))
    return items, sources


def to_jsonl(items):
    return "".join(json.dumps(i, ensure_ascii=False, separators=(",", ":")) + "\n" for i in items)


class Training:
    """Examples for training."""

    def __init__(self, seed):
        self.r = values.Rng("training %s" % seed)
        self.c_table, self.s_table = commands.tables(False), steps.tables(False)
        self.c_weighted = commands.weighted(self.c_table)

    def size(self, done):
        """Elements of a screen, given the share of training done: from few to as many as are tested,
        and now and then more."""
        if done < 0.35:
            least, most = (2, 3) if done < 0.1 else (2, 5) if done < 0.2 else (3, 8)
            return least + self.r.below(most - least + 1)
        return 11 + self.r.below(14) if self.r.chance(0.03) else step_size(self.r)

    def example(self, done):
        """What the vocabulary is made of: (lang, prompt, answer, template, values)"""
        if self.r.chance(0.45):
            return steps.step(self.r, self.s_table, self.size(done), False)
        return commands.command(self.r, self.c_table, False)

    def drawn(self, done):
        """(lang, prompt, answer, template, values, index of the element meant or None)"""
        second = done >= SECOND_FROM
        # Screens, which are five times as long, are learned first; what is left then are commands.
        if self.r.chance(0.2 if done >= LAST_FROM else 0.35 if second else 0.6):
            return (steps.pointed(self.r, self.s_table, self.size(done), False, steps.varied_label, steps.HARD_WAYS)
                    if second else steps.pointed(self.r, self.s_table, self.size(done), False))
        found = commands.command(self.r, self.c_weighted if second else self.c_table, False,
                                 values.varied if done >= VARIED_FROM else None)
        return found + (None,)

    def pointed(self, done):
        """(prompt, answer, index of the element meant or None)"""
        _, prompt, answer, _, _, index = self.drawn(done)
        return prompt, answer, index

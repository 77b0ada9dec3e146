"""The training loop: seeded, with a progress line, checkpoints and a schedule by steps or minutes."""
import errno
import os
import time

import torch
import torch.nn.functional as F

from . import data, evaluate
from .batches import COPYING, Stream
from .model import Config, Glm4
from .optimizer import Both
from .team import Team

WARM_UP, DECAY_FROM = 0.01, 0.3  # shares of the training


def learning_rate(done):
    """Factor: up, flat, then in a straight line to a fiftieth."""
    return min(1.0, max(0.02, min(done / WARM_UP, (1.0 - done) / (1.0 - DECAY_FROM))))


class Run:
    def __init__(self, options, tokenizer, model=None, scale=1.0, copying=COPYING):
        torch.manual_seed(options.seed)
        self.options, self.tokenizer = options, tokenizer
        self.model = model or Glm4(Config())
        self.optimizer = Both(self.model, scale)
        self.copying = copying
        self.begin_stream(options.seed)
        self.step, self.tokens, self.seconds, self.loss = 0, 0, 0.0, 0.0
        self.data_done, self.scale, self.pointed = 0.0, scale, 0.7
        self.watched = [i for i in data.held_out("watched %d" % options.seed)[0] if "ood" not in i["part"]][::10]

    def begin_stream(self, seed):
        self.training = data.Training(seed)
        self.stream = iter(Stream(self.training, self.tokenizer, self.options.batch_tokens,
                                  lambda: self.data_done, self.copying))

    def done(self):
        o = self.options
        return max(self.step / o.steps, self.seconds / (60.0 * o.minutes) if o.minutes else 0.0)

    def save(self, path):
        state = {"model": self.model.state_dict(), "optimizer": self.optimizer.state_dict(), "step": self.step,
                 "tokens": self.tokens, "seconds": self.seconds, "data": self.training.r.state(),
                 "loss": self.loss, "pointed": self.pointed}
        try:
            torch.save(state, path + ".part")
            os.replace(path + ".part", path)
        except RuntimeError as e:  # torch's word for a full disk
            raise OSError(errno.EIO, "not written: %s" % str(e).splitlines()[0], path) from None

    def load(self, path):
        state = torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.tokens, self.seconds = state["step"], state["tokens"], state["seconds"]
        self.loss, self.pointed = state.get("loss", 0.0), state.get("pointed", 0.7)
        self.training.r.set_state(state["data"])

    def pointing(self, batch, taps):
        """How badly the second layer tells at the end of each label, and the third at the position
        behind it, whether the task means this element: the likelier of the tokens "*" and " [". An
        answer says that for one element only and three layers later; without this help screens of more
        than three elements stayed a matter of chance for an hour."""
        if not len(batch.meant):
            return 0.0
        star, = self.tokenizer.encode("*")
        opening, = self.tokenizer.encode(" [")
        direction = self.model.embed_tokens.weight[star] - self.model.embed_tokens.weight[opening]
        losses = [F.binary_cross_entropy_with_logits(
            self.model.norm(taps[layer][batch.line_rows, batch.line_columns + ahead]) @ direction, batch.meant)
            for layer, ahead in ((1, 0), (2, 2))]
        self.pointed += 0.02 * (float(losses[0].detach()) - self.pointed)
        return sum(losses)

    def backward(self):
        """Gradients of the next batch."""
        batch, taps = next(self.stream), []
        hidden = self.model.hidden(batch.ids, taps)[batch.rows, batch.columns]
        loss = F.cross_entropy(self.model.logits(hidden), batch.targets)
        (loss + self.pointing(batch, taps)).backward()
        now = float(loss.detach())
        self.loss = now if self.step == 0 else 0.98 * self.loss + 0.02 * now
        self.tokens += self.options.processes * batch.ids.numel()  # those of the others are as large

    def progress(self, log):
        rate = self.tokens / max(self.seconds, 1e-9)
        done = self.done()
        left = self.seconds / done * (1.0 - done) / 60.0 if done > 0 else 0.0
        line = "step %6d  loss %7.4f  pointing %6.4f  %5.0f tokens/s  %4.1f min done  %4.1f left" % (
            self.step, self.loss, self.pointed, rate, self.seconds / 60.0, left)
        log(line)

    def watch(self, log):
        parts = evaluate.by_part(self.watched, evaluate.right_by_force(self.model, self.tokenizer, self.watched))
        log("step %6d  right: %s" % (self.step, ", ".join("%s %d/%d" % (p, *n) for p, n in sorted(parts.items()))))

    def go(self, folder, log, name="checkpoint.pt"):
        """Trains to the end. A checkpoint every options.every seconds of training, and at the end."""
        saved = shown = self.seconds
        with Team(self, self.options.processes) as team:
            while self.done() < 1.0:
                begin = time.monotonic()
                done = self.done()
                team.step(done, learning_rate(done))
                self.step += 1
                self.seconds += time.monotonic() - begin
                if self.seconds - shown > 20.0:
                    shown = self.seconds
                    self.progress(log)
                if self.seconds - saved > self.options.every:
                    saved = self.seconds
                    self.save(os.path.join(folder, name))
                    self.watch(log)
        self.save(os.path.join(folder, name))
        self.progress(log)
        self.watch(log)

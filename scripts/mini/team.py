"""Processes, a core each, that train one model together: each takes batches of its own, the gradients
are averaged, and each applies Muon to its share of the matrices.

Two threads in one process leave the second core waiting for half of the time, because only the large
products are worth two threads to the framework. Weights, gradients and momentum lie in memory that
all see; whoever waits sleeps.
"""
import multiprocessing
import signal
import threading

import torch

PATIENCE = 300.0  # seconds for the others to arrive; longer than any step or checkpoint
DONE, RATE, NORMS = 0, 1, 2  # what stands where in Team.control


class Broken(Exception):
    """Another process is gone."""


class Team:
    """with Team(run, n) as team: team.step(...) until the training is done. The process that makes it
    is the first; it forks the others, which end when it leaves."""

    def __init__(self, run, n):
        self.run, self.n, self.rank = run, n, 0
        self.params = list(run.model.parameters())
        for p in self.params:
            p.data.share_memory_()
        run.optimizer.share()
        self.total = sum(p.numel() for p in self.params)
        self.gradients = [torch.zeros(self.total).share_memory_() for _ in range(n)]
        self.control = torch.zeros(NORMS + n, dtype=torch.float64).share_memory_()
        context = multiprocessing.get_context("fork")
        self.barrier = context.Barrier(n)
        self.others = [context.Process(target=self.serve, args=(rank,), daemon=True) for rank in range(1, n)]

    def __enter__(self):
        for process in self.others:
            process.start()
        self.use(0)
        return self

    def __exit__(self, *_):
        self.barrier.abort()
        for process in self.others:
            process.join(10.0)

    def use(self, rank):
        """The gradients of that process become the parameters'."""
        at = 0
        for p in self.params:
            p.grad = self.gradients[rank][at:at + p.numel()].view(p.shape)
            at += p.numel()

    def wait(self):
        try:
            self.barrier.wait(PATIENCE)
        except threading.BrokenBarrierError:
            raise Broken("a process of the training has ended") from None

    def serve(self, rank):
        """The life of another process."""
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the first one says when to stop
        self.rank = rank
        self.run.begin_stream("%d, process %d, from step %d" % (self.run.options.seed, rank, self.run.step))
        try:
            while True:
                self.step()
        except Broken:
            pass
        finally:
            self.barrier.abort()  # so that none waits for this one

    def step(self, done=0.0, rate=0.0):
        """One step of all. The first process says how far the training is and the rate's factor."""
        if self.rank == 0:
            self.control[DONE], self.control[RATE] = done, rate
        self.wait()  # weights and control are there
        self.run.data_done = float(self.control[DONE])
        self.use(self.rank)
        self.gradients[self.rank].zero_()
        self.run.backward()
        self.wait()  # all gradients are there
        mine = slice(self.total * self.rank // self.n, self.total * (self.rank + 1) // self.n)
        mean = self.gradients[0][mine]
        for other in self.gradients[1:]:
            mean.add_(other[mine])
        mean.div_(self.n)
        self.control[NORMS + self.rank] = float(mean.square().sum())
        self.wait()  # all parts of the norm are there
        norm = float(self.control[NORMS:].sum().sqrt())
        if norm > 1.0:
            mean.div_(norm)
        self.wait()  # the mean is there
        self.use(0)
        self.run.optimizer.step(float(self.control[RATE]), self.rank, self.n)

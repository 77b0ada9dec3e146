"""Muon for the matrices of the layers, AdamW for the embedding and the norms.

Muon (Jordan and others, 2024) steps along the orthogonalized momentum: a Newton-Schulz iteration
turns all its singular values into about 1. At this size it needs about half of AdamW's tokens.
"""
import torch


def _orthogonal(m):
    """m: [matrices, rows, columns], rows <= columns."""
    a, b, c = 3.4445, -4.7750, 2.0315
    x = m / (m.flatten(1).norm(dim=1)[:, None, None] + 1e-7)
    for _ in range(4):
        gram = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


class Muon(torch.optim.Optimizer):
    def __init__(self, params, lr=0.02, momentum=0.95, decay=0.01):
        super().__init__(params, {"lr": lr, "momentum": momentum, "decay": decay})

    @torch.no_grad()
    def step(self, rank=0, n=1):
        """Of every n-th matrix of a shape, from rank on."""
        for group in self.param_groups:
            shapes = {}  # matrices of one shape go through the products together
            for p in sorted(group["params"], key=lambda p: tuple(p.shape))[rank::n]:
                buffer = self.state[p].setdefault("momentum", torch.zeros_like(p))
                buffer.lerp_(p.grad, 1.0 - group["momentum"])
                shapes.setdefault(p.shape, []).append((p, p.grad.lerp(buffer, group["momentum"])))
            for (rows, columns), found in shapes.items():
                steps = torch.stack([s.t() if rows > columns else s for _, s in found])
                for (p, _), step in zip(found, _orthogonal(steps)):
                    p.mul_(1.0 - group["lr"] * group["decay"])
                    p.add_(step.t() if rows > columns else step, alpha=-group["lr"] * max(1.0, rows / columns) ** 0.5)


class Both:
    """The two optimizers with one learning rate schedule."""

    def __init__(self, model, scale=1.0):
        matrices = [p for p in model.layers.parameters() if p.ndim == 2]
        norms = [p for p in model.parameters() if p.ndim == 1]
        self.muon = Muon(matrices, lr=0.008 * scale)
        self.adam = torch.optim.AdamW(
            [{"params": [model.embed_tokens.weight], "lr": 1.2e-3 * scale, "weight_decay": 0.01},
             {"params": norms, "lr": 1.2e-3 * scale, "weight_decay": 0.0}], betas=(0.9, 0.98), eps=1e-10)
        for o in (self.muon, self.adam):
            for group in o.param_groups:
                group["full_lr"] = group["lr"]

    def share(self):
        """Lets other processes step some of the matrices."""
        for group in self.muon.param_groups:
            for p in group["params"]:
                self.muon.state[p].setdefault("momentum", torch.zeros_like(p)).share_memory_()

    def step(self, factor, rank=0, n=1):
        """The share of one of n processes; what is no matrix is the first one's."""
        for o in (self.muon, self.adam):
            for group in o.param_groups:  # other objects after load_state_dict
                group["lr"] = group["full_lr"] * factor
        self.muon.step(rank, n)
        if rank == 0:
            self.adam.step()

    def state_dict(self):
        return {"muon": self.muon.state_dict(), "adam": self.adam.state_dict()}

    def load_state_dict(self, state):
        """The moments; the rates stay this run's own."""
        for o, saved in ((self.muon, state["muon"]), (self.adam, state["adam"])):
            rates = [group["full_lr"] for group in o.param_groups]
            o.load_state_dict(saved)
            for group, rate in zip(o.param_groups, rates):
                group["full_lr"] = rate

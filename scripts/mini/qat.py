"""Quantization-aware training: every product sees rounded weights, gradients pass as if it had not.

The rounding is the engine's (engine/quant/blocks32.c, engine/int8.c):

    q4_0   blocks of 32 along a row; the value of largest magnitude becomes -8 times the scale, which
           is an F16 number. The embedding, as output matrix too, has six bits: a scale for 16 values.
    int8   a scale for each row, largest magnitude / 127; what goes into a product is rounded too,
           with a scale for each token.

The files get the rounded weights. They are multiples of their scales, so the engine's own rounding
finds the same codes again; rounding to F16 and, with int8, what is rounded on the way into a product leave a
small difference between the file in F32 and quantized.
"""
import torch

from .model import Linear
from .train import Run

RATE = 0.2  # of the training's learning rate


class Straight(torch.autograd.Function):
    """rounded(x), with the gradient of x."""

    @staticmethod
    def forward(ctx, x, rounded):
        return rounded(x)

    @staticmethod
    def backward(ctx, grad):
        return grad, None


def straight(rounded):
    return lambda x: Straight.apply(x, rounded)


def _inverse(scale):
    return torch.where(scale == 0, torch.zeros_like(scale), 1.0 / scale)


def in_blocks(x, size, half):
    """The value of largest magnitude of each block becomes -half; codes -half ... half - 1."""
    blocks = x.reshape(-1, size)
    extreme = blocks.gather(1, blocks.abs().argmax(1, keepdim=True))
    scale = (extreme / -half)
    codes = torch.floor(blocks * _inverse(scale) + (half + 0.5)).clamp(0, 2 * half - 1) - half
    return (codes * scale.half().float()).view_as(x)


def q4_0(weight):
    return in_blocks(weight, 32, 8)


def six_bits(weight):
    return in_blocks(weight, 16, 32)


def int8_rows(x):
    """Each row, or each token's activations, by its own largest magnitude."""
    scale = x.abs().amax(-1, keepdim=True) / 127
    return torch.round(x * _inverse(scale)).clamp(-127, 127) * scale


def rounding(kind):
    """(of matrices, of the embedding, of what goes into a product or None)"""
    return {"q4_0": (q4_0, six_bits, None), "int8": (int8_rows, int8_rows, int8_rows)}[kind]


def attach(model, kind):
    matrix, table, activation = rounding(kind)
    for module in model.modules():
        if isinstance(module, Linear):
            module.fake = straight(matrix)
            module.fake_input = straight(activation) if activation else None
    model.fake_table = straight(table)
    model.fake_input = straight(activation) if activation else None
    return model


@torch.no_grad()
def bake(model, kind):
    """The rounded weights in place of the trained ones; the products are plain again."""
    matrix, table, _ = rounding(kind)
    for module in model.modules():
        if isinstance(module, Linear):
            module.weight.copy_(matrix(module.weight))
            module.fake = module.fake_input = None
    model.embed_tokens.weight.copy_(table(model.embed_tokens.weight))
    model.fake_table = model.fake_input = None
    return model


class FineTune(Run):
    """A training run from trained weights, on screens of full size from the start."""

    def __init__(self, options, tokenizer, model, kind):
        super().__init__(options, tokenizer, attach(model, kind), RATE, copying=0.0)

    @property
    def data_done(self):
        return 1.0

    @data_done.setter
    def data_done(self, value):
        pass

"""The model as ONNX: opset 11, constants folded, any batch and any length up to LONGEST."""
import torch
from torch import nn

from .model import rotation

OPSET, LONGEST = 11, 2048


class Traced(nn.Module):
    """input_ids [batch, tokens] to logits [batch, tokens, vocab], in operators that opset 11 has: no
    triangular ones."""

    def __init__(self, model):
        super().__init__()
        self.model = model
        cos, sin = rotation(model.config, LONGEST)
        self.register_buffer("cos", cos)
        self.register_buffer("sin", sin)
        self.register_buffer("places", torch.arange(LONGEST))

    def forward(self, input_ids):
        t = input_ids.shape[1]
        places = self.places[:t]
        later = places[None, :] > places[:, None]
        mask = torch.zeros(1).masked_fill(later, -1e30)
        x = self.model.embed_tokens(input_ids)
        for layer in self.model.layers:
            x = layer(x, self.cos[:t], self.sin[:t], mask)
        return self.model.logits(self.model.norm(x))


def write(path, model):
    traced = Traced(model).eval()
    ids = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 3, 5, 8]])
    torch.onnx.export(traced, (ids,), path, opset_version=OPSET, do_constant_folding=True, input_names=["input_ids"],
                      output_names=["logits"], dynamic_axes={"input_ids": {0: "batch", 1: "tokens"},
                                                             "logits": {0: "batch", 1: "tokens"}})

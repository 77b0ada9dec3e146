"""GLM-4-0414's architecture as Hugging Face's Glm4ForCausalLM has it, small.

Norms before and after attention and feed-forward, rotation of the first half of each head in
neighbouring pairs, query heads that share key/value heads, gate and up in one matrix, embedding and
output in one.
"""
import math
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import nn


@dataclass
class Config:
    vocab: int = 3072
    width: int = 256
    layers: int = 4
    heads: int = 4
    kv_heads: int = 2
    head_dim: int = 64
    ff: int = 256
    eps: float = 1e-5
    theta: float = 10000.0
    context: int = 16384

    @property
    def rotated(self):
        return self.head_dim // 2


class Normalize(torch.autograd.Function):
    """x / root of its mean square, times weight, with fewer passes over memory than autograd's."""

    @staticmethod
    def forward(ctx, x, weight, eps):
        inverse = torch.linalg.vector_norm(x, dim=-1, keepdim=True).square_().div_(x.shape[-1]).add_(eps).rsqrt_()
        unit = x * inverse
        ctx.save_for_backward(unit, inverse, weight)
        return unit * weight

    @staticmethod
    def backward(ctx, grad):
        unit, inverse, weight = ctx.saved_tensors
        along = grad * unit
        grad_weight = along.flatten(0, -2).sum(0)
        mean = torch.mv(along.flatten(0, -2), weight).div_(unit.shape[-1]).view(inverse.shape)
        out = (grad * weight).addcmul_(unit, mean, value=-1.0).mul_(inverse)
        return out, grad_weight, None


class RMSNorm(nn.Module):
    def __init__(self, config, weight=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.full((config.width,), weight))
        self.eps = config.eps

    def forward(self, x):
        if self.training:
            return Normalize.apply(x, self.weight, self.eps)
        return x * torch.rsqrt((x * x).mean(-1, keepdim=True) + self.eps) * self.weight


class Linear(nn.Linear):
    """Without bias; fake, if set, is what quantization would make of the weights (qat.py)."""

    def __init__(self, n_in, n_out):
        super().__init__(n_in, n_out, bias=False)
        self.fake = self.fake_input = None
        nn.init.normal_(self.weight, std=1.0 / math.sqrt(n_in))

    def forward(self, x):
        if self.fake_input:
            x = self.fake_input(x)
        return F.linear(x, self.fake(self.weight) if self.fake else self.weight)


def rotation(config, n):
    """cos, sin: [n, rotated / 2]"""
    freq = config.theta ** (-torch.arange(0, config.rotated, 2, dtype=torch.float64) / config.rotated)
    angle = torch.arange(n, dtype=torch.float64)[:, None] * freq
    return torch.cos(angle).float(), torch.sin(angle).float()


def rotate(x, cos, sin, n):
    """x: [batch, heads, tokens, head_dim], its first n dimensions in pairs (2i, 2i+1)."""
    a, b = x[..., 0:n:2], x[..., 1:n:2]
    turned = torch.stack((a * cos - b * sin, b * cos + a * sin), -1).flatten(-2)
    return torch.cat((turned, x[..., n:]), -1)


class Attention(nn.Module):
    def __init__(self, config):
        super().__init__()
        c = self.config = config
        self.half_cache = False  # whether keys and values are what an F16 KV cache gives back
        self.q_proj = Linear(c.width, c.heads * c.head_dim)
        self.k_proj = Linear(c.width, c.kv_heads * c.head_dim)
        self.v_proj = Linear(c.width, c.kv_heads * c.head_dim)
        self.o_proj = Linear(c.heads * c.head_dim, c.width)

    def forward(self, x, cos, sin, mask):
        c = self.config
        b, t, _ = x.shape
        group = c.heads // c.kv_heads
        q = self.q_proj(x).view(b, t, c.heads, c.head_dim).transpose(1, 2)
        k = self.k_proj(x).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        v = self.v_proj(x).view(b, t, c.kv_heads, c.head_dim).transpose(1, 2)
        q = rotate(q, cos, sin, c.rotated) * (1.0 / math.sqrt(c.head_dim))
        k = rotate(k, cos, sin, c.rotated)
        if self.half_cache:
            k, v = k.half().float(), v.half().float()
        # The heads that share keys stand below each other: [b, kv_heads, group * t, head_dim].
        q = q.reshape(b, c.kv_heads, group * t, c.head_dim)
        scores = torch.matmul(q, k.transpose(2, 3)).view(b, c.kv_heads, group, t, t) + mask
        out = torch.matmul(scores.softmax(-1).view(b, c.kv_heads, group * t, t), v)
        out = out.reshape(b, c.heads, t, c.head_dim).transpose(1, 2).reshape(b, t, c.heads * c.head_dim)
        return self.o_proj(out)


LOOK_BACK = 5.0  # how much higher the score of the token looked at is than its neighbours'


@torch.no_grad()
def look_back(attention, config, common):
    """Lets the query heads of the first key/value head begin by looking at the token before, the
    one before that, and so on: copying is built upon it (Olsson and others, 2022), and to find it by
    chance takes a model of this size longer than all else. common: an input that all tokens have."""
    group, pairs = config.heads // config.kv_heads, 3  # those that turn fastest tell neighbours apart
    theta = config.theta ** (-torch.arange(pairs, dtype=torch.float32) / (config.rotated // 2))
    size = math.sqrt(LOOK_BACK * math.sqrt(config.head_dim) / float((1.0 - torch.cos(theta)).sum())) / common
    for head in range(group):
        rows = attention.q_proj.weight[head * config.head_dim:][:config.rotated]
        rows.zero_()
        rows[0:2 * pairs:2, 0] = size * torch.cos(-(head + 1) * theta)
        rows[1:2 * pairs:2, 0] = size * torch.sin(-(head + 1) * theta)
    rows = attention.k_proj.weight[:config.rotated]
    rows.zero_()
    rows[0:2 * pairs:2, 0] = size


class FeedForward(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.gate_up_proj = Linear(config.width, 2 * config.ff)
        self.down_proj = Linear(config.ff, config.width)

    def forward(self, x):
        gate, up = self.gate_up_proj(x).chunk(2, -1)
        return self.down_proj(F.silu(gate) * up)


class Layer(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.input_layernorm = RMSNorm(config)
        self.self_attn = Attention(config)
        # What a layer adds begins smaller than the embedding, so that tokens stay visible above it.
        self.post_self_attn_layernorm = RMSNorm(config, 0.5)
        self.post_attention_layernorm = RMSNorm(config)
        self.mlp = FeedForward(config)
        self.post_mlp_layernorm = RMSNorm(config, 0.5)

    def forward(self, x, cos, sin, mask):
        x = x + self.post_self_attn_layernorm(self.self_attn(self.input_layernorm(x), cos, sin, mask))
        return x + self.post_mlp_layernorm(self.mlp(self.post_attention_layernorm(x)))


class Glm4(nn.Module):
    def __init__(self, config):
        super().__init__()
        self.config = config
        self.embed_tokens = nn.Embedding(config.vocab, config.width)
        nn.init.normal_(self.embed_tokens.weight)
        self.embed_tokens.weight.data[:, 0] = 2.0  # what every token has, for look_back
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.layers))
        self.norm = RMSNorm(config, 1.0 / math.sqrt(config.width))  # the output matrix has the embedding's scale
        self.fake_table = None  # of the embedding, which is the output matrix as well
        self.fake_input = None
        cos, sin = rotation(config, 1024)
        self.register_buffer("cos", cos, persistent=False)
        self.register_buffer("sin", sin, persistent=False)

        look_back(self.layers[0].self_attn, config, self.embed_tokens.weight[0, 0])

    def hidden(self, ids, taps=None):
        """ids: [batch, tokens]; the last norm's output: [batch, tokens, width]. taps: a list that gets
        what leaves each layer."""
        t = ids.shape[1]
        mask = torch.full((t, t), float("-inf")).triu(1)
        x = F.embedding(ids, self.table())
        for layer in self.layers:
            x = layer(x, self.cos[:t], self.sin[:t], mask)
            if taps is not None:
                taps.append(x)
        return self.norm(x)

    def table(self):
        return self.fake_table(self.embed_tokens.weight) if self.fake_table else self.embed_tokens.weight

    def logits(self, hidden):
        if self.fake_input:
            hidden = self.fake_input(hidden)
        return F.linear(hidden, self.table())

    def forward(self, ids):
        return self.logits(self.hidden(ids))

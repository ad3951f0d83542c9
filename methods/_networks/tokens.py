"""Attention among tokens, and the blocks of DATFuse and YDTR, which see one token at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu, scaled_dot_product_attention

if TYPE_CHECKING:
    from fusebench.methods._weights import Tensors


_APART = -100.0
_MOST = 2**24


def attention(
    queries: Tensor,
    keys: Tensor,
    values: Tensor,
    bias: Tensor | None = None,
    groups: Tensor | None = None,
) -> Tensor:
    """Average values, weighted by the softmax of what their keys have in common with a query.

    No matrix with a weight for every query and key is held, so that tens of thousands of tokens fit
    into memory.

    Parameters
    ----------
    queries, keys, values : Tensor, shape (N, heads, tokens, channels)
        Products of queries and keys are divided by the square root of the channels.
    bias : Tensor, shape (heads, tokens, tokens), optional
        What is added to the products.
    groups : Tensor, shape (N, tokens), optional
        Numbers; 100 is taken from the products of tokens with different ones, so that they do not
        see each other.

    Returns
    -------
    Tensor, shape (N, heads, tokens, channels)
    """
    if groups is None:
        return scaled_dot_product_attention(
            queries, keys, values, None if bias is None else bias[None]
        )
    number, heads, tokens, _ = queries.shape
    # Here a matrix for each of N is needed, and is made for some of them at a time.
    run = max(_MOST // (heads * tokens**2), 1)
    found = []
    for start in range(0, number, run):
        part = slice(start, start + run)
        added = _APART * (groups[part, :, None] != groups[part, None, :])[:, None].to(queries.dtype)
        added = added.expand(-1, heads, -1, -1) if bias is None else added + bias
        found.append(scaled_dot_product_attention(queries[part], keys[part], values[part], added))
    return torch.cat(found)


class RowTokens(nn.ModuleList):
    """Transformer blocks over runs of values that lie side by side in memory.

    Both programs reinterpret the memory of ``(C, H, W)`` as ``(H, W, C)`` instead of moving the
    axes: a token is C neighbours of one row of one channel, across the ends of rows too, not the C
    channels of a pixel. Results depend on it, so it is kept.
    """

    def __init__(self, channels: int, depth: int = 2) -> None:
        super().__init__(_Block(channels) for _ in range(depth))
        self.channels = channels

    def forward(self, x: Tensor) -> Tensor:
        """Transform ``(N, C, H, W)``."""
        tokens = x.reshape(len(x), -1, self.channels)
        for block in self:
            tokens = block(tokens)
        return tokens.reshape(x.shape)


class _Block(nn.Module):
    """Attention and a perceptron, each after a normalisation and beside its input.

    Windows hold one token, so that attention weights are 1 and queries and keys have no effect:
    neither is here.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(channels)
        self.value = nn.Linear(channels, channels)
        self.proj = nn.Linear(channels, channels)
        self.norm2 = nn.LayerNorm(channels)
        self.fc1 = nn.Linear(channels, 4 * channels)
        self.fc2 = nn.Linear(4 * channels, channels)

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.proj(self.value(self.norm1(x)))
        changed: Tensor = self.fc2(gelu(self.fc1(self.norm2(x))))
        return x + changed


def from_authors(tensors: Tensors, ours: str) -> Tensors:
    """Rename the blocks ``basicLayer`` of a checkpoint, and leave what has no effect aside."""
    found = {}
    for name, tensor in tensors.items():
        if not name.startswith("basicLayer.blocks."):
            continue
        block, _, rest = name.removeprefix("basicLayer.blocks.").partition(".")
        layer = rest.removeprefix("attn.").removeprefix("mlp.")
        if layer.startswith("qkv."):
            # Queries, keys and values stand one above the other.
            layer, tensor = layer.replace("qkv", "value"), torch.chunk(tensor, 3)[2]
        if not layer.startswith("relative_position"):
            found[f"{ours}.{block}.{layer}"] = tensor
    return found

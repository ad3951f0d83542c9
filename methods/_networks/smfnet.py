"""The network of SMFNet."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn.functional import gelu

from fusebench.methods._networks.base import Conv, Dense, FusionNetwork, leaky, stretched
from fusebench.methods._networks.restormer import (
    HEADS,
    PARTS,
    RULES,
    Block,
    ChannelAttention,
    Coupling,
    attend_channels,
    bottleneck,
)
from fusebench.methods._weights import rewritten

_CHANNELS = 64
_HALF = _CHANNELS // 2
_DILATIONS = (4, 8, 16)
_ROUNDS = 2

Base = Literal["residual", "stacked"]
"""The branch for base features: with residual convolutions around the blocks, or blocks only."""
Detail = Literal["cai", "inn"]
"""The branch for details: cross attention and an invertible step, or that step only."""


class SMFNet(FusionNetwork):
    """Base, detail and graph features of both sources, and an image of all.

    Parameters
    ----------
    base : {"residual", "stacked"}
    detail : {"cai", "inn"}
        The branches of the encoder.
    graph : bool
        Whether there is a graph.
    swapped : bool
        Whether the layer that fuses details fuses base features, and the other way round.
    """

    def __init__(
        self,
        base: Base = "residual",
        detail: Detail = "cai",
        *,
        graph: bool = True,
        swapped: bool = False,
    ) -> None:
        super().__init__()
        self.swapped = swapped
        self.encoder = _Encoder(base, detail)
        self.decoder = nn.Sequential(
            OrderedDict(
                blocks=nn.Sequential(_local_block()),
                output=nn.Sequential(
                    Conv(_CHANNELS, 32, bias=False, after=leaky(0.01)),
                    Conv(32, 16, bias=False, after=leaky(0.01)),
                    Conv(16, 1, bias=False, after=torch.sigmoid),
                ),
            )
        )
        self.base_fuse = _local_block()
        self.detail_fuse = nn.Sequential(
            OrderedDict(
                gradient=_GradientDense(), net=nn.Sequential(_InverseCoupling(), _InverseCoupling())
            )
        )
        self.graph = _Graph() if graph else None

    def compute(self, *sources: Tensor) -> Tensor:
        """Give the grey image of an infrared and a visible source ``(N, 1, H, W)``."""
        infrared, visible = sources
        base_a, detail_a, features_a = self.encoder(infrared)
        base_b, detail_b, features_b = self.encoder(visible)
        base, detail = base_a + base_b, detail_a + detail_b
        del base_a, base_b, detail_a, detail_b
        image: Tensor = self.decoder(self.merge(base, detail, features_a, features_b))
        return image

    def merge(self, base: Tensor, detail: Tensor, features_a: Tensor, features_b: Tensor) -> Tensor:
        """Merge the sums of base features and of details, and what the graph finds."""
        if self.swapped:
            base, detail = detail, base
        features: Tensor = self.base_fuse(base) + self.detail_fuse(detail)
        if self.graph is not None:
            features = features + self.graph(features_a, features_b)[0]
        return features

    def save(self, fused: Tensor, *sources: Tensor) -> Tensor:
        """Stretch each image."""
        return stretched(fused)


class _Encoder(nn.Module):
    """Features of one source, and what of them is base and what detail."""

    def __init__(self, base: Base, detail: Detail) -> None:
        super().__init__()
        self.embed = Conv(1, _CHANNELS, bias=False)
        self.blocks = nn.Sequential(_local_block())
        self.base = _ResidualBase() if base == "residual" else _StackedBase()
        self.detail = nn.Sequential()
        if detail == "cai":
            self.detail.add_module("cross", _CrossAttention())
        self.detail.add_module("coupling", Coupling(_CHANNELS))
        self.gradient = _GradientDense()

    def forward(self, image: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        features = self.blocks(self.embed(image))
        return self.base(features), self.detail(self.gradient(features)), features


class _LocalPerceptron(nn.Module):
    """A perceptron with a look around, beside its input."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(_CHANNELS, _CHANNELS, 1, after=gelu)
        self.around = Conv(_CHANNELS, _CHANNELS, groups=_CHANNELS, after=gelu)
        self.last = Conv(_CHANNELS, _CHANNELS, 1, after=gelu)

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.last(self.around(self.first(x)))
        return changed


def _local_block() -> Block:
    return Block(_CHANNELS, ChannelAttention(_CHANNELS, depthwise=True), _LocalPerceptron())


def _plain_block() -> Block:
    perceptron: OrderedDict[str, nn.Module] = OrderedDict(
        first=Conv(_CHANNELS, 2 * _CHANNELS, 1, bias=False, after=gelu),
        last=Conv(2 * _CHANNELS, _CHANNELS, 1, bias=False),
    )
    attention = ChannelAttention(_CHANNELS, depthwise=False)
    return Block(_CHANNELS, attention, nn.Sequential(perceptron))


def _blocks() -> nn.Sequential:
    return nn.Sequential(*(nn.Sequential(_local_block(), _plain_block()) for _ in range(2)))


class _ResidualBase(nn.Sequential):
    """A convolution, and twice four blocks and three convolutions beside them."""

    def __init__(self) -> None:
        super().__init__(
            OrderedDict(
                first=Conv(_CHANNELS, _CHANNELS),
                layers=nn.Sequential(*(_ResidualLayer() for _ in range(2))),
            )
        )


class _ResidualLayer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.blocks = _blocks()
        self.convolutions = nn.Sequential(
            Conv(_CHANNELS, 16, after=leaky(0.2)),
            Conv(16, 16, 1, after=leaky(0.2)),
            Conv(16, _CHANNELS),
        )

    def forward(self, x: Tensor) -> Tensor:
        changed: Tensor = x + self.convolutions(self.blocks(x))
        return changed


class _StackedBase(nn.Sequential):
    """The eight blocks, and nothing else."""

    def __init__(self) -> None:
        layers = (nn.Sequential(OrderedDict(blocks=_blocks())) for _ in range(2))
        super().__init__(OrderedDict(layers=nn.Sequential(*layers)))


class _CrossAttention(nn.Module):
    """Attention of each half of the channels to the other."""

    def __init__(self) -> None:
        super().__init__()
        self.temperature = nn.Parameter(torch.ones(HEADS, 1, 1))
        self.queries = nn.Sequential(Conv(_HALF, _HALF, 1), Conv(_HALF, _HALF, groups=_HALF))
        self.keys_values = nn.Sequential(
            Conv(_HALF, 2 * _HALF, 1), Conv(2 * _HALF, 2 * _HALF, groups=2 * _HALF)
        )
        self.out = Conv(_HALF, _HALF, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, second = x.chunk(2, dim=1)
        return torch.cat((self._attend(second, first), self._attend(first, second)), dim=1)

    def _attend(self, guide: Tensor, x: Tensor) -> Tensor:
        keys, values = self.keys_values(x).chunk(2, dim=1)
        mixed = attend_channels(self.queries(guide), keys, values, self.temperature)
        out: Tensor = self.out(mixed)
        return out


class _GradientDense(nn.Module):
    """A convolution; then densely connected ones, and the strength of edges, added."""

    def __init__(self) -> None:
        super().__init__()
        self.first = Conv(_CHANNELS, _CHANNELS, after=leaky(0.2))
        self.dense = Dense([Conv(n * _CHANNELS, _CHANNELS, after=leaky(0.2)) for n in (1, 2)])
        self.down = Conv(3 * _CHANNELS, _CHANNELS, 1)
        # Filters of Sobel to begin with; they are trained as all others.
        self.across = Conv(_CHANNELS, _CHANNELS, groups=_CHANNELS, bias=False)
        self.along = Conv(_CHANNELS, _CHANNELS, groups=_CHANNELS, bias=False)
        sobel = torch.tensor([[1.0, 0, -1], [2, 0, -2], [1, 0, -1]])
        with torch.no_grad():
            self.across.weight.copy_(sobel)
            self.along.weight.copy_(sobel.T)
        self.up = Conv(_CHANNELS, _CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.first(x)
        edges = self.across(x).abs() + self.along(x).abs()
        return leaky(0.1)(self.down(self.dense(x)) + self.up(edges))


class _InverseCoupling(nn.Module):
    """An invertible step of two affine ones, the other way round."""

    def __init__(self) -> None:
        super().__init__()
        self.second_scale = bottleneck(_HALF)
        self.second_shift = bottleneck(_HALF)
        self.first_shift = bottleneck(_HALF)
        self.first_scale = bottleneck(_HALF)
        self.shuffle = Conv(_CHANNELS, _CHANNELS, 1)

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.shuffle(x).chunk(2, dim=1)
        second = (second - self.second_shift(first)) / _between(self.second_scale(first))
        first = (first - self.first_shift(second)) / _between(self.first_scale(second))
        return torch.cat((first, second), dim=1)


def _between(x: Tensor) -> Tensor:
    """Give positive scales between exp(-2) and exp(2)."""
    return torch.exp(4 * (torch.sigmoid(x) - 0.5))


class _Graph(nn.Module):
    """Nodes for three scales of both sources, which tell each other what they hold."""

    def __init__(self) -> None:
        super().__init__()
        self.infrared = _Nodes()
        self.visible = _Nodes()
        self.to_visible = Conv(_CHANNELS, 1, 1, bias=False, after=torch.sigmoid)
        self.to_infrared = Conv(_CHANNELS, 1, 1, bias=False, after=torch.sigmoid)
        self.out = Conv(2 * _CHANNELS, _CHANNELS, 1)

    def forward(self, infrared: Tensor, visible: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Give graph features of both sources together, of infrared and of visible."""
        ours, theirs = self.infrared.create(infrared), self.visible.create(visible)
        for i, (a, b) in enumerate(zip(ours, theirs, strict=True)):
            for _ in range(2):
                a, b = b * self.to_infrared(b - a) + a, a * self.to_visible(a - b) + b
            ours[i], theirs[i] = a, b
        found = [self.infrared(ours), self.visible(theirs)]
        return self.out(torch.cat(found, dim=1)), found[0], found[1]


class _Nodes(nn.Module):
    """The nodes of one source."""

    def __init__(self) -> None:
        super().__init__()
        self.scales = nn.ModuleList(_normalised(_CHANNELS, dilation) for dilation in _DILATIONS)
        self.messages = _Messages()
        self.merge = _normalised(len(_DILATIONS) * _CHANNELS, 1)

    def create(self, features: Tensor) -> list[Tensor]:
        """Give the nodes of a source."""
        return [scale(features) for scale in self.scales]

    def forward(self, nodes: Sequence[Tensor]) -> Tensor:
        """Let nodes send messages to each other, and merge them."""
        for _ in range(_ROUNDS):
            nodes = self.messages(nodes)
        merged: Tensor = self.merge(torch.cat(tuple(nodes), dim=1))
        return merged


def _normalised(channels: int, dilation: int) -> nn.Sequential:
    return nn.Sequential(
        Conv(channels, _CHANNELS, bias=False, dilation=dilation),
        nn.BatchNorm2d(_CHANNELS),
        nn.ReLU(),
    )


class _Messages(nn.Module):
    """One round of messages among three nodes, each of which then updates itself."""

    def __init__(self) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.zeros(1))
        self.edges = Conv(2 * _CHANNELS, 2, 1, bias=False, groups=2, after=torch.sigmoid)
        self.gates = Conv(2 * _CHANNELS, 2 * _CHANNELS, 1, after=torch.sigmoid)
        self.candidate = Conv(2 * _CHANNELS, _CHANNELS, 1, after=torch.tanh)

    def forward(self, nodes: Sequence[Tensor]) -> list[Tensor]:
        return [self._update(nodes[i], *nodes[:i], *nodes[i + 1 :]) for i in range(len(nodes))]

    def _update(self, node: Tensor, one: Tensor, other: Tensor) -> Tensor:
        edges = self.edges(torch.cat((node - one, node - other), dim=1))
        # Both neighbours pass the edge to the one in even channels and the edge to the other in odd
        # ones: the authors' way of spreading two edges over the channels does that.
        number, channels, *sides = node.shape
        pairs = (one + other).reshape(number, channels // 2, 2, *sides)
        message = (pairs * edges[:, None]).reshape(node.shape)
        reset, update = self.gates(torch.cat((message, node), dim=1)).chunk(2, dim=1)
        candidate = self.candidate(torch.cat((message, reset * node), dim=1))
        updated: Tensor = self.gamma * ((1 - update) * node + update * candidate) + node
        return updated


converted = rewritten(
    (
        *PARTS,
        (r"^GraphModel\.", "graph."),
        *RULES,
        (r"(ffn_leff|mlp)\.linear1\.0", "perceptron.first"),
        (r"(ffn_leff|mlp)\.dwconv\.0", "perceptron.around"),
        (r"(ffn_leff|mlp)\.linear2\.0", "perceptron.last"),
        (r"base\.conv_first", "base.first"),
        (r"residual_group", "blocks"),
        (r"(layers\.\d)\.conv\.(\d)", r"\1.convolutions.\2"),
        (r"convolutions\.2", "convolutions.1"),
        (r"convolutions\.4", "convolutions.2"),
        (r"detailFeature\.TCA\.kv\.", "detail.cross.keys_values.0."),
        (r"detailFeature\.TCA\.kv_dwconv\.", "detail.cross.keys_values.1."),
        (r"detailFeature\.TCA\.q\.", "detail.cross.queries.0."),
        (r"detailFeature\.TCA\.q_dwconv\.", "detail.cross.queries.1."),
        (r"detailFeature\.TCA\.project_out\.", "detail.cross.out."),
        (r"detailFeature\.TCA\.", "detail.cross."),
        (r"detailFeature\.layer\.", "detail.coupling."),
        (r"(GRDB_module|detail_fuse\.GRDB)\.conv\.conv", r"\1.first"),
        (r"(GRDB_module|detail_fuse\.GRDB)\.GRDB", r"\1"),
        (r"GRDB_module|(?<=detail_fuse\.)GRDB", "gradient"),
        (r"dense\.conv1\.conv", "dense.0"),
        (r"dense\.conv2\.conv", "dense.1"),
        (r"convdown\.conv", "down"),
        (r"convup\.conv", "up"),
        (r"sobelconv\.convx", "across"),
        (r"sobelconv\.convy", "along"),
        (r"output\.2", "output.1"),
        (r"output\.4", "output.2"),
        (r"net\.(\d)\.r\.", r"net.\1.second_scale."),
        (r"net\.(\d)\.y\.", r"net.\1.second_shift."),
        (r"net\.(\d)\.f\.", r"net.\1.first_shift."),
        (r"net\.(\d)\.p\.", r"net.\1.first_scale."),
        (r"^graph\.C_cls", "graph.out"),
        (r"^graph\.graph\.graph\.ppm_rgb\.convs", "graph.infrared.scales"),
        (r"^graph\.graph\.graph\.ppm_dep\.convs", "graph.visible.scales"),
        (r"^graph\.graph\.graph\.graph_rgb", "graph.infrared.messages"),
        (r"^graph\.graph\.graph\.graph_dep", "graph.visible.messages"),
        (r"C_wgt", "edges"),
        (r"ConvGRU\.ConvGates", "gates"),
        (r"ConvGRU\.Conv_ct", "candidate"),
        (r"^graph\.graph\.graph\.C_pa\.0", "graph.to_visible"),
        (r"^graph\.graph\.graph\.C_pa\.1", "graph.to_infrared"),
        (r"^graph\.graph\.C_cat\.0", "graph.infrared.merge"),
        (r"^graph\.graph\.C_cat\.1", "graph.visible.merge"),
    ),
    # Layers that the authors' program makes and never applies.
    unused=r"reduce_channel|baseFeature\.(norm|conv_after_body)\.|\.C_ca\.|C_cat\.[2-5]|"
    r"\.graph\.C_cls",
)
"""Gives the authors' tensors their names here, and leaves layers aside that nothing uses."""

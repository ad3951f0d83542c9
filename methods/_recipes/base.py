"""What a recipe says: networks, losses, and how much of everything."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, TypeAlias

from torch import Tensor, nn

from fusebench.bench.types import Task, keyword_defaults
from fusebench.methods._networks.base import FusionNetwork

BudgetName = Literal["paper", "cpu"]


@dataclass(frozen=True)
class Batch:
    """Crops of pairs. Before each batch torch's own generator is seeded with its number.

    Attributes
    ----------
    a, b : Tensor, shape (N, C, S, S)
        Sources in [0, 1]: luma of pairs that are there, colour of pairs made from photographs.
    reference : Tensor or None
        The image that the fused one should be, for pairs that were made from photographs.
    mask : Tensor or None, shape (N, 1, S, S)
        Where `a` is in focus, in [0, 1], for such pairs.
    """

    a: Tensor
    b: Tensor
    reference: Tensor | None
    mask: Tensor | None


Losses: TypeAlias = dict[str, Tensor]
"""Parts of a loss by name, with their weights already in them: the loss is their sum."""


@dataclass(frozen=True)
class Move:
    """One update of some of the networks.

    Attributes
    ----------
    learns : Module
        What is updated, by Adam; nothing else changes.
    loss : callable
        Gives the losses of a `Batch`.
    rate : float
        Learning rate.
    times : int
        How often in a step, each time with another batch.
    clip : float or None
        Longest gradient, as a Euclidean norm over all parameters; longer ones are shortened.
    """

    learns: nn.Module
    loss: Callable[[Batch], Losses]
    rate: float
    times: int = 1
    clip: float | None = None


@dataclass(frozen=True)
class Stage:
    """A part of a training with moves of its own, in order; the steps are shared out by `share`."""

    name: str
    moves: tuple[Move, ...]
    share: float = 1.0


@dataclass(frozen=True)
class Plan:
    """What is trained, and how.

    Attributes
    ----------
    network : FusionNetwork
        What fuses; its tensors are what is written in the end.
    stages : tuple of Stage
    helpers : tuple of Module
        Networks that only training needs, such as discriminators.
    """

    network: FusionNetwork
    stages: tuple[Stage, ...]
    helpers: tuple[nn.Module, ...] = ()


@dataclass(frozen=True)
class Budget:
    """How much of everything.

    Attributes
    ----------
    steps : int
        Updates (of the last of a stage's networks).
    batch : int
        Crops in a batch.
    crop : int
        Their side, in pixels.
    rate : float
        Learning rate.
    crops : int
        Crops of each pair in an epoch, after which the validation pairs are scored.
    decay : float
        Share of each stage's steps, the last ones, over which its rate falls to nothing in a
        straight line, in [0, 1]. Where steps are few, that is worth many more of them: at a rate
        that does not fall, the weights keep jumping about the best ones.
    """

    steps: int
    batch: int
    crop: int
    rate: float
    crops: int = 1
    decay: float = 0.0


@dataclass(frozen=True)
class Variant:
    """What a paper compares with its network, or its network with another part or loss.

    Attributes
    ----------
    method : str
        Whose recipe trains it.
    options : mapping
        Options of that recipe.
    """

    method: str
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Ablation:
    """Tables in which a paper says what each part of its network is good for.

    Attributes
    ----------
    paper : str
        Its key in `fusebench.bench.paper`.
    tables : tuple of str
        Their numbers.
    protocol : str
        How their values are computed.
    variants : mapping
        What is trained for each row, by the slug that the paper's file gives it.
    """

    paper: str
    tables: tuple[str, ...]
    protocol: str
    variants: Mapping[str, Variant]


@dataclass(frozen=True)
class Recipe:
    """How a network is trained.

    Attributes
    ----------
    slug : str
        The method.
    task : Task
        Kind of fusion that is learned.
    source : {"pairs", "photographs"}
        Whether the crops are of registered pairs, or pairs are made from photographs by focusing on
        a part of them (`fusebench.bench.training_data`).
    plan : callable
        ``plan(budget, **options)`` gives the `Plan`; its keyword options have the paper's values
        as defaults.
    budgets : mapping
        "paper" as the paper trains, "cpu" for minutes on one core.
    notes : str
        Where it departs from its paper.
    ablation : Ablation, optional
        What the paper compares its network with.
    """

    slug: str
    task: Task
    plan: Callable[..., Plan] = field(repr=False)
    budgets: Mapping[BudgetName, Budget]
    source: Literal["pairs", "photographs"] = "pairs"
    notes: str = ""
    ablation: Ablation | None = None

    @property
    def options(self) -> dict[str, Any]:
        """Names and default values of the options."""
        return keyword_defaults(self.plan)

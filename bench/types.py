"""Words of the whole project: tasks, pairs, records and errors.

Everything here is plain data. It imports neither torch nor any other part of fusebench, so that
listing what exists stays fast and every package can depend on it.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

Image: TypeAlias = NDArray[np.uint8]
"""An 8-bit image: grey ``(H, W)`` or colour ``(H, W, 3)`` in RGB order."""

Array: TypeAlias = Any
"""A NumPy array on the CPU or a torch tensor on a GPU; metrics treat both alike."""

Task = Literal["ivif", "mff", "mef", "medical"]
"""Kind of fusion: infrared-visible, multi-focus, multi-exposure, medical."""

TASKS: tuple[Task, ...] = get_args(Task)
TASK_TITLES: Mapping[Task, str] = {
    "ivif": "Infrared-visible",
    "mff": "Multi-focus",
    "mef": "Multi-exposure",
    "medical": "Medical",
}

Direction = Literal["higher", "lower"]
Needs = Literal["fused", "sources", "reference"]
ColourRule = Literal["per_channel", "luma", "native"]
Origin = Literal[
    "official weights", "retrained", "reimplemented", "published outputs", "user weights"
]
ProblemKind = Literal["registration", "duplicate", "label", "count", "order", "damage"]
"""Shifted sources; the same pixels twice; a wrong name; numbers that differ between papers; sources
whose order varies or is not known; damaged or unusable files."""


class FusebenchError(Exception):
    """A problem the user can mend; its message says what was got, expected and to do."""


class InputError(FusebenchError, ValueError):
    """An argument, image or file does not fit."""


class UnknownNameError(FusebenchError, LookupError):
    """No metric, method, dataset, protocol or suite has this name."""


class MissingDataError(FusebenchError, FileNotFoundError):
    """Images or weights are not where they were looked for."""


@dataclass(frozen=True, slots=True)
class Pair:
    """Two registered images of one scene.

    Attributes
    ----------
    key : str
        Stable name of the pair inside its dataset; result files are matched to it by stem.
    task : Task
        Kind of fusion.
    a, b : uint8 array, shape (H, W) or (H, W, 3)
        Sources of equal height and width. ``a`` is infrared, near focus, under-exposed or
        functional (CT, PET, SPECT); ``b`` is visible, far focus, over-exposed or MRI.
    reference : uint8 array or None
        The ideal fused image, where the dataset has one.
    scene : str
        Scene, sequence or patient. Pairs that share it are not independent of each other.
    others : tuple of uint8 array
        Sources between `a` and `b`, in order, of a series of more than two.
    """

    key: str
    task: Task
    a: Image
    b: Image
    reference: Image | None = None
    scene: str = ""
    others: tuple[Image, ...] = ()


@dataclass(frozen=True, slots=True)
class Fidelity:
    """Measured distance between a method here and its authors' own output.

    Attributes
    ----------
    against : str
        Whose output, and how it was made.
    images : int
        Number of images compared.
    within_one : float
        Share of pixels, in [0, 1], that differ by at most one grey level.
    mean_abs, max_abs : float
        Mean and maximum absolute difference, in grey levels.
    equal : float or None
        Share of equal pixels, in [0, 1]; None where it was not recorded.
    psnr : float or None
        Peak signal-to-noise ratio over all compared pixels, in dB; infinite where all are equal,
        None where it was not recorded.
    """

    against: str
    images: int
    within_one: float
    mean_abs: float
    max_abs: float
    equal: float | None = None
    psnr: float | None = None


@dataclass(frozen=True, slots=True)
class Metric:
    """What is known of one quality measure.

    Attributes
    ----------
    slug, label, title : str
        Name in code, spelling of the papers, and full name.
    direction : {"higher", "lower"}
        Which way is better.
    bounds : tuple of float
        Closed interval that holds every defined value.
    needs : {"fused", "sources", "reference"}
        Images it looks at besides the fused one.
    identity : float or None
        Value for three identical natural images, None where it depends on the image.
    symmetric : bool
        Whether exchanging the sources leaves the value unchanged.
    min_size : int
        Smallest height and width, in pixels, for which it is defined.
    reference, doi : str
        Source paper.
    formula : str
        Canonical definition in TeX; docs/metrics.md explains the symbols.
    version : int
        Goes up whenever any value can change.
    compute : callable
        ``compute(triplet, **parameters)`` gives one float64 value per triple.
    summary : str
        First line of the documentation.
    """

    slug: str
    label: str
    title: str
    direction: Direction
    bounds: tuple[float, float]
    needs: Needs
    identity: float | None
    symmetric: bool
    min_size: int
    reference: str
    doi: str
    formula: str
    version: int
    compute: Callable[..., Array] = field(repr=False, compare=False)
    summary: str = ""

    @property
    def displayed(self) -> str:
        """Formula with a line for each of its parts."""
        lines = self.formula.split(r", \quad ")
        return r"\begin{aligned} & " + r", \\ & ".join(lines) + r" \end{aligned}"

    @property
    def plain_label(self) -> str:
        """The label without the braces of TeX: ``Q^{AB/F}`` is Q^AB/F."""
        return self.label.replace("{", "").replace("}", "")

    @property
    def parameters(self) -> dict[str, Any]:
        """Names and canonical values of the parameters that a protocol may change."""
        return keyword_defaults(self.compute)


@dataclass(frozen=True, slots=True)
class WeightFile:
    """One file of a set of weights.

    Attributes
    ----------
    name : str
        File name as its authors published it.
    sha256 : str
        Digest of its bytes; "" where nobody here has seen the file, so that a user has to name it
        (``--weights PATH``).
    url : str
        Public address with a pinned commit, "" where there is none that stays the same.
    """

    name: str
    sha256: str = ""
    url: str = ""


@dataclass(frozen=True, slots=True)
class Weights:
    """A set of weights of one method.

    Attributes
    ----------
    name : str
        What ``--weights NAME`` takes, such as "official".
    origin : Origin
        Who trained them.
    files : tuple of WeightFile
        All its files; which of them are read may depend on the method's options.
    licence : str
        Terms, "none stated" where the authors state none.
    home : str
        Web page of the authors.
    trained_on : tuple of str
        Datasets seen in training, as far as is known.
    notes : str
        What a user should know: which file is which, how they were converted.
    """

    name: str
    origin: Origin
    files: tuple[WeightFile, ...]
    licence: str
    home: str
    trained_on: tuple[str, ...] = ()
    notes: str = ""


@dataclass(frozen=True, slots=True)
class Method:
    """What is known of one fusion method.

    Attributes
    ----------
    slug, label, title : str
        Name in code, spelling of the papers, and full name.
    tasks : tuple of Task
        Kinds of fusion its paper claims.
    colour : {"per_channel", "luma", "native"}
        How colour sources are fused: each channel by itself, luma only with the shared rule for
        chroma, or by the method's own rule. A grey source beside a colour one stands for each of
        its channels.
    reference, doi : str
        Source paper.
    origin : Origin
        Where its behaviour comes from.
    factory : callable
        ``factory(**options)`` gives the function that fuses tensors ``(N, 1 or 3, H, W)`` in
        [0, 1]; loading happens in the factory, never in the function that is timed. Where the
        method has weights, the factory takes their files as its only positional argument.
    runs_on : {"cpu", "any"}
        "cpu" for NumPy code, "any" for torch code that follows the device of its input.
    version : int
        Goes up whenever any output can change.
    weights : tuple of Weights
        Sets of weights to choose from, the default first; empty for methods without any.
    fidelity : tuple of Fidelity
        How far from the authors' own output it was measured.
    min_size : int
        Smallest height and width, in pixels, that it accepts.
    any_number : bool
        Whether it fuses any number of images at once; the others fuse two.
    notes : str
        What a user should know before comparing with it.
    summary : str
        First line of the documentation.
    """

    slug: str
    label: str
    title: str
    tasks: tuple[Task, ...]
    colour: ColourRule
    reference: str
    doi: str
    origin: Origin
    factory: Callable[..., Callable[..., Any]] = field(repr=False, compare=False)
    runs_on: Literal["cpu", "any"] = "cpu"
    version: int = 1
    weights: tuple[Weights, ...] = ()
    fidelity: tuple[Fidelity, ...] = ()
    min_size: int = 1
    any_number: bool = False
    notes: str = ""
    summary: str = ""

    @property
    def options(self) -> dict[str, Any]:
        """Names and default values of the options, as the paper has them."""
        return keyword_defaults(self.factory)


@dataclass(frozen=True, slots=True)
class Problem:
    """Something wrong with published data that a user should know.

    Attributes
    ----------
    kind : ProblemKind
        What sort of thing is wrong.
    keys : tuple of str
        The pairs it concerns, as ``split/key``; empty for the whole dataset.
    text : str
        What is wrong, in one sentence.
    """

    kind: ProblemKind
    keys: tuple[str, ...]
    text: str


@dataclass(frozen=True, slots=True)
class DatasetInfo:
    """What is known of one dataset.

    Attributes
    ----------
    slug, title : str
        Name in code and full name.
    tasks : tuple of Task
        Kinds of fusion its pairs are for.
    splits : mapping of str to int or None
        Splits with their numbers of pairs; None where it depends on the user's files.
    licence, home, reference : str
        Terms ("none stated" where there are none), web page and citation.
    doi : str
        Of the paper that published it.
    sources : tuple of str
        What the sources are, in order.
    sizes : str
        Sizes in pixels (width x height), in words.
    training : tuple of str
        Splits that methods may be trained on.
    layout : str
        Folder layouts it recognises, in words.
    loader : callable
        ``loader(split, root)`` gives the dataset; it reads nothing from the network.
    version : int
        Goes up whenever any pixel or key changes.
    needs_root : bool
        Whether the user has to say where the images are.
    notes : str
        Quirks worth knowing.
    problems : tuple of Problem
        What is known to be wrong with it.
    """

    slug: str
    title: str
    tasks: tuple[Task, ...]
    splits: Mapping[str, int | None]
    licence: str
    home: str
    reference: str
    layout: str
    loader: Callable[[str, Path | None], Any] = field(repr=False, compare=False)
    version: int = 1
    needs_root: bool = True
    notes: str = ""
    doi: str = ""
    sources: tuple[str, ...] = ()
    sizes: str = ""
    training: tuple[str, ...] = ()
    problems: tuple[Problem, ...] = ()


def keyword_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Give the keyword-only parameters of a function with their default values."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.kind is p.KEYWORD_ONLY}

"""The one interface of all fusion methods, and what they share.

A method file holds a registered factory. The factory takes keyword options and returns a function
of two float32 tensors ``(N, 1 or 3, H, W)`` in [0, 1] that returns one of the same kind. Where a
method has weights, its factory takes their files first (`fusebench.methods._weights.WeightFiles`)
and returns a ``torch.nn.Module``. torch is imported when a method is loaded, not when it is listed.
"""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, get_args, get_origin, get_type_hints

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusebench.bench.images import as_image, to_8_bit
from fusebench.bench.registry import Registry
from fusebench.bench.types import (
    TASKS,
    ColourRule,
    Fidelity,
    InputError,
    Method,
    Origin,
    Task,
    Weights,
    keyword_defaults,
)
from fusebench.methods._checks import require_count
from fusebench.methods._colour import fuse_chroma, join_luma, split_luma
from fusebench.methods._weights import choose

if TYPE_CHECKING:
    import torch

    TensorFusion: TypeAlias = Callable[..., torch.Tensor]
    """Fuses batches ``(N, 1 or 3, H, W)`` with values in [0, 1]; two, unless the record says so."""
else:
    # Listing the methods must not import torch.
    TensorFusion: TypeAlias = Callable[..., Any]

Plane: TypeAlias = NDArray[np.float64]
Device = Literal["auto", "cpu", "cuda"]
Precision = Literal["float32", "bfloat16", "float16"]

METHODS: Registry[Method] = Registry("method")


def method(
    *,
    slug: str,
    label: str,
    title: str,
    reference: str,
    doi: str,
    origin: Origin,
    colour: ColourRule,
    tasks: tuple[Task, ...] = TASKS,
    runs_on: Literal["cpu", "any"] = "cpu",
    version: int = 1,
    weights: tuple[Weights, ...] = (),
    fidelity: tuple[Fidelity, ...] = (),
    min_size: int = 1,
    any_number: bool = False,
    notes: str = "",
) -> Callable[[Callable[..., TensorFusion]], Callable[..., TensorFusion]]:
    """Register a factory; the parameters are those of `fusebench.bench.types.Method`."""

    def register(factory: Callable[..., TensorFusion]) -> Callable[..., TensorFusion]:
        METHODS.add(
            Method(
                slug=slug,
                label=label,
                title=title,
                tasks=tasks,
                colour=colour,
                reference=reference,
                doi=doi,
                origin=origin,
                factory=factory,
                runs_on=runs_on,
                version=version,
                weights=weights,
                fidelity=fidelity,
                min_size=min_size,
                any_number=any_number,
                notes=notes,
                summary=(factory.__doc__ or "").strip().split("\n")[0],
            )
        )
        return factory

    return register


def on_images(fuse: Callable[..., Plane]) -> TensorFusion:
    """Adapt NumPy code to the interface of methods.

    Parameters
    ----------
    fuse : callable
        Takes two float64 arrays ``(C, H, W)`` of grey levels in 0..255, or more where the method
        takes any number, and returns one. Its result may leave 0..255; it is clipped here, as 8-bit
        output would be.

    Returns
    -------
    callable
        Function of as many tensors ``(N, C, H, W)`` in [0, 1].
    """

    def run(*sources: torch.Tensor) -> torch.Tensor:
        import torch

        results = [fuse(*map(_levels, images)) for images in zip(*sources, strict=True)]
        fused = np.clip(np.stack(results) / 255.0, 0.0, 1.0)
        return torch.from_numpy(fused.astype(np.float32)).to(sources[0].device)

    return run


def on_planes(fuse: Callable[..., Plane]) -> TensorFusion:
    """Adapt NumPy code for one channel ``(H, W)`` in 0..255; see `on_images`."""
    return on_images(
        lambda *images: np.stack([fuse(*planes) for planes in zip(*images, strict=True)])
    )


def _levels(image: torch.Tensor) -> Plane:
    levels: Plane = image.detach().cpu().double().numpy() * 255.0
    # 8-bit sources come back from float32 with noise in the sixth decimal; exact integers
    # matter to choose-max rules, where equal coefficients must stay equal.
    whole = np.rint(levels)
    return np.where(np.abs(levels - whole) < 1e-4, whole, levels)


@dataclass(frozen=True)
class LoadedMethod:
    """A method that is ready to fuse.

    Attributes
    ----------
    record : Method
        What is known of the method.
    options : mapping
        All its options with the values in force.
    device : str
        "cpu" or "cuda": where it computes.
    origin : str
        Where its behaviour comes from: the record's, or that of the weights in use.
    weights_digest : str or None
        sha256 of the weights in use.
    """

    record: Method
    options: Mapping[str, Any]
    device: str
    _function: TensorFusion
    origin: str = ""
    weights_digest: str | None = None

    @property
    def parameters(self) -> int | None:
        """Number of learned values, frozen ones included; None where there is no network."""
        import torch

        if not isinstance(self._function, torch.nn.Module):
            return None
        return sum(p.numel() for p in self._function.parameters())

    def watch(self, told: Callable[[int, int, float], None]) -> bool:
        """Follow a method that looks for the image of least loss.

        Parameters
        ----------
        told : callable
            Called in every iteration with its number, from 1; how many there will be, 0 where that
            is not known; and the loss before it. Each image of a batch begins anew.

        Returns
        -------
        bool
            False where the method does not optimise, so that nothing will be told.
        """
        from fusebench.methods._networks.optimisation import Optimisation

        if not isinstance(self._function, Optimisation):
            return False
        self._function.watch = told
        return True

    def __call__(self, a: Any, b: Any, *more: Any) -> Any:
        """Fuse two source images, or more where the method takes any number.

        Parameters
        ----------
        a, b, *more : array, shape (H, W) or (H, W, 3), uint8 or float in [0, 1]
            Source images in the order of their task (see `fusebench.bench.types.Pair`). Tensors
            ``(N, 1 or 3, H, W)`` in [0, 1] are accepted too.

        Returns
        -------
        array or tensor
            The fused image: uint8 for uint8 sources, float32 in [0, 1] for float ones, a tensor
            for tensors. It is colour where a source is.

        Raises
        ------
        InputError
            If type, shape or range do not fit, the images are smaller than the method allows, or
            there are more than two and the method takes two.
        """
        import torch

        sources = (a, b, *more)
        if all(isinstance(source, torch.Tensor) for source in sources):
            return self.fuse(*sources)
        (fused,) = self.fuse_all([sources])
        return fused

    def fuse_all(
        self, sources: Iterable[Sequence[ArrayLike]], *, batch: int = 8
    ) -> Iterator[NDArray[Any]]:
        """Fuse many pairs, those of equal shape that follow each other at once.

        Parameters
        ----------
        sources : iterable of sequences of array
            The source images of each pair, as for a call.
        batch : int
            Most pairs to compute at once. It saves time on a GPU, and takes memory in proportion.

        Yields
        ------
        array
            The fused images, as a call gives them and in the order of the pairs.

        Raises
        ------
        InputError
            As a call; once it is the pair's turn.
        """
        require_count("batch", batch)
        waiting: list[_Pair] = []
        for images in sources:
            pair = _Pair(
                [_to_tensor(_name(i), image) for i, image in enumerate(images)],
                all(np.asarray(image).dtype == np.uint8 for image in images),
            )
            if waiting and (len(waiting) == batch or waiting[0].shapes != pair.shapes):
                yield from self._together(waiting)
                waiting = []
            waiting.append(pair)
        if waiting:
            yield from self._together(waiting)

    def _together(self, pairs: Sequence[_Pair]) -> Iterator[NDArray[Any]]:
        import torch

        stacks = map(torch.cat, zip(*(pair.tensors for pair in pairs), strict=True))
        for planes, pair in zip(self.fuse(*stacks).cpu().numpy(), pairs, strict=True):
            image = (
                planes[0] if len(planes) == 1 else np.ascontiguousarray(planes.transpose(1, 2, 0))
            )
            yield to_8_bit(image.astype(np.float64) * 255.0) if pair.bytes else image

    def fuse(self, a: torch.Tensor, b: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        """Fuse batches of source tensors ``(N, 1 or 3, H, W)`` with values in [0, 1].

        Raises
        ------
        InputError
            If shapes do not fit, the images are smaller than the method allows, or there are more
            than two and the method takes two.
        RuntimeError
            If the method itself returns something that is not an image.
        """
        import torch

        if more and not self.record.any_number:
            raise InputError(
                f"{self.record.slug} fuses two images, got {2 + len(more)}; "
                "fuse its result with the next image, or take a method for any number"
            )
        sources = (a, b, *more)
        for i, tensor in enumerate(sources):
            if tensor.ndim != 4 or tensor.shape[1] not in (1, 3):
                raise InputError(
                    f"{_name(i)} has shape {tuple(tensor.shape)}; expected (N, 1 or 3, H, W)"
                )
            if a.shape[0] != tensor.shape[0] or a.shape[2:] != tensor.shape[2:]:
                raise InputError(
                    f"a has shape {tuple(a.shape)}, but {_name(i)} has shape "
                    f"{tuple(tensor.shape)}; sources must have the same number, height and width"
                )
        height, width = a.shape[2:]
        if min(height, width) < self.record.min_size:
            raise InputError(
                f"{self.record.slug} needs images of at least {self.record.min_size}x"
                f"{self.record.min_size} pixels, got {height}x{width}"
            )
        channels = max(tensor.shape[1] for tensor in sources)
        shape = (a.shape[0], channels, height, width)
        # Convolutions in TF32 keep 10 bits of the mantissa: whole grey levels would differ.
        with torch.inference_mode(), torch.backends.cudnn.flags(allow_tf32=False):
            fused = self._by_colour_rule(
                [tensor.to(self.device, torch.float32) for tensor in sources], shape
            ).reshape(shape)
        if not bool(torch.isfinite(fused).all()):
            raise RuntimeError(f"{self.record.slug} returned NaN or infinite values")
        return fused

    def _by_colour_rule(
        self, sources: Sequence[torch.Tensor], shape: tuple[int, int, int, int]
    ) -> torch.Tensor:
        if self.record.colour == "luma" and shape[1] == 3:
            lumas, chromas = zip(*map(split_luma, sources), strict=True)
            return join_luma(self._function(*lumas), fuse_chroma(*chromas))
        sources = [source.expand(shape) for source in sources]
        if self.record.colour == "per_channel":
            sources = [source.reshape(-1, 1, *shape[2:]) for source in sources]
        return self._function(*sources)


@dataclass(frozen=True)
class _Pair:
    """Source images on their way through a method, and whether they came as bytes."""

    tensors: Sequence[torch.Tensor]
    bytes: bool

    @property
    def shapes(self) -> list[tuple[int, ...]]:
        return [tuple(tensor.shape) for tensor in self.tensors]


def _name(position: int) -> str:
    return "ab"[position] if position < 2 else f"source {position + 1}"


def _to_tensor(name: str, value: ArrayLike) -> torch.Tensor:
    import torch

    array = np.asarray(value)
    if array.dtype == np.uint8:
        array = as_image(name, array).astype(np.float32) / np.float32(255)
    elif not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{name} has type {array.dtype}; expected uint8 or float in [0, 1]")
    elif array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 3)):
        raise InputError(f"{name} has shape {array.shape}; expected (H, W) or (H, W, 3)")
    elif not bool(np.isfinite(array).all()) or array.min() < 0 or array.max() > 1:
        raise InputError(f"{name} is float, so its values must be finite and in [0, 1]")
    planes = array[None] if array.ndim == 2 else np.moveaxis(array, 2, 0)
    return torch.from_numpy(np.ascontiguousarray(planes, dtype=np.float32))[None]


def load(
    slug: str,
    *,
    device: str = "auto",
    weights: str | None = None,
    tile: int | None = None,
    precision: Precision = "float32",
    **options: Any,
) -> LoadedMethod:
    """Make a method ready to fuse.

    Parameters
    ----------
    slug : str
        Name of the method; ``fusebench list methods`` shows them.
    device : {"auto", "cpu", "cuda"}
        Where to compute. "auto" takes a GPU where there is one and the method can use it.
    weights : str, optional
        Name of one of the method's sets of weights, or a file or folder of your own; the default
        is the first set of its record.
    tile : int, optional
        Longest side, in pixels, that a network computes at once. Larger images are computed in
        overlapping tiles, with the same result, where a pixel depends on its surroundings only;
        other methods do not heed it. The default is 1024.
    precision : {"float32", "bfloat16", "float16"}
        What the layers of a network compute in. Less than the default changes the fused image, by
        a grey level or so (docs/deep_speed.md), and counts as an option of the method.
    **options
        Options of the method; the defaults are the paper's.

    Returns
    -------
    LoadedMethod
        Callable: ``load("lp")(a, b)``.

    Raises
    ------
    UnknownNameError
        If there is no such method.
    InputError
        If an option or device does not fit, or weights are not what they should be.
    MissingDataError
        If the weights are not here.
    """
    # Memory in pages of 2 MB instead of 4 kB, each of which the kernel has to clear and hand out,
    # saves networks up to a half of their time. torch reads this when it first allocates.
    os.environ.setdefault("THP_MEM_ALLOC_ENABLE", "1")
    # Every call needs torch: the time of the first one should not contain its import.
    importlib.import_module("torch")
    record = METHODS[slug]
    values = check_options(record, options)
    if tile is not None:
        tile = int(_coerce("tile", tile, int))
        require_count("tile", tile)
    device = resolve_device(device, record)
    if weights is None and not record.weights:
        function, origin, digest = record.factory(**values), record.origin, None
    else:
        files = choose(record, weights)
        function = _on_device(record.factory(files, **values), device, tile)
        origin, digest = files.origin, files.digest
    if precision != "float32":
        _lower(record, function, device, precision)
        # Another image is another entry in the tables, as with other options.
        values["precision"] = precision
    return LoadedMethod(record, values, device, function, origin, digest)


def _on_device(function: TensorFusion, device: str, tile: int | None) -> TensorFusion:
    import torch

    from fusebench.methods._networks.base import FusionNetwork

    if isinstance(function, FusionNetwork):
        if tile is not None:
            function.tile = tile
        if function.channels_last:
            # The stubs of torch do not have this argument.
            function.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if isinstance(function, torch.nn.Module):
        return function.to(device).eval().requires_grad_(False)
    return function


def _lower(record: Method, function: TensorFusion, device: str, precision: str) -> None:
    """Let a network compute in less than single precision."""
    import torch

    from fusebench.methods._networks.base import FusionNetwork
    from fusebench.methods._networks.optimisation import Optimisation

    if precision not in get_args(Precision):
        known = ", ".join(get_args(Precision))
        raise InputError(f"precision is {precision!r}; expected one of {known}")
    if not isinstance(function, FusionNetwork):
        raise InputError(f"{record.slug} is no network; leave precision={precision} out")
    if isinstance(function, Optimisation):
        raise InputError(f"{record.slug} needs the gradients of float32; leave precision out")
    if precision == "float16" and device == "cpu":
        raise InputError("float16 is for GPUs; take precision bfloat16 on the cpu")
    function.precision = getattr(torch, precision)


def resolve_device(device: str, record: Method) -> str:
    """Turn "auto" into "cpu" or "cuda" and check that the device exists.

    Raises
    ------
    InputError
        If the device is unknown or absent.
    """
    if device not in get_args(Device):
        raise InputError(f"unknown device {device!r}; expected auto, cpu or cuda")
    if device == "cpu" or (device == "auto" and record.runs_on == "cpu"):
        return "cpu"
    import torch

    present = torch.cuda.is_available()
    if device == "cuda" and not present:
        raise InputError("device cuda was asked for, but torch sees none; use cpu or auto")
    return "cuda" if present and record.runs_on == "any" else "cpu"


def check_options(record: Method, given: Mapping[str, Any]) -> dict[str, Any]:
    """Complete a method's options and turn text (from a command line) into their types.

    Raises
    ------
    InputError
        If an option does not exist or a value does not fit its type.
    """
    return complete(record.slug, record.factory, given)


def complete(name: str, function: Callable[..., Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Complete the keyword options of a function; `name` is what it is called in errors.

    Raises
    ------
    InputError
        As `check_options`.
    """
    values = keyword_defaults(function)
    hints = get_type_hints(function)
    for option, value in given.items():
        if option not in values:
            known = ", ".join(values) or "none"
            raise InputError(f"{name} has no option {option!r}; its options: {known}")
        values[option] = _coerce(f"option {option} of {name}", value, hints[option])
    return values


def _coerce(what: str, value: Any, kind: Any) -> Any:
    if get_origin(kind) is Literal:
        if value in get_args(kind):
            return value
        raise InputError(f"{what} is {value!r}; expected one of {', '.join(get_args(kind))}")
    if kind is bool:
        texts = {"true": True, "1": True, "yes": True, "false": False, "0": False, "no": False}
        if isinstance(value, bool):
            return value
        if str(value).lower() in texts:
            return texts[str(value).lower()]
    elif kind in (int, float, str) and not isinstance(value, bool):
        try:
            number = kind(value)
        except (TypeError, ValueError):
            pass
        else:
            if kind is not int or isinstance(value, str) or number == value:
                return number
    raise InputError(f"{what} is {value!r}; expected {getattr(kind, '__name__', kind)}")

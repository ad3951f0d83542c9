"""Weights of methods: where their files are, whether they are the right ones, and reading them.

A record lists sets of weights, the default first. A method's factory takes a `WeightFiles` as its
only positional argument and asks it for files by name; every file of a known set is compared with
its sha256 before it is read. Files are looked for in the package (what we trained ourselves), in
the folders that ``FUSEBENCH_WEIGHTS`` names, and in the cache, where ``fusebench weights get`` puts
them. Nothing is downloaded here, and no method runs on anything but the weights it states.
"""

from __future__ import annotations

import codecs
import hashlib
import os
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import lru_cache
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar

import numpy as np

from fusebench.bench.folders import cache_folder
from fusebench.bench.types import InputError, Method, MissingDataError, WeightFile, Weights

if TYPE_CHECKING:
    import torch

    Tensors: TypeAlias = dict[str, torch.Tensor]
    Converter: TypeAlias = Callable[[Tensors], Tensors]
    Network = TypeVar("Network", bound=torch.nn.Module)

_SHIPPED = Path(__file__).parent / "weights"


def retrained(slug: str, sha256: str, *data: str, how: str = "") -> Weights:
    """Give the set of weights that ``fusebench train`` made and the package ships.

    Parameters
    ----------
    slug : str
        The method.
    sha256 : str
        Of its file.
    *data : str
        The datasets that a network was trained on; none for a dictionary, which is learned from the
        photographs of the demo.
    how : str
        How much a network was trained, in words.
    """
    command, ending = f"fusebench train dictionary {slug}", ".npz"
    notes = "Shipped with the package: learned from the photographs of the demo by "
    if data:
        command = " --data ".join((f"fusebench train {slug}", *data))
        ending, notes = ".safetensors", f"Shipped with the package: {how} by "
    return Weights(
        name="retrained",
        origin="retrained",
        files=(WeightFile(f"{slug}_retrained{ending}", sha256),),
        licence="Apache-2.0",
        home="",
        trained_on=data or ("demo",),
        notes=f"{notes}'{command}'.",
    )


def trained_here(record: Method, origin: str) -> bool:
    """Say whether what a method gives with weights of some origin it gives with `retrained` ones.

    Weights that others trained anew have that origin too, but reproduce what these others print.
    """
    return any(w.name == "retrained" and w.origin == origin for w in record.weights)


class WeightFiles:
    """The files of one set of weights, or a user's own in their place.

    Parameters
    ----------
    slug : str
        The method.
    weights : Weights
        The set; with `own`, the one whose files `own` takes the place of.
    own : Path, optional
        A user's file or folder. A file stands for whichever file the options ask for; in a folder
        files are looked up by name.
    others : tuple of str
        Names of the method's other sets, to be offered where this one is not here.

    Attributes
    ----------
    weights : Weights
        As given.
    origin : str
        Where the behaviour comes from; "user weights" for a user's own.
    own : Path or None
        As given.
    """

    def __init__(
        self,
        slug: str,
        weights: Weights,
        own: Path | None = None,
        others: tuple[str, ...] = (),
    ) -> None:
        self.slug = slug
        self.weights = weights
        self.origin = weights.origin if own is None else "user weights"
        self.own = own
        self._others = others
        self._used: dict[str, str] = {}

    def path(self, name: str) -> Path:
        """Give the checked place of a file.

        Raises
        ------
        MissingDataError
            If it is not here; the message says how to get it.
        InputError
            If its content is not what the record states.
        """
        file = next(f for f in self.weights.files if f.name == name)
        if self.own is not None:
            path = self.own / name if self.own.is_dir() else self.own
            if not path.is_file():
                raise MissingDataError(f"no weights of {self.slug} at {path}; expected {name}")
            self._used[name] = file_digest(path)
            return path
        try:
            path = find_file(self.slug, file)
        except MissingDataError as e:
            if not self._others:
                raise
            offer = " or ".join(f"--weights {name}" for name in self._others)
            raise MissingDataError(f"{e}, or choose {offer}") from None
        self._used[name] = file.sha256
        return path

    @property
    def digest(self) -> str | None:
        """sha256 of the file used; of the digests, in order of names, where there are several."""
        # A user's file may stand for several: it counts once.
        return _joint_digest(list(dict.fromkeys(d for _, d in sorted(self._used.items()))))


def _joint_digest(digests: Sequence[str]) -> str | None:
    if len(digests) < 2:
        return digests[0] if digests else None
    return hashlib.sha256("".join(digests).encode()).hexdigest()


def known_digests(record: Method) -> set[str]:
    """Give every digest that `WeightFiles.digest` can have for the sets of a record."""
    found = set()
    for weights in record.weights:
        files = sorted(weights.files, key=lambda file: file.name)
        digests = [file.sha256 for file in files if file.sha256]
        for count in range(1, len(digests) + 1):
            found |= {_joint_digest(chosen) for chosen in combinations(digests, count)}
    return {digest for digest in found if digest is not None}


def choose(record: Method, given: str | None) -> WeightFiles:
    """Choose among a method's sets of weights, or take a user's file or folder.

    Raises
    ------
    InputError
        If the method has no weights, or `given` is neither the name of a set nor a path.
    """
    if not record.weights:
        raise InputError(f"{record.slug} has no weights; leave weights={given!r} out")
    if given is None:
        others = tuple(w.name for w in record.weights[1:])
        return WeightFiles(record.slug, record.weights[0], others=others)
    for weights in record.weights:
        if weights.name == given:
            return WeightFiles(record.slug, weights)
    path = Path(given)
    if path.exists():
        # In a folder files are looked up by the names that their authors gave them.
        official = (w for w in record.weights if w.origin == "official weights")
        return WeightFiles(record.slug, next(official, record.weights[0]), path)
    names = ", ".join(w.name for w in record.weights)
    raise InputError(
        f"{record.slug} has no weights {given!r}, and there is no such file or folder; "
        f"its weights: {names}"
    )


def places(slug: str, name: str) -> Iterator[Path]:
    """Give every place where a file of a method may be, the first to be tried first."""
    yield _SHIPPED / slug / name
    # What several methods share lies in the folder of one of them, or in one for all.
    yield from sorted(_SHIPPED.glob(f"*/{name}"))
    for folder in filter(None, os.environ.get("FUSEBENCH_WEIGHTS", "").split(os.pathsep)):
        root = Path(folder)
        # Flat, one folder a method, or folders of both: as people keep them.
        for pattern in ("", "*/", "*/*/"):
            yield from sorted(root.glob(pattern + name))
    yield fetched(slug, name)


def fetched(slug: str, name: str) -> Path:
    """Give the place where ``fusebench weights get`` puts a file."""
    return cache_folder() / "weights" / slug / name


def find_file(slug: str, file: WeightFile) -> Path:
    """Find a file with the stated content.

    Raises
    ------
    MissingDataError
        If no file of that name is there.
    InputError
        If there are some, but none with that content.
    """
    if not file.sha256:
        # A file that was never seen cannot be told from another of its name.
        raise MissingDataError(
            f"{file.name} of {slug} is not to be had at a fixed address; ask its authors, and give "
            "it with --weights PATH"
        )
    other: Path | None = None
    for path in places(slug, file.name):
        if path.is_file():
            if file_digest(path) == file.sha256:
                return path
            other = other or path
    advice = f"run: fusebench weights get {slug}"
    if other is not None:
        raise InputError(
            f"{other} is not the {file.name} of {slug} (sha256 {file_digest(other)[:12]}…, "
            f"expected {file.sha256[:12]}…); {advice}, or give your own with --weights PATH"
        )
    raise MissingDataError(f"the weights of {slug} ({file.name}) are not here; {advice}")


def file_digest(path: Path) -> str:
    """Give the sha256 of a file's bytes; remembered while its size and time stay the same."""
    status = path.stat()
    return _digest(path, status.st_size, status.st_mtime_ns)


@lru_cache(maxsize=256)
def _digest(path: Path, size: int, time: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def read_tensors(path: Path) -> dict[str, torch.Tensor]:
    """Read named tensors from a checkpoint of any kind that authors publish.

    Parameters
    ----------
    path : Path
        A PyTorch file (state dict, or a dict that holds one), ``.safetensors``, NumPy ``.npz`` or
        MATLAB ``.mat``. No code in it is run: PyTorch files are read with ``weights_only``, NumPy
        files without pickles.

    Returns
    -------
    dict of str to Tensor
        On the CPU, with their names and types as in the file.

    Raises
    ------
    InputError
        If the file is truncated or of another kind.
    """
    import torch

    try:
        if path.suffix == ".safetensors":
            from safetensors.torch import load_file

            tensors: dict[str, torch.Tensor] = load_file(path)
            return tensors
        if path.suffix == ".npz":
            with np.load(path, allow_pickle=False) as arrays:
                return {name: torch.from_numpy(np.asarray(arrays[name])) for name in arrays.files}
        if path.suffix == ".mat":
            from scipy.io import loadmat

            return {
                name: torch.from_numpy(np.ascontiguousarray(value))
                for name, value in loadmat(path).items()
                if isinstance(value, np.ndarray) and value.dtype.kind in "fiu"
            }
        with torch.serialization.safe_globals(_numbers()):
            content: Any = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as e:
        # torch, scipy and safetensors raise kinds of their own for damaged files.
        raise _unreadable(path, e) from e
    return _state(path, content)


def _numbers() -> list[Any]:
    """Give what NumPy's numbers are made with: authors saved losses beside the tensors."""
    make = np.float64(0).__reduce__()[0]
    names = [(make, f"numpy.{core}.multiarray.scalar") for core in ("core", "_core")]
    return [*names, np.dtype, np.dtypes.Float64DType, np.dtypes.Float32DType, codecs.encode]


def _state(path: Path, content: Any) -> dict[str, torch.Tensor]:
    import torch

    for key in ("state_dict", "model", "params", "weight"):
        if isinstance(content, Mapping) and isinstance(content.get(key), Mapping):
            content = content[key]
    if not isinstance(content, Mapping) or not content:
        raise InputError(f"{path} holds no named tensors, but {type(content).__name__}")
    found: dict[str, Any] = {}
    for name, value in content.items():
        # Some files hold one state dict for each part of the network.
        if isinstance(value, Mapping):
            found.update((f"{name}.{inner}", tensor) for inner, tensor in value.items())
        else:
            found[str(name)] = value
    return {name: value for name, value in found.items() if isinstance(value, torch.Tensor)}


def _unreadable(path: Path, error: Exception) -> InputError:
    reason = " ".join(str(error).split())[:120] or type(error).__name__
    return InputError(f"{path} cannot be read as weights ({reason}); is it complete?")


def load_network(network: Network, path: Path, convert: Converter | None = None) -> Network:
    """Put the tensors of a checkpoint into a network; every name and shape must fit.

    Parameters
    ----------
    network : torch.nn.Module
        What it has decides what is needed.
    path : Path
        The checkpoint; see `read_tensors`.
    convert : callable, optional
        Turns the tensors of the authors' file into those of the network, such as `renamed` and
        `from_tensorflow` make. A file with the names of the network itself, such as one trained
        here, needs no converting and gets none. (Nor are converted files kept: the checkpoints of
        this field have a few MB, and reading one takes milliseconds.)

    Returns
    -------
    torch.nn.Module
        The network.

    Raises
    ------
    InputError
        If the file cannot be read, or tensors are missing, left over or of another shape: the file
        is another method's.
    """
    tensors = read_tensors(path)
    # Counters of batches, which no result depends on, are missing in old checkpoints.
    expected = {
        k: v for k, v in network.state_dict().items() if not k.endswith("num_batches_tracked")
    }
    if convert is not None and not set(expected) <= set(tensors):
        try:
            tensors = convert(tensors)
        except KeyError as e:
            raise _misfit(path, f"it has no tensor {e}") from None
    tensors = {k: v for k, v in tensors.items() if not k.endswith("num_batches_tracked")}
    problems = [
        f"{len(found)} {what} (such as {found[0]})"
        for what, found in (
            ("missing", [k for k in expected if k not in tensors]),
            ("unknown", [k for k in tensors if k not in expected]),
            (
                "of another shape",
                [k for k, v in expected.items() if k in tensors and tensors[k].shape != v.shape],
            ),
        )
        if found
    ]
    if problems:
        raise _misfit(path, f"of {len(expected)} tensors, {', '.join(problems)}")
    network.load_state_dict(tensors, strict=False)
    return network


def _misfit(path: Path, reason: str) -> InputError:
    return InputError(f"{path} does not fit this network: {reason}; is it of another method?")


def renamed(names: Mapping[str, str]) -> Converter:
    """Give the converter for a PyTorch file that calls tensors otherwise.

    Parameters
    ----------
    names : mapping of str to str
        From the file's names to the network's: of tensors, or of what stands before a dot.
    """

    def convert(tensors: Tensors) -> Tensors:
        found = {}
        for name, tensor in tensors.items():
            parts = name.split(".")
            for end in range(len(parts), 0, -1):
                start = ".".join(parts[:end])
                if start in names:
                    name = ".".join((names[start], *parts[end:]))
                    break
            found[name] = tensor
        return found

    return convert


def rewritten(rules: Sequence[tuple[str, str]], unused: str = "") -> Converter:
    """Give the converter for a PyTorch file whose names follow another pattern.

    Parameters
    ----------
    rules : sequence of (str, str)
        Regular expressions and what takes the place of each match, one after the other.
    unused : str
        A regular expression; the tensors it finds (before anything is replaced) are left aside.
    """

    def convert(tensors: Tensors) -> Tensors:
        found = {}
        for name, tensor in tensors.items():
            if not (unused and re.search(unused, name)):
                for pattern, replacement in rules:
                    name = re.sub(pattern, replacement, name)
                found[name] = tensor
        return found

    return convert


def from_tensorflow(layers: Mapping[str, str]) -> Converter:
    """Give the converter for convolutions that TensorFlow saved.

    Other variables, such as those of an optimiser, are left aside.

    Parameters
    ----------
    layers : mapping of str to str
        From the network's layers to the file's scopes, which hold ``kernel`` and ``bias``, or to
        names with ``{}`` in place of ``w`` and ``b``.
    """

    def convert(tensors: Tensors) -> Tensors:
        found = {}
        for layer, scope in layers.items():
            name = scope if "{}" in scope else scope + "/{}"
            kernel, bias = ("w", "b") if "{}" in scope else ("kernel", "bias")
            # (height, width, inputs, outputs) there, (outputs, inputs, height, width) here.
            found[f"{layer}.weight"] = tensors[name.format(kernel)].permute(3, 2, 0, 1).contiguous()
            found[f"{layer}.bias"] = tensors[name.format(bias)]
        return found

    return convert

"""One unit of work: fuse a pair, check the result, score it. Runs in any process or machine."""

from __future__ import annotations

import io
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from fusebench import datasets, methods, metrics
from fusebench.bench.images import as_image, require_content, require_same_size
from fusebench.bench.memory import PeakMemory
from fusebench.bench.store import Outcome, ScoreValue
from fusebench.bench.types import FusebenchError, Image, Pair

Fuse = Callable[[Image, Image], Any]

# The first call on a GPU compiles and allocates; the median of the others is kept.
_GPU_REPEATS = 3


@dataclass(frozen=True)
class Unit:
    """What to do for one entry and one pair.

    Attributes
    ----------
    dataset, root, key
        The pair.
    protocol, metrics
        How to score it.
    method, options, weights, device
        The method, with its options as JSON; "" where `image` is given.
    image : bytes or None
        The fused image as PNG, where it is known already.
    """

    dataset: str
    root: str | None
    key: str
    protocol: str
    metrics: tuple[str, ...]
    method: str = ""
    options: str = "{}"
    weights: str | None = None
    device: str = "cpu"
    image: bytes | None = None


@dataclass(frozen=True)
class Done:
    """Result of a unit: the fused image, unless it failed, and what to store."""

    image: Image | None
    outcome: Outcome


def carry_out(unit: Unit, function: Fuse | None = None) -> Done:
    """Fuse if needed, and score; every failure becomes an outcome with its reason.

    Parameters
    ----------
    unit : Unit
    function : callable, optional
        Takes the place of the method.
    """
    seconds, memory = None, None
    # Whatever a method or metric raises belongs in its row: one bad pair must not end a run.
    try:
        pair = _dataset(unit.dataset, unit.root)[unit.key]
        if unit.image is not None:
            fused = np.asarray(PillowImage.open(io.BytesIO(unit.image)))
        else:
            run = function or _method(unit.method, unit.options, unit.weights, unit.device)
            fused, seconds, memory = _timed(run, pair, unit.device)
        check_fused(pair, fused)
    except Exception as e:
        return Done(None, failure(describe(e), unit.device))
    try:
        scores = _scores(unit, pair, fused)
    except Exception as e:
        scores = [_value(slug, float("nan"), describe(e)) for slug in unit.metrics]
    return Done(fused, Outcome(None, None, unit.device, seconds, memory, scores))


def failure(reason: str, device: str) -> Outcome:
    """Give the outcome of a pair without an image."""
    return Outcome(None, reason, device, None, None, ())


def describe(error: BaseException) -> str:
    """Put an exception into one line; errors of ours speak for themselves."""
    message = " ".join(str(error).split()) or "no message"
    return message if isinstance(error, FusebenchError) else f"{type(error).__name__}: {message}"


def check_fused(pair: Pair, fused: Image) -> None:
    """Check that an image can be the fusion of a pair.

    Raises
    ------
    InputError
        If its size differs from the sources', or it is constant.
    """
    require_same_size({"the source image": pair.a, "the fused image": fused})
    require_content({"the fused image": fused})


def _timed(run: Fuse, pair: Pair, device: str) -> tuple[Image, float, int | None]:
    if device == "cuda":
        import torch

        run(pair.a, pair.b)
        torch.cuda.reset_peak_memory_stats()
        times = []
        for _ in range(_GPU_REPEATS):
            torch.cuda.synchronize()
            start = time.perf_counter()
            fused = run(pair.a, pair.b)
            torch.cuda.synchronize()
            times.append(time.perf_counter() - start)
        peak: int | None = torch.cuda.max_memory_allocated()
        return _as_saved(fused), median(times), peak
    with PeakMemory() as memory:
        # Not the clock: other workers, and whatever else the machine does, would be in it.
        start = time.process_time()
        fused = run(pair.a, pair.b)
        seconds = time.process_time() - start
    return _as_saved(fused), seconds, memory.growth


def _as_saved(fused: Any) -> Image:
    array = np.asarray(fused)
    return as_image("the fused image", array, None if array.dtype == np.uint8 else 1.0)


def _scores(unit: Unit, pair: Pair, fused: Image) -> list[ScoreValue]:
    computed = metrics.explain(
        pair.a, pair.b, fused, unit.metrics, unit.protocol, reference=pair.reference
    )
    return [_value(slug, score.value, score.reason) for slug, score in computed.items()]


def _value(slug: str, value: float, reason: str | None) -> ScoreValue:
    return ScoreValue(slug, metrics.METRICS[slug].version, value, reason)


@lru_cache(maxsize=4)
def _dataset(name: str, root: str | None) -> datasets.Dataset:
    return datasets.load(name, None if root is None else Path(root))


@lru_cache(maxsize=2)
def _method(slug: str, options: str, weights: str | None, device: str) -> methods.LoadedMethod:
    return methods.load(slug, device=device, weights=weights, **json.loads(options))

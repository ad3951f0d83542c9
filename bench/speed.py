"""How long metrics take, beside scikit-image, and how their cost grows."""

from __future__ import annotations

import math
import multiprocessing
import os
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from fusebench.bench.environment import environment_facts
from fusebench.bench.images import to_8_bit
from fusebench.bench.memory import PeakMemory
from fusebench.bench.pool import start_worker, threads_of_a_process
from fusebench.bench.types import Image, InputError

NINE = ("en", "sd", "sf", "ag", "scd", "mi", "vif", "qabf", "ssim")
"""The metrics that most papers print; their time together is compared with the yardstick."""

YARDSTICK = "two Gaussian SSIMs of scikit-image"

SIDES = (0.25, 0.5, 1.0, 2.0)
"""Sides of the images whose times show the cost of a pixel, over those asked for."""

PAIRS = (1, 2, 4, 8, 16, 32)
"""Lengths of the batches whose times show the cost of a pair."""

Triples = tuple[list[Image], ...]
"""First sources, second sources, fused images and references."""

Run = Callable[[], object]
Clock = Callable[[Run, int], float]
Alike = Callable[[Image, Image, Image, Image], float]

# Batches in which all cores share, or that go to a GPU at once.
_PAIRS_PER_CORE, _PAIRS_ON_GPU = 32, 32
# Batches of more metrics than the nine are shorter by this: they take seconds a pair.
_SHORTER = 4
# The calls of one repetition take at least so many seconds, of short ones as many as it needs.
_SHORTEST = 0.01
# Below this side a quarter is smaller than the window of the yardstick.
_SMALLEST = 44
# Growing batches are long enough to need few repetitions.
_REPEATS_OF_BATCHES = 1


@dataclass(frozen=True)
class Plan:
    """What to time: metrics computed together on a batch, by a number of threads."""

    metrics: tuple[str, ...]
    height: int
    width: int
    pairs: int
    threads: int
    repeat: int


@dataclass(frozen=True)
class Timing:
    """What metrics cost in a process that did nothing else.

    Attributes
    ----------
    plan : Plan
    seconds : tuple of float
        Time of each repetition, over the number of pairs.
    yardstick : tuple of float
        Time of `YARDSTICK` on one triple and one thread, taken in turn with those of the metrics.
    alike : tuple of float
        Time of the functions of scikit-image that give the same value, likewise; or empty.
    memory : int or None
        Growth of the process's memory at its most during the first call, in bytes; on a GPU what
        was allocated there.
    """

    plan: Plan
    seconds: tuple[float, ...]
    yardstick: tuple[float, ...]
    alike: tuple[float, ...]
    memory: int | None

    @property
    def median(self) -> float:
        """Median time of a triple, in seconds."""
        return float(np.median(self.seconds))

    @property
    def quartiles(self) -> tuple[float, float]:
        """Between which half of the repetitions lie, in seconds for each triple."""
        low, high = np.quantile(self.seconds, (0.25, 0.75))
        return float(low), float(high)

    @property
    def ratio(self) -> float:
        """Median over the median of the yardstick."""
        return self.median / float(np.median(self.yardstick))

    @property
    def ratio_alike(self) -> float | None:
        """Median over that of the functions of scikit-image that give the same value."""
        return self.median / float(np.median(self.alike)) if self.alike else None


@dataclass(frozen=True)
class Report:
    """Everything that `bench_metrics` measured.

    Attributes
    ----------
    alone : list of Timing
        Each metric by itself, one triple on one thread.
    suites : dict
        For each suite its times on each number of threads.
    pixels, pairs : dict
        For each suite its times on images of growing size, and on growing batches.
    """

    device: str
    environment: dict[str, Any]
    alone: list[Timing]
    suites: dict[str, list[Timing]]
    pixels: dict[str, list[Timing]]
    pairs: dict[str, list[Timing]]

    def exponents(self) -> dict[str, dict[str, float]]:
        """Powers of the pixels, and of the pairs, with which the time of a call grows."""
        return {
            "pixels": {
                name: exponent([(t.plan.height * t.plan.width, t.median) for t in timings])
                for name, timings in self.pixels.items()
            },
            "pairs": {
                name: exponent([(t.plan.pairs, t.plan.pairs * t.median) for t in timings])
                for name, timings in self.pairs.items()
            },
        }

    def document(self) -> dict[str, Any]:
        """Give everything as plain data; times in seconds, memory in bytes."""
        return {**asdict(self), "exponents": self.exponents()}


def bench_metrics(
    metrics: Sequence[str],
    height: int = 480,
    width: int = 640,
    *,
    threads: int | None = None,
    repeat: int = 7,
    device: str = "cpu",
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Report:
    """Time metrics alone and together, on one thread and on all cores, beside scikit-image.

    Each measurement is a fresh process, because what a process did before decides how long it waits
    for memory. The yardstick is timed in turn with the metrics, so that what else the machine does
    slows both. Times are those of the processor where one thread works, of the clock where several
    do, and of CUDA events on a GPU.

    Parameters
    ----------
    metrics : sequence of str
        Slugs.
    height, width : int
        Size of the images in pixels.
    threads : int, optional
        Number of threads of the suites; one and all cores by default.
    repeat : int
        Number of repetitions, after a first one that is not counted.
    device : {"cpu", "cuda"}
        On a GPU suites and metrics are timed on one batch, without growing sizes.
    progress : callable, optional
        Called with the number of measurements done and of all, and what comes next.

    Returns
    -------
    Report

    Raises
    ------
    InputError
        If a number is too small, or there is no such device.
    """
    if min(height, width) < _SMALLEST:
        raise InputError(f"--size must be at least {_SMALLEST}x{_SMALLEST}, got {height}x{width}")
    if min(repeat, 1 if threads is None else threads) < 1:
        raise InputError(f"--threads and --repeat must be at least 1, got {threads} and {repeat}")
    _require_device(device)
    names = tuple(metrics)
    suites = {"all" if len(names) > len(NINE) else "chosen": names}
    if set(NINE) <= set(names):
        suites = {"nine": NINE} | (suites if len(names) > len(NINE) else {})
    gpu = device == "cuda"
    counts = [threads] if threads else sorted({1, os.cpu_count() or 1})
    counts = [1] if gpu else counts

    def plan(slugs: tuple[str, ...], count: int, side: float = 1.0, pairs: int = 1) -> Plan:
        times = repeat if pairs == 1 or gpu else min(repeat, _REPEATS_OF_BATCHES)
        return Plan(slugs, round(side * height), round(side * width), pairs, count, times)

    def whole(slugs: tuple[str, ...], count: int) -> Plan:
        if gpu:
            return plan(slugs, 1, pairs=_PAIRS_ON_GPU)
        batch = _PAIRS_PER_CORE * count // _shortened(slugs)
        return plan(slugs, count, pairs=1 if count == 1 else batch)

    alone = [whole((name,), 1) for name in names]
    together = {name: [whole(slugs, count) for count in counts] for name, slugs in suites.items()}
    growing = {} if gpu else suites
    pixels = {n: [plan(slugs, 1, side=side) for side in SIDES] for n, slugs in growing.items()}
    pairs = {
        name: [plan(slugs, 1, pairs=n) for n in PAIRS if n <= PAIRS[-1] // _shortened(slugs)]
        for name, slugs in growing.items()
    }

    listed = [
        *alone,
        *(p for kind in (together, pixels, pairs) for ps in kind.values() for p in ps),
    ]
    every = list(dict.fromkeys(listed))
    found: dict[Plan, Timing] = {}
    for one in every:
        progress(len(found), len(every), one.metrics[0] if len(one.metrics) == 1 else "suite")
        found[one] = _in_a_fresh_process(one, device)
    progress(len(every), len(every), "done")

    def of(kind: dict[str, list[Plan]]) -> dict[str, list[Timing]]:
        return {name: [found[p] for p in plans] for name, plans in kind.items()}

    return Report(
        device=device,
        environment=environment_facts(),
        alone=[found[p] for p in alone],
        suites=of(together),
        pixels=of(pixels),
        pairs=of(pairs),
    )


def _shortened(metrics: tuple[str, ...]) -> int:
    return 1 if len(metrics) <= len(NINE) else _SHORTER


def exponent(points: Sequence[tuple[float, float]]) -> float:
    """Slope of the straight line through logarithms, by least squares; NaN for one point.

    Parameters
    ----------
    points : sequence of (size, time)
    """
    sizes, times = np.log(np.asarray(points, dtype=np.float64)).T
    if len(sizes) < 2:
        return math.nan
    return float(np.polyfit(sizes, times, 1)[0])


def triples(height: int, width: int, pairs: int) -> Triples:
    """Make triples, and references, from two photographs inside scikit-image.

    Returns
    -------
    tuple of four lists of uint8 array, shape (height, width)
        The fused images are the rounded means of their sources.
    """
    from skimage import data
    from skimage.transform import resize

    def photograph(name: str) -> Image:
        levels = resize(getattr(data, name)() / 255.0, (height, width), anti_aliasing=True)
        return to_8_bit(255 * levels)

    a, b = photograph("camera"), photograph("coins")
    fused = to_8_bit((a.astype(np.float64) + b) / 2)
    # Images of their own for each triple, as a dataset has them.
    return tuple(
        [np.roll(image, 16 * k, axis=1) for k in range(pairs)] for image in (a, b, fused, b)
    )


def like_scikit_image(metric: str) -> Alike | None:
    """Give what computes a metric by functions of scikit-image, or None.

    Returns
    -------
    callable or None
        Takes A, B, the fused image and the reference.
    """
    from skimage.measure import shannon_entropy
    from skimage.metrics import mean_squared_error, peak_signal_noise_ratio

    known: dict[str, Alike] = {
        "en": lambda a, b, f, r: float(shannon_entropy(f)),
        "mse": lambda a, b, f, r: (mean_squared_error(a, f) + mean_squared_error(b, f)) / 2,
        "psnr_ref": lambda a, b, f, r: float(peak_signal_noise_ratio(r, f, data_range=255)),
        "ssim": two_ssims,
        "ssim_ref": lambda a, b, f, r: _ssim(r, f),
    }
    return known.get(metric)


def two_ssims(a: Image, b: Image, fused: Image, reference: Image) -> float:
    """Compute the yardstick; its value is that of the metric ``ssim``."""
    return _ssim(a, fused) + _ssim(b, fused)


def _ssim(x: Image, y: Image) -> float:
    from skimage.metrics import structural_similarity

    return float(
        structural_similarity(
            x, y, data_range=255, gaussian_weights=True, sigma=1.5, use_sample_covariance=False
        )
    )


# -- one measurement ------------------------------------------------------------------------------


def _in_a_fresh_process(plan: Plan, device: str) -> Timing:
    # Threads of BLAS would only stand in the way of those that share a batch.
    context = multiprocessing.get_context("spawn")
    with (
        threads_of_a_process(1),
        ProcessPoolExecutor(1, context, initializer=start_worker) as pool,
    ):
        return pool.submit(measure, plan, device).result()


def measure(plan: Plan, device: str = "cpu") -> Timing:
    """Time metrics, and scikit-image in turn with them, in this process."""
    images = triples(plan.height, plan.width, plan.pairs)
    on_gpu = device == "cuda"
    run = (_on_gpu if on_gpu else _on_cpu)(plan, images)
    # Other programs do not lengthen the time that one thread computes.
    clock = _wall_time if plan.threads > 1 else _cpu_time
    alike = like_scikit_image(plan.metrics[0]) if len(plan.metrics) == 1 else None
    memory = (_peak_of_gpu if on_gpu else _peak)(run)
    ours = _Stopwatch(run, _gpu_time if on_gpu else clock)
    yardstick = _Stopwatch(_bind(two_ssims, images), clock)
    watches = [yardstick, ours]
    if alike is not None:
        watches.append(_Stopwatch(_bind(alike, images), clock))
    for _ in range(plan.repeat):
        for watch in watches:
            watch.take()
    return Timing(
        plan,
        seconds=tuple(seconds / plan.pairs for seconds in ours.times),
        yardstick=tuple(yardstick.times),
        alike=tuple(watches[2].times) if alike is not None else (),
        memory=memory,
    )


class _Stopwatch:
    """Times a function, several calls at once where one is too short to be timed."""

    def __init__(self, run: Run, clock: Clock) -> None:
        self._run, self._clock = run, clock
        self._calls = 0
        self.times: list[float] = []

    def take(self) -> None:
        if not self._calls:
            first = self._clock(self._run, 1)
            self._calls = max(1, math.ceil(_SHORTEST / max(first, 1e-6)))
            if self._calls == 1:
                self.times.append(first)
                return
        self.times.append(self._clock(self._run, self._calls) / self._calls)


def _bind(function: Alike, images: Triples) -> Run:
    first = [stack[0] for stack in images]
    return lambda: function(*first)


def _on_cpu(plan: Plan, images: Triples) -> Run:
    from fusebench.metrics import METRICS, score_batch

    a, b, fused, references = images
    reference = references if any(METRICS[n].needs == "reference" for n in plan.metrics) else None
    return lambda: score_batch(
        a, b, fused, metrics=plan.metrics, reference=reference, workers=plan.threads
    )


def _on_gpu(plan: Plan, images: Triples) -> Run:
    """Score a batch that lies on the GPU already."""
    import torch

    from fusebench.metrics import METRICS, Triplet, compute_scores, load_protocol

    tensors = [torch.as_tensor(np.stack(stack), device="cuda").double() for stack in images]
    records, rules = [METRICS[name] for name in plan.metrics], load_protocol("canonical")
    return lambda: compute_scores(Triplet(*tensors), records, rules)


def _cpu_time(run: Run, calls: int) -> float:
    start = time.process_time()
    for _ in range(calls):
        run()
    return time.process_time() - start


def _wall_time(run: Run, calls: int) -> float:
    start = time.perf_counter()
    for _ in range(calls):
        run()
    return time.perf_counter() - start


def _gpu_time(run: Run, calls: int) -> float:
    import torch

    event: Any = torch.cuda.Event
    start, end = event(enable_timing=True), event(enable_timing=True)
    start.record()
    for _ in range(calls):
        run()
    end.record()
    end.synchronize()
    return float(start.elapsed_time(end)) / 1000


def _peak(run: Run) -> int | None:
    with PeakMemory() as memory:
        run()
    return memory.growth


def _peak_of_gpu(run: Run) -> int:
    import torch

    torch.cuda.reset_peak_memory_stats()
    run()
    return int(torch.cuda.max_memory_allocated())


def _require_device(device: str) -> None:
    if device not in ("cpu", "cuda"):
        raise InputError(f"unknown device {device!r}; expected cpu or cuda")
    if device == "cuda":
        import torch

        if not torch.cuda.is_available():
            raise InputError("device cuda was asked for, but torch sees none; use cpu")

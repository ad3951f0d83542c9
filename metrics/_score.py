"""From images to scores: one triple, or many on several cores or a GPU."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from fusebench.bench.images import as_image, luma, require_same_size
from fusebench.bench.types import Image, InputError, Metric
from fusebench.metrics._base import METRICS, why_not
from fusebench.metrics._protocol import ColourOfProtocol, Protocol, load_protocol
from fusebench.metrics._triplet import Triplet


@dataclass(frozen=True)
class Score:
    """Value of one metric for one triple.

    Attributes
    ----------
    value : float
        NaN where undefined.
    reason : str or None
        Why it is undefined.
    """

    value: float
    reason: str | None = None


def select_metrics(
    metrics: str | Iterable[str], protocol: Protocol, *, with_reference: bool
) -> list[Metric]:
    """Resolve ``"all"``, ``"en,sd"`` or a list of slugs to the metrics to compute.

    "all" stands for all metrics of the protocol that the images allow: those against a reference
    are left out where there is none.

    Raises
    ------
    UnknownNameError
        If a metric does not exist.
    InputError
        If a metric is not part of the protocol, or none is named.
    """
    if metrics == "all":
        records = [METRICS[slug] for slug in protocol.metrics]
        return [r for r in records if with_reference or r.needs != "reference"]
    names = metrics.split(",") if isinstance(metrics, str) else list(metrics)
    records = [METRICS[name.strip()] for name in names if name.strip()]
    for record in records:
        if record.slug not in protocol.metrics:
            raise InputError(f"protocol {protocol.name} does not define {record.slug}")
    if not records:
        raise InputError("no metric was named; use 'all' or slugs such as 'en,qabf'")
    return list(dict.fromkeys(records))


def compute_scores(
    triplet: Triplet, records: Sequence[Metric], protocol: Protocol
) -> dict[str, list[Score]]:
    """Compute metrics on a batch of triples, sharing what they have in common.

    Returns
    -------
    dict
        For each slug one `Score` per triple.
    """
    scores: dict[str, list[Score]] = {}
    for record in records:
        refusal = why_not(record, triplet)
        if refusal:
            count = triplet.shape[0] // triplet.channels
            scores[record.slug] = [Score(float("nan"), refusal)] * count
            continue
        values = triplet.per_image(record.compute(triplet, **protocol.metrics[record.slug]))
        reasons = triplet.take_reasons()
        scores[record.slug] = [Score(v, r) for v, r in zip(values, reasons, strict=True)]
    return scores


def triplet_of(
    a: ArrayLike,
    b: ArrayLike,
    fused: ArrayLike,
    reference: ArrayLike | None = None,
    data_range: float | None = None,
    colour: ColourOfProtocol = "luma",
) -> Triplet:
    """Check the images of one triple and bring them to planes by the colour rule of a protocol."""
    images = {"a": as_image("a", a, data_range), "b": as_image("b", b, data_range)}
    images["fused"] = as_image("fused", fused, data_range)
    if reference is not None:
        images["reference"] = as_image("reference", reference, data_range)
    require_same_size(images)
    if colour == "luma":
        return Triplet(*(luma(image).astype(np.float64)[None] for image in images.values()))
    channels = 3 if any(image.ndim == 3 for image in images.values()) else 1
    return Triplet(*(_planes(image, channels) for image in images.values()), channels=channels)


def score(
    a: ArrayLike,
    b: ArrayLike,
    fused: ArrayLike,
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
    data_range: float | None = None,
    reference: ArrayLike | None = None,
) -> dict[str, float]:
    """Score one fused image.

    Parameters
    ----------
    a, b, fused : array, shape (H, W) or (H, W, 3), uint8 (or float with `data_range`)
        Source images and fused image of one size.
    metrics : str or list of str
        "all", or slugs as a list or separated by commas.
    protocol : str
        Name of a protocol, or path of a TOML file.
    data_range : float, optional
        White level of float images; they are rounded to 8 bits, as if they had been saved.
    reference : array, optional
        The ideal fused image, for the metrics that need one.

    Returns
    -------
    dict
        Value by slug; NaN where it is undefined (`explain` tells why).

    Raises
    ------
    InputError
        If an image does not fit.
    UnknownNameError
        If a metric or protocol does not exist.

    Examples
    --------
    >>> import fusebench, numpy as np
    >>> b, a = np.indices((64, 64), dtype=np.uint8)
    >>> round(fusebench.score(a, b, np.maximum(a, b), metrics="mi")["mi"], 3)
    4.816
    """
    scores = explain(a, b, fused, metrics, protocol, data_range, reference)
    return {slug: score.value for slug, score in scores.items()}


def explain(
    a: ArrayLike,
    b: ArrayLike,
    fused: ArrayLike,
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
    data_range: float | None = None,
    reference: ArrayLike | None = None,
) -> dict[str, Score]:
    """Score one fused image like `score`, and say for each undefined value why it is so.

    Returns
    -------
    dict
        `Score` by slug, with a value and a reason.
    """
    rules = load_protocol(protocol)
    records = select_metrics(metrics, rules, with_reference=reference is not None)
    triplet = triplet_of(a, b, fused, reference, data_range, rules.colour)
    return {slug: s[0] for slug, s in compute_scores(triplet, records, rules).items()}


def score_batch(
    a: Sequence[ArrayLike],
    b: Sequence[ArrayLike],
    fused: Sequence[ArrayLike],
    metrics: str | Iterable[str] = "all",
    protocol: str = "canonical",
    data_range: float | None = None,
    reference: Sequence[ArrayLike] | None = None,
    workers: int | None = None,
) -> dict[str, NDArray[np.float64]]:
    """Score many fused images, on all cores.

    Parameters
    ----------
    a, b, fused, reference : sequence of arrays
        One image for each triple; sizes may differ between triples.
    metrics, protocol, data_range
        As in `score`.
    workers : int, optional
        Number of threads; all cores by default.

    Returns
    -------
    dict
        For each slug one value per triple, in order; NaN where undefined.

    Raises
    ------
    InputError
        If the sequences differ in length, or an image does not fit; triples count from 0.
    """
    lengths = {"a": len(a), "b": len(b), "fused": len(fused)}
    if reference is not None:
        lengths["reference"] = len(reference)
    if len(set(lengths.values())) != 1:
        found = ", ".join(f"{name} {n}" for name, n in lengths.items())
        raise InputError(f"the sequences must be equally long, got {found}")
    if workers is not None and workers < 1:
        raise InputError(f"workers must be at least 1, got {workers}")
    rules = load_protocol(protocol)
    records = select_metrics(metrics, rules, with_reference=reference is not None)

    def one(index: int) -> dict[str, list[Score]]:
        ideal = None if reference is None else reference[index]
        images = (a[index], b[index], fused[index])
        try:
            triplet = triplet_of(*images, ideal, data_range, rules.colour)
        except InputError as e:
            raise InputError(f"triple {index}: {e}") from None
        return compute_scores(triplet, records, rules)

    # One triple at a time stays in the processor's cache, and NumPy and SciPy let go of the
    # interpreter lock, so that threads scale where one large batch would not.
    workers = min(workers or os.cpu_count() or 1, len(a))
    if workers < 2:
        results = [one(index) for index in range(len(a))]
    else:
        with ThreadPoolExecutor(workers) as pool:
            results = list(pool.map(one, range(len(a))))
    return {r.slug: np.array([scores[r.slug][0].value for scores in results]) for r in records}


def _planes(image: Image, channels: int) -> NDArray[np.float64]:
    """Give the colour channels; a grey image stands for each of them."""
    if image.ndim == 2:
        return np.repeat(image[None].astype(np.float64), channels, axis=0)
    return np.ascontiguousarray(np.moveaxis(image, 2, 0), dtype=np.float64)

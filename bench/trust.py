"""How far a metric can be trusted: what degradations do to it, and which others say the same.

Fused images of real methods on the demo pairs are made worse (or merely different) in known ways
and scored again. A metric that likes the worse image can be bought, and is flagged. The figures of
all metrics are measured once and come with the package (``trust.json``); ``fusebench trust
--measure`` measures them again.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from io import BytesIO
from pathlib import Path
from typing import Any, TypeAlias
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from fusebench.bench.images import luma, to_8_bit
from fusebench.bench.stats import kendall_table, redundant
from fusebench.bench.types import Image, InputError, Metric, Pair

FILE = Path(__file__).with_name("trust.json")
DATASET = "demo"
# Scores are of the central square of this side: measuring takes minutes, not an hour.
SIDE = 192
# What is degraded: results of methods that neither blur nor add anything of their own.
FUSED_BY = ("gff", "lp")
# Whose results tell which metrics rank alike.
RANKED = ("average", "dwt", "gff", "lp", "mgff", "rp")
# A degradation buys a metric if it raises the score of this share of the images.
BOUGHT = 0.75
# Differences below this, relative, are float noise.
NOISE = 1e-9

Plane: TypeAlias = NDArray[np.float64]
Apply: TypeAlias = Callable[[Plane, float, Pair], Plane]


@dataclass(frozen=True)
class Degradation:
    """A known way to change a fused image.

    Attributes
    ----------
    name, title : str
        Name in code and in words.
    unit : str
        What its strength is measured in.
    strengths : tuple of float
        From weak to strong.
    neutral : float
        The strength that changes nothing.
    apply : callable
        ``apply(fused, strength, pair)`` of a grey image in levels 0..255; the result is rounded
        and cut to 8 bits by the caller.
    """

    name: str
    title: str
    unit: str
    strengths: tuple[float, ...]
    neutral: float
    apply: Apply = field(repr=False, compare=False)


@dataclass(frozen=True)
class Response:
    """What a degradation does to a metric.

    Attributes
    ----------
    means : tuple of float or None
        Mean score by strength; None where the metric is undefined on every image.
    better : tuple of float
        Share of the images, in [0, 1], that score better than before.
    """

    means: tuple[float | None, ...]
    better: tuple[float, ...]


@dataclass(frozen=True)
class Flag:
    """A way to buy a metric.

    Attributes
    ----------
    name, title : str
        Name in code, and as a sentence.
    degradation : str
        Whose response decides.
    counts : callable
        Which strengths count.
    """

    name: str
    title: str
    degradation: str
    counts: Callable[[float], bool] = field(repr=False, compare=False)


FLAGS = (
    Flag("noise", "noise buys it", "noise", lambda _: True),
    Flag("contrast", "contrast stretching buys it", "contrast", lambda gain: gain > 1),
    Flag("sharpening", "sharpening buys it", "sharpening", lambda _: True),
    Flag("blur", "blurring buys it", "blur", lambda _: True),
    Flag("copy", "a copy of one source beats a fusion", "copy", lambda _: True),
)


@dataclass(frozen=True)
class Trust:
    """What was measured of one metric.

    Attributes
    ----------
    slug : str
    version : int
        Of the metric, when it was measured.
    images : int
        Fused images on which it is defined.
    base : float
        Its mean over them.
    responses : mapping of str to Response
        By the name of the degradation.
    """

    slug: str
    version: int
    images: int
    base: float
    responses: Mapping[str, Response]

    def bought(self, flag: Flag) -> float:
        """Largest share of images that the strengths of a flag make better."""
        strengths = STRENGTHS[flag.degradation]
        shares = self.responses[flag.degradation].better
        return max(s for x, s in zip(strengths, shares, strict=True) if flag.counts(x))

    @property
    def flags(self) -> tuple[Flag, ...]:
        """Ways to buy it."""
        return tuple(
            flag
            for flag in FLAGS
            if flag.degradation in self.responses and self.bought(flag) >= BOUGHT
        )


@dataclass(frozen=True)
class Report:
    """What was measured of all metrics.

    Attributes
    ----------
    metrics : mapping of str to Trust
        By slug.
    methods : mapping of str to int
        Versions of the methods whose results were used.
    tau : mapping of str to mapping of str to float or None
        Kendall's tau between metrics by slugs; None where it is undefined.
    """

    metrics: Mapping[str, Trust]
    methods: Mapping[str, int]
    tau: Mapping[str, Mapping[str, float | None]]

    def only(self, slugs: Iterable[str]) -> Report:
        """Keep some metrics; those that were not measured are left out."""
        kept = [slug for slug in slugs if slug in self.metrics]
        return Report(
            {slug: self.metrics[slug] for slug in kept},
            self.methods,
            {a: {b: self.tau[a][b] for b in kept} for a in kept} if self.tau else {},
        )

    def groups(self) -> list[list[str]]:
        """Metrics that rank the methods alike, by slugs."""
        slugs = list(self.tau)
        table = [[self.tau[a][b] for b in slugs] for a in slugs]
        return [[slugs[i] for i in group] for group in redundant(np.array(table, dtype=float))]


# -- degradations -----------------------------------------------------------------------------


def _blur(fused: Plane, sigma: float, pair: Pair) -> Plane:
    from scipy.ndimage import gaussian_filter

    blurred: Plane = gaussian_filter(fused, sigma, mode="nearest")
    return blurred


def _noise(fused: Plane, sigma: float, pair: Pair) -> Plane:
    # The same grains at every strength.
    generator = np.random.default_rng(crc32(pair.key.encode()))
    return fused + sigma * generator.standard_normal(fused.shape)


def _sharpen(fused: Plane, amount: float, pair: Pair) -> Plane:
    return fused + amount * (fused - _blur(fused, 1.0, pair))


def _contrast(fused: Plane, gain: float, pair: Pair) -> Plane:
    mean = float(fused.mean())
    return mean + gain * (fused - mean)


def _brightness(fused: Plane, levels: float, pair: Pair) -> Plane:
    return fused + levels


def _clip(fused: Plane, percent: float, pair: Pair) -> Plane:
    low, high = (float(x) for x in np.percentile(fused, [percent, 100 - percent]))
    return np.clip(fused, low, high)


def _jpeg(fused: Plane, quality: float, pair: Pair) -> Plane:
    from PIL import Image as Pillow

    buffer = BytesIO()
    Pillow.fromarray(to_8_bit(fused)).save(buffer, "JPEG", quality=int(quality))
    return np.asarray(Pillow.open(buffer), dtype=np.float64)


def _shift(fused: Plane, pixels: float, pair: Pair) -> Plane:
    columns = np.arange(fused.shape[1]) - int(pixels)
    return fused[:, np.maximum(columns, 0)]


def _ghost(fused: Plane, pixels: float, pair: Pair) -> Plane:
    return (fused + _shift(fused, pixels, pair)) / 2


def _towards_a(fused: Plane, share: float, pair: Pair) -> Plane:
    return (1 - share) * fused + share * pair.a


def _towards_b(fused: Plane, share: float, pair: Pair) -> Plane:
    return (1 - share) * fused + share * pair.b


# No image of its own: the better score of copies of a and b, image by image.
COPY = "copy"

DEGRADATIONS = (
    Degradation("blur", "Gaussian blur", "sigma, pixels", (0.5, 1, 2, 4), 0, _blur),
    Degradation("noise", "Additive Gaussian noise", "sigma, levels", (2, 5, 10, 20), 0, _noise),
    Degradation("sharpening", "Unsharp mask, sigma 1", "amount", (0.5, 1, 2), 0, _sharpen),
    Degradation(
        "contrast", "Contrast about the mean", "gain", (0.5, 0.75, 1.25, 1.5, 2), 1, _contrast
    ),
    Degradation("brightness", "Brightness", "levels", (-40, -20, 20, 40), 0, _brightness),
    Degradation("clipping", "Clipped tails", "percent at each end", (1, 5, 10, 20), 0, _clip),
    Degradation("jpeg", "JPEG", "quality", (90, 50, 20, 10), 100, _jpeg),
    Degradation("shift", "Misregistration", "pixels", (1, 2, 4), 0, _shift),
    Degradation("ghost", "Ghost at half strength", "pixels away", (1, 2, 4, 8), 0, _ghost),
    Degradation("towards_a", "Mixed with source a", "share", (0.5, 1), 0, _towards_a),
    Degradation("towards_b", "Mixed with source b", "share", (0.5, 1), 0, _towards_b),
)
BY_NAME: Mapping[str, Degradation] = {d.name: d for d in DEGRADATIONS}
STRENGTHS: Mapping[str, tuple[float, ...]] = {
    **{d.name: d.strengths for d in DEGRADATIONS},
    COPY: (1,),
}


def degraded(fused: Image, degradation: Degradation, strength: float, pair: Pair) -> Image:
    """Degrade a fused image.

    Parameters
    ----------
    fused : uint8 array, shape (H, W)
    degradation : Degradation
    strength : float
    pair : Pair
        Its sources; grey, of equal size.

    Returns
    -------
    uint8 array, shape (H, W)
    """
    return to_8_bit(degradation.apply(fused.astype(np.float64), strength, pair))


# -- measurement ------------------------------------------------------------------------------


def measure(
    metrics: str | Iterable[str] = "all",
    degradations: Sequence[str] | None = None,
    tick: Callable[[str], None] = lambda _: None,
) -> Report:
    """Measure how far metrics can be trusted, on the demo pairs.

    Parameters
    ----------
    metrics : str or iterable of str
        "all", or slugs.
    degradations : sequence of str, optional
        Names; all of them by default, and the tables of ranks with them.
    tick : callable
        Called with the key of each pair that is done.

    Raises
    ------
    InputError
        If there is no such degradation.
    UnknownNameError
        If there is no such metric.
    """
    from fusebench import datasets, methods
    from fusebench.metrics import load_protocol, score_batch, select_metrics

    chosen = _named(degradations)
    records = select_metrics(metrics, load_protocol("canonical"), with_reference=True)
    slugs = {r.slug for r in records if r.needs != "reference"}
    loaded = {name: methods.load(name, device="cpu") for name in RANKED}
    steps = [(d, strength) for d in chosen for strength in d.strengths]
    scores: dict[str, list[list[float]]] = {r.slug: [] for r in records}
    ranks: dict[str, list[list[float]]] = {r.slug: [] for r in records}

    def score(pair: Pair, images: list[Image]) -> dict[str, list[float]]:
        wanted = [r.slug for r in records if r.slug in slugs or pair.reference is not None]
        count = len(images)
        references = None if pair.reference is None else [pair.reference] * count
        values = score_batch(
            [pair.a] * count, [pair.b] * count, images, wanted, reference=references
        )
        return {r.slug: list(values.get(r.slug, [math.nan] * count)) for r in records}

    for whole in datasets.load(DATASET):
        pair = _central(whole)
        fused = {name: _centre(loaded[name](whole.a, whole.b)) for name in RANKED}
        for name in FUSED_BY:
            images = [fused[name], *(degraded(fused[name], *step, pair) for step in steps)]
            for slug, values in score(pair, images).items():
                scores[slug].append(values)
        if degradations is None:
            for slug, values in score(pair, list(fused.values())).items():
                ranks[slug].append(values)
        tick(pair.key)
    return Report(
        {r.slug: _trust(r, np.array(scores[r.slug]), steps) for r in records},
        {name: methods.METHODS[name].version for name in RANKED},
        _tau(records, ranks) if degradations is None else {},
    )


def _named(names: Sequence[str] | None) -> tuple[Degradation, ...]:
    if names is None:
        return DEGRADATIONS
    unknown = [name for name in names if name not in BY_NAME]
    if unknown:
        raise InputError(f"unknown degradation {unknown[0]!r}; known: {', '.join(BY_NAME)}")
    return tuple(BY_NAME[name] for name in names)


def _central(pair: Pair) -> Pair:
    reference = None if pair.reference is None else _centre(pair.reference)
    return Pair(pair.key, pair.task, _centre(pair.a), _centre(pair.b), reference, pair.scene)


def _centre(image: Image) -> Image:
    """Give the luma of the central pixels."""
    height, width = image.shape[:2]
    top, left = (height - SIDE) // 2, (width - SIDE) // 2
    return luma(image[top : top + SIDE, left : left + SIDE])


def _trust(
    record: Metric, values: NDArray[np.float64], steps: Sequence[tuple[Degradation, float]]
) -> Trust:
    """Sum up the values of a metric, shape (images, 1 + steps), the first before any step."""
    values = values[np.isfinite(values[:, 0])]
    base, changed = values[:, 0], values[:, 1:]
    better = _better(record, changed, base[:, None])
    responses: dict[str, Response] = {}
    for name in dict.fromkeys(d.name for d, _ in steps):
        columns = [i for i, (d, _) in enumerate(steps) if d.name == name]
        responses[name] = Response(
            tuple(_mean(changed[:, i]) for i in columns),
            tuple(round(float(better[:, i].mean()), 4) for i in columns),
        )
    copies = [i for i, (d, s) in enumerate(steps) if d.name.startswith("towards") and s == 1]
    if copies:
        best = (np.fmax if record.direction == "higher" else np.fmin).reduce(
            changed[:, copies], axis=1
        )
        share = round(float(better[:, copies].any(axis=1).mean()), 4)
        responses[COPY] = Response((_mean(best),), (share,))
    mean = _mean(base)
    assert mean is not None
    return Trust(record.slug, record.version, len(values), mean, responses)


def _better(
    record: Metric, changed: NDArray[np.float64], base: NDArray[np.float64]
) -> NDArray[np.bool_]:
    """Where a score is better than before; never where it is undefined."""
    gain = changed - base if record.direction == "higher" else base - changed
    return np.nan_to_num(gain, nan=-1.0) > NOISE * np.abs(base)


def _mean(values: NDArray[np.float64]) -> float | None:
    known = values[np.isfinite(values)]
    return float(f"{known.mean():.6g}") if len(known) else None


def _tau(
    records: Sequence[Metric], ranks: Mapping[str, list[list[float]]]
) -> dict[str, dict[str, float | None]]:
    table = kendall_table(
        [np.array(ranks[r.slug]) * (1 if r.direction == "higher" else -1) for r in records]
    )
    slugs = [r.slug for r in records]
    return {
        row: {
            column: None if math.isnan(value) else round(float(value), 3)
            for column, value in zip(slugs, values, strict=True)
        }
        for row, values in zip(slugs, table, strict=True)
    }


# -- the figures of the package ---------------------------------------------------------------


@lru_cache(maxsize=1)
def load_report() -> Report:
    """Read the figures that come with the package."""
    return from_dict(json.loads(FILE.read_text(encoding="utf-8")))


def to_dict(report: Report) -> dict[str, Any]:
    """Give a report as plain data, as in ``trust.json``."""
    return {
        "dataset": DATASET,
        "side": SIDE,
        "fused_by": list(FUSED_BY),
        "methods": dict(report.methods),
        "metrics": {
            t.slug: {
                "version": t.version,
                "images": t.images,
                "base": t.base,
                "responses": {
                    name: {"means": list(r.means), "better": list(r.better)}
                    for name, r in t.responses.items()
                },
            }
            for t in report.metrics.values()
        },
        "tau": {slug: dict(row) for slug, row in report.tau.items()},
    }


def from_dict(table: Mapping[str, Any]) -> Report:
    """Read what `to_dict` wrote."""
    return Report(
        {
            slug: Trust(
                slug,
                row["version"],
                row["images"],
                row["base"],
                {
                    name: Response(tuple(r["means"]), tuple(r["better"]))
                    for name, r in row["responses"].items()
                },
            )
            for slug, row in table["metrics"].items()
        },
        table["methods"],
        table["tau"],
    )


def to_json(report: Report) -> str:
    """Write a report as the text of ``trust.json``: a line for each metric, so that diffs show."""
    parts = []
    for name, value in to_dict(report).items():
        if isinstance(value, dict) and any(isinstance(v, dict) for v in value.values()):
            rows = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in value.items())
            parts.append(f'"{name}": {{\n{rows}\n}}')
        else:
            parts.append(f'"{name}": {json.dumps(value)}')
    return "{\n" + ",\n".join(parts) + "\n}\n"

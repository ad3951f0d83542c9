"""The numbers that papers print, beside the same cells computed from images."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import re
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from fusebench import datasets
from fusebench.bench.cache import get_image
from fusebench.bench.diagnose import COLOURS, Convention, conventions
from fusebench.bench.doubts import SHARES, Doubt, find_doubts
from fusebench.bench.folders import cache_folder
from fusebench.bench.images import pixel_digest, read_image
from fusebench.bench.paper import FOLDER, Cell, Paper, Source, load_paper, paper_names
from fusebench.bench.registry import unknown_name
from fusebench.bench.types import FusebenchError, Image, InputError, MissingDataError, Pair
from fusebench.datasets import DATASETS, Dataset
from fusebench.methods import METHODS
from fusebench.methods._weights import trained_here
from fusebench.metrics import METRICS, Protocol, compute_scores, triplet_of

if TYPE_CHECKING:
    from fusebench.bench.store import Store

Verdict = Literal[
    "reproduced",
    "explained by convention",
    "contradicts itself",
    "not reproducible",
    "not measured",
]
VERDICTS: tuple[Verdict, ...] = get_args(Verdict)

# A mean that is right in all but the rounding of its last digit: published images are decoded,
# and sums added up, in other ways than the authors did.
SAME = 1.0
# Further off than that, in units of the last digit or as a share of the value, but by less than two
# conventions differ: the nearest two, SF by differences and by pixels, are 1e-3 apart.
NEAR = 5.0
NEAR_SHARE = 5e-4

MEASURED = FOLDER / "measured.csv"
"""Values of images that are public, computed by the maintainers; ``docs/measure.py`` writes it."""

RETRAINED = FOLDER / "retrained.csv"
"""The same of methods that run on weights of ours, where their authors' are not to be had."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True)
class Measured:
    """One cell computed by one convention from one set of images.

    Attributes
    ----------
    images : str
        Which images.
    convention : str
        Parameters that differ from the canonical ones, in words.
    protocols : tuple of str
        Protocols of the package that compute the metric so; empty for none.
    value : float
        Mean over the pairs; NaN where undefined on any.
    retrained : bool
        Whether the images are of weights that were trained here: they reproduce no number, however
        near they come.
    """

    images: str
    convention: str
    protocols: tuple[str, ...]
    value: float
    retrained: bool = False


@dataclass(frozen=True)
class Results:
    """Fused images of one method on one dataset of a paper.

    Attributes
    ----------
    method, dataset : str
        Slugs in the paper.
    name : str
        What to call them.
    opened : Dataset or None
        The source images.
    read : mapping
        Reads the fused image of a pair, by key.
    problem : str
        Why they cannot be used; "" where they can.
    pairs : mapping
        Keys of pairs that the paper calls otherwise, by its names.
    retrained : bool
        Whether they are of weights that were trained here.
    """

    method: str
    dataset: str
    name: str
    opened: Dataset | None
    read: Mapping[str, Callable[[], Image]] = field(default_factory=dict)
    problem: str = ""
    pairs: Mapping[str, str] = field(default_factory=dict)
    retrained: bool = False


@dataclass(frozen=True)
class Audited:
    """A cell, what was computed for it, and what to think of it.

    Attributes
    ----------
    cell : Cell
    verdict : str
        One of `VERDICTS`.
    reason : str
        Why, in one sentence.
    best : Measured or None
        The computed value nearest to the printed one.
    measured : tuple of Measured
        Everything computed from the same images.
    doubts : tuple of Doubt
        What rules and statements say of the cell.
    """

    cell: Cell
    verdict: Verdict
    reason: str
    best: Measured | None
    measured: tuple[Measured, ...]
    doubts: tuple[Doubt, ...]

    @property
    def difference(self) -> float | None:
        """The nearest computed value minus the printed one."""
        return None if self.best is None else self.best.value - self.cell.value


def audit(
    paper: Paper,
    table: str | None = None,
    results: Sequence[Results] = (),
    *,
    shipped: bool = True,
    progress: Progress | None = None,
) -> list[Audited]:
    """Say of each cell of a paper whether it can be trusted, and by which convention.

    Parameters
    ----------
    paper : Paper
    table : str, optional
        Only this table.
    results : sequence of Results
        Images to compute cells from.
    shipped : bool
        Whether to use the values that come with the package where no images are given.
    progress : callable, optional
        Called with the number of results scored, their total, and a name.

    Returns
    -------
    list of Audited
        In the order of print.

    Raises
    ------
    UnknownNameError
        If the paper has no such table.
    """
    cells = paper.table(table)
    about: dict[Cell, list[Doubt]] = defaultdict(list)
    for doubt in find_doubts(paper):
        for cell in doubt.cells:
            about[cell].append(doubt)
    known: dict[Cell, list[list[Measured]]] = defaultdict(list)
    lacking: dict[Cell, tuple[Verdict, str]] = {}
    for number, result in enumerate(results, 1):
        wanted = [c for c in cells if (c.method, c.dataset) == (result.method, result.dataset)]
        for group in _by_pair(wanted):
            try:
                for cell, values in measure(result, group).items():
                    known[cell].append(values)
            except FusebenchError as e:
                lacking |= dict.fromkeys(group, ("not measured", f"{result.name}: {e}"))
        if progress:
            progress(number, len(results), result.name)
    if shipped:
        for cell, values in shipped_values(paper).items():
            known[cell].append(values)
    return [
        judge(cell, known[cell], about[cell], lacking.get(cell) or _why_not(paper, cell))
        for cell in cells
    ]


def judge(
    cell: Cell,
    measured: Sequence[Sequence[Measured]],
    doubts: Sequence[Doubt] = (),
    otherwise: tuple[Verdict, str] = ("not measured", ""),
) -> Audited:
    """Come to a verdict on one cell.

    Parameters
    ----------
    cell : Cell
    measured : sequence of sequence of Measured
        Computed values, for each set of images.
    doubts : sequence of Doubt
    otherwise : tuple of str
        Verdict and reason where nothing was computed and no doubt explains it.
    """
    best, everything = _nearest(cell, measured)
    verdict, reason = _verdict(cell, best, doubts, otherwise)
    return Audited(cell, verdict, reason, best, everything, tuple(doubts))


def _nearest(
    cell: Cell, measured: Sequence[Sequence[Measured]]
) -> tuple[Measured | None, tuple[Measured, ...]]:
    """Choose the computed value nearest to the printed one, and those of the same images.

    A convention that no protocol uses counts only where it gives the printed number: among many,
    some come near by chance. Images of weights that were trained here count where there are no
    others.
    """
    tried = []
    for index, values in enumerate(measured):
        for value in values:
            off = units_off(cell, value.value)
            given = off <= SAME and not value.retrained
            if given or (value.protocols and math.isfinite(off)):
                far = off > SAME
                tried.append((value.retrained, far, not value.protocols, off, index, value))
    if not tried:
        return None, ()
    *_, index, best = min(tried, key=lambda t: t[:-1])
    return best, tuple(measured[index])


def _verdict(
    cell: Cell,
    best: Measured | None,
    doubts: Sequence[Doubt],
    otherwise: tuple[Verdict, str],
) -> tuple[Verdict, str]:
    off = math.inf if best is None else units_off(cell, best.value)
    how = "" if best is None else _how(best)
    theirs = best is not None and not best.retrained
    if best is not None and theirs and best.protocols and off <= SAME:
        return "reproduced", f"{how}, from {best.images}"
    wrong = [d.text for d in doubts if d.kind == "contradiction"]
    if wrong:
        return "contradicts itself", "; ".join(wrong)
    if best is not None and theirs and is_near(cell, best.value):
        close = "" if off <= SAME else f" gives {best.value:.{cell.decimals}f}, near it"
        return "explained by convention", f"{how}{close}, from {best.images}"
    # That some images do not give a number says nothing against a convention known otherwise.
    explained = [d.text for d in doubts if d.kind == "convention"]
    if explained:
        return "explained by convention", "; ".join(explained)
    if best is not None:
        percent = 100 * (best.value - cell.value) / abs(cell.value or 1)
        return (
            "not reproducible",
            f"nearest is {how}: {best.value:.{cell.decimals}f} ({percent:+.2g}%), "
            f"from {best.images}",
        )
    return otherwise


def _how(value: Measured) -> str:
    return "protocol " + ", ".join(value.protocols) if value.protocols else value.convention


def _why_not(paper: Paper, cell: Cell) -> tuple[Verdict, str]:
    """Say why a cell has not been computed."""
    source = paper.datasets[cell.dataset]
    missing = source.missing or source.absent.get(cell.pair, "")
    if cell.metric not in METRICS:
        what = "a trained network" if cell.metric.startswith(SHARES) else "something else"
        return "not reproducible", f"{cell.metric_label} needs {what} besides the images"
    if missing:
        return "not reproducible", missing
    if not cell.pair and source.published not in (None, cell.pairs):
        which = f"which {cell.pairs} of the {source.published} pairs of {source.where}"
        return "not reproducible", f"{which} were used is not said"
    if not dataset_here(source):
        return "not reproducible", f"dataset {source.use} is not part of this version"
    here = methods_here(paper, cell.method)
    if not here:
        return (
            "not reproducible",
            f"method {cell.method} is not part of this version; "
            f"give its images: --fused {cell.method}=DIR",
        )
    return (
        "not measured",
        f"run {' or '.join(here)} on {source.use} (fusebench run) and audit its database (--db)",
    )


def dataset_here(source: Source) -> bool:
    """Say whether this version has the pairs that a paper uses."""
    slug, _, split = source.use.partition(":")
    return slug in DATASETS and split in DATASETS[slug].splits


def methods_here(paper: Paper, method: str) -> list[str]:
    """Slugs of the methods of this version that a method of a paper may stand for."""
    return [name for name in _names(paper, method) if name in METHODS]


def _names(paper: Paper, method: str) -> tuple[str, ...]:
    return paper.aliases.get(method, (method,))


def units_off(cell: Cell, value: float) -> float:
    """Give the distance from the printed number, in units of its last digit; NaN for NaN."""
    return round(abs(value - cell.value) / cell.unit, 3)


def is_near(cell: Cell, value: float) -> bool:
    """Say whether a value comes so near to the printed one that its convention explains it."""
    share = abs(value - cell.value) <= NEAR_SHARE * abs(cell.value)
    return share or units_off(cell, value) <= NEAR


def count(audited: Iterable[Audited]) -> dict[Verdict, int]:
    """Count cells by verdict, in the order of `VERDICTS`."""
    found = Counter(a.verdict for a in audited)
    return {verdict: found[verdict] for verdict in VERDICTS}


def to_dict(a: Audited) -> dict[str, Any]:
    """Give an audited cell as plain data, for JSON and tables.

    ``protocols`` holds the computed value under each protocol of the package.
    """
    values = {name: m.value for m in a.measured for name in m.protocols}
    return {
        "paper": a.cell.paper,
        "table": a.cell.table,
        "dataset": a.cell.dataset,
        "pair": a.cell.pair,
        "pairs": a.cell.pairs,
        "block": a.cell.block,
        "method": a.cell.method,
        "label": a.cell.label,
        "metric": a.cell.metric,
        "metric_label": a.cell.metric_label,
        "printed": a.cell.printed,
        "verdict": a.verdict,
        "value": None if a.best is None else a.best.value,
        "difference": a.difference,
        "convention": None if a.best is None else a.best.convention,
        "explained_by": [] if a.best is None else list(a.best.protocols),
        "images": None if a.best is None else a.best.images,
        "reason": a.reason,
        "protocols": {k: v for k, v in sorted(values.items()) if math.isfinite(v)},
        "doubts": [{"rule": d.rule, "kind": d.kind, "text": d.text} for d in a.doubts],
    }


def audit_all(
    results: Mapping[str, Sequence[Results]] | None = None,
    *,
    progress: Progress | None = None,
) -> dict[str, list[Audited]]:
    """Audit every paper.

    Parameters
    ----------
    results : mapping of str to sequence of Results, optional
        Images by key of the paper.
    progress : callable, optional

    Returns
    -------
    dict
        Audited cells by key of the paper.
    """
    given = results or {}
    return {
        key: audit(load_paper(key), None, given.get(key, ()), progress=progress)
        for key in paper_names()
    }


# -- computing --------------------------------------------------------------------------------


def measure(result: Results, cells: Sequence[Cell]) -> dict[Cell, list[Measured]]:
    """Compute cells of one method, dataset and pair by every convention.

    Conventions that no protocol uses are tried where the protocols do not give the printed number,
    unless the weights were trained here: what gives it then does so by chance.

    Parameters
    ----------
    result : Results
    cells : sequence of Cell
        Of that method and dataset; all for one pair, or all means over the dataset.

    Returns
    -------
    dict
        Values by cell; cells whose metric is not computed from images are left out.

    Raises
    ------
    FusebenchError
        If images are missing or cannot be used, or are not those of the printed mean.
    """
    cells = [c for c in cells if c.metric in METRICS]
    if not cells:
        return {}
    keys = _keys(result, cells[0])
    slugs = list(dict.fromkeys(c.metric for c in cells))
    values = _means(result, keys, slugs, lambda convention: bool(convention.protocols))
    found = {c: values[c.metric] for c in cells}
    if result.retrained:
        return found
    left = [c for c in cells if judge(c, [found[c]]).verdict != "reproduced"]
    slugs = list(dict.fromkeys(c.metric for c in left))
    values = _means(result, keys, slugs, lambda convention: not convention.protocols)
    return found | {c: found[c] + values[c.metric] for c in left}


def _keys(result: Results, cell: Cell) -> tuple[str, ...]:
    """Give the pairs that a printed value is a mean over."""
    if result.opened is None or result.problem:
        raise InputError(result.problem)
    name, keys = result.opened.name, result.opened.keys
    if cell.pair:
        key = result.pairs.get(cell.pair, cell.pair)
        if key not in keys:
            raise InputError(f"{name} has no pair {key}")
        keys = (key,)
    elif cell.pairs != len(keys):
        raise InputError(f"{name} has {len(keys)} pairs, the printed mean is over {cell.pairs}")
    lacking = [key for key in keys if key not in result.read]
    if lacking:
        raise MissingDataError(
            f"{datasets.listing('missing image', lacking, 3)} (of {len(keys)} pairs)"
        )
    return keys


def _means(
    result: Results,
    keys: Sequence[str],
    slugs: Sequence[str],
    choose: Callable[[Convention], bool],
) -> dict[str, list[Measured]]:
    """Average over pairs, for each metric and each convention that is chosen."""
    wanted = [(s, c) for s in slugs for c in conventions(METRICS[s], COLOURS) if choose(c)]

    opened = result.opened
    assert opened is not None

    def one(key: str) -> tuple[list[float], bool]:
        return _score(opened[key], result.read[key](), wanted)

    # Threads scale here, as in `score_batch`.
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        scored = list(pool.map(one, keys)) if wanted else []
    coloured = any(colour for _, colour in scored)
    found: dict[str, dict[str, Measured]] = {slug: {} for slug in slugs}
    for index, (slug, convention) in enumerate(wanted):
        # Grey images are scored alike by both rules of colour.
        shown = convention if coloured else replace(convention, colour="luma")
        before = found[slug].get(str(shown))
        found[slug][str(shown)] = Measured(
            result.name,
            str(shown),
            (*(before.protocols if before else ()), *convention.protocols),
            math.fsum(values[index] for values, _ in scored) / len(scored),
            result.retrained,
        )
    return {slug: list(values.values()) for slug, values in found.items()}


def _score(
    pair: Pair, fused: Image, wanted: Sequence[tuple[str, Convention]]
) -> tuple[list[float], bool]:
    """Score one triple, taking from the cache what was computed before."""
    coloured = any(image.ndim == 3 for image in (pair.a, pair.b, fused))
    digests = "".join(pixel_digest(image) for image in (pair.a, pair.b, fused))
    digest = hashlib.sha256(digests.encode()).hexdigest()
    path = cache_folder() / "scores" / digest[:2] / f"{digest}.json"
    known = _read_scores(path)
    triplets: dict[str, Any] = {}
    values = []
    for slug, convention in wanted:
        colour = convention.colour if coloured else "luma"
        record = METRICS[slug]
        name = json.dumps([slug, record.version, colour, dict(convention.parameters)])
        if name not in known:
            if colour not in triplets:
                triplets[colour] = triplet_of(pair.a, pair.b, fused, colour=colour)
            rules = Protocol("", "", colour, {slug: convention.parameters})
            score = compute_scores(triplets[colour], [record], rules)[slug][0]
            known[name] = score.value if math.isfinite(score.value) else None
        value = known[name]
        values.append(math.nan if value is None else value)
    if triplets:
        _write_scores(path, known)
    return values, coloured


def _read_scores(path: Path) -> dict[str, float | None]:
    # A cache that cannot be read is one that holds nothing.
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _write_scores(path: Path, scores: Mapping[str, float | None]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    # Two audits at once both write whole files; the last one wins.
    part = path.with_suffix(f".{os.getpid()}.{threading.get_ident()}.part")
    part.write_text(json.dumps(scores), encoding="utf-8")
    part.replace(path)


def _by_pair(cells: Sequence[Cell]) -> list[list[Cell]]:
    found: dict[str, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[cell.pair].append(cell)
    return list(found.values())


# -- finding images ---------------------------------------------------------------------------


def find_folder(
    paper: Paper,
    table: str | None,
    method: str,
    folder: Path,
    roots: Mapping[str, Path],
    dataset: str | None = None,
) -> Results:
    """Take the fused images of a method from a folder.

    Files are matched to pairs by stem, or by the number that both end in.

    Parameters
    ----------
    paper, table
        Where the method is looked for.
    method : str
        Its slug in the paper.
    folder : Path
    roots : mapping of str to Path
        Folders of source images, as for a run.
    dataset : str, optional
        Slug of the dataset in the paper, where the method has values on several.

    Raises
    ------
    UnknownNameError
        If the paper has no such method.
    InputError
        If it is not clear which dataset is meant, or files do not match its pairs.
    MissingDataError
        If there are no images.
    """
    from fusebench.bench.runner import match_files

    cells = [c for c in paper.table(table) if c.metric in METRICS]
    slugs = list(dict.fromkeys(c.method for c in cells))
    if method not in slugs:
        raise unknown_name(f"method of {paper.key}", method, slugs)
    used = list(dict.fromkeys(c.dataset for c in cells if c.method == method))
    if dataset is not None and dataset not in used:
        raise unknown_name(f"dataset of {method} in {paper.key}", dataset, used)
    if dataset is None and len(used) > 1:
        raise InputError(
            f"{method} has values on {', '.join(used)}; say which: --fused {method}@{used[0]}=DIR"
        )
    dataset = dataset or used[0]
    opened = _open(paper, dataset, roots)
    files = match_files(folder, opened, by_number=True)
    read = {key: lambda path=path: read_image(path) for key, path in files.items()}
    pairs = paper.datasets[dataset].pairs
    return Results(method, dataset, f"images in {folder.name}", opened, read, pairs=pairs)


def find_stored(
    paper: Paper, table: str | None, store: Store, roots: Mapping[str, Path]
) -> list[Results]:
    """Take from a database the fused images of methods that a paper compares.

    An entry stands for a method of the paper if its name is that slug or an alias, without regard
    to case and signs: the slug of a method that ran with its default options and weights, else a
    label that the user gave.

    Parameters
    ----------
    paper, table
        Where methods are looked for.
    store : Store
    roots : mapping of str to Path
        Folders of source images, before those that the database remembers.

    Returns
    -------
    list of Results
        Those whose source images are gone say so.
    """
    from sqlalchemy import select

    from fusebench.bench.schema import DatasetRow, EntryRow, FusedRow, PairRow

    cells = [c for c in paper.table(table) if c.metric in METRICS]
    uses = {slug: source.use for slug, source in paper.datasets.items() if source.use}
    statement = (
        select(
            EntryRow.id.label("entry"),
            EntryRow.kind,
            EntryRow.slug,
            EntryRow.label,
            EntryRow.options,
            EntryRow.origin,
            DatasetRow.id.label("dataset"),
            DatasetRow.name,
            DatasetRow.root,
            FusedRow.device,
            PairRow.key,
            FusedRow.image_digest,
        )
        .join(FusedRow, FusedRow.entry_id == EntryRow.id)
        .join(PairRow, PairRow.id == FusedRow.pair_id)
        .join(DatasetRow, DatasetRow.id == PairRow.dataset_id)
        .where(DatasetRow.name.in_(set(uses.values())), FusedRow.image_digest.is_not(None))
        .order_by(EntryRow.id, DatasetRow.id, FusedRow.device)
    )
    frame = store.frame(statement)
    found = []
    wanted = dict.fromkeys((c.method, c.dataset) for c in cells)
    for _, rows in frame.groupby(["entry", "dataset", "device"], sort=False):
        row = rows.iloc[0]
        name = _name_of(row)
        for method, dataset in wanted:
            names = {_plain(n) for n in _names(paper, method)}
            if uses.get(dataset) != row["name"] or _plain(name) not in names:
                continue
            places = dict(roots) if roots else {"": Path(row.root)} if row.root else {}
            read = {
                str(key): lambda digest=str(digest): _cached_image(digest)
                for key, digest in zip(rows.key, rows.image_digest, strict=True)
            }
            own = (
                row.kind == "method"
                and row.slug in METHODS
                and trained_here(METHODS[row.slug], row.origin)
            )
            whose = " with weights of ours" if own else ""
            label = f"{row.label}{whose} in the database ({row.device})"
            try:
                opened = _open(paper, dataset, places)
                pairs = paper.datasets[dataset].pairs
                result = Results(method, dataset, label, opened, read, pairs=pairs, retrained=own)
            except FusebenchError as e:
                result = Results(method, dataset, label, None, problem=str(e), retrained=own)
            found.append(result)
    return found


def _name_of(row: Any) -> str:
    """Give the name that an entry is known by; "" for another setting under a method's label."""
    if row.kind != "method" or row.slug not in METHODS:
        return str(row.label)
    record = METHODS[row.slug]
    # Databases of packed results hold options in the order of their names.
    options, usual = (json.dumps(dict(o), sort_keys=True) for o in (row.options, record.options))
    if options == usual and row.origin != "user weights":
        return str(row.slug)
    return "" if row.label == record.label else str(row.label)


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.lower())


def _cached_image(digest: str) -> Image:
    image = get_image(digest)
    if image is None:
        raise InputError(
            f"the cache {cache_folder()} has no image {digest[:12]}…; run the method again"
        )
    return image


def _open(paper: Paper, dataset: str, roots: Mapping[str, Path]) -> Dataset:
    from fusebench.bench.runner import find_root

    source = paper.datasets[dataset]
    if not source.use:
        raise InputError(f"{dataset} of {paper.key} cannot be recomputed: {source.missing}")
    return datasets.load(source.use, find_root(source.use, roots))


# -- values that come with the package --------------------------------------------------------


def shipped_values(paper: Paper) -> dict[Cell, list[Measured]]:
    """Give the values that the maintainers computed from public images."""
    by_place = {tuple(getattr(c, name) for name in PLACE): c for c in paper.cells}
    found: dict[Cell, list[Measured]] = defaultdict(list)
    for path in (MEASURED, RETRAINED):
        with path.open(newline="", encoding="utf-8") as file:
            for row in csv.DictReader(file):
                place = tuple(row[name] for name in PLACE)
                if row["paper"] == paper.key:
                    found[by_place[place]].append(
                        Measured(
                            row["images"],
                            row["convention"],
                            tuple(row["protocols"].split()),
                            float(row["value"]),
                            path == RETRAINED,
                        )
                    )
    return found


def value_rows(audited: Iterable[Audited]) -> list[dict[str, str]]:
    """Give computed values as they are stored."""
    return [
        {"paper": a.cell.paper}
        | {name: getattr(a.cell, name) for name in PLACE}
        | {
            "images": m.images,
            "convention": m.convention,
            "protocols": " ".join(m.protocols),
            "value": repr(m.value),
        }
        for a in audited
        for m in a.measured
        if m.protocols or m is a.best
    ]


def write_rows(path: Path, rows: Iterable[Mapping[str, str]]) -> None:
    """Write what `value_rows` gives as `shipped_values` reads it, for maintainers."""
    with path.open("w", newline="", encoding="utf-8") as file:
        fields = ["paper", *PLACE, "images", "convention", "protocols", "value"]
        writer = csv.DictWriter(file, fields, lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)


PLACE = ("table", "dataset", "pair", "block", "method", "metric")

"""Results as a folder of text files: what is submitted, reviewed and published.

::

    about.json              versions of the metrics, datasets, runs and the machines they ran on
    methods.csv             a line for each competitor
    tno_25/pairs.csv        a line for each pair: scene, size, digests of the pixels
    tno_25/images.csv       a line for each fused image: digest, time, memory, or why there is none
    tno_25/canonical.csv    a line for each fused image: scores under a protocol, a column a metric

Such a folder diffs well: lines are sorted, runs and machines are named by digests of what they are,
numbers are rounded, and nothing in it depends on the database it came from. Packing what was merged
gives the same bytes again. Fused images are not part of it, their digests are.
"""

from __future__ import annotations

import csv
import hashlib
import json
import math
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar, get_args

from sqlalchemy import func, select

import fusebench
from fusebench.bench.folders import put_folder
from fusebench.bench.schema import (
    DatasetRow,
    EntryRow,
    EnvironmentRow,
    FusedRow,
    PairRow,
    RunRow,
    ScoreRow,
)
from fusebench.bench.store import Entry, EntryKind, Store, json_digest
from fusebench.bench.types import TASKS, InputError, MissingDataError
from fusebench.datasets import PairFacts, dataset_digest

FORMAT = 1
HEADER = "about.json"
METHODS = "methods.csv"
PAIRS, IMAGES = "pairs.csv", "images.csv"
DIGITS = 6
"""Significant digits of scores and times, unless other ones are asked for."""
EXACT = 17
"""With so many digits numbers are written in full."""

_METHOD = ("method", "kind", "slug", "label", "version", "origin", "weights", "options")
_PAIR = ("pair", "task", "scene", "height", "width", "a_channels", "b_channels")
_PIXELS = ("a_sha256", "b_sha256", "reference_sha256")
_KEY = ("method", "device", "pair", "run")
_IMAGE = (*_KEY, "image_sha256", "seconds", "peak_memory", "error")
_KINDS: tuple[EntryKind, ...] = get_args(EntryKind)
_UNDEFINED = "undefined"
_SAFE = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class PackedRun:
    """One call that added results; `environment` names the machine and libraries."""

    name: str
    started: datetime
    finished: datetime | None
    workers: int
    environment: str


@dataclass(frozen=True, slots=True)
class PackedImage:
    """What a competitor made of a pair: an image, or an error. `line` is that of the file."""

    method: str
    device: str
    pair: str
    run: str
    image_digest: str | None
    seconds: float | None
    peak_memory: int | None
    error: str | None
    line: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Which competitor, device and pair."""
        return self.method, self.device, self.pair


@dataclass(frozen=True, slots=True)
class PackedScores:
    """Scores that one run computed of one image; None where it computed none.

    `undefined` holds the reason of each value that is NaN.
    """

    method: str
    device: str
    pair: str
    run: str
    values: tuple[float | None, ...]
    undefined: Mapping[str, str]
    line: int

    @property
    def key(self) -> tuple[str, str, str]:
        """Which competitor, device and pair."""
        return self.method, self.device, self.pair


@dataclass(frozen=True)
class ScoreTable:
    """Scores under one protocol."""

    metrics: tuple[str, ...]
    rows: list[PackedScores]


@dataclass(frozen=True)
class PackedDataset:
    """Results on one dataset.

    Attributes
    ----------
    stem : str
        Folder of its files.
    name, title, version, digest
        As in the database.
    facts : list of PairFacts
    images : list of PackedImage
    tables : mapping of str to ScoreTable
        By protocol.
    """

    stem: str
    name: str
    title: str
    version: int
    digest: str
    facts: list[PairFacts]
    images: list[PackedImage]
    tables: Mapping[str, ScoreTable]


@dataclass(frozen=True)
class Pack:
    """A folder of results.

    Attributes
    ----------
    folder : Path
    digits : int
        Significant digits of its numbers.
    versions : mapping
        Version of each metric, by protocol and slug.
    environments, runs, entries : mapping
        Machines, runs and competitors by their names in the files.
    datasets : list of PackedDataset
    problems : list of str
        What is wrong with its files, each with file and line.
    """

    folder: Path
    digits: int
    versions: Mapping[str, Mapping[str, int]]
    environments: Mapping[str, Mapping[str, Any]]
    runs: Mapping[str, PackedRun]
    entries: Mapping[str, Entry]
    datasets: list[PackedDataset]
    problems: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Packed:
    """What was packed, in numbers; `older` counts scores of older versions, which were left out."""

    datasets: int
    methods: int
    images: int
    scores: int
    older: int


# -- writing ----------------------------------------------------------------------------------


def pack(store: Store, folder: Path, *, names: Sequence[str] = (), digits: int = DIGITS) -> Packed:
    """Write the results of a database as a folder of text files.

    Parameters
    ----------
    store : Store
    folder : Path
        New or empty, or packed before: then it is replaced.
    names : sequence of str
        Datasets, such as ``"tno:25"``; all by default.
    digits : int
        Significant digits of scores and times, 1 to 17; 17 keeps every number as it is.

    Returns
    -------
    Packed

    Raises
    ------
    InputError
        If there are no results, or the folder holds other files.
    """
    if not 1 <= digits <= EXACT:
        raise InputError(f"{digits} digits are not possible; expected 1 to {EXACT}")
    with put_folder(folder, HEADER, "packed results") as out:
        return _Writer(store, out, digits).write(names)


class _Writer:
    """One database on its way into a folder."""

    def __init__(self, store: Store, out: Path, digits: int) -> None:
        self.store = store
        self.out = out
        self.digits = digits
        self.run_names: dict[int, str] = {}
        self.entry_names: dict[int, str] = {}
        self.images = self.scores = self.older = 0

    def write(self, names: Sequence[str]) -> Packed:
        datasets = self._datasets(names)
        stems = _stems([row.name for row in datasets])
        header: dict[str, Any] = {
            "format": FORMAT,
            "fusebench": fusebench.__version__,
            "digits": self.digits,
            "metrics": self._versions([row.id for row in datasets]),
            "datasets": {
                stem: {
                    "name": row.name,
                    "title": row.title,
                    "version": row.version,
                    "digest": row.digest,
                }
                for stem, row in zip(stems, datasets, strict=True)
            },
            **self._runs([row.id for row in datasets]),
        }
        self._methods([row.id for row in datasets])
        for stem, row in zip(stems, datasets, strict=True):
            (self.out / stem).mkdir()
            self._dataset(self.out / stem, row.id, header["metrics"])
        text = json.dumps(header, indent=2, sort_keys=True, ensure_ascii=False)
        (self.out / HEADER).write_text(text + "\n", encoding="utf-8")
        return Packed(len(datasets), len(self.entry_names), self.images, self.scores, self.older)

    def _rows(self, statement: Any) -> list[Any]:
        with self.store.engine.connect() as connection:
            return list(connection.execute(statement).all())

    def _datasets(self, names: Sequence[str]) -> list[Any]:
        tried = select(PairRow.dataset_id).join(FusedRow, FusedRow.pair_id == PairRow.id)
        # Of several sets of pixels under one name the newest is what the leaderboard shows.
        newest = select(func.max(DatasetRow.id)).where(DatasetRow.id.in_(tried))
        newest = newest.group_by(DatasetRow.name)
        statement = select(DatasetRow.__table__).where(DatasetRow.id.in_(newest))
        rows = self._rows(statement.order_by(DatasetRow.name))
        have = [row.name for row in rows]
        unknown = [name for name in names if name not in have]
        if unknown or not rows:
            wanted = ", ".join(unknown) or "any dataset"
            raise InputError(
                f"no results on {wanted} in this database; it holds {', '.join(have) or 'nothing'}"
            )
        return [row for row in rows if not names or row.name in names]

    def _fused(self, dataset_ids: Sequence[int]) -> Any:
        """Select ids of the fused images on datasets."""
        return (
            select(FusedRow.id)
            .join(PairRow, PairRow.id == FusedRow.pair_id)
            .where(PairRow.dataset_id.in_(dataset_ids))
        )

    def _versions(self, dataset_ids: Sequence[int]) -> dict[str, dict[str, int]]:
        statement = (
            select(ScoreRow.protocol, ScoreRow.metric, func.max(ScoreRow.version))
            .where(ScoreRow.fused_id.in_(self._fused(dataset_ids)))
            .group_by(ScoreRow.protocol, ScoreRow.metric)
        )
        versions: dict[str, dict[str, int]] = {}
        for protocol, metric, version in self._rows(statement):
            if not _SAFE.fullmatch(protocol):
                raise InputError(f"the protocol {protocol!r} cannot be the name of a file")
            versions.setdefault(protocol, {})[metric] = version
        return versions

    def _runs(self, dataset_ids: Sequence[int]) -> dict[str, Any]:
        fused = self._fused(dataset_ids)
        made = select(FusedRow.run_id).where(FusedRow.id.in_(fused))
        scored = select(ScoreRow.run_id).where(ScoreRow.fused_id.in_(fused))
        runs, environments = {}, {}
        columns = RunRow.__table__.c
        statement = (
            select(
                columns.id,
                columns.name,
                columns.started,
                columns.finished,
                columns.workers,
                EnvironmentRow.facts,
            )
            .join(EnvironmentRow, EnvironmentRow.id == columns.environment_id)
            .where(columns.id.in_(made.union(scored)))
        )
        for row in self._rows(statement):
            environment = json_digest(row.facts)[:8]
            environments[environment] = row.facts
            run = {
                "name": row.name,
                "started": _time_text(row.started),
                "workers": row.workers,
                "environment": environment,
            }
            self.run_names[row.id] = json_digest(run)[:8]
            finished = None if row.finished is None else _time_text(row.finished)
            runs[self.run_names[row.id]] = {**run, "finished": finished}
        return {"environments": environments, "runs": runs}

    def _methods(self, dataset_ids: Sequence[int]) -> None:
        used = select(FusedRow.entry_id).where(FusedRow.id.in_(self._fused(dataset_ids)))
        rows = self._rows(select(EntryRow.__table__).where(EntryRow.id.in_(used)))
        count = Counter(row.label for row in rows)
        for row in rows:
            tell = "" if count[row.label] == 1 else f" {row.digest[:8]}"
            self.entry_names[row.id] = row.label + tell
        lines = [
            (
                self.entry_names[row.id],
                row.kind,
                row.slug,
                row.label,
                row.version,
                row.origin,
                row.weights_digest or "",
                json.dumps(row.options, sort_keys=True, ensure_ascii=False),
            )
            for row in rows
        ]
        _write(self.out / METHODS, _METHOD, sorted(lines))

    def _dataset(self, out: Path, dataset_id: int, versions: dict[str, dict[str, int]]) -> None:
        pairs = self._rows(select(PairRow.__table__).where(PairRow.dataset_id == dataset_id))
        keys = {row.id: row.key for row in pairs}
        _write(
            out / PAIRS,
            (*_PAIR, *_PIXELS),
            sorted(
                (
                    row.key,
                    row.task,
                    row.scene,
                    row.height,
                    row.width,
                    row.a_channels,
                    row.b_channels,
                    row.a_digest,
                    row.b_digest,
                    row.reference_digest or "",
                )
                for row in pairs
            ),
        )
        columns = FusedRow.__table__.c
        fused = self._rows(select(*columns).where(columns.id.in_(self._fused([dataset_id]))))
        names = {
            row.id: (self.entry_names[row.entry_id], row.device, keys[row.pair_id]) for row in fused
        }
        self.images += len(fused)
        _write(
            out / IMAGES,
            _IMAGE,
            sorted(
                (
                    *names[row.id],
                    self.run_names[row.run_id],
                    row.image_digest or "",
                    _number(row.seconds, self.digits),
                    "" if row.peak_memory is None else row.peak_memory,
                    row.error or "",
                )
                for row in fused
            ),
        )
        for protocol in versions:
            self._scores(out, dataset_id, protocol, versions[protocol], names)

    def _scores(
        self,
        out: Path,
        dataset_id: int,
        protocol: str,
        versions: dict[str, int],
        names: dict[int, tuple[str, str, str]],
    ) -> None:
        statement = select(
            ScoreRow.fused_id,
            ScoreRow.run_id,
            ScoreRow.metric,
            ScoreRow.version,
            ScoreRow.value,
            ScoreRow.error,
        ).where(ScoreRow.protocol == protocol, ScoreRow.fused_id.in_(self._fused([dataset_id])))
        cells: dict[tuple[str, ...], dict[str, str]] = {}
        reasons: dict[tuple[str, ...], dict[str, str]] = {}
        metrics: set[str] = set()
        with self.store.engine.connect() as connection:
            for fused_id, run_id, metric, version, value, error in connection.execute(statement):
                if version != versions[metric]:
                    self.older += 1
                    continue
                metrics.add(metric)
                key = (*names[fused_id], self.run_names[run_id])
                cells.setdefault(key, {})[metric] = _number(value, self.digits) or "nan"
                if value is None:
                    reasons.setdefault(key, {})[metric] = error or _UNDEFINED
                self.scores += 1
        if not cells:
            return
        columns = sorted(metrics)
        lines = [
            [
                *key,
                *(cells[key].get(metric, "") for metric in columns),
                _reasons_text(reasons.get(key, {})),
            ]
            for key in sorted(cells)
        ]
        _write(out / f"{protocol}.csv", (*_KEY, *columns, _UNDEFINED), lines)


def _stems(names: Sequence[str]) -> list[str]:
    """Give datasets folders that differ, named like them."""
    stems: list[str] = []
    for name in names:
        stem = re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_") or "dataset"
        while stem in stems:
            stem += "_"
        stems.append(stem)
    return stems


def _number(value: float | None, digits: int) -> str:
    if value is None:
        return ""
    return repr(float(value)) if digits >= EXACT else f"{value:.{digits}g}"


def _reasons_text(reasons: Mapping[str, str]) -> str:
    return json.dumps(reasons, sort_keys=True, ensure_ascii=False) if reasons else ""


def _time_text(when: datetime) -> str:
    # SQLite gives times without a zone; they are stored in UTC.
    return (when if when.tzinfo else when.replace(tzinfo=UTC)).astimezone(UTC).isoformat()


def _write(path: Path, columns: Sequence[str], lines: Iterable[Sequence[object]]) -> None:
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(columns)
        writer.writerows(lines)


# -- reading ----------------------------------------------------------------------------------


def is_pack(folder: Path) -> bool:
    """Say whether a folder looks like packed results."""
    return (folder / HEADER).is_file()


def content_digest(folder: Path) -> str:
    """Give the sha256 of the files of packed results."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.suffix in (".csv", ".json")):
        content = path.read_bytes()
        digest.update(f"{path.relative_to(folder).as_posix()}\n{len(content)}\n".encode())
        digest.update(content)
    return digest.hexdigest()


def read_pack(folder: Path) -> Pack:
    """Read a folder of packed results.

    Parameters
    ----------
    folder : Path

    Returns
    -------
    Pack
        With everything that is wrong with single lines in its `problems`; such lines are left out.

    Raises
    ------
    MissingDataError
        If there is no such folder, or nothing packed in it.
    InputError
        If its header cannot be understood.
    """
    if not is_pack(folder):
        raise MissingDataError(
            f"no packed results in {folder}: it has no {HEADER}; see 'fusebench submit pack'"
        )
    try:
        about = json.loads((folder / HEADER).read_text(encoding="utf-8"))
    except (OSError, ValueError) as e:
        raise InputError(f"{folder / HEADER} cannot be read: {e}") from None
    found = about.get("format") if isinstance(about, dict) else None
    if found != FORMAT:
        raise InputError(
            f"{folder / HEADER} has format {found!r}, this version reads {FORMAT}; "
            "newer results need: pip install -U fusebench"
        )
    return _Reader(folder).read(about)


class _Reader:
    """One folder being read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.problems: list[str] = []

    def read(self, about: Mapping[str, Any]) -> Pack:
        try:
            versions = {
                _safe(protocol): {str(slug): int(version) for slug, version in metrics.items()}
                for protocol, metrics in about["metrics"].items()
            }
            environments = {name: dict(facts) for name, facts in about["environments"].items()}
            runs = {
                name: PackedRun(
                    name=str(run["name"]),
                    started=_time(run["started"]),
                    finished=None if run["finished"] is None else _time(run["finished"]),
                    workers=int(run["workers"]),
                    environment=run["environment"],
                )
                for name, run in about["runs"].items()
            }
            datasets = {
                _safe(stem): (str(d["name"]), str(d["title"]), int(d["version"]), str(d["digest"]))
                for stem, d in about["datasets"].items()
            }
            digits = int(about["digits"])
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            reason = f"lacks {e}" if isinstance(e, KeyError) else str(e)
            raise InputError(f"{self.folder / HEADER} is not understood: {reason}") from None
        for name, run in runs.items():
            if run.environment not in environments:
                self.problems.append(f"{HEADER}: run {name} names no environment")
        named = list(self._lines(self.folder / METHODS, _METHOD, _entry))
        self._no_doubles(self.folder / METHODS, (((name,), line) for name, _, line in named))
        entries = {name: entry for name, entry, _ in named}
        return Pack(
            folder=self.folder,
            digits=digits,
            versions=versions,
            environments=environments,
            runs=runs,
            entries=entries,
            datasets=[
                self._dataset(stem, *facts, versions, set(entries), set(runs))
                for stem, facts in datasets.items()
            ],
            problems=self.problems,
        )

    def _dataset(
        self,
        stem: str,
        name: str,
        title: str,
        version: int,
        digest: str,
        versions: Mapping[str, Mapping[str, int]],
        entries: set[str],
        runs: set[str],
    ) -> PackedDataset:
        folder = self.folder / stem
        facts = list(self._lines(folder / PAIRS, (*_PAIR, *_PIXELS), _pair))
        if dataset_digest(facts) != digest:
            self._complain(folder / PAIRS, None, f"is not what {HEADER} says of {name}")
        keys = {f.key for f in facts}

        def known(row: Sequence[str]) -> None:
            for kind, text, names in (
                ("method", row[0], entries),
                ("pair", row[2], keys),
                ("run", row[3], runs),
            ):
                if text not in names:
                    raise ValueError(f"{kind} {text!r} is not known")

        def image(row: Sequence[str], line: int) -> PackedImage:
            known(row)
            return _image(row, line)

        images = list(self._lines(folder / IMAGES, _IMAGE, image))
        self._no_doubles(folder / IMAGES, ((i.key, i.line) for i in images))
        have = {i.key for i in images if i.image_digest is not None}
        tables = {}
        for protocol in versions:
            path = folder / f"{protocol}.csv"
            if not path.is_file():
                continue
            columns = self._columns(path)
            metrics = columns[len(_KEY) : -1]
            unknown = [slug for slug in metrics if slug not in versions[protocol]]
            if unknown:
                self._complain(path, 1, f"{HEADER} gives no version of {', '.join(unknown)}")
                continue

            def scores(row: Sequence[str], line: int, metrics: Sequence[str] = metrics) -> Any:
                known(row)
                found = _scores(row, line, metrics)
                if found.key not in have:
                    raise ValueError(f"there is no image of {', '.join(found.key)} in {IMAGES}")
                return found

            expected = (*_KEY, *metrics, _UNDEFINED)
            rows: list[PackedScores] = list(self._lines(path, expected, scores))
            self._no_doubles(path, (((*r.key, r.run), r.line) for r in rows))
            tables[protocol] = ScoreTable(tuple(metrics), rows)
        for path in sorted(folder.glob("*.csv")):
            if path.stem not in versions and path.name not in (PAIRS, IMAGES):
                self._complain(path, None, f"is of no protocol in {HEADER}")
        return PackedDataset(stem, name, title, version, digest, facts, images, tables)

    def _columns(self, path: Path) -> list[str]:
        with path.open(newline="", encoding="utf-8", errors="replace") as file:
            return next(csv.reader(file), [])

    def _lines(
        self, path: Path, columns: Sequence[str], make: Callable[[Sequence[str], int], T]
    ) -> Iterator[T]:
        """Turn the lines of a file into records, and note those that make none."""
        try:
            with path.open(newline="", encoding="utf-8") as file:
                reader = csv.reader(file, strict=True)
                head = next(reader, [])
                if head != list(columns):
                    expected = ",".join(columns)
                    self._complain(path, 1, f"has columns {','.join(head)}; expected {expected}")
                    return
                for row in reader:
                    try:
                        if len(row) != len(columns):
                            raise ValueError(f"{len(row)} cells; expected {len(columns)}")
                        yield make(row, reader.line_num)
                    except ValueError as e:
                        self._complain(path, reader.line_num, str(e))
        except (OSError, UnicodeDecodeError, csv.Error) as e:
            self._complain(path, None, f"cannot be read: {getattr(e, 'strerror', None) or e}")

    def _no_doubles(self, path: Path, keys: Iterable[tuple[tuple[str, ...], int]]) -> None:
        seen: set[tuple[str, ...]] = set()
        for key, line in keys:
            if key in seen:
                self._complain(path, line, f"{', '.join(key)} is there twice")
            seen.add(key)

    def _complain(self, path: Path, line: int | None, text: str) -> None:
        where = path.relative_to(self.folder).as_posix()
        self.problems.append(f"{where}{'' if line is None else f':{line}'}: {text}")


def _safe(name: str) -> str:
    """Refuse names that would lead out of the folder."""
    if not _SAFE.fullmatch(name):
        raise ValueError(f"{name!r} cannot be the name of a file")
    return name


def _time(text: str) -> datetime:
    when = datetime.fromisoformat(text)
    return when if when.tzinfo else when.replace(tzinfo=UTC)


def _entry(row: Sequence[str], line: int) -> tuple[str, Entry, int]:
    name, kind, slug, label, version, origin, weights, options = row
    known = next((k for k in _KINDS if k == kind), None)
    if known is None:
        raise ValueError(f"kind {kind!r} is not one of {', '.join(_KINDS)}")
    settings = json.loads(options)
    if not isinstance(settings, dict):
        raise ValueError("options are no JSON object")
    digest = _digest(weights) if weights else None
    return name, Entry(known, slug, label, int(version), settings, digest, origin), line


def _pair(row: Sequence[str], _: int) -> PairFacts:
    key, task_name, scene, *numbers, a, b, reference = row
    task = next((t for t in TASKS if t == task_name), None)
    if task is None:
        raise ValueError(f"task {task_name!r} is not one of {', '.join(TASKS)}")
    height, width, a_channels, b_channels = map(int, numbers)
    return PairFacts(
        key,
        task,
        scene,
        height,
        width,
        a_channels,
        b_channels,
        _digest(a),
        _digest(b),
        _digest(reference) if reference else None,
    )


def _image(row: Sequence[str], line: int) -> PackedImage:
    method, device, pair, run, digest, seconds, memory, error = row
    if bool(digest) == bool(error):
        raise ValueError("expected either the digest of an image or an error")
    took = float(seconds) if seconds else None
    if took is not None and not 0 <= took < math.inf:
        raise ValueError(f"{seconds} seconds are no time")
    return PackedImage(
        method,
        device,
        pair,
        run,
        _digest(digest) if digest else None,
        took,
        int(memory) if memory else None,
        error or None,
        line,
    )


def _scores(row: Sequence[str], line: int, metrics: Sequence[str]) -> PackedScores:
    method, device, pair, run = row[: len(_KEY)]
    reasons = json.loads(row[-1]) if row[-1] else {}
    if not isinstance(reasons, dict):
        raise ValueError(f"{_UNDEFINED} is no JSON object")
    cells = row[len(_KEY) : -1]
    values = tuple(float(cell) if cell else None for cell in cells)
    missing = {m for m, v in zip(metrics, values, strict=True) if v is not None and v != v}
    if missing != set(reasons):
        odd = ", ".join(sorted(missing ^ set(reasons)))
        raise ValueError(f"values that are nan need a reason and others have none: {odd}")
    texts = {slug: str(reason) for slug, reason in reasons.items()}
    return PackedScores(method, device, pair, run, values, texts, line)


def _digest(text: str) -> str:
    if not _SHA256.fullmatch(text):
        raise ValueError(f"{text!r} is no sha256")
    return text

"""From a suite, a folder of images or a Python function to rows in the database."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from fusebench import datasets, methods, metrics
from fusebench.bench.cache import get_image, image_path, put_image
from fusebench.bench.environment import environment_facts
from fusebench.bench.images import is_image_file, pixel_digest, read_image
from fusebench.bench.pool import Pool, SerialPool
from fusebench.bench.store import Entry, Known, Store
from fusebench.bench.suite import MethodChoice, Suite
from fusebench.bench.types import FusebenchError, InputError, Method, Metric, MissingDataError, Task
from fusebench.bench.work import Done, Fuse, Unit, carry_out, failure
from fusebench.datasets import Dataset, PairFacts

ON_CRASH = "the worker process died (out of memory, or a crash in native code)"
# Device of images that were not made here.
EXTERNAL = "external"

Progress = Callable[[int, int, str], None]
"""Called with the number of pairs done, their total, and what was done last."""


@dataclass(frozen=True)
class Job:
    """A unit of work, the rows it belongs to, and the fused image where there is one."""

    unit: Unit
    label: str
    entry_id: int
    pair_id: int
    image_digest: str | None = None

    def failed(self, reason: str) -> str:
        """Say in one line what failed and why."""
        return f"{self.label}, {self.unit.dataset}, {self.unit.key}: {reason}"


@dataclass
class Report:
    """What a run did.

    Attributes
    ----------
    done : int
        Pairs fused or scored in this run.
    kept : int
        Pairs that were complete before.
    failures : list of str
        ``label, dataset, pair: reason`` for every pair without a result, old and new.
    warnings : list of str
        Images that are not those of the frozen split.
    interrupted : bool
        Whether the user stopped it.
    """

    done: int = 0
    kept: int = 0
    failures: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    interrupted: bool = False


@dataclass(frozen=True)
class Opened:
    """A dataset that was checked, and is in the database."""

    dataset: Dataset
    facts: Sequence[PairFacts]
    pair_ids: Mapping[str, int]

    def unit(self, key: str, protocol: str) -> Unit:
        """Begin a unit of work for one of its pairs."""
        root = None if self.dataset.root is None else str(self.dataset.root)
        return Unit(self.dataset.name, root, key, protocol, ())


class Session:
    """Scores under one protocol, written to one database.

    Parameters
    ----------
    store : Store
    protocol : str
        Name of a protocol, or path of a TOML file.
    wanted : str or sequence of str
        "all" or slugs of metrics.
    pool : Pool, optional
        Where to run; this process by default.
    progress : callable, optional
    """

    def __init__(
        self,
        store: Store,
        protocol: str,
        wanted: str | Sequence[str],
        pool: Pool | None = None,
        progress: Progress | None = None,
    ) -> None:
        self.store = store
        self.protocol = protocol
        self.rules = metrics.load_protocol(protocol)
        self.wanted = wanted
        self.pool = pool or SerialPool()
        self.progress = progress
        self.report = Report()

    def open_dataset(self, name: str, root: Path | None) -> Opened:
        """Load a dataset, read every pair once, and enter it in the database.

        Raises
        ------
        FusebenchError
            Naming every pair that cannot be used, before any work starts.
        """
        dataset = datasets.load(name, root)
        facts = dataset.inspect()
        if any(f.other_digests for f in facts):
            raise InputError(
                f"{name} holds series of more than two sources, but a run fuses and scores two; "
                f"use {dataset.info.slug}:ends, the first and last of each"
            )
        if dataset.frozen:
            self.report.warnings += [
                f"{name}: {difference}" for difference in datasets.verify(dataset, facts)
            ]
        return Opened(dataset, facts, self.store.add_dataset(dataset, facts))

    def metrics_for(self, facts: PairFacts) -> list[Metric]:
        """Metrics that a pair allows."""
        with_reference = facts.reference_digest is not None
        return metrics.select_metrics(self.wanted, self.rules, with_reference=with_reference)

    def missing(self, facts: PairFacts, known: Known | None, digest: str | None) -> list[Metric]:
        """Metrics that the database lacks for an image; all, if it holds another image."""
        selected = self.metrics_for(facts)
        if known is None or digest is None or known.image_digest != digest:
            return selected
        return [m for m in selected if (m.slug, m.version) not in known.scores]

    def pending(
        self, entry: Entry, device: str, weights: str | None, opened: Opened, retry: bool
    ) -> Iterator[Job]:
        """Yield what is not yet in the database of one method on one dataset."""
        entry_id = self.store.add_entry(entry)
        known = self.store.known(entry_id, device, self.rules.name)
        tasks = methods.METHODS[entry.slug].tasks
        for facts in opened.facts:
            if facts.task not in tasks:
                continue
            pair_id = opened.pair_ids[facts.key]
            unit = replace(
                opened.unit(facts.key, self.protocol),
                method=entry.slug,
                options=json.dumps(_for_task(entry.options, facts.task)),
                weights=weights,
                device=device,
            )
            job = Job(unit, entry.label, entry_id, pair_id)
            before = known.get(pair_id)
            if before is not None and before.error and not retry:
                self.report.failures.append(job.failed(before.error))
                continue
            digest = before.image_digest if before else None
            todo = self.missing(facts, before, digest)
            if not todo:
                self.report.kept += 1
                continue
            if digest is not None and get_image(digest) is None:
                # The image has to be made again; if it is another one, it needs all scores.
                digest, todo = None, self.metrics_for(facts)
            unit = replace(unit, metrics=tuple(m.slug for m in todo))
            yield replace(job, unit=unit, image_digest=digest)

    def execute(
        self, name: str, jobs: Sequence[Job], work: Callable[[Unit], Done] = carry_out
    ) -> Iterator[tuple[Job, Done]]:
        """Carry out jobs, store each result as it comes, and yield it."""
        if not jobs:
            return
        run_id = self.start_run(name)
        under_way: dict[int, tuple[Unit, Job]] = {}

        def units() -> Iterator[Unit]:
            # Images are read when their unit is handed out, so that memory stays bounded.
            for job in jobs:
                unit = job.unit
                if job.image_digest is not None:
                    unit = replace(unit, image=image_path(job.image_digest).read_bytes())
                under_way[id(unit)] = (unit, job)
                yield unit

        results = self.pool.map(
            work, units(), lambda unit: Done(None, failure(ON_CRASH, unit.device))
        )
        try:
            with closing(results):
                for unit, done in results:
                    _, job = under_way.pop(id(unit))
                    self._keep(job, done, run_id)
                    self.report.done += 1
                    if self.progress:
                        what = f"{job.label} on {job.unit.dataset}"
                        self.progress(self.report.done, len(jobs), what)
                    yield job, done
        except KeyboardInterrupt:
            self.report.interrupted = True
        else:
            self.store.finish_run(run_id)

    def _keep(self, job: Job, done: Done, run_id: int) -> None:
        outcome = done.outcome
        if done.image is not None:
            outcome = replace(outcome, image_digest=put_image(done.image))
        else:
            self.report.failures.append(job.failed(outcome.error or ""))
        self.store.save(job.entry_id, job.pair_id, run_id, self.rules.name, outcome)

    def start_run(self, name: str) -> int:
        """Note that results are about to be added."""
        environment_id = self.store.add_environment(environment_facts())
        return self.store.start_run(name, self.pool.workers, environment_id)


def run_suite(
    suite: Suite,
    store: Store,
    *,
    pool: Pool | None = None,
    device: str = "auto",
    roots: Mapping[str, Path] | None = None,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Report:
    """Run every method of a suite on every pair, and score what comes out.

    What the database holds already is not done again; a metric that is new, or has a new version,
    is computed from the fused images that were kept.

    Parameters
    ----------
    suite : Suite
    store : Store
    pool : Pool, optional
        Where to run; this process by default.
    device : {"auto", "cpu", "cuda"}
    roots : mapping of str to Path, optional
        Folders by dataset name or slug, before those of the suite; "" stands for any dataset.
    retry_failed : bool
        Whether pairs that failed before are tried again.
    progress : callable, optional

    Returns
    -------
    Report

    Raises
    ------
    FusebenchError
        Before any work starts: unknown names, missing or unusable images, wrong options.
    """
    chosen = []
    session = Session(store, suite.protocol, suite.metrics, pool, progress)
    for choice in suite.methods:
        # Without its weights one method is missing; the others can be run all the same.
        try:
            chosen.append((*_entry(choice, device), choice.weights))
        except MissingDataError as e:
            session.report.failures.append(str(e))
    labels = [entry.label for entry, *_ in chosen]
    twice = sorted({label for label in labels if labels.count(label) > 1})
    if twice:
        raise InputError(f"{suite.name} names {', '.join(twice)} twice; give each its own label")
    places = {**suite.roots, **(roots or {})}
    opened = [session.open_dataset(name, find_root(name, places)) for name in suite.datasets]
    jobs = [
        job
        for entry, where, weights in chosen
        for dataset in opened
        for job in session.pending(entry, where, weights, dataset, retry_failed)
    ]
    for _ in session.execute(suite.name, jobs):
        pass
    return session.report


def score_folder(
    folder: Path,
    label: str,
    dataset: str,
    store: Store,
    *,
    root: Path | None = None,
    wanted: str | Sequence[str] = "all",
    protocol: str = "canonical",
    pool: Pool | None = None,
    progress: Progress | None = None,
) -> Report:
    """Score a folder of fused images against the pairs of a dataset.

    Files are matched to pairs by stem. A pair without a file, or with one that cannot be used,
    becomes a failed row; files that match no pair are refused.

    Parameters
    ----------
    folder : Path
        One fused image for each pair.
    label : str
        Name in the tables.
    dataset : str
        Name such as ``"tno:25"``.
    store : Store
    root : Path, optional
        Folder of the source images.
    wanted : str or sequence of str
        "all" or slugs of metrics.
    protocol : str
    pool : Pool, optional
    progress : callable, optional

    Returns
    -------
    Report

    Raises
    ------
    FusebenchError
        Before any work starts, if the folder or dataset cannot be used at all.
    """
    session = Session(store, protocol, wanted, pool, progress)
    opened = session.open_dataset(dataset, root)
    files = match_files(folder, opened.dataset)
    entry_id = store.add_entry(
        Entry(kind="folder", slug="", label=label, origin="published outputs")
    )
    known = store.known(entry_id, EXTERNAL, session.rules.name)
    jobs: list[Job] = []
    broken: list[tuple[Job, str]] = []
    for facts in opened.facts:
        pair_id = opened.pair_ids[facts.key]
        unit = replace(opened.unit(facts.key, protocol), device=EXTERNAL)
        job = Job(unit, label, entry_id, pair_id)
        before = known.get(pair_id)
        try:
            if facts.key not in files:
                raise MissingDataError(f"no file named {facts.key}.png (or .jpg …) in {folder}")
            image = read_image(files[facts.key])
        except FusebenchError as e:
            session.report.failures.append(job.failed(str(e)))
            if before is None or before.error != str(e):
                broken.append((job, str(e)))
            continue
        digest = pixel_digest(image)
        todo = session.missing(facts, before, digest)
        if not todo:
            session.report.kept += 1
            continue
        unit = replace(unit, metrics=tuple(m.slug for m in todo))
        jobs.append(replace(job, unit=unit, image_digest=put_image(image)))
    if broken:
        run_id = session.start_run(label)
        for job, reason in broken:
            outcome = failure(reason, EXTERNAL)
            store.save(entry_id, job.pair_id, run_id, session.rules.name, outcome)
        store.finish_run(run_id)
    for _ in session.execute(label, jobs):
        pass
    return session.report


def evaluate(
    function: Fuse,
    dataset: str = "demo",
    *,
    name: str,
    root: str | Path | None = None,
    metrics: str | Sequence[str] = "all",
    protocol: str = "canonical",
    db: str | None = None,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Run a Python function on every pair of a dataset, and score what it returns.

    Parameters
    ----------
    function : callable
        Takes the sources ``a`` and ``b`` as uint8 arrays ``(H, W)`` or ``(H, W, 3)`` and returns
        the fused image: uint8, or float in [0, 1], of the same height and width.
    dataset : str
        Name such as ``"demo"`` or ``"tno:25"``.
    name : str
        Name in the tables. Calling again with the same name replaces its rows where the images
        are other ones.
    root : path, optional
        Folder of the source images.
    metrics : str or list of str
        "all" or slugs.
    protocol : str
        How to score.
    db : str, optional
        URL or file of the database; ``fusebench.db`` in this folder by default.
    progress : callable, optional

    Returns
    -------
    DataFrame
        One row for each pair, one column for each metric; NaN where undefined or failed.

    Raises
    ------
    FusebenchError
        If the dataset cannot be used, or the function failed on every pair.
    """
    with closing(Store.open(db)) as store:
        session = Session(store, protocol, metrics, progress=progress)
        opened = session.open_dataset(dataset, None if root is None else Path(root))
        entry_id = store.add_entry(
            Entry(kind="callable", slug="", label=name, origin="user function")
        )
        jobs = []
        for facts in opened.facts:
            slugs = tuple(m.slug for m in session.metrics_for(facts))
            unit = replace(opened.unit(facts.key, protocol), metrics=slugs)
            jobs.append(Job(unit, name, entry_id, opened.pair_ids[facts.key]))
        rows: dict[str, dict[str, float]] = {}
        for job, done in session.execute(name, jobs, partial(carry_out, function=function)):
            rows[job.unit.key] = {s.metric: s.value for s in done.outcome.scores}
    failures = session.report.failures
    if len(failures) == len(jobs):
        raise InputError(f"{name} failed on every pair; {failures[0]}")
    frame = pd.DataFrame.from_dict(rows, orient="index")
    frame.index.name = "pair"
    return frame


def find_root(name: str, roots: Mapping[str, Path]) -> Path | None:
    """Choose a dataset's folder: by its name, by its slug, or the one for any dataset."""
    for key in (name, name.partition(":")[0], ""):
        if key in roots:
            return roots[key]
    return None


def match_files(folder: Path, dataset: Dataset, *, by_number: bool = False) -> dict[str, Path]:
    """Match the images of a folder to the pairs of a dataset by stem.

    Parameters
    ----------
    folder : Path
    dataset : Dataset
    by_number : bool
        Whether a stem that is no key may stand for the one key that ends in the same number.

    Raises
    ------
    MissingDataError
        If the folder does not exist or holds no image.
    InputError
        If files match no pair, or two match one; naming them.
    """
    if not folder.is_dir():
        raise MissingDataError(f"{folder} is not a folder; give the folder of the fused images")
    files = sorted(p for p in folder.iterdir() if p.is_file() and is_image_file(p))
    if not files:
        raise MissingDataError(f"no images in {folder}; expected {dataset.keys[0]}.png and so on")
    by_stem: dict[str, list[Path]] = {}
    for path in files:
        stem = path.stem
        if by_number and stem not in dataset.keys and (number := _number(stem)) is not None:
            same = [key for key in dataset.keys if _number(key) == number]
            stem = same[0] if len(same) == 1 else stem
        by_stem.setdefault(stem, []).append(path)
    twice = [", ".join(p.name for p in found) for found in by_stem.values() if len(found) > 1]
    if twice:
        raise InputError(f"{folder}: {datasets.listing('pair has two files and', twice)}")
    extra = sorted(set(by_stem) - set(dataset.keys))
    if extra:
        missing = sorted(set(dataset.keys) - set(by_stem))
        also = f"; {datasets.listing('missing file', missing)}" if missing else ""
        raise InputError(
            f"{folder}: {datasets.listing('file', extra)} match no pair of {dataset.name}{also}; "
            "file names must be the keys of the pairs"
        )
    return {stem: found[0] for stem, found in by_stem.items()}


def _number(stem: str) -> int | None:
    match = re.search(r"\d+$", stem)
    return None if match is None else int(match[0])


def _entry(choice: MethodChoice, device: str) -> tuple[Entry, str]:
    """Check a method of a suite; give its entry and the device it will run on."""
    loaded = methods.load(choice.slug, device=device, weights=choice.weights, **choice.options)
    record = loaded.record
    entry = Entry(
        kind="method",
        slug=record.slug,
        label=choice.label or _label(record, loaded.options),
        version=record.version,
        options=loaded.options,
        weights_digest=loaded.weights_digest,
        origin=loaded.origin,
    )
    return entry, loaded.device


def _label(record: Method, options: Mapping[str, Any]) -> str:
    """Name a method in tables; of a network in less than single precision it says so."""
    lowered = options.get("precision")
    return f"{record.label} ({lowered})" if lowered else record.label


def _for_task(options: Mapping[str, Any], task: Task) -> dict[str, Any]:
    """Complete an option ``task="auto"``: some methods have weights for each kind of fusion."""
    return {**options, "task": task} if options.get("task") == "auto" else dict(options)

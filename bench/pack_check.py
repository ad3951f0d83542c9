"""Whether packed results are fit to be published beside others."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from fusebench import datasets, methods, metrics
from fusebench.bench.pack import EXACT, HEADER, METHODS, Pack, PackedDataset, ScoreTable
from fusebench.bench.store import Entry
from fusebench.bench.types import FusebenchError, Metric
from fusebench.methods import METHODS as KNOWN_METHODS
from fusebench.metrics import METRICS


@dataclass(frozen=True)
class Findings:
    """What a check found.

    Attributes
    ----------
    problems : list of str
        What has to be mended before the results can stand beside others.
    notes : list of str
        What a reader should know.
    """

    problems: list[str]
    notes: list[str]


def check_pack(pack: Pack) -> Findings:
    """Check packed results: versions, pixels, completeness and values.

    * Every method, metric and protocol is known, and in the version that this code has.
    * The pairs are those of the dataset's record, pixel by pixel where they are listed.
    * A competitor has a line for every pair of each task that it took part in.
    * Every image has a value of every metric, within the metric's bounds, or a reason.

    Parameters
    ----------
    pack : Pack

    Returns
    -------
    Findings
    """
    return _Check(pack).run()


class _Check:
    """One folder under examination."""

    def __init__(self, pack: Pack) -> None:
        self.pack = pack
        self.problems = list(pack.problems)
        self.notes: list[str] = []

    def run(self) -> Findings:
        self._versions()
        for name, entry in self.pack.entries.items():
            self.problems += [f"{METHODS}: {name}: {x}" for x in _entry_problems(entry)]
        for name, run in self.pack.runs.items():
            facts = self.pack.environments.get(run.environment, {})
            if facts.get("modified"):
                self.notes.append(f"run {name} was made by code with changes that no commit holds")
        for dataset in self.pack.datasets:
            self._pairs(dataset)
            self._completeness(dataset)
            for protocol, table in dataset.tables.items():
                self._scores(dataset, protocol, table)
        return Findings(self.problems, self.notes)

    def _versions(self) -> None:
        for protocol, versions in self.pack.versions.items():
            if protocol not in metrics.protocol_names():
                self.problems.append(f"{HEADER}: {protocol} is no protocol of this fusebench")
                continue
            defined = metrics.load_protocol(protocol).metrics
            for slug, version in versions.items():
                if slug not in METRICS:
                    self.problems.append(f"{HEADER}: {slug} is no metric of this fusebench")
                elif slug not in defined:
                    self.problems.append(f"{HEADER}: protocol {protocol} does not define {slug}")
                elif version != METRICS[slug].version:
                    self.problems.append(
                        f"{HEADER}: {slug} has version {version}, this fusebench computes "
                        f"{METRICS[slug].version}"
                    )

    def _pairs(self, dataset: PackedDataset) -> None:
        def complain(text: str) -> None:
            self.problems.append(f"{dataset.stem}/pairs.csv: {text}")

        try:
            known = datasets.without_images(dataset.name, [f.key for f in dataset.facts])
        except FusebenchError as e:
            complain(str(e))
            return
        if dataset.version != known.info.version:
            complain(
                f"{dataset.name} has version {dataset.version}, this fusebench has "
                f"{known.info.version}"
            )
        expected = known.info.splits[known.split]
        if expected is not None and len(dataset.facts) != expected:
            complain(f"{dataset.name} has {expected} pairs, here are {len(dataset.facts)}")
        if known.frozen:
            for difference in datasets.verify(known, dataset.facts):
                complain(difference)
        for f in dataset.facts:
            listed = known.frozen.get(f.key)
            if listed is not None and f.scene != (listed.scene or f.key):
                complain(f"{f.key}: scene {f.scene!r}, listed as {listed.scene or f.key!r}")
            if f.task not in known.info.tasks:
                complain(f"{f.key}: {dataset.name} is not for {f.task}")
        unlisted = datasets.not_compared(known)
        if unlisted:
            what = f"{dataset.name}: nobody has listed the pixels of"
            self.notes.append(f"{what} {datasets.listing('pair', unlisted)}")

    def _completeness(self, dataset: PackedDataset) -> None:
        tasks = {f.key: f.task for f in dataset.facts}
        have: dict[tuple[str, str], set[str]] = defaultdict(set)
        for image in dataset.images:
            have[image.method, image.device].add(image.pair)
            if image.error is not None:
                self.notes.append(
                    f"{image.method} failed on {dataset.name}, {image.pair}: {image.error}"
                )
        for (method, device), keys in have.items():
            tried = {tasks[key] for key in keys}
            missing = [key for key, task in tasks.items() if task in tried and key not in keys]
            if missing:
                self.problems.append(
                    f"{dataset.stem}/images.csv: {method} on {device} lacks "
                    f"{datasets.listing('pair', missing, len(missing))}"
                )

    def _scores(self, dataset: PackedDataset, protocol: str, table: ScoreTable) -> None:
        where = f"{dataset.stem}/{protocol}.csv"
        known = {record.slug: record for record in METRICS}
        records = [known.get(slug) for slug in table.metrics]
        referenced = {f.key for f in dataset.facts if f.reference_digest is not None}
        digits = self.pack.digits
        have: dict[tuple[str, str, str], set[str]] = defaultdict(set)
        for row in table.rows:
            for record, value in zip(records, row.values, strict=True):
                if record is None or value is None:
                    continue
                have[row.key].add(record.slug)
                if value == value and not _within(value, record, digits):
                    low, high = record.bounds
                    self.problems.append(
                        f"{where}:{row.line}: {record.slug} is {value:g}, outside its bounds "
                        f"{low:g} to {high:g}"
                    )
        for image in dataset.images:
            if image.image_digest is None:
                continue
            missing = [
                r.slug
                for r in records
                if r is not None
                and r.slug not in have[image.key]
                and (r.needs != "reference" or image.pair in referenced)
            ]
            if missing:
                self.problems.append(f"{where}: {', '.join(image.key)} has no {', '.join(missing)}")


def _entry_problems(entry: Entry) -> Iterator[str]:
    if entry.kind != "method":
        return
    if entry.slug not in KNOWN_METHODS:
        yield f"{entry.slug!r} is no method of this fusebench"
        return
    record = KNOWN_METHODS[entry.slug]
    if entry.version != record.version:
        yield f"version {entry.version}, this fusebench has {record.version}"
    unknown = sorted(set(entry.options) - set(record.options))
    if unknown:
        yield f"no options are called {', '.join(unknown)}"
    if record.weights and entry.origin != "user weights":
        known = methods.known_digests(record)
        if entry.weights_digest not in known:
            yield f"weights {entry.weights_digest or 'not stated'} are none of its record"


def _within(value: float, record: Metric, digits: int) -> bool:
    low, high = record.bounds
    # A value at a bound may have been rounded over it.
    slack = 0.0 if digits >= EXACT or math.isinf(value) else abs(value) * 10.0 ** (1 - digits)
    return low - slack <= value <= high + slack

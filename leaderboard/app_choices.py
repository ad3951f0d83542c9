"""What the app shows, read from the query parameters of its URL. No Streamlit here.

The URL is the one place where choices live: every page reads it on each run, every widget writes
it, and every link carries it. So a view can be sent to somebody, reloaded and gone back to.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from fusebench.bench.types import Task
from fusebench.leaderboard.board import HEADLINE, Evaluation
from fusebench.metrics import METRICS

PAGES = (
    "Overview",
    "Ranking",
    "Compare",
    "Pairs",
    "Methods",
    "Metrics",
    "Datasets",
    "Papers",
    "Runs",
    "Submit",
)
"""Titles of the pages; in small letters, addresses of all but the first, which has none."""

PARAMETERS = (
    "task",
    "dataset",
    "protocol",
    "metrics",
    "metric",
    "pair",
    "method",
    "methods",
    "size",
    "data",
    "paper",
    "table",
    "verdict",
    "run",
    "map",
    "zoom",
    "across",
    "down",
    "origin",
    "show",
    "intervals",
    "first",
    "second",
)
"""Query parameters that the app knows."""

MAIN, ALL = "main", "all"
SIZES: Mapping[str, int | None] = {"small": 170, "medium": 360, "large": 540, "pixels": None}
"""Width of the images of a pair in CSS pixels; None for one pixel of the screen per pixel."""

ZOOMS = (1, 2, 4, 8)
"""How often a detail fits into a side of its image."""

_MOST_MAIN = 8
# A choice that changes makes these others meaningless.
_DEPENDENTS: Mapping[str, tuple[str, ...]] = {"task": ("pair",), "dataset": ("pair",)}


@dataclass(frozen=True)
class View:
    """A dataset, a task, a protocol and metrics.

    Attributes
    ----------
    evaluation : Evaluation
    protocol : str
    present : tuple of str
        Slugs of all metrics that have a value.
    metrics : tuple of str
        Slugs of the chosen ones, in order.
    """

    evaluation: Evaluation
    protocol: str
    present: tuple[str, ...]
    metrics: tuple[str, ...]

    def params(self) -> dict[str, str]:
        """Give the query parameters that lead back to this view."""
        return {
            "task": self.evaluation.task,
            "dataset": self.evaluation.dataset,
            "protocol": self.protocol,
            "metrics": metrics_text(self.metrics, self.present),
        }


def carried(params: Mapping[str, str]) -> dict[str, str]:
    """Keep the query parameters that links pass on."""
    return {name: params[name] for name in PARAMETERS if name in params}


def changed(params: Mapping[str, str], name: str, value: str) -> dict[str, str]:
    """Give the query parameters after one choice was changed; an empty value removes it."""
    dropped = {name, *_DEPENDENTS.get(name, ())}
    kept = {key: text for key, text in carried(params).items() if key not in dropped}
    return {**kept, name: value} if value else kept


def choose_evaluation(evaluations: Sequence[Evaluation], params: Mapping[str, str]) -> Evaluation:
    """Choose the evaluation that fits best: the task first, the dataset next."""
    task, dataset = params.get("task"), params.get("dataset")
    return max(
        evaluations,
        # The first of equals is taken.
        key=lambda e: ((task is None or e.task == task), e.dataset == dataset),
    )


def tasks_of(evaluations: Iterable[Evaluation]) -> list[Task]:
    """List the tasks, each once, in order."""
    return list(dict.fromkeys(e.task for e in evaluations))


def choose_protocol(protocols: Sequence[str], params: Mapping[str, str]) -> str:
    """Choose a protocol: the canonical one unless another is wanted."""
    return choose(protocols, params.get("protocol"), "canonical") or "canonical"


def choose(options: Sequence[str], wanted: str | None, default: str | None = None) -> str | None:
    """Choose what is wanted, else the default, else the first; None if there is nothing."""
    for name in (wanted, default):
        if name in options:
            return name
    return options[0] if options else None


def main_metrics(present: Sequence[str]) -> tuple[str, ...]:
    """Give the few metrics that say most, of those present."""
    telling = tuple(slug for slug in HEADLINE if slug in present)
    return telling or tuple(present[:_MOST_MAIN])


def choose_metrics(present: Sequence[str], wanted: str | None) -> tuple[str, ...]:
    """Choose metrics from those present by ``main``, ``all`` or slugs; the main ones if none fit.

    Slugs keep their order, which is that of the columns.
    """
    if wanted == ALL:
        return tuple(present)
    slugs = dict.fromkeys(slug.strip() for slug in (wanted or "").split(","))
    return tuple(slug for slug in slugs if slug in present) or main_metrics(present)


def choose_metric(wanted: str | None) -> str:
    """Choose one metric by its slug, whether or not it has a value; the gradient-based default."""
    return choose(METRICS.slugs, wanted, "qabf") or METRICS.slugs[0]


def metrics_text(chosen: Sequence[str], present: Sequence[str]) -> str:
    """Write chosen metrics for a URL: ``main``, ``all`` or their slugs."""
    if not chosen or tuple(chosen) == main_metrics(present):
        return MAIN
    return ALL if tuple(chosen) == tuple(present) else ",".join(chosen)


def choose_entry(names: Mapping[int, str], labels: Mapping[int, str], wanted: str | None) -> int:
    """Choose a competitor by its name, or the newest with that label; the first by default.

    Parameters
    ----------
    names : mapping of int to str
        Names by id (`fusebench.leaderboard.board.entry_names`), in order; not empty.
    labels : mapping of int to str
        Labels by id, which several may share.
    wanted : str or None
    """
    for known in (names, labels):
        found = [entry_id for entry_id, name in known.items() if name == wanted]
        if found:
            return max(found)
    return next(iter(names))


def not_found(params: Mapping[str, str], view: View) -> list[tuple[str, str]]:
    """Tell what a link asks for that the database lacks, as kind and name."""
    wrong = []
    for name, shown in (("task", view.evaluation.task), ("dataset", view.evaluation.dataset)):
        if params.get(name, shown) != shown:
            wrong.append((name, params[name]))
    if params.get("protocol", view.protocol) != view.protocol:
        wrong.append(("protocol", params["protocol"]))
    wanted = params.get("metrics", MAIN)
    if wanted not in (MAIN, ALL):
        wrong += [
            ("metric", slug.strip()) for slug in wanted.split(",") if slug.strip() not in METRICS
        ]
    return wrong


def without_values(params: Mapping[str, str], view: View) -> list[str]:
    """List metrics that were asked for and exist, but have no value in a view."""
    slugs = [slug.strip() for slug in params.get("metrics", "").split(",")]
    return [slug for slug in slugs if slug in METRICS and slug not in view.present]


def neighbours(keys: Sequence[str], key: str) -> tuple[str, str]:
    """Give the pairs before and after one; the ends meet."""
    i = keys.index(key)
    return keys[i - 1], keys[(i + 1) % len(keys)]


def choose_two(names: Sequence[str], first: str | None, second: str | None) -> tuple[str, str]:
    """Choose two different ones of at least two names: those asked for, else the first ones."""
    one = choose(names, first) or names[0]
    rest = [name for name in names if name != one]
    return one, choose(rest, second) or rest[0]


def choose_origins(present: Sequence[str], wanted: str | None) -> list[str]:
    """Choose origins of methods: those asked for that are there, else all."""
    asked = (wanted or "").split("|")
    return [origin for origin in present if origin in asked] or list(present)


def choose_zoom(params: Mapping[str, str]) -> tuple[int, int, int]:
    """Choose a detail: how often it fits into a side, and its place in percent, across and down."""
    zoom = choose([str(z) for z in ZOOMS], params.get("zoom"), "1") or "1"
    return int(zoom), _percent(params.get("across")), _percent(params.get("down"))


def _percent(text: str | None) -> int:
    return min(int(text), 100) if text is not None and re.fullmatch("[0-9]{1,3}", text) else 50


def choose_compared(names: Sequence[str], wanted: str | None, most: int = 6) -> list[str]:
    """Choose the methods to compare: those asked for that are there, else the first three."""
    asked = [] if wanted is None else [name for name in wanted.split("|") if name in names]
    return list(dict.fromkeys(asked))[:most] if wanted is not None else list(names[:3])

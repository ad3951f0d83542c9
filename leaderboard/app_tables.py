"""What the app shows, as data frames and plain records. No Streamlit here.

Labels, names and reasons come from the database and are anybody's text: they go into cells and
plain text, which show them as they stand. Where Markdown cannot be avoided, `literal` fences them.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pandas as pd

from fusebench.bench.audit import Audited
from fusebench.bench.schema import EntryRow
from fusebench.bench.trust import COPY, DEGRADATIONS, FLAGS, Trust
from fusebench.bench.types import (
    TASK_TITLES,
    ColourRule,
    DatasetInfo,
    Method,
    Metric,
    Needs,
    Task,
    Weights,
)
from fusebench.datasets import RECORDS, Check
from fusebench.leaderboard.audits import MARKS as MARKS_OF_VERDICTS
from fusebench.leaderboard.audits import shown
from fusebench.leaderboard.board import (
    ARROWS,
    Cell,
    Certainty,
    Column,
    Competitor,
    Evaluation,
    Line,
    Ranking,
    places,
)
from fusebench.leaderboard.export import format_value
from fusebench.leaderboard.runs import Run, Speed, leaders
from fusebench.leaderboard.training import Seen
from fusebench.metrics import METRICS

if TYPE_CHECKING:
    from pandas.io.formats.style import Styler

MARKS: Mapping[int, str] = {1: "¹", 2: "²"}
"""Marks besides weight and colour, for eyes and printers that show neither."""

SEEN = " †"
"""Mark of a method that was trained on some of the pairs it is scored on."""

SOURCES: Mapping[Task, tuple[str, str]] = {
    "ivif": ("infrared", "visible"),
    "mff": ("near focus", "far focus"),
    "mef": ("under-exposed", "over-exposed"),
    "medical": ("functional or CT", "MRI or structural"),
}
"""What the sources a and b of a task are."""

COLOUR_RULES: Mapping[ColourRule, str] = {
    "per_channel": "each colour channel by itself; a grey source stands for every channel",
    "luma": "luma only; chroma is averaged by its distance from grey",
    "native": "the method's own rule for colour",
}

_UNCOUNTED = " °"
_STYLES = {
    1: "font-weight: 700; background-color: rgba(46, 140, 110, 0.20)",
    2: "font-weight: 500; background-color: rgba(46, 140, 110, 0.09)",
}
_FAINT = "color: #808495"


def literal(text: object) -> str:
    """Write text as a code span, which Markdown shows as it stands."""
    line = " ".join(str(text).split())
    if not line:
        return "(empty)"
    fence = "`" * (1 + max((len(run) for run in re.findall("`+", line)), default=0))
    return f"{fence} {line} {fence}"


def escape(text: object) -> str:
    """Escape the punctuation of text that comes from the code, for use in Markdown."""
    return re.sub(r"([\\`*_{}\[\]<>|#$~:])", r"\\\1", " ".join(str(text).split()))


def heading(metric: Metric, *, counts: bool = True) -> str:
    """Head a column: label, arrow of the better direction, and a mark if it does not count."""
    mark = "" if counts else _UNCOUNTED
    return f"{metric.plain_label} {ARROWS[metric.direction]}{mark}"


def metric_help(metric: Metric) -> str:
    """Explain a metric in a few words of Markdown."""
    better = f"{metric.direction.capitalize()} is better."
    parts = [f"{metric.title.rstrip('.')}.", metric.summary, better]
    return " ".join(escape(part) for part in dict.fromkeys(parts) if part)


_LOOKS_AT: Mapping[Needs, str] = {
    "fused": "the fused image alone",
    "sources": "the fused image and its sources",
    "reference": "the fused image and a reference",
}


def metric_paragraph(metric: Metric) -> str:
    """Explain a metric in a paragraph of Markdown."""
    low, high = (format_bound(bound) for bound in metric.bounds)
    return (
        f"**{escape(heading(metric))}** {escape(metric.title.rstrip('.'))}. "
        f"{escape(metric.summary)} From {low} to {high}; looks at {_LOOKS_AT[metric.needs]}. "
        f"{_source(metric)}"
    )


def metric_facts(metric: Metric, protocols: Sequence[str]) -> list[str]:
    """Say what is known of a metric, each fact a paragraph of Markdown."""
    low, high = (format_bound(bound) for bound in metric.bounds)
    identity = "depends on the image" if metric.identity is None else format_bound(metric.identity)
    return [
        f"**Better:** {metric.direction}. **Range:** {low} to {high}. "
        f"**Three identical images:** {identity}.",
        f"**Looks at** {_LOOKS_AT[metric.needs]}, of {metric.min_size} pixels or more a side.",
        f"**Paper:** {_source(metric)}",
        f"**Protocols:** {escape(', '.join(protocols))}",
        f"**Slug:** {escape(metric.slug)}, version {metric.version}",
    ]


def _source(metric: Metric) -> str:
    source = f"{escape(metric.reference.rstrip('.'))}."
    if metric.doi:
        source += f" [doi:{escape(metric.doi)}](https://doi.org/{metric.doi})"
    return source


def flags_frame(known: Trust) -> pd.DataFrame:
    """Say what share of the images each trick makes score better."""
    rows = [
        {
            "Trick": flag.name.capitalize() if flag.name != COPY else "A copy of one source",
            "Score better": _percent(known.bought(flag)),
            "Buys it": "yes" if flag in known.flags else "no",
        }
        for flag in FLAGS
    ]
    return pd.DataFrame(rows)


def responses_frame(known: Trust) -> pd.DataFrame:
    """List the mean score after each change, and the share of images that score better."""
    rows = [
        {
            "Change": d.title,
            "Strength": f"{strength:g}",
            "Unit": d.unit,
            "Mean": format_value(mean),
            "Score better": _percent(share),
        }
        for d in DEGRADATIONS
        for strength, mean, share in zip(
            d.strengths, known.responses[d.name].means, known.responses[d.name].better, strict=True
        )
    ]
    return pd.DataFrame(rows)


def format_bound(value: float) -> str:
    """Write the end of a metric's range."""
    return f"{value:g}".replace("inf", "∞")


# -- ranking ----------------------------------------------------------------------------------


def cell_text(cell: Cell, pairs: int, *, intervals: bool = False) -> str:
    """Write a mean with its mark, and with its number of pairs where that is not the usual one."""
    text = format_value(cell.mean) + MARKS.get(cell.place or 0, "")
    if intervals and cell.low is not None:
        text += f" [{format_value(cell.low)}, {format_value(cell.high)}]"
    return text if cell.mean is None or cell.n == pairs else f"{text} (n={cell.n})"


def origins_of(ranking: Ranking) -> list[str]:
    """List where the methods of a ranking come from, each origin once."""
    return sorted({line.competitor.origin for line in ranking.lines})


def of_origins(ranking: Ranking, origins: Sequence[str]) -> Ranking:
    """Keep the methods of some origins; ranks and marks stay those among all."""
    return replace(ranking, lines=tuple(x for x in ranking.lines if x.competitor.origin in origins))


def seen_text(seen: Seen | None) -> str:
    """Say in a word or two whether a method was trained on the pairs it is scored on."""
    if seen is None or seen.answer == "unknown":
        return "?"
    if seen.answer == "partly":
        return f"{seen.pairs} pairs"
    return {"seen": "yes", "not known to": "no", "untrained": "–"}[seen.answer]


def ranking_frame(ranking: Ranking, seen: Mapping[int, Seen] | None = None) -> pd.DataFrame:
    """Give a ranking as numbers: fixed columns, then one for each metric slug, then the rest."""
    known = seen or {}
    slugs = [column.slug for column in ranking.columns]
    numbers = dict.fromkeys(["Mean rank", *slugs, "Time"], float)
    return pd.DataFrame(
        [
            {
                "Rank": line.rank,
                "Method": line.label,
                "Pairs": line.competitor.pairs,
                "Mean rank": line.mean_rank,
                **(_certainty(line.certainty) if ranking.certain else {}),
                **{slug: line.cells[slug].mean for slug in slugs},
                "Time": line.competitor.seconds,
                "Device": line.competitor.device,
                "Origin": line.competitor.origin,
                **({} if seen is None else {"Seen": seen_text(known.get(_entry_id(line)))}),
            }
            for line in ranking.lines
        ]
    ).astype({"Rank": "Int64", **numbers})


def _entry_id(line: Line) -> int:
    return line.competitor.entry_id


def _certainty(known: Certainty | None) -> dict[str, Any]:
    if known is None:
        return {"Places": None, "Ties": None, "First": None}
    return {"Places": known.places, "Ties": known.groups, "First": known.first}


def ranking_style(
    ranking: Ranking, *, intervals: bool = False, seen: Mapping[int, Seen] | None = None
) -> Styler:
    """Dress a ranking: four digits, best and second marked, incomplete lines faint.

    Methods that were trained on some of the pairs get a dagger.
    """
    frame = ranking_frame(ranking, seen)
    total = ranking.evaluation.pairs
    formats: dict[Any, Any] = {
        "Rank": lambda value: "–" if pd.isna(value) else str(value),
        "Pairs": lambda value: f"{value}/{total}" + ("" if value == total else " ⚠"),
        "Mean rank": format_value,
        **({"First": _percent} if ranking.certain else {}),
        "Time": format_seconds,
    }
    others: list[tuple[int, str, str]] = []
    for column in ranking.columns:
        texts: dict[float, str] = {}
        for i, line in enumerate(ranking.lines):
            cell = line.cells[column.slug]
            text = cell_text(cell, column.expected, intervals=intervals)
            if cell.mean is not None and texts.setdefault(cell.mean, text) != text:
                others.append((i, column.slug, text))
        formats[column.slug] = _by_value(texts)
    style = frame.style.format(formats)
    # One call for each cell would take a second where there are a hundred methods.
    for i, slug, text in others:
        style.format(_always(text), subset=([i], [slug]))
    css = {name: [""] * len(frame) for name in frame.columns}
    css["Method"] = ["font-weight: 600"] * len(frame)
    for i, line in enumerate(ranking.lines):
        if seen and was_seen(seen.get(_entry_id(line))):
            style.format(_always(line.label + SEEN), subset=([i], ["Method"]))
        if line.competitor.pairs != total:
            for name in css.keys() - {"Rank", "Method"}:
                css[name][i] = _FAINT
        for column in ranking.columns:
            cell = line.cells[column.slug]
            if cell.place in _STYLES:
                css[column.slug][i] = _STYLES[cell.place]
    return style.apply(lambda _: pd.DataFrame(css), axis=None)


def was_seen(seen: Seen | None) -> bool:
    """Say whether a method is known to have been trained on some of the pairs."""
    return seen is not None and seen.answer in ("seen", "partly")


def _by_value(texts: Mapping[float, str]) -> Callable[[float], str]:
    return lambda value: texts.get(value) or format_value(value)


def _always(text: str) -> Callable[[object], str]:
    return lambda _: text


def _percent(share: float | None) -> str:
    return "–" if share is None or pd.isna(share) else f"{100 * share:.0f}%"


def format_seconds(seconds: float | None) -> str:
    """Write a time with three significant digits."""
    if seconds is None or pd.isna(seconds):
        return "–"
    value, unit = (seconds * 1000, "ms") if seconds < 1 else (seconds, "s")
    return f"{value:#.3g}".rstrip(".") + f" {unit}"


def incomplete(ranking: Ranking) -> list[Line]:
    """List the competitors that lack a pair."""
    return [line for line in ranking.lines if line.competitor.pairs != ranking.evaluation.pairs]


def selected(ranking: Ranking, cells: Sequence[Sequence[Any]]) -> tuple[Line, Column | None] | None:
    """Tell which line and metric a selected cell ``(row, column)`` of the table stands for."""
    if not cells:
        return None
    row, name = cells[0]
    if not 0 <= row < len(ranking.lines):
        return None
    column = next((c for c in ranking.columns if c.slug == name), None)
    return ranking.lines[row], column


def weakest_pair(scores: pd.DataFrame, competitor: Competitor, metric: Metric) -> str | None:
    """Give the key of the pair with a competitor's worst score, None if it has none."""
    own = [
        (row["value"], str(row["pair"]))
        for row in _records(scores)
        if (row["entry_id"], row["device"]) == (competitor.entry_id, competitor.device)
        and row["metric"] == metric.slug
        and row["value"] is not None
    ]
    if not own:
        return None
    return (min(own) if metric.direction == "higher" else max(own))[1]


# -- overview ---------------------------------------------------------------------------------


def leaders_frame(rankings: Iterable[Ranking]) -> pd.DataFrame:
    """List who is first on each dataset and task, and who cannot be told apart from the first."""
    rows = []
    for ranking in rankings:
        first, tied = leaders(ranking)
        rows.append(
            {
                "Task": TASK_TITLES[ranking.evaluation.task],
                "Dataset": ranking.evaluation.dataset,
                "Pairs": ranking.evaluation.pairs,
                "Methods": len(ranking.lines),
                "Ranked": sum(line.rank is not None for line in ranking.lines),
                "First": ", ".join(line.label for line in first),
                "Tied with it": ", ".join(line.label for line in tied),
            }
        )
    return pd.DataFrame(rows)


# -- comparison -------------------------------------------------------------------------------


def wins_frame(wins: pd.DataFrame) -> pd.DataFrame:
    """Write how often each method beats each other; see `fusebench.leaderboard.board.win_rates`."""
    return wins.map(_percent).reset_index(names="Method")


def time_frame(lines: Sequence[Line]) -> pd.DataFrame:
    """List the ranked methods with a time, fastest first, and which none beats in both."""
    known = [
        (line.competitor.seconds, line.mean_rank, line)
        for line in lines
        if line.mean_rank is not None and line.competitor.seconds
    ]
    known.sort(key=lambda each: each[:2])
    return pd.DataFrame(
        [
            {
                "Method": line.label,
                "Mean rank": rank,
                "Seconds": seconds,
                "Device": line.competitor.device,
                "Unbeaten": "" if any(other <= rank for _, other, _ in known[:i]) else "yes",
            }
            for i, (seconds, rank, line) in enumerate(known)
        ],
        columns=["Method", "Mean rank", "Seconds", "Device", "Unbeaten"],
    )


def likeness_frame(tau: pd.DataFrame, slug: str, labels: Mapping[str, str]) -> pd.DataFrame:
    """List how alike one metric and each other rank, most alike first."""
    row: pd.Series[float] = tau[slug].drop(slug).dropna().sort_values(ascending=False)
    return pd.DataFrame({"Metric": [labels[s] for s in row.index], "Tau": row.to_numpy()})


# -- pairs ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class PairScore:
    """One score on one pair, its place among the methods, or why there is none."""

    value: float | None
    place: int | None
    error: str | None


@dataclass(frozen=True)
class Tile:
    """What one competitor made of one pair.

    Attributes
    ----------
    competitor : Competitor
    image_digest, error : str or None
        The fused image, or why there is none; neither if it was not tried.
    seconds : float or None
    scores : mapping
        By metric slug.
    """

    competitor: Competitor
    image_digest: str | None
    error: str | None
    seconds: float | None
    scores: Mapping[str, PairScore]


def tiles(
    ranking: Ranking,
    fused: pd.DataFrame,
    scores: pd.DataFrame,
    first: int | None = None,
) -> list[Tile]:
    """Lay out what every competitor made of one pair, in the order of a ranking.

    Parameters
    ----------
    ranking : Ranking
    fused, scores : DataFrame
        From `fused_images` and `pair_scores` of `fusebench.leaderboard.board`, for one pair.
    first : int, optional
        Id of the competitor to begin with.
    """
    images = {(row["entry_id"], row["device"]): row for row in _records(fused)}
    values: dict[str, dict[tuple[int, str], float]] = {}
    errors: dict[tuple[str, int, str], str | None] = {}
    for row in _records(scores):
        who = (row["entry_id"], row["device"])
        errors[row["metric"], *who] = row["error"]
        if row["value"] is not None:
            values.setdefault(row["metric"], {})[who] = row["value"]
    ranks = {slug: places(found, METRICS[slug]) for slug, found in values.items()}
    laid = []
    for line in ranking.lines:
        who = (line.competitor.entry_id, line.competitor.device)
        image = images.get(who, {})
        laid.append(
            Tile(
                competitor=line.competitor,
                image_digest=image.get("image_digest"),
                error=image.get("error"),
                seconds=image.get("seconds"),
                scores={
                    c.slug: PairScore(
                        values.get(c.slug, {}).get(who),
                        ranks.get(c.slug, {}).get(who),
                        errors.get((c.slug, *who)),
                    )
                    for c in ranking.columns
                },
            )
        )
    # Python's sort keeps the order of equals.
    return sorted(laid, key=lambda tile: tile.competitor.entry_id != first)


def scores_markdown(tile: Tile, columns: Sequence[Column]) -> str:
    """Write the scores of one fused image as a Markdown table; labels come from the code."""
    rows = ["| Metric | Score |", "|:--|--:|"]
    for column in columns:
        score = tile.scores[column.slug]
        text = format_value(score.value) + MARKS.get(score.place or 0, "")
        rows.append(
            f"| {escape(heading(column.metric))} | {f'**{text}**' if score.place == 1 else text} |"
        )
    return "\n".join(rows)


def undefined(tile: Tile, columns: Sequence[Column]) -> list[str]:
    """Say why scores are missing, one reason a line."""
    reasons: dict[str, list[str]] = {}
    for column in columns:
        score = tile.scores[column.slug]
        if score.value is None and score.error:
            reasons.setdefault(score.error, []).append(column.metric.plain_label)
    return [f"{', '.join(labels)}: {reason}" for reason, labels in reasons.items()]


# -- methods ----------------------------------------------------------------------------------


def options_frame(entry: EntryRow, record: Method | None) -> pd.DataFrame:
    """List the options of a competitor beside the paper's values."""
    paper = {} if record is None else record.options
    return pd.DataFrame(
        [
            {
                "Option": name,
                "Value": str(value),
                "In the paper": "–"
                if name not in paper
                else "same"
                if paper[name] == value
                else str(paper[name]),
            }
            for name, value in entry.options.items()
        ]
    )


def fidelity_frame(record: Method) -> pd.DataFrame:
    """List how far a method is from its authors' output."""
    return pd.DataFrame(
        [
            {
                "Compared with": f.against,
                "Images": f.images,
                "Equal": "–" if f.equal is None else f"{100 * f.equal:.4g} %",
                "Within one grey level": f"{100 * f.within_one:.4g} %",
                "Mean difference": f"{f.mean_abs:.3g}",
                "Largest": f"{f.max_abs:g}",
                "PSNR": "–" if f.psnr is None else f"{f.psnr:.1f} dB",
            }
            for f in record.fidelity
        ]
    )


def weights_frame(record: Method, used: Weights | None) -> pd.DataFrame:
    """List the sets of weights of a method, and which of them its results are of."""
    return pd.DataFrame(
        [
            {
                "Set": weights.name,
                "Here": "used" if weights == used else "",
                "Origin": weights.origin,
                "Trained on": ", ".join(weights.trained_on) or "not stated",
                "Terms": weights.licence,
                "Home": weights.home,
                "Files": "; ".join(f"{f.name} (sha256 {f.sha256[:10]}…)" for f in weights.files),
                "Notes": weights.notes,
            }
            for weights in record.weights
        ]
    )


def speed_frame(speeds: Sequence[Speed]) -> pd.DataFrame:
    """List how long a method takes on each dataset and device."""
    return pd.DataFrame(
        [
            {
                "Dataset": s.dataset,
                "Task": _task_title(s.task),
                "Device": s.device,
                "Images": s.images,
                "Megapixels": round(s.megapixels, 3),
                "Time": format_seconds(s.seconds),
                "For a megapixel": format_seconds(s.per_megapixel),
                "Memory": "–" if s.memory is None else f"{s.memory / 2**20:.3g} MiB",
            }
            for s in speeds
        ]
    )


def standing_frame(ranking: Ranking, line: Line) -> pd.DataFrame:
    """List the scores of one competitor on one dataset and task."""
    ranked = sum(other.rank is not None for other in ranking.lines)
    rows = []
    for column in ranking.columns:
        cell = line.cells[column.slug]
        rows.append(
            {
                "Metric": heading(column.metric, counts=column.counts),
                "Mean": format_value(cell.mean),
                "Pairs": f"{cell.n}/{column.expected}",
                "Place": "–" if cell.place is None else f"{cell.place} of {ranked}",
            }
        )
    return pd.DataFrame(rows, columns=["Metric", "Mean", "Pairs", "Place"])


def standings_frame(found: Iterable[tuple[Ranking, Line]]) -> pd.DataFrame:
    """List all scores of one competitor, ranking by ranking."""
    return pd.DataFrame(
        [
            {
                "Task": ranking.evaluation.task,
                "Dataset": ranking.evaluation.dataset,
                "Protocol": ranking.protocol,
                "Device": line.competitor.device,
                **row,
            }
            for ranking, line in found
            for row in standing_frame(ranking, line).to_dict("records")
        ]
    )


def standing(ranking: Ranking, line: Line) -> tuple[str, str]:
    """Say where, and in a few words how, a competitor stands; the text may hold any name."""
    e = ranking.evaluation
    where = f"{TASK_TITLES[e.task]}: {e.dataset}, {line.competitor.device}"
    if line.rank is None:
        return where, f"Not ranked: it has {line.competitor.pairs} of {e.pairs} pairs"
    ranked = sum(other.rank is not None for other in ranking.lines)
    counted = sum(column.counts for column in ranking.columns)
    mean = format_value(line.mean_rank)
    return where, f"Rank {line.rank} of {ranked}; mean rank {mean} over {counted} metrics"


def failures_frame(failures: pd.DataFrame) -> pd.DataFrame:
    """List failures with their reasons."""
    shown = failures.rename(columns={"error": "reason"}).rename(columns=str.capitalize)
    return shown.assign(Task=shown["Task"].map(_task_title))


def runs_frame(runs: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    """List the runs that results come from."""
    return pd.DataFrame(
        [
            {
                "Run": run["run"],
                "Started (UTC)": f"{run['started']:%Y-%m-%d %H:%M}",
                "Device": run["device"],
                "Pairs": run["pairs"],
                "Failed": run["failed"],
                "Time": format_seconds(run["seconds"]),
                "Workers": run["workers"],
                "Code": code_version(run["facts"]),
            }
            for run in runs
        ]
    )


def all_runs_frame(runs: Sequence[Run]) -> pd.DataFrame:
    """List the runs of a database."""
    return pd.DataFrame(
        [
            {
                "Run": run.run_id,
                "Of": run.name,
                "Started (UTC)": run.started,
                "Took": format_duration(run.duration),
                "Images": run.images,
                "Failed": run.failed,
                "Workers": run.workers,
                "Code": code_version(run.facts),
                "Processor": str(run.facts.get("processor") or "–"),
                "GPU": str(run.facts.get("gpu") or "none"),
            }
            for run in runs
        ]
    )


def format_duration(duration: timedelta | None) -> str:
    """Write how long a run took."""
    if duration is None:
        return "not finished"
    minutes, seconds = divmod(round(duration.total_seconds()), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes} min"
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def parts_frame(parts: pd.DataFrame) -> pd.DataFrame:
    """List what a run made; see `fusebench.leaderboard.runs.run_parts`."""
    return pd.DataFrame(
        {
            "Method": parts["method"],
            "Version": parts["version"],
            "Dataset": parts["dataset"],
            "Task": parts["task"].map(_task_title),
            "Device": parts["device"],
            "Images": parts["images"],
            "Failed": parts["failed"],
            "Time": parts["seconds"].map(format_seconds),
        }
    )


def scores_text(row: Mapping[Any, Any]) -> str:
    """Say which scores a run added; a row of `fusebench.leaderboard.runs.run_scores`."""
    text = f"Scores under {row['protocol']}: {row['scores']} of {row['metrics']} metrics"
    return text + (f", {row['undefined']} of them undefined" if row["undefined"] else "")


def _task_title(task: str) -> str:
    return next((title for name, title in TASK_TITLES.items() if name == task), task)


def code_version(facts: Mapping[str, Any]) -> str:
    """Name the code that ran: version, and commit where it is known."""
    version = f"fusebench {facts.get('fusebench', 'of unknown version')}"
    commit = facts.get("commit")
    if not commit:
        return version
    return f"{version}, commit {str(commit)[:10]}{', modified' if facts.get('modified') else ''}"


def facts_frame(facts: Mapping[str, Any]) -> pd.DataFrame:
    """List the facts of a machine."""
    found = facts.get("libraries")
    libraries = found if isinstance(found, dict) else {}
    cores = facts.get("cores")
    rows = {
        "Code": code_version(facts),
        "Commit": facts.get("commit"),
        "Python": facts.get("python"),
        "System": facts.get("system"),
        "Processor": f"{facts.get('processor')}, {cores} cores" if cores else None,
        "GPU": facts.get("gpu") or "none",
        **{name: version or "not installed" for name, version in libraries.items()},
    }
    return pd.DataFrame(
        [{"Fact": name, "Value": str(value)} for name, value in rows.items() if value is not None]
    )


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    """Give the rows of a table with None for what is missing."""
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    return [{str(name): value for name, value in row.items()} for row in rows]


def splits_frame(info: DatasetInfo) -> pd.DataFrame:
    """List the splits of a dataset."""
    return pd.DataFrame(
        [
            {
                "Split": split or "(none)",
                "Pairs": "any" if pairs is None else str(pairs),
                "For": "training" if split in info.training else "testing",
            }
            for split, pairs in info.splits.items()
        ]
    )


def problems_frame(info: DatasetInfo) -> pd.DataFrame:
    """List what is known to be wrong with a dataset."""
    return pd.DataFrame(
        [
            {
                "Kind": problem.kind,
                "Problem": problem.text,
                "Pairs": ", ".join(key.removeprefix("/") for key in problem.keys) or "all",
            }
            for problem in info.problems
        ]
    )


def checked_frame(result: Check) -> pd.DataFrame:
    """List what was measured on each pair of a dataset."""
    return pd.DataFrame(
        [
            {
                "Pair": pair.key,
                "Scene": pair.scene,
                "Size": f"{pair.width} × {pair.height}",
                "Channels": f"{pair.channels[0]}, {pair.channels[1]}",
                "Agreement": pair.registration.zero,
                "Best agreement": pair.registration.best,
                "at a shift of": f"{pair.registration.dx:.1f}, {pair.registration.dy:.1f}",
            }
            for pair in result.pairs
        ]
    )


def findings_frame(result: Check) -> pd.DataFrame:
    """List what is suspicious in a dataset."""
    return pd.DataFrame([{"Pair": f.key, "Kind": f.kind, "Found": f.text} for f in result.findings])


# -- submitting -------------------------------------------------------------------------------


@dataclass(frozen=True)
class Commands:
    """How to add results to a database: as shell commands, and as a Python program."""

    folder: str
    python: str


def commands(evaluation: Evaluation, protocol: str, database: str) -> Commands:
    """Write the commands that score results on a dataset and add them to a database."""
    name = shlex.quote(evaluation.loads)
    where = "" if evaluation.root is None else " --root DIR"
    rules = "" if protocol == "canonical" else f" --protocol {shlex.quote(protocol)}"
    place = shlex.quote(database)
    lines = [
        "mkdir -p results        # your method writes results/KEY.png",
        f"fusebench score --dataset {name}{where} --fused results --name MyNet{rules} --db {place}",
        f"fusebench show --dataset {name} --db {place}",
    ]
    if evaluation.loads == "demo":
        lines.insert(0, "fusebench datasets get demo --root pairs")
    elif evaluation.loads.partition(":")[0] in RECORDS:
        lines.insert(0, f"fusebench datasets get {name}")
    arguments = [repr(evaluation.loads), 'name="MyNet"']
    arguments += [] if evaluation.root is None else ['root="DIR"']
    arguments += [] if protocol == "canonical" else [f"protocol={protocol!r}"]
    program = [
        "import fusebench",
        "",
        "def fuse(a, b):",
        "    ...",
        "",
        f"fusebench.evaluate(fuse, {', '.join(arguments)}, db={database!r})",
    ]
    return Commands("\n".join(lines), "\n".join(program))


# -- papers -----------------------------------------------------------------------------------


def audit_frame(audited: Sequence[Audited]) -> pd.DataFrame:
    """List printed numbers beside the nearest computed ones, with what to think of them."""
    return pd.DataFrame(
        [
            {
                "": MARKS_OF_VERDICTS[a.verdict],
                "Method": a.cell.label,
                "Metric": a.cell.metric_label + (f" ({a.cell.pair})" if a.cell.pair else ""),
                "Dataset": a.cell.dataset,
                "Printed": a.cell.printed,
                "Computed": "–" if a.best is None else shown(a, a.best.value),
                "By": "" if a.best is None else ", ".join(a.best.protocols) or a.best.convention,
                "Verdict": a.verdict,
                "Reason": a.reason,
            }
            for a in audited
        ],
        columns=[
            *("", "Method", "Metric", "Dataset", "Printed", "Computed", "By", "Verdict", "Reason")
        ],
    )

"""What is wrong with the numbers of a paper, found by rules that look at its tables only."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from operator import attrgetter

from fusebench.bench.paper import Cell, DoubtKind, Evidence, Paper
from fusebench.metrics import METRICS

SHARES = ("ap50_", "iou_", "map50", "miou", "macc", "vgg19_")
"""Beginnings of the slugs of accuracies of detectors and classifiers, which lie in [0, 1]."""

# Halved average gradient over spatial frequency, largest of 28 TNO images: central and forward
# differences. Means over a dataset that exceed it come from a gradient that was not halved.
HALVED_AG = 0.496
HALVED_MG = 0.585

NCIE_FLOOR = 1 - math.log(3, 256)
"""Nonlinear correlation information entropy of three images that have nothing in common."""

# Fused images of natural scenes stay this near the floor; the Q_0 of Wang and Bovik of the same
# images lies anywhere from 0.3 to 0.9.
NCIE_ROOM = 0.04

AGGREGATES = {"map50": ("ap50_", 0), "miou": ("iou_", 1)}
"""Means over classes: the slugs of the classes begin so, and so many classes are not printed."""

SMALLEST_GROUP = 3


@dataclass(frozen=True)
class Doubt:
    """Something wrong with cells of a paper.

    Attributes
    ----------
    rule : str
        Name of the rule, or "statement" for what no rule finds.
    kind : {"contradiction", "convention", "doubt", "paper"}
    evidence : {"proved", "measured", "inferred", "text", "open"}
    text : str
        What is wrong, in one sentence.
    cells : tuple of Cell
        The cells it is about; empty for what only the text of the paper says.
    """

    rule: str
    kind: DoubtKind
    evidence: Evidence
    text: str
    cells: tuple[Cell, ...]


Rule = Callable[[Paper], Iterator[Doubt]]


def find_doubts(paper: Paper) -> list[Doubt]:
    """Apply every rule to a paper, and add the statements about it.

    Parameters
    ----------
    paper : Paper

    Returns
    -------
    list of Doubt
        In the order of `RULES`; statements last.
    """
    found = [doubt for rule in RULES for doubt in rule(paper)]
    for s in paper.statements:
        cells = tuple(cell for cell in paper.cells if s.covers(cell))
        found.append(Doubt("statement", s.kind, s.evidence, s.text, cells))
    return found


def mi_is_twice_entropy(paper: Paper) -> Iterator[Doubt]:
    """Find tables whose MI is 2 EN in every row, within the rounding of print.

    The information that a fused image shares with each source is at most its entropy; it is equal
    only where the fused image is a function of either source alone.
    """
    for block in _groups(paper.cells, lambda c: (c.table, c.dataset, c.block)):
        pairs = list(_side_by_side(block, "mi", "en"))
        # Half a unit of each printed number, the entropy counted twice.
        if len(pairs) >= SMALLEST_GROUP and all(
            abs(mi.value - 2 * en.value) <= 1.0001 * (mi.unit / 2 + en.unit) for mi, en in pairs
        ):
            yield Doubt(
                "MI is 2 EN",
                "contradiction",
                "proved",
                f"MI equals 2 EN in all {len(pairs)} rows, which no mutual information does: a "
                "defect that protocol jiangnan keeps",
                tuple(mi for mi, _ in pairs),
            )


def out_of_bounds(paper: Paper) -> Iterator[Doubt]:
    """Find values that the metric cannot take, such as an 8-bit standard deviation over 127.5."""
    for cell in paper.cells:
        low, high = _bounds(cell.metric)
        if not low - cell.unit <= cell.value <= high + cell.unit:
            bound = f"above {high:g}, the largest" if cell.value > high else f"under {low:g}"
            least = "" if cell.value > high else ", the least"
            yield Doubt(
                "out of bounds",
                "contradiction",
                "proved",
                f"{cell.printed} is {bound}{least} value that {cell.metric_label} can have",
                (cell,),
            )


def bimodal_column(paper: Paper) -> Iterator[Doubt]:
    """Find columns that fall into two groups, further apart than both are wide, by a factor of 2.

    Methods do that to the SSIM of medical images, by what they leave of a black background, which
    is most of the image; to nothing else, where two ways of scoring were mixed.
    """
    for column in _groups(paper.cells, attrgetter("table", "dataset", "pair", "metric")):
        cells = sorted(column, key=attrgetter("value"))
        if cells[0].value <= 0 or len(cells) < 2 * SMALLEST_GROUP:
            continue
        logs = [math.log(cell.value) for cell in cells]
        for cut in range(SMALLEST_GROUP, len(cells) - SMALLEST_GROUP + 1):
            gap = logs[cut] - logs[cut - 1]
            spread = logs[cut - 1] - logs[0] + logs[-1] - logs[cut]
            if gap > max(spread, math.log(2)):
                low, high = cells[:cut], cells[cut:]
                groups = (
                    f"{len(low)} values of {cells[0].metric_label} in {low[0].printed} to "
                    f"{low[-1].printed}, {len(high)} in {high[0].printed} to {high[-1].printed} "
                    "and none between"
                )
                kind: DoubtKind = "contradiction"
                evidence: Evidence = "proved"
                cause = "two ways of scoring in one column"
                if (cells[0].task, cells[0].metric) == ("medical", "ssim"):
                    kind, evidence = "convention", "measured"
                    cause = "methods that lift the black background and methods that keep it"
                yield Doubt("bimodal column", kind, evidence, f"{groups}: {cause}", tuple(cells))


def broken_claim(paper: Paper) -> Iterator[Doubt]:
    """Find ranks that the text gives to a method and its table does not."""
    for claim in paper.claims:
        for cells in _groups(
            (c for c in paper.cells if (c.table, c.dataset) == (claim.table, claim.dataset)),
            attrgetter("column"),
        ):
            own = [c for c in cells if c.method == claim.method]
            if cells[0].metric not in claim.metrics or cells[0].pair != claim.pair or not own:
                continue
            better = [c for c in cells if _better(c, own[0])]
            if len(better) + 1 != claim.rank:
                named = ", ".join(f"{c.label} {c.printed}" for c in _ranked(better))
                behind = f" behind {named}" if named else ""
                yield Doubt(
                    "broken claim",
                    "contradiction",
                    "proved",
                    f"the text ranks {own[0].label} {claim.rank} on {own[0].metric_label} "
                    f"(“{claim.quote}”), the table ranks it {len(better) + 1}{behind}",
                    (own[0],),
                )


def wrong_marks(paper: Paper) -> Iterator[Doubt]:
    """Find columns whose highlighted values are not the best and second best."""
    for cells in _groups(paper.cells, attrgetter("column")):
        marked = [c for c in cells if c.marked]
        best = sorted({c.value for c in cells}, reverse=cells[0].direction == "higher")[:2]
        wrong = [c for c in cells if c.marked != (c.value in best)]
        if marked and wrong:
            words = [f"{c.label} {c.printed} is {'' if c.marked else 'not '}marked" for c in wrong]
            yield Doubt(
                "wrong marks",
                "doubt",
                "proved",
                f"the best two of {cells[0].metric_label} are "
                f"{' and '.join(f'{v:g}' for v in best)}; {', '.join(words)}",
                tuple(wrong),
            )


def impossible_mean(paper: Paper) -> Iterator[Doubt]:
    """Find means over classes that the classes cannot give, whatever those not printed are."""
    for row in _groups(paper.cells, attrgetter("row")):
        for whole in row:
            prefix, unprinted = AGGREGATES.get(whole.metric, ("", 0))
            parts = [c for c in row if prefix and c.metric.startswith(prefix)]
            if not parts:
                continue
            count = len(parts) + unprinted
            total = sum(c.value for c in parts)
            slack = sum(c.unit for c in parts) / 2 / count + whole.unit / 2
            low, high = total / count - slack, (total + unprinted) / count + slack
            if not low - 1e-9 <= whole.value <= high + 1e-9:
                yield Doubt(
                    "impossible mean",
                    "contradiction",
                    "proved",
                    f"{whole.metric_label} {whole.printed} is no mean of its {count} classes, "
                    f"which gives {low:.4g} to {high:.4g}",
                    (whole,),
                )


def two_values(paper: Paper) -> Iterator[Doubt]:
    """Find one method, dataset and metric with two values."""
    for cells in _groups(paper.cells, attrgetter("dataset", "pair", "block", "method", "metric")):
        if len({c.value for c in cells}) > 1:
            words = ", ".join(f"{c.printed} in Table {c.table}" for c in cells)
            yield Doubt(
                "two values",
                "contradiction",
                "proved",
                f"{cells[0].metric_label} of {cells[0].label} is {words}",
                tuple(cells),
            )


def equal_rows(paper: Paper) -> Iterator[Doubt]:
    """Find two methods whose values on a dataset are equal to the digit, all of them."""
    for cells in _groups(paper.cells, attrgetter("table", "dataset", "pair")):
        rows: dict[tuple[tuple[str, str], ...], list[Cell]] = {}
        for row in _groups(cells, attrgetter("row")):
            values = tuple(sorted((c.metric, c.printed) for c in row))
            other = rows.setdefault(values, row)
            if len(row) >= SMALLEST_GROUP and other[0].method != row[0].method:
                yield Doubt(
                    "equal rows",
                    "contradiction",
                    "proved",
                    f"{other[0].label} and {row[0].label} have the same {len(row)} values to the "
                    "digit: one row is a copy of the other",
                    (*other, *row),
                )


def odd_count(paper: Paper) -> Iterator[Doubt]:
    """Find numbers of pairs that look like a published set counted from 0, or with a lost digit."""
    for slug, source in paper.datasets.items():
        cells = tuple(c for c in paper.cells if c.dataset == slug)
        published, used = source.published, {c.pairs for c in cells}
        if published is None or len(used) != 1:
            continue
        count = used.pop()
        if count is None or count == published:
            continue
        if count == published - 1:
            why = "exactly one less"
        elif str(published).startswith(str(count)):
            why = "perhaps a lost digit"
        else:
            continue
        yield Doubt(
            "odd count",
            "doubt",
            "inferred",
            f"{count} pairs where {source.where} has {published}: {why}",
            cells,
        )


def gradient_not_halved(paper: Paper, metric: str, label: str, limit: float) -> Iterator[Doubt]:
    """Find gradients too large beside the spatial frequency to have the factor 1/2 of AG."""
    ratios, cells = [], []
    for block in _groups(paper.cells, lambda c: (c.table, c.dataset, c.block)):
        for gradient, frequency in _side_by_side(block, metric, "sf"):
            ratios.append(gradient.value / frequency.value)
            cells.append(gradient)
    if ratios and max(ratios) > limit:
        yield Doubt(
            f"{label} not halved",
            "convention",
            "inferred",
            f"{label}/SF reaches {max(ratios):.3f}; with the factor 1/2 of its definition it stays "
            f"under {limit:g} on natural images: the factor is left out",
            tuple(cells),
        )


def ssim_is_a_sum(paper: Paper) -> Iterator[Doubt]:
    """Find SSIM above 1, which is the sum over two sources."""
    cells = tuple(c for c in paper.cells if c.metric == "ssim")
    if cells and max(c.value for c in cells) > 1:
        yield Doubt(
            "SSIM is a sum",
            "convention",
            "proved",
            f"SSIM reaches {max(c.value for c in cells):g}: it is the sum over both sources",
            cells,
        )


def q0_is_ncie(paper: Paper) -> Iterator[Doubt]:
    """Find a Q_0 that is the nonlinear correlation information entropy of another Wang."""
    cells = tuple(c for c in paper.cells if c.metric_label in ("Q_0", "Q0"))
    if not cells:
        return
    low, high = min(c.value for c in cells), max(c.value for c in cells)
    if low >= NCIE_FLOOR - cells[0].unit and high <= NCIE_FLOOR + NCIE_ROOM:
        yield Doubt(
            "Q_0 is Q_NCIE",
            "convention",
            "inferred",
            f"all {len(cells)} values lie in {low:.4f} to {high:.4f}, just above the floor "
            f"{NCIE_FLOOR:.5f} of the nonlinear correlation information entropy of Qiang Wang "
            "2008; the Q_0 of Zhou Wang and Bovik has no such floor",
            cells,
        )


RULES: tuple[Rule, ...] = (
    mi_is_twice_entropy,
    out_of_bounds,
    bimodal_column,
    broken_claim,
    wrong_marks,
    impossible_mean,
    two_values,
    equal_rows,
    odd_count,
    partial(gradient_not_halved, metric="ag", label="AG", limit=HALVED_AG),
    partial(gradient_not_halved, metric="mg", label="MG", limit=HALVED_MG),
    ssim_is_a_sum,
    q0_is_ncie,
)


def _bounds(metric: str) -> tuple[float, float]:
    if metric in METRICS:
        return METRICS[metric].bounds
    return (0.0, 1.0) if metric.startswith(SHARES) else (-math.inf, math.inf)


def _groups(cells: Iterable[Cell], key: Callable[[Cell], object]) -> list[list[Cell]]:
    found: dict[object, list[Cell]] = defaultdict(list)
    for cell in cells:
        found[key(cell)].append(cell)
    return list(found.values())


def _side_by_side(cells: Sequence[Cell], first: str, second: str) -> Iterator[tuple[Cell, Cell]]:
    """Give two columns of a table, row by row."""
    others = {c.row: c for c in cells if c.metric == second}
    return ((c, others[c.row]) for c in cells if c.metric == first and c.row in others)


def _better(cell: Cell, other: Cell) -> bool:
    return cell.value < other.value if cell.direction == "lower" else cell.value > other.value


def _ranked(cells: Sequence[Cell]) -> list[Cell]:
    return sorted(cells, key=attrgetter("value"), reverse=True)

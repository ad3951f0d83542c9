"""Which convention explains a published number."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args, get_origin, get_type_hints

from fusebench.bench.types import Image, InputError, Metric
from fusebench.metrics import METRICS, load_protocol, protocol_names, triplet_of

COLOURS: tuple[Literal["luma", "channels"], ...] = ("luma", "channels")
Triple = tuple[Image, Image, Image]


@dataclass(frozen=True)
class Convention:
    """One way to compute a metric.

    Attributes
    ----------
    parameters : mapping
        Those that differ from the canonical ones.
    colour : {"luma", "channels"}
        How colour is scored.
    protocols : tuple of str
        Protocols of this package that compute the metric so.
    """

    parameters: Mapping[str, Any]
    colour: Literal["luma", "channels"]
    protocols: tuple[str, ...]

    def __str__(self) -> str:
        words = [f"{name} {value}" for name, value in self.parameters.items()]
        words += ["each channel"] if self.colour == "channels" else []
        return ", ".join(words) or "canonical"


@dataclass(frozen=True)
class Explanation:
    """What a convention gives, beside a published number.

    Attributes
    ----------
    convention : Convention
    value : float
        Mean over the triples; NaN where undefined on any.
    error : float
        Relative difference from the published number.
    exact : bool
        Whether both are equal at the digits that were printed.
    """

    convention: Convention
    value: float
    error: float
    exact: bool


def conventions(record: Metric, colours: Sequence[Literal["luma", "channels"]]) -> list[Convention]:
    """List all combinations of the choices that a metric's parameters have.

    What protocols compute besides, with numbers for parameters, follows them.

    Parameters
    ----------
    record : Metric
    colours : sequence of str
        Colour rules to try.
    """
    hints = get_type_hints(record.compute)
    names = [n for n in record.parameters if _choices(hints[n])]
    rules = [load_protocol(name) for name in protocol_names()]
    combinations: list[Mapping[str, Any]] = [
        {
            name: value
            for name, value in zip(names, values, strict=True)
            if value != record.parameters[name]
        }
        for values in itertools.product(*(_choices(hints[name]) for name in names))
    ]
    for rule in rules:
        used = rule.metrics.get(record.slug, {})
        if used not in combinations:
            combinations.append(used)
    found = []
    for parameters in combinations:
        for colour in colours:
            users = tuple(
                rule.name
                for rule in rules
                if rule.colour == colour and rule.metrics.get(record.slug) == parameters
            )
            found.append(Convention(parameters, colour, users))
    return found


def diagnose(metric: str, published: str, triples: Sequence[Triple]) -> list[Explanation]:
    """Rank the conventions by how well they explain a published number.

    Parameters
    ----------
    metric : str
        Slug.
    published : str
        The number as printed: its digits say how exact it claims to be.
    triples : sequence of (a, b, fused)
        8-bit images; the mean over them is compared.

    Returns
    -------
    list of Explanation
        Best first; conventions that give one and the same value are all listed.

    Raises
    ------
    UnknownNameError
        If there is no such metric.
    InputError
        If the number cannot be read, the metric needs a reference, or there are no triples.
    """
    record = METRICS[metric]
    if record.needs == "reference":
        raise InputError(f"{metric} is computed against a reference; there is nothing to diagnose")
    if not triples:
        raise InputError("no images to compute the number from")
    try:
        target = float(published)
    except ValueError:
        raise InputError(f"{published!r} is no number") from None
    coloured = any(image.ndim == 3 for triple in triples for image in triple)
    tried = conventions(record, COLOURS if coloured else COLOURS[:1])
    sums = dict.fromkeys(range(len(tried)), 0.0)
    for triple in triples:
        planes = {c: triplet_of(*triple, colour=c) for c in {t.colour for t in tried}}
        for index, convention in enumerate(tried):
            triplet = planes[convention.colour]
            values = record.compute(triplet, **convention.parameters)
            triplet.take_reasons()
            sums[index] += triplet.per_image(values)[0]
    explanations = [
        _explain(convention, sums[index] / len(triples), target, published)
        for index, convention in enumerate(tried)
    ]
    # NaN sorts last; between equals, up to float noise, the convention that a protocol uses comes
    # first, then the simpler one.
    return sorted(
        explanations,
        key=lambda e: (
            round(e.error, 12) if e.error == e.error else float("inf"),
            not e.convention.protocols,
            len(e.convention.parameters),
        ),
    )


def _explain(convention: Convention, value: float, target: float, published: str) -> Explanation:
    error = abs(value - target) / abs(target) if target else abs(value)
    return Explanation(convention, value, error, _same_digits(value, published))


def _same_digits(value: float, published: str) -> bool:
    """Say whether a value, rounded as the number was printed, is that number."""
    mantissa, _, exponent = published.strip().lower().partition("e")
    decimals = len(mantissa.partition(".")[2]) - int(exponent or 0)
    if value != value or abs(value) == float("inf"):
        return False
    # Half a unit of the last digit, and a little for the noise of float sums.
    return abs(value - float(published)) <= 0.5000001 * 10.0**-decimals + 1e-12 * abs(value)


def _choices(hint: Any) -> Iterator[Any] | tuple[Any, ...]:
    if get_origin(hint) is Literal:
        return get_args(hint)
    return (False, True) if hint is bool else ()

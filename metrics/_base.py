"""Registration of metrics, and the plain function that users call."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from typing import Any, get_args

from numpy.typing import ArrayLike

from fusebench.bench.registry import Registry
from fusebench.bench.types import Array, Direction, InputError, Metric, Needs
from fusebench.metrics._triplet import Triplet

METRICS: Registry[Metric] = Registry("metric")


def metric(
    *,
    slug: str,
    label: str,
    title: str,
    direction: Direction,
    bounds: tuple[float, float],
    needs: Needs,
    reference: str,
    doi: str,
    formula: str,
    identity: float | None = None,
    symmetric: bool = True,
    min_size: int = 1,
    version: int = 1,
) -> Callable[[Callable[..., Array]], Callable[..., float]]:
    """Register ``compute(triplet, **parameters)`` and return the function that users call.

    The parameters are those of `fusebench.bench.types.Metric`. The returned function takes images,
    checks them and gives one number; its documentation is that of ``compute``.
    """

    def register(compute: Callable[..., Array]) -> Callable[..., float]:
        documentation = inspect.getdoc(compute) or ""
        record = METRICS.add(
            Metric(
                slug=slug,
                label=label,
                title=title,
                direction=direction,
                bounds=bounds,
                needs=needs,
                identity=identity,
                symmetric=symmetric,
                min_size=min_size,
                reference=reference,
                doi=doi,
                formula=formula,
                version=version,
                compute=compute,
                summary=documentation.split("\n")[0],
            )
        )

        @wraps(compute, assigned=("__module__", "__name__", "__qualname__", "__doc__"))
        def public(
            a: ArrayLike,
            b: ArrayLike,
            fused: ArrayLike,
            /,
            *,
            reference: ArrayLike | None = None,
            data_range: float | None = None,
            **parameters: Any,
        ) -> float:
            # Imported here because the module that turns images into triplets needs the registry.
            from fusebench.metrics._score import triplet_of

            triplet = triplet_of(a, b, fused, reference, data_range)
            refusal = why_not(record, triplet)
            if refusal:
                raise InputError(refusal)
            return float(record.compute(triplet, **parameters)[0])

        # Its signature is not the public one.
        del public.__wrapped__
        return public

    return register


def require_choice(name: str, value: object, choices: object) -> None:
    """Check a parameter that names one of several conventions.

    Parameters
    ----------
    name : str
    value : object
    choices : Literal type

    Raises
    ------
    InputError
        If the value is not one of the choices.
    """
    if value not in get_args(choices):
        expected = ", ".join(str(choice) for choice in get_args(choices))
        raise InputError(f"{name} is {value!r}; expected one of {expected}")


def why_not(record: Metric, triplet: Triplet) -> str | None:
    """Say why a metric cannot be computed on these images, or None if it can."""
    _, height, width = triplet.shape
    if min(height, width) < record.min_size:
        return (
            f"{record.slug} needs images of at least {record.min_size}x{record.min_size} pixels, "
            f"got {height}x{width}"
        )
    if record.needs == "reference" and not triplet.has_reference:
        return f"{record.slug} needs a reference image"
    return None

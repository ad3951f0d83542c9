"""Protocols: which metrics are computed, with which parameters and colour rule, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal, get_args

from fusebench.bench.registry import read_toml, toml_names
from fusebench.bench.types import InputError
from fusebench.metrics._base import METRICS

FOLDER = Path(__file__).parent / "protocols"
ColourOfProtocol = Literal["luma", "channels"]


@dataclass(frozen=True)
class Protocol:
    """How scores are computed, exactly.

    Attributes
    ----------
    name, title : str
        Name in commands and one line about it.
    colour : {"luma", "channels"}
        Whether colour images are scored on their rounded BT.601 luma, or each channel by itself
        (a grey image stands for each channel of a colour one) with the values averaged.
    metrics : mapping
        Parameters by metric slug; an empty mapping stands for the canonical ones.
    notes : str
        What it was proved on, and what is not known of it.
    """

    name: str
    title: str
    colour: ColourOfProtocol
    metrics: Mapping[str, Mapping[str, Any]]
    notes: str = ""


def protocol_names() -> list[str]:
    """Names of the protocols that come with the package."""
    return list(_names())


@lru_cache(maxsize=1)
def _names() -> tuple[str, ...]:
    return tuple(toml_names(FOLDER))


def load_protocol(name: str) -> Protocol:
    """Read a protocol by name, or from a TOML file of the user's.

    Parameters
    ----------
    name : str
        Name of a protocol of the package, or the path of a ``.toml`` file.

    Raises
    ------
    UnknownNameError
        If there is no such protocol, or it names a metric that does not exist.
    MissingDataError
        If the file does not exist.
    InputError
        If the file is not valid.
    """
    if name in protocol_names():
        # A metric that somebody registers later becomes part of protocols that have them all.
        return _packaged(name, len(METRICS))
    return _protocol(*read_toml("protocol", name, FOLDER))


@lru_cache
def _packaged(name: str, metrics: int) -> Protocol:
    """Read a protocol of the package once: checking it takes longer than the quick metrics."""
    return _protocol(*read_toml("protocol", name, FOLDER))


def _protocol(table: dict[str, Any], path: Path) -> Protocol:
    unknown = sorted(set(table) - {"name", "title", "colour", "metrics", "notes"})
    if unknown:
        raise InputError(f"{path} has unknown keys: {', '.join(unknown)}")
    colour = table.get("colour", "luma")
    if colour not in get_args(ColourOfProtocol):
        raise InputError(f"{path}: colour is {colour!r}; expected 'luma' or 'channels'")
    metrics = table.get("metrics", "all")
    if metrics == "all":
        metrics = {record.slug: {} for record in METRICS}
    tables = isinstance(metrics, dict) and all(isinstance(v, dict) for v in metrics.values())
    if not tables or not metrics:
        raise InputError(f"{path}: metrics must be 'all' or a table for each metric")
    for slug, parameters in metrics.items():
        known = METRICS[slug].parameters
        for parameter in parameters:
            if parameter not in known:
                names = ", ".join(known) or "none"
                raise InputError(
                    f"{path}: {slug} has no parameter {parameter!r}; its parameters: {names}"
                )
    return Protocol(
        name=str(table.get("name", path.stem)),
        title=str(table.get("title", "")),
        colour=colour,
        metrics=metrics,
        notes=" ".join(str(table.get("notes", "")).split()),
    )

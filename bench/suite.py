"""Suites: which methods run on which datasets and how they are scored, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from fusebench.bench.registry import read_toml, toml_names
from fusebench.bench.types import InputError
from fusebench.methods import METHODS

FOLDER = Path(__file__).parent / "suites"
_KEYS = {"title", "datasets", "methods", "metrics", "protocol", "roots"}
_METHOD_KEYS = {"method", "label", "options", "weights"}


@dataclass(frozen=True)
class MethodChoice:
    """A method of a suite with its options; `label` tells two settings of one method apart."""

    slug: str
    label: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    weights: str | None = None


@dataclass(frozen=True)
class Suite:
    """Methods x datasets x metrics under one protocol.

    Attributes
    ----------
    name, title : str
        Name in commands and one line about it.
    datasets : tuple of str
        Names such as ``"tno:25"``.
    methods : tuple of MethodChoice
        In a file: slugs, tables, or "all" for every method.
    metrics : str or tuple of str
        "all" or slugs.
    protocol : str
        Name of a protocol, or path of a TOML file.
    roots : mapping of str to Path
        Folders of datasets by slug or name.
    """

    name: str
    title: str
    datasets: tuple[str, ...]
    methods: tuple[MethodChoice, ...]
    metrics: str | tuple[str, ...] = "all"
    protocol: str = "canonical"
    roots: Mapping[str, Path] = field(default_factory=dict)


def suite_names() -> list[str]:
    """Names of the suites that come with the package."""
    return toml_names(FOLDER)


def load_suite(name: str) -> Suite:
    """Read a suite by name, or from a TOML file of the user's.

    Parameters
    ----------
    name : str
        Name of a suite of the package, or the path of a ``.toml`` file. Relative roots in a file
        are relative to that file.

    Raises
    ------
    UnknownNameError, MissingDataError
        If there is no such suite or file.
    InputError
        If the file is not valid.
    """
    return _suite(*read_toml("suite", name, FOLDER))


def _suite(table: dict[str, Any], path: Path) -> Suite:
    unknown = sorted(set(table) - _KEYS)
    if unknown:
        raise InputError(f"{path} has unknown keys: {', '.join(unknown)}; known: {sorted(_KEYS)}")
    datasets = _texts(table, "datasets", path)
    methods = table.get("methods")
    if methods == "all":
        methods = METHODS.slugs
    if not isinstance(methods, list | tuple) or not methods:
        raise InputError(
            f"{path}: methods must be 'all', or a list of slugs or tables that is not empty"
        )
    metrics = table.get("metrics", "all")
    if metrics != "all":
        metrics = _texts(table, "metrics", path)
    roots = table.get("roots", {})
    if not isinstance(roots, dict) or not all(isinstance(r, str) for r in roots.values()):
        raise InputError(f"{path}: roots must be a table of folders by dataset")
    return Suite(
        name=path.stem,
        title=str(table.get("title", path.stem)),
        datasets=datasets,
        methods=tuple(_method(m, path) for m in methods),
        metrics=metrics,
        protocol=str(table.get("protocol", "canonical")),
        roots={k: path.parent / Path(v).expanduser() for k, v in roots.items()},
    )


def _texts(table: dict[str, Any], key: str, path: Path) -> tuple[str, ...]:
    value = table.get(key)
    if not isinstance(value, list) or not value or not all(isinstance(v, str) for v in value):
        raise InputError(f"{path}: {key} must be a list of names, and not empty; got {value!r}")
    return tuple(value)


def _method(value: Any, path: Path) -> MethodChoice:
    if isinstance(value, str):
        return MethodChoice(value)
    if not isinstance(value, dict) or not isinstance(value.get("method"), str):
        raise InputError(f"{path}: a method is a slug or a table with 'method'; got {value!r}")
    unknown = sorted(set(value) - _METHOD_KEYS)
    if unknown:
        raise InputError(f"{path}: a method has unknown keys: {', '.join(unknown)}")
    return MethodChoice(
        slug=value["method"],
        label=value.get("label"),
        options=value.get("options", {}),
        weights=value.get("weights"),
    )

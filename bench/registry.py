"""Things by name: registered records, and the TOML files of protocols and suites."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from fusebench.bench.types import InputError, MissingDataError, UnknownNameError


class _Named(Protocol):
    @property
    def slug(self) -> str: ...


T = TypeVar("T", bound=_Named)


def unknown_name(kind: str, name: str, known: list[str]) -> UnknownNameError:
    """Make the error for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}."
    return UnknownNameError(f"unknown {kind} {name!r}; {hint}")


def toml_names(folder: Path) -> list[str]:
    """Names of the TOML files in a folder of the package."""
    return sorted(path.stem for path in folder.glob("*.toml"))


def read_toml(kind: str, name: str, folder: Path) -> tuple[dict[str, Any], Path]:
    """Read a TOML file by name from a folder of the package, or by path from anywhere.

    Parameters
    ----------
    kind : str
        What the file describes, for messages ("protocol", "suite").
    name : str
        Name, or a path that ends in ``.toml``.
    folder : Path
        Where the package keeps files of this kind.

    Returns
    -------
    table : dict
    path : Path

    Raises
    ------
    UnknownNameError
        If the package has no such file.
    MissingDataError
        If there is no file at the path.
    InputError
        If the file is not valid TOML.
    """
    path = Path(name) if name.endswith(".toml") else folder / f"{name}.toml"
    if not name.endswith(".toml") and name not in toml_names(folder):
        raise unknown_name(kind, name, toml_names(folder))
    if not path.is_file():
        raise MissingDataError(f"{path} does not exist; give the path of a {kind} file")
    try:
        return tomllib.loads(path.read_text(encoding="utf-8")), path
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as e:
        raise InputError(f"{path} is not valid TOML: {e}") from None


class Registry(Generic[T]):
    """Records by slug, in the order of registration.

    Parameters
    ----------
    kind : str
        What the records are, for messages ("metric", "method", "dataset").
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._records: dict[str, T] = {}

    def add(self, record: T) -> T:
        """Register a record.

        Raises
        ------
        ValueError
            If the slug is taken: a silent swap would falsify a table.
        """
        if record.slug in self._records:
            raise ValueError(f"{self.kind} {record.slug!r} is registered twice")
        self._records[record.slug] = record
        return record

    def __getitem__(self, slug: str) -> T:
        if slug not in self._records:
            raise unknown_name(self.kind, slug, sorted(self._records))
        return self._records[slug]

    def __contains__(self, slug: object) -> bool:
        return slug in self._records

    def __iter__(self) -> Iterator[T]:
        return iter(self._records.values())

    def __len__(self) -> int:
        return len(self._records)

    @property
    def slugs(self) -> tuple[str, ...]:
        """All slugs, in the order of registration."""
        return tuple(self._records)

"""One kind of registry for metrics, methods and datasets."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from typing import Generic, Protocol, TypeVar

from fusebench.bench.types import UnknownNameError


class _Named(Protocol):
    @property
    def slug(self) -> str: ...


T = TypeVar("T", bound=_Named)


def unknown_name(kind: str, name: str, known: list[str]) -> UnknownNameError:
    """Make the error for a name that does not exist, with the nearest one that does."""
    near = difflib.get_close_matches(name.lower(), known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known) or 'none'}."
    return UnknownNameError(f"unknown {kind} {name!r}; {hint}")


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

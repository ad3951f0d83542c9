"""Layouts that only one dataset has, written as patterns such as ``{key}/{key}_A``.

A pattern is a path without the file's ending. ``{key}`` (or several of ``{1}``, ``{2}`` …, which
are joined by ``_``) stands for a part of the key, ``{1:set0[0-5]}`` for one that fits a regular
expression, ``{:train|test}`` for such a text that is no part of the key, ``*`` for anything; upper
and lower case are the same. A name in braces that comes twice is the same text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from fusebench.bench.images import is_image_file
from fusebench.datasets._files import Files, Found, list_folder

_TOKEN = re.compile(r"\{(\w*)(?::([^}]+))?\}|(\*)")


@dataclass(frozen=True)
class Patterns:
    """Where the files of a pair or series lie.

    Attributes
    ----------
    sources : tuple of str
        One pattern for each source, in order. Of a series longer than two the sources between may
        be missing.
    reference : str
        Pattern of the ideal fused image, "" for none.
    """

    sources: tuple[str, ...]
    reference: str = ""

    def __str__(self) -> str:
        return ", ".join((*self.sources, *filter(None, (self.reference,))))


def match(root: Path, patterns: Patterns) -> Found | None:
    """Find the pairs or series that lie in a folder as the patterns say.

    Returns
    -------
    Found or None
        None where no source, or only one, is there.
    """
    found = [dict(_files(root, pattern)) for pattern in patterns.sources]
    if sum(bool(files) for files in found) < 2:
        return None
    keys = dict.fromkeys(key for files in found for key in files)
    names = {"a": patterns.sources[0], "b": patterns.sources[-1]}
    if len(patterns.sources) == 2:
        sides = dict(zip("ab", found, strict=True))
    else:
        sides = _series(found, keys)
    if patterns.reference:
        sides["reference"] = dict(_files(root, patterns.reference))
        names["reference"] = patterns.reference
    return Found(None, names, sides)


def _series(found: Sequence[Files], keys: Mapping[str, None]) -> dict[str, Files]:
    sides: dict[str, Files] = {"a": {}, "b": {}}
    for key in keys:
        first, *between = (files[key] for files in found if key in files)
        sides["a"][key] = first
        if between:
            sides["b"][key] = between.pop()
        for number, path in enumerate(between, 2):
            sides.setdefault(str(number), {})[key] = path
    return sides


def _files(root: Path, pattern: str) -> Iterator[tuple[str, Path]]:
    names = list(dict.fromkeys(name for name, _, _ in _TOKEN.findall(pattern) if name))
    for path, parts in _walk(root, pattern.split("/"), {}):
        yield "_".join(parts[name] for name in names), path


def _walk(
    folder: Path, parts: Sequence[str], known: Mapping[str, str]
) -> Iterator[tuple[Path, Mapping[str, str]]]:
    """Give the files below a folder that fit, each with what its names stand for."""
    here, *below = parts
    for path in list_folder(folder):
        is_file = not below
        if path.is_dir() == is_file or (is_file and not is_image_file(path)):
            continue
        fits = _regex(here, known).fullmatch(path.stem if is_file else path.name)
        if fits is None:
            continue
        # A group may not be called 1, so all have an n before their names.
        now = {**known, **{name[1:]: text for name, text in fits.groupdict().items()}}
        if is_file:
            yield path, now
        else:
            yield from _walk(path, below, now)


def _regex(part: str, known: Mapping[str, str]) -> re.Pattern[str]:
    out, end = "", 0
    seen: set[str] = set()
    for token in _TOKEN.finditer(part):
        out += re.escape(part[end : token.start()])
        end = token.end()
        name, regex, star = token.groups()
        if star:
            out += ".*"
        elif not name:
            out += f"(?:{regex})"
        elif name in known:
            out += re.escape(known[name])
        elif name in seen:
            out += f"(?P=n{name})"
        else:
            seen.add(name)
            out += f"(?P<n{name}>{regex or '.+'})"
    return re.compile(out + re.escape(part[end:]), re.IGNORECASE)

"""The process that reads and scores the images of an upload, under limits of the system.

It is started by `fusebench.leaderboard.submissions` in a folder of its own, takes one request as
JSON, and leaves pixels and numbers in that folder. It opens no database.
"""

from __future__ import annotations

import json
import math
import resource
import sys
from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image as PillowImage

from fusebench import datasets
from fusebench.bench.images import pixel_digest, read_image
from fusebench.bench.runner import EXTERNAL
from fusebench.bench.types import FusebenchError, InputError
from fusebench.bench.work import Unit, carry_out
from fusebench.datasets import Dataset

# Others that Pillow knows have decoders that few have looked at.
_FORMATS = ("PNG", "JPEG", "BMP", "TIFF")


def main() -> None:
    """Score what the request on standard input names."""
    request = json.loads(sys.stdin.read())
    restrict(request["limits"])
    try:
        answer: dict[str, Any] = {"scores": work(request)}
    except FusebenchError as e:
        answer = {"error": str(e)}
    (Path(request["out"]) / "answer.json").write_text(json.dumps(answer))


def restrict(limits: Mapping[str, int]) -> None:
    """Bound memory, processor time, file size and open files of this process, for good."""
    for kind, most in (
        (resource.RLIMIT_AS, limits["memory"]),
        (resource.RLIMIT_CPU, limits["seconds"]),
        (resource.RLIMIT_FSIZE, limits["total"]),
        (resource.RLIMIT_NOFILE, 256),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(kind)
        bound = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(kind, (bound, bound))


def work(request: Mapping[str, Any]) -> list[list[dict[str, Any]]]:
    """Score every image, leave its pixels in the folder, and give the scores.

    Raises
    ------
    InputError
        For the first image that cannot be scored.
    """
    root = request["root"]
    # What goes wrong there names folders of this machine, which are no business of a visitor.
    try:
        dataset = datasets.load(request["dataset"], None if root is None else Path(root))
    except FusebenchError:
        raise InputError("the source images are no longer where they were") from None
    return [
        _score(request, dataset, pair, Path(request["out"]) / f"{i}.npy")
        for i, pair in enumerate(request["pairs"])
    ]


def _score(
    request: Mapping[str, Any], dataset: Dataset, asked: Mapping[str, Any], target: Path
) -> list[dict[str, Any]]:
    key, path = asked["key"], Path(asked["file"])
    _check_sources(dataset, key, asked["digests"])
    _check_header(path, (asked["width"], asked["height"]))
    try:
        image = read_image(path)
    except InputError:
        raise InputError(f"{path.name} is damaged, or of a kind that is not read") from None
    buffer = BytesIO()
    PillowImage.fromarray(image).save(buffer, "PNG")
    unit = Unit(
        request["dataset"],
        request["root"],
        key,
        request["protocol"],
        tuple(asked["metrics"]),
        device=EXTERNAL,
        image=buffer.getvalue(),
    )
    done = carry_out(unit)
    if done.image is None:
        raise InputError(f"{path.name}: {done.outcome.error}")
    np.save(target, image, allow_pickle=False)
    return [
        {
            "metric": score.metric,
            "value": None if math.isnan(score.value) else score.value,
            "error": score.error,
        }
        for score in done.outcome.scores
    ]


def _check_sources(dataset: Dataset, key: str, digests: list[str | None]) -> None:
    """Check that the source images are those that everybody else was scored on."""
    try:
        pair = dataset[key]
    except FusebenchError:
        raise InputError(f"the source images of {key} cannot be read") from None
    images = (pair.a, pair.b, pair.reference)
    if [None if image is None else pixel_digest(image) for image in images] != digests:
        raise InputError(f"the source images of {key} are no longer those of this board")


def _check_header(path: Path, size: tuple[int, int]) -> None:
    """Check format and size before any pixel is decoded."""
    try:
        with PillowImage.open(path, formats=_FORMATS) as handle:
            found = handle.size
    # Pillow's readers raise many types on damaged files; all mean the same to the visitor.
    except Exception:
        raise InputError(f"{path.name} is not an image; expected {', '.join(_FORMATS)}") from None
    if found != size:
        raise InputError(
            f"{path.name} has {found[0]} x {found[1]} pixels; its sources have "
            f"{size[0]} x {size[1]}"
        )

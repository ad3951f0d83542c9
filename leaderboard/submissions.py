"""Uploaded results: a zip of fused images, scored by a worker that is cut off from the rest.

Nothing here runs unless the operator lets visitors submit (`fusebench leaderboard --uploads`). An
archive is unpacked under limits into a folder of its own, read and scored by another process with
limits of its own (`fusebench.leaderboard.submission_worker`), and written to the database only
when every image was scored. What comes back from that process is plain numbers and pixels, and is
checked again.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import stat
import subprocess
import sys
import tempfile
import threading
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import asdict, dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import select
from sqlalchemy.orm import Session

import fusebench as package
from fusebench import metrics
from fusebench.bench.cache import put_image
from fusebench.bench.environment import environment_facts
from fusebench.bench.images import is_image_file
from fusebench.bench.runner import EXTERNAL
from fusebench.bench.schema import PairRow
from fusebench.bench.store import Entry, Outcome, ScoreValue, Store
from fusebench.bench.types import Image, InputError
from fusebench.datasets import listing
from fusebench.leaderboard.board import Evaluation, entries
from fusebench.metrics import METRICS

SWITCH = "FUSEBENCH_UPLOADS"
"""Variable that lets visitors submit where it is "1"."""

_LOG = logging.getLogger(__name__)
# One upload is scored at a time, so that visitors cannot add up their memory and time.
_BUSY = threading.Lock()
_NAME_LENGTH = 60
_CHUNK = 2**16
_WORKER = "from fusebench.leaderboard.submission_worker import main; main()"
_MIB = 2**20


@dataclass(frozen=True)
class Limits:
    """What an upload may take.

    Attributes
    ----------
    archive, file, total : int
        Bytes of the zip file, of one image and of all images, unpacked.
    files : int
        Files in the zip file.
    seconds, memory : int
        Time, and bytes of memory, of the process that scores.
    """

    archive: int = 200 * _MIB
    file: int = 32 * _MIB
    total: int = 1024 * _MIB
    files: int = 2000
    seconds: int = 900
    memory: int = 4096 * _MIB


def are_enabled() -> bool:
    """Say whether the operator lets visitors submit."""
    return os.environ.get(SWITCH) == "1"


def submit(
    url: str,
    evaluation: Evaluation,
    protocol: str,
    name: str,
    archive: IO[bytes],
    limits: Limits | None = None,
) -> int:
    """Score a zip of fused images, and add it to a database if every one of them could be scored.

    Parameters
    ----------
    url : str
        Of the database, which is not touched before all scores are there.
    evaluation : Evaluation
        Dataset and task; the archive holds one image for each of its pairs, named by its key.
    protocol, name : str
        How to score, and the name in tables, which nobody has yet.
    archive : file
    limits : Limits, optional

    Returns
    -------
    int
        Number of images scored.

    Raises
    ------
    InputError
        Saying what is wrong with the name, the archive or its images; nothing was stored then.
    """
    limits = limits or Limits()
    if not _BUSY.acquire(blocking=False):
        raise InputError("another upload is being scored; try again in a few minutes")
    try:
        with tempfile.TemporaryDirectory(prefix="fusebench-upload-") as folder:
            with closing(Store.open(url, create=False)) as store:
                label = check_name(name, store)
                pairs = _pairs(store, evaluation)
            files = unpack(archive, Path(folder) / "images", [p.key for p in pairs], limits)
            scored = _score(Path(folder), evaluation, protocol, pairs, files, limits)
            _add(url, protocol, label, scored)
            return len(scored)
    finally:
        _BUSY.release()


def check_name(name: str, store: Store) -> str:
    """Give a name for tables without space around it.

    Raises
    ------
    InputError
        If it is empty, too long, not printable or taken.
    """
    label = " ".join(name.split())
    if not label:
        raise InputError("the method needs a name")
    if len(label) > _NAME_LENGTH or not label.isprintable():
        raise InputError(f"the name must have at most {_NAME_LENGTH} printable characters")
    # Results under a name that is there already would replace it, or pass for it.
    if label.casefold() in {row.label.casefold() for row in entries(store)}:
        raise InputError(f"the name {label!r} is taken; choose another")
    return label


def unpack(
    archive: IO[bytes], folder: Path, keys: Sequence[str], limits: Limits
) -> dict[str, Path]:
    """Unpack the images of a zip file into one new folder, whatever folders it has inside.

    Parameters
    ----------
    archive : file
    folder : Path
        Does not exist yet.
    keys : sequence of str
        Of the pairs; there must be one image for each, and no other file.
    limits : Limits

    Returns
    -------
    dict of str to Path
        The image of each key.

    Raises
    ------
    InputError
        If it is no zip file, too large, or anything in it is not an image of a pair.
    """
    if archive.seek(0, os.SEEK_END) > limits.archive:
        raise InputError(f"the file is larger than {limits.archive // _MIB} MiB")
    archive.seek(0)
    folder.mkdir()
    try:
        with zipfile.ZipFile(archive) as opened:
            members = _members(opened, keys, limits)
            left = limits.total
            files = {}
            for key, info in members.items():
                files[key] = folder / f"{key}{PurePosixPath(info.filename).suffix.lower()}"
                left -= _extract(opened, info, files[key], min(limits.file, left))
            return files
    # What zipfile raises on damaged files, and on forms of compression that it does not know.
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, OSError) as e:
        raise InputError(f"the file is not a zip file that can be read: {e}") from None


def _members(
    opened: zipfile.ZipFile, keys: Sequence[str], limits: Limits
) -> dict[str, zipfile.ZipInfo]:
    """Choose the images of a zip file by key, refusing everything that is odd."""
    infos = opened.infolist()
    if len(infos) > limits.files:
        raise InputError(f"the zip file holds {len(infos)} files, more than {limits.files}")
    found: dict[str, zipfile.ZipInfo] = {}
    wanted = set(keys)
    extra = []
    for info in infos:
        path = _safe_path(info)
        if info.is_dir() or _is_junk(path):
            continue
        _check_member(info, path, limits)
        if path.stem in found:
            raise InputError(f"the zip file holds two images for {path.stem}")
        if path.stem not in wanted:
            extra.append(str(path))
        found[path.stem] = info
    if extra:
        raise InputError(
            f"{listing('file', extra)} match no pair; files must be named by the keys of the pairs"
        )
    missing = [key for key in keys if key not in found]
    if missing:
        raise InputError(f"the zip file lacks {listing('image', missing)}")
    if sum(info.file_size for info in found.values()) > limits.total:
        raise InputError(f"unpacked, the images are larger than {limits.total // _MIB} MiB")
    return found


def _safe_path(info: zipfile.ZipInfo) -> PurePosixPath:
    """Give the path of a member that stays inside its archive."""
    path = PurePosixPath(info.filename)
    if path.is_absolute() or ".." in path.parts or any(c in info.filename for c in "\\:\0"):
        raise InputError(f"the zip file holds {info.filename!r}, which points out of it")
    kind = stat.S_IFMT(info.external_attr >> 16)
    if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
        raise InputError(f"the zip file holds {info.filename!r}, which is a link or no plain file")
    return path


def _is_junk(path: PurePosixPath) -> bool:
    """Tell what systems add to archives and folders by themselves."""
    return (
        path.parts[:1] == ("__MACOSX",)
        or path.name.startswith(".")
        or path.name.casefold() in ("thumbs.db", "desktop.ini")
    )


def _check_member(info: zipfile.ZipInfo, path: PurePosixPath, limits: Limits) -> None:
    if not is_image_file(Path(path)):
        raise InputError(f"the zip file holds {str(path)!r}, which is no image")
    if info.flag_bits & 1:
        raise InputError(f"the zip file holds {str(path)!r}, which is encrypted")
    if info.file_size > limits.file:
        raise InputError(f"{path} is larger than {limits.file // _MIB} MiB")


def _extract(opened: zipfile.ZipFile, info: zipfile.ZipInfo, target: Path, most: int) -> int:
    """Unpack one member and give its true size, which an archive may lie about."""
    size = 0
    with opened.open(info) as source, target.open("xb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > most:
                raise InputError(f"{target.name} is larger than the zip file says, or too large")
            file.write(chunk)
    return size


# -- scoring ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Scored:
    """A fused image of one pair with its scores."""

    pair_id: int
    image: Image
    scores: list[ScoreValue]


def _pairs(store: Store, evaluation: Evaluation) -> list[PairRow]:
    statement = select(PairRow).where(
        PairRow.dataset_id == evaluation.dataset_id, PairRow.task == evaluation.task
    )
    with Session(store.engine) as session:
        return list(session.scalars(statement.order_by(PairRow.id)))


def _score(
    folder: Path,
    evaluation: Evaluation,
    protocol: str,
    pairs: Sequence[PairRow],
    files: Mapping[str, Path],
    limits: Limits,
) -> list[_Scored]:
    """Let another process score the images, and check what it gives."""
    rules = metrics.load_protocol(protocol)
    out = folder / "out"
    out.mkdir()
    request = {
        "dataset": evaluation.loads,
        "root": evaluation.root,
        "protocol": protocol,
        "out": str(out),
        "limits": asdict(limits),
        "pairs": [
            {
                "key": pair.key,
                "file": str(files[pair.key]),
                "width": pair.width,
                "height": pair.height,
                "digests": [pair.a_digest, pair.b_digest, pair.reference_digest],
                "metrics": [
                    m.slug
                    for m in metrics.select_metrics(
                        "all", rules, with_reference=pair.reference_digest is not None
                    )
                ],
            }
            for pair in pairs
        ],
    }
    _run_worker(json.dumps(request), folder, limits)
    try:
        answer = json.loads((out / "answer.json").read_text())
        if "error" in answer:
            raise InputError(str(answer["error"]))
        return [
            _Scored(
                pair.id, _image(out / f"{i}.npy", pair), [_value(s) for s in answer["scores"][i]]
            )
            for i, pair in enumerate(pairs)
        ]
    except (OSError, ValueError, TypeError, LookupError) as e:
        if isinstance(e, InputError):
            raise
        raise InputError("the images were scored, but the answer cannot be read") from None


def _run_worker(request: str, folder: Path, limits: Limits) -> None:
    """Run the worker in its folder, with nothing of this process's environment that it can miss.

    Raises
    ------
    InputError
        If it takes too long, or dies.
    """
    environment = {
        "PATH": os.environ.get("PATH", os.defpath),
        # This fusebench, wherever it was imported from.
        "PYTHONPATH": str(Path(package.__file__).resolve().parent.parent),
        **dict.fromkeys(("HOME", "TMPDIR", "FUSEBENCH_CACHE"), str(folder)),
        # One thread: the board goes on serving, and memory limits hold.
        **dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1"),
    }
    with subprocess.Popen(
        # Without the current folder on the path.
        [sys.executable, "-P", "-c", _WORKER],
        cwd=folder,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            _, errors = process.communicate(request, timeout=limits.seconds)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            raise InputError(f"scoring took more than {limits.seconds} seconds") from None
    if process.returncode:
        last = errors.strip().splitlines()[-1:] or ["no message"]
        # For the operator; a visitor learns nothing of the machine.
        _LOG.warning("the worker of an upload ended with %s: %s", process.returncode, last[0])
        raise InputError("scoring was stopped: the images need too much memory or time")


def _image(path: Path, pair: PairRow) -> Image:
    """Read pixels that the worker wrote, and check that they can be what they should be."""
    pixels: NDArray[Any] = np.load(path, allow_pickle=False)
    plane = (pair.height, pair.width)
    if pixels.dtype != np.uint8 or pixels.shape not in (plane, (*plane, 3)):
        raise ValueError(path.name)
    return pixels


def _value(score: Mapping[str, Any]) -> ScoreValue:
    metric = METRICS[str(score["metric"])]
    value = float("nan") if score["value"] is None else float(score["value"])
    error = None if score["error"] is None else str(score["error"])
    return ScoreValue(metric.slug, metric.version, value, error)


def _add(url: str, protocol: str, label: str, scored: Sequence[_Scored]) -> None:
    rules = metrics.load_protocol(protocol)
    with closing(Store.open(url, create=False)) as store:
        # Somebody else may have taken it meanwhile.
        check_name(label, store)
        run_id = store.start_run(
            f"upload of {label}", 1, store.add_environment(environment_facts())
        )
        entry_id = store.add_entry(Entry("folder", "", label, origin="published outputs"))
        for one in scored:
            digest = put_image(one.image)
            outcome = Outcome(digest, None, EXTERNAL, None, None, one.scores)
            store.save(entry_id, one.pair_id, run_id, rules.name, outcome)
        store.finish_run(run_id)


def supported() -> bool:
    """Say whether this system can limit the worker."""
    return os.name == "posix"

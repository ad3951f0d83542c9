"""Any folder of image pairs: the user's own data."""

from __future__ import annotations

from pathlib import Path

from fusebench.bench.types import (
    TASKS,
    DatasetInfo,
    InputError,
    MissingDataError,
    Pair,
    Task,
)
from fusebench.datasets._base import DATASETS, Dataset, full_name, listing
from fusebench.datasets._files import (
    LAYOUT_IN_WORDS,
    Found,
    natural,
    read_pair,
    scan,
    unmatched,
)


def load_folder(split: str, root: Path | None) -> Dataset:
    """Open a folder of pairs; every file in it has to belong to one.

    Parameters
    ----------
    split : str
        The task, or "" to take it from the names of the folders or suffixes.
    root : Path
        The folder; see `fusebench.datasets._files` for its layouts.

    Raises
    ------
    MissingDataError
        If there is no such folder, or no images in it.
    InputError
        If files do not match up, or the task is not known.
    """
    if root is None:
        raise MissingDataError("folder needs the folder of its images: give --root DIR")
    found = scan(root)
    if found is None or not any(found.files.values()):
        raise MissingDataError(f"no image pairs in {root}; expected {LAYOUT_IN_WORDS}")
    problems = unmatched(found)
    if found.strays:
        problems.append(f"{listing('stray file', sorted(found.strays))} (of no pair: take away)")
    if problems:
        raise InputError(f"{root}: {'; '.join(problems)}")
    task = _task(split, found, root)
    files = found.files

    def read(key: str) -> Pair:
        return read_pair(key, task, "", {side: paths[key] for side, paths in files.items()})

    return Dataset(
        name=full_name("folder", split),
        info=INFO,
        split=split,
        keys=tuple(sorted(files["a"], key=natural)),
        root=root,
        _read=read,
    )


def _task(split: str, found: Found, root: Path) -> Task:
    stated = next((task for task in TASKS if task == split), None)
    implied = found.task
    names = f"{found.names['a']} and {found.names['b']}"
    if stated is None and implied is None:
        raise InputError(
            f"{root}: {names} do not say which task this is; "
            f"use {', '.join(f'folder:{task}' for task in TASKS[:-1])} or folder:{TASKS[-1]}"
        )
    if stated is not None and implied not in (None, stated):
        raise InputError(
            f"{root}: {names} are names for {implied}, but folder:{stated} was asked for; "
            f"use folder:{implied}, or rename them to a and b"
        )
    task = stated or implied
    assert task is not None
    return task


INFO = DATASETS.add(
    DatasetInfo(
        slug="folder",
        title="Your own pairs in a folder",
        tasks=TASKS,
        splits={"": None, **dict.fromkeys(TASKS)},
        licence="that of your images",
        home="",
        reference="",
        layout=LAYOUT_IN_WORDS,
        loader=load_folder,
        notes=(
            "The task follows from names such as ir and vi; a and b need folder:ivif, folder:mff, "
            "folder:mef or folder:medical. Hidden files and .txt, .csv, .json and .md files are "
            "left alone; any other file that belongs to no pair is an error. Folders inside the "
            "folders of images are not entered."
        ),
    )
)

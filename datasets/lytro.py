"""Lytro: the twenty multi-focus pairs of Nejati, Samavi and Shirani."""

from __future__ import annotations

from pathlib import Path

from fusebench.bench.types import DatasetInfo
from fusebench.datasets._base import DATASETS, Dataset
from fusebench.datasets._files import Published, open_published
from fusebench.datasets._splits import read_split

_WHERE = Published(own=("lytro", "lytro20", "lytrodataset"), general=("cmfdataset",))


def load_lytro(split: str, root: Path | None) -> Dataset:
    """Open the twenty pairs, for which both "20" and no split stand; its name is ``lytro:20``."""
    return open_published(INFO, split or "20", root, read_split("lytro_20"), _WHERE)


INFO = DATASETS.add(
    DatasetInfo(
        slug="lytro",
        title="Lytro Multi-Focus Dataset",
        tasks=("mff",),
        splits={"": 20, "20": 20},
        licence="none stated; the authors ask to be cited",
        home="https://mansournejati.ece.iut.ac.ir/content/lytro-multi-focus-dataset",
        reference=(
            "M. Nejati, S. Samavi, S. Shirani, Multi-focus image fusion using dictionary-based "
            "sparse representation, Information Fusion 25, 2015. doi:10.1016/j.inffus.2014.10.004"
        ),
        layout=(
            "lytro-01-A.jpg and lytro-01-B.jpg … in one folder, or near/ and far/ (or a/ and b/) "
            "with lytro-01.jpg …; in the folder itself, or in lytro or CMFDataset inside it"
        ),
        loader=load_lytro,
        notes=(
            "A is focused near in all twenty. 520x520 colour JPEG files; the frozen digests are "
            "of pixels decoded by libjpeg-turbo. No reference images exist. The four triples of "
            "the same authors are not part of it."
        ),
    )
)

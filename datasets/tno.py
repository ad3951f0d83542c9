"""TNO: the infrared-visible pairs of Toet, in the lists that papers use."""

from __future__ import annotations

from pathlib import Path

from fusebench.bench.types import DatasetInfo
from fusebench.datasets._base import DATASETS, Dataset
from fusebench.datasets._files import Published, open_published
from fusebench.datasets._splits import read_split

_SIZES = {"25": 25, "42": 42, "21": 21, "10": 10}


def load_tno(split: str, root: Path | None) -> Dataset:
    """Open one of the lists; see `fusebench.datasets._files.open_published` for where it looks."""
    where = Published(own=(f"tno{split}", f"tno_{split}", f"tno-{split}"), general=("tno",))
    return open_published(INFO, split, root, read_split(f"tno_{split}"), where)


INFO = DATASETS.add(
    DatasetInfo(
        slug="tno",
        title="TNO Image Fusion Dataset",
        tasks=("ivif",),
        splits=_SIZES,
        licence="free for research, with credit to TNO and the figshare page",
        home="https://doi.org/10.6084/m9.figshare.1008029",
        reference=(
            "A. Toet, The TNO Multiband Image Data Collection, Data in Brief 15, 2017. "
            "doi:10.1016/j.dib.2017.09.038"
        ),
        layout=(
            "ir/ and vi/ (or vis/, infrared/, visible/ …) with 01.png … in the folder itself, or "
            "in a folder tno25, tno42, tno21, tno10 or TNO inside it"
        ),
        loader=load_tno,
        notes=(
            "No official split: 25 is the list of CDDFuse, 42 that of Linfeng Tang's evaluation "
            "page, 21 that of Hui Li (DenseFuse, NestFuse), 10 that of Rao et al.; the same pair "
            "has another key in each. Some pairs are not of TNO: Road (Bristol Queens Road), "
            "Steamboat, Octec, Navi and bush_NIR. Frames of one sequence, and pairs that show one "
            "place, share a scene. Several pairs are misregistered by a few pixels."
        ),
    )
)

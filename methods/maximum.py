"""Maximum of the source images."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING

from fusebench.methods._base import TensorFusion, method

if TYPE_CHECKING:
    import torch


@method(
    slug="maximum",
    label="Maximum",
    title="Maximum of the sources",
    reference="No paper",
    doi="",
    origin="reimplemented",
    colour="per_channel",
    runs_on="any",
    any_number=True,
)
def maximum() -> TensorFusion:
    """Brightest of the sources, pixel by pixel."""
    import torch

    def fuse(*sources: torch.Tensor) -> torch.Tensor:
        return reduce(torch.maximum, sources)

    return fuse

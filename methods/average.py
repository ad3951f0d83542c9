"""Average of the source images: the baseline that every method should beat."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fusebench.methods._base import TensorFusion, method

if TYPE_CHECKING:
    import torch


@method(
    slug="average",
    label="Average",
    title="Average of the sources",
    reference="No paper",
    doi="",
    origin="reimplemented",
    colour="per_channel",
    runs_on="any",
)
def average() -> TensorFusion:
    """Mean of the two sources, pixel by pixel."""

    def fuse(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
        return (a + b) / 2

    return fuse

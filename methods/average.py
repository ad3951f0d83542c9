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
    any_number=True,
)
def average() -> TensorFusion:
    """Mean of the sources, pixel by pixel."""

    def fuse(a: torch.Tensor, *more: torch.Tensor) -> torch.Tensor:
        return sum(more, a) / (1 + len(more))

    return fuse

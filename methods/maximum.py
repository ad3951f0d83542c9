"""Maximum of the source images."""

from __future__ import annotations

from fusebench.methods._base import TensorFusion, method


@method(
    slug="maximum",
    label="Maximum",
    title="Maximum of the sources",
    reference="No paper",
    doi="",
    origin="reimplemented",
    colour="per_channel",
    runs_on="any",
)
def maximum() -> TensorFusion:
    """Brighter of the two sources, pixel by pixel."""
    import torch

    return torch.maximum

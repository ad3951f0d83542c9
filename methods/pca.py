"""Fusion by principal component analysis."""

from __future__ import annotations

from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._principal import principal_weights


@method(
    slug="pca",
    label="PCA",
    title="Principal component analysis",
    reference="V. P. S. Naidu, J. R. Raol, Pixel-level image fusion using wavelets and principal "
    "component analysis, Def. Sci. J. 58(3), 2008",
    doi="10.14429/dsj.58.1653",
    origin="reimplemented",
    colour="per_channel",
)
def pca() -> TensorFusion:
    """Principal component: weighted mean of the sources, one pair of weights for the whole image.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Notes
    -----
    The weights are the components of the direction in which the grey levels of the two sources vary
    most, divided by their sum [1]_: the source of higher contrast weighs more. Where the sources go
    against each other one weight is negative, and values outside 0..255 are clipped; where the two
    components cancel, or both sources are constant, each weighs one half. Fusing an image with
    itself gives the image back.

    References
    ----------
    .. [1] V. P. S. Naidu, J. R. Raol, "Pixel-level image fusion using wavelets and principal
       component analysis," Def. Sci. J. 58(3), 2008. doi:10.14429/dsj.58.1653
    """

    def fuse(a: Plane, b: Plane) -> Plane:
        weight_a, weight_b = principal_weights(a, b)
        return weight_a * a + weight_b * b

    return on_planes(fuse)

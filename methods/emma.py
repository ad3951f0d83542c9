"""EMMA: equivariant multi-modality image fusion."""

from __future__ import annotations

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network


@method(
    slug="emma",
    label="EMMA",
    title="Equivariant multi-modality image fusion",
    reference="Z. Zhao, H. Bai, J. Zhang, Y. Zhang, K. Zhang, S. Xu, D. Chen, R. Timofte, L. Van "
    "Gool, Equivariant multi-modality image fusion, Proc. CVPR, 2024",
    doi="10.1109/CVPR52733.2024.02448",
    origin="official weights",
    colour="luma",
    tasks=("ivif", "medical"),
    runs_on="any",
    min_size=32,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile("EMMA.pth"),),
            licence="none stated",
            home="https://github.com/Zhaozixiang1228/MMIF-EMMA",
            trained_on=("MSRS train",),
            notes="No copy at a fixed address was found; yours is given with --weights FILE.",
        ),
    ),
    notes="Fidelity is not measured, since no weights are at hand. With tensors filled by a fixed "
    "rule the network differs from the authors' by less than 1e-5 of the range of its values, "
    "between its parts too.",
)
def emma(files: WeightFiles, /) -> TensorFusion:
    """U-shaped network of transformer and convolution blocks, trained through what sensors see.

    Returns
    -------
    callable
        Function of an infrared and a visible source, or of a functional one and MRI; see
        `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' test program. Images whose sides are no multiples of 32 are fused
    in two or four windows, the largest that have such sides: one from the upper left, the others
    for what it leaves open on the right and below. There seams may show, as in the authors' images.
    Results are stretched to 0..255. Attention depends on the whole window, so large images cannot
    be computed in tiles. The networks for medical images that the paper mentions have other
    weights, which the authors have not published.

    References
    ----------
    .. [1] Z. Zhao, H. Bai, J. Zhang, Y. Zhang, K. Zhang, S. Xu, D. Chen, R. Timofte, L. Van Gool,
       "Equivariant multi-modality image fusion," Proc. CVPR, 2024.
       doi:10.1109/CVPR52733.2024.02448
    """
    from fusebench.methods._networks.emma import EMMA, converted

    return load_network(EMMA(), files.path("EMMA.pth"), converted)

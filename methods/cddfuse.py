"""CDDFuse: correlation-driven decomposition into base and detail features."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, retrained

_FILES = {"ivif": "CDDFuse_IVF.pth", "medical": "CDDFuse_MIF.pth"}


@method(
    slug="cddfuse",
    label="CDDFuse",
    title="Correlation-driven dual-branch feature decomposition",
    reference="Z. Zhao, H. Bai, J. Zhang, Y. Zhang, S. Xu, Z. Lin, R. Timofte, L. Van Gool, "
    "CDDFuse: Correlation-driven dual-branch feature decomposition for multi-modality image "
    "fusion, Proc. CVPR, 2023",
    doi="10.1109/CVPR52729.2023.00572",
    origin="retrained",
    colour="luma",
    tasks=("ivif", "medical"),
    runs_on="any",
    min_size=2,
    weights=(
        retrained(
            "cddfuse",
            "e7dd80bfc3cf5910011bacd6c7ed0d0eccf7789045cc432d72d59fc3a0c181d1",
            "roadscene:161",
            how="700 steps of 2 crops on one core, where the authors take 120 epochs of MSRS; made",
        ),
        Weights(
            name="official",
            origin="official weights",
            files=tuple(map(WeightFile, _FILES.values())),
            licence="none stated",
            home="https://github.com/Zhaozixiang1228/MMIF-CDDFuse",
            trained_on=("MSRS train", "Harvard"),
            notes="One file for each task. No copies at a fixed address were found; yours are "
            "given with --weights FILE, or both with --weights DIR.",
        ),
    ),
    notes="Weights of ours, from far less data and time than the authors', and none that learned "
    "from medical images. Fidelity is not measured, since no weights of the authors are at hand. "
    "With tensors filled by a fixed rule the network differs from the authors' by less than 1e-5 "
    "of the range of its values, between its parts too.",
)
def cddfuse(
    files: WeightFiles,
    /,
    *,
    task: Literal["auto", "ivif", "medical"] = "auto",
    added: Literal["auto", "visible", "sum", "nothing"] = "auto",
) -> TensorFusion:
    """Fuse base features by attention among channels, and details by invertible steps.

    Parameters
    ----------
    task : {"auto", "ivif", "medical"}
        Whose weights; "auto" takes those of the pair's task in runs, and of "ivif" elsewhere.
    added : {"auto", "visible", "sum", "nothing"}
        What is added to the decoded image before the sigmoid. "auto" is "visible" for "ivif" and
        "nothing" for "medical"; but "sum" where medical images are fused with weights of "ivif", as
        the authors do too, and as ours are.

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
    Follows [1]_ and the authors' test programs. Results are stretched to 0..255. Attention depends
    on the whole image, so large images cannot be computed in tiles. The programs turn colour
    sources grey; here luma is fused, and the result keeps its colour.

    References
    ----------
    .. [1] Z. Zhao, H. Bai, J. Zhang, Y. Zhang, S. Xu, Z. Lin, R. Timofte, L. Van Gool, "CDDFuse:
       Correlation-driven dual-branch feature decomposition for multi-modality image fusion," Proc.
       CVPR, 2023. doi:10.1109/CVPR52729.2023.00572
    """
    from fusebench.methods._networks.cddfuse import CDDFuse, converted

    chosen = "ivif" if task == "auto" else task
    ours = files.weights.origin == "retrained"
    if added == "auto":
        added = "visible" if chosen == "ivif" else "sum" if ours else "nothing"
    name = files.weights.files[0].name if ours else _FILES[chosen]
    return load_network(CDDFuse(added), files.path(name), converted)

"""SMFNet: base, detail and graph features, and the same network trained on medical images."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, retrained

_REFERENCE = (
    "X. Zhang, L. Wang, L. Zhao, X. Li, S. Ma, A semantic-aware and multi-guided network for "
    "infrared-visible image fusion, arXiv:2407.06159, 2024"
)
_DOI = "10.48550/arXiv.2407.06159"
_IVIF, _MEDICAL = "model_VIF.pth", "model_MIF.pth"
_PROVED = (
    "Fidelity is not measured, since no weights of the authors are at hand. With tensors filled by "
    "a fixed rule the network differs from the authors' by less than 1e-5 of the range of its "
    "values, between its parts too."
)


def _official(name: str, trained_on: str, notes: str) -> tuple[Weights]:
    return (
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile(name),),
            licence="none stated",
            home="https://github.com/Abraham-Einstein/SMFNet",
            trained_on=(trained_on,),
            notes=f"{notes} Yours is given with --weights FILE.",
        ),
    )


@method(
    slug="smfnet",
    label="SMFNet",
    title="Semantic-aware and multi-guided network",
    reference=_REFERENCE,
    doi=_DOI,
    origin="retrained",
    colour="luma",
    tasks=("ivif", "medical"),
    runs_on="any",
    min_size=2,
    weights=(
        retrained(
            "smfnet",
            "4db7aa7611e4b12a3a26cae1e6cdc4e0f5ae72cbc3e84db1044846062e5674ee",
            "roadscene:161",
            how="900 steps of 2 crops on one core, where the authors take 120 epochs of MSRS; made",
        ),
        *_official(
            _IVIF,
            "MSRS train",
            "The file that the authors' test program reads; their page calls it model_IVF.pth. No "
            "copy was found.",
        ),
    ),
    notes=f"Weights of ours, from far less data and time than the authors'. {_PROVED}",
)
def smfnet(
    files: WeightFiles,
    /,
    *,
    graph: bool = True,
    detail: Literal["cai", "inn"] = "cai",
    base: Literal["residual", "stacked"] = "residual",
    swapped: bool = False,
) -> TensorFusion:
    """Fuse base features, details, and what a graph between the sources finds.

    The options are the ablations of the paper's Table 5 that change the network; each needs weights
    that were trained that way.

    Parameters
    ----------
    graph : bool
        Whether there is a graph ("w/o GNN" is false).
    detail : {"cai", "inn"}
        Cross attention and an invertible step for details, or the step only ("CAI->INN block").
    base : {"residual", "stacked"}
        Transformer blocks with residual convolutions for base features, or the eight blocks only
        ("w/o residual transformer"; the paper says no more about it than "stacked").
    swapped : bool
        Whether the layer that fuses details fuses base features, and the other way round
        ("INN<->transformer").

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
    Follows [1]_ and the authors' program, of which one trait is kept: in the graph, the edges from
    both neighbours of a node count for even and odd channels instead of for one neighbour each.
    Layers of their checkpoint that the program never applies are left out. Results are stretched to
    0..255. Attention depends on the whole image, so large images cannot be computed in tiles.

    References
    ----------
    .. [1] X. Zhang, L. Wang, L. Zhao, X. Li, S. Ma, "A semantic-aware and multi-guided network for
       infrared-visible image fusion," 2024. doi:10.48550/arXiv.2407.06159
    """
    from fusebench.methods._networks.smfnet import SMFNet, converted

    network = SMFNet(base, detail, graph=graph, swapped=swapped)
    return load_network(network, files.path(files.weights.files[0].name), converted)


@method(
    slug="smfnet_mif",
    label="SMFNet (medical)",
    title="Semantic-aware and multi-guided network, trained on medical images",
    reference=_REFERENCE,
    doi=_DOI,
    origin="retrained",
    colour="luma",
    tasks=("medical",),
    runs_on="any",
    min_size=2,
    weights=(
        retrained(
            "smfnet_mif",
            "eeef3465d03044f2acd189b7f62eeb6bc7a7799c345e290f813fc7b424d722b1",
            "phantom",
            how="330 steps of 2 crops on one core, where the paper has 270 pairs of the Whole "
            "Brain Atlas; made",
        ),
        *_official(
            _MEDICAL,
            "Harvard",
            "The authors published no such file; its name here follows that of the other.",
        ),
    ),
    notes="Weights of ours that learned from phantoms, heads drawn at random, since the real pairs "
    f"at hand are what papers test on. {_PROVED}",
)
def smfnet_mif(files: WeightFiles, /) -> TensorFusion:
    """Fuse medical images as SMFNet trained on them does ("Ours*" in its Table 4).

    Returns
    -------
    callable
        Function of a functional source (CT, PET, SPECT) and MRI; see
        `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    See `smfnet`; the paper trains it on 270 pairs of the Whole Brain Atlas with the same settings.

    References
    ----------
    .. [1] X. Zhang, L. Wang, L. Zhao, X. Li, S. Ma, "A semantic-aware and multi-guided network for
       infrared-visible image fusion," 2024. doi:10.48550/arXiv.2407.06159
    """
    from fusebench.methods._networks.smfnet import SMFNet, converted

    return load_network(SMFNet(), files.path(files.weights.files[0].name), converted)

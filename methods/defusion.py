"""DeFusion: fusion from decomposition, learned without any pair."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, read_tensors

_FILE = "models.pth"


@method(
    slug="defusion",
    label="DeFusion",
    title="Fusion from decomposition",
    reference="P. Liang, J. Jiang, X. Liu, J. Ma, Fusion from decomposition: A self-supervised "
    "decomposition approach for image fusion, ECCV, 2022",
    doi="10.1007/978-3-031-19797-0_41",
    origin="official weights",
    colour="native",
    tasks=("ivif", "mef", "mff"),
    runs_on="any",
    min_size=17,
    weights=(
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile(_FILE),),
            licence="MIT",
            home="https://github.com/erfect2020/DecompositionForFusion",
            trained_on=("MS-COCO",),
            notes="Their page links to a file on Google Drive; give it with --weights FILE.",
        ),
    ),
    notes="Nobody here has seen the authors' weights. On tensors made by a rule the network gives "
    "what theirs gives, to 1e-5 of its range. Its common decoder is that of their test "
    "program or the deeper one of their training program, as the file has it.",
)
def defusion(
    files: WeightFiles, /, *, task: Literal["auto", "ivif", "mef", "mff"] = "auto"
) -> TensorFusion:
    """Parts that both sources share and parts of one alone, decoded and added up.

    Parameters
    ----------
    task : {"auto", "ivif", "mef", "mff"}
        How the authors' program reads the sources: for "ivif" as luma, and colour is that of other
        methods for luma; for "mef" in colour and the over-exposed one first; for "mff" in colour.
        "auto" takes the pair's task in runs, and "ivif" elsewhere.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' test program. Their training program has another decoder for the
    common part, and which of both the published file is of is not known; its tensors decide. The
    network learned from single images of which parts were replaced by noise: what both parts show
    is common. Channels are weighted by means over the whole image, so large images cannot be
    computed in tiles. Borders are mirrored by 16 pixels and cut off again. Results are cut down to
    8 bits.

    References
    ----------
    .. [1] P. Liang, J. Jiang, X. Liu, J. Ma, "Fusion from decomposition: A self-supervised
       decomposition approach for image fusion," ECCV, 2022. doi:10.1007/978-3-031-19797-0_41
    """
    from fusebench.methods._networks.defusion import DeFusion, converted, is_deep

    path = files.path(_FILE)
    return load_network(DeFusion(task, deep=is_deep(read_tensors(path))), path, converted)

"""NestFuse: an auto-encoder with nested connections, and attention that merges features."""

from __future__ import annotations

from typing import Literal

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._weights import WeightFiles, load_network, renamed, retrained

_FILE = "nestfuse_1e2.model"


@method(
    slug="nestfuse",
    label="NestFuse",
    title="Nested connections with spatial and channel attention",
    reference="H. Li, X.-J. Wu, T. Durrani, NestFuse: An infrared and visible image fusion "
    "architecture based on nest connection and spatial/channel attention models, IEEE Trans. "
    "Instrum. Meas. 69(12), 2020",
    doi="10.1109/TIM.2020.3005230",
    origin="retrained",
    colour="luma",
    tasks=("ivif",),
    runs_on="any",
    min_size=16,
    weights=(
        retrained(
            "nestfuse",
            "3802eacad4349f2ac2a881e7294989ede8a632d41de5ab886f9f6055c5afd76d",
            "roadscene:161",
            how="1200 steps of 2 crops on one core, where the authors take two epochs of 80,000 "
            "images of MS-COCO; made",
        ),
        Weights(
            name="official",
            origin="official weights",
            files=(WeightFile(_FILE),),
            licence="none stated",
            home="https://github.com/hli1221/imagefusion-nestfuse",
            trained_on=("MS-COCO",),
            notes="The authors' auto-encoder of grey images without deep supervision, lambda 100; "
            "give it with --weights FILE.",
        ),
    ),
    notes="Weights of ours, from far less data and time than the authors', which nobody here has "
    "seen. On tensors made by a rule the network gives what theirs gives, to 1e-5 of its range.",
)
def nestfuse(
    files: WeightFiles,
    /,
    *,
    attention: Literal["attention_avg", "attention_max", "attention_nuclear"] = "attention_avg",
) -> TensorFusion:
    """Features of four scales, weighted by channel and by place, and decoded by nested blocks.

    Parameters
    ----------
    attention : {"attention_avg", "attention_max", "attention_nuclear"}
        What the weight of a channel is made of: the mean of its features, their maximum, or their
        nuclear norm.

    Returns
    -------
    callable
        Function of an infrared and a visible source; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_ and the authors' program. The auto-encoder learned to give single images back; the
    merging of features has nothing to learn. An image with a side above 512 pixels is fused in four
    overlapping quarters, each with its own weights of channels, and averaged where they overlap.
    The result is stretched to 0..255 and cut down to 8 bits. Exponentials that overflow in the
    authors' program do not here.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, T. Durrani, "NestFuse: An infrared and visible image fusion architecture
       based on nest connection and spatial/channel attention models," IEEE Trans. Instrum. Meas.
       69(12), 2020. doi:10.1109/TIM.2020.3005230
    """
    from fusebench.methods._networks.nestfuse import NAMES, NestFuse

    names = {theirs: f"coder.{ours}" for theirs, ours in NAMES.items()}
    path = files.path(files.weights.files[0].name)
    return load_network(NestFuse(attention), path, renamed(names))

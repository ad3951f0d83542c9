"""FM0 to FM3: images whose features, in a network that classifies, are those of the sources."""

from __future__ import annotations

from typing import Any, Literal

from fusebench.bench.types import WeightFile, Weights
from fusebench.methods._base import TensorFusion, method
from fusebench.methods._checks import require_count, require_not_negative, require_positive
from fusebench.methods._weights import WeightFiles, load_network

Layer = Literal["relu1_1", "conv1_1"]
Solver = Literal["newton", "adam"]

_REFERENCE = "P. R. Hill, D. R. Bull, Semantic image fusion, 2021"
_VGG = (
    "VGG19 of K. Simonyan, A. Zisserman, Very deep convolutional networks for large-scale image "
    "recognition, ICLR 2015. "
)
_TORCHVISION_FILE = "vgg19-dcbb9e9d.pth"
_CAFFE_FILE = "vgg19_conv1_1-conv3_4_caffe_bgr.pt"

_TORCHVISION = Weights(
    name="torchvision",
    origin="official weights",
    files=(
        WeightFile(
            _TORCHVISION_FILE,
            "dcbb9e9dad569fff7a846263a77324fc34978fea2bfb039c012d710e1776ae44",
            f"https://download.pytorch.org/models/{_TORCHVISION_FILE}",
        ),
    ),
    licence="BSD-3-Clause",
    home="https://github.com/pytorch/vision",
    trained_on=("ImageNet",),
    notes=_VGG + "Trained anew for torchvision; 575 MB. Its digest is the one that public lists of "
    "checksums agree on.",
)
_CAFFE = Weights(
    name="caffe",
    origin="official weights",
    files=(
        WeightFile(_CAFFE_FILE, "2f8f5220829c51c515383e95f3ecdcb85d28feedaad71a67ded6f598f52e769c"),
    ),
    licence="CC BY 4.0",
    home="https://www.robots.ox.ac.uk/~vgg/research/very_deep/",
    trained_on=("ImageNet",),
    notes=_VGG + "Its authors' weights for Caffe (blue first, grey levels less their mean), as far "
    "as conv3_4, out of github.com/ViktorSvensson/vgg19-tfjs. A file of all or some layers called "
    "conv1_1.weight, conv1_1.bias … fc8.bias does as well: --weights PATH.",
)


def _feature_maps(
    files: WeightFiles,
    *,
    layer: Layer,
    solver: Solver,
    damping: float,
    epochs: int,
    iterations: int,
    rate: float,
    semantic: int = 0,
    majority: bool = False,
) -> TensorFusion:
    require_not_negative("damping", damping)
    require_count("epochs", epochs)
    require_count("iterations", iterations)
    require_positive("rate", rate)
    from fusebench.methods._networks.feature_maps import FeatureMaps

    return FeatureMaps(
        _vgg(files, "classes" if semantic else "conv1_1"),
        rectified=layer == "relu1_1",
        majority=majority,
        semantic=semantic,
        damping=damping,
        adam=solver == "adam",
        epochs=epochs,
        iterations=iterations,
        rate=rate,
    )


def _vgg(files: WeightFiles, upto: str) -> Any:
    from fusebench.methods._networks.vgg import VGG19, converter

    network = VGG19(upto)
    return load_network(network, files.path(files.weights.files[0].name), converter(network))


@method(
    slug="fm0",
    label="FM0",
    title="Semantic image fusion, features by choose-max",
    reference=_REFERENCE,
    doi="",
    origin="reimplemented",
    colour="native",
    runs_on="any",
    any_number=True,
    min_size=3,
    weights=(_CAFFE, _TORCHVISION),
    notes="Written after the paper, which has no code. What it leaves open, and how near the "
    "results come to its table 1: docs/optimisation.md.",
)
def fm0(
    files: WeightFiles,
    /,
    *,
    layer: Layer = "relu1_1",
    solver: Solver = "newton",
    damping: float = 0.5,
    epochs: int = 100,
    iterations: int = 100,
    rate: float = 0.01,
) -> TensorFusion:
    """Image whose first features in VGG19 are, each by itself, the strongest of the sources'.

    Parameters
    ----------
    layer : {"relu1_1", "conv1_1"}
        The features: responses of the first layer after its activation, or before it.
    solver : {"newton", "adam"}
        How the image is found: by Newton's method with conjugate gradients, or as in the paper.
    damping : float
        Weight of the distance of the chroma from that of the mean of the sources, in units of the
        layer's mean square response to white noise; 0 as in the paper.
    epochs, iterations : int
        Of "adam": number of epochs, and of iterations in each; at least 1.
    rate : float
        Of "adam": learning rate of the first epoch for images in [0, 1]; it falls by the same
        factor from epoch to epoch, to a thousandth.

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If an option is out of range, or the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_: the fused image minimises the squared distance of its features from those that are
    largest in magnitude, from the mean of the sources on. What the paper leaves open:

    * It calls the layer conv1_1. After the activation FM0 scores above FM1 on the edges of its
      multi-focus pairs, as in its table; before it the order is the other one.
    * Before the activation the features are linear, and "newton" finds the one image of least loss,
      to 0.01 grey levels. After it there are several minima close by; "newton" and "adam" end in
      such ones.
    * Grey sources give one plane that stands for all three channels of the network. In colour the
      layer hardly sees fine changes of chroma, so that an image of least loss has coloured noise,
      the more of it the longer "adam" runs; `damping` keeps the chroma near the sources'.
    * The learning rate is "updated" after each epoch, in a manner that is not stated.

    References
    ----------
    .. [1] P. R. Hill, D. R. Bull, "Semantic image fusion," preprint, 2021.
    """
    return _feature_maps(
        files,
        layer=layer,
        solver=solver,
        damping=damping,
        epochs=epochs,
        iterations=iterations,
        rate=rate,
    )


@method(
    slug="fm1",
    label="FM1",
    title="Semantic image fusion, features by majority",
    reference=_REFERENCE,
    doi="",
    origin="reimplemented",
    colour="native",
    runs_on="any",
    any_number=True,
    min_size=3,
    weights=(_CAFFE, _TORCHVISION),
    notes="Written after the paper, which has no code. What it leaves open, and how near the "
    "results come to its table 1: docs/optimisation.md.",
)
def fm1(
    files: WeightFiles,
    /,
    *,
    layer: Layer = "relu1_1",
    solver: Solver = "newton",
    damping: float = 0.5,
    epochs: int = 100,
    iterations: int = 100,
    rate: float = 0.01,
) -> TensorFusion:
    """Image whose first features in VGG19 come from the source that is strongest around them.

    Parameters
    ----------
    layer : {"relu1_1", "conv1_1"}
        See `fm0`, as for the other options.
    solver : {"newton", "adam"}
    damping : float
    epochs, iterations : int
    rate : float

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If an option is out of range, or the weights are not here or not what they should be.

    Notes
    -----
    As `fm0`, but each feature comes from the source that is strongest at most of the 3x3 places
    around it [1]_. Of more than two sources the one with most places is taken.

    References
    ----------
    .. [1] P. R. Hill, D. R. Bull, "Semantic image fusion," preprint, 2021.
    """
    return _feature_maps(
        files,
        layer=layer,
        solver=solver,
        damping=damping,
        epochs=epochs,
        iterations=iterations,
        rate=rate,
        majority=True,
    )


@method(
    slug="fm2",
    label="FM2",
    title="Semantic image fusion, features weighted by class activation",
    reference=_REFERENCE,
    doi="",
    origin="reimplemented",
    colour="native",
    runs_on="any",
    any_number=True,
    min_size=3,
    weights=(_TORCHVISION,),
    notes="Written after the paper, which has no code, and tested on a small network in place of "
    "VGG19 only; it has not been compared with the paper's table 1.",
)
def fm2(
    files: WeightFiles,
    /,
    *,
    side: int = 224,
    layer: Layer = "relu1_1",
    solver: Solver = "newton",
    damping: float = 0.5,
    epochs: int = 100,
    iterations: int = 100,
    rate: float = 0.01,
) -> TensorFusion:
    """Image whose first features in VGG19 are the strongest where their source shows its class.

    Parameters
    ----------
    side : int
        Side of the square in which sources are classified, at least 32.
    layer : {"relu1_1", "conv1_1"}
        See `fm0`, as for the other options.
    solver : {"newton", "adam"}
    damping : float
    epochs, iterations : int
    rate : float

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If an option is out of range, or the weights are not here or not what they should be.

    Notes
    -----
    As `fm0`, but features are multiplied by the class activation of their source, as in `fm3`,
    before they are compared [1]_. The paper can also be read so that the image gets the products;
    then it would fade wherever no source shows its class, and could not score as its table has it.
    Where the activation is 0 in all sources, it does not count.

    References
    ----------
    .. [1] P. R. Hill, D. R. Bull, "Semantic image fusion," preprint, 2021.
    """
    require_count("side", side, least=32)
    return _feature_maps(
        files,
        layer=layer,
        solver=solver,
        damping=damping,
        epochs=epochs,
        iterations=iterations,
        rate=rate,
        semantic=side,
    )


@method(
    slug="fm3",
    label="FM3",
    title="Semantic image fusion, sources weighted by class activation",
    reference=_REFERENCE,
    doi="",
    origin="reimplemented",
    colour="native",
    runs_on="any",
    any_number=True,
    weights=(_TORCHVISION,),
    notes="Written after the paper, which has no code, and tested on a small network in place of "
    "VGG19 only; it has not been compared with the paper's table 1.",
)
def fm3(files: WeightFiles, /, *, side: int = 224) -> TensorFusion:
    """Mean of the sources, weighted by how much each pixel tells of the class that VGG19 sees.

    Parameters
    ----------
    side : int
        Side of the square in which sources are classified, at least 32.

    Returns
    -------
    callable
        Function of two or more source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError, MissingDataError
        If `side` is below 32, or the weights are not here or not what they should be.

    Notes
    -----
    Follows [1]_: Grad-CAM of each source's top class after conv3_4, conv4_4 and conv5_4 and their
    activations, multiplied and brought to [0, 1], gives its share of each pixel (equations 7 to
    11). Of more than two sources the result is the mean over every two. Not stated: the size at
    which sources are classified (`side`, the network's own), and what happens where the product is
    the same everywhere (it counts as 0).

    References
    ----------
    .. [1] P. R. Hill, D. R. Bull, "Semantic image fusion," preprint, 2021.
    """
    require_count("side", side, least=32)
    from fusebench.methods._networks.cam import ClassMixture

    return ClassMixture(_vgg(files, "classes"), side)

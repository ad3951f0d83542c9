"""Losses of fusion networks. They take images ``(N, C, H, W)`` in [0, 1] and give one number.

All of them are computed in float32, whatever the networks before them are computed in: differences
of squares do not survive 16 bits.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import Literal, ParamSpec, TypeAlias

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, l1_loss, mse_loss, pad

Choice: TypeAlias = Literal["var", "mean"]

P = ParamSpec("P")

_WINDOW = 11
_C1, _C2 = 0.01**2, 0.03**2

# Standard deviation of Gaussian windows, and the weights of five scales.
_SIGMA = 1.5
_SCALES = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)


def _in_float32(loss: Callable[P, Tensor]) -> Callable[P, Tensor]:
    @wraps(loss)
    def run(*arguments: P.args, **options: P.kwargs) -> Tensor:
        full = [x.float() if isinstance(x, Tensor) else x for x in arguments]
        device = next(x.device.type for x in full if isinstance(x, Tensor))
        with torch.autocast(device, enabled=False):
            return loss(*full, **options)  # type: ignore[arg-type]

    return run


def _moments(*images: Tensor, size: int) -> list[tuple[Tensor, Tensor]]:
    """Give mean and variance of every window that lies inside the image."""
    found = []
    for x in images:
        mean = avg_pool2d(x, size, 1)
        found.append((mean, (avg_pool2d(x * x, size, 1) - mean * mean).clamp_min(0)))
    return found


@_in_float32
def selected_ssim(
    a: Tensor,
    b: Tensor,
    fused: Tensor,
    *,
    by: Choice = "var",
    with_luminance: bool = True,
    size: int = _WINDOW,
) -> Tensor:
    """One minus the mean structural similarity to the source that tells more in each window.

    Parameters
    ----------
    a, b, fused : Tensor, shape (N, C, H, W)
        Images in [0, 1], at least `size` pixels high and wide.
    by : {"var", "mean"}
        Whether the source with the larger variance in a window counts there, as in [1]_, or that
        with the larger mean, as in [2]_. Where they are equal, it is `b`.
    with_luminance : bool
        Whether the means of the windows are compared too; [2]_ leaves them out.
    size : int
        Side of the windows, in pixels; all pixels in it weigh the same.

    References
    ----------
    .. [1] D. Rao, X.-J. Wu, T. Xu, G. Chen, "Unsupervised image fusion method based on feature
       mutual mapping," manuscript.
    .. [2] R. Hou et al., "VIF-Net: An unsupervised framework for infrared and visible image
       fusion," IEEE Trans. Comput. Imaging 6, 2020. doi:10.1109/TCI.2020.2965304
    """
    (mean_f, var_f), *sources = _moments(fused, a, b, size=size)
    scores = []
    for source, (mean, var) in zip((a, b), sources, strict=True):
        shared = avg_pool2d(source * fused, size, 1) - mean * mean_f
        score = (2 * shared + _C2) / (var + var_f + _C2)
        if with_luminance:
            score = score * (2 * mean * mean_f + _C1) / (mean * mean + mean_f * mean_f + _C1)
        scores.append(score)
    of_a, of_b = ((var if by == "var" else mean) for mean, var in sources)
    return 1 - torch.where(of_a > of_b, scores[0], scores[1]).mean()


@_in_float32
def total_variation(image: Tensor) -> Tensor:
    """Mean squared difference of neighbours, down and to the right."""
    down, right = image.diff(dim=2), image.diff(dim=3)
    return down.square().mean() + right.square().mean()


@_in_float32
def squared_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference."""
    return mse_loss(x, y)


@_in_float32
def absolute_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference."""
    return l1_loss(x, y)


@_in_float32
def laplacian_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference of the Laplacians of two images; the outermost pixels have none."""
    kernel = x.new_tensor([[0.0, 1, 0], [1, -4, 1], [0, 1, 0]])[None, None]
    return conv2d(x - y, kernel).square().mean()


def sobel(image: Tensor) -> Tensor:
    """Give the sum of the absolute derivatives along both axes by Sobel's kernels.

    Borders are doubled; each channel is treated by itself.
    """
    return _derivatives(image).abs().sum(1).reshape(image.shape)


def _derivatives(image: Tensor) -> Tensor:
    """Give both derivatives by Sobel's kernels of each of ``N * C`` planes."""
    kernel = image.new_tensor([[-1.0, 0, 1], [-2, 0, 2], [-1, 0, 1]])
    kernels = torch.stack((kernel, kernel.T))[:, None]
    planes = pad(image, (1, 1, 1, 1), "replicate").flatten(0, 1)[:, None]
    return conv2d(planes, kernels)


@_in_float32
def gradient_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference of the gradients of two images, by Sobel's kernels."""
    return (sobel(x) - sobel(y)).abs().mean()


@_in_float32
def slope_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean absolute difference of both derivatives of two images, by Sobel's kernels over 8."""
    return (_derivatives(x - y) / 8).abs().mean()


@_in_float32
def one_minus_ssim(x: Tensor, y: Tensor, *, size: int = _WINDOW) -> Tensor:
    """One minus the mean structural similarity of two images; see `selected_ssim`."""
    return selected_ssim(x, x, y, size=size)


@_in_float32
def one_minus_gaussian_ssim(x: Tensor, y: Tensor) -> Tensor:
    """One minus the mean structural similarity of two images in Gaussian windows of 11 x 11."""
    return 1 - _by_gaussian(x, y)[0]


@_in_float32
def one_minus_ms_ssim(x: Tensor, y: Tensor) -> Tensor:
    """One minus the structural similarity of two images over five scales.

    Parameters
    ----------
    x, y : Tensor, shape (N, C, H, W)
        Images in [0, 1], at least 16 pixels high and wide; windows are no larger than the image of
        their scale.

    Notes
    -----
    As the programs of NestFuse and RFN-Nest [1]_ [2]_ compute it: contrasts and similarity are
    means over the batch, moved from [-1, 1] to [0, 1]; and the similarity of the coarsest scale is
    a factor of each of the four others', so that it counts four times.

    References
    ----------
    .. [1] H. Li, X.-J. Wu, T. Durrani, "NestFuse: An infrared and visible image fusion architecture
       based on nest connection and spatial/channel attention models," IEEE Trans. Instrum. Meas.
       69(12), 2020. doi:10.1109/TIM.2020.3005230
    .. [2] H. Li, X.-J. Wu, J. Kittler, "RFN-Nest: An end-to-end residual fusion network for
       infrared and visible images," Inf. Fusion 73, 2021. doi:10.1016/j.inffus.2021.02.023
    """
    *finer, last = range(len(_SCALES))
    contrasts = []
    for level in (*finer, last):
        if level:
            x, y = (avg_pool2d(z, 2) for z in (x, y))
        similarity, contrast = _by_gaussian(x, y)
        contrasts.append((contrast + 1) / 2)
    found = ((similarity + 1) / 2) ** (len(finer) * _SCALES[last])
    for level in finer:
        found = found * contrasts[level] ** _SCALES[level]
    return 1 - found


def _by_gaussian(x: Tensor, y: Tensor) -> tuple[Tensor, Tensor]:
    """Give mean structural similarity, and that of contrasts alone, in Gaussian windows."""
    size = min(_WINDOW, *x.shape[2:])
    places = torch.arange(size, device=x.device) - size // 2
    weights = torch.exp(-(places**2) / (2 * _SIGMA**2))
    weights = weights / weights.sum()

    def mean(z: Tensor) -> Tensor:
        planes = z.flatten(0, 1)[:, None]
        return conv2d(conv2d(planes, weights[None, None, :, None]), weights[None, None, None])

    mean_x, mean_y = mean(x), mean(y)
    variances = mean(x * x) - mean_x**2 + mean(y * y) - mean_y**2
    contrast = (2 * (mean(x * y) - mean_x * mean_y) + _C2) / (variances + _C2)
    luminance = (2 * mean_x * mean_y + _C1) / (mean_x**2 + mean_y**2 + _C1)
    return (luminance * contrast).mean(), contrast.mean()


@_in_float32
def adversarial(judged: Tensor, low: float, high: float, noise: Tensor) -> Tensor:
    """Mean squared distance of a discriminator's verdicts from labels that are drawn at random.

    Parameters
    ----------
    judged : Tensor
        Verdicts.
    low, high : float
        The labels lie between them, so that neither network becomes sure of itself.
    noise : Tensor, like `judged`
        Uniform in [0, 1]; decides where.
    """
    return mse_loss(judged, low + (high - low) * noise)


@_in_float32
def intensity_of_brighter(a: Tensor, b: Tensor, fused: Tensor) -> Tensor:
    """Mean absolute distance to the brighter source in each pixel."""
    return (fused - torch.maximum(a, b)).abs().mean()


@_in_float32
def gradient_of_stronger(a: Tensor, b: Tensor, fused: Tensor) -> Tensor:
    """Mean absolute distance of the gradient from the stronger one of the sources in each pixel."""
    return (sobel(fused) - torch.maximum(sobel(a), sobel(b))).abs().mean()


@_in_float32
def decomposition(base_a: Tensor, base_b: Tensor, detail_a: Tensor, detail_b: Tensor) -> Tensor:
    """Squared correlation of the details over that of the bases, which is to be large.

    Correlations are means over the channels of the features ``(N, C, H, W)``; 1.01 is added to the
    denominator, as in [1]_.

    References
    ----------
    .. [1] Z. Zhao et al., "CDDFuse: Correlation-driven dual-branch feature decomposition for
       multi-modality image fusion," CVPR, 2023.
    """
    return _correlation(detail_a, detail_b).square() / (1.01 + _correlation(base_a, base_b))


def _correlation(x: Tensor, y: Tensor) -> Tensor:
    x, y = (z - z.mean((2, 3), keepdim=True) for z in (x, y))
    energy = x.square().sum((2, 3)) * y.square().sum((2, 3))
    # A channel without any variation is correlated with nothing, and must not give NaN.
    return ((x * y).sum((2, 3)) / (energy + 1e-12).sqrt()).mean()


@_in_float32
def gram_error(x: Tensor, y: Tensor) -> Tensor:
    """Mean squared difference of the Gram matrices of features ``(N, C, H, W)``, per value."""
    return mse_loss(_gram(x), _gram(y))


def _gram(x: Tensor) -> Tensor:
    rows = x.flatten(2)
    return rows @ rows.transpose(1, 2) / rows[0].numel()

"""FM0, FM1 and FM2: the image whose features are the strongest of the sources'."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor
from torch.nn.functional import avg_pool2d, conv2d, fold, pad, relu, unfold

from fusebench.methods._networks.cam import class_activation
from fusebench.methods._networks.optimisation import Optimisation, descend
from fusebench.methods._networks.vgg import VGG19

# Grey levels by which a pixel may still change when the solver stops, and its most rounds.
_TOLERANCE = 0.01
_ROUNDS = 100

# Share of a loss that float32 cannot tell from none.
_ROUNDING = 1e-6

# What is left of the preconditioned residual when a round stops. Where the features are linear one
# round would do; a second one takes back what float32 lost.
_LINEAR, _RECTIFIED = 1e-4, 0.1

# The learning rate falls from its first value to this part of it.
_LAST_RATE = 1e-3


class FeatureMaps(Optimisation):
    """The image whose features in the first layer come nearest to the strongest of the sources'.

    Parameters
    ----------
    network : VGG19
        Its first layer gives the features; all of it, where a source counts by class activation.
    rectified : bool
        Whether negative responses become 0.
    majority : bool
        Whether each feature comes from the source that is strongest at most of 3x3 places.
    semantic : int
        Side of the square in which sources are classified, so that their features count by the
        class activation; 0 where they are not.
    damping : float
        Weight of the distance of the chroma from the mean of the sources', in units of the mean
        square of the layer's response to white noise.
    adam : bool
        Whether Adam looks for the image, as in the paper, or the solver.
    epochs, iterations, rate
        Of Adam; the rate of the first epoch, for images in [0, 1].
    """

    def __init__(
        self,
        network: VGG19,
        *,
        rectified: bool,
        majority: bool,
        semantic: int = 0,
        damping: float,
        adam: bool,
        epochs: int,
        iterations: int,
        rate: float,
    ) -> None:
        super().__init__()
        self.network = network
        self.rectified, self.majority, self.semantic = rectified, majority, semantic
        self.damping = damping
        self.adam = adam
        self.rates = [rate * _LAST_RATE ** (e / max(epochs - 1, 1)) for e in range(epochs)]
        self.iterations = iterations

    def optimise(self, *sources: Tensor) -> Tensor:
        """Fuse images ``(1, C, H, W)`` of grey levels."""
        layer = _Layer(self.network, self.rectified)
        importance: list[Tensor] | None = None
        with torch.no_grad():
            maps = [layer(source) for source in sources]
        if self.semantic:
            importance = [class_activation(self.network, s / 255, self.semantic) for s in sources]
        with torch.no_grad():
            target = select(maps, importance, self.majority)
            mean = torch.stack(sources).mean(0)
        del maps
        weight = self.damping * float(layer.kernel.square().sum()) / 3
        if self.adam:
            return self._descend(layer, target, mean, weight)
        with torch.no_grad():
            return _solve(layer, target, mean, weight, self.watch)

    def _descend(self, layer: _Layer, target: Tensor, mean: Tensor, weight: float) -> Tensor:
        def loss(image: Tensor) -> Tensor:
            change = _chroma(image * 255 - mean)
            return (target - layer(image * 255)).square().sum() + weight * change.square().sum()

        image, _ = descend(mean / 255, loss, self.rates, self.iterations, self.watch)
        return image * 255


class _Layer:
    """The first layer, for images ``(1, 1 or 3, H, W)`` of grey levels."""

    def __init__(self, network: VGG19, rectified: bool) -> None:
        first = network.features[0]
        assert isinstance(first, torch.nn.Conv2d)
        assert first.bias is not None
        self.kernel = first.weight / (255 * network.std)
        self.bias = first.bias
        self.offset = 255 * network.mean
        self.rectified = rectified

    def linear(self, image: Tensor) -> Tensor:
        # What is outside of the image has the mean of the photographs, not black.
        return conv2d(image.expand(-1, 3, -1, -1) - self.offset, self.kernel, self.bias, padding=1)

    def __call__(self, image: Tensor) -> Tensor:
        features = self.linear(image)
        return relu(features) if self.rectified else features


def select(maps: Sequence[Tensor], importance: Sequence[Tensor] | None, majority: bool) -> Tensor:
    """Choose each feature from the source where its magnitude is largest.

    Parameters
    ----------
    maps : sequence of Tensor, shape (1, C, H, W)
        Features of each source.
    importance : sequence of Tensor, shape (1, 1, H, W), or None
        What magnitudes are multiplied by before they are compared. Where it is 0 for all sources,
        magnitudes alone are compared, as they are where it is equal for all.
    majority : bool
        Whether the source is taken that is largest at most of 3x3 places, the first of those that
        are so equally often. At the border of the image its outermost places count several times.

    Returns
    -------
    Tensor, shape (1, C, H, W)
    """
    stack = torch.stack(list(maps))
    strength = stack.abs()
    if importance is not None:
        shares = torch.stack(list(importance))
        strength = strength * torch.where(shares.amax(0) > 0, shares, 1)
    chosen = strength.argmax(0)
    if majority:
        votes = [
            avg_pool2d(pad((chosen == i).float(), (1, 1, 1, 1), "replicate"), 3, 1)
            for i in range(len(stack))
        ]
        chosen = torch.stack(votes).argmax(0)
    return stack.gather(0, chosen[None])[0]


def _chroma(image: Tensor) -> Tensor:
    """Take the mean of its channels off an image; nothing is left of a grey one."""
    return image - image.mean(1, keepdim=True)


def _solve(
    layer: _Layer,
    target: Tensor,
    start: Tensor,
    weight: float,
    watch: Callable[[int, int, float], None] | None,
) -> Tensor:
    """Find the image of least loss by Newton's method, each of whose steps is linear.

    The loss is a sum of squares of what is linear wherever no feature begins or ceases to be
    positive. Each round solves it as if none did, by conjugate gradients that are preconditioned
    with the Fourier transform of the layer, as if the image were periodic and all features
    positive.
    """
    kernel = layer.kernel.sum(1, keepdim=True) if start.shape[1] == 1 else layer.kernel
    precondition = _preconditioner(kernel, start.shape[2], start.shape[3], weight)
    # As matrices, which is several times as fast as convolutions with so few channels.
    taps = kernel.flatten(1)
    square = taps.T @ taps
    image = start
    loss, residual, active = _state(layer, target, image, start, weight)
    for count in range(_ROUNDS):
        if watch is not None:
            watch(count + 1, 0, loss)
        gradient = _pixels(taps.T @ residual, image) - weight * _chroma(image - start)

        def curvature(step: Tensor, active: Tensor | None = active) -> Tensor:
            windows = unfold(step, 3, padding=1)[0]
            squared = square @ windows if active is None else taps.T @ (taps @ windows).mul_(active)
            return _pixels(squared, step) + weight * _chroma(step)

        step = _conjugate_gradients(
            curvature, gradient, precondition, _RECTIFIED if layer.rectified else _LINEAR
        )
        found = _state(layer, target, image + step, start, weight)
        # A step that goes too far is halved; of the last ones float32 cannot tell whether they do.
        while found[0] > loss * (1 + _ROUNDING) and float(step.abs().max()) > _TOLERANCE:
            step = step / 2
            found = _state(layer, target, image + step, start, weight)
        image = image + step
        loss, residual, active = found
        if float(step.abs().max()) <= _TOLERANCE:
            break
    return image


def _state(
    layer: _Layer, target: Tensor, image: Tensor, start: Tensor, weight: float
) -> tuple[float, Tensor, Tensor | None]:
    """Give the loss, and of features ``(C, H * W)`` what is missing and which react to the image.

    Those that react have 1, others 0. What is missing of others is not given.
    """
    features = layer.linear(image).flatten(2)[0]
    active = (features > 0).float() if layer.rectified else None
    missing = features.relu_() if layer.rectified else features
    missing = torch.sub(target.flatten(2)[0], missing, out=missing)
    chroma = _chroma(image - start)
    loss = float(missing.double().square().sum()) + weight * float(chroma.double().square().sum())
    return loss, missing if active is None else missing.mul_(active), active


def _pixels(windows: Tensor, like: Tensor) -> Tensor:
    """Add up what windows of 3x3 pixels have for each pixel."""
    return fold(windows[None], like.shape[2:], 3, padding=1)


def _preconditioner(
    kernel: Tensor, height: int, width: int, weight: float
) -> Callable[[Tensor], Tensor]:
    """Give the inverse of the layer's square for images that are periodic."""
    channels = kernel.shape[1]
    padded = pad(kernel.double(), (0, width - 3, 0, height - 3))
    spectrum = torch.fft.rfft2(padded)
    square = torch.einsum("ociy,odiy->iycd", spectrum.conj(), spectrum)
    chroma = torch.eye(channels, device=kernel.device) - 1 / channels
    inverse = torch.linalg.inv(square + weight * chroma).to(torch.complex64)

    def apply(image: Tensor) -> Tensor:
        transformed = torch.einsum("iycd,ndiy->nciy", inverse, torch.fft.rfft2(image))
        found: Tensor = torch.fft.irfft2(transformed, s=(height, width))
        return found

    return apply


def _conjugate_gradients(
    curvature: Callable[[Tensor], Tensor],
    gradient: Tensor,
    precondition: Callable[[Tensor], Tensor],
    tolerance: float,
) -> Tensor:
    """Solve ``curvature(step) = gradient``.

    It stops when the error, in the norm that the preconditioner stands for, has come down to
    `tolerance` of what it was.
    """
    step, left = torch.zeros_like(gradient), gradient
    direction = precondition(left)
    size = first = _dot(left, direction)
    for _ in range(1000):
        if size <= tolerance**2 * first:
            break
        bent = curvature(direction)
        length = size / _dot(direction, bent)
        step = step + length * direction
        left = left - length * bent
        preconditioned = precondition(left)
        last, size = size, _dot(left, preconditioned)
        direction = preconditioned + size / last * direction
    return step


def _dot(a: Tensor, b: Tensor) -> float:
    return float((a.double() * b.double()).sum())

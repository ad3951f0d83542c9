"""Source images and fused image together, with the maps that several metrics share."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any, Literal, TypeVar, cast

from array_api_compat import array_namespace, is_torch_array

from fusebench.bench.types import Array, InputError
from fusebench.metrics._primitives import (
    LEVELS,
    fourier,
    gaussian_taps,
    histograms,
    smooth,
    window_sums,
)

Name = Literal["a", "b", "fused", "reference"]
Border = Literal["extrapolate", "mirror", "replicate", "zero"]
T = TypeVar("T")

# Pixels of a strip; some ten maps of so many float64 numbers fit into a processor's cache.
STRIP = 2**15


@dataclass(frozen=True)
class Moments:
    """Local means, variances and covariance of two images under one window."""

    mean_x: Array
    mean_y: Array
    var_x: Array
    var_y: Array
    cov: Array


@dataclass(frozen=True)
class Gradient:
    """Responses rightwards and upwards, strength and orientation (in (-pi/2, pi/2]) of edges."""

    gx: Array
    gy: Array
    strength: Array
    orientation: Array


class Triplet:
    """A batch of triples of one size; maps are computed once and kept.

    Parameters
    ----------
    a, b, fused : float64 array, shape (N, H, W)
        Grey levels 0..255, whole numbers; NumPy on the CPU or torch on any device.
    reference : float64 array, shape (N, H, W), optional
        The ideal fused image.
    channels : int
        Number of consecutive planes that are the colour channels of one image; their values are
        averaged.

    Raises
    ------
    InputError
        If shapes differ.
    """

    def __init__(
        self,
        a: Array,
        b: Array,
        fused: Array,
        reference: Array | None = None,
        *,
        channels: int = 1,
    ) -> None:
        images: dict[Name, Array] = {"a": a, "b": b, "fused": fused}
        if reference is not None:
            images["reference"] = reference
        for name, image in images.items():
            if image.ndim != 3 or image.shape != a.shape:
                raise InputError(
                    f"{name} has shape {tuple(image.shape)}, but a has shape {tuple(a.shape)}; "
                    "expected one shape (N, H, W) for all"
                )
        self._images = images
        self._cut: Callable[[Array], Array] | None = None
        self.channels = channels
        self._cache: dict[Hashable, Any] = {}
        self._reasons: list[tuple[Array, str]] = []
        self.xp = array_namespace(a)

    def __getitem__(self, name: Name) -> Array:
        if self._cut is None:
            return self._images[name]
        cut, image = self._cut, self._images[name]
        return self.once(("image", name), lambda: cut(image))

    @property
    def a(self) -> Array:
        """First source, shape (N, H, W)."""
        return self["a"]

    @property
    def b(self) -> Array:
        """Second source, shape (N, H, W)."""
        return self["b"]

    @property
    def fused(self) -> Array:
        """Fused image, shape (N, H, W)."""
        return self["fused"]

    @property
    def has_reference(self) -> bool:
        """Whether an ideal fused image is known."""
        return "reference" in self._images

    @property
    def shape(self) -> tuple[int, int, int]:
        """Number of triples, height and width."""
        count, height, width = self.a.shape
        return count, height, width

    def mapped(self, change: Callable[[Array], Array]) -> Triplet:
        """Give the triples that a function makes of each image."""
        images = {name: change(self[name]) for name in self._images}
        return Triplet(
            images["a"],
            images["b"],
            images["fused"],
            images.get("reference"),
            channels=self.channels,
        )

    def strips(
        self, window: int = 1, border: Border | None = None, pixels: int = 0
    ) -> Iterator[Triplet]:
        """Cut the images into strips of rows, whose full windows together are all there are.

        What is made of a strip stays in the processor's cache, and in memory that the process has
        already; maps of whole images cost more time in page faults than in arithmetic. A GPU takes
        the images as they are.

        Parameters
        ----------
        window : int
            Height of the windows; strips overlap by one row less.
        border : {"extrapolate", "mirror", "replicate", "zero"}, optional
            Surround the images with one row and column first; see `pad`.
        pixels : int
            About how many a strip has; by default `STRIP`.

        Yields
        ------
        Triplet
        """
        count, height, width = self.shape
        step = max((pixels or STRIP) // (count * width), 1)
        reach = 0 if border is None else 1
        last = height + 2 * reach - window + 1
        if is_torch_array(self.a):
            step = last
        if border is None and step >= last:
            yield self
            return
        for top in range(0, last, step):
            rows = slice(max(top - reach, 0), min(top + step, last) + window - 1 - reach)
            ends = (top == 0, top + step >= last)
            yield self._strip(partial(_rows, rows=rows, xp=self.xp, border=border, ends=ends))

    def _strip(self, cut: Callable[[Array], Array]) -> Triplet:
        """Give what is cut from each image when that image is asked for."""
        strip = Triplet.__new__(Triplet)
        strip._images, strip._cut = self._images, cut
        strip.channels, strip.xp = self.channels, self.xp
        strip._cache, strip._reasons = {}, []
        return strip

    def window_mean(
        self, window: int, make: Callable[[Triplet], Array], border: Border | None = None
    ) -> Array:
        """Average over all full windows what `make` gives for those of a strip, shape (N,)."""
        _, height, width = self.shape
        lost = window - 1 - (0 if border is None else 2)
        total = sum(self.total(make(strip)) for strip in self.strips(window, border))
        return total / ((height - lost) * (width - lost))

    def once(self, key: Hashable, make: Callable[[], T]) -> T:
        """Compute something the first time it is asked for."""
        if key not in self._cache:
            self._cache[key] = make()
        return cast(T, self._cache[key])

    # -- undefined values ---------------------------------------------------------------------

    def undefined_where(self, mask: Array, value: Array, reason: str) -> Array:
        """Replace values by NaN where `mask` holds, and remember why."""
        self._reasons.append((mask, reason))
        return self.xp.where(mask, self.xp.full_like(value, float("nan")), value)

    def take_reasons(self) -> list[str | None]:
        """Give and forget the reasons collected so far, one entry per image."""
        reasons: list[str | None] = [None] * (self.shape[0] // self.channels)
        for mask, reason in self._reasons:
            for index, hit in enumerate(mask.tolist()):
                if hit:
                    reasons[index // self.channels] = reason
        self._reasons.clear()
        return reasons

    def per_image(self, values: Array) -> list[float]:
        """Average the values of the channels of each image."""
        xp = self.xp
        averages: list[float] = xp.mean(xp.reshape(values, (-1, self.channels)), axis=1).tolist()
        return averages

    def side_by_side(self, name: Name) -> Array:
        """Lay the channels of each image beside each other, shape (N / C, H, C W)."""
        planes, height, width = self.shape
        xp = self.xp
        stacked = xp.reshape(self[name], (planes // self.channels, self.channels, height, width))
        moved = xp.permute_dims(stacked, (0, 2, 1, 3))
        return xp.reshape(moved, (-1, height, self.channels * width))

    # -- shared maps --------------------------------------------------------------------------

    def mean(self, image: Array) -> Array:
        """Average over the pixels of each image, shape (N,)."""
        return self.xp.mean(image, axis=(-2, -1))

    def total(self, image: Array) -> Array:
        """Sum over the pixels of each image, shape (N,)."""
        return self.xp.sum(image, axis=(-2, -1))

    def stretched(self) -> Triplet:
        """Stretch each image to span 0..255, rounded; constant images become 0."""
        xp = self.xp

        def stretch(image: Array) -> Array:
            low = xp.min(image, axis=(-2, -1), keepdims=True)
            span = xp.max(image, axis=(-2, -1), keepdims=True) - low
            share = (image - low) / xp.where(span == 0, xp.ones_like(span), span)
            return xp.floor(share * 255 + 0.5)

        return self.once("stretched", lambda: self.mapped(stretch))

    def constant(self, name: Name) -> Array:
        """Whether an image has a single grey level, shape (N,)."""
        xp, image = self.xp, self[name]
        return self.once(
            ("constant", name),
            lambda: xp.max(image, axis=(-2, -1)) == xp.min(image, axis=(-2, -1)),
        )

    def spectrum(self, name: Name) -> Array:
        """Half of the Fourier transform of an image, shape (N, H, W // 2 + 1)."""
        return self.once(("spectrum", name), lambda: fourier(self[name]))

    def histogram(self, name: Name) -> Array:
        """Shares of the 256 grey levels, shape (N, 256)."""
        return self.once(("histogram", name), lambda: self._shares(LEVELS, lambda s: s[name]))

    def joint_histogram(self, x: Name, y: Name) -> Array:
        """Shares of the pairs of grey levels, shape (N, 256, 256)."""

        def make() -> Array:
            shares = self._shares(LEVELS**2, lambda s: s[x] * LEVELS + s[y])
            return self.xp.reshape(shares, (-1, LEVELS, LEVELS))

        return self.once(("joint", x, y), make)

    def _shares(self, bins: int, codes: Callable[[Triplet], Array]) -> Array:
        """Shares of whole numbers below `bins`, shape (N, bins)."""
        # A strip with fewer pixels than bins would cost more to add up than to count.
        strips = self.strips(pixels=max(STRIP, bins))
        counts = sum(histograms(self.xp.astype(codes(s), self.xp.int64), bins) for s in strips)
        return counts / (self.shape[1] * self.shape[2])

    def squared(self, name: Name) -> Array:
        """Square of every pixel."""
        return self.once(("squared", name), lambda: self[name] ** 2)

    def gaussian_moments(self, x: Name, y: Name, size: int, sigma: float) -> Moments:
        """Moments of two images under a Gaussian window, full windows only."""
        taps = gaussian_taps(size, sigma)
        key = (size, sigma)

        def mean(name: Name) -> Array:
            return self.once(("mean", name, key), lambda: smooth(self[name], taps))

        def variance(name: Name) -> Array:
            return self.once(
                ("variance", name, key),
                lambda: smooth(self.squared(name), taps) - mean(name) ** 2,
            )

        def make() -> Moments:
            covariance = smooth(self[x] * self[y], taps) - mean(x) * mean(y)
            return Moments(mean(x), mean(y), variance(x), variance(y), covariance)

        return self.once(("moments", x, y, key), make)

    def window_total(self, name: Name, size: int, power: int = 1) -> Array:
        """Exact sums of an image, or of its squares, over all full square windows."""

        def make() -> Array:
            return window_sums(self[name] if power == 1 else self.squared(name), size)

        return self.once(("window", name, size, power), make)


def gradient_of(gx: Array, gy: Array, xp: Any) -> Gradient:
    """Strength and orientation of a gradient; where gx is 0 the orientation is pi/2."""
    vertical = gx == 0
    slope = gy / xp.where(vertical, 1.0, gx)
    orientation = xp.where(vertical, xp.pi / 2, xp.atan(slope))
    return Gradient(gx, gy, xp.sqrt(gx**2 + gy**2), orientation)


def sobel_of_padded(padded: Array) -> tuple[Array, Array]:
    """Sobel responses rightwards and upwards of images with one row and column more on each side.

    Up, not down: a vertical edge counts as +pi/2, so the sense of the other axis decides which
    orientations are near it. All published code of Q^{AB/F} has it this way.
    """
    twice = 2 * padded
    columns = padded[:, :-2] + twice[:, 1:-1] + padded[:, 2:]
    rows = padded[:, :, :-2] + twice[:, :, 1:-1] + padded[:, :, 2:]
    return columns[:, :, 2:] - columns[:, :, :-2], rows[:, :-2] - rows[:, 2:]


def pad(
    images: Array, xp: Any, border: Border = "zero", ends: tuple[bool, bool] = (True, True)
) -> Array:
    """Surround images with one row and column, by one of four rules.

    These are zeros, copies of the outermost pixels, or copies of their inner neighbours, so that
    the outermost pixels are the mirror; or what continues both in a straight line.

    Parameters
    ----------
    images : array, shape (N, H, W)
    xp : namespace
    border : {"extrapolate", "mirror", "replicate", "zero"}
    ends : pair of bool
        Whether there is a border above and below; a strip from the middle has neither.
    """
    return _lengthen(_lengthen(images, 1, xp, border, ends), 2, xp, border)


def _rows(
    images: Array, rows: slice, xp: Any, border: Border | None, ends: tuple[bool, bool]
) -> Array:
    return images[:, rows] if border is None else pad(images[:, rows], xp, border, ends)


def _lengthen(
    images: Array, axis: int, xp: Any, border: Border, ends: tuple[bool, bool] = (True, True)
) -> Array:
    inner = 1 if border == "mirror" else 0
    length = images.shape[axis]

    def at(index: int) -> Array:
        where = [slice(None)] * 3
        where[axis] = slice(index, index + 1)
        return images[tuple(where)]

    first, last = at(inner), at(length - 1 - inner)
    if border == "zero":
        first, last = xp.zeros_like(first), xp.zeros_like(last)
    elif border == "extrapolate":
        first, last = 2 * first - at(1), 2 * last - at(length - 2)
    return xp.concat([first] * ends[0] + [images] + [last] * ends[1], axis=axis)

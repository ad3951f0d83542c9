"""Fusion by non-subsampled shearlets and a pulse-coupled neural network."""

from __future__ import annotations

from itertools import product

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import convolve, correlate

from fusebench.bench.images import to_8_bit
from fusebench.bench.types import Fidelity
from fusebench.methods._base import Plane, TensorFusion, method, on_planes
from fusebench.methods._checks import require_count
from fusebench.methods._nsst import decompose, reconstruct
from fusebench.methods._pyramid import Bands, mirror

# Values of one array of the networks that are run at a time.
_CACHED = 2**16

_BINOMIAL = np.outer([1.0, 2.0, 1.0], [1.0, 2.0, 1.0]) / 16


@method(
    slug="nsst_papcnn",
    label="NSST-PAPCNN",
    title="Shearlets and a parameter-adaptive pulse-coupled neural network",
    reference="M. Yin, X. Liu, Y. Liu, X. Chen, Medical image fusion with parameter-adaptive pulse "
    "coupled neural network in nonsubsampled shearlet transform domain, "
    "IEEE Trans. Instrum. Meas. 68(1), 2019",
    doi="10.1109/TIM.2018.2838778",
    origin="reimplemented",
    colour="luma",
    tasks=("medical", "ivif", "mff"),
    fidelity=(
        Fidelity(
            against="the authors' code run in Octave on lossless grey pairs (1 Lytro, 1 MRI-CT)",
            images=2,
            within_one=1.0,
            mean_abs=3.0e-5,
            max_abs=1.0,
            equal=0.99997,
            psnr=93.35,
        ),
    ),
)
def nsst_papcnn(*, iterations: int = 110) -> TensorFusion:
    """Shearlets whose detail is chosen by how often a neural network fires on it.

    Parameters
    ----------
    iterations : int
        Number of steps of the network, at least 1.

    Returns
    -------
    callable
        Function of two source tensors; see `fusebench.methods.LoadedMethod`.

    Raises
    ------
    InputError
        If `iterations` is below 1.

    Notes
    -----
    Follows [1]_ and its authors' code: shearlets [2]_ of four scales with 8, 8, 16 and 16
    directions; each coefficient from the source whose neuron fired more often, and the low-pass
    plane from the source with more energy times modified Laplacian, both from `a` where equal.
    Three traits are the code's: the Laplacian adds absolute differences to the eight neighbours one
    by one, and its root is taken after a 3x3 mean; Meyer's window is squared in the shear filters;
    a band whose coefficients all are below half a grey level does not fire at all.

    The authors' code takes square images only. Nothing in the method asks for that: shear filters
    are zero-padded to the image's height and width, whatever they are. Fusing an image with itself
    gives the image back.

    References
    ----------
    .. [1] M. Yin, X. Liu, Y. Liu, X. Chen, "Medical image fusion with parameter-adaptive pulse
       coupled neural network in nonsubsampled shearlet transform domain," IEEE Trans. Instrum.
       Meas. 68(1), 2019. doi:10.1109/TIM.2018.2838778
    .. [2] G. Easley, D. Labate, W.-Q. Lim, "Sparse directional image representations using the
       discrete shearlet transform," Appl. Comput. Harmon. Anal. 25(1), 2008.
       doi:10.1016/j.acha.2007.09.003
    """
    require_count("iterations", iterations)

    def fuse(a: Plane, b: Plane) -> Plane:
        (low_a, bands_a), (low_b, bands_b) = decompose(a / 255), decompose(b / 255)
        low = np.where(_low_activity(low_a) >= _low_activity(low_b), low_a, low_b)
        bands: Bands = []
        for scale_a, scale_b in zip(bands_a, bands_b, strict=True):
            firings = _firings(np.abs(np.stack([*scale_a, *scale_b])), iterations)
            choices = firings[: len(scale_a)] >= firings[len(scale_a) :]
            bands.append(list(np.where(choices, scale_a, scale_b)))
        return reconstruct(low, bands) * 255

    return on_planes(fuse)


def _low_activity(low: Plane) -> Plane:
    energy = correlate(mirror(low**2, 1), _BINOMIAL)[1:-1, 1:-1]
    wide = np.pad(low, 1, mode="symmetric")
    height, width = low.shape
    differences = np.zeros_like(low)
    for down, right in product((0, 1, 2), repeat=2):
        neighbour = wide[down : down + height, right : right + width]
        weight = 0.5**0.5 if down != 1 and right != 1 else 1.0
        differences += weight * np.abs(low - neighbour)
    roots = np.sqrt(convolve(differences, np.full((3, 3), 1 / 9), mode="reflect"))
    activity: Plane = energy * correlate(roots, _BINOMIAL, mode="reflect")
    return activity


def _firings(stimuli: Plane, iterations: int) -> NDArray[np.int16]:
    """Count how often each neuron of parameter-adaptive pulse-coupled networks fires.

    Parameters
    ----------
    stimuli : array, shape (N, H, W)
        Moduli of the coefficients of images with values in [0, 1]; one network for each band.
    iterations : int

    Returns
    -------
    int array, shape (N, H, W)
        All zero in a band whose threshold after Otsu is zero: it has no parameters.
    """
    counts = np.zeros(stimuli.shape, np.int16)
    thresholds = np.array([_otsu_threshold(stimulus) for stimulus in stimuli])
    alive = np.flatnonzero(thresholds)
    # As many networks at a time as the processor's cache holds.
    size = max(1, _CACHED // stimuli[0].size)
    for part in (alive[i : i + size] for i in range(0, len(alive), size)):
        counts[part] = _run_networks(stimuli[part], thresholds[part][:, None, None], iterations)
    return counts


def _run_networks(stimuli: Plane, thresholds: Plane, iterations: int) -> NDArray[np.int16]:
    ratio = stimuli.max(axis=(1, 2), keepdims=True) / thresholds
    keep = np.exp(-np.log10(1 / stimuli.std(axis=(1, 2), ddof=1, keepdims=True)))
    jump = keep + ratio
    # Activity of the strongest neurons when they fire for the first time, in the third step.
    peak = thresholds * ((1 - keep**3) / (1 - keep) + (ratio - 1) * keep)
    fade = peak / jump
    # Arrays are reused, and pulses are bytes: this loop is all of the method's time. Links are
    # counted in halves: a diagonal neighbour that fires gives one, a direct one two.
    link_strength = (ratio - 1) / 12
    number, height, width = stimuli.shape
    counts = np.zeros(stimuli.shape, np.int16)
    pulses = np.zeros((number, height + 2, width + 2), np.int8)
    fired = pulses[:, 1:-1, 1:-1]
    rows, links = np.empty_like(pulses[:, 1:-1]), np.empty_like(fired)
    fires = np.empty(stimuli.shape, np.bool_)
    activity, level = np.zeros_like(stimuli), np.ones_like(stimuli)
    term = np.empty_like(stimuli)
    for _ in range(iterations):
        np.add(pulses[:, :-2], pulses[:, 2:], out=rows)
        rows += pulses[:, 1:-1]
        rows += pulses[:, 1:-1]
        np.add(rows[..., :-2], rows[..., 2:], out=links)
        links += rows[..., 1:-1]
        links += rows[..., 1:-1]
        links -= fired << 2
        np.multiply(links, link_strength, out=term)
        term += 1
        term *= stimuli
        activity *= keep
        activity += term
        np.greater(activity, level, out=fires)
        fired[...] = fires
        counts += fires
        level *= fade
        np.multiply(fires, jump, out=term)
        level += term
    return counts


def _otsu_threshold(values: Plane) -> float:
    """Give Otsu's threshold of values in [0, 1] from 256 grey levels.

    Where several thresholds are equally good, their mean is returned, and zero where all values
    have one grey level.
    """
    counts = np.bincount(to_8_bit(values * 255.0).ravel(), minlength=256)
    number, total = np.cumsum(counts)[:-1], np.cumsum(counts * np.arange(256))[:-1]
    splits = (number > 0) & (number < values.size)
    if not splits.any():
        return 0.0
    # In whole numbers, so that equally good thresholds tie.
    mean = counts @ np.arange(256)
    excess = (mean * number - values.size * total)[splits].astype(np.float64)
    between = excess**2 / (number * (values.size - number))[splits]
    return float(np.flatnonzero(splits)[between == between.max()].mean() / 255)

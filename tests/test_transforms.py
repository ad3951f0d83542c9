"""The transforms of multi-scale methods: they come back, and they do what their names say."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.ndimage import correlate

from fusebench.methods import _atrous, _curvelet, _dtcwt, _nsct, _nsst

SHAPES = [(1, 1), (2, 3), (5, 64), (33, 47), (64, 64), (90, 122)]


def noise(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).uniform(0, 255, shape)


def grating(side: int, degrees: float, period: float) -> np.ndarray:
    """Stripes that run at an angle to the x axis, counted counter-clockwise as one sees them.

    The period is that along x or y, whichever is shorter: bands are squares in frequency.
    """
    y, x = np.mgrid[:side, :side]
    wave = np.array([np.cos(np.deg2rad(degrees)), np.sin(np.deg2rad(degrees))])
    wave /= np.abs(wave).max()
    return np.cos(2 * np.pi / period * (y * wave[0] + x * wave[1]))


# Dual-tree complex wavelets


@pytest.mark.parametrize("first", ["legall", "near_sym_b"])
@pytest.mark.parametrize("later", ["qshift_06", "qshift_b"])
@pytest.mark.parametrize("shape", SHAPES)
def test_dual_tree_comes_back(
    first: _dtcwt.First, later: _dtcwt.Later, shape: tuple[int, int]
) -> None:
    plane = noise(*shape)
    low, bands = _dtcwt.decompose(plane, 4, first, later)
    again = _dtcwt.reconstruct(low, bands, shape, first, later)
    np.testing.assert_allclose(again, plane, atol=1e-10)


def test_dual_tree_bands_halve_and_end_early() -> None:
    low, bands = _dtcwt.decompose(noise(64, 96), 3)
    assert [[b.shape for b in scale] for scale in bands] == [
        [s] * 6 for s in ((32, 48), (16, 24), (8, 12))
    ]
    assert low.shape == (16, 24)
    low, bands = _dtcwt.decompose(noise(7, 5), 99)
    assert low.shape == (2, 2)
    assert len(bands) == 3


def test_dual_tree_bands_have_their_orientation() -> None:
    for band, degrees in enumerate((15, 45, 75, -75, -45, -15)):
        _, bands = _dtcwt.decompose(grating(128, degrees, 5.5), 3, "near_sym_b", "qshift_b")
        energies = (np.abs(np.stack(bands[1])[:, 8:-8, 8:-8]) ** 2).sum(axis=(1, 2))
        assert energies.argmax() == band
        assert energies[band] > 0.6 * energies.sum()


def test_dual_tree_energy_hardly_moves_with_the_image() -> None:
    def energy(shift: int) -> float:
        edge = np.zeros((64, 256))
        edge[:, 100 + shift :] = 100.0
        _, bands = _dtcwt.decompose(edge, 4, "near_sym_b", "qshift_b")
        return float((np.abs(np.stack(bands[2])) ** 2).sum())

    energies = [energy(shift) for shift in range(16)]
    # A decimated real wavelet transform has ratios of 2 and more here.
    assert max(energies) < 1.2 * min(energies)


# Non-subsampled pyramids


@pytest.mark.parametrize("design", ["pyrexc", "maxflat"])
@pytest.mark.parametrize("shape", SHAPES)
def test_pyramid_comes_back(design: _atrous.Design, shape: tuple[int, int]) -> None:
    plane = noise(*shape)
    low, details = _atrous.decompose(plane, 4, design)
    assert {d.shape for d in (low, *details)} == {shape}
    np.testing.assert_allclose(_atrous.reconstruct(low, details, design), plane, atol=1e-10)


def test_pyramid_is_filtering_with_stretched_published_taps() -> None:
    # One quadrant of the published 5x5 low-pass filter of "pyrexc", from its corner to its middle.
    quadrant = [
        [-0.003236043456039806, -0.012944173824159223, -0.019416260736238835],
        [-0.012944173824159223, 0.0625, 0.15088834764831843],
        [-0.019416260736238835, 0.15088834764831843, 0.3406092167691145],
    ]
    taps = np.pad(quadrant, ((0, 2), (0, 2)), mode="reflect")
    low = plane = noise(40, 53)
    for level in range(3):
        stretched = np.zeros((4 * 2**level + 1,) * 2)
        stretched[:: 2**level, :: 2**level] = taps
        low = correlate(low, stretched, mode="reflect")
        np.testing.assert_allclose(
            _atrous.decompose(plane, level + 1, "pyrexc")[0], low, atol=1e-10
        )


@pytest.mark.parametrize(
    ("design", "middle"), [("pyrexc", 0.8406092167691145), ("maxflat", 0.821896776)]
)
def test_pyramid_detail_of_a_dot_is_the_published_filter(
    design: _atrous.Design, middle: float
) -> None:
    dot = np.zeros((41, 41))
    dot[20, 20] = 1.0
    _, (detail,) = _atrous.decompose(dot, 1, design)
    assert detail[20, 20] == pytest.approx(middle, abs=1e-9)
    reach = {"pyrexc": 2, "maxflat": 9}[design]
    support = np.abs(detail) > 1e-14
    assert support[20 - reach, 20 - reach]
    assert not support[: 20 - reach].any()


# Contourlets


@pytest.mark.parametrize("shape", SHAPES)
def test_contourlets_come_back(shape: tuple[int, int]) -> None:
    plane = noise(*shape)
    low, bands = _nsct.decompose(plane, (0, 1, 2, 4, 5))
    assert [len(scale) for scale in bands] == [1, 2, 4, 16, 32]
    np.testing.assert_allclose(_nsct.reconstruct(low, bands), plane, atol=1e-9)


def test_contourlets_tell_directions_apart() -> None:
    strongest = set()
    for degrees in np.arange(8) * 22.5 + 11.25:
        _, (bands,) = _nsct.decompose(grating(64, degrees, 2.5), (3,))
        # Channels differ in gain: compare each with its answer to noise of all directions.
        _, (reference,) = _nsct.decompose(noise(64, 64), (3,))
        answers = [b.std() / r.std() for b, r in zip(bands, reference, strict=True)]
        strongest.add(int(np.argmax(answers)))
    assert strongest == set(range(8))


def test_contourlets_move_with_the_image() -> None:
    plane = np.pad(noise(24, 24), 40)
    moved = np.roll(plane, (3, -5), (0, 1))
    (_, bands), (_, bands_moved) = (_nsct.decompose(p, (3, 4)) for p in (plane, moved))
    for a, b in zip(bands, bands_moved, strict=True):
        np.testing.assert_allclose(np.roll(a, (3, -5), (1, 2)), b, atol=1e-9)


# Curvelets


@pytest.mark.parametrize("shape", [*SHAPES, (9, 9), (72, 73), (99, 100)])
@pytest.mark.parametrize("scales", [1, 4])
def test_curvelets_come_back_and_keep_the_energy(shape: tuple[int, int], scales: int) -> None:
    plane = noise(*shape)
    low, bands = _curvelet.decompose(plane, scales)
    np.testing.assert_allclose(_curvelet.reconstruct(low, bands, shape), plane, atol=1e-10)
    energy = sum((band**2).sum() for band in [low, *(b for scale in bands for b in scale)])
    assert energy == pytest.approx((plane**2).sum(), rel=1e-12)


def test_curvelets_double_their_angles_at_every_second_scale() -> None:
    low, bands = _curvelet.decompose(noise(150, 144), 5)
    assert [len(scale) for scale in bands] == [16, 32, 32, 64, 64]
    assert low.shape == (7, 7)
    assert len(_curvelet.decompose(noise(72, 200), 9)[1]) == 4
    assert len(_curvelet.decompose(noise(71, 200), 9)[1]) == 3


@pytest.mark.parametrize("degrees", np.arange(16) * 11.25 + 5.0)
def test_curvelets_see_a_direction_in_few_wedges(degrees: float) -> None:
    _, bands = _curvelet.decompose(grating(128, degrees, 6), 4)
    # Real and imaginary parts of a wedge belong together.
    halves = [np.array([(band**2).sum() for band in scale]).reshape(2, -1) for scale in bands]
    energies = np.concatenate([half.sum(axis=0) for half in halves])
    assert np.sort(energies)[-4:].sum() > 0.9 * energies.sum()


def test_curvelets_of_all_directions_are_as_strong() -> None:
    # Wedges from the left end of the upper quadrant's side clockwise to the lower end of the right.
    _, bands = _curvelet.decompose(noise(128, 128), 4)
    strengths = [
        np.concatenate([a.ravel(), b.ravel()]).std()
        for a, b in zip(bands[3][:32], bands[3][32:], strict=True)
    ]
    assert max(strengths) < 1.5 * min(strengths)


# Shearlets


@pytest.mark.parametrize("shape", SHAPES)
def test_shearlets_come_back(shape: tuple[int, int]) -> None:
    plane = noise(*shape)
    low, bands = _nsst.decompose(plane)
    assert [len(scale) for scale in bands] == [8, 8, 16, 16]
    assert {band.shape for scale in bands for band in scale} == {shape}
    np.testing.assert_allclose(_nsst.reconstruct(low, bands), plane, atol=1e-10)


def test_shearlets_keep_the_energy_of_each_detail() -> None:
    plane = noise(40, 53)
    _, details = _atrous.decompose(plane, 4, "maxflat")
    _, bands = _nsst.decompose(plane)
    for detail, scale in zip(details[::-1], bands, strict=True):
        assert sum((band**2).sum() for band in scale) == pytest.approx((detail**2).sum())


def test_shearlets_tell_directions_apart() -> None:
    strongest = []
    for degrees in np.arange(16) * 11.25 + 5.0:
        _, bands = _nsst.decompose(grating(64, degrees, 2.5))
        strongest.append(int(np.argmax([band.std() for band in bands[3]])))
    # One after the other, all around.
    steps = np.diff([*strongest, strongest[0]]) % 16
    assert sum(steps) in (16, 15 * 16)
    assert len(set(strongest)) >= 14

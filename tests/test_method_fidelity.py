"""Methods against what their authors' own code returned.

The figures in the records come from here: a record that differs from the measurement fails, in
either direction.

Where the images come from, all under the shared folder:

* ``golden/classical/octave``: the authors' MATLAB code run in Octave on lossless grey pairs. For
  DWT, Octave lacks dwt2; a replacement with exact halves was put in its place.
* ``golden/classical/matlab/ref/mst.png``: shipped with the MST-SR toolbox, made in MATLAB.
* ``golden/mfifb_lytro`` and ``golden/vifb``: published with those benchmarks, made in MATLAB and
  saved as JPEG with quality 75. Pillow's encoder with that quality gives the same pixels, so ours
  is put through it before comparing.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from fusebench.bench.images import read_image
from fusebench.bench.types import Image
from fusebench.methods import LoadedMethod, load

pytestmark = pytest.mark.shared

OCTAVE_PAIRS = ("lytro03", "mrict15", "road04269", "tno01", "tno05", "tno19")
OCTAVE_METHODS = ("lp", "rp", "dwt", "gff", "mgff")

# VIFB's loader mixed up channels where the infrared file is grey and the visible one is not.
VIFB_BROKEN_GFF = {"manWalking", "running", "walking2", "walkingnight"}

Compared = Iterator[tuple[Image, Image]]


def as_jpeg(image: Image) -> Image:
    stream = io.BytesIO()
    PillowImage.fromarray(image).save(stream, "JPEG", quality=75)
    return np.array(PillowImage.open(stream))


def octave(folder: Path, fuse: LoadedMethod, pairs: tuple[str, ...] = OCTAVE_PAIRS) -> Compared:
    golden = folder / "golden" / "classical"
    for pair in pairs:
        a, b = (read_image(golden / "inputs" / f"{pair}_{side}.png") for side in "AB")
        slug = fuse.record.slug
        yield fuse(a, b), read_image(golden / "octave" / slug.upper() / f"{pair}.png")


def mst_toolbox(folder: Path, fuse: LoadedMethod) -> Compared:
    golden = folder / "golden" / "classical" / "matlab"
    a, b = (read_image(golden / "in" / f"mst_a01_{side}.png") for side in "AB")
    yield fuse(a, b), read_image(golden / "ref" / "mst.png")


def mfifb(folder: Path, fuse: LoadedMethod) -> Compared:
    sources, golden = folder / "data" / "lytro", folder / "golden" / "mfifb_lytro"
    for number in range(1, 9):
        near, far = (read_image(sources / d / f"lytro-{number:02}.jpg") for d in ("near", "far"))
        published = golden / fuse.record.slug.upper() / f"{number:02}.jpg"
        yield as_jpeg(fuse(near, far)), read_image(published)


def vifb_from_jpeg(folder: Path, fuse: LoadedMethod) -> Compared:
    golden = folder / "golden" / "vifb"
    for published in sorted((golden / "fused" / fuse.record.slug.upper()).glob("*.jpg")):
        if published.stem not in VIFB_BROKEN_GFF:
            ir, vis = (as_jpeg(read_image(golden / d / published.name)) for d in ("IR", "VI"))
            yield as_jpeg(fuse(ir, vis)), read_image(published)


def differences(compared: Compared) -> list[np.ndarray]:
    return [np.abs(ours.astype(int) - theirs.astype(int)) for ours, theirs in compared]


@pytest.mark.parametrize("pair", OCTAVE_PAIRS)
@pytest.mark.parametrize("slug", OCTAVE_METHODS)
def test_every_pixel_is_within_one_level_of_the_authors_code(
    slug: str, pair: str, shared: Path
) -> None:
    (difference,) = differences(octave(shared, load(slug), (pair,)))
    assert difference.max() <= 1


@pytest.mark.parametrize(
    ("slug", "index", "comparison"),
    [
        *[(slug, 0, octave) for slug in OCTAVE_METHODS],
        ("lp", 1, mst_toolbox),
        ("mgff", 1, mfifb),
        ("gff", 1, vifb_from_jpeg),
    ],
)
def test_record_states_what_is_measured(
    slug: str, index: int, comparison: Callable[[Path, LoadedMethod], Compared], shared: Path
) -> None:
    fuse = load(slug)
    stated = fuse.record.fidelity[index]
    found = differences(comparison(shared, fuse))
    pixels = np.concatenate([difference.ravel() for difference in found])
    # Records hold figures of two or more digits; anything beyond their rounding is a difference,
    # but for the few pixels of a million that lie so near a half that the processor decides.
    assert len(found) == stated.images
    assert np.mean(pixels <= 1) == pytest.approx(stated.within_one, abs=1e-5)
    assert np.mean(pixels) == pytest.approx(stated.mean_abs, rel=5e-3, abs=1e-5)
    assert np.max(pixels) == stated.max_abs

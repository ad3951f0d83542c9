"""The demo: pairs made at run time from photographs inside the scikit-image wheel.

Nothing is downloaded. The sources are simulated, but by the optics of real ones, in linear light:

* ``mff`` (the all-in-focus photograph is the reference): the scene is cut into layers, by a smooth
  random region, a tilted plane or measured stereo disparity, and photographed twice through a thin
  lens with a round aperture; near things out of focus spread over what lies behind them;
* ``mef`` (the photograph is the reference): the light is scaled by 2^EV and clipped, as a sensor
  without noise would; ``a`` is the shorter exposure;
* ``medical`` (no reference): two complementary channels of one picture. They STAND IN for
  functional and structural scans to try programs on; they are not clinical CT, PET, SPECT or MRI.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from fusebench.bench.images import collapse_grey, read_image
from fusebench.bench.types import TASKS, DatasetInfo, Image, MissingDataError, Pair, Task
from fusebench.datasets import _optics as optics
from fusebench.datasets._base import DATASETS, Dataset, full_name
from fusebench.datasets._splits import read_split

# Generated pairs kept in memory, about 1 MB each.
_KEPT = 32

# Amounts of DAB and haematoxylin that are shown white.
_MOST = (1.2, 0.5)


@dataclass(frozen=True)
class _Picture:
    """A photograph of scikit-image, cropped to ``(top, left, height, width)`` and shrunk."""

    file: str
    crop: tuple[int, int, int, int] | None = None
    size: tuple[int, int] | None = None

    def cut(self, values: NDArray[Any]) -> NDArray[Any]:
        """Crop the first two axes of an array."""
        if self.crop is None:
            return values
        top, left, height, width = self.crop
        return values[top : top + height, left : left + width]

    def shrink(self, planes: NDArray[np.float64]) -> NDArray[np.float64]:
        """Shrink the last two axes of an array."""
        return planes if self.size is None else optics.area_average(planes, *self.size)

    def light(self) -> optics.Light:
        """Give the picture in linear light."""
        return self.shrink(optics.decode(self.cut(read_image(_photograph(self.file)))))

    def image(self) -> Image:
        """Give the picture in 8 bits."""
        return optics.encode(self.light())


def _photograph(file: str) -> Path:
    # The path of the package is enough; importing scikit-image would take half a second.
    spec = find_spec("skimage")
    if spec is None or spec.origin is None:
        raise MissingDataError(
            "the demo is made from photographs of scikit-image, which is not installed; "
            "pip install scikit-image"
        )
    path = Path(spec.origin).parent / "data" / file
    if not path.is_file():
        raise MissingDataError(
            f"{path} does not exist, but the demo is made from it; reinstall scikit-image"
        )
    return path


_Triple = tuple[Image, Image, Image | None]


def _regions(picture: _Picture, seed: int, share: float, radius: float) -> _Triple:
    """Focus on a region in front of the rest, then on the rest."""
    light = picture.light()
    height, width = light.shape[1:]
    region = optics.smooth_region(height, width, seed, share)
    layers = optics.layered(light, [region, 1.0 - region], [1.0, 0.0], reach=2 * radius)
    near, far = (optics.photograph(layers, focus, radius) for focus in (1.0, 0.0))
    return near, far, optics.encode(light)


def _plane(picture: _Picture, slices: int, radius: float, near: float, far: float) -> _Triple:
    """Focus on the lower, then on the upper part of a plane that leans away upwards."""
    light = picture.light()
    height, width = light.shape[1:]
    disparity = np.repeat((np.arange(height)[:, None] + 0.5) / height, width, axis=1)
    masks, middles = optics.split_by_depth(disparity, slices)
    layers = optics.layered(light, masks, middles, reach=2 * radius)
    a, b = (optics.photograph(layers, focus, radius) for focus in (near, far))
    return a, b, optics.encode(light)


def _stereo(picture: _Picture, slices: int, aperture: float, near: float, far: float) -> _Triple:
    """Focus near and far by the measured disparity of a stereo pair."""
    with np.load(_photograph("motorcycle_disp.npz")) as archive:
        disparity = picture.cut(optics.fill_disparity(archive["arr_0"]))
    light = picture.light()
    masks, middles = optics.split_by_depth(disparity, slices)
    masks = [picture.shrink(mask) for mask in masks]
    reach = 2 * aperture * (middles[0] - middles[-1])
    layers = optics.layered(light, masks, middles, reach)
    a, b = (optics.photograph(layers, focus, aperture) for focus in (near, far))
    return a, b, optics.encode(light)


def _exposures(picture: _Picture, under: float, over: float) -> _Triple:
    """Expose for the lights, then for the shadows, in stops from the photograph's exposure."""
    light = picture.light()
    a, b = (optics.encode(light * 2.0**stops) for stops in (under, over))
    return a, b, optics.encode(light)


def _stains(picture: _Picture, most: tuple[float, float], hot: bool) -> _Triple:
    """DAB (where a protein is: functional) and haematoxylin (nuclei: structural)."""
    image = picture.image()
    dab, nuclei = (
        np.minimum(optics.stain(image, index) / white, 1.0)
        for index, white in zip((2, 0), most, strict=True)
    )
    a = optics.hot_colours(dab) if hot else optics.round_levels(255.0 * dab)
    return a, optics.round_levels(255.0 * nuclei), None


def _bands(picture: _Picture, a: int, b: int) -> _Triple:
    """Two colour channels as grey pictures."""
    image = picture.image()
    return image[..., a].copy(), image[..., b].copy(), None


@dataclass(frozen=True)
class _Recipe:
    scene: str
    task: Task
    make: Callable[[], _Triple]


_BIKE = "motorcycle_left.png"
_RECIPES: Mapping[str, _Recipe] = {
    "mff_astronaut": _Recipe(
        "astronaut",
        "mff",
        partial(_regions, _Picture("astronaut.png", size=(256, 256)), 11, share=0.45, radius=4.0),
    ),
    "mff_camera": _Recipe(
        "camera",
        "mff",
        partial(_regions, _Picture("camera.png", size=(320, 320)), 2, share=0.45, radius=5.0),
    ),
    "mff_chelsea": _Recipe(
        "chelsea",
        "mff",
        partial(_regions, _Picture("chelsea.png", (0, 20, 299, 413)), 3, share=0.5, radius=3.5),
    ),
    "mff_coffee": _Recipe(
        "coffee",
        "mff",
        partial(_regions, _Picture("coffee.png", size=(264, 396)), 4, share=0.4, radius=3.0),
    ),
    "mff_coins": _Recipe(
        "coins", "mff", partial(_regions, _Picture("coins.png"), 5, share=0.5, radius=4.5)
    ),
    "mff_brick": _Recipe(
        "brick",
        "mff",
        partial(
            _plane, _Picture("brick.png", size=(288, 288)), 16, radius=6.0, near=0.85, far=0.15
        ),
    ),
    "mff_motorcycle": _Recipe(
        "motorcycle",
        "mff",
        partial(
            _stereo,
            _Picture(_BIKE, (0, 21, 500, 720), (320, 461)),
            20,
            aperture=0.1,
            near=50.0,
            far=13.0,
        ),
    ),
    "mff_motorcycle_engine": _Recipe(
        "motorcycle",
        "mff",
        partial(
            _stereo,
            _Picture(_BIKE, (80, 260, 300, 340), (240, 272)),
            16,
            aperture=0.1,
            near=53.0,
            far=13.0,
        ),
    ),
    "mef_astronaut": _Recipe(
        "astronaut",
        "mef",
        partial(_exposures, _Picture("astronaut.png", size=(320, 320)), -2.0, 2.0),
    ),
    "mef_camera": _Recipe(
        "camera", "mef", partial(_exposures, _Picture("camera.png", size=(256, 256)), -3.0, 2.5)
    ),
    "mef_chelsea": _Recipe(
        "chelsea", "mef", partial(_exposures, _Picture("chelsea.png"), -2.5, 2.0)
    ),
    "mef_coffee": _Recipe(
        "coffee", "mef", partial(_exposures, _Picture("coffee.png", size=(264, 396)), -1.5, 2.5)
    ),
    "mef_motorcycle": _Recipe(
        "motorcycle",
        "mef",
        partial(_exposures, _Picture(_BIKE, (0, 0, 500, 740), (300, 444)), -2.5, 1.5),
    ),
    "medical_ihc": _Recipe(
        "ihc",
        "medical",
        partial(_stains, _Picture("ihc.png", (0, 0, 256, 256)), most=_MOST, hot=False),
    ),
    "medical_ihc_hot": _Recipe(
        "ihc",
        "medical",
        partial(_stains, _Picture("ihc.png", (256, 256, 256, 256)), most=_MOST, hot=True),
    ),
    "medical_retina": _Recipe(
        "retina", "medical", partial(_bands, _Picture("retina.jpg", size=(352, 352)), a=0, b=1)
    ),
    "medical_hubble": _Recipe(
        "hubble",
        "medical",
        partial(_bands, _Picture("hubble_deep_field.jpg", (0, 0, 640, 960), (320, 480)), a=0, b=2),
    ),
}


@lru_cache(maxsize=_KEPT)
def _made(key: str) -> _Triple:
    a, b, reference = _RECIPES[key].make()
    return collapse_grey(a), collapse_grey(b), reference


def _read(key: str) -> Pair:
    recipe = _RECIPES[key]
    a, b, reference = _made(key)
    # Copies, so that a caller who writes into a pair does not change it for the next one.
    copy = None if reference is None else reference.copy()
    return Pair(key, recipe.task, a.copy(), b.copy(), copy, recipe.scene)


def _keys(split: str) -> tuple[str, ...]:
    return tuple(key for key, recipe in _RECIPES.items() if split in ("", recipe.task))


def load_demo(split: str, root: Path | None) -> Dataset:
    """Open the demo, or one task of it; `root` is not needed and plays no part."""
    keys = _keys(split)
    frozen = read_split("demo")
    return Dataset(
        name=full_name("demo", split),
        info=INFO,
        split=split,
        keys=keys,
        root=None,
        _read=_read,
        frozen={key: frozen[key] for key in keys if key in frozen},
    )


INFO = DATASETS.add(
    DatasetInfo(
        slug="demo",
        title="Demo made from the photographs of scikit-image",
        tasks=tuple(task for task in TASKS if _keys(task)),
        splits={split: len(_keys(split)) for split in ("", "mff", "mef", "medical")},
        licence=(
            "CC0, public domain or no known restriction, picture by picture; the motorcycle is "
            "from the Middlebury 2014 stereo benchmark (see the docstrings of skimage.data)"
        ),
        home="https://scikit-image.org/docs/stable/api/skimage.data.html",
        reference=(
            "S. van der Walt et al., scikit-image: image processing in Python, PeerJ 2, 2014. "
            "doi:10.7717/peerj.453; motorcycle: D. Scharstein et al., High-resolution stereo "
            "datasets with subpixel-accurate ground truth, GCPR 2014"
        ),
        layout="none: it is made at run time",
        loader=load_demo,
        version=1,
        needs_root=False,
        notes=(
            "Simulated, to try programs on: not a substitute for real pairs. Multi-focus and "
            "multi-exposure pairs come with the photograph as reference; exposures have no sensor "
            "noise. The medical pairs (stains of a histology section, bands of a retina and of a "
            "Hubble field) stand in for functional and structural scans; they are not clinical "
            "CT, PET, SPECT or MRI. Pairs made from one photograph share its scene."
        ),
    )
)

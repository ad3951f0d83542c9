"""Reading, checking and writing 8-bit images: the one place where pixels meet files.

The rule for every image file, whatever its format:

* one channel, or three equal ones, is a grey image ``(H, W)``; anything else is RGB ``(H, W, 3)``;
* palettes are resolved; an alpha channel is dropped, not blended;
* 16-bit grey values are scaled by 255 / 65535 and rounded, with no stretch to the values present;
  of 16-bit colour (or grey with alpha) the high byte is kept, as Pillow and OpenCV do (8-bit
  images saved as 16-bit come back exactly either way);
* pixels are taken as stored (an EXIF orientation is not applied, as MATLAB does not either);
* floating-point files are refused, because their range is not known.
"""

from __future__ import annotations

import hashlib
import secrets
import warnings
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image as PillowImage
from PIL import UnidentifiedImageError

from fusebench.bench.types import Image, InputError, MissingDataError

EXTENSIONS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".gif", ".webp"})
"""File endings read as images; the case does not matter."""

LUMA_WEIGHTS = (0.298936021293775, 0.587043074451121, 0.114020904255103)
"""BT.601 luma of R, G and B with the digits that MATLAB's rgb2gray uses."""

# Values that differ from k + 1/2 by less than this are taken for k + 1/2 before rounding:
# float32 in [0, 1] carries about 1.5e-5 grey levels of noise, which must not decide a tie.
_TIE_NOISE = 2e-5


def is_image_file(path: Path) -> bool:
    """Say whether a file's ending names an image format, in upper or lower case."""
    return path.suffix.lower() in EXTENSIONS and not path.name.startswith(".")


def read_image(path: str | Path) -> Image:
    """Read an image file as 8-bit grey ``(H, W)`` or RGB ``(H, W, 3)``.

    Parameters
    ----------
    path : str or Path
        File in any format that Pillow reads; see the module's rule for what becomes of it.

    Returns
    -------
    uint8 array, shape (H, W) or (H, W, 3)

    Raises
    ------
    MissingDataError
        If there is no such file.
    InputError
        If the file is not an image, is truncated, or holds floating-point values.
    """
    path = Path(path)
    if not path.is_file():
        what = "is a folder, not an image" if path.is_dir() else "does not exist"
        raise MissingDataError(f"{path} {what}; give the path of an image file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", PillowImage.DecompressionBombWarning)
            with PillowImage.open(path) as handle:
                return _to_8_bit(handle, path)
    except UnidentifiedImageError:
        raise InputError(f"{path} is not an image (its content fits no known format)") from None
    except InputError:
        raise
    # Pillow's decoders raise many types on damaged files; all mean the same to the user.
    except (OSError, SyntaxError, ValueError, EOFError, PillowImage.DecompressionBombError) as e:
        reason = " ".join(str(e).split()) or type(e).__name__
        raise InputError(f"{path} cannot be read as an image: {reason}") from None


def _to_8_bit(handle: PillowImage.Image, path: Path) -> Image:
    mode = handle.mode
    if mode == "F":
        raise InputError(f"{path} holds floating-point values of unknown range; save it as 8-bit")
    if mode.startswith("I"):
        values = np.asarray(handle).astype(np.int64)
        if values.size and (values.min() < 0 or values.max() > 65535):
            raise InputError(
                f"{path} holds integers in [{values.min()}, {values.max()}]; "
                "expected at most 16 bits; save it as 8- or 16-bit"
            )
        return np.floor(values / 257.0 + 0.5).astype(np.uint8)
    if mode in ("L", "1", "LA", "La"):
        return np.array(handle.convert("L"), dtype=np.uint8)
    # Palettes with transparency pass through RGBA, so that no colour is invented for it.
    if mode in ("P", "PA") and "transparency" in handle.info:
        handle = handle.convert("RGBA")
    rgb = np.array(handle.convert("RGB"), dtype=np.uint8)
    return collapse_grey(rgb)


def collapse_grey(image: Image) -> Image:
    """Turn RGB with three equal channels into grey; leave everything else as it is."""
    if image.ndim == 3 and bool(np.all(image == image[..., :1])):
        return np.ascontiguousarray(image[..., 0])
    return image


def write_image(path: str | Path, image: Image) -> None:
    """Write an image so that the file appears whole or not at all.

    Parameters
    ----------
    path : str or Path
        Target; its ending chooses the format. Missing folders are made.
    image : uint8 array, shape (H, W) or (H, W, 3)
        Three equal channels are written as one, which `read_image` would make of them anyway.

    Raises
    ------
    InputError
        If the ending names no image format, or the file cannot be written there.
    """
    path = Path(path)
    if not is_image_file(path):
        raise InputError(
            f"cannot write {path}: {path.suffix or 'no ending'} is not an image format; use .png"
        )
    pixels = as_image("image", image)
    # Beside the target, so that the final rename cannot cross file systems; hidden, so that what
    # a killed run leaves behind is not taken for an image; and opened by name, so that the file
    # gets the permissions that any other file of the user has.
    temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            PillowImage.fromarray(pixels).save(temporary)
            temporary.replace(path)
        except BaseException:
            temporary.unlink(missing_ok=True)
            raise
    except OSError as e:
        raise InputError(f"cannot write {path}: {e.strerror or e}") from None


def as_jpeg(image: Image, quality: int = 75) -> Image:
    """Give what a JPEG file of an image holds; 75 is the quality of MATLAB and Pillow."""
    stream = BytesIO()
    PillowImage.fromarray(image).save(stream, "JPEG", quality=quality)
    return np.array(PillowImage.open(stream))


def as_image(name: str, value: ArrayLike, data_range: float | None = None) -> Image:
    """Check an array given by a user and bring it to 8 bits.

    Parameters
    ----------
    name : str
        What to call the array in an error.
    value : array, shape (H, W) or (H, W, 3)
        uint8, or float with `data_range`. Three equal channels count as grey.
    data_range : float, optional
        White level of a float array (1.0 or 255.0); compulsory for floats.

    Returns
    -------
    uint8 array
        Floats are scaled to 0..255 and rounded, halves up: images are scored as saved.

    Raises
    ------
    InputError
        If the type, shape or range does not fit.
    """
    array = np.asarray(value)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[..., 0]
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] != 3):
        raise InputError(f"{name} has shape {array.shape}; expected (H, W) or (H, W, 3)")
    if 0 in array.shape:
        raise InputError(f"{name} is empty: its shape is {array.shape}")
    if array.dtype != np.uint8:
        array = quantise(name, array, data_range)
    elif data_range not in (None, 255, 255.0):
        raise InputError(f"{name} is uint8, so data_range is 255; got data_range={data_range}")
    return collapse_grey(array)


def quantise(name: str, array: NDArray[Any], data_range: float | None) -> Image:
    """Scale a float array to 0..255 and round it to 8 bits.

    Raises
    ------
    InputError
        If the array is not floating-point, `data_range` is missing, or values lie outside it.
    """
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"{name} has type {array.dtype}; expected uint8, or float with data_range")
    if not bool(np.isfinite(array).all()):
        raise InputError(f"{name} holds NaN or infinite values")
    low, high = float(array.min()), float(array.max())
    if data_range is None:
        raise InputError(
            f"float images need data_range (1.0 or 255.0); got {name} with values in "
            f"[{low:.4g}, {high:.4g}] without it"
        )
    if not 0 < data_range < float("inf"):
        raise InputError(f"data_range must be positive, got {data_range}")
    slack = 1e-6 * data_range
    if low < -slack or high > data_range + slack:
        raise InputError(
            f"{name} has values in [{low:.4g}, {high:.4g}], outside 0..data_range={data_range}; "
            "clip it or give the right data_range"
        )
    return to_8_bit(array.astype(np.float64) * (255.0 / data_range))


def to_8_bit(levels: NDArray[np.floating[Any]]) -> Image:
    """Round grey levels to 8 bits as MATLAB's uint8() does: halves up, then clip to 0..255.

    Float noise below 2e-5 levels does not decide a tie, so that the average of 3 and 4 is 4
    however it was computed.
    """
    image: Image = np.clip(np.floor(levels + (0.5 + _TIE_NOISE)), 0, 255).astype(np.uint8)
    return image


def luma(image: Image) -> Image:
    """Give the 8-bit BT.601 luma of an image; a grey image is returned as it is."""
    if image.ndim == 2:
        return image
    red, green, blue = LUMA_WEIGHTS
    planes = image.astype(np.float64)
    return to_8_bit(red * planes[..., 0] + green * planes[..., 1] + blue * planes[..., 2])


def require_same_size(images: dict[str, Image]) -> None:
    """Check that all images have one height and width.

    Raises
    ------
    InputError
        Naming the first image that differs, with both sizes (height, width).
    """
    (first, image), *rest = images.items()
    for name, other in rest:
        if other.shape[:2] != image.shape[:2]:
            raise InputError(
                f"{name} has size {_size(other)}, but {first} has size {_size(image)} "
                "(height x width); images of one triple must have the same size"
            )


def require_content(images: dict[str, Image]) -> None:
    """Check that no image is constant: such a file is a failure, not a picture.

    Raises
    ------
    InputError
        Naming the first constant image.
    """
    for name, image in images.items():
        if bool(np.all(image == image[:1, :1])):
            raise InputError(
                f"{name} is constant ({_size(image)} pixels, all {image[0, 0].tolist()}); "
                "there is nothing to score"
            )


def pixel_digest(image: Image) -> str:
    """Give the sha256 of an image's shape and pixels; the file format plays no part."""
    digest = hashlib.sha256(repr(image.shape).encode())
    digest.update(np.ascontiguousarray(image).tobytes())
    return digest.hexdigest()


def _size(image: Image) -> str:
    return f"{image.shape[0]}x{image.shape[1]}"

"""Fused images by the digest of their pixels."""

from __future__ import annotations

from pathlib import Path

from fusebench.bench.folders import cache_folder
from fusebench.bench.images import pixel_digest, read_image, write_image
from fusebench.bench.types import FusebenchError, Image


def image_path(digest: str) -> Path:
    """Give the place of the image whose pixels have this digest."""
    return cache_folder() / "images" / digest[:2] / f"{digest}.png"


def put_image(image: Image) -> str:
    """Keep an image and give its digest."""
    digest = pixel_digest(image)
    path = image_path(digest)
    if not path.is_file():
        write_image(path, image)
    return digest


def get_image(digest: str) -> Image | None:
    """Fetch an image, or None if it is not there or its pixels are no longer what they were."""
    try:
        image = read_image(image_path(digest))
    except FusebenchError:
        return None
    return image if pixel_digest(image) == digest else None

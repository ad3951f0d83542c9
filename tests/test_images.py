"""Reading and writing 8-bit images."""

from __future__ import annotations

import os
import stat
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image as PillowImage

from fusebench.bench.images import (
    as_image,
    collapse_grey,
    is_image_file,
    luma,
    pixel_digest,
    read_image,
    require_content,
    require_same_size,
    to_8_bit,
    write_image,
)
from fusebench.bench.types import FusebenchError, InputError, MissingDataError

GREY = np.arange(6 * 7, dtype=np.uint8).reshape(6, 7) * 6
COLOUR = np.stack([GREY, GREY[::-1], GREY[:, ::-1]], axis=2)


def save(path: Path, pixels: np.ndarray, mode: str | None = None, **options: object) -> Path:
    image = PillowImage.fromarray(pixels)
    (image if mode is None else image.convert(mode)).save(path, **options)
    return path


def png_16_bit(path: Path, values: np.ndarray) -> Path:
    """Write a 16-bit PNG by hand: Pillow writes no 16-bit colour."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + data))
        return struct.pack(">I", len(data)) + kind + data + check

    height, width = values.shape[:2]
    kind = 0 if values.ndim == 2 else {2: 4, 3: 2, 4: 6}[values.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in values)
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 16, kind, 0, 0, 0))
        + chunk(b"IDAT", zlib.compress(rows))
        + chunk(b"IEND", b"")
    )
    return path


@pytest.mark.parametrize("ending", [".png", ".PNG", ".bmp", ".BMP", ".tif", ".TIFF", ".gif"])
def test_lossless_grey_comes_back(tmp_path: Path, ending: str) -> None:
    write_image(tmp_path / f"x{ending}", GREY)
    assert np.array_equal(read_image(tmp_path / f"x{ending}"), GREY)


@pytest.mark.parametrize("ending", [".png", ".bmp", ".tif"])
def test_lossless_colour_comes_back(tmp_path: Path, ending: str) -> None:
    write_image(tmp_path / f"x{ending}", COLOUR)
    assert np.array_equal(read_image(tmp_path / f"x{ending}"), COLOUR)


def test_grey_stored_as_rgb_is_grey(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", np.stack([GREY] * 3, axis=2))
    assert np.array_equal(read_image(path), GREY)


def test_one_bit_is_0_and_255(tmp_path: Path) -> None:
    path = save(tmp_path / "x.png", (GREY > 100).astype(np.uint8) * 255, mode="1")
    assert np.array_equal(read_image(path), np.where(GREY > 100, 255, 0))


def test_alpha_is_dropped_not_blended(tmp_path: Path) -> None:
    transparent = np.dstack([COLOUR, np.zeros_like(GREY)])
    assert np.array_equal(read_image(save(tmp_path / "rgba.png", transparent)), COLOUR)
    image = PillowImage.merge("LA", [PillowImage.fromarray(c) for c in (GREY, GREY * 0)])
    image.save(tmp_path / "la.png")
    assert np.array_equal(read_image(tmp_path / "la.png"), GREY)


@pytest.mark.parametrize("transparency", [None, 3, bytes(range(16))])
def test_palette_is_resolved(tmp_path: Path, transparency: object) -> None:
    colours = np.array([[i * 10, 255 - i * 10, i] for i in range(16)], dtype=np.uint8)
    index = np.arange(42, dtype=np.uint8).reshape(6, 7) % 16
    image = PillowImage.new("P", (7, 6))
    image.putdata(index.ravel().tolist())
    image.putpalette(colours.ravel().tolist())
    options = {} if transparency is None else {"transparency": transparency}
    image.save(tmp_path / "x.png", **options)
    assert np.array_equal(read_image(tmp_path / "x.png"), colours[index])


def test_16_bit_grey_is_scaled_and_rounded(tmp_path: Path) -> None:
    values = np.array([[0, 128, 129, 257], [32767, 32768, 65406, 65535]], dtype=np.uint16)
    by_hand = [[0, 0, 1, 1], [127, 128, 254, 255]]  # round(v / 257)
    assert read_image(png_16_bit(tmp_path / "x.png", values)).tolist() == by_hand
    assert read_image(save(tmp_path / "x.tif", values)).tolist() == by_hand


def test_16_bit_grey_is_not_stretched(tmp_path: Path) -> None:
    values = np.full((4, 4), 1000, dtype=np.uint16)
    assert read_image(png_16_bit(tmp_path / "x.png", values)).max() == 4


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_16_bit_colour_keeps_the_high_byte(tmp_path: Path, channels: int) -> None:
    values = np.random.default_rng(0).integers(0, 65536, (4, 5, channels))
    expected = values[..., 0] if channels == 2 else values[..., :3]
    read = read_image(png_16_bit(tmp_path / "x.png", values))
    assert np.array_equal(read, expected >> 8)
    exact = png_16_bit(tmp_path / "y.png", COLOUR.astype(np.uint16) * 257)
    assert np.array_equal(read_image(exact), COLOUR)


def test_wide_integers_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.tif", np.array([[0, 70000]], dtype=np.int32))
    with pytest.raises(InputError, match=r"integers in \[0, 70000\].*at most 16 bits"):
        read_image(path)


def test_floats_in_a_file_are_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "x.tif", GREY.astype(np.float32))
    with pytest.raises(InputError, match="floating-point values of unknown range"):
        read_image(path)


@pytest.mark.parametrize("ending", ["png", "jpg", "bmp", "tif"])
def test_truncated_files_are_refused(tmp_path: Path, ending: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    whole = save(tmp_path / f"whole.{ending}", noise).read_bytes()
    for share in (0.0, 0.1, 0.5, 0.9):
        path = tmp_path / f"part.{ending}"
        path.write_bytes(whole[: int(len(whole) * share)])
        with pytest.raises(InputError, match=r"part\.\w+ (cannot be read|is not) an? ?") as error:
            read_image(path)
        assert "\n" not in str(error.value)


def test_text_called_png_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("not an image")
    with pytest.raises(InputError, match="is not an image"):
        read_image(tmp_path / "x.png")


def test_missing_file_and_folder_are_told_apart(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="does not exist"):
        read_image(tmp_path / "x.png")
    with pytest.raises(MissingDataError, match="is a folder"):
        read_image(tmp_path)


def test_damaged_files_never_raise_anything_else(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)
    for ending in ("png", "jpg", "bmp", "gif"):
        whole = save(tmp_path / f"whole.{ending}", noise).read_bytes()
        for _ in range(40):
            damaged = np.frombuffer(whole, np.uint8).copy()
            damaged[rng.integers(0, min(300, damaged.size), 3)] = rng.integers(0, 256, 3)
            path = tmp_path / f"damaged.{ending}"
            path.write_bytes(damaged.tobytes())
            try:
                read_image(path)
            except FusebenchError:
                continue


def test_is_image_file() -> None:
    assert is_image_file(Path("A.JPG"))
    assert is_image_file(Path("a.webp"))
    assert not is_image_file(Path(".a.png"))
    assert not is_image_file(Path("a.txt"))
    assert not is_image_file(Path("png"))


def test_write_makes_folders_and_leaves_nothing_behind(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "x.png"
    write_image(path, GREY)
    write_image(path, COLOUR)
    assert [p.name for p in path.parent.iterdir()] == ["x.png"]
    assert np.array_equal(read_image(path), COLOUR)


def test_a_failed_write_leaves_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "x.png"
    write_image(path, GREY)

    def fail(self: PillowImage.Image, target: Path) -> None:
        Path(target).write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(PillowImage.Image, "save", fail)
    with pytest.raises(InputError, match="No space left"):
        write_image(path, COLOUR)
    monkeypatch.undo()
    assert [p.name for p in tmp_path.iterdir()] == ["x.png"]
    assert np.array_equal(read_image(path), GREY)


@pytest.mark.skipif(os.name != "posix", reason="permissions are those of POSIX")
def test_written_files_have_ordinary_permissions(tmp_path: Path) -> None:
    (tmp_path / "ordinary").write_bytes(b"")
    write_image(tmp_path / "x.png", GREY)
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.mark.parametrize("name", ["x.txt", "x", ".png"])
def test_write_refuses_other_endings(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"not an image format; use \.png"):
        write_image(tmp_path / name, GREY)


def test_write_refuses_what_is_no_image(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="shape"):
        write_image(tmp_path / "x.png", np.zeros((2, 3, 4), dtype=np.uint8))
    with pytest.raises(InputError, match="data_range"):
        write_image(tmp_path / "x.png", np.zeros((2, 3)))  # type: ignore[arg-type]
    assert not list(tmp_path.iterdir())


def test_write_accepts_a_channel_axis_of_one(tmp_path: Path) -> None:
    write_image(tmp_path / "x.png", GREY[..., None])
    assert np.array_equal(read_image(tmp_path / "x.png"), GREY)


def test_write_where_a_file_is_in_the_way(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InputError, match="cannot write"):
        write_image(tmp_path / "file" / "x.png", GREY)


def test_halves_are_rounded_up() -> None:
    levels = np.array([0.5, 1.5, 2.5, 254.5, -3.0, 300.0])
    assert to_8_bit(levels).tolist() == [1, 2, 3, 255, 0, 255]


def test_float_noise_does_not_decide_a_tie() -> None:
    # The mean of 3 and 4 in [0, 1], in float32 and back, lies just below 3.5.
    mean = (np.float32(3 / 255) + np.float32(4 / 255)) / np.float32(2)
    assert to_8_bit(np.array([np.float64(mean) * 255])).tolist() == [4]
    assert to_8_bit(np.array([3.5 - 1.5e-5, 3.5 - 1e-4])).tolist() == [4, 3]


def test_as_image_needs_a_range_for_floats() -> None:
    with pytest.raises(InputError, match=r"data_range.*values in \[0, 0\.9"):
        as_image("fused", GREY / 255.0)
    assert np.array_equal(as_image("fused", GREY / 255.0, 1.0), GREY)
    assert np.array_equal(as_image("fused", GREY.astype(float), 255.0), GREY)
    with pytest.raises(InputError, match="outside 0"):
        as_image("fused", GREY.astype(float), 1.0)
    with pytest.raises(InputError, match="NaN"):
        as_image("fused", np.full((2, 2), np.nan), 1.0)
    with pytest.raises(InputError, match="data_range is 255"):
        as_image("fused", GREY, 1.0)


@pytest.mark.parametrize("shape", [(4,), (4, 4, 2), (1, 4, 4, 3), (0, 4)])
def test_as_image_names_a_wrong_shape(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"fused .*shape"):
        as_image("fused", np.zeros(shape, dtype=np.uint8))


def test_luma_is_that_of_rgb2gray() -> None:
    # MATLAB: rgb2gray(uint8(cat(3, 255, 0, 0))) = 76, green 150, blue 29, and 10, 20, 30 -> 18.
    pixels = np.array([[[255, 0, 0], [0, 255, 0], [0, 0, 255], [10, 20, 30]]], dtype=np.uint8)
    assert luma(pixels).tolist() == [[76, 150, 29, 18]]
    assert luma(GREY) is GREY


def test_collapse_grey_leaves_colour_alone() -> None:
    assert collapse_grey(COLOUR) is COLOUR
    assert np.array_equal(collapse_grey(np.stack([GREY] * 3, axis=2)), GREY)


def test_digest_sees_shape_and_pixels_only(tmp_path: Path) -> None:
    path = save(tmp_path / "x.bmp", np.stack([GREY] * 3, axis=2))
    assert pixel_digest(read_image(path)) == pixel_digest(GREY)
    assert pixel_digest(GREY) != pixel_digest(GREY.reshape(7, 6))
    assert pixel_digest(GREY[:, ::-1]) == pixel_digest(np.ascontiguousarray(GREY[:, ::-1]))


def test_checks_name_the_image() -> None:
    with pytest.raises(InputError, match="b has size 5x7, but a has size 6x7"):
        require_same_size({"a": GREY, "b": GREY[1:]})
    with pytest.raises(InputError, match=r"fused is constant \(2x2 pixels, all 9\)"):
        require_content({"a": GREY, "fused": np.full((2, 2), 9, dtype=np.uint8)})

"""Maps in the pair viewer: what they draw, their colours, and the page that shows them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from conftest import picture
from leaderboard_data import HOSTILE, tiny_database
from leaderboard_pages import markdown, open_page, param, said
from numpy.testing import assert_array_equal
from numpy.typing import NDArray
from test_leaderboard_app import database, forget, made

from fusebench.bench.types import InputError
from fusebench.leaderboard import app_choices as choices
from fusebench.leaderboard.app_charts import COLOURS
from fusebench.leaderboard.maps import (
    BLUE_ORANGE,
    MAP_KINDS,
    VIRIDIS,
    Palette,
    detail,
    draw_map,
    legend,
    paint,
    thumbnail,
)
from fusebench.metrics import maps_on_pixels, score_maps

__all__ = ["database", "forget", "made"]  # fixtures

Colours = NDArray[np.float64]


# -- drawing ----------------------------------------------------------------------------------


def test_paint_ends_middle_and_nothing() -> None:
    values = np.array([[0.0, 1.0, 0.5, -7.0, 9.0, np.nan]])
    drawn = paint(values, 0.0, 1.0, ("#000000", "#00ff80"))
    assert drawn[0].tolist() == [
        *([0, 0, 0, 255], [0, 255, 128, 255], [0, 128, 64, 255]),
        *([0, 0, 0, 255], [0, 255, 128, 255], [0, 0, 0, 0]),
    ]


def test_difference_is_signed_and_of_luma() -> None:
    a = np.full((48, 64), 100, np.uint8)
    fused = np.stack([a, a, a], axis=2)
    fused[:, :32] = 130
    fused[:, 60:] = 0
    drawn = draw_map("diff_a", a, a, fused)
    assert_array_equal(drawn, draw_map("diff_b", a, a, fused))
    red, _, blue, _ = drawn[0, 0]
    assert red > blue, "brighter than the source is orange"
    assert drawn[0, 40].tolist() == [0xF7, 0xF7, 0xF7, 255], "equal is nearly white"
    assert drawn[0, 63].tolist() == [0x00, 0x37, 0x5A, 255], "the dark end"


@pytest.mark.parametrize("slug", ["qabf", "ssim", "vif"])
def test_map_of_a_metric_is_its_local_scores(slug: str) -> None:
    a, b, fused = picture(1), picture(2), picture(3)
    kind = MAP_KINDS[slug]
    values = maps_on_pixels(score_maps(slug, a, b, fused), 48, 64)
    drawn = draw_map(slug, a, b, fused)
    assert drawn.shape == (48, 64, 4)
    assert_array_equal(drawn, paint(values, kind.low, kind.high, kind.palette))


def test_map_that_cannot_be() -> None:
    tiny = picture(1, 20, 20)
    with pytest.raises(InputError, match="41x41"):
        draw_map("vif", tiny, tiny, tiny)


@pytest.mark.parametrize("name", MAP_KINDS)
def test_legend_runs_from_end_to_end(name: str) -> None:
    drawn = legend(MAP_KINDS[name])
    palette = MAP_KINDS[name].palette
    ends = [f"#{bytes(drawn[0, x, :3]).hex()}" for x in (0, -1)]
    assert ends == [palette[0], palette[-1]]


def test_detail_by_hand() -> None:
    image = np.arange(6 * 8, dtype=np.uint8).reshape(6, 8)
    assert_array_equal(detail(image, 1, 70, 70), image)
    assert_array_equal(detail(image, 2, 0, 0), image[:3, :4])
    assert_array_equal(detail(image, 2, 100, 100), image[3:, 4:])
    assert_array_equal(detail(image, 2, 50, 50), image[1:4, 2:6])
    # A side that the zoom does not divide: never less than a pixel, never beyond the edge.
    assert detail(image, 4, 100, 100).shape == (2, 2)
    assert detail(image, 4, 100, 100)[-1, -1] == image[-1, -1]


def test_thumbnail_of_grey_beside_colour() -> None:
    a = np.full((48, 64), 50, np.uint8)
    b = np.full((48, 64, 3), (10, 20, 30), np.uint8)
    drawn = thumbnail(a, b, 24)
    assert drawn.shape == (24, 64, 3)
    assert_array_equal(np.unique(drawn[:, :32]), [50])
    assert_array_equal(drawn[5, 40], [10, 20, 30])


def test_detail_of_a_link() -> None:
    assert choices.choose_zoom({}) == (1, 50, 50)
    assert choices.choose_zoom({"zoom": "4", "across": "0", "down": "100"}) == (4, 0, 100)
    wrong = {"zoom": "3", "across": "-1", "down": "1e9"}
    assert choices.choose_zoom(wrong) == (1, 50, 50)
    assert choices.choose_zoom({"zoom": "8", "across": "999"}) == (8, 100, 50)


# -- colours ----------------------------------------------------------------------------------

# G. M. Machado, M. M. Oliveira, L. A. F. Fernandes, IEEE Trans. Vis. Comput. Graph. 15(6), 2009:
# what is seen without one kind of cone, in linear RGB.
SIGHT = {
    "full": np.eye(3),
    "protanopia": np.array(
        [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ]
    ),
    "deuteranopia": np.array(
        [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ]
    ),
    "tritanopia": np.array(
        [
            [1.255528, -0.076749, -0.178779],
            [-0.078411, 0.930809, 0.147602],
            [0.004733, 0.691367, 0.303900],
        ]
    ),
}
TO_XYZ = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]])


def seen(palette: Palette | list[str], sight: str) -> Colours:
    """CIE L*a*b* of colours as somebody sees them, shape (colours, 3)."""
    rgb = np.array([list(bytes.fromhex(c[1:])) for c in palette]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    xyz = np.clip(linear @ SIGHT[sight].T, 0, 1) @ TO_XYZ.T / TO_XYZ.sum(axis=1)
    f = np.where(xyz > 0.008856, np.cbrt(xyz), 7.787 * xyz + 16 / 116)
    lightness = 116 * f[:, 1] - 16
    lab: Colours = np.stack([lightness, 500 * (f[:, 0] - f[:, 1]), 200 * (f[:, 1] - f[:, 2])], 1)
    return lab


def test_distances_of_colours_are_right() -> None:
    # Of CIE 1976: white is 100, and red and green of sRGB are 170.6 apart.
    white, red, green = seen(["#ffffff", "#ff0000", "#00ff00"], "full")
    np.testing.assert_allclose(white, [100, 0, 0], atol=0.02)
    assert np.linalg.norm(red - green) == pytest.approx(170.6, abs=0.3)


@pytest.mark.parametrize("sight", SIGHT)
def test_palettes_are_told_apart_with_any_colour_vision(sight: str) -> None:
    assert (np.diff(seen(VIRIDIS, sight)[:, 0]) > 3).all(), "evenly from dark to bright"
    dark, blue, middle, orange, brown = seen(BLUE_ORANGE, sight)
    assert dark[0] < blue[0] < middle[0] > orange[0] > brown[0]
    assert np.linalg.norm(blue - orange) > 40
    assert np.linalg.norm(dark - brown) > 15
    methods = seen(COLOURS, sight)
    for i in range(len(methods)):
        for j in range(i):
            assert np.linalg.norm(methods[i] - methods[j]) > 10, (COLOURS[i], COLOURS[j])


# -- the page ---------------------------------------------------------------------------------


def test_pairs_page_shows_maps(database: Path) -> None:
    app = open_page("pairs", task="mff", pair="one", metrics="qabf", map="ssim")
    assert "Structural similarity to both sources" in markdown(app)
    # Three sources, the legend, and a map of each of three methods.
    assert len(app.image) == 7
    app.get("button_group")[2].set_value("diff_a").run()
    assert param(app, "map") == "diff_a"
    assert "minus that of source a" in markdown(app)
    assert "−100" in said(app)
    app.get("button_group")[2].set_value("images").run()
    assert "map" not in app.query_params
    assert len(app.image) == 6


def test_pairs_page_zooms_in_step(database: Path) -> None:
    app = open_page("pairs", task="mff", pair="one", metrics="qabf")
    assert not app.slider
    app.get("button_group")[3].set_value(4).run()
    assert param(app, "zoom") == "4"
    app.slider("choose-across").set_value(100).run()
    assert (param(app, "across"), param(app, "pair")) == ("100", "one")
    assert not app.exception
    app = open_page("pairs", task="mff", pair="one", zoom="8", across="0", down="bogus", map="vif")
    assert app.slider("choose-across").value == 0
    assert app.slider("choose-down").value == 50


def test_map_of_a_link_that_does_not_exist(database: Path) -> None:
    app = open_page("pairs", task="mff", map=HOSTILE, zoom=HOSTILE)
    assert len(app.image) == 6


def test_no_map_without_sources(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FUSEBENCH_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("FUSEBENCH_DB", tiny_database(tmp_path))
    (tmp_path / "focus").rename(tmp_path / "elsewhere")
    app = open_page("pairs", task="mff", pair="one", map="qabf")
    assert "No map without the source images." in markdown(app)

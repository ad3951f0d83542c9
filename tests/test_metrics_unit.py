"""The calls that users make, and what they are told when something does not fit."""

from __future__ import annotations

import doctest
import importlib
import math
import re
import sys
from collections.abc import Callable
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
import torch
from conftest import picture
from numpy.testing import assert_allclose, assert_array_equal
from scipy import ndimage

import fusebench
from fusebench import explain, metrics, score, score_batch
from fusebench.bench.images import luma
from fusebench.bench.types import (
    Array,
    Direction,
    FusebenchError,
    InputError,
    Metric,
    Needs,
    UnknownNameError,
)
from fusebench.metrics import (
    METRICS,
    Triplet,
    _triplet,
    compute_scores,
    load_protocol,
    select_metrics,
)
from fusebench.metrics._primitives import gaussian_taps, medians, smooth

A, B, FUSED = np.random.default_rng(1).integers(0, 256, (3, 48, 50), dtype=np.uint8)
COLOUR = np.random.default_rng(2).integers(0, 256, (48, 50, 3), dtype=np.uint8)
REFERENCE_METRICS = [record.slug for record in METRICS if record.needs == "reference"]
OTHERS = [record.slug for record in METRICS if record.needs != "reference"]

each_metric = pytest.mark.parametrize("record", METRICS, ids=lambda record: record.slug)


def public(record: Metric) -> Callable[..., float]:
    """The function of the same name."""
    function: Callable[..., float] = getattr(metrics, record.slug)
    return function


# -- one function for each metric -------------------------------------------------------------


@each_metric
def test_function_gives_a_number(record: Metric) -> None:
    # Large enough for every metric.
    a, b, fused = (np.tile(image, (4, 4)) for image in (A, B, FUSED))
    value = public(record)(a, b, fused, reference=a)
    assert type(value) is float
    assert value == score(a, b, fused, metrics=record.slug, reference=a)[record.slug]


@each_metric
def test_function_documents_itself(record: Metric) -> None:
    text = public(record).__doc__ or ""
    assert text.split("\n")[0] == record.summary
    headings = re.findall(r"^ *(\w+)\n *-+$", text, flags=re.MULTILINE)
    expected = ["Parameters", "Returns", "Raises", "Notes", "References"]
    assert headings == [h for h in expected if h in headings]
    assert {"Parameters", "Returns", "References"} <= set(headings)
    assert ("Raises" in headings) == (record.min_size > 1)
    if record.min_size > 1:
        assert f"below {record.min_size} pixels" in text
    assert f"doi:{record.doi}" in text
    assert public(record).__name__ == record.slug
    assert record.slug in metrics.__all__


@each_metric
def test_formula_is_tex_that_closes_what_it_opens(record: Metric) -> None:
    plain = re.sub(r"\\[{}]", "", record.formula)
    depth = 0
    for character in plain:
        depth += {"{": 1, "}": -1}.get(character, 0)
        assert depth >= 0
    assert depth == 0
    left = re.findall(r"\\left\b|\\begin\b|\\right\b|\\end\b", plain)
    for opening, closing in (("\\left", "\\right"), ("\\begin", "\\end")):
        assert left.count(opening) == left.count(closing)
    # What stands alone breaks the fence of a page.
    assert "\n" not in record.formula
    assert "`" not in record.formula


@each_metric
def test_sources_and_fused_image_are_positional(record: Metric) -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'fused'"):
        public(record)(A, B, fused=FUSED)  # type: ignore[call-arg]


@each_metric
def test_unknown_parameter_is_refused(record: Metric) -> None:
    large = np.tile(A, (4, 4))
    with pytest.raises(TypeError, match="unexpected keyword argument 'windw'"):
        public(record)(large, large, large, reference=large, windw=7)


@each_metric
def test_unknown_form_is_refused(record: Metric) -> None:
    for name, value in record.parameters.items():
        if isinstance(value, str):
            with pytest.raises(InputError, match=f"{name} is 'nonsense'; expected"):
                public(record)(A, B, FUSED, **{name: "nonsense"})


@pytest.mark.parametrize("slug", REFERENCE_METRICS)
def test_function_without_its_reference(slug: str) -> None:
    with pytest.raises(InputError, match=f"^{slug} needs a reference image$"):
        getattr(metrics, slug)(*[np.tile(A, (4, 4))] * 3)


def test_examples_in_the_documentation() -> None:
    result = doctest.testmod(importlib.import_module(score.__module__))
    assert result.attempted > 0
    assert result.failed == 0


def test_names_at_the_top() -> None:
    assert fusebench.score is metrics.score
    assert fusebench.score_batch is metrics.score_batch
    assert fusebench.explain is metrics.explain


def test_a_slug_is_registered_once() -> None:
    with pytest.raises(ValueError, match="metric 'qabf' is registered twice"):
        METRICS.add(replace(METRICS["qabf"], title="Another"))


# Journals that gave none.
NO_DOI = {"q_c", "q_p"}


def test_every_record_is_whole() -> None:
    for record in METRICS:
        low, high = record.bounds
        assert low < high
        assert record.identity is None or low <= record.identity <= high
        assert record.direction in get_args(Direction)
        assert record.needs in get_args(Needs)
        assert record.doi.startswith("10.") or record.slug in NO_DOI
        assert record.version >= 1
    labels = [record.label for record in METRICS]
    assert len(set(labels)) == len(labels)


# -- score ------------------------------------------------------------------------------------


def test_all_stands_for_what_the_images_allow() -> None:
    assert list(score(A, B, FUSED)) == OTHERS
    assert list(score(A, B, FUSED, reference=A)) == list(METRICS.slugs)


@pytest.mark.parametrize("wanted", ["vif,en", " vif , en,", ["vif", "en"], ("vif", "en", "vif")])
def test_metrics_come_in_the_order_asked_for(wanted: str) -> None:
    selected = select_metrics(wanted, load_protocol("canonical"), with_reference=False)
    assert selected == [METRICS["vif"], METRICS["en"]]
    scores = score(A, B, FUSED, metrics=wanted)
    assert list(scores) == ["vif", "en"]
    assert scores == {"vif": metrics.vif(A, B, FUSED), "en": metrics.en(A, B, FUSED)}


@pytest.mark.parametrize(
    ("wanted", "message"),
    [
        ("qab", "unknown metric 'qab'; did you mean 'qabf'?"),
        ("QABF", "unknown metric 'QABF'; did you mean 'qabf'?"),
        ("en,pnsr", "unknown metric 'pnsr'; did you mean 'psnr'?"),
        (["en", "xyz"], "unknown metric 'xyz'; known: ag, cc, ce, "),
    ],
)
def test_unknown_metric(wanted: str, message: str) -> None:
    with pytest.raises(UnknownNameError, match=re.escape(message)) as caught:
        score(A, B, FUSED, metrics=wanted)
    assert isinstance(caught.value, LookupError)
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize("wanted", ["", " , ", []])
def test_no_metric(wanted: str) -> None:
    with pytest.raises(InputError, match=r"no metric was named; use 'all' or slugs such as"):
        score(A, B, FUSED, metrics=wanted)


def test_metric_outside_the_protocol(tmp_path: Path) -> None:
    path = tmp_path / "small.toml"
    path.write_text("[metrics.en]\n[metrics.qabf]\n")
    with pytest.raises(InputError, match=r"^protocol small does not define sd$"):
        score(A, B, FUSED, metrics="en,sd", protocol=str(path))


def test_unknown_protocol() -> None:
    with pytest.raises(UnknownNameError, match="unknown protocol 'canon'; did you mean"):
        score(A, B, FUSED, protocol="canon")


def test_reference_changes_only_what_needs_it() -> None:
    without, beside = score(A, B, FUSED), score(A, B, FUSED, reference=A)
    assert {slug: beside[slug] for slug in OTHERS} == without
    assert beside["psnr_ref"] == metrics.psnr(A, A, FUSED)
    assert beside["ssim_ref"] == metrics.ssim(A, A, FUSED) / 2


# -- explain ----------------------------------------------------------------------------------


def test_explain_gives_reasons() -> None:
    flat = np.full_like(A, 7)
    scores = explain(flat, flat, FUSED, metrics="en,scd,vif,ssim_ref")
    assert scores["en"].reason is None
    assert scores["en"].value == score(flat, flat, FUSED, metrics="en")["en"]
    reasons = {slug: s.reason for slug, s in scores.items() if math.isnan(s.value)}
    assert reasons == {
        "scd": "a source, or the difference of the fused image from one, is constant",
        "vif": "a source is constant and holds no information",
        "ssim_ref": "ssim_ref needs a reference image",
    }
    with pytest.raises(FrozenInstanceError):
        scores["en"].value = 1  # type: ignore[misc]


def test_too_small_is_a_reason_in_explain_and_an_error_in_the_function() -> None:
    small = [image[:40, :45] for image in (A, B, FUSED)]
    message = "vif needs images of at least 41x41 pixels, got 40x45"
    assert explain(*small, metrics="vif")["vif"].reason == message
    assert math.isnan(score(*small)["vif"])
    with pytest.raises(InputError, match=f"^{message}$"):
        metrics.vif(*small)


def test_reasons_stay_with_their_triple_and_metric() -> None:
    flat = np.full_like(A, 7)
    batch = [(A, B, FUSED), (flat, flat, FUSED), (A, flat, FUSED)]
    stacks = [np.stack(images).astype(np.float64) for images in zip(*batch, strict=True)]
    rules = load_protocol("canonical")
    wanted = select_metrics("piella_qw,vif,en,scd", rules, with_reference=False)
    scores = compute_scores(Triplet(*stacks), wanted, rules)
    undefined = {slug: [s.reason is not None for s in row] for slug, row in scores.items()}
    assert undefined == {
        "piella_qw": [False, True, False],
        "vif": [False, True, True],
        "en": [False, False, False],
        "scd": [False, True, True],
    }


# -- score_batch ------------------------------------------------------------------------------


def test_batch_of_different_sizes() -> None:
    sizes = [(48, 50), (41, 44), (8, 9), (1, 1)]
    a, b, fused = ([image[:h, :w] for h, w in sizes] for image in (A, B, FUSED))
    scores = score_batch(a, b, fused, reference=a)
    assert list(scores) == list(METRICS.slugs)
    for slug, values in scores.items():
        assert values.dtype == np.float64
        expected = [
            score(*triple, metrics=slug, reference=triple[0])[slug]
            for triple in zip(a, b, fused, strict=True)
        ]
        np.testing.assert_array_equal(values, expected)
    assert np.isnan(scores["vif"]).tolist() == [False, False, True, True]
    assert np.isnan(scores["scd"]).tolist() == [False, False, False, True]


@pytest.mark.parametrize("workers", [None, 1, 3])
def test_batch_keeps_the_order(workers: int | None) -> None:
    fused = [np.full((4, 4), level, dtype=np.uint8) for level in range(20)]
    for level, image in enumerate(fused):
        image[0, 0] = level + 16
    scores = score_batch(fused, fused, fused[::-1], metrics="psnr", workers=workers)
    expected = [metrics.psnr(x, x, y) for x, y in zip(fused, fused[::-1], strict=True)]
    assert scores["psnr"].tolist() == expected
    assert len(set(expected)) == 10


def test_batch_of_one_array() -> None:
    stack = np.stack([A, B, FUSED])
    scores = score_batch(stack, stack[::-1], stack, metrics=["mi"])
    assert scores["mi"][1] == metrics.mi(B, B, B)


def test_empty_batch() -> None:
    scores = score_batch([], [], [], metrics="en,sd")
    assert {slug: values.shape for slug, values in scores.items()} == {"en": (0,), "sd": (0,)}


def test_batch_of_unequal_lengths() -> None:
    message = "the sequences must be equally long, got a 2, b 1, fused 2, reference 3"
    with pytest.raises(InputError, match=f"^{message}$"):
        score_batch([A, A], [B], [FUSED, FUSED], reference=[A, A, A])


def test_batch_names_the_triple_that_does_not_fit() -> None:
    with pytest.raises(InputError, match=r"^triple 1: fused has size 48x49, but a has size 48x50"):
        score_batch([A, A], [B, B], [FUSED, FUSED[:, 1:]])


@pytest.mark.parametrize("workers", [0, -1])
def test_batch_needs_a_worker(workers: int) -> None:
    with pytest.raises(InputError, match=f"^workers must be at least 1, got {workers}$"):
        score_batch([A], [B], [FUSED], workers=workers)


# -- images that do not fit -------------------------------------------------------------------

UNIT = FUSED / 255
REFUSED: dict[str, tuple[object, float | None, str]] = {
    "other height": (
        FUSED[:40],
        None,
        "fused has size 40x50, but a has size 48x50 (height x width); "
        "images of one triple must have the same size",
    ),
    "turned": (FUSED.T, None, "fused has size 50x48, but a has size 48x50 (height x width)"),
    "float without range": (
        UNIT,
        None,
        "float images need data_range (1.0 or 255.0); got fused with values in [0, 1] without it",
    ),
    "not a number": (np.where(UNIT > 0.5, np.nan, UNIT), None, "fused holds NaN or infinite"),
    "infinite": (np.where(UNIT > 0.5, np.inf, UNIT), None, "fused holds NaN or infinite"),
    "wide integers": (
        FUSED.astype(np.int64),
        None,
        "fused has type int64; expected uint8, or float with data_range",
    ),
    "16 bits": (FUSED.astype(np.uint16), None, "fused has type uint16; expected uint8"),
    "list": (FUSED.tolist(), None, "fused has type int64; expected uint8, or float"),
    "booleans": (FUSED > 9, None, "fused has type bool; expected uint8, or float with data_range"),
    "four channels": (
        np.zeros((48, 50, 4), dtype=np.uint8),
        None,
        "fused has shape (48, 50, 4); expected (H, W) or (H, W, 3)",
    ),
    "a row": (FUSED[0], None, "fused has shape (50,); expected (H, W) or (H, W, 3)"),
    "empty": (FUSED[:0], None, "fused is empty: its shape is (0, 50)"),
}


@pytest.mark.parametrize(("fused", "data_range", "message"), REFUSED.values(), ids=REFUSED)
def test_image_that_does_not_fit(fused: object, data_range: float | None, message: str) -> None:
    calls: list[Callable[..., object]] = [metrics.en, metrics.qabf, score, explain]
    for call in calls:
        with pytest.raises(InputError, match=f"^{re.escape(message)}") as caught:
            call(A, B, fused, data_range=data_range)
        assert isinstance(caught.value, ValueError)
        assert isinstance(caught.value, FusebenchError)


def test_float_outside_its_range() -> None:
    message = (
        "fused has values in [0, 255], outside 0..data_range=1.0; "
        "clip it or give the right data_range"
    )
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        score(A / 255, B / 255, FUSED.astype(float), data_range=1.0)
    with pytest.raises(InputError, match=r"^a has values in \[-1, 0\], outside"):
        score(A / 255 - 1, B / 255, UNIT, data_range=1.0)


def test_8_bit_images_with_another_range() -> None:
    with pytest.raises(InputError, match=r"^a is uint8, so data_range is 255; got data_range=1.0$"):
        score(A, B, FUSED, data_range=1.0)
    assert score(A, B, FUSED, data_range=255) == score(A, B, FUSED)


def test_range_must_be_positive() -> None:
    with pytest.raises(InputError, match=r"^data_range must be positive, got -1$"):
        score(A / 255, B / 255, UNIT, data_range=-1)


def test_the_first_image_that_does_not_fit_is_named() -> None:
    with pytest.raises(InputError, match=r"^b has type int32"):
        score(A, B.astype(np.int32), FUSED)
    with pytest.raises(InputError, match=r"^reference has size 47x50, but a has size 48x50"):
        score(A, B, FUSED, reference=A[1:])


# -- other kinds of image ---------------------------------------------------------------------


def test_colour_is_scored_on_its_luma() -> None:
    colour, grey = np.tile(COLOUR, (4, 4, 1)), np.tile(B, (4, 4))
    expected = score(luma(colour), grey, luma(colour[::-1]), reference=luma(colour))
    assert score(colour, grey, colour[::-1], reference=colour) == expected


def test_grey_stored_as_colour_is_grey() -> None:
    expected = score(A, B, FUSED)
    assert score(np.stack([A] * 3, axis=2), B[..., None], FUSED) == expected


def test_floats_are_rounded_as_if_saved() -> None:
    # Halves go up; 0.4 levels are lost.
    assert metrics.en(A, B, FUSED) == metrics.en(A / 255, B / 255, FUSED / 255, data_range=1)
    nearly = np.clip(FUSED + 0.4, 0, 255)
    scores = [score(*(x.astype(float) for x in (A, B, f)), data_range=255) for f in (FUSED, nearly)]
    assert scores[0] == scores[1] == score(A, B, FUSED)


def test_torch_images_are_taken_too() -> None:
    tensors = [torch.from_numpy(image) for image in (A, B, FUSED)]
    assert score(*tensors) == score(A, B, FUSED)


def test_views_are_taken_too() -> None:
    turned = [image[::-1, ::2] for image in (A, B, FUSED)]
    copies = [np.ascontiguousarray(image) for image in turned]
    assert score(*turned, metrics="qabf,ssim") == score(*copies, metrics="qabf,ssim")


# -- triplets ---------------------------------------------------------------------------------


def test_every_image_takes_its_own_place() -> None:
    triplet = metrics.triplet_of(A, COLOUR, FUSED, reference=B)
    assert np.array_equal(triplet.a, A[None])
    assert np.array_equal(triplet.b, luma(COLOUR)[None])
    assert np.array_equal(triplet.fused, FUSED[None])
    assert np.array_equal(triplet["reference"], B[None])


@pytest.mark.parametrize(
    ("shapes", "message"),
    [
        (((1, 4, 4), (1, 4, 5), (1, 4, 4)), "b has shape (1, 4, 5), but a has shape (1, 4, 4)"),
        (((2, 4, 4), (2, 4, 4), (1, 4, 4)), "fused has shape (1, 4, 4), but a has shape"),
        (((4, 4), (4, 4), (4, 4)), "a has shape (4, 4), but a has shape (4, 4); expected one"),
    ],
)
def test_triplet_of_unequal_shapes(shapes: tuple[tuple[int, ...], ...], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)):
        Triplet(*(np.zeros(shape) for shape in shapes))


def test_triplet_makes_a_map_once() -> None:
    calls = []

    def make() -> Array:
        calls.append(1)
        return np.zeros(1)

    triplet = Triplet(*(image[None].astype(float) for image in (A, B, FUSED)))
    assert triplet.once("map", make) is triplet.once("map", make)
    assert len(calls) == 1
    moments = triplet.gaussian_moments("a", "fused", 11, 1.5)
    assert triplet.gaussian_moments("a", "fused", 11, 1.5) is moments
    assert triplet.gaussian_moments("a", "fused", 11, 1.5) is not triplet.gaussian_moments(
        "a", "fused", 11, 2.5
    )
    assert not triplet.has_reference
    assert triplet.shape == (1, 48, 50)


# -- strips ---------------------------------------------------------------------------------------


@pytest.fixture
def narrow_strips(monkeypatch: pytest.MonkeyPatch) -> None:
    """Cut images into strips of five rows or so, where these have 180 columns."""
    monkeypatch.setattr(_triplet, "STRIP", 1000)
    # The function of this name hides the module.
    monkeypatch.setattr(sys.modules["fusebench.metrics.q_p"], "STRIP", 1000)


@pytest.mark.parametrize("slug", [record.slug for record in METRICS])
def test_strips_change_nothing(slug: str, narrow_strips: None) -> None:
    images = [picture(seed, 171, 180) for seed in range(4)]
    images[0][40:80, 30:90] = 255
    *triple, reference = images
    in_strips = score(*triple, slug, reference=reference)[slug]
    # Tensors are never cut.
    whole = compute_scores(
        Triplet(*(torch.as_tensor(image[None]).double() for image in images)),
        [METRICS[slug]],
        load_protocol("canonical"),
    )
    assert in_strips == pytest.approx(whole[slug][0].value, rel=1e-10)


@pytest.mark.parametrize("window", [1, 2, 3, 7, 12])
@pytest.mark.parametrize("pixels", [1, 30, 100, 10_000])
def test_strips_hold_every_window_once(window: int, pixels: int) -> None:
    rows = np.broadcast_to(np.arange(12.0)[:, None], (1, 12, 5))
    found = [
        tuple(strip.b[0, top : top + window, 0])
        for strip in Triplet(rows, rows, rows).strips(window, pixels=pixels)
        for top in range(strip.b.shape[1] - window + 1)
    ]
    assert found == [tuple(range(top, top + window)) for top in range(12 - window + 1)]


@pytest.mark.parametrize(
    ("border", "mode"),
    [
        ("zero", {"mode": "constant"}),
        ("replicate", {"mode": "edge"}),
        ("mirror", {"mode": "reflect"}),
        ("extrapolate", {"mode": "reflect", "reflect_type": "odd"}),
    ],
)
def test_borders_are_those_of_numpy(border: Any, mode: dict[str, Any]) -> None:
    image = picture(3, 9, 7).astype(float)
    expected = np.pad(image, 1, **mode)
    for pixels in (1, 20, 1000):
        strips = list(Triplet(*[image[None]] * 3).strips(3, border, pixels))
        parts = [strip.fused[0, 1:-1] for strip in strips]
        found = np.vstack([strips[0].fused[0, :1], *parts, strips[-1].fused[0, -1:]])
        assert_array_equal(found, expected)


@pytest.mark.parametrize("step", [1, 2])
def test_smooth_keeps_every_second_window(step: int) -> None:
    image, taps = picture(1, 20, 23).astype(float), gaussian_taps(5, 1.0)
    expected = ndimage.correlate(image, np.outer(taps, taps))[2:-2, 2:-2][::step, ::step]
    assert_allclose(smooth(image[None], taps, step)[0], expected, rtol=1e-13)


@pytest.mark.parametrize("count", [1, 2, 3, 4096, 50_001, 60_000])
@pytest.mark.parametrize("kind", ["any", "constant", "few", "sorted", "periodic"])
def test_medians_are_those_of_numpy(count: int, kind: str) -> None:
    values = np.random.default_rng(count).normal(size=(1, count))
    if kind == "constant":
        values[:] = 3.5
    elif kind == "few":
        values = np.round(values)
    elif kind == "sorted":
        values.sort()
    elif kind == "periodic":
        # A sample of every k-th value sees high ones only.
        values[:, :: count // 4096 + 1] += 100
    assert medians(values[:, None])[0] == np.median(values)

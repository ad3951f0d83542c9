"""How far metrics can be trusted: the rules by hand, and the figures of the package again."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from conftest import picture
from typer.testing import CliRunner

from fusebench.bench import trust
from fusebench.bench.cli import app
from fusebench.bench.trust import BY_NAME, DEGRADATIONS, FLAGS, STRENGTHS, Response, Trust
from fusebench.bench.types import InputError, Pair
from fusebench.methods import METHODS
from fusebench.metrics import METRICS

PAIR = Pair("one", "ivif", picture(1), picture(2))
FUSED = picture(3)
BASE = Trust(
    "sd", 1, 4, 50.0, {"contrast": Response((40.0, 45.0, 55.0, 60.0, 70.0), (1, 1, 0, 0.5, 0.75))}
)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["trust", *arguments], catch_exceptions=False)
    assert result.exit_code == 0
    return result.stdout


# -- degradations -----------------------------------------------------------------------------


@pytest.mark.parametrize("degradation", DEGRADATIONS, ids=lambda d: d.name)
def test_stronger_is_further_from_the_image(degradation: trust.Degradation) -> None:
    def change(strength: float) -> float:
        image = trust.degraded(FUSED, degradation, strength, PAIR)
        assert image.dtype == np.uint8
        assert image.shape == FUSED.shape
        return float(np.abs(image.astype(float) - FUSED).mean())

    assert change(degradation.neutral) < 1
    if degradation.name != "jpeg":
        assert change(degradation.neutral) == 0
    for sign in (-1, 1):
        side = [s for s in degradation.strengths if sign * (s - degradation.neutral) > 0]
        side.sort(key=lambda s: abs(s - degradation.neutral))
        changes = [change(s) for s in side]
        # What repeats itself may be moved onto itself.
        if degradation.name not in ("shift", "ghost"):
            assert changes == sorted(changes)
        assert all(c > 0.1 for c in changes)


def test_copies_and_shifts_are_what_they_say() -> None:
    assert np.array_equal(trust.degraded(FUSED, BY_NAME["towards_a"], 1, PAIR), PAIR.a)
    assert np.array_equal(trust.degraded(FUSED, BY_NAME["towards_b"], 1, PAIR), PAIR.b)
    moved = trust.degraded(FUSED, BY_NAME["shift"], 2, PAIR)
    assert np.array_equal(moved[:, 2:], FUSED[:, :-2])
    assert np.array_equal(moved[:, 0], FUSED[:, 0])
    noise = trust.degraded(np.full_like(FUSED, 128), BY_NAME["noise"], 5, PAIR)
    assert noise.std() == pytest.approx(5, rel=0.1)


# -- flags ------------------------------------------------------------------------------------


def test_a_flag_needs_three_quarters_of_the_images() -> None:
    assert [flag.name for flag in BASE.flags] == ["contrast"]
    short = Response((0.0,) * 5, (1, 1, 0, 0, 0.74))
    # Compression of contrast, which helps all, is no stretching.
    assert replace(BASE, responses={"contrast": short}).flags == ()


def test_undefined_and_equal_scores_are_not_better() -> None:
    record = METRICS["mse"]
    base = np.array([4.0, 4.0, 4.0, 4.0])
    changed = np.array([3.0, np.nan, 4.0 + 1e-12, 5.0])
    found = trust._trust(record, np.stack([base, changed], axis=1), [(BY_NAME["blur"], 0.5)])
    assert found.responses["blur"] == Response((4.0,), (0.25,))
    assert found.base == 4
    higher = replace(record, direction="higher")
    found = trust._trust(higher, np.stack([base, changed], axis=1), [(BY_NAME["blur"], 0.5)])
    assert found.responses["blur"].better == (0.25,)


def test_the_better_copy_counts_image_by_image() -> None:
    # One copy beats the first image, the other one the second; none the third.
    values = np.array([[5.0, 6.0, 1.0], [5.0, 1.0, 6.0], [5.0, 4.0, 3.0]])
    steps = [(BY_NAME["towards_a"], 1.0), (BY_NAME["towards_b"], 1.0)]
    found = trust._trust(METRICS["en"], values, steps)
    assert found.responses[trust.COPY].better == (0.6667,)
    assert found.responses[trust.COPY].means == (pytest.approx(16 / 3, rel=1e-5),)


# -- the figures of the package ---------------------------------------------------------------


def test_every_metric_was_measured_in_its_present_version() -> None:
    report = trust.load_report()
    assert {t.slug: t.version for t in report.metrics.values()} == {
        m.slug: m.version for m in METRICS
    }
    assert dict(report.methods) == {name: METHODS[name].version for name in trust.RANKED}
    for known in report.metrics.values():
        assert {n: len(r.means) for n, r in known.responses.items()} == {
            n: len(s) for n, s in STRENGTHS.items()
        }
        assert all(0 <= b <= 1 for r in known.responses.values() for b in r.better)
        expected = 26 if METRICS[known.slug].needs == "reference" else 34
        # Of one image no grey level is in both the central square and a source's.
        assert known.images == expected - (known.slug == "ce")
    assert tuple(report.tau) == METRICS.slugs


def test_figures_are_those_measured() -> None:
    slugs, names = ["en", "sd", "mi", "qabf", "psnr_ref"], ["noise", "towards_a", "towards_b"]
    found = trust.measure(slugs, names)
    committed = trust.load_report()
    for slug in slugs:
        new, old = found.metrics[slug], committed.metrics[slug]
        assert new.base == pytest.approx(old.base, rel=1e-3)
        for name in (*names, trust.COPY):
            # A grey level of one method or another decoder may decide about one image.
            assert new.responses[name].means == pytest.approx(old.responses[name].means, rel=1e-3)
            better = pytest.approx(old.responses[name].better, abs=0.06)
            assert new.responses[name].better == better


def test_what_everybody_knows_is_found() -> None:
    metrics = trust.load_report().metrics
    bought = {slug: {flag.name for flag in known.flags} for slug, known in metrics.items()}
    for slug in ("sf", "ag", "mg", "ei"):
        assert {"noise", "contrast", "sharpening"} <= bought[slug], slug
    assert "contrast" in bought["sd"]
    # The error against a reference is never bought.
    assert not bought["psnr_ref"]
    assert "noise" not in bought["qabf"]


def test_tau_is_symmetric_and_groups_are_alike() -> None:
    report = trust.load_report()
    for a, row in report.tau.items():
        for b, tau in row.items():
            assert tau == report.tau[b][a]
            assert a != b or tau == 1
    groups = report.groups()
    assert any({"ag", "mg"} <= set(group) for group in groups)
    for group in groups:
        assert all((report.tau[a][b] or 0) > 0.9 for a in group for b in group)


def test_written_and_read_again_is_the_same() -> None:
    report = trust.load_report()
    assert trust.to_json(report) == trust.FILE.read_text()
    assert trust.from_dict(json.loads(trust.to_json(report))) == report


def test_unknown_degradation() -> None:
    with pytest.raises(InputError, match="unknown degradation 'fog'; known: blur, noise"):
        trust.measure("en", ["fog"])


# -- the command ------------------------------------------------------------------------------


def test_command_names_who_buys_what() -> None:
    shown = run("--metrics", "sf,qabf")
    rows = {line.split()[0]: line.split() for line in shown.splitlines() if "%" in line}
    assert rows["metric" if "metric" in rows else "sf"]
    assert rows["sf"][1:] == [
        f"{100 * trust.load_report().metrics['sf'].bought(flag):.0f}%" for flag in FLAGS
    ]
    assert "qabf" in rows
    assert "mse" not in rows


def test_command_gives_all_figures_as_json() -> None:
    table = json.loads(run("--metrics", "sf,qabf", "--json"))
    assert list(table["metrics"]) == ["sf", "qabf"]
    assert table["metrics"]["sf"] == json.loads(trust.FILE.read_text())["metrics"]["sf"]
    assert list(table["tau"]["qabf"]) == ["sf", "qabf"]

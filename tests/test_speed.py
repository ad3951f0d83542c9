"""The bench measures what it says; no test looks at how fast anything is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from typer.testing import CliRunner

from fusebench import score
from fusebench.bench import speed
from fusebench.bench.cli import app
from fusebench.bench.speed import NINE, PAIRS, Plan, Timing, bench_metrics, exponent, measure
from fusebench.bench.types import InputError
from fusebench.metrics import METRICS

HEIGHT, WIDTH = 48, 64


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> list[Plan]:
    """Spare the processes; gives the plans as they come."""
    plans: list[Plan] = []

    def here(plan: Plan, device: str) -> Timing:
        plans.append(plan)
        return measure(plan, device)

    monkeypatch.setattr(speed, "_in_a_fresh_process", here)
    return plans


@pytest.fixture
def without_measuring(monkeypatch: pytest.MonkeyPatch) -> None:
    def cost(plan: Plan, device: str) -> Timing:
        """A machine on which everything is linear but for a constant."""
        seconds = plan.height * plan.width / 1e6
        return Timing(plan, (seconds,) * 3, (0.5, 2.0, 7.0), (), 10**6)

    monkeypatch.setattr(speed, "_in_a_fresh_process", cost)


@pytest.mark.parametrize("slug", ["en", "mse", "psnr_ref", "ssim", "ssim_ref"])
def test_scikit_image_computes_the_same(slug: str) -> None:
    """An oracle, and the reason why their times may be compared."""
    a, b, fused, reference = (stack[0] for stack in speed.triples(HEIGHT, WIDTH, 1))
    alike = speed.like_scikit_image(slug)
    assert alike is not None
    ours = score(a, b, fused, slug, reference=reference)[slug]
    assert ours == pytest.approx(alike(a, b, fused, reference), rel=1e-12)


def test_triples_differ_from_each_other() -> None:
    a, b, fused, _ = speed.triples(HEIGHT, WIDTH, 3)
    assert len({image.tobytes() for image in (*a, *b, *fused)}) == 9
    assert all(image.shape == (HEIGHT, WIDTH) for image in (*a, *b, *fused))


def test_exponent() -> None:
    assert exponent([(10, 3.0), (40, 3.0 * 4**1.5), (90, 3.0 * 9**1.5)]) == pytest.approx(1.5)


def test_everything_is_timed(without_measuring: None) -> None:
    names = [record.slug for record in METRICS]
    report = bench_metrics(names, HEIGHT, WIDTH)
    assert [t.plan.metrics for t in report.alone] == [(name,) for name in names]
    assert list(report.suites) == ["nine", "all"]
    cores = os.cpu_count() or 1
    for name, slugs in (("nine", NINE), ("all", tuple(names))):
        assert {t.plan.metrics for t in report.suites[name]} == {slugs}
        assert [t.plan.threads for t in report.suites[name]] == sorted({1, cores})
        assert [t.plan.pairs for t in report.pairs[name]] == list(
            PAIRS if name == "nine" else PAIRS[:4]
        )
        assert [(t.plan.height, t.plan.width) for t in report.pixels[name]] == [
            (12, 16),
            (24, 32),
            (48, 64),
            (96, 128),
        ]
    timing = report.suites["nine"][0]
    assert timing.median == pytest.approx(HEIGHT * WIDTH / 1e6)
    assert timing.ratio == pytest.approx(timing.median / 2)
    powers = report.exponents()
    assert powers["pixels"]["all"] == pytest.approx(1)
    assert powers["pairs"]["all"] == pytest.approx(1)


def test_the_command_writes_what_it_measured(in_this_process: list[Plan], tmp_path: Path) -> None:
    words = f"bench metrics --size {HEIGHT}x{WIDTH} --metrics en,ssim --repeat 2 --json -o"
    done = CliRunner().invoke(app, [*words.split(), str(tmp_path)])
    assert done.exit_code == 0, done.output
    document = json.loads(done.stdout)
    assert document == json.loads((tmp_path / "speed.json").read_text())
    en, ssim = document["alone"]
    assert en["plan"]["metrics"] == ["en"]
    assert ssim["plan"]["metrics"] == ["ssim"]
    for timing in (en, ssim, document["suites"]["chosen"][0]):
        assert len(timing["seconds"]) == len(timing["yardstick"]) == 2
        assert min(timing["seconds"] + timing["yardstick"]) > 0
    assert len(en["alike"]) == 2
    assert document["environment"]["cores"] == os.cpu_count()
    page = (tmp_path / "speed.md").read_text()
    assert "| ssim | 1 | 1 |" in page
    assert "12x16 | 24x32 | 48x64 | 96x128" in page
    assert (tmp_path / "speed.csv").read_text().startswith("metric,threads,pairs,ms")
    chart = json.loads((tmp_path / "images" / "speed_pairs.json").read_text())
    (points,) = chart["datasets"].values()
    assert [point["pairs"] for point in points] == list(PAIRS)
    assert "vega" in (tmp_path / "images" / "speed_pixels.html").read_text()


@pytest.mark.parametrize("form", ["table", "csv", "markdown"])
def test_forms(form: str, without_measuring: None) -> None:
    done = CliRunner().invoke(app, ["bench", "metrics", "--metrics", "en,sd", "--format", form])
    assert done.exit_code == 0, done.output
    assert "307" in done.stdout  # ms, of as many thousand pixels
    assert "0.15" in done.stdout  # in the yardstick's two seconds


def test_a_process_of_its_own_measures() -> None:
    timing = speed._in_a_fresh_process(Plan(("en",), HEIGHT, WIDTH, 2, 2, 1), "cpu")
    assert timing.median > 0
    assert timing.memory is None or timing.memory > 0


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_on_a_gpu() -> None:
    timing = measure(Plan(NINE, HEIGHT, WIDTH, 2, 1, 2), "cuda")
    assert len(timing.seconds) == 2
    assert timing.median > 0


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: bench_metrics(["en"], 43, 64), "44x44, got 43x64"),
        (lambda: bench_metrics(["en"], repeat=0), "got None and 0"),
        (lambda: bench_metrics(["en"], threads=0), "got 0 and 7"),
        (lambda: bench_metrics(["en"], device="tpu"), "expected cpu or cuda"),
    ],
)
def test_mistakes(call: Callable[[], object], words: str) -> None:
    with pytest.raises(InputError, match=words):
        call()


def test_a_size_must_be_two_numbers() -> None:
    done = CliRunner().invoke(app, ["bench", "metrics", "--size", "480"])
    assert isinstance(done.exception, InputError)
    assert "480x640" in str(done.exception)

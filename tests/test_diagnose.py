"""A number made by a known convention is traced back to it."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from conftest import picture

from fusebench.bench.cli import main
from fusebench.bench.diagnose import conventions, diagnose
from fusebench.bench.images import read_image, write_image
from fusebench.bench.types import InputError, UnknownNameError
from fusebench.metrics import METRICS, explain, load_protocol, protocol_names

TRIPLE = (picture(1, 96, 96), picture(2, 96, 96), picture(3, 96, 96))
COLOUR = (picture(1, 96, 96), picture(2, 96, 96, 3), picture(3, 96, 96, 3))


@pytest.mark.parametrize("protocol", protocol_names())
def test_the_numbers_of_a_protocol_lead_back_to_it(protocol: str) -> None:
    rules = load_protocol(protocol)
    scores = explain(*COLOUR, "all", protocol)
    for slug, score in scores.items():
        if score.reason is None and METRICS[slug].needs != "reference":
            found = diagnose(slug, repr(score.value), [COLOUR])
            best = [e for e in found if e.exact]
            assert found[0].exact, slug
            assert any(protocol in e.convention.protocols for e in best), slug
            assert dict(rules.metrics[slug]) in [dict(e.convention.parameters) for e in best]


def test_every_combination_of_choices_is_tried_once() -> None:
    tried = conventions(METRICS["psnr"], ["luma"])
    assert len(tried) == 3 * 2 * 2
    assert len({str(c) for c in tried}) == len(tried)
    assert str(tried[0]) == "canonical"
    assert "canonical" in tried[0].protocols
    assert len(conventions(METRICS["psnr"], ["luma", "channels"])) == 24


def test_digits_decide_what_is_equal() -> None:
    value = explain(*TRIPLE, "sd")["sd"].value
    assert diagnose("sd", f"{value:.2f}", [TRIPLE])[0].exact
    assert diagnose("sd", f"{value:.6g}", [TRIPLE])[0].exact
    assert diagnose("sd", f"{value:.4e}", [TRIPLE])[0].exact
    assert not any(e.exact for e in diagnose("sd", f"{value + 0.02:.2f}", [TRIPLE]))


def test_a_mean_over_triples() -> None:
    other = (TRIPLE[1], TRIPLE[2], TRIPLE[0])
    wanted = (explain(*TRIPLE, "en")["en"].value + explain(*other, "en")["en"].value) / 2
    assert diagnose("en", f"{wanted:.4f}", [TRIPLE, other])[0].exact


def test_mistakes() -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'vif'"):
        diagnose("vifx", "1", [TRIPLE])
    with pytest.raises(InputError, match="is no number"):
        diagnose("sd", "many", [TRIPLE])
    with pytest.raises(InputError, match="reference"):
        diagnose("ssim_ref", "1", [TRIPLE])
    with pytest.raises(InputError, match="no images"):
        diagnose("sd", "1", [])


def test_the_command(
    pair_root: Path,
    fused_folder: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["fusebench", "diagnose", *map(str, arguments)])
        with pytest.raises(SystemExit) as left:
            main()
        out, err = capsys.readouterr()
        return int(left.value.code or 0), out, err

    paths = [pair_root / "ir" / "01.png", pair_root / "vi" / "01.png", fused_folder / "01.png"]
    value = explain(*map(read_image, paths), "mi", "cddfuse")["mi"].value
    status, out, _ = run("mi", f"{value:.4f}", *paths)
    assert status == 0
    assert "nats" in out.splitlines()[1]
    assert "equal as printed" in out
    assert "cddfuse" in out
    _, out, _ = run("mi", f"{value:.4f}", *paths, "--json")
    assert json.loads(out)[0]["parameters"] == {"unit": "nats"}
    _, out, _ = run("mi", "99.5", *paths)
    assert "No convention known here gives 99.5" in out
    root = ("--dataset", "folder", "--root", pair_root, "--fused", fused_folder)
    assert run("en", "7.5", *root)[0] == 0
    (fused_folder / "02.png").unlink()
    assert run("en", "7.5", *root)[::2] == (
        2,
        f"error: {fused_folder}: 1 missing file: 02\n",
    )
    assert run("en", "7.5")[0] == 2
    write_image(paths[2], picture(1, 20, 20))
    assert "same size" in run("en", "7.5", *paths)[2]

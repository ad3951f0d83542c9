"""`datasets check`: what it finds on made-up faults, on the shared pairs, and on clean sets."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import picture
from PIL import Image as PillowImage

from fusebench.bench.cli import main
from fusebench.bench.images import read_image, write_image
from fusebench.bench.types import Image, InputError, MissingDataError
from fusebench.datasets import Check, check, load, open_folders, summary
from fusebench.datasets._check import register


def scene(seed: int, height: int = 120, width: int = 160) -> Image:
    """Patches of random grey: edges everywhere, and nothing repeats."""
    rng = np.random.default_rng(seed)
    small = rng.integers(30, 220, (height // 8 + 4, width // 8 + 4), dtype=np.uint8)
    return np.kron(small, np.ones((8, 8), dtype=np.uint8))[:height, :width]


def pairs(root: Path, names: tuple[str, str], number: int = 3) -> Path:
    """Registered pairs of different contrast."""
    for i in range(number):
        image = scene(i)
        write_image(root / names[0] / f"{i}.png", image // 2)
        write_image(root / names[1] / f"{i}.png", image // 2 + 100)
    return root


def findings(root: Path, *more: Path) -> list[tuple[str, str, str]]:
    result = check([d for folder in (root, *more) for d in open_folders(folder)])
    return [(f.kind, f"{f.dataset}/{f.key}", f.text) for f in result.findings]


def test_clean_pairs_raise_no_suspicion(tmp_path: Path) -> None:
    result = check(open_folders(pairs(tmp_path / "clean", ("under", "over"))))
    assert result.findings == ()
    assert len(result.pairs) == 3
    pair = result.pairs[0]
    assert (pair.dataset, pair.key, pair.width, pair.height) == ("clean", "0", 160, 120)
    assert (pair.channels, pair.bits, pair.known_as) == ((1, 1), (8, 8), ())
    assert pair.registration.zero == pair.registration.best == pytest.approx(1, abs=0.01)
    assert summary(result) == "3 pairs checked; nothing suspicious"
    assert check(list(map(load, ["demo"]))).findings == ()


@pytest.mark.parametrize(("dx", "dy"), [(5, 0), (0, -3), (-7, 6), (3, 8)])
def test_a_shift_is_measured(dx: int, dy: int) -> None:
    whole = scene(1, 220, 260)
    a = whole[20:180, 20:220]
    # What lies at x in b lies at x + dx in a: b has to be moved by (dx, dy).
    b = whole[20 + dy : 180 + dy, 20 + dx : 220 + dx]
    found = register(a, b)
    assert (found.dx, found.dy) == (dx, dy)
    assert found.suspicious
    assert found.best > found.zero + 0.2
    assert (register(b, a).dx, register(b, a).dy) == (-dx, -dy)


@pytest.mark.parametrize(("dx", "suspicious"), [(2, False), (3, True)])
def test_two_pixels_are_borne(dx: int, suspicious: bool) -> None:
    whole = scene(2, 200, 300)
    assert register(whole[:, 10:250], whole[:, 10 + dx : 250 + dx]).suspicious == suspicious


def test_a_shift_of_large_images_is_in_their_pixels() -> None:
    whole = np.kron(scene(3, 400, 500), np.ones((2, 2), dtype=np.uint8))
    found = register(whole[:768, 20:788], whole[:768, 30:798])
    assert (found.dx, found.dy) == (10, 0)


def test_flat_and_tiny_images_have_no_registration() -> None:
    flat = np.full((20, 20), 7, dtype=np.uint8)
    assert np.isnan(register(flat, scene(1, 20, 20)).zero)
    assert not register(flat, flat).suspicious
    tiny = np.arange(4, dtype=np.uint8).reshape(2, 2) ** 3
    assert register(tiny, tiny).dx == 0


def test_every_fault_is_named(tmp_path: Path) -> None:
    root = pairs(tmp_path / "mine", ("ir", "vi"), 9)
    write_image(root / "vi" / "1.png", np.roll(scene(1) // 2 + 100, 6, axis=1))
    write_image(root / "vi" / "2.png", picture(1, 100, 160))
    (root / "ir" / "3.png").write_text("text")
    write_image(root / "ir" / "4.png", np.stack([scene(4), scene(4) // 2, scene(4) // 3], -1))
    flat = np.full((120, 160), 40, dtype=np.uint8)
    flat[:10, :10] = scene(5)[:10, :10]
    write_image(root / "vi" / "5.png", flat)
    PillowImage.fromarray(scene(6).astype(np.uint16) * 256).save(root / "ir" / "6.png")
    for side in ("ir", "vi"):
        write_image(root / side / "7.png", read_image(root / side / "0.png"))
    write_image(root / "ir" / "8.png", read_image(root / "ir" / "0.png"))
    got = findings(root)
    expected = [
        ("registration", "mine/1", "moved by (-6.0, 0.0) pixels"),
        ("size", "mine/2", "has size 100x160"),
        ("files", "mine/3", "is not an image"),
        ("order", "mine/4", "a is in colour and b is not"),
        ("empty", "mine/5", "b is nearly empty"),
        ("depth", "mine/6", "a has 16 bits a channel, b has 8"),
        ("duplicate", "mine/7", "has the pixels of mine/0"),
        ("duplicate", "mine/8", "a is also in mine/0"),
    ]
    for kind, where, text in expected:
        assert any(k == kind and w == where and text in t for k, w, t in got), (kind, where, got)
    # A shift about the 5th pair is fair to suspect: nothing of its b is left.
    assert len([f for f in got if f[1] != "mine/5"]) == len(expected) - 1


@pytest.mark.parametrize(
    ("names", "text"),
    [(("over", "under"), "a is brighter than b"), (("mri", "pet"), "b is in colour and a is not")],
)
def test_exchanged_sources(tmp_path: Path, names: tuple[str, str], text: str) -> None:
    root = pairs(tmp_path / "x", names, 1)
    if "pet" in names:
        grey = scene(0) // 2
        write_image(root / "mri" / "0.png", np.stack([grey, grey // 2, grey // 3], -1))
        write_image(root / "pet" / "0.png", grey)
    ((kind, _, found),) = findings(root)
    assert kind == "order"
    assert found.endswith(text) or "a is in colour" in text


def test_duplicates_across_folders_and_formats(tmp_path: Path) -> None:
    one, two = pairs(tmp_path / "one", ("ir", "vi")), pairs(tmp_path / "two", ("near", "far"), 2)
    for i in range(3):
        write_image(one / "vi" / f"{i}.png", scene(10 + i))
    for i in range(2):
        for side, source in (("near", "vi"), ("far", "ir")):
            image = read_image(one / source / f"{i}.png")
            (two / side / f"{i}.png").unlink()
            PillowImage.fromarray(image).resize((320, 240)).save(two / side / f"{i}.jpg")
    got = [(kind, where, text) for kind, where, text in findings(one, two)]
    assert [(kind, where) for kind, where, _ in got] == [
        ("duplicate", "two/0"),
        ("duplicate", "two/1"),
    ]
    for i, (_, _, text) in enumerate(got):
        assert text.startswith("shows the same (r = ")
        assert text.endswith(f"as one/{i}, with a and b exchanged")


def test_folders_are_found(tmp_path: Path) -> None:
    pairs(tmp_path / "one", ("ir", "vi"))
    pairs(tmp_path / "two", ("a", "b"))
    write_image(tmp_path / "labels" / "1.png", scene(1))
    assert [d.name for d in open_folders(tmp_path)] == ["one", "two"]
    assert [d.name for d in open_folders(tmp_path / "two")] == ["two"]
    with pytest.raises(MissingDataError, match="no pairs of images in"):
        open_folders(tmp_path / "labels")
    with pytest.raises(MissingDataError, match="does not exist"):
        open_folders(tmp_path / "nowhere")
    (tmp_path / "one" / "ir" / "0.png").unlink()
    with pytest.raises(InputError, match="ir/ lacks 1 stem: 0"):
        open_folders(tmp_path / "one")


def command(capsys: pytest.CaptureFixture[str], *words: object) -> tuple[int, str, str]:
    sys.argv = ["fusebench", "datasets", "check", *map(str, words)]
    with pytest.raises(SystemExit) as left:
        main()
    printed = capsys.readouterr()
    return int(left.value.code or 0), printed.out, printed.err


def test_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "argv", [])
    root = pairs(tmp_path / "mine", ("ir", "vi"))
    status, out, _ = command(capsys, root)
    assert status == 0
    assert "mine/2" in out
    assert "160x120" in out
    assert out.endswith("3 pairs checked; nothing suspicious\n")
    write_image(root / "ir" / "1.png", np.full((120, 160), 9, dtype=np.uint8))
    status, out, _ = command(capsys, root)
    assert status == 1
    assert "mine/1: a is nearly empty\n3 pairs checked; 1 empty\n" in out
    status, out, _ = command(capsys, root, "--json")
    table = json.loads(out)
    assert status == 1
    assert table["pairs"][1]["registration"]["zero"] is None
    assert table["findings"][0]["kind"] == "empty"
    status, _, err = command(capsys, tmp_path / "nowhere")
    assert (status, err.count("\n")) == (2, 1)


# --- the real images ------------------------------------------------------------------------


@pytest.fixture(scope="module")
def survey(shared: Path) -> Check:
    """Every shared pair, checked once."""
    return check(open_folders(shared / "data"))


def rows(shared: Path, name: str) -> list[dict[str, str]]:
    with (shared / "data" / name).open(newline="") as file:
        return list(csv.DictReader(file))


Pairs = Callable[[str], set[tuple[str, str]]]


@pytest.mark.shared
def test_it_finds_the_shifted_pairs_of_the_survey(shared: Path, survey: Check) -> None:
    """Oracle: pairs.csv, whose numbers were made independently."""
    listed = rows(shared, "pairs.csv")
    shifted = {(r["dataset"], r["id"]) for r in listed if r["registered_ok"] == "False"}
    assert len(shifted) == 82
    assert {(f.dataset, f.key) for f in survey.findings if f.kind == "registration"} == shifted
    checked = {(p.dataset, p.key): p for p in survey.pairs}
    assert set(checked) == {(r["dataset"], r["id"]) for r in listed}
    assert checked["tno25", "12"].registration.best == pytest.approx(0.5056, abs=0.005)
    for r in listed:
        # Of a series the survey compared the first two sources, and we the first and last.
        if r["dataset"] not in ("me_seq", "lytro_triple", "med_series010"):
            found = checked[r["dataset"], r["id"]].registration
            assert found.zero == pytest.approx(float(r["grad_ncc_at_0"]), abs=RESIZING)
            assert found.best == pytest.approx(float(r["grad_ncc_best"]), abs=RESIZING)


# Images above 384 pixels are reduced, and the survey may have used another library for it.
# Measured over 494 pairs: at most 0.0071, on average 0.00025.
RESIZING = 0.008


@pytest.mark.shared
def test_it_finds_the_double_pairs_of_the_survey(shared: Path, survey: Check) -> None:
    here = {(p.dataset, p.key) for p in survey.pairs}
    listed = {
        frozenset([(r["dataset_a"], r["id_a"]), (r["dataset_b"], r["id_b"])])
        for r in rows(shared, "crosswalk.csv")
    }
    listed = {both for both in listed if both <= here}
    assert len(listed) == 33
    found = {
        frozenset([(f.dataset, f.key), f.other])
        for f in survey.findings
        if f.kind == "duplicate" and f.other is not None
    }
    twice = {
        frozenset([("harvard_pet_mri", str(i)), ("harvard_pet_mri", str(i + 21))])
        for i in range(11, 32)
    }
    clocks = frozenset([("hill2021", "clock"), ("hill2021", "clock512")])
    assert found == listed | twice | {clocks}


@pytest.mark.shared
def test_it_finds_nothing_else(survey: Check) -> None:
    assert {f.kind for f in survey.findings} == {"registration", "duplicate"}
    by_folder = {
        name: [f for f in survey.findings if f.dataset == name and f.other is None]
        for name in ("roadscene50", "me_seq", "me_u2f", "mf_gray10", "lytro_triple")
    }
    assert not any(by_folder.values())
    known = {(p.dataset, p.key): p.known_as for p in survey.pairs}
    assert known["tno25", "06"] == ("ivif_classic14/Navi", "tno:25/06", "tno:42/07")

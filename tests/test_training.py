"""Training networks: data in no test split, one loop that can be killed, and its files."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import picture
from safetensors.torch import load_file
from test_cli import Run, refused, run

from fusebench import datasets
from fusebench.bench.audit import audit_all, to_dict
from fusebench.bench.images import write_image
from fusebench.bench.trainer import train_network
from fusebench.bench.training_data import TrainingData, focused, open_training_data
from fusebench.bench.training_page import thinned, training_page
from fusebench.bench.types import InputError, MissingDataError, UnknownNameError
from fusebench.methods import METHODS, load
from fusebench.methods._recipes import RECIPES
from fusebench.methods._recipes.base import Budget
from fusebench.methods._weights import file_digest, find_file

__all__ = ["run"]

SLUGS = RECIPES.slugs

# The smallest crops that the networks and losses allow, so that a step takes no time.
CROPS = {"fusiongan": 43, "swinfusion": 16} | dict.fromkeys(
    ("cddfuse", "msgfusion", "smfnet", "smfnet_mif"), 12
)
OPTIONS = {"drpl": {"channels": "4"}}


def write_pairs(root: Path) -> Path:
    """Five pairs of infrared and visible images, one smaller than a crop, one in colour.

    The same are in another folder as medical ones.
    """
    for i in range(5):
        size = (20, 30) if i == 2 else (46, 51)
        for a, b in (("ir", "vi"), ("medical/a", "medical/b")):
            write_image(root / a / f"{i}.png", picture(2 * i, *size))
            write_image(root / b / f"{i}.png", picture(2 * i + 1, *size, channels=3 if i else 1))
    return root


def data_of(slug: str, pairs: Path) -> tuple[str, Path]:
    """Name the dataset that a recipe learns from, and its folder."""
    if RECIPES[slug].task == "medical":
        return "folder:medical", pairs / "medical"
    return "folder:ivif", pairs


@pytest.fixture
def pairs(tmp_path: Path) -> Path:
    return write_pairs(tmp_path / "pairs")


def shrink() -> None:
    """Give every recipe a budget for tests."""
    for recipe in list(RECIPES):
        crop = CROPS.get(recipe.slug, 24)
        # Where the rate falls, the number of steps belongs to the training.
        decay = 0.0 if recipe.slug == "vif_net" else 0.5
        budget = Budget(steps=6, batch=2, crop=crop, rate=1e-3, decay=decay)
        RECIPES._records[recipe.slug] = replace(recipe, budgets={"cpu": budget})


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    for recipe in RECIPES:
        monkeypatch.setitem(RECIPES._records, recipe.slug, recipe)
    shrink()


def train(slug: str, pairs: Path, folder: Path, **more: object) -> tuple[Path, Path]:
    options = OPTIONS.get(slug, {})
    more = {"budget": "cpu", "device": "cpu", "options": options, **more}
    name, root = data_of(slug, pairs)
    return train_network(slug, [name], folder, roots={"": root}, **more)  # type: ignore[arg-type]


def opened(pairs: Path, slug: str = "fmm") -> TrainingData:
    return open_training_data(["folder:ivif"], {"": pairs}, RECIPES[slug])


# The command


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.usefixtures("small")
def test_every_network_trains_from_the_command(
    slug: str, run: Run, pairs: Path, tmp_path: Path
) -> None:
    settings = [x for pair in OPTIONS.get(slug, {}).items() for x in ("--set", "=".join(pair))]
    out = tmp_path / "out"
    name, root = data_of(slug, pairs)
    data = ["--data", name, "--root", root]
    result = run("train", slug, *data, "-o", out, "--device", "cpu", *settings)
    assert result.status == 0, result
    weights, card_path = (Path(line) for line in result.out.split())
    card = json.loads(card_path.read_text())
    assert card["sha256"] == file_digest(weights)
    assert (card["budget"], card["steps"]) == ("cpu", 6)
    # 6 steps of 2 crops, 4 pairs; the discriminator of a GAN has its own batches.
    assert card["epochs"] == (9 if slug == "fusiongan" else 3)
    assert len(card["validation"]) == (6 if slug == "fusiongan" else 3)
    assert len(card["held out"]) == 1
    for scores in (*card["validation"], card["average"]):
        assert {"en", "mi", "qabf", "ssim", "vif", "scd"} <= set(scores)
        assert ("psnr_ref" in scores) == (slug == "drpl")
    assert card["losses"]["step"] == [1, 2, 3, 4, 5, 6]
    assert sum(t.numel() for t in load_file(weights).values()) == card["values"]
    page = (out / f"{slug}.html").read_text()
    assert "step 6 of 6" in page
    assert "refresh" not in page
    assert not list(out.glob(".*"))
    fuse = load(slug, device="cpu", weights=str(weights))
    assert fuse.origin == "user weights"
    assert fuse(picture(1, 33, 47), picture(2, 33, 47)).std() > 1


def test_dictionaries_and_networks_are_commands_beside_each_other(run: Run) -> None:
    text = run("train", "--help").out
    assert "dictionary" in text
    assert "network" in text
    for arguments in (["fmm", "--help"], ["network", "--help"], ["--data", "x", "--help"]):
        assert "--resume" in run("train", *arguments).out
    assert "--resume" not in run("train", "dictionary", "--help").out


def test_the_command_refuses_what_does_not_fit(run: Run, pairs: Path, tmp_path: Path) -> None:
    out = ["-o", tmp_path / "out", "--device", "cpu"]
    data = ["--data", "folder:ivif", "--root", pairs]
    refused(run("train", "fnm", *data, *out), "unknown recipe 'fnm'; did you mean 'fmm'?")
    refused(run("train", "fmm", *out), "no data", "--data roadscene:161")
    refused(run("train", "fmm", *data, *out, "--steps", "0"), "steps is 0")
    refused(run("train", "fmm", *data, *out, "--seed", "-1"), "seed is -1")
    refused(run("train", "fmm", *data, *out, "--budget", "huge"), "unknown budget 'huge'")
    refused(run("train", "fmm", *data, *out, "--set", "deep=3"), "has no option 'deep'")
    refused(run("train", "fmm", *data, *out, "--set", "fusion=max"), "mapping, concat, add")
    refused(run("train", "fmm", "--data", "tno:25", *out), "tno:25 is not for training")
    refused(run("train", "fmm", "--data", "demo", *out), "demo is not for training")
    refused(run("train", "fmm", *data), "--output")
    (tmp_path / "file").write_text("")
    refused(run("train", "fmm", *data, "-o", tmp_path / "file" / "x"), "cannot write")


# Going on


@pytest.mark.parametrize("slug", SLUGS)
@pytest.mark.usefixtures("small")
def test_a_stopped_training_goes_on_to_the_same_weights(
    slug: str, pairs: Path, tmp_path: Path
) -> None:
    def stop(done: int, total: int, what: str) -> None:
        if done == 4:
            raise KeyboardInterrupt

    whole, _ = train(slug, pairs, tmp_path / "whole")
    part = tmp_path / "part"
    with pytest.raises(KeyboardInterrupt):
        train(slug, pairs, part, progress=stop, save_every=0)
    with pytest.raises(InputError, match="got to step 4; go on with --resume"):
        train(slug, pairs, part)
    resumed, card = train(slug, pairs, part, resume=True)
    assert resumed.read_bytes() == whole.read_bytes()
    other = json.loads(whole.with_suffix(".json").read_text())
    assert json.loads(card.read_text())["losses"] == other["losses"]


CHILD = """
import os, signal, sys
from pathlib import Path
from test_training import shrink, train
from fusebench.bench import trainer
move, count = trainer._Training._move, 0

def deadly(*arguments):
    global count
    count += 1
    if count == 11:  # in the middle of the fourth step
        os.kill(os.getpid(), signal.SIGKILL)
    return move(*arguments)

trainer._Training._move = deadly
shrink()
train("fusiongan", Path(sys.argv[1]), Path(sys.argv[2]), save_every=0)
"""


@pytest.mark.usefixtures("small")
def test_a_killed_training_goes_on_to_the_same_weights(pairs: Path, tmp_path: Path) -> None:
    tests = Path(__file__).parent
    path = os.pathsep.join((str(tests.parent / "src"), str(tests)))
    killed = subprocess.run(
        [sys.executable, "-c", CHILD, pairs, tmp_path / "part"],
        env={**os.environ, "PYTHONPATH": path},
        check=False,
    )
    assert killed.returncode == -signal.SIGKILL
    whole, _ = train("fusiongan", pairs, tmp_path / "whole")
    resumed, _ = train("fusiongan", pairs, tmp_path / "part", resume=True)
    assert resumed.read_bytes() == whole.read_bytes()


@pytest.mark.usefixtures("small")
def test_only_the_same_training_goes_on(pairs: Path, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    train("vif_net", pairs, folder, steps=2)
    with pytest.raises(InputError, match="is another: its seed was 0, not 1"):
        train("vif_net", pairs, folder, resume=True, seed=1)
    with pytest.raises(InputError, match="is another: its options was"):
        train("vif_net", pairs, folder, resume=True, options={"ssim": "10"})
    # More steps are the same training, and so are fewer than were done.
    longer, _ = train("vif_net", pairs, folder, steps=3, resume=True)
    whole, _ = train("vif_net", pairs, tmp_path / "whole", steps=3)
    assert longer.read_bytes() == whole.read_bytes()
    write_image(pairs / "ir" / "0.png", picture(99, 46, 51))
    with pytest.raises(InputError, match="is another: its data sha256"):
        train("vif_net", pairs, folder, resume=True)
    (folder / "vif_net.checkpoint").write_bytes(b"nothing")
    with pytest.raises(InputError, match="cannot be read as a checkpoint"):
        train("vif_net", pairs, folder, resume=True)


@pytest.mark.usefixtures("small")
@pytest.mark.parametrize(
    ("slug", "rates"),
    [
        ("vif_net", [1, 1, 1, 1, 1, 1]),
        ("fmm", [1, 1, 1, 1, 2 / 3, 1 / 3]),
        # Two stages of three steps each.
        ("rfn_nest", [1, 1, 2 / 3, 1, 1, 2 / 3]),
    ],
)
def test_rates_fall_at_the_end_of_each_stage(
    slug: str, rates: list[float], pairs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen, step = [], torch.optim.Adam.step

    def watched(optimiser: torch.optim.Adam) -> None:
        seen.append(optimiser.param_groups[0]["lr"] / 1e-3)
        step(optimiser)

    monkeypatch.setattr(torch.optim.Adam, "step", watched)
    train(slug, pairs, tmp_path / "out")
    assert seen == pytest.approx(rates)
    if slug != "vif_net":
        with pytest.raises(InputError, match="is another: its steps was 6, not 7"):
            train(slug, pairs, tmp_path / "out", steps=7, resume=True)


@pytest.mark.usefixtures("small")
def test_seeds_decide(pairs: Path, tmp_path: Path) -> None:
    files = [
        train("vif_net", pairs, tmp_path / str(i), seed=seed, steps=2)[0]
        for i, seed in enumerate((0, 0, 1))
    ]
    first, same, other = (file.read_bytes() for file in files)
    assert first == same
    assert first != other


# Data


def test_crops_of_both_sources_are_of_one_place(tmp_path: Path) -> None:
    for i in range(4):
        for side in ("ir", "vi"):
            write_image(tmp_path / side / f"{i}.png", picture(i, 50, 40))
    data = opened(tmp_path)
    assert len(data.keys) == 3
    seen = []
    for number in range(12):
        crop = data.crop(number, 16, seed=3)
        assert crop["a"].shape == (1, 16, 16)
        np.testing.assert_array_equal(crop["a"], crop["b"])
        np.testing.assert_array_equal(crop["a"], data.crop(number, 16, seed=3)["a"])
        assert 0 <= crop["a"].min() < crop["a"].max() <= 1
        seen.append(crop["a"].tobytes())
    assert len(set(seen)) == 12
    # A crop of the whole image is one of its orientations.
    whole = picture(int(data.held_out[0][-1]), 50, 40)
    (validated,) = data.validation()
    np.testing.assert_array_equal(validated["a"][0], whole.astype(np.float32) / np.float32(255))


def test_every_pair_gives_a_crop_before_any_gives_another(pairs: Path) -> None:
    data = opened(pairs)
    for turn in range(3):
        order = np.random.default_rng((7, 0, turn)).permutation(4)
        assert sorted(order) == [0, 1, 2, 3]
    # The one that is too small is mirrored at its borders.
    shapes = {data.crop(n, 40, seed=7)["b"].shape for n in range(4)}
    assert shapes == {(1, 40, 40)}


def test_what_is_held_out_shares_no_scene_with_what_is_trained_on(shared_scenes: Path) -> None:
    data = opened(shared_scenes)
    assert not set(data.keys) & set(data.held_out)
    assert len(data.keys) + len(data.held_out) == 8


@pytest.fixture
def shared_scenes(tmp_path: Path) -> Path:
    for i in range(8):
        for side in ("ir", "vi"):
            write_image(tmp_path / side / f"{i}.png", picture(i))
    return tmp_path


def test_too_few_pairs_are_refused(tmp_path: Path) -> None:
    for i in range(3):
        for side in ("ir", "vi"):
            write_image(tmp_path / side / f"{i}.png", picture(i))
    with pytest.raises(InputError, match="3 scenes are too few"):
        opened(tmp_path)


def test_pairs_of_another_task_are_refused(pairs: Path) -> None:
    (pairs / "ir").rename(pairs / "a")
    (pairs / "vi").rename(pairs / "b")
    with pytest.raises(InputError, match="is for medical, but fmm learns ivif"):
        open_training_data(["folder:medical"], {"": pairs}, RECIPES["fmm"])


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
@pytest.mark.parametrize("mirrored", [False, True])
def test_test_images_are_refused_by_their_pixels(turns: int, mirrored: bool, pairs: Path) -> None:
    demo = datasets.load("demo:mff")
    image = np.rot90(demo["mff_coins"].b, turns)
    image = np.ascontiguousarray(image[:, ::-1] if mirrored else image)
    write_image(pairs / "vi" / "3.png", image)
    write_image(pairs / "ir" / "3.png", picture(1, *image.shape))
    with pytest.raises(
        InputError, match=r"cannot be trained on: 1 pair: folder:ivif/3 is demo/mff_coins"
    ):
        opened(pairs)
    # One pixel makes it another image: crops and copies are not found.
    image[0, 0] ^= 1
    write_image(pairs / "vi" / "3.png", image)
    assert len(opened(pairs).keys) == 4


def test_pairs_made_from_photographs_are_in_focus_where_they_should_be() -> None:
    photograph = picture(4, 80, 90, channels=3)
    images, mask = focused(photograph, np.random.default_rng(5))
    # Grain of up to 25 levels lies over it.
    grain = images["reference"].astype(float) - photograph
    assert 1 < grain.std() < 25
    errors = {s: np.abs(images[s].astype(float) - images["reference"]).mean(2) for s in "ab"}
    assert errors["a"][mask == 1].mean() < 0.1 * errors["b"][mask == 1].mean()
    assert errors["b"][mask == 0].mean() < 0.5 * errors["a"][mask == 0].mean()
    assert 0.2 < mask.mean() < 0.8


# The page


def test_losses_are_thinned_by_averaging() -> None:
    losses = [{"x": float(i), **({"y": 1.0} if i < 2 else {})} for i in range(10)]
    assert thinned(losses, 5) == {
        "step": [2, 4, 6, 8, 10],
        "x": [0.5, 2.5, 4.5, 6.5, 8.5],
        "y": [1.0, None, None, None, None],
    }
    assert thinned(losses[:1]) == {"step": [1], "x": [0.0], "y": [1.0]}


def test_the_page_needs_nothing_else_and_reads_itself_again() -> None:
    losses = [{"ssim": 1 / (i + 1), "tv": 0.0} for i in range(30)]
    scores = [{"step": 30.0, "epoch": 1.0, "qabf": 0.5}]
    page = training_page("a <b>", losses, scores, {"average": {"qabf": 0.25}}, refresh=10)
    assert page.count("<polyline") == 2
    assert '<meta http-equiv="refresh" content="10">' in page
    assert "a &lt;b&gt;" in page
    assert "0.5000" in page
    assert "0.2500" in page
    assert "<script" not in page
    assert "http:" not in page


# What is shipped

SHIPPED = [
    m.slug
    for m in METHODS
    for w in m.weights
    if w.name == "retrained" and w.files[0].name.endswith(".safetensors")
]


@pytest.mark.parametrize("slug", SHIPPED)
def test_shipped_networks_have_their_cards_and_are_small(slug: str) -> None:
    weights = next(w for w in METHODS[slug].weights if w.name == "retrained")
    path = find_file(slug, weights.files[0])
    assert path.stat().st_size < 16e6
    card = json.loads(path.with_suffix(".json").read_text())
    assert card["sha256"] == weights.files[0].sha256
    assert card["file"] == path.name
    assert card["data"] == ", ".join(weights.trained_on)
    assert card["modified"] is False
    # On pairs that it never saw it is better than the average by most measures, unless papers print
    # it below as well.
    last, average = card["validation"][-1], card["average"]
    better = [m for m in average if last[m] > average[m]]
    assert (len(better) > len(average) / 2) == (slug != "fusiongan"), (last, average)


def test_fusiongan_is_as_good_as_in_print() -> None:
    cells = [
        to_dict(a)
        for a in audit_all()["rao2021fmm"]
        if (a.cell.method, a.cell.table) == ("fusiongan", "1")
    ]
    assert len(cells) == 8
    for cell in cells:
        assert cell["protocols"]["jiangnan"] == pytest.approx(float(cell["printed"]), rel=0.25), (
            cell
        )
    edges = next(cell for cell in cells if cell["metric"] == "qabf")
    assert edges["protocols"]["jiangnan"] == pytest.approx(0.2682, abs=0.02)


def test_unknown_recipes_are_named() -> None:
    with pytest.raises(UnknownNameError, match="unknown recipe"):
        train_network("lp", [], Path("nowhere"))


def test_networks_have_methods() -> None:
    assert set(SLUGS) <= set(METHODS.slugs)


def test_other_settings_of_fmm_need_other_weights() -> None:
    with pytest.raises(InputError, match="train some with: fusebench train fmm --set fusion=add"):
        load("fmm", fusion="add")
    with pytest.raises((InputError, MissingDataError), match="depth is 1"):
        load("fmm", depth=1)

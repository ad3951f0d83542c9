"""The user's folders, TNO and Lytro: layouts, every way they can be wrong, and frozen splits."""

from __future__ import annotations

import csv
import shutil
import tracemalloc
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import pytest

from fusebench.bench.images import read_image, write_image
from fusebench.bench.types import Image, InputError, MissingDataError, UnknownNameError
from fusebench.datasets import (
    Dataset,
    FrozenPair,
    dataset_digest,
    export,
    listing,
    load,
    pair_facts,
    verify,
)
from fusebench.datasets._files import LAYOUTS
from fusebench.datasets._splits import read_split, write_split


def picture(name: str, height: int = 8, width: int = 9, colour: bool = False) -> Image:
    """Noise that depends on the name."""
    rng = np.random.default_rng(list(name.encode()))
    return rng.integers(0, 256, (height, width, 3) if colour else (height, width), dtype=np.uint8)


def fill(root: Path, names: Iterable[str]) -> Path:
    for name in names:
        write_image(root / name, picture(name))
    return root


# --- folder: what is recognised -------------------------------------------------------------


@pytest.mark.parametrize(
    ("a", "b", "split", "task"),
    [
        ("ir", "vi", "", "ivif"),
        ("ir", "vis", "", "ivif"),
        ("IR", "VIS", "", "ivif"),
        ("infrared", "visible", "", "ivif"),
        ("near", "far", "", "mff"),
        ("under", "over", "", "mef"),
        ("ct", "mri", "", "medical"),
        ("PET", "MRI", "", "medical"),
        ("spect", "mri", "", "medical"),
        ("a", "b", "mff", "mff"),
        ("A", "B", "medical", "medical"),
        ("1", "2", "mef", "mef"),
        ("ir", "vi", "ivif", "ivif"),
    ],
)
def test_two_folders_and_suffixes(tmp_path: Path, a: str, b: str, split: str, task: str) -> None:
    fill(tmp_path / "two", [f"{a}/07.png", f"{b}/07.BMP", f"{a}/x 8.png", f"{b}/x 8.png"])
    for mark in "_-":
        fill(tmp_path / mark, [f"07{mark}{a}.png", f"07{mark}{b}.BMP"])
        fill(tmp_path / mark, [f"x 8{mark}{a}.png", f"x 8{mark}{b}.png"])
    for layout in ("two", "_", "-"):
        dataset = load(f"folder:{split}" if split else "folder", root=tmp_path / layout)
        assert dataset.keys == ("07", "x 8")
        pair = dataset["07"]
        assert (pair.key, pair.task, pair.reference) == ("07", task, None)
        names = {
            "two": (f"{a}/07.png", f"{b}/07.BMP"),
            "_": (f"07_{a}.png", f"07_{b}.BMP"),
            "-": (f"07-{a}.png", f"07-{b}.BMP"),
        }[layout]
        assert np.array_equal(pair.a, picture(names[0]))
        assert np.array_equal(pair.b, picture(names[1]))
        assert [fact.key for fact in dataset.inspect()] == ["07", "x 8"]


@pytest.mark.parametrize("reference", ["reference", "gt", "GT"])
def test_reference_is_read_where_there_is_one(tmp_path: Path, reference: str) -> None:
    fill(tmp_path / "two", ["near/1.png", "far/1.png", f"{reference}/1.png"])
    fill(tmp_path / "one", ["1_near.png", "1_far.png", f"1_{reference}.png"])
    for layout, name in (("two", f"{reference}/1.png"), ("one", f"1_{reference}.png")):
        found = load("folder", root=tmp_path / layout)["1"].reference
        assert found is not None
        assert np.array_equal(found, picture(name))


def test_keys_are_in_natural_order(tmp_path: Path) -> None:
    fill(tmp_path, [f"{side}/p{i}.png" for side in ("ir", "vi") for i in (10, 9, 1)])
    assert load("folder", root=tmp_path).keys == ("p1", "p9", "p10")


def test_junk_and_other_folders_are_left_alone(tmp_path: Path) -> None:
    fill(tmp_path, ["ir/1.png", "vi/1.png", "labels/5.png", "fused/1.png", "ir/deep/2.png"])
    for name in ("ir/Thumbs.db", "vi/.DS_Store", "vi/list.txt", "README.md", "desktop.ini"):
        (tmp_path / name).write_bytes(b"x")
    for name in ("ir/.hidden.png", "vi/meta.CSV", "ir/x.json", ".1_ir.png"):
        (tmp_path / name).write_bytes(b"x")
    assert load("folder", root=tmp_path).keys == ("1",)


def test_same_letters_mean_one_source_per_pair(tmp_path: Path) -> None:
    fill(tmp_path, ["01_A.png", "01_b.png", "02_a.png", "02_B.png"])
    assert load("folder:mff", root=tmp_path).keys == ("01", "02")


def test_grey_beside_colour(tmp_path: Path) -> None:
    write_image(tmp_path / "ir/1.png", picture("ir"))
    write_image(tmp_path / "vi/1.png", picture("vi", colour=True))
    (fact,) = load("folder", root=str(tmp_path)).inspect()
    assert (fact.a_channels, fact.b_channels, fact.height, fact.width) == (1, 3, 8, 9)
    assert fact.scene == "1"


def test_no_name_stands_for_two_things() -> None:
    names = [name for layout in LAYOUTS for name in (*layout.a, *layout.b)]
    assert len(names) == len(set(names))


# --- folder: what is reported ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (
            ["ir/1.png", "ir/2.png", "vi/2.png", "vi/3.png"],
            r"ir/ lacks 1 stem: 3; vi/ lacks 1 stem: 1$",
        ),
        (
            ["ir/1.png", "vi/1.png", "ir/2.png", "vi/2.png", "gt/2.png"],
            r"gt/ lacks 1 stem: 1$",
        ),
        (["1_ir.png", "1_vi.png", "2_vi.png"], r"_ir lacks 1 stem: 2$"),
        (["ir/Man.png", "vi/man.png"], r"stems differ only in upper and lower case"),
        (["ir/1.png", "ir/1.jpg", "vi/1.png"], r"1 double stem: ir/1\.jpg and ir/1\.png"),
        (["1_ir.png", "1_IR.bmp", "1_vi.png"], r"1 double stem: 1_IR\.bmp and 1_ir\.png"),
        (["1_vi.png", "1_ir.png", "1_vis.png"], r"1 double stem: 1_vi\.png and 1_vis\.png"),
        (["ir/1.png"], r"holds the folder ir, but no vi or vis or visible$"),
        (["1_far.png"], r"holds the suffix far, but no near$"),
        (["ir/1.png", "vi/1.png", "vis/1.png"], r"holds vi and vis, which all mean b; keep one$"),
        (["ct/1.png", "pet/1.png", "mri/1.png"], r"holds ct and pet, which all mean a"),
        (
            ["ir/1.png", "vi/1.png", "gt/1.png", "reference/1.png"],
            r"gt and reference, which all mean reference",
        ),
        (["ir/1.png", "vi/1.png", "near/1.png", "far/1.png"], r"more than one layout: folders"),
        (["1_ir.png", "1_vi.png", "1_a.png", "1_b.png"], r"more than one layout: suffixs? "),
        (["ir/1.png", "vi/1.png", "1_ir.png"], r"both the folders ir/ and vi/ and 1 image"),
        (["1_ir.png", "1_vi.png", "map.png"], r"1 stray file: map\.png \(of no pair"),
        (["ir/1.png", "vi/1.png", "map.png"], r"1 stray file: map\.png \(of no pair"),
        (["a/1.png", "b/1.png"], r"a/ and b/ do not say which task this is; use folder:ivif, "),
    ],
)
def test_what_does_not_fit_is_named(tmp_path: Path, names: list[str], message: str) -> None:
    fill(tmp_path, names)
    with pytest.raises(InputError, match=message) as error:
        load("folder", root=tmp_path)
    assert "\n" not in str(error.value)


def test_all_that_does_not_fit_is_named_at_once(tmp_path: Path) -> None:
    fill(tmp_path, ["ir/1.png", "vi/2.png"])
    (tmp_path / "vi" / "2.mat").write_bytes(b"x")
    with pytest.raises(InputError) as error:
        load("folder", root=tmp_path)
    for part in ("ir/ lacks 1 stem: 2", "vi/ lacks 1 stem: 1", "1 stray file: vi/2.mat"):
        assert part in str(error.value)


def test_a_stated_task_may_not_contradict_the_names(tmp_path: Path) -> None:
    fill(tmp_path, ["ir/1.png", "vi/1.png"])
    with pytest.raises(InputError, match=r"names for ivif, but folder:mff was asked"):
        load("folder:mff", root=tmp_path)


@pytest.mark.parametrize("names", [[], ["x.png", "y.png"], ["ir/x.txt", "vi/x.txt"]])
def test_no_images_at_all(tmp_path: Path, names: list[str]) -> None:
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    with pytest.raises(MissingDataError, match=r"no image pairs in .*; expected two folders"):
        load("folder", root=tmp_path)


def test_no_such_folder(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match="does not exist"):
        load("folder", root=tmp_path / "nowhere")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(MissingDataError, match="is a file"):
        load("folder", root=tmp_path / "file")
    with pytest.raises(MissingDataError, match="give --root DIR"):
        load("folder")
    with pytest.raises(UnknownNameError, match="unknown split of folder 'ivff'; did you mean"):
        load("folder:ivff", root=tmp_path)


def test_sizes_and_damage_are_found_before_any_work(tmp_path: Path) -> None:
    fill(tmp_path, [f"{side}/{i}.png" for side in ("ir", "vi") for i in range(1, 5)])
    write_image(tmp_path / "vi/1.png", picture("x", 8, 10))
    whole = (tmp_path / "ir/2.png").read_bytes()
    (tmp_path / "ir/2.png").write_bytes(whole[: len(whole) // 2])
    (tmp_path / "vi/3.png").write_text("text")
    dataset = load("folder", root=tmp_path)
    with pytest.raises(InputError) as error:
        dataset.inspect()
    message = str(error.value)
    assert "folder: 3 unusable pairs: " in message
    assert "vi/1.png has size 8x10, but" in message
    assert "ir/2.png cannot be read as an image" in message
    assert "vi/3.png is not an image" in message
    assert "4:" not in message
    assert "\n" not in message
    assert dataset["4"].key == "4"
    with pytest.raises(InputError, match="8x10"):
        dataset["1"]
    with pytest.raises(InputError, match="folder has no pair '9'; it has 1, 2, 3, 4"):
        dataset["9"]


def test_a_reference_of_another_size_is_found(tmp_path: Path) -> None:
    fill(tmp_path, ["near/1.png", "far/1.png"])
    write_image(tmp_path / "gt/1.png", picture("gt", 9, 9))
    with pytest.raises(InputError, match=r"gt/1\.png has size 9x9, but"):
        load("folder", root=tmp_path).inspect()


def test_a_folder_has_nothing_to_verify_against(tmp_path: Path) -> None:
    fill(tmp_path, ["ir/1.png", "vi/1.png"])
    with pytest.raises(InputError, match="no frozen split"):
        verify(load("folder", root=tmp_path))


def test_memory_does_not_grow_with_the_number_of_pairs(tmp_path: Path) -> None:
    peaks = []
    for number in (3, 30):
        root = tmp_path / str(number)
        fill(root, [f"{side}/{i}.png" for side in ("ir", "vi") for i in range(number)])
        for path in root.glob("*/*.png"):
            write_image(path, picture(path.stem, 300, 300))
        dataset = load("folder", root=root)
        dataset["0"]
        tracemalloc.start()
        for pair in dataset:
            assert pair.a.shape == (300, 300)
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 90_000  # one image
    assert peaks[1] > 180_000  # it does see two


# --- export ---------------------------------------------------------------------------------


def test_export_comes_back_by_folder(tmp_path: Path) -> None:
    fill(tmp_path / "in", ["near/1.png", "far/1.png", "gt/1.png"])
    write_image(tmp_path / "in/near/1.png", picture("colour", colour=True))
    dataset = load("folder", root=tmp_path / "in")
    assert export(dataset, tmp_path / "out") == [tmp_path / "out"]
    files = sorted(str(p.relative_to(tmp_path / "out")) for p in tmp_path.glob("out/*/*"))
    assert files == ["a/1.png", "b/1.png", "reference/1.png"]
    again = load("folder:mff", root=tmp_path / "out")
    assert dataset_digest(again.inspect()) == dataset_digest(dataset.inspect())
    assert export(dataset, tmp_path / "out") == [tmp_path / "out"]


def test_export_does_not_mix_with_other_files(tmp_path: Path) -> None:
    fill(tmp_path, ["in/near/1.png", "in/far/1.png", "out/b/old.png"])
    with pytest.raises(InputError, match=r"already holds 1 other file: b/old\.png"):
        export(load("folder", root=tmp_path / "in"), tmp_path / "out")
    assert not (tmp_path / "out" / "a").exists()


# --- published lists ------------------------------------------------------------------------


def test_splits_hold_facts_and_no_pixels(tmp_path: Path) -> None:
    import fusebench.datasets._splits as splits

    for path in sorted(splits.FOLDER.iterdir()):
        assert path.suffix == ".csv"
        assert path.stat().st_size < 30_000
        pairs = read_split(path.stem)
        for key, pair in pairs.items():
            assert key == pair.key
            assert pair.scene
            assert pair.title
            if pair.a_digest is None or pair.b_digest is None:
                assert pair.a_digest is pair.b_digest is None
            else:
                assert len(pair.a_digest) == len(pair.b_digest) == 64
                assert pair.a_digest != pair.b_digest
        write_split(tmp_path / path.name, list(pairs.values()))
        assert (tmp_path / path.name).read_bytes() == path.read_bytes()


def test_one_pair_has_one_scene_in_all_lists() -> None:
    scenes: dict[tuple[str, str], set[tuple[str, str]]] = {}
    for name in ("25", "42", "21", "10"):
        pairs = read_split(f"tno_{name}")
        for pair in pairs.values():
            pixels = (pair.a_digest, pair.b_digest)
            scenes.setdefault(pixels, set()).add((pair.scene, pair.title))
            for place in pair.elsewhere:
                folder, stem = place.split("/")
                if folder != "tno42_rest":
                    other = read_split(f"tno_{folder.removeprefix('tno')}")[stem]
                    assert (other.a_digest, other.b_digest) == pixels
    assert all(len(found) == 1 for found in scenes.values())
    assert len(scenes) == 47


def test_frames_of_one_sequence_share_a_scene() -> None:
    tno42 = {pair.title: pair.scene for pair in read_split("tno_42").values()}
    assert tno42["Nato_camp_sequence/1816"] == "Nato_camp_sequence"
    assert tno42["soldier_behind_smoke_1"] == tno42["soldier_behind_smoke_3"]
    assert tno42["Kaptein_1123"] == tno42["Kaptein_01"] != tno42["Kaptein_1654"]
    tno21 = {pair.title: pair.scene for pair in read_split("tno_21").values()}
    assert tno21["Nato_camp_sequence/1811"] == tno42["Nato_camp_sequence/1816"]
    assert tno21["Tree_sequence/4901"] == tno42["Tree_sequence/4915"]
    assert "not TNO" in read_split("tno_21")["04"].notes


def test_published_lists_need_a_root_and_a_split() -> None:
    with pytest.raises(MissingDataError, match=r"tno:25 needs the folder of its images.*ir/"):
        load("tno:25")
    with pytest.raises(UnknownNameError, match="split of tno"):
        load("tno")
    with pytest.raises(UnknownNameError, match="split of tno '26'"):
        load("tno:26", root=".")


def tno_like(root: Path, split: str, style: str) -> Path:
    """Write noise under the names of a list, as people have them on disk."""
    for key in read_split(f"tno_{split}"):
        number = str(int(key))
        a, b = {
            "plain": (f"ir/{key}.png", f"vi/{key}.png"),
            "upper": (f"IR/{key}.PNG", f"VIS/{key}.bmp"),
            "tagged": (f"ir/IR{number}.png", f"vis/VIS{number}.png"),
            "suffix": (f"{key}_ir.png", f"{key}_vi.png"),
        }[style]
        write_image(root / a, picture(f"a{split}{key}"))
        write_image(root / b, picture(f"b{split}{key}"))
    return root


@pytest.mark.parametrize("style", ["plain", "upper", "tagged", "suffix"])
@pytest.mark.parametrize("inside", ["", "tno21", "TNO"])
def test_tno_layouts(tmp_path: Path, style: str, inside: str) -> None:
    tno_like(tmp_path / inside, "21", style)
    dataset = load("tno:21", root=tmp_path)
    assert dataset.name == "tno:21"
    assert dataset.keys == tuple(f"{i:02d}" for i in range(1, 22))
    assert dataset.extra == ()
    for key in ("01", "10", "21"):
        pair = dataset[key]
        assert pair.task == "ivif"
        assert np.array_equal(pair.a, picture(f"a21{key}"))
        assert np.array_equal(pair.b, picture(f"b21{key}"))
    assert dataset["01"].scene == "Nato_camp_sequence"


def test_tno_pairs_are_found_in_other_lists(tmp_path: Path) -> None:
    tno_like(tmp_path / "tno42", "42", "plain")
    by_parent = load("tno:25", root=tmp_path)
    by_itself = load("tno:25", root=tmp_path / "tno42")
    ten = load("tno:10", root=tmp_path)
    for key, pair in read_split("tno_25").items():
        (stem,) = [p.split("/")[1] for p in pair.elsewhere if p.startswith("tno42/")]
        assert np.array_equal(by_parent[key].a, picture(f"a42{stem}"))
        assert np.array_equal(by_itself[key].b, picture(f"b42{stem}"))
    assert by_parent.extra == ()
    assert np.array_equal(ten["2"].a, picture("a4240"))
    with pytest.raises(MissingDataError, match=r"tno:21: 5 incomplete pairs: 01 \(no a and no b\)"):
        load("tno:21", root=tmp_path)


def test_the_lists_own_folder_comes_first(tmp_path: Path) -> None:
    tno_like(tmp_path / "tno42", "42", "plain")
    tno_like(tmp_path / "tno25", "25", "plain")
    assert np.array_equal(load("tno:25", root=tmp_path)["07"].a, picture("a2507"))


def test_missing_pairs_are_named(tmp_path: Path) -> None:
    tno_like(tmp_path, "25", "plain")
    (tmp_path / "ir/07.png").unlink()
    (tmp_path / "ir/09.png").unlink()
    (tmp_path / "vi/09.png").unlink()
    with pytest.raises(MissingDataError) as error:
        load("tno:25", root=tmp_path)
    assert "2 incomplete pairs: 07 (no a); 09 (no a and no b) in" in str(error.value)
    with pytest.raises(MissingDataError, match=r"no images of tno:25 in .*; expected ir/ and vi/"):
        load("tno:25", root=(tmp_path / "empty").mkdir() or tmp_path / "empty")
    with pytest.raises(MissingDataError, match="does not exist"):
        load("tno:25", root=tmp_path / "nowhere")


def test_unrelated_folders_beside_a_list_do_no_harm(tmp_path: Path) -> None:
    tno_like(tmp_path / "tno25", "25", "plain")
    fill(tmp_path, ["vis/1.png", "near/1.png"])
    assert len(load("tno:25", root=tmp_path)) == 25
    shutil.rmtree(tmp_path / "tno25")
    with pytest.raises(InputError, match="holds the folder vis, but no ir"):
        load("tno:25", root=tmp_path)


def test_verify_names_every_difference(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import fusebench.datasets._records as records

    tno_like(tmp_path, "10", "plain")
    facts = load("tno:10", root=tmp_path).inspect()
    frozen = {
        f.key: FrozenPair(f.key, f.scene, f.scene, f.a_digest, f.b_digest, None) for f in facts
    }
    monkeypatch.setattr(records, "read_split", lambda name: frozen)
    assert verify(load("tno:10", root=tmp_path)) == []
    assert verify(load("tno:10", root=tmp_path), facts) == []

    write_image(tmp_path / "ir/2.png", picture("other"))
    for side, other in (("ir", "vi"), ("vi", "ir")):
        write_image(tmp_path / side / "3.png", picture(f"{'b' if other == 'vi' else 'a'}103"))
    (tmp_path / "vi/4.png").write_text("text")
    fill(tmp_path, ["ir/11.png"])
    (tmp_path / "vi/notes.doc").write_bytes(b"x")
    dataset = load("tno:10", root=tmp_path)
    differences = verify(dataset)
    assert differences[0] == "2: a (ir/2.png) has other pixels"
    assert differences[1] == "3: a and b are exchanged"
    assert differences[2].startswith("4: ")
    assert differences[2].endswith("is not an image (its content fits no known format)")
    assert differences[3:] == ["extra file: ir/11.png", "extra file: vi/notes.doc"]
    write_image(tmp_path / "vi/6.png", read_image(tmp_path / "vi/7.png"))
    assert "6: b (vi/6.png) has the pixels of 7" in verify(dataset)
    (tmp_path / "ir/5.png").unlink()
    assert any(line.startswith("5: ") and "does not exist" in line for line in verify(dataset))


def test_verify_knows_pairs_that_the_split_lacks() -> None:
    dataset = load("demo:medical")
    first, *others = dataset.keys
    known = {key: dataset.frozen[key] for key in others}
    frozen = {**known, "gone": known[others[0]]}
    unknown = Dataset("x", dataset.info, "", dataset.keys[:-1], None, dataset._read, frozen)
    assert verify(unknown) == [
        f"{others[-1]}: missing",
        "gone: missing",
        f"{first}: not in the frozen split",
    ]


@pytest.mark.parametrize("name", ["lytro", "lytro:20"])
@pytest.mark.parametrize(
    ("inside", "a", "b"),
    [
        ("", "lytro-{}-A.jpg", "lytro-{}-B.jpg"),
        ("CMFDataset", "lytro-{}-A.jpg", "lytro-{}-B.jpg"),
        ("", "near/lytro-{}.jpg", "far/lytro-{}.jpg"),
        ("lytro", "near/lytro-{}.jpg", "far/lytro-{}.jpg"),
        ("", "a/{}.png", "b/{}.png"),
    ],
)
def test_lytro_layouts(tmp_path: Path, name: str, inside: str, a: str, b: str) -> None:
    for i in range(1, 21):
        fill(tmp_path / inside, [a.format(f"{i:02d}"), b.format(f"{i:02d}")])
    fill(tmp_path / inside, ["Triple Series/lytro-01-C.png"])
    dataset = load(name, root=tmp_path)
    assert dataset.name == "lytro:20"
    assert dataset.keys == tuple(f"lytro-{i:02d}" for i in range(1, 21))
    pair = dataset["lytro-07"]
    assert (pair.task, pair.scene) == ("mff", "lytro-07")
    assert np.array_equal(pair.a, read_image(tmp_path / inside / a.format("07")))
    assert np.array_equal(pair.b, read_image(tmp_path / inside / b.format("07")))


# --- the real images ------------------------------------------------------------------------


@pytest.mark.shared
def test_lists_are_those_of_the_shared_splits(shared: Path) -> None:
    for name, file, column in (
        ("25", "tno25_cddfuse.csv", "tno25_id"),
        ("42", "tno42_linfeng.csv", "tno42_id"),
        ("21", "tno21_hli1221.csv", "tno21_id"),
        ("10", "tno10_jiangnan.csv", "tno10_id"),
    ):
        with (shared / "data" / "splits" / file).open(newline="") as handle:
            rows = list(csv.DictReader(handle))
        pairs = read_split(f"tno_{name}")
        assert [row[column] for row in rows] == list(pairs)
        for row in rows:
            assert row["scene"].startswith(pairs[row[column]].title)


# --- small things ---------------------------------------------------------------------------


def test_digest_does_not_depend_on_order_or_format(tmp_path: Path) -> None:
    for ending in ("png", "bmp"):
        for i in range(3):
            write_image(tmp_path / ending / "ir" / f"{i}.{ending}", picture(f"a{i}"))
            write_image(tmp_path / ending / "vi" / f"{i}.{ending}", picture(f"b{i}"))
    facts = load("folder", root=tmp_path / "png").inspect()
    assert dataset_digest(facts) == dataset_digest(facts[::-1])
    assert dataset_digest(facts) == dataset_digest(load("folder", root=tmp_path / "bmp").inspect())
    assert dataset_digest(facts) != dataset_digest(facts[:2])


def test_listing_is_one_line_of_at_most_ten() -> None:
    assert listing("file", ["x"]) == "1 file: x"
    assert listing("file", [str(i) for i in range(12)]).endswith("; 9; and 2 more")


def test_facts_are_those_of_the_pair() -> None:
    pair = load("demo")["mff_coins"]
    fact = pair_facts(pair)
    assert (fact.key, fact.task, fact.scene) == ("mff_coins", "mff", "coins")
    assert (fact.height, fact.width) == (303, 384)
    assert fact.reference_digest is not None

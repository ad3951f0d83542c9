"""Records of published datasets: their layouts, splits, and agreement with the files."""

from __future__ import annotations

import csv
import hashlib
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
import pytest
from conftest import picture
from PIL import Image as PillowImage

from fusebench.bench.images import pixel_digest, read_image, write_image
from fusebench.bench.types import InputError, MissingDataError, UnknownNameError
from fusebench.datasets import (
    DATASETS,
    RECORDS,
    Dataset,
    FrozenPair,
    dataset_folder,
    downloads,
    load,
    not_compared,
    verify,
)
from fusebench.datasets._downloads import FOLDER as DOWNLOADS
from fusebench.datasets._patterns import Patterns, match
from fusebench.datasets._records import Record, Split, read_record
from fusebench.datasets._splits import FOLDER as SPLITS
from fusebench.datasets._splits import read_split

OWN_LAYOUTS = [
    pytest.param(record, split, patterns, id=f"{slug}-{i}")
    for slug, record in RECORDS.items()
    for split in dict.fromkeys((None, *record.splits.values()))
    for i, patterns in enumerate(record.layouts if split is None else split.layouts)
]
EVERY_SPLIT = [
    pytest.param(slug, split, id=f"{slug}:{split.name}")
    for slug, record in RECORDS.items()
    for split in dict.fromkeys(record.splits.values())
]
SAMPLES = {"train|test": "test", "set0[0-5]": "set01", "set0[6-9]|set1[01]": "set10"}


def fill_pattern(root: Path, pattern: str, values: Mapping[str, str]) -> Path:
    """Write a small picture where a pattern says."""

    def text(match: re.Match[str]) -> str:
        return SAMPLES[match[2]] if match[2] else values.get(match[1], values["key"])

    path = root / (re.sub(r"\{(\w*)(?::([^}]+))?\}", text, pattern).replace("*", "rain") + ".png")
    write_image(path, picture(len(pattern), 8, 8))
    return path


# --- every record ---------------------------------------------------------------------------


@pytest.mark.parametrize("slug", RECORDS)
def test_a_record_says_what_a_user_needs(slug: str) -> None:
    info = RECORDS[slug].info
    assert DATASETS[slug] is info
    for text in (info.title, info.licence, info.layout, info.notes, info.sizes, info.reference):
        assert text.strip()
    assert len(info.sources) >= 2
    assert info.home.startswith("https://")
    assert not info.doi or re.fullmatch(r"10\.\d{4,5}/\S+", info.doi)
    for split in info.splits:
        assert re.fullmatch(r"[a-z0-9]*", split)


@pytest.mark.parametrize(("slug", "split"), EVERY_SPLIT)
def test_lists_have_their_number_of_pairs(slug: str, split: Split) -> None:
    if split.listed:
        assert len(read_split(split.listed)) == split.pairs
    for name in (split.listed, *split.known):
        assert not name or (SPLITS / f"{name}.csv").is_file()


def test_every_list_belongs_to_a_split() -> None:
    named = {
        name
        for record in RECORDS.values()
        for split in record.splits.values()
        for name in (split.listed, *split.known)
    }
    assert {path.stem for path in SPLITS.glob("*.csv")} == (named - {""}) | {"demo"}
    assert {path.stem for path in DOWNLOADS.glob("*.csv")} <= named


@pytest.mark.parametrize("slug", RECORDS)
def test_known_problems_name_pairs_that_exist(slug: str) -> None:
    record = RECORDS[slug]
    for problem in record.info.problems:
        assert problem.text.endswith(".")
        for where in problem.keys:
            name, _, key = where.partition("/")
            split = record.splits[name]
            lists = [split.listed] if split.listed else list(split.known)
            if lists:
                assert any(key in read_split(listed) for listed in lists), where


def test_the_problems_everybody_should_know_are_recorded() -> None:
    def found(slug: str, kind: str) -> str:
        return " ".join(
            f"{' '.join(p.keys)} {p.text}" for p in DATASETS[slug].problems if p.kind == kind
        )

    assert "25/12 42/19 Marne_01" in found("tno", "registration")
    assert "bush_NIR" in found("tno", "label")
    assert "savic_18 and tsai_12" in found("mfifb", "duplicate")
    assert "each PET slice twice" in found("harvard_pet_mri", "duplicate")
    pet = read_split("harvard_pet_mri_42")
    for key in range(11, 32):
        assert pet[str(key)].a_digest == pet[str(key + 21)].a_digest
        assert pet[str(key)].b_digest != pet[str(key + 21)].b_digest


def test_slices_of_one_patient_share_a_scene() -> None:
    def scenes(name: str) -> dict[str, int]:
        found: dict[str, int] = {}
        for pair in read_split(name).values():
            found[pair.scene] = found.get(pair.scene, 0) + 1
        return found

    assert scenes("harvard_pet_mri_42") == {"pet_patient_1": 42}
    assert sorted(scenes("harvard_spect_mri_73").values()) == [13, 27, 33]
    assert sorted(scenes("harvard_ct_mri_21").values()) == [10, 11]
    assert scenes("roadscene_50")["FLIR_video_02829"] == 2
    tno = {pair.scene for pair in read_split("tno_21").values()}
    assert {"Nato_camp_sequence", "Tree_sequence"} <= tno & set(scenes("ivif_classic14"))


def digests(names: set[str]) -> set[str]:
    pairs = [pair for name in names for pair in read_split(name).values()]
    return {d for pair in pairs for d in (pair.a_digest, pair.b_digest) if d}


def test_training_lists_share_no_pixels_and_no_scene_with_test_lists() -> None:
    splits = [split for record in RECORDS.values() for split in record.splits.values()]
    training = {split.listed for split in splits if split.training and split.listed}
    training |= {name for s in splits if s.training for name in s.known}
    assert training == {"roadscene_161", "msrs_train_known"}
    testing = {name for s in splits for name in (s.listed, *s.known)} - training - {""}
    assert len(testing) > 20
    assert not digests(training) & digests(testing)
    train, test = read_split("roadscene_161"), read_split("roadscene_50")
    assert not {p.scene for p in train.values()} & {p.scene for p in test.values()}
    assert not set(train) & set(test)


@pytest.mark.parametrize(("slug", "split"), EVERY_SPLIT)
def test_downloads_are_pinned_and_complete(slug: str, split: Split) -> None:
    files = downloads(f"{slug}:{split.name}" if split.name else slug)
    pairs: dict[str, FrozenPair] = {}
    for name in [split.listed] if split.listed else split.known:
        pairs |= {key: p for key, p in read_split(name).items() if p.a_digest}
    if not files:
        assert split.pairs is None or len(pairs) < split.pairs or not split.listed
        return
    assert {Path(f.path).stem for f in files} == set(pairs)
    assert len({f.path for f in files}) == len(files)
    for file in files:
        assert re.fullmatch(r"[\w.-]+/[\w.-]+@[0-9a-f]{40}", file.repository)
        assert re.fullmatch(r"[0-9a-f]{64}", file.sha256)
        assert re.fullmatch(r"\w+/[\w-]+\.\w+", file.path)


def test_nothing_is_known_of_what_nobody_listed() -> None:
    assert downloads("m3fd") == downloads("vifb:21") == downloads("demo") == []
    assert len(downloads("vifb")) == 36
    with pytest.raises(UnknownNameError, match="split of tno '26'"):
        downloads("tno:26")


# --- layouts --------------------------------------------------------------------------------


@pytest.mark.parametrize(("record", "split", "patterns"), OWN_LAYOUTS)
def test_own_layouts_are_recognised(
    tmp_path: Path, record: Record, split: Split | None, patterns: Patterns
) -> None:
    for number in ("1", "2"):
        values = {"key": f"scene-{number}", "1": "set01", "2": number, "3": f"I0{number}"}
        for pattern in (*patterns.sources, *filter(None, [patterns.reference])):
            fill_pattern(tmp_path, pattern, values)
    found = match(tmp_path, patterns)
    assert found is not None
    assert len(found.files["a"]) == len(found.files["b"]) == 2
    between = [side for side in found.files if side.isdigit()]
    assert len(between) == len(patterns.sources) - 2
    assert ("reference" in found.files) == bool(patterns.reference)
    if split is None and "" in record.splits and not record.splits[""].listed:
        dataset = load(record.info.slug, tmp_path)
        assert set(dataset.keys) == set(found.files["a"])
        pair = dataset[dataset.keys[0]]
        assert len(pair.others) == len(between)
        assert (pair.reference is None) == (not patterns.reference)
    (tmp_path / "empty").mkdir()
    assert match(tmp_path / "empty", patterns) is None


def test_keys_of_several_folders(tmp_path: Path) -> None:
    for name in ("set06/V000", "set06/V001", "set11/V000", "set00/V000"):
        for side in ("lwir", "visible"):
            write_image(tmp_path / "images" / name / side / "I00019.jpg", picture(1, 8, 8))
    dataset = load("kaist", tmp_path)
    assert dataset.keys == (
        "set00_V000_I00019",
        "set06_V000_I00019",
        "set06_V001_I00019",
        "set11_V000_I00019",
    )
    with pytest.raises(MissingDataError, match=r"kaist:test has 45141 pairs, but .* holds 3;"):
        load("kaist:test", tmp_path)
    with pytest.raises(MissingDataError, match=r"kaist:train has 50187 pairs, but .* holds 1;"):
        load("kaist:train", tmp_path)


def test_the_case_of_names_may_differ_and_originals_lie_beside(tmp_path: Path) -> None:
    folder = tmp_path / "input" / "Farmhouse"
    for name in ("Farmhouse_A.png", "FarmHouse_B.png", "original1.png"):
        write_image(folder / name, picture(1, 8, 8))
    write_image(folder / "Barn_A.png", picture(1, 8, 8))
    assert load("mefb", tmp_path).keys == ("Farmhouse",)


def test_a_name_that_comes_twice_in_one_part_is_the_same_text(tmp_path: Path) -> None:
    for name in ("x-x", "x-y"):
        for side in ("a", "b"):
            write_image(tmp_path / side / f"{name}.png", picture(1, 8, 8))
    found = match(tmp_path, Patterns(("a/{key}-{key}", "b/{key}-{key}")))
    assert found is not None
    assert {key: path.stem for key, path in found.files["a"].items()} == {"x": "x-x"}


def test_series_keep_the_sources_between(tmp_path: Path) -> None:
    for number, level in enumerate((10, 60, 120, 200), 1):
        image = np.full((6, 7), level, dtype=np.uint8)
        write_image(tmp_path / "MEDataset" / "house" / f"house{number}.png", image)
        if number != 2:
            write_image(tmp_path / "MEDataset" / "door" / f"door{number}.png", image)
    dataset = load("me_seq", tmp_path)
    assert dataset.keys == ("door", "house")
    house, door = dataset["house"], dataset["door"]
    levels = [int(image[0, 0]) for image in (house.a, *house.others, house.b)]
    assert levels == [10, 60, 120, 200]
    assert [int(image[0, 0]) for image in (door.a, *door.others, door.b)] == [10, 120, 200]
    ends = load("me_seq:ends", tmp_path)["house"]
    assert (int(ends.a[0, 0]), int(ends.b[0, 0]), ends.others) == (10, 200, ())


def test_a_series_is_not_run_as_a_pair(tmp_path: Path) -> None:
    import fusebench

    for i in (1, 2, 3):
        write_image(tmp_path / f"e{i}" / "x.png", picture(i, 40, 40))
    with pytest.raises(InputError, match=r"series of more than two sources.*use me_seq:ends"):
        fusebench.evaluate(lambda a, b: a, "me_seq", name="Mine", root=tmp_path)


def test_four_channels_are_a_pair(tmp_path: Path) -> None:
    planes = np.random.default_rng(0).integers(0, 256, (5, 6, 4), dtype=np.uint8)
    for name in ("00001D", "00002N", "00003N"):
        (tmp_path / "images").mkdir(exist_ok=True)
        PillowImage.fromarray(planes, "RGBA").save(tmp_path / "images" / f"{name}.png")
    (tmp_path / "val.txt").write_text("00003N\n00001D\n")
    pair = load("mfnet", tmp_path)["00002N"]
    assert np.array_equal(pair.a, planes[..., 3])
    assert np.array_equal(pair.b, planes[..., :3])
    with pytest.raises(MissingDataError, match=r"mfnet:val has 392 pairs, but .* holds 2;"):
        load("mfnet:val", tmp_path)
    with pytest.raises(MissingDataError, match=r"needs .*test\.txt, which lists its pairs"):
        load("mfnet:test", tmp_path)
    (tmp_path / "val.txt").write_text("00009N\n")
    with pytest.raises(MissingDataError, match="1 missing pair: 00009N"):
        load("mfnet:val", tmp_path)
    write_image(tmp_path / "images" / "00001D.png", picture(1, 5, 6))
    with pytest.raises(InputError, match=r"has the channels L; expected four"):
        load("mfnet", tmp_path)["00001D"]


def test_a_counted_split_says_how_it_differs(tmp_path: Path) -> None:
    for i in range(3):
        for side in ("ir", "vi"):
            write_image(tmp_path / "M3FD_Fusion" / side / f"{i}.png", picture(i, 8, 8))
    with pytest.raises(MissingDataError, match=r"m3fd:300 has 300 pairs, but .* holds 3; expected"):
        load("m3fd:300", tmp_path)
    dataset = load("m3fd", tmp_path)
    assert len(dataset) == 3
    assert not_compared(dataset) == ["0", "1", "2"]
    with pytest.raises(InputError, match="nobody has listed its pixels"):
        verify(dataset)
    (tmp_path / "M3FD_Fusion" / "vi" / "2.png").unlink()
    with pytest.raises(InputError, match="vi/ lacks 1 stem: 2"):
        load("m3fd", tmp_path)


def test_a_split_is_found_in_the_whole_dataset(tmp_path: Path) -> None:
    keys = [*read_split("roadscene_50"), *read_split("roadscene_161")]
    for key in keys:
        for side in ("cropinfrared", "crop_LR_visible"):
            path = tmp_path / side / f"{key}.jpg"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
    write_image(tmp_path / "infrared" / "x.png", picture(1, 8, 8))
    assert load("roadscene:50", tmp_path).keys == tuple(read_split("roadscene_50"))
    assert load("roadscene:50", tmp_path).extra == ()
    assert len(load("roadscene", tmp_path)) == 211
    with pytest.raises(MissingDataError, match=r"has 221 pairs, but .* holds 211"):
        load("roadscene:221", tmp_path)


def test_known_pairs_of_an_open_split_are_verified(tmp_path: Path) -> None:
    for key in ("man", "mine"):
        for side in ("IR", "VI"):
            write_image(tmp_path / "input" / side / f"{key}.png", picture(len(key + side), 8, 8))
    dataset = load("vifb", tmp_path)
    assert verify(dataset) == [
        "man: a (IR/man.png) has other pixels",
        "man: b (VI/man.png) has other pixels",
    ]
    assert not_compared(dataset) == ["mine"]
    with pytest.raises(MissingDataError, match=r"vifb:21: 20 incomplete pairs: carLight"):
        load("vifb:21", tmp_path)


def test_one_number_in_no_name_does_not_match_any_other(tmp_path: Path) -> None:
    """Names without a number are matched by name only."""
    for key in read_split("vifb_21"):
        if key != "kettle":
            for side in ("ir", "vi"):
                write_image(tmp_path / side / f"{key.upper()}.png", picture(1, 8, 8))
    with pytest.raises(MissingDataError, match=r"1 incomplete pair: kettle \(no a and no b\)"):
        load("vifb:21", tmp_path)


def test_a_record_with_unknown_words_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.toml"
    path.write_text('title = "X"\ntasks = ["mff"]\nlicense = "?"\n[splits.""]\n')
    with pytest.raises(InputError, match=r"x\.toml is not a record: .*license"):
        read_record(path)


def test_a_downloaded_dataset_needs_no_root(tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"or see 'fusebench datasets get mf_gt'"):
        load("mf_gt")
    folder = dataset_folder("mf_gt")
    for side in ("a", "b", "gt"):
        write_image(folder / side / "lab.png", picture(1, 8, 8))
    assert load("mf_gt").keys == ("lab",)
    assert dataset_folder("lytro") == dataset_folder("lytro:20")


# --- the real images ------------------------------------------------------------------------

FOLDERS = {
    "bio_gfp_pc": ("bio_gfp_pc", ("gfp", "pc")),
    "emfusion_ct_mri": ("emfusion_ct_mri", ("ct", "mri")),
    "harvard_ct_mri": ("harvard_ct_mri:21", ("ct", "mri")),
    "harvard_pet_mri": ("harvard_pet_mri:42", ("pet", "mri")),
    "harvard_spect_mri": ("harvard_spect_mri", ("spect", "mri")),
    "hill2021": ("hill2021", ("a", "b")),
    "ivif_classic14": ("ivif_classic14", ("ir", "vi")),
    "lytro": ("lytro:20", ("near", "far")),
    "lytro_triple": ("lytro_triple", ("a", "b", "c")),
    "me_seq": ("me_seq", ("e1", "e2", "e3", "e4", "e5", "e6")),
    "me_u2f": ("me_u2f", ("under", "over")),
    "med_classic8": ("med_classic8", ("a", "b")),
    "med_series010": ("med_series010", ("spect", "ct", "mri_gad", "mri_pd", "mri_t2")),
    "mefb": ("mefb", ("under", "over")),
    "mf_gray10": ("mf_gray10", ("a", "b")),
    "mf_gt": ("mf_gt", ("a", "b")),
    "mffw": ("mffw", ("a", "b")),
    "msrs": ("msrs", ("ir", "vi")),
    "roadscene50": ("roadscene:50", ("ir", "vi")),
    "roadscene_train": ("roadscene:161", ("ir", "vi")),
    "tno21": ("tno:21", ("ir", "vi")),
    "tno25": ("tno:25", ("ir", "vi")),
    "vifb": ("vifb", ("ir", "vi")),
}


@pytest.fixture(scope="module")
def manifest(shared: Path) -> dict[str, dict[str, dict[str, dict[str, str]]]]:
    """Rows by folder, pair and modality; every file is what the manifest says."""
    rows: dict[str, dict[str, dict[str, dict[str, str]]]] = {}
    with (shared / "data" / "manifest.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            path = shared / "data" / row["path"]
            assert hashlib.sha256(path.read_bytes()).hexdigest() == row["sha256"], path
            rows.setdefault(row["dataset"], {}).setdefault(row["id"], {})[row["modality"]] = row
    return rows


def sources(dataset: Dataset, key: str) -> Iterator[Path]:
    """The files of a pair or series, in the order of its sources."""
    files = dataset.files[key]
    yield files["a"]
    yield from (path for side, path in files.items() if side.isdigit())
    yield files["b"]


@pytest.mark.shared
def test_every_shared_folder_is_registered(
    manifest: dict[str, dict[str, dict[str, dict[str, str]]]],
) -> None:
    assert set(FOLDERS) == set(manifest) - {"tno42_rest"}  # which tno:42 has, with tno25


@pytest.mark.shared
@pytest.mark.parametrize("folder", FOLDERS)
def test_real_images_are_those_of_the_manifest(
    shared: Path, manifest: dict[str, dict[str, dict[str, dict[str, str]]]], folder: str
) -> None:
    name, modalities = FOLDERS[folder]
    dataset = load(name, root=shared / "data")
    assert dataset.name == name
    assert set(dataset.keys) == set(manifest[folder])
    assert load(name, root=shared / "data" / folder).keys == dataset.keys
    for key in dataset.keys:
        rows = [manifest[folder][key][m] for m in modalities if m in manifest[folder][key]]
        paths = [str(path.relative_to(shared / "data")) for path in sources(dataset, key)]
        assert paths == [row["path"] for row in rows]
    facts = dataset.inspect()
    assert verify(dataset, facts) == []
    assert not_compared(dataset) == []
    for fact in facts:
        row = manifest[folder][fact.key][modalities[0]]
        assert (fact.width, fact.height) == (int(row["width"]), int(row["height"]))
    pair = dataset[facts[0].key]
    assert pixel_digest(read_image(next(sources(dataset, pair.key)))) == facts[0].a_digest


@pytest.mark.shared
@pytest.mark.parametrize("name", ["me_seq:ends", "lytro_triple:ends", "med_series010:ends"])
def test_ends_of_real_series(shared: Path, name: str) -> None:
    dataset = load(name, root=shared / "data")
    assert verify(dataset) == []
    assert not any(pair.others for pair in dataset)


@pytest.mark.shared
def test_the_42_and_10_of_tno_are_the_frozen_ones(shared: Path) -> None:
    for name in ("tno:42", "tno:10"):
        dataset = load(name, root=shared / "data")
        used = {str(p.parent.parent.name) for key in dataset.keys for p in sources(dataset, key)}
        assert used == {"tno25", "tno42_rest"}
        assert verify(dataset) == []

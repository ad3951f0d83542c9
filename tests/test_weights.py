"""Weights: found by their digest, and every mistake is one line that says what to do."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from test_cli import Run, refused, run
from torch import nn

from fusebench.bench import fetch as fetch_module
from fusebench.bench.types import InputError, MissingDataError, WeightFile
from fusebench.methods import METHODS, _weights, load
from fusebench.methods._networks.ifcnn import IFCNN
from fusebench.methods._weights import (
    WeightFiles,
    file_digest,
    find_file,
    from_tensorflow,
    load_network,
    read_tensors,
    renamed,
)

__all__ = ["run"]

SLUG, NAME = "ifcnn_max", "IFCNN-MAX.pth"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder in which weights are looked for."""
    kept = tmp_path / "weights"
    kept.mkdir()
    monkeypatch.setenv("FUSEBENCH_WEIGHTS", str(kept))
    return kept


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Somebody's own checkpoint."""
    path = tmp_path / "mine.pth"
    torch.save(IFCNN("max", "imagenet").state_dict(), path)
    return path


@pytest.fixture
def recorded(own: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The digest of that file, which the record states for the time of a test."""
    record = METHODS[SLUG]
    (weights,) = record.weights
    digest = hashlib.sha256(own.read_bytes()).hexdigest()
    changed = replace(weights, files=(WeightFile(NAME, digest, weights.files[0].url),))
    monkeypatch.setitem(METHODS._records, SLUG, replace(record, weights=(changed,)))
    return digest


# What can be wrong with a checkpoint


def test_absent(folder: Path) -> None:
    with pytest.raises(MissingDataError, match=r"IFCNN-MAX\.pth\) are not here; run: fusebench w"):
        load(SLUG)


def test_altered(folder: Path, own: Path) -> None:
    shutil.copy(own, folder / NAME)
    with pytest.raises(InputError, match=r"is not the IFCNN-MAX\.pth of ifcnn_max .*weights get"):
        load(SLUG)


@pytest.mark.parametrize("kind", [".pth", ".npz", ".mat", ".safetensors"])
def test_truncated(own: Path, tmp_path: Path, kind: str) -> None:
    whole = save(read_tensors(own), tmp_path / f"whole{kind}")
    cut = tmp_path / f"cut{kind}"
    cut.write_bytes(whole.read_bytes()[: whole.stat().st_size // 2])
    with pytest.raises(InputError, match=r"cannot be read as weights .* is it complete\?") as e:
        load(SLUG, weights=str(cut))
    assert "\n" not in str(e.value)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda t: {k: v for k, v in t.items() if k != "conv4.bias"}, r"1 missing \(.*conv4.bias"),
        (lambda t: {**t, "conv9.bias": t["conv4.bias"]}, r"1 unknown \(.*conv9.bias"),
        (lambda t: {**t, "conv4.bias": t["conv1.weight"]}, r"1 of another shape \(.*conv4.bias"),
        (lambda t: {"conv": t["conv1.weight"]}, "13 missing .*1 unknown"),
    ],
)
def test_of_another_method(
    own: Path, tmp_path: Path, spoil: Callable[[dict[str, torch.Tensor]], object], words: str
) -> None:
    path = tmp_path / "other.pth"
    torch.save(spoil(read_tensors(own)), path)
    with pytest.raises(InputError, match=f"{words}.*is it of another method"):
        load(SLUG, weights=str(path))


OFFICIAL = [m.slug for m in METHODS if m.weights and m.weights[0].origin == "official weights"]


@pytest.mark.parametrize("slug", OFFICIAL)
def test_every_checkpoint_that_is_not_right_is_one_line(
    folder: Path, own: Path, tmp_path: Path, slug: str
) -> None:
    def refused_with(kind: type[Exception], words: str, **given: str) -> None:
        with pytest.raises(kind, match=words) as e:
            load(slug, device="cpu", **given)
        assert "\n" not in str(e.value)

    seen = all(file.sha256 for file in METHODS[slug].weights[0].files)
    if seen:
        absent = f"the weights of {slug} .* are not here; run: fusebench weights"
    else:
        absent = f"of {slug} is not to be had at a fixed address; .* with --weights PATH"
    refused_with(MissingDataError, absent)
    # Of another method, under every name that the record has.
    other = tmp_path / "other"
    other.mkdir()
    for file in METHODS[slug].weights[0].files:
        path = other / file.name
        if path.suffix in (".npz", ".mat"):
            save({"conv1": torch.ones(2, 3), "bias": torch.ones(3)}, path)
        else:
            torch.save({"conv1.weight": torch.ones(2, 3)}, path)
    refused_with(InputError, str(other), weights=str(other))
    # Cut off, and altered where the record's own is expected.
    for path in other.iterdir():
        path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
        shutil.copy(path, folder)
    refused_with(InputError, r"cannot be read as .* is it complete\?", weights=str(other))
    if seen:
        refused_with(InputError, f"is not the .* of {slug} .*fusebench weights get {slug}")
    else:
        # Nothing tells a file that was never seen from another of its name: it is not looked for.
        refused_with(MissingDataError, absent)


def test_no_code_in_a_checkpoint_is_run(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "sprung",)  # type: ignore[return-value]

    path = tmp_path / "trap.pth"
    torch.save({"conv1.weight": Trap()}, path)
    with pytest.raises(InputError, match="cannot be read as weights"):
        load(SLUG, weights=str(path))
    np.savez(tmp_path / "trap.npz", a=np.array(Trap(), object))
    with pytest.raises(InputError, match="cannot be read as weights"):
        load(SLUG, weights=str(tmp_path / "trap.npz"))
    assert not (tmp_path / "sprung").exists()


# What is right


def save(tensors: dict[str, torch.Tensor], path: Path) -> Path:
    if path.suffix == ".npz":
        np.savez(path, **{k: v.numpy() for k, v in tensors.items()})  # type: ignore[arg-type]
    elif path.suffix == ".mat":
        from scipy.io import savemat

        # MATLAB names hold no dots, which does not matter to a file that is cut.
        savemat(path, {k.replace(".", "_"): v.numpy() for k, v in tensors.items()})
    elif path.suffix == ".safetensors":
        from safetensors.torch import save_file

        save_file(tensors, path)
    else:
        torch.save(tensors, path)
    return path


@pytest.mark.parametrize(
    "wrap",
    [
        dict,
        lambda t: {"state_dict": t},
        lambda t: {"model": t},
        lambda t: {"state_dict": t, "losses": [np.float64(0.5), np.float32(0.25)]},
    ],
)
def test_state_dicts_are_found_where_authors_put_them(
    own: Path, tmp_path: Path, wrap: Callable[[object], object]
) -> None:
    path = tmp_path / "wrapped.pth"
    torch.save(wrap(read_tensors(own)), path)
    assert read_tensors(path).keys() == read_tensors(own).keys()


def test_state_dicts_of_several_parts_are_put_together(tmp_path: Path) -> None:
    part = {"conv.weight": torch.ones(1), "steps": 3}
    torch.save({"encoder": part, "decoder": part, "scale": torch.ones(1)}, tmp_path / "parts.pth")
    names = {"encoder.conv.weight", "decoder.conv.weight", "scale"}
    assert read_tensors(tmp_path / "parts.pth").keys() == names


@pytest.mark.parametrize("kind", [".npz", ".safetensors"])
def test_own_weights_of_other_kinds_give_the_same(own: Path, tmp_path: Path, kind: str) -> None:
    a, b = np.random.default_rng(1).integers(0, 256, (2, 20, 30), dtype=np.uint8)
    first = load(SLUG, weights=str(own))
    path = save({k: v.clone() for k, v in read_tensors(own).items()}, tmp_path / f"mine{kind}")
    second = load(SLUG, weights=str(path))
    np.testing.assert_array_equal(first(a, b), second(a, b))
    assert first.origin == second.origin == "user weights"
    assert first.weights_digest == file_digest(own) != second.weights_digest


def test_a_folder_holds_files_by_name(own: Path, tmp_path: Path) -> None:
    with pytest.raises(MissingDataError, match=r"expected IFCNN-MAX\.pth"):
        load(SLUG, weights=str(tmp_path))
    shutil.copy(own, tmp_path / NAME)
    assert load(SLUG, weights=str(tmp_path)).weights_digest == file_digest(own)


@pytest.mark.parametrize("place", [NAME, f"IFCNN/{NAME}", f"deep/IFCNN/{NAME}"])
def test_official_files_are_found_in_folders_as_people_keep_them(
    folder: Path, own: Path, recorded: str, place: str
) -> None:
    (folder / place).parent.mkdir(parents=True, exist_ok=True)
    shutil.copy(own, folder / place)
    found = load(SLUG)
    assert (found.origin, found.weights_digest) == ("official weights", recorded)


def test_the_right_file_is_found_beside_another_of_its_name(
    folder: Path, own: Path, recorded: str
) -> None:
    (folder / "old").mkdir()
    (folder / "old" / NAME).write_bytes(b"of another year")
    (folder / "then").mkdir()
    shutil.copy(own, folder / "then" / NAME)
    assert find_file(SLUG, METHODS[SLUG].weights[0].files[0]) == folder / "then" / NAME


def test_digest_of_several_files_depends_on_all(tmp_path: Path) -> None:
    (weights,) = METHODS[SLUG].weights
    weights = replace(weights, files=(WeightFile("one", ""), WeightFile("two", "")))
    for name in ("one", "two"):
        (tmp_path / name).write_text(name)

    def digest(*names: str) -> str | None:
        files = WeightFiles(SLUG, weights, tmp_path)
        for name in names:
            files.path(name)
        return files.digest

    assert digest() is None
    assert digest("one") == file_digest(tmp_path / "one")
    assert digest("one", "two") == digest("two", "one")
    assert len({digest("one"), digest("two"), digest("one", "two")}) == 3


# Converting


def test_tensors_are_renamed_by_name_or_by_what_is_before_a_dot(tmp_path: Path) -> None:
    network = nn.Sequential(nn.Conv2d(1, 2, 3), nn.Conv2d(2, 1, 3))
    theirs = {
        "net.first.weight": torch.ones(2, 1, 3, 3),
        "net.first.bias": torch.ones(2) * 2,
        "last_w": torch.ones(1, 2, 3, 3) * 3,
        "last_b": torch.ones(1) * 4,
    }
    torch.save(theirs, tmp_path / "theirs.pth")
    names = {"net.first": "0", "last_w": "1.weight", "last_b": "1.bias"}
    load_network(network, tmp_path / "theirs.pth", renamed(names))
    assert [p.unique().tolist() for p in network.parameters()] == [[1], [2], [3], [4]]
    torch.save({**theirs, "more": torch.ones(1)}, tmp_path / "more.pth")
    with pytest.raises(InputError, match="1 unknown"):
        load_network(network, tmp_path / "more.pth", renamed(names))


def test_tensorflow_kernels_are_turned_round(tmp_path: Path) -> None:
    kernel = np.arange(2 * 5 * 3 * 4, dtype=np.float32).reshape(2, 5, 3, 4)
    arrays = {"scope/w1": kernel, "scope/b1": np.ones(4, np.float32), "Adam/beta": np.ones(1)}
    np.savez(tmp_path / "tf.npz", **arrays)
    network = nn.Sequential(nn.Conv2d(3, 4, (2, 5)))
    load_network(network, tmp_path / "tf.npz", from_tensorflow({"0": "scope/{}1"}))
    assert network[0].weight[3, 2, 1, 4] == kernel[1, 4, 2, 3]
    with pytest.raises(InputError, match="has no tensor 'other/kernel'; is it of another method"):
        load_network(network, tmp_path / "tf.npz", from_tensorflow({"0": "other"}))


# The command


def test_get_from_a_folder_takes_files_by_digest(
    run: Run, folder: Path, own: Path, recorded: str
) -> None:
    refused(run("weights", "where", SLUG), "are not here", "fusebench weights get")
    absent = run("weights", "verify", SLUG)
    assert (absent.status, absent.err) == (1, "")
    assert "are not here" in absent.out
    done = run("weights", "get", SLUG, "--from", own.parent)
    assert done.status == 0
    licence, place = done.out.splitlines()
    assert "licence none stated" in licence
    assert Path(place) == _weights.fetched(SLUG, NAME)
    assert load(SLUG).weights_digest == recorded
    assert run("weights", "where", SLUG).out.strip() == place
    assert run("weights", "verify", SLUG).status == 0
    Path(place).write_bytes(b"altered")
    assert "is not the IFCNN-MAX.pth" in run("weights", "verify", SLUG).out
    # What is wrong is replaced.
    assert run("weights", "get", SLUG, "--from", own.parent).status == 0
    assert run("weights", "verify", SLUG).status == 0


def test_get_from_the_recorded_address(
    run: Run, folder: Path, own: Path, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def fetch(url: str, sha256: str, into: Path, *, progress: Callable[..., None]) -> Path:
        asked.append((url, sha256))
        progress(0, 0, "without a length")
        progress(10, 10, "with one")
        into.parent.mkdir(parents=True)
        shutil.copy(own, into)
        return into

    monkeypatch.setattr(fetch_module, "fetch", fetch)
    assert run("weights", "get", SLUG).status == 0
    assert asked == [(METHODS[SLUG].weights[0].files[0].url, recorded)]
    assert run("weights", "get", SLUG).status == 0
    assert len(asked) == 1


def test_mistakes(run: Run, folder: Path, tmp_path: Path) -> None:
    refused(run("weights", "get", "lp"), "lp has no weights")
    refused(run("weights", "get", "ifcnn"), "unknown method", "did you mean")
    refused(run("weights", "get", SLUG, "--from", tmp_path / "no"), "is not a folder")
    refused(run("weights", "get", SLUG, "--from", folder), "no file there is the IFCNN-MAX.pth")
    several = run("weights", "get", "all", "--from", folder)
    assert several.status == 1
    assert several.err.count("failed: ") == several.err.count("\n") > 1


def test_where_tells_all_that_it_finds(run: Run, folder: Path, own: Path, recorded: str) -> None:
    shutil.copy(own, folder / NAME)
    found = run("weights", "where", "all")
    # The others are dictionaries of ours, which are in the package.
    assert [x for x in found.out.splitlines() if "retrained" not in x] == [str(folder / NAME)]
    assert found.status == 1
    assert "ifcnn_sum" in found.err


def test_without_an_address_get_says_what_to_do(
    run: Run, folder: Path, recorded: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = METHODS[SLUG]
    (weights,) = record.weights
    nowhere = replace(weights, files=(WeightFile(NAME, recorded),))
    monkeypatch.setitem(METHODS._records, SLUG, replace(record, weights=(nowhere,)))
    refused(run("weights", "get", SLUG), "no public address", "weights get ifcnn_max --from DIR")


# The records


@pytest.mark.parametrize("slug", [m.slug for m in METHODS if m.weights])
def test_records_of_weights_are_complete(slug: str) -> None:
    names = [weights.name for weights in METHODS[slug].weights]
    assert len(set(names)) == len(names)
    for weights in METHODS[slug].weights:
        assert weights.files
        assert weights.licence
        # Without an address 'weights get' has the notes to tell how to get a file.
        assert weights.notes or all(file.url for file in weights.files)
        # What we trained is at home here.
        assert weights.home.startswith("https://") or weights.origin == "retrained"
        for file in weights.files:
            assert len(file.sha256) == 64 or (file.sha256 == "" and weights.origin != "retrained")
            # Only an address with a commit in it, or with the digest, stays the same.
            assert file.url == "" or (
                any(len(part) == 40 for part in file.url.split("/")) or file.sha256[:8] in file.url
            )


@pytest.mark.shared
@pytest.mark.parametrize("slug", [m.slug for m in METHODS if m.weights])
def test_digests_are_those_of_the_list(slug: str, shared: Path) -> None:
    lists = (shared / "weights" / "SHA256SUMS", shared / "weights" / "deep" / "WEIGHTS.sha256")
    listed = {line.split()[0] for path in lists for line in path.read_text().splitlines()}
    for weights in METHODS[slug].weights:
        if weights.origin == "official weights":
            # Files without a digest, or named by it, were not seen here.
            named = {file.sha256 for file in weights.files if file.sha256[:8] in file.name}
            assert {file.sha256 for file in weights.files} - named <= listed

"""Protocols: those of the package, and files that users write."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import agreement
import numpy as np
import pytest

from fusebench import explain, metrics, score
from fusebench.bench.types import (
    Array,
    FusebenchError,
    InputError,
    Metric,
    MissingDataError,
    UnknownNameError,
)
from fusebench.metrics import METRICS, Triplet, load_protocol, protocol_names

A, B, FUSED = np.random.default_rng(3).integers(0, 256, (3, 16, 16), dtype=np.uint8)


@pytest.fixture
def probe(monkeypatch: pytest.MonkeyPatch) -> Metric:
    """A metric with parameters, registered for one test."""

    def compute(t: Triplet, *, scale: float = 2.0, border: str = "zero") -> Array:
        return t.mean(t.fused) * scale

    record = replace(METRICS["en"], slug="probe", compute=compute)
    monkeypatch.setitem(METRICS._records, "probe", record)
    return record


def write(path: Path, text: str) -> str:
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_canonical_holds_every_metric_with_its_own_parameters() -> None:
    protocol = load_protocol("canonical")
    assert protocol.name == "canonical"
    assert protocol.title
    assert protocol.colour == "luma"
    assert protocol.metrics == {slug: {} for slug in METRICS.slugs}


@pytest.mark.parametrize("name", protocol_names())
def test_protocol_of_the_package_loads(name: str) -> None:
    protocol = load_protocol(name)
    assert protocol.name == name
    assert protocol.title
    assert set(protocol.metrics) <= set(METRICS.slugs)


@pytest.mark.parametrize(
    ("name", "toolboxes"),
    [
        ("mefb", {"mefb"}),
        # The Evaluator in double precision, and its SSIM with the scikit-image of its time.
        ("cddfuse", {agreement.CDDFUSE, agreement.CDDFUSE_SSIM}),
    ],
)
def test_protocol_is_what_was_measured_of_its_toolbox(name: str, toolboxes: set[str]) -> None:
    measured = {
        form.slug: dict(form.parameters)
        for form in agreement.FORMS
        if toolboxes & form.toolboxes.keys()
    }
    assert load_protocol(name).metrics == measured


def test_notes_of_a_file(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.toml", 'notes = """\nTable 2\nonly."""\n')
    assert load_protocol(path).notes == "Table 2 only."
    assert all(load_protocol(name).notes for name in protocol_names() if name != "canonical")


def test_canonical_is_among_them_and_the_default() -> None:
    assert "canonical" in protocol_names()
    assert score(A, B, FUSED, metrics="en") == score(
        A, B, FUSED, metrics="en", protocol="canonical"
    )


def test_users_file_with_some_metrics(tmp_path: Path) -> None:
    path = write(
        tmp_path / "mine.toml",
        'name = "paper"\ntitle = "Table 2"\ncolour = "luma"\n[metrics.sd]\n[metrics.en]\n',
    )
    protocol = load_protocol(path)
    assert (protocol.name, protocol.title) == ("paper", "Table 2")
    scores = score(A, B, FUSED, protocol=path)
    assert list(scores) == ["sd", "en"]
    assert scores == score(A, B, FUSED, metrics="sd,en")
    assert list(explain(A, B, FUSED, protocol=path)) == ["sd", "en"]


def test_file_needs_only_what_differs(tmp_path: Path) -> None:
    protocol = load_protocol(write(tmp_path / "plain.toml", ""))
    assert protocol.name == "plain"
    assert protocol.title == ""
    assert protocol.colour == "luma"
    assert protocol.metrics == load_protocol("canonical").metrics


def test_parameters_reach_the_metric(tmp_path: Path, probe: Metric) -> None:
    path = write(tmp_path / "p.toml", "[metrics.probe]\nscale = 3.0\n")
    assert load_protocol(path).metrics == {"probe": {"scale": 3.0}}
    assert score(A, B, FUSED, protocol=path)["probe"] == pytest.approx(3 * FUSED.mean())
    assert score(A, B, FUSED, metrics="probe")["probe"] == pytest.approx(2 * FUSED.mean())


def test_unknown_parameter(tmp_path: Path, probe: Metric) -> None:
    path = write(tmp_path / "p.toml", "[metrics.probe]\nscales = 3.0\n")
    message = f"{path}: probe has no parameter 'scales'; its parameters: scale, border"
    with pytest.raises(InputError, match=f"^{re.escape(message)}$"):
        load_protocol(path)


BROKEN: dict[str, tuple[str, type[FusebenchError], str]] = {
    "unknown keys": (
        'titel = "x"\ncolor = "luma"\n',
        InputError,
        "{path} has unknown keys: color, titel",
    ),
    "unknown metric": (
        "[metrics.qab]\n",
        UnknownNameError,
        "unknown metric 'qab'; did you mean 'qabf'?",
    ),
    "parameter of a metric without any": (
        "[metrics.en]\nddof = 1\n",
        InputError,
        "{path}: en has no parameter 'ddof'; its parameters: none",
    ),
    "unknown colour rule": (
        'colour = "rgb"\n',
        InputError,
        "{path}: colour is 'rgb'; expected 'luma'",
    ),
    "colour rule of another type": (
        "colour = [1]\n",
        InputError,
        "{path}: colour is [1]; expected 'luma'",
    ),
    "metrics as text": (
        'metrics = "en"\n',
        InputError,
        "{path}: metrics must be 'all' or a table for each metric",
    ),
    "metrics as a list": (
        'metrics = ["en", "sd"]\n',
        InputError,
        "{path}: metrics must be 'all' or a table for each metric",
    ),
    "a metric as a number": (
        "[metrics]\nen = 1\n",
        InputError,
        "{path}: metrics must be 'all' or a table for each metric",
    ),
    "no metric": (
        "[metrics]\n",
        InputError,
        "{path}: metrics must be 'all' or a table for each metric",
    ),
    "not TOML": ("name = \n", InputError, "{path} is not valid TOML: "),
}


@pytest.mark.parametrize(("text", "error", "message"), BROKEN.values(), ids=BROKEN)
def test_file_that_is_not_valid(
    tmp_path: Path, text: str, error: type[FusebenchError], message: str
) -> None:
    path = write(tmp_path / "mine.toml", text)
    expected = f"^{re.escape(message.format(path=path))}"
    for call in (load_protocol, lambda path: score(A, B, FUSED, protocol=path)):
        with pytest.raises(error, match=expected) as caught:
            call(path)
        assert "\n" not in str(caught.value)


def test_file_that_is_not_text(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(InputError, match=f"^{re.escape(str(path))} is not valid TOML: "):
        load_protocol(str(path))


def test_file_that_does_not_exist(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        name = str(path) if path.suffix else str(path / "folder.toml")
        (tmp_path / "folder.toml").mkdir(exist_ok=True)
        with pytest.raises(MissingDataError, match="does not exist; give the path of") as caught:
            load_protocol(name)
        assert isinstance(caught.value, FileNotFoundError)


@pytest.mark.parametrize(
    ("name", "hint"),
    [
        ("cannonical", "did you mean 'canonical'?"),
        ("Canonical", "did you mean 'canonical'?"),
        ("", "known: canonical"),
        ("../canonical", "did you mean 'canonical'?"),
    ],
)
def test_unknown_protocol(name: str, hint: str) -> None:
    message = f"unknown protocol {name!r}; {hint}"
    with pytest.raises(UnknownNameError, match=f"^{re.escape(message)}") as caught:
        load_protocol(name)
    assert isinstance(caught.value, LookupError)


def test_a_parameter_can_be_given_to_a_function(probe: Metric) -> None:
    plain = metrics.Triplet(*(image[None].astype(float) for image in (A, B, FUSED)))
    assert probe.parameters == {"scale": 2.0, "border": "zero"}
    assert probe.compute(plain, scale=1.0)[0] == pytest.approx(FUSED.mean())

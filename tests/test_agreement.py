"""The metrics against published toolboxes, cell by cell; the table is in agreement.py."""

from __future__ import annotations

import importlib
import json
from collections import Counter
from pathlib import Path

import pytest
from agreement import (
    DEPARTURES,
    FIGURES,
    FLOAT32,
    FLOAT64,
    FORMS,
    P1,
    P2,
    P3,
    WITHOUT_ORACLE,
    Form,
    cells,
    departs,
    images,
    measure,
    oracle,
    planes,
    relative,
    value,
)

from fusebench import explain, metrics
from fusebench.metrics import METRICS

COMMITTED = json.loads(FIGURES.read_text())
TRIPLES = {
    (row["key"], row["toolbox"]): row["triples"] for kind in COMMITTED.values() for row in kind
} | {(row["key"], row["toolbox"]): row["triples"] for row in COMMITTED["agree"]}
CELLS = [
    pytest.param(form, toolbox, triple, id=f"{form}-{toolbox}-{triple}")
    for form in FORMS
    for toolbox in form.toolboxes
    for triple in TRIPLES.get((form.key, toolbox), ["no figures; run tests/agreement.py"])
]


@pytest.fixture(scope="session")
def golden(shared: Path) -> Path:
    return shared / "golden" / "metrics"


@pytest.mark.shared
@pytest.mark.parametrize(("form", "toolbox", "triple"), CELLS)
def test_toolbox_agrees(golden: Path, form: Form, toolbox: str, triple: str) -> None:
    expected = oracle(golden)[triple][form.key][toolbox]
    found = value(golden, triple, form.slug, form.parameters)
    assert found == pytest.approx(expected, rel=form.toolboxes[toolbox], abs=0)


@pytest.mark.shared
def test_no_cell_of_the_oracle_is_left_out(golden: Path) -> None:
    there = {
        (key, toolbox, triple)
        for triple, table in oracle(golden).items()
        for key in table
        for toolbox in table[key]
    }
    reproduced = Counter(
        (form.key, toolbox, triple)
        for form in FORMS
        for toolbox in form.toolboxes
        for triple in cells(golden, form.key, toolbox)
    )
    assert set(reproduced.values()) == {1}
    assert there - reproduced.keys() == {cell for cell in there if departs(*cell)}
    assert {(key, box) for key, box, triple in there if departs(key, box, triple)} == set(
        DEPARTURES
    )


@pytest.mark.shared
@pytest.mark.parametrize(("key", "toolbox"), DEPARTURES)
def test_toolbox_that_departs_does_so(golden: Path, key: str, toolbox: str) -> None:
    """No form of the metric that is in the table gives its values."""
    slug = DEPARTURES[key, toolbox].slug
    for form in (f for f in FORMS if f.slug == slug):
        errors = [
            relative(value(golden, triple, slug, form.parameters), table[key][toolbox])
            for triple, table in oracle(golden).items()
            if toolbox in table.get(key, {}) and departs(key, toolbox, triple)
        ]
        assert max(errors) > FLOAT32, form


@pytest.mark.shared
def test_committed_figures_are_those_measured(golden: Path) -> None:
    measured = measure(golden)
    assert measured.keys() == COMMITTED.keys()
    for kind, rows in COMMITTED.items():
        for committed, found in zip(rows, measured[kind], strict=True):
            assert committed.keys() == found.keys()
            for name, figure in found.items():
                # Rounding noise differs between machines; what is above it does not.
                number = isinstance(figure, float)
                same = pytest.approx(figure, rel=0.1, abs=1e-10) if number else figure
                assert committed[name] == same, found


def test_every_metric_against_the_sources_has_an_oracle() -> None:
    wanted = {record.slug for record in METRICS if record.needs != "reference"}
    assert wanted - {form.slug for form in FORMS} == WITHOUT_ORACLE


# -- what lies behind a departure ---------------------------------------------------------------


@pytest.mark.shared
@pytest.mark.parametrize("triple", [P1, P2, P3])
@pytest.mark.parametrize("source", ["A", "B"])
def test_universal_index_of_each_source(golden: Path, triple: str, source: str) -> None:
    a, b, fused = images(golden, triple)
    image = a if source == "A" else b
    expected = oracle(golden)[triple][f"Q0_img_qi_{source}"]["pui"]
    assert metrics.q0(image, image, fused) == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.shared
@pytest.mark.parametrize("triple", [P1, P2, P3])
def test_flat_windows_are_all_that_separates_us_from_piq(
    golden: Path, triple: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importlib.import_module("fusebench.metrics.vif"), "FLAT", 1e-8)
    expected = oracle(golden)[triple]["VIF_pixel_sum"]["piq.vif_p_sum(255)"]
    assert metrics.vif(*images(golden, triple)) == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.shared
@pytest.mark.parametrize("triple", [P3, f"{P1}@c40", f"{P3}@c40"])
def test_exposure_fusion_on_the_finest_scale(golden: Path, triple: str) -> None:
    if "@" in triple:
        assert oracle(golden)[triple]["MEF_MS_SSIM"]["evalIF"] == float("-inf")
        reason = str(explain(*images(golden, triple), "ms_ssim")["ms_ssim"])
        assert "at least 44x44 pixels, got 40x40" in reason
    expected = oracle(golden)[triple]["MEF_SSIM_level1"]["evalIF"]
    module = importlib.import_module("fusebench.metrics.ms_ssim")
    found = float(module._fusion_map(planes(golden, triple)).mean())
    assert found == pytest.approx(expected, rel=FLOAT64)


@pytest.mark.shared
@pytest.mark.parametrize(("triple", "error"), [(P1, 0.0141), (P2, 2.6e-4), (P3, 0.0)])
def test_flat_windows_are_all_that_separates_the_limit_of_q_c(
    golden: Path, triple: str, error: float
) -> None:
    found = value(golden, triple, "q_c", {"flat": "limit"})
    expected = oracle(golden)[triple]["Qc"]["zheng"]
    assert abs(found / expected - 1) == pytest.approx(error, rel=0.02, abs=FLOAT64)

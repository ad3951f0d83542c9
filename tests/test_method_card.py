"""The card of a method says everything that its record says."""

from __future__ import annotations

from pathlib import Path

import pytest
from test_cli import Run, refused, run

from fusebench.methods import METHODS

__all__ = ["run"]


@pytest.mark.parametrize("slug", METHODS.slugs)
def test_card_says_what_the_record_says(run: Run, slug: str) -> None:
    m = METHODS[slug]
    card = run("methods", "card", slug)
    assert (card.status, card.err) == (0, "")
    for fact in (m.label, slug, m.title, m.summary, m.reference, m.doi, m.notes, *m.options):
        assert fact in card.out
    for weights in m.weights:
        for fact in (weights.name, weights.home, weights.notes, f"licence {weights.licence}"):
            assert fact in card.out
        for file in weights.files:
            assert file.name in card.out
            assert file.sha256 in card.out
            assert (f"{file.name}: at no fixed address" in card.out) == (file.sha256 == "")
    assert card.out.count("of pixels within one level") == len(m.fidelity)
    assert ("Not measured" in card.out) == (not m.fidelity)


def test_card_without_the_weights_says_how_to_get_them(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FUSEBENCH_WEIGHTS", str(tmp_path))
    out = run("methods", "card", "ifcnn_max").out
    assert "run: fusebench weights get ifcnn_max" in out
    assert "Learned values: counted once" in out


def test_card_of_nothing(run: Run) -> None:
    refused(run("methods", "card", "ifcn_max"), "did you mean 'ifcnn_max'")

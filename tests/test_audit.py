"""What was printed beside what images give."""

from __future__ import annotations

import csv
import io
import json
import math
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from conftest import picture
from sqlalchemy import select, update
from test_doubts import cell

from fusebench import datasets, methods
from fusebench.bench import audit as audits
from fusebench.bench import paper as papers
from fusebench.bench.audit import (
    Audited,
    Measured,
    audit,
    audit_all,
    count,
    find_folder,
    find_stored,
    judge,
    methods_here,
    shipped_values,
    value_rows,
    write_rows,
)
from fusebench.bench.cli import main
from fusebench.bench.doubts import Doubt
from fusebench.bench.images import read_image, write_image
from fusebench.bench.paper import Paper, load_paper, make_paper, paper_names
from fusebench.bench.runner import run_suite, score_folder
from fusebench.bench.schema import EntryRow, ReportedRow
from fusebench.bench.store import Store
from fusebench.bench.suite import MethodChoice, Suite
from fusebench.bench.types import InputError, MissingDataError, UnknownNameError
from fusebench.leaderboard.board import find_evaluations, ranking
from fusebench.methods._weights import trained_here
from fusebench.metrics import explain, load_protocol, protocol_names

METRICS = ("en", "sd", "sf", "mi")


@pytest.fixture
def means(pair_root: Path, fused_folder: Path) -> Callable[[str], dict[str, float]]:
    """Means of the results in `fused_folder` under a protocol."""
    opened = datasets.load("folder:ivif", pair_root)

    def under(protocol: str) -> dict[str, float]:
        scores = []
        for pair in opened:
            fused = read_image(fused_folder / f"{pair.key}.png")
            scores.append(explain(pair.a, pair.b, fused, METRICS, protocol))
        return {m: math.fsum(s[m].value for s in scores) / len(scores) for m in METRICS}

    return under


def make(values: dict[str, str], **facts: Any) -> Paper:
    """A paper with one table of one method, on the three pairs of `pair_root`."""
    changes = facts.pop("cells", {"pairs": 3})
    cells = tuple(cell("average", metric, value, **changes) for metric, value in values.items())
    source = {"title": "Set", "use": "folder:ivif"}
    basic: dict[str, Any] = {"title": "", "venue": "", "authors": [], "datasets": {"set": source}}
    return make_paper("mine", basic | facts, cells)


def verdicts(audited: list[Audited]) -> dict[str, str]:
    return {a.cell.metric: a.verdict for a in audited}


# -- verdicts ---------------------------------------------------------------------------------

PRINTED = cell("a", "sd", "40.1234")
WRONG = Doubt("rule", "contradiction", "proved", "it cannot be", (PRINTED,))
OTHER = Doubt("rule", "convention", "proved", "it is another", (PRINTED,))
ODD = Doubt("rule", "doubt", "inferred", "it is odd", (PRINTED,))


def value(
    number: float, *protocols: str, images: str = "theirs", retrained: bool = False
) -> Measured:
    return Measured(images, "form x", protocols, number, retrained)


@pytest.mark.parametrize(
    ("measured", "doubts", "verdict", "reason"),
    [
        ([], [], "not measured", "run it"),
        ([], [ODD], "not measured", "run it"),
        ([], [OTHER, ODD], "explained by convention", "it is another"),
        ([], [OTHER, WRONG], "contradicts itself", "it cannot be"),
        ([value(40.12343, "tang")], [WRONG], "reproduced", "protocol tang, from theirs"),
        ([value(40.1235, "tang")], [], "reproduced", "protocol tang, from theirs"),
        ([value(40.1237, "tang")], [], "explained by convention", "tang gives 40.1237, near it"),
        ([value(40.1237, "tang")], [WRONG], "contradicts itself", "it cannot be"),
        ([value(40.1234)], [], "explained by convention", "form x, from theirs"),
        ([value(40.1237)], [], "not measured", "run it"),
        ([value(40.14, "tang")], [ODD], "explained by convention", "tang gives 40.1400, near it"),
        ([value(40.15, "tang")], [ODD], "not reproducible", "tang: 40.1500 (+0.066%)"),
        ([value(44.1357, "tang")], [ODD], "not reproducible", "tang: 44.1357 (+10%)"),
        ([value(44.1357, "tang")], [OTHER], "explained by convention", "it is another"),
        ([value(math.nan, "tang")], [], "not measured", "run it"),
        # A protocol is a better reason than a convention of nobody's that happens to be nearer.
        ([value(40.1234), value(40.12345, "tang")], [], "reproduced", "protocol tang"),
        ([value(40.1234), value(41.0, "tang")], [], "explained by convention", "form x"),
    ],
)
def test_verdict(measured: list[Measured], doubts: list[Doubt], verdict: str, reason: str) -> None:
    found = judge(PRINTED, [measured], doubts, ("not measured", "run it"))
    assert (found.verdict, reason in found.reason) == (verdict, True), found.reason


def test_the_nearest_images_decide() -> None:
    far, near = [value(40.2, "tang", images="far")], [value(40.1234, "tang", images="near")]
    found = judge(PRINTED, [far, near])
    assert found.verdict == "reproduced"
    assert found.measured == tuple(near)
    assert found.difference == pytest.approx(0, abs=1e-9)


def test_weights_of_ours_reproduce_nothing() -> None:
    exact = value(40.1234, "tang", images="ours", retrained=True)
    found = judge(PRINTED, [[exact]])
    assert found.verdict == "not reproducible"
    assert found.reason == "nearest is protocol tang: 40.1234 (+0%), from ours"
    assert judge(PRINTED, [[exact]], [OTHER]).verdict == "explained by convention"
    # A convention that no protocol uses does not even come near.
    chance = value(40.1234, images="ours", retrained=True)
    assert judge(PRINTED, [[chance]]).best is None
    # Any other images come first.
    far = [value(30.0, "tang")]
    assert judge(PRINTED, [[exact], far]).measured == tuple(far)


# -- computing --------------------------------------------------------------------------------


def test_a_folder_of_images(
    pair_root: Path, fused_folder: Path, means: Callable[[str], dict[str, float]]
) -> None:
    theirs = means("jiangnan")
    near = f"{theirs['en'] + 3e-4:.4f}"
    exact = {metric: f"{theirs[metric]:.4f}" for metric in ("sf", "mi")}
    about = make({**exact, "en": near, "sd": "5.0000"})
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    found = audit(about, None, [result], shipped=False)
    assert verdicts(found) == {
        "sf": "reproduced",
        "mi": "reproduced",
        "en": "explained by convention",
        "sd": "not reproducible",
    }
    by_metric = {a.cell.metric: a for a in found}
    assert by_metric["mi"].best is not None
    assert by_metric["mi"].best.protocols == ("jiangnan",)
    for protocol in ("canonical", "vifb", "tang", "cddfuse"):
        ours = means(protocol)
        for metric, a in by_metric.items():
            computed = [m.value for m in a.measured if protocol in m.protocols]
            assert computed == [pytest.approx(ours[metric], rel=1e-12)], (protocol, metric)


def test_a_convention_that_no_protocol_uses(pair_root: Path, fused_folder: Path) -> None:
    about = make({"psnr": "1"})
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    (first,) = audit(about, None, [result], shipped=False)
    lonely = next(m for m in first.measured if not m.protocols)
    about = make({"psnr": f"{lonely.value:.6f}"})
    (found,) = audit(about, None, [result], shipped=False)
    assert found.verdict == "explained by convention"
    assert lonely.convention in found.reason


def test_scores_are_kept(
    pair_root: Path, fused_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = make({"en": "7.0"})
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    first = audit(about, None, [result], shipped=False)
    kept = list((audits.cache_folder() / "scores").rglob("*.json"))
    assert len(kept) == 3
    monkeypatch.setattr(audits, "compute_scores", None)
    assert audit(about, None, [result], shipped=False) == first
    for path in kept:
        path.write_text("[broken")
    with pytest.raises(TypeError):
        audit(about, None, [result], shipped=False)


def test_one_value_for_each_pair(pair_root: Path, fused_folder: Path) -> None:
    scores = explain(
        *(read_image(pair_root / side / "02.png") for side in ("ir", "vi")),
        read_image(fused_folder / "02.png"),
        "en",
    )
    cells = {"pair": "02", "pairs": 1}
    about = make({"en": f"{scores['en'].value:.4f}"}, cells=cells)
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    assert verdicts(audit(about, None, [result], shipped=False)) == {"en": "reproduced"}
    about = make({"en": "7"}, cells={"pair": "09", "pairs": 1})
    (found,) = audit(about, None, [result], shipped=False)
    assert found.reason == "images in fused: folder:ivif has no pair 09"
    # What the paper calls a pair need not be its key here.
    named = {"title": "Set", "use": "folder:ivif", "pairs": {"road": "02"}}
    cells = {"pair": "road", "pairs": 1}
    about = make({"en": f"{scores['en'].value:.4f}"}, cells=cells, datasets={"set": named})
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    assert verdicts(audit(about, None, [result], shipped=False)) == {"en": "reproduced"}


def test_images_that_do_not_do(pair_root: Path, fused_folder: Path) -> None:
    def reason(about: Paper) -> str:
        result = find_folder(about, None, "average", fused_folder, {"": pair_root})
        (found,) = audit(about, None, [result], shipped=False)
        assert found.verdict == "not measured"
        return found.reason

    assert "has 3 pairs, the printed mean is over 10" in reason(
        make({"en": "7"}, cells={"pairs": 10})
    )
    write_image(fused_folder / "03.png", picture(1, 20, 20))
    assert "same size" in reason(make({"en": "7"}))
    (fused_folder / "03.png").unlink()
    assert "1 missing image: 03 (of 3 pairs)" in reason(make({"en": "7"}))


def test_files_match_by_the_number_they_end_in(pair_root: Path, fused_folder: Path) -> None:
    for path in list(fused_folder.iterdir()):
        path.rename(path.with_name(f"result-{int(path.stem)}.png"))
    about = make({"en": "7"})
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    assert sorted(result.read) == ["01", "02", "03"]
    write_image(fused_folder / "other_2.png", picture(1))
    with pytest.raises(InputError, match="two files"):
        find_folder(about, None, "average", fused_folder, {"": pair_root})


def test_mistakes(pair_root: Path, fused_folder: Path, tmp_path: Path) -> None:
    about = make({"en": "7"})
    with pytest.raises(UnknownNameError, match="did you mean 'average'"):
        find_folder(about, None, "averge", fused_folder, {"": pair_root})
    with pytest.raises(UnknownNameError, match="unknown dataset of average"):
        find_folder(about, None, "average", fused_folder, {"": pair_root}, "sets")
    with pytest.raises(MissingDataError, match="is not a folder"):
        find_folder(about, None, "average", tmp_path / "none", {"": pair_root})
    with pytest.raises(MissingDataError, match="needs the folder"):
        find_folder(about, None, "average", fused_folder, {})
    paper = load_paper("zhang_smfnet")
    with pytest.raises(InputError, match="--fused pmgi@tno=DIR"):
        find_folder(paper, "1", "pmgi", fused_folder, {})
    with pytest.raises(InputError, match="cannot be recomputed: the paper does not say"):
        find_folder(load_paper("kumar_nst_ivf"), None, "nst", fused_folder, {})


# -- the database -----------------------------------------------------------------------------


def test_methods_that_were_run(pair_root: Path, fused_folder: Path) -> None:
    """Methods are found by their slug, results of others by their label."""
    about = make({"en": "7.0"}, aliases={"average": ["average", "my_net"]})
    choices = (
        MethodChoice("average"),
        MethodChoice("lp", label="AVERAGE"),
        MethodChoice("gff", label="my net", options={"r1": 3}),
        MethodChoice("dwt"),
    )
    suite = Suite("t", "t", ("folder:ivif",), choices, ("sd",), roots={"": pair_root})
    with closing(Store.open()) as store:
        assert find_stored(about, None, store, {}) == []
        run_suite(suite, store, device="cpu", roots={"": pair_root})
        score_folder(fused_folder, "MyNet", "folder:ivif", store, root=pair_root, wanted="sd")
        found = find_stored(about, None, store, {})
    names = [f"{r.method}: {r.name}" for r in found]
    assert names == [
        "average: Average in the database (cpu)",
        "average: my net in the database (cpu)",
        "average: MyNet in the database (external)",
    ]
    for result in found:
        (a,) = audit(about, None, [result], shipped=False)
        assert a.best is not None
        fused = [result.read[key]() for key in ("01", "02", "03")]
        opened = datasets.load("folder:ivif", pair_root)
        ours = [explain(p.a, p.b, f, "en")["en"].value for p, f in zip(opened, fused, strict=True)]
        computed = next(m.value for m in a.measured if "canonical" in m.protocols)
        assert computed == pytest.approx(math.fsum(ours) / 3, rel=1e-12)


def test_other_options_and_weights_are_another_method(pair_root: Path) -> None:
    about = make({"en": "7.0"}, aliases={"average": ["gff", "lp"]})
    choices = (MethodChoice("gff", options={"r1": 3}), MethodChoice("lp"))
    suite = Suite("t", "t", ("folder:ivif",), choices, ("sd",))
    with closing(Store.open()) as store:
        run_suite(suite, store, device="cpu", roots={"": pair_root})
        (found,) = find_stored(about, None, store, {})
        assert found.name == "LP in the database (cpu)"
        with store.write() as connection:
            connection.execute(update(EntryRow).values(origin="user weights"))
        assert find_stored(about, None, store, {}) == []


def test_options_of_packed_results_are_in_another_order(pair_root: Path) -> None:
    suite = Suite("t", "t", ("folder:ivif",), (MethodChoice("cbf"),), ("sd",))
    about = make({"en": "7.0"}, aliases={"average": ["cbf"]})
    with closing(Store.open()) as store:
        run_suite(suite, store, device="cpu", roots={"": pair_root})
        options = dict(sorted(methods.METHODS["cbf"].options.items()))
        assert list(options) != list(methods.METHODS["cbf"].options)
        with store.write() as connection:
            connection.execute(update(EntryRow).values(options=options))
        (found,) = find_stored(about, None, store, {})
    assert found.name == "CBF in the database (cpu)"


def test_weights_of_ours_are_named(pair_root: Path) -> None:
    values = {"en": "7.0", "sd": "40.0"}
    suite = Suite("t", "t", ("folder:ivif",), (MethodChoice("average"),), ("sd",))
    with closing(Store.open()) as store:
        run_suite(suite, store, device="cpu", roots={"": pair_root})
        with store.write() as connection:
            connection.execute(update(EntryRow).values(origin="retrained"))
        # Weights that others trained anew are theirs.
        (found,) = find_stored(make(values), None, store, {})
        assert not found.retrained
        with store.write() as connection:
            connection.execute(update(EntryRow).values(slug="vif_net", label="VIF-Net"))
        (found,) = find_stored(make(values, aliases={"average": ["vif_net"]}), None, store, {})
    assert found.name == "VIF-Net with weights of ours in the database (cpu)"
    (first, _) = audit(make(values), None, [found], shipped=False)
    # Even if it gives the printed number.
    assert first.best is not None
    again = make({"en": f"{first.best.value:.4f}"})
    (same,) = audit(again, None, [found], shipped=False)
    assert same.difference == pytest.approx(0, abs=1e-4)
    assert same.verdict == "not reproducible"


def test_what_is_gone_is_said(pair_root: Path) -> None:
    about = make({"en": "7.0"})
    suite = Suite("t", "t", ("folder:ivif",), (MethodChoice("average"),), ("sd",))
    with closing(Store.open()) as store:
        run_suite(suite, store, device="cpu", roots={"": pair_root})
        for path in (audits.cache_folder() / "images").rglob("*.png"):
            path.unlink()
        (found,) = audit(about, None, find_stored(about, None, store, {}), shipped=False)
        assert "run the method again" in found.reason
        pair_root.rename(pair_root.with_name("elsewhere"))
        (found,) = audit(about, None, find_stored(about, None, store, {}), shipped=False)
        assert found.verdict == "not measured"
        assert "does not exist" in found.reason


# -- what comes with the package --------------------------------------------------------------


def test_shipped_values_of_weights_of_ours_are_of_methods_that_have_them() -> None:
    for key in paper_names():
        for about, values in shipped_values(load_paper(key)).items():
            ours = [v for v in values if v.retrained]
            if ours:
                here = methods_here(load_paper(key), about.method)
                records = [methods.METHODS[slug] for slug in here]
                assert any(trained_here(record, record.origin) for record in records)
            assert all("with weights of ours" in v.images for v in ours)


def test_values_go_through_a_file(
    tmp_path: Path, pair_root: Path, fused_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    about = make({"en": "7.0", "sd": "40"})
    result = find_folder(about, None, "average", fused_folder, {"": pair_root})
    found = audit(about, None, [result], shipped=False)
    write_rows(tmp_path / "measured.csv", value_rows(found))
    monkeypatch.setattr(audits, "MEASURED", tmp_path / "measured.csv")
    again = audit(about)
    assert [a.verdict for a in again] == [a.verdict for a in found]
    assert [a.best for a in again] == [a.best for a in found]


def test_every_cell_has_a_verdict_without_any_images() -> None:
    everything = audit_all()
    assert list(everything) == paper_names()
    assert sum(sum(count(found).values()) for found in everything.values()) == 1029
    for found in everything.values():
        for a in found:
            assert a.reason
            assert (a.verdict == "reproduced") <= (a.best is not None)


def test_shipped_values_are_what_their_verdicts_say() -> None:
    """Nothing is called reproduced that does not equal the print."""
    found = [
        judge(about, [values])
        for key in paper_names()
        for about, values in shipped_values(load_paper(key)).items()
    ]
    reproduced = [a for a in found if a.verdict == "reproduced"]
    assert len(reproduced) >= 20
    assert not any(a.best.retrained for a in reproduced if a.best is not None)
    for a in reproduced:
        assert a.difference is not None
        assert abs(a.difference) <= 1.001 * a.cell.unit


def test_rao2021fmm_table_3_comes_again_from_methods_run_here() -> None:
    found = {(a.cell.method, a.cell.metric): a for a in audit(load_paper("rao2021fmm"), "3")}
    for slug in ("cbf", "cvt", "dtcwt", "u2fusion"):
        row = [a for (method, _), a in found.items() if method == slug]
        assert [a.verdict for a in row] == ["reproduced"] * 9
        assert all(a.best is not None and "jiangnan" in a.best.protocols for a in row)


def test_rao2021fmm_table_2_comes_again_from_methods_run_here() -> None:
    found = audit(load_paper("rao2021fmm"), "2")
    for slug in ("cbf", "ifcnn_mean", "ifcnn_max", "ifcnn_sum"):
        # MI is twice EN, which is said of it first.
        row = {a.cell.metric: a.verdict for a in found if a.cell.method == slug}
        assert row.pop("mi") in ("reproduced", "contradicts itself")
        assert set(row.values()) == {"reproduced"}, slug


# -- the command ------------------------------------------------------------------------------


def run(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *arguments: object
) -> tuple[int, str, str]:
    monkeypatch.setattr(sys, "argv", ["fusebench", "audit", *map(str, arguments)])
    with pytest.raises(SystemExit) as left:
        main()
    out, err = capsys.readouterr()
    return int(left.value.code or 0), out, err


def test_the_command_without_images(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, err = run(monkeypatch, capsys)
    assert (status, err) == (0, "")
    assert "1029" in out.splitlines()[-1]
    for key in paper_names():
        status, out, err = run(monkeypatch, capsys, key)
        assert (status, err) == (0, "")
        assert f"{len(load_paper(key).cells)} cells: " in out
    _, out, _ = run(monkeypatch, capsys, "zhang_smfnet", "--table", "4")
    assert "methods that lift the black background" in out
    assert "84 cells: " in out
    assert len(json.loads(run(monkeypatch, capsys, "--format", "json")[1])) == 1029
    rows = list(csv.DictReader(io.StringIO(run(monkeypatch, capsys, "--format", "csv")[1])))
    assert len(rows) == 1029
    assert "| all | 1029 |" in run(monkeypatch, capsys, "--format", "markdown")[1]


def test_the_command_with_images(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    tmp_path: Path,
    pair_root: Path,
    fused_folder: Path,
    means: Callable[[str], dict[str, float]],
) -> None:
    header = "table,task,dataset,pair,pairs,block,method,label,proposed,metric,metric_label,value"
    line = "1,ivif,set,,3,,mynet,My|Net,0,sd,SD,{:.4f},higher,0,"
    (tmp_path / "own.csv").write_text(
        f"{header},direction,marked,note\n{line.format(means('jiangnan')['sd'])}\n"
    )
    (tmp_path / "own.toml").write_text(
        'title = "T"\nvenue = ""\nauthors = []\n[datasets.set]\ntitle = "S"\nuse = "folder:ivif"\n'
    )
    monkeypatch.setattr(papers, "FOLDER", tmp_path)
    images = ("own", "--root", pair_root, "--fused", f"mynet={fused_folder}")
    status, out, _ = run(monkeypatch, capsys, *images)
    assert status == 0
    assert "1 cells: 1 reproduced." in out
    (found,) = json.loads(run(monkeypatch, capsys, *images, "--format", "json")[1])
    assert found["explained_by"] == ["jiangnan"]
    assert set(found["protocols"]) == {
        name for name in protocol_names() if "sd" in load_protocol(name).metrics
    }
    (row,) = csv.DictReader(io.StringIO(run(monkeypatch, capsys, *images, "--format", "csv")[1]))
    assert float(row["jiangnan"]) == found["value"]
    text = run(monkeypatch, capsys, *images, "--format", "markdown")[1]
    assert r"| My\|Net | SD |" in text
    assert "| reproduced |" in text
    # The database is looked into by itself, and on demand.
    with closing(Store.open()) as store:
        score_folder(fused_folder, "My Net", "folder:ivif", store, root=pair_root, wanted="sd")
    assert "1 cells: 1 reproduced." in run(monkeypatch, capsys, "own")[1]
    status, _, err = run(monkeypatch, capsys, "own", "--db", tmp_path / "none.db")
    assert (status, "no results yet" in err) == (2, True)
    assert run(monkeypatch, capsys, "own", "--fused", "mynet")[::2] == (
        2,
        "error: --fused 'mynet' is not of the form METHOD=DIR\n",
    )
    assert run(monkeypatch, capsys, "own", "--table", "7")[0] == 2
    assert run(monkeypatch, capsys, "other")[0] == 2
    assert run(monkeypatch, capsys, "--table", "1")[0] == 2


def test_reported_cells_are_never_ranked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], pair_root: Path
) -> None:
    suite = Suite("t", "t", ("folder:ivif",), (MethodChoice("average"),), ("en",))

    def ranked(store: Store) -> list[str]:
        return [ranking(store, e).frame().to_csv() for e in find_evaluations(store)]

    with closing(Store.open()) as store:
        run_suite(suite, store, device="cpu", roots={"": pair_root})
        before = ranked(store)
    assert run(monkeypatch, capsys, "rao2021fmm", "--import")[1] == (
        "rao2021fmm: 351 cells, reported\n"
    )
    for _ in range(2):
        status, out, _ = run(monkeypatch, capsys, "--import")
        assert status == 0
        assert "zhang_smfnet: 526 cells, reported" in out
    with closing(Store.open()) as store:
        assert ranked(store) == before
        frame = store.frame(select(ReportedRow))
    assert len(frame) == 1029
    row = frame[(frame.label == "PMGI") & (frame.metric == "en")].iloc[0]
    assert (row.paper, row.table, row.printed, row.value) == (
        "zhang_smfnet",
        "1",
        "6.9519",
        6.9519,
    )
    assert run(monkeypatch, capsys, "--import", "--table", "1")[0] == 2


def test_the_command_counts_what_a_database_holds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    Store.open(str(tmp_path / "some.db")).close()
    status, out, _ = run(monkeypatch, capsys, "--db", tmp_path / "some.db", "--format", "markdown")
    assert (status, out) == run(monkeypatch, capsys, "--format", "markdown")[:2]
    assert run(monkeypatch, capsys, "--db", tmp_path / "none.db")[0] == 2


@pytest.mark.shared
def test_rao2021fmm_table_2_from_published_images(
    shared: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = shared / "golden" / "mfifb_lytro" / "CSR"
    arguments = ("--table", "2", "--root", shared / "data", "--fused", f"csr={folder}")
    status, out, _ = run(monkeypatch, capsys, "rao2021fmm", *arguments, "--format", "json")
    assert status == 0
    found = [c for c in json.loads(out) if c["method"] == "csr"]
    assert [c["verdict"] for c in found] == ["reproduced"] * 7
    for c in found:
        assert "jiangnan" in c["explained_by"]
        assert abs(c["difference"]) <= 1e-4
        assert c["images"] == "images in CSR"
    # What comes with the package is what these images give.
    shipped = {
        (about.metric, name): m.value
        for about, values in shipped_values(load_paper("rao2021fmm")).items()
        if about.method == "csr"
        for m in values
        for name in m.protocols
    }
    computed = {(c["metric"], name): v for c in found for name, v in c["protocols"].items()}
    # A protocol may be younger than the file.
    assert {place: computed[place] for place in shipped} == pytest.approx(shipped, rel=1e-9)


@pytest.mark.shared
def test_rao2021fmm_table_2_of_sources_read_by_libjpeg_9(shared: Path) -> None:
    """The printed row of IFCNN(max) comes from JPEG files that another library decodes."""
    jpeglib = pytest.importorskip("jpeglib", reason="needs the extra 'dev'")
    lytro = datasets.load("lytro:20", shared / "data")
    fuse = methods.load("ifcnn_max", device="cpu")
    printed = {c.metric: c for c in load_paper("rao2021fmm").table("2") if c.method == "ifcnn_max"}
    columns = ("ei", "sf", "en", "scd", "sd")
    scores = []
    for pair in lytro:
        files = lytro.files[pair.key]
        with jpeglib.version("9e"):
            a, b = (jpeglib.read_spatial(str(files[name])).spatial for name in ("a", "b"))
        found = explain(pair.a, pair.b, fuse(a, b), list(columns), protocol="jiangnan")
        scores.append([found[name].value for name in columns])
    for name, value in zip(columns, np.mean(scores, axis=0), strict=True):
        assert value == pytest.approx(printed[name].value, abs=0.5001e-4), name


@pytest.mark.shared
def test_rao2021fmm_table_1_from_a_method_run_here(shared: Path) -> None:
    """The ratio pyramid on ten TNO pairs; the paper does not say which ten, but these they are."""
    paper = load_paper("rao2021fmm")
    suite = Suite("t", "t", ("tno:10",), (MethodChoice("rp"),), ("en",))
    with closing(Store.open()) as store:
        run_suite(suite, store, device="cpu", roots={"": shared / "data"})
        (result,) = find_stored(paper, "1", store, {})
    found = [a for a in audit(paper, "1", [result], shipped=False) if a.best is not None]
    assert len(found) == 8
    for a in found:
        assert a.verdict in ("reproduced", "explained by convention"), a
        assert a.best is not None
        assert "jiangnan" in a.best.protocols
    assert count(found)["reproduced"] >= 6


@pytest.mark.shared
def test_q_ncie_explains_the_q0_of_hill2021semantic(shared: Path) -> None:
    """Other methods on its pairs give a Q_NCIE like the printed Q_0, and quite another Q_0."""
    page = (Path(__file__).resolve().parents[1] / "docs" / "audit.md").read_text()
    cells = [c for c in load_paper("hill2021semantic").cells if c.metric_label == "Q_0"]
    floor = 1 - math.log(3, 256)
    for pair in ("clock", "head", "bottle", "gingerbread"):
        printed = [c.value for c in cells if c.pair == pair]
        low, high = min(printed), max(printed)
        assert low > floor
        a, b = (
            read_image(next((shared / "data" / "hill2021" / side).glob(f"{pair}.*")))
            for side in "ab"
        )
        for slug in ("average", "lp", "gff"):
            fused = methods.load(slug, device="cpu")(a, b)
            scores = explain(a, b, fused, "q_ncie,q0")
            ncie, index = scores["q_ncie"].value, scores["q0"].value
            assert low - 0.012 < ncie < high + 0.012
            assert ncie > floor
            assert not low - 0.01 < index < high + 0.01
            if pair != "clock":
                assert abs(index - high) > 0.05
            line = f"| {low:.4f} to {high:.4f} | {slug} | {ncie:.4f} | {index:.4f} |"
            assert f"| {pair} {line}" in page

"""README and docs say what is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from conftest import picture

from fusebench.bench.cli import app
from fusebench.bench.images import read_image, write_image
from fusebench.metrics import METRICS

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PAGES = sorted((ROOT / "docs").rglob("*.md"))


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", text, flags=re.DOTALL)


def shell_lines(text: str) -> list[str]:
    lines = [line for block in blocks(text, "sh") for line in block.splitlines()]
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def fusebench(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run a command of the README, as printed, with this Python's fusebench."""
    words = line.split()
    assert words[0] == "fusebench"
    code = "from fusebench.bench.cli import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *words[1:]],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
    )


def test_generated_pages_are_up_to_date() -> None:
    sys.path.insert(0, str(ROOT / "docs"))
    try:
        import generate
    finally:
        sys.path.pop(0)
    pages = generate.pages()
    for name, text in pages.items():
        assert (ROOT / "docs" / name).read_text() == text, "run: python docs/generate.py"
    folder = ROOT / "docs" / "metrics"
    assert {f"metrics/{path.name}" for path in folder.iterdir()} <= pages.keys()


def test_every_metric_has_a_page_and_a_small_chart() -> None:
    folder = ROOT / "docs" / "metrics"
    for record in METRICS:
        page, chart = folder / f"{record.slug}.md", folder / f"{record.slug}.svg"
        assert record.displayed in page.read_text()
        root = ElementTree.fromstring(chart.read_text())
        names = [element.tag.rpartition("}")[2] for element in root.iter()]
        assert names.count("polyline") == 3
        assert chart.stat().st_size < 8000


def test_make_targets_exist() -> None:
    targets = [line.split()[1] for line in shell_lines(README) if line.startswith("make ")]
    assert targets == ["demo", "test"]
    for target in [*targets, "lint", "leaderboard"]:
        done = subprocess.run(
            ["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr


def test_every_command_is_in_the_readme_and_exists() -> None:
    names = {info.name for info in app.registered_commands}
    names |= {group.name for group in app.registered_groups}
    used = {line.split()[1] for line in shell_lines(README) if line.startswith("fusebench ")}
    assert used <= names
    for name in names:
        assert f"fusebench {name}" in README, name


def test_links_lead_somewhere() -> None:
    for page in (ROOT / "README.md", *PAGES):
        for target in re.findall(r"\]\(([^)#]+)?(?:#[^)]*)?\)", page.read_text()):
            if target and not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name}: {target}"


def test_the_counts_of_the_audit_are_those_of_the_page() -> None:
    page = (ROOT / "docs" / "audit.md").read_text()
    counts = re.search(r"\| all \| 1029 \| (\d+) \| (\d+) \| (\d+) \|", page)
    assert counts is not None
    same, explained, wrong = counts.groups()
    words = (
        f"{same} cells are reproduced, {explained} explained by a convention, and {wrong} "
        "contradict themselves"
    )
    assert words in " ".join(README.split())


def test_score_your_own_folder_as_printed(tmp_path: Path) -> None:
    block = next(b for b in blocks(README, "sh") if "datasets get demo" in b)
    get, make, score = shell_lines(f"```sh\n{block}```")
    assert fusebench(get, tmp_path).returncode == 0
    subprocess.run(make.split(), cwd=tmp_path, check=True)
    for path in tmp_path.glob("pairs/*/a/*.png"):
        other = read_image(path.parents[1] / "b" / path.name)
        write_image(tmp_path / "results" / path.name, other)
    done = fusebench(score, tmp_path)
    assert done.returncode == 0, done.stderr
    assert "MyNet" in done.stdout
    assert "17 pairs done." in done.stderr


@pytest.mark.parametrize("index", range(len(blocks(README, "python"))))
def test_python_of_the_readme_runs_as_printed(index: int, tmp_path: Path) -> None:
    code = blocks(README, "python")[index]
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "qabf" in done.stdout


def test_one_triple_and_fuse_as_printed(tmp_path: Path) -> None:
    for seed, name in enumerate(("A.png", "B.png", "FUSED.png", "ir.png", "vi.png")):
        write_image(tmp_path / name, picture(seed))
    for word in ("--json", "fuse lp"):
        line = next(line for line in shell_lines(README) if word in line)
        assert fusebench(line, tmp_path).returncode == 0
    assert (tmp_path / "fused.png").is_file()


def test_the_suite_of_the_readme_runs(tmp_path: Path, pair_root: Path) -> None:
    text = next(b for b in blocks(README, "toml") if "folder:ivif" in b)
    pair_root.rename(tmp_path / "my_pairs")
    # The demo is left out here: another test runs it.
    (tmp_path / "mine.toml").write_text(text.replace(', "demo"', ""))
    done = fusebench("fusebench run mine.toml --workers 1", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "GFF r=3" in done.stdout


@pytest.mark.parametrize("language", ["python"])
def test_examples_of_adding_work(language: str, tmp_path: Path) -> None:
    """The metric and the method of docs/adding.md register and run in a process of their own."""
    examples = blocks((ROOT / "docs" / "adding.md").read_text(), language)
    checks = (
        "import numpy as np\na = np.arange(64, dtype=np.uint8).reshape(8, 8)\n"
        "assert mean_level(a, a, a) == a.mean()\n"
        "from fusebench import methods\n"
        "assert (methods.load('brighter')(a, a.T) == np.maximum(a, a.T)).all()\n"
    )
    assert len(examples) == 2
    done = subprocess.run(
        [sys.executable, "-c", "\n".join([*examples, checks])],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr

"""Imports point one way, and listing stays fast."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
# What each part may import of fusebench, besides itself.
FOUNDATION = {f"fusebench.bench.{name}" for name in ("types", "registry", "images", "folders")}
LEAVES = ("metrics", "methods", "datasets")
HEAVY = {"sqlalchemy", "pandas", "streamlit", "alembic", "typer", "rich", "altair"}


def modules(folder: str) -> list[Path]:
    return sorted((ROOT / folder).rglob("*.py"))


def imported(path: Path) -> set[str]:
    """Every module that a file imports, anywhere in it, written in full."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            assert node.module is not None
            found |= {f"{node.module}.{alias.name}" for alias in node.names} | {node.module}
    return found


def ours(names: set[str]) -> set[str]:
    return {n for n in names if n.startswith("fusebench.")}


@pytest.mark.parametrize("folder", LEAVES)
def test_leaves_import_the_foundation_only(folder: str) -> None:
    assert modules(folder)
    for path in modules(folder):
        for name in ours(imported(path)):
            allowed = name.startswith(f"fusebench.{folder}") or any(
                name == f or name.startswith(f + ".") for f in FOUNDATION
            )
            # `from fusebench.bench.images import x` also reads as the package itself.
            assert allowed or name == "fusebench.bench", f"{path.relative_to(ROOT)} imports {name}"
        assert not {n.split(".")[0] for n in imported(path)} & HEAVY, path


def test_the_foundation_imports_nothing_else() -> None:
    for name in FOUNDATION:
        path = ROOT / "bench" / f"{name.rpartition('.')[2]}.py"
        assert ours(imported(path)) <= FOUNDATION | {
            f"{f}.{x}" for f in FOUNDATION for x in _names(f)
        }, path


def _names(module: str) -> set[str]:
    tree = ast.parse((ROOT / "bench" / f"{module.rpartition('.')[2]}.py").read_text())
    names: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            names.add(node.name)
        elif isinstance(node, ast.Assign):
            names |= {t.id for t in node.targets if isinstance(t, ast.Name)}
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            names.add(node.target.id)
    return names


def test_only_commands_look_up_to_the_leaderboard() -> None:
    for path in modules("bench"):
        if "cli" in path.relative_to(ROOT).parts:
            continue
        names = imported(path)
        assert not any(n.startswith("fusebench.leaderboard") for n in names), path
        assert not any(n.startswith("fusebench.bench.cli") for n in names), path


def test_only_pages_import_streamlit() -> None:
    """Tables are made and tested without a browser."""
    for folder in ("bench", "metrics", "methods", "datasets"):
        for path in modules(folder):
            assert not any(n.startswith("streamlit") for n in imported(path)), path
    for name in ("board", "draw", "export", "site", "app_tables"):
        names = imported(ROOT / "leaderboard" / f"{name}.py")
        assert not any(n.startswith("streamlit") for n in names)


@pytest.mark.parametrize(
    "arguments",
    [["--help"], *(["list", k] for k in ("metrics", "methods", "datasets", "protocols", "suites"))],
    ids=" ".join,
)
def test_listing_does_not_import_torch(arguments: list[str]) -> None:
    code = (
        "import sys\n"
        f"sys.argv = ['fusebench', *{arguments!r}]\n"
        "from fusebench.bench.cli import main\n"
        "try:\n    main()\nexcept SystemExit as e:\n    assert not e.code, e.code\n"
        "bad = {'torch', 'pandas', 'streamlit', 'sqlalchemy'} & set(sys.modules)\n"
        "assert not bad, bad\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, cwd="/")


def test_the_tree_has_no_links_but_the_five() -> None:
    links = {p.name for p in (ROOT / "src" / "fusebench").iterdir() if p.is_symlink()}
    assert links == {"bench", "metrics", "methods", "datasets", "leaderboard"}

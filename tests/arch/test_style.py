"""The rules of the house that a machine can check."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODULE_LINES = 700
"""About 500 is the aim; beyond this a module has more than one topic."""
SOURCE_ROOTS = {
    "client": "w9x_client",
    "shared_arena": "w9x_arena",
    "thunk16": "w9x_thunk16",
    "vxd": "w9x_vxd",
    "w9xd": "w9xd",
}
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
_SKIPPED = {
    ".git",
    ".venv",
    "build",
    "dist",
    "__pycache__",
    ".hypothesis",
    ".mypy_cache",
    ".pytest_cache",
    ".ruff_cache",
}


def files(*suffixes: str) -> Iterator[Path]:
    """The project's files, without what tools leave behind."""
    for path in sorted(ROOT.rglob("*")):
        if not _SKIPPED.intersection(path.relative_to(ROOT).parts) and path.is_file():
            if not suffixes or path.suffix in suffixes:
                yield path


@cache
def tree(path: Path) -> ast.Module:
    """A module's syntax tree."""
    return ast.parse(path.read_bytes())


def texts() -> Iterator[tuple[Path, str]]:
    """Every file that is text."""
    for path in files():
        data = path.read_bytes()
        if b"\0" not in data:
            yield path.relative_to(ROOT), data.decode("utf-8", "replace")


def packages() -> Iterator[Path]:
    """Python files of the product."""
    for root, package in SOURCE_ROOTS.items():
        yield from sorted((ROOT / root / package).rglob("*.py"))


def test_no_module_is_too_long() -> None:
    lengths = {path.relative_to(ROOT): len(path.read_text(encoding="utf-8").splitlines()) for path in files(".py")}
    assert {str(path): count for path, count in lengths.items() if count > MODULE_LINES} == {}


def test_every_module_says_what_it_is_for() -> None:
    silent = [path for path in packages() if not ast.get_docstring(tree(path))]
    assert silent == []


def test_nobody_imports_everything_from_anywhere() -> None:
    stars = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in files(".py")
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ImportFrom) and any(alias.name == "*" for alias in node.names)
    ]
    assert stars == []


# What would tie the project to the machine it was written on, and hosts whose names belong into that machine's
# settings.
_MACHINE = re.compile(
    r"(?<![\w.~$}-])/(?:work|root|tmp/venv|opt/(?:pypi|wheels))(?:/|\b(?=[\"'`\s]))|/home/(?!user\b|you\b)[a-z]\w*/"
    r"|\b(?:files\.)?pythonhosted\.org|\bpypi\.org|\bregistry\.npmjs|\bdeb\.debian\.org|\bstatic\.crates"
)


def test_no_file_names_a_machine_or_a_registry_host() -> None:
    found = [
        f"{path}:{text.count(chr(10), 0, match.start()) + 1}: {match.group()}"
        for path, text in texts()
        for match in _MACHINE.finditer(text)
    ]
    assert found == []


_EXCEPTION = re.compile(r"# (noqa\b|type: ignore)(?P<codes>[:\[][\w, :\-]+\]?)?(?P<rest>[^\n]*)")


def test_every_lint_exception_names_its_rule_and_its_reason() -> None:
    bare = []
    for path in files(".py"):
        if path == Path(__file__):
            continue
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            for match in _EXCEPTION.finditer(line):
                if match[1].startswith("type") and "tests" in path.parts:
                    continue  # mypy's strict rules are for the product
                reason = match["rest"].replace("# fmt: skip", "").strip(" #-–")
                if not match["codes"] or not (
                    reason or _EXCEPTION.search(line, match.end()) or _reason_in(match["codes"])
                ):
                    bare.append(f"{path.relative_to(ROOT)}:{number}: {match.group()}")
    assert bare == []


def _reason_in(codes: str) -> bool:
    """`# noqa: X - reason`: the pattern takes what follows the rule as part of the codes."""
    return " - " in codes


def test_every_source_folder_holds_one_package() -> None:
    for root, package in SOURCE_ROOTS.items():
        holds = [entry.name for entry in (ROOT / root).iterdir() if (entry / "__init__.py").exists()]
        assert holds == [package], root


def test_every_folder_with_modules_is_a_package() -> None:
    folders = {path.parent for path in packages()} | {p.parent for p in (ROOT / "tests").rglob("*.py")}
    assert [str(folder.relative_to(ROOT)) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_every_dependency_is_used_and_every_import_is_declared() -> None:
    names = {re.split(r"[<>=!~\[]", line)[0] for line in PROJECT["project"]["dependencies"]}
    providers = importlib.metadata.packages_distributions()
    imported: set[str] = set()
    for path in packages():
        for node in ast.walk(tree(path)):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                imported.add(node.module.partition(".")[0])
    distributions = {name.lower() for module in imported for name in providers.get(module, ())} - {"w9x"}
    assert distributions == {name.lower() for name in names}


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Names in the wheel, by hatchling's own collector."""
    builder = pytest.importorskip("hatchling.builders.wheel", reason="hatchling is not installed")
    return [file.distribution_path for file in builder.WheelBuilder(str(ROOT)).recurse_included_files()]


def test_the_wheel_has_our_packages_and_nothing_else_at_its_top(wheel_names: list[str]) -> None:
    assert {name.partition("/")[0] for name in wheel_names} == set(SOURCE_ROOTS.values())


def test_the_wheel_has_the_tables_and_the_registry_defaults(wheel_names: list[str]) -> None:
    assert "w9x_client/loader/exports/kernel32.tsv" in wheel_names
    assert "w9xd/defaults/base.reg" in wheel_names


def test_scripts_can_be_executed_and_are_correct_shell() -> None:
    scripts = [ROOT / "tools/check", ROOT / "tools/try", ROOT / ".ci/run"]
    for script in scripts:
        assert script.stat().st_mode & 0o111, script
    subprocess.run(["bash", "-n", *map(str, [*scripts, ROOT / "tools/setup.sh"])], check=True)

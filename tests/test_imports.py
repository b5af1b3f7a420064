"""The house: imports point one way, and what must start fast loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import spectui

ROOT = Path(spectui.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
LEVELS = {
    "engine": 0,
    "interrupt": 0,
    "streams": 1,
    "models": 1,
    "record": 2,
    "metrics": 3,
    "locations": 2,
    "machine": 2,
    "timings_file": 3,
    "settings": 3,
    "flags": 4,
    "corpus": 2,
    "store": 3,
    "datastore": 4,
    "loaded": 4,
    "environment": 5,
    "same_text": 5,
    "racing": 6,
    "conversation": 7,
    "session": 8,
    "doctor": 9,
    "bench": 9,
    "calibrate": 10,
    "run": 10,
    "tui": 10,
    "cli": 11,
    "__main__": 12,
    "__init__": 12,
}
HEAVY_ALLOWED = {"target.py", "cache.py", "attention.py", "graphs.py", "llama.py"}


def part(path):
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def imports(path):
    """Dotted names that a module imports, absolute, wherever in it."""
    package = ("spectui", *path.relative_to(ROOT).parts[:-1])
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = ".".join(package[: len(package) - node.level + 1]) if node.level else ""
            yield ".".join(filter(None, [base, node.module or ""])) or base
            if node.level and not node.module:
                yield from (f"{base}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_imports_point_one_way(path):
    level = LEVELS[part(path)]
    for name in imports(path):
        words = name.split(".")
        if words[0] == "spectui" and len(words) > 1 and words[1] in LEVELS:
            other = words[1]
            allowed = LEVELS[other] < level or other == part(path) or (other, part(path)) == ("metrics", "record")
            assert allowed or {other, part(path)} == {"run", "tui"}, f"{path.name} imports {name}"


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) == "engine"], ids=lambda path: path.name)
def test_only_a_few_engine_modules_know_transformers_and_none_knows_textual(path):
    names = {name.split(".")[0] for name in imports(path)}
    assert "textual" not in names
    assert "transformers" not in names or path.name in HEAVY_ALLOWED


@pytest.mark.parametrize("module", ["spectui.cli", "spectui.tui.app", "spectui.session", "spectui.run"])
def test_what_must_start_fast_loads_no_torch(module):
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {{'torch', 'transformers', 'tokenizers'}}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_help_loads_neither_torch_nor_textual():
    code = (
        "import sys; sys.argv = ['spectui', '--help']\nfrom spectui.cli import main\n"
        "try: main()\nexcept SystemExit: print(sorted(set(sys.modules) & {'torch', 'transformers', 'textual'}))"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout
    assert out.strip().endswith("[]")
    assert "chat" in out


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_say_what_they_are(path):
    assert ast.get_docstring(ast.parse(path.read_text("utf-8")))


def setter(function):
    return any(isinstance(mark, ast.Attribute) and mark.attr == "setter" for mark in function.decorator_list)


@pytest.mark.parametrize("path", MODULES, ids=lambda path: str(path.relative_to(ROOT)))
def test_public_names_have_docstrings(path):
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.ClassDef):
            assert node.name.startswith("_") or ast.get_docstring(node), node.name
            for child in node.body:
                if isinstance(child, ast.FunctionDef) and not setter(child):
                    hidden = child.name.startswith("_") or node.name.startswith("_")
                    assert hidden or ast.get_docstring(child), f"{node.name}.{child.name}"
    for node in ast.parse(path.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
            assert ast.get_docstring(node), node.name


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) == "tui"], ids=lambda path: path.name)
def test_no_handler_of_events_calls_its_parents(path):
    """Textual dispatches an event to the handlers of all classes; who calls the next one runs it twice."""
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Call):
            of_parent = isinstance(node.value.func, ast.Name) and node.value.func.id == "super"
            assert not of_parent or not node.attr.startswith(("on_", "_on_")), node.attr

"""The house: imports point one way, and what must start fast loads nothing heavy."""

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import spectui

ROOT = Path(spectui.__file__).parent
MODULES = sorted(ROOT.rglob("*.py"))
ROOMS = (
    "system",
    "engine",
    "config",
    "models",
    "record",
    "servers",
    "session",
    "present",
    "bench",
    "train",
    "tui",
    "cli",
    "__main__",
)
"""From the bottom up."""
ENGINE = ("values", "model", "verification", "policy", "retrieval", "tuning", "drafters")
"""The same inside the engine; above them the files that stand in no room of it."""
ABOVE = ("decoder", "race", "worker", "measurement", "timings_file")
MOST_ROOMS, MOST_ARROWS = 14, 55
HEAVY_ALLOWED = "model"
"""The one room of the engine that knows transformers."""


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


def rooms_of(name):
    """The rooms of a dotted name of ours, outermost first; empty for names of others."""
    words = name.split(".")
    return words[1:] if words[0] == "spectui" else []


def arrows():
    """Room -> rooms that it imports, on the top level."""
    made = {}
    for path in MODULES:
        for name in imports(path):
            other = rooms_of(name)
            if other and other[0] in ROOMS and other[0] != part(path):
                made.setdefault(part(path), set()).add(other[0])
    return made


def test_rooms_import_only_rooms_below_them():
    wrong = [(room, other) for room, others in arrows().items() for other in others]
    wrong = [pair for pair in wrong if pair[0] in ROOMS and ROOMS.index(pair[1]) >= ROOMS.index(pair[0])]
    assert wrong == []


def test_inside_the_engine_too():
    places = {name: place for place, name in enumerate((*ENGINE, *ABOVE))}
    wrong = []
    for path in MODULES:
        if part(path) != "engine" or (path.parent == ROOT / "engine" and path.name == "__init__.py"):
            continue
        room = path.relative_to(ROOT).parts[1].removesuffix(".py")
        for name in imports(path):
            other = rooms_of(name)
            if len(other) > 1 and other[0] == "engine" and other[1] != room and places[other[1]] >= places[room]:
                wrong.append((str(path.relative_to(ROOT)), name))
    assert wrong == []


def test_the_house_has_few_rooms_and_arrows():
    found = arrows()
    assert len(found.keys() | set().union(*found.values())) <= MOST_ROOMS
    assert sum(map(len, found.values())) <= MOST_ARROWS


def test_no_files_import_each_other_in_a_circle():
    names = {".".join(("spectui", *path.relative_to(ROOT).with_suffix("").parts)): path for path in MODULES}
    graph = {
        name: {other for other in imports(path) if other in names and other != name} for name, path in names.items()
    }
    while leaves := {name for name, others in graph.items() if not others & graph.keys()}:
        graph = {name: others for name, others in graph.items() if name not in leaves}
    circle = {name: sorted(others & graph.keys()) for name, others in graph.items()}
    assert circle == {}


@pytest.mark.parametrize("path", [path for path in MODULES if part(path) == "engine"], ids=lambda path: path.name)
def test_only_one_room_of_the_engine_knows_transformers_and_none_knows_textual(path):
    names = {name.split(".")[0] for name in imports(path)}
    assert "textual" not in names
    assert "transformers" not in names or path.parent.name == HEAVY_ALLOWED


@pytest.mark.parametrize(
    "module",
    ["spectui.cli.main", "spectui.tui.app", "spectui.session.session", "spectui.cli.answer", "spectui.tui.replay_app"],
)
def test_what_must_start_fast_loads_nothing_heavy(module):
    heavy = {"torch", "transformers", "tokenizers", "numpy", "pydantic"}
    code = f"import sys, {module}; print(sorted(set(sys.modules) & {heavy}))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout.strip() == "[]"


def test_the_engine_changes_no_environment_variable():
    code = "import os; before = set(os.environ.items()); import spectui.engine.decoder\n"
    code += "print([name for name, _ in set(os.environ.items()) ^ before if not name.startswith('TORCH')])"
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("GOMP_", "OMP_"))}
    out = subprocess.run([sys.executable, "-c", code], env=clean, capture_output=True, text=True)
    assert out.stdout.strip() == "[]", "but for what torch sets for itself"


def test_help_loads_neither_torch_nor_textual():
    code = (
        "import sys; sys.argv = ['spectui', '--help']\nfrom spectui.cli.main import main\n"
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
            assert not of_parent or not re.match("_?on_(?!message$)", node.attr), node.attr

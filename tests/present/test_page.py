"""The page to hand out: what it says, that it runs nothing of others, and that it plays in a real browser."""

import json
import os
import re
import shutil
import subprocess
from html.parser import HTMLParser
from importlib.resources import files
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spectui.engine.values.events import End
from spectui.present.page import page_of
from spectui.present.token_looks import LOOKS
from spectui.record.events import EndText
from spectui.record.replay import Replay
from spectui.system.errors import UserError
from spectui.system.sanitise import sanitise

from ..hostile import HOSTILE
from ..tui.played import READY, STORY, STORY_TOLD, answer
from ..tui.scenes import lap
from .browser import CHROMIUM, browser

AXE = Path(os.environ.get("AXE_CORE", "node_modules/axe-core")) / "axe.min.js"
ANSWER = [READY, *answer("draft", STORY_TOLD, STORY)]
RACE = [READY, *lap()]
VOID = {"meta", "input", "br", "link"}
NASTY = ('</script><script>alert(1)</script>', '"><img src=x onerror=alert(1)>', "<!--", "&lt;", "']]>", "\u2028",
         "<style>*{display:none}</style>", "javascript:alert(1)", "${x}`")  # fmt: skip


class Reader(HTMLParser):
    """What stands in a page, and whether its elements are closed in order."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen, self.ids, self.scripts, self.text = [], [], [], [], ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.seen.append((tag, dict(attrs)))
        if "id" in dict(attrs):
            self.ids.append(dict(attrs)["id"])
        if tag not in VOID:
            self.open.append(tag)
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] == "script":
            self.scripts[-1] += data
        elif self.open and self.open[-1] != "style":
            self.text += data


def page(records):
    replay = Replay(records)
    return page_of(replay, len(replay.takes) - 1)


def words(reader, kinds):
    """The texts of the tokens of some kinds."""
    return [one for one in reader.seen if one[1].get("class", "").removeprefix("t ") in kinds]


@pytest.mark.parametrize("records", [ANSWER, RACE], ids=["answer", "race"])
def test_the_page_is_whole_and_asks_for_nothing(records):
    text = page(records)
    reader = Reader(text)
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    for tag, attributes in reader.seen:
        assert not {"src", "href", "action", "data", "srcset", "style"} & attributes.keys(), tag
        assert not [name for name in attributes if name.startswith("on")]
    assert tuple(tag for tag, _ in reader.seen if tag in ("html", "main", "h1", "title")) == (
        "html",
        "title",
        "main",
        "h1",
    )
    assert not re.search(r"https?:|//[a-z]|@import|url\(|fetch\(|XMLHttp|import\(|eval\(|innerHTML", text)
    policy = next(a["content"] for t, a in reader.seen if a.get("http-equiv") == "Content-Security-Policy")
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy


def test_the_page_says_all_without_its_script():
    reader = Reader(page(ANSWER))
    assert STORY in reader.text
    for kind in ("accepted", "rejected", "correction", "bonus"):
        assert words(reader, (kind,))
        assert LOOKS[kind].meaning in reader.text
    assert "382.0 tok/s" in reader.text
    controls = next(a for _, a in reader.seen if a.get("class") == "controls")
    assert "hidden" in controls, "they do nothing without it"


def test_every_control_has_a_name_and_every_part_a_role():
    text = page(RACE)
    reader = Reader(text)
    for tag, attributes in reader.seen:
        if tag == "button":
            inner = re.search(rf'id="{attributes["id"]}"[^>]*>([^<]*)<', text)[1]
            assert attributes.get("aria-label") or re.search(r"\w", inner)
        if tag == "input":
            assert "aria-label" in attributes or re.search(rf'<label><input[^>]*id="{attributes["id"]}"', text)
    assert "<label>Speed <select" in text
    assert ("html", {"lang": "en"}) in reader.seen
    assert any(a.get("aria-live") == "polite" for _, a in reader.seen)
    levels = [int(tag[1]) for tag, _ in reader.seen if re.fullmatch("h[1-6]", tag)]
    assert levels[0] == 1
    assert set(levels[1:]) == {2}


def luminance(colour):
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    low, high = sorted((luminance(one), luminance(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("scheme", [0, 1, 2], ids=["light", "dark", "print"])
def test_every_colour_can_be_read(scheme):
    style = (files("spectui.present") / "page.css").read_text("utf-8")
    blocks = re.findall(r":root \{(.*?)\}", style, re.DOTALL)
    light = dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", blocks[0]))
    colours = light | dict(re.findall(r"--(\w+): (#[0-9a-f]{3,6})", blocks[scheme]))
    colours = {
        name: "#" + "".join(c * 2 for c in value[1:]) if len(value) == 4 else value for name, value in colours.items()
    }
    for ink in ("ink", "muted", "accepted", "rejected", "seam"):
        for ground in ("ground", "panel"):
            assert contrast(colours[ink], colours[ground]) >= 4.5, (ink, ground)
    for ground in ("bonus", "correction"):
        assert contrast(colours["ink"], colours[ground]) >= 4.5
    for line in ("line", "focus"):
        assert contrast(colours[line], colours["ground"]) >= 3.0


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from((*NASTY, *(t for t in HOSTILE if "\ud800" not in t), " word")), min_size=2, max_size=8))
def test_whatever_a_model_says_is_text(said):
    records = answer("draft", " ".join(map(sanitise, said)), sanitise("".join(said)), pace=0.5)
    records[-1] = EndText("chat", End("error", sanitise("".join(said))))
    text = page([READY, *records])
    reader = Reader(text)
    kinds = {tag for tag, _ in reader.seen}
    assert not kinds & {"img", "iframe", "object", "svg", "a", "link"}
    assert [tag for tag, _ in reader.seen].count("script") == 2
    assert [tag for tag, _ in reader.seen].count("style") == 1
    data = json.loads(reader.scripts[0])
    assert "</" not in reader.scripts[0]
    assert data["lanes"][0]["moments"]
    assert sanitise("".join(said)) in reader.text
    assert reader.scripts[1] == (files("spectui.present") / "page.js").read_text("utf-8")


def test_an_answer_that_is_too_long_is_refused(monkeypatch):
    monkeypatch.setattr("spectui.present.page.MOST_STEPS", 3)
    with pytest.raises(UserError, match="too many for a page"):
        page(ANSWER)


@pytest.mark.skipif(not shutil.which("node"), reason="there is no node")
def test_the_script_is_javascript():
    script = Path(str(files("spectui.present") / "page.js"))
    assert subprocess.run(["node", "--check", script], capture_output=True).returncode == 0


in_browser = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium (Debian has it as a package)")


@pytest.fixture(scope="module")
def tabs(tmp_path_factory):
    """The browser; one start takes longer than all tests in it."""
    with browser(tmp_path_factory.mktemp("profile")) as made:
        yield made


@pytest.fixture
def opened(tabs, tmp_path):
    """Opens a page in a tab of its own."""

    def open_(records):
        tabs._session, tabs.requests[:], tabs.errors[:] = None, [], []
        file = tmp_path / "page.html"
        file.write_text(page(records), "utf-8")
        tabs.open(file)
        assert tabs.requests == [file.as_uri()], "nothing else is asked for"
        return tabs

    return open_


TEXT = "[...document.querySelectorAll('.text')].map(one => one.innerText)"
SAID = "document.getElementById('said').textContent"
WHERE = "document.getElementById('where').textContent"


def until(holds):
    """A script that waits in the page until something holds."""
    return f"new Promise(done => {{ const look = () => {holds} ? done() : setTimeout(look, 10); look(); }})"


@in_browser
def test_in_a_browser_the_answer_is_played_step_by_step(opened):
    tab = opened(ANSWER)
    assert "friend" in tab.run(TEXT)[0]
    tab.press("Home")
    assert tab.run(TEXT) == [""]
    tab.press("ArrowRight")
    assert tab.run(TEXT) == ["Once"]
    replay, seen = Replay(ANSWER), []
    replay.until(12.0)
    for _ in range(6):
        tab.press("ArrowRight")
        replay.step()
        seen.append(tab.run(TEXT))
        state = replay.lanes["chat"]
        assert tab.run("document.querySelector('.numbers').textContent").startswith(
            f"{state.meter.numbers.tokens_per_second:.1f} tok/s"
        )
        nodes = tab.run("document.querySelectorAll('#tree li').length")
        assert nodes == len(state.step.step.nodes)
    for before in seen[-2::-1]:
        tab.press("ArrowLeft")
        assert tab.run(TEXT) == before
    assert tab.run(SAID)
    assert tab.errors == []


@in_browser
def test_in_a_browser_it_plays_by_itself_in_slow_motion_and_stops(opened):
    tab = opened(ANSWER)
    tab.press("-")
    tab.press("-")
    assert tab.run("document.getElementById('speed').value") == "0.25"
    tab.press(" ", "Space", " ")
    assert tab.run("document.getElementById('play').textContent") == "Pause"
    tab.run(until(f"!{WHERE}.startsWith('0 ')"))
    tab.press(" ", "Space", " ")
    first = tab.run(WHERE)
    assert first == tab.run(WHERE)
    tab.run("document.getElementById('speed').selectedIndex = 7")
    tab.run("document.getElementById('speed').dispatchEvent(new Event('change'))")
    tab.press(" ", "Space", " ")
    tab.run(until("document.getElementById('play').textContent === 'Play'"))
    assert tab.run(WHERE).endswith("26 of 26 steps")
    assert tab.errors == []


@in_browser
def test_in_a_browser_a_race_shows_its_lanes_and_a_token_its_tree(opened):
    tab = opened(RACE)
    assert tab.run("[...document.querySelectorAll('h2')].length") == 7
    assert tab.run("document.querySelectorAll('.lane').length") == 6
    tab.run("document.querySelectorAll('.lane')[1].querySelectorAll('.t.rejected')[0].dispatchEvent("
            "new MouseEvent('mouseover', {bubbles: true}))")  # fmt: skip
    assert tab.run("document.getElementById('which').textContent") == "step 1"
    assert tab.run("document.querySelector('#tree .rejected').textContent") == 'x " so"'
    tab.run("document.getElementById('time').value = 100")
    tab.run("document.getElementById('time').dispatchEvent(new Event('input'))")
    counts = tab.run("[...document.querySelectorAll('.lane')].map(l => l.querySelectorAll('.t:not([hidden])').length)")
    assert len(set(counts)) > 1
    assert all(0 < count < 200 for count in counts)
    assert tab.errors == []


@in_browser
def test_in_a_browser_all_of_it_is_printed(opened):
    tab = opened(ANSWER)
    tab.press("Home")
    tab.call("Emulation.setEmulatedMedia", media="print")
    tab.run("window.dispatchEvent(new Event('beforeprint'))")
    assert "friend" in tab.run(TEXT)[0]
    assert "89 tokens" in tab.run("document.querySelector('.numbers').textContent")
    assert tab.run("getComputedStyle(document.querySelector('.controls')).display") == "none"
    tab.run("window.dispatchEvent(new Event('afterprint'))")
    assert tab.run(WHERE).startswith("0 of")


@in_browser
def test_in_a_browser_nothing_that_a_model_says_is_run(opened):
    tab = opened([READY, *answer("draft", " ".join(NASTY), "".join(NASTY))])
    assert tab.run("document.scripts.length") == 2
    assert tab.run("document.querySelectorAll('img, iframe, style ~ style').length") == 0
    assert "</script>" in tab.run("document.querySelector('h1').textContent")
    assert tab.errors == []


@in_browser
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_in_a_browser_a_screen_reader_finds_every_control(opened, scheme):
    tab = opened(RACE)
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    nodes = [n for n in tab.call("Accessibility.getFullAXTree")["nodes"] if not n.get("ignored")]
    named = [(n["role"]["value"], n.get("name", {}).get("value", "").strip()) for n in nodes]
    controls = {name for role, name in named if role in ("button", "slider", "checkbox", "combobox")}
    assert controls == {"Beginning", "One step back", "Play", "One step on", "End", "Speed", "Time", "marks",
                        "what was rejected"}  # fmt: skip
    roles = {role for role, _ in named}
    assert {"main", "heading", "complementary", "status", "deletion", "strong"} <= roles


@in_browser
@pytest.mark.skipif(not AXE.is_file(), reason="there is no axe-core (npm install axe-core, or AXE_CORE=FOLDER)")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("records", [ANSWER, RACE], ids=["answer", "race"])
def test_in_a_browser_axe_finds_no_violation(opened, records, scheme):
    tab = opened(records)
    tab.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-color-scheme", "value": scheme}])
    tab.run(AXE.read_text("utf-8") + "; true")
    found = tab.run(
        "axe.run().then(made => made.violations.map(v => `${v.id}: ${v.nodes.map(n => n.html).join(' ')}`))"
    )
    assert found == []

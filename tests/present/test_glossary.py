"""Nothing is shown without a definition, and there is one source of them."""

import re
from itertools import pairwise

import pytest

from spectui.config.settings import Settings
from spectui.engine.drafters.registry import MODES
from spectui.engine.values.options import Options, Sampling
from spectui.present.answer_line import answer_line
from spectui.present.glossary import GROUPS, TERMS, by_group, unknown_words
from spectui.present.load_report import COLUMNS
from spectui.present.race_book import RaceBook
from spectui.present.race_table import race_grid
from spectui.present.step_sentence import sentence
from spectui.present.tables import _COLUMNS
from spectui.present.token_looks import LOOKS
from spectui.present.why_line import why
from spectui.record.events import Compared, ServedText, StepText, Told
from spectui.record.metrics import Meter, Speedup
from spectui.record.replay import Replay
from spectui.tui.replay_app import ReplayApp
from spectui.tui.screens.help import HelpScreen
from spectui.tui.screens.inspect import InspectScreen
from spectui.tui.widgets.lane import numbers_line
from spectui.tui.widgets.metric_bar import MetricBar
from spectui.tui.widgets.title import TitleBar

from ..tui.golden import GOLDENS
from ..tui.played import DRAFTS, READY, STORY, STORY_TOLD, WIDE, WIDE_TOLD, answer, inspected
from ..tui.scenes import lap

NAMES = {word for mode in MODES.values() for word in re.findall(r"[^\W\d_]+", f"{mode.name} {mode.title}")}


def unexplained(*texts):
    """Words without an entry that are no name of a mode."""
    return {word for text in texts for word in unknown_words(text)} - NAMES


def metered(mode):
    meter = Meter()
    for record in answer(mode, STORY_TOLD, STORY):
        meter.feed(record)
    return meter


def drawn(line):
    """All parts of a line, whatever there is room for."""
    return " ".join(part.text for part in line._parts)


def test_terms_are_there_once_in_one_line_each():
    names = [term.name for term in TERMS]
    assert len(names) == len(set(names))
    for term in TERMS:
        assert term.group in GROUPS
        assert term.meaning
        assert "\n" not in term.meaning
        assert not term.meaning.endswith(".")
        assert len(term.meaning) <= 120, term.name
    assert {look.word for look in LOOKS.values()} <= set(names)
    assert [term for _, terms in by_group() for term in terms] == sorted(TERMS, key=lambda t: GROUPS.index(t.group))


def test_a_word_without_an_entry_is_noticed():
    assert unknown_words('12.0 tok/s · 3 wombats "quoted words" per 4') == ["wombats", "per"]


@pytest.mark.parametrize("mode", DRAFTS)
def test_the_line_of_an_answer_and_why_it_is_fast(mode, monkeypatch):
    meter = metered(mode)
    assert unexplained(str(answer_line(meter))) == set()
    line = why(meter.numbers, 7.4)
    assert unexplained(line.cost.replace("beside", "").replace("is", ""), line.plain, line.ratio) <= {"nothing"}
    meter.tokens[:] = [1] * 50
    assert "circles" in str(answer_line(meter))
    assert unexplained(str(answer_line(meter))) == set()


@pytest.mark.parametrize("mode", DRAFTS)
@pytest.mark.parametrize("speedup", [None, Speedup(1.5, 1.4, 1.6, 3, "")])
def test_the_numbers_of_the_chat(mode, speedup):
    bar = MetricBar()
    bar.on_resize = lambda: None
    bar.show(metered(mode).numbers, speedup, False, True, key="", looping=True)
    assert unexplained(drawn(bar)) == set()


def test_the_title():
    title = TitleBar()
    title.on_resize = lambda: None
    for sampling in (Sampling(), Sampling(temperature=0.7)):
        title.show(READY, "m", Options(sampling), "", advised=True)
        words = drawn(title).replace("spectui", "").replace(READY.model, "").replace("demo draft", "")
        assert unexplained(words.replace("cpu float32", "")) == set()


def test_the_race():
    book = RaceBook([*lap(), *(Compared(lane) for lane in DRAFTS), *lap(1.1)])
    grid = race_grid(book)
    assert unexplained(*grid.columns) == set()
    cells = [cell for row in grid.rows for cell in row[1:]]
    assert unexplained(*cells) == set()
    for lane in book.lanes.values():
        assert unexplained(*(part.text for part in numbers_line(lane))) == set()


def test_the_bench():
    assert unexplained(*_COLUMNS) == set()
    assert unexplained(*COLUMNS) == set()


@pytest.mark.parametrize("drafted", [None, 5])
def test_what_a_server_tells_and_what_it_does_not(drafted):
    meter = Meter()
    meter.feed(ServedText("lab", 0, 12.0, "One two"))
    meter.feed(Told("lab", 30.0, 7, 11, drafted, drafted and 4, source="timings"))
    assert unexplained(str(answer_line(meter))) == set()
    assert why(meter.numbers, 7.4) is None
    bar = MetricBar()
    bar.on_resize = lambda: None
    bar.show(meter.numbers, None, False, True, key="")
    assert unexplained(drawn(bar)) == set()


async def test_the_step_pane_the_timeline_and_the_replay():
    records = [READY, *answer("specbranch", STORY_TOLD, STORY), *answer("sssd", WIDE_TOLD, WIDE), *lap()]
    app = ReplayApp(Settings(), Replay(records), 1.0)
    app.replay_screen.player.playing = False
    async with app.run_test(size=(140, 40)) as pilot:
        screen = app.replay_screen
        for _ in range(40):
            await pilot.press("full_stop")
            steps = [r for r in screen.replay.shown() if isinstance(r, StepText)]
            pane = str(screen.step_pane.content).removesuffix(sentence(steps[-1]))
            assert screen.panes or unexplained(pane) == set(), pane
            question = screen.replay.question(screen.replay.number)
            assert unexplained(str(screen.head.content).replace(question, "")) == set()
            rows = [screen.timeline.render_line(y).text for y in range(2)]
            assert unexplained(*rows) == set()
        await pilot.press("n", "n", "end")
        for pane in screen.panes.values():
            assert unexplained(drawn(pane._title), drawn(pane._numbers)) == set()


ORDINARY = {"all", "for", "the", "to", "loading", "fetch", "reverse"}
"""Words of short phrases that need no definition; ``reverse`` stands in a model's answer."""
PROSE = ("help", "settings", "slash", "palette", "typing")
"""Screens that explain, or show what a person writes."""
SHORT = 3
"""Words of a phrase beside a number, at most; longer ones are sentences."""


def numbered_phrases(screen):
    """The few words around each number of a picture; its last row shows keys."""
    for row in screen.split("\n---")[0].splitlines()[:-1]:
        unquoted = re.sub(r'"(\\.|[^"\\])*"', " ", row)
        for phrase in re.split(r"  +|[│▌·;:→=(),]| \+ ", unquoted):
            has_number = re.search(r"(?<![\w-])\d", phrase) and not re.search(r"[A-Za-z-]\d", phrase)
            if has_number and len(re.findall(r"[^\W\d_]+", phrase)) <= SHORT:
                yield phrase.strip()


def test_no_number_of_any_screen_is_without_a_word_that_is_explained():
    """Reads the pictures of all screens, so that a new screen is looked at as soon as it has one."""
    seen = [file for file in GOLDENS.glob("*.dark.*.txt") if not file.name.startswith(PROSE)]
    assert len(seen) > 100
    for file in seen:
        for phrase in numbered_phrases(file.read_text("utf-8")):
            assert unexplained(phrase) <= ORDINARY, f"{file.name}: {phrase}"


@pytest.mark.parametrize("mode", ["specbranch", "draft"])
async def test_the_inspector(mode):
    records = inspected(answer(mode, STORY_TOLD, STORY), noise=True)
    app = ReplayApp(Settings(), Replay([READY, *records]), 1.0)
    async with app.run_test(size=(140, 40)) as pilot:
        await pilot.press("space", "end", "enter")
        screen = app.screen
        assert isinstance(screen, InspectScreen)
        headings = set()
        for _ in range(8):
            await pilot.press("comma")
            headings |= {line.strip() for line in str(screen.facts.content).splitlines() if "share" in line}
            parts = (screen.draft_tree.lines, screen.head, screen.cost, screen.bars)
            assert unexplained(*(str(part.content) for part in parts)) <= {"for"}
        (heading,) = headings
        assert heading.split() == ["share", "log", "p", "noise", "sum"]
        assert unexplained(heading) == set()


async def test_the_help_shows_all_of_it():
    app = ReplayApp(Settings(), Replay([READY, *answer("draft", STORY_TOLD, STORY)]), 1.0)
    async with app.run_test(size=(120, 36)) as pilot:
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        page = " ".join(str(app.screen.query_one("#help > *").content).split())
        places = [page.find(f"{term.name} {term.meaning}") for term in TERMS if term.group != "Tokens"]
        assert -1 not in places
        assert all(a < b for a, b in pairwise(places))

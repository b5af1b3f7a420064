"""The clean view: Markdown and code as they stream, thoughts folded, code copied, nothing that could be clicked."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from textual.events import Key

from spectui.record.events import Finished, Started
from spectui.system.sanitise import sanitise
from spectui.tui.app import SpectuiApp
from spectui.tui.transcript.document import CLEAN, COLOUR, Document
from spectui.tui.transcript.viewport import Viewport
from spectui.tui.widgets.transcript import Transcript
from tests.demo import SETTINGS
from tests.hostile import FORBIDDEN, HOSTILE

from .helpers import wait_until
from .played import READY, STORY, PlayedSession, answer
from .records import end, step
from .stage import look_of, on_stage, rows, segments
from .test_replay import showing

pytestmark = pytest.mark.oldest

ANSWER = """\
# Sorting

Use `sorted`, it is **fast** and *stable*: [docs](https://example.org/a).

1. Take a list that is long enough to be wrapped
2. Sort it
   - in place

> said somebody

```python
@cache
def hello(name: str = "世界") -> int:
    \"\"\"Two
    lines.\"\"\"
    return 42  # why
```

| name | 値段 |
|---|---|
| りんご | 120 |
| a `pear` | 9 |

~~gone~~ 2 * 3 [INST]"""
READS = """\
Sorting

Use sorted, it is fast and stable: docs
(https://example.org/a).

1. Take a list that is long enough to be
   wrapped
2. Sort it
   • in place

▌ said somebody

│ python
│ @cache
│ def hello(name: str = "世界") -> int:
│     \"\"\"Two
│     lines.\"\"\"
│     return 42  # why

name   │ 値段
───────┼─────
りんご │ 120
a pear │ 9

gone 2 * 3 [INST]"""
MARKS = st.lists(
    st.sampled_from(
        [*"\n\n\t漢", "**", "*", "`", "```", "```py", "~~", "# ", "- ", "1. ", "> ", "| ", "|---|", "[a](b", ")",
         "<think>", "</think>", "word", " x", "'''", '"', "def f():", "    ", "&#27;"]
    ),
    max_size=30,
)  # fmt: skip


def tokens(text):
    return re.findall(r"\n|[ ]*\w+|[^\w\s]|\s", text)


def told(*texts, whole=True):
    document = Document()
    document.begin_question("Why?")
    document.begin_answer("Draft model")
    for index, text in enumerate(texts):
        document.add_step(step(index, [], [(text, "target")]))
    if whole:
        document.end_answer(end())
    return document


def viewport(document, width=44, height=200, level=CLEAN):
    made = Viewport(document)
    made.reshape(width, height, level)
    return made


def shown(made):
    """The rows of answers."""
    return [f"{line.lead}{line.text}".rstrip() for line in made.lines if line.paragraph.kind == "answer"]


def test_markdown_reads_as_it_should():
    assert "\n".join(shown(viewport(told(*tokens(ANSWER))))) == READS


def test_each_row_that_stands_while_the_answer_comes_stays_as_it_is():
    """No flicker: apart from the last line only the columns of a table move."""
    document = told(whole=False)
    made = viewport(document)
    before = []
    for index, token in enumerate(tokens(ANSWER.partition("| name")[0])):
        document.add_step(step(index, [], [(token, "target")]))
        made.settle()
        lines = [line for line in made.lines if line.paragraph.kind == "answer"]
        now = [
            (line.lead, line.text, [piece.look for piece, _, _ in line.flow.pieces(line.start, line.end)])
            for line in lines
        ]
        last = sum(line.paragraph is document.paragraphs[-1] for line in lines)
        assert now[: len(before)] == before
        before = now[: len(now) - last] if last else now[:-1]


def test_what_is_open_counts_as_closed_while_it_grows():
    for text, reads in {
        "so **very bo": "so very bo",
        "so **": "so",
        "a `co": "a co",
        "an *emph": "an emph",
        "2 * 3": "2 * 3",
        "see [docs](https://exa": "see docs (https://exa)",
        "#": "",
        "-": "",
        "1.": "",
        "``": "",
        "<thi": "",
    }.items():
        assert shown(viewport(told(text, whole=False))) == [reads], text
    assert shown(viewport(told("so **very bo"))) == ["so **very bo"]


@settings(max_examples=150, deadline=None)
@given(MARKS, st.integers(1, 40))
def test_what_was_streamed_reads_as_what_came_at_once(parts, width):
    streamed = told(whole=False)
    made = viewport(streamed, width)
    for index, part in enumerate(parts):
        streamed.add_step(step(index, [], [(part, "target")]))
        made.settle()
    streamed.end_answer(end())
    made.settle()
    again = viewport(told("".join(parts)), width)
    assert shown(made) == shown(again)
    assert streamed.answer_text() == "".join(parts)


@settings(max_examples=100, deadline=None)
@given(MARKS)
def test_no_text_is_lost_in_code(parts):
    code = "".join(parts).replace("`", "'").replace("\t", " ")
    made = viewport(told("```python\n", code, "\n```"), 2000)
    assert [row.removeprefix("│").removeprefix(" ") for row in shown(made)][1:] == [
        row.rstrip() for row in code.split("\n")
    ]


def test_a_step_is_found_in_what_reads_otherwise_than_it_was_written():
    document = told("see ", "**the", " docs**", " now", "\n- and", " then")
    made = viewport(document)
    flow = made.flow(len(document.paragraphs) - 2)
    assert [(piece.display, piece.step) for piece, _, _ in flow.pieces(0, 99)] == [
        ("see ", 0),
        ("the", 1),
        (" docs", 2),
        (" now", 3),
    ]
    assert made.step_at(2 + 2 + 5, [line.lead for line in made.lines].index("• ")) == (0, 5)


@pytest.mark.parametrize("width", [10, 25, 44])
def test_tables_that_do_not_fit_are_not_drawn_in_columns(width):
    reads = shown(viewport(told("| name | what it is |\n|---|---|\n| 漢字 | of two cells each |\n"), width))
    assert all("│" in row for row in reads if "漢" in row)
    assert "漢字" in "".join(reads)


def test_long_thoughts_are_folded_and_say_how_many_words_they_have():
    document = told("<think>\n", "Let me see,\n\n", "```\nx\n```\n", "so.\n", "</think>\n\n", "**Yes**")
    made = viewport(document)
    assert shown(made) == ["▸ thought for 4 words (alt+t unfolds)", "", "Yes"]
    made.fold(False)
    assert shown(made) == ["▾ thought for 4 words (alt+t folds)", "Let me see,", "", "│ code", "│ x", "so.", "", "Yes"]
    assert shown(viewport(document, level=COLOUR))[:3] == ["<think>", "Let me see,", ""]


def test_thoughts_that_go_on_grow_in_one_row():
    document = told("<think>\nOne two\nthree", whole=False)
    assert shown(viewport(document)) == ["▸ thinking, 2 words (alt+t unfolds)"]


def test_a_model_that_thinks_nothing_shows_nothing():
    assert shown(viewport(told("<think>\n\n</think>\n\nYes"))) == ["", "Yes"]


def test_thoughts_that_the_prompt_began_are_folded_when_they_end():
    document = told("I think\nand think\n", "</think>\n", "Yes")
    assert shown(viewport(document)) == ["▸ thought for 4 words (alt+t unfolds)", "Yes"]


@pytest.mark.parametrize("view", ["colour", "trace"])
async def test_fences_are_dim_where_tokens_are_coloured(view):
    transcript = Transcript()
    async with on_stage(transcript, (40, 12)) as pilot:
        transcript.view = view
        transcript.document.begin_answer("Draft model")
        transcript.document.add_step(step(0, [], [("```python\nprint()\n```\nThe end", "accepted")]))
        await pilot.pause()
        muted = pilot.app.theme_variables["token-muted"].lower()
        assert look_of(transcript, "```python") == muted
        assert look_of(transcript, "print()") == "#56b4e9"
        assert look_of(transcript, "The end") == "#56b4e9"


async def test_code_is_highlighted_and_markdown_has_weight():
    transcript = Transcript()
    async with on_stage(transcript, (60, 40)) as pilot:
        transcript.view = "clean"
        for_looks(transcript, ANSWER)
        await pilot.pause()
        assert "bold" in look_of(transcript, "fast")
        assert "italic" in look_of(transcript, "stable")
        assert "strike" in look_of(transcript, "gone")
        looks = {look_of(transcript, text) for text in ("def", "世界", "42", "# why", "hello")}
        assert len(looks) >= 4
        grounds = {s.style.bgcolor.name for s in segments(transcript) if "return" in s.text and s.style}
        assert grounds == {pilot.app.theme_variables["surface"].lower()}


async def test_links_are_text_that_nobody_can_click():
    transcript = Transcript()
    async with on_stage(transcript, (80, 10)) as pilot:
        transcript.view = "clean"
        for_looks(
            transcript,
            "[here](https://evil.example) ![pic](file:///etc/passwd) <https://a.example> [@click=app.quit]x[/]",
        )
        await pilot.pause()
        assert "here (https://evil.example)" in "\n".join(rows(transcript))
        styles = [segment.style for segment in segments(transcript) if segment.style]
        assert all(style.link is None and not style.meta.get("@click") for style in styles)


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
@pytest.mark.parametrize("around", ["{}", "**{}**", "```\n{}\n```", "| {} |", "# {}", "[{}](x{})", "<think>{}"])
async def test_hostile_text_reaches_the_terminal_as_text_only(text, around):
    transcript = Transcript()
    async with on_stage(transcript, (30, 40)) as pilot:
        transcript.view = "clean"
        transcript.viewport.folded = False
        for_looks(transcript, around.replace("{}", sanitise(text)), whole=False)
        await pilot.pause()
        sent = "".join(segment.text for segment in segments(transcript))
        assert not FORBIDDEN & set(sent)
        assert not {"\n", "\t"} & set(sent)


def for_looks(transcript, text, whole=True):
    transcript.document.begin_answer("Draft model")
    transcript.document.add_step(step(0, [], [(text, "target")]))
    if whole:
        transcript.document.end_answer(end())


async def test_one_key_copies_a_block_of_code_as_it_was_written():
    transcript = Transcript()
    copied = []
    async with on_stage(transcript, (60, 40)) as pilot:
        transcript.focus()
        pilot.app.copy_to_clipboard = copied.append
        await pilot.press("c")
        assert copied == []
        for_looks(transcript, "```py\nif x:\n\ty()\n```\nand\n```\nlast\n```")
        for view in ("clean", "colour"):
            transcript.view = view
            await pilot.press("c", "c", "c")
        assert copied == ["last\n", "if x:\n\ty()\n"] * 3


async def test_a_block_that_is_not_closed_yet_can_be_copied():
    transcript = Transcript()
    copied = []
    async with on_stage(transcript, (60, 10)) as pilot:
        transcript.focus()
        pilot.app.copy_to_clipboard = copied.append
        for_looks(transcript, "```py\nx = 1\ny", whole=False)
        await pilot.press("c")
        assert copied == ["x = 1\ny\n"]


async def test_a_key_folds_and_unfolds_thoughts():
    transcript = Transcript()
    async with on_stage(transcript, (60, 10)) as pilot:
        transcript.focus()
        transcript.view = "clean"
        for_looks(transcript, "<think>\nhm\n</think>\nYes")
        await pilot.press("t")
        assert "  hm" in rows(transcript)
        await pilot.press("t")
        assert rows(transcript)[1:3] == ["  ▸ thought for 1 word (alt+t unfolds)", "  Yes"]


async def test_what_is_on_the_screen_is_what_would_be_painted_anew():
    transcript = Transcript()
    async with on_stage(transcript, (50, 20)) as pilot:
        transcript.view = "clean"
        transcript.document.begin_answer("Draft model")
        for index, token in enumerate(tokens(ANSWER)):
            transcript.document.add_step(step(index, [], [(token, "target")]))
            if index % 5 == 0:
                await pilot.pause()
        await pilot.pause()
        seen = pilot.app.screen._compositor.render_strips()
        transcript.notify_style_update()
        transcript.refresh()
        await pilot.pause()
        assert pilot.app.screen._compositor.render_strips() == seen


async def test_a_block_of_code_has_one_ground_its_spaces_too():
    transcript = Transcript()
    async with on_stage(transcript, (50, 12)) as pilot:
        transcript.view = "clean"
        for_looks(transcript, "```py\nif x:\n    return x  # a copy\n```\nUse `x y` here.")
        await pilot.pause()
        strips = pilot.app.screen._compositor.render_strips()
        row = next(strip for strip in strips if "return" in strip.text)
        behind = row.crop(row.text.index("return") - 4, row.cell_length - 4)
        assert {segment.style.bgcolor for segment in behind} == {behind._segments[0].style.bgcolor}
        assert behind._segments[0].style.bgcolor != row._segments[0].style.bgcolor


async def test_thoughts_are_unfolded_while_the_answer_streams_and_while_somebody_types():
    told = answer("draft", "<think>\nLet me see.\n</think>\nYes, a fox.", STORY)
    app = SpectuiApp(SETTINGS, lambda sink: PlayedSession())
    async with app.run_test(size=(80, 24)) as pilot:
        chat = app.chat
        chat.apply([READY])
        chat.action_view("clean")
        assert chat._send(STORY)
        await wait_until(pilot, lambda: chat.command is not None)
        chat.apply([Started(chat.command, "answer"), *told[:5]])
        await pilot.pause()
        assert chat.busy
        assert chat.prompt.has_focus
        assert any(row.endswith("(alt+t unfolds)") for row in rows(chat.transcript))
        await pilot.press("a", "alt+t", "t")
        assert chat.prompt.text == "at"
        assert any("Let me" in row for row in rows(chat.transcript))
        chat.apply([*told[5:], Finished(chat.command, "answer")])
        await pilot.pause()
        assert any("Let me see." in row for row in rows(chat.transcript))
        fold = next(y for y, row in enumerate(rows(chat.transcript)) if "(alt+t folds)" in row)
        await pilot.click(Transcript, offset=(6, fold))
        assert not any("Let me" in row for row in rows(chat.transcript))


@pytest.mark.parametrize("lanes", [1, 2])
async def test_a_replay_unfolds_thoughts_in_all_lanes_and_keeps_them_so_when_it_goes_back(lanes):
    told = "<think>\nLet me see.\n</think>\nYes, a fox."
    records = [one for lane in ("ar", "draft")[:lanes] for one in answer(lane, told, STORY, lane)]
    async with showing([READY, *records], size=(120, 36)) as (screen, pilot):
        shown = [pane.transcript for pane in screen.panes.values()] or [screen.transcript]
        for transcript in shown:
            transcript.view = "clean"
        await pilot.press("end", "alt+t", "comma")
        await pilot.pause()
        assert len(shown) == lanes
        assert all(any("Let me" in row for row in rows(transcript)) for transcript in shown)


async def test_alt_and_a_letter_is_a_key_and_no_letter_in_the_prompt():
    """A terminal sends the letter with it, which a key that a test presses has not."""
    copied = []
    app = SpectuiApp(SETTINGS, lambda sink: PlayedSession())
    async with app.run_test(size=(80, 24)) as pilot:
        app.copy_to_clipboard = copied.append
        app.chat.transcript.view = "clean"
        for_looks(app.chat.transcript, "<think>\nhm\n</think>\n```py\nx\n```\n")
        app.chat.prompt.focus()
        for letter in "ctn":
            app.post_message(Key(f"alt+{letter}", letter))
            await pilot.pause()
        assert copied == ["x\n"]
        assert not app.chat.transcript.viewport.folded
        assert app.chat.prompt.text == ""

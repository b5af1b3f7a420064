"""Reading what the demo pair writes: code in the clean view while it streams, copying, a switch in mid-answer."""

from spectui.tui.transcript.paragraph import CLEAN

from .helpers import Paced, running, say, wait_until
from .stage import segments

CODE = "Write a Python function that returns the largest number in a list."


async def test_code_of_a_real_answer_is_highlighted_while_it_streams_and_copied_with_one_key(monkeypatch):
    monkeypatch.setattr(Paced, "pause", 0.5)
    async with running() as (app, pilot):
        copied = []
        app.copy_to_clipboard = copied.append
        transcript = app.chat.transcript
        while transcript.view != "clean":
            await pilot.press("f7")
        await say(pilot, CODE)
        await wait_until(pilot, lambda: transcript.document.fences)
        await wait_until(pilot, lambda: any(s.text.strip() == "def" for s in segments(transcript)))
        assert app.chat.busy
        keyword = next(s.style for s in segments(transcript) if s.text.strip() == "def")
        assert keyword.bold
        assert keyword.bgcolor.name == app.theme_variables["surface"].lower()
        monkeypatch.setattr(Paced, "pause", 0.0)
        await wait_until(pilot, lambda: not app.chat.busy and app.chat.ledger.answered)
        await pilot.press("alt+c")
        text = transcript.document.answer_text()
        assert copied == [text.partition("```python\n")[2].partition("```")[0]]
        assert copied[0].startswith("def ")
        shown = "\n".join(line.text for line in transcript.viewport.lines)
        assert transcript.viewport.level == CLEAN
        assert "```" not in shown


async def test_a_switch_in_mid_answer_stands_in_the_margin_and_in_no_word(monkeypatch):
    monkeypatch.setattr(Paced, "pause", 0.5)
    async with running() as (app, pilot):
        transcript = app.chat.transcript
        await say(pilot, "Tell me a story about a shy dragon who wants to find a friend.")
        await wait_until(pilot, lambda: app.chat.ledger.numbers.steps >= 3)
        await pilot.press("f5")
        await wait_until(pilot, lambda: any(line.is_seam for line in transcript.viewport.lines))
        monkeypatch.setattr(Paced, "pause", 0.0)
        await wait_until(pilot, lambda: not app.chat.busy and app.chat.ledger.answered)
        answer = [line for line in transcript.viewport.lines if line.paragraph.kind == "answer"]
        assert [line.sign for line in answer if line.is_seam] == ["⇢ "]
        assert "⇢" not in "".join(line.text for line in answer)
        assert "".join(line.text for line in answer) == transcript.document.answer_text().replace("\n", "")
        assert any("⇢ LogitSpec" in line.text for line in transcript.viewport.lines)

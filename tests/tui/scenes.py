"""Every screen at moments worth a picture, played by hand: no model, no clock."""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from sqlite3 import Connection
from time import monotonic
from types import SimpleNamespace

from textual.command import CommandList
from textual.events import Paste
from textual.pilot import Pilot
from textual.widgets import Input

from spectui.engine.drafters.registry import MODES
from spectui.engine.values.events import End, Switch
from spectui.engine.values.options import Options, Sampling
from spectui.models.resolve import REAL, place
from spectui.present.lesson import shipped
from spectui.record.events import (
    Compared,
    EndText,
    Failed,
    Finished,
    Loading,
    Note,
    Record,
    Started,
    StepText,
    SwitchText,
    TurnText,
)
from spectui.record.replay import Replay
from spectui.session.archive.changes import measured, rename
from spectui.session.archive.recorder import Recorder
from spectui.session.session import AGAIN, BASELINE
from spectui.tui.app import SpectuiApp
from spectui.tui.screens.chat import READ_OUT_TICKS
from spectui.tui.screens.conversations import ConversationsScreen
from spectui.tui.screens.dialogs import ChoiceScreen, LineScreen
from spectui.tui.screens.inspect import InspectScreen
from spectui.tui.screens.picker import ModelPicker
from spectui.tui.screens.tour import TourScreen

from ..demo import SETTINGS
from .played import (
    READING,
    READING_TOLD,
    READY,
    STORY,
    STORY_TOLD,
    WIDE,
    WIDE_TOLD,
    PlayedSession,
    answer,
    inspected,
    refused,
    steps,
    words_of,
)

Story = Callable[["Play"], Awaitable[None]]
STORIES: dict[str, Story] = {}
"""What each test plays from the first frame on; one story shows several screens, since a new app takes its time."""
PATIENCE = 60.0
"""Seconds that a very busy machine may take for anything."""
LANES = {"ar": 1.0, "draft": 0.96, "sssd": 1.02, "logitspec": 1.05, "specbranch": 0.93, "pld": 1.01}
"""Lanes of the race, each with its pace."""

ADVISED = Options(sampling=Sampling(temperature=0.2, top_p=0.9))


class Play:
    """The app on which a story is played; ``shoot`` takes a picture under a name."""

    def __init__(self, app: SpectuiApp, pilot: Pilot[int], shoot: Callable[[str], Awaitable[None]]) -> None:
        self.app, self.pilot, self.shoot = app, pilot, shoot
        self.chat, self.press = app.chat, pilot.press

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end = monotonic() + PATIENCE
        while not holds():
            assert monotonic() < end, "it never came to hold"
            await self.pilot.pause()

    async def feed(self, *records: Record) -> None:
        """Let records come as from the decode thread, and as much time pass as all read-outs need to show them."""
        for record in records:
            self.app.bridge.put(record)
        for _ in range(2 * READ_OUT_TICKS):
            self.chat._tick()
        await self.pilot.pause()

    async def ask(self, question: str, records: list[Record]) -> None:
        """Ask in the chat; the answer is these records, and over if they have an end."""
        self.app.post_message(Paste(question))
        await self.pilot.pause()
        await self.press("enter")
        await self.until(lambda: self.chat.command is not None)
        await self.feed(Started(self.chat.command, "answer"), *records)
        if isinstance(records[-1], EndText):
            await self.feed(Finished(self.chat.command, "answer"))

    async def go_on(self, records: list[Record]) -> None:
        """The rest of an answer."""
        await self.feed(*records, Finished(self.chat.command, "answer"))


def story(play: Story) -> Story:
    """Note a story under its name."""
    STORIES[play.__name__] = play
    return play


@story
async def beginning(play: Play) -> None:
    """From the first frame to what may be asked and where help is."""
    await play.feed(Loading("loading the target", 0.4))
    await play.shoot("loading")
    await play.feed(READY)
    await play.shoot("empty")
    await play.press("escape", "down", "down")
    await play.shoot("example")
    await play.press("f1")
    await play.shoot("help")
    await play.press("end")
    page = play.app.screen.query_one("#help")
    await play.until(lambda: page.scroll_y == page.max_scroll_y > 0)
    await play.shoot("help-end")
    await play.press("escape", "ctrl+g")
    await play.until(lambda: play.app.race is not None and bool(play.app.race.panes))
    await play.shoot("race-asks")


@story
async def real_model(play: Play) -> None:
    """Only the demo pair is there: a real model is offered, comes, cannot come, and is there."""
    offer = play.chat.offer
    await play.feed(READY)
    offer.offer(REAL)
    await play.shoot("offer")
    fetching = SimpleNamespace(done=110_000_000, total=269_000_000, runs=True, here=False, failure="", stop=str)
    offer._fetching, offer.state = fetching, "coming"  # type: ignore[assignment]
    offer._look()
    await play.shoot("offer-coming")
    fetching.failure = f"{REAL} cannot be fetched: the hub does not answer; {place(REAL).remedy}"
    fetching.runs = False
    offer._look()
    await play.shoot("offer-failed")
    offer.withdraw()
    play.chat.examples.show(REAL)
    play.chat.header.show(replace(READY, model=REAL, draft=None), REAL, ADVISED, "", advised=True)
    await play.shoot("empty-real")


@story
async def no_model(play: Play) -> None:
    """The model cannot be loaded."""
    await play.feed(Failed("there is no model 'gpt-9'; `spectui models` lists what there is, or give a folder"))
    await play.shoot("load-failed")


@story
async def answering(play: Play) -> None:
    """A question, its answer, and what can be done with it."""
    await play.feed(READY)
    told = answer("draft", STORY_TOLD, STORY)
    await play.ask(STORY, told[:14])
    await play.shoot("streaming")
    await play.go_on(told[14:])
    await play.shoot("answered")
    await play.press("f7", "escape", "comma", "comma", "comma")
    play.app.clear_notifications()
    await play.shoot("chosen-step")
    await play.press("escape", "ctrl+p")
    await play.until(lambda: play.app.screen is not play.chat)
    play.app.screen.query_one(Input).value = "mode"
    commands = play.app.screen.query_one(CommandList)
    await play.until(lambda: commands.option_count >= len(MODES))
    await play.shoot("palette")
    await play.press("escape")
    await play.until(lambda: play.app.screen is play.chat)
    play.chat.prompt.focus()
    await play.press("f7", "f7", "f9")
    play.app.clear_notifications()
    await play.shoot("measuring")
    rounds = [
        record
        for pace in (1.0, 1.03, 0.98)
        for lane, mode, own in ((AGAIN, "draft", 1.0), (BASELINE, "ar", pace))
        for record in answer(mode, STORY_TOLD, STORY, lane, pace=own)
    ]
    command = play.chat.command
    await play.feed(Started(command, "measurement"), *rounds, Finished(command, "measurement"))
    await play.shoot("measured")
    play.app.clear_notifications()
    play.chat.prompt.text = "Compare\n\n1. a shy dragon\n2. a brave knight\n\nin a table of three rows, " + "wide " * 20
    play.chat.prompt.move_cursor(play.chat.prompt.document.end)
    await play.shoot("typing")
    play.chat.prompt.text = "/s"
    await play.until(lambda: play.chat.completion.display)
    await play.shoot("slash")
    play.chat.prompt.text = ""
    await play.press("ctrl+e")
    await play.until(lambda: play.app.screen is not play.chat)
    await play.press("down", "down")
    await play.shoot("settings")
    await play.press("escape")
    await play.until(lambda: play.app.screen is play.chat)
    await race(play)
    await play.ask(STORY, [*told[:7], EndText("chat", End("error", "no memory left; choose a smaller model"))])
    await play.feed(Note("the conversation is no longer saved: no space left on the disk"))
    await play.shoot("answer-failed")


@story
async def slow_motion(play: Play) -> None:
    """The last answer once more, step by step and backwards."""
    await play.feed(READY)
    await play.ask(STORY, answer("specbranch", STORY_TOLD, STORY))
    await play.press("alt+s", "home", *["full_stop"] * 9)
    await play.shoot("slow-motion")
    await play.press("comma", "comma", "f7")
    await play.shoot("slow-motion-back")


@story
async def switching(play: Play) -> None:
    """Other modes, in mid-answer and from one answer to the next; a long conversation is scrolled."""
    await play.feed(READY)
    begun = answer("draft", STORY_TOLD, STORY)[:8]
    await play.ask(STORY, begun)
    play.chat.action_mode("specbranch")
    await play.shoot("mode-waits")
    given = sum(len(record.emitted) for record in begun if isinstance(record, StepText))
    rest = list(steps("specbranch", words_of(STORY_TOLD)[given:]))
    await play.feed(SwitchText("chat", Switch("specbranch", 6)), *rest[:9])
    await play.shoot("switched")
    await play.go_on([*rest[9:], EndText("chat", End("eos"))])
    play.chat.action_mode("logitspec")
    await play.feed(SwitchText("chat", Switch("logitspec", 0)))
    await play.ask(WIDE, answer("logitspec", WIDE_TOLD, WIDE, reason="length"))
    await play.press("f7")
    play.app.clear_notifications()
    await play.shoot("wide-characters")
    await play.press("f7", "f7")
    play.chat.action_mode("sssd")
    play.app.clear_notifications()
    await play.feed(SwitchText("chat", Switch("sssd", 0)))
    await play.ask(STORY, answer("sssd", STORY_TOLD, STORY)[:13])
    await play.shoot("idle")
    play.chat.transcript.focus()
    await play.press("home")
    await play.shoot("scrolled")
    await play.press("ctrl+b")
    await play.shoot("side")


NOON = 1_772_020_800.0
"""A day in February 2026, at noon in London."""
TALKS: dict[str, list[tuple[str, str, str]]] = {
    "What is entropy?": [("What is entropy?", "The mean of what a message tells.", "draft")],
    "A fox": [("Tell me a story about a fox.", "A fox lived in a wood.", "sssd"), ("And then?", "It slept.", "ar")],
    "Hello": [(WIDE, WIDE_TOLD, "logitspec")],
    "The shy dragon": [(STORY, STORY_TOLD, "draft"), ("And the bird?", "The bird sang every morning.", "sssd")],
}


def fill(database: Connection) -> None:
    """Conversations of some days; the last one has a question with two answers."""
    for day, (title, turns) in enumerate(TALKS.items()):
        recorder, now = Recorder(), NOON + 86_400 * day
        recorder.feed(database, READY, now)
        for before, (question, told, mode) in enumerate([*turns, *([turns[-1]] if title == "The shy dragon" else [])]):
            turn, *rest = answer(mode, told, question)
            assert isinstance(turn, TurnText)
            placed = replace(turn, turn=replace(turn.turn, before=min(before, len(turns) - 1)))
            for record in (placed, *rest):
                recorder.feed(database, record, now)
        assert recorder.conversation is not None
        if title != "What is entropy?":
            rename(database, recorder.conversation, title)
            measured(database, recorder.answers[0], 1.2 + day / 8)


@story
async def kept(play: Play) -> None:
    """Conversations that are kept: the list, what may be done with one, going on, a question asked anew."""
    await play.feed(READY)
    play.app.archive.write(fill)
    await play.press("ctrl+o")
    await play.until(lambda: isinstance(play.app.screen, ConversationsScreen))
    screen = play.app.screen
    assert isinstance(screen, ConversationsScreen)
    await play.until(lambda: len(screen.found) == len(TALKS))
    await play.press("down", "down")
    await play.shoot("conversations")
    await play.press("r")
    await play.until(lambda: isinstance(play.app.screen, LineScreen))
    await play.shoot("conversations-rename")
    await play.press("escape", "d")
    await play.until(lambda: isinstance(play.app.screen, ChoiceScreen))
    await play.shoot("conversations-delete")
    await play.press("escape", "e")
    await play.until(lambda: isinstance(play.app.screen, ChoiceScreen))
    await play.shoot("conversations-export")
    await play.press("escape", "slash")
    screen.query_one(Input).value = "sang zebra"
    await play.until(lambda: len(screen.found) == 0)
    await play.shoot("conversations-nothing")
    screen.query_one(Input).value = "bird"
    await play.until(lambda: len(screen.found) == 1)
    await play.shoot("conversations-found")
    await play.press("enter")
    await play.until(lambda: play.app.screen is play.chat and play.chat.transcript.document.answers == 2)
    play.app.clear_notifications()
    await play.shoot("resumed")
    await play.press("escape", "e")
    await play.until(lambda: play.chat.keeping.editing is not None)
    play.app.clear_notifications()
    await play.shoot("question-anew")
    await play.press("escape")
    play.chat.keeping.learns = None
    play.chat.keeping.ask_to_learn()
    await play.shoot("learn-asked")


@story
async def reading(play: Play) -> None:
    """Markdown and code in the clean view, the same in colours with another mode in the middle, thoughts unfolded."""
    await play.feed(READY)
    told = answer("draft", READING_TOLD, READING)
    await play.press("f7", "f7")
    play.app.clear_notifications()
    await play.ask(READING, told[: len(told) // 2])
    await play.shoot("reading-streaming")
    await play.feed(SwitchText("chat", Switch("logitspec", 6)))
    await play.go_on(told[len(told) // 2 :])
    play.chat.transcript.focus()
    await play.press("home")
    await play.shoot("reading")
    await play.press("t", "end")
    await play.shoot("reading-unfolded")
    await play.press("f7")
    play.app.clear_notifications()
    await play.shoot("reading-colour")


@story
async def choosing(play: Play) -> None:
    """Another model and another theme."""
    await play.feed(READY)
    free = 10_000_000_000
    play.app.push_screen(ModelPicker(SETTINGS.model, "demo", free))
    await play.until(lambda: isinstance(play.app.screen, ModelPicker))
    await play.shoot("models")
    await play.press(*"smol", "down", "down")
    await play.until(lambda: play.app.screen.models.highlighted == 2)  # type: ignore[attr-defined]
    play.app.screen._tell("smollm2-360m  ██████████░░░░░░░░░░░░░░  41% 297 of 724 MB  esc stops")  # type: ignore[attr-defined]
    await play.shoot("models-filtered")


@story
async def classroom(play: Play) -> None:
    """What a teacher shows: a step under the magnifying glass, lecture mode, a lesson."""
    await play.feed(READY)
    told = inspected(refused(answer("draft", STORY_TOLD, STORY)), noise=True)
    await play.ask(STORY, told)
    await play.press("escape", "enter", "up")
    await play.until(lambda: isinstance(play.app.screen, InspectScreen) and play.app.screen.record is not None)
    await play.shoot("inspector")
    await play.press("escape", "f12")
    await play.shoot("lecture")
    await play.press("f12")
    tour = TourScreen(shipped(), lambda sink: PlayedSession())
    play.app.push_screen(tour)
    await play.until(lambda: play.app.screen is tour and tour.is_mounted)
    await play.press("2")
    await play.shoot("tour")


async def race(play: Play) -> None:
    """A race on the last question of the chat, its table, its replay."""
    await play.press("ctrl+g")
    await play.until(lambda: play.app.race is not None and play.app.race.command is not None)
    race, replay = play.app.race, Replay(lap())
    await play.feed(Started(race.command, "race"), *replay.until(0.45 * replay.length))
    await play.shoot("race")
    same = [Compared(lane) for lane in LANES]
    rounds = [*replay.until(replay.length), *same, *lap(1.03), *same, *lap(0.99), *same]
    await play.feed(*rounds, Finished(race.command, "race"))
    await play.shoot("race-over")
    await play.press("ctrl+b", "greater_than_sign", "greater_than_sign", "ctrl+b")
    await play.shoot("race-by-steps")
    await play.press("escape")
    await play.until(lambda: play.app.screen is race)
    await play.press("escape")
    await play.until(lambda: play.app.screen is play.chat)


def lap(pace: float = 1.0) -> list[Record]:
    """One round of a race, in the order of the lanes' clocks."""
    lanes = [answer(lane, STORY_TOLD, STORY, lane, pace=own * pace) for lane, own in LANES.items()]
    replay = Replay([record for lane in lanes for record in lane])
    return replay.until(replay.length)

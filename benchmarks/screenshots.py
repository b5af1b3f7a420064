"""Pictures of the program at work on real models, as SVG files: those of README and docs.

    python -m benchmarks.screenshots [FOLDER] [--size 120x36] [--only NAME ...]

Nothing is played: each picture shows what this machine did while it was taken, so nothing else should run on it. They
go into docs/screenshots/ unless another FOLDER is named.
"""

import argparse
import asyncio
import os
import re
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

from textual.events import Paste
from textual.pilot import Pilot

STORY = "Tell me a short story about a shy dragon."
ANOTHER = "Tell me a short story about a shy robot."
COPY = (
    "Rewrite the input text to make it more concise while preserving its core meaning.\n\nHi Anna,\n\nI hope this message "
    "finds you well. I am writing to tell you that the meeting that was planned for Monday at nine has been moved to "
    "Friday at ten, because the big room is not free on Monday. Please tell me whether you can come.\n\nBest regards,\nTom"
)
CODE = "Write a Python function that returns the largest number in a list, then explain it in three bullet points."
REAL, TOYS = "smollm2-135m", "demo"
LENGTH = 140
"""Tokens of an answer at most: it fits the screen."""
PATIENCE = 600.0
"""Seconds that anything may take."""
Shot = Callable[["Camera"], Awaitable[None]]
SHOTS: dict[str, dict[str, Shot]] = {REAL: {}, TOYS: {}}
"""Model -> name of a picture -> what is done before it is taken."""


class Camera:
    """The program in a terminal of its own, and what a person would do there."""

    def __init__(self, app, pilot: Pilot) -> None:
        self.app, self.pilot, self.press = app, pilot, pilot.press

    async def until(self, holds: Callable[[], bool]) -> None:
        """Wait until something holds."""
        end = monotonic() + PATIENCE
        while not holds():
            if monotonic() > end:
                raise SystemExit("it took too long; is something else running?")
            await self.pilot.pause(0.05)

    async def anew(self, view: str = "colour") -> None:
        """Begin another conversation."""
        chat = self.app.chat
        while self.app.screen is not chat:
            await self.press("escape")
            await self.pilot.pause(0.2)
        await self.press("ctrl+n", "f5")
        while chat.transcript.view != view:
            chat.action_view()
            await self.pilot.pause()

    async def say(self, question: str, shares: float = 1.0) -> None:
        """Ask, and wait for the answer, or for a share of its length limit."""
        chat = self.app.chat
        before = len(chat.ledger.asked)
        chat.prompt.focus()
        self.app.post_message(Paste(question))
        await self.pilot.pause()
        await self.press("enter")
        await self.until(lambda: len(chat.ledger.asked) > before)
        most = shares * self.app.session.options.max_new_tokens
        await self.until(lambda: chat.command is None or (shares < 1 and chat.ledger.numbers.emitted >= most))

    async def finished(self) -> None:
        """Wait until the chat is at rest, and notices are gone."""
        await self.until(lambda: not self.app.chat.busy)
        self.app.clear_notifications()
        await self.pilot.pause(0.5)

    async def opened(self, *keys: str) -> None:
        """Press keys that open another screen."""
        await self.press(*keys)
        await self.until(lambda: self.app.screen is not self.app.chat)
        await self.finished()


def shot(model: str) -> Callable[[Shot], Shot]:
    """Note a picture of a model under its name."""

    def note(take: Shot) -> Shot:
        SHOTS[model][take.__name__.replace("_", "-")] = take
        return take

    return note


@shot(REAL)
async def empty(camera: Camera) -> None:
    """What a person sees first."""
    await camera.finished()


@shot(REAL)
async def chat(camera: Camera) -> None:
    """The colour of a token says what happened to it; the pane shows the latest step."""
    await camera.say(COPY)
    await camera.finished()
    await camera.press("alt+n")


@shot(REAL)
async def switch(camera: Camera) -> None:
    """Another mode takes over in the middle of an answer."""
    await camera.anew()
    await camera.say(STORY, shares=0.25)
    await camera.press("f6")
    await camera.finished()


@shot(REAL)
async def reading(camera: Camera) -> None:
    """The clean view: Markdown and highlighted code."""
    await camera.anew("clean")
    await camera.say(CODE)
    await camera.finished()


@shot(REAL)
async def trace(camera: Camera) -> None:
    """Rejected tokens stay where they were rejected; one step is chosen."""
    await camera.anew("trace")
    await camera.say(COPY)
    camera.app.chat.transcript.focus()
    await camera.press("comma", "comma", "comma")
    await camera.finished()


@shot(REAL)
async def inspector(camera: Camera) -> None:
    """One step in full."""
    await camera.opened("enter")


@shot(REAL)
async def conversations(camera: Camera) -> None:
    """What was said: search, go on, rename, export, delete."""
    await camera.anew()
    await camera.opened("ctrl+o")


@shot(REAL)
async def settings(camera: Camera) -> None:
    """Everything that can be changed between two steps."""
    await camera.press("escape")
    await camera.say(STORY)
    await camera.opened("ctrl+e")


@shot(REAL)
async def models(camera: Camera) -> None:
    """Choose another model and its draft."""
    await camera.press("escape")
    await camera.opened("ctrl+l")


@shot(REAL)
async def race(camera: Camera) -> None:
    """All modes answer the same question side by side."""
    await camera.anew()
    await camera.say(COPY)
    await camera.press("ctrl+g")
    await camera.until(lambda: camera.app.race is not None and camera.app.race.command is not None)
    await camera.until(lambda: camera.app.race.command is None)
    await camera.finished()


@shot(REAL)
async def race_replay(camera: Camera) -> None:
    """The same race, played again in slow motion."""
    await camera.press("ctrl+l")
    await camera.until(lambda: camera.app.screen is not camera.app.race)
    await camera.press("home", "s", *["greater_than_sign"] * 7, "space")
    await camera.finished()


@shot(REAL)
async def lecture(camera: Camera) -> None:
    """Lecture mode: large digits and high contrast."""
    await camera.anew()
    await camera.say(COPY)
    await camera.press("f12")
    await camera.finished()


@shot(TOYS)
async def specbranch(camera: Camera) -> None:
    """Branches in the step pane, the work of both models in the timeline."""
    await camera.until(lambda: camera.app.chat.ready is not None)
    camera.app.chat.action_mode("specbranch")
    await camera.say(STORY)
    await camera.finished()


@shot(TOYS)
async def sssd(camera: Camera) -> None:
    """SSSD drafts a second story from what it has learnt from the first."""
    await camera.press("alt+y")
    await camera.anew()
    camera.app.chat.action_mode("sssd")
    await camera.say(STORY)
    await camera.finished()
    await camera.say(ANOTHER)
    await camera.finished()


async def take(model: str, names: list[str], size: tuple[int, int], folder: Path) -> None:
    """The pictures of one model, one after another; a picture may need what those before it have left."""
    from spectui.cli.flags import session_maker
    from spectui.config.settings import Settings
    from spectui.tui.app import SpectuiApp

    chosen = Settings().with_flags("model", model=model).with_flags("decoding", max_new_tokens=LENGTH)
    app = SpectuiApp(chosen, session_maker(chosen))
    app.animation_level = "none"
    try:
        async with app.run_test(size=size) as pilot:
            camera = Camera(app, pilot)
            await camera.until(lambda: app.chat.ready is not None or app.chat.failed)
            if app.chat.failed:
                raise SystemExit(f"{model} could not be loaded; `spectui doctor --model {model}` says why")
            await camera.finished()
            for name, prepare in SHOTS[model].items():
                await prepare(camera)
                if name in names:
                    file = folder / f"{name}.svg"
                    file.write_text(without_fonts(app.export_screenshot(title="spectui")), "utf-8")
                    print(file, flush=True)
    finally:
        app.close()


def without_fonts(svg: str) -> str:
    """The picture without fonts from the network: it stands in pages that load nothing from elsewhere."""
    return re.sub(r"\s*@font-face \{.*?\}", "", svg, flags=re.DOTALL)


def main() -> None:
    """Parse and run."""
    known = [name for shots in SHOTS.values() for name in shots]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "docs" / "screenshots")
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--only", nargs="+", choices=known, default=known)
    args = parser.parse_args()
    columns, rows = map(int, args.size.split("x"))
    args.folder.mkdir(parents=True, exist_ok=True)
    for model, shots in SHOTS.items():
        if names := [name for name in shots if name in args.only]:
            with tempfile.TemporaryDirectory() as home:
                os.environ["SPECTUI_HOME"] = home  # nobody's settings, themes, conversations or datastore
                asyncio.run(take(model, names, (columns, rows), args.folder))


if __name__ == "__main__":
    main()

"""Pictures of the program at work on a real model, as SVG files.

    python -m benchmarks.screenshots [FOLDER] [--model smollm2-135m] [--size 120x36] [--only NAME ...]

Nothing is played: each picture shows what this machine did while it was taken, so nothing else should run on it. They
go into screenshots/ unless another FOLDER is named.
"""

import argparse
import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path
from time import monotonic

from textual.events import Paste
from textual.pilot import Pilot

STORY = "Tell me a short story about a shy dragon."
COPY = (
    "Rewrite the input text to make it more concise while preserving its core meaning.\n\nHi Anna,\n\nI hope this message "
    "finds you well. I am writing to tell you that the meeting that was planned for Monday at nine has been moved to "
    "Friday at ten, because the big room is not free on Monday. Please tell me whether you can come.\n\nBest regards,\nTom"
)
CODE = "Write a Python function that returns the largest number in a list, then explain it in three bullet points."
PATIENCE = 300.0
"""Seconds that anything may take."""
Shot = Callable[["Camera"], Awaitable[None]]
SHOTS: dict[str, Shot] = {}
"""Name of a picture -> what is done before it is taken."""


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

    async def say(self, question: str, shares: float = 1.0) -> None:
        """Ask, and wait for the answer, or for a share of its length limit."""
        chat = self.app.chat
        chat.prompt.focus()
        self.app.post_message(Paste(question))
        await self.pilot.pause()
        await self.press("enter")
        await self.until(lambda: chat.command is not None)
        most = shares * self.app.session.options.max_new_tokens
        await self.until(lambda: chat.command is None or (shares < 1 and chat.ledger.numbers.emitted >= most))

    async def finished(self) -> None:
        """Wait until the chat is at rest, and notices are gone."""
        await self.until(lambda: not self.app.chat.busy)
        self.app.clear_notifications()
        await self.pilot.pause(0.5)


def shot(take: Shot) -> Shot:
    """Note a picture under its name."""
    SHOTS[take.__name__] = take
    return take


@shot
async def chat(camera: Camera) -> None:
    """The colour of a token says what happened to it; the pane shows the latest step."""
    await camera.say(COPY)
    await camera.finished()


@shot
async def switch(camera: Camera) -> None:
    """Another mode takes over in the middle of an answer."""
    await camera.say(STORY, shares=0.25)
    await camera.press("f5")
    await camera.finished()


@shot
async def reading(camera: Camera) -> None:
    """The clean view: Markdown and highlighted code."""
    while camera.app.chat.transcript.view != "clean":
        camera.app.chat.action_view()
        await camera.pilot.pause()
    await camera.say(CODE)
    await camera.finished()


@shot
async def trace(camera: Camera) -> None:
    """Rejected tokens stay where they were rejected; one step is chosen."""
    while camera.app.chat.transcript.view != "trace":
        camera.app.chat.action_view()
        await camera.pilot.pause()
    await camera.say(COPY)
    camera.app.chat.transcript.focus()
    await camera.press("comma", "comma", "comma")
    await camera.finished()


@shot
async def race(camera: Camera) -> None:
    """All modes answer the same question side by side."""
    await camera.say(COPY)
    await camera.press("ctrl+g")
    await camera.until(lambda: camera.app.race is not None and camera.app.race.command is not None)
    await camera.until(lambda: camera.app.race.command is None)
    await camera.finished()


@shot
async def models(camera: Camera) -> None:
    """Choose another model and its draft."""
    camera.app.chat.action_models()
    await camera.until(lambda: camera.app.screen is not camera.app.chat)
    await camera.finished()


async def take(name: str, model: str, size: tuple[int, int], file: Path) -> None:
    """One picture, by a program of its own."""
    from spectui.cli.flags import session_maker
    from spectui.config.settings import Settings
    from spectui.tui.app import SpectuiApp

    settings = Settings().with_flags("model", model=model).with_flags("ui", save_conversations=False)
    settings = settings.with_flags("decoding", max_new_tokens=160)
    app = SpectuiApp(settings, session_maker(settings))
    app.animation_level = "none"
    try:
        async with app.run_test(size=size) as pilot:
            camera = Camera(app, pilot)
            await camera.until(lambda: app.chat.ready is not None or app.chat.failed)
            if app.chat.failed:
                raise SystemExit(f"{model} could not be loaded; `spectui doctor --model {model}` says why")
            await camera.finished()
            await SHOTS[name](camera)
            file.write_text(app.export_screenshot(title="spectui"), "utf-8")
    finally:
        app.close()


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path, default=Path(__file__).parents[1] / "screenshots")
    parser.add_argument("--model", default="smollm2-135m")
    parser.add_argument("--size", default="120x36")
    parser.add_argument("--only", nargs="+", choices=SHOTS, default=list(SHOTS))
    args = parser.parse_args()
    columns, rows = map(int, args.size.split("x"))
    args.folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as home:
        os.environ["SPECTUI_HOME"] = home  # nobody's settings, themes or datastore
        for name in args.only:
            file = args.folder / f"{name}.svg"
            asyncio.run(take(name, args.model, (columns, rows), file))
            print(file)


if __name__ == "__main__":
    main()

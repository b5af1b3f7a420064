"""``spectui tour``: lessons on speculative decoding."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ..system.errors import UserError

EXAMPLES = "Examples: spectui tour · spectui tour --lesson 3 · spectui tour my-lesson.toml · spectui tour my-lessons/"


def tour(
    file: Annotated[
        Path | None, typer.Argument(help="A lesson of your own, or a folder of them; default are the eight that ship.")
    ] = None,
    lesson: Annotated[int, typer.Option("--lesson", min=1, help="Begin with this lesson, from 1.")] = 1,
) -> None:
    """Learn speculative decoding in ten short lessons."""
    from ..config.choice import ModelChoice
    from ..config.paths import config_file
    from ..config.settings import Settings, load_settings
    from ..present.lesson import read_lessons, shipped
    from ..tui.tour_app import run_tour
    from .flags import session_maker

    lessons = read_lessons(file) if file is not None else shipped()
    if lesson > len(lessons):
        raise UserError(f"there is no lesson {lesson}; there are {len(lessons)}, choose one with --lesson")
    mine = load_settings(config_file())
    settings = replace(Settings(), model=ModelChoice(model="demo"), ui=mine.ui, keys=mine.keys)
    settings = settings.with_flags("datastore", use=False, learn=False)
    raise typer.Exit(run_tour(settings, lessons, session_maker(settings, False), lesson - 1))

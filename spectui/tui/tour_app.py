"""The program of the tour: lessons, their answers, the inspector."""

from collections.abc import Callable, Sequence
from typing import Any

from ..config.settings import Settings
from ..present.lesson import Lesson
from ..record.events import Record
from .replay_app import ScreenApp, run_screen
from .screens.tour import Teaches, TourScreen


def tour_app(settings: Settings, lessons: Sequence[Lesson], make: Callable[[Callable[[Record], None]], Teaches]) -> Any:
    """The app that shows these lessons."""
    return ScreenApp(settings, TourScreen(lessons, make))


def run_tour(settings: Settings, lessons: Sequence[Lesson], make: Callable[[Callable[[Record], None]], Teaches]) -> int:
    """Show lessons until somebody leaves; the exit code."""
    app = tour_app(settings, lessons, make)
    try:
        return run_screen(app, "this needs a terminal; the lessons are also in the docs")
    finally:
        app.first.close()

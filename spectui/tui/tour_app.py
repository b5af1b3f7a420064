"""The program of the tour: lessons, their answers, the inspector."""

from collections.abc import Callable, Sequence

from ..config.settings import Settings
from ..present.lesson import Lesson
from ..record.events import Record
from .replay_app import ScreenApp, run_screen
from .screens.tour import Teaches, TourScreen

MakeSession = Callable[[Callable[[Record], None]], Teaches]


class TourApp(ScreenApp):
    """Lessons, from one of them on."""

    def __init__(self, settings: Settings, lessons: Sequence[Lesson], make: MakeSession, number: int = 0) -> None:
        self.tour = TourScreen(lessons, make, number)
        super().__init__(settings, self.tour)


def run_tour(settings: Settings, lessons: Sequence[Lesson], make: MakeSession, number: int = 0) -> int:
    """Show lessons until somebody leaves; the exit code."""
    app = TourApp(settings, lessons, make, number)
    try:
        return run_screen(app, "this needs a terminal; the lessons are also in the docs")
    finally:
        app.tour.close()

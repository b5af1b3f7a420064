"""Files that a person asks for while the program runs."""

from datetime import datetime
from typing import Any

from textual.app import App

from ..config.paths import exports
from ..record.replay import Replay
from ..system.errors import UserError
from ..system.files import write_text


def export(app: App[Any], stem: str, suffix: str, text: str, what: str = "written to ") -> None:
    """Write a file named by the time, and say where it is or why it could not be written."""
    file = exports() / f"{stem}{datetime.now():%Y-%m-%d_%H%M%S}.{suffix}"
    try:
        write_text(file, text, private=True)
        app.notify(f"{what}{file}", markup=False)
    except UserError as error:
        app.notify(str(error), severity="error", markup=False)


def export_page(app: App[Any], replay: Replay, number: int) -> None:
    """Write a take as a page that plays in a browser."""
    from ..present.page import page_of

    try:
        text = page_of(replay, number)
    except UserError as error:
        app.notify(str(error), severity="warning", markup=False)
    else:
        export(app, "page_", "html", text, "a page to hand out: ")

"""What comes before any command: folders that are closed to others, streams and a log that work."""

import gc

from ..config.paths import close_folders, log_file
from ..system.streams import settle

MADE_BEFORE_COLLECTION = 20_000
"""Objects that come to be before it is looked which of the young ones are in use: imports make many and drop few."""


def prepare() -> None:
    """Once in a process, before anything is printed."""
    gc.set_threshold(MADE_BEFORE_COLLECTION)
    close_folders()
    settle(log_file())

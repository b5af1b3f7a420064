"""What comes before any command: folders that are closed to others, streams and a log that work."""

from ..config.paths import close_folders, log_file
from ..system.streams import settle


def prepare() -> None:
    """Once in a process, before anything is printed."""
    close_folders()
    settle(log_file())

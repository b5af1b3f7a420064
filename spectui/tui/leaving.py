"""What holds for every program of ours on a terminal."""

PLAIN_THEME = "spectui-ansi"
"""The theme where there is no colour."""
_MODES = (2026, 2004, 2048, 1000, 1003, 1015, 1006, 1016, 1004, 1049)
LEAVE_SCREEN = "\x1b[<u" + "".join(f"\x1b[?{mode}l" for mode in _MODES)
"""Takes back what Textual asks of a terminal, for when it cannot do so itself."""

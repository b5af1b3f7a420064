"""A monkey at the keyboard: thousands of random keys in a real terminal, and the chat is still there."""

import random
import re
import unicodedata
from concurrent.futures import ThreadPoolExecutor
from time import monotonic, sleep

import pytest

from .terminal import Terminal

KEYS = 5000
ESCAPE, RERUN, RACE, NEW, MODE, SIDE, EXPORT = b"\x1b", b"\x12", b"\x07", b"\x0e", b"\x14", b"\x02", b"\x13"
OPEN, RESEED, LEARN = b"\x0f", b"\x1br", b"\x1by"
SURE_ESCAPE = b"\x1b[27u"
"""Escape as it cannot become part of another key: enter behind it would choose in the palette, perhaps to quit."""
F1, F2, F3, F4, F5, F6, F7, F9 = (
    b"\x1bOP", b"\x1bOQ", b"\x1bOR", b"\x1bOS", b"\x1b[15~", b"\x1b[17~", b"\x1b[18~", b"\x1b[20~",
)  # fmt: skip
MOVES = [b"\x1b[A", b"\x1b[B", b"\x1b[C", b"\x1b[D", b"\x1b[5~", b"\x1b[6~", b"\x1b[H", b"\x1b[F"]
LETTERS = [bytes([code]) for code in b"abcdehiortuvyz ?!.,+-0123456789"]
NASTY = [
    b"\x1b[200~two\nlines\x1b[201~",
    b"\x1b[200~\x1b]52;c;aGFja2Vk\x07 and \xe2\x80\xae reversed \xc2\x9b31m\x1b[201~",
    b"\x1b[200~" + b"many words " * 200 + b"\x1b[201~",
    "😀👩‍👩‍👧é".encode(),
    b"\xff\xfe",
]
USUAL = [
    b"\r",
    ESCAPE,
    b"\t",
    b"\x1b[Z",
    b"\x7f",
    b"\n",
    RERUN,
    RACE,
    NEW,
    MODE,
    SIDE,
    EXPORT,
    OPEN,
    OPEN,
    RESEED,
    LEARN,
    b"\x03",
]
FUNCTIONS = [F1, F2, F3, F4, F5, F6, F7, F9]


def mouse(chance, button):
    """A press and a release somewhere above the footer, whose keys a click would press."""
    where = f"{button};{chance.randint(1, 100)};{chance.randint(1, 28)}"
    return f"\x1b[<{where}M\x1b[<{where}m".encode()


def press(chance):
    """One thing that a monkey does."""
    kinds = [LETTERS, MOVES, USUAL, FUNCTIONS, NASTY]
    kind = chance.choices([*kinds, "mouse", "palette"], (40, 15, 25, 12, 3, 4, 4))[0]
    if kind == "mouse":
        return mouse(chance, chance.choice((0, 0, 64, 65)))
    if kind == "palette":
        return b"\x10" + chance.choice(LETTERS) + SURE_ESCAPE
    return chance.choice(kind)


def rage(terminal, chance, keys):
    """Press so many keys, in bursts, faster than anybody types."""
    while keys > 0:
        burst = min(keys, chance.randint(1, 40))
        terminal.type(b"".join(press(chance) for _ in range(burst)))
        assert terminal.process.poll() is None, f"it has ended\n{terminal}"
        keys -= burst
        sleep(chance.choice((0.0, 0.0, 0.01, 0.1)))


def rows(terminal):
    """The screen without the cursor, which blinks, and the keys, which follow where it is."""
    return [row.replace("▌", " ").rstrip() for row in terminal.screen[:-1]]


def quiet(terminal):
    """Whether the screen stands still for a moment, once what was pressed last has had its effect."""
    sleep(0.7)
    before = rows(terminal)
    sleep(1.0)
    return rows(terminal) == before


def loaded(terminal):
    """Leave what the monkey has opened; whether the head of the chat has said how the model runs."""
    terminal.type(ESCAPE)
    sleep(0.3)
    return b"float32" in terminal.raw


def back_to_chat(terminal):
    """Escape until everything that runs has ended and only the chat is there."""
    end = monotonic() + 120
    while monotonic() < end:
        terminal.type(ESCAPE)
        if quiet(terminal) and any("f9 Speed-up" in row for row in terminal.screen):
            return
    raise AssertionError(f"it never came to rest\n{terminal}")


def answers(terminal):
    """Whether the chat, alone and empty, answers its first example.

    Not where the screen stood still although keys were on their way: the program may be a minute behind a monkey.
    """
    back_to_chat(terminal)
    terminal.type(NEW)
    if not terminal.comes(lambda it: first_example(it) is not None, 20):
        return False
    row = first_example(terminal)
    terminal.type(f"\x1b[<0;12;{row}M\x1b[<0;12;{row}m".encode())
    return terminal.comes("tok/s · ", 20)


TEXTUALS_OWN = re.compile(
    rb"""\x1b\[[0-9;:]*m                     # colours and attributes
    |\x1b\[[0-9;]*[HABCDKJ]                  # where to write, what to clear
    |\x1b\[\?(?:7|25|1000|1002|1003|1004|1006|1015|1016|1049|2004|2026|2048|2031)[hl]   # modes that it switches
    |\x1b\[\?(?:2026|2048)\$p                # and asks for
    |\x1b\[(?:>[0-9]+u|<u|=[0-9;]+u|\?u)     # its keyboard protocol
    |\x1b\[[0-9]*[ ]q                        # the cursor's shape
    |\x1b\[(?:c|6n|>0?q|14t|16t|18t)         # what the terminal is
    |\x1b\]22;[a-z-]*(?:\x07|\x1b\\)         # the shape of the mouse pointer
    |\x1b\]52;c;[A-Za-z0-9+/=]*(?:\x07|\x1b\\)   # what a person has copied with a key
    |\x1b\[\?[0-9;]*[hl]\x1b\[>4;[0-9]m""",
    re.VERBOSE,
)


def strangers(raw):
    """Control characters and sequences in what was written that are not Textual's own, with what stands around them."""
    text = TEXTUALS_OWN.sub(b"", raw).decode("utf-8", "replace")
    bad = [
        place
        for place, character in enumerate(text)
        if character not in "\n\r\t\u200d\ufe0f" and unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
    ]
    return [text[max(0, place - 10) : place + 20] for place in bad]


def of_ours(log):
    """Failures in the log whose innermost line is not Textual's, whose own races are survived and told."""
    failures = log.split("unexpected failure")[1:]
    return [failure for failure in failures if "textual" not in re.findall(r'File "([^"]+)"', failure)[-1]]


def first_example(terminal):
    """The row on which the first example stands; None while there is none."""
    return next((row for row, line in enumerate(terminal.screen, 1) if " 1  " in line), None)


def play(seed, home):
    """A monkey's session from the start to ctrl+q: the log, the exit code, and what does not belong on a terminal."""
    chance = random.Random(seed)
    where = {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    with Terminal("chat", "--max-new-tokens", "60", home=home, environment=where) as terminal:
        terminal.until("spectui")
        rage(terminal, chance, KEYS // 10)  # while the models load
        terminal.until(loaded)
        rage(terminal, chance, KEYS - KEYS // 10)
        assert any(answers(terminal) for _ in range(6)), f"it answers no more\n{terminal}"
        back_to_chat(terminal)
        log = home / "state" / "spectui.log"
        return log.read_text("utf-8") if log.exists() else "", terminal.close(60), strangers(terminal.raw)


@pytest.mark.slow
def test_the_chat_outlives_three_monkeys(tmp_path):
    homes = {seed: tmp_path / str(seed) for seed in (1, 2, 3)}
    for home in homes.values():
        home.mkdir()
    with ThreadPoolExecutor() as pool:
        played = list(pool.map(play, homes, homes.values()))
    for log, code, strange in played:
        assert of_ours(log) == []
        assert code == 0
        assert strange == []

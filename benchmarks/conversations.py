"""How long it takes to list and to search many conversations.

    python -m benchmarks.conversations [--conversations 10000] [--rounds 20] [--folder FOLDER]

Makes a database of so many conversations, three questions with answers of about 120 words each, as the chat would have
kept them, and times what the list does: open the file, find, close it. Words are drawn as in English: few of them are
in nearly every answer, many in one or two.
"""

import argparse
import tempfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from statistics import median, quantiles
from time import perf_counter

from rich.console import Console
from rich.table import Table

from spectui.session.archive import shelf
from spectui.session.archive.archive import Archive
from spectui.session.archive.database import open_database, open_reader

TURNS, WORDS, VOCABULARY = 3, 120, 30_000
BEGUN = 1_700_000_000.0
TRACE_BYTES = 4_096
"""Of an answer's trace, compressed."""


def vocabulary(random: Random) -> list[str]:
    """Made-up words of two to twelve letters."""
    return ["".join(random.choices("etaoinshrdlucmfw", k=random.randint(2, 12))) for _ in range(VOCABULARY)]


def texts(random: Random, words: list[str]) -> Iterator[str]:
    """Texts in which the n-th word comes about 1/n times as often as the first."""
    weights = [1 / place for place in range(1, len(words) + 1)]
    while True:
        drawn = random.choices(words, weights, k=WORDS * 500)
        for start in range(0, len(drawn), WORDS):
            yield " ".join(drawn[start : start + WORDS]) + "."


def fill(file: Path, count: int) -> list[str]:
    """A database of ``count`` conversations; the words, the commonest first."""
    random = Random(7)
    words = vocabulary(random)
    said = texts(random, words)
    noise = zlib.compress(random.randbytes(TRACE_BYTES))
    database, _ = open_database(file)
    with closing(database):
        database.execute("BEGIN")
        answer = 0
        for number in range(1, count + 1):
            parent, question = None, next(said)[:80]
            for _ in range(TURNS):
                answer += 1
                text = next(said)
                database.execute("INSERT OR IGNORE INTO conversation VALUES (?, '', ?, ?, ?, 'smollm2-135m', NULL, '', NULL, '')",
                                 (number, question, BEGUN + number, BEGUN + number))  # fmt: skip
                database.execute("INSERT INTO turn VALUES (?, ?, ?, ?)", (answer, number, parent, question))
                database.execute(
                    "INSERT INTO answer VALUES (?, ?, ?, ?, 'draft', 0, 'smollm2-135m', ?, ?, ?, 'eos', '{}', ?)",
                    (
                        answer,
                        number,
                        answer,
                        BEGUN + number,
                        text,
                        bytes(4 * WORDS),
                        WORDS,
                        1.5 if answer % 3 else None,
                    ),
                )
                database.execute("INSERT INTO trace VALUES (?, 0, ?)", (answer, noise))
                database.execute(
                    "INSERT INTO words (rowid, question, answer) VALUES (?, ?, ?)", (answer, question, text)
                )
                parent, question = answer, next(said)[:80]
            database.execute("UPDATE conversation SET leaf = ? WHERE id = ?", (answer, number))
        database.execute("COMMIT")
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return words


def cases(file: Path, words: list[str]) -> dict[str, Callable[[], int]]:
    """What the list does, by its name; each gives how many conversations it found."""
    archive = Archive(file, print)

    def read(text: str) -> Callable[[], int]:
        return lambda: len(archive.search(text))

    def one() -> int:
        with closing(open_reader(file)) as database:
            return len(shelf.archived(database, 5).turns)

    return {
        "list the latest": lambda: len(archive.newest()[0]),
        "search the commonest word": read(words[0]),
        "search a common word": read(words[99]),
        "search a rare word": read(words[-5]),
        "search two common words": read(f"{words[20]} {words[60]}"),
        "search one letter": read("e"),
        "search what is not there": read("zzzz"),
        "search signs, without the index": read("%%"),
        "read one conversation": one,
    }


def main() -> None:
    """Make the database, time, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--conversations", type=int, default=10_000)
    parser.add_argument("--rounds", type=int, default=20)
    parser.add_argument("--folder", type=Path, help="where the database is made; default is a temporary one")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=given.folder) as folder:
        file = Path(folder) / "conversations.db"
        begun = perf_counter()
        timed = cases(file, fill(file, given.conversations))
        size = file.stat().st_size / 1e6
        print(f"{given.conversations:,} conversations, {size:,.0f} MB, made in {perf_counter() - begun:.1f} s")
        table = Table(box=None, header_style="bold")
        for title in ("what", "found", "median ms", "90 % ms"):
            table.add_column(title, justify="left" if title == "what" else "right")
        for name, run in timed.items():
            taken, found = [], 0
            for _ in range(given.rounds + 1):
                start = perf_counter()
                found = run()
                taken.append((perf_counter() - start) * 1e3)
            taken = taken[1:]
            table.add_row(name, f"{found:,}", f"{median(taken):.1f}", f"{quantiles(taken, n=10)[-1]:.1f}")
        Console().print(table)


if __name__ == "__main__":
    main()

"""What is in the file of kept conversations: the list, what holds some words, one conversation, its trace."""

import json
import re
import sqlite3
import zlib
from array import array
from collections.abc import Iterable, Iterator
from math import isfinite
from unicodedata import east_asian_width, normalize

from ...record.archived import MARK, UNMARK, Archived, Said, Summary
from ...record.events import Record
from ...record.metrics import Numbers
from ...system.errors import UserError
from ...system.json_lines import DAMAGED, read_lines
from ...system.sanitise import sanitise, sanitise_line
from ...system.typed_json import read_as
from .database import has_words

MOST_LISTED = 200
"""Conversations in a list; who looks for another one searches."""
MOST_HITS = 2_000
"""Answers that hold what is searched for, of which the latest are looked at."""
MOST_PART = 64 * 2**20
"""Bytes of a part of a trace once it is unpacked."""
MOST_TURNS = 10_000
BEFORE, BEHIND = 30, 120
"""Characters of an excerpt before and behind what was found."""
_SUMMARY = """
SELECT id, title, question, changed, model,
    (SELECT count(*) FROM answer WHERE conversation = c.id),
    (SELECT total(emitted) FROM answer WHERE conversation = c.id),
    (SELECT avg(speedup) FROM answer WHERE conversation = c.id)
FROM conversation AS c
"""


def how_many(database: sqlite3.Connection) -> int:
    """How many conversations are kept."""
    return int(database.execute("SELECT count(*) FROM conversation").fetchone()[0])


def newest(database: sqlite3.Connection, most: int = MOST_LISTED) -> list[Summary]:
    """The conversations that were answered in last, the latest first."""
    return [_summary(row) for row in database.execute(f"{_SUMMARY} ORDER BY changed DESC, id DESC LIMIT ?", (most,))]


def search(database: sqlite3.Connection, text: str, most: int = MOST_LISTED) -> list[Summary]:
    """The conversations that hold all words of a text, in a title, a question or an answer, the latest first.

    The last letters of a word may be missing.
    """
    text = sanitise(text.strip())
    words = re.findall(r"[^\W_]+", text)
    if not text:
        return newest(database, most)
    if words and has_words(database) and not any(east_asian_width(letter) in "WF" for letter in text):
        found = _by_words(database, words, most)
    else:
        found = _by_letters(database, text, most)
    titles = f"{_SUMMARY} WHERE title LIKE ? ESCAPE '\\' ORDER BY changed DESC LIMIT ?"
    named = [_summary(row) for row in database.execute(titles, (_like(text), most))]
    one_of_each = {one.id: one for one in [*named, *found]}
    return sorted(one_of_each.values(), key=lambda one: (one.changed, one.id), reverse=True)[:most]


def archived(database: sqlite3.Connection, conversation: int, leaf: int | None = None) -> Archived:
    """A conversation with the turns up to an answer, else up to the one where it was left; raises UserError."""
    row = database.execute(
        "SELECT id, title, begun, model, draft, system, leaf FROM conversation WHERE id = ?", (conversation,)
    ).fetchone()
    if row is None:
        raise UserError(f"there is no conversation {conversation}; `spectui conversations` lists them")
    number, title, begun, model, draft, system, kept = row
    names = (
        sanitise_line(str(title)),
        _float(begun) or 0.0,
        sanitise_line(str(model)),
        draft and sanitise_line(str(draft)),
    )
    turns = tuple(_turns(database, conversation, kept if leaf is None else leaf))
    return Archived(number, *names, str(system), turns)


def latest(database: sqlite3.Connection) -> int:
    """The id of the conversation that was answered in last; raises UserError if there is none."""
    row = database.execute("SELECT id FROM conversation ORDER BY changed DESC, id DESC LIMIT 1").fetchone()
    if row is None:
        raise UserError("no conversation is kept yet; ask something first")
    return int(row[0])


def beside(database: sqlite3.Connection, answer: int) -> list[int]:
    """The answers that stand at the place of one, itself among them, oldest first: reruns, and to edited questions."""
    return [
        int(row[0])
        for row in database.execute(
            "SELECT other.id FROM answer AS one JOIN turn AS mine ON mine.id = one.turn"
            " JOIN turn AS its ON its.conversation = mine.conversation AND its.parent IS mine.parent"
            " JOIN answer AS other ON other.turn = its.id"
            " WHERE one.id = ? AND other.emitted > 0 AND coalesce(other.reason, '') != 'error' ORDER BY other.id",
            (answer,),
        )
    ]


def end_of_branch(database: sqlite3.Connection, answer: int) -> int:
    """The last answer of the latest branch that goes on from one."""
    following = (
        "SELECT answer.id FROM answer AS one JOIN turn ON turn.conversation = one.conversation AND turn.parent = one.id"
        " JOIN answer ON answer.turn = turn.id WHERE one.id = ?"
        " AND answer.emitted > 0 AND coalesce(answer.reason, '') != 'error' ORDER BY answer.id DESC LIMIT 1"
    )
    for _ in range(MOST_TURNS):
        row = database.execute(following, (answer,)).fetchone()
        if row is None or row[0] <= answer:
            break
        answer = int(row[0])
    return answer


def records(database: sqlite3.Connection, answer: int) -> Iterator[Record]:
    """The records of an answer; lines that are damaged are left out."""
    from ...record.trace_lines import from_json

    rows = database.execute("SELECT lines FROM trace WHERE answer = ? ORDER BY part", (answer,))
    made = read_lines(_lines(rows), lambda line: from_json(json.loads(line)), lambda _number, _reason: None)
    yield from (record for record in made if record is not None)


# -- parts


def _lines(rows: Iterable[tuple[bytes]]) -> Iterator[str]:
    for (packed,) in rows:
        try:
            text = zlib.decompressobj().decompress(packed, MOST_PART).decode("utf-8", "replace")
        except (zlib.error, TypeError):
            continue
        yield from text.split("\n")


def _summary(row: tuple[object, ...], excerpt: str = "") -> Summary:
    number, title, question, changed, model, answers, tokens, speedup = row
    words = [sanitise_line(str(one)) for one in (title, question, model)]
    return Summary(
        _int(number), words[0], words[1], _float(changed) or 0.0, words[2], _int(answers),
        _int(tokens), _float(speedup), excerpt,
    )  # fmt: skip


def _int(value: object) -> int:
    """A whole number; 0 for what is none, as in a file that somebody has changed."""
    return int(value) if isinstance(value, int | float) and isfinite(value) else 0


def _float(value: object) -> float | None:
    return float(value) if isinstance(value, int | float) and isfinite(value) else None


def _by_words(database: sqlite3.Connection, words: list[str], most: int) -> list[Summary]:
    """By the index."""
    hits = database.execute(
        "SELECT answer.conversation, answer.id FROM (SELECT rowid FROM words WHERE words MATCH ?"
        " ORDER BY rowid DESC LIMIT ?) AS hit JOIN answer ON answer.id = hit.rowid",
        (" ".join(f'"{word}"*' for word in words), MOST_HITS),
    )
    pattern = re.compile("|".join(rf"(?<!\w){re.escape(_folded(word))}\w*" for word in words))
    return _found(database, hits, pattern, most)


def _by_letters(database: sqlite3.Connection, text: str, most: int) -> list[Summary]:
    """By reading every text: for scripts without spaces, for signs, and where SQLite has no index of words."""
    hits = database.execute(
        "SELECT answer.conversation, answer.id FROM answer JOIN turn ON turn.id = answer.turn"
        " WHERE turn.question LIKE ?1 ESCAPE '\\' OR answer.text LIKE ?1 ESCAPE '\\' ORDER BY answer.id DESC LIMIT ?2",
        (_like(text), MOST_HITS),
    )
    return _found(database, hits, re.compile(re.escape(_folded(text))), most)


def _found(
    database: sqlite3.Connection, hits: Iterable[tuple[int, int]], pattern: re.Pattern[str], most: int
) -> list[Summary]:
    """The conversations of some answers, the latest first; the first answer of each gives the excerpt."""
    first: dict[int, int] = {}
    for conversation, answer in hits:
        first.setdefault(conversation, answer)
    chosen = dict(list(first.items())[:most])
    marks = ",".join("?" * len(chosen))
    said = database.execute(
        "SELECT answer.conversation, turn.question, answer.text FROM answer JOIN turn ON turn.id = answer.turn"
        f" WHERE answer.id IN ({marks})",
        tuple(chosen.values()),
    )
    excerpts = {one: _excerpt(question, pattern) or _excerpt(text, pattern) for one, question, text in said}
    rows = database.execute(f"{_SUMMARY} WHERE id IN ({marks})", tuple(chosen))
    return [_summary(row, excerpts.get(row[0], "")) for row in rows]


def _excerpt(whole: str, pattern: re.Pattern[str]) -> str:
    """The surroundings of the first place where a text holds what was searched for; empty if there is none."""
    text = " ".join(sanitise(str(whole)).split()).replace(MARK, "").replace(UNMARK, "")
    folded = _folded(text)
    place = pattern.search(folded)
    if place is None:
        return ""
    start, end = max(0, place.start() - BEFORE), place.end() + BEHIND
    made, at = "…" if start else "", start
    for one in pattern.finditer(folded, start, end):
        made += f"{text[at : one.start()]}{MARK}{text[one.start() : one.end()]}{UNMARK}"
        at = one.end()
    return f"{made}{text[at:end]}{'…' if end < len(text) else ''}"


def _folded(text: str) -> str:
    """Small letters without accents, one for each character, as the index has them."""
    if text.isascii():
        return text.lower()
    return "".join((normalize("NFD", letter)[0].lower() or letter)[0] for letter in text)


def _like(text: str) -> str:
    escaped = re.sub(r"([\\%_])", r"\\\1", text)
    return f"%{escaped}%"


def _turns(database: sqlite3.Connection, conversation: int, leaf: int | None) -> list[Said]:
    """The turns that lead to an answer, in order."""
    made: list[Said] = []
    while isinstance(leaf, int) and len(made) < MOST_TURNS:
        row = database.execute(
            "SELECT answer.id, turn.question, text, tokens, mode, seed, model, reason, numbers, parent"
            " FROM answer JOIN turn ON turn.id = answer.turn WHERE answer.id = ? AND answer.conversation = ?",
            (leaf, conversation),
        ).fetchone()
        if row is None:
            break
        others = beside(database, leaf)
        place = others.index(leaf) + 1 if leaf in others else 1
        made.append(_said(row, place, max(1, len(others))))
        leaf = row[9] if isinstance(row[9], int) and row[9] < leaf else None
    return made[::-1]


def _said(row: tuple[object, ...], number: int, of: int) -> Said:
    answer, question, text, tokens, mode, seed, model, reason, numbers, _ = row
    return Said(
        _int(answer), sanitise(str(question)), sanitise(str(text)), _ids(tokens), sanitise_line(str(mode)),
        _int(seed), sanitise_line(str(model)), None if reason is None else sanitise_line(str(reason)),
        _numbers(numbers), number, of,
    )  # fmt: skip


def _ids(value: object) -> tuple[int, ...]:
    return tuple(array("I", value)) if isinstance(value, bytes) and len(value) % array("I").itemsize == 0 else ()


def _numbers(value: object) -> Numbers | None:
    try:
        return read_as(Numbers, json.loads(str(value)))
    except DAMAGED:
        return None

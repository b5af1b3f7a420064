"""Copying and rewriting of texts that are given: the answer is made of the prompt's own words."""

import re
from collections.abc import Callable

from ..task import Turn, ask
from ..words import CITIES, DAYS, MONTHS, NAMES, Words, capital
from .lexicon import NOUNS
from .sentences import explanation, loose_text, nonsense

Shaped = tuple[str, str]
CAPITALS = ("Write in capital letters: {}", "In capital letters: {}", "Write this in upper case: {}")
_EXCHANGES = (
    "Replace {old} with {new} in this text.\n\n{{}}",
    "Change {old} to {new}.\n\n{{}}",
    "Rewrite the text with {new} instead of {old}.\n\n{{}}",
    "{{}}\n\nReplace {old} by {new}.",
)
_EXCHANGED = [
    re.compile(
        re.escape(way.replace("{{}}", "").strip())
        .replace(r"\{old\}", r"(?P<old>\w+)")
        .replace(r"\{new\}", r"(?P<new>\w+)")
    )
    for way in _EXCHANGES
]


def echo(words: Words) -> list[Turn]:
    """One sentence, said again or in capitals."""
    said = nonsense(words)
    if words.chance(0.7):
        way = words.one(
            [
                "Repeat after me: {}",
                "Repeat: {}",
                "Say this: {}",
                "Write this down: {}",
                "Copy this sentence: {}",
                'Repeat "{}"',
            ]
        )
        return ask(way.format(said), said)
    return ask(words.one(CAPITALS).format(said), said.upper())


def copy(words: Words) -> list[Turn]:
    """A whole text, word for word."""
    text = " ".join(loose_text(words))
    way = words.one(
        [
            "Copy this text.\n\n{}",
            "Repeat this text word for word.\n\n{}",
            "Write this text again.\n\n{}",
            "Please repeat: {}",
        ]
    )
    return ask(way.format(text), text)


def _summary(words: Words, said: list[str]) -> Shaped:
    if words.chance(0.5):
        way = words.one(["Summarise this text in one sentence.\n\n{}", "Summarize the text in one sentence:\n\n{}",
                         "Give me a one-sentence summary.\n\n{}", "{}\n\nSummarise this in one sentence."])  # fmt: skip
        return way, said[0]
    way = words.one(["Summarise this text in two sentences.\n\n{}", "Summarize the text:\n\n{}", "Summarise this text.\n\n{}",
                     "Give me a short summary.\n\n{}", "{}\n\nPlease summarize this.", "{}\n\nTL;DR"])  # fmt: skip
    return way, said[0] if len(said) == 1 else f"{said[0]} {said[-1]}"


def _bullets(words: Words, said: list[str]) -> Shaped:
    way = words.one(["Turn this text into a bullet list.\n\n{}", "List the key facts.\n\n{}", "Write the text as bullet points.\n\n{}",
                     "{}\n\nMake a bullet list from this."])  # fmt: skip
    return way, "\n".join(f"- {sentence}" for sentence in said)


def _numbered(words: Words, said: list[str]) -> Shaped:
    way = words.one(["Number the sentences of this text.\n\n{}", "Write the text as a numbered list.\n\n{}"])
    return way, "\n".join(f"{at}. {sentence}" for at, sentence in enumerate(said, 1))


def shortened(words: Words, said: list[str]) -> Shaped:
    """A text without its last sentence, or one sentence by its place."""
    if len(said) > 1 and words.chance(0.6):
        way = words.one(["Remove the last sentence.\n\n{}", "Delete the last sentence of this text.\n\n{}"])
        return way, " ".join(said[:-1])
    at = words.number(0, min(2, len(said) - 1))
    place = ("first", "second", "third")[at]
    return words.one(
        [f"What is the {place} sentence of this text?\n\n{{}}", f"Quote the {place} sentence.\n\n{{}}"]
    ), said[at]


def _other(words: Words, old: str) -> str:
    """A word of the same kind as the one to replace."""
    if old.isdigit():
        return str(words.year() if len(old) == 4 else words.number(2, 99))
    for kind in (DAYS, MONTHS):
        if old in kind:
            return words.one(kind)
    return words.city() if old in CITIES else words.name() if old in NAMES or old[0].isupper() else words.new_word()


def replaced(words: Words, said: list[str]) -> Shaped:
    """One word of a text in the place of another, wherever it stands."""
    text = " ".join(said)
    inner = [word for sentence in said for word in re.findall(r"\b\w+\b", sentence)[1:]]
    named = [word for word in inner if (word[0].isupper() and word != "I") or word.isdigit()]
    old = words.one(named if named and words.chance(0.8) else [word for word in inner if len(word) > 2] or inner)
    new = _other(words, old)
    way = words.one(_EXCHANGES).format(old=old, new=new)
    return way, re.sub(rf"\b{re.escape(old)}\b", new, text)


def exchanged(asked: str) -> tuple[str, str] | None:
    """The old and the new word of a question that ``replaced`` has made."""
    found = next(filter(None, (way.search(asked) for way in _EXCHANGED)), None)
    return (found["old"], found["new"]) if found else None


def shaped(words: Words, said: list[str], shape: Callable[[Words, list[str]], Shaped]) -> list[Turn]:
    """A text of these sentences, to be given another shape."""
    way, answer = shape(words, said)
    return ask(way.format(" ".join(said)), answer)


def replace(words: Words) -> list[Turn]:
    """A text with one word in the place of another: of all ways to rewrite, the one that takes longest to learn."""
    return shaped(words, loose_text(words), replaced)


def altered(words: Words) -> list[Turn]:
    """The same with an explanation in which words are exchanged already: who recites it by heart is wrong."""
    nouns = [noun.english for noun in NOUNS]
    said = explanation(words)
    for at, sentence in enumerate(said):
        parts = sentence.split(" ")
        for place, part in enumerate(parts):
            if len(part) > 2 and part.isalpha() and words.chance(0.12):
                other = words.rng.choice([words.new_word, words.name, lambda: words.one(nouns)])()
                parts[place] = capital(other) if part[0].isupper() else other
        said[at] = " ".join(parts)
    shape = words.rng.choice([replaced, replaced, replaced, replaced, _bullets, _numbered, shortened])
    return shaped(words, said, shape)


def rewrite(words: Words) -> list[Turn]:
    """A text in another shape, or with one thing changed."""
    said = loose_text(words)
    return shaped(words, said, words.rng.choice([_summary, _bullets, _numbered, shortened, replaced, replaced]))

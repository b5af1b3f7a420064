"""Sentences that no passage holds, full of invented words: what copying has to be learnt on."""

from ..known import facts
from ..words import DAYS, SHOPS, Words, capital, with_article
from .lexicon import ADJECTIVES, NOUNS
from .passages import passage


def _word(words: Words, choices: list[str]) -> str:
    return words.new_word() if words.chance(max(0.2, words.invented)) else words.one(choices)


def nonsense(words: Words) -> str:
    """A grammatical sentence of known and invented words."""
    nouns = [noun.english for noun in NOUNS]
    noun, other = _word(words, nouns), _word(words, nouns)
    adjective = _word(words, [adjective.english for adjective in ADJECTIVES])
    return words.one([
        f"The {adjective} {noun} saw {with_article(other)} near the {_word(words, SHOPS)}.",
        f"{words.name()} put the {noun} under the {adjective} {other}.",
        f"My {noun} is {adjective}, but your {other} is not.",
        f"Every {words.one(DAYS)} the {noun} looks for {words.number(2, 99)} {words.goods()}.",
        f"{words.name()} and {words.name()} sent {words.number(2, 999)} {words.goods()} to {words.city()}.",
        f"{capital(with_article(adjective))} {noun} cannot open the {other}.",
        f"We met {words.name()} in {words.city()} and talked about {words.goods()}.",
        f"The code word is {words.new_word()}.",
        f"Please bring the {noun} to {words.name()} before {words.one(DAYS)}.",
    ])  # fmt: skip


def explanation(words: Words) -> list[str]:
    """The sentences with which a term of the program's subject is explained."""
    answer: str = words.rng.choice(facts("subject")["term"])["answer"]
    return [part if part.endswith(".") else part + "." for part in answer.split(". ")]


def loose_text(words: Words) -> list[str]:
    """The sentences of a text: nonsense, an explanation, or a passage."""
    roll = words.rng.random()
    if roll < 0.5:
        return [nonsense(words) for _ in range(words.number(2, 6))]
    if roll < 0.7:
        return explanation(words)
    said = [fact.sentence for fact in passage(words)]
    return said if roll < 0.9 else said[:2] + [nonsense(words) for _ in range(2)]

"""Questions about a text that is given; the answer quotes the sentence."""

import re

from ..task import Turn, ask
from ..words import COLOURS, NAMES, Words
from .passages import Fact, passage
from .sentences import loose_text

LEADS = (
    "Read this text and answer the question.", "Answer the question about the text.", "Here is a text.",
    "Use the passage to answer.", "Text:", "Passage:", "Context:",
)  # fmt: skip


def _quote(fact: Fact) -> str:
    return f'The text says: "{fact.sentence}" So the answer is {fact.answer}.'


def _laid_out(words: Words, text: str, asked: str) -> str:
    lead = words.one(LEADS)
    return words.one([
        f"{lead}\n\n{text}\n\n{asked}", f"{lead}\n\n{text}\n\n{asked}", f"{lead}\n\n{text}\n\n{asked}",
        f"{lead}\n{text}\nQuestion: {asked}", f"{text}\n\n{asked}", f"{asked}\n\n{text}", f"{text} {asked}",
    ])  # fmt: skip


def quoted(words: Words, facts: list[Fact]) -> list[Turn]:
    """A question about a text that these facts make, sometimes with others behind it."""
    text = " ".join(fact.sentence for fact in facts)
    fact = words.rng.choice(facts)
    turns = ask(_laid_out(words, text, words.one(fact.asked)), _quote(fact))
    while words.chance(0.4) and len(turns) < 4:
        fact = words.rng.choice(facts)
        asked = words.one(fact.asked)
        turns.append(
            Turn(
                words.casual(words.one([asked, f"Now tell me: {asked}", f"And {asked[0].lower()}{asked[1:]}"])),
                _quote(fact),
            )
        )
    if words.chance(0.06):
        turns.append(Turn(f"What is the phone number of {words.one(NAMES)}?", "The text does not say that."))
    return turns


def extract(words: Words) -> list[Turn]:
    """A question about a passage."""
    return quoted(words, passage(words))


def mention(words: Words) -> list[Turn]:
    """Which sentence of a text holds a word that occurs once."""
    said = loose_text(words)
    found = [re.findall(r"[A-Za-z0-9]+", sentence) for sentence in said]
    every = [word for sentence in found for word in set(sentence)]
    at = words.number(0, len(said) - 1)
    only = sorted({word for word in found[at] if len(word) > 2 and every.count(word) == 1})
    if not only:
        return mention(words)
    word, text = words.one(only), " ".join(said)
    asked = words.one([
        f"Which sentence mentions {word}?\n\n{text}", f"Find the sentence with the word {word}.\n\n{text}",
        f"{text}\n\nWhere does the text mention {word}?", f"What does the text say about {word}?\n\n{text}",
    ])  # fmt: skip
    return ask(asked, f'The text says: "{said[at]}"')


def lookup(words: Words) -> list[Turn]:
    """A value in a list of names, asked for by name."""
    key = words.one(["age", "city", "price", "color", "code", "room", "score"])
    things = words.list_of_goods(words.number(2, 5)) if key == "price" else words.names(words.number(2, 5))

    def value() -> str:
        made = {"city": words.city, "code": words.new_word, "color": lambda: words.one(COLOURS)}
        return made.get(key, lambda: str(words.number(1, 99)))()

    values = {thing: value() for thing in things}
    text = words.one(["\n".join(f"{thing}: {said}" for thing, said in values.items()),
                      ", ".join(f"{thing}: {said}" for thing, said in values.items()),
                      " ".join(f"The {key} of {thing} is {said}." for thing, said in values.items())])  # fmt: skip
    thing = words.one(things)
    asked = f"What is the {key} of {thing}?"
    laid_out = words.one([f"{text}\n\n{asked}", f"{asked}\n\n{text}", f"Here is the {key} list.\n{text}\n{asked}"])
    turns = ask(laid_out, f"The {key} of {thing} is {values[thing]}.")
    while words.chance(0.5) and len(turns) < 4:
        thing = words.one(things)
        asked = words.one([f"And the {key} of {thing}?", f"What is the {key} of {thing}?", f"And {thing}?"])
        turns.append(Turn(asked, f"The {key} of {thing} is {values[thing]}."))
    return turns

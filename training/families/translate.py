"""Translation of simple English sentences into French and German."""

from ..task import Turn, ask
from ..words import Words, capital, with_article
from .lexicon import ADJECTIVES, NOUNS, PHRASES, SUBJECTS, VERBS, Noun

Sentence = tuple[str, str, str]
LANGUAGES = ("English", "French", "German")
_THE = {"m": "der", "f": "die", "n": "das"}
_THE_OBJECT = {"m": "den", "f": "die", "n": "das"}
_AN_OBJECT = {"m": "einen", "f": "eine", "n": "ein"}


def _elides(word: str) -> bool:
    return word[0] in "aeiouéèêàâh"


def _le(noun: Noun) -> str:
    if _elides(noun.french):
        return f"l'{noun.french}"
    return f"{'le' if noun.french_gender == 'm' else 'la'} {noun.french}"


def _is(words: Words, noun: Noun) -> Sentence:
    adjective = words.rng.choice(ADJECTIVES)
    french = adjective.french[0 if noun.french_gender == "m" else 1]
    no, ne, nicht = ("not ", "n'est pas", "nicht ") if words.chance(0.3) else ("", "est", "")
    return (
        f"The {noun.english} is {no}{adjective.english}.",
        capital(f"{_le(noun)} {ne} {french}."),
        f"{_THE[noun.german_gender].capitalize()} {noun.german} ist {nicht}{adjective.german}.",
    )


def _does(words: Words, noun: Noun) -> Sentence:
    english, french, german, person = words.rng.choice(SUBJECTS)
    verb = words.rng.choice(VERBS)
    third = person == 2
    they = f"J'{verb.french[0]}" if french == "Je" and _elides(verb.french[0]) else f"{french} {verb.french[person]}"
    start, ich = f"{english} {verb.english[third]}", f"{german} {verb.german[person]}"
    if words.chance(0.5):
        return (
            f"{start} the {noun.english}.",
            f"{they} {_le(noun)}.",
            f"{ich} {_THE_OBJECT[noun.german_gender]} {noun.german}.",
        )
    un = "un" if noun.french_gender == "m" else "une"
    return (
        f"{start} {with_article(noun.english)}.",
        f"{they} {un} {noun.french}.",
        f"{ich} {_AN_OBJECT[noun.german_gender]} {noun.german}.",
    )


def sentence(words: Words) -> Sentence:
    """A sentence in English, French and German."""
    if words.chance(0.12):
        english, french, german = words.rng.choice(PHRASES)
        return english, french, german
    return words.rng.choice([_is, _does, _does])(words, words.rng.choice(NOUNS))


def translate(words: Words) -> list[Turn]:
    """One to three sentences, sometimes then into the other language."""
    said = [sentence(words) for _ in range(words.rng.choice([1, 1, 1, 2, 2, 3]))]
    first = words.rng.choice([1, 2])
    into, text = LANGUAGES[first], " ".join(each[0] for each in said)
    asked = words.one([
        f"Translate into {into}: {text}", f"Translate to {into}: {text}", f"How do you say in {into}: {text}",
        f"Translate this into {into}.\n\n{text}", f'What is "{text}" in {into}?', f"{text}\n\nTranslate this to {into}.",
        f"Say this in {into}: {text}", f"{into}: {text}",
    ])  # fmt: skip
    turns = ask(asked, " ".join(each[first] for each in said))
    if words.chance(0.3):
        other = LANGUAGES[3 - first]
        again = words.one([f"And in {other}?", f"Now in {other}.", f"And the same in {other}, please."])
        turns.append(Turn(again, " ".join(each[3 - first] for each in said)))
    elif words.chance(0.3):
        more = sentence(words)
        turns.append(Turn(words.one([f"And: {more[0]}", f"Now this: {more[0]}"]), more[first]))
    return turns

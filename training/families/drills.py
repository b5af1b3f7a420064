"""One skill at a time, several times in a row and on little text: what longer tasks teach too slowly."""

from ..task import Turn, ask
from ..words import Words
from .code import Function, fenced, rename
from .copying import CAPITALS, replaced, shaped, shortened
from .extract import quoted
from .lexicon import NOUNS
from .passages import passage
from .sentences import nonsense

_PARAMETERS = ("a", "b", "x", "y", "n", "m", "data", "items", "numbers", "values", "string", "word", "left", "right")
_OPERATORS = ("+", "-", "*", "/", "%", "==", ">", "<", "and", "or")
_NAMES = ("add", "total", "check", "combine", "compare", "first", "pick", "solve", "run", "convert")


def _said(words: Words) -> str:
    """A word that is known or invented, a few of them, or a sentence."""
    if words.chance(0.25):
        return nonsense(words)
    kinds = (words.name, words.city, words.goods, words.new_word, lambda: words.one(NOUNS).english)
    return words.one([" ", " ", ", "]).join(words.rng.choice(kinds)() for _ in range(words.number(1, 6)))


def _capitals(words: Words) -> list[Turn]:
    said = _said(words)
    return ask(words.one(CAPITALS).format(said), said.upper())


def _replaced(words: Words) -> list[Turn]:
    said = [nonsense(words) for _ in range(words.rng.choice([1, 1, 2]))]
    return shaped(words, said, replaced)


def _picked(words: Words) -> list[Turn]:
    said = [nonsense(words) for _ in range(words.number(2, 4))]
    return shaped(words, said, shortened)


def _quoted(words: Words) -> list[Turn]:
    return quoted(words, passage(words, 2, 4))


def _expression(words: Words) -> Function:
    """A function of one or two lines, in names of which many are invented."""
    names: list[str] = []
    for _ in range(words.number(1, 3)):
        free = [name for name in _PARAMETERS if name not in names]
        names.append(words.new_word() if words.chance(0.5) else words.one(free))
    value = names[0]
    for name in [*names[1:], words.one(names)]:
        value += f" {words.one(_OPERATORS)} {name}"
    local = words.one(["result", "total", words.new_word()])
    body = [f"return {value}"] if words.chance(0.6) else [f"{local} = {value}", f"return {local}"]
    name = words.new_word() if words.chance(0.5) else words.one(_NAMES)
    used = local if len(body) > 1 else None
    return Function("", name, tuple(names), (), "", tuple(body), used)


def _renamed(words: Words) -> list[Turn]:
    function = _expression(words)
    way, answer = rename(words, function)
    source = function.source() if words.chance(0.5) else fenced(function.source())
    return ask(words.one([f"{way}\n\n{source}", f"{way[:-1]} in this code.\n\n{source}", f"{source}\n\n{way}"]), answer)


_SKILLS = (_capitals, _capitals, _replaced, _replaced, _renamed, _renamed, _quoted, _picked)


def drill(words: Words) -> list[Turn]:
    """Two to five short tasks of one kind."""
    skill = words.rng.choice(_SKILLS)
    return [turn for _ in range(words.number(2, 5)) for turn in skill(words)]

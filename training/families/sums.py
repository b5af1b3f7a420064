"""Arithmetic with small numbers, and word problems that are solved step by step."""

from ..task import Turn, ask
from ..words import FRUIT, THINGS, Words, is_woman

_NAMES = {"+": "plus", "-": "minus", "*": "times", "/": "divided by"}


def _expression(words: Words) -> tuple[int, str, int, int]:
    """Two operands, the operator and the result."""
    sign = words.one("++--*/")
    if sign == "+":
        a, b = words.number(1, 60), words.number(1, 40)
        return a, sign, b, a + b
    if sign == "-":
        a = words.number(2, 99)
        b = words.number(1, a)
        return a, sign, b, a - b
    a, b = words.number(2, 10), words.number(2, 10)
    return (a, sign, b, a * b) if sign == "*" else (a * b, sign, b, a)


def sums(words: Words) -> list[Turn]:
    """Sums, several in a row."""
    turns: list[Turn] = []
    for _ in range(words.number(1, 7)):
        a, sign, b, result = _expression(words)
        short, spoken = f"{a} {sign} {b}", f"{a} {_NAMES[sign]} {b}"
        asked = words.one([f"What is {short}?", f"Calculate {short}.", f"{short} = ?", short, f"What is {spoken}?",
                           f"How much is {spoken}?", f"How much is {short}?", f"Compute {short}."])  # fmt: skip
        turns.append(Turn(asked, f"{short} = {result}"))
    return turns


def _story_of_changes(words: Words) -> tuple[str, list[str], int]:
    name, other = words.names(2)
    he = "She" if is_woman(name) else "He"
    goods = words.one(FRUIT + THINGS)
    have = words.number(3, 40)
    asked, steps = f"{name} has {have} {goods}.", [f"{name} starts with {have} {goods}."]
    for _ in range(words.number(1, 3)):
        if have > 5 and words.chance(0.45):
            less = words.number(1, have - 1)
            asked += " " + words.one([f"{he} gives {less} to {other}.", f"{he} loses {less}.", f"{he} sells {less}."])
            steps.append(f"{have} - {less} = {have - less}.")
            have -= less
        else:
            more = words.number(1, 30)
            asked += " " + words.one([f"{he} buys {more} more.", f"{he} finds {more} more.", f"{name} finds {more} more.",
                                      f"{other} gives {name} {more} more."])  # fmt: skip
            steps.append(f"{have} + {more} = {have + more}.")
            have += more
    ending = [f"How many {goods} does {name} have now?", f"How many {goods} are there now?"]
    return f"{asked} {words.one(ending)}", steps, have


def _price(words: Words) -> tuple[str, list[str], int]:
    name, goods, boxes, each = words.name(), words.goods(), words.number(2, 10), words.number(2, 10)
    he, total = "she" if is_woman(name) else "he", boxes * each
    asked = f"{name} buys {boxes} boxes of {goods}. Each box costs {each} euros."
    steps = [f"{boxes} boxes cost {boxes} * {each} = {total} euros."]
    if words.chance(0.4):
        return f"{asked} How much does {he} pay?", steps, total
    paid = total + words.number(1, 20)
    asked += f" {he.capitalize()} pays with {paid} euros. How much money does {he} get back?"
    return asked, [*steps, f"{paid} - {total} = {paid - total}."], paid - total


def _bags(words: Words) -> tuple[str, list[str], int]:
    goods, bags, each, more = words.one(FRUIT + THINGS), words.number(2, 10), words.number(2, 10), words.number(1, 20)
    asked = f"There are {bags} bags with {each} {goods} each, and {more} more {goods} on the table. How many {goods} are there?"
    inside = bags * each
    return (
        asked,
        [f"The bags hold {bags} * {each} = {inside} {goods}.", f"{inside} + {more} = {inside + more}."],
        inside + more,
    )


def _shares(words: Words) -> tuple[str, list[str], int]:
    name, goods, friends, each = words.name(), words.one(FRUIT + THINGS), words.number(2, 10), words.number(2, 10)
    asked = f"{name} shares {friends * each} {goods} between {friends} friends. How many {goods} does each friend get?"
    return asked, [f"{friends * each} / {friends} = {each}."], each


def word_problem(words: Words) -> list[Turn]:
    """A word problem, solved one sum at a time."""
    asked, steps, result = words.rng.choice([_story_of_changes, _story_of_changes, _price, _bags, _shares])(words)
    return ask(asked, f"{' '.join(steps)} The answer is {result}.")

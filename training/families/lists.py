"""Lists: sorting, duplicates, bullets, numbers, order."""

from ..task import Turn, ask
from ..words import Words


def _sorted(words: Words, items: list[str]) -> tuple[str, list[str]]:
    return words.one(["Sort these words alphabetically: {}", "Put these words in alphabetical order: {}"]), sorted(
        items
    )


def _sorted_numbers(words: Words, items: list[str]) -> tuple[str, list[str]]:
    ways = ["Sort these numbers: {}", "Sort the numbers from small to large: {}", "Put these numbers in order: {}"]
    return words.one(ways), sorted(items, key=int)


def _without_duplicates(words: Words, items: list[str]) -> tuple[str, list[str]]:
    ways = ["Remove the duplicates: {}", "Delete repeated words from this list: {}"]
    return words.one(ways), list(dict.fromkeys(items))


def _bullets(words: Words, items: list[str]) -> tuple[str, str]:
    ways = ["Make a bullet list: {}", "Turn this into a bullet list: {}", "Write these as bullet points: {}"]
    return words.one(ways), "\n".join(f"- {item}" for item in items)


def _numbered(words: Words, items: list[str]) -> tuple[str, str]:
    ways = ["Make a numbered list: {}", "Number these items: {}"]
    return words.one(ways), "\n".join(f"{at}. {item}" for at, item in enumerate(items, 1))


def _reversed(words: Words, items: list[str]) -> tuple[str, list[str]]:
    return words.one(["Reverse this list: {}", "Write this list backwards: {}"]), items[::-1]


def _longer(words: Words, items: list[str]) -> tuple[str, list[str]]:
    new = words.goods()
    return words.one([f"Add {new} to this list: {{}}", f"Put {new} at the end of the list: {{}}"]), [*items, new]


def _shorter(words: Words, items: list[str]) -> tuple[str, list[str]]:
    gone = words.one(items)
    ways = [f"Remove {gone} from this list: {{}}", f"Take {gone} off the list: {{}}"]
    return words.one(ways), [item for item in items if item != gone]


_KINDS = (_sorted, _sorted_numbers, _without_duplicates, _bullets, _numbered, _reversed, _longer, _shorter)


def lists(words: Words) -> list[Turn]:
    """Something done to a list of goods or numbers."""
    kind = words.rng.choice(_KINDS)
    items = words.list_of_goods(words.number(3, 6))
    if kind is _sorted_numbers:
        items = [str(number) for number in words.rng.sample(range(1, 100), words.number(3, 5))]
    if kind is _without_duplicates:
        items.insert(words.number(1, len(items)), words.one(items))
    way, made = kind(words, items)
    return ask(way.format(", ".join(items)), made if isinstance(made, str) else ", ".join(made))

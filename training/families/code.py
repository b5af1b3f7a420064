"""Small Python functions: written, renamed, documented, typed, explained."""

import re
from dataclasses import dataclass, replace

from ..known import facts
from ..task import Turn, ask
from ..words import Words, capital
from .subject import wrapped


@dataclass(frozen=True)
class Function:
    """A function with its names chosen."""

    does: str
    name: str
    parameters: tuple[str, ...]
    types: tuple[str, ...]
    returns: str
    body: tuple[str, ...]
    local: str | None

    def source(self, typed: bool = False, documented: bool = False) -> str:
        """The Python text."""
        said = (
            [f"{name}: {kind}" for name, kind in zip(self.parameters, self.types, strict=True)]
            if typed
            else self.parameters
        )
        lines = [f"def {self.name}({', '.join(said)}){f' -> {self.returns}' if typed else ''}:"]
        lines += [f'    """{capital(self.does)}."""'] if documented else []
        return "\n".join([*lines, *(f"    {line}" for line in self.body)])

    def renamed(self, old: str, new: str) -> "Function":
        """The same function with another name in the place of ``old``."""

        def swap(text: str) -> str:
            return re.sub(rf"\b{re.escape(old)}\b", new, text)

        return replace(self, name=swap(self.name), parameters=tuple(map(swap, self.parameters)), body=tuple(map(swap, self.body)),
                       local=self.local and swap(self.local))  # fmt: skip


def known_functions() -> list[dict[str, object]]:
    """The functions of ``functions.toml``."""
    found: list[dict[str, object]] = facts("functions")["function"]
    return found


def _pool(source: object) -> list[str]:
    pools: dict[str, list[str]] = facts("functions")["pools"]
    return pools[source] if isinstance(source, str) else list(source)  # type: ignore[call-overload]


def build(known: dict[str, object], words: Words | None = None) -> Function:
    """A function with its usual names, or with names chosen at random, some of them invented."""
    chosen: list[str] = []
    for parameter in known["parameters"]:  # type: ignore[attr-defined]
        free = [name for name in _pool(parameter["from"]) if name not in chosen]
        made = words is not None and words.chance(words.invented * 0.6)
        chosen.append(words.new_word() if words and made else words.one(free) if words else free[0])
    name = words.one(known["names"]) if words else known["names"][0]  # type: ignore[arg-type, index]
    local = words.one(facts("functions")["pools"]["local"]) if words else "result"
    if words and words.chance(words.invented * 0.4):
        name, local = words.new_word(), words.new_word()
    body = str(known["body"])
    lines = (line.format(*chosen, v=local) for line in body.splitlines())
    used = local if "{v}" in body else None
    types = tuple(parameter["type"] for parameter in known["parameters"])  # type: ignore[attr-defined]
    return Function(str(known["does"]), name, tuple(chosen), types, str(known["returns"]), tuple(lines), used)


def fenced(source: str) -> str:
    """The source as a Markdown block."""
    return f"```python\n{source}\n```"


def write_code(words: Words, wrappings: tuple[str, ...] = ()) -> list[Turn]:
    """A function by its description, sometimes edited in a second turn."""
    function = build(words.rng.choice(known_functions()))
    asked = words.one([
        "Write a Python function that {}.", "Write a function that {}.", "Python function that {}", "Give me Python code that {}.",
        "Can you write a function that {}?", "I need a Python function that {}.", "Show me a function that {}.",
        "Code a function that {}.",
    ]).format(function.does)  # fmt: skip
    asked = wrapped(words, asked, wrappings) if wrappings else words.casual(asked)
    turns = ask(asked, fenced(function.source()))
    if words.chance(0.4):
        way, answer = words.rng.choice([rename, _document, _type])(words, function)
        turns.append(Turn(words.one([way, f"Now {way[0].lower()}{way[1:]}"]), answer))
    return turns


def rename(words: Words, function: Function) -> tuple[str, str]:
    """The order to give one of the names another, and the answer."""
    olds = [*function.parameters, *([function.local] if function.local else []), function.name]
    old = words.one(olds)
    new = (
        words.new_word()
        if words.chance(0.5)
        else words.one(["amounts", "best", "entries", "things", "first", "compute", "helper"])
    )
    if new in function.source():
        return rename(words, function)
    return f"Rename {old} to {new}.", fenced(function.renamed(old, new).source())


def _document(words: Words, function: Function) -> tuple[str, str]:
    return words.one(["Add a docstring.", "Add a docstring to this function."]), fenced(
        function.source(documented=True)
    )


def _type(words: Words, function: Function) -> tuple[str, str]:
    return words.one(["Add type hints.", "Add type hints to this function."]), fenced(function.source(typed=True))


def _copy(words: Words, function: Function) -> tuple[str, str]:
    return words.one(["Copy this code.", "Format this code."]), fenced(function.source())


def edit_code(words: Words) -> list[Turn]:
    """A function that is given, changed in one way."""
    function = build(words.rng.choice(known_functions()), words)
    way, answer = words.rng.choice([rename, rename, _document, _type, _copy])(words, function)
    source = function.source() if words.chance(0.5) else fenced(function.source())
    inside = way.replace(".", " in this code.") if way.startswith("Rename") and words.chance(0.7) else way
    return ask(words.one([f"{inside}\n\n{source}", f"{inside}\n\n{source}", f"{source}\n\n{way}"]), answer)


def explain_code(words: Words) -> list[Turn]:
    """What a function does."""
    function = build(words.rng.choice(known_functions()), words)
    ways = ["What does this function do?\n\n{}", "Explain this code.\n\n{}", "{}\n\nWhat does it do?"]
    return ask(words.one(ways).format(function.source()), f"The function {function.name} {function.does}.")

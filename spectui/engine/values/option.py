"""One declaration of an option: its help, its bounds, its flags. All that may be set is a field that carries one."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field, fields, is_dataclass, replace
from typing import Any, TypeVar

from ...system.errors import UserError
from ...system.sanitise import sanitise_line

KINDS = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}
SWITCHES = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
_T = TypeVar("_T")


class BadValue(UserError, ValueError):
    """A value that an option cannot have; says what it can have."""


@dataclass(frozen=True, slots=True)
class Option:
    """What holds for an option wherever it is set: in code, in a file, in the environment, on a command line."""

    help: str
    kind: type
    also: tuple[str | float, ...] = ()
    """Values besides the range; without a range all that there are."""
    least: float | None = None
    most: float | None = None
    without: float | None = None
    """An end of the range that is not in it."""
    flags: tuple[str, ...] = ()
    """Empty for its name, with the opposite of what is on by default."""
    title: str = ""
    """What errors call it; empty for its name."""
    label: str = ""
    """What the screens call it; empty for its title."""
    changes_text: bool = False
    """Whether another value may give another text."""

    def label_of(self, name: str) -> str:
        """What the screens call it."""
        return self.label or self.title or name.replace("_", " ")

    @property
    def has_words(self) -> bool:
        """Whether some of its values are words."""
        return any(isinstance(value, str) for value in self.also)

    @property
    def allowed(self) -> str:
        """The values that it can have, in words."""
        words = [str(value) for value in self.also]
        if self.least is None and len(words) > 2:
            return f"one of {', '.join(words)}"
        if self.least is not None:
            span = f"{self.least} or more" if self.most is None else f"from {self.least} to {self.most}"
            words.append(span if self.without is None else f"{span} (without {self.without})")
        return " or ".join([", ".join(words[:-1]), words[-1]] if words[1:] else words or [KINDS[self.kind]])

    def read(self, text: str) -> Any:
        """The value that a text means; the text itself if it means none."""
        if self.kind is bool:
            return SWITCHES.get(text.lower(), text)
        with suppress(ValueError):
            return text if text in self.also else self.kind(text)
        return text

    def check(self, value: Any, name: str) -> None:
        """Raise BadValue, which names the option, if it cannot have this value."""
        kinds = (int, float) if self.kind is float else (self.kind,)
        if (type(value) is not bool and value in self.also) or (type(value) in kinds and self._in_range(value)):
            return
        words = KINDS[self.kind] if type(value) not in kinds and not self.has_words else self.allowed
        raise BadValue(f"{name} must be {words}, not {sanitise_line(repr(value))}")

    def _in_range(self, value: Any) -> bool:
        if self.least is None:
            return not self.also
        return bool(self.least <= value and (self.most is None or value <= self.most) and value != self.without)


def option(default: Any, help_text: str, kind: type | None = None, **more: Any) -> Any:
    """A field of a dataclass that is an option; ``more`` as in Option."""
    return field(default=default, metadata={"option": Option(help_text, kind or type(default), **more)})


class Checked:
    """A dataclass whose options have values that they can have."""

    __slots__ = ()

    def __post_init__(self) -> None:
        """Raise BadValue for the first that has not."""
        for entry in fields(self):  # type: ignore[arg-type]
            if one := entry.metadata.get("option"):
                one.check(getattr(self, entry.name), one.title or entry.name.replace("_", " "))


def options_of(kind: Any) -> dict[str, Option]:
    """All options of a dataclass by name, those of the groups in it included."""
    made: dict[str, Option] = {}
    for entry in fields(kind):
        if "option" in entry.metadata:
            made[entry.name] = entry.metadata["option"]
        elif is_dataclass(entry.type):
            made |= options_of(entry.type)
    return made


def values_of(group: Any) -> dict[str, Any]:
    """The values of all options by name, whatever group they are in."""
    made: dict[str, Any] = {}
    for entry in fields(group):
        value = getattr(group, entry.name)
        made |= values_of(value) if is_dataclass(value) else {entry.name: value}
    return made


def with_values(group: _T, given: Mapping[str, Any]) -> _T:
    """The same with other values for some options, whatever group they are in; raises BadValue."""
    changes = {}
    for entry in fields(group):  # type: ignore[arg-type]
        if is_dataclass(entry.type):
            changes[entry.name] = with_values(getattr(group, entry.name), given)
        elif entry.name in given:
            changes[entry.name] = given[entry.name]
    return replace(group, **changes)  # type: ignore[type-var]

"""What a person changes while the program runs: options from the next step on, the look at once."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol

from textual.app import App

from ..config.paths import config_file
from ..config.saving import save_settings
from ..config.settings import DEFAULT, ENVIRONMENT, SECTIONS, VIEWS, Settings
from ..engine.values.option import BadValue, Option, options_of, with_values
from ..engine.values.options import Options, Speculation

GROUPS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("The text", ("temperature", "top_p", "top_k", "min_p", "repetition_penalty", "seed", "max_new_tokens", "system")),
    ("The speed", ("draft_tokens", "draft_tree", "rule")),
    ("The look", ("theme", "view")),
)
"""What can be changed, by what it is for."""
NAMES = tuple(name for _, names in GROUPS for name in names)
HERE, MODEL = "here", "model"
"""Where a value comes from besides the places of the settings: a person has just set it, or the model's makers advise
it."""
_SECTION = {name: section for section, options in SECTIONS.items() for name in options}
_DECODING, _SPECULATION = options_of(Options), options_of(Speculation)


def declared(name: str) -> Option:
    """The declaration of an option that can be changed."""
    return SECTIONS[_SECTION[name]][name]


class Decodes(Protocol):
    """The part of a session that options need."""

    @property
    def options(self) -> Options:
        """Those of the next step."""

    def change(self, options: Options) -> None:
        """Use others from the next step on."""

    def instruct(self, system: str) -> None:
        """Use another system message from the next question on."""


class Shows(Protocol):
    """The part of a transcript that the view needs."""

    view: str


class Changes:
    """The options of the chat as they are now, and how to set them."""

    def __init__(self, settings: Settings, session: Decodes, shows: Shows, app: Callable[[], App[Any]]) -> None:
        self._settings, self._session, self._shows, self._app = settings, session, shows, app
        self._system = settings.decoding.system
        self._here: dict[str, Any] = {}
        """What a person has set, and to what."""

    def value(self, name: str) -> Any:
        """What holds for the next step."""
        if name in _DECODING:
            return self._session.options.by_name()[name]
        look = {"theme": self._app().theme, "view": self._shows.view, "system": self._system}
        return look[name]

    def origin(self, name: str) -> str:
        """Where that comes from."""
        value, settings = self.value(name), self._settings
        if name in self._here and self._here[name] == value:
            return HERE
        if name in _DECODING and name not in settings.given and value != settings.options.by_name()[name]:
            return MODEL
        if name == "theme" and self._app().no_color:
            return ENVIRONMENT
        return settings.origins.get(name, DEFAULT)

    def changes_text(self, name: str) -> bool:
        """Whether another value may give another text, by the rule that holds now."""
        return declared(name).changes_text or (name in _SPECULATION and self.value("rule") != "coupled")

    def choices(self, name: str) -> Sequence[str]:
        """All values that it can have, if they are few and words; else empty."""
        one = declared(name)
        if name == "theme":
            return sorted(theme for theme in self._app().available_themes if not theme.startswith("textual-"))
        return [str(value) for value in one.also] if one.least is None else []

    def set(self, name: str, text: str) -> None:
        """Set an option to what a text means; raises BadValue that says what it can be."""
        one = declared(name)
        value = one.read(text) if name != "system" else text
        one.check(value, one.label_of(name))
        if name == "theme" and value not in self._app().available_themes:
            raise BadValue(f"there is no theme {value}; choose from {', '.join(self.choices(name))}")
        self._apply(name, float(value) if one.kind is float else value)
        self._here[name] = self.value(name)

    def _apply(self, name: str, value: Any) -> None:
        if name in _DECODING:
            self._session.change(with_values(self._session.options, {name: value}))
        elif name == "system":
            self._system = value
            self._session.instruct(value)
        elif name == "theme":
            self._app().theme = value
        else:
            assert value in VIEWS
            self._shows.view = value

    def save(self) -> list[str]:
        """Keep what was set here in the settings file; the names of it. Raises UserError."""
        kept: dict[str, dict[str, Any]] = {}
        for name, value in self._here.items():
            kept.setdefault(_SECTION[name], {})[name] = value
        if kept:
            save_settings(config_file(), kept)
        return [declared(name).label_of(name) for name in self._here]

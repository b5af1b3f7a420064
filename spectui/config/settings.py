"""One settings tree: TOML file, then environment, then flags."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..engine.drafters.registry import MODES
from ..engine.values.option import Checked, Option, option, options_of, with_values
from ..engine.values.options import Options
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .choice import ModelChoice, ServerChoice, StoreChoice
from .paths import datastores

PREFIX = "SPECTUI_"
DEFAULT, SETTINGS_FILE, ENVIRONMENT, FLAG = "default", "settings file", "environment", "flag"
"""Where a value comes from."""
VIEWS = ("clean", "colour", "trace")
_METHODS = ", ".join(f"{mode.name} ({mode.summary})" for mode in MODES.values())


@dataclass(frozen=True, slots=True)
class Decoding(Checked):
    """How answers are decoded."""

    mode: str = option(
        "", f"{_METHODS}; empty takes eagle if there is a head, else draft if there is a draft model, else sssd."
    )
    options: Options = field(default_factory=Options)
    system: str = option("", "A system message for every conversation.", label="system prompt", changes_text=True)


@dataclass(frozen=True, slots=True)
class Datastore(Checked):
    """Whether earlier texts help to draft."""

    use: bool = option(
        True, "Look up in the datastore of the model's tokenizer (sssd).", flags=("--datastore/--no-datastore",)
    )
    learn: bool = option(
        True, "Add finished answers of run to it, and of chat, which asks once and learns nothing before."
    )
    compare: bool = option(
        False, "Look up in the datastore in races, benches and measurements too; else theirs is empty.",
        flags=("--with-datastore",),
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Ui(Checked):
    """How the chat looks and what it keeps."""

    theme: str = option("spectui-dark", "The name of a theme.")
    view: str = option("colour", "clean, colour, or trace (rejected tokens stay inline).", also=VIEWS)
    side_pane: bool = option(True, "Show the step pane where there is room.")
    save_conversations: bool = option(True, "Keep conversations, to list, search and resume them.")


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a person may set."""

    model: ModelChoice = field(default_factory=ModelChoice)
    decoding: Decoding = field(default_factory=Decoding)
    datastore: Datastore = field(default_factory=Datastore)
    ui: Ui = field(default_factory=Ui)
    keys: Mapping[str, str] = field(default_factory=dict)
    servers: Mapping[str, ServerChoice] = field(default_factory=dict)
    """Servers that have a name."""
    origins: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Where the options come from that somebody has set, be it to their defaults: name -> place."""

    @property
    def given(self) -> frozenset[str]:
        """The options that somebody has set."""
        return frozenset(self.origins)

    @property
    def options(self) -> Options:
        """What the engine decodes with."""
        return self.decoding.options

    def server(self, text: str) -> ServerChoice:
        """The server behind an address or a name; raises UserError for what is neither."""
        if text in self.servers:
            return self.servers[text]
        if "://" in text:
            return ServerChoice(url=text)
        known = ", ".join(self.servers) or "no server has a name yet"
        raise UserError(f"unknown server {sanitise_line(text)!r}; write http://HOST:PORT, or one of [servers]: {known}")

    def store(self) -> StoreChoice | None:
        """The datastore to use; None for none."""
        return StoreChoice(datastores(), self.datastore.learn, self.datastore.compare) if self.datastore.use else None

    def with_flags(self, section: str, **flags: Any) -> "Settings":
        """These settings with the flags that were given (not None) in one section; raises UserError."""
        known = SECTIONS[section]
        given = {
            name: known[name].read(flag) if isinstance(flag, str) else flag
            for name, flag in flags.items()
            if flag is not None
        }
        return _replaced(self, section, given, FLAG)


SECTIONS = {entry.name: options_of(entry.type) for entry in fields(Settings) if is_dataclass(entry.type)}
"""Section -> its options."""


def variable(section: str, name: str) -> str:
    """The environment variable of an option."""
    return f"{PREFIX}{section}__{name}".upper()


def load_settings(file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file, which need not exist, and the environment.

    Raises UserError that names file and key for anything that cannot be used.
    """
    settings = Settings()
    for section, values in _read(file).items():
        if section not in (*SECTIONS, "keys", "servers"):
            raise UserError(f"{file}: unknown section [{section}]{_near(section, [*SECTIONS, 'keys', 'servers'])}")
        if not isinstance(values, dict):
            raise UserError(f"{file}: {section} must be a section, [{section}]")
        settings = _section(settings, section, values, str(file))
    for name, value in sorted((os.environ if environment is None else environment).items()):
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and key and section in SECTIONS:
            settings = _section(settings, section, {key: value}, f"environment variable {name}", text=True)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except RecursionError as error:
        raise UserError(f"{file} is nested too deeply to be read; mend or remove the file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{file}: {sanitise_line(str(error))}; mend or remove the file") from error


def _section(settings: Settings, section: str, values: Mapping[str, Any], where: str, text: bool = False) -> Settings:
    if section == "keys":
        if not all(isinstance(value, str) for value in values.values()):
            raise UserError(f"{where}: [keys] maps binding ids to key names in quotes")
        return replace(settings, keys=dict(values))
    if section == "servers":
        named = {name: _server(name, entry, where) for name, entry in values.items()}
        return replace(settings, servers=named)
    made = _checked(SECTIONS[section], section, values, where, text)
    return _replaced(settings, section, made, ENVIRONMENT if text else SETTINGS_FILE)


def _checked(
    known: Mapping[str, Option], section: str, values: Mapping[str, Any], where: str, text: bool
) -> dict[str, Any]:
    """The values of a section's options; raises UserError for one that cannot be."""
    made: dict[str, Any] = {}
    for key, value in values.items():
        if key not in known:
            raise UserError(f"{where}: unknown key {section}.{key}{_near(key, list(known))}")
        one = known[key]
        meant = one.read(value) if isinstance(value, str) and (text or one.has_words) else value
        one.check(meant, f"{where}: {section}.{key}")
        made[key] = float(meant) if one.kind is float else meant
    return made


def _server(name: str, values: Any, where: str) -> ServerChoice:
    """A named server; a mode's name would make two lanes one."""
    if not isinstance(values, dict) or not values.get("url"):
        raise UserError(
            f'{where}: a server is a section, [servers.{sanitise_line(name)}] with url = "http://HOST:PORT"'
        )
    if name in MODES or sanitise_line(name) != name or "/" in name or not name:
        raise UserError(f"{where}: [servers.{sanitise_line(name)}] is a name that something else has; choose another")
    if "key" in values:
        raise UserError(
            f"{where}: a key stands in no file; put it in an environment variable, and that in key_variable"
        )
    return ServerChoice(name=name, **_checked(options_of(ServerChoice), f"servers.{name}", values, where, False))


def _replaced(settings: Settings, section: str, given: Mapping[str, Any], origin: str) -> Settings:
    changed: dict[str, Any] = {section: with_values(getattr(settings, section), given)}
    return replace(settings, origins={**settings.origins, **dict.fromkeys(given, origin)}, **changed)


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"

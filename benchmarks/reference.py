"""What follows from declarations: the reference's pages of commands, settings, keys and words, and the formats' schemas;
and in the pages of concepts what the lessons say.

python -m benchmarks.reference            writes them
python -m benchmarks.reference --check    fails if one of them is stale
"""

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import typer.main

from spectui.cli.main import app
from spectui.config.choice import ServerChoice
from spectui.config.settings import SECTIONS, Settings, variable
from spectui.engine.values.option import options_of, values_of
from spectui.present.glossary import by_group
from spectui.present.report import report_schema
from spectui.record.trace_lines import trace_schema
from spectui.tui.actions import ACTIONS, GROUPS, Action
from spectui.tui.widgets.keys import written

from .lesson_pages import CONCEPTS, with_lesson
from .lesson_pages import LESSONS as LESSON_PAGES

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs" / "reference"
MADE = "*This page is made by `python -m benchmarks.reference`. Do not edit it by hand.*"
SETTERS = ("model", "decoding", "datastore")
"""Sections of the settings that have flags."""


@dataclass(frozen=True, slots=True)
class Option:
    """One thing that a person may set."""

    section: str
    name: str
    allowed: str
    default: object
    help: str


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag or argument of a command."""

    name: str
    words: tuple[str, ...]
    help: str
    default: object
    is_argument: bool
    is_switch: bool
    required: bool
    repeats: bool


@dataclass(frozen=True, slots=True)
class Command:
    """A command as a shell knows it."""

    name: str
    help: str
    examples: tuple[str, ...]
    flags: tuple[Flag, ...]


def declared_options() -> list[Option]:
    """Every option, from the place that declares it."""
    return [
        Option(section, name, one.allowed.removesuffix(" in quotes"), usual[name], one.help)
        for section, options in SECTIONS.items()
        for usual in [values_of(getattr(Settings(), section))]
        for name, one in options.items()
    ]


def declared_commands() -> list[Command]:
    """Every command, groups with their own ones, in the order of the help."""
    root = typer.main.get_command(app)
    return [Command("", root.help or "", examples(root.epilog), flags_of(root)), *_commands(root, "")]


def _commands(group: Any, prefix: str) -> Iterator[Command]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            if command.invoke_without_command:
                yield Command(f"{prefix}{name}", command.help or "", examples(command.epilog), flags_of(command))
            yield from _commands(command, f"{prefix}{name} ")
        else:
            yield Command(f"{prefix}{name}", command.help or "", examples(command.epilog), flags_of(command))


def flags_of(command: Any) -> tuple[Flag, ...]:
    """The flags and arguments of a command."""
    return tuple(
        Flag(
            name=one.name,
            words=(*one.opts, *one.secondary_opts),
            help=getattr(one, "help", None) or "",
            default=one.default,
            is_argument=not one.opts[0].startswith("-"),
            is_switch=bool(getattr(one, "is_flag", False)),
            required=bool(one.required),
            repeats=bool(getattr(one, "multiple", False)) or one.nargs == -1,
        )
        for one in command.params
        if one.name not in ("help", "version")
    )


def examples(epilog: str | None) -> tuple[str, ...]:
    """The commands in the last line of a help text."""
    if not epilog:
        return ()
    return tuple(line.strip() for line in re.sub(r"^Examples?:", "", epilog).split(" · "))


def commands_page() -> str:
    """``commands.md``."""
    options = {option.name: option for option in declared_options() if option.section in SETTERS}
    commands = declared_commands()
    common = next(command for command in commands if command.name == "chat").flags
    lines = ["# Commands", "", MADE, "", commands[0].help, "", *_block(commands[0].examples)]
    lines += ["`spectui COMMAND --help` says the same. Exit codes: 0 is success, 1 is a failure with one line on",
              "standard error, 2 is wrong usage, 130 means that you stopped it.", ""]  # fmt: skip
    lines += _table(["command", "what it does"], ([f"[`{c.name}`](#{_anchor(c.name)})", c.help] for c in commands[1:]))
    words = {flag.name: flag.words[0] for flag in common}
    for command in commands[1:]:
        lines += _command(command, options, words)
    lines += ["## Common options", "", "These hold for `chat`, `run`, `compare`, `bench`, `calibrate` and `doctor`.",
              "Each one is also a setting and an environment variable: see [settings](settings.md).", ""]  # fmt: skip
    rows = ([_words(flag), options[flag.name].default, flag.help] for flag in common if flag.name in options)
    lines += _table(["option", "default", "what it does"], rows)
    return _page(lines)


def _command(command: Command, options: dict[str, Option], words: dict[str, str]) -> list[str]:
    mine = [flag for flag in command.flags if flag.name not in options or command.name.startswith("datastore")]
    takes_common = len(command.flags) - len(mine) > 1
    arguments = " ".join(_argument(flag) for flag in mine if flag.is_argument)
    usage = f"spectui {command.name} [OPTIONS] {arguments}".strip()
    lines = [f"## {command.name}", "", command.help, "", *_block([usage])]
    if mine:
        rows = ([_words(flag), "" if flag.is_argument else flag.default, flag.help] for flag in mine)
        lines += _table(["option", "default", "what it does"], rows)
    if takes_common:
        given = {flag.name for flag in command.flags}
        without = [f"`{words[name]}`" for name in options if name not in given]
        note = f", without {' and '.join(without)}" if without else ""
        lines += [f"It takes the [common options](#common-options) too{note}.", ""]
    return [*lines, *(["Examples:", "", *_block(command.examples)] if command.examples else [])]


def _argument(flag: Flag) -> str:
    word = flag.name.upper() + ("..." if flag.repeats else "")
    return word if flag.required else f"[{word}]"


def _words(flag: Flag) -> str:
    if flag.is_argument:
        return f"`{_argument(flag)}`"
    return ", ".join(f"`{word}`" for word in flag.words)


def settings_page() -> str:
    """``settings.md``."""
    options = declared_options()
    lines = ["# Settings", "", MADE, "",
             "A setting comes from the settings file, else from an environment variable, else from its default. An",
             "environment variable wins over the file, and a flag of a command wins over both. `spectui doctor` says where",
             "your settings file is. Write it yourself, or let the drawer of the chat (`ctrl+e`) keep what you set there.", "",
             *_block(["[model]", 'model = "demo"', "", "[decoding]", 'mode = "sssd"', "temperature = 0.8", "",
                      "[keys]", '"chat.race" = "alt+g"'], "toml"),
             "An unknown section or key is an error that names the file and the key. `SPECTUI_HOME` puts settings,",
             "data and log below one folder.", ""]  # fmt: skip
    for section in SECTIONS:
        lines += [f"## {section}", "", type(getattr(Settings(), section)).__doc__ or "", ""]
        rows = (
            [f"`{one.name}`", one.allowed, one.default, f"`{variable(section, one.name)}`", one.help]
            for one in options
            if one.section == section
        )
        lines += _table(["key", "values", "default", "environment variable", "what it does"], rows)
    lines += [
        "## servers",
        "",
        "A section of its own for each, `[servers.NAME]`: see [servers](../guide/servers.md).",
        "",
    ]
    usual, known = values_of(ServerChoice()), options_of(ServerChoice)
    rows = ([f"`{name}`", one.allowed.removesuffix(" in quotes"), usual[name], one.help] for name, one in known.items())
    lines += _table(["key", "values", "default", "what it does"], rows)
    lines += ["## keys", "", "Name of a binding = key or keys, separated by commas.", ""]
    lines += ["The names of the bindings stand in [keys](keys.md).", ""]
    return _page(lines)


def keys_page() -> str:
    """``keys.md``."""
    lines = ["# Keys and commands", "", MADE, "",
             "What begins with `/` is typed into the prompt. Every key can be changed: write the name of the binding and",
             "the new key below `[keys]` in the settings file. Several keys are separated by commas. In the program `f1`",
             "shows the keys and the commands.", ""]  # fmt: skip
    for group in GROUPS:
        rows = (
            [_keys(one.key), _command_words(one), one.help, f"`{one.name}`" if one.key else ""]
            for one in ACTIONS
            if one.group == group and (one.key or one.slash or one.place == "mode")
        )
        lines += [f"## {group}", "", *_table(["key", "command", "what it does", "binding"], rows)]
    return _page(lines)


def glossary_page() -> str:
    """``glossary.md``."""
    lines = ["# Glossary", "", MADE, "",
             "Every word and number that a screen, a table or a page shows. In the program `f1` shows the same. Why a",
             "speed-up must be measured, and what misleads: [what the numbers mean](../concepts/numbers.md).", ""]  # fmt: skip
    for group, terms in by_group():
        rows = ([f"`{term.name}`" if group == "Signs" else term.name, term.meaning] for term in terms)
        lines += [f"## {group}", "", *_table(["term", "meaning"], rows)]
    return _page(lines)


def _command_words(action: Action) -> str:
    takes = f" {action.takes}" if action.takes else ""
    return " ".join(f"`/{word}{takes}`" for word in action.words)


def _keys(keys: str) -> str:
    return " ".join(f"`{key}`" for key in written(keys).split())


def _table(columns: Sequence[str], rows: Iterator[Sequence[object]]) -> list[str]:
    lines = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    return [*lines, *(f"| {' | '.join(_cell(value) for value in row)} |" for row in rows), ""]


def _cell(value: object) -> str:
    if value is None or value == "":
        return ""
    if isinstance(value, bool):
        return f"`{str(value).lower()}`"
    if isinstance(value, int | float):
        return f"`{value}`"
    return str(value).replace("|", "\\|").replace("\n", " ")


def _block(lines: Sequence[str], language: str = "text") -> list[str]:
    return [f"```{language}", *lines, "```", ""] if lines else []


def _anchor(name: str) -> str:
    return name.replace(" ", "-")


def _page(lines: Sequence[str]) -> str:
    return "\n".join(lines).rstrip() + "\n"


PAGES = {"commands.md": commands_page, "settings.md": settings_page, "keys.md": keys_page, "glossary.md": glossary_page}
SCHEMAS = {
    ROOT / "spectui" / room / "schema.json": lambda schema=schema: json.dumps(schema(), indent=1) + "\n"
    for room, schema in {"bench": report_schema, "record": trace_schema}.items()
}
LESSONS = {
    CONCEPTS / f"{page}.md": lambda page=page, number=number: with_lesson(CONCEPTS / f"{page}.md", number)
    for page, number in LESSON_PAGES.items()
}
FILES = PAGES | SCHEMAS | LESSONS
"""All that this makes; a page's path is relative to its folder."""


def stale(folder: Path = FOLDER) -> list[str]:
    """The files that say something else than the declarations."""
    return [
        str(name)
        for name, text in FILES.items()
        if not (folder / name).is_file() or (folder / name).read_text("utf-8") != text()
    ]


def main() -> None:
    """Write the pages, or check them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing; fail if a file is stale")
    if parser.parse_args().check:
        names = stale()
        if names:
            sys.exit(f"stale: {', '.join(names)}; run python -m benchmarks.reference")
        return
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, text in FILES.items():
        (FOLDER / name).write_text(text(), "utf-8")


if __name__ == "__main__":
    main()

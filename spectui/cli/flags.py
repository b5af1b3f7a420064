"""What commands have in common: flags, the settings that they make, and the session that lives on these."""

import functools
import inspect
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from ..config.choice import ServerChoice
from ..config.paths import config_file
from ..config.settings import SECTIONS, Settings, load_settings
from ..engine.drafters.registry import MODES
from ..engine.values.option import Option, values_of
from ..system.errors import UserError

if TYPE_CHECKING:
    from ..record.events import Record
    from ..session.session import Session

RecordFlag = Annotated[Path | None, typer.Option("--record", help="Write the trace to this file as well.")]
ModesFlag = Annotated[str | None, typer.Option("--modes", help="Modes, separated by commas; default is all.")]
OutputFlag = Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this file.")]
FormatFlag = Annotated[str, typer.Option("--format", "-f", help="table, json, csv or markdown.")]
PlotFlag = Annotated[Path | None, typer.Option("--plot", help="Write the plots to this SVG file.")]
ServerFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--server",
        metavar="URL|NAME",
        help="An OpenAI-compatible server, http://HOST:PORT or with #MODEL behind it, or a name from [servers.NAME].",
    ),
]
ServersFlag = Annotated[
    list[str] | None,
    typer.Option(
        "--server",
        metavar="URL|NAME",
        help="Ask this OpenAI-compatible server as well; may be repeated. Then only what --modes names runs here.",
    ),
]
AtOnceFlag = Annotated[
    bool, typer.Option("--at-once", help="Let all servers answer at the same time, not one after another.")
]
_COMMON = ("model", "decoding", "datastore")
"""The sections whose options are flags."""


def _model_names() -> list[str]:
    from ..models.registry import known_models

    return list(known_models())


_COMPLETED: dict[str, Callable[[], list[str]]] = {
    "mode": lambda: list(MODES),
    "model": _model_names,
    "draft": lambda: ["none", *_model_names()],
}
"""What a shell offers behind a flag."""


def _annotation(name: str, one: Option, default: object) -> Any:
    """What typer makes a flag from; it is None where the flag is not given."""
    words = name.replace("_", "-")
    flags = one.flags or (f"--{words}/--no-{words}" if default is True else f"--{words}",)
    kind = str if one.has_words else one.kind
    return Annotated[kind | None, typer.Option(*flags, help=one.help, autocompletion=_COMPLETED.get(name))]


def with_settings(
    several_modes: bool = False, compares: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the common flags; it is called with the Settings that they make, and with its own flags.

    With ``several_modes`` the flag is ``--modes``, which the command has itself, and nothing is learnt. One that
    ``compares``, as those do, may be told to look up in the datastore meanwhile.
    """
    unfit = {"mode", "learn"} if several_modes else set() if compares else {"compare"}
    sections = {section: [name for name in SECTIONS[section] if name not in unfit] for section in _COMMON}
    flags = {
        name: _annotation(name, SECTIONS[section][name], values_of(getattr(Settings(), section))[name])
        for section, names in sections.items()
        for name in names
    }

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        common = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in flags.items()
        ]

        @functools.wraps(command)
        def run(**given: Any) -> None:
            chosen = {section: {name: given.pop(name) for name in names} for section, names in sections.items()}
            command(make_settings(chosen), **given)

        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        arguments = [p for p in own if p.default is inspect.Parameter.empty]
        options = [p for p in own if p.default is not inspect.Parameter.empty]
        parameters = [*arguments, *common, *options]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return wrap


def make_settings(chosen: dict[str, dict[str, Any]]) -> Settings:
    """File and environment, then the flags of each section; raises BadParameter for what a flag cannot be."""
    settings = load_settings(config_file())
    try:
        for section, flags in chosen.items():
            settings = settings.with_flags(section, **flags)
    except UserError as error:
        raise typer.BadParameter(str(error)) from error
    if chosen.get("datastore", {}).get("compare") and not settings.datastore.use:
        raise typer.BadParameter("--with-datastore needs the datastore; leave --no-datastore and datastore.use out")
    names_of(settings.decoding.mode, MODES, "mode")
    return settings


def session_maker(
    settings: Settings, follows: bool = True, servers: Sequence[ServerChoice] = (), at_once: bool = False
) -> "Callable[[Callable[[Record], None]], Session]":
    """What makes a session of these settings, given where its records go; ``servers`` may race in it.

    One that ``follows`` the model samples as its makers advise, where nobody has set anything else.
    """
    from ..session.session import Session

    return lambda sink: Session(
        settings.model,
        settings.options,
        settings.decoding.mode or None,
        sink,
        settings.decoding.system or None,
        settings.store(),
        given=settings.given if follows else None,
        servers=servers,
        at_once=at_once,
    )


def servers_of(settings: Settings, given: Sequence[str] | None) -> list[ServerChoice]:
    """The servers behind these addresses and names; raises BadParameter for what is neither."""
    try:
        return [settings.server(text) for text in given or ()]
    except UserError as error:
        raise typer.BadParameter(str(error)) from error


def served_maker(
    settings: Settings, servers: Sequence[ServerChoice], at_once: bool = False
) -> "Callable[[Callable[[Record], None]], Session]":
    """What makes a session whose answers come from servers; no model is loaded."""
    from ..session.served_session import served_session

    system = settings.decoding.system or None
    return lambda sink: served_session(
        servers, settings.options, sink, system, at_once, settings.store(), settings.given
    )


def names_of(text: str | None, known: Collection[str], what: str) -> list[str]:
    """Names separated by commas, each of them known; raises BadParameter."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"unknown {what} {name!r}; choose from {', '.join(known)}")
    return names

"""The commands; thin: parse, call, print. Imports nothing heavy."""

import contextlib
import logging
import sys
from collections.abc import Callable, Collection
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .. import __version__
from ..config.paths import config_file, datastores, log_file
from ..config.settings import Settings, load_settings
from ..engine.drafters.registry import MODES
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from ..system.streams import ClosedPipe, messages, reason
from .flags import with_settings

if TYPE_CHECKING:
    from ..record.events import Record
    from ..session.session import Session

app = typer.Typer(
    help="Watch a language model decode speculatively. Without a command it opens the chat.",
    epilog="Examples: spectui · spectui chat --model llama-3-8b · spectui run 'What is a draft model?' · "
    "echo Hello | spectui run - --mode ar",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

store_app = typer.Typer(help="Texts that sssd looks up in: load, show, empty.", no_args_is_help=True)
app.add_typer(store_app, name="datastore")

MOST_INPUT = 1 << 26
"""Bytes that are read from standard input: ten million tokens, as many as any model's context, have fewer."""

ModelFlag = Annotated[str | None, typer.Option("--model", "-m", help="The model whose tokenizer counts.")]
RecordFlag = Annotated[Path | None, typer.Option("--record", help="Write the trace to this file as well.")]

ModesFlag = Annotated[str | None, typer.Option("--modes", help="Modes, separated by commas; default is all.")]
OutputFlag = Annotated[Path | None, typer.Option("--output", "-o", help="Write the report to this file.")]
FormatFlag = Annotated[str, typer.Option("--format", "-f", help="table, json, csv or markdown.")]
PlotFlag = Annotated[Path | None, typer.Option("--plot", help="Write the plots to this SVG file.")]


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"spectui {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from ..tui.app import run_app

        settings = load_settings(config_file())
        raise typer.Exit(run_app(settings, _session_maker(settings)))


@app.command(epilog="Examples: spectui chat --mode ar · spectui chat --model qwen3-8b --temperature 0.8 --seed 7")
@with_settings(compares=True)
def chat(settings: Settings, record: RecordFlag = None) -> None:
    """Chat in the terminal and watch every token's fate."""
    from ..tui.app import run_app

    raise typer.Exit(run_app(settings, _session_maker(settings), record))


@app.command(epilog="Examples: spectui run 'Tell me a story' · spectui run - --json < prompt.txt > trace.jsonl")
@with_settings()
def run(
    settings: Settings,
    prompt: Annotated[str, typer.Argument(help="The prompt, or - to read it from standard input.")],
    record: RecordFlag = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines of the trace.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print one line a step, with a mark for every token.")] = False,
) -> None:
    """Answer one prompt on standard output: coloured on a terminal, plain text in a pipe."""
    text = _prompt(prompt)
    from .run import choose_printer, run_once

    printer = choose_printer(sys.stdout, as_json, plain)
    raise typer.Exit(run_once(text, _session_maker(settings), printer, record))


@app.command(
    epilog="Examples: spectui compare · spectui compare 'Tell me a story about a fox' --modes ar,draft · "
    "spectui compare 'What is a token?' --headless --rounds 5 --format markdown"
)
@with_settings(several_modes=True)
def compare(
    settings: Settings,
    prompt: Annotated[str | None, typer.Argument(help="The prompt, or - to read it from standard input.")] = None,
    modes: ModesFlag = None,
    headless: Annotated[bool, typer.Option("--headless", help="Print the table instead of showing the race.")] = False,
    rounds: Annotated[
        int | None,
        typer.Option(
            "--rounds", min=1, max=100, help="Races to measure, with --headless; default is 3, more of short answers."
        ),
    ] = None,
    output: OutputFlag = None,
    form: FormatFlag = "table",
    plot: PlotFlag = None,
    record: RecordFlag = None,
) -> None:
    """Let several modes answer the same prompt side by side, on one fair clock."""
    chosen = _names(modes, MODES, "mode") or list(MODES)
    text = None if prompt is None else _prompt(prompt)
    make = _session_maker(settings)
    if not headless and output is None and plot is None:
        from ..tui.app import RacePlan, run_app

        raise typer.Exit(run_app(settings, make, record, RacePlan(chosen, text)))
    if text is None:
        raise typer.BadParameter("--headless needs a prompt")
    from ..bench.compare import run_compare
    from ..present.output import FORMATS, Output

    _names(form, FORMATS, "format")
    raise typer.Exit(run_compare(make, text, chosen, rounds, Output(form, output, plot), record))


@app.command(
    epilog="Examples: spectui bench · spectui bench --questions mt_bench.jsonl --limit 20 --peers hf,hf-assisted "
    "--output result.json --format json --plot result.svg"
)
@with_settings(several_modes=True)
def bench(
    settings: Settings,
    questions: Annotated[
        list[str] | None, typer.Option("--questions", help="A JSONL file or a built-in set (demo); may be repeated.")
    ] = None,
    modes: ModesFlag = None,
    peers: Annotated[
        str | None, typer.Option("--peers", help="hf, hf-assisted, hf-pld: transformers' own, separated by commas.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Ask so many questions, evenly spread.")] = None,
    output: OutputFlag = None,
    form: FormatFlag = "table",
    plot: PlotFlag = None,
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Go on after a line that is not a question.")
    ] = False,
    learning: Annotated[
        bool, typer.Option("--learning", help="Let each lane look up its own answers to earlier questions (sssd).")
    ] = False,
) -> None:
    """Measure modes and peers on many questions, interleaved, against autoregressive decoding."""
    chosen = _names(modes, MODES, "mode") or list(MODES)
    from ..bench.bench_command import Request, run_bench
    from ..bench.peers import PEERS
    from ..present.output import FORMATS, Output

    others = _names(peers, PEERS, "peer")
    _names(form, FORMATS, "format")
    request = Request(questions or ["demo"], chosen, others, limit, skip_bad_lines, learning)
    raise typer.Exit(run_bench(settings, request, Output(form, output, plot)))


@app.command(
    epilog="Examples: spectui calibrate · spectui calibrate --model qwen3-8b --questions prompts.jsonl --limit 300"
)
@with_settings()
def calibrate(
    settings: Settings,
    questions: Annotated[
        list[str] | None, typer.Option("--questions", help="A JSONL file or a built-in set (practice); repeatable.")
    ] = None,
    limit: Annotated[int | None, typer.Option("--limit", min=1, help="Use so many prompts.")] = None,
) -> None:
    """Train the head by which specbranch foresees what the target will accept of a draft."""
    from ..train.command import Request, run_calibrate

    raise typer.Exit(run_calibrate(settings, Request(questions or ["practice"], limit)))


@app.command(epilog="Examples: spectui doctor · spectui doctor --model qwen3-8b")
@with_settings()
def doctor(settings: Settings) -> None:
    """Load a model and say what it can do here: modes, speed of verification, datastore, terminal, files."""
    from .doctor import run_doctor

    raise typer.Exit(run_doctor(settings))


@store_app.command(
    "build",
    epilog="Examples: spectui datastore build notes.txt src/ · spectui datastore build talks.jsonl --name talks",
)
def store_build(
    paths: Annotated[list[Path], typer.Argument(help="Text files, .jsonl conversations, or folders with them.")],
    model: ModelFlag = None,
    name: Annotated[str, typer.Option("--name", help="What info calls it; default is the names of the files.")] = "",
    skip_bad: Annotated[bool, typer.Option("--skip-bad", help="Leave out what cannot be read.")] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Let the tokenizer run code of its own.")
    ] = False,
) -> None:
    """Load texts for sssd to look up in; all of them, or none if it fails or is interrupted."""
    from .datastore import build

    choice = replace(_settings_with(model).model, trust_remote_code=trust_remote_code)
    raise typer.Exit(build(choice, paths, name, datastores(), skip_bad))


@store_app.command("info", epilog="Example: spectui datastore info")
def store_info() -> None:
    """Say what the datastores hold, and check every byte."""
    from .datastore import info

    raise typer.Exit(info(datastores(), load_settings(config_file()).datastore.learn))


@store_app.command("clear", epilog="Examples: spectui datastore clear · spectui datastore clear --learnt --yes")
def store_clear(
    model: ModelFlag = None,
    learnt: Annotated[bool, typer.Option("--learnt", help="Forget learnt answers only, keep loaded texts.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Empty the datastores: all of them, or with --model the one of its tokenizer."""
    from .datastore import clear

    if not yes:
        typer.confirm("Forget what was learnt?" if learnt else "Empty the datastore?", abort=True)
    raise typer.Exit(clear(datastores(), _settings_with(model).model if model else None, learnt))


@app.command(epilog="Example: spectui models")
def models() -> None:
    """List the models that have a name, and the draft that fits each."""
    from rich.console import Console
    from rich.table import Table

    from ..models.registry import known_models

    table = Table(box=None, header_style="bold")
    for title in ("name", "target", "draft", "note"):
        table.add_column(title, overflow="fold", no_wrap=title == "name")
    for known in known_models().values():
        table.add_row(known.name, known.target, known.draft or "–", known.note)
    Console().print(table)


def _settings_with(model: str | None) -> Settings:
    return load_settings(config_file()).with_flags("model", model=model)


def _session_maker(settings: Settings) -> "Callable[[Callable[[Record], None]], Session]":
    from ..session.session import Session

    return lambda sink: Session(
        settings.model,
        settings.options,
        settings.decoding.mode or None,
        sink,
        settings.decoding.system or None,
        settings.store(),
    )


def _names(text: str | None, known: Collection[str], what: str) -> list[str]:
    """Names separated by commas, each of them known."""
    names = [name.strip() for name in (text or "").split(",") if name.strip()]
    for name in names:
        if name not in known:
            raise typer.BadParameter(f"unknown {what} {name!r}; choose from {', '.join(known)}")
    return names


def _prompt(argument: str) -> str:
    text = _standard_input() if argument == "-" else argument
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise UserError("the prompt is not UTF-8; convert it first")
    if not text.strip():
        raise typer.BadParameter("the prompt is empty; type something")
    return text.strip()


def _standard_input() -> str:
    try:
        read = sys.stdin.buffer.read(MOST_INPUT + 1)
        if len(read) > MOST_INPUT:
            raise UserError(f"standard input has more than {MOST_INPUT:,} bytes; no model's context holds that")
        return read.decode("utf-8")
    except UnicodeDecodeError as error:
        raise UserError(f"standard input is not UTF-8 (byte {error.start}); convert it first") from error
    except OSError as error:
        raise UserError(f"cannot read standard input: {reason(error)}; give the prompt as an argument") from error


def main() -> None:
    """The program: 0 ok, 1 failed with one line, 2 bad usage, 128 + signal, 141 if nobody reads on."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except UserError as error:
        _fail(str(error), 1)
    except (ClosedPipe, BrokenPipeError):
        sys.exit(141)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):
            _fail(error.format_message(), error.exit_code)
        logging.getLogger(__name__).exception("unexpected failure")
        _fail(f"unexpected {type(error).__name__}: {error} (details in {log_file()})", 1)


def _fail(message: str, code: int) -> None:
    with contextlib.suppress(UserError, ClosedPipe, OSError):
        sys.stdout.flush()
    print(f"spectui: {sanitise_line(message)}", file=messages())
    sys.exit(code)

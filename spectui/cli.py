"""The commands; thin: parse, call, print. Imports nothing heavy."""

import logging
import os
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from . import __version__
from .engine.drafters.registry import MODES
from .engine.errors import UserError
from .locations import config_file, log_file
from .models.sanitise import sanitise_line
from .settings import Settings, load_settings

app = typer.Typer(
    help="Watch a language model decode speculatively. Without a command it opens the chat.",
    epilog="Examples: spectui · spectui chat --model llama-3-8b · spectui run 'What is a draft model?' · "
    "echo Hello | spectui run - --mode ar",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    add_completion=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

_MODES = ", ".join(f"{mode.name} ({mode.summary})" for mode in MODES.values())

ModelFlag = Annotated[str | None, typer.Option("--model", "-m", help="Name, folder, hub id or random:NAME.")]
DraftFlag = Annotated[str | None, typer.Option("--draft", help="Draft model; none loads no draft.")]
DeviceFlag = Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")]
DtypeFlag = Annotated[str | None, typer.Option("--dtype", help="auto, float32, bfloat16, float16 or float64.")]
TrustFlag = Annotated[bool | None, typer.Option("--trust-remote-code", help="Let the model run code of its own.")]
ModeFlag = Annotated[str | None, typer.Option("--mode", help=f"Decoding method: {_MODES}.")]
TemperatureFlag = Annotated[float | None, typer.Option("--temperature", "-t", help="0 takes the likeliest token.")]
TopPFlag = Annotated[float | None, typer.Option("--top-p", help="Total probability to keep.")]
TopKFlag = Annotated[int | None, typer.Option("--top-k", help="Tokens to keep; 0 is all.")]
MinPFlag = Annotated[float | None, typer.Option("--min-p", help="Least share of the likeliest token.")]
PenaltyFlag = Annotated[float | None, typer.Option("--repetition-penalty", help="1 is off.")]
SeedFlag = Annotated[int | None, typer.Option("--seed", help="The same seed gives the same text in every mode.")]
MostFlag = Annotated[int | None, typer.Option("--max-new-tokens", help="Longest answer.")]
SystemFlag = Annotated[str | None, typer.Option("--system", help="System message.")]
TokensFlag = Annotated[str | None, typer.Option("--draft-tokens", help="auto, schedule or 1 to 16.")]
TreeFlag = Annotated[int | None, typer.Option("--draft-tree", help="Nodes of the draft tree; 0 is a chain.")]
RuleFlag = Annotated[str | None, typer.Option("--rule", help="coupled (same text in every mode) or classic.")]


def _settings(**flags: Any) -> Settings:
    names = ("model", "draft", "device", "dtype", "trust_remote_code")
    settings = load_settings(config_file())
    settings = settings.with_flags("model", **{name: flags.pop(name) for name in names})
    settings = settings.with_flags("decoding", **flags)
    mode = settings.decoding.mode
    if mode and mode not in MODES:
        raise typer.BadParameter(f"unknown mode {mode!r}; choose from {', '.join(MODES)}")
    if settings.decoding.rule not in ("coupled", "classic"):
        raise typer.BadParameter(f"unknown rule {settings.decoding.rule!r}; choose coupled or classic")
    try:
        settings.options()
    except UserError as error:
        raise typer.BadParameter(str(error)) from error
    return settings


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"spectui {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        from .tui.app import run_chat

        raise typer.Exit(run_chat(load_settings(config_file())))


@app.command(epilog="Examples: spectui chat --mode ar · spectui chat --model qwen3-8b --temperature 0.8 --seed 7")
def chat(
    model: ModelFlag = None,
    draft: DraftFlag = None,
    mode: ModeFlag = None,
    temperature: TemperatureFlag = None,
    top_p: TopPFlag = None,
    top_k: TopKFlag = None,
    min_p: MinPFlag = None,
    repetition_penalty: PenaltyFlag = None,
    seed: SeedFlag = None,
    max_new_tokens: MostFlag = None,
    system: SystemFlag = None,
    device: DeviceFlag = None,
    dtype: DtypeFlag = None,
    draft_tokens: TokensFlag = None,
    draft_tree: TreeFlag = None,
    rule: RuleFlag = None,
    trust_remote_code: TrustFlag = None,
    record: Annotated[Path | None, typer.Option("--record", help="Write the trace to this file as well.")] = None,
) -> None:
    """Chat in the terminal and watch every token's fate."""
    flags = dict(locals())
    flags.pop("record")
    settings = _settings(**flags)
    from .tui.app import run_chat

    raise typer.Exit(run_chat(settings, record))


@app.command(epilog="Examples: spectui run 'Tell me a story' · spectui run - --json < prompt.txt > trace.jsonl")
def run(
    prompt: Annotated[str, typer.Argument(help="The prompt, or - to read it from standard input.")],
    model: ModelFlag = None,
    draft: DraftFlag = None,
    mode: ModeFlag = None,
    temperature: TemperatureFlag = None,
    top_p: TopPFlag = None,
    top_k: TopKFlag = None,
    min_p: MinPFlag = None,
    repetition_penalty: PenaltyFlag = None,
    seed: SeedFlag = None,
    max_new_tokens: MostFlag = None,
    system: SystemFlag = None,
    device: DeviceFlag = None,
    dtype: DtypeFlag = None,
    draft_tokens: TokensFlag = None,
    draft_tree: TreeFlag = None,
    rule: RuleFlag = None,
    trust_remote_code: TrustFlag = None,
    record: Annotated[Path | None, typer.Option("--record", help="Write the trace to this file as well.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the lines of the trace.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="Print one line a step, with a mark for every token.")] = False,
) -> None:
    """Answer one prompt on standard output: coloured on a terminal, plain text in a pipe."""
    flags = dict(locals())
    for name in ("prompt", "record", "as_json", "plain"):
        flags.pop(name)
    settings = _settings(**flags)
    text = _prompt(prompt)
    from .run import choose_printer, run_once
    from .session import Session

    options, choice, system_text = settings.options(), settings.choice(), settings.decoding.system or None

    def make(sink: Any) -> Session:
        return Session(choice, options, settings.decoding.mode or None, sink, system_text)

    raise typer.Exit(run_once(text, make, choose_printer(sys.stdout, as_json, plain), record))


@app.command(epilog="Example: spectui models")
def models() -> None:
    """List the models that have a name, and the draft that fits each."""
    from rich.console import Console
    from rich.table import Table

    from .models.registry import known_models

    table = Table(box=None, header_style="bold")
    for title in ("name", "target", "draft", "note"):
        table.add_column(title, overflow="fold", no_wrap=title == "name")
    for known in known_models().values():
        table.add_row(known.name, known.target, known.draft or "–", known.note)
    Console().print(table)


def _prompt(argument: str) -> str:
    if argument != "-":
        text = argument
    else:
        try:
            text = sys.stdin.buffer.read().decode("utf-8")
        except UnicodeDecodeError as error:
            raise UserError(f"standard input is not UTF-8 (byte {error.start}); convert it first") from error
    if not text.strip():
        raise typer.BadParameter("the prompt is empty; type something")
    return text.strip()


def _log_to_file() -> None:
    try:
        log_file().parent.mkdir(parents=True, exist_ok=True)
        handler = logging.FileHandler(log_file(), encoding="utf-8", delay=True)
    except OSError:
        return
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.WARNING, handlers=[handler])


def main() -> None:
    """The program: 0 ok, 1 failed with one line, 2 bad usage, 130 interrupted."""
    _log_to_file()
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
        sys.exit(code if isinstance(code, int) else 0)
    except UserError as error:
        _fail(str(error), 1)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        sys.exit(141)
    except (KeyboardInterrupt, typer.Abort):
        sys.exit(130)
    except Exception as error:
        if hasattr(error, "exit_code") and hasattr(error, "format_message"):
            _fail(error.format_message(), error.exit_code)
        logging.getLogger(__name__).exception("unexpected failure")
        _fail(f"unexpected {type(error).__name__}: {error} (details in {log_file()})", 1)


def _fail(message: str, code: int) -> None:
    print(f"spectui: {sanitise_line(message)}", file=sys.stderr)
    sys.exit(code)

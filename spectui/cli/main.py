"""The program of commands and its exit codes. Imports nothing heavy."""

import contextlib
import logging
import sys
from copy import copy
from typing import Annotated

import typer

from .. import __version__
from ..config.paths import config_file, log_file
from ..config.settings import load_settings
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from ..system.streams import ClosedPipe, messages
from . import (
    bench,
    calibrate,
    chat,
    compare,
    conversations,
    datastore,
    doctor,
    export,
    models,
    replay,
    run,
    serve,
    tour,
    train_head,
)
from .program import Program

app = typer.Typer(
    cls=Program,
    help="Watch a language model decode speculatively. Without a command it opens the chat, with all options of that.",
    epilog="Examples: spectui · spectui --model llama-3-8b · spectui --resume · spectui run 'What is a draft model?' · "
    "echo Hello | spectui run - --mode ar",
    no_args_is_help=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

app.add_typer(datastore.store_app, name="datastore")
app.command(epilog=chat.EXAMPLES)(chat.chat)
app.command(epilog=run.EXAMPLES)(run.run)
app.command(epilog=compare.EXAMPLES)(compare.compare)
app.command(epilog=bench.EXAMPLES)(bench.bench)
app.command(epilog=replay.EXAMPLES)(replay.replay)
app.command(epilog=export.EXAMPLES)(export.export)
app.command(epilog=tour.EXAMPLES)(tour.tour)
app.command(epilog=serve.EXAMPLES)(serve.serve)
app.command(epilog=calibrate.EXAMPLES)(calibrate.calibrate)
app.command(epilog=train_head.EXAMPLES)(train_head.train_head)
app.command(epilog=doctor.EXAMPLES)(doctor.doctor)
app.add_typer(models.models_app, name="models", epilog=models.EXAMPLES)
app.add_typer(conversations.conversations_app, name="conversations", epilog=conversations.EXAMPLES)


@app.callback(invoke_without_command=True)
def _default(
    context: typer.Context,
    version: Annotated[bool, typer.Option("--version", help="Print the version and leave.")] = False,
) -> None:
    if version:
        print(f"spectui {__version__}")
        raise typer.Exit
    if context.invoked_subcommand is None:
        chat.open_chat(load_settings(config_file()))


def _program(words: list[str]) -> typer.Typer:
    """The program with the command that is named alone, if one is: to make all of them is a tenth of a quick start."""
    named = [one for one in app.registered_commands if one.callback and words[:1] == [one.callback.__name__]]
    if not named:
        return app
    program = copy(app)
    program.registered_commands, program.registered_groups = named, []
    return program


def main() -> None:
    """The program: 0 ok, 1 failed with one line, 2 bad usage, 128 + signal, 141 if nobody reads on."""
    try:
        code = _program(sys.argv[1:])(standalone_mode=False)
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

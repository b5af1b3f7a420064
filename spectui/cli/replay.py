"""``spectui replay``: a trace once more, without its models."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from ..system.errors import UserError
from .flags import names_of

if TYPE_CHECKING:
    from ..record.replay import Replay

EXAMPLES = (
    "Examples: spectui replay trace.jsonl · spectui replay race.jsonl --speed 0.25 · "
    "spectui replay trace.jsonl --format svg --frames 8 --output frame.svg"
)
TraceArgument = Annotated[Path, typer.Argument(help="A trace, from --record or from spectui run --json.")]
TakeFlag = Annotated[
    int | None, typer.Option("--take", min=1, help="Which answer of the trace, from 1; races count as one.")
]


def replay(
    file: TraceArgument,
    form: Annotated[
        str | None, typer.Option("--format", "-f", help="Print text, markdown or svg instead of playing it.")
    ] = None,
    take: TakeFlag = None,
    at: Annotated[float | None, typer.Option("--at", min=0, help="Begin here, in milliseconds of the answer.")] = None,
    speed: Annotated[float, typer.Option("--speed", min=0.05, max=10, help="Times as fast as it was.")] = 1.0,
    frames: Annotated[
        int | None, typer.Option("--frames", min=1, max=1000, help="With --format: so many moments of the answer.")
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", "-o", help="With --format: write to this file.")] = None,
) -> None:
    """Play a recorded answer or race again: slower, step by step, backwards; no model is needed."""
    from ..present.frames import FORMATS
    from ..record.recording import TraceFile
    from ..record.replay import Replay

    if form is None:
        if frames is not None or output is not None:
            raise typer.BadParameter("--frames and --output need --format text, markdown or svg")
        from ..config.paths import config_file
        from ..config.settings import load_settings
        from ..tui.replay_app import run_replay

        made = Replay(TraceFile(file))
        made.go_to_take(chosen(made, take) or 0)
        if at is not None:
            made.seek(made.take.start_ms + min(at, made.take.length_ms))
        raise typer.Exit(run_replay(load_settings(config_file()), made, speed))
    names_of(form, FORMATS, "format")
    made = Replay(TraceFile(file))
    if frames is not None and at is not None:
        raise typer.BadParameter("--at is one moment, --frames are many; choose one of them")
    _print(made, chosen(made, take), form, at, frames, output)


def chosen(replay: "Replay", take: int | None) -> int | None:
    """The number of a take from 0, or None for all; raises UserError if there is no such one."""
    if take is not None and take > len(replay.takes):
        count = len(replay.takes)
        raise UserError(f"there is no answer {take}; this trace holds {count}, choose one with --take")
    return None if take is None else take - 1


def _print(
    replay: "Replay", take: int | None, form: str, at: float | None, count: int | None, output: Path | None
) -> None:
    from ..present.frames import FORMATS, frame_of, frames
    from ..system.files import write_text

    ending, write = FORMATS[form]
    made = []
    for number in range(len(replay.takes)) if take is None else [take]:
        replay.go_to_take(number)
        if at is None:
            made += [write(frame) for frame in frames(replay, count or 1)]
        else:
            replay.seek(replay.take.start_ms + min(at, replay.take.length_ms))
            made.append(write(frame_of(replay)))
    if form != "svg" or len(made) == 1:
        text = "\n".join(made)
        if output is not None:
            write_text(output, text)
        else:
            sys.stdout.write(text)
        return
    if output is None:
        raise typer.BadParameter(
            f"{len(made)} pictures need --output; choose a file, or one moment with --take and --at"
        )
    for number, text in enumerate(made, 1):
        write_text(output.with_name(f"{output.stem}-{number:04}.{ending}"), text)

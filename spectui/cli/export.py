"""``spectui export``: an answer or a race to hand out."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .replay import TakeFlag, TraceArgument, chosen

if TYPE_CHECKING:
    from ..record.replay import Replay

EXAMPLES = (
    "Examples: spectui export race.jsonl --html race.html · spectui export trace.jsonl --take 2 --svg answer.svg "
    "--markdown answer.md"
)


def export(
    file: TraceArgument,
    html: Annotated[
        Path | None, typer.Option("--html", help="Write one page that plays it in a browser, without network.")
    ] = None,
    markdown: Annotated[Path | None, typer.Option("--markdown", help="Write Markdown with marks.")] = None,
    svg: Annotated[Path | None, typer.Option("--svg", help="Write a picture.")] = None,
    text: Annotated[Path | None, typer.Option("--text", help="Write text with marks.")] = None,
    trace: Annotated[Path | None, typer.Option("--trace", help="Write the trace of this answer alone.")] = None,
    take: TakeFlag = None,
) -> None:
    """Write a recorded answer or race as a page, Markdown, a picture, text or a trace; the last one of the file."""
    if not any((html, markdown, svg, text, trace)):
        raise typer.BadParameter("say what to write: --html, --markdown, --svg, --text or --trace, each with a file")
    from ..present.frames import frame_of, markdown_frame, svg_frame, text_frame
    from ..present.page import page_of
    from ..record.recording import TraceFile
    from ..record.replay import Replay
    from ..system.files import write_text

    replay = Replay(TraceFile(file))
    number = chosen(replay, take)
    number = len(replay.takes) - 1 if number is None else number
    if html is not None:
        write_text(html, page_of(replay, number))
    if trace is not None:
        write_text(trace, "".join(_lines(replay, number)))
    if markdown or svg or text:
        replay.go_to(replay.takes[number].end)
        frame = frame_of(replay)
        for path, write in ((markdown, markdown_frame), (svg, svg_frame), (text, text_frame)):
            if path is not None:
                write_text(path, write(frame))


def _lines(replay: "Replay", number: int) -> Iterator[str]:
    """The trace of a take, with the record that names its models."""
    import json

    from ..record.trace import to_json

    header, take = replay.takes[number].header, replay.takes[number]
    before = [replay.at(header)] if header is not None and not take.begin <= header < take.end else []
    for record in (*before, *replay.records(number)):
        line = to_json(record)
        if line is not None:
            yield json.dumps(line, ensure_ascii=False, separators=(",", ":")) + "\n"

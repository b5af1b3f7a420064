"""``spectui bench --concurrency``: what servers give under load."""

from typing import TYPE_CHECKING

from rich.console import Console

from ..config.settings import Settings
from ..system.signals import interrupt, on_interrupt
from ..system.streams import messages

if TYPE_CHECKING:
    from ..bench.request import Request
    from ..present.output import Output


def run_load(settings: Settings, request: "Request", concurrency: int, output: "Output") -> int:
    """Measure every server at every level, one server after another, and report; 0, or 130 if it was interrupted."""
    from ..bench.load import Load, levels_up_to
    from ..bench.request import gather
    from ..present.load_plot import load_svg
    from ..present.load_report import LOAD_FORMATS, Level, LoadReport, print_load
    from ..session.served import connect
    from ..session.served_conversation import served_environment

    console = Console(file=messages(), highlight=False)
    questions = gather(request, lambda message: console.print(f"skipped: {message}", markup=False))
    output.check()
    served = list(connect(request.servers).values())
    levels: list[Level] = []
    finished = True
    try:
        with on_interrupt(interrupt), console.status("warm-up") as status:
            for lane in served:
                load = Load(lane, questions, settings.options, settings.decoding.system or None)
                load.warm_up()
                for places in levels_up_to(concurrency):
                    status.update(f"{lane.name}: {places} at a time")
                    levels.append(load.level(places))
    except KeyboardInterrupt:
        finished = False
    report = LoadReport(served_environment(served, settings.options, False), levels, finished)
    output.deliver(report, LOAD_FORMATS, print_load, load_svg)
    return 0 if finished else 130

"""``spectui doctor``: what a model can do on this machine, measured, and where everything lies."""

import json
import os
import shutil
import sys
from dataclasses import asdict
from pathlib import Path
from time import perf_counter
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from ..config.paths import config_file, conversations_file, datastores, heads, log_file, user_themes
from ..config.settings import Settings
from ..engine.drafters.registry import MODES
from ..engine.values.dtypes import QUANTISED
from ..engine.values.option import values_of
from ..engine.values.options import Sampling
from ..present.pair_words import pair_words
from ..system.sanitise import sanitise_json
from .flags import ServerFlag, servers_of, with_settings
from .rows import print_rows

if TYPE_CHECKING:
    from ..bench.recommend import Recommendation
    from ..engine.policy.latency import LatencyModel
    from ..session.runtime import Runtime

EXAMPLES = "Examples: spectui doctor · spectui doctor --model qwen3-8b · spectui doctor --json"
FORMAT = "spectui.doctor/1"


@with_settings()
def doctor(
    settings: Settings,
    quality: Annotated[
        bool, typer.Option("--quality", help="Measure what int8 or int4 costs in quality, on a text of 5,000 tokens.")
    ] = False,
    questions: Annotated[str, typer.Option(help="The text: a question set, as for bench.")] = "practice",
    recommend: Annotated[
        bool, typer.Option(help="Let all modes answer three prompts, for at most 20 s, and say which one to take.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object, to paste into a bug report.")] = False,
    server: ServerFlag = None,
) -> None:
    """Load a model and say what it can do here: modes, which one to take, speed of verification, terminal, files.

    With --server say what a server is, whether it speculates, and what it does not tell.
    """
    if server:
        from .doctor_server import examine

        raise typer.Exit(examine(servers_of(settings, server)))
    raise typer.Exit(run_doctor(settings, questions if quality else None, recommend, as_json))


def run_doctor(
    settings: Settings, questions: str | None = None, recommends: bool = False, as_json: bool = False
) -> int:
    """Load, measure, print; raises UserError with the remedy if the model cannot be loaded.

    With ``questions`` a quantised model is first compared with float32 on their text; later starts show the result.
    """
    from ..bench.recommend import recommend
    from ..models.loading import load_pair
    from ..session.environment import environment
    from ..session.runtime import prepare

    console = Console(highlight=False, quiet=as_json)
    if questions is not None:
        print_rows(console, "quantised beside float32", _quality(settings, questions))
    begun = perf_counter()
    loaded = prepare(load_pair(settings.model, lambda *_: None), lambda *_: None, begun, settings.store())
    block = environment(loaded, settings.options, settings.model.model)
    rows = {
        "model": pair_words(f"{block['model']}{' (auto)' if block['auto'] else ''}", block["draft"]),
        "sampling": _sampling(settings, loaded),
        "device": f"{block['device']}, {block['processor']}, {block['threads']} of {block['cores']} cores",
        "dtype": _dtype(loaded),
        "forward": _forward(loaded),
        "cuda graphs": _graphs(loaded),
        "side by side": _side_by_side(loaded),
        "context": f"{loaded.limits.context} tokens",
        "versions": f"python {block['python']}, "
        + ", ".join(f"{name} {version}" for name, version in block["versions"].items()),
        "loaded in": f"{loaded.ready.seconds:.1f} s",
        "datastore": f"{sum(map(len, loaded.store.indexes)):,} tokens" if loaded.store else "not used",
        "terminal": _terminal(console),
    }
    print_rows(console, "", rows)
    for note in loaded.ready.notes:
        console.print(f"note: {note}", markup=False)
    modes = {mode.name: _state(loaded, mode.name) for mode in MODES.values()}
    print_rows(console, "modes", modes)
    if loaded.latency:
        console.print(f"\nT(m): one verification pass behind {block['verification_context']} tokens", style="bold")
        console.print(curve(loaded.latency))
        console.print(verdict(loaded.latency))
        console.print(_head(loaded), markup=False)
    else:
        console.print("\nT(m) is not measured: this model verifies one token at a time")
    found = recommend(loaded, settings.options) if recommends else None
    if found is not None:
        console.print("\nwhich mode to take", style="bold")
        console.print(ranking(found))
        console.print(found.words)
    places = {"settings": config_file(), "conversations": conversations_file(), "datastores": datastores(),
              "heads": heads(), "themes": user_themes(), "log": log_file()}  # fmt: skip
    files = {name: _place(str(path), path.exists()) for name, path in places.items()}
    print_rows(console, "files", files)
    if as_json:
        told = {"format": FORMAT, "environment": block, "rows": rows, "modes": modes, "notes": loaded.ready.notes,
                "recommendation": asdict(found) if found else None, "files": files}  # fmt: skip
        print(json.dumps(sanitise_json(_without_home(told)), ensure_ascii=False, indent=2))
    return 0


def ranking(found: "Recommendation") -> Table:
    """How each mode did, the fastest first."""
    table = Table(box=None, header_style="bold")
    for title in ("mode", "tokens/s", "x plain decoding", "tokens per step", "tokens"):
        table.add_column(title, justify="right" if title != "mode" else "left")
    for one in found.impressions:
        rate, speedup, per_step = f"{one.tokens_per_second:.1f}", f"{one.speedup:.2f}", f"{one.tokens_per_step:.2f}"
        table.add_row(one.mode, rate, speedup, per_step, str(one.tokens))
    return table


def _without_home(told: Any) -> Any:
    """The same, with the home folder, which may name a person, as ``~``."""
    if isinstance(told, str):
        return told.replace(str(Path.home()), "~")
    if isinstance(told, dict):
        return {name: _without_home(one) for name, one in told.items()}
    return [_without_home(one) for one in told] if isinstance(told, list | tuple) else told


def _quality(settings: Settings, questions: str) -> dict[str, str]:
    from ..bench.quality import quantised_quality

    found = quantised_quality(settings.model, questions, lambda *_: None)
    return {
        "text": f"{found.tokens:,} tokens of {questions}",
        "NLL": f"{found.nll:.4f} quantised, {found.exact_nll:.4f} in float32 ({found.nll / found.exact_nll - 1:+.2%})",
        "top token": f"the same at {found.agreement:.1%} of the tokens",
    }


def _dtype(loaded: "Runtime") -> str:
    if loaded.ready.dtype not in QUANTISED:
        return loaded.ready.dtype
    return (
        f"{loaded.ready.dtype}: {loaded.ready.quality or 'spectui doctor --quality measures what it costs in quality'}"
    )


def curve(latency: "LatencyModel") -> Table:
    """T(m), and how many drafted tokens must be accepted to pay for a pass of that size."""
    table = Table(box=None, header_style="bold")
    for title in ("m", "ms", "× T(1)", "accepted to break even"):
        table.add_column(title, justify="right")
    plain = latency.points[1]
    for rows, ms in latency.points.items():
        table.add_row(str(rows), f"{ms:.2f}", f"{ms / plain:.2f}", f"{ms / plain - 1:.2f}" if rows > 1 else "–")
    return table


def verdict(latency: "LatencyModel") -> str:
    """What the curve means, in one sentence."""
    plain = latency.points[1]
    cheap = max(rows for rows, ms in latency.points.items() if ms <= 1.15 * plain)
    words = f"up to {cheap} tokens are verified in nearly the time of one (at most 15 % more); " if cheap > 1 else ""
    needed = latency.verify_ms(8) / plain - 1.0
    return f"{words}seven drafted tokens pay once more than {needed:.2f} of them are accepted"


CHAIN = 4
"""Tokens of the chain by which heads are compared, as their papers do."""


def _head(loaded: "Runtime") -> str:
    """What the trained head costs here, or would cost, and what it must bring."""
    from ..session.heads import pass_of_a_head

    head = loaded.resources.eagle
    name = f"the head {head.name}" if head else "a trained head (none is loaded; --head NAME)"
    ms = loaded.resources.eagle_ms if head else pass_of_a_head(loaded)
    return f"eagle: a pass of {name} takes {ms:.2f} ms; {head_verdict(loaded.latency, ms)}"


def head_verdict(latency: "LatencyModel", head_ms: float) -> str:
    """What a chain of a head's drafts costs, and from which acceptance on it pays."""
    plain, spent = latency.verify_ms(1), latency.verify_ms(CHAIN + 1) + CHAIN * head_ms
    needed = spent / plain
    words = f"{head_ms / plain:.2f} of the target's. A chain of {CHAIN} pays once a step brings {needed:.2f} tokens"
    if needed >= CHAIN + 1:
        return f"{words}, more than it can: no head pays here"
    share = next(share for share in range(101) if sum((share / 100) ** depth for depth in range(CHAIN + 1)) >= needed)
    return f"{words}: where {share} % of the drafts are accepted"


def _sampling(settings: Settings, loaded: "Runtime") -> str:
    """How chat and run choose tokens, and by whose word."""
    from ..models.sampling import with_advice

    pair, asked = loaded.pair, settings.options.sampling
    sampling = with_advice(settings.options, settings.given, pair.name, pair.target).sampling
    values = {name: value for name, value in values_of(sampling).items() if name not in ("temperature", "seed")}
    usual = values_of(Sampling())
    words = [f"temperature {sampling.temperature:g}" if sampling.temperature else "greedy"]
    words += [f"{name.replace('_', '-')} {value:g}" for name, value in values.items() if value != usual[name]]
    advised = "" if sampling == asked else " (advised for this model; bench and compare: as asked, else greedy)"
    return ", ".join(words) + advised


def _forward(loaded: "Runtime") -> str:
    if not loaded.target.uses_llama_forward:
        return "transformers' own"
    layout = ", weights in oneDNN's layout" if loaded.target.is_packed else ""
    return f"lean: one compiled function{layout}, checked against transformers at load"


def _graphs(loaded: "Runtime") -> str:
    """Whether passes are captured and replayed, and why not."""
    why = loaded.target.why_not_captured
    return "used: one recording for each shape of pass" if why is None else f"not used: {why}"


def _side_by_side(loaded: "Runtime") -> str:
    """How target and draft model share the device when both work at once, as specbranch lets them."""
    share = loaded.resources.share
    if share is None:
        return "–"
    threads = f"{share.target_threads} + {share.draft_threads} threads; " if share.target_threads else ""
    head = "a trained head" if loaded.resources.head else "no trained head (spectui calibrate)"
    return f"{threads}a pass of the target takes {share.slowdown:.2f} of its time alone; {head}"


def _state(loaded: "Runtime", mode: str) -> str:
    return f"no: {loaded.ready.unavailable[mode]}" if mode in loaded.ready.unavailable else "yes"


def _place(path: str, there: bool) -> str:
    return path if there else f"{path} (not created yet)"


def _terminal(console: Console) -> str:
    size = shutil.get_terminal_size()
    colours = {None: "no colours", "standard": "16 colours", "256": "256 colours", "truecolor": "true colour"}
    shown = colours.get(console.color_system, str(console.color_system))
    return f"{size.columns}x{size.lines}, {shown}, {sys.stdout.encoding}, TERM={os.environ.get('TERM', '–')}"

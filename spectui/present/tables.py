"""The tables of a report, once as rows of text, for the terminal and for Markdown."""

from collections.abc import Callable, Sequence
from itertools import chain
from typing import Any

from rich.console import Console
from rich.text import Text

from ..engine.values.options import Options
from ..record.metrics import DOUBTFUL, LOOPING, REFERENCE
from ..system.typed_json import as_json
from .grid import MARKS, Grid, fitted, number, rich_table, width_of
from .pair_words import pair_words
from .picture import bars, histogram
from .report import TOPS, Report
from .runs import LLAMA_CPP
from .summary import Ratio, Summary

CALLS = "call tok/s"
POSITIONS = 8
"""So many positions of a draft have a column of their own."""
PROSE = 160
"""Cells that a line of words takes at most."""
ORDERS = {
    False: "servers: one after another, each on the clock of whoever asks, the network included",
    True: "servers: all at once, so that those on one machine share it; each on the clock of whoever asks",
}
"""Whether lanes that are servers ran at once -> what that means."""
DEFINITIONS = (
    "tok/s: tokens after the first / time after it, totals over totals; call tok/s: all tokens / time of the whole "
    "calls. speed-up: its ratio to plain decoding, the lane ar of this run, with a 95 % interval by bootstrap over n "
    "questions; of whole calls where it says call. call × hf: the same of whole calls, prefill included, to "
    "transformers' generate. tokens per step: emitted tokens / steps, the first token in neither. accepted / drafted "
    f"counts unreached tokens as drafted. loops: answers whose distinct-3 is below {LOOPING:g}. {MARKS[DOUBTFUL]}."
)


def ratio_text(ratio: Ratio) -> str:
    """``1.62 [1.50, 1.75] n=74``, with a mark behind a doubtful value; unknown is –."""
    return f"{ratio.with_interval} n={ratio.questions}" if ratio.value is not None else "–"


def grids(report: Report) -> list[Grid]:
    """All tables that the report has something to say in."""
    whole = [one for one in report.summary if one.category is None]
    cells = {name: [cell(one) for one in whole] for name, cell in _COLUMNS.items()}
    if all(one.tokens_per_second is not None for one in whole):
        del cells[CALLS]  # said where a peer has nothing else
    known = {name: column for name, column in cells.items() if set(column) != {"–"}}
    made = [Grid("all questions", list(known), list(zip(*known.values(), strict=True)))]
    categories = list(dict.fromkeys(one.category for one in report.summary if one.category is not None))
    if categories:
        by_place = {(one.lane, one.category): one for one in report.summary}
        drafting = [one.lane for one in whole if one.lane != REFERENCE]
        rows = [[c, *(_category_cell(by_place.get((lane, c))) for lane in drafting)] for c in categories]
        made.append(Grid("by category: speed-up [95 %], tokens per step", ["category", *drafting], rows))
    drafted = [one for one in whole if one.drafts]
    if drafted:
        made.append(_by_position(drafted))
    if report.next_next:
        rows = [[one.category, *(f"{getattr(one, f'top_{top}'):.0%}" for top in TOPS), str(one.tokens)]
                for one in report.next_next]  # fmt: skip
        title = "the token after the next one is among the k highest of the last logits"
        made.append(Grid(title, ["category", *(f"k = {top}" for top in TOPS), "tokens"], rows))
    return made


def _by_position(drafted: Sequence[Summary]) -> Grid:
    """The share of accepted tokens at the first positions of a draft."""
    depth = max(len(one.acceptance_by_position) for one in drafted)
    columns = min(depth, POSITIONS)
    shares = [[f"{share:.0%}" for share in one.acceptance_by_position[:columns]] for one in drafted]
    rows = [[one.lane, *row, *["–"] * (columns - len(row))] for one, row in zip(drafted, shares, strict=True)]
    later = f" ({POSITIONS + 1} to {depth}: in the JSON report)" if depth > POSITIONS else ""
    return Grid(f"acceptance by draft position{later}", ["lane", *map(str, range(1, columns + 1))], rows)


_COLUMNS: dict[str, Callable[[Summary], str]] = {
    "lane": lambda one: one.lane,
    "tok/s": lambda one: number(one.tokens_per_second, 0),
    CALLS: lambda one: number(one.tokens_per_wall_second, 0),
    "speed-up": lambda one: against_ar(one),
    "call × hf": lambda one: ratio_text(one.calls_against_hf),
    "tokens per step": lambda one: number(one.tokens_per_step),
    "accepted/drafted": lambda one: f"{one.accepted}/{one.drafted} {one.acceptance_rate:.0%}" if one.drafted else "–",
    "unreached": lambda one: str(one.unreached) if one.drafted and one.unreached is not None else "–",
    "rollback": lambda one: f"{one.rollback:.0%}" if one.rollback is not None else "–",
    "branch waste": lambda one: number(one.branch_waste_per_token),
    "first token ms": lambda one: number(one.ttft_ms, 1),
    "draft ms": lambda one: number(one.draft_ms_per_step),
    "check ms": lambda one: number(one.verify_ms_per_step),
    "same text": lambda one: same_text(one),
    "distinct-3": lambda one: number(one.distinct_3),
    "loops": lambda one: f"{one.looping}/{one.runs}",
}


def against_ar(one: Summary) -> str:
    """The ratio to the autoregressive lane: of decode time, or of whole calls where only those are known."""
    if one.speedup_vs_ar is not None or one.wall_vs_ar is None:
        return ratio_text(one.speedup)
    return f"{ratio_text(one.calls_against_ar)} call"


def same_text(one: Summary) -> str:
    """How many of the compared answers are the autoregressive ones, id by id."""
    same, compared = one.identical_to_ar, one.compared_with_ar
    return f"{same}/{compared}{' ✓' if same == compared else ''}" if compared else "–"


def _category_cell(one: Summary | None) -> str:
    if one is None:
        return "–"
    return against_ar(one) + (f", {one.tokens_per_step:.2f}" if one.tokens_per_step is not None else "")


def remarks(report: Report) -> list[str]:
    """Everything that a reader must know besides the tables."""
    made = [] if report.finished else ["interrupted: these are the questions that were done"]
    made += [f"{name} left out: {why}" for name, why in report.left_out.items()]
    made += [f"question {one.question_id} skipped: {one.reason}" for one in report.skipped[:5]]
    if len(report.skipped) > 5:
        made.append(f"{len(report.skipped)} questions skipped in all")
    made += [
        f"{run.lane}, question {run.question_id}, turn {run.turn}: text differs from plain decoding at token "
        f"{run.divergence}, where the target's two best scores are {run.gap:.2g} apart"
        for run in report.runs
        if run.identical is False and not _is_own_arithmetic(run.lane)
    ]
    made += [
        f"{one.lane}: same text as plain decoding in {one.identical_to_ar} of {one.compared_with_ar} answers; "
        "llama.cpp computes in its own quantised arithmetic, so that other text is no error"
        for one in report.summary
        if one.category is None and _is_own_arithmetic(one.lane) and one.compared_with_ar
    ]
    made += [
        f"{one.lane}: {(one.drafted or 0) - (one.accepted or 0)} of {one.drafted} drafted tokens were not accepted; "
        "servers count them and send none, so that rejected and unreached are one here"
        for one in report.summary
        if one.category is None and one.rejected is None and (one.drafted or 0) > (one.accepted or 0)
    ]
    if report.pair is not None:
        made.append(
            f"draft against target: alpha {report.pair.overlap:.3f} (shared probability), the same likeliest token "
            f"{report.pair.top_1:.1%}, over {report.pair.tokens} tokens"
        )
    return made


def _is_own_arithmetic(lane: str) -> bool:
    return lane.startswith(LLAMA_CPP)


def describe(block: dict[str, Any]) -> list[str]:
    """The block in a few lines for people."""
    settings, versions = block["settings"], block["versions"]
    servers = [f"{one['name']}: {one['what']}" for one in block.get("servers", ())]
    if servers:
        servers.append(ORDERS[block["servers_at_once"]])
    if block["forward"] is None:
        asked = f"temperature {settings['temperature']:g}, seed {settings['seed']}, "
        return [
            *servers,
            f"{asked}at most {settings['max_new_tokens']} tokens",
            f"asked from: python {block['python']}",
        ]
    tokens = block["datastore_tokens"]
    store = f"{tokens:,} tokens remembered" if tokens else "empty, so that nothing said before counts"
    curve = "  ".join(f"{rows}: {ms:.2f}" for rows, ms in block["verification_ms"].items())
    shown = ("temperature", "seed", "max_new_tokens", "draft_tokens", "draft_tree", "rule")
    others = [
        f"{name} {settings[name]}"
        for name, usual in Options().by_name().items()
        if name not in shown and settings[name] != usual
    ]
    model = f"{block['model']} (auto)" if block.get("auto") else block["model"]
    return [
        f"{pair_words(model, block['draft'])}, {block['dtype']} on {block['processor']} "
        f"({block['device']}, {block['threads']} of {block['cores']} cores, {block['forward']} forward)",
        f"temperature {settings['temperature']:g}, seed {settings['seed']}, "
        f"at most {settings['max_new_tokens']} tokens, "
        f"draft length {settings['draft_tokens']}, tree {settings['draft_tree'] or '–'}, "
        f"{settings['rule']} rule" + "".join(f", {words}" for words in others),
        "python " + block["python"] + "".join(f", {name} {version}" for name, version in versions.items()),
        f"datastore: {store}" + (", and each lane's own answers to earlier questions" if block.get("learning") else ""),
        f"T(m) in ms behind {block['verification_context']} tokens: {curve or '–'}",
        *servers,
    ]


def print_report(report: Report, console: Console) -> None:
    """Environment, tables, pictures and remarks on a terminal; a table that is too wide for it goes on below."""
    for line in describe(as_json(report.environment)):
        _print_words(line, console)
    for grid in chain.from_iterable(fitted(grid, console.width) for grid in grids(report)):
        console.print()
        console.print(Text(grid.title, "italic"))
        console.print(rich_table(grid))
    for picture in (bars(report.summary), histogram(report.summary)):
        if picture.plain:
            console.print()
            console.print(picture)
    console.print()
    for line in [*remarks(report), DEFINITIONS]:
        _print_words(line, console)


def width_of_report(report: Report) -> int:
    """Cells that take every table whole."""
    return max(PROSE, *map(width_of, grids(report)))


def _print_words(line: str, console: Console) -> None:
    console.print(line, style="dim", markup=False, highlight=False, width=min(console.width, PROSE))


def markdown_text(report: Report) -> str:
    """The same as Markdown."""
    parts = ["\n".join(f"- {_escaped(line)}" for line in describe(as_json(report.environment)))]
    for grid in grids(report):
        lines = [f"**{grid.title}**", "", "| " + " | ".join(map(_escaped, grid.columns)) + " |"]
        lines.append("|" + "|".join(["---", *["---:"] * (len(grid.columns) - 1)]) + "|")
        lines += ["| " + " | ".join(map(_escaped, row)) + " |" for row in grid.rows]
        parts.append("\n".join(lines))
    parts.append("\n".join(f"- {_escaped(line)}" for line in [*remarks(report), DEFINITIONS]))
    return "\n\n".join(parts) + "\n"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;")

"""Runs every benchmark one after the other and writes one report: tables, JSON and plots.

    python -m benchmarks.report FOLDER [--quick] [--only NAME ...]

FOLDER gets report.md, report.json and bench.svg. Nothing else should run on the machine meanwhile; it takes some sixteen
minutes, with --quick some four. A benchmark that fails is named in the report, and the exit code is 1.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter
from typing import Any

from benchmarks.tables import tables


@dataclass(frozen=True, slots=True)
class Part:
    """One benchmark: what it shows, its command, and what is left out of it with --quick."""

    title: str
    words: tuple[str, ...]
    quick: tuple[str, ...] = ()
    writes: str | None = None
    """The JSON file that it writes into the folder, if it does."""


PARTS = {
    "bench": Part(
        "Modes and peers on the built-in questions",
        ("-m", "spectui", "bench", "--model", "demo", "--peers", "hf,hf-assisted,hf-pld", "-f", "json", "-o", "bench.json", "--plot", "bench.svg"),
        ("--limit", "22"),
        "bench.json",
    ),
    "reversed": Part(
        "The same modes in reversed order: nothing depends on which ran first",
        ("-m", "spectui", "bench", "--model", "demo", "--modes", "pld,specbranch,logitspec,sssd,draft,ar", "-f", "json", "-o", "reversed.json"),
        ("--limit", "22"),
        "reversed.json",
    ),
    "full": Part(
        "Full trees: tokens per step of LogitSpec and prompt look-up",
        ("-m", "spectui", "bench", "--model", "demo", "--modes", "ar,logitspec,pld", "--full-tree", "-f", "json", "-o", "full.json"),
        ("--limit", "22"),
        "full.json",
    ),
    "step": Part(
        "A step taken apart",
        ("-m", "benchmarks.step_floor", "--json", "step.json"),
        ("--rounds", "20"),
        "step.json",
    ),
    "branching": Part("Rollback and bubbles", ("-m", "benchmarks.branching"), ("--rounds", "1", "--limit", "30")),
    "warm": Part("What the datastore learns", ("-m", "benchmarks.warm_store"), ("--learnt", "60", "--rounds", "1")),
    "drafting": Part("Drafting without a model", ("-m", "benchmarks.drafting_cost"), ("--steps", "200")),
    "lookup": Part("Look-ups in a datastore", ("-m", "benchmarks.datastore_lookup"), ("--tokens", "1e6")),
    "same": Part("The promise of the same text", ("-m", "benchmarks.same_text", "--prompts", "60"), ("--prompts", "9")),
    "screen": Part("What the screen costs", ("-m", "benchmarks.ui_throughput", "--seconds", "3", "--pairs", "10"),
                   ("--pairs", "3")),
}  # fmt: skip


def run(part: Part, folder: Path, quick: bool) -> tuple[str, float, bool]:
    """What a benchmark printed, the seconds that it took, and whether it went well."""
    words = [sys.executable, *part.words, *(part.quick if quick else ())]
    root = Path(__file__).resolve().parents[1]
    path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH")]))
    with tempfile.TemporaryDirectory() as home:
        environment = {**os.environ, "SPECTUI_HOME": home, "PYTHONPATH": path, "COLUMNS": "120", "NO_COLOR": "1"}
        begin = perf_counter()
        done = subprocess.run(words, cwd=folder, env=environment, capture_output=True, text=True)
    printed = done.stdout if done.returncode == 0 else f"{done.stdout}\n{done.stderr[-2000:]}"
    return printed.strip(), perf_counter() - begin, done.returncode == 0


def write(folder: Path, results: dict[str, dict[str, Any]]) -> None:
    """Both files."""
    (folder / "report.json").write_text(json.dumps({"format": "spectui.report/1", "parts": results}, indent=1), "utf-8")
    lines = ["# Benchmarks of spectui", ""]
    for name, result in results.items():
        lines += [f"## {result['title']}", "", f"`python {' '.join(PARTS[name].words)}`, {result['seconds']:.0f} s"]
        lines += [] if result["went_well"] else ["", "**It failed.**"]
        data = result["data"]
        table = tables(data) if data and "summary" in data else f"```\n{result['printed']}\n```"
        lines += ["", table, ""]
    if (folder / "bench.svg").is_file():
        lines += ["![Speed-up by lane](bench.svg)", ""]
    (folder / "report.md").write_text("\n".join(lines), "utf-8")


def main(arguments: Sequence[str] | None = None) -> int:
    """Run them all; 1 if one has failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--only", nargs="*", choices=list(PARTS), default=list(PARTS))
    args = parser.parse_args(arguments)
    args.folder.mkdir(parents=True, exist_ok=True)
    results: dict[str, dict[str, Any]] = {}
    for name in args.only:
        part = PARTS[name]
        file = args.folder / part.writes if part.writes else None
        if file is not None:
            file.unlink(missing_ok=True)
        printed, seconds, well = run(part, args.folder, args.quick)
        data = json.loads(file.read_text("utf-8")) if file is not None and file.is_file() else None
        results[name] = {"title": part.title, "seconds": seconds, "went_well": well, "printed": printed, "data": data}
        write(args.folder, results)
        print(f"{name}: {'done' if well else 'FAILED'} in {seconds:.0f} s", file=sys.stderr)
    return int(not all(result["went_well"] for result in results.values()))


if __name__ == "__main__":
    sys.exit(main())

"""Measures spectui on a GPU in ten minutes, and writes each number beside what was expected.

    python -m benchmarks.gpu OUT [--seconds 600] [--only NAME ...]

OUT gets report.json, report.md, and what each part found as it came (NAME.jsonl). Each part has a process and a time
limit of its own; a part that fails is named in the report, the others go on, and the exit code is 1. It needs torch,
transformers, rich, typer and a checkout, and no Textual. Without a GPU a small run shows that everything works.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import tomllib
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import distributions
from pathlib import Path
from time import perf_counter
from typing import NamedTuple

import torch

from .report import PartReport, Report


class Planned(NamedTuple):
    """A part that is going to run."""

    title: str
    share: float
    """Of the whole time."""


PARTS = {
    "machine": Planned("The machine", 0.05),
    "attention": Planned("Attention backends", 0.1),
    "agreement": Planned("The lean forward against transformers", 0.08),
    "recording": Planned("Capturing passes", 0.13),
    "passes": Planned("What a pass takes", 0.2),
    "cost": Planned("T(m) as the program measures it", 0.08),
    "modes": Planned("Every mode", 0.18),
    "memory": Planned("Memory after forget()", 0.05),
    "head": Planned("Training a head", 0.13),
}
"""By the name of their modules, in the order in which they run."""


def run(name: str, seconds: float, folder: Path, made: PartReport) -> None:
    """Run one part to its end, or to the end of its time; what it found until then stays."""
    file = folder / f"{name}.jsonl"
    file.unlink(missing_ok=True)
    words = [sys.executable, "-m", f"{__package__}.part", name, str(file.resolve()), "--seconds", str(seconds)]
    root = Path(__file__).resolve().parents[2]
    begin = perf_counter()
    with tempfile.TemporaryDirectory() as home:
        name_checkout(root, Path(home))
        path = os.pathsep.join(filter(None, [str(root), os.environ.get("PYTHONPATH"), home]))
        environment = {**os.environ, "SPECTUI_HOME": home, "PYTHONPATH": path, "HF_HUB_OFFLINE": "1"}
        try:
            done = subprocess.run(words, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                                  stderr=subprocess.PIPE, text=True, errors="replace", timeout=seconds)  # fmt: skip
            made.state = "done" if done.returncode == 0 else f"failed: {reason(done.stderr, done.returncode)}"
        except subprocess.TimeoutExpired:
            made.state = f"stopped after {seconds:.0f} s"
    made.seconds = perf_counter() - begin
    made.figures = read(file)


def name_checkout(root: Path, folder: Path) -> None:
    """Say in ``folder`` which version a checkout is that nobody has installed."""
    if any(distributions(name="spectui")):
        return
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    told = folder / f"spectui-{project['version']}.dist-info"
    told.mkdir()
    (told / "METADATA").write_text(f"Metadata-Version: 2.1\nName: spectui\nVersion: {project['version']}\n", "utf-8")


def reason(told: str, code: int) -> str:
    """The last line of what a process said before it ended."""
    lines = [line.strip() for line in told.splitlines() if line.strip()]
    return lines[-1][:300] if lines else f"exit code {code}"


def read(file: Path) -> list[dict[str, object]]:
    """The figures in a file; a line that was cut off is left out."""
    found = []
    for line in file.read_text("utf-8").splitlines() if file.exists() else ():
        try:
            found.append(json.loads(line))
        except ValueError:
            break
    return found


def main(words: Sequence[str] | None = None) -> int:
    """Run all parts; 1 if one of them did not come to its end."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.gpu", description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)  # fmt: skip
    parser.add_argument("out", type=Path, metavar="OUT")
    parser.add_argument("--seconds", type=float, default=600.0, help="for everything (600)")
    parser.add_argument("--only", nargs="+", choices=list(PARTS), default=list(PARTS), help="these parts alone")
    args = parser.parse_args(words)
    args.out.mkdir(parents=True, exist_ok=True)
    lettered = zip("abcdefghi", PARTS.items(), strict=True)
    parts = {name: PartReport(letter, part.title) for letter, (name, part) in lettered if name in args.only}
    report = Report(datetime.now(UTC).isoformat(timespec="seconds"), not torch.cuda.is_available(), args.seconds, parts)
    for name, made in parts.items():
        print(f"{made.title} …", file=sys.stderr, flush=True)
        run(name, PARTS[name].share * args.seconds, args.out, made)
        print(f"  {made.state}, {made.seconds:.0f} s, {len(made.figures)} figures", file=sys.stderr, flush=True)
        report.write(args.out)
    print(args.out / "report.md")
    return int(any(made.state != "done" for made in parts.values()))


if __name__ == "__main__":
    sys.exit(main())

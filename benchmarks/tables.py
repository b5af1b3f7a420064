"""The tables of a bench report, for ``docs/benchmarks.md``.

python -m benchmarks.tables bench.json
"""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

Row = dict[str, Any]


def lanes(bench: dict[str, Any]) -> str:
    """Every lane over all questions."""
    lines = [
        "| lane | tok/s | speed-up | call × hf | tokens per step | accepted/drafted | same text | distinct-3 | loops |",
        "|---|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    return "\n".join(lines + [_line(_cells(row)) for row in bench["summary"] if row["category"] is None])


def categories(bench: dict[str, Any]) -> str:
    """The speed-up of every lane but the autoregressive one, and its tokens per step, by category."""
    rows = [row for row in bench["summary"] if row["category"] is not None and row["lane"] != "ar"]
    names = list(dict.fromkeys(row["lane"] for row in rows))
    lines = [_line(["category", *names]), f"|---|{'---:|' * len(names)}"]
    for category in dict.fromkeys(row["category"] for row in rows):
        found = {row["lane"]: row for row in rows if row["category"] == category}
        lines.append(_line([category, *(_speed_and_step(found[name]) for name in names)]))
    return "\n".join(lines)


def below(bench: dict[str, Any], bound: float = 0.98) -> list[str]:
    """The cells whose whole interval lies under a bound."""
    return [
        f"{row['lane']} on {row['category'] or 'all'}: {_ratio(row['speedup_vs_ar'], row['speedup_ci95'])}"
        for row in bench["summary"]
        if row["speedup_ci95"] and row["speedup_ci95"][1] < bound
    ]


def _cells(row: Row) -> list[str]:
    drafted = row["drafted"]
    accepted = f"{row['accepted']}/{drafted} {row['accepted'] / drafted:.0%}" if drafted else "–"
    same = f"{row['identical_to_ar']}/{row['compared_with_ar']} ✓"
    if row["identical_to_ar"] != row["compared_with_ar"]:
        same = same.rstrip(" ✓")
    return [
        row["lane"],
        f"{row['tokens_per_second']:.0f}" if row["tokens_per_second"] else "–",
        _speed(row),
        _ratio(row["wall_vs_hf"], row["wall_vs_hf_ci95"], row["wall_vs_hf_doubt"]),
        f"{row['mean_accepted_tokens']:.2f}" if row["mean_accepted_tokens"] else "–",
        accepted,
        same if row["lane"] != "ar" else "–",
        f"{row['distinct_3']:.2f}" if row["distinct_3"] is not None else "–",
        f"{row['looping']}/{row['runs']}",
    ]


def _speed(row: Row) -> str:
    if row["lane"] == "ar":
        return "–"
    if row["speedup_vs_ar"] is None:
        return f"{_ratio(row['wall_vs_ar'], row['wall_vs_ar_ci95'], row['wall_vs_ar_doubt'])} call"
    return _ratio(row["speedup_vs_ar"], row["speedup_ci95"], row["speedup_doubt"])


def _speed_and_step(row: Row) -> str:
    step = row["mean_accepted_tokens"]
    return _speed(row) + (f", {step:.2f}" if step and row["speedup_vs_ar"] is not None else "")


def _ratio(value: float | None, interval: Sequence[float] | None, doubt: str | None = None) -> str:
    if value is None:
        return "–"
    return f"{value:.2f}{'?' if doubt else ''}" + (f" [{interval[0]:.2f}, {interval[1]:.2f}]" if interval else "")


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def tables(bench: dict[str, Any]) -> str:
    """All of it."""
    found = below(bench)
    words = "; ".join(found) if found else "none"
    return "\n\n".join([lanes(bench), categories(bench), f"Whole interval below 0.98: {words}."])


def main() -> None:
    """Print the tables of one file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    print(tables(json.loads(parser.parse_args().file.read_text("utf-8"))))


if __name__ == "__main__":
    main()

"""The one command that reruns the benchmarks and writes the report."""

import json

from benchmarks.report import PARTS, main
from benchmarks.tables import below, tables


def test_a_report_holds_what_was_printed_and_says_what_failed(tmp_path, monkeypatch):
    broken = PARTS["lookup"].__class__("A broken one", ("-c", "import sys; print('half'); sys.exit('it broke')"))
    monkeypatch.setitem(PARTS, "lookup", broken)
    assert main([str(tmp_path), "--quick", "--only", "drafting", "lookup"]) == 1
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["format"] == "spectui.report/1"
    assert report["parts"]["drafting"]["went_well"]
    assert not report["parts"]["lookup"]["went_well"]
    text = (tmp_path / "report.md").read_text("utf-8")
    assert "logitspec" in text
    assert "**It failed.**" in text
    assert "it broke" in text


ROW = {
    "lane": "draft", "category": None, "tokens_per_second": 900.4, "speedup_vs_ar": 1.5, "speedup_ci95": [1.25, 1.75],
    "wall_vs_ar": 1.4, "wall_vs_ar_ci95": None,
    "wall_vs_ar_doubt": None, "wall_vs_hf_doubt": None, "speedup_doubt": None,
    "wall_vs_hf": None, "wall_vs_hf_ci95": None,
    "mean_accepted_tokens": 3.0, "accepted": 3, "drafted": 4, "identical_to_ar": 4, "compared_with_ar": 4,
    "distinct_3": 0.91, "looping": 1, "runs": 4,
}  # fmt: skip
PEER = ROW | {
    "lane": "hf", "tokens_per_second": None, "speedup_vs_ar": None, "speedup_ci95": None, "drafted": 0,
    "mean_accepted_tokens": None, "identical_to_ar": 3,
}  # fmt: skip


def test_a_bench_becomes_the_tables_of_the_readme():
    summary = [
        ROW,
        PEER,
        {**ROW, "category": "code", "speedup_doubt": "too little was measured"},
        {**PEER, "category": "code"},
    ]
    first, second, last = tables({"summary": summary}).split("\n\n")
    assert first.splitlines()[2:] == [
        "| draft | 900 | 1.50 [1.25, 1.75] | – | 3.00 | 3/4 75% | 4/4 ✓ | 0.91 | 1/4 |",
        "| hf | – | 1.40 call | – | – | – | 3/4 | 0.91 | 1/4 |",
    ]
    assert second.splitlines() == [
        "| category | draft | hf |", "|---|---:|---:|", "| code | 1.50? [1.25, 1.75], 3.00 | 1.40 call |"
    ]  # fmt: skip
    assert last.endswith("none.")


def test_what_lies_wholly_below_is_named():
    slow = {**ROW, "category": "code", "speedup_vs_ar": 0.9, "speedup_ci95": [0.85, 0.97]}
    assert below({"summary": [ROW, slow, PEER]}) == ["draft on code: 0.90 [0.85, 0.97]"]

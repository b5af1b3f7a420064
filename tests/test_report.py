"""The one command that reruns the benchmarks and writes the report."""

import json

from benchmarks.report import PARTS, main, ratios


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


def test_a_bench_becomes_a_table_of_ratios():
    one = {
        "lane": "draft", "category": None, "speedup_vs_ar": 1.5, "speedup_ci95": [1.25, 1.75], "wall_vs_ar": 1.4,
        "wall_vs_ar_ci95": None, "wall_vs_hf": None, "mean_accepted_tokens": 3.0, "identical_to_ar": 4,
        "compared_with_ar": 4,
    }  # fmt: skip
    table = ratios({"summary": [one, {**one, "category": "code"}]})
    assert table.splitlines()[2:] == ["| draft | 1.50 | 1.25 to 1.75 | – | 3.00 | 4/4 |"]

"""The report from a GPU: it comes to its end without one, and it goes on after whatever fails."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.gpu import __main__ as command
from benchmarks.gpu.__main__ import PARTS, main, name_checkout, read
from benchmarks.gpu.report import SMALL, PartReport, Report

ROOT = Path(__file__).parents[1]
NOT_NEEDED = ("textual", "platformdirs", "pydivsufsort", "gguf", "pydantic", "pytest")


def report(folder):
    return json.loads((folder / "report.json").read_text("utf-8"))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A whole small run, in an environment that lacks what a machine with a GPU may lack."""
    folder, lacks = (tmp_path_factory.mktemp(name) for name in ("out", "lacks"))
    names = "\n".join(f"sys.modules[{name!r}] = None" for name in NOT_NEEDED)
    (lacks / "sitecustomize.py").write_text(f"import sys\n{names}\n", "utf-8")
    path = os.pathsep.join([str(lacks), str(ROOT)])
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", str(folder)],
        env={**os.environ, "PYTHONPATH": path, "CUDA_VISIBLE_DEVICES": ""}, capture_output=True, text=True,
    )  # fmt: skip
    return folder, done


@pytest.mark.slow
def test_every_part_comes_to_its_end_without_a_gpu(whole):
    folder, done = whole
    made = report(folder)
    assert {name: part["state"] for name, part in made["parts"].items()} == dict.fromkeys(PARTS, "done"), done.stderr
    assert done.returncode == 0
    assert made["format"] == "spectui.gpu/1"
    assert made["small"]
    assert [part["letter"] for part in made["parts"].values()] == list("abcdefghi")


@pytest.mark.slow
def test_what_a_cpu_can_show_is_as_expected(whole):
    parts = report(whole[0])["parts"]
    figures = [figure for part in parts.values() for figure in part["figures"]]
    assert [figure["what"] for name in ("agreement", "recording", "memory") for figure in parts[name]["figures"]
            if figure["met"] is False] == []  # fmt: skip
    texts = [figure["value"] for figure in parts["modes"]["figures"] if figure["what"].endswith(": text")]
    assert len(texts) >= 5
    assert set(texts) == {"as AR's"}
    assert parts["head"]["figures"][0]["value"] != ""
    assert len(figures) > 80


@pytest.mark.slow
def test_the_page_says_that_it_is_small_and_has_each_number_beside_what_was_expected(whole):
    page = (whole[0] / "report.md").read_text("utf-8")
    assert SMALL in page
    assert "| what | measured | expected | |" in page
    assert "## (d) Capturing passes" in page
    assert "T(64) behind" in page


def test_a_part_that_fails_or_takes_too_long_is_named_and_the_next_goes_on(tmp_path, monkeypatch):
    late = json.dumps({"what": "T(1)", "value": 0.5, "unit": "ms", "expected": "", "met": False})
    fine = json.dumps({"what": "before", "value": 1.0, "unit": "MB", "expected": "", "met": None})
    scripts = {
        "machine": "print('warning: half', file=sys.stderr); raise RuntimeError('no |such| device')",
        "cost": f"print({late!r}, '{{', sep=chr(10), end='', file=file, flush=True); time.sleep(60)",
        "memory": f"print({fine!r}, file=file)",
    }
    started = subprocess.run

    def instead(words, **how):
        name, file = words[3:5]
        code = f"import sys, time; file = open({file!r}, 'w')\n{scripts[name]}"
        return started([sys.executable, "-c", code], **how)

    monkeypatch.setattr(command.subprocess, "run", instead)
    assert main([str(tmp_path), "--seconds", "25", "--only", *scripts]) == 1
    made = report(tmp_path)["parts"]
    assert made["machine"]["state"] == "failed: RuntimeError: no |such| device"
    assert made["cost"]["state"] == "stopped after 2 s"
    assert [figure["what"] for figure in made["cost"]["figures"]] == ["T(1)"], "what came before the end stays"
    assert made["memory"]["state"] == "done"
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "failed: RuntimeError: no /such/ device" in page
    assert "1 not as expected" in page


def test_what_a_device_calls_itself_does_no_harm_to_a_terminal(tmp_path):
    figure = {"what": "cuda:0", "value": "H100\x1b[2J | x", "unit": "", "expected": "", "met": None}
    Report("today", False, 600.0, {"machine": PartReport("a", "The machine", "done", 1.0, [figure])}).write(tmp_path)
    page = (tmp_path / "report.md").read_text("utf-8")
    assert "\x1b" not in page
    assert page.count("|") == 5 + 5 + 5
    assert SMALL not in page
    assert read(tmp_path / "nothing.jsonl") == []


def test_a_checkout_that_is_not_installed_has_a_version_all_the_same(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "distributions", lambda name: ())
    name_checkout(ROOT, tmp_path)
    code = "from importlib.metadata import requires, version; print(version('spectui'), requires('spectui'))"
    out = subprocess.run(
        [sys.executable, "-S", "-c", code], env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True
    )
    assert out.stdout.split() == [out.stdout.split()[0], "None"]
    assert out.stdout[0].isdigit()

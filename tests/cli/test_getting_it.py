"""What a person meets before the first question: completion in the shell, and a doctor who says which mode to take."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from spectui.bench.recommend import REFERENCE, prompts_for, recommend
from spectui.engine.values.options import Options
from spectui.models.registry import known_models

from ..demo import runtime
from ..program import spectui

SCRIPT = "import sys; sys.argv[0] = 'spectui'; from spectui.__main__ import main; main()"


def completed(line, shell="bash"):
    """What a shell is offered behind a line."""
    words = {"COMP_WORDS": line, "COMP_CWORD": str(len(line.split(" ")) - 1), "_SPECTUI_COMPLETE": f"complete_{shell}"}
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, env={**os.environ, **words}, timeout=120)
    assert done.stderr == b""
    return done.stdout.decode().split()


@pytest.mark.oldest
def test_a_shell_completes_commands_flags_and_names():
    assert {"chat", "compare", "calibrate"} <= set(completed("spectui c"))
    assert "--temperature" in completed("spectui run --temp")
    assert completed("spectui chat --mode logit") == ["logitspec"]
    assert completed("spectui chat --model smollm2-3") == ["smollm2-360m"]


@pytest.mark.oldest
def test_completion_can_be_installed_and_shown():
    told = spectui("--help").stdout.decode()
    assert "--install-completion" in told
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, "--show-completion", "zsh"],
        capture_output=True,
        timeout=120,
        env=dict(os.environ),
    )
    assert done.returncode == 0
    assert b"_SPECTUI_COMPLETE" in done.stdout


def test_the_doctor_s_report_can_be_pasted(monkeypatch):
    told = json.loads(spectui("doctor", "--json", "--max-new-tokens", "6").stdout)
    assert told["format"] == "spectui.doctor/1"
    assert told["environment"]["model"] == "demo"
    assert told["modes"]["draft"] == "yes"
    found = told["recommendation"]
    assert found["mode"] in told["modes"]
    assert found["prompts"] == 3
    assert {one["mode"] for one in found["impressions"]} == set(told["modes"])
    assert str(Path.home()) not in json.dumps(told)


def test_the_doctor_says_which_mode_to_take():
    said = spectui("doctor", "--max-new-tokens", "6").stdout.decode()
    assert "which mode to take" in said
    assert "`spectui bench` measures it" in " ".join(said.split())
    assert "which mode" not in spectui("doctor", "--no-recommend").stdout.decode()


def test_all_modes_are_tried_on_three_prompts():
    found = recommend(runtime(), Options(max_new_tokens=12))
    plain = next(one for one in found.impressions if one.mode == REFERENCE)
    assert plain.speedup == 1.0
    assert len({one.tokens for one in found.impressions}) == 1, "greedy answers are the same"
    rates = [one.tokens_per_second for one in found.impressions]
    assert rates == sorted(rates, reverse=True)
    assert found.mode in {one.mode for one in found.impressions}


def test_it_ends_in_time_however_long_answers_are():
    ticks = iter(range(10**6))
    found = recommend(runtime(), Options(), seconds=30, now=lambda: float(next(ticks)))
    assert found.seconds < 40, "the clock of this test goes on by a second each time that somebody looks"
    assert sum(one.tokens for one in found.impressions) < 200


@pytest.mark.parametrize("name", known_models())
def test_each_model_has_three_prompts_of_different_kinds(name):
    assert len(set(prompts_for(name))) == 3

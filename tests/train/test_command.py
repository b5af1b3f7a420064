"""The whole command on a real model, for a moment."""

import shlex

import pytest

from spectui.cli.train_head import run_train_head
from spectui.config.choice import ModelChoice
from spectui.config.settings import Settings
from spectui.train import sizes
from spectui.train.command import Order
from spectui.train.origin import FILE


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(sizes, "CPU", sizes.CPU._replace(rows=8, pool=6))
    monkeypatch.setattr("spectui.train.stream.APART", 4)
    monkeypatch.setattr("spectui.train.stream.TRIED", 8)


def test_a_model_that_invents_no_questions_is_asked_the_built_in_ones(tmp_path, capsys):
    """The demo pair learnt answers alone: what it says in the user's place goes round in circles."""
    folder = tmp_path / "it's a head"
    assert run_train_head(Settings(model=ModelChoice("demo")), [], Order(minutes=0.02, output=folder)) == 0
    assert (folder / "model.safetensors").exists()
    assert (folder / "training" / FILE).exists()
    said = capsys.readouterr().err
    assert "the model invents no questions: it was asked the built-in set practice\n" in said
    assert f"try it: {shlex.join(['spectui', '--model', 'demo', '--head', str(folder)])}\n" in said

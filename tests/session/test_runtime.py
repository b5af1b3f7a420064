"""From a pair to the engine's parts."""

import torch

from spectui.config.choice import ModelChoice
from spectui.models.loading import load_pair
from spectui.session import runtime as loaded


def test_two_layouts_are_tried_where_there_are_two_and_room_for_both(monkeypatch):
    pair = load_pair(ModelChoice("demo"), lambda *_: None)
    both = [True, False] if torch.backends.mkldnn.is_available() else [False]
    assert [target.is_packed for target in loaded._layouts(pair)] == both
    monkeypatch.setattr(loaded, "room_to_pack", lambda models: False)
    assert [target.is_packed for target in loaded._layouts(pair)] == [False]
    monkeypatch.undo()
    pair.target.bfloat16()
    assert [target.is_packed for target in loaded._layouts(pair)] == [False]

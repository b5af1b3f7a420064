"""From a pair to the engine's parts."""

from dataclasses import replace

import torch

from spectui.config.choice import ModelChoice
from spectui.engine.model.quantised import QuantisedWeights
from spectui.models.loading import load_pair
from spectui.session import runtime as loaded


def test_two_layouts_are_tried_where_there_are_two_and_room_for_both(monkeypatch):
    pair = load_pair(ModelChoice("demo"), lambda *_: None)
    both = [True, False] if torch.backends.mkldnn.is_available() else [False]
    assert [target.is_packed for target in loaded._layouts(pair)] == both
    monkeypatch.setattr(loaded, "room_to_pack", lambda pair: False)
    assert [target.is_packed for target in loaded._layouts(pair)] == [False]
    monkeypatch.undo()
    pair.target.bfloat16()
    assert [target.is_packed for target in loaded._layouts(pair)] == [False]


def test_room_for_a_second_layout_is_counted_in_the_bytes_that_weights_have(monkeypatch):
    pair = load_pair(ModelChoice("demo", "none"), lambda *_: None)
    weights = sum(parameter.numel() for parameter in pair.target.parameters())
    for room, one in (
        (12 * weights, pair),
        (3 * weights, replace(pair, target_quantised=QuantisedWeights("int8", {}, torch.zeros(0)))),
    ):
        monkeypatch.setattr(loaded, "free_memory", lambda device, room=room: room + 1)
        assert loaded.room_to_pack(one)
        monkeypatch.setattr(loaded, "free_memory", lambda device, room=room: room)
        assert not loaded.room_to_pack(one)

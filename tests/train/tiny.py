"""A tiny target for the tests of training, and conversations with it."""

import torch

from spectui.models.loading import Pair
from spectui.train.chat_format import ChatFormat
from spectui.train.generator import Plan, Style
from spectui.train.target import Target, aux_layers

from ..engine.toys import VOCABULARY, tiny_model

EOS = 2
CHAT = ChatFormat(before=[1, 7, 8, 9], after=[3, 10, 11])


def pair(model, eos=EOS):
    return Pair(
        name="tiny",
        draft_name=None,
        target=model,
        draft=None,
        tokenizer=None,
        device=torch.device("cpu"),
        dtype="float32",
        eos=frozenset({eos}),
        vocabulary=VOCABULARY,
        reserved=frozenset(),
        context=256,
    )


def target(layers=8, longest=96, **changes):
    model = tiny_model(dtype=torch.float32, num_hidden_layers=layers, **changes)
    return Target(pair(model), longest)


def plan(**changes):
    made = {"aux": aux_layers(8), "own": Style(0.8, 0.9), "question": (2, 12), "answer": (4, 24)}
    return Plan(**(made | changes))

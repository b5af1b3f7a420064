"""The loss of the training-time test against a slow reference, written from the paper: one entry at a time."""

import math
from itertools import islice

import pytest
import torch
from torch.nn import functional

from spectui.train import target as targets
from spectui.train.batch import batched
from spectui.train.eagle_head import EagleHead
from spectui.train.generator import Generator
from spectui.train.head_training import DISCOUNT, STEPS, HeadTraining
from spectui.train.held_out import worth
from spectui.train.learner import frequent_tokens

from .tiny import CHAT, plan, target

QUESTIONS = [[20, 21, 22], [30, 31, 32, 33, 34], [40, 41]]


@pytest.fixture
def tiny(monkeypatch):
    monkeypatch.setattr(targets, "multiplies_bfloat16", lambda: False)
    return target()


@pytest.fixture
def conversations(tiny):
    return list(islice(Generator(tiny, CHAT, plan(questions=QUESTIONS), seed=0).conversations(rows=3), 3))


@pytest.fixture
def training(tiny, conversations):
    made = HeadTraining(tiny, frequent_tokens(tiny, conversations, 40))
    torch.manual_seed(1)
    for parameter in made.head.parameters():
        parameter.data.add_(0.05 * torch.randn_like(parameter))
    return made


def normed(x, norm, eps):
    return x * torch.rsqrt(x.square().mean(-1, keepdim=True) + eps) * norm.weight


def rotated(x, position, target):
    """[heads, head_dim]: pairs (i, i + half) turned by position * theta ** (-i / half)."""
    half = x.shape[-1] // 2
    theta = target.config.rope_parameters["rope_theta"]
    angle = position * theta ** (-torch.arange(half) / half)
    a, b = x[:, :half], x[:, half:]
    return torch.cat([a * angle.cos() - b * angle.sin(), b * angle.cos() + a * angle.sin()], -1)


class Slow:
    """One conversation, one entry at a time."""

    def __init__(self, head: EagleHead, target, one):
        self.head, self.target, self.one = head, target, one
        self.features = one.states.float() @ head.fc.weight.T

    def projected(self, entry, step, feature):
        """Query, key and value of what stands for entry + step, reading token entry + step + 1."""
        head, shape = self.head, self.head.shape
        embedding = self.target.embed_tokens[self.one.tokens[entry + step + 1]]
        layer = head.midlayer
        x = torch.cat(
            [normed(embedding, layer.input_layernorm, shape.eps), normed(feature, layer.hidden_norm, shape.eps)]
        )
        q, k, v = (
            (getattr(layer.self_attn, name).weight @ x).view(-1, shape.head_dim)
            for name in ("q_proj", "k_proj", "v_proj")
        )
        return rotated(q, entry + step, self.target), rotated(k, entry + step, self.target), v

    def outputs(self, entry, depth):
        """The head's logits at each step of a chain that begins at ``entry``."""
        head, shape = self.head, self.head.shape
        verified = [self.projected(at, 0, self.features[at])[1:] for at in range(entry + 1)]
        feature, drafted, logits = self.features[entry], [], []
        for step in range(depth):
            q, k, v = self.projected(entry, step, feature)
            if step:
                drafted.append((k, v))
            seen = verified + drafted
            group = shape.heads // shape.key_heads
            attended = []
            for index in range(shape.heads):
                scores = torch.stack([q[index] @ k[index // group] for k, _ in seen]) / math.sqrt(shape.head_dim)
                values = torch.stack([v[index // group] for _, v in seen])
                attended.append(scores.softmax(0) @ values)
            x = feature + head.midlayer.self_attn.o_proj.weight @ torch.cat(attended)
            h = normed(x, head.midlayer.post_attention_layernorm, shape.eps)
            mlp = head.midlayer.mlp
            feature = x + mlp.down_proj.weight @ (functional.silu(mlp.gate_proj.weight @ h) * (mlp.up_proj.weight @ h))
            logits.append(head.lm_head.weight @ normed(feature, head.norm, shape.eps))
        return logits


def slow_loss(training, conversations):
    ids, head = training.ids.tolist(), training.head
    losses = [[] for _ in range(STEPS)]
    for one in conversations:
        slow = Slow(head, training.target, one)
        for entry in range(one.prompt - 1, len(one.states)):
            depth = min(STEPS, len(one.states) - 1 - entry)
            for step, logits in enumerate(slow.outputs(entry, depth)):
                if int(one.tokens[entry + step + 2]) in ids:
                    wanted = (training.target.lm_head(training.ids) @ one.last[entry + step + 1].float()).softmax(0)
                    losses[step].append(-(wanted * logits.log_softmax(0)).sum())
    return sum(DISCOUNT**step * torch.stack(some).mean() for step, some in enumerate(losses))


def test_the_loss_and_its_gradient_are_those_of_the_paper(training, conversations):
    parameters = list(training.head.parameters())
    expected = slow_loss(training, conversations)
    wanted = torch.autograd.grad(expected, parameters)
    loss = training._loss(batched(conversations, STEPS, torch.device("cpu"), torch.float32))
    loss.backward()
    assert float(loss.detach()) == pytest.approx(float(expected.detach()), rel=1e-4)
    for parameter, gradient in zip(parameters, wanted, strict=True):
        off = (parameter.grad - gradient).norm() / gradient.norm()
        assert off < 1e-3, tuple(parameter.shape)


def test_the_greedy_chain_that_is_measured_is_what_the_head_drafts(training, conversations):
    with torch.no_grad():
        hits = training._hits(batched(conversations, 4, torch.device("cpu"), torch.float32))
    for one, found in zip(conversations, hits, strict=True):
        slow = Slow(training.head, training.target, one)
        assert len(found) == len(one.states) - one.prompt
        for entry, place in zip(range(one.prompt - 1, len(one.states)), found, strict=False):
            depth = min(4, len(one.states) - 1 - entry)
            right = [
                int(training.ids[logits.argmax()]) == int(one.tokens[entry + step + 2])
                for step, logits in enumerate(slow.outputs(entry, depth))
            ]
            assert place == right + [False] * (4 - depth)


def test_learning_lowers_the_loss(training, conversations):
    first = training.learn(conversations, 0.0)
    for _ in range(40):
        last = training.learn(conversations, 0.0)
    assert last < 0.85 * first
    assert training.measure(conversations).agreement > 0.1


def test_bfloat16_learns_the_same(monkeypatch):
    found = []
    for fast in (False, True):
        monkeypatch.setattr(targets, "multiplies_bfloat16", lambda fast=fast: fast)
        made = target()
        conversations = list(islice(Generator(made, CHAT, plan(questions=QUESTIONS), seed=0).conversations(rows=3), 3))
        torch.manual_seed(1)
        training = HeadTraining(made, torch.arange(40))
        found.append([training.learn(conversations, 0.0) for _ in range(10)][-1])
    assert found[0] == pytest.approx(found[1], rel=0.1)


def test_what_a_chain_of_four_is_worth():
    yes, no = True, False
    # place 0: two right, so three tokens; place 3: none; place 4: all four, but only one place is left
    answer = [[yes, yes, no, yes], [no] * 4, [no] * 4, [no, yes, yes, yes], [yes] * 4]
    found = worth([answer])
    assert found.tokens_per_step == 5 / 3
    assert found.by_position == (2 / 3, 1 / 3, 0.0, 0.0)
    assert found.agreement == 2 / 5

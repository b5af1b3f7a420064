"""The training of a small draft model with the target's own embedding and tokenizer."""

import math
from pathlib import Path

import torch
from torch import Tensor

from .batch import Batch
from .distillation import cross_entropy_to_target
from .draft_model import DraftModel
from .draft_writer import write_draft
from .held_out import CHAIN
from .learner import Learner
from .target import Target
from .unrolled import Context

OTHERS = 1024
"""Tokens beside the frequent ones that a step looks at, drawn anew in each."""


class DraftTraining(Learner):
    """Distils a model of ``layers`` layers on the target's own answers.

    The loss is over the frequent tokens ``ids`` and ``OTHERS`` of the others, drawn anew at each step, of which each
    stands for several (sampled softmax, arXiv 1412.2007): all tokens are learnt, at a fifth of what they would cost.
    It drafts the frequent ones alone, at less cost again.
    """

    depth = 0

    def __init__(self, target: Target, ids: Tensor, layers: int) -> None:
        self.draft = DraftModel(target, range(layers)).to(target.device)
        super().__init__(target, ids, self.draft)
        self._context = Context.of(target)
        self._lm_head = target.lm_head()[: target.vocabulary].to(target.device, target.numbers)
        others = torch.ones(target.vocabulary, dtype=torch.bool, device=target.device)
        others[self.ids] = False
        self._others = others.nonzero()[:, 0]
        self._frequent = self._lm_head[self.ids]

    def write(self, folder: Path) -> None:
        """Write a model folder that transformers loads."""
        write_draft(folder, self.target, self.tensors(), len(self.draft.layers), self.ids)

    def _loss(self, batch: Batch) -> Tensor:
        """The cross entropy to what the target says at each place of the answers."""
        read = self._read(batch)
        positions = torch.arange(read.shape[1], device=read.device)
        answers = (positions >= batch.entries[:, :1]) & (positions < batch.known[:, None])
        weight, weighted = self._drawn()
        return cross_entropy_to_target(read[answers], batch.last[answers], weight, weighted)

    def _read(self, batch: Batch) -> Tensor:
        made: Tensor = self.draft(batch.tokens[:, : batch.last.shape[1]], self._context)
        return made

    def _drawn(self) -> tuple[Tensor, Tensor]:
        """The output projection's rows of frequent and of drawn tokens, and how many each stands for, its logarithm."""
        some = self._others[torch.randperm(len(self._others), device=self._others.device)[:OTHERS]]
        weighted = torch.zeros(len(self.ids) + len(some), dtype=self._lm_head.dtype, device=some.device)
        if len(some):
            weighted[len(self.ids) :] = math.log(len(self._others) / len(some))
        return torch.cat([self._frequent, self._lm_head[some]]), weighted

    def _hits(self, batch: Batch) -> list[list[list[bool]]]:
        """Drafts behind a wrong one count nothing, and those behind right ones read what stands in the text."""
        read, found = self._read(batch), []
        for row, (first, known) in enumerate(zip(batch.entries[:, 0].tolist(), batch.known.tolist(), strict=True)):
            best = self.ids[(read[row, first:known] @ self._frequent.t()).argmax(-1)]
            right = (best == batch.tokens[row, first + 1 : known + 1]).tolist() + [False] * CHAIN
            found.append([right[place : place + CHAIN] for place in range(known - first)])
        return found

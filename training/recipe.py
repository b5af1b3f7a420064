"""What a training run is decided by; the same recipe and the same seeds give the same data and the same order of rows."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Shape:
    """The size of a model."""

    width: int
    layers: int
    heads: int
    inner: int


@dataclass(frozen=True)
class Rates:
    """Learning rates: hidden matrices (Muon), embedding and norms (Adam)."""

    matrix: float = 0.012
    embedding: float = 0.008
    norm: float = 0.001


@dataclass(frozen=True)
class Corpus:
    """Which conversations are made: how many, from what seed, and the families that get another share than their own.

    Different corpora of a recipe have different seeds: their rows are kept under them.
    """

    conversations: int
    seed: int = 7
    weights: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class Schedule:
    """How long a model trains: ``tokens`` in rows of every length, the last ``decay`` of them with falling rates.

    ``asked`` is the share of the users' tokens that the loss looks at beside the assistant's; ``copies`` is the share
    of rows that are repeated tokens, until ``copies_until`` of the schedule. ``hints`` is the weight
    of the loss of the middle layers' hints (``hints.py``) beside the plain one.
    """

    tokens: int
    batch: int = 8192
    warm_up: int = 60
    decay: float = 0.35
    copies: float = 0.06
    copies_until: float = 0.5
    asked: float = 0.3
    hints: float = 0.0
    rates: Rates = field(default_factory=Rates)


@dataclass(frozen=True)
class Stage:
    """A part of a model's training, from the weights of the stage before.

    ``kept`` is the share of those weights in the stage's result, the rest is what training has made of them: a stage
    about few families forgets less of the others so (Wortsman et al. 2022, arXiv 2109.01903). ``hard`` are single
    tasks, of which those join the corpus that the model still gets wrong. The result of training is the mean of the
    weights over the last ``averaged`` of the tokens (Izmailov et al. 2018, arXiv 1803.05407), or the last weights.
    """

    schedule: Schedule
    corpus: Corpus
    kept: float = 0.0
    hard: Corpus | None = None
    averaged: float = 0.0


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what pair comes out."""

    target: Shape
    draft: Shape
    target_stages: tuple[Stage, ...]
    draft_stages: tuple[Stage, ...]
    vocabulary: int = 4096
    tokenizer_conversations: int = 30_000
    invented: float = 0.4
    seed: int = 7
    distilled: float = 0.8
    compiled: bool = True
    longest_answer: int = 320
    """In tokens, when the pair is measured."""

"""The figures of a training run; the same recipe and the same seeds give the same data and the same order of rows."""

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
class Schedule:
    """How long a model trains: ``tokens`` in rows of every length, the last ``decay`` of them with falling rates."""

    tokens: int
    batch: int = 8192
    warm_up: int = 60
    decay: float = 0.35
    copies: float = 0.06
    copies_until: float = 0.5
    rates: Rates = field(default_factory=Rates)


@dataclass(frozen=True)
class Recipe:
    """Everything that decides what pair comes out."""

    target: Shape
    draft: Shape
    target_schedule: Schedule
    draft_schedule: Schedule
    conversations: int
    vocabulary: int = 4096
    tokenizer_conversations: int = 30_000
    invented: float = 0.4
    seed: int = 7
    distilled: float = 0.8
    compiled: bool = True


# What two CPU cores with bfloat16 instructions finish in about an hour and a quarter.
CPU = Recipe(
    target=Shape(width=256, layers=10, heads=4, inner=640),
    draft=Shape(width=128, layers=2, heads=4, inner=352),
    target_schedule=Schedule(tokens=17_000_000),
    draft_schedule=Schedule(tokens=5_000_000, rates=Rates(0.015, 0.01, 0.001)),
    conversations=120_000,
)

# About a billion tokens for a target of 21 million parameters: a matter of one large GPU.
GPU = Recipe(
    target=Shape(width=384, layers=12, heads=6, inner=1024),
    draft=Shape(width=192, layers=2, heads=4, inner=512),
    target_schedule=Schedule(tokens=1_000_000_000, batch=65_536, warm_up=200),
    draft_schedule=Schedule(tokens=200_000_000, batch=65_536, warm_up=200),
    conversations=1_500_000,
)

# Proves the plumbing in a few seconds; such a pair knows nothing.
SMOKE = Recipe(
    target=Shape(width=32, layers=3, heads=2, inner=64),
    draft=Shape(width=32, layers=2, heads=2, inner=48),
    target_schedule=Schedule(tokens=16_384, batch=2048, warm_up=2),
    draft_schedule=Schedule(tokens=16_384, batch=2048, warm_up=2),
    conversations=150,
    vocabulary=512,
    tokenizer_conversations=100,
    compiled=False,
)

RECIPES = {"cpu": CPU, "gpu": GPU, "smoke": SMOKE}

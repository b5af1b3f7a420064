"""What a person may set for an answer, as immutable values."""

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

LEAST = 0.01
"""The least that logits are divided by: far below it they overflow, and the likeliest token has won long before."""
MOST = 100
DraftTokens = int | Literal["auto", "schedule"]


@dataclass(frozen=True, slots=True)
class Sampling:
    """How the target chooses its tokens; the text is a function of model, prompt and these."""

    temperature: float = 0.0
    top_k: int = 0
    """0 keeps every token."""
    top_p: float = 1.0
    min_p: float = 0.0
    repetition_penalty: float = 1.0
    seed: int = 0

    def __post_init__(self) -> None:
        good = self.temperature == 0.0 or LEAST <= self.temperature <= MOST
        _check(good, "temperature", f"0, or from {LEAST} to {MOST}", self.temperature)
        _check(self.top_k >= 0, "top-k", "0 (off) or more", self.top_k)
        _check(0.0 < self.top_p <= 1.0, "top-p", "above 0, up to 1", self.top_p)
        _check(0.0 <= self.min_p < 1.0, "min-p", "from 0 to below 1", self.min_p)
        good = LEAST <= self.repetition_penalty <= MOST
        _check(good, "repetition penalty", f"from {LEAST} to {MOST}", self.repetition_penalty)
        _check(0 <= self.seed < 2**63, "seed", "from 0 to 2^63 - 1", self.seed)


@dataclass(frozen=True, slots=True)
class Speculation:
    """How drafts are made and verified; under the coupled rule none of this can change the text."""

    draft_tokens: DraftTokens = "auto"
    """``auto`` (measured cost decides), ``schedule`` (+2 after a full accept, -1 otherwise) or a fixed 1..16."""
    draft_tree: int = 0
    """Nodes of the draft model's tree; 0 drafts a chain."""
    rule: str = "coupled"
    max_ngram_size: int = 3
    """The longest n-gram that retrieval looks up."""
    num_pred_tokens: int = 20
    """The most tokens that LogitSpec copies behind one n-gram."""
    draft_tree_capacity: int = 64
    """Tokens of a retrieved tree, the pending one included, and how many guesses logitspec considers."""
    branches: int = 6
    """The most branches that SpecBranch drafts side by side; 1 drafts on in a single line."""
    epsilon: float = 0.7
    """SpecBranch branches at the first drafted token with at most this confidence; 0 keeps every segment whole."""
    hrad: bool = True
    """Whether SpecBranch asks its trained head, if there is one, how much of a segment will stand."""
    full_tree: bool = False
    """Whether all that a method proposes is verified, whatever it costs, as published; for comparisons."""

    @property
    def adaptive(self) -> bool:
        """Whether the measured cost decides how much is drafted, because nobody has asked for a fixed size."""
        return self.draft_tokens == "auto" and not self.draft_tree and not self.full_tree

    def __post_init__(self) -> None:
        fixed = self.draft_tokens not in ("auto", "schedule")
        if fixed:
            good = isinstance(self.draft_tokens, int) and 1 <= self.draft_tokens <= 16
            _check(good, "draft tokens", "auto, schedule or 1 to 16", self.draft_tokens)
        _check(0 <= self.draft_tree <= 64, "draft tree", "from 0 (a chain) to 64 nodes", self.draft_tree)
        _check(1 <= self.max_ngram_size <= 8, "max n-gram size", "from 1 to 8", self.max_ngram_size)
        _check(1 <= self.num_pred_tokens <= 64, "num pred tokens", "from 1 to 64", self.num_pred_tokens)
        _check(1 <= self.branches <= 8, "branches", "from 1 to 8", self.branches)
        _check(0.0 <= self.epsilon < 1.0, "epsilon", "from 0 (off) to below 1", self.epsilon)
        _check(1 <= self.draft_tree_capacity <= 64, "draft tree capacity", "from 1 to 64", self.draft_tree_capacity)


@dataclass(frozen=True, slots=True)
class Options:
    """Everything that holds for one answer besides its prompt and its mode."""

    sampling: Sampling = field(default_factory=Sampling)
    speculation: Speculation = field(default_factory=Speculation)
    max_new_tokens: int = 512

    def by_name(self) -> dict[str, Any]:
        """Every option by its own name, whatever group it is in."""
        made: dict[str, Any] = {}
        for name, value in asdict(self).items():
            made |= value if isinstance(value, dict) else {name: value}
        return made

    def __post_init__(self) -> None:
        _check(self.max_new_tokens >= 1, "max new tokens", "1 or more", self.max_new_tokens)


def _check(good: bool, name: str, allowed: str, got: object) -> None:
    if not good:
        raise ValueError(f"{name} must be {allowed}, not {got!r}")

"""What a person may set for an answer, as immutable values."""

from dataclasses import dataclass, field
from typing import Any, Literal

from .option import Checked, option, values_of

LEAST = 0.01
"""The least that logits are divided by: far below it they overflow, and the likeliest token has won long before."""
MOST = 100
DraftTokens = int | Literal["auto", "schedule"]


@dataclass(frozen=True, slots=True)
class Sampling(Checked):
    """How the target chooses its tokens; the text is a function of model, prompt and these."""

    temperature: float = option(
        0.0, "0 always takes the likeliest token; 1 samples from the model's own distribution.",
        also=(0,), least=LEAST, most=MOST, flags=("--temperature", "-t"), changes_text=True,
    )  # fmt: skip
    top_k: int = option(0, "Keep this many likeliest tokens; 0 keeps all.", least=0, title="top-k", changes_text=True)
    top_p: float = option(
        1.0, "Keep the likeliest tokens up to this total probability; 1 keeps all.",
        least=0, most=1, without=0, title="top-p", changes_text=True,
    )  # fmt: skip
    min_p: float = option(
        0.0, "Keep tokens at least this likely compared with the likeliest; 0 keeps all.",
        least=0, most=1, without=1, title="min-p", changes_text=True,
    )  # fmt: skip
    repetition_penalty: float = option(
        1.0, "Above 1 makes tokens that came before less likely.", least=LEAST, most=MOST, changes_text=True
    )
    seed: int = option(
        0, "The same seed gives the same text, in every mode.", least=0, most=2**63 - 1, changes_text=True
    )


@dataclass(frozen=True, slots=True)
class Speculation(Checked):
    """How drafts are made and verified; under the coupled rule none of this can change the text."""

    draft_tokens: DraftTokens = option(
        "auto", "auto (measured cost decides), schedule (+2 after a full accept, else -1), or a number from 1 to 16.",
        kind=int, also=("auto", "schedule"), least=1, most=16, label="draft length",
    )  # fmt: skip
    draft_tree: int = option(0, "Nodes of the draft model's tree; 0 drafts a chain.", least=0, most=64)
    rule: str = option(
        "coupled",
        "coupled (same text in every mode) or classic (speculative sampling).",
        also=("coupled", "classic"),
        changes_text=True,
    )
    max_ngram_size: int = option(3, "The longest n-gram that pld and logitspec look up.", least=1, most=8)
    num_pred_tokens: int = option(20, "The most tokens that logitspec copies behind one n-gram.", least=1, most=64)
    draft_tree_capacity: int = option(
        64, "Tokens of the trees of logitspec and sssd, the pending one included.", least=1, most=64
    )
    branches: int = option(
        6, "The most branches that specbranch drafts side by side; 1 drafts on in a single line.", least=1, most=8
    )
    epsilon: float = option(
        0.7, "specbranch branches at the first drafted token with at most this confidence; 0 is off.",
        least=0, most=1, without=1,
    )  # fmt: skip
    hrad: bool = option(True, "Let specbranch ask its trained head, if there is one (spectui calibrate).")
    full_tree: bool = option(False, "Verify everything that a method proposes, whatever it costs, as its paper does.")

    @property
    def adaptive(self) -> bool:
        """Whether the measured cost decides how much is drafted, because nobody has asked for a fixed size."""
        return self.draft_tokens == "auto" and not self.draft_tree and not self.full_tree


@dataclass(frozen=True, slots=True)
class Options(Checked):
    """Everything that holds for one answer besides its prompt and its mode."""

    sampling: Sampling = field(default_factory=Sampling)
    speculation: Speculation = field(default_factory=Speculation)
    max_new_tokens: int = option(512, "The longest answer, in tokens.", least=1, label="length", changes_text=True)

    def by_name(self) -> dict[str, Any]:
        """Every option by its own name, whatever group it is in."""
        return values_of(self)

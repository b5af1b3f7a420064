"""The modes, in the order in which everything lists them; importing this loads no method and no torch."""

from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .drafter import Drafter


@dataclass(frozen=True, slots=True)
class Mode:
    """A decoding method as a user meets it."""

    name: str
    """What the command line and the trace say."""
    title: str
    """What the screens say."""
    summary: str
    """One sentence for help texts."""
    factory: str
    """``module:Class`` below this package; the class is called with the Resources of the decoder."""
    needs_draft: bool = False
    """Whether the mode works only with a draft model."""
    needs_head: bool = False
    """Whether it works only with a trained head."""
    drafts: bool = True
    """Whether anything is drafted at all, so that the target must be able to verify trees."""
    looks_up: bool = False
    """Whether it looks up in the datastore."""

    def load(self) -> "Callable[[Any], Drafter]":
        """Import the method's class."""
        module, _, attribute = self.factory.partition(":")
        made: Callable[[Any], Drafter] = getattr(import_module(f".{module}", __package__), attribute)
        return made


MODES: dict[str, Mode] = {
    mode.name: mode
    for mode in (
        Mode(
            "ar",
            "Autoregressive",
            "one token a pass; the reference",
            "autoregressive:Autoregressive",
            drafts=False,
        ),
        Mode("draft", "Draft model", "a small model guesses ahead", "draft_model:DraftModel", needs_draft=True),
        Mode(
            "eagle",
            "EAGLE-3",
            "a trained head guesses ahead from what the target has in mind",
            "eagle.drafter:Eagle",
            needs_head=True,
        ),
        Mode("sssd", "SSSD", "retrieval from the conversation and a datastore that learns", "sssd:Sssd", looks_up=True),
        Mode("logitspec", "LogitSpec", "the last logits guess, retrieval continues", "logitspec:LogitSpec"),
        Mode(
            "hybrid",
            "Hybrid",
            "copies where the text repeats itself, else the trained head guesses ahead",
            "hybrid:Hybrid",
            needs_head=True,
            looks_up=True,
        ),
        Mode(
            "specbranch",
            "SpecBranch",
            "the draft model writes ahead in branches while the target verifies",
            "specbranch:SpecBranch",
            needs_draft=True,
        ),
        Mode("pld", "Prompt look-up", "copies what followed the same tokens before", "prompt_lookup:PromptLookup"),
    )
}


def default_mode(has_draft: bool, has_head: bool) -> str:
    """The mode of a new conversation: the head's if there is one, else the draft model's, else SSSD, which needs
    nothing."""
    return "eagle" if has_head else "draft" if has_draft else "sssd"

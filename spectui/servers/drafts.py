"""What servers say about their drafts, each in its own words, as one value; unknown is None."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Kind = Literal["target", "accepted", "correction", "bonus"]
MOST = 2**53
"""Above it a JSON number is no count."""
MOST_DRAFTED = 512
"""Tokens of one draft; no method drafts a quarter of them."""


@dataclass(frozen=True, slots=True)
class Drafts:
    """The drafts of one answer so far."""

    source: str
    """The field that said so."""
    drafted: int | None = None
    accepted: int | None = None
    passes: int | None = None
    """Target passes after the first token, whether something was drafted or not."""
    by_step: tuple[tuple[int, int], ...] = ()
    """(drafted, accepted) of each pass that had a draft, in order; empty if that is not told."""
    accepted_counts: tuple[int, ...] = ()
    """How many passes accepted 0, 1, 2, ... tokens; empty if that is not told."""


def read_drafts(event: Mapping[str, Any]) -> Drafts | None:
    """What an event of a stream, or a whole reply, says about drafts; None if it says nothing."""
    return _llama_server(event) or _vllm(event) or _sglang(event)


def _llama_server(event: Mapping[str, Any]) -> Drafts | None:
    """llama.cpp's server: ``timings``, which names drafts only while it speculates."""
    timings = event.get("timings")
    if not isinstance(timings, dict) or count(timings.get("draft_n")) is None:
        return None
    return _made("timings", timings.get("draft_n"), timings.get("draft_n_accepted"))


def _vllm(event: Mapping[str, Any]) -> Drafts | None:
    """vLLM, started with ``--per-request-spec-decode-metrics``: ``metrics.speculative_decoding``."""
    metrics = event.get("metrics")
    told = metrics.get("speculative_decoding") if isinstance(metrics, dict) else None
    if not isinstance(told, dict):
        return None
    drafted, accepted = counts(told.get("per_step_drafted")), counts(told.get("per_step_accepted"))
    by_step = tuple(zip(drafted, accepted, strict=False)) if len(drafted) == len(accepted) else ()
    return _made(
        "metrics.speculative_decoding",
        told.get("num_draft_tokens"),
        told.get("num_accepted_draft_tokens"),
        by_step=by_step if all(a <= d <= MOST_DRAFTED for d, a in by_step) else (),
        accepted_counts=counts(told.get("acceptance_histogram")),
    )


def _sglang(event: Mapping[str, Any]) -> Drafts | None:
    """SGLang: ``sglext.spec_tokens_details`` if ``return_spec_tokens_details`` was asked for, or ``meta_info``."""
    extension = event.get("sglext")
    told = extension.get("spec_tokens_details") if isinstance(extension, dict) else None
    source = "sglext.spec_tokens_details"
    if not isinstance(told, dict):
        told, source = event.get("meta_info"), "meta_info"
    if not isinstance(told, dict) or not any(name.startswith("spec_") for name in told):
        return None
    return _made(
        source,
        _first(told, "spec_num_proposed_drafts", "spec_draft_token_num"),
        _first(told, "spec_num_correct_drafts", "spec_accept_token_num"),
        passes=count(told.get("spec_verify_ct")),
        accepted_counts=counts(_first(told, "spec_correct_drafts_histogram", "spec_accept_histogram")),
    )


def _first(told: Mapping[str, Any], *names: str) -> Any:
    """The first of these fields that is there; versions name them otherwise."""
    return next((told[name] for name in names if told.get(name) is not None), None)


def _made(source: str, drafted: Any, accepted: Any, **more: Any) -> Drafts:
    """With counts that can be true; others are unknown."""
    known, right = count(drafted), count(accepted)
    if known is not None and right is not None and right > known:
        known = right = None
    return Drafts(source, known, right, **more)


def count(value: Any) -> int | None:
    """A count; None for what is none."""
    return value if type(value) is int and 0 <= value < MOST else None


def counts(value: Any) -> tuple[int, ...]:
    """A list of counts; empty for what is none."""
    made = [count(one) for one in value] if isinstance(value, list) else []
    return tuple(one for one in made if one is not None) if None not in made else ()


class LiveKinds:
    """The kind of each token as it comes, from counters that grow with it (llama.cpp's ``timings_per_token``).

    All tokens of a pass come one by one behind the pass, and the counters have its drafts from the first of them on:
    so many accepted ones, then the target's own.
    """

    def __init__(self) -> None:
        self._drafted = self._accepted = 0
        self._left = 0
        """Accepted tokens of the running pass that are still to come."""
        self._last: Kind = "target"
        """What the pass ends with."""

    def kind(self, drafts: Drafts | None) -> Kind | None:
        """The kind of the next token; None if the counters do not say."""
        if drafts is None or drafts.drafted is None or drafts.accepted is None:
            return None
        drafted, accepted = drafts.drafted - self._drafted, drafts.accepted - self._accepted
        self._drafted, self._accepted = drafts.drafted, drafts.accepted
        if drafted > 0:
            self._left = accepted
            self._last = "bonus" if accepted == drafted else "correction"
        if self._left > 0:
            self._left -= 1
            return "accepted"
        kind, self._last = self._last, "target"
        return kind


def late_kinds(sizes: Sequence[int], by_step: Sequence[tuple[int, int]]) -> tuple[Kind, ...]:
    """The kind of each piece of an answer, of which ``sizes`` tells the tokens, from the drafts of all passes.

    A piece with accepted tokens is ``accepted``. Empty if the counts do not fit: a pass that accepted n tokens makes a
    piece of n + 1, less only at the end of the answer. Passes without a draft are not among ``by_step``.
    """
    kinds: list[Kind] = ["target"] if sizes else []
    told = list(by_step)
    for place, size in enumerate(sizes[1:], 1):
        drafted, accepted = told[0] if told else (0, 0)
        if size == 1 and accepted and place + 1 < len(sizes):
            kinds.append("target")
            continue
        if accepted + 1 != size and not (size <= accepted and place + 1 == len(sizes)):
            return ()
        del told[:1]
        kinds.append("accepted" if accepted else "correction" if drafted else "target")
    return tuple(kinds) if not told else ()

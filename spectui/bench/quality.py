"""What quantisation costs in quality: likelihood of a text, and how often the likeliest token is the same."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch.nn import functional

from ..config.choice import ModelChoice
from ..engine.model.causal_lm import CausalLM
from ..engine.model.forward import ForwardInput
from ..models.loading import load_pair
from ..models.quantised_files import keep_quality
from ..models.template import prompt_ids
from ..system.errors import UserError
from ..system.progress import Progress
from .questions import read_questions

TOKENS = 5000
"""Length of the text."""


@dataclass(frozen=True, slots=True)
class Quality:
    """A quantised model beside the same model in float32, on one text."""

    tokens: int
    nll: float
    """Negative log-likelihood of a token, in nats, by the quantised model."""
    exact_nll: float
    """The same in float32."""
    agreement: float
    """Share of tokens at which both find the same token likeliest."""

    @property
    def words(self) -> str:
        """In short: the change of the NLL, and how often the likeliest token is the same."""
        return f"NLL {self.nll / self.exact_nll - 1:+.2%}, {self.agreement:.1%} same top token"


def quantised_quality(choice: ModelChoice, questions: str, progress: Progress) -> Quality:
    """Read the same ``questions`` in both, and note the result for later starts.

    Raises UserError for a model that does not run quantised.
    """
    pair = load_pair(replace(choice, draft="none"), progress)
    if pair.target_quantised is None:
        raise UserError(f"{pair.name} runs in {pair.dtype} here; add --dtype int8 or --dtype int4")
    ours = CausalLM(pair.target, quantised=pair.target_quantised)
    texts = _texts(pair.tokenizer, questions, pair.context)
    exact = CausalLM(load_pair(replace(choice, draft="none", dtype="float32"), progress).target)
    made = compared(ours, exact, texts, lambda share: progress(f"reading a text in {pair.dtype} and in float32", share))
    if pair.quantised_file is not None:
        keep_quality(pair.quantised_file, made.words)
    return made


def compared(
    ours: CausalLM, exact: CausalLM, texts: Sequence[Sequence[int]], progress: Callable[[float], None] = lambda _: None
) -> Quality:
    """How likely both find each token of these texts."""
    losses, same, seen = [0.0, 0.0], 0, 0
    total = sum(len(text) - 1 for text in texts)
    for text in texts:
        following = torch.tensor(text[1:], device=ours.device)
        logits = [one.forward(one.new_cache(), ForwardInput.chain(text[:-1], 0)).logits for one in (ours, exact)]
        for index, each in enumerate(logits):
            losses[index] += float(functional.cross_entropy(each, following, reduction="sum"))
        same += int((logits[0].argmax(-1) == logits[1].argmax(-1)).sum())
        seen += len(following)
        progress(seen / total)
    return Quality(seen, losses[0] / seen, losses[1] / seen, same / seen)


def _texts(tokenizer: object, questions: str, context: int) -> list[list[int]]:
    """Questions in the model's chat format, from all over the set, some ``TOKENS`` tokens in all."""
    asked = read_questions(questions)
    made: list[list[int]] = []
    for turn in range(7):  # every seventh question, then the ones behind them, and so on
        for question in asked[turn::7]:
            made.append(prompt_ids(tokenizer, [{"role": "user", "content": question.turns[0]}], context))
            if sum(map(len, made)) >= TOKENS:
                return made
    return made

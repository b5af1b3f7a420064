"""Decodes with the demo pair on a clock that is modelled: the same figures on every machine, busy or not.

A pass takes what it takes on two idle cores, times a random factor that the policies see as well (passes differ by a
tenth, one in a hundred takes twenty times as long); what is reported is the time without these factors.
"""

import random
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from time import perf_counter, perf_counter_ns
from typing import Any
from unittest.mock import patch

import torch

from spectui.config.choice import ModelChoice
from spectui.config.paths import heads
from spectui.engine.decoder import Decoder
from spectui.engine.drafters.drafter import Drafter, Resources
from spectui.engine.drafters.registry import MODES
from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.forward import ForwardInput, Output
from spectui.engine.model.kv_cache import AnyCache
from spectui.engine.policy.latency import LatencyModel
from spectui.engine.retrieval.private import PrivateStore
from spectui.engine.retrieval.snapshot import Reader
from spectui.engine.tuning.background_worker import ThreadSplit
from spectui.engine.values.answer import Limits
from spectui.engine.values.draft_tree import DraftTree
from spectui.engine.values.options import Options
from spectui.models.heads import find_head
from spectui.models.loading import load_pair
from spectui.models.stops import stop_cut
from spectui.models.template import prompt_ids

POINTS = {1: 1.4, 2: 1.7, 4: 2.1, 8: 2.5, 16: 3.7, 32: 5.5, 64: 10.0}
"""Milliseconds of a pass of the demo pair's target over so many tokens, two cores (``spectui doctor``)."""
FLAT = {1: 20.0, 2: 20.2, 4: 20.4, 8: 20.8, 16: 21.6, 32: 23.2, 64: 26.4}
"""The same of a machine on which more tokens take hardly longer, in lanes that are called flat: chosen, as on a GPU."""
DRAFT_MS = 0.3
"""A pass of its draft model over one token."""
DEAR = 4.0
"""How many times as long it takes in lanes that are called dear: there drafting hardly pays."""
SPLIT = ThreadSplit(0, 0, slowdown=1.25, draft_ms=0.45)
"""Both at the same time."""
SPREAD, OUTLIERS, OUTLIER = 0.1, 0.01, 20.0
LOOK_UP_MS = {"pld": 0.02, "logitspec": 0.03, "sssd": 0.05, "sssd, learnt": 0.22}
"""What drafting without a model takes (``benchmarks.drafting_cost``); where nothing is found, a third."""
NODE_MS = 0.01
"""What each proposed node takes besides."""


class ModelledClock:
    """Time that passes only where a model would have computed; in milliseconds, with and without random factors."""

    def __init__(self) -> None:
        self.now = self.true = 0.0
        self.beside = False
        """Whether the draft model works at the same time."""
        self._rng = random.Random(0)

    def seed(self, seed: int) -> None:
        """Draw the random factors anew."""
        self._rng = random.Random(seed)

    def spend(self, ms: float) -> None:
        """Something takes so long."""
        factor = self._rng.lognormvariate(0.0, SPREAD) * (OUTLIER if self._rng.random() < OUTLIERS else 1.0)
        self.now += ms * factor
        self.true += ms

    def seconds(self) -> float:
        """As ``perf_counter``."""
        return self.now / 1e3

    def nanoseconds(self) -> int:
        """As ``perf_counter_ns``."""
        return int(self.now * 1e6)


class LazyWork:
    """Work in a second thread, done when somebody waits for it, at the time at which it would have been done."""

    def __init__(self, clock: ModelledClock, function: Callable[[], Any]) -> None:
        self._clock, self._function = clock, function
        self._begin = clock.now, clock.true

    def wait(self) -> Any:
        """Do it; what it gives, if anything, and when it began and ended."""
        clock, end = self._clock, (self._clock.now, self._clock.true)
        clock.now, clock.true = self._begin
        begin = clock.nanoseconds()
        made = self._function()
        done = clock.nanoseconds()
        clock.now, clock.true, clock.beside = max(clock.now, end[0]), max(clock.true, end[1]), False
        return (begin, done) if made is None else (made, (begin, done))

    def settle(self) -> None:
        """Give up."""
        self._clock.beside = False


class LazyWorker:
    """Stands in for the thread beside the target."""

    def __init__(self, clock: ModelledClock) -> None:
        self._clock = clock

    def start(self, function: Callable[[], Any], share: ThreadSplit) -> LazyWork:
        """Begin; both models are slower from now on."""
        self._clock.beside = True
        return LazyWork(self._clock, function)

    def close(self) -> None:
        """Nothing to end."""


class ModelledEvent:
    """An event that is set from a moment of the clock on."""

    def __init__(self, clock: ModelledClock) -> None:
        self._clock, self._at = clock, float("inf")

    def set(self) -> None:
        """It happens now."""
        self._at = self._clock.now

    def is_set(self) -> bool:
        """Whether it has happened."""
        return self._clock.now >= self._at


@dataclass(frozen=True, slots=True)
class Figures:
    """What a mode did with some questions."""

    tokens: int
    steps: int
    ms: float
    texts: tuple[tuple[int, ...], ...]

    @property
    def tokens_per_step(self) -> float:
        """Mean of all steps."""
        return self.tokens / self.steps

    @property
    def ms_per_token(self) -> float:
        """Modelled."""
        return self.ms / self.tokens


class ModelledPair:
    """The demo pair, whose passes move a clock."""

    def __init__(self) -> None:
        pair = load_pair(ModelChoice("demo", dtype="float32"), lambda *_: None)
        self._pair, self.clock = pair, ModelledClock()
        self._target, draft = CausalLM(pair.target), CausalLM(pair.draft)
        head, _ = find_head(pair.target, pair.draft, self._target.layers, heads())
        self._resources = Resources(pair.vocabulary, draft, pair.reserved, pair.eos, draft_ms=DRAFT_MS, share=SPLIT,
                                    head=head)  # fmt: skip
        for mode in MODES.values():
            mode.load()  # before clocks are exchanged, so that none is missed
        self._limits = Limits(pair.context, pair.eos, stop_cut(pair.tokenizer))
        self._outputs: dict[tuple[int, ...], list[Output]] = {}
        """Prompt -> what the target gave for each token from its last one on, in autoregressive decoding."""
        self._replayed: tuple[int, list[Output]] = 0, []
        """Length of the present prompt, and its outputs."""
        self._curve, self._draft_share = LatencyModel(POINTS), DRAFT_MS / POINTS[1]
        """T(m), and the time of a draft pass over that of a pass."""
        target_forward, draft_forward = self._target.forward, draft.forward

        def target_pass(cache: AnyCache, inputs: ForwardInput) -> Output:
            slower = SPLIT.slowdown if self.clock.beside else 1.0
            self.clock.spend(slower * self._curve.verify_ms(len(inputs.token_ids)))
            return self._replay(cache, inputs) if self._replayed[1] else target_forward(cache, inputs)

        def draft_pass(cache: AnyCache, inputs: ForwardInput) -> Output:
            slower = SPLIT.draft_ms / DRAFT_MS if self.clock.beside else 1.0
            self.clock.spend(slower * self._draft_share * self._curve.verify_ms(len(inputs.token_ids)))
            return draft_forward(cache, inputs)

        self._target.forward, draft.forward = target_pass, draft_pass  # type: ignore[method-assign]

    @torch.inference_mode()
    def record(self, prompt: Sequence[int], tokens: int) -> None:
        """Decode autoregressively, and keep what the target gave."""
        self._replayed = 0, []
        head = self._resources.head
        layers = head.layers if head else ()
        decoder = Decoder(self._target, self._resources, self._limits)
        decoder.set_options(Options(max_new_tokens=tokens))
        decoder.set_mode("ar")
        decoder.prefill(prompt)
        while decoder.answer.end is None:
            decoder.step()
        ids, cache, outputs = decoder.answer.tokens, self._target.new_cache(), []
        self._target.prefill(cache, ids[: len(prompt) - 1])
        for token in ids[len(prompt) - 1 :]:
            outputs.append(self._target.step(cache, token, DraftTree(), layers))
            cache.commit([0])
        self._outputs[tuple(prompt)] = outputs

    def _replay(self, cache: AnyCache, inputs: ForwardInput) -> Output:
        """What was recorded for each position: a walk through a tree only meets tokens of the recorded text."""
        first, outputs = self._replayed
        cache.reserve(cache.length + cache.scratch + len(inputs.token_ids))
        cache.append(inputs.position_ids)
        rows = [outputs[min(max(0, position - first + 1), len(outputs) - 1)] for position in inputs.position_ids]
        states = [row.hidden for row in rows if row.hidden is not None] if inputs.hidden_layers else []
        logits = torch.cat([row.logits for row in (rows[-1:] if inputs.last_only else rows)])
        return Output(logits, torch.cat(states, 1) if states else None)

    def prompt(self, text: str) -> list[int]:
        """Ids of a question."""
        return prompt_ids(self._pair.tokenizer, [{"role": "user", "content": text}], self._limits.context)

    @contextmanager
    def modelled(self) -> Iterator[None]:
        """While the engine looks at no other clock."""
        stand_ins: dict[str, Any] = {
            "perf_counter": self.clock.seconds,
            "perf_counter_ns": self.clock.nanoseconds,
            "Event": lambda: ModelledEvent(self.clock),
            "BackgroundWorker": lambda *devices: LazyWorker(self.clock),
        }
        real = {"perf_counter": perf_counter, "perf_counter_ns": perf_counter_ns}
        changed = []
        for name, module in list(sys.modules.items()):
            if name.startswith(("spectui.engine.values", "spectui.engine.policy", "spectui.engine.drafters")):
                found = {key: each for key, each in stand_ins.items() if hasattr(module, key)}
                assert all(getattr(module, key) is each for key, each in real.items() if key in found)
                changed.append(patch.multiple(module, **found) if found else None)
        patches = [each for each in changed if each is not None]
        for each in patches:
            each.start()
        try:
            yield
        finally:
            for each in patches:
                each.stop()

    def run(self, lane: str, prompts: Sequence[Sequence[int]], options: Options, seed: int = 0) -> Figures:
        """Answer the prompts one after another with one decoder, as ``spectui bench`` does."""
        mode = lane.partition(",")[0]
        with self.modelled():
            store = PrivateStore((), self._pair.vocabulary)
            reader = Reader(lambda: store.indexes) if "learnt" in lane else None
            points = FLAT if "flat" in lane else POINTS
            self._curve = LatencyModel(points)
            self._draft_share = DRAFT_MS / POINTS[1] * (DEAR if "dear" in lane else 1.0)
            draft_ms = self._draft_share * points[1]
            split = replace(SPLIT, draft_ms=draft_ms * SPLIT.draft_ms / DRAFT_MS)
            resources = replace(self._resources, datastore=reader, draft_ms=draft_ms, share=split)
            decoder = Decoder(self._target, resources, self._limits, LatencyModel(points))
            drafter = MODES[mode].load()(resources)
            look_up = lane.removesuffix(", flat")
            if look_up in LOOK_UP_MS:
                _charge(drafter, self.clock, LOOK_UP_MS[look_up])
            decoder.add_drafter(mode, drafter)
            decoder.set_options(options)
            decoder.set_mode(mode)
            steps, ms, texts = 0, 0.0, []
            for number, prompt in enumerate(prompts):
                self.clock.seed(1000 * seed + number)
                decoder.rewind()
                self._replayed = len(prompt), self._outputs[tuple(prompt)]
                decoder.prefill(prompt)
                begin = self.clock.true
                while decoder.answer.end is None:
                    decoder.step()
                    steps += 1
                ms += self.clock.true - begin
                texts.append(tuple(decoder.answer.tokens[len(prompt) :]))
                if reader:
                    store.learn([(prompt, texts[-1])])
            decoder.close()
        return Figures(sum(len(text) - 1 for text in texts), steps, ms, tuple(texts))


def _charge(drafter: Drafter, clock: ModelledClock, ms: float) -> None:
    """Let its proposals take time."""
    propose = drafter.propose

    def charging(context: Any, limit: int) -> Any:
        tree = propose(context, limit)
        clock.spend(ms + NODE_MS * len(tree) if len(tree) else ms / 3)
        return tree

    drafter.propose = charging  # type: ignore[method-assign]

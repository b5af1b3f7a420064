"""Which mode to begin with on this machine: all modes answer three built-in prompts in turns, for some seconds."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from time import perf_counter

import torch

from ..engine.race import Race
from ..engine.values.clock import LaneClock
from ..engine.values.events import Event
from ..engine.values.options import Options
from ..models.registry import examples
from ..record.metrics import Meter
from ..session.runtime import Runtime

REFERENCE = "ar"
SECONDS, TOKENS = 20.0, 64
"""The most time that it may take, and the most tokens of an answer."""
WORTH = 1.03
"""A mode that is not so many times as fast as plain decoding is none to recommend: differences below are noise."""


@dataclass(frozen=True, slots=True)
class Impression:
    """How one mode did."""

    mode: str
    tokens: int
    tokens_per_second: float
    speedup: float
    """Over plain decoding."""
    tokens_per_step: float


@dataclass(frozen=True, slots=True)
class Recommendation:
    """How each mode did, the fastest first, and which one to take."""

    impressions: tuple[Impression, ...]
    mode: str
    prompts: int
    seconds: float

    @property
    def words(self) -> str:
        """What it means, in one sentence."""
        best = next(one for one in self.impressions if one.mode == self.mode)
        what = (
            f"{self.mode}: {best.speedup:.2f} x plain decoding"
            if self.mode != REFERENCE
            else f"{self.mode}: no mode is more than {WORTH - 1:.0%} faster than plain decoding here"
        )
        return f"{what} ({self.prompts} prompts, {self.seconds:.0f} s; `spectui bench` measures it)"


def prompts_for(model: str) -> list[str]:
    """Three prompts of different kinds from the examples of a model."""
    families = examples(model)
    return [families[at].prompts[-1] for at in (0, len(families) // 2, len(families) - 1)]


@torch.inference_mode()
def recommend(
    loaded: Runtime, options: Options, seconds: float = SECONDS, now: Callable[[], float] = perf_counter
) -> Recommendation:
    """Let the modes that can run answer in turns; each prompt gets its share of the ``seconds``.

    All modes use the device for the same time on a prompt, so that one that is cut off loses nothing by it.
    """
    begun, options = now(), replace(options, max_new_tokens=min(TOKENS, options.max_new_tokens))
    modes, prompts = loaded.ready.modes, prompts_for(loaded.pair.name)
    sums = {mode: [0.0, 0.0, 0.0] for mode in modes}
    for number, prompt in enumerate(prompts, 1):
        end = begun + seconds * number / len(prompts)
        _race(loaded, options, prompt, sums, partial(_is_over, now, end))
    return _judged(sums, len(prompts), now() - begun)


def _is_over(now: Callable[[], float], end: float) -> bool:
    return now() > end


def _race(
    loaded: Runtime, options: Options, prompt: str, sums: dict[str, list[float]], over: Callable[[], bool]
) -> None:
    ids = loaded.prompt([{"role": "user", "content": prompt}])
    lanes = {mode: loaded.decoder(mode, options, LaneClock()) for mode in sums}
    meters = {mode: Meter() for mode in sums}

    def count(lane: str, event: Event) -> None:
        meters[lane].count(event)

    with loaded.undisturbed():
        Race(lanes, count, over).run(ids, loaded.holds(len(lanes), len(ids) + options.max_new_tokens))
    for mode, decoder in lanes.items():
        decoder.close()
        numbers = meters[mode].numbers
        sums[mode][0] += max(0, numbers.after_first)
        sums[mode][1] += numbers.steps
        sums[mode][2] += numbers.decode_ms


def _judged(sums: dict[str, list[float]], prompts: int, seconds: float) -> Recommendation:
    rates = {mode: tokens / ms * 1e3 for mode, (tokens, _, ms) in sums.items() if ms > 0}
    plain = rates.get(REFERENCE, 0.0)
    made = [
        Impression(mode, int(tokens), rates[mode], rates[mode] / plain if plain else 1.0, tokens / max(1.0, steps))
        for mode, (tokens, steps, _) in sums.items()
        if mode in rates
    ]
    made.sort(key=lambda one: -one.tokens_per_second)
    best = _best(made)
    return Recommendation(tuple(made), best, prompts, seconds)


def _best(made: Sequence[Impression]) -> str:
    worth = [one for one in made if one.mode != REFERENCE and one.speedup >= WORTH]
    return worth[0].mode if worth else REFERENCE

"""(g) Every mode: speed, tokens a step, slowest steps, and the first difference from AR with its gap."""

from collections.abc import Iterator
from dataclasses import replace
from time import perf_counter

import torch

from spectui.config.choice import ModelChoice
from spectui.engine.values.options import Options, Sampling
from spectui.engine.values.step import Step
from spectui.models.loading import load_pair
from spectui.models.registry import examples, known_models
from spectui.models.sources import cached_model
from spectui.record.metrics import Meter
from spectui.session.equivalence import difference, gap_at
from spectui.session.runtime import Runtime, prepare
from spectui.system.sanitise import sanitise_line

from .figure import Figure, Setting

REAL = ("llama-3.1-8b", "llama-3-8b", "smollm2-135m")
SLOWEST = 3
GREEDY = Options(Sampling(temperature=0.0))


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    for name, dtype in pairs(setting):
        if not setting.has_time(0.7):
            yield Figure(f"{name}, {dtype}", "left out: no time")
            continue
        try:
            yield from pair_figures(setting, name, dtype)
        except Exception as error:
            reason = next(iter(str(error).splitlines()), type(error).__name__)
            yield Figure(f"{name}, {dtype}", f"failed: {sanitise_line(reason)}", "", "an answer", False)


def pairs(setting: Setting) -> list[tuple[str, str]]:
    """The demo pair, and the first real model that is on this machine."""
    kinds = ("float32",) if setting.small else ("float32", "bfloat16")
    found = [("demo", kind) for kind in kinds]
    real = next((name for name in REAL if at_hand(name)), None)
    return [*found, *((real, kind) for kind in reversed(kinds))] if real and not setting.small else found


def at_hand(name: str) -> bool:
    """Whether a model's weights are on this machine."""
    known = known_models()[name]
    return cached_model(known.target) is not None or (known.package is not None and known.package.path is not None)


def pair_figures(setting: Setting, name: str, dtype: str) -> Iterator[Figure]:
    """All modes of a pair."""
    choice = ModelChoice(name, dtype=dtype, device=str(setting.device))
    loaded = prepare(load_pair(choice, lambda *_: None), lambda *_: None, perf_counter())
    word = f"{name}, {dtype}"
    yield Figure(f"{word}: loaded", loaded.ready.seconds, "s")
    why = loaded.target.why_not_captured
    yield Figure(f"{word}: graphs", why or "captured", "", "captured", None if setting.small else why is None)
    options = replace(GREEDY, max_new_tokens=16 if setting.small else 256)
    prompt = loaded.prompt([{"role": "user", "content": examples(name)[0].prompts[0]}])
    expected: list[int] = []
    for mode in loaded.ready.modes:
        tokens, steps, meter = answer(loaded, mode, options, prompt)
        expected = expected or tokens
        yield from mode_figures(f"{word}, {mode}", steps, meter)
        place = difference(tokens, expected)
        met = None if dtype != "float32" else place is None
        if place is None:
            yield Figure(
                f"{word}, {mode}: text",
                "as AR's",
                "",
                "as AR's" if dtype == "float32" else "as AR's, or a near tie",
                met,
            )
            continue
        gap = gap_at(loaded.target, loaded.resources.vocabulary, options.sampling, prompt, expected, place)
        yield Figure(
            f"{word}, {mode}: text",
            f"differs at {place}, gap {gap:.4f}",
            "",
            "as AR's" if met is False else "a gap under 0.5",
            met,
        )


@torch.inference_mode()
def answer(loaded: Runtime, mode: str, options: Options, prompt: list[int]) -> tuple[list[int], list[Step], Meter]:
    """The second answer to a prompt, when everything is warm."""
    decoder = loaded.decoder(mode, options)
    for _ in range(2):
        decoder.rewind()
        steps, meter = [], Meter()
        first = decoder.prefill(prompt)
        assert first is not None
        meter.count(first)
        while decoder.answer.end is None:
            steps.append(decoder.step())
            meter.count(steps[-1])
    tokens = list(decoder.answer.emitted)
    decoder.retire()
    return tokens, steps, meter


def mode_figures(word: str, steps: list[Step], meter: Meter) -> Iterator[Figure]:
    """What one answer shows."""
    numbers = meter.numbers
    yield Figure(f"{word}: speed", numbers.tokens_per_second or 0.0, "tok/s")
    yield Figure(f"{word}: tokens a step", numbers.tokens_per_step or 0.0)
    slowest = sorted((step.ms.wall for step in steps), reverse=True)[:SLOWEST]
    usual = sorted(step.ms.wall for step in steps)[len(steps) // 2] if steps else 0.0
    spread = all(ms < 3.0 * usual for ms in slowest)
    yield Figure(
        f"{word}: slowest steps", " ".join(f"{ms:.2f}" for ms in slowest), "ms", f"under 3 times {usual:.2f}", spread
    )
    if any(step.branches is not None for step in steps):
        for who, idle in (("draft", numbers.draft_idle_ms), ("target", numbers.target_idle_ms)):
            yield Figure(f"{word}: bubbles of the {who}", idle / max(1, numbers.steps), "ms a step")

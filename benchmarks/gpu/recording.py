"""(d) Capturing passes: what a graph takes, whether it gives what a plain pass gives, and two threads at once."""

from collections.abc import Iterator
from threading import Barrier, Thread

import torch

from spectui.engine.model.causal_lm import CausalLM
from spectui.engine.model.cuda_graphs import ROWS, GraphCache
from spectui.engine.model.forward import ForwardInput
from spectui.engine.values.draft_tree import DraftTree
from spectui.engine.values.step import Source

from .figure import Figure, Setting
from .models import allowed, apart, behind, random_model, wrapped
from .stopwatch import wall_ms

COMPARED = (1, 2, 5, 8, 33)


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    target, draft = (wrapped(random_model(setting, draft), setting) for draft in (False, True))
    if setting.small:
        yield Figure("graphs", "a stand-in that runs the pass again", "", "")
    if target.why_not_captured or draft.why_not_captured:
        yield Figure("graphs", f"none: {target.why_not_captured or draft.why_not_captured}", "", "captured", False)
        return
    yield from cost(setting, target)
    yield from agreement(setting, target)
    yield from at_once(setting, target, draft)


def free(setting: Setting) -> float:
    """Megabytes that the device could still hand out; 0 without a GPU."""
    return 0.0 if setting.small else torch.cuda.mem_get_info(setting.device)[0] / 1e6


def cost(setting: Setting, target: CausalLM) -> Iterator[Figure]:
    """Milliseconds and megabytes of a graph, by its rows."""
    for length in setting.lengths:
        cache, _ = behind(target, length)
        for rows in ROWS[:-1]:
            before, known = free(setting), len(cache.graphs)
            took = wall_ms(lambda: target.prepare(cache, rows, length), setting.device)  # noqa: B023 (called at once)
            made = len(cache.graphs) - known
            if made:
                what = f"{rows} rows behind {length} tokens"
                yield Figure(
                    f"{what}: a graph", took / made, "ms", "30 to 100", None if setting.small else took / made < 200
                )
                yield Figure(f"{what}: a graph", max(0.0, before - free(setting)) / made, "MB")


@torch.inference_mode()
def agreement(setting: Setting, target: CausalLM) -> Iterator[Figure]:
    """A pass from its graph against the same pass run plainly."""
    assert isinstance(target.backend, GraphCache)
    llama = target.backend.llama
    limit = allowed(target.model, setting)
    for length in setting.lengths:
        cache, run = behind(target, length)
        for rows in COMPARED:
            captured = run(rows)
            cache.reserve(length + rows)
            plain, _ = llama(cache, ForwardInput.chain(range(rows), length))
            cache.truncate(length)
            off = apart(captured, plain)
            what = f"{rows} rows behind {length} tokens: graph and plain"
            yield Figure(what, off, "of the largest logit", f"at most {limit:.3g}", off <= limit)


def at_once(setting: Setting, target: CausalLM, draft: CausalLM, times: int = 20) -> Iterator[Figure]:
    """Target and draft model each capture in a thread of their own, again and again."""
    failed = 0
    for turn in range(times):
        barrier = Barrier(2)
        errors: list[Exception] = []
        threads = [Thread(target=_capture, args=(model, barrier, 1 + turn % 8, errors)) for model in (target, draft)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        failed += bool(errors or target.why_not_captured or draft.why_not_captured)
    yield Figure(f"two threads capture at once, {times} times: failed", float(failed), "times", "0", failed == 0)
    why = target.why_not_captured or draft.why_not_captured
    yield Figure("afterwards", why or "both models still capture", "", "both models still capture", why is None)


def _capture(model: CausalLM, barrier: Barrier, rows: int, errors: list[Exception]) -> None:
    """A new cache has no graphs, so that the step has to capture one; on CUDA on a stream of its own."""
    try:
        on_cuda = model.device.type == "cuda"
        stream = torch.cuda.Stream(model.device) if on_cuda else None  # type: ignore[no-untyped-call]
        with torch.cuda.stream(stream):  # which does nothing for None
            cache = model.new_cache()
            model.prefill(cache, [1, 2, 3])
            tree = DraftTree()
            for row in range(rows - 1):
                tree.add(row, row - 1, Source("measure"))
            barrier.wait(60)
            model.step(cache, 5, tree).logits.argmax(-1).tolist()
    except Exception as error:
        errors.append(error)
        barrier.abort()

"""(f) T(m) as the program measures it at load, against passes that are timed one by one."""

from collections.abc import Iterator

from spectui.engine.policy.latency import measure
from spectui.engine.tuning.dry_run import CONTEXT, DryRun

from .figure import Figure, Setting
from .models import behind, random_model, wrapped
from .stopwatch import usual, wall_ms

OFF = 1.25
"""By what factor both may differ."""


def figures(setting: Setting) -> Iterator[Figure]:
    """As the heading says."""
    target = wrapped(random_model(setting), setting)
    dry_run = DryRun(target, target.config.vocab_size, CONTEXT)
    points = measure(dry_run, 0.2 if setting.small else 1.0, warm_up=not setting.small).points
    dry_run.close()
    _, run = behind(target, CONTEXT)
    for rows, ms in points.items():
        alone = usual(lambda: wall_ms(lambda: run(rows).argmax(-1).tolist(), setting.device), setting.rounds)  # noqa: B023
        close = alone / OFF < ms < alone * OFF
        yield Figure(
            f"T({rows}) behind {CONTEXT} tokens", ms, "ms", f"{alone:.3f} by itself", None if setting.small else close
        )

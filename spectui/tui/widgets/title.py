"""The title line: which pair, which settings, on what."""

from typing import Any

from textual.content import Content
from textual.widgets import Static

from ...engine.options import Options
from ...models.sanitise import sanitise_line
from ...record.events import Ready


class TitleBar(Static):
    """One line above everything."""

    def show(self, ready: Ready | None, model: str, options: Options, state: str) -> None:
        """Draw it; before anything is ``ready`` it names the ``model`` that was asked for and tells the ``state``."""
        sampling, drafts = options.sampling, options.speculation.draft_tokens
        pair = f"{ready.model} ← {ready.draft or 'no draft'}" if ready else sanitise_line(model)
        if ready:
            state = f"{ready.device} {ready.dtype}, loaded in {ready.seconds:.1f} s"
        parts: list[Any] = [
            (" spectui ", "bold $primary"),
            (f" {pair} ", ""),
            (f"  seed {sampling.seed}  T {sampling.temperature:g}  draft {drafts}", "$token-muted"),
            (f"   {state}", "$token-muted" if ready else "$text-warning"),
        ]
        self.update(Content.assemble(*parts), layout=False)

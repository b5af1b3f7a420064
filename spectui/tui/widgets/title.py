"""The title line: which pair, which settings, on what."""

from ...engine.values.options import Options
from ...present.pair_words import NO_DRAFT
from ...record.events import Ready
from ...session.served import SERVED
from ...system.sanitise import sanitise_line
from .parts import Part, PartsLine


class TitleBar(PartsLine):
    """One line above everything."""

    def show(self, ready: Ready | None, model: str, options: Options, state: str, advised: bool = False) -> None:
        """Draw it; before anything is ``ready`` it names the ``model`` that was asked for and tells the ``state``.

        ``advised`` says that sampling follows the model's makers.
        """
        sampling, drafts = options.sampling, options.speculation.draft_tokens
        heat = f"temperature {sampling.temperature:g}" if sampling.temperature else "greedy"
        parts = [
            Part(4, " spectui", style="bold $primary"),
            Part(0, ready.model if ready else sanitise_line(model)),
            Part(
                2,
                f"seed {sampling.seed}  {heat}{' advised' if advised else ''}",
                style="$token-muted",
            ),
        ]
        if ready:
            parts.insert(2, Part(1, f"draft {ready.draft}" if ready.draft else NO_DRAFT))
        if ready and ready.draft and SERVED not in ready.modes:
            parts.append(Part(3, f"draft length {drafts}", style="$token-muted"))
        if ready:
            parts.append(Part(5, f"{ready.device} {ready.dtype}", style="$token-muted"))
            if ready.quality:
                parts.append(Part(7, ready.quality, style="$token-muted"))
            parts.append(Part(6, f"loaded in {ready.seconds:.1f} s", style="$token-muted"))
        else:
            parts.append(Part(1, state, style="$text-warning"))
        self.draw(parts)

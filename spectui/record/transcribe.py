"""Puts words to the engine's events."""

from functools import partial
from typing import Any

from ..engine.values.events import Changed, End, Event, Prefill, Switch, Turn
from ..engine.values.step import Step, walked
from ..models.detokenise import Detokeniser, token_texts
from ..system.sanitise import sanitise
from .events import ChangedText, EndText, PrefillText, Record, StepText, SwitchText, TurnText


class Transcriber:
    """Turns one lane's events into records; lives in the decode thread and is called in order."""

    def __init__(self, tokenizer: Any, lane: str) -> None:
        self._tokenizer, self._lane = tokenizer, lane
        self._reader = Detokeniser(tokenizer)

    def turn(self, event: Turn, question: str) -> TurnText:
        """An answer to ``question`` begins."""
        self._reader = Detokeniser(self._tokenizer)
        return TurnText(self._lane, event, sanitise(question), token_texts(self._tokenizer, event.prompt))

    def __call__(self, event: Event) -> Record:
        """The record of any later event."""
        match event:
            case Step():
                top = self._candidates(event)
                nodes, branches = self._previews(event)
                emitted = tuple(self._push(e.token) for e in event.emitted)
                return StepText(self._lane, event, nodes, emitted, branches, top, self._quotes(event))
            case Prefill(token=token):
                return PrefillText(self._lane, event, self._push(token))
            case Switch():
                return SwitchText(self._lane, event)
            case Changed():
                return ChangedText(self._lane, event)
            case End(reason, message):
                clean = End(reason, sanitise(message) if message else None)
                return EndText(self._lane, clean, self._reader.flush())
            case Turn():
                return self.turn(event, "")

    def _push(self, token: int) -> str:
        return self._reader.push(token)

    def _candidates(self, step: Step) -> tuple[tuple[str, ...], ...]:
        """What the target could have chosen, as it would read after the path to each place."""
        if step.target_top is None:
            return ()
        reader, texts = self._reader.copy(), []
        for place, row in zip((-1, *walked(step)), step.target_top, strict=True):
            if place >= 0:
                reader.preview(step.nodes[place].token)
            texts.append(tuple(reader.copy().preview(one.token) for one in row))
        return tuple(texts)

    def _quotes(self, step: Step) -> tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]:
        """What stands around the copied tokens, where they were copied from."""
        texts = partial(token_texts, self._tokenizer)
        return tuple((texts(quote.before), texts(quote.after)) for quote in step.quotes or ())

    def _previews(self, step: Step) -> tuple[tuple[str, ...], tuple[tuple[str, ...], ...]]:
        """Each node and each branch as it reads after its path; a reader is copied only where paths part."""
        readers: dict[int, Detokeniser] = {-1: self._reader}
        children = [node.parent for node in step.nodes]
        texts = []
        for index, node in enumerate(step.nodes):
            parent = readers[node.parent]
            last = node.parent >= 0 and node.parent not in children[index + 1 :]
            reader = parent if last else parent.copy()
            readers[index] = reader
            texts.append(reader.preview(node.token))
        branches = []
        if step.branches is not None:
            for tokens in step.branches.tokens:
                reader = readers[step.branches.at].copy()
                branches.append(tuple(reader.preview(token) for token in tokens))
        return tuple(texts), tuple(branches)

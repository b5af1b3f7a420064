"""From nothing to a pair, stage by stage; a stage whose result lies there is not done again."""

import json
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from .circuit import build_circuit, copying
from .conversation import Message, conversations, single_tasks
from .export import export, read_weights
from .fit import Fit, Progress, compiled, held_out_loss
from .hard import hard
from .llama import Llama
from .recipe import Corpus, Recipe, Shape, Stage
from .rows import LENGTHS, Encoded, Rows, encode, pack
from .tokenizer import train_tokenizer

HELD_OUT = 400
ADOPTED = "adopted.txt"
"""Says how many of the target's stages were taken over from an exported one."""
_TOLD_EVERY = 30.0

Say = Callable[[str], None]


@dataclass
class Pair:
    """A recipe at work in a folder."""

    recipe: Recipe
    folder: Path
    say: Say
    device: str = "cpu"

    def make(self) -> None:
        """Do everything that has not been done."""
        self._claim()
        torch.set_flush_denormal(True)  # for the whole process, and much faster on a CPU
        try:
            target = self._trained("target", self.recipe.target, self.recipe.target_stages, None)
            self._trained("draft", self.recipe.draft, self.recipe.draft_stages, target)
        finally:
            torch.set_flush_denormal(False)

    def adopt(self, target: Path, stages: int) -> None:
        """Take a target that was exported as what the first ``stages`` of its stages made; ValueError if it does not fit."""
        if not 0 < stages <= len(self.recipe.target_stages):
            raise ValueError(f"the target has {len(self.recipe.target_stages)} stages; take 1 to that many as done")
        model = Llama(self.recipe.target, self.recipe.vocabulary)
        read_weights(model, target)
        self._claim()
        PreTrainedTokenizerFast.from_pretrained(target).save_pretrained(self.folder / "tokenizer")
        torch.save(model.state_dict(), self.result("target", stages))
        (self.folder / ADOPTED).write_text(f"{stages}\n", encoding="utf-8")

    def _claim(self) -> None:
        """Write down whose folder this is; ValueError if it is another recipe's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, mine = self.folder / "recipe.json", json.dumps(asdict(self.recipe), indent=1) + "\n"
        if path.exists() and path.read_text(encoding="utf-8") != mine:
            raise ValueError(f"{self.folder} holds what another recipe made; take another folder")
        path.write_text(mine, encoding="utf-8")

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer, trained on conversations of its own."""
        folder = self.folder / "tokenizer"
        if not folder.exists():
            chats = conversations(Corpus(self.recipe.tokenizer_conversations, self.recipe.seed + 1))
            texts = (message["content"] for chat in chats for message in chat)
            train_tokenizer(texts, self.recipe.vocabulary).save_pretrained(folder)
            self.say(f"tokenizer with {self.recipe.vocabulary} entries")
        return PreTrainedTokenizerFast.from_pretrained(folder)

    def rows(self, name: str, parts: Callable[[], Iterable[Encoded]]) -> dict[int, Rows]:
        """The packed rows of some conversations, by length; they are made once and kept under ``name``."""
        paths = {length: self.folder / f"{name}-{length}.npz" for length in LENGTHS}
        if not all(path.exists() for path in paths.values()):
            packed = pack(parts(), self.recipe.seed)
            for length, rows in packed.items():
                rows.save(paths[length])
            tokens = sum(int((rows.kind > 0).sum()) for rows in packed.values())
            self.say(f"{name}: {tokens:,} tokens in {sum(map(len, packed.values())):,} rows")
        return {length: Rows.load(path) for length, path in paths.items()}

    def encoded(self, chats: Iterable[list[Message]]) -> Iterator[Encoded]:
        """Conversations as token ids and their kinds."""
        return encode(self.tokenizer(), chats)

    def training_rows(self, corpus: Corpus) -> dict[int, Rows]:
        """The rows of a corpus to train on."""
        return self.rows(f"train-{corpus.seed}", lambda: self.encoded(conversations(corpus)))

    def hard_rows(self, corpus: Corpus, model: Llama) -> dict[int, Rows]:
        """The rows of those tasks of a corpus that a model gets wrong; long tasks are left out."""

        def parts() -> Iterator[Encoded]:
            packed = pack(self.encoded(single_tasks(corpus)), self.recipe.seed)
            model.to(self.device)
            return hard(model, compiled(model, self.recipe), packed[LENGTHS[0]], self.device)

        return self.rows(f"hard-{corpus.seed}", parts)

    def _trained(self, name: str, shape: Shape, stages: tuple[Stage, ...], teacher: Llama | None) -> Llama:
        torch.manual_seed(self.recipe.seed)
        model = Llama(shape, self.recipe.vocabulary)
        done = max((number for number in range(1, len(stages) + 1) if self.result(name, number).exists()), default=0)
        if done:
            model.load_state_dict(torch.load(self.result(name, done), weights_only=True))
            self.say(f"{name}: goes on behind stage {done}")
        else:
            build_circuit(model, self.training_rows(stages[0].corpus)[LENGTHS[0]], self.recipe.seed)
            size = sum(each.numel() for each in model.parameters())
            self.say(f"{name}: {size:,} parameters, copies {copying(model, 1):.0%} from the start")
        for number, stage in enumerate(stages[done:], done + 1):
            self._stage(f"{name}-{number}", model, stage, teacher)
            torch.save(model.state_dict(), self.result(name, number))
        export(model, self.tokenizer(), self.folder / name)
        return model

    def result(self, name: str, number: int) -> Path:
        """Where the weights lie that a stage of a model has made, counted from 1."""
        return self.folder / f"{name}-{number}-result.pt"

    def _stage(self, name: str, model: Llama, stage: Stage, teacher: Llama | None) -> None:
        before = {key: value.clone() for key, value in model.state_dict().items()}
        packed = self.training_rows(stage.corpus)
        if stage.hard is not None:
            found = self.hard_rows(stage.hard, model)
            packed = {length: rows.joined(found[length]) for length, rows in packed.items()}
        fit = Fit(model, self.recipe, stage, self.device, teacher)
        fit.run(packed, self.recipe.seed, self.folder / f"{name}.pt", self._teller(name))
        model.cpu()
        for key, value in model.state_dict().items():
            value.lerp_(before[key], stage.kept)
        asked = Corpus(HELD_OUT, self.recipe.seed + 2)
        held_out = self.rows("held-out", lambda: self.encoded(conversations(asked)))
        loss, right = held_out_loss(model, held_out[LENGTHS[0]])
        self.say(
            f"{name}: held-out loss {loss:.4f}, {right:.2%} of the next tokens right, copies {copying(model, 1):.0%}"
        )

    def _teller(self, name: str) -> Callable[[Progress], None]:
        last = time.monotonic()

        def tell(now: Progress) -> None:
            nonlocal last
            if time.monotonic() - last > _TOLD_EVERY:
                last = time.monotonic()
                self.say(
                    f"{name}: {now.tokens / 1e6:.2f} of {now.of / 1e6:.1f} M tokens, loss {now.loss:.3f}, {now.speed:.0f} tokens/s"
                )

        return tell

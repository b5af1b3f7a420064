"""From nothing to a pair, stage by stage; a stage whose result lies there is not done again."""

import json
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from transformers import PreTrainedTokenizerFast

from .circuit import build_circuit, copying
from .conversation import Message, conversations
from .export import export
from .fit import Fit, Progress, held_out_loss
from .llama import Llama
from .recipe import Recipe, Schedule, Shape
from .rows import LENGTHS, Rows, encode, pack
from .tokenizer import train_tokenizer

HELD_OUT = 400
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
            self._train(self.tokenizer(), self.rows("train"))
        finally:
            torch.set_flush_denormal(False)

    def _train(self, tokenizer: PreTrainedTokenizerFast, packed: dict[int, Rows]) -> None:
        target = self._model("target", self.recipe.target, self.recipe.target_schedule, packed, None)
        export(target, tokenizer, self.folder / "target")
        draft = self._model("draft", self.recipe.draft, self.recipe.draft_schedule, packed, target)
        export(draft, tokenizer, self.folder / "draft")

    def _claim(self) -> None:
        """Write down whose folder this is; ValueError if it is another recipe's."""
        self.folder.mkdir(parents=True, exist_ok=True)
        path, mine = self.folder / "recipe.json", asdict(self.recipe)
        if path.exists() and json.loads(path.read_text(encoding="utf-8")) != mine:
            raise ValueError(f"{self.folder} holds what another recipe made; take another folder")
        path.write_text(json.dumps(mine, indent=1) + "\n", encoding="utf-8")

    def tokenizer(self) -> PreTrainedTokenizerFast:
        """The tokenizer, trained on conversations of its own."""
        folder = self.folder / "tokenizer"
        if not folder.exists():
            chats = conversations(self.recipe.seed + 1, self.recipe.tokenizer_conversations)
            texts = (message["content"] for chat in chats for message in chat)
            train_tokenizer(texts, self.recipe.vocabulary).save_pretrained(folder)
            self.say(f"tokenizer with {self.recipe.vocabulary} entries")
        return PreTrainedTokenizerFast.from_pretrained(folder)

    def _chats(self, kind: str) -> Iterator[list[Message]]:
        if kind == "train":
            return conversations(self.recipe.seed, self.recipe.conversations)
        return conversations(self.recipe.seed + 2, HELD_OUT)

    def rows(self, kind: str) -> dict[int, Rows]:
        """The packed rows of the corpus, by length."""
        paths = {length: self.folder / f"{kind}-{length}.npz" for length in LENGTHS}
        if not all(path.exists() for path in paths.values()):
            packed = pack(encode(self.tokenizer(), self._chats(kind)), self.recipe.seed)
            for length, rows in packed.items():
                rows.save(paths[length])
            tokens = sum(int((rows.kind > 0).sum()) for rows in packed.values())
            self.say(f"{kind}: {tokens:,} tokens in {sum(map(len, packed.values())):,} rows")
        return {length: Rows.load(path) for length, path in paths.items()}

    def _model(
        self, name: str, shape: Shape, schedule: Schedule, packed: dict[int, Rows], teacher: Llama | None
    ) -> Llama:
        torch.manual_seed(self.recipe.seed)
        model = Llama(shape, self.recipe.vocabulary)
        build_circuit(model, packed[LENGTHS[0]], self.recipe.seed)
        self.say(
            f"{name}: {sum(each.numel() for each in model.parameters()):,} parameters, copies {copying(model, 1):.0%} from the start"
        )
        fit = Fit(model, self.recipe, schedule, self.device, teacher)
        fit.run(packed, self.recipe.seed, self.folder / f"{name}.pt", self._teller(name))
        model.cpu()
        loss, right = held_out_loss(model, self.rows("held-out")[LENGTHS[0]])
        self.say(
            f"{name}: held-out loss {loss:.4f}, {right:.2%} of the next tokens right, copies {copying(model, 1):.0%}"
        )
        return model

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

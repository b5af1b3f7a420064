"""Commands: ``python -m training make FOLDER``, and what is measured of the result."""

import time
from pathlib import Path
from typing import Annotated

import torch
import typer

from .card import figures, write_card
from .evaluation import FAMILIES_ASKED, Measured, score
from .pair import Pair
from .recipe import RECIPES

SEED = 4242  # of the questions of the evaluation

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Make the demo pair from nothing, and measure it."""


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(help="where everything is kept; a run that was stopped goes on")],
    recipe: Annotated[str, typer.Option(help="one of: " + ", ".join(RECIPES))] = "cpu",
) -> None:
    """Write tokenizer, corpus, checkpoints and the two models into FOLDER."""
    if recipe not in RECIPES:
        raise typer.BadParameter(f"unknown recipe {recipe!r}; there are {', '.join(RECIPES)}")
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - start:7.0f} s  {line}", flush=True)

    Pair(RECIPES[recipe], folder, say, "cuda" if torch.cuda.is_available() else "cpu").make()


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="with target/ and draft/ in it")],
    recipe: Annotated[str, typer.Option(help="the recipe of the card")] = "cpu",
    prompts: Annotated[int, typer.Option(help="unseen prompts of each family")] = 50,
    family: Annotated[list[str] | None, typer.Option(help="only this family; no card is written")] = None,
) -> None:
    """Measure the pair on unseen prompts; write figures.json and CARD.md beside it."""
    pair, scores = Measured.load(folder), []
    for name in family or FAMILIES_ASKED:
        scores.append(score(pair, name, prompts, SEED))
        print(f"{name:14} right {scores[-1].right:4.0%}  agreement {scores[-1].agreement:.1%}", flush=True)
    if family:
        return
    agreement = sum(each.agreement * each.tokens for each in scores) / sum(each.tokens for each in scores)
    print(f"agreement {agreement:.1%}")
    (folder / "figures.json").write_text(figures(scores, agreement), encoding="utf-8")
    (folder / "CARD.md").write_text(write_card(folder, recipe, scores, agreement), encoding="utf-8")


if __name__ == "__main__":
    app()

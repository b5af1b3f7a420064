"""Commands: ``python -m training make FOLDER``, and what is measured of the result."""

import shutil
import time
from pathlib import Path
from typing import Annotated

import torch
import typer

import spectui

from .card import digest, figures, write_card
from .evaluation import FAMILIES_ASKED, Measured, score
from .pair import Pair
from .recipe import Recipe
from .recipes import RECIPES

SEED = 4242  # of the questions of the evaluation
PACKAGE = Path(spectui.__file__).parent / "models" / "demo"
PARTS = ("target", "draft")
MOST_BYTES = 60e6

app = typer.Typer(help=__doc__, no_args_is_help=True, add_completion=False)


@app.callback()
def main() -> None:
    """Make the demo pair from nothing, and measure it."""


def _recipe(name: str) -> Recipe:
    if name not in RECIPES:
        raise typer.BadParameter(f"unknown recipe {name!r}; there are {', '.join(RECIPES)}")
    return RECIPES[name]


@app.command()
def make(
    folder: Annotated[Path, typer.Argument(help="where everything is kept; a run that was stopped goes on")],
    recipe: Annotated[str, typer.Option(help="one of: " + ", ".join(RECIPES))] = "cpu",
    prompts: Annotated[int, typer.Option(help="unseen prompts of each family to check the pair on; 0: none")] = 50,
) -> None:
    """Write tokenizer, corpus, checkpoints, the two models, figures.json and CARD.md into FOLDER."""
    made = _recipe(recipe)
    start = time.monotonic()

    def say(line: str) -> None:
        print(f"{time.monotonic() - start:7.0f} s  {line}", flush=True)

    try:
        Pair(made, folder, say, "cuda" if torch.cuda.is_available() else "cpu").make()
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    except KeyboardInterrupt:
        raise SystemExit("stopped; the same command goes on from the last checkpoint") from None
    if prompts:
        evaluate(folder, recipe, prompts)


@app.command()
def adopt(
    folder: Annotated[Path, typer.Argument(help="a new folder, in which make then goes on")],
    stages: Annotated[int, typer.Option(help="how many of the recipe's stages the target has been through")],
    recipe: Annotated[str, typer.Option(help="one of: " + ", ".join(RECIPES))] = "cpu",
) -> None:
    """Begin FOLDER with the target that ships, so that further stages need not start from nothing."""
    try:
        Pair(_recipe(recipe), folder, print).adopt(PACKAGE / "target", stages)
    except (ValueError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    print(f"next: python -m training make {folder} --recipe {recipe}")


@app.command()
def evaluate(
    folder: Annotated[Path, typer.Argument(help="with target/ and draft/ in it", exists=True, file_okay=False)],
    recipe: Annotated[str, typer.Option(help="the recipe of the card")] = "cpu",
    prompts: Annotated[int, typer.Option(help="unseen prompts of each family")] = 50,
    family: Annotated[list[str] | None, typer.Option(help="only this family; no card is written")] = None,
) -> None:
    """Measure the pair on unseen prompts; write figures.json and CARD.md beside it."""
    unknown = [name for name in family or () if name not in FAMILIES_ASKED]
    if unknown or recipe not in RECIPES:
        raise typer.BadParameter(
            f"unknown: {', '.join(unknown) or recipe}; there are {', '.join((*FAMILIES_ASKED, *RECIPES))}"
        )
    pair, scores = Measured.load(folder, RECIPES[recipe].longest_answer), []
    for name in family or FAMILIES_ASKED:
        scores.append(score(pair, name, prompts, SEED))
        print(f"{name:14} right {scores[-1].right:4.0%}  agreement {scores[-1].agreement:.1%}", flush=True)
    if family:
        return
    agreement = sum(each.agreement * each.tokens for each in scores) / sum(each.tokens for each in scores)
    print(f"agreement {agreement:.1%}")
    (folder / "figures.json").write_text(figures(scores, agreement), encoding="utf-8")
    (folder / "CARD.md").write_text(write_card(folder, recipe, scores, agreement), encoding="utf-8")


@app.command()
def ship(
    folder: Annotated[
        Path, typer.Argument(help="with target/, draft/ and CARD.md in it", exists=True, file_okay=False)
    ],
) -> None:
    """Put a pair that was measured into the package; the head of specbranch has to be trained anew behind it."""
    told = folder / "CARD.md"
    card = told.read_text(encoding="utf-8") if told.exists() else ""
    for name in PARTS:
        if digest(folder / name) not in card:
            raise typer.BadParameter(
                f"CARD.md does not tell of these weights: {folder / name}; evaluate the pair first"
            )
    size = sum(path.stat().st_size for name in PARTS for path in (folder / name).iterdir())
    if size > MOST_BYTES:
        raise typer.BadParameter(
            f"{size / 1e6:.0f} MB are more than the {MOST_BYTES / 1e6:.0f} MB that a package may hold"
        )
    for name in PARTS:
        shutil.rmtree(PACKAGE / name, ignore_errors=True)
        shutil.copytree(folder / name, PACKAGE / name)
    shutil.copy(folder / "CARD.md", PACKAGE / "CARD.md")
    print(f"{size / 1e6:.1f} MB in {PACKAGE}; next: spectui calibrate, and the head into heads/")


if __name__ == "__main__":
    app()

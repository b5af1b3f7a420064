"""The model card: what the pair is, how it was made, what was measured, what it must not be used for."""

import hashlib
import json
from dataclasses import asdict
from pathlib import Path

from .evaluation import Score
from .fit import ALONE
from .hard import DOUBTED
from .pair import ADOPTED
from .recipe import Corpus, Recipe, Shape, Stage
from .recipes import RECIPES

_HEAD = """# The demo pair

Two tiny Llama models that come with spectui, so that speculative decoding can be watched without a network and on any
machine. They were trained from nothing for this project and know only what its generator taught them.

**Not for use as an assistant.** The pair has no knowledge of the world and no safety training, it makes mistakes, and
nothing it says may be relied on. It is there to show decoding methods, and for nothing else.
"""
_DATA = """## Data

Every conversation was made by `training/`, a seeded procedural generator: no text from elsewhere and no third-party
rights. {invented:.0%} of the names in it are invented words, so that copying is learnt and not a list of names. One
question in forty, chosen by its text alone, is kept out of every corpus and used below; where the questions are few
(subject, talk, general), they are asked below in words never used in training. Families: {families}.
"""
_RECIPE = """## Recipe

`python -m training make FOLDER --recipe {name}`. Rows of 512 and 1,024 tokens (conversations packed, attention inside
each). A previous-token head and induction heads are built into the fresh models. Muon for the hidden matrices, Adam for
embedding and norms; warm-up, constant rates, a linear decay at the end. bfloat16 products where the processor has them,
float32 weights, stored in bfloat16. The draft model follows the target for the last {distilled:.0%} of its tokens: {follow:.1f}
of its loss is KL to the target's distribution. Seeds are fixed; sums of floating-point numbers may differ from machine
to machine. "Asked" is the share of the users' tokens that the loss looks at beside the assistant's, "mean" the share of
the tokens, the last ones, over which the weights are averaged, "kept" the share of the weights before a stage in its
result. "Hard" are single tasks, of which those are trained on that the stage before has left wrong: some token of the
answer is given less than {doubted:.0%}. "Hints" is the weight of a second loss: linear probes read from the states behind
half of the layers how the sentence of a user's token begins and its number, and, where an answer has put a word in the
place of another, the other one; the layers below learn to hold that, the probes are thrown away.

| stage | tokens | rates fall over the last | asked | hints | mean | kept | conversations | seed | shares of families changed |
| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | --- |
{stages}
"""
_OWN_TEXTS = """All of these prompts are unseen, but they come from the generator that the pair was trained with. **Texts that
people write themselves** have other words, sentences and lengths; they are copied, quoted and rewritten much worse, and
often in circles.
"""
_ADOPTED = """
The first {stages} stages of the target were not run again for this pair: it began with the bfloat16 weights that they had
given before (`python -m training adopt FOLDER --stages {stages}`).
"""


def _adopted(folder: Path) -> str:
    path = folder / ADOPTED
    return _ADOPTED.format(stages=int(path.read_text(encoding="utf-8"))) if path.exists() else ""


def _stage_row(name: str, stage: Stage) -> str:
    schedule = stage.schedule
    parts = (schedule.decay, schedule.asked, schedule.hints, stage.averaged, stage.kept)
    shares = " | ".join(f"{part:.0%}" for part in parts)
    rows = [f"| {name} | {schedule.tokens:,} | {shares} | {_corpus_cells(stage.corpus)} |"]
    if stage.hard is not None:
        rows.append(f"| {name}, hard | | | | | | | {_corpus_cells(stage.hard)} |")
    return "\n".join(rows)


def _corpus_cells(corpus: Corpus) -> str:
    changed = ", ".join(f"{family} {weight:g}" for family, weight in corpus.weights.items()) or "–"
    return f"{corpus.conversations:,} | {corpus.seed} | {changed}"


def _stages(recipe: Recipe) -> str:
    both = {"target": recipe.target_stages, "draft": recipe.draft_stages}
    rows = [_stage_row(f"{name} {at}", stage) for name, stages in both.items() for at, stage in enumerate(stages, 1)]
    return "\n".join(rows)


def digest(folder: Path) -> str:
    """The SHA-256 of a model's weights."""
    return hashlib.sha256((folder / "model.safetensors").read_bytes()).hexdigest()


def _shape_row(name: str, shape: Shape, folder: Path) -> str:
    size = (folder / name / "model.safetensors").stat().st_size / 1e6
    return f"| {name} | {shape.layers} | {shape.width} | {shape.heads} | {shape.inner} | {size:.1f} MB | `{digest(folder / name)}` |"


def _table(scores: list[Score]) -> list[str]:
    rows = ["| family | right | asked for | by the draft alone | agreement | tokens a pass | distinct-3 |",
            "| --- | ---: | ---: | ---: | ---: | ---: | ---: |"]  # fmt: skip
    for each in scores:
        least = f"{each.least:.0%}" if each.least else "–"
        rows.append(f"| {each.family} | {each.right:.0%} | {least} | {each.right_by_draft:.0%} | {each.agreement:.1%} | "
                    f"{each.tokens_per_pass:.2f} | {each.distinct_3:.2f} |")  # fmt: skip
    return rows


def _limits(scores: list[Score]) -> list[str]:
    short = [each for each in scores if each.least and each.right < each.least]
    lines = [f"- {each.family}: {each.right:.0%} right, {each.least:.0%} asked for" for each in short]
    return [
        "## Limits",
        "",
        _OWN_TEXTS,
        *(["Short of what was asked for:", "", *lines] if lines else ["No family is short of what was asked for."]),
        "",
    ]


def _misses(scores: list[Score]) -> list[str]:
    lines = ["## Typical misses", ""]
    for each in scores:
        for asked, answer, right in each.missed[:1]:
            lines += [
                f"**{each.family}**",
                "",
                "```text",
                f"asked    {asked[-300:]}",
                f"answer   {answer[:300]}",
                f"right    {right[:300]}",
                "```",
                "",
            ]
    return lines


def write_card(folder: Path, name: str, scores: list[Score], agreement: float) -> str:
    """The card of the pair in a folder, made by the recipe of this name, as Markdown."""
    recipe = RECIPES[name]
    families = ", ".join(each.family for each in scores)
    data = _DATA.format(invented=recipe.invented, families=families)
    how = _RECIPE.format(
        name=name, stages=_stages(recipe), distilled=recipe.distilled, follow=1 - ALONE, doubted=DOUBTED
    )
    prompts = scores[0].prompts
    return "\n".join([
        _HEAD,
        "| | layers | width | heads | inner | weights | SHA-256 |", "| --- | ---: | ---: | ---: | ---: | ---: | --- |",
        _shape_row("target", recipe.target, folder), _shape_row("draft", recipe.draft, folder), "",
        data, how + _adopted(folder),
        "## Measured", "",
        f"`python -m training evaluate FOLDER`: {prompts} unseen prompts of each family, greedy, judged by a program (copying,",
        "rewriting and translation letter for letter; JSON as data; code as a syntax tree; sums by the result and every sum",
        "on the way; stories by their length, their end and distinct-3 of at least 0.6).", "",
        *_table(scores), "",
        f"Draft and target have the same first choice for {agreement:.1%} of the tokens of the target's answers.", "",
        *_limits(scores), *_misses(scores),
    ])  # fmt: skip


def figures(scores: list[Score], agreement: float) -> str:
    """The scores as JSON text."""
    made = {"agreement": agreement, "families": [asdict(each) for each in scores]}
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"

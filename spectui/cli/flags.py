"""The flags that chat, run, compare and bench have in common, and the settings that they make."""

import functools
import inspect
from collections.abc import Callable
from typing import Annotated, Any

import typer

from ..config.paths import config_file
from ..config.settings import Settings, load_settings
from ..engine.drafters.registry import MODES
from ..system.errors import UserError

_METHODS = ", ".join(f"{mode.name} ({mode.summary})" for mode in MODES.values())
_MODEL = {
    "model": Annotated[str | None, typer.Option("--model", "-m", help="Name, folder, hub id or random:NAME.")],
    "draft": Annotated[str | None, typer.Option("--draft", help="Draft model; none loads no draft.")],
    "device": Annotated[str | None, typer.Option("--device", help="auto, cpu, cuda or cuda:N.")],
    "dtype": Annotated[str | None, typer.Option("--dtype", help="auto, float32, bfloat16, float16 or float64.")],
    "trust_remote_code": Annotated[
        bool | None, typer.Option("--trust-remote-code", help="Let the model run code of its own.")
    ],
}
_DECODING = {
    "mode": Annotated[str | None, typer.Option("--mode", help=f"Decoding method: {_METHODS}.")],
    "temperature": Annotated[float | None, typer.Option("--temperature", "-t", help="0 takes the likeliest token.")],
    "top_p": Annotated[float | None, typer.Option("--top-p", help="Total probability to keep.")],
    "top_k": Annotated[int | None, typer.Option("--top-k", help="Tokens to keep; 0 is all.")],
    "min_p": Annotated[float | None, typer.Option("--min-p", help="Least share of the likeliest token.")],
    "repetition_penalty": Annotated[float | None, typer.Option("--repetition-penalty", help="1 is off.")],
    "seed": Annotated[int | None, typer.Option("--seed", help="The same seed gives the same text in every mode.")],
    "max_new_tokens": Annotated[int | None, typer.Option("--max-new-tokens", help="Longest answer.")],
    "system": Annotated[str | None, typer.Option("--system", help="System message.")],
    "draft_tokens": Annotated[str | None, typer.Option("--draft-tokens", help="auto, schedule or 1 to 16.")],
    "draft_tree": Annotated[int | None, typer.Option("--draft-tree", help="Nodes of the draft tree; 0 is a chain.")],
    "max_ngram_size": Annotated[int | None, typer.Option("--max-ngram-size", help="Longest n-gram to look up.")],
    "num_pred_tokens": Annotated[
        int | None, typer.Option("--num-pred-tokens", help="Most tokens that logitspec copies behind an n-gram.")
    ],
    "draft_tree_capacity": Annotated[
        int | None, typer.Option("--draft-tree-capacity", help="Tokens of the trees of logitspec and sssd, with root.")
    ],
    "branches": Annotated[int | None, typer.Option("--branches", help="Most branches of specbranch.")],
    "epsilon": Annotated[
        float | None, typer.Option("--epsilon", help="Confidence up to which specbranch branches; 0 is off.")
    ],
    "hrad": Annotated[bool | None, typer.Option("--hrad/--no-hrad", help="Use the trained head of specbranch.")],
    "full_tree": Annotated[
        bool | None, typer.Option("--full-tree", help="Verify all that is proposed, as published; for comparisons.")
    ],
    "rule": Annotated[str | None, typer.Option("--rule", help="coupled (same text in every mode) or classic.")],
}


_DATASTORE = {
    "use": Annotated[bool | None, typer.Option("--datastore/--no-datastore", help="Look up in earlier texts (sssd).")],
    "learn": Annotated[bool | None, typer.Option("--learn/--no-learn", help="Add finished answers to them.")],
    "compare": Annotated[
        bool | None,
        typer.Option("--with-datastore", help="Look up in them in comparisons too; else theirs are empty."),
    ],
}


def with_settings(
    several_modes: bool = False, compares: bool = False
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the common flags; it is called with the Settings that they make, and with its own flags.

    With ``several_modes`` the flag is ``--modes``, which the command has itself, and nothing is learnt. One that
    ``compares``, as those do, may be told to look up in the datastore meanwhile.
    """
    decoding = {name: kind for name, kind in _DECODING.items() if not (several_modes and name == "mode")}
    unfit = {"learn"} if several_modes else set() if compares else {"compare"}
    datastore = {name: kind for name, kind in _DATASTORE.items() if name not in unfit}

    def wrap(command: Callable[..., None]) -> Callable[..., None]:
        own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
        common = [
            inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=kind)
            for name, kind in (_MODEL | decoding | datastore).items()
        ]

        @functools.wraps(command)
        def run(**flags: Any) -> None:
            chosen = {section: {name: flags.pop(name) for name in names} for section, names in sections.items()}
            command(make_settings(chosen), **flags)

        sections = {"model": _MODEL, "decoding": decoding, "datastore": datastore}
        own = [parameter.replace(kind=inspect.Parameter.KEYWORD_ONLY) for parameter in own]
        arguments = [p for p in own if p.default is inspect.Parameter.empty]
        options = [p for p in own if p.default is not inspect.Parameter.empty]
        parameters = [*arguments, *common, *options]
        run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
        run.__annotations__ = {parameter.name: parameter.annotation for parameter in parameters}
        return run

    return wrap


def make_settings(chosen: dict[str, dict[str, Any]]) -> Settings:
    """File and environment, then the flags of each section; raises BadParameter for what a flag cannot be."""
    settings = load_settings(config_file())
    for section, flags in chosen.items():
        settings = settings.with_flags(section, **flags)
    if chosen.get("datastore", {}).get("compare") and not settings.datastore.use:
        raise typer.BadParameter("--with-datastore needs the datastore; leave --no-datastore and datastore.use out")
    mode = settings.decoding.mode
    if mode and mode not in MODES:
        raise typer.BadParameter(f"unknown mode {mode!r}; choose from {', '.join(MODES)}")
    if settings.decoding.rule not in ("coupled", "classic"):
        raise typer.BadParameter(f"unknown rule {settings.decoding.rule!r}; choose coupled or classic")
    try:
        settings.options()
    except UserError as error:
        raise typer.BadParameter(str(error)) from error
    return settings

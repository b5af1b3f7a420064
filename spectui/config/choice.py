"""What a person asks to be loaded."""

from dataclasses import dataclass
from pathlib import Path

from ..engine.values.option import Checked, option

AUTO = "auto"
"""The model that is meant where nobody names one; ``models.resolve.meant`` says which that is."""


@dataclass(frozen=True, slots=True)
class ModelChoice(Checked):
    """What is loaded."""

    model: str = option(
        AUTO,
        "auto (smollm2-135m where its weights are here, else demo), a name from `spectui models`, a folder, a GGUF "
        "file, a hub id, or random:NAME.",
        flags=("--model", "-m"),
    )
    draft: str = option("", 'The draft model; empty takes the model\'s own, "none" loads no draft.')
    head: str = option(
        "",
        "The trained EAGLE-3 head: a name from `spectui models`, a folder or a hub id; empty takes the model's own, "
        '"none" loads no head.',
    )
    device: str = option("auto", "auto, cpu, cuda or cuda:N.")
    dtype: str = option(
        "auto",
        "auto, float32, bfloat16, float16, float64, int8 or int4; auto is bfloat16 on a GPU; on a CPU int4 for weights "
        "that come in 4 bits and int8 for others, where that is faster, else float32.",
    )
    trust_remote_code: bool = option(False, "Let a model bring code of its own and run it.")


@dataclass(frozen=True, slots=True)
class ServerChoice(Checked):
    """An OpenAI-compatible server, as ``[servers.NAME]`` names it; the key itself stands in no file."""

    url: str = option("", "Where it is: http://HOST:PORT or https://HOST.")
    model: str = option("", "The model to ask; empty takes the first that the server lists.")
    key_variable: str = option("SPECTUI_SERVER_KEY", "The environment variable that holds the key.")
    silence: float = option(120.0, "Seconds without a word after which the server is given up.", least=0.1, most=86400)
    name: str = ""
    """What its lane is called; empty for host and port."""


@dataclass(frozen=True, slots=True)
class StoreChoice:
    """Whether there is a datastore to look up in."""

    folder: Path
    """Below it every tokenizer has a datastore of its own."""
    learns: bool = True
    """Whether finished answers go into it."""
    compares: bool = False
    """Whether comparisons (races, benches, measurements) look up in it too; else theirs is empty."""

"""One settings tree: TOML file, then environment, then flags; every field says what it does."""

import os
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from ..engine.values.options import DraftTokens, Options, Sampling, Speculation
from ..system.errors import UserError
from ..system.sanitise import sanitise_line
from .choice import ModelChoice, StoreChoice
from .paths import datastores

PREFIX = "SPECTUI_"
VIEWS = ("clean", "colour", "trace")


@dataclass(frozen=True, slots=True)
class Model:
    """What is loaded."""

    model: str = "demo"
    """A name from `spectui models`, a folder, a hub id, or random:NAME."""
    draft: str = ""
    """The draft model; empty takes the model's own, "none" loads no draft."""
    device: str = "auto"
    """auto, cpu, cuda or cuda:N."""
    dtype: str = "auto"
    """auto (bfloat16 on a GPU, else float32), float32, bfloat16, float16 or float64."""
    trust_remote_code: bool = False
    """Whether a model may bring code of its own and run it."""


@dataclass(frozen=True, slots=True)
class Decoding:
    """How answers are decoded."""

    mode: str = ""
    """The decoding method; empty takes the draft model's if there is one, else sssd."""
    temperature: float = 0.0
    """0 always takes the likeliest token; 1 samples from the model's own distribution."""
    top_p: float = 1.0
    """Keep the likeliest tokens up to this total probability; 1 keeps all."""
    top_k: int = 0
    """Keep this many likeliest tokens; 0 keeps all."""
    min_p: float = 0.0
    """Keep tokens at least this likely compared with the likeliest; 0 keeps all."""
    repetition_penalty: float = 1.0
    """Above 1 makes tokens that came before less likely."""
    seed: int = 0
    """The same seed gives the same text, in every mode."""
    max_new_tokens: int = 512
    """The longest answer."""
    draft_tokens: str = "auto"
    """auto (measured cost decides), schedule, or a fixed number from 1 to 16."""
    draft_tree: int = 0
    """Nodes of the draft model's tree; 0 drafts a chain."""
    max_ngram_size: int = 3
    """The longest n-gram that pld and logitspec look up."""
    num_pred_tokens: int = 20
    """The most tokens that logitspec copies behind one n-gram."""
    draft_tree_capacity: int = 64
    """Tokens of the trees of logitspec and sssd, the pending one included."""
    branches: int = 6
    """The most branches that specbranch drafts side by side."""
    epsilon: float = 0.7
    """specbranch branches at the first drafted token with at most this confidence; 0 is off."""
    hrad: bool = True
    """Let specbranch ask its trained head, if there is one (spectui calibrate)."""
    full_tree: bool = False
    """Verify everything that a method proposes, whatever it costs, as its paper does."""
    rule: str = "coupled"
    """coupled (same text in every mode) or classic (speculative sampling)."""
    system: str = ""
    """A system message for every conversation."""


@dataclass(frozen=True, slots=True)
class Datastore:
    """Whether earlier texts help to draft."""

    use: bool = True
    """Look up in the datastore of the model's tokenizer (sssd)."""
    learn: bool = True
    """Add finished answers of chat and run to it; off keeps nothing of what is said."""
    compare: bool = False
    """Look up in it in races, benches and measurements too; off gives them an empty one."""


@dataclass(frozen=True, slots=True)
class Ui:
    """How the chat looks and what it keeps."""

    theme: str = "spectui-dark"
    """The name of a theme."""
    view: str = "colour"
    """clean, colour, or trace (rejected tokens stay inline)."""
    side_pane: bool = True
    """Whether the step pane is shown where there is room."""
    save_conversations: bool = True
    """Whether conversations are kept as trace files."""


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that a person may set."""

    model: Model = field(default_factory=Model)
    """What is loaded."""
    decoding: Decoding = field(default_factory=Decoding)
    """How answers are decoded."""
    datastore: Datastore = field(default_factory=Datastore)
    """Whether earlier texts help to draft."""
    ui: Ui = field(default_factory=Ui)
    """How the chat looks."""
    keys: Mapping[str, str] = field(default_factory=dict)
    """Binding id -> key or keys, separated by commas; the ids are listed in the help (f1)."""

    def choice(self) -> ModelChoice:
        """What to load."""
        m = self.model
        return ModelChoice(m.model, m.draft or None, m.device, m.dtype, m.trust_remote_code)

    def store(self) -> StoreChoice | None:
        """The datastore to use; None for none."""
        return StoreChoice(datastores(), self.datastore.learn, self.datastore.compare) if self.datastore.use else None

    def options(self) -> Options:
        """What the engine decodes with; raises UserError for values out of range."""
        d = self.decoding
        try:
            sampling = Sampling(d.temperature, d.top_k, d.top_p, d.min_p, d.repetition_penalty, d.seed)
            given = {entry.name: getattr(d, entry.name) for entry in fields(Speculation)}
            speculation = Speculation(**given | {"draft_tokens": draft_tokens(d.draft_tokens)})
            return Options(sampling, speculation, d.max_new_tokens)
        except ValueError as error:
            raise UserError(str(error)) from error

    def with_flags(self, section: str, **flags: Any) -> "Settings":
        """These settings with the flags that were given (not None) in one section."""
        given = {name: value for name, value in flags.items() if value is not None}
        changed: dict[str, Any] = {section: replace(getattr(self, section), **given)}
        return replace(self, **changed)


def draft_tokens(text: str) -> DraftTokens:
    """``auto``, ``schedule`` or a number."""
    if text == "auto":
        return "auto"
    if text == "schedule":
        return "schedule"
    try:
        return int(text)
    except ValueError:
        raise ValueError(f"draft tokens must be auto, schedule or 1 to 16, not {text!r}") from None


def load_settings(file: Path, environment: Mapping[str, str] | None = None) -> Settings:
    """Settings from a TOML file, which need not exist, and the environment.

    Raises UserError that names file and key for anything that cannot be used.
    """
    tree = _read(file)
    settings = Settings()
    for section, values in tree.items():
        known = [f.name for f in fields(Settings)]
        if section not in known:
            raise UserError(f"{file}: unknown section [{section}]{_near(section, known)}")
        if not isinstance(values, dict):
            raise UserError(f"{file}: {section} must be a section, [{section}]")
        settings = _section(settings, section, values, str(file))
    for name, value in sorted((os.environ if environment is None else environment).items()):
        section, _, key = name.removeprefix(PREFIX).lower().partition("__")
        if name.startswith(PREFIX) and key and section in ("model", "decoding", "datastore", "ui"):
            settings = _section(settings, section, {key: value}, f"environment variable {name}", text=True)
    return settings


def _read(file: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except RecursionError as error:
        raise UserError(f"{file} is nested too deeply to be read; mend or remove the file") from error
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UserError(f"{file}: {sanitise_line(str(error))}; mend or remove the file") from error


def _section(settings: Settings, section: str, values: Mapping[str, Any], where: str, text: bool = False) -> Settings:
    changed: dict[str, Any]
    if section == "keys":
        if not all(isinstance(value, str) for value in values.values()):
            raise UserError(f"{where}: [keys] maps binding ids to key names in quotes")
        return replace(settings, keys=dict(values))
    old = getattr(settings, section)
    known = {f.name: type(getattr(old, f.name)) for f in fields(old)}
    made = {}
    for key, value in values.items():
        if key not in known:
            raise UserError(f"{where}: unknown key {section}.{key}{_near(key, list(known))}")
        made[key] = _convert(value, known[key], f"{where}: {section}.{key}", text)
    if made.get("view", "clean") not in VIEWS:
        raise UserError(f"{where}: ui.view must be one of {', '.join(VIEWS)}")
    changed = {section: replace(old, **made)}
    return replace(settings, **changed)


def _convert(value: Any, kind: type, where: str, text: bool) -> Any:
    if text and kind is bool:
        words = {"1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
        value = words.get(str(value).lower(), value)
    elif text and kind in (int, float):
        try:
            return kind(value)
        except ValueError:
            pass
    if kind is str and isinstance(value, int) and not isinstance(value, bool) and where.endswith("draft_tokens"):
        return str(value)
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if type(value) is not kind:
        names = {bool: "true or false", int: "a whole number", float: "a number", str: "text in quotes"}
        raise UserError(f"{where} must be {names[kind]}, not {sanitise_line(repr(value))}")
    return value


def _near(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, 1)
    return f"; did you mean {near[0]}?" if near else f"; known: {', '.join(known)}"
